//! What connections share: configuration, the register of live ones, and a coarse clock.
//!
//! One task wakes for the timers of all of them. A connection keeps at most one entry in the
//! register of times and moves it lazily, so that messages never touch it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::clock::Clock;
use super::counted::{Counted, Counts};
use super::leaving::Leaving;
use super::memory::Memory;
use super::rate_limit::Told;
use super::settings::AtHand;
use super::shared::Shared;
use super::tally::Tally;
use super::watchman::Watchman;
use crate::net::config::Config;
use crate::net::ending::Ending;
use crate::net::http::HttpService;
use crate::net::lent::pool;
#[cfg(feature = "server")]
use crate::net::numbers::{MemoryLevel, Summed};
#[cfg(feature = "server")]
use crate::net::proxied::TrustedProxies;
use crate::proto::deflate::budget::Budget;

/// What the connections of one runtime share, and the configuration that some of them have: connections that come
/// after a reload have a context of their own, around the same core.
pub(crate) struct Context {
    pub(in crate::net) config: Arc<Config>,
    /// Warns of handlers that block.
    pub(in crate::net) watchman: Watchman,
    /// No other context of this process has the same, but those around the same core.
    pub(in crate::net) number: u32,
    /// What every message looks at, near at hand.
    pub(in crate::net) at_hand: AtHand,
    /// Answers plain requests.
    pub(in crate::net) http: Option<HttpService>,
    /// What the log was told; the contexts of one server share it.
    pub(in crate::net) told: Arc<Told>,
    /// What all connections hold; the contexts of one server share it.
    pub(in crate::net) memory: Arc<Memory>,
    /// Memory for compression; the contexts of one server share it.
    #[cfg(feature = "deflate")]
    pub(in crate::net) budget: Arc<Budget>,
    core: Arc<Core>,
}

/// What connections of one runtime share whatever their configuration: a context lends it as its own.
pub(crate) struct Core {
    /// The time in which this process was awake.
    pub(in crate::net) clock: Clock,
    /// The shutdown, from when it was asked for.
    pub(super) leaving: Leaving,
    /// Connections that are registered: their tasks have not ended.
    live: AtomicUsize,
    /// Of these, those that have not ended; the handlers of the others go on.
    unended: AtomicUsize,
    counts: Counts,
    /// What the connections have exchanged, and how they have ended.
    pub(in crate::net) tally: Box<Tally>,
    register: Mutex<Register>,
    /// An entry was made that is due before all others.
    rearmed: Notify,
    emptied: Notify,
}

impl Deref for Context {
    type Target = Core;

    #[inline]
    fn deref(&self) -> &Core {
        &self.core
    }
}

#[derive(Default)]
struct Register {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// When to look at which slots, by tick.
    due: BTreeMap<u64, Vec<Place>>,
    has_ticker: bool,
    /// Where the clock runs, or ran last: the runtime of the connections.
    runtime: Option<Handle>,
}

impl Register {
    fn at(&self, place: Place) -> Option<Arc<Shared>> {
        let slot = self.slots.get(place.slot as usize);
        slot.filter(|slot| slot.generation == place.generation)?.connection.clone()
    }
}

#[derive(Default)]
struct Slot {
    generation: u32,
    connection: Option<Arc<Shared>>,
}

/// Where a connection is registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::net) struct Place {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

impl Place {
    /// Both numbers as one.
    pub(super) fn to_bits(self) -> u64 {
        u64::from(self.slot) << 32 | u64::from(self.generation)
    }

    /// What [`Place::to_bits`] gave.
    pub(super) fn from_bits(bits: u64) -> Place {
        let [a, b, c, d, e, f, g, h] = bits.to_be_bytes();
        Place {
            slot: u32::from_be_bytes([a, b, c, d]),
            generation: u32::from_be_bytes([e, f, g, h]),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.slot, self.generation)
    }
}

/// Tells the contexts of this process apart.
fn next_number() -> u32 {
    static NEWEST: AtomicU32 = AtomicU32::new(0);
    NEWEST.fetch_add(1, Ordering::Relaxed)
}

