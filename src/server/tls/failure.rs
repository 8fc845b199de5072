//! How TLS handshakes end: counted, and those that fail told to the log, at a bounded rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fmt, io};

use rustls::Error;

use crate::net::{ConnectionId, Context};
use crate::server::Control;

/// How TLS handshakes have ended since the server was bound. Each accepted connection of a TLS listener counts
/// once, those among them that are refused with 503 or 429 behind the handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsCounters {
    /// Those that were completed.
    pub completed: u64,
    /// Clients that sent plain HTTP; they got 400.
    pub plain_http: u64,
    /// Clients with which there is no version of TLS, cipher suite, kind of key or application protocol in
    /// common.
    pub no_common_protocol: u64,
    /// Clients that were to show a certificate and showed none, or one that was not accepted.
    pub client_certificate: u64,
    /// Clients that gave up with an alert, most of them since they do not trust the certificate.
    pub alert_from_peer: u64,
    /// Clients that sent what is no TLS, or broke a rule of it.
    pub malformed: u64,
    /// Handshakes that were not completed by their deadline, or by that of the server's shutdown.
    pub timed_out: u64,
    /// Connections that ended, or were reset, before the handshake did; most of them without a byte.
    pub ended_early: u64,
    /// Faults of our own.
    pub other: u64,
}

/// How a TLS handshake came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Completed,
    PlainHttp,
    NoCommonProtocol,
    ClientCertificate,
    AlertFromPeer,
    Malformed,
    TimedOut,
    EndedEarly,
    Other,
}

impl Outcome {
    pub(super) fn of(error: &Error) -> Outcome {
        match error {
            Error::NoApplicationProtocol | Error::PeerIncompatible(_) => Outcome::NoCommonProtocol,
            Error::NoCertificatesPresented
            | Error::InvalidCertificate(_)
            | Error::InvalidCertRevocationList(_) => Outcome::ClientCertificate,
            Error::AlertReceived(_) => Outcome::AlertFromPeer,
            Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. }
            | Error::InvalidMessage(_)
            | Error::PeerMisbehaved(_)
            | Error::PeerSentOversizedRecord
            | Error::UnsupportedNameType
            | Error::DecryptError => Outcome::Malformed,
            _ => Outcome::Other,
        }
    }
}

/// How often handshakes came to each end.
#[derive(Debug, Default)]
pub(in crate::server) struct Tally([AtomicU64; Outcome::Other as usize + 1]);

impl Tally {
    fn count(&self, outcome: Outcome) {
        // There is one for each.
        self.0[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::server) fn read(&self) -> TlsCounters {
        let of = |outcome: Outcome| self.0[outcome as usize].load(Ordering::Relaxed);
        TlsCounters {
            completed: of(Outcome::Completed),
            plain_http: of(Outcome::PlainHttp),
            no_common_protocol: of(Outcome::NoCommonProtocol),
            client_certificate: of(Outcome::ClientCertificate),
            alert_from_peer: of(Outcome::AlertFromPeer),
            malformed: of(Outcome::Malformed),
            timed_out: of(Outcome::TimedOut),
            ended_early: of(Outcome::EndedEarly),
            other: of(Outcome::Other),
        }
    }
}

/// Whom the connections of a listener tell how their TLS handshakes ended.
pub(super) struct Observer {
    control: Arc<Control>,
    context: Arc<Context>,
}

impl Observer {
    pub(super) fn new(control: Arc<Control>, context: Arc<Context>) -> Observer {
        Observer { control, context }
    }

    pub(super) fn count(&self, outcome: Outcome) {
        self.control.tally.tls.count(outcome);
    }

    /// Counts a handshake that failed, and logs it.
    #[cold]
    pub(super) fn fail(
        &self,
        id: Option<ConnectionId>,
        peer: SocketAddr,
        outcome: Outcome,
        reason: &dyn fmt::Display,
    ) {
        self.count(outcome);
        let Some(suppressed) = self.context.admit_line_of_tls(peer) else { return };
        let id = id.map(tracing::field::display);
        if outcome == Outcome::Other {
            tracing::warn!(id, %peer, ?outcome, %reason, suppressed, "a TLS handshake failed");
        } else {
            tracing::info!(id, %peer, ?outcome, %reason, suppressed, "a TLS handshake failed");
        }
    }
}

/// What the connection task gets of a fault of TLS. The kind is one that no socket gives.
pub(super) fn to_io(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
