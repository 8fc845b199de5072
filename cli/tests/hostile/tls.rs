//! TLS handshakes that stall at each step, all at once, and whole ones as fast as an attacker can.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::attacks::{Attack, again};
use crate::crowd::Holds;
use crate::honest::Honest;
use crate::peer::{Peer, hello, records};
use crate::program::{peak_mib, start_with_tls, wait_until};
use crate::server::Server;
use crate::unverified::client_config;
use crate::{alone, scaled};

/// The last that a hostile peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Nothing,
    OneByte,
    HalfClientHello,
    ClientHello,
    /// Of TLS 1.2: nothing behind the server's ServerHelloDone.
    ClientHelloOf12,
    /// Of TLS 1.2: ClientKeyExchange, and not the end of Finished.
    HalfFinishedOf12,
    /// Of TLS 1.3: not the end of Finished.
    HalfFinished,
    /// The TLS handshake is complete, and no request follows.
    Finished,
    HalfHead,
}

const STEPS: [Last; 9] = [
    Last::Nothing,
    Last::OneByte,
    Last::HalfClientHello,
    Last::ClientHello,
    Last::ClientHelloOf12,
    Last::HalfFinishedOf12,
    Last::HalfFinished,
    Last::Finished,
    Last::HalfHead,
];

/// Clients of TLS 1.2 and of 1.3.
#[derive(Clone)]
struct Configs {
    of_12: Arc<ClientConfig>,
    of_13: Arc<ClientConfig>,
}

impl Configs {
    fn new() -> Configs {
        Configs { of_12: client_config(&[&TLS12]), of_13: client_config(&[&TLS13]) }
    }

    fn of(&self, last: Last) -> Arc<ClientConfig> {
        match last {
            Last::ClientHelloOf12 | Last::HalfFinishedOf12 => self.of_12.clone(),
            _ => self.of_13.clone(),
        }
    }
}

/// Goes up to this step and sends nothing more. Gives a connection on which the server has its turn.
async fn stall(address: SocketAddr, last: Last, configs: &Configs) -> io::Result<Peer> {
    let mut peer = Peer::connect(address).await?;
    match last {
        Last::Nothing => {}
        Last::OneByte => peer.send(&[0x16]).await?,
        Last::HalfClientHello => {
            let hello = records(&mut hello(configs.of(last)))?;
            peer.send(&hello[..hello.len() / 2]).await?;
        }
        Last::ClientHello | Last::ClientHelloOf12 => {
            peer.send(&records(&mut hello(configs.of(last)))?).await?;
        }
        Last::HalfFinished | Last::HalfFinishedOf12 => {
            peer.secure_but_for_the_last_byte(configs.of(last)).await?;
        }
        Last::Finished => peer.secure(configs.of(last)).await?,
        Last::HalfHead => {
            peer.secure(configs.of(last)).await?;
            peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n").await?;
        }
    }
    Ok(peer)
}

/// So many stalled handshakes at each step; those that the server has ended come back.
fn stalled(address: SocketAddr, at_each: usize) {
    let configs = Configs::new();
    for last in STEPS {
        let configs = configs.clone();
        again(at_each, move || {
            let configs = configs.clone();
            async move {
                stall(address, last, &configs).await?.discard().await;
                Ok(())
            }
        });
    }
}

/// How long echoes took, of ten peers over TLS and ten in clear beside them.
struct Latencies {
    /// Of each kind: before the attack, and during it.
    tls: (Duration, Duration),
    plain: (Duration, Duration),
}

impl Latencies {
    fn assert_within(&self, what: &str, bar: Duration) {
        for (kind, (alone, p99)) in [("TLS", self.tls), ("plain", self.plain)] {
            assert!(p99 <= bar.max(3 * alone), "{what}, {kind}: p99 {p99:?}, alone {alone:?}");
        }
    }
}

/// Honest peers for a while, and during the second part of it an attack on the listener of TLS.
fn measure(
    server: &Server,
    alone: Duration,
    attacked: Duration,
    attack: impl FnOnce(SocketAddr) -> Vec<Attack>,
) -> Latencies {
    let [plain, tls] = *server.addresses() else { panic!("two listeners") };
    let honest = [Honest::start_over_tls(tls, 10), Honest::start(plain, 10, false)];
    // The first of them connect.
    std::thread::sleep(Duration::from_millis(200));
    let ready = Instant::now();
    std::thread::sleep(alone);
    let begun = Instant::now();
    let attack = attack(tls);
    std::thread::sleep(attacked);
    let ended = Instant::now();
    drop(attack);
    let [tls, plain] = honest.map(|honest| {
        let echoes = honest.finish().unwrap();
        (echoes.p99(ready, begun), echoes.p99(begun, ended))
    });
    Latencies { tls, plain }
}

#[test]
fn tls_handshakes_that_stall_cost_honest_peers_little() {
    let _alone = alone();
    let flags: &[&str] = scaled(&["--handshake-timeout=1s", "--log=warn"], &["--log=warn"]);
    let (server, at_each) = (start_with_tls(flags), scaled(20, 1_000));
    let (before, cpu) = (Holds::now(&server), server.cpu());
    let (quiet, long) = scaled((1, 3), (10, 60));
    let (quiet, long) = (Duration::from_secs(quiet), Duration::from_secs(long));
    let attack = |address| vec![Attack::start(move || stalled(address, at_each))];
    let took = measure(&server, quiet, long, attack);
    eprintln!(
        "{at_each} TLS handshakes that stall at each of {} steps: p99 {:?} alone and {:?} beside them over TLS, {:?} and \
         {:?} in clear; {} MiB before, {} at most; {:?} of CPU",
        STEPS.len(),
        took.tls.0,
        took.tls.1,
        took.plain.0,
        took.plain.1,
        before.resident_mib,
        peak_mib(&server),
        server.cpu() - cpu,
    );
    took.assert_within("stalled", Duration::from_millis(scaled(250, 20)));
    server.retire().unwrap();
}