impl Context {
    /// A context without connections.
    pub(crate) fn new(config: Arc<Config>, http: Option<HttpService>) -> Context {
        let budget = Arc::new(Budget::new(compression_share(&config)));
        Context {
            watchman: Watchman::default(),
            memory: Arc::new(Memory::new(config.max_memory, budget.clone())),
            #[cfg(feature = "deflate")]
            budget,
            at_hand: AtHand::of(&config.limits),
            config,
            number: next_number(),
            http,
            told: Arc::default(),
            core: Arc::new(Core {
                clock: Clock::new(),
                leaving: Leaving::default(),
                live: AtomicUsize::new(0),
                unended: AtomicUsize::new(0),
                counts: Counts::default(),
                tally: Box::new(Tally::new()),
                register: Mutex::default(),
                rearmed: Notify::new(),
                emptied: Notify::new(),
            }),
        }
    }

    /// The same for connections to come that have another configuration. What bounds the memory of all stays.
    #[cfg(feature = "server")]
    pub(crate) fn with_config(&self, config: Arc<Config>) -> Context {
        Context {
            at_hand: AtHand::of(&config.limits),
            config,
            watchman: self.watchman.clone(),
            number: self.number,
            http: self.http.clone(),
            told: self.told.clone(),
            memory: self.memory.clone(),
            #[cfg(feature = "deflate")]
            budget: self.budget.clone(),
            core: self.core.clone(),
        }
    }

    /// Whether frames of connections may be shown to somebody.
    #[cfg(feature = "server")]
    pub(crate) fn is_inspected(&self) -> bool {
        self.config.inspect.is_some()
    }

    /// Contexts for this many runtimes, which share what the configuration bounds for all.
    #[cfg(feature = "server")]
    pub(crate) fn several(
        config: &Arc<Config>,
        http: Option<&HttpService>,
        watchman: &Watchman,
        count: usize,
    ) -> Vec<Arc<Context>> {
        let first =
            Context { watchman: watchman.clone(), ..Context::new(config.clone(), http.cloned()) };
        #[cfg(feature = "deflate")]
        let budget = first.budget.clone();
        let told = first.told.clone();
        let memory = first.memory.clone();
        let more = (1..count).map(|_| Context {
            memory: memory.clone(),
            #[cfg(feature = "deflate")]
            budget: budget.clone(),
            told: told.clone(),
            watchman: watchman.clone(),
            ..Context::new(config.clone(), http.cloned())
        });
        std::iter::once(first).chain(more).take(count).map(Arc::new).collect()
    }

    pub(super) fn everyone(&self) -> Vec<Arc<Shared>> {
        self.register().slots.iter().filter_map(|slot| slot.connection.clone()).collect()
    }

    /// Where everyone is registered.
    pub(super) fn places(&self) -> Vec<Place> {
        let register = self.register();
        let slots = (0..).zip(&register.slots).filter(|(_, slot)| slot.connection.is_some());
        slots.map(|(at, slot)| Place { slot: at, generation: slot.generation }).collect()
    }

    /// The connection that has this place, unless it has ended.
    pub(super) fn at(&self, place: Place) -> Option<Arc<Shared>> {
        self.register().at(place)
    }

    /// Shows the connections from this slot on, so many slots at most, until one says that it was the last. Gives the
    /// slot behind what was looked at, if there is one.
    #[cfg(feature = "server")]
    pub(super) fn look_at(
        &self,
        first: u32,
        slots: usize,
        mut goes_on: impl FnMut(Place, &Arc<Shared>) -> bool,
    ) -> Option<u32> {
        let register = self.register();
        let from = register.slots.get(first as usize..).unwrap_or_default();
        for (at, slot) in (first..).zip(from).take(slots) {
            let place = Place { slot: at, generation: slot.generation };
            if let Some(connection) = &slot.connection
                && !goes_on(place, connection)
            {
                return at.checked_add(1);
            }
        }
        let looked = u32::try_from(slots).unwrap_or(u32::MAX);
        (from.len() > slots).then(|| first.saturating_add(looked))
    }

