//! The state of one connection, which its handles and its task share behind one lock.
//!
//! | part | what it is |
//! |---|---|
//! | [`Life`] | where the connection is in its life, and how it ends |
//! | [`Reading`] | the receiving half: the core's `Inbound`, and who has the unread input |
//! | [`Queue`] | the sending half: the core's `Outbound`, and the frames that wait |
//! | [`Waiters`] | wakers of futures that wait for something of the connection |
//!
//! What needs more than one part stands here and in `closing.rs`.

mod client;
mod clock;
mod closing;
#[cfg_attr(not(feature = "deflate"), path = "no_compression.rs")]
pub(super) mod compression;
pub(super) mod context;
pub(super) mod counted;
pub(super) mod drain;
mod glance;
mod held;
mod histogram;
mod hsts;
pub(super) mod id;
pub(super) mod latest;
pub(super) mod leaving;
mod life;
#[cfg(feature = "server")]
mod listing;
pub(super) mod marks;
mod memory;
mod own;
mod pacing;
mod pings;
mod queue;
pub(super) mod rate_limit;
mod reading;
#[cfg(feature = "server")]
mod reading_out;
pub(super) mod sampling;
mod settings;
pub(super) mod shared;
mod shortage;
pub(super) mod source;
mod tally;
mod ticks;
pub(super) mod waiting;
pub(super) mod watchman;

use std::task::Waker;

use tokio::task::Id;

pub(super) use self::life::Deadline;

use self::counted::Counted;
use self::glance::{Glance, Looks};
use self::life::Life;
use self::marks::Marks;
use self::pings::{Pings, Rate};
use self::queue::Queue;
pub(super) use self::queue::Voice;
use self::reading::Reading;
use self::shared::Shared;
use self::waiting::{Waiters, Wakes};
use crate::net::lent::amounts::Control;
use crate::net::lent::lease::Lease;
use crate::proto::event::{Data, Delivery, Event};
use crate::proto::violation::Violation;

pub(super) struct State {
    pub(super) life: Life,
    pub(super) reading: Reading,
    pub(super) queue: Queue,
    pub(super) waiters: Waiters,
    /// Who is to be woken when the lock is given up.
    pub(super) wakes: Wakes,
    pub(super) pings: Pings,
    /// Whether the task is to look at the timers.
    pub(super) timer_due: bool,
    /// The tick at which the clock wakes this connection; `u32::MAX` for none. A later one than it can
    /// hold comes after two years, and is looked for anew then.
    pub(super) armed: u32,
    /// Whether the connection has an account in the memory of all.
    is_charged: bool,
    pub(super) marks: Marks,
    pub(super) task: Option<Waker>,
    /// The task on which the Receiver was asked last; `None` where that was no task of tokio's.
    receiving_task: Option<Id>,
    /// `None` for the most common path, `/`, without a subprotocol.
    names: Option<Box<Names>>,
}

/// What was asked for and what was agreed on, in words. Not above 24 bytes: the allocator gives more in its next
/// step.
struct Names {
    /// The path of the request target, undecoded, and behind it the subprotocol that the 101 names.
    text: Box<str>,
    path_len: usize,
}

/// What receiving came to.
#[derive(Debug)]
pub(super) enum Received {
    /// Data, and whether the message ends with it.
    Data(Data, bool),
    /// The input is used up, or not here.
    UsedUp,
    /// There is more to inflate; others get their turn first.
    Paused,
    /// Nothing more will be received.
    Over,
}

/// How far the task has come with the input that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advanced {
    /// To its end.
    ToTheEnd,
    /// To data, which is for the Receiver.
    ToData,
    /// There is more to do once others had their turn.
    Paused,
    /// The connection finishes.
    Over,
}

