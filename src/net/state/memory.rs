//! The memory of all connections of a server: one budget, and an account of each connection that holds
//! some of it (RFC 6455 §10.4).
//!
//! An account is there only while its connection holds something. The connection task settles it at the end
//! of each turn in which the connection is not quiet, so a small message costs nothing here. Whoever wants
//! to let a message grow asks first whether there is room for the step.
//!
//! What compression takes has a budget of its own and counts here too; its amount is in no account.
//!
//! `shortage.rs` says what is taken from whom when there is no room.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::Deadline;
use super::id::ConnectionId;
use super::shared::Shared;
use crate::proto::deflate::budget::Budget;

/// The budget of all connections; the contexts of one server share it.
pub(in crate::net) struct Memory {
    /// In bytes.
    limit: usize,
    /// Bytes in all accounts.
    held: AtomicUsize,
    /// What compression takes.
    compression: Arc<Budget>,
    /// Each context has one of these to itself, unless there are many.
    shards: [Mutex<Shard>; SHARDS],
    /// Inflaters that wait for input of their messages.
    waiting_inflaters: AtomicUsize,
    /// The instant that times in the accounts count from.
    start: Instant,
    /// A search that found too little is not made again before this time, in milliseconds.
    quiet_until: AtomicU64,
    ended: AtomicU64,
    refused: AtomicU64,
}

#[derive(Default)]
struct Shard {
    accounts: HashMap<ConnectionId, Account>,
    /// Who has an inflater, the one first whose message has got no byte for longest.
    inflating: BTreeSet<(Duration, ConnectionId)>,
    /// Since then its connections are listened to; before, nobody could make progress.
    awake_since: Duration,
}

/// What one connection holds, as of its last turn.
struct Account {
    connection: Weak<Shared>,
    holding: Holding,
    /// When the unfinished message last made progress: it began, or had got so much more.
    heard: Duration,
    /// How much of it had arrived then.
    heard_at: u64,
    /// When the peer last took bytes of the queue.
    took: Duration,
}

/// What a connection holds at the end of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::net) struct Holding {
    /// Bytes of the unfinished message, without an inflater.
    pub(in crate::net) message: usize,
    /// Bytes of unread input and of the queue.
    pub(in crate::net) other: usize,
    /// How much of the unfinished message has arrived, on the wire; 0 between messages.
    pub(in crate::net) arrived: u64,
    pub(in crate::net) has_inflater: bool,
    /// By when a peer that has refused bytes is to have taken more: it changes with each byte that the peer
    /// takes. `None` where the peer refuses none.
    pub(in crate::net) refuses: Option<Deadline>,
}

impl Holding {
    /// Bytes in all, without an inflater.
    pub(in crate::net) fn bytes(&self) -> usize {
        self.message.saturating_add(self.other)
    }

    /// Whether there is an account for so much. It takes memory itself.
    pub(in crate::net) fn is_worth_an_account(&self) -> bool {
        self.has_inflater || self.bytes() >= LEAST
    }
}

/// A connection that may lose what it holds.
pub(super) struct Candidate {
    pub(super) connection: Weak<Shared>,
    /// In the order in which they lose it.
    rank: (Idle, std::cmp::Reverse<usize>),
}

/// For how long a peer has made no progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Idle {
    /// So long that it goes first.
    Long,
    /// For a moment.
    Short,
}

impl Memory {
    /// What compression takes of it.
    #[cfg(feature = "server")]
    pub(super) fn compression(&self) -> &Budget {
        &self.compression
    }

