//! Where the connection task reads to, and for whom: the Receiver, the message that is arriving, or
//! nobody any more.

use std::io;
use std::task::{Context, Poll};

use super::lease::Lease;
use super::pool;
use super::read_vec::ReadVec;
use super::shared::Shared;
use super::state::{Phase, Reader, State};
use super::timers::note_pong;
use crate::proto::inbound::{Delivery, Event, Payload};

/// What to read into.
pub(super) enum ReadInto {
    Nothing,
    /// Nothing either, only because the queue holds its bound.
    NothingYet,
    /// There is more to do once others had their turn.
    Later,
    Lease,
    /// The assembler's buffer, and how many bytes the frame still has.
    Direct(Vec<u8>, usize),
}

/// What reading straight into the message came to.
pub(super) enum Direct {
    /// The frame's payload is there as a whole, or a rule was broken in it.
    Complete,
    /// So many bytes were read.
    Read(usize),
}

/// Reads the rest of a large frame straight into its message.
pub(super) fn poll_direct<T: ReadVec>(
    shared: &Shared,
    io: &mut T,
    mut buffer: Vec<u8>,
    remaining: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Direct>> {
    let before = buffer.len();
    // The buffer grows with what has arrived, never with what the header promises.
    if buffer.capacity() - before < remaining.min(MIN_READ) {
        buffer = grow(buffer, remaining);
    }
    let limit = remaining.min(buffer.capacity() - before);
    let read = io.poll_read_vec(cx, &mut buffer, limit);
    let appended = buffer.len() - before;
    let mut state = shared.lock();
    match state.inbound.restore_direct(buffer, appended) {
        Err(violation) => {
            state.with_batch(|_, outbound, batch| outbound.fail(violation, batch));
            state.fail(violation);
            state.begin_polling();
            Poll::Ready(Ok(Direct::Complete))
        }
        Ok(()) if appended == remaining => {
            state.wake_reading();
            state.begin_polling();
            Poll::Ready(Ok(Direct::Complete))
        }
        Ok(()) => read.map_ok(Direct::Read),
    }
}

/// Makes room in the buffer of a message for about as much again as it holds: in a buffer
/// that the thread has kept, if there is a larger one.
fn grow(mut buffer: Vec<u8>, remaining: usize) -> Vec<u8> {
    let more = remaining.min(buffer.len() + MIN_READ);
    let mut kept = pool::take_message_buffer();
    if kept.capacity() >= buffer.len() + more {
        kept.extend_from_slice(&buffer);
        pool::return_message_buffer(buffer);
        return kept;
    }
    pool::return_message_buffer(kept);
    buffer.reserve_exact(more);
    buffer
}

impl State {
    /// Whether input is wanted that has not arrived.
    fn wants_input(&self) -> bool {
        !self.input.is_held()
            && !self.receiver_holds_input
            && (self.is_reading_alone() || matches!(self.reader, Reader::Waiting(_)))
    }

    /// Whether the task reads by itself: the Receiver is gone, or our Close was sent and what
    /// arrives is only looked through for the peer's.
    pub(super) fn is_reading_alone(&self) -> bool {
        !self.receiver_holds_input
            && (self.reader == Reader::Gone || self.outbound.has_sent_close())
    }

    /// Whether the task reads at present.
    pub(super) fn is_reading(&self, max_queued: usize) -> bool {
        self.would_read() && self.queued() < max_queued
    }

    /// Whether the task reads as far as the queue lets it.
    fn would_read(&self) -> bool {
        self.phase == Phase::Open && self.wants_input()
    }

    /// Whether somebody waits for input, and the message is not one that is read into directly.
    #[inline]
    pub(super) fn is_reading_to_lease(&self) -> bool {
        matches!(self.reader, Reader::Waiting(_))
            && !self.input.is_held()
            && !self.receiver_holds_input
            && self.inbound.buffered() < DIRECT_BEHIND
    }

    /// Input waits here for whoever asks for it. Wakes the Receiver if it does, and says whether.
    pub(super) fn keep_input(&mut self, lease: Lease) -> bool {
        debug_assert!(!self.input.is_held());
        if self.phase == Phase::Open {
            self.input = lease;
        }
        let is_awaited = matches!(self.reader, Reader::Waiting(_)) && !self.is_reading_alone();
        if is_awaited {
            self.wake_reading();
        }
        is_awaited
    }

    pub(super) fn read_into(
        &mut self,
        shared: &Shared,
        allowance: u32,
        max_queued: usize,
    ) -> ReadInto {
        let is_paused = self.read_alone(shared);
        self.return_empty_outbox();
        if is_paused {
            return ReadInto::Later;
        }
        if !self.would_read() {
            return ReadInto::Nothing;
        }
        if self.queued() >= max_queued {
            return ReadInto::NothingYet;
        }
        if allowance == 0 {
            return ReadInto::Later;
        }
        if self.reader == Reader::Waiting(Delivery::Message)
            && self.inbound.buffered() >= DIRECT_BEHIND
            && let Some((buffer, remaining)) = self.inbound.take_direct(DIRECT_FROM)
        {
            return ReadInto::Direct(buffer, remaining);
        }
        ReadInto::Lease
    }

    /// Reads what arrived without a Receiver: data is judged and thrown away. Says whether
    /// there is more to do once others had their turn.
    fn read_alone(&mut self, shared: &Shared) -> bool {
        while self.phase == Phase::Open && self.is_reading_alone() {
            let mut lease = std::mem::take(&mut self.input);
            if !lease.is_held() {
                return false;
            }
            let limits = &shared.context.config.limits.message;
            let position = lease.position();
            let input = lease.unread_mut();
            let step = match self.receive(input, Delivery::Pieces, limits) {
                Ok(step) => step,
                Err(violation) => {
                    self.fail(violation);
                    return false;
                }
            };
            lease.consume(step.consumed);
            let Some(event) = step.event else { continue };
            let is_paused = event == Event::Paused;
            match event {
                Event::Close(close) => {
                    self.receive_close(close);
                    return false;
                }
                Event::NoInflater if !self.lend_inflater(shared) => return false,
                Event::Pong(at) => note_pong(self, shared, &at, lease.bytes(), position),
                Event::Piece { data, .. } if data.payload == Payload::Assembled => {
                    pool::return_message_buffer(self.inbound.take_assembled(Vec::new()));
                    self.reclaim_inflater();
                }
                _ => {}
            }
            // Input read to its end is kept too: a compressed message may have more to give.
            self.input = lease;
            if is_paused {
                return true;
            }
        }
        false
    }
}

/// Frames with so much to come are read straight into their message, in bytes.
const DIRECT_FROM: usize = 32 << 10;

/// So much of a message has come through the read buffer before it gets one of its own: an
/// announcement alone takes no memory. In bytes.
const DIRECT_BEHIND: usize = 4 << 10;

/// The least room worth a read, in bytes.
const MIN_READ: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;

    use super::*;
    use crate::net::config::Config;
    use crate::net::context::Context as Shares;

    fn opened() -> Arc<Shared> {
        let shared = Shared::new(Arc::new(Shares::new(Arc::new(Config::default()), None)), None);
        shared.lock().open();
        shared
    }

    /// A read buffer with these bytes.
    fn lease(bytes: &[u8]) -> Lease {
        let mut lease = Lease::take();
        let read = lease.poll_read(&mut &*bytes, &mut Context::from_waker(Waker::noop()));
        assert!(read.is_ready());
        lease
    }

    /// What comes first of a binary frame of 100,000 bytes, masked with zeros.
    fn beginning(len: usize) -> Vec<u8> {
        let mut bytes = vec![0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x86, 0xa0, 0, 0, 0, 0];
        bytes.resize(len, 7);
        bytes
    }

    #[tokio::test]
    async fn in_the_middle_of_a_large_message_a_connection_keeps_no_outbox() {
        let shared = opened();
        {
            let mut state = shared.lock();
            let limits = shared.context.config.limits.message;
            let mut bytes = beginning(8 << 10);
            let step = state.inbound.receive(&mut bytes, Delivery::Message, &limits);
            assert_eq!(step.unwrap().consumed, bytes.len());
            state.reader = Reader::Waiting(Delivery::Message);
        }
        let into = shared.lock().read_into(&shared, 1, 1);
        let ReadInto::Direct(buffer, remaining) = into else { panic!("not straight into it") };
        let (mut io, _peer) = tokio::io::duplex(10);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(poll_direct(&shared, &mut io, buffer, remaining, &mut cx).is_pending());
        let state = shared.lock();
        assert!(state.outbox.is_none());
        assert!(state.inbound.buffered() > 0);
    }

    #[tokio::test]
    async fn what_is_thrown_away_leaves_no_outbox() {
        let shared = opened();
        let mut state = shared.lock();
        state.reader = Reader::Gone;
        state.keep_input(lease(&beginning(1000)));
        assert!(matches!(state.read_into(&shared, 1, 1), ReadInto::Lease));
        assert!(state.outbox.is_none());
        // A Pong stays.
        let ping = [0x89, 0x80, 0, 0, 0, 0];
        state.keep_input(lease(&[&[7; 100_000 - 986][..], &ping].concat()));
        assert!(matches!(state.read_into(&shared, 1, 100), ReadInto::Lease));
        assert_eq!(state.queued(), 2);
    }
}
