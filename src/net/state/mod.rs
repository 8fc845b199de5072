//! The state of one connection, which its handles and its task share.

use std::num::NonZeroU64;
use std::task::Waker;
use std::time::Duration;

use super::context::Place;
use super::ending::Ending;
use super::glance::{Glance, Looks};
use super::lease::Lease;
use super::outbox::Outbox;
use super::pool;
use super::waiting::{Waiters, Wakes};
use crate::proto::assembler::MessageLimits;
use crate::proto::inbound::{Delivery, Event, Inbound, Step};
use crate::proto::outbound::Outbound;
use crate::proto::violation::Violation;

#[derive(Debug)]
pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) reader: Reader,
    /// Whether the Receiver waits in the handler that the connection task polls, and the lock was
    /// not taken for it since: input may be handed to it without.
    pub(super) waits_here: bool,
    polling: Polling,
    /// Who is to be woken when the lock is given up.
    pub(super) wakes: Wakes,
    /// Whether the Receiver holds input that nobody else may overtake.
    pub(super) receiver_holds_input: bool,
    /// Whether a fragmented message is being sent by a `FragmentedMessage`.
    pub(super) is_fragmenting: bool,
    pub(super) timer_due: bool,
    /// Whether the transport is to be dropped without waiting for the peer.
    pub(super) is_overdue: bool,
    pub(super) inbound: Inbound,
    pub(super) outbound: Outbound,
    /// Input that nobody has taken.
    pub(super) input: Lease,
    /// Frames that the connection task has not taken.
    pub(super) outbox: Option<Box<Outbox>>,
    /// Bytes of frames that the connection task has taken and not written.
    pub(super) in_flight: usize,
    pub(super) task: Option<Waker>,
    rare: Option<Box<Rare>>,
    /// The path of the request target; `None` for the most common one, `/`.
    path: Option<Box<Path>>,
    pub(super) place: Place,
    /// The tick at which the clock wakes this connection; `u64::MAX` for none.
    pub(super) armed: u64,
    /// When the opening handshake, the closing handshake or the end of TCP is overdue.
    deadline: Option<NonZeroU64>,
}

/// The path of a request target, undecoded.
#[derive(Debug)]
struct Path(Box<str>);

/// What most connections never need, or only for a moment.
#[derive(Debug, Default)]
pub(super) struct Rare {
    pub(super) waiters: Waiters,
    /// When the transport last took bytes, while it refuses more.
    pub(super) blocked_since: Option<Duration>,
    /// The newest Ping that we sent, and when.
    pub(super) ping: Option<(Vec<u8>, Duration)>,
    pub(super) round_trip: Option<Duration>,
    /// How the connection ends, from when that is known.
    ending: Option<Ending>,
}

/// Whether the connection task polls the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Polling {
    No,
    Yes,
    /// Yes, and the Receiver waits for the queue to be written.
    GaveWay,
}

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The request head is arriving.
    Opening,
    /// The application decides about the opening handshake.
    Deciding,
    /// Frames are exchanged; the closing handshake is part of it.
    Open,
    /// What is queued is written, then TCP ends; nothing is read as protocol.
    Finishing,
    /// The transport is gone.
    Closed,
}

/// Who wants input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// The Receiver is not waiting; reading pauses.
    Busy,
    /// The Receiver waits.
    Waiting(Delivery),
    /// There is no Receiver: the connection task reads by itself.
    Gone,
}

impl State {
    /// A connection whose request head is to arrive.
    pub(super) fn new() -> State {
        State {
            phase: Phase::Opening,
            reader: Reader::Busy,
            waits_here: false,
            polling: Polling::No,
            wakes: Wakes::NOBODY,
            receiver_holds_input: false,
            is_fragmenting: false,
            timer_due: true,
            is_overdue: false,
            inbound: Inbound::new(),
            outbound: Outbound::new(),
            input: Lease::default(),
            outbox: None,
            in_flight: 0,
            task: None,
            rare: None,
            path: None,
            place: Place::default(),
            armed: u64::MAX,
            deadline: None,
        }
    }

