//! TLS below the server's connections, by rustls (RFC 8446, RFC 5246).
//!
//! A TLS listener's connections have a transport of their own. It drives the TLS handshake when the
//! connection task reads, so that one deadline covers this handshake and the opening handshake behind it,
//! and the task knows nothing of TLS. No type of rustls is in a public signature, but for
//! [`Tls::from_config`].

mod certificate;
mod credentials;
mod error;
mod failure;
mod handshake;
mod hosts;
mod plain_http;
mod session;
mod socket;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use tokio::net::TcpStream;

pub use self::credentials::Tls;
pub use self::error::TlsError;
use self::failure::Observer;
pub(super) use self::failure::Tally;
pub use self::failure::TlsCounters;
use self::session::Session;
pub(super) use self::socket::{RefusedTls, TlsSocket};
use super::Control;
use super::permit::Permit;
use crate::net::Context;

/// What new TLS connections are served with. Replaced as a whole, and read once for each connection.
#[derive(Debug, Default)]
pub(super) struct InForce(RwLock<Option<Tls>>);

impl InForce {
    pub(super) fn replace(&self, tls: Tls) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(tls);
    }

    pub(super) fn is_set(&self) -> bool {
        self.read(Option::is_some)
    }

    pub(super) fn expires(&self) -> Option<SystemTime> {
        self.read(|tls| tls.as_ref().and_then(Tls::expires))
    }

    fn read<R>(&self, look: impl FnOnce(&Option<Tls>) -> R) -> R {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What makes TLS of the connections of one listener.
#[derive(Clone)]
pub(super) struct Receiving {
    control: Arc<Control>,
    observer: Arc<Observer>,
}

impl Receiving {
    pub(super) fn new(control: &Arc<Control>, context: &Arc<Context>) -> Receiving {
        let observer = Arc::new(Observer::new(control.clone(), context.clone()));
        Receiving { control: control.clone(), observer }
    }

    /// The transport of a connection that has a place.
    pub(super) fn admit(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: Permit,
    ) -> Option<TlsSocket> {
        Some(TlsSocket::new(self.session(stream, peer)?, permit))
    }

    /// The transport of a connection that is to be refused.
    pub(super) fn refuse(&self, stream: TcpStream, peer: SocketAddr) -> Option<RefusedTls> {
        Some(RefusedTls::new(self.session(stream, peer)?))
    }

    /// `None` where there are no certificates; then no listener of TLS would have been started.
    fn session(&self, stream: TcpStream, peer: SocketAddr) -> Option<Box<Session>> {
        let config = self.control.tls.read(|tls| tls.as_ref().map(Tls::config))?;
        let session = Session::new(stream, peer, config, self.observer.clone());
        // rustls gives an error only for a configuration that it could not have built.
        session.inspect_err(|error| tracing::error!(%error, "cannot begin TLS")).ok()
    }
}
