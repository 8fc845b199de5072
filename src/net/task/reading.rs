//! What the task reads: into a lease, or straight into the message that the Receiver waits for.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use super::transport::{End, Transport};
use crate::net::lent::lease::Lease;
use crate::net::lent::pool;
use crate::net::read_vec::ReadVec;
use crate::net::state::Advanced;
use crate::net::state::shared::Shared;

/// What reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// Nothing, for now.
    Nothing,
    /// Something that the task has dealt with; there may be more, and something to write.
    ForTask,
    /// Something that the handler may wait for: data, or the end.
    ForHandler,
}

/// What to read into.
enum ReadInto {
    /// Nothing: the task does not read.
    Nothing,
    /// Nothing now: others get their turn first.
    Later,
    Lease,
    /// The buffer of the message, and how many bytes its frame still has.
    Message(Vec<u8>, usize),
}

impl<T: ReadVec + AsyncWrite + Unpin> Transport<T> {
    /// The task was polled: it may read again.
    pub(super) fn begin_turn(&mut self) {
        #[cfg(feature = "deflate")]
        {
            self.compressed = 0;
        }
        if self.end != End::Draining {
            self.allowance = READ_PER_TURN;
        }
    }

    /// Deals with input that the Receiver has given back, then reads once.
    pub(super) fn poll_read(&mut self, shared: &Arc<Shared>, cx: &mut Context<'_>) -> Arrived {
        let into = if self.io.is_none() {
            ReadInto::Nothing
        } else if self.allowance > 0 && shared.glance().is_at_rest() {
            ReadInto::Lease
        } else {
            match self.advance(shared) {
                Ok(into) => into,
                Err(arrived) => return arrived,
            }
        };
        let arrived = match into {
            ReadInto::Nothing => Arrived::Nothing,
            ReadInto::Later => {
                let _ = pin!(tokio::task::yield_now()).poll(cx);
                Arrived::Nothing
            }
            ReadInto::Lease => self.read_lease(shared, cx),
            ReadInto::Message(buffer, remaining) => {
                self.read_message(shared, buffer, remaining, cx)
            }
        };
        if arrived == Arrived::Nothing && shared.glance().is_timer_due() {
            // What has arrived by now counts before the clock does, and so does what the peer has taken.
            self.judge_drain(shared);
            shared.check_timers_if_due(&mut shared.lock(), &mut self.keepalive);
        }
        arrived
    }

    /// Deals with the input that is here, and says what to read into.
    fn advance(&mut self, shared: &Shared) -> Result<ReadInto, Arrived> {
        let mut state = shared.lock();
        if !state.life.is_open() {
            return Ok(ReadInto::Nothing);
        }
        let was_queued = state.queue.len();
        match state.advance(shared) {
            Advanced::Over => return Err(Arrived::ForHandler),
            Advanced::Paused => return Ok(ReadInto::Later),
            _ if state.queue.len() != was_queued => return Err(Arrived::ForTask),
            // The Receiver looks itself, when it asks.
            Advanced::ToData => return Ok(ReadInto::Nothing),
            Advanced::ToTheEnd => {}
        }
        // The Receiver may have the input.
        Ok(if !state.reading.wants_input() {
            ReadInto::Nothing
        } else if self.allowance == 0 {
            ReadInto::Later
        } else if let Some((buffer, remaining)) = state.reading.take_direct() {
            ReadInto::Message(buffer, remaining)
        } else {
            ReadInto::Lease
        })
    }

    fn read_lease(&mut self, shared: &Arc<Shared>, cx: &mut Context<'_>) -> Arrived {
        let Some(io) = &mut self.io else { return Arrived::Nothing };
        let lease = match Lease::poll_read(io, cx) {
            Poll::Pending => {
                if shared.at_hand().judges_pace {
                    shared.lock().note_caught_up();
                }
                return Arrived::Nothing;
            }
            Poll::Ready(Err(error)) => return self.end_by(shared, Some(&error)),
            Poll::Ready(Ok(lease)) if lease.is_empty() => return self.end_by(shared, None),
            Poll::Ready(Ok(lease)) => lease,
        };
        self.hear(shared, lease.len());
        match shared.lock().arrive(lease, shared) {
            Advanced::ToTheEnd => Arrived::ForTask,
            // The next look goes on with it, once others had their turn.
            Advanced::Paused => {
                self.allowance = 0;
                Arrived::ForTask
            }
            Advanced::ToData | Advanced::Over => Arrived::ForHandler,
        }
    }

    /// Reads more of a large frame straight into its message.
    fn read_message(
        &mut self,
        shared: &Arc<Shared>,
        mut buffer: Vec<u8>,
        remaining: usize,
        cx: &mut Context<'_>,
    ) -> Arrived {
        let Some(io) = &mut self.io else { return Arrived::Nothing };
        let before = buffer.len();
        // The buffer grows with what has arrived, never with what the header promises.
        if buffer.capacity() - before < remaining.min(MIN_READ) {
            let more = remaining.min(before / 2 + MIN_READ);
            if !shared.may_grow(before, more) {
                drop(buffer);
                shared.refuse_message(&mut shared.lock());
                return Arrived::ForHandler;
            }
            buffer = grow(buffer, more);
        }
        let limit = remaining.min(buffer.capacity() - before);
        let read = io.poll_read_vec(cx, &mut buffer, limit);
        let appended = buffer.len() - before;
        let mut state = shared.lock();
        let restored = state.reading.restore_direct(buffer, appended);
        if appended > 0 {
            state.reading.rest_arrived(shared.context.now());
            if state.reading.lacks_rest() {
                state.await_rest(shared);
            }
        }
        if let Err(violation) = restored {
            state.fail(violation);
        } else if appended == remaining || !state.reading.awaits_rest() {
            // A Receiver that waits for pieces by now takes what there is.
            state.wake_receiver();
        }
        drop(state);
        match read {
            Poll::Pending => Arrived::Nothing,
            Poll::Ready(Err(error)) => self.end_by(shared, Some(&error)),
            Poll::Ready(Ok(0)) => self.end_by(shared, None),
            Poll::Ready(Ok(read)) => {
                self.hear(shared, read);
                let is_done = restored.is_err() || appended == remaining;
                if is_done { Arrived::ForHandler } else { Arrived::ForTask }
            }
        }
    }

