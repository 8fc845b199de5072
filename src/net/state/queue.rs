//! The queue to the peer: the core's sending half and the frames that wait for the task.
//!
//! The queue is the home of outgoing bytes. Two places borrow from it: the cork of a thread goes
//! before everything that is here (`lent/cork.rs`), and the task takes frames out to write them.

use std::time::Duration;

use crate::net::lent::amounts::Control;
use crate::net::lent::outbox::{Large, Outbox};
use crate::net::lent::pool;
#[cfg(feature = "deflate")]
use crate::net::lent::uncompressed::Uncompressed;
use crate::net::state::drain::DrainRate;
use crate::net::state::life::Deadline;
use crate::proto::assembler::MessageKind;
#[cfg(feature = "deflate")]
use crate::proto::deflate::Agreement;
use crate::proto::frame::HeaderBytes;
use crate::proto::outbound::{Outbound, SendError};

/// What is sent on one connection, and what waits to be written.
#[derive(Debug)]
pub(in crate::net) struct Queue {
    outbound: Outbound,
    /// Frames that the task has not taken.
    waiting: Option<Box<Outbox>>,
    /// Bytes of frames that the task has taken and not written, as far as it has said.
    in_flight: usize,
    /// By when the transport is to have taken more, from when it refused bytes until all is written; never
    /// else.
    drain_by: Deadline,
    /// Whether a message is being sent by a `FragmentedMessage`, be it that nothing of it was sent.
    is_reserved: bool,
    /// Whether the transport went before everything was written.
    has_lost: bool,
    /// Whether the task has taken our Close. An abort drops one that it has not.
    is_close_taken: bool,
    /// Messages that were dropped because there was no room; no more are counted than it can hold.
    dropped: u32,
    replies: Replies,
}

/// Who sends: the bound of the queue holds for each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Voice {
    /// The task that receives. While its own replies fill the queue, it is given no more messages to
    /// reply to.
    Reply,
    /// Another task, such as the publisher of a topic. What it has queued keeps no message from the
    /// Receiver, and no reply from the queue.
    Other,
}

/// The replies that are queued: what the task that receives has sent.
#[derive(Clone, Copy, Debug, Default)]
struct Replies {
    /// Their bytes, and maybe bytes of earlier ones that are written: never more than `until`, so that
    /// what others queue behind them does not count.
    len: u32,
    /// So many bytes of the queue are to be written until the last of them is. 0 <= until <= queue
    until: u32,
}

impl Replies {
    /// So many bytes were queued, and the queue is so long with them.
    fn queued(&mut self, len: usize, queue: usize) {
        self.len = self.len.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        self.until = u32::try_from(queue).unwrap_or(u32::MAX);
    }

    /// So many bytes have come before all that was queued.
    fn delayed(&mut self, len: usize) {
        if self.until > 0 {
            self.until = self.until.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        }
    }

    /// So many bytes of the queue were written.
    #[inline]
    fn written(&mut self, len: usize) {
        if self.until > 0 {
            self.until = self.until.saturating_sub(u32::try_from(len).unwrap_or(u32::MAX));
            self.len = self.len.min(self.until);
        }
    }
}

impl Queue {
    pub(in crate::net) fn new() -> Queue {
        Queue {
            outbound: Outbound::new(),
            waiting: None,
            in_flight: 0,
            drain_by: Deadline::NEVER,
            is_reserved: false,
            has_lost: false,
            is_close_taken: false,
            dropped: 0,
            replies: Replies::default(),
        }
    }

    /// What the core knows of sending.
    #[inline]
    pub(in crate::net) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    #[inline]
    pub(in crate::net) fn outbound_mut(&mut self) -> &mut Outbound {
        &mut self.outbound
    }

    /// Bytes that are queued for the peer.
    #[inline]
    pub(in crate::net) fn len(&self) -> usize {
        self.in_flight + self.waiting.as_ref().map_or(0, |waiting| waiting.len())
    }