impl State {
    /// A connection whose request head is to be whole by then.
    fn new(deadline: Deadline) -> State {
        State {
            life: Life::new(deadline),
            reading: Reading::new(),
            queue: Queue::new(),
            waiters: Waiters::default(),
            wakes: Wakes::NOBODY,
            pings: Pings::default(),
            timer_due: true,
            armed: u32::MAX,
            is_charged: false,
            marks: Marks::default(),
            task: None,
            receiving_task: None,
            names: None,
        }
    }

    /// The path of the request target.
    pub(super) fn path(&self) -> &str {
        let names = self.names.as_ref();
        names.and_then(|names| names.text.get(..names.path_len)).unwrap_or("/")
    }

    pub(super) fn set_path(&mut self, path: &str) {
        if path != "/" {
            self.names = Some(Box::new(Names { text: path.into(), path_len: path.len() }));
        }
    }

    /// The subprotocol that the 101 names.
    #[cfg(feature = "server")]
    pub(super) fn subprotocol(&self) -> Option<&str> {
        let subprotocol = self.names.as_ref().and_then(|names| names.text.get(names.path_len..));
        // RFC 6455 §4.1: none is empty.
        subprotocol.filter(|name| !name.is_empty())
    }

    /// The 101 names this subprotocol.
    pub(super) fn set_subprotocol(&mut self, name: &str) {
        let path = self.path();
        let (path_len, text) = (path.len(), [path, name].concat().into());
        self.names = Some(Box::new(Names { text, path_len }));
    }

    /// The Receiver is asked on this task.
    #[inline]
    pub(super) fn note_receiving(&mut self) {
        self.receiving_task = tokio::task::try_id();
    }

    /// Who sends here: the task that receives, or another one.
    #[inline]
    pub(super) fn voice(&self) -> Voice {
        let is_reply =
            self.receiving_task.is_some() && tokio::task::try_id() == self.receiving_task;
        if is_reply { Voice::Reply } else { Voice::Other }
    }

    /// What keeps messages from the Receiver: its own replies. Where these cannot be told from what
    /// others send, all that is queued does.
    #[inline]
    pub(super) fn answering_voice(&self) -> Voice {
        if self.receiving_task.is_some() { Voice::Reply } else { Voice::Other }
    }

    /// Wakes the connection task, unless this thread is polling its handler: the task looks at
    /// everything after.
    #[inline]
    pub(super) fn wake_task(&mut self) {
        self.wakes.add(Wakes::TASK);
    }

    /// Wakes a Receiver that waits for input on another task.
    #[inline]
    pub(super) fn wake_receiver(&mut self) {
        if self.waiters.is_any() {
            self.wakes.add(Wakes::INPUT);
        }
    }

    /// The task has read this. Says what is next in it: control frames are dealt with.
    pub(super) fn arrive(&mut self, lease: Lease, shared: &Shared) -> Advanced {
        if self.reading.awaits_any_rest() {
            self.reading.rest_arrived(shared.context.now());
        }
        self.reading.arrive(lease);
        let advanced = self.advance(shared);
        // A Receiver in the handler is polled by the task; only one elsewhere left a waker.
        if advanced == Advanced::ToData {
            self.wake_receiver();
        }
        advanced
    }

    /// Deals with the input that is here up to the next data: Ping, Pong, Close, violations. When
    /// data is not heard any more, it is judged and thrown away, and the input is dealt with to its end.
    pub(super) fn advance(&mut self, shared: &Shared) -> Advanced {
        while self.life.is_open() {
            let throws_away = self.reading.throws_away();
            // Data waits for the Receiver, and with it whatever stands behind it.
            if !throws_away && self.reading.has_data_next() {
                return Advanced::ToData;
            }
            if !throws_away && !self.reading.has_control_next() {
                return Advanced::ToTheEnd;
            }
            if throws_away && let Some(held) = self.hold_back(shared) {
                let is_over = matches!(held, Received::Over);
                return if is_over { Advanced::Over } else { Advanced::ToTheEnd };
            }
            match self.receive_one(Delivery::Pieces, shared) {
                None => {}
                // Only where it is thrown away: it was judged like any other.
                Some(Received::Data(data, _)) => {
                    self.reading.throw_away(&data);
                    self.reclaim_inflater(&shared.context);
                    self.reading.release_spent();
                }
                Some(Received::UsedUp) => return Advanced::ToTheEnd,
                Some(Received::Paused) => return Advanced::Paused,
                Some(Received::Over) => return Advanced::Over,
            }
        }
        Advanced::Over
    }

