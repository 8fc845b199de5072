//! Unfinished messages: what they hold, all together, stays under the budget, and honest peers go on.

use std::time::{Duration, Instant};

use crate::alone;
use crate::attacks::{Attack, hold};
use crate::bytes::{DEFLATE, frame, open_bomb, unfinished};
use crate::honest::Honest;
use crate::program::{peak_mib, start, start_after};
use crate::server::Server;

const BUDGET_MIB: u64 = 128;

/// 16,311 bytes on the wire that inflate to nearly 16 MiB, without an end.
fn bombs(server: &Server, count: usize) -> Attack {
    let (address, bomb) = (server.address(), frame(0x42, open_bomb(16 << 20)));
    Attack::start(move || hold(address, count, Some(DEFLATE), bomb))
}

fn plain(server: &Server, count: usize) -> Attack {
    let (address, bytes) = (server.address(), unfinished((16 << 20) - 1024));
    Attack::start(move || hold(address, count, None, bytes))
}

fn stays_under_budget(name: &str, attack: impl FnOnce(&Server) -> Attack) {
    let _alone = alone();
    let server = start(&[&format!("--max-memory={BUDGET_MIB}MiB"), "--log=warn"]);
    // Most of it is the program itself, which is large without optimisation.
    let base = server.resident() / 1024;
    let (honest, begun) = (Honest::start(server.address(), 4, false), Instant::now());
    let attack = attack(&server);
    std::thread::sleep(Duration::from_secs(6));
    let (peak, ended) = (peak_mib(&server), Instant::now());
    drop(attack);
    let echoes = honest.finish().unwrap();
    eprintln!("{name}: {peak} MiB, p99 {:?}", echoes.p99(begun, ended));
    let taken = peak - base;
    assert!(taken * 10 <= BUDGET_MIB * 12, "{name}: {taken} MiB, budget {BUDGET_MIB} MiB");
    server.retire().unwrap();
}

#[test]
fn unfinished_inflated_messages_stay_under_the_budget() {
    stays_under_budget("30 unfinished bombs", |server| bombs(server, 30));
}

#[test]
fn unfinished_plain_messages_stay_under_the_budget() {
    stays_under_budget("24 unfinished messages", |server| plain(server, 24));
}

/// With less address space than the messages want, the process lives on. It reserves 500 MiB for its threads before any
/// connection comes; the budget and what the allocator cannot use find room beside that, and the 640 MiB of the
/// messages do not.
#[test]
fn the_process_outlives_unfinished_messages_where_memory_is_short() {
    let _alone = alone();
    let server = start_after("ulimit -v 819200", &["--max-memory=128MiB", "--log=warn"]);
    let honest = Honest::start(server.address(), 4, false);
    let attack = bombs(&server, 40);
    std::thread::sleep(Duration::from_secs(4));
    drop(attack);
    honest.finish().unwrap_or_else(|why| panic!("{why}; {:?}", server.status()));
    server.retire().unwrap();
}