    /// Bytes of memory that the frames take which the task has not taken.
    pub(in crate::net) fn memory(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.memory())
    }

    /// Bytes in the queue that keep this one from sending more.
    #[inline]
    pub(in crate::net) fn len_before(&self, voice: Voice) -> usize {
        debug_assert!(self.replies.until as usize <= self.len());
        match voice {
            Voice::Reply => self.replies.len as usize,
            Voice::Other => self.len(),
        }
    }

    /// Whether this one may queue a message, as far as its length goes.
    #[inline]
    pub(in crate::net) fn has_room(&self, voice: Voice, max_queued: usize) -> bool {
        self.len_before(voice) < max_queued
    }

    /// So many bytes were queued by this one, at the end of the queue.
    #[inline]
    pub(in crate::net) fn note_queued(&mut self, voice: Voice, len: usize) {
        if voice == Voice::Reply {
            self.replies.queued(len, self.len());
        }
    }

    /// So many bytes were queued by this one, before all that was queued.
    fn note_ahead(&mut self, voice: Voice, len: usize) {
        match voice {
            Voice::Reply => self.note_queued(voice, len),
            Voice::Other => self.replies.delayed(len),
        }
    }

    /// Whether everything that was queued is written. A transport that buffers may have taken all of it
    /// and not be flushed: then it is blocked.
    #[inline]
    pub(in crate::net) fn is_flushed(&self) -> bool {
        self.len() == 0 && !self.is_blocked()
    }

    /// Whether something that was queued was never written.
    pub(in crate::net) fn has_lost(&self) -> bool {
        self.has_lost
    }

    /// Something that was sent is not queued any more.
    pub(in crate::net) fn note_lost(&mut self) {
        self.has_lost = true;
    }

    /// A message was dropped because there was no room for it.
    pub(in crate::net) fn note_dropped(&mut self) {
        self.dropped = self.dropped.saturating_add(1);
    }

    /// Messages that were dropped because there was no room for them.
    pub(in crate::net) fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Whether the task has taken our Close to write it.
    pub(in crate::net) fn is_close_taken(&self) -> bool {
        self.is_close_taken
    }

    /// Whether frames wait that the task has not taken.
    pub(in crate::net) fn has_waiting(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.len() > 0)
    }

    /// Whether messages go as they are, one frame each, with nothing to be said about them.
    #[inline]
    pub(in crate::net) fn is_plain(&self) -> bool {
        !self.is_reserved && self.outbound.is_plain()
    }

    /// Whether a message may begin now.
    ///
    /// # Errors
    /// As [`Queue::check_data`], and while a `FragmentedMessage` is unfinished.
    #[inline]
    pub(in crate::net) fn check_message(
        &self,
        voice: Voice,
        max_queued: usize,
    ) -> Result<(), SendError> {
        self.check_data(voice, max_queued)?;
        if self.is_reserved { Err(SendError::MessageUnfinished) } else { Ok(()) }
    }

    /// Whether a part of a message may be queued now.
    ///
    /// # Errors
    /// After a Close, and while the queue is full.
    #[inline]
    pub(in crate::net) fn check_data(
        &self,
        voice: Voice,
        max_queued: usize,
    ) -> Result<(), SendError> {
        // A full queue may have room again, a closed connection not.
        if !self.outbound.is_open() {
            return Err(SendError::Closed);
        }
        if self.has_room(voice, max_queued) { Ok(()) } else { Err(SendError::QueueFull) }
    }

    /// A `FragmentedMessage` has the queue for itself, or gives it back.
    pub(in crate::net) fn reserve(&mut self, is_reserved: bool) {
        self.is_reserved = is_reserved;
    }

    /// What was agreed about compression.
    #[cfg(feature = "deflate")]
    #[inline]
    pub(in crate::net) fn agreement(&self) -> Option<Agreement> {
        self.outbound.agreement()
    }

    /// Appends what the core encodes.
    #[inline]
    pub(in crate::net) fn append<R>(
        &mut self,
        encode: impl FnOnce(&mut Outbound, &mut Vec<u8>) -> R,
    ) -> R {
        let waiting = self.waiting.get_or_insert_with(pool::take_outbox);
        let outbound = &mut self.outbound;
        let result = waiting.append(|batch| encode(outbound, batch));
        // The core may have had nothing to say; a connection keeps no empty outbox.
        if waiting.len() == 0 {
            self.waiting.take().into_iter().for_each(pool::return_outbox);
        }
        result
    }

    /// Appends a control frame, and counts it. A Pong may have to wait, or none may be sent any more.
    pub(in crate::net) fn append_control<R>(
        &mut self,
        control: Control,
        encode: impl FnOnce(&mut Outbound, &mut Vec<u8>) -> R,
    ) -> R {
        let before = self.len();
        let result = self.append(encode);
        if self.len() > before
            && let Some(waiting) = &mut self.waiting
        {
            waiting.sent.count(control);
        }
        result
    }

    /// So many bytes of a message were appended, which counts with the last of them.
    #[inline]
    pub(in crate::net) fn count_piece(&mut self, kind: MessageKind, len: usize, is_last: bool) {
        if let Some(waiting) = &mut self.waiting {
            waiting.sent.messages.add_piece(kind, len, is_last);
        }
    }

    /// A message was appended, with so many bytes of payload.
    #[inline]
    pub(in crate::net) fn count_message(&mut self, kind: MessageKind, len: usize) {
        self.count_piece(kind, len, true);
    }

    /// Appends a frame by copying it.
    #[inline]
    pub(in crate::net) fn append_frame(&mut self, header: &HeaderBytes, payload: &[u8]) {
        self.waiting.get_or_insert_with(pool::take_outbox).append_frame(header, payload);
    }

    /// Appends whole frames that were encoded before, by copying them.
    pub(in crate::net) fn append_encoded(&mut self, frames: &[u8]) {
        self.append(|_, batch| batch.extend_from_slice(frames));
    }

    /// Appends a payload without copying it, behind its header. What has to wait for the transport
    /// does so in no more memory than it needs.
    pub(in crate::net) fn append_large(&mut self, header: &[u8], mut payload: Large) {
        // A thread lends only so many read buffers, and the transport may refuse bytes for long.
        if self.in_flight > 0 || self.is_blocked() {
            payload.release_buffer();
        }
        self.waiting.get_or_insert_with(pool::take_outbox).append_large(header, payload);
    }

    /// Appends a message that the task compresses when it is the next to be written.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn append_uncompressed(&mut self, message: Uncompressed) {
        self.waiting.get_or_insert_with(pool::take_outbox).append_uncompressed(message);
    }

    /// Bytes of messages that were compressed when they were sent, since the task last took frames.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn compressed(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.compressed())
    }

    /// A message of so many bytes was compressed when it was sent, and is queued.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn note_compressed(&mut self, len: usize) {
        if let Some(waiting) = &mut self.waiting {
            waiting.note_compressed(len);
        }
    }

    /// The task compresses the next message that it took, and has so many bytes left. Gives the Pong that
    /// goes before that message: nothing of it is on the wire.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn compress(
        &mut self,
        left: usize,
        rate: DrainRate,
        now: Duration,
    ) -> Option<Box<Outbox>> {
        let written = std::mem::replace(&mut self.in_flight, left).saturating_sub(left);
        self.replies.written(written);
        // As in `take_next`: more waits, so the peer's time goes on.
        self.drain_by = rate.credit_at(self.drain_by, written, now);
        // RFC 6455 §5.5.3: of several Pings only the newest has to be answered.
        self.outbound.set_congested(true);
        let pong = self.take_pong()?;
        self.replies.delayed(pong.len());
        self.in_flight += pong.len();
        Some(pong)
    }

    /// A slice of the next message was compressed, and nothing was written: the frames that the task took have
    /// so many bytes now. What is compressed gets shorter; what goes as it is gets a header.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn resize(&mut self, len: usize) {
        let before = std::mem::replace(&mut self.in_flight, len);
        self.replies.written(before.saturating_sub(len));
        self.replies.delayed(len.saturating_sub(before));
    }

    /// The transport has handed over so many bytes that it had taken before: the peer has more time.
    pub(in crate::net) fn credit(&mut self, flushed: usize, rate: DrainRate, now: Duration) {
        if self.is_blocked() {
            self.drain_by = rate.credit_at(self.drain_by, flushed, now);
        }
    }

    /// The peer's time came while the task compresses, and so has nothing to write: the time begins anew.
    pub(in crate::net) fn spare(&mut self, rate: DrainRate, now: Duration) {
        if self.is_blocked() {
            self.drain_by = rate.begin(now);
        }
    }

    /// Queues what was in the cork: before all that the task has not taken.
    pub(in crate::net) fn uncork(&mut self, mut cork: Box<Outbox>, voice: Voice) {
        let corked = cork.len();
        // The cork was begun while nothing was queued, so the rest came later.
        if let Some(mut rest) = self.waiting.take() {
            cork.append_all(&mut rest);
            pool::return_outbox(rest);
        }
        self.waiting = Some(cork);
        self.note_ahead(voice, corked);
    }

    /// What the task is to write next; what it took before is written. The Pong that waited under
    /// back-pressure goes before frames that wait as a whole.
    pub(in crate::net) fn take_next(&mut self, rate: DrainRate) -> Option<Box<Outbox>> {
        // The task asks for more only when all that it took is written and flushed.
        let taken = std::mem::take(&mut self.in_flight);
        self.replies.written(taken);
        self.outbound.set_congested(false);
        let next = match self.take_pong() {
            Some(pong) => {
                self.replies.delayed(pong.len());
                Some(pong)
            }
            None => {
                let waiting = self.waiting.take();
                self.is_close_taken |= waiting.is_some() && self.outbound.has_sent_close();
                waiting
            }
        };
        self.in_flight = next.as_ref().map_or(0, |next| next.len());
        // While more waits the peer's time goes on: a peer that takes little is not spared by a queue that
        // is filled again and again.
        self.drain_by = match next {
            Some(_) if self.is_blocked() => rate.credit(self.drain_by, taken),
            _ => Deadline::NEVER,
        };
        next
    }

    fn take_pong(&mut self) -> Option<Box<Outbox>> {
        if !self.outbound.has_waiting_pong() {
            return None;
        }
        let mut outbox = pool::take_outbox();
        if outbox.append(|batch| self.outbound.release_pong(batch)) {
            outbox.sent.count(Control::Pong);
            return Some(outbox);
        }
        pool::return_outbox(outbox);
        None
    }

    /// The transport refuses bytes: so many of those that the task took are left. Says whether the
    /// peer's time begins with that. What came straight from the cork was not counted before: it is what
    /// `voice` sent.
    pub(in crate::net) fn block(
        &mut self,
        left: usize,
        voice: Voice,
        rate: DrainRate,
        now: Duration,
    ) -> bool {
        let counted = std::mem::replace(&mut self.in_flight, left);
        let taken = counted.saturating_sub(left);
        debug_assert!(counted == 0 || left <= counted);
        if counted == 0 {
            self.note_ahead(voice, left);
        }
        self.replies.written(taken);
        self.outbound.set_congested(true);
        if let Some(waiting) = &mut self.waiting {
            waiting.release_buffers();
        }
        let is_new = !self.is_blocked();
        self.drain_by =
            if is_new { rate.begin(now) } else { rate.credit_at(self.drain_by, taken, now) };
        is_new
    }

    /// Whether the transport has refused bytes, and not all is written since.
    #[inline]
    pub(in crate::net) fn is_blocked(&self) -> bool {
        self.drain_by != Deadline::NEVER
    }

    /// By when the peer is to have taken more of what is owed to it; never where the transport takes all.
    pub(in crate::net) fn drain_by(&self) -> Deadline {
        self.drain_by
    }

    /// The frames that wait are given up; so many bytes are left of one that is partly written. What was
    /// queued comes back, to be dropped without the lock.
    #[must_use]
    pub(in crate::net) fn give_up_waiting(&mut self, left: usize) -> Option<Box<Outbox>> {
        self.has_lost = true;
        self.in_flight = left;
        self.replies = Replies::default();
        self.waiting.take()
    }

    /// The transport is gone. What was queued comes back, to be dropped without the lock: `Bytes`
    /// may run code of the application then.
    #[must_use]
    pub(in crate::net) fn shut(&mut self) -> Option<Box<Outbox>> {
        self.outbound.shut();
        self.has_lost |= !self.is_flushed();
        self.in_flight = 0;
        self.replies = Replies::default();
        self.waiting.take()
    }
}

