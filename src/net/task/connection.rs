//! The connection task: it alone reads, writes and runs the timers, and it polls the handler.
//!
//! One turn reads once, polls the handler with what came, and writes all replies in one write, until
//! nobody has anything to do.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;
use tokio::io::AsyncWrite;

use super::answering::Answering;
use super::handler::{Outcome, drop_caught, end_handler};
use super::opening::{Opened, Opening};
use super::reading::Arrived;
use super::transport::Transport;
use crate::net::ending::Ending;
use crate::net::error::BoxError;
use crate::net::handles::incoming::Incoming;
use crate::net::lent::cork;
use crate::net::lent::outbox::Outbox;
use crate::net::read_vec::ReadVec;
use crate::net::state::context::Context as Shares;
use crate::net::state::marks::Marks;
use crate::net::state::sampling::Sample;
use crate::net::state::shared::Shared;

/// Serves one connection on any transport, from its first byte to its end.
///
/// The handler is called once for an opening handshake in which nothing is wrong. When it
/// returns, `Ok` closes with 1000, an error or a panic with 1011, unless a Close was sent or
/// received before.
///
/// # Cancel safety
/// Dropped, the transport is dropped with it and the connection ends without a Close.
#[cfg(feature = "server")]
pub(crate) fn serve_transport<T, H, F, E>(
    mut io: T,
    peer: Option<SocketAddr>,
    context: Arc<Shares>,
    handler: H,
) -> impl Future<Output = Ending> + Send
where
    T: ReadVec + AsyncWrite + Unpin + Send,
    H: FnOnce(Incoming) -> F + Send,
    F: Future<Output = Result<(), E>> + Send,
    E: Into<BoxError>,
{
    let shared = begin(&mut io, peer, context);
    Connection::opening(io, shared, handler)
}

/// The state of a connection whose opening handshake is still to come.
pub(super) fn begin(
    io: &mut impl ReadVec,
    peer: Option<SocketAddr>,
    context: Arc<Shares>,
) -> Arc<Shared> {
    let mut marks = Marks::default();
    if io.is_secure() {
        marks.secure();
    }
    let shared = Shared::new(context, peer, marks);
    io.name(shared.id());
    shared
}

pin_project! {
    #[project = ConnectionNow]
    pub(super) struct Connection<T, H, F> {
        transport: Transport<T>,
        // The waker that `shared` has, to see without the lock that it is still the right one.
        task: Option<Waker>,
        shared: Registered,
        #[pin]
        stage: Stage<T, H, F>,
    }
}

pin_project! {
    #[project = StageNow]
    enum Stage<T, H, F> {
        Opening { opening: Opening, handler: Option<H> },
        /// A plain request; the transport is there meanwhile.
        Answering { answering: Box<Answering<T>> },
        Running { #[pin] handler: F },
        /// There is no handler, or it has returned.
        Over,
    }
}

impl<T, H, F> Connection<T, H, F>
where
    T: ReadVec + AsyncWrite + Unpin,
{
    /// A connection whose opening handshake is still to come.
    pub(super) fn opening(io: T, shared: Arc<Shared>, handler: H) -> Connection<T, H, F> {
        let stage = Stage::Opening { opening: Opening::default(), handler: Some(handler) };
        Connection { transport: Transport::new(io), task: None, shared: Registered(shared), stage }
    }

    /// A connection that is open already.
    pub(super) fn open(io: T, shared: Registered, handler: F) -> Connection<T, H, F> {
        let stage = Stage::Running { handler };
        Connection { transport: Transport::new(io), task: None, shared, stage }
    }
}

/// The connection's place among the live ones, given up when its task ends or is dropped.
pub(in crate::net) struct Registered(pub(in crate::net) Arc<Shared>);

impl Drop for Registered {
    fn drop(&mut self) {
        // A task that is dropped, at the end of its runtime for instance, has not ended TCP.
        if !self.0.lock().life.is_closed() {
            self.0.end_dropped();
        }
        self.0.leave();
    }
}

impl<T, H, F, E> Future for Connection<T, H, F>
where
    T: ReadVec + AsyncWrite + Unpin + Send,
    H: FnOnce(Incoming) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    type Output = Ending;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        let mut this = self.project();
        this.remember_task(cx);
        ready!(this.poll_opening(cx));
        ready!(this.poll_answering(cx));
        this.turn(cx);
        // Whatever another thread changes from here on wakes the task again.
        if this.shared.0.glance().is_quiet() {
            return Poll::Pending;
        }
        ready!(this.transport.poll_end(&this.shared.0, cx));
        // The transport is gone, but the handler has its time to finish.
        this.poll_handler(cx);
        if let StageNow::Running { .. } = this.stage.as_mut().project() {
            return Poll::Pending;
        }
        let ending = this.shared.0.lock().life.ended().cloned();
        Poll::Ready(ending.unwrap_or_default())
    }
}

