//! The end of TCP once everything is written: our FIN, what still arrives thrown away until the
//! peer's FIN, then close (RFC 6455 §7.1.1).

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::reading::READ_PER_TURN;
use super::transport::{End, Transport};
use crate::net::lent::lease::Lease;
use crate::net::read_vec::ReadVec;
use crate::net::state::shared::Shared;

impl<T: ReadVec + AsyncWrite + Unpin> Transport<T> {
    /// Ends TCP when the connection finishes; ready when the transport is gone.
    pub(super) fn poll_end(&mut self, shared: &Arc<Shared>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let is_overdue = {
                let mut state = shared.lock();
                if shared.settle_memory(&mut state, self.writing.as_deref()) {
                    // The Close is written in the next turn.
                    cx.waker().wake_by_ref();
                }
                if state.life.is_closed() {
                    return Poll::Ready(());
                }
                shared.check_timers_if_due(&mut state, &mut self.keepalive);
                // What another thread has queued just now comes first; it has woken this task. What
                // waits behind a blocked write does not keep an overdue transport.
                let is_queued =
                    self.io.is_some() && self.writing.is_none() && state.queue.has_waiting();
                if !state.life.is_finishing() || is_queued {
                    // What is left of the input waits for a busy Receiver.
                    state.reading.settle();
                    return Poll::Pending;
                }
                state.life.is_overdue()
            };
            self.is_reported = self.is_reported || shared.report_fault();
            if self.io.is_none() {
                shared.end(self.is_reported);
                return Poll::Ready(());
            }
            ready!(self.poll_end_of_tcp(is_overdue, shared, cx));
        }
    }

    /// Goes one step on; pending while the peer is waited for.
    fn poll_end_of_tcp(
        &mut self,
        is_overdue: bool,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let Some(io) = &mut self.io else { return Poll::Ready(()) };
        if is_overdue && (self.writing.is_some() || self.end != End::NotYet) {
            self.drop_io();
            return Poll::Ready(());
        }
        if self.writing.is_some() {
            return Poll::Pending;
        }
        match self.end {
            End::NotYet | End::PeerEnded => match Pin::new(io).poll_shutdown(cx) {
                Poll::Pending if !is_overdue => return Poll::Pending,
                Poll::Ready(Ok(())) if self.end == End::NotYet && !is_overdue => {
                    self.end = End::Draining;
                    self.allowance = MAX_DRAINED;
                }
                _ => self.drop_io(),
            },
            End::Draining => match ready!(Lease::poll_read(io, cx)) {
                Ok(drained) if !drained.is_empty() && self.allowance > 0 => {
                    let turn = self.allowance / READ_PER_TURN;
                    self.spend(drained.len());
                    shared.count_read(drained.len(), shared.context.now());
                    if self.allowance / READ_PER_TURN != turn {
                        // Others get their turn.
                        let _ = pin!(tokio::task::yield_now()).poll(cx);
                        return Poll::Pending;
                    }
                }
                _ => self.drop_io(),
            },
        }
        Poll::Ready(())
    }
}

/// Bytes thrown away after our FIN before the connection is cut.
const MAX_DRAINED: u32 = 64 << 20;
