//! What the task writes: the cork of the poll that has just ended, then the queue.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::transport::Transport;
use crate::net::lent::outbox::Outbox;
use crate::net::lent::pool;
use crate::net::read_vec::ReadVec;
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
                is_counted = self.writing.is_some();
                if !is_counted {
                    state.all_written(shared);
                    return;
                }
            }
            match self.poll_write_taken(shared, cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Pending => return,
                Poll::Ready(Err(error)) => return self.lose(shared, &error),
            }
        }
    }

    /// Writes the frames that were taken. The transport may buffer, as TLS does: they are written
    /// when they are flushed.
    fn poll_write_taken(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (Some(io), Some(frames)) = (&mut self.io, &mut self.writing) else {
            return Poll::Ready(Ok(()));
        };
        let written = write_all(frames, io, cx);
        if written.is_pending() {
            frames.release_buffers();
            block(shared.lock(), frames.len(), shared);
        } else if let Some(written) = self.writing.take() {
            pool::return_outbox(written);
        }
        written
    }
}

/// Notes that the transport takes no more.
pub(super) fn block(mut state: Locked<'_>, left: usize, shared: &Shared) {
    let voice = state.voice();
    if state.queue.block(left, voice, shared.drain_rate(), shared.context.now()) {
        state.timer_due = true;
    }
    state.offer_room();
}

/// Writes until everything is, and has been flushed.
fn write_all<T: AsyncWrite + Unpin>(
    frames: &mut Outbox,
    io: &mut T,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while frames.len() > 0 {
        ready!(frames.poll_write(io, cx))?;
    }
    Pin::new(io).poll_flush(cx)
}