    /// The transport has ended, or failed.
    fn end_by(&mut self, shared: &Shared, error: Option<&io::Error>) -> Arrived {
        match error {
            // TLS has an alert to send, which goes before our FIN.
            Some(error) if error.kind() == io::ErrorKind::InvalidData => {
                let mut state = shared.lock();
                state.lose(Some(error.kind()));
                let unsent = state.queue.shut();
                drop(state);
                drop((unsent, self.writing.take()));
            }
            Some(error) => self.lose(shared, error),
            None => {
                self.end = End::PeerEnded;
                shared.lock().lose(None);
            }
        }
        Arrived::ForHandler
    }

    /// Bytes came from the peer. An answered Ping moves the next look at the clock forward.
    fn hear(&mut self, shared: &Shared, read: usize) {
        self.spend(read);
        let now = shared.context.now();
        shared.count_read(read, now);
        if self.keepalive.heard(now) {
            shared.lock().timer_due = true;
        }
    }
}

/// Makes room in the buffer of a message for half as much again as it holds: in a buffer that the
/// thread has kept, if there is a larger one.
fn grow(mut buffer: Vec<u8>, more: usize) -> Vec<u8> {
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

/// The least room worth a read, in bytes.
const MIN_READ: usize = 16 << 10;

/// What one connection reads before others get their turn, in bytes.
pub(super) const READ_PER_TURN: u32 = 256 << 10;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Wake, Waker};

    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::net::config::Config;
    use crate::net::state::context::Context as Shares;
    use crate::net::state::marks::Marks;
    use crate::proto::event::Delivery;

    fn opened() -> Arc<Shared> {
        let shared = Shared::new(
            Arc::new(Shares::new(Arc::new(Config::default()), None)),
            None,
            Marks::default(),
        );
        shared.lock().open();
        shared
    }

    /// A read buffer with these bytes.
    fn lease(bytes: &[u8]) -> Lease {
        match Lease::poll_read(&mut &*bytes, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(lease)) => lease,
            other => panic!("{other:?}"),
        }
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
            state.arrive(lease(&beginning(8 << 10)), &shared);
            state.receive_one(Delivery::Message, &shared);
            state.reading.await_input(Delivery::Message);
        }
        let (io, _peer) = tokio::io::duplex(10);
        let mut transport = Transport::new(io);
        transport.begin_turn();
        let into = transport.advance(&shared);
        let Ok(ReadInto::Message(buffer, remaining)) = into else { panic!("not into the message") };
        let mut cx = Context::from_waker(Waker::noop());
        let arrived = transport.read_message(&shared, buffer, remaining, &mut cx);
        assert_eq!(arrived, Arrived::Nothing);
        let mut state = shared.lock();
        assert!(state.queue.shut().is_none());
        assert!(state.reading.take_direct().is_some());
    }

    struct Noted(AtomicBool);

    impl Wake for Noted {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// The Receiver gives `recv` up and waits for pieces, on another thread, while the task reads.
    #[tokio::test]
    async fn a_receiver_that_asks_for_pieces_during_a_read_is_woken_for_what_was_read() {
        let shared = opened();
        {
            let mut state = shared.lock();
            state.arrive(lease(&beginning(8 << 10)), &shared);
            state.receive_one(Delivery::Message, &shared);
            state.reading.await_input(Delivery::Message);
        }
        let (io, mut peer) = tokio::io::duplex(10);
        peer.write_all(&[7; 10]).await.unwrap();
        let mut transport = Transport::new(io);
        transport.begin_turn();
        let into = transport.advance(&shared);
        let Ok(ReadInto::Message(buffer, remaining)) = into else { panic!("not into the message") };
        let noted = Arc::new(Noted(AtomicBool::new(false)));
        {
            let mut state = shared.lock();
            drop(state.forget_receiver());
            state.wait_for_input(&noted.clone().into());
        }
        let mut cx = Context::from_waker(Waker::noop());
        let arrived = transport.read_message(&shared, buffer, remaining, &mut cx);
        assert_eq!(arrived, Arrived::ForTask);
        assert!(noted.0.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn what_is_thrown_away_leaves_no_outbox() {
        let shared = opened();
        let mut state = shared.lock();
        state.reading.lose_receiver();
        let arrived = state.arrive(lease(&beginning(1000)), &shared);
        assert_eq!(arrived, Advanced::ToTheEnd);
        assert!(state.reading.wants_input() && !state.queue.has_waiting());
        // A Pong stays.
        let ping = [0x89, 0x80, 0, 0, 0, 0];
        state.arrive(lease(&[&[7; 100_000 - 986][..], &ping].concat()), &shared);
        assert!(state.reading.wants_input());
        assert_eq!(state.queue.len(), 2);
        assert!(state.queue.shut().is_some());
    }
}
