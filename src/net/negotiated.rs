//! An opening handshake that something else has read and answers: what it agrees on, and the
//! connection after it.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use tokio::io::{AsyncRead, AsyncWrite};

use super::config::{Config, Limits, Timeouts};
use super::ending::Ending;
use super::error::{BoxError, Result};
use super::handles::rejecting::insert_header;
use super::handles::websocket::WebSocket;
use super::state::compression::{self, Compression};
use super::state::context::Context;
use super::state::marks::Marks;
use super::state::shared::Shared;
use super::task::connection::Registered;
use super::task::inspected::serve_open;
#[cfg(feature = "deflate")]
use crate::proto::deflate;
use crate::proto::handshake::{
    FieldError, Offer, Policy, Refusal, Request, ResponseFields, SubprotocolNotOffered, Verdict,
    judge, refuse_plain,
};
use crate::proto::rejection::Rejection;

/// An opening handshake in which nothing is wrong, and that something else answers.
#[must_use]
#[derive(Clone)]
pub struct Negotiated {
    request: Request,
    offer: Offer,
    /// What the application adds to the 101.
    added: ResponseFields,
    /// Has the configuration, and counts the memory for compression.
    #[cfg(any(feature = "axum", feature = "deflate"))]
    context: Arc<Context>,
    compression: Option<Compression>,
    /// What the 101 says of the compression.
    extensions: Option<String>,
    /// `None` for those of the endpoint.
    limits: Option<Limits>,
    timeouts: Option<Timeouts>,
}

impl Negotiated {
    /// Judges a request (RFC 6455 §4.2.1), and negotiates compression as it is configured.
    pub(super) fn new(
        context: &Arc<Context>,
        request: &Request,
        policy: &Policy,
    ) -> Result<Negotiated, Refusal> {
        let Verdict::WebSocket(offer) = judge(request, policy)? else {
            return Err(refuse_plain(request, policy));
        };
        let deflate = compression::policy(context);
        let compression = compression::negotiate(context, &offer.extensions, deflate.as_ref());
        Ok(Negotiated {
            request: request.clone(),
            offer,
            added: ResponseFields::new(),
            extensions: compression.as_ref().map(Compression::to_string),
            compression,
            limits: None,
            timeouts: None,
            #[cfg(any(feature = "axum", feature = "deflate"))]
            context: context.clone(),
        })
    }

    /// The header fields of the 101, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let subprotocol = self.chosen_subprotocol().map(|name| ("Sec-WebSocket-Protocol", name));
        let extensions = self.extensions.as_deref();
        let extensions = extensions.map(|value| ("Sec-WebSocket-Extensions", value));
        [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", self.offer.accept_key.as_str()),
        ]
        .into_iter()
        .chain(subprotocol)
        .chain(extensions)
        .chain(self.added.iter())
    }

    /// The request as it was judged.
    pub fn head(&self) -> &Request {
        &self.request
    }

    /// The subprotocol that the 101 names: the first in the client's order that the policy knows,
    /// unless chosen otherwise.
    pub fn chosen_subprotocol(&self) -> Option<&str> {
        self.offer.subprotocol.as_deref()
    }

    /// Chooses the subprotocol.
    ///
    /// # Errors
    /// The client did not offer it, which leaves the choice as it was.
    pub fn subprotocol(&mut self, name: &str) -> Result<&mut Self, SubprotocolNotOffered> {
        self.offer.choose_subprotocol(&self.request, name)?;
        Ok(self)
    }

    /// Answers without a subprotocol.
    pub fn no_subprotocol(&mut self) -> &mut Self {
        self.offer.subprotocol = None;
        self
    }

    /// Adds a header field to the 101.
    ///
    /// # Errors
    /// The name is no token, is one of the fields that the handshake itself sets, or the value
    /// has an octet that no field value has.
    pub fn header<N, V>(&mut self, name: N, value: V) -> Result<&mut Self, FieldError>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        insert_header(&mut self.added, name, value)?;
        Ok(self)
    }

    /// Sets how much is too much on this connection, instead of what is configured. The bounds of the
    /// request head are not looked at here.
    pub fn limits(&mut self, limits: Limits) -> &mut Self {
        self.limits = Some(limits);
        self
    }

    /// The limits of this connection, to be changed.
    #[cfg(feature = "axum")]
    pub(crate) fn limits_mut(&mut self) -> &mut Limits {
        self.limits.get_or_insert_with(|| self.context.config.limits.clone())
    }

    /// Sets how long is too long on this connection, instead of what is configured, from the 101 on.
    pub fn timeouts(&mut self, timeouts: Timeouts) -> &mut Self {
        self.timeouts = Some(timeouts);
        self
    }

    /// Chooses which offers of compression are accepted on this connection; `None` declines all
    /// of them (RFC 7692 §7). The configuration of the endpoint decides otherwise.
    #[cfg(feature = "deflate")]
    pub fn deflate(&mut self, policy: Option<deflate::Policy>) -> &mut Self {
        // What was agreed before gives its memory back first.
        self.compression = None;
        self.compression =
            compression::negotiate(&self.context, &self.offer.extensions, policy.as_ref());
        self.extensions = self.compression.as_ref().map(Compression::to_string);
        self
    }
}

