//! The extractor: a request that opens a WebSocket, before its 101.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use axum_core::Error;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue};

use super::layer::Given;
use super::socket::WebSocket;
use crate::adapters::hyper::{Upgrade, refuse};
use crate::net::{self, BoxError, Endpoint, Limits, Negotiated, Timeouts, request_of};
#[cfg(feature = "deflate")]
use crate::proto::deflate;
use crate::proto::handshake::{FieldError, Refusal, Request, SubprotocolNotOffered};

/// An opening handshake in which nothing is wrong, to be answered with 101.
///
/// Dropped without [`on_upgrade`](WebSocketUpgrade::on_upgrade) or [`serve`](WebSocketUpgrade::serve)
/// it leaves the answer to the handler: any response refuses.
#[must_use]
pub struct WebSocketUpgrade {
    upgrade: Upgrade,
    requested: Vec<HeaderValue>,
    selected: Option<HeaderValue>,
    failed: Failed,
}

/// What is told why there is no connection. Nobody locks it: it makes the extractor `Sync`.
type Failed = Mutex<Box<dyn FnOnce(Error) + Send>>;

impl<S: Send + Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> Result<WebSocketUpgrade, WebSocketUpgradeRejection> {
        let upgrade = judge(parts).map_err(WebSocketUpgradeRejection)?;
        let requested = upgrade.negotiated().head().subprotocols().filter_map(field_value);
        Ok(WebSocketUpgrade {
            requested: requested.collect(),
            selected: upgrade.negotiated().chosen_subprotocol().and_then(field_value),
            upgrade,
            failed: failed(|error| tracing::debug!(%error, "the 101 led to no connection")),
        })
    }
}

/// Judges by the policy of the layer or else of the endpoint, as the client sent the request.
fn judge(parts: &mut Parts) -> Result<Upgrade, Refusal> {
    let given = parts.extensions.get::<Given>().cloned();
    let target = given.as_ref().map_or(&parts.uri, |given| &given.target);
    let head = request_of(&parts.method, target, parts.version, &parts.headers);
    let (endpoint, policy) = match given {
        Some(given) => (given.endpoint, given.policy),
        None => match parts.extensions.get::<Endpoint>() {
            Some(endpoint) => (endpoint.clone(), None),
            None => (Endpoint::of_runtime(), None),
        },
    };
    let policy = policy.as_deref().unwrap_or_else(|| endpoint.policy());
    Upgrade::under(policy, &endpoint, head, &mut parts.extensions)
}

fn failed(callback: impl FnOnce(Error) + Send + 'static) -> Failed {
    Mutex::new(Box::new(callback))
}

fn field_value(name: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(name).ok()
}

impl WebSocketUpgrade {
    /// Chooses the first of these subprotocols, in this order, that the client offers; none if it
    /// offers none of them. Names that are no tokens are never chosen.
    pub fn protocols<I>(mut self, protocols: I) -> WebSocketUpgrade
    where
        I: IntoIterator,
        I::Item: Into<Cow<'static, str>>,
    {
        let negotiated = self.upgrade.negotiated_mut();
        negotiated.no_subprotocol();
        let mut names = protocols.into_iter().map(Into::into);
        let chosen = names.find(|name| negotiated.subprotocol(name).is_ok());
        self.selected = chosen.as_deref().and_then(field_value);
        self
    }

    /// The subprotocols that the client offers, the one that it prefers first.
    pub fn requested_protocols(&self) -> impl Iterator<Item = &HeaderValue> {
        self.requested.iter()
    }

    /// The subprotocol that the 101 will name: of [`WebSocketUpgrade::protocols`], or else of the
    /// policy.
    pub fn selected_protocol(&self) -> Option<&HeaderValue> {
        self.selected.as_ref()
    }

    /// Chooses the subprotocol.
    ///
    /// # Errors
    /// The client did not offer it.
    pub fn protocol(mut self, name: &str) -> Result<WebSocketUpgrade, SubprotocolNotOffered> {
        self.upgrade.negotiated_mut().subprotocol(name)?;
        self.selected = field_value(name);
        Ok(self)
    }

    /// The most bytes that one message may have; one byte more fails the connection with 1009.
    /// 16 MiB by default.
    pub fn max_message_size(self, max: usize) -> WebSocketUpgrade {
        self.limited(|limits| limits.message.max_message_size = max)
    }

