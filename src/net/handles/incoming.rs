//! An opening handshake that awaits the application's decision.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use http::request::Parts;

use super::rejecting::insert_header;
use super::websocket::WebSocket;
use crate::net::config::{Limits, Timeouts};
use crate::net::error::{Error, Result};
use crate::net::state::compression::{self, Compression};
use crate::net::state::id::ConnectionId;
use crate::net::state::shared::Shared;
#[cfg(feature = "tls")]
use crate::net::tls_session::TlsSession;
use crate::proto::deflate;
use crate::proto::handshake::{
    Offer, Request, Response, ResponseFields, SubprotocolNotOffered, encode_accept,
};
use crate::proto::outbound::SendError;
use crate::proto::rejection::Rejection;

/// An opening handshake in which nothing is wrong, to be accepted or rejected.
///
/// Dropped without an answer it is refused with 500, or 503 during shutdown.
pub struct Incoming {
    /// Taken by the answer.
    inner: Option<Box<Inner>>,
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Inner {
    pub(super) head: Request,
    /// The other view of the head, once somebody has asked for it.
    pub(super) parts: OnceLock<Box<Parts>>,
    offer: Offer,
    fields: ResponseFields,
    /// Which offers of compression are accepted.
    policy: Option<deflate::Policy>,
    /// What the handler chose for this connection.
    settings: Option<(Limits, Timeouts)>,
    #[cfg(feature = "tls")]
    tls: Option<Box<TlsSession>>,
}

impl Incoming {
    pub(in crate::net) fn new(shared: Arc<Shared>, head: Request, offer: Offer) -> Incoming {
        let inner = Inner {
            head,
            parts: OnceLock::new(),
            offer,
            fields: ResponseFields::new(),
            policy: compression::policy(&shared.context),
            settings: None,
            #[cfg(feature = "tls")]
            tls: None,
        };
        Incoming { inner: Some(Box::new(inner)), shared }
    }

    /// It came over TLS, as far as there is a session.
    #[cfg(feature = "tls")]
    pub(in crate::net) fn over(mut self, tls: Option<TlsSession>) -> Incoming {
        if let Some(tls) = tls {
            self.inner_mut().tls = Some(Box::new(tls));
        }
        self
    }

    /// What the TLS handshake agreed on, with the client's certificate; `None` where the connection came to a
    /// plain listener, or where something else ended TLS.
    #[cfg(feature = "tls")]
    pub fn tls(&self) -> Option<&TlsSession> {
        self.inner().tls.as_deref()
    }

    /// The name of this connection, which its handles have too, and each line of the log about it.
    pub fn id(&self) -> ConnectionId {
        self.shared.id()
    }

    /// What the application has of its own in the configuration by which this handshake was judged
    /// ([`Config::app_data`](crate::Config::app_data)); `None` where there is none, or of another type.
    pub fn app_data<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.shared.context.config.app_data.clone()?.downcast().ok()
    }