    /// When the opening handshake, the closing handshake or the end of TCP is overdue.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.deadline.map(|nanos| Duration::from_nanos(nanos.get()))
    }

    pub(super) fn set_deadline(&mut self, deadline: Option<Duration>) {
        // What lies beyond 500 years is as good as never.
        let nanos = deadline.and_then(|deadline| u64::try_from(deadline.as_nanos()).ok());
        self.deadline = nanos.and_then(|nanos| NonZeroU64::new(nanos.max(1)));
    }

    /// The transport takes bytes.
    pub(super) fn unblock(&mut self) {
        self.outbound.set_congested(false);
        if let Some(rare) = self.rare_if_any() {
            rare.blocked_since = None;
        }
    }

    /// What is to be written next. The Pong that waited under back-pressure goes before
    /// frames that wait as a whole.
    pub(super) fn next_outbox(&mut self) -> Option<Box<Outbox>> {
        self.in_flight = 0;
        self.unblock();
        let mut next = None;
        if self.outbound.has_waiting_pong() {
            let mut outbox = pool::take_outbox();
            outbox.append(|batch| self.outbound.release_pong(batch));
            next = Some(outbox);
        }
        let next = next.filter(|outbox| outbox.len() > 0).or_else(|| self.outbox.take())?;
        if next.len() == 0 {
            pool::return_outbox(next);
            return None;
        }
        self.in_flight = next.len();
        Some(next)
    }

    /// Queues frames before those that are queued and not taken.
    pub(super) fn put_first(&mut self, mut first: Box<Outbox>) {
        if self.phase == Phase::Closed {
            return pool::return_outbox(first);
        }
        if let Some(mut rest) = self.outbox.take() {
            first.append_all(&mut rest);
            pool::return_outbox(rest);
        }
        self.outbox = Some(first);
    }

    /// Wakes who waits for room in the queue, if there is some.
    #[inline]
    pub(super) fn offer_room(&mut self, max_queued: usize) {
        if self.is_waited_for() && self.phase == Phase::Open && self.queued() < max_queued {
            self.wake_waiting();
        }
    }

    /// Bytes that are queued for the peer.
    #[inline]
    pub(super) fn queued(&self) -> usize {
        self.in_flight + self.outbox.as_ref().map_or(0, |outbox| outbox.len())
    }

    /// The outbox that waits, made if there is none.
    #[inline]
    pub(super) fn outbox(&mut self) -> &mut Outbox {
        self.outbox.get_or_insert_with(pool::take_outbox)
    }

    /// Whether frames wait that the connection task has not taken.
    pub(super) fn has_outbox(&self) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| outbox.len() > 0)
    }

    /// Gives the outbox back to the thread if nothing was put into it.
    pub(super) fn return_empty_outbox(&mut self) {
        if !self.has_outbox()
            && let Some(outbox) = self.outbox.take()
        {
            pool::return_outbox(outbox);
        }
    }

    /// Both halves and the batch of the outbox, borrowed apart.
    #[inline]
    pub(super) fn with_batch<R>(
        &mut self,
        act: impl FnOnce(&mut Inbound, &mut Outbound, &mut Vec<u8>) -> R,
    ) -> R {
        let outbox = self.outbox.get_or_insert_with(pool::take_outbox);
        let (inbound, outbound) = (&mut self.inbound, &mut self.outbound);
        outbox.append(|batch| act(inbound, outbound, batch))
    }

    /// Receives from the front of `input`, and queues what the core wants answered.
    pub(super) fn receive(
        &mut self,
        input: &mut [u8],
        delivery: Delivery,
        limits: &MessageLimits,
    ) -> Result<Step, Violation> {
        let step = self.inbound.receive(input, delivery, limits);
        match &step {
            Ok(Step { event: Some(Event::Ping(at)), .. }) => {
                self.with_batch(|inbound, outbound, batch| {
                    outbound.pong(inbound.control_payload(at, input), batch);
                });
            }
            Ok(Step { event: Some(Event::Close(close)), .. }) => {
                self.with_batch(|_, outbound, batch| outbound.answer_close(close.code, batch));
            }
            Ok(_) => {}
            Err(violation) => {
                self.with_batch(|_, outbound, batch| outbound.fail(*violation, batch));
            }
        }
        step
    }

    /// Wakes the connection task, unless it is the one that is running.
    #[inline]
    pub(super) fn wake_task(&mut self) {
        if !self.is_polling() {
            self.wakes.add(Wakes::TASK);
        }
    }

    /// The connection task polls the handler from here on: what it does wakes nobody.
    #[inline]
    pub(super) fn begin_polling(&mut self) {
        self.polling = Polling::Yes;
    }

    /// The handler was polled. Says whether it gave way, and is to be polled again.
    #[inline]
    pub(super) fn end_polling(&mut self) -> bool {
        std::mem::replace(&mut self.polling, Polling::No) == Polling::GaveWay
    }

    /// Whether the connection task polls the handler: it will look at the queue after.
    #[inline]
    pub(super) fn is_polling(&self) -> bool {
        self.polling != Polling::No
    }

    /// The Receiver has the lock: from here on the state tells what it does.
    #[inline]
    pub(super) fn hear_receiver(&mut self, reader: Reader) {
        self.reader = reader;
        self.waits_here = false;
    }

    /// The Receiver, in the handler, lets the task write the queue first.
    pub(super) fn give_way(&mut self) {
        self.polling = Polling::GaveWay;
    }

    #[inline]
    pub(super) fn glance(&self) -> Glance {
        Glance::new(
            self.queued(),
            Looks {
                is_open: self.phase == Phase::Open && self.outbound.is_open(),
                is_timer_due: self.timer_due,
                is_reading: self.is_reading_to_lease(),
                is_waiting_here: self.waits_here
                    && self.reader == Reader::Waiting(Delivery::Message),
                is_plain: !self.is_fragmenting && self.outbound.is_plain(),
            },
        )
    }

    /// Wakes whoever waits in the Receiver on another task.
    pub(super) fn wake_reading(&mut self) {
        if self.rare.is_some() {
            self.wakes.add(Wakes::INPUT);
        }
    }

    /// Wakes whoever waits for the end of TCP.
    pub(super) fn wake_watching(&mut self) {
        self.wakes.add(Wakes::END);
    }

    /// Wakes whoever waits for the queue.
    pub(super) fn wake_waiting(&mut self) {
        self.wakes.add(Wakes::ROOM);
    }

    /// When the transport last took bytes, while it refuses more.
    pub(super) fn blocked_since(&self) -> Option<Duration> {
        self.rare.as_ref().and_then(|rare| rare.blocked_since)
    }

    /// Whether what is queued waits for the transport: to take bytes, or to flush them.
    pub(super) fn is_held_up(&self) -> bool {
        self.in_flight > 0 || self.blocked_since().is_some()
    }

    /// What most connections never need, made if there is none.
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// As [`State::rare`], if there is any.
    pub(super) fn rare_if_any(&mut self) -> Option<&mut Rare> {
        self.rare.as_deref_mut()
    }

    /// The time from the newest answered Ping to its Pong.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.rare.as_ref().and_then(|rare| rare.round_trip)
    }

    /// The path of the request target.
    pub(super) fn path(&self) -> &str {
        self.path.as_ref().map_or("/", |path| &path.0)
    }

    pub(super) fn set_path(&mut self, path: &str) {
        self.path = if path == "/" { None } else { Some(Box::new(Path(path.into()))) };
    }

    /// The ending so far.
    pub(super) fn ending(&mut self) -> &mut Ending {
        self.rare().ending.get_or_insert_default()
    }

    /// Whether it is known why the connection ends.
    pub(super) fn is_ending(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.ending.is_some())
    }

    /// How the connection ended, once it is closed.
    pub(super) fn ended(&self) -> Option<&Ending> {
        if self.phase != Phase::Closed {
            return None;
        }
        self.rare.as_ref().and_then(|rare| rare.ending.as_ref())
    }

    /// The ending once nothing more will be received.
    pub(super) fn finished(&mut self) -> Option<&Ending> {
        if matches!(self.phase, Phase::Finishing | Phase::Closed) {
            Some(self.ending())
        } else {
            None
        }
    }
}

/// With so many bytes queued the Receiver looks at the queue before it delivers a message.
#[inline]
pub(super) fn look_from(max_queued: usize) -> usize {
    max_queued.min(WRITE_FROM)
}

/// With so many bytes queued they are written before the next message, in bytes.
pub(super) const WRITE_FROM: usize = 64 << 10;