#[cfg(all(test, feature = "deflate"))]
mod tests {
    use super::*;

    const RATE: usize = 1 << 10;

    /// A queue from which the task has taken a reply of so many bytes.
    fn replying(len: usize) -> Queue {
        let mut queue = Queue::new();
        queue.append_encoded(&vec![7; len]);
        queue.note_queued(Voice::Reply, len);
        queue.take_next(DrainRate::new(RATE)).into_iter().for_each(pool::return_outbox);
        queue
    }

    /// A message that does not get shorter gets its header only when it is known that it goes as it is.
    #[test]
    fn a_reply_that_grows_while_the_task_has_it_is_counted_once() {
        let (rate, now) = (DrainRate::new(RATE), Duration::from_secs(9));
        for (grown, voice) in [(100_010, Voice::Other), (100_010, Voice::Reply), (70, Voice::Other)]
        {
            let mut queue = replying(100_000);
            assert!(queue.compress(100_000, rate, now).is_none());
            queue.resize(grown);
            queue.block(grown, voice, rate, now);
            assert!(queue.len_before(Voice::Reply) <= queue.len());
            assert!(queue.take_next(rate).is_none());
            assert_eq!((queue.len(), queue.len_before(Voice::Reply)), (0, 0), "{grown}");
        }
    }

    /// Taking what stands before a message to compress is no more than taking other bytes.
    #[test]
    fn a_message_to_compress_gives_the_peer_no_new_time() {
        let rate = DrainRate::new(RATE);
        let at = |seconds| Deadline::at(Some(Duration::from_secs(seconds)));
        let mut queue = replying(100_000);
        queue.block(100_000, Voice::Other, rate, Duration::ZERO);
        assert_eq!(queue.drain_by(), at(256));
        queue.compress(100_000 - 2 * RATE, rate, Duration::from_secs(255));
        assert_eq!(queue.drain_by(), at(258));
        queue.spare(rate, Duration::from_secs(300));
        assert_eq!(queue.drain_by(), at(556));
    }
}