    /// The client's address: that of the peer, where the transport has one, or what a proxy says that
    /// [is trusted](crate::TrustedProxies). Its port is 0 where the proxy says none.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.shared.peer()
    }

    /// The address of the transport's peer, where it has one. Behind a proxy it is the proxy's.
    pub fn transport_addr(&self) -> Option<SocketAddr> {
        self.shared.transport_addr
    }

    /// Whether the client asked over TLS, as far as a proxy that is trusted, the transport or
    /// [`Policy::secure`](crate::Policy::secure) tells.
    pub fn is_secure(&self) -> bool {
        self.shared.is_secured(&self.shared.lock())
    }

    /// The host that the client named to the TLS of a proxy (SNI), where a header of the PROXY protocol says
    /// so. Where TLS ends here, [`Incoming::tls`] has it.
    pub fn proxied_server_name(&self) -> Option<String> {
        self.shared.proxied_server_name()
    }

    /// The subprotocol that the 101 will name: the first in the client's order that the
    /// policy knows, unless chosen otherwise.
    pub fn chosen_subprotocol(&self) -> Option<&str> {
        self.inner().offer.subprotocol.as_deref()
    }

    /// Chooses the subprotocol.
    ///
    /// # Errors
    /// The client did not offer it, which leaves the choice as it was; [`Request::subprotocols`] of
    /// [`Incoming::head`] are what it offers.
    pub fn subprotocol(&mut self, name: &str) -> Result<&mut Incoming, SubprotocolNotOffered> {
        let inner = self.inner_mut();
        inner.offer.choose_subprotocol(&inner.head, name)?;
        Ok(self)
    }

    /// Answers without a subprotocol.
    pub fn no_subprotocol(&mut self) -> &mut Incoming {
        self.inner_mut().offer.subprotocol = None;
        self
    }

    /// Chooses which offers of compression are accepted on this connection; `None` declines all
    /// of them (RFC 7692 §7). The configuration decides otherwise.
    #[cfg(feature = "deflate")]
    pub fn deflate(&mut self, policy: Option<deflate::Policy>) -> &mut Incoming {
        self.inner_mut().policy = policy;
        self
    }

    /// Sets how much is too much on this connection, instead of what is configured. The bounds of the
    /// request head have been passed. A [`max_queued`](Limits::max_queued) of 0 is taken for 1.
    pub fn limits(&mut self, limits: Limits) -> &mut Incoming {
        self.settings().0 = limits;
        self
    }

    /// Sets how long is too long on this connection, instead of what is configured, from the 101 on.
    pub fn timeouts(&mut self, timeouts: Timeouts) -> &mut Incoming {
        self.settings().1 = timeouts;
        self
    }

    fn settings(&mut self) -> &mut (Limits, Timeouts) {
        let config = &self.shared.context.config;
        let inner = self.inner.as_deref_mut().unwrap_or_else(|| unreachable!("{ANSWERED}"));
        inner.settings.get_or_insert_with(|| (config.limits.clone(), config.timeouts.clone()))
    }

    /// Accepts: the 101 is queued, and the connection is OPEN (RFC 6455 §4.2.2).
    ///
    /// # Errors
    /// When the connection ended or was refused meanwhile, for instance at the handshake
    /// deadline.
    ///
    /// It does not wait: the connection task writes the 101.
    pub fn accept(mut self) -> Result<WebSocket> {
        let Some(inner) = self.inner.take() else { return Err(SendError::Closed.into()) };
        let Inner { head, offer, mut fields, policy, settings, .. } = *inner;
        self.add_id(&mut fields);
        if let Some((limits, timeouts)) = settings {
            self.shared.choose_settings(limits, timeouts);
        }
        let compression =
            compression::negotiate(&self.shared.context, &offer.extensions, policy.as_ref());
        let is_unspoken = offer.subprotocol.is_none() && head.subprotocols().next().is_some();
        let mut state = self.shared.lock();
        if !state.life.is_deciding() {
            let ended = state.life.finished().and_then(|ending| ending.to_error());
            return Err(ended.unwrap_or(Error::Send(SendError::Closed)));
        }
        // RFC 7692 §5: the 101 names the extension that was agreed on.
        let extensions = compression.as_ref().map(Compression::to_string);
        let (subprotocol, extensions) = (offer.subprotocol.as_deref(), extensions.as_deref());
        state.queue.append(|_, batch| {
            encode_accept(&head, &offer.accept_key, subprotocol, extensions, &fields, batch);
        });
        state.open();
        state.keep_pace(self.shared.limits());
        // Until the Receiver is asked on another one.
        state.note_receiving();
        state.agree(compression);
        state.wake_task();
        drop(state);
        self.shared.report_opening(subprotocol, extensions);
        if is_unspoken {
            self.shared.report_unspoken_subprotocols(&head);
        }
        Ok(WebSocket::new(self.shared.clone()))
    }

    /// Adds the id to the 101, if that was asked for and the application has no field of that name.
    fn add_id(&self, fields: &mut ResponseFields) {
        if let Some(name) = &self.shared.context.config.id_header
            && !fields.contains(name.as_str())
        {
            // The configuration was checked; one that was not has no field then.
            let _ = insert_header(fields, name.clone(), self.shared.id().to_string());
        }
    }

    /// Answers without a WebSocket.
    pub(super) fn answer(mut self, response: Response) {
        self.inner = None;
        let mut state = self.shared.lock();
        if state.life.is_deciding() {
            state.reject(response, &self.shared);
            state.wake_task();
        }
    }

    /// Whether the log does not say yet why this is left unanswered. The caller says it then.
    pub(super) fn is_first_to_tell(&self) -> bool {
        !self.shared.lock().marks.tell_failure()
    }

    /// The header fields that the application adds to the 101.
    pub(super) fn response_fields(&mut self) -> &mut ResponseFields {
        &mut self.inner_mut().fields
    }

    pub(super) fn inner(&self) -> &Inner {
        // The answers take `self`, so only a value that nobody can see has none.
        self.inner.as_deref().unwrap_or_else(|| unreachable!("{ANSWERED}"))
    }

    fn inner_mut(&mut self) -> &mut Inner {
        self.inner.as_deref_mut().unwrap_or_else(|| unreachable!("{ANSWERED}"))
    }
}

const ANSWERED: &str = "an answered handshake";

impl fmt::Debug for Incoming {
    /// Leaves out the query and the values of header fields: they carry credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner.as_deref();
        f.debug_struct("Incoming")
            .field("peer", &self.shared.peer())
            .field("request", &inner.map(|inner| &inner.head))
            .field("fields", &inner.map_or(0, |inner| inner.fields.iter().count()))
            .finish_non_exhaustive()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.life.is_deciding() {
            let is_draining = self.shared.context.is_draining();
            let rejection =
                if is_draining { Rejection::ShuttingDown } else { Rejection::HandlerFailed };
            state.refuse(&rejection.into(), &self.shared);
            state.wake_task();
        }
    }
}
