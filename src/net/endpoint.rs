//! Embedding: connections on a runtime and transports of the application's own.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::config::Config;
use super::ending::Ending;
use super::error::{BoxError, Result};
use super::farewell::Farewell;
use super::handles::incoming::Incoming;
use super::handles::websocket::WebSocket;
use super::state::compression::{self, Compression};
use super::state::context::{Context, HttpHook};
use super::state::shared::Shared;
use super::task::connection::{serve, serve_open};
use crate::proto::handshake::{
    AcceptKey, Offer, Policy, Refusal, Request, Response, Subprotocol, Verdict, judge, refuse_plain,
};
use crate::proto::outbound::SendError;

/// Serves connections that the application accepted itself, on its own runtime.
///
/// Cheap to clone; clones share the register of connections and its clock.
/// Make one for each runtime: the clock runs on the runtime of the first connection, and the
/// timers of all end with it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    context: Arc<Context>,
}

impl Endpoint {
    /// An endpoint without connections. It takes the configuration as it is; [`Config::check`] says
    /// whether anybody can be served with it.
    pub fn new(config: Config) -> Endpoint {
        Endpoint { context: Arc::new(Context::new(Arc::new(config), None)) }
    }

    /// As [`Endpoint::new`], with an answer to requests that do not ask for a WebSocket.
    pub fn with_http<H>(config: Config, hook: H) -> Endpoint
    where
        H: Fn(&Request) -> Option<Response> + Send + Sync + 'static,
    {
        let hook: HttpHook = Arc::new(hook);
        Endpoint { context: Arc::new(Context::new(Arc::new(config), Some(hook))) }
    }

    /// Serves one connection from its first byte. Call it inside a tokio runtime; the future
    /// is `Send` when the handler's is.
    ///
    /// # Cancel safety
    /// Dropped, the transport is dropped with it and the connection ends without a Close.
    pub fn serve<T, H, F, E>(
        &self,
        io: T,
        peer: Option<SocketAddr>,
        handler: H,
    ) -> impl Future<Output = Ending> + Send + use<T, H, F, E>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send,
        H: FnOnce(Incoming) -> F + Send,
        F: Future<Output = Result<(), E>> + Send,
        E: Into<BoxError>,
    {
        serve(io, peer, self.context.clone(), handler)
    }

    /// Judges a request head that something else has read, by the policy of this endpoint, and
    /// negotiates compression as it is configured (RFC 6455 §4.2.1, RFC 7692 §7).
    ///
    /// Make the [`Request`] with `Request::from_parts`, only from HTTP/1.1 requests.
    ///
    /// # Errors
    /// The refusal to answer with: `Response::from(refusal)` has it, with `all_fields`
    /// and `body`.
    pub fn negotiate(&self, request: &Request) -> Result<Negotiated, Refusal> {
        let offer = judge_offer(request, &self.context.config.policy)?;
        let policy = compression::policy(&self.context);
        let compression = compression::negotiate(&self.context, &offer.extensions, policy.as_ref());
        Ok(Negotiated {
            extensions: compression.as_ref().map(Compression::to_string),
            compression,
            ..accept(request, offer)
        })
    }

    /// Serves a connection whose opening handshake something else has answered with the
    /// fields of `negotiated`. `io` gives the bytes behind the request head.
    ///
    /// # Cancel safety
    /// Dropped, the transport is dropped with it and the connection ends without a Close.
    pub fn serve_upgraded<T, H, F, E>(
        &self,
        io: T,
        peer: Option<SocketAddr>,
        negotiated: Negotiated,
        handler: H,
    ) -> impl Future<Output = Ending> + Send + use<T, H, F, E>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send,
        H: FnOnce(WebSocket) -> F + Send,
        F: Future<Output = Result<(), E>> + Send,
        E: Into<BoxError>,
    {
        let shared = Shared::new(self.context.clone(), peer);
        {
            let mut state = shared.lock();
            state.set_path(&negotiated.path);
            state.open();
            state.agree(negotiated.compression);
        }
        let socket = WebSocket::new(shared.clone());
        // Called by the task, so that a panic is caught there.
        let handler = async move {
            socket.note_receiving();
            handler(socket).await
        };
        if self.context.is_draining() {
            shared.shutdown();
        }
        serve_open(io, shared, handler)
    }

    /// Ends every connection with 1001 and refuses new ones with 503.
    pub fn shutdown(&self) {
        self.context.shutdown();
    }

    /// As [`Endpoint::shutdown`], with another Close, a message before it, or some time before that
    /// in which handlers may end. Asked twice, the first farewell counts; [`Endpoint::shutdown`]
    /// ends its grace.
    ///
    /// # Errors
    /// As [`Farewell::check`]; nothing is shut down then.
    pub fn shutdown_with(&self, farewell: Farewell) -> Result<(), SendError> {
        farewell.check()?;
        let grace = farewell.grace;
        self.context.drain(Arc::new(farewell));
        if grace.is_zero() {
            self.context.shutdown();
        } else {
            let context = self.context.clone();
            self.context.spawn(async move {
                tokio::time::sleep(grace).await;
                context.shutdown();
            });
        }
        Ok(())
    }

    /// Waits until no connection is left.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub async fn emptied(&self) {
        self.context.emptied().await;
    }

    /// Connections that have not ended.
    pub fn connections(&self) -> usize {
        self.context.connections()
    }
}

/// An opening handshake that something else answers.
#[derive(Clone)]
pub struct Negotiated {
    path: Box<str>,
    accept_key: AcceptKey,
    subprotocol: Option<Subprotocol>,
    extensions: Option<String>,
    compression: Option<Compression>,
}

impl fmt::Debug for Negotiated {
    /// Leaves the values of the header fields out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiated")
            .field("has_subprotocol", &self.subprotocol.is_some())
            .field("is_compressed", &self.compression.is_some())
            .finish_non_exhaustive()
    }
}

impl Negotiated {
    /// The header fields of the 101, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let subprotocol = self.subprotocol.as_deref().map(|name| ("Sec-WebSocket-Protocol", name));
        let extensions = self.extensions.as_deref();
        let extensions = extensions.map(|value| ("Sec-WebSocket-Extensions", value));
        [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", self.accept_key.as_str()),
        ]
        .into_iter()
        .chain(subprotocol)
        .chain(extensions)
    }

    /// The subprotocol that the 101 names.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }
}

fn judge_offer(request: &Request, policy: &Policy) -> Result<Offer, Refusal> {
    match judge(request, policy)? {
        Verdict::PlainHttp => Err(refuse_plain(request, policy)),
        Verdict::WebSocket(offer) => Ok(offer),
    }
}

fn accept(request: &Request, offer: Offer) -> Negotiated {
    Negotiated {
        path: request.path().into(),
        accept_key: offer.accept_key,
        subprotocol: offer.subprotocol,
        extensions: None,
        compression: None,
    }
}
