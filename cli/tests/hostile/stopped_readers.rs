//! Readers that stop: each makes the server keep its bound and no more, and nobody waits for them.

use std::time::{Duration, Instant};

use crate::attacks::{Attack, stopped_readers};
use crate::honest::Honest;
use crate::program::{peak_mib, start};
use crate::{alone, scaled};

/// What a stopped reader may hold: its queue, the message that found room there, and what one read brought.
const EACH_KIB: u64 = 256 + 64 + 128;

#[test]
fn readers_that_stop_hold_their_bound_and_delay_nobody() {
    let _alone = alone();
    let server = start(&["--max-queued=256KiB", "--log=warn"]);
    let (address, count) = (server.address(), scaled(100, 1_000));
    let honest = Honest::start(address, 10, false);
    std::thread::sleep(Duration::from_secs(1));
    let (before, begun) = (server.resident() / 1024, Instant::now());
    let attack = Attack::start(move || stopped_readers(address, count));
    std::thread::sleep(Duration::from_secs(4));
    let (peak, ended) = (peak_mib(&server), Instant::now());
    drop(attack);
    let echoes = honest.finish().unwrap();
    let alone = echoes.p99(begun - Duration::from_secs(1), begun);
    let p99 = echoes.p99(begun, ended);
    eprintln!(
        "{count} stopped readers: {before} MiB before, {peak} MiB at most; p99 {alone:?} alone, {p99:?} beside them"
    );
    let bound = before + 16 + count as u64 * EACH_KIB / 1024;
    assert!(peak <= bound, "{peak} MiB, {before} before, {bound} allowed");
    assert!(p99 <= Duration::from_millis(150).max(3 * alone), "p99 {p99:?}, alone {alone:?}");
    server.retire().unwrap();
}
