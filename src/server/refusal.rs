//! What a connection beyond the caps gets: 503 (RFC 9110 §15.6.4) or 429 (RFC 6585 §4), with `Retry-After`.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::net::{http_date, within};
use crate::proto::handshake::Refusal;
use crate::proto::rejection::Rejection;

/// The connections of all workers that are being refused. Each is a task and a descriptor for a while, so
/// their number is bounded: where one more comes, the oldest is dropped. So a peer that says nothing does
/// not keep the answer from one that has asked.
#[derive(Debug)]
pub(super) struct Refusals {
    most: usize,
    /// The oldest first.
    tasks: Mutex<VecDeque<AbortHandle>>,
}

impl Refusals {
    /// Room for some of so many descriptors.
    pub(super) fn new(descriptors: Option<usize>) -> Self {
        let most = descriptors.map_or(MOST_AT_ONCE, |all| (all / 20).clamp(1, MOST_AT_ONCE));
        Self { most, tasks: Mutex::default() }
    }

    /// Refuses a connection on a task of this runtime.
    pub(super) fn spawn<T>(&self, io: T, rejection: Rejection)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let task = tokio::spawn(refuse(io, rejection)).abort_handle();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() >= self.most {
            tasks.retain(|task| !task.is_finished());
        }
        if tasks.len() >= self.most
            && let Some(oldest) = tasks.pop_front()
        {
            oldest.abort();
        }
        tasks.push_back(task);
    }
}

impl Refusals {
    /// Waits until all have got their answer; each has its time for that.
    pub(super) async fn finished(&self) {
        while self.are_going_on() {
            sleep(LOOK_AGAIN).await;
        }
    }

    fn are_going_on(&self) -> bool {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.iter().any(|task| !task.is_finished())
    }
}

/// Answers a connection that was not admitted: reads a little, to know whether the
/// answer may have content and because a reset would destroy it, then writes it,
/// ends its side and discards what comes, all within a short time.
async fn refuse<T: AsyncRead + AsyncWrite + Unpin>(mut io: T, rejection: Rejection) {
    let mut bytes = [0; 512];
    let answer = match within(REFUSAL_TIME, io.read(&mut bytes)).await {
        Some(Ok(read @ 1..)) => answer(rejection, bytes.get(..read).unwrap_or_default()),
        // What came cannot be read: TLS has an alert for that, or an answer of its own.
        Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Vec::new(),
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

fn answer(rejection: Rejection, received: &[u8]) -> Vec<u8> {
    let mut answer = Vec::with_capacity(256);
    let date = http_date(SystemTime::now());
    Refusal::of(rejection, received).encode(date.as_deref(), &mut answer);
    answer
}

/// Connections that are refused at the same time, in all workers.
const MOST_AT_ONCE: usize = 256;

/// How often a worker that ends looks whether all refusals are over.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

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
        let refused = tokio::spawn(refuse(io, Rejection::Overloaded));
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
        let refused = tokio::spawn(refuse(io, Rejection::Overloaded));
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
        refuse(io, Rejection::Overloaded).await;
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "");
    }

    #[tokio::test]
    async fn s6585_4_too_many_handshakes_get_429_with_the_time_to_wait() {
        let (mut peer, io) = tokio::io::duplex(1024);
        let refused = tokio::spawn(refuse(io, Rejection::TooManyHandshakes));
        peer.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
        assert!(head.contains("\r\nRetry-After: 1\r\n"), "{head}");
        assert!(body.starts_with("RFC 6585 4: "), "{body}");
        drop(peer);
        refused.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn silent_peers_do_not_keep_the_answer_from_those_who_ask() {
        let refusals = Refusals::new(Some(60));
        let mut silent = Vec::new();
        for _ in 0..100 {
            let (peer, io) = tokio::io::duplex(1024);
            refusals.spawn(io, Rejection::Overloaded);
            silent.push(peer);
        }
        let (mut peer, io) = tokio::io::duplex(1024);
        refusals.spawn(io, Rejection::Overloaded);
        assert_eq!(refusals.tasks.lock().unwrap().len(), 3);
        peer.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        // The oldest were dropped before their time.
        let mut byte = [0];
        assert_eq!(silent[0].read(&mut byte).await.unwrap(), 0);
    }
}
