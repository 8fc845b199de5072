//! A TLS handshake while it goes on, and what it agreed on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::{fmt, io};

use rustls::{ProtocolVersion, ServerConnection};

use super::certificate;
use super::failure::{Observer, Outcome};
use super::wire::First;
use crate::net::{TlsSession, TlsVersion};

/// What is known of a handshake that goes on. It is settled, or else it was not completed in time.
pub(super) struct Handshake {
    pub(super) first: First,
    peer: SocketAddr,
    observer: Arc<Observer>,
    is_settled: bool,
}

impl Handshake {
    pub(super) fn new(peer: SocketAddr, observer: Arc<Observer>) -> Handshake {
        Handshake { first: First::default(), peer, observer, is_settled: false }
    }

    /// Nothing is told of it before it begins.
    pub(super) fn hold_back(&mut self) {
        self.is_settled = true;
    }

    pub(super) fn begin(&mut self, client: Option<SocketAddr>) {
        self.is_settled = false;
        self.peer = client.unwrap_or(self.peer);
    }

    pub(super) fn completed(&mut self) {
        self.is_settled = true;
        self.observer.count(Outcome::Completed);
    }

    pub(super) fn failed(&mut self, outcome: Outcome, reason: &dyn fmt::Display) {
        self.is_settled = true;
        self.observer.fail(self.peer, outcome, reason);
    }

    /// The transport is gone. A peer that has said nothing is not told of.
    pub(super) fn ended_early(&mut self, error: &io::Error) {
        if self.first.octets().is_empty() {
            self.is_settled = true;
            self.observer.count(Outcome::EndedEarly);
        } else {
            self.failed(Outcome::EndedEarly, error);
        }
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        if !self.is_settled {
            self.failed(Outcome::TimedOut, &"it was not completed in time");
        }
    }
}

/// What the handshake agreed on, once it is complete.
pub(super) fn agreed(tls: &ServerConnection) -> Option<TlsSession> {
    let version = match tls.protocol_version()? {
        ProtocolVersion::TLSv1_2 => TlsVersion::Tls12,
        _ => TlsVersion::Tls13,
    };
    let suite = tls.negotiated_cipher_suite()?.suite();
    // rustls has a prefix of its own.
    let cipher = suite.as_str().unwrap_or("unknown").replace("TLS13_", "TLS_");
    let mut agreed = TlsSession::new(version, cipher);
    agreed.server_name = tls.server_name().map(str::to_ascii_lowercase);
    let client = tls.peer_certificates().and_then(<[_]>::first);
    agreed.client = client.map(|der| certificate::client(der));
    Some(agreed)
}
