//! The receiving half of a connection: the core's `Inbound`, the unread input, and who has it.

#[cfg(feature = "deflate")]
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::net::config::Timeouts;
use crate::net::ending::TimeoutKind;
use crate::net::lent::arriving::Arriving;
use crate::net::lent::lease::Lease;
use crate::net::lent::pace::Pace;
use crate::net::lent::pool;
use crate::proto::assembler::MessageLimits;
#[cfg(feature = "deflate")]
use crate::proto::deflate::budget::{Budget, Charge};
#[cfg(feature = "deflate")]
use crate::proto::deflate::{Agreement, Inflater};
use crate::proto::event::{Data, Delivery, Event, Payload};
use crate::proto::inbound::begins_data;
use crate::proto::violation::Violation;

/// Who has the unread input. The answer to "does the task read?" is: in `Empty`, and nowhere else.
///
/// ```text
///         the task reads; control frames are answered at once
///                 +--------+
///                 v        |
///               Empty -----+
///                 |   ^
///   data is first |   | all of it is read
///                 v   |
///               Unread            nobody reads: TCP pauses the peer
///                 |   ^
///     a message   |   | a control frame is next; or the Receiver asks, and no whole
///   lies in front |   | short message is next; or the Receiver is dropped
///                 v   |
///             WithReceiver        as long as short messages follow;
///                 |               its last message given: Empty
///
///  any --- a Close in both directions, a violation, loss, a timer ---> Nobody
/// ```
///
/// The core's `Inbound` stays here: a Receiver that has the input receives whole short messages from
/// it, between which the core knows nothing. Everything else is received here, under the lock.
#[derive(Debug)]
enum Input {
    /// There is none.
    Empty,
    /// It is here. Without a byte it stands for data of a frame that has arrived as a whole, and that
    /// the core has yet to give.
    Unread(Lease),
    /// The Receiver has it.
    WithReceiver,
    /// The connection finishes: nothing is read as protocol.
    Nobody,
}

/// Who takes data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taker {
    /// The Receiver, when it asks.
    Receiver,
    /// The Receiver, which waits for the rest of a message, to have it as a whole: a large frame may
    /// be read straight into it.
    WantsRest,
    /// Nobody: there is no Receiver any more. The task judges data and throws it away.
    Nobody,
}

/// The receiving half of a connection.
#[derive(Debug)]
pub(in crate::net) struct Reading {
    /// The core's receiving half; `None` where it knows nothing, which is so between messages unless
    /// compression was agreed. The thread lends it.
    inbound: Option<Box<Arriving>>,
    input: Input,
    taker: Taker,
    /// Whether the task does not read for a moment, because of what the peer has sent.
    is_paused: bool,
}

impl Reading {
    pub(in crate::net) fn new() -> Reading {
        Reading { inbound: None, input: Input::Empty, taker: Taker::Receiver, is_paused: false }
    }

