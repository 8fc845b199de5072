//! What the task writes: the cork of the poll that has just ended, then the queue. A message that was not
//! compressed when it was sent is compressed here, a slice in each turn, when it is the next.

use std::io;
use std::pin::Pin;
#[cfg(feature = "deflate")]
use std::pin::pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::transport::Transport;
use crate::net::lent::outbox::Outbox;
#[cfg(feature = "deflate")]
use crate::net::lent::outbox::Progress;
use crate::net::lent::pool;
#[cfg(feature = "deflate")]
use crate::net::lent::slicing::WHOLE_SLICE;
use crate::net::read_vec::ReadVec;
#[cfg(feature = "deflate")]
use crate::net::state::compression::lend_compressor;
use crate::net::state::shared::{Locked, Shared};

impl<T: ReadVec + AsyncWrite + Unpin> Transport<T> {
    /// Writes what was in the cork, then what is queued, until all of it is written or the transport
    /// takes no more. Wakes those who wait for room in the queue.
    pub(super) fn poll_write(
        &mut self,
        cork: Option<Box<Outbox>>,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) {
        // Frames that the queue has counted: it is to be told when they are written.
        let mut is_counted = self.writing.is_some();
        if let Some(frames) = cork {
            if self.writing.is_none() && self.io.is_some() && shared.glance().is_empty() {
                // Nothing is queued, and so nobody has to be asked.
                shared.count_sent(&frames.sent);
                self.writing = Some(frames);
            } else {
                shared.lock().uncork(frames);
            }
        }
        while self.io.is_some() {
            if self.writing.is_none() {
                if !is_counted && shared.glance().is_empty() {
                    return;
                }
                let mut state = shared.lock();
                self.writing = state.queue.take_next(shared.drain_rate());
                state.offer_room();
                if let Some(frames) = &self.writing {
                    shared.count_sent(&frames.sent);
                }
                is_counted = self.writing.is_some();
                if !is_counted {
                    state.all_written(shared);
                    return;
                }
            }
            match self.poll_write_taken(shared, cx) {
                Poll::Ready(Ok(Written::All)) => {}
                #[cfg(feature = "deflate")]
                Poll::Ready(Ok(Written::UpToUncompressed)) => match self.compress(shared, cx) {
                    Progress::GoOn => {}
                    Progress::InTheNextTurn => {
                        let _ = pin!(tokio::task::yield_now()).poll(cx);
                        return;
                    }
                    Progress::Awaited => return,
                },
                #[cfg(not(feature = "deflate"))]
                Poll::Ready(Ok(Written::UpToUncompressed)) => return,
                Poll::Pending => return,
                Poll::Ready(Err(error)) => return self.lose(shared, &error),
            }
        }
    }

    /// Writes the frames that were taken. The transport may buffer, as TLS does: they are written
    /// when they are flushed.
    fn poll_write_taken(
        &mut self,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Written>> {
        let (Some(io), Some(frames)) = (&mut self.io, &mut self.writing) else {
            return Poll::Ready(Ok(Written::All));
        };
        let before = frames.len();
        let written = write_all(frames, io, cx);
        shared.context.tally.wrote(before - frames.len());
        if written.is_pending() {
            frames.release_buffers();
            block(shared.lock(), frames.len(), shared);
        } else if !matches!(written, Poll::Ready(Ok(Written::UpToUncompressed)))
            && let Some(written) = self.writing.take()
        {
            pool::return_outbox(written);
        }
        written
    }

    /// Compresses the message that is next, up to a slice in each turn.
    #[cfg(feature = "deflate")]
    fn compress(&mut self, shared: &Shared, cx: &Context<'_>) -> Progress {
        let Some(frames) = &mut self.writing else { return Progress::GoOn };
        let mut state = shared.lock();
        let now = shared.context.now();
        let pong = state.queue.compress(frames.len(), shared.drain_rate(), now);
        // RFC 6455 §5.5.1: no message follows our Close, which waits behind this one.
        let is_closing = !state.queue.outbound().is_open();
        state.offer_room();
        drop(state);
        if let Some(pong) = pong {
            frames.insert(pong.copied());
            shared.count_sent(&pong.sent);
            pool::return_outbox(pong);
            return Progress::GoOn;
        }
        if self.compressed >= WHOLE_SLICE {
            return Progress::InTheNextTurn;
        }
        let lend = |shape| lend_compressor(&shared.context, shape);
        let spent = &mut self.compressed;
        let progress = frames.compress_next(
            |message| message.slice(is_closing, spent, &lend, cx.waker()),
            |inflated, deflated| shared.context.tally.deflated(inflated, deflated),
        );
        shared.lock().queue.resize(frames.len());
        progress
    }
}

/// How far writing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// Everything is written and flushed.
    All,
    /// A message is next that is to be compressed first.
    UpToUncompressed,
}

/// Notes that the transport takes no more.
pub(super) fn block(mut state: Locked<'_>, left: usize, shared: &Shared) {
    let voice = state.voice();
    if state.queue.block(left, voice, shared.drain_rate(), shared.context.now()) {
        state.timer_due = true;
    }
    state.offer_room();
}

/// Writes until everything is, and has been flushed; or up to a message that is to be compressed.
fn write_all<T: AsyncWrite + Unpin>(
    frames: &mut Outbox,
    io: &mut T,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Written>> {
    while frames.len() > 0 {
        if frames.is_to_compress() {
            // What stands before it does not wait for it.
            let _ = Pin::new(io).poll_flush(cx)?;
            return Poll::Ready(Ok(Written::UpToUncompressed));
        }
        ready!(frames.poll_write(io, cx))?;
    }
    ready!(Pin::new(io).poll_flush(cx))?;
    Poll::Ready(Ok(Written::All))
}