    /// Runs a task on the runtime of the connections. It is dropped when that has ended, and at once where
    /// there has been none.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let runtime = self.register().runtime.clone();
        if let Some(runtime) = runtime {
            runtime.spawn(task);
        }
    }

    /// Whether connections have a runtime to run tasks on.
    pub(crate) fn has_runtime(&self) -> bool {
        self.register().runtime.is_some()
    }

    /// Whether the connections of both are on one runtime, whatever their configurations.
    pub(crate) fn is_beside(&self, other: &Context) -> bool {
        self.number == other.number
    }

    /// Whether this peer is a proxy that is trusted; `None` for a peer without an address.
    pub(crate) fn trusts(&self, peer: Option<SocketAddr>) -> bool {
        let proxies = self.config.trusted_proxies.as_ref();
        proxies.is_some_and(|proxies| proxies.trusts_peer(peer))
    }

    /// Whether proxies are named that are trusted.
    #[cfg(feature = "server")]
    pub(crate) fn has_trusted_proxies(&self) -> bool {
        self.config.trusted_proxies.as_ref().is_some_and(TrustedProxies::names_networks)
    }

    /// Bytes that may wait for one peer.
    pub(crate) fn max_queued(&self) -> usize {
        self.config.limits.max_queued
    }

    /// Connections that have not ended, and those whose handler has not.
    pub(crate) fn connections(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    /// Connections that have not ended, whatever handlers go on.
    #[cfg(feature = "server")]
    pub(crate) fn unended(&self) -> usize {
        self.unended.load(Ordering::SeqCst)
    }

    /// How often this was counted.
    #[cfg(feature = "server")]
    pub(crate) fn counted(&self, what: Counted) -> u64 {
        self.counts.get(what)
    }

    /// Bytes that all connections hold, of this context and of those that share its budget.
    #[cfg(feature = "server")]
    pub(crate) fn memory_used(&self) -> usize {
        self.memory.used()
    }

    /// Adds what the connections have exchanged, and how they have ended.
    #[cfg(feature = "server")]
    pub(crate) fn add_to(&self, sum: &mut Summed) {
        self.tally.add_to(sum);
        sum.queued += self.queued();
    }

    /// What all connections hold and may hold, and compression's part of it.
    #[cfg(feature = "server")]
    pub(crate) fn memory_levels(&self) -> (MemoryLevel, MemoryLevel) {
        let level =
            |used: usize, limit: usize| MemoryLevel { used: used as u64, limit: limit as u64 };
        let (all, compression) = (&self.memory, self.memory.compression());
        (level(all.used(), all.limit()), level(compression.used(), compression.limit()))
    }

    /// Connections that lost what they held, and messages for which there was no room; in all contexts that
    /// share the budget.
    #[cfg(feature = "server")]
    pub(crate) fn memory_shortages(&self) -> (u64, u64) {
        (self.memory.ended(), self.memory.refused())
    }

    /// Waits until no connection is left.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub(crate) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.connections() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Whether to tell that there is no place for this peer; if so, how many were not told since the last time.
    #[cfg(feature = "server")]
    pub(crate) fn admit_line_of_place(&self, peer: Option<SocketAddr>) -> Option<u64> {
        self.told.places.admit(peer.map(|peer| peer.ip()), self.told.now())
    }

    /// As `admit_line_of_place`, for a header of the PROXY protocol.
    #[cfg(feature = "server")]
    pub(crate) fn admit_line_of_proxy(&self, peer: Option<SocketAddr>) -> Option<u64> {
        self.told.proxies.admit(peer.map(|peer| peer.ip()), self.told.now())
    }

    /// As `admit_line_of_place`, for a TLS handshake that failed.
    #[cfg(feature = "tls")]
    pub(crate) fn admit_line_of_tls(&self, peer: SocketAddr) -> Option<u64> {
        self.told.tls.admit(Some(peer.ip()), self.told.now())
    }

    pub(in crate::net) fn count(&self, what: Counted) {
        self.counts.count(what);
    }

    /// The time since this context began in which this process was awake.
    #[inline]
    pub(in crate::net) fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Registers a connection, which must be whole but for its place: others see it from here on. Starts the clock
    /// for the first one.
    pub(in crate::net) fn enter(self: &Arc<Context>, connection: Arc<Shared>) {
        self.live.fetch_add(1, Ordering::SeqCst);
        self.unended.fetch_add(1, Ordering::SeqCst);
        let mut register = self.register();
        if !std::mem::replace(&mut register.has_ticker, true) {
            let runtime = Handle::current();
            // While nobody was connected, no time was to be kept.
            self.clock.wake();
            runtime.spawn(tick(Ticker(Some(self.clone()))));
            register.runtime = Some(runtime);
        }
        let slot = register.free.pop().unwrap_or_else(|| {
            register.slots.push(Slot::default());
            u32::try_from(register.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let Some(entry) = register.slots.get_mut(slot as usize) else { return };
        // Before the lock is given up: whoever finds the connection has its id from it.
        connection.own.set_place(Place { slot, generation: entry.generation });
        entry.connection = Some(connection);
    }

    /// A connection has ended in this way; its handler may go on. `drained` is what that is during a shutdown.
    pub(in crate::net) fn count_end(&self, ending: &Ending, drained: Counted) {
        self.tally.ended(ending);
        if self.is_draining() {
            self.count(drained);
        }
        self.unended.fetch_sub(1, Ordering::SeqCst);
    }

    pub(in crate::net) fn leave(&self, place: Place) {
        {
            let mut register = self.register();
            if let Some(entry) = register.slots.get_mut(place.slot as usize) {
                entry.generation = entry.generation.wrapping_add(1);
                entry.connection = None;
                register.free.push(place.slot);
            }
        }
        if self.live.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.emptied.notify_waiters();
            self.rearmed.notify_one();
        }
    }

    /// Wakes the connection at this tick.
    pub(in crate::net) fn arm(&self, place: Place, tick: u64) {
        let mut register = self.register();
        let is_first = register.due.first_key_value().is_none_or(|(first, _)| tick < *first);
        register.due.entry(tick).or_default().push(place);
        drop(register);
        if is_first {
            self.rearmed.notify_one();
        }
    }

    /// Takes the connections that are due at this time, and tells when the next ones are.
    fn take_due(&self, now: Duration) -> (Vec<Arc<Shared>>, Option<Duration>) {
        let mut register = self.register();
        let mut connections = Vec::new();
        while let Some(entry) = register.due.first_entry() {
            if at(*entry.key()) > now {
                let next = at(*entry.key());
                return (connections, Some(next));
            }
            let places = entry.remove();
            connections.extend(places.into_iter().filter_map(|place| register.at(place)));
        }
        (connections, None)
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("connections", &self.connections()).finish_non_exhaustive()
    }
}

/// The clock task's hold on its context: when it ends, another may start.
struct Ticker(Option<Arc<Context>>);

impl Drop for Ticker {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.register().has_ticker = false;
        }
    }
}

