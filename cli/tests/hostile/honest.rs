//! Honest peers: each sends a small message, waits for its echo, and pauses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::bytes::{DEFLATE, frame};
use crate::peer::Peer;
use crate::unverified::client_config;

/// Honest peers on a thread of their own.
pub(crate) struct Honest {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Echo>, String>>,
}

/// How a peer speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Plain,
    Compressed,
    OverTls,
}

/// When an echo was asked for, and how long it took.
#[derive(Clone, Copy)]
struct Echo {
    asked: Instant,
    took: Duration,
}

/// All echoes of a time of honest peers that lost nothing.
pub(crate) struct Echoes(Vec<Echo>);

impl Honest {
    /// So many peers, which agree on compression if `compressed`.
    pub(crate) fn start(address: SocketAddr, count: usize, compressed: bool) -> Honest {
        Honest::start_as(
            address,
            count,
            if compressed { Manner::Compressed } else { Manner::Plain },
        )
    }

    /// So many peers over TLS.
    pub(crate) fn start_over_tls(address: SocketAddr, count: usize) -> Honest {
        Honest::start_as(address, count, Manner::OverTls)
    }

    fn start_as(address: SocketAddr, count: usize, manner: Manner) -> Honest {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let peers: Vec<_> = (0..count)
                    .map(|number| tokio::spawn(echo(address, number, manner, told.clone())))
                    .collect();
                let mut echoes = Vec::new();
                for peer in peers {
                    echoes.extend(peer.await.unwrap()?);
                }
                Ok(echoes)
            })
        });
        Honest { stop, thread }
    }

    /// Ends the peers. It is an error if one of them was lost or got another echo than its own.
    pub(crate) fn finish(self) -> Result<Echoes, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap().map(Echoes)
    }
}

/// A message of 300 bytes that no compressor leaves alone.
fn message(number: usize, round: u32) -> Vec<u8> {
    format!("peer {number:4} round {round:9} ").repeat(12).into_bytes()
}

async fn echo(
    address: SocketAddr,
    number: usize,
    manner: Manner,
    stop: Arc<AtomicBool>,
) -> Result<Vec<Echo>, String> {
    let lost = |why: String| format!("honest peer {number}: {why}");
    let opened = match manner {
        Manner::Plain => Peer::open(address, None).await,
        Manner::Compressed => Peer::open(address, Some(DEFLATE)).await,
        Manner::OverTls => Peer::open_secure(address, client_config(rustls::ALL_VERSIONS)).await,
    };
    let mut peer = opened.map_err(|error| lost(error.to_string()))?;
    let mut echoes = Vec::new();
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        let payload = message(number, round);
        let (first, wire) = match manner {
            Manner::Compressed => (0xc1, stickler_testing::deflate::deflate(b"", &payload)),
            Manner::Plain | Manner::OverTls => (0x81, payload.clone()),
        };
        let asked = Instant::now();
        peer.send(&frame(first, &wire)).await.map_err(|error| lost(error.to_string()))?;
        let answer = timeout(PATIENCE, answer(&mut peer)).await;
        let (first, payload_back) =
            answer.map_err(|_| lost(format!("no echo in {PATIENCE:?}")))?.map_err(lost)?;
        let back = match first {
            0xc1 => {
                stickler_testing::deflate::inflate_message(b"", &payload_back)
                    .map_err(|(fault, _)| lost(format!("{fault:?}")))?
                    .output
            }
            _ => payload_back,
        };
        if back != payload {
            return Err(lost("another echo than its own".to_owned()));
        }
        echoes.push(Echo { asked, took: asked.elapsed() });
        round += 1;
        sleep(PAUSE).await;
    }
    Ok(echoes)
}

/// The next data frame; Pings are answered, anything else is an end.
async fn answer(peer: &mut Peer) -> Result<(u8, Vec<u8>), String> {
    loop {
        let next = peer.next().await.map_err(|error| error.to_string())?;
        let frame_ = next.ok_or("FIN without a Close")?;
        match frame_.first {
            0x81 | 0xc1 => return Ok((frame_.first, frame_.payload)),
            0x89 => {
                let pong = frame(0x8a, &frame_.payload);
                peer.send(&pong).await.map_err(|error| error.to_string())?;
            }
            _ => {
                let text = String::from_utf8_lossy(&frame_.payload).into_owned();
                return Err(format!("a frame {:#x}: {text:?}", frame_.first));
            }
        }
    }
}

impl Echoes {
    /// How long 99 of 100 echoes took at most, of those asked for between the two.
    pub(crate) fn p99(&self, from: Instant, to: Instant) -> Duration {
        let mut took: Vec<_> = self.between(from, to).map(|echo| echo.took).collect();
        took.sort_unstable();
        took.get(took.len() * 99 / 100).copied().unwrap_or(Duration::MAX)
    }

    /// How many were asked for between the two.
    pub(crate) fn count(&self, from: Instant, to: Instant) -> usize {
        self.between(from, to).count()
    }

    fn between(&self, from: Instant, to: Instant) -> impl Iterator<Item = &Echo> {
        self.0.iter().filter(move |echo| (from..to).contains(&echo.asked))
    }
}

const PAUSE: Duration = Duration::from_millis(5);

/// Far beyond what any bar allows.
const PATIENCE: Duration = Duration::from_secs(60);
