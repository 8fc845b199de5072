//! What a listener does with a connection that is to begin with a header.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::Observer;
use super::arriving::{Arriving, Trust};
use super::transport::{Proxied, Unwelcome};
use crate::net::{BoxError, Context, Incoming};
use crate::server::Control;
use crate::server::caps::Caps;
use crate::server::door::{Door, Security};
use crate::server::socket::Socket;
#[cfg(unix)]
use crate::server::unix::UnixSocket;

/// A listener whose connections begin with a header.
#[derive(Clone)]
pub(in crate::server) struct Proxying {
    observer: Arc<Observer>,
    /// Whether every peer is believed while no proxy is named: none was at the start, and so the listener is for
    /// this machine only.
    may_be_open: bool,
}

impl Proxying {
    pub(in crate::server) fn new(control: &Arc<Control>, context: &Arc<Context>) -> Self {
        let observer = Arc::new(Observer::new(control, context));
        Proxying { observer, may_be_open: !context.has_trusted_proxies() }
    }

    /// `None` for a peer that is not believed, whatever it says; that is counted.
    fn expect(&self, peer: Option<SocketAddr>, context: &Context) -> Option<Arriving> {
        // A reload may name proxies: then they are believed, and no other process of this machine is.
        let is_open = self.may_be_open && !context.has_trusted_proxies();
        // Who may connect to a Unix socket, the permissions of its file say.
        let is_trusted = is_open || peer.is_none() || context.trusts(peer);
        let is_here = || peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
        let trust = match is_trusted {
            true => Trust::Proxy,
            false if is_here() => Trust::LocalOnly,
            false => {
                self.observer.fail(peer, &"the peer is not trusted");
                return None;
            }
        };
        Some(Arriving::new(trust, peer, self.observer.clone()))
    }
}

impl<H, F, E> Door<H>
where
    H: Fn(Incoming) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    /// The client is counted once the header says who it is.
    pub(in crate::server) fn open_proxied_tcp(
        &mut self,
        proxying: &Proxying,
        stream: TcpStream,
        peer: SocketAddr,
        caps: Caps,
    ) {
        let Some(arriving) = proxying.expect(Some(peer), &self.context) else { return };
        match (self.admit(None, caps), &self.security) {
            (Ok(permit), Security::Plain) => {
                self.serve(Proxied::new(Socket::new(stream, permit), arriving), Some(peer));
            }
            (Err(overload), Security::Plain) => {
                self.refuse(Unwelcome::new(stream, arriving), Some(peer), overload);
            }
            #[cfg(feature = "tls")]
            (Ok(permit), Security::Tls(tls)) => {
                if let Some(socket) = tls.admit(stream, peer, permit) {
                    self.serve(Proxied::new(socket, arriving), Some(peer));
                }
            }
            #[cfg(feature = "tls")]
            (Err(overload), Security::Tls(tls)) => {
                if let Some(socket) = tls.refuse(stream, peer) {
                    self.refuse(Unwelcome::new(socket, arriving), Some(peer), overload);
                }
            }
        }
    }

    #[cfg(unix)]
    pub(in crate::server) fn open_proxied_unix(
        &mut self,
        proxying: &Proxying,
        stream: UnixStream,
        caps: Caps,
    ) {
        let Some(arriving) = proxying.expect(None, &self.context) else { return };
        match self.admit(None, caps) {
            Ok(permit) => self.serve(Proxied::new(UnixSocket::new(stream, permit), arriving), None),
            Err(overload) => self.refuse(Unwelcome::new(stream, arriving), None, overload),
        }
    }
}