/// Each is ended at the deadline, by the server; memory and descriptors come back; the log tells of it in few lines.
#[test]
fn tls_handshakes_that_stall_end_at_their_deadline_and_leave_nothing() {
    let _alone = alone();
    let limit = Duration::from_secs(scaled(1, 5));
    let flags = [&format!("--handshake-timeout={}s", limit.as_secs()), "--log=info"];
    // No more at once than find a place among the opening handshakes.
    let (server, at_each) = (start_with_tls(&flags), scaled(20, 110));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let idle = server.descriptors();
    // The memory that is there for good after the first use is not counted.
    let small = runtime.block_on(stall_all(server.addresses()[1], 2, limit));
    assert!(small.is_empty(), "{small:?}");
    server.descriptors_fall_to(idle, PATIENCE).unwrap();
    let before = Holds::now(&server);
    let begun = Instant::now();
    let faults = runtime.block_on(stall_all(server.addresses()[1], at_each, limit));
    let ended = begun.elapsed();
    let peak = peak_mib(&server);
    let back = wait_until(Duration::from_secs(12), || {
        let now = Holds::now(&server);
        now.descriptors <= idle && now.resident_mib <= before.resident_mib + SPARE
    });
    let after = Holds::now(&server);
    server.retire().unwrap();
    let told = server.log().lines().filter(|line| line.contains("handshake")).count();
    eprintln!(
        "{at_each} TLS handshakes that stall at each step: the last ended after {ended:?} of {limit:?}; before {before:?}, \
         {peak} MiB at most, after {after:?}; {told} lines of the log"
    );
    assert!(faults.is_empty(), "{} such as {}", faults.len(), faults[0]);
    assert!(back, "{before:?} before, {peak} MiB at most, {after:?} after");
    assert!(server.log().contains("TimedOut"), "{}", server.log_tail());
    assert!((1..=MOST_LINES).contains(&told), "{told} lines, such as {}", server.log_tail());
}

/// So many at each step at once. Says which of them the server has not ended when it should have.
async fn stall_all(address: SocketAddr, at_each: usize, limit: Duration) -> Vec<String> {
    let configs = Configs::new();
    let mut stalled = Vec::new();
    for last in (0..at_each).flat_map(|_| STEPS) {
        let configs = configs.clone();
        stalled.push(tokio::spawn(async move {
            let begun = Instant::now();
            let mut peer = stall(address, last, &configs).await.map_err(|e| e.to_string())?;
            let ended = timeout(limit + PATIENCE, peer.discard()).await;
            ended.map_err(|_| format!("still there after {:?}", begun.elapsed()))?;
            // The clock of the server does not count what it did not see.
            if begun.elapsed() < limit * 9 / 10 {
                return Err(format!("ended after {:?} of {limit:?}", begun.elapsed()));
            }
            Ok(())
        }));
        // The kernel's queue of those that wait to be accepted is short.
        sleep(Duration::from_micros(200)).await;
    }
    let mut faults = Vec::new();
    for (stalled, last) in stalled.into_iter().zip(STEPS.into_iter().cycle()) {
        let ended: Result<(), String> = stalled.await.unwrap();
        faults.extend(ended.err().map(|why| format!("{last:?}: {why}")));
    }
    faults
}

/// Two attackers, each on a thread of its own, with so many handshakes at once. It is told what it costs.
#[test]
fn a_flood_of_tls_handshakes_leaves_turns_to_honest_peers() {
    let _alone = alone();
    let server = start_with_tls(&["--log=warn"]);
    let completed = Arc::new(AtomicU64::new(0));
    let (quiet, long) = scaled((1, 2), (10, 30));
    let (quiet, long) = (Duration::from_secs(quiet), Duration::from_secs(long));
    let (cpu, count) = (server.cpu(), completed.clone());
    let attack = |address| {
        let flood = |_| {
            let completed = count.clone();
            Attack::start(move || handshakes(address, 32, completed))
        };
        (0..2).map(flood).collect()
    };
    let took = measure(&server, quiet, long, attack);
    let completed = completed.load(Relaxed);
    eprintln!(
        "{} TLS handshakes a second: p99 {:?} alone and {:?} beside them over TLS, {:?} and {:?} in clear; {:?} of CPU",
        completed / long.as_secs(),
        took.tls.0,
        took.tls.1,
        took.plain.0,
        took.plain.1,
        server.cpu() - cpu,
    );
    assert!(completed > 0);
    took.assert_within("flood", Duration::from_millis(scaled(500, 100)));
    server.retire().unwrap();
}

/// So many tasks, each of which completes a handshake of TLS 1.3 and resets the connection, without a pause.
fn handshakes(address: SocketAddr, tasks: usize, completed: Arc<AtomicU64>) {
    let config = client_config(&[&TLS13]);
    for _ in 0..tasks {
        let (config, completed) = (config.clone(), completed.clone());
        tokio::spawn(async move {
            loop {
                let secured = async {
                    let mut peer = Peer::connect(address).await?;
                    peer.secure(config.clone()).await?;
                    peer.reset();
                    io::Result::Ok(())
                };
                match secured.await {
                    Ok(()) => drop(completed.fetch_add(1, Relaxed)),
                    Err(_) => sleep(Duration::from_millis(10)).await,
                }
            }
        });
    }
}

/// What pools and the allocator may keep, in MiB.
const SPARE: u64 = 32;

/// How many lines the log may have of handshakes that failed, however many there were.
const MOST_LINES: usize = 200;

/// Far beyond what is late.
const PATIENCE: Duration = Duration::from_secs(15);
