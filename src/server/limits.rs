//! Caps on the number of connections, and the refusal of those beyond them:
//! 503 with `Retry-After` (RFC 9110 §15.6.4).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use crate::proto::handshake::Refusal;
use crate::proto::rejection::Rejection;

/// How many connections there may be at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caps {
    pub(super) connections: Option<usize>,
    pub(super) per_address: Option<usize>,
}

/// Counts connections against the caps, over all workers.
#[derive(Debug, Default)]
pub(super) struct Admission {
    live: AtomicUsize,
    accepted: AtomicU64,
    refused: AtomicU64,
    /// Used only with a cap per address. Counts are never zero.
    by_source: Mutex<HashMap<Source, usize>>,
}

/// Which cap a connection was beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overload {
    Connections,
    PerAddress,
}

impl Admission {
    /// Counts a connection until its permit is dropped.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr, caps: Caps) -> Result<Permit, Overload> {
        let admitted = self.admit_total(caps.connections).and_then(|()| {
            self.admit_source(peer, caps.per_address).inspect_err(|_| {
                self.live.fetch_sub(1, Ordering::Relaxed);
            })
        });
        match admitted {
            Ok(source) => {
                self.accepted.fetch_add(1, Ordering::Relaxed);
                Ok(Permit { admission: self.clone(), source })
            }
            Err(overload) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(overload)
            }
        }
    }

    fn admit_total(&self, cap: Option<usize>) -> Result<(), Overload> {
        let before = self.live.fetch_add(1, Ordering::Relaxed);
        if cap.is_some_and(|cap| before >= cap) {
            self.live.fetch_sub(1, Ordering::Relaxed);
            return Err(Overload::Connections);
        }
        Ok(())
    }

    fn admit_source(&self, peer: IpAddr, cap: Option<usize>) -> Result<Option<Source>, Overload> {
        let Some(cap) = cap else { return Ok(None) };
        let source = Source::of(peer);
        let mut by_source = self.by_source.lock().unwrap_or_else(PoisonError::into_inner);
        let live = by_source.get(&source).copied().unwrap_or(0);
        if live >= cap {
            return Err(Overload::PerAddress);
        }
        by_source.insert(source, live + 1);
        Ok(Some(source))
    }

    fn dismiss(&self, source: Option<Source>) {
        self.live.fetch_sub(1, Ordering::Relaxed);
        let Some(source) = source else { return };
        let mut by_source = self.by_source.lock().unwrap_or_else(PoisonError::into_inner);
        match by_source.get_mut(&source) {
            Some(live) if *live > 1 => *live -= 1,
            _ => drop(by_source.remove(&source)),
        }
    }

    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Where connections come from: an IPv4 address, or the /64 of an IPv6 address,
/// which is what one household or machine has all of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Source(IpAddr);

impl Source {
    fn of(peer: IpAddr) -> Self {
        match peer.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            address @ IpAddr::V4(_) => Self(address),
        }
    }
}

/// One connection's place under the caps.
pub(super) struct Permit {
    admission: Arc<Admission>,
    source: Option<Source>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.dismiss(self.source);
    }
}

/// A transport that keeps its place under the caps for as long as it is open.
pub(super) struct Admitted<T> {
    io: T,
    _permit: Permit,
}

impl<T> Admitted<T> {
    pub(super) fn new(io: T, permit: Permit) -> Self {
        Self { io, _permit: permit }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Admitted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Admitted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connections => "the server holds as many connections as it may",
            Self::PerAddress => "this address holds as many connections as it may",
        })
    }
}

/// Answers a connection that was not admitted: reads a little, to know whether the
/// answer may have content and because a reset would destroy it, then writes it,
/// ends its side and discards what comes, all within a short time.
pub(super) async fn refuse<T: AsyncRead + AsyncWrite + Unpin>(mut io: T) {
    let mut bytes = [0; 512];
    let answer = match timeout(REFUSAL_TIME, io.read(&mut bytes)).await {
        Ok(Ok(read @ 1..)) => answer(bytes.get(..read).unwrap_or_default()),
        // Nobody asked anything: silence, as for a handshake that never began.
        _ => return,
    };
    let ending = async {
        io.write_all(&answer).await?;
        io.shutdown().await?;
        let mut discarded = 0;
        while discarded < REFUSAL_BYTES {
            match io.read(&mut bytes).await? {
                0 => break,
                read => discarded += read,
            }
        }
        io::Result::Ok(())
    };
    // Whether the peer saw it is its own affair.
    let _ = timeout(REFUSAL_TIME, ending).await;
}

