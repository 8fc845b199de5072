//! An opening handshake awaited where the connection is wanted: without a handler.

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::ending::Ending;
use super::endpoint::Endpoint;
use super::error::{BoxError, Error, Result};
use super::handles::incoming::Incoming;
use super::handles::websocket::WebSocket;
use crate::proto::outbound::SendError;

impl Endpoint {
    /// Waits for the opening handshake on a transport, and accepts it: the counterpart of a handler
    /// for code that wants the connection in its own hands.
    ///
    /// The connection is served by a task of its own on the current tokio runtime. It is open until
    /// the [`WebSocket`] and all handles that come of it are dropped; then it closes with 1000.
    ///
    /// ```
    /// use stickler::{Endpoint, Result};
    /// use tokio::net::TcpStream;
    ///
    /// async fn echo(stream: TcpStream, endpoint: Endpoint) -> Result<()> {
    ///     let peer = stream.peer_addr()?;
    ///     let mut socket = endpoint.accept(stream, Some(peer)).await?;
    ///     while let Some(message) = socket.recv().await? {
    ///         socket.send(message)?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// The handshake was refused, which the peer has been told by then, took too long, or the
    /// transport was lost.
    ///
    /// # Cancel safety
    /// Dropped, the transport is dropped with it.
    pub fn accept<T>(
        &self,
        io: T,
        peer: Option<SocketAddr>,
    ) -> impl Future<Output = Result<WebSocket>> + Send + use<T>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.accept_with(io, peer, |_| Ok(()))
    }

    /// As [`Endpoint::accept`]; `decide` looks at the handshake first. It may choose a subprotocol
    /// and add header fields, or give the response that rejects it.
    ///
    /// # Errors
    /// As [`Endpoint::accept`]; a rejected handshake is one that was refused.
    ///
    /// # Cancel safety
    /// As [`Endpoint::accept`].
    pub fn accept_with<T, D>(
        &self,
        io: T,
        peer: Option<SocketAddr>,
        decide: D,
    ) -> impl Future<Output = Result<WebSocket>> + Send + use<T, D>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        D: FnOnce(&mut Incoming) -> Result<(), Box<http::Response<Bytes>>> + Send + 'static,
    {
        let endpoint = self.clone();
        async move {
            let (opened, socket) = oneshot::channel();
            let serving =
                endpoint.serve(io, peer, move |incoming| hand_over(incoming, decide, opened));
            let mut task = Task(Some(tokio::spawn(serving)));
            if let Ok(socket) = socket.await {
                task.0 = None;
                return Ok(socket);
            }
            Err(task.ended().await)
        }
    }
}

/// The handler: gives the socket away, and lasts as long as its handles.
async fn hand_over(
    mut incoming: Incoming,
    decide: impl FnOnce(&mut Incoming) -> Result<(), Box<http::Response<Bytes>>>,
    opened: oneshot::Sender<WebSocket>,
) -> Result<(), BoxError> {
    if let Err(response) = decide(&mut incoming) {
        return Ok(incoming.reject(*response)?);
    }
    let socket = incoming.accept()?;
    let let_go = socket.hold();
    // Nobody may wait for it any more; then the socket is dropped here.
    drop(opened.send(socket));
    let_go.await;
    Ok(())
}

/// The connection task, ended with the future that waits for the handshake.
struct Task(Option<JoinHandle<Ending>>);

impl Task {
    /// Waits for the end of a connection that was not opened, and says why.
    async fn ended(&mut self) -> Error {
        let Some(task) = &mut self.0 else { return Error::Send(SendError::Closed) };
        match task.await {
            Ok(Ending { answered: Some(status), .. }) => {
                Error::application(format!("the application rejected the handshake with {status}"))
            }
            Ok(ending) => ending.to_error().unwrap_or(Error::Send(SendError::Closed)),
            Err(error) => Error::application(error),
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
