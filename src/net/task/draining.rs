//! Peers that take what is queued for them too slowly (`state/drain.rs` says what that is).

use std::io::ErrorKind;

use tokio::io::AsyncWrite;

use super::transport::Transport;
use super::writing::block;
use crate::net::ending::TimeoutKind;
use crate::net::lent::pool;
use crate::net::read_vec::ReadVec;
use crate::net::state::State;
use crate::net::state::counted::Counted;
use crate::net::state::shared::Shared;

impl<T: ReadVec + AsyncWrite + Unpin> Transport<T> {
    /// A timer is due. If it is that of a peer that takes too little: tries a write, whatever the transport
    /// is known to be ready for, and judges what the peer has taken by then.
    pub(super) fn judge_drain(&mut self, shared: &Shared) {
        if !shared.is_drain_overdue() {
            return;
        }
        self.try_write(shared);
        if self.io.is_none() {
            return;
        }
        let deadline = shared.close_deadline();
        let mut state = shared.lock();
        if !shared.is_overdue(&state) {
            return;
        }
        if self.writing.as_ref().is_some_and(|frames| frames.is_to_compress()) {
            // The transport refuses nothing at present.
            return state.queue.spare(shared.drain_rate(), shared.context.now());
        }
        shared.context.count(Counted::SlowPeer);
        let was_closing = !state.queue.outbound().is_open();
        if was_closing {
            // Our Close stands behind what the peer does not take.
            return state.expire_at_once(TimeoutKind::Drain);
        }
        // A frame that is partly written has to end before the Close can come.
        let unbegun = self.writing.as_mut().map(|frames| frames.take_unbegun());
        let left = self.writing.as_ref().map_or(0, |frames| frames.len());
        let unsent = state.fail_slow_peer(left, deadline);
        drop(state);
        drop((unbegun, unsent));
        if left == 0 {
            self.writing.take().into_iter().for_each(pool::return_outbox);
        }
        self.try_last_write(shared);
    }

    /// Has the transport take the end of the frame and the Close, if it can be brought to.
    fn try_last_write(&mut self, shared: &Shared) {
        if let Some(io) = &mut self.io {
            io.make_room();
        }
        self.try_write(shared);
    }

    /// Writes what the transport takes of all that is queued, whatever it is known to be ready for.
    fn try_write(&mut self, shared: &Shared) {
        while let Some(io) = &mut self.io {
            let Some(frames) = &mut self.writing else {
                let mut state = shared.lock();
                self.writing = state.queue.take_next(shared.drain_rate());
                state.offer_room();
                match &self.writing {
                    Some(frames) => shared.count_sent(&frames.sent),
                    None => return state.all_written(shared),
                }
                continue;
            };
            let is_taken = frames.len() == 0;
            let held = io.unflushed();
            let before = frames.len();
            let tried = if is_taken { io.try_flush() } else { frames.try_write(io).map(drop) };
            shared.context.tally.wrote(before - frames.len());
            match tried {
                Ok(()) if is_taken => {
                    self.writing.take().into_iter().for_each(pool::return_outbox);
                }
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // What the transport held counts too, once the peer has it.
                    let flushed = held.saturating_sub(io.unflushed());
                    let mut state = shared.lock();
                    state.queue.credit(flushed, shared.drain_rate(), shared.context.now());
                    return block(state, frames.len(), shared);
                }
                Err(error) => return self.lose(shared, &error),
            }
        }
    }
}

impl Shared {
    /// Whether the time is over in which the peer was to take more of what is owed to it.
    fn is_drain_overdue(&self) -> bool {
        self.is_overdue(&self.lock())
    }