fn answer(received: &[u8]) -> Vec<u8> {
    let mut answer = Vec::with_capacity(256);
    let date = httpdate::fmt_http_date(SystemTime::now());
    Refusal::of(Rejection::Overloaded, received).encode(&date, &mut answer);
    answer
}

/// For reading the beginning of a request that is refused, and again for the rest.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// What a refused connection may send before it is closed without reading on.
const REFUSAL_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Caps = Caps { connections: None, per_address: None };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn without_caps_everyone_is_admitted_and_counted() {
        let admission = Arc::new(Admission::default());
        let permits: Vec<_> =
            (0..100).map(|_| admission.admit(ip("192.0.2.1"), OPEN).ok().unwrap()).collect();
        assert_eq!((admission.live(), admission.accepted()), (100, 100));
        drop(permits);
        assert_eq!((admission.live(), admission.accepted(), admission.refused()), (0, 100, 0));
    }

    #[test]
    fn the_cap_on_connections_is_inclusive_and_a_place_comes_back() {
        let admission = Arc::new(Admission::default());
        let caps = Caps { connections: Some(2), ..OPEN };
        let first = admission.admit(ip("192.0.2.1"), caps).ok().unwrap();
        let _second = admission.admit(ip("192.0.2.2"), caps).ok().unwrap();
        assert_eq!(admission.admit(ip("192.0.2.3"), caps).err(), Some(Overload::Connections));
        drop(first);
        assert!(admission.admit(ip("192.0.2.3"), caps).is_ok());
        assert_eq!(admission.refused(), 1);
    }

    #[test]
    fn the_cap_per_address_spares_other_addresses() {
        let admission = Arc::new(Admission::default());
        let caps = Caps { connections: Some(10), per_address: Some(1) };
        let first = admission.admit(ip("192.0.2.1"), caps).ok().unwrap();
        assert_eq!(admission.admit(ip("192.0.2.1"), caps).err(), Some(Overload::PerAddress));
        assert!(admission.admit(ip("192.0.2.2"), caps).is_ok());
        drop(first);
        assert!(admission.admit(ip("192.0.2.1"), caps).is_ok());
        assert_eq!(admission.live(), 0);
        assert!(admission.by_source.lock().unwrap().is_empty());
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let admission = Arc::new(Admission::default());
        let caps = Caps { per_address: Some(1), ..OPEN };
        let _first = admission.admit(ip("2001:db8:0:1::1"), caps).ok().unwrap();
        assert_eq!(
            admission.admit(ip("2001:db8:0:1:ffff::2"), caps).err(),
            Some(Overload::PerAddress)
        );
        assert!(admission.admit(ip("2001:db8:0:2::1"), caps).is_ok());
    }

    #[tokio::test]
    async fn s15_6_4_a_refusal_is_answered_and_the_rest_discarded() {
        let (mut peer, io) = tokio::io::duplex(1024);
        let refused = tokio::spawn(refuse(io));
        peer.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: "), "{head}");
        assert!(body.starts_with("RFC 9110 15.6.4: "), "{body}");
        peer.write_all(b"more").await.unwrap();
        drop(peer);
        refused.await.unwrap();
    }

    #[tokio::test]
    async fn s9_3_2_the_refusal_of_head_has_no_content() {
        let (mut peer, io) = tokio::io::duplex(1024);
        let refused = tokio::spawn(refuse(io));
        peer.write_all(b"HEAD / HTTP/1.1\r\n").await.unwrap();
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("\r\n\r\n"), "{answer}");
        drop(peer);
        refused.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_peer_that_says_nothing_hears_nothing() {
        let (mut peer, io) = tokio::io::duplex(1024);
        refuse(io).await;
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "");
    }
}
