//! The connection task: it alone reads, writes and runs the timers, and it polls the handler.
//!
//! One turn reads once, polls the handler with what came, and writes all replies in one write.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};

use super::context::Context as Shares;
use super::ending::{Ending, Initiator};
use super::error::{Error, Result};
use super::held;
use super::incoming::Incoming;
use super::opening::{Opened, Opening};
use super::read_vec::ReadVec;
use super::shared::Shared;
use super::state::Phase;
use super::transport::{Input, Transport};
use crate::proto::close::CloseCode;

/// Serves one connection on any transport, from its first byte to its end.
///
/// The handler is called once for an opening handshake in which nothing is wrong. When it
/// returns, `Ok` closes with 1000, an error or a panic with 1011, unless a Close was sent or
/// received before.
///
/// # Cancel safety
/// Dropped, the transport is dropped with it and the connection ends without a Close.
pub fn serve<T, H, F>(
    io: T,
    peer: Option<SocketAddr>,
    context: Arc<Shares>,
    handler: H,
) -> impl Future<Output = Ending> + Send
where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    H: FnOnce(Incoming) -> F + Send,
    F: Future<Output = Result<()>> + Send,
{
    serve_transport(io, peer, context, handler)
}

/// Does what [`serve`] does, on a transport that has its own way to read.
pub(crate) fn serve_transport<T, H, F>(
    io: T,
    peer: Option<SocketAddr>,
    context: Arc<Shares>,
    handler: H,
) -> impl Future<Output = Ending> + Send
where
    T: ReadVec + AsyncWrite + Unpin + Send,
    H: FnOnce(Incoming) -> F + Send,
    F: Future<Output = Result<()>> + Send,
{
    let shared = Shared::new(context, peer);
    let stage = Stage::Opening { opening: Opening::default(), handler: Some(handler) };
    Connection { transport: Transport::new(io), task: None, shared: Registered(shared), stage }
}

/// Serves a connection that is open already.
pub(super) fn serve_open<T, F>(
    io: T,
    shared: Arc<Shared>,
    handler: F,
) -> impl Future<Output = Ending> + Send
where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    F: Future<Output = Result<()>> + Send,
{
    let stage: Stage<fn(Incoming) -> F, F> = Stage::Running { handler };
    Connection { transport: Transport::new(io), task: None, shared: Registered(shared), stage }
}

pin_project! {
    struct Connection<T, H, F> {
        transport: Transport<T>,
        // The waker that `shared` has, to see without the lock that it is still the right one.
        task: Option<Waker>,
        shared: Registered,
        #[pin]
        stage: Stage<H, F>,
    }
}

pin_project! {
    #[project = StageNow]
    enum Stage<H, F> {
        Opening { opening: Opening, handler: Option<H> },
        Running { #[pin] handler: F },
        /// There is no handler, or it has returned.
        Over,
    }
}

/// The connection's place among the live ones, given up when its task ends or is dropped.
struct Registered(Arc<Shared>);

impl Drop for Registered {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        let mut unsent = None;
        if state.phase != Phase::Closed {
            state.lose(Some(std::io::ErrorKind::Interrupted));
            unsent = state.closed();
        }
        drop(state);
        drop(unsent);
        self.0.leave();
    }
}