impl<T, H, F, E> ConnectionNow<'_, T, H, F>
where
    T: ReadVec + AsyncWrite + Unpin + Send,
    H: FnOnce(Incoming) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    /// Has the state wake this task from here on.
    fn remember_task(&mut self, cx: &Context<'_>) {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            *self.task = Some(cx.waker().clone());
            self.shared.0.remember_task(cx.waker());
        }
    }

    /// The opening handshake, up to the call of the handler; ready when it is over.
    fn poll_opening(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let shared = &self.shared.0;
        let StageNow::Opening { opening, handler } = self.stage.as_mut().project() else {
            return Poll::Ready(());
        };
        let opened = match &mut self.transport.io {
            Some(io) => opening.poll(io, shared, cx),
            None => Poll::Ready(Opened::Finished),
        };
        let next = match opened {
            Poll::Pending => {
                // What has arrived counts before the clock does.
                shared.check_opening_timers(opening);
                // Shutting down and deadlines finish a connection that never spoke.
                if shared.lock().life.is_opening() {
                    return Poll::Pending;
                }
                Stage::Over
            }
            Poll::Ready(Opened::Incoming(incoming)) => {
                let begun = shared.context.watchman.begin();
                let call = handler
                    .take()
                    .map(|handler| catch_unwind(AssertUnwindSafe(|| handler(incoming))));
                shared.context.watchman.look::<F>(shared, begun);
                match call {
                    Some(Ok(handler)) => Stage::Running { handler },
                    Some(Err(panic)) => {
                        end_handler(shared, Outcome::Panicked(panic));
                        Stage::Over
                    }
                    None => Stage::Over,
                }
            }
            Poll::Ready(Opened::Plain(plain)) => match self.transport.io.take() {
                Some(io) => {
                    let answering = Box::new(Answering::new(io, *plain, shared));
                    Stage::Answering { answering }
                }
                None => Stage::Over,
            },
            _ => Stage::Over,
        };
        self.stage.set(next);
        Poll::Ready(())
    }

    /// A plain request, up to the end of its answer; ready when there is none.
    fn poll_answering(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let StageNow::Answering { answering } = self.stage.as_mut().project() {
            let rest = ready!(answering.poll(&self.shared.0, cx));
            self.transport.io = rest.io;
            self.transport.is_reported = rest.is_reported;
            self.stage.set(Stage::Over);
        }
        Poll::Ready(())
    }

    /// Reads, polls the handler and writes until nobody has anything to do.
    fn turn(&mut self, cx: &mut Context<'_>) {
        self.transport.begin_turn();
        // Whatever woke the task, the handler may have waited for it.
        let mut is_handlers_turn = true;
        loop {
            let arrived = self.transport.poll_read(&self.shared.0, cx);
            is_handlers_turn |= arrived == Arrived::ForHandler;
            // What is read is in the state before the handler is polled: on whatever thread its
            // Receiver asks, it finds it.
            let cork = if is_handlers_turn { self.poll_handler(cx) } else { None };
            // Before the next read: a Pong that this finds behind a message goes behind the cork.
            self.transport.poll_write(cork, &self.shared.0, cx);
            if arrived == Arrived::Nothing && !is_handlers_turn {
                break;
            }
            is_handlers_turn = false;
        }
    }

    /// Polls the handler, if there is one. Gives what it sent within the poll.
    fn poll_handler(&mut self, cx: &mut Context<'_>) -> Option<Box<Outbox>> {
        let StageNow::Running { handler } = self.stage.as_mut().project() else { return None };
        let shared = &self.shared.0;
        // From here to the close of the cork nobody has to wake this task.
        let open = cork::open(shared.key(), cx.waker());
        let begun = shared.context.watchman.begin();
        let sample = Sample::begin();
        let polled = catch_unwind(AssertUnwindSafe(|| handler.poll(cx).map_err(Into::into)));
        if let Some(time) = sample.end() {
            shared.context.tally.handler_poll(time);
        }
        shared.context.watchman.look::<F>(shared, begun);
        let outcome = match polled {
            Ok(Poll::Pending) => return open.close(),
            Ok(Poll::Ready(Ok(()))) => Outcome::Done,
            Ok(Poll::Ready(Err(error))) => Outcome::Failed(error),
            Err(panic) => Outcome::Panicked(panic),
        };
        // Destructors may send too, so the cork is still open.
        let outcome = self.stage.as_mut().drop_handler(outcome);
        // The Close goes behind what the handler has sent.
        if let Some(frames) = open.close() {
            shared.lock().uncork(frames);
        }
        end_handler(shared, outcome);
        None
    }
}

impl<T, H, F> Stage<T, H, F> {
    /// Drops the handler, which has come to this outcome; a panic in a destructor counts too.
    fn drop_handler(mut self: Pin<&mut Self>, outcome: Outcome) -> Outcome {
        match catch_unwind(AssertUnwindSafe(|| self.set(Stage::Over))) {
            Ok(()) => outcome,
            Err(panic) => {
                // The panic is what is told of.
                drop_caught(outcome, |_| ());
                Outcome::Panicked(panic)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Secured(Arc<Shares>);

    impl ReadVec for Secured {
        fn poll_read_vec(
            &mut self,
            _: &mut Context<'_>,
            _: &mut Vec<u8>,
            _: usize,
        ) -> Poll<std::io::Result<usize>> {
            Poll::Pending
        }

        fn is_secure(&self) -> bool {
            assert_eq!(self.0.connections(), 0, "whoever lists the connection does not know yet");
            true
        }
    }

    #[tokio::test]
    async fn a_connection_is_registered_once_it_is_known_whether_it_is_secured() {
        let context = Arc::new(Shares::new(Arc::default(), None));
        let shared = begin(&mut Secured(context.clone()), None, context);
        assert!(shared.lock().marks.is_secured());
        drop(Registered(shared));
    }
}