    /// Receives one event from the input that is here. `None`: it was dealt with, go on.
    pub(super) fn receive_one(&mut self, delivery: Delivery, shared: &Shared) -> Option<Received> {
        let event = match self.reading.receive(delivery, &shared.at_hand().message) {
            Err(violation) => {
                self.fail(violation);
                return Some(Received::Over);
            }
            Ok(None) => {
                if self.reading.lacks_rest() {
                    self.await_rest(shared);
                }
                return Some(Received::UsedUp);
            }
            Ok(Some(event)) => event,
        };
        match event {
            // The data may lie in the input: that stays, be it read to its end.
            Event::Message(data) => {
                self.reading.count_message();
                return Some(Received::Data(data, true));
            }
            Event::Piece { data, last } => {
                if last {
                    self.reading.count_message();
                }
                return Some(Received::Data(data, last));
            }
            Event::Paused => {
                self.reading.release_spent();
                return Some(Received::Paused);
            }
            Event::Close(close) => {
                self.receive_close(close);
                return Some(Received::Over);
            }
            // RFC 6455 §5.5.2: a Ping is answered, whether or not anybody takes data.
            Event::Ping(at) => {
                shared.context.tally.received_ping();
                let payload = self.reading.control_payload(&at);
                self.queue.append_control(Control::Pong, |outbound, batch| {
                    outbound.pong(payload, batch);
                });
                if self.count_ping(shared) {
                    return Some(Received::Over);
                }
            }
            Event::Pong(at) => {
                let payload = self.reading.control_payload(&at);
                let tally = &shared.context.tally;
                tally.received_pong();
                let (is_asked_for, round_trip) = self.pings.answered(payload, shared.context.now());
                if let Some(time) = round_trip {
                    tally.round_trip(time);
                }
                self.offer_room();
                if !is_asked_for && self.count_ping(shared) {
                    return Some(Received::Over);
                }
            }
            Event::NoInflater if self.lend_inflater(&shared.context) => return None,
            Event::NoInflater => return Some(Received::Over),
        }
        self.reading.release_spent();
        None
    }

    /// Something is unfinished, and its rest is waited for from now on.
    #[cold]
    pub(super) fn await_rest(&mut self, shared: &Shared) {
        self.reading.await_rest(shared.context.now());
        if let Some((end, _)) = self.reading.rest_deadline(shared.timeouts()) {
            shared.arm(self, Deadline::at(Some(end)));
        }
    }

    /// A Ping came, or a Pong that nobody asked for. Says whether the connection fails for it.
    fn count_ping(&mut self, shared: &Shared) -> bool {
        let now = shared.context.now();
        match self.pings.count(now, shared.limits().max_pings_per_second) {
            Rate::Fine => return false,
            Rate::Pause(until) => {
                self.reading.pause(now);
                shared.arm(self, Deadline::at(Some(until)));
                return false;
            }
            Rate::Flood => {}
        }
        shared.context.count(Counted::PingFlood);
        self.fail(Violation::TooManyPings);
        true
    }

    #[inline]
    fn glance(&self) -> Glance {
        Glance::new(
            self.queue.len(),
            Looks {
                is_open: self.life.is_open() && self.queue.outbound().is_open(),
                is_timer_due: self.timer_due,
                is_at_rest: self.reading.is_at_rest(),
                is_plain: self.queue.is_plain(),
                is_charged: self.is_charged,
            },
        )
    }
}

/// With so many bytes queued they are written before the next message, in bytes.
pub(super) const WRITE_FROM: usize = 64 << 10;
