//! The task of a connection that may be inspected, on a transport of its own kind. What is decided here once saves
//! every other connection the question.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{Connection, Registered, begin};
use crate::net::ending::Ending;
use crate::net::error::BoxError;
use crate::net::handles::incoming::Incoming;
use crate::net::inspect::watched::Watched;
#[cfg(feature = "server")]
use crate::net::read_vec::AnyTransport;
use crate::net::read_vec::ReadVec;
use crate::net::state::context::Context as Shares;

pin_project! {
    /// The task of a connection, inspected or not.
    #[project = ServingNow]
    enum Serving<T, H, F> {
        Plain { #[pin] connection: Connection<T, H, F> },
        // In a box, so that others are no larger for it.
        Inspected { connection: Pin<Box<Connection<Watched<T>, H, F>>> },
    }
}

impl<T, H, F, E> Future for Serving<T, H, F>
where
    T: ReadVec + AsyncWrite + Unpin + Send,
    H: FnOnce(Incoming) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    type Output = Ending;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        match self.project() {
            ServingNow::Plain { connection } => connection.poll(cx),
            ServingNow::Inspected { connection } => connection.as_mut().poll(cx),
        }
    }
}

/// Serves one connection on any transport, from its first byte to its end, inspected where that is configured.
///
/// # Cancel safety
/// Dropped, the transport is dropped with it and the connection ends without a Close.
pub(in crate::net) fn serve<T, H, F, E>(
    mut io: T,
    peer: Option<SocketAddr>,
    context: Arc<Shares>,
    handler: H,
) -> impl Future<Output = Ending> + Send
where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    H: FnOnce(Incoming) -> F + Send,
    F: Future<Output = Result<(), E>> + Send,
    E: Into<BoxError>,
{
    let shared = begin(&mut io, peer, context);
    if shared.context.config.inspect.is_none() {
        return Serving::Plain { connection: Connection::opening(io, shared, handler) };
    }
    let io = Watched::new(io, shared.clone());
    Serving::Inspected { connection: Box::pin(Connection::opening(io, shared, handler)) }
}

/// Serves a connection that is open already, inspected where that is configured.
pub(in crate::net) fn serve_open<T, F, E>(
    io: T,
    shared: Registered,
    handler: F,
) -> impl Future<Output = Ending> + Send
where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    F: Future<Output = Result<(), E>> + Send,
    E: Into<BoxError>,
{
    type NoHead<F> = fn(Incoming) -> F;
    if shared.0.context.config.inspect.is_none() {
        let connection = Connection::<_, NoHead<F>, _>::open(io, shared, handler);
        return Serving::Plain { connection };
    }
    let io = Watched::opened(io, shared.0.clone());
    Serving::Inspected { connection: Box::pin(Connection::open(io, shared, handler)) }
}

/// Serves one connection that may be inspected; whatever its transport is, this is one type.
///
/// # Cancel safety
/// Dropped, the transport is dropped with it and the connection ends without a Close.
#[cfg(feature = "server")]
pub(crate) fn serve_inspected<H, F, E>(
    mut io: Box<dyn AnyTransport>,
    peer: Option<SocketAddr>,
    context: Arc<Shares>,
    handler: H,
) -> impl Future<Output = Ending> + Send
where
    H: FnOnce(Incoming) -> F + Send,
    F: Future<Output = Result<(), E>> + Send,
    E: Into<BoxError>,
{
    let shared = begin(&mut io, peer, context);
    Connection::opening(Watched::new(io, shared.clone()), shared, handler)
}