    /// Messages may be compressed from here on.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn agree(&mut self, agreement: &Agreement) {
        self.inbound().agree(agreement);
    }

    /// So many messages may come in a second, from now on.
    pub(in crate::net) fn keep_pace(&mut self, per_second: u32, now: Instant) {
        self.inbound().keep_pace(Pace::new(per_second, now));
    }

    /// Whether messages are counted.
    #[inline]
    pub(in crate::net) fn keeps_pace(&self) -> bool {
        self.inbound.as_ref().is_some_and(|inbound| inbound.pace().is_some())
    }

    /// The pace that messages keep, where they are counted.
    pub(in crate::net) fn pace(&mut self) -> Option<&mut Pace> {
        self.inbound.as_mut()?.pace_mut()
    }

    /// Until when the next message waits, because of the pace.
    pub(in crate::net) fn held_until(&self) -> Option<Duration> {
        self.inbound.as_ref()?.pace()?.held_until()
    }

    /// A message was given as a whole.
    #[inline]
    pub(in crate::net) fn count_message(&mut self) {
        if let Some(pace) = self.pace() {
            pace.count();
        }
    }

    /// Whether a message begins in the input that is here, and is to be heard or judged.
    pub(in crate::net) fn begins_message(&self) -> bool {
        let is_discarding = |inbound: &Arriving| inbound.is_discarding();
        self.is_between_messages()
            && self.has_data_next()
            && !self.inbound.as_deref().is_some_and(is_discarding)
    }

    /// The core's receiving half, borrowed from the thread if there is none.
    fn inbound(&mut self) -> &mut Arriving {
        self.inbound.get_or_insert_with(pool::take_inbound)
    }

    /// Gives the core's receiving half back if it knows nothing any more. What was received last has
    /// been looked at.
    #[inline]
    pub(in crate::net) fn release_inbound(&mut self) {
        let is_spent = |inbound: &mut Box<Arriving>| {
            inbound.forget_control();
            if inbound.is_between_messages() {
                inbound.forget_age();
            }
            inbound.is_as_new() && inbound.pace().is_none()
        };
        self.inbound.take_if(is_spent).into_iter().for_each(pool::return_inbound);
    }

    /// Whether data is due that needs no more input.
    fn has_data_due(&self) -> bool {
        self.inbound.as_ref().is_some_and(|inbound| inbound.has_data_due())
    }

    #[inline]
    fn is_between_messages(&self) -> bool {
        self.inbound.as_ref().is_none_or(|inbound| inbound.is_between_messages())
    }

    /// Whether the task reads.
    #[inline]
    pub(in crate::net) fn wants_input(&self) -> bool {
        self.is_used_up() && !self.is_paused
    }

    /// Whether there is no input.
    #[inline]
    fn is_used_up(&self) -> bool {
        matches!(self.input, Input::Empty)
    }

    /// The task does not read from now on: TCP pauses the peer.
    pub(in crate::net) fn pause(&mut self, now: Duration) {
        self.is_paused = true;
        self.rest_arrived(now);
    }

    /// Whether the task does not read for a moment.
    pub(in crate::net) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// The task may read again.
    pub(in crate::net) fn resume(&mut self) {
        self.is_paused = false;
    }

    /// Whether the rest of something that is unfinished is to come.
    #[inline]
    pub(in crate::net) fn lacks_rest(&self) -> bool {
        let is_unfinished =
            |inbound: &Arriving| inbound.is_mid_message() && !inbound.is_discarding();
        self.inbound.as_deref().is_some_and(is_unfinished) && self.wants_input()
    }

    /// The rest is waited for from now on.
    pub(in crate::net) fn await_rest(&mut self, now: Duration) {
        if let Some(inbound) = &mut self.inbound {
            let progress = inbound.progress();
            inbound.begin_age().wait(progress, now);
        }
    }

    /// Whether the rest of something is waited for.
    #[inline]
    pub(in crate::net) fn awaits_any_rest(&self) -> bool {
        let age = self.inbound.as_ref().and_then(|inbound| inbound.age());
        age.is_some_and(|age| age.is_running())
    }

    /// Input came, be it of the rest or not.
    pub(in crate::net) fn rest_arrived(&mut self, now: Duration) {
        let age = self.inbound.as_mut().and_then(|inbound| inbound.age_mut());
        if let Some(age) = age {
            age.pause(now);
        }
    }

    /// When the rest is late, and what it is that it takes too long for.
    pub(in crate::net) fn rest_deadline(
        &self,
        timeouts: &Timeouts,
    ) -> Option<(Duration, TimeoutKind)> {
        let age = self.inbound.as_ref()?.age()?;
        let (idle, whole) = age.ends(timeouts.message_idle, timeouts.message);
        let idle = idle.map(|end| (end, TimeoutKind::MessageIdle));
        let whole = whole.map(|end| (end, TimeoutKind::Message));
        idle.into_iter().chain(whole).min_by_key(|(end, _)| *end)
    }

    /// Whether the task reads, and there is nothing that the state must be asked about: no message is
    /// unfinished, and there is a Receiver to take the next one.
    #[inline]
    pub(in crate::net) fn is_at_rest(&self) -> bool {
        self.wants_input() && self.taker != Taker::Nobody && self.is_between_messages()
    }

    /// Whether data is thrown away as it comes: there is no Receiver, or our Close was sent.
    pub(in crate::net) fn throws_away(&self) -> bool {
        self.taker == Taker::Nobody
            || self.inbound.as_ref().is_some_and(|inbound| inbound.is_discarding())
    }

    /// The task has read this.
    pub(in crate::net) fn arrive(&mut self, lease: Lease) {
        if self.is_used_up() && !lease.is_empty() {
            self.input = Input::Unread(lease);
        }
    }

    /// Whether data is next in the input that is here. Before it the task waits for the Receiver.
    #[inline]
    pub(in crate::net) fn has_data_next(&self) -> bool {
        match &self.input {
            Input::Unread(lease) => match &self.inbound {
                Some(inbound) => inbound.begins_with_data(lease.unread()),
                None => lease.unread().first().is_some_and(|first| begins_data(*first)),
            },
            _ => false,
        }
    }

    /// Whether a control frame is next in the input that is here.
    #[inline]
    pub(in crate::net) fn has_control_next(&self) -> bool {
        matches!(self.input, Input::Unread(_)) && !self.has_data_next()
    }

    /// The input that is here, if it begins between messages.
    #[inline]
    pub(in crate::net) fn input_between_messages(&mut self) -> Option<&mut Lease> {
        let is_between = self.is_between_messages();
        match &mut self.input {
            Input::Unread(lease) if is_between => Some(lease),
            _ => None,
        }
    }

    /// Receives one event from the input that is here; `None` when it is used up, or not here.
    /// Positions in the event are relative to all bytes of the lease.
    ///
    /// # Errors
    /// The rule that the peer broke.
    #[inline]
    pub(in crate::net) fn receive(
        &mut self,
        delivery: Delivery,
        limits: &MessageLimits,
    ) -> Result<Option<Event>, Violation> {
        if self.inbound.is_none() && self.is_used_up() {
            return Ok(None);
        }
        let inbound = self.inbound.get_or_insert_with(pool::take_inbound);
        let (input, position) = match &mut self.input {
            Input::Unread(lease) => {
                let position = lease.position();
                (lease.unread_mut(), position)
            }
            // A message that was read straight into its buffer, or is being inflated, gives events
            // without further input.
            Input::Empty => (&mut [][..], 0),
            Input::WithReceiver | Input::Nobody => return Ok(None),
        };
        let is_lent = delivery == Delivery::Message
            && input.len() >= LEND_FROM
            && lend_message_buffer(inbound);
        let step = inbound.receive(input, delivery, limits)?;
        if let Input::Unread(lease) = &mut self.input {
            lease.consume(step.consumed);
        }
        if is_lent {
            reclaim_message_buffer(inbound);
        }
        let Some(event) = step.event else {
            self.input = Input::Empty;
            self.release_inbound();
            return Ok(None);
        };
        Ok(Some(event.moved_by(position)))
    }

    /// The payload of the Ping or Pong that was received last.
    pub(in crate::net) fn control_payload(&self, at: &Payload) -> &[u8] {
        let bytes = match &self.input {
            Input::Unread(lease) => lease.bytes(),
            _ => &[],
        };
        self.inbound.as_ref().map_or(&[], |inbound| inbound.control_payload(at, bytes))
    }

    /// Whether the data that was received last lies in the input, and may be given away with it: no
    /// control frame is next, which the task is to see, and no message that is to be counted.
    pub(in crate::net) fn may_go(&self) -> bool {
        match &self.input {
            Input::Unread(lease) => {
                lease.is_empty() || (self.has_data_next() && !self.keeps_pace())
            }
            _ => false,
        }
    }

    /// Gives the input to the Receiver, with the data in it that was received last.
    pub(in crate::net) fn give(&mut self) -> Lease {
        let Input::Unread(lease) = &mut self.input else { return Lease::default() };
        let lease = std::mem::take(lease);
        self.input = if lease.is_empty() { Input::Empty } else { Input::WithReceiver };
        lease
    }

    /// The Receiver gives the input back, read to its end or not.
    pub(in crate::net) fn take_back(&mut self, lease: Lease) {
        if matches!(self.input, Input::WithReceiver) {
            self.input = if lease.is_empty() { Input::Empty } else { Input::Unread(lease) };
        }
    }

    /// What was received last has been looked at: lets go of input that is read to its end, and of the
    /// core's receiving half if it knows nothing any more. Without a byte the input stays `Unread`
    /// while data is due that needs no more input: the task does not read past that.
    #[inline]
    pub(in crate::net) fn release_spent(&mut self) {
        if matches!(&self.input, Input::Unread(lease) if lease.is_empty()) {
            self.input =
                if self.has_data_due() { Input::Unread(Lease::default()) } else { Input::Empty };
        }
        self.release_inbound();
    }

    /// Copies these bytes of the input that is here.
    pub(in crate::net) fn copy_input(&self, range: std::ops::Range<usize>, to: &mut Vec<u8>) {
        to.clear();
        if let Input::Unread(lease) = &self.input {
            to.extend_from_slice(lease.bytes().get(range).unwrap_or_default());
        }
    }

    /// What waits here for a busy Receiver leaves the large read buffer, of which the thread lends
    /// only so many.
    pub(in crate::net) fn settle(&mut self) {
        if let Input::Unread(lease) = &mut self.input {
            lease.settle();
        }
    }

    /// The Receiver waits for input. Says whether a message is unfinished of which it wants the rest.
    pub(in crate::net) fn await_input(&mut self, delivery: Delivery) -> bool {
        let waits = delivery == Delivery::Message && !self.is_between_messages();
        if waits && self.taker == Taker::Receiver {
            self.taker = Taker::WantsRest;
        }
        waits
    }

    /// The Receiver does not wait any more.
    #[inline]
    pub(in crate::net) fn stop_awaiting(&mut self) {
        if self.taker == Taker::WantsRest {
            self.taker = Taker::Receiver;
        }
    }

    /// Whether the Receiver waits for the rest of a message, to have it as a whole.
    pub(in crate::net) fn awaits_rest(&self) -> bool {
        self.taker == Taker::WantsRest
    }

    /// The Receiver is gone.
    pub(in crate::net) fn lose_receiver(&mut self) {
        self.taker = Taker::Nobody;
    }

    /// The buffer for reading the rest of a large frame straight into its message, and how many
    /// bytes the frame still has; if the Receiver waits for that message.
    pub(in crate::net) fn take_direct(&mut self) -> Option<(Vec<u8>, usize)> {
        let waits = self.awaits_rest() && self.wants_input();
        let inbound = self.inbound.as_mut().filter(|_| waits)?;
        if inbound.buffered() < DIRECT_BEHIND {
            return None;
        }
        inbound.take_direct(DIRECT_FROM)
    }

    /// Takes the buffer back, to which `appended` masked bytes were appended.
    ///
    /// # Errors
    /// The rule that the peer broke.
    pub(in crate::net) fn restore_direct(
        &mut self,
        buffer: Vec<u8>,
        appended: usize,
    ) -> Result<(), Violation> {
        // Without it the connection has finished during the read.
        let Some(inbound) = &mut self.inbound else { return Ok(()) };
        inbound.restore_direct(buffer, appended)?;
        if self.is_used_up() && self.has_data_due() {
            // The frame is whole: the Receiver comes before what is behind the frame.
            self.input = Input::Unread(Lease::default());
        }
        Ok(())
    }

    /// Takes the message, or the piece of one, that was assembled last; `spent` is a buffer for the
    /// next one.
    pub(in crate::net) fn take_assembled(&mut self, spent: Vec<u8>) -> Vec<u8> {
        self.inbound().take_assembled(spent)
    }

    /// Throws away a piece of a message that nobody hears.
    pub(in crate::net) fn throw_away(&mut self, data: &Data) {
        if data.payload == Payload::Assembled {
            pool::return_message_buffer(self.take_assembled(Vec::new()));
        }
    }

    /// Lends an inflater for the message that has begun.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn lend_inflater(&mut self, inflater: Box<Inflater>, buffer: Vec<u8>) {
        self.inbound().lend_inflater(inflater);
        // Nothing of the message is there yet.
        let unused = self.take_assembled(buffer);
        debug_assert!(unused.is_empty());
        pool::return_message_buffer(unused);
    }

    /// Takes the inflater back, if no message needs it at present.
    #[inline]
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn reclaim_inflater(
        &mut self,
        charge: impl FnOnce(&Arc<Budget>, usize) -> Option<Charge>,
    ) -> Option<Box<Inflater>> {
        self.inbound.as_mut()?.reclaim_inflater(charge)
    }

    /// Whether the message that has begun may refer to bytes for which there was no memory.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn has_lost_context(&self) -> bool {
        self.inbound.as_ref().is_some_and(|inbound| inbound.has_lost_context())
    }

    /// Bytes of memory that the unfinished message takes, without an inflater.
    pub(in crate::net) fn message_memory(&self) -> usize {
        self.inbound.as_ref().map_or(0, |inbound| inbound.memory())
    }

    /// Bytes of memory of the input that waits here.
    pub(in crate::net) fn input_memory(&self) -> usize {
        match &self.input {
            Input::Unread(lease) => lease.memory(),
            _ => 0,
        }
    }

    /// Bytes of the unfinished message that have arrived.
    pub(in crate::net) fn arrived(&self) -> u64 {
        self.inbound.as_ref().map_or(0, |inbound| inbound.arrived())
    }

    /// Whether an inflater is lent to the unfinished message.
    pub(in crate::net) fn has_inflater(&self) -> bool {
        self.inbound.as_ref().is_some_and(|inbound| inbound.has_inflater())
    }

    /// Whether a message is unfinished, and more of it is awaited from the peer.
    pub(in crate::net) fn waits_inside_message(&self) -> bool {
        self.wants_input() && !self.is_between_messages()
    }

    /// Our Close was sent: from here on data is judged as framing and thrown away.
    pub(in crate::net) fn discard(&mut self) {
        self.inbound().discard();
    }

    /// Nothing more is read as protocol.
    pub(in crate::net) fn finish(&mut self) {
        self.inbound = None;
        self.input = Input::Nobody;
    }
}

/// Lends a buffer for the message that may have begun, unless one has. Says whether it did.
fn lend_message_buffer(inbound: &mut Arriving) -> bool {
    let is_unused = inbound.buffered() == 0;
    if is_unused {
        let spare = inbound.take_assembled(pool::take_message_buffer());
        pool::return_message_buffer(spare);
    }
    is_unused
}

/// Takes the buffer back if nothing was put into it.
fn reclaim_message_buffer(inbound: &mut Arriving) {
    if inbound.buffered() == 0 {
        pool::return_message_buffer(inbound.take_assembled(Vec::new()));
    }
}

/// With so much input a message of it may not be in it as a whole, in bytes.
const LEND_FROM: usize = 64 << 10;

/// Frames with so much to come are read straight into their message, in bytes.
const DIRECT_FROM: usize = 32 << 10;

/// So much of a message has come through the read buffer before it gets one of its own: an
/// announcement alone takes no memory. In bytes.
const DIRECT_BEHIND: usize = 4 << 10;
