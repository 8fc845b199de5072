//! WebSockets behind hyper (feature `hyper`): one function between a request and its response.
//!
#![cfg_attr(feature = "hyper", doc = "```")]
//! use http_body_util::Full;
//! use hyper::body::{Bytes, Incoming};
//! use stickler::{Endpoint, WebSocket};
//!
//! /// A hyper service calls it for the path of the WebSocket.
//! fn answer(endpoint: &Endpoint, mut request: http::Request<Incoming>) -> http::Response<Full<Bytes>> {
//!     stickler::hyper::upgrade(endpoint, &mut request, echo)
//! }
//!
//! async fn echo(mut socket: WebSocket) -> stickler::Result<()> {
//!     while let Some(message) = socket.recv().await? {
//!         socket.send(message)?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Serve the HTTP connection `with_upgrades()`: hyper hands nothing over otherwise. What hyper has
//! forgiven in the request head, such as a line that ends with LF alone, cannot be seen here.
//! HTTP/2 is refused with 505.

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;

use super::io::Transport;
use crate::net::{BoxError, Endpoint, Negotiated, Result, WebSocket, request_of};
use crate::proto::handshake::{Policy, Refusal, Request, Response};
use crate::proto::rejection::Rejection;

/// Answers a request: with 101, after which `handler` has the connection, or with the refusal that
/// names the broken clause (RFC 6455 §4.2).
///
/// The connection is a task of its own on the current tokio runtime. When the handler returns, it
/// closes: `Ok` with 1000, an error or a panic with 1011.
///
/// The peer's address, for the log and the handler, is the [`SocketAddr`] among the extensions of the
/// request, if the application has put one there.
#[must_use = "the service has to return the response"]
pub fn upgrade<B, R, H, F, E>(
    endpoint: &Endpoint,
    request: &mut http::Request<B>,
    handler: H,
) -> http::Response<R>
where
    R: From<Bytes>,
    H: FnOnce(WebSocket) -> F + Send + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    match Upgrade::new(endpoint, request) {
        Ok(upgrade) => upgrade.serve(handler),
        Err(refusal) => refuse(refusal),
    }
}

/// An opening handshake in which nothing is wrong, before its 101: the long form of [`upgrade`].
#[must_use]
#[derive(Debug)]
pub struct Upgrade {
    endpoint: Endpoint,
    negotiated: Negotiated,
    transport: OnUpgrade,
    peer: Option<SocketAddr>,
}

impl Upgrade {
    /// Judges a request by the rules and the policy of the endpoint, and takes its upgrade.
    ///
    /// # Errors
    /// The refusal to answer with, as [`refuse`] makes it; 503 during shutdown, and 500 when hyper
    /// gives no way to upgrade.
    pub fn new<B>(endpoint: &Endpoint, request: &mut http::Request<B>) -> Result<Upgrade, Refusal> {
        let (method, target) = (request.method(), request.uri());
        let head = request_of(method, target, request.version(), request.headers());
        Upgrade::under(endpoint.policy(), endpoint, head, request.extensions_mut())
    }

    /// As [`Upgrade::new`], under another policy, for a request that was read before.
    pub(super) fn under(
        policy: &Policy,
        endpoint: &Endpoint,
        head: Result<Request, Refusal>,
        extensions: &mut Extensions,
    ) -> Result<Upgrade, Refusal> {
        let peer = extensions.get::<SocketAddr>().copied();
        let negotiated = head.and_then(|head| endpoint.negotiate_under(&head, policy));
        let negotiated = negotiated.inspect_err(|refusal| {
            // A page of the same path is no handshake that went wrong.
            if refusal.rejection != Rejection::UpgradeRequired {
                endpoint.report_rejection(peer, refusal.rejection);
            }
        })?;
        let Some(transport) = extensions.remove::<OnUpgrade>() else {
            tracing::error!(
                "the HTTP server gives no upgrade: serve it with upgrades, and HTTP/1.1"
            );
            return Err(Rejection::HandlerFailed.into());
        };
        Ok(Upgrade { endpoint: endpoint.clone(), negotiated, transport, peer })
    }

    /// What was judged and what the 101 will say: subprotocol, header fields, compression.
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The same, to be changed.
    pub fn negotiated_mut(&mut self) -> &mut Negotiated {
        &mut self.negotiated
    }

    /// Says who the peer is.
    pub fn set_peer_addr(&mut self, peer: SocketAddr) {
        self.peer = Some(peer);
    }

    /// Answers with 101, and serves the connection as a task of its own. Call it inside a tokio
    /// runtime, and send what it gives: without that the handler is never called.
    #[must_use = "the service has to return the response"]
    pub fn serve<R, H, F, E>(self, handler: H) -> http::Response<R>
    where
        R: From<Bytes>,
        H: FnOnce(WebSocket) -> F + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        self.serve_or(handler, |error| tracing::debug!(%error, "the 101 led to no connection"))
    }

    /// As [`Upgrade::serve`]; `failed` is told why there is no connection after the 101.
    #[must_use = "the service has to return the response"]
    pub fn serve_or<R, H, F, E>(
        self,
        handler: H,
        failed: impl FnOnce(hyper::Error) + Send + 'static,
    ) -> http::Response<R>
    where
        R: From<Bytes>,
        H: FnOnce(WebSocket) -> F + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let mut response = http::Response::new(R::from(Bytes::new()));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        append(response.headers_mut(), self.negotiated.fields());
        let reserved = self.endpoint.reserve(self.peer, self.negotiated);
        let transport = self.transport;
        tokio::spawn(async move {
            match transport.await {
                Ok(upgraded) => {
                    reserved.serve(Transport::new(upgraded), handler).await;
                }
                Err(error) => {
                    drop(reserved);
                    failed(error);
                }
            }
        });
        response
    }
}

/// The response that refuses: status, fields and sentence are those of our own listener.
#[must_use = "the service has to return the response"]
pub fn refuse<R: From<Bytes>>(refusal: Refusal) -> http::Response<R> {
    let answer = Response::from(refusal);
    let mut response = http::Response::new(R::from(Bytes::copy_from_slice(answer.body())));
    *response.status_mut() =
        StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    append(response.headers_mut(), answer.all_fields());
    if refusal.rejection == Rejection::HttpVersionUnsupported {
        // RFC 9113 §8.2.2: HTTP/2 has no fields that govern the connection.
        response.headers_mut().remove(header::CONNECTION);
    }
    response
}

fn append<'a>(fields: &mut HeaderMap, lines: impl Iterator<Item = (&'a str, &'a str)>) {
    for (name, value) in lines {
        // Names and values were checked when they were added.
        if let (Ok(name), Ok(value)) =
            (name.parse::<HeaderName>(), HeaderValue::from_bytes(value.as_bytes()))
        {
            fields.append(name, value);
        }
    }
}