async fn tick(mut ticker: Ticker) {
    let Some(context) = ticker.0.clone() else { return };
    let mut looked = context.now();
    loop {
        listen(&context).await;
        let (due, next) = context.take_due(context.clock.judge());
        for connection in due {
            connection.fire_timer();
        }
        if context.is_idle() {
            ticker.0 = None;
            pool::forget_unused(true);
            return;
        }
        let now = context.now();
        if now.saturating_sub(looked) >= LOOK_AT_POOL {
            looked = now;
            pool::forget_unused(context.memory.is_short());
        }
        tokio::select! {
            () = tokio::time::sleep(context.clock.plan(next)) => {}
            () = context.rearmed.notified() => {}
        }
    }
}

/// Has all connections read what has arrived by now, before their deadlines are judged.
async fn listen(context: &Context) {
    // The runtime asks the kernel for input whenever a task gives way, for so many sockets at most. The
    // tasks that have some run before this one again.
    let turns = if context.clock.wake() {
        context.memory.woke(context.number);
        context.connections() / PER_TURN + 2
    } else {
        1
    };
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

impl Context {
    /// Whether the clock may stop; decided under the lock, so that no connection enters
    /// unseen.
    fn is_idle(&self) -> bool {
        let mut register = self.register();
        let idle = self.live.load(Ordering::SeqCst) == 0;
        if idle {
            register.due.clear();
            register.has_ticker = false;
        }
        idle
    }
}

/// What compression may take: its own bound, and never more than half of what all may take.
fn compression_share(config: &Config) -> usize {
    #[cfg(feature = "deflate")]
    let share = config.deflate.max_memory.min(config.max_memory / 2);
    #[cfg(not(feature = "deflate"))]
    let share = config.max_memory / 2;
    share
}

/// The first tick at which this time has come.
pub(in crate::net) fn tick_of(time: Duration) -> u64 {
    // Of a deadline between two milliseconds, too: a tick before it would come again and again.
    let ticks = time.as_nanos().div_ceil(GRAIN.as_nanos());
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

fn at(tick: u64) -> Duration {
    let millis = u64::try_from(GRAIN.as_millis()).unwrap_or(1);
    Duration::from_millis(tick.saturating_mul(millis))
}

/// How often the thread's pool is looked at for buffers that nobody uses. The clock task wakes about as often.
const LOOK_AT_POOL: Duration = Duration::from_millis(900);

/// Sockets of which tokio learns within one turn of its driver that there is input.
const PER_TURN: usize = 1024;

/// How coarse the clock is.
const GRAIN: Duration = Duration::from_millis(16);
