//! The process stands still for a while, as in a suspended machine: nobody who answered in time is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::bytes::{binary, frame};
use crate::peer::{Peer, request};
use crate::program::start;
use crate::{alone, scaled};

/// What a peer and the test tell each other.
#[derive(Default)]
struct Signs {
    /// How many peers have got a Ping.
    pinged: AtomicUsize,
    /// The process stands still.
    stopped: AtomicBool,
}

/// Answers its first Ping while the process stands still, as over a long path, and the others at once. Gives why the
/// connection ended before its time.
async fn answer_pings(
    address: SocketAddr,
    signs: Arc<Signs>,
    lasts: Duration,
) -> Result<(), String> {
    let error = |error: std::io::Error| error.to_string();
    let mut peer = Peer::open(address, None).await.map_err(error)?;
    let (mut pings, mut until) = (0, None);
    loop {
        let left = until.map_or(PATIENCE * 10, |until: Instant| {
            until.saturating_duration_since(Instant::now())
        });
        let Ok(next) = timeout(left, peer.next()).await else { break };
        let next = next.map_err(error)?.ok_or("FIN")?;
        if next.first != 0x89 {
            return Err(format!("{:#x}: {}", next.first, text_of(&next.payload)));
        }
        pings += 1;
        if pings == 1 {
            signs.pinged.fetch_add(1, Relaxed);
            while !signs.stopped.load(Relaxed) {
                sleep(Duration::from_millis(2)).await;
            }
            until = Some(Instant::now() + lasts);
        }
        peer.send(&frame(0x8a, next.payload)).await.map_err(error)?;
    }
    peer.send(&binary("alive")).await.map_err(error)?;
    loop {
        match timeout(PATIENCE, peer.next()).await {
            Ok(Ok(Some(frame))) if frame.payload == b"alive" => return Ok(()),
            Ok(Ok(Some(frame))) if frame.first == 0x89 => {}
            other => return Err(format!("instead of the echo: {other:?}")),
        }
    }
}

fn text_of(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
}

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn peers_that_answer_outlive_a_stop_of_the_process() {
    let _alone = alone();
    let flags: &[&str] = scaled(&["--keepalive-interval=1s", "--keepalive-timeout=1s"], &[]);
    let server = start(flags);
    let (address, peers) = (server.address(), 300);
    let stop = scaled(Duration::from_secs(2), Duration::from_secs(22));
    let lasts = stop + scaled(Duration::from_secs(3), Duration::from_secs(50));
    let (signs, begun) = (Arc::new(Signs::default()), Instant::now());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (lost, pinged) = runtime.block_on(async {
        let peers: Vec<_> = (0..peers)
            .map(|_| tokio::spawn(answer_pings(address, Arc::clone(&signs), lasts)))
            .collect();
        while signs.pinged.load(Relaxed) < peers.len() && begun.elapsed() < PATIENCE * 5 {
            sleep(Duration::from_millis(2)).await;
        }
        let pinged = signs.pinged.load(Relaxed);
        server.signal(Signal::STOP);
        signs.stopped.store(true, Relaxed);
        sleep(stop).await;
        server.signal(Signal::CONT);
        let mut lost = Vec::new();
        for peer in peers {
            lost.extend(peer.await.unwrap().err());
        }
        (lost, pinged)
    });
    eprintln!("{} of {peers} lost", lost.len());
    assert_eq!(pinged, peers, "not all got a Ping before the stop");
    assert!(lost.is_empty(), "{} of {peers} lost, such as {:?}", lost.len(), lost[0]);
    server.retire().unwrap();
}

/// Heads that arrive whole while the process stands still get their 101, though their time is over.
#[test]
fn heads_that_arrived_during_a_stop_are_answered() {
    let _alone = alone();
    let flags: &[&str] = scaled(&["--handshake-timeout=2s"], &[]);
    let server = start(flags);
    let (address, peers) = (server.address(), 200);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let answers = runtime.block_on(async {
        let mut waiting = Vec::new();
        for _ in 0..peers {
            let mut peer = Peer::connect(address).await.unwrap();
            // Half the head, so that the server knows this peer before it stops.
            peer.send(&request(None).as_bytes()[..20]).await.unwrap();
            waiting.push(peer);
        }
        sleep(Duration::from_millis(300)).await;
        server.signal(Signal::STOP);
        for peer in &mut waiting {
            peer.send(&request(None).as_bytes()[20..]).await.unwrap();
        }
        sleep(scaled(Duration::from_secs(3), Duration::from_secs(22))).await;
        server.signal(Signal::CONT);
        let mut answers = Vec::new();
        for mut peer in waiting {
            let answer = timeout(PATIENCE, peer.head()).await;
            answers.push(match answer {
                Ok(Ok(head)) => head.lines().next().unwrap_or_default().to_owned(),
                other => format!("{other:?}"),
            });
        }
        answers
    });
    let wrong: Vec<_> = answers.iter().filter(|it| !it.contains(" 101 ")).collect();
    eprintln!("{} of {peers} without 101", wrong.len());
    assert!(wrong.is_empty(), "{} of {peers}, such as {:?}", wrong.len(), wrong[0]);
    server.retire().unwrap();
}
