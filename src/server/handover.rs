//! The end of accepting: what becomes of the connections that the kernel holds for a listener, and how a
//! server goes without losing one to its successor.
//!
//! A connection waits in the queue of one listening socket. When that socket is closed, the kernel resets what
//! waits there. So before a listener is closed, its [`Rest`] is looked after:
//!
//! | [`Rest`] | the listener | what waits in its queue |
//! |---|---|---|
//! | `Refused` | our own | is accepted, and gets 503: nobody else would take it |
//! | `Served` | on a port that a successor listens on too | is accepted and served as before; new ones go to the successor |
//! | `Left` | handed in by the application, or by what started it | stays where it is, for whoever else has the socket |
//!
//! After `Served` and `Left` the worker waits a moment for the opening handshakes that go on, so that these
//! peers too get their 101, and the Close after it. Only then does it tell its connections of the shutdown.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::limits::Admission;

/// What becomes of the connections in the kernel's queue when the server shuts down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Refused,
    Served,
    Left,
}

/// What the doors of a server know of each other at the end.
#[derive(Debug)]
pub(super) struct HandOver {
    /// Whether a successor is expected on any of the listeners.
    is_meant: bool,
    /// Listeners with [`Rest::Served`] that may still find connections in their queue.
    open: AtomicUsize,
}

impl HandOver {
    /// Of all listeners of all workers.
    pub(super) fn new(rests: impl IntoIterator<Item = Rest>) -> Self {
        let (mut is_meant, mut open) = (false, 0);
        for rest in rests {
            is_meant |= rest != Rest::Refused;
            open += usize::from(rest == Rest::Served);
        }
        Self { is_meant, open: AtomicUsize::new(open) }
    }

    /// Whether opening handshakes are waited for.
    pub(super) fn is_meant(&self) -> bool {
        self.is_meant
    }

    /// One listener with [`Rest::Served`] is closed.
    pub(super) fn note_closed(&self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
    }

    /// Waits until all listeners with [`Rest::Served`] are closed and no opening handshake goes on.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub(super) async fn openings_over(&self, admission: &Admission) {
        while self.open.load(Ordering::Acquire) > 0 || admission.handshakes() > 0 {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// Has the kernel drop what would begin a new connection at this listener. The client's kernel tries again after
/// a second, and then reaches a socket that listens on the port still.
///
/// Only a first SYN is dropped. The ACK that ends a handshake of TCP comes through the same filter, and
/// connections that are accepted later inherit it.
///
/// # Errors
/// Where the system has no such filter, or does not let us have one.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn turn_away(listener: &socket2::SockRef<'_>) -> std::io::Result<()> {
    use socket2::SockFilter;

    // Classic BPF (linux/filter.h). The bytes begin with the header of TCP.
    listener.attach_filter(&[
        // A = the byte of the flags; A &= SYN | ACK
        SockFilter::new(0x30, 0, 0, 13),
        SockFilter::new(0x54, 0, 0, 0x12),
        // A SYN alone: 0 bytes are kept. Otherwise all are.
        SockFilter::new(0x15, 0, 1, 0x02),
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ])
}

/// As on other systems, where a port is not shared.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn turn_away(_: &socket2::SockRef<'_>) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// How often a worker looks whether there is something left to wait for.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A queue that has been empty for so long stays empty: handshakes of TCP whose SYN came before the filter have
/// ended, unless their way there and back is longer.
pub(super) const QUIET: Duration = Duration::from_millis(100);

/// Looking after one queue and the opening handshakes takes no longer, whatever peers do. A client whose SYN was
/// dropped tries again after a second; a listener that is gone by then does not drop the second one too.
pub(super) const LONGEST_QUEUE: Duration = Duration::from_millis(700);

/// As long as that, and a second for opening handshakes that go on.
pub(super) const LONGEST: Duration = Duration::from_millis(1700);
