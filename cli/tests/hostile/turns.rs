//! Work that one peer makes: others get their turns within it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::attacks::{Attack, flood};
use crate::bytes::{DEFLATE, binary, empty_blocks, frame, hash_chains};
use crate::honest::Honest;
use crate::peer::Peer;
use crate::program::start;
use crate::{alone, scaled};

/// The slowest of a hundred echoes of honest peers, alone and while others make work.
fn honest_p99(flags: &[&str], attack: impl FnOnce(SocketAddr) -> Attack) -> (Duration, Duration) {
    let server = start(flags);
    let honest = Honest::start(server.address(), 10, false);
    std::thread::sleep(Duration::from_secs(2));
    let begun = Instant::now();
    let attack = attack(server.address());
    std::thread::sleep(scaled(Duration::from_secs(5), Duration::from_secs(30)));
    let ended = Instant::now();
    drop(attack);
    let echoes = honest.finish().unwrap();
    let p99 = echoes.p99(begun, ended);
    let alone = echoes.p99(begun - Duration::from_secs(2), begun);
    eprintln!(
        "p99 {alone:?} alone, {p99:?} attacked, {} echoes, {:?} of CPU",
        echoes.count(begun, ended),
        server.cpu()
    );
    server.retire().unwrap();
    (alone, p99)
}

fn assert_fair(what: &str, (alone, p99): (Duration, Duration)) {
    let bar = Duration::from_millis(scaled(100, 20)).max(3 * alone);
    assert!(p99 <= bar, "{what}: p99 {p99:?}, alone {alone:?}");
}

/// Twenty peers whose text is slow to compress.
#[test]
fn compressing_large_messages_leaves_turns() {
    let _alone = alone();
    let (senders, size, level) =
        scaled((4, 4 << 20, "--deflate-level=6"), (20, 16 << 20, "--deflate-level=7"));
    let text = binary(hash_chains(size));
    let attack =
        |address| Attack::start(move || flood(address, senders, Some(DEFLATE), Vec::new(), text));
    assert_fair("hash chains", honest_p99(&[level, "--log=warn"], attack));
}

/// Peers that send blocks without content, all cost and no output, delay others no more than peers do whose messages
/// are echoed.
#[test]
fn work_without_output_leaves_turns() {
    let _alone = alone();
    let count = 50;
    let message = binary(vec![0x55; 64 << 10]);
    let plain = |address| Attack::start(move || flood(address, count, None, Vec::new(), message));
    let (_, plain) = honest_p99(&["--log=warn"], plain);
    // One message that goes on for ever: each frame continues the first.
    let (first, more) = (frame(0x42, empty_blocks(100)), frame(0x00, empty_blocks(256 << 10)));
    let empty = |address| Attack::start(move || flood(address, count, Some(DEFLATE), first, more));
    assert_fair(
        "empty blocks, beside a plain flood",
        (plain, honest_p99(&["--log=warn"], empty).1),
    );
}

/// Honest peers get their 1001 though others make work at that moment.
#[test]
fn a_shutdown_beside_large_work_tells_every_peer() {
    let _alone = alone();
    let flags = ["--deflate-level=7", "--shutdown-timeout=500ms", "--log=warn"];
    let server = start(&flags);
    let address = server.address();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let text = binary(hash_chains(16 << 20));
    let untold = runtime.block_on(async {
        let mut peers = Vec::new();
        for _ in 0..20 {
            peers.push(Peer::open(address, None).await.unwrap());
        }
        let attack =
            Attack::start(move || flood(address, scaled(6, 20), Some(DEFLATE), Vec::new(), text));
        sleep(Duration::from_millis(2500)).await;
        server.signal(Signal::TERM);
        let mut untold = Vec::new();
        for mut peer in peers {
            match timeout(Duration::from_secs(30), peer.next()).await {
                Ok(Ok(Some(frame))) if frame.first == 0x88 && frame.close_code() == 1001 => {
                    let _ = peer.send(&stickler_testing::frame::close(1001)).await;
                }
                other => untold.push(format!("{other:?}")),
            }
        }
        drop(attack);
        untold
    });
    eprintln!("shutdown: {} of 20 honest peers without 1001", untold.len());
    assert!(untold.is_empty(), "{} of 20, such as {}", untold.len(), untold[0]);
    server.wait(Duration::from_secs(15)).unwrap();
}