    pub(super) fn new(limit: usize, compression: Arc<Budget>) -> Memory {
        Memory {
            limit,
            held: AtomicUsize::new(0),
            compression,
            shards: Default::default(),
            waiting_inflaters: AtomicUsize::new(0),
            start: Instant::now(),
            quiet_until: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    pub(in crate::net) fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes that are taken at present.
    pub(in crate::net) fn used(&self) -> usize {
        self.held.load(Ordering::Relaxed).saturating_add(self.compression.used())
    }

    /// What is taken at most where small things go on although the limit is reached.
    pub(super) fn ceiling(&self) -> usize {
        self.limit.saturating_add(self.limit / 4)
    }

    /// Whether so many bytes more are within this bound.
    pub(super) fn has_room(&self, more: usize, bound: usize) -> bool {
        self.used().saturating_add(more) <= bound
    }

    /// Whether an eighth is left at most: queues are kept short then.
    pub(in crate::net) fn is_short(&self) -> bool {
        self.used() >= self.limit - self.limit / 8
    }

    /// Inflaters that wait for input, and may be taken back.
    #[cfg(feature = "deflate")]
    pub(super) fn waiting_inflaters(&self) -> usize {
        self.waiting_inflaters.load(Ordering::Relaxed)
    }

    /// Connections that lost what they held.
    #[cfg(feature = "server")]
    pub(super) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// Messages for which there was no room.
    #[cfg(feature = "server")]
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn count_ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes what a connection holds by now. Says whether it has an account, and whether it holds more than
    /// it did.
    pub(super) fn settle(
        &self,
        id: ConnectionId,
        connection: &Arc<Shared>,
        holding: Holding,
    ) -> (bool, bool) {
        let now = self.now();
        let mut shard = self.shard(id);
        if !holding.is_worth_an_account() {
            self.remove(&mut shard, id);
            return (false, false);
        }
        let new = || Account {
            connection: Arc::downgrade(connection),
            holding: Holding::default(),
            heard: now,
            heard_at: holding.arrived,
            took: now,
        };
        let Shard { accounts, inflating, .. } = &mut *shard;
        let account = accounts.entry(id).or_insert_with(new);
        let before = std::mem::replace(&mut account.holding, holding);
        if inflating.remove(&(account.heard, id)) {
            self.waiting_inflaters.fetch_sub(1, Ordering::Relaxed);
        }
        let is_another = holding.arrived < account.heard_at;
        if is_another || holding.arrived - account.heard_at >= PROGRESS {
            (account.heard, account.heard_at) = (now, holding.arrived);
        }
        if before.refuses != holding.refuses {
            account.took = now;
        }
        if holding.has_inflater && inflating.insert((account.heard, id)) {
            self.waiting_inflaters.fetch_add(1, Ordering::Relaxed);
        }
        let (old, new) = (before.bytes(), holding.bytes());
        if new > old {
            self.held.fetch_add(new - old, Ordering::Relaxed);
        } else if old > new {
            self.held.fetch_sub(old - new, Ordering::Relaxed);
        }
        (true, new > old)
    }

    /// The connection holds nothing any more.
    pub(super) fn close_account(&self, id: ConnectionId) {
        self.remove(&mut self.shard(id), id);
    }

    fn remove(&self, shard: &mut Shard, id: ConnectionId) {
        let Some(account) = shard.accounts.remove(&id) else { return };
        self.held.fetch_sub(account.holding.bytes(), Ordering::Relaxed);
        if shard.inflating.remove(&(account.heard, id)) {
            self.waiting_inflaters.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Who may lose what it holds, in this order; nobody for a moment after a search that found too little.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let (now, is_beyond) = (self.now(), self.used() > self.ceiling());
        if millis(now) < self.quiet_until.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut candidates = Vec::new();
        for shard in &self.shards {
            let shard = lock(shard);
            candidates.extend(shard.accounts.values().filter_map(|account| {
                let idle = account.idle(now, shard.awake_since, is_beyond)?;
                let rank = (idle, std::cmp::Reverse(account.weight()));
                Some(Candidate { connection: account.connection.clone(), rank })
            }));
        }
        candidates.sort_unstable_by_key(|candidate| candidate.rank);
        candidates
    }

    /// A search has found too little.
    pub(super) fn rest(&self) {
        self.quiet_until.store(millis(self.now() + REST), Ordering::Relaxed);
    }

    /// The connection with an inflater whose message has got no byte for longest, if it is for so long. It
    /// is not named again before it has settled its account.
    #[cfg(feature = "deflate")]
    pub(super) fn longest_inflating(&self, least: Duration) -> Option<Weak<Shared>> {
        loop {
            let firsts =
                self.shards.iter().filter_map(|shard| lock(shard).inflating.first().copied());
            let (heard, id) = firsts.min()?;
            let mut shard = self.shard(id);
            if self.now().saturating_sub(heard.max(shard.awake_since)) < least {
                return None;
            }
            // It may have got bytes meanwhile: then another one has waited for longest.
            if shard.inflating.remove(&(heard, id)) {
                self.waiting_inflaters.fetch_sub(1, Ordering::Relaxed);
                return Some(shard.accounts.get(&id)?.connection.clone());
            }
        }
    }

    /// The connections of this context could not be listened to for a while: the time of all begins anew.
    pub(super) fn woke(&self, context: u32) {
        let now = self.now();
        self.shard_of(context).awake_since = now;
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn shard(&self, id: ConnectionId) -> MutexGuard<'_, Shard> {
        self.shard_of(id.context_number())
    }

    fn shard_of(&self, context: u32) -> MutexGuard<'_, Shard> {
        // The remainder is below the number of shards.
        lock(&self.shards[context as usize % SHARDS])
    }
}

impl Account {
    /// Whether the peer makes no progress, and for how long. That it takes nothing counts after a moment only where
    /// the ceiling is passed.
    fn idle(&self, now: Duration, awake_since: Duration, is_beyond: bool) -> Option<Idle> {
        let is_inside_message = self.holding.arrived > 0;
        let heard = is_inside_message.then_some(self.heard);
        let took = self.holding.refuses.map(|_| self.took);
        let idle_for = now.saturating_sub(heard.max(took)?.max(awake_since));
        if idle_for >= LONG_IDLE {
            Some(Idle::Long)
        } else {
            let counts = is_inside_message || is_beyond;
            (counts && idle_for >= SHORT_IDLE).then_some(Idle::Short)
        }
    }

    /// Bytes that are free once the connection has lost them.
    fn weight(&self) -> usize {
        let inflater = if self.holding.has_inflater { INFLATER } else { 0 };
        self.holding.bytes().saturating_add(inflater)
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const SHARDS: usize = 16;

/// With fewer bytes a connection has no account.
const LEAST: usize = 1 << 10;

/// A peer that has made no progress for so long goes first.
const LONG_IDLE: Duration = Duration::from_secs(10);

/// A message is to make progress within this time.
const SHORT_IDLE: Duration = Duration::from_secs(1);

/// So many bytes of a message are progress. Were it any byte, who sends one now and then could hold all memory.
const PROGRESS: u64 = 1 << 10;

/// How long nobody searches after a search that found too little.
const REST: Duration = Duration::from_millis(50);

/// What an inflater takes, in bytes.
#[cfg(feature = "deflate")]
const INFLATER: usize = crate::proto::deflate::Inflater::MEMORY;
#[cfg(not(feature = "deflate"))]
const INFLATER: usize = 0;
