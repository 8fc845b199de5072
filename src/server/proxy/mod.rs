//! The PROXY protocol: what a proxy says of its client before the first byte of the connection.
//!
//! Where a listener has it, it is required and never guessed. It is believed only of proxies that are trusted,
//! and takes its time from the deadline of the opening handshake.
//!
//! ```text
//!  (accepted) --a peer that is not trusted--> dropped, counted
//!      |
//!      v
//!  Arriving --whole--> TLS, or HTTP, of the client that it names
//!      |
//!      +--a fault, an end, the deadline--> dropped without an answer, counted
//! ```

mod arriving;
mod checksum;
mod door;
mod header;
mod peek;
#[cfg(test)]
mod tests;
mod transport;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) use self::door::Proxying;
pub use self::header::{ProxyHeader, ProxyHeaderFault};
pub(super) use self::peek::Carries;
use super::Control;
use crate::net::Context;

/// Whom the connections of a listener tell of headers that are wrong.
pub(super) struct Observer {
    control: Arc<Control>,
    context: Arc<Context>,
}

impl Observer {
    pub(super) fn new(control: &Arc<Control>, context: &Arc<Context>) -> Observer {
        Observer { control: control.clone(), context: context.clone() }
    }

    /// Counts a header that was wrong, missing or not believed, and logs it.
    #[cold]
    fn fail(&self, peer: Option<SocketAddr>, reason: &dyn fmt::Display) {
        self.control.tally.proxy_faults.fetch_add(1, Ordering::Relaxed);
        let Some(suppressed) = self.context.admit_line_of_proxy(peer) else { return };
        let peer = peer.map(tracing::field::display);
        tracing::info!(peer, %reason, suppressed, "closed a connection for its PROXY header");
    }
}