impl<T, H, F> Future for Connection<T, H, F>
where
    T: ReadVec + AsyncWrite + Unpin + Send,
    H: FnOnce(Incoming) -> F,
    F: Future<Output = Result<()>>,
{
    type Output = Ending;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        let mut this = self.project();
        let shared = &this.shared.0;
        if !this.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            *this.task = Some(cx.waker().clone());
            shared.remember_task(cx.waker());
        }
        if let StageNow::Opening { opening, handler } = this.stage.as_mut().project() {
            shared.check_opening_timers(opening);
            let opened = match this.transport.io() {
                Some(io) => opening.poll(io, shared, cx),
                None => Poll::Ready(Opened::Finished),
            };
            match (opened, handler.take()) {
                (Poll::Pending, taken) => {
                    *handler = taken;
                    // Shutting down and deadlines finish a connection that never spoke.
                    if shared.lock().phase == Phase::Opening {
                        return Poll::Pending;
                    }
                    this.stage.set(Stage::Over);
                }
                (Poll::Ready(Opened::Incoming(incoming)), Some(handler)) => {
                    match catch_unwind(AssertUnwindSafe(|| handler(incoming))) {
                        Ok(handler) => this.stage.set(Stage::Running { handler }),
                        Err(_) => {
                            end_handler(shared, None);
                            this.stage.set(Stage::Over);
                        }
                    }
                }
                (Poll::Ready(_), _) => this.stage.set(Stage::Over),
            }
        }
        this.transport.begin_turn();
        let max_queued = shared.context.config.limits.max_queued;
        // Whatever woke the task, the handler may have waited for it.
        let mut is_handlers_turn = true;
        loop {
            let input = this.transport.poll_input(shared, cx);
            if !is_handlers_turn && matches!(input, Input::Nothing | Input::NothingYet) {
                if shared.glance().is_at_rest() {
                    return Poll::Pending;
                }
                // Reading alone or running out of time may have queued more.
                this.transport.poll_output(shared.lock(), shared, cx);
                if matches!(input, Input::NothingYet) && shared.glance().is_below(max_queued) {
                    continue;
                }
                break;
            }
            let (input, is_told) = match input {
                Input::Handed(lease) => (Some(lease), false),
                Input::Told => (None, true),
                Input::Nothing | Input::NothingYet if shared.glance().is_waiting_here() => {
                    (None, false)
                }
                Input::Nothing | Input::NothingYet => {
                    shared.lock().begin_polling();
                    (None, true)
                }
            };
            let before = held::begin(shared, cx.waker(), input, is_told);
            let mut polled = Poll::Pending;
            if let StageNow::Running { handler } = this.stage.as_mut().project() {
                polled = poll_handler(handler, cx);
            }
            let mut held = held::end(before);
            if let Poll::Ready(result) = polled {
                held.tell(&mut shared.lock());
                end_handler(shared, this.stage.as_mut().drop_handler(result));
            }
            let mut frames = held.take_frames();
            // Alone it is written without the lock, and else together with the rest.
            if this.transport.is_idle()
                && shared.glance().is_empty()
                && let Some(frames) = frames.take()
            {
                this.transport.write_first(frames, shared, cx);
            }
            if !held.is_to_be_told() && this.transport.is_idle() && shared.glance().is_at_rest() {
                is_handlers_turn = false;
                continue;
            }
            let mut state = shared.lock();
            if let Some(frames) = frames {
                state.put_first(frames);
            }
            is_handlers_turn = held.tell(&mut state) | state.end_polling();
            this.transport.poll_output(state, shared, cx);
        }
        ready!(this.transport.poll_end(shared, cx));
        if let StageNow::Running { handler } = this.stage.as_mut().project() {
            // The transport is gone, but the handler has its time to finish.
            shared.lock().begin_polling();
            let polled = poll_handler(handler, cx);
            shared.lock().end_polling();
            let result = ready!(polled);
            end_handler(shared, this.stage.as_mut().drop_handler(result));
        }
        let ending = shared.lock().ended().cloned();
        Poll::Ready(ending.unwrap_or_default())
    }
}

impl<H, F> Stage<H, F> {
    /// Drops the handler, which has come to this result; `None` stands for a panic, here too.
    fn drop_handler(mut self: Pin<&mut Self>, result: Option<Result<()>>) -> Option<Result<()>> {
        catch_unwind(AssertUnwindSafe(|| self.set(Stage::Over))).ok().and(result)
    }
}

/// Polls the handler; `None` stands for a panic in it.
fn poll_handler<F: Future<Output = Result<()>>>(
    handler: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<()>>> {
    match catch_unwind(AssertUnwindSafe(|| handler.poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    }
}

/// The handler has returned, or panicked (`None`): that closes what is still open.
fn end_handler(shared: &Shared, result: Option<Result<()>>) {
    let deadline = shared.close_deadline();
    let (initiator, code) = match result {
        Some(Ok(())) => (Initiator::Application, CloseCode::NORMAL),
        Some(Err(error)) => {
            if let Error::Application(error) = &error {
                tracing::error!(peer = ?shared.peer, %error, "the handler failed");
            }
            (Initiator::HandlerError, CloseCode::INTERNAL_ERROR)
        }
        None => {
            shared.context.count_panic();
            tracing::error!(peer = ?shared.peer, "the handler panicked");
            (Initiator::HandlerPanic, CloseCode::INTERNAL_ERROR)
        }
    };
    let mut state = shared.lock();
    state.close(initiator, code, "", deadline);
    if state.reader == super::state::Reader::Busy {
        // A handler that never took its Receiver leaves the reading to the task.
        state.reader = super::state::Reader::Gone;
    }
}