impl fmt::Debug for Negotiated {
    /// Leaves the fields out: they carry credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Negotiated")
            .field("request", &self.request)
            .field("subprotocol", &self.chosen_subprotocol())
            .field("extensions", &self.extensions)
            .finish_non_exhaustive()
    }
}

/// The request that an HTTP server has read.
///
/// # Errors
/// It is not HTTP/1.1, or a rule is broken, as far as the parts can show it.
pub(crate) fn request_of(
    method: &Method,
    target: &Uri,
    version: Version,
    fields: &HeaderMap,
) -> Result<Request, Refusal> {
    let rejection = match version {
        Version::HTTP_11 => None,
        // HTTP/1.0 knows no Upgrade (RFC 9110 §7.8).
        Version::HTTP_09 | Version::HTTP_10 => Some(Rejection::HttpVersionTooLow),
        // RFC 8441 §4: a WebSocket over HTTP/2 has another opening handshake.
        _ => Some(Rejection::HttpVersionUnsupported),
    };
    if let Some(rejection) = rejection {
        return Err(Refusal { head_only: method == Method::HEAD, ..rejection.into() });
    }
    // RFC 9110 §5.3: fields of one name come in the order in which they arrived.
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    Request::from_parts(method.as_str(), &target.to_string(), fields)
}

/// A connection whose 101 is on its way. It is registered, so that a shutdown ends it and waits
/// for it; dropped, it has ended.
pub(crate) struct Reserved(Registered);

impl Reserved {
    pub(super) fn new(
        context: &Arc<Context>,
        peer: Option<SocketAddr>,
        negotiated: Negotiated,
    ) -> Reserved {
        let Negotiated { request, offer, compression, extensions, limits, timeouts, .. } =
            negotiated;
        let shared = Shared::new(context.clone(), peer, Marks::default());
        if limits.is_some() || timeouts.is_some() {
            let Config { limits: ours, timeouts: our_timeouts, .. } = &*context.config;
            let limits = limits.unwrap_or_else(|| ours.clone());
            shared.choose_settings(limits, timeouts.unwrap_or_else(|| our_timeouts.clone()));
        }
        let mut state = shared.lock();
        state.set_path(request.path());
        state.open();
        state.keep_pace(shared.limits());
        state.agree(compression);
        drop(state);
        shared.report_opening(offer.subprotocol.as_deref(), extensions.as_deref());
        if offer.subprotocol.is_none() && request.subprotocols().next().is_some() {
            shared.report_unspoken_subprotocols(&request);
        }
        // A shutdown that came before the connection was open has closed nothing.
        if context.is_draining() {
            shared.shutdown();
        }
        Reserved(Registered(shared))
    }

    /// Serves it on its transport.
    pub(crate) fn serve<T, H, F, E>(
        self,
        io: T,
        handler: H,
    ) -> impl Future<Output = Ending> + Send + use<T, H, F, E>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send,
        H: FnOnce(WebSocket) -> F + Send,
        F: Future<Output = Result<(), E>> + Send,
        E: Into<BoxError>,
    {
        let socket = WebSocket::new(self.0.0.clone());
        // Called by the task, so that a panic is caught there.
        serve_open(io, self.0, async move {
            socket.note_receiving();
            handler(socket).await
        })
    }
}
