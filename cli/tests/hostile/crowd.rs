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
struct Holds {
    descriptors: usize,
    resident_mib: u64,
}

impl Holds {
    fn now(server: &Server) -> Holds {
        Holds { descriptors: server.descriptors(), resident_mib: server.resident() / 1024 }
    }

    /// Within a tenth of what it was; the short test leaves 8 MiB to the allocator beside.
    fn is_near(self, before: Holds) -> bool {
        let spare = scaled(8, 2);
        self.descriptors <= before.descriptors + before.descriptors / 10
            && self.resident_mib <= before.resident_mib + before.resident_mib / 10 + spare
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
        Holds::now(&server).is_near(before)
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
    assert!(peak_mib * 10 <= budget_mib * 12, "resident: {peak_mib} MiB, budget {budget_mib} MiB");
    assert!(back, "not given back: {before:?} before, {after:?} after");
    let bar = Duration::from_millis(scaled(150, 20)).max(3 * alone_p99);
    assert!(p99 <= bar, "p99 {p99:?}, alone {alone_p99:?}");
    server.retire().unwrap();
}
