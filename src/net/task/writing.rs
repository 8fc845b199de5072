//! The transport of one connection, and what the task does with it: read for whoever waits,
//! write what is queued, end TCP in order (RFC 6455 §7.1.1).

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::lease::Lease;
use super::outbox::Outbox;
use super::pool;
use super::read_vec::ReadVec;
use super::reading::{Direct, ReadInto, poll_direct};
use super::shared::{Locked, Shared};
use super::state::Phase;
use crate::proto::keepalive::Keepalive;

/// The transport, as long as it is there, and the frames that are being written to it.
pub(super) struct Transport<T> {
    io: Option<T>,
    writing: Option<Box<Outbox>>,
    keepalive: Keepalive,
    /// Bytes that may still be read: before other connections get their turn, and after our FIN
    /// before the connection is cut.
    allowance: u32,
    /// Whether the fault that ends the connection has been logged.
    is_reported: bool,
    end: End,
}

/// What reading came to.
pub(super) enum Input {
    /// Nothing that the handler is to be polled for.
    Nothing,
    /// Nothing either, but reading goes on when some of the queue has been written.
    NothingYet,
    /// The state has it, and was told that the handler is polled.
    Told,
    /// It is for the Receiver, which waits in the handler. The state knows nothing of it.
    Handed(Lease),
}

/// How far the end of TCP has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Not begun.
    NotYet,
    /// The peer's FIN was read.
    PeerEnded,
    /// Our FIN is out; what still arrives is thrown away.
    Draining,
}

impl<T: ReadVec + AsyncWrite + Unpin> Transport<T> {
    pub(super) fn new(io: T) -> Transport<T> {
        Transport {
            io: Some(io),
            writing: None,
            keepalive: Keepalive::default(),
            allowance: 0,
            end: End::NotYet,
            is_reported: false,
        }
    }

    pub(super) fn io(&mut self) -> Option<&mut T> {
        self.io.as_mut()
    }

    /// The task was polled: it may read again.
    pub(super) fn begin_turn(&mut self) {
        if self.end != End::Draining {
            self.allowance = READ_PER_TURN;
        }
    }

    /// Reads if somebody waits for input.
    pub(super) fn poll_input(&mut self, shared: &Arc<Shared>, cx: &mut Context<'_>) -> Input {
        let input = self.read(shared, cx);
        if matches!(input, Input::Nothing | Input::NothingYet) && shared.glance().is_timer_due() {
            // What has arrived by now counts before the clock does.
            shared.check_timers_if_due(&mut shared.lock(), &mut self.keepalive);
        }
        input
    }

    fn read(&mut self, shared: &Arc<Shared>, cx: &mut Context<'_>) -> Input {
        let Some(io) = &mut self.io else { return Input::Nothing };
        let max_queued = shared.context.config.limits.max_queued;
        loop {
            let glance = shared.glance();
            let into = if self.allowance > 0 && glance.is_reading(max_queued) {
                ReadInto::Lease
            } else {
                shared.lock().read_into(shared, self.allowance, max_queued)
            };
            let read = match into {
                ReadInto::Nothing => return Input::Nothing,
                ReadInto::NothingYet => return Input::NothingYet,
                ReadInto::Later => {
                    let _ = pin!(tokio::task::yield_now()).poll(cx);
                    return Input::Nothing;
                }
                ReadInto::Lease => {
                    let mut lease = Lease::take();
                    let Poll::Ready(read) = lease.poll_read(io, cx) else {
                        return Input::Nothing;
                    };
                    if let Ok(len @ 1..) = read {
                        spend(&mut self.allowance, len);
                        hear(&mut self.keepalive, shared);
                        if glance.is_waiting_here() {
                            return Input::Handed(lease);
                        }
                        let mut state = shared.lock();
                        if state.keep_input(lease) {
                            state.begin_polling();
                            return Input::Told;
                        }
                    }
                    read
                }
                ReadInto::Direct(buffer, remaining) => {
                    match poll_direct(shared, io, buffer, remaining, cx) {
                        Poll::Pending => return Input::Nothing,
                        Poll::Ready(Ok(Direct::Complete)) => {
                            hear(&mut self.keepalive, shared);
                            spend(&mut self.allowance, remaining);
                            return Input::Told;
                        }
                        Poll::Ready(Ok(Direct::Read(read))) => {
                            hear(&mut self.keepalive, shared);
                            spend(&mut self.allowance, read);
                            Ok(read)
                        }
                        Poll::Ready(Err(error)) => Err(error),
                    }
                }
            };
            match read {
                Ok(1..) => {}
                Ok(0) => {
                    self.end = End::PeerEnded;
                    let mut state = shared.lock();
                    state.lose(None);
                    state.begin_polling();
                    return Input::Told;
                }
                Err(error) => {
                    let mut state = shared.lock();
                    state.lose(Some(error.kind()));
                    state.begin_polling();
                    drop(state);
                    self.drop_io();
                    return Input::Told;
                }
            }
        }
    }