    /// The most bytes that one frame may have; 16 MiB by default.
    pub fn max_frame_size(self, max: usize) -> WebSocketUpgrade {
        self.limited(|limits| limits.message.max_frame_size = max)
    }

    /// The most bytes that wait to be written, and one message more; [`WebSocket::send`] waits while
    /// there are so many. 1 MiB by default. It is [`Limits::max_queued`].
    pub fn max_write_buffer_size(self, max: usize) -> WebSocketUpgrade {
        self.limited(|limits| limits.max_queued = max)
    }

    fn limited(mut self, change: impl FnOnce(&mut Limits)) -> WebSocketUpgrade {
        change(self.upgrade.negotiated_mut().limits_mut());
        self
    }

    /// All limits of this connection, instead of the endpoint's.
    pub fn limits(mut self, limits: Limits) -> WebSocketUpgrade {
        self.upgrade.negotiated_mut().limits(limits);
        self
    }

    /// All deadlines of this connection, instead of the endpoint's.
    pub fn timeouts(mut self, timeouts: Timeouts) -> WebSocketUpgrade {
        self.upgrade.negotiated_mut().timeouts(timeouts);
        self
    }

    /// Chooses which offers of compression are accepted (RFC 7692 §7); `None` declines all of them.
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, policy: Option<deflate::Policy>) -> WebSocketUpgrade {
        self.upgrade.negotiated_mut().deflate(policy);
        self
    }

    /// Adds a header field to the 101.
    ///
    /// # Errors
    /// The name is no token or the handshake's own, or the value has an octet that no field value has.
    pub fn header<N, V>(mut self, name: N, value: V) -> Result<WebSocketUpgrade, FieldError>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        self.upgrade.negotiated_mut().header(name, value)?;
        Ok(self)
    }

    /// Says who the peer is, for the log and for [`Sender::peer_addr`](crate::Sender::peer_addr): what
    /// `ConnectInfo` extracts.
    pub fn peer_addr(mut self, peer: SocketAddr) -> WebSocketUpgrade {
        self.upgrade.set_peer_addr(peer);
        self
    }

    /// The request as it was judged: with the target that the client sent, where a
    /// [`WebSocketLayer`](super::WebSocketLayer) stands above every `nest`.
    pub fn head(&self) -> &Request {
        self.upgrade.negotiated().head()
    }

    /// Has `callback` called when the HTTP server does not hand over the connection after the 101.
    pub fn on_failed_upgrade<C>(self, callback: C) -> WebSocketUpgrade
    where
        C: FnOnce(Error) + Send + 'static,
    {
        WebSocketUpgrade { failed: failed(callback), ..self }
    }

    /// Answers with 101, and calls `callback` with the connection. It is open until the callback has
    /// returned and all parts of the socket are dropped; then it closes with 1000.
    #[must_use = "the handler has to return the response"]
    pub fn on_upgrade<C, F>(self, callback: C) -> Response
    where
        C: FnOnce(WebSocket) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let protocol = self.selected.clone();
        self.serve(async move |socket: net::WebSocket| {
            let let_go = socket.hold();
            callback(WebSocket::new(socket, protocol)).await;
            let_go.await;
            Ok::<_, net::Error>(())
        })
    }

    /// Answers with 101, and serves the connection with a handler of this library: when it returns,
    /// the connection closes, `Ok` with 1000, an error or a panic with 1011.
    #[must_use = "the handler has to return the response"]
    pub fn serve<H, F, E>(self, handler: H) -> Response
    where
        H: FnOnce(net::WebSocket) -> F + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let failed = self.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.upgrade.serve_or(handler, move |error| failed(Error::new(error)))
    }

    /// What was judged, and what the 101 will say.
    pub fn negotiated(&self) -> &Negotiated {
        self.upgrade.negotiated()
    }
}

impl fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.upgrade.fmt(formatter)
    }
}

/// The request opens no WebSocket: as a response, the answer that our own listener would give.
#[derive(Clone, Debug)]
pub struct WebSocketUpgradeRejection(Refusal);

impl WebSocketUpgradeRejection {
    /// The broken rule.
    pub fn refusal(&self) -> Refusal {
        self.0
    }
}

impl IntoResponse for WebSocketUpgradeRejection {
    fn into_response(self) -> Response {
        refuse(self.0)
    }
}

impl fmt::Display for WebSocketUpgradeRejection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for WebSocketUpgradeRejection {}
