//! What a connection beyond the caps gets: 503 with `Retry-After` (RFC 9110 §15.6.4).

use std::io;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::net::{http_date, within};
use crate::proto::handshake::Refusal;
use crate::proto::rejection::Rejection;

/// Answers a connection that was not admitted: reads a little, to know whether the
/// answer may have content and because a reset would destroy it, then writes it,
/// ends its side and discards what comes, all within a short time.
pub(super) async fn refuse<T: AsyncRead + AsyncWrite + Unpin>(mut io: T) {
    let mut bytes = [0; 512];
    let answer = match within(REFUSAL_TIME, io.read(&mut bytes)).await {
        Some(Ok(read @ 1..)) => answer(bytes.get(..read).unwrap_or_default()),
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
    let _ = within(REFUSAL_TIME, ending).await;
}

fn answer(received: &[u8]) -> Vec<u8> {
    let mut answer = Vec::with_capacity(256);
    let date = http_date(SystemTime::now());
    Refusal::of(Rejection::Overloaded, received).encode(date.as_deref(), &mut answer);
    answer
}

/// For reading the beginning of a request that is refused, and again for the rest.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// What a refused connection may send before it is closed without reading on.
const REFUSAL_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

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