    /// Writes what goes before everything that is queued, without the lock: nothing was queued
    /// when the first of it was sent. What the transport does not take stays for
    /// [`Transport::poll_output`], which is to follow.
    pub(super) fn write_first(
        &mut self,
        mut frames: Box<Outbox>,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) {
        debug_assert!(self.writing.is_none());
        let Some(io) = &mut self.io else { return pool::return_outbox(frames) };
        match write_out(&mut frames, io, cx) {
            Poll::Ready(Ok(())) => pool::return_outbox(frames),
            Poll::Ready(Err(error)) => self.lose(shared, &error),
            Poll::Pending => self.writing = Some(frames),
        }
    }

    /// Whether nothing is being written.
    pub(super) fn is_idle(&self) -> bool {
        self.writing.is_none()
    }

    fn lose(&mut self, shared: &Shared, error: &io::Error) {
        shared.lock().lose(Some(error.kind()));
        self.drop_io();
    }

    /// Writes what is queued, and wakes who waited for room in the queue.
    pub(super) fn poll_output<'a>(
        &mut self,
        state: Locked<'a>,
        shared: &'a Shared,
        cx: &mut Context<'_>,
    ) {
        if let Poll::Ready(Err(error)) = self.write_all(state, shared, cx) {
            self.lose(shared, &error);
        }
    }

    fn write_all<'a>(
        &mut self,
        mut state: Locked<'a>,
        shared: &'a Shared,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(())) };
        let max_queued = shared.context.config.limits.max_queued;
        loop {
            if self.writing.is_none() {
                self.writing = state.next_outbox();
                state.offer_room(max_queued);
            }
            drop(state);
            let Some(writing) = &mut self.writing else { return Poll::Ready(Ok(())) };
            let mut has_progressed = false;
            loop {
                // A transport that buffers, as TLS does, is done when it is flushed.
                let is_all_written = writing.len() == 0;
                let written = if is_all_written {
                    Pin::new(&mut *io).poll_flush(cx)
                } else {
                    writing.poll_write(io, cx).map_ok(drop)
                };
                if let Poll::Ready(Ok(())) = written
                    && writing.len() == 0
                {
                    if is_all_written {
                        break;
                    }
                    has_progressed = true;
                    continue;
                }
                let now = shared.context.now();
                let mut state = shared.lock();
                state.in_flight = writing.len();
                match written {
                    Poll::Ready(Ok(())) => state.unblock(),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        state.outbound.set_congested(true);
                        writing.release_buffers();
                        if let Some(waiting) = &mut state.outbox {
                            waiting.release_buffers();
                        }
                        if has_progressed || state.blocked_since().is_none() {
                            state.rare().blocked_since = Some(now);
                            state.timer_due = true;
                        }
                        state.offer_room(max_queued);
                        return Poll::Pending;
                    }
                }
            }
            if let Some(written) = self.writing.take() {
                pool::return_outbox(written);
            }
            state = shared.lock();
        }
    }

    /// Ends TCP once everything is written: our FIN, what still arrives thrown away until the
    /// peer's FIN, then close.
    pub(super) fn poll_end(&mut self, shared: &Arc<Shared>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut state = shared.lock();
            if state.phase == Phase::Closed {
                return Poll::Ready(());
            }
            shared.check_timers_if_due(&mut state, &mut self.keepalive);
            // What another thread has queued just now comes first; it has woken this task. What
            // waits behind a blocked write does not keep an overdue transport.
            let is_queued = self.io.is_some() && self.writing.is_none() && state.has_outbox();
            if state.phase != Phase::Finishing || is_queued {
                return Poll::Pending;
            }
            let is_overdue = state.is_overdue;
            drop(state);
            self.is_reported = self.is_reported || shared.report_fault();
            let Some(io) = &mut self.io else {
                shared.end(self.is_reported);
                return Poll::Ready(());
            };
            if is_overdue && (self.writing.is_some() || self.end != End::NotYet) {
                self.drop_io();
                continue;
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
                End::Draining => {
                    let mut lease = Lease::take();
                    match ready!(lease.poll_read(io, cx)) {
                        Ok(read @ 1..) if self.allowance > 0 => spend(&mut self.allowance, read),
                        _ => self.drop_io(),
                    }
                }
            }
        }
    }

    fn drop_io(&mut self) {
        self.io = None;
        self.writing = None;
    }
}

/// Writes until everything is, and has been flushed.
fn write_out<T: AsyncWrite + Unpin>(
    frames: &mut Outbox,
    io: &mut T,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while frames.len() > 0 {
        ready!(frames.poll_write(io, cx))?;
    }
    Pin::new(io).poll_flush(cx)
}

/// A byte came from the peer. An answered Ping moves the next look at the clock forward.
fn hear(keepalive: &mut Keepalive, shared: &Shared) {
    if keepalive.heard(shared.context.now()) {
        shared.lock().timer_due = true;
    }
}

fn spend(allowance: &mut u32, read: usize) {
    *allowance = u32::try_from(read).map_or(0, |read| allowance.saturating_sub(read));
}

/// What one connection reads before others get their turn, in bytes.
const READ_PER_TURN: u32 = 256 << 10;

/// Bytes thrown away after our FIN before the connection is cut.
const MAX_DRAINED: u32 = 64 << 20;
