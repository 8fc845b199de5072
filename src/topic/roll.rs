//! Who subscribes on one worker, and the messages that not all of them have.
//!
//! Messages go to members in rounds: a few messages together, to a few members at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use tokio::runtime::{self, Handle};

use super::member::{Given, Member};
use crate::net::{Guest, Key};
use crate::proto::prepared::Prepared;

#[derive(Default)]
pub(super) struct Roll {
    /// Subscriptions, by number: the later one has the higher.
    members: BTreeMap<u64, Member>,
    /// The number of the next subscription.
    next_number: u64,
    /// Members whose connection was not found to have ended.
    live: usize,
    /// Messages that not all members have.
    waiting: VecDeque<Waiting>,
    /// Bytes of these, and what keeping them takes.
    waiting_len: usize,
    /// How many of them make this round: 0 <= in_round <= waiting.len()
    in_round: usize,
    /// The first number that has not had its turn in this round.
    next: u64,
    /// Whether a task of the worker is at it.
    pub(super) is_hopping: bool,
    /// Where such a task ran last: the runtime of the members.
    pub(super) runtime: Option<runtime::Id>,
}

/// A message as it was published.
pub(super) struct Publication<'a> {
    pub(super) message: &'a Prepared,
    /// Of a value that a newer one of the same key replaces.
    pub(super) key: Option<&'a Key>,
}

struct Waiting {
    /// It is for the members below this number, who were there when it was published.
    below: u64,
    /// But not for this one.
    except: Option<u64>,
    key: Option<Key>,
    message: Prepared,
}

/// What is left to do when no lock is held: all of it may run code of the application.
#[derive(Default)]
pub(super) struct Left {
    /// Each may be the last handle of its connection.
    pub(super) gone: Vec<Guest>,
    /// Of tasks that wait to hear that a subscriber misses messages.
    pub(super) wakers: Vec<Waker>,
    /// Members who have begun to hold values back, and for whom a task is to be started.
    pub(super) behind: Vec<(u64, Guest)>,
}

impl Left {
    pub(super) fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.wakers.is_empty() && self.behind.is_empty()
    }
}

impl Roll {
    pub(super) fn insert(&mut self, sender: Guest) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.live += 1;
        self.members.insert(number, Member::new(sender));
        number
    }

    /// What comes back is to be dropped without the lock.
    #[must_use]
    pub(super) fn remove(&mut self, number: u64) -> Option<Member> {
        let member = self.members.remove(&number)?;
        self.live -= usize::from(member.is_live());
        if self.members.is_empty() {
            // What waits is for nobody.
            (self.waiting, self.waiting_len) = (VecDeque::new(), 0);
            (self.in_round, self.next) = (0, 0);
        }
        Some(member)
    }

    pub(super) fn member(&self, number: u64) -> Option<&Member> {
        self.members.get(&number)
    }

    pub(super) fn member_mut(&mut self, number: u64) -> Option<&mut Member> {
        self.members.get_mut(&number)
    }

    /// Members whose connection was not found to have ended.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// The connection of a member was found to have ended. What comes back is to be dropped without the
    /// lock.
    #[must_use]
    pub(super) fn lose(&mut self, number: u64) -> Option<Guest> {
        let sender = self.members.get_mut(&number)?.end()?;
        self.live -= 1;
        Some(sender)
    }

    /// Takes a message in for all members but one. Gives how many these are.
    pub(super) fn push(&mut self, publication: &Publication<'_>, except: Option<u64>) -> usize {
        let except = except.filter(|number| self.members.get(number).is_some_and(Member::is_live));
        let count = self.live - usize::from(except.is_some());
        if count == 0 {
            return 0;
        }
        let waiting = Waiting {
            below: self.next_number,
            except,
            key: publication.key.cloned(),
            message: publication.message.clone(),
        };
        self.waiting_len += waiting.weight();
        self.waiting.push_back(waiting);
        count
    }

    /// Whether all members have what was published.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Bytes of messages that not all members have.
    pub(super) fn waiting_len(&self) -> usize {
        self.waiting_len
    }

    /// Whether a publisher that is here need not leave it to a task.
    pub(super) fn is_at_hand(&self, publication: &Publication<'_>) -> bool {
        self.members.len() <= AT_ONCE
            && self.is_here()
            // A value is held back for subscribers that are slow. A connection whose task only had no turn
            // yet gets its turn first.
            && (publication.key.is_none() || !self.members.values().any(Member::wants_turn))
    }

    /// Whether this is the runtime of the members, where to wake one is cheap.
    fn is_here(&self) -> bool {
        self.runtime.is_some()
            && Handle::try_current().ok().map(|handle| handle.id()) == self.runtime
    }

    /// Queues the messages of a round to a few members.
    pub(super) fn deliver(&mut self, skipped: &AtomicU64, left: &mut Left) {
        if self.in_round == 0 {
            self.in_round = self.next_round();
        }
        let Some(last) = self.in_round.checked_sub(1).and_then(|last| self.waiting.get(last))
        else {
            return;
        };
        let mut places = AT_ONCE;
        for (&number, member) in self.members.range_mut(self.next..last.below) {
            if places == 0 {
                self.next = number;
                return;
            }
            places -= 1;
            for waiting in self.waiting.iter().take(self.in_round) {
                if !waiting.is_for(number) {
                    continue;
                }
                let given = match &waiting.key {
                    None => member.give(&waiting.message),
                    Some(key) => member.give_latest(key, &waiting.message),
                };
                match given {
                    Given::Taken => {}
                    Given::Behind(sender) => left.behind.push((number, sender)),
                    Given::Skipped(waker) => {
                        left.wakers.extend(waker);
                        skipped.fetch_add(1, Ordering::Relaxed);
                    }
                    Given::Ended(sender) => {
                        left.gone.extend(sender);
                        self.live -= 1;
                        break;
                    }
                    Given::Nobody => break,
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
            self.waiting_len -= waiting.weight();
        }
        if self.waiting.is_empty() && self.waiting.capacity() > MAX_TOGETHER {
            self.waiting = VecDeque::new();
        }
        (self.in_round, self.next) = (0, 0);
    }
}

impl Waiting {
    #[inline]
    fn is_for(&self, number: u64) -> bool {
        number < self.below && self.except != Some(number)
    }

    /// Bytes that it takes.
    fn weight(&self) -> usize {
        let key_len = self.key.as_ref().map_or(0, |key| key.len());
        self.message.frame().len() + key_len + size_of::<Waiting>()
    }
}

/// Members that get a message before those who have it are written.
const AT_ONCE: usize = 16;

/// Messages that a member gets at once.
const MAX_TOGETHER: usize = 16;

/// Bytes of messages that a member gets at once, unless one alone has more.
const MAX_ROUND: usize = 16 << 10;
