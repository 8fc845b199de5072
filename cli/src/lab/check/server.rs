//! The server under check, and how patient to be with it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::head::Head;
use crate::tls_client::{Session, TlsClient};

/// Where the server is, and how it is spoken to.
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    /// Where there is TLS.
    pub(crate) tls: Option<TlsClient>,
}

/// The server under check.
pub(crate) struct Server {
    pub(crate) place: Place,
    /// What the first TLS handshake came to.
    pub(crate) session: Option<Session>,
    /// Path and query of the URL.
    pub(crate) path: String,
    /// As it stands in the Host field.
    pub(crate) host: String,
    pub(crate) echo: Echo,
    pub(crate) compresses: bool,
    pub(crate) pace: Pace,
}

/// Whether a text comes back as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    /// It does, or what came back breaks a rule, which the rows will tell.
    Yes,
    /// The server does something else with texts, as it may; what that is.
    No(String),
    /// The connection ended in a way that says neither.
    Unknown(String),
}

impl Server {
    /// A head as it goes to this server.
    pub(crate) fn bytes_of(&self, head: &Head) -> Vec<u8> {
        let scheme = if self.place.tls.is_some() { "https" } else { "http" };
        head.bytes_with(scheme, &self.path, &self.host)
    }

    /// Whether what comes back for a message is judged.
    pub(crate) fn echoes(&self) -> bool {
        self.echo == Echo::Yes
    }
}

/// How long to wait for what.
///
/// A server that lets something be waited for in vain time and again is waited for less long. What then rests on
/// that shorter time is played again alone, with the whole of it (`run/alone.rs`).
pub(crate) struct Pace {
    /// The shortest that was seen.
    round_trip: Duration,
    /// The longest.
    slowest: Duration,
    /// For an answer that is owed.
    pub(crate) answer: Duration,
    /// Before a silent server is asked whether it goes on.
    pub(crate) quiet: Duration,
    early: Duration,
    fin: Duration,
    /// How often each did not come in its time.
    in_vain: [AtomicU32; 3],
}

/// What is waited for up to a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A fault that is told by the beginning of a frame alone.
    Early,
    /// An answer that is owed.
    Answer,
    /// FIN after the last word.
    Fin,
}

impl Pace {
    /// For a server whose answers take about so long.
    pub(crate) fn of(round_trip: Duration) -> Pace {
        Pace {
            round_trip,
            slowest: round_trip,
            answer: (round_trip * 10).clamp(Duration::from_secs(3), Duration::from_secs(10)),
            quiet: (round_trip * 4).clamp(Duration::from_millis(60), Duration::from_secs(2)),
            early: (round_trip * 4).clamp(Duration::from_millis(500), Duration::from_secs(2)),
            fin: (round_trip * 4).clamp(Duration::from_millis(800), Duration::from_secs(2)),
            in_vain: Default::default(),
        }
    }

    /// Whether a round trip costs so little that one row is begun after the other.
    pub(crate) fn is_near(&self) -> bool {
        self.round_trip <= NEAR
    }

    /// Notes how long another handshake took.
    pub(crate) fn note_round_trip(&mut self, took: Duration) {
        self.round_trip = self.round_trip.min(took);
        self.slowest = self.slowest.max(took);
    }

    /// Notes how long an echo took; one that takes long may take as long again.
    pub(crate) fn note_echo(&mut self, took: Duration) {
        self.answer = self.answer.max((took * 3).min(LONGEST_ANSWER));
    }

    /// How long the next row waits for the first answer to this one, where they take turns.
    pub(crate) fn turn(&self) -> Duration {
        (self.slowest * 2).clamp(Duration::from_millis(5), Duration::from_millis(40))
    }

    /// After how long bytes that nothing came back for have reached the server.
    pub(crate) fn grace(&self) -> Duration {
        if self.is_near() { self.turn() } else { self.round_trip * 2 }
    }

    /// How long to wait for this now.
    pub(crate) fn now(&self, wait: Wait) -> Duration {
        let whole = match wait {
            Wait::Early => self.early,
            Wait::Answer => self.answer,
            Wait::Fin => self.fin,
        };
        if self.is_short(wait) { (self.quiet * 2).min(whole) } else { whole }
    }

    /// Whether less time than at the beginning is spent on it.
    pub(crate) fn is_short(&self, wait: Wait) -> bool {
        self.count(wait).load(Ordering::Relaxed) >= OFTEN
    }

    /// Notes that this was waited for in vain.
    pub(crate) fn note_in_vain(&self, wait: Wait) {
        self.count(wait).fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for everything as long as at the beginning.
    pub(crate) fn forget(&self) {
        self.in_vain.iter().for_each(|count| count.store(0, Ordering::Relaxed));
    }

    fn count(&self, wait: Wait) -> &AtomicU32 {
        let [early, answer, fin] = &self.in_vain;
        match wait {
            Wait::Early => early,
            Wait::Answer => answer,
            Wait::Fin => fin,
        }
    }
}

/// The longest that an answer is waited for.
const LONGEST_ANSWER: Duration = Duration::from_secs(15);

/// How often something must fail to come before less time is spent on it.
const OFTEN: u32 = 6;

/// The longest round trip of a near server.
const NEAR: Duration = Duration::from_millis(20);
