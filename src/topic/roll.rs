//! Who subscribes on one worker, and the messages that not all of them have.
//!
//! Messages go to members in rounds: a few messages together, to a few members at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::{self, Handle};

use crate::net::Sender;
use crate::proto::outbound::SendError;
use crate::proto::prepared::Prepared;

#[derive(Default)]
pub(super) struct Roll {
    /// Subscriptions, by number: the later one has the higher.
    pub(super) members: BTreeMap<u64, Member>,
    /// The number of the next subscription.
    next_number: u64,
    /// Members whose connection was not found to have ended.
    pub(super) live: usize,
    /// Messages that not all members have.
    pub(super) waiting: VecDeque<Waiting>,
    /// Bytes of these, and what keeping them takes.
    pub(super) waiting_len: usize,
    /// How many of them make this round: 0 <= in_round <= waiting.len()
    in_round: usize,
    /// The first number that has not had its turn in this round.
    next: u64,
    /// Whether a task of the worker is at it.
    pub(super) is_hopping: bool,
    /// Where such a task ran last: the runtime of the members.
    pub(super) runtime: Option<runtime::Id>,
}

pub(super) struct Member {
    /// `None` once the connection was found to have ended.
    sender: Option<Sender>,
    pub(super) skipped: u64,
}

pub(super) struct Waiting {
    /// It is for the members below this number, who were there when it was published.
    below: u64,
    message: Prepared,
}

impl Roll {
    pub(super) fn insert(&mut self, sender: Sender) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.live += 1;
        self.members.insert(number, Member { sender: Some(sender), skipped: 0 });
        number
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Sender> {
        let member = self.members.remove(&number)?;
        self.live -= usize::from(member.sender.is_some());
        if self.members.is_empty() {
            // What waits is for nobody.
            (self.waiting, self.waiting_len) = (VecDeque::new(), 0);
            (self.in_round, self.next) = (0, 0);
        }
        member.sender
    }

    pub(super) fn push(&mut self, message: &Prepared) {
        self.waiting_len += weight(message);
        self.waiting.push_back(Waiting { below: self.next_number, message: message.clone() });
    }

    /// Whether this is the runtime of the members, where to wake one is cheap.
    pub(super) fn is_here(&self) -> bool {
        self.runtime.is_some()
            && Handle::try_current().ok().map(|handle| handle.id()) == self.runtime
    }

    /// Queues the messages of a round to a few members. Those who have ended are put into `gone`,
    /// to be dropped without the lock: each may be the last handle of its connection.
    pub(super) fn deliver(&mut self, skipped: &AtomicU64, gone: &mut Vec<Sender>) {
        if self.in_round == 0 {
            self.in_round = self.next_round();
        }
        let Some(last) = self.in_round.checked_sub(1).and_then(|last| self.waiting.get(last))
        else {
            return;
        };
        let mut left = AT_ONCE;
        for (number, member) in self.members.range_mut(self.next..last.below) {
            if left == 0 {
                self.next = *number;
                return;
            }
            left -= 1;
            let messages = self.waiting.iter().take(self.in_round);
            for waiting in messages.filter(|waiting| *number < waiting.below) {
                let Some(sender) = &member.sender else { break };
                match sender.send(&waiting.message) {
                    Ok(()) => {}
                    Err(SendError::Closed) => {
                        gone.extend(member.sender.take());
                        self.live -= 1;
                    }
                    Err(_) => {
                        member.skipped += 1;
                        skipped.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
        self.end_round();
    }

    /// How many of the waiting messages go together: as many as are short, one at least.
    fn next_round(&self) -> usize {
        let mut len = 0;
        let fits = |waiting: &&Waiting| {
            len += waiting.message.frame().len();
            len <= MAX_ROUND
        };
        let short = self.waiting.iter().take(MAX_TOGETHER).take_while(fits).count();
        short.max(1).min(self.waiting.len())
    }

    fn end_round(&mut self) {
        for waiting in self.waiting.drain(..self.in_round) {
            self.waiting_len -= weight(&waiting.message);
        }
        if self.waiting.is_empty() && self.waiting.capacity() > MAX_TOGETHER {
            self.waiting = VecDeque::new();
        }
        (self.in_round, self.next) = (0, 0);
    }
}

/// Bytes that a waiting message takes.
fn weight(message: &Prepared) -> usize {
    message.frame().len() + size_of::<Waiting>()
}

/// Members that get a message before those who have it are written.
pub(super) const AT_ONCE: usize = 16;

/// Messages that a member gets at once.
const MAX_TOGETHER: usize = 16;

/// Bytes of messages that a member gets at once, unless one alone has more.
const MAX_ROUND: usize = 16 << 10;
