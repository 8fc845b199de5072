//! A hostile crowd at once, while ten honest peers echo.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::attacks::{
    Attack, connects, flood, half_compressed, hold, ping_floods, stalled_handshakes,
    stopped_readers,
};
use crate::bytes::{DEFLATE, binary, bomb, frame, hash_chains, unfinished};
use crate::honest::Honest;
use crate::program::{peak_mib, start, wait_until};
use crate::server::Server;
use crate::{alone, scaled};

/// How many of each.
struct Crowd {
    stalled: usize,
    stopped: usize,
    pings: usize,
    unfinished: usize,
    half: usize,
    bombs: usize,
    chains: usize,
    connects: u32,
    /// Size of a message, of an attacker that sends hash-chain text.
    text: usize,
    bars: Bars,
}

/// What is allowed. Those of the whole are the aim; the short test has a small budget beside which fixed costs are large,
/// and a build for tests on busy cores.
struct Bars {
    /// Resident memory, in tenths of the budget.
    resident: u64,
    /// What may stay afterwards, in MiB, beside a tenth of what was there.
    stays: u64,
    p99: Duration,
}

const SHORT: Crowd = Crowd {
    stalled: 100,
    stopped: 10,
    pings: 10,
    unfinished: 24,
    half: 200,
    bombs: 3,
    chains: 2,
    connects: 50,
    text: 1 << 20,
    bars: Bars { resident: 18, stays: 96, p99: Duration::from_millis(250) },
};

const WHOLE: Crowd = Crowd {
    stalled: 1_000,
    stopped: 100,
    pings: 100,
    unfinished: 200,
    half: 2_000,
    bombs: 50,
    chains: 20,
    connects: 1_000,
    text: 16 << 20,
    bars: Bars { resident: 12, stays: 8, p99: Duration::from_millis(20) },
};

impl Crowd {
    /// All of it, on a thread of its own.
    fn attack(&'static self, address: SocketAddr) -> Attack {
        let bomb = frame(0xc2, bomb(MESSAGE - 1024));
        let (unfinished, text) = (unfinished(MESSAGE - 1024), binary(hash_chains(self.text)));
        Attack::start(move || {
            stalled_handshakes(address, self.stalled);
            stopped_readers(address, self.stopped);
            ping_floods(address, self.pings);
            hold(address, self.unfinished, None, unfinished);
            half_compressed(address, self.half);
            flood(address, self.bombs, Some(DEFLATE), Vec::new(), bomb);
            flood(address, self.chains, Some(DEFLATE), Vec::new(), text);
            connects(address, self.connects);
        })
    }
}

const MESSAGE: usize = 16 << 20;

/// What the process holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holds {
    pub(crate) descriptors: usize,
    pub(crate) resident_mib: u64,
}

impl Holds {
    pub(crate) fn now(server: &Server) -> Holds {
        Holds { descriptors: server.descriptors(), resident_mib: server.resident() / 1024 }
    }

    /// Within a tenth of what it was, and what may stay in MiB.
    pub(crate) fn is_near(self, before: Holds, stays: u64) -> bool {
        self.descriptors <= before.descriptors + before.descriptors / 10
            && self.resident_mib <= before.resident_mib + before.resident_mib / 10 + stays
    }
}

#[test]
fn a_hostile_crowd_costs_honest_peers_little() {
    let _alone = alone();
    let crowd = scaled(&SHORT, &WHOLE);
    let budget_mib = scaled(128, 512);
    let server = start(&[&format!("--max-memory={budget_mib}MiB"), "--log=warn"]);
    let address = server.address();
    let honest = Honest::start(address, 10, false);
    std::thread::sleep(scaled(Duration::from_secs(2), Duration::from_secs(10)));
    let (before, attacked) = (Holds::now(&server), Instant::now());
    let attack = crowd.attack(address);
    std::thread::sleep(scaled(Duration::from_secs(8), Duration::from_secs(60)));
    let (during, ended) = (Holds::now(&server), Instant::now());
    let cpu = server.cpu();
    drop(attack);
    let back = wait_until(scaled(Duration::from_secs(8), Duration::from_secs(60)), || {
        Holds::now(&server).is_near(before, crowd.bars.stays)
    });
    let (after, peak_mib) = (Holds::now(&server), peak_mib(&server));
    let after_time = ended.elapsed();
    let echoes = honest.finish().unwrap_or_else(|why| panic!("{why}; {during:?}, {peak_mib} MiB"));
    let alone_p99 = echoes.p99(attacked - Duration::from_secs(2), attacked);
    let p99 = echoes.p99(attacked, ended);
    eprintln!(
        "crowd: p99 {alone_p99:?} alone, {p99:?} in the crowd ({} echoes); before {before:?}, during \
         {during:?}, after {after_time:?} {after:?}; peak {peak_mib} MiB of {budget_mib}; {cpu:?} of CPU",
        echoes.count(attacked, ended),
    );
    let allowed_mib = budget_mib * crowd.bars.resident / 10;
    assert!(peak_mib <= allowed_mib, "resident: {peak_mib} MiB, budget {budget_mib} MiB");
    assert!(back, "not given back: {before:?} before, {after:?} after");
    assert!(p99 <= crowd.bars.p99.max(3 * alone_p99), "p99 {p99:?}, alone {alone_p99:?}");
    server.retire().unwrap();
}
