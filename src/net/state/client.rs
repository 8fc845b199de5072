//! Whose connection it is: the peer's, or where the peer is a proxy, its client's.
//!
//! Most connections have no proxy in front, so what is said of a client is in memory only where it was said:
//! among what few connections have.

use std::net::SocketAddr;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::State;
use super::held::Held;
use super::shared::Shared;
use crate::net::proxied::Client;

/// What few connections have. It is made when the first of it comes.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// Where handles keep the connection open, and no handler does.
    pub(super) held: OnceLock<Held>,
    /// What proxies said. The lock is never held while another one is taken.
    client: Mutex<Option<Client>>,
}

impl Shared {
    /// What this connection has and few others do.
    pub(super) fn rare(&self) -> &Rare {
        self.rare.get_or_init(Box::default)
    }

    /// The client's address: the peer's, unless a proxy that is trusted says otherwise.
    pub(in crate::net) fn peer(&self) -> Option<SocketAddr> {
        let said = self.said(|client| client.address);
        said.flatten().or(self.transport_addr)
    }

    /// What a proxy said; what it does not speak of stays as it was said before.
    pub(in crate::net) fn believe(&self, said: Client) {
        if said == Client::default() {
            return;
        }
        let mut client = self.rare().client.lock().unwrap_or_else(PoisonError::into_inner);
        let client = client.get_or_insert_default();
        client.address = said.address.or(client.address);
        client.is_secure = said.is_secure.or(client.is_secure);
        client.server_name = said.server_name.or(client.server_name.take());
    }

    /// The host that the client named to a proxy's TLS.
    pub(in crate::net) fn proxied_server_name(&self) -> Option<String> {
        self.said(|client| client.server_name.as_deref().map(str::to_owned)).flatten()
    }

    /// Whether TLS secures the connection of the client, as far as a proxy, the transport or the policy knows.
    pub(in crate::net) fn is_secured(&self, state: &State) -> bool {
        let own = || state.marks.is_secured() || self.context.config.policy.secure;
        self.said(|client| client.is_secure).flatten().unwrap_or_else(own)
    }

    fn said<R>(&self, look: impl FnOnce(&Client) -> R) -> Option<R> {
        let client = self.rare.get()?.client.lock().unwrap_or_else(PoisonError::into_inner);
        client.as_ref().map(look)
    }
}