    fn is_overdue(&self, state: &State) -> bool {
        let is_judged = state.life.is_open() || state.life.is_end_unseen();
        is_judged && state.queue.drain_by().is_past(self.context.now())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::pin::Pin;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::net::config::Config;
    use crate::net::ending::{Ending, SentClose};
    use crate::net::handles::incoming::Incoming;
    use crate::net::state::context::Context as Shares;
    use crate::net::task::connection::serve_transport;
    use crate::proto::close::CloseCode;

    /// A transport as a kernel is one: it takes bytes, but does not say so again once it has refused some.
    #[derive(Clone, Default)]
    struct Silent(Arc<Mutex<Wire>>);

    #[derive(Default)]
    struct Wire {
        input: Vec<u8>,
        taken: Vec<u8>,
        room: usize,
        /// Room that there is for the last that is written.
        spare: usize,
        has_refused: bool,
        tries: usize,
        /// Takes all that is written, and holds what there is no room for.
        holds: bool,
        held: Vec<u8>,
    }

    impl Wire {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.holds {
                self.held.extend_from_slice(bytes);
                return Ok(bytes.len());
            }
            let len = bytes.len().min(self.room);
            if len == 0 {
                self.has_refused = true;
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= len;
            self.taken.extend_from_slice(&bytes[..len]);
            Ok(len)
        }
    }

    impl ReadVec for Silent {
        fn poll_read_vec(
            &mut self,
            _: &mut Context<'_>,
            buffer: &mut Vec<u8>,
            _: usize,
        ) -> Poll<io::Result<usize>> {
            let mut wire = self.0.lock().unwrap();
            if wire.input.is_empty() {
                return Poll::Pending;
            }
            buffer.append(&mut wire.input);
            Poll::Ready(Ok(buffer.len()))
        }

        fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut wire = self.0.lock().unwrap();
            wire.tries += 1;
            wire.write(bytes)
        }

        fn unflushed(&mut self) -> usize {
            self.0.lock().unwrap().held.len()
        }

        fn try_flush(&mut self) -> io::Result<()> {
            let wire = &mut *self.0.lock().unwrap();
            wire.tries += 1;
            let len = wire.held.len().min(wire.room);
            wire.room -= len;
            wire.taken.extend(wire.held.drain(..len));
            if wire.held.is_empty() { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
        }

        fn make_room(&mut self) {
            let mut wire = self.0.lock().unwrap();
            wire.room += std::mem::take(&mut wire.spare);
        }
    }

    impl AsyncWrite for Silent {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let mut wire = self.0.lock().unwrap();
            if wire.has_refused {
                return Poll::Pending;
            }
            wire.write(bytes).map_or(Poll::Pending, |len| Poll::Ready(Ok(len)))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            let is_flushed = self.0.lock().unwrap().held.is_empty();
            if is_flushed { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    const REQUEST: &[u8] =
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

    /// Bytes of all messages with their headers.
    const ALL: usize = 4 * (100_000 + 10);

    /// Sends four messages of 100,000 bytes to a transport with this room, and closes.
    fn serve(wire: &Silent) -> tokio::task::JoinHandle<Ending> {
        {
            let mut wire = wire.0.lock().unwrap();
            wire.input = REQUEST.to_vec();
            wire.room = 1000;
        }
        let mut config = Config::default();
        config.timeouts.keepalive_interval = None;
        let shares = Arc::new(Shares::new(Arc::new(config), None));
        let handler = async |incoming: Incoming| {
            let (receiver, sender) = incoming.accept()?.split();
            for _ in 0..4 {
                sender.send(vec![7; 100_000])?;
            }
            drop(receiver);
            sender.closed().await;
            Ok::<(), crate::net::error::Error>(())
        };
        tokio::spawn(serve_transport(wire.clone(), None, shares, handler))
    }

    #[tokio::test(start_paused = true)]
    async fn a_transport_that_does_not_say_that_it_takes_bytes_is_tried_before_the_peer_is_judged()
    {
        let wire = Silent::default();
        let serving = serve(&wire);
        let mut served = Box::pin(serving);
        for _ in 0..10 {
            // 2 KiB/s
            tokio::select! {
                ending = &mut served => panic!("{ending:?}"),
                () = sleep(Duration::from_secs(64)) => {}
            }
            wire.0.lock().unwrap().room += 128 << 10;
        }
        let wire = wire.0.lock().unwrap();
        let is_end = |four: &[u8]| four == b"\r\n\r\n";
        let head = wire.taken.windows(4).position(is_end).unwrap() + 4;
        assert_eq!(wire.taken.len() - head, ALL);
        // There is no other way that they went.
        assert!(wire.has_refused && wire.tries < 50, "{}", wire.tries);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_transport_holds_is_tried_too_and_counts_when_the_peer_has_it() {
        let wire = Silent::default();
        wire.0.lock().unwrap().holds = true;
        let serving = serve(&wire);
        let mut served = Box::pin(serving);
        for _ in 0..10 {
            // 2 KiB/s
            tokio::select! {
                ending = &mut served => panic!("{ending:?}"),
                () = sleep(Duration::from_secs(64)) => {}
            }
            wire.0.lock().unwrap().room += 128 << 10;
        }
        let wire = wire.0.lock().unwrap();
        assert!(wire.held.is_empty() && wire.taken.len() > ALL, "{} held", wire.held.len());
        assert!(wire.tries < 50, "{}", wire.tries);
    }

    #[tokio::test(start_paused = true)]
    async fn a_close_1008_goes_into_the_last_room_behind_the_frame_that_is_begun() {
        for (spare, sent) in [
            (99_000, SentClose::NotSent),
            (200_000, SentClose::WithCode(CloseCode::POLICY_VIOLATION)),
        ] {
            let wire = Silent::default();
            wire.0.lock().unwrap().spare = spare;
            let start = Instant::now();
            let ending = serve(&wire).await.unwrap();
            assert_eq!((ending.timeout, ending.sent), (Some(TimeoutKind::Drain), sent));
            // The Close, or the peer's FIN, has its time.
            assert_eq!(start.elapsed().as_secs(), 256 + 5);
            let wire = wire.0.lock().unwrap();
            let has_close = wire.taken.ends_with(b"bytes are taken too slowly");
            assert_eq!(has_close, sent.is_sent());
            assert!(wire.taken.len() < 101_000, "more than the first message was written");
        }
    }
}
