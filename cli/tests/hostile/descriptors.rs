//! Descriptors run out: existing connections go on, the process is idle, and it accepts again soon after.

use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::alone;
use crate::honest::Honest;
use crate::peer::Peer;
use crate::program::start_after;
use crate::server::Server;

#[test]
fn exhausted_descriptors_cost_existing_peers_nothing() {
    let _alone = alone();
    // The bound on connections is set aside: it would refuse them before the descriptors run out.
    let server = start_after("ulimit -n 200", &["--max-connections=10000", "--log=warn"]);
    let address = server.address();
    let honest = Honest::start(address, 10, false);
    std::thread::sleep(Duration::from_secs(1));
    let usual = share_of_a_core(&server);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    let (used, during, again) = runtime.block_on(async {
        let mut crowd = Vec::new();
        for _ in 0..600 {
            crowd.push(Peer::connect(address).await.unwrap());
        }
        sleep(Duration::from_millis(500)).await;
        let used = share_of_a_core(&server);
        let during = server.descriptors();
        drop(crowd);
        let released = Instant::now();
        let opened = timeout(Duration::from_secs(10), async {
            while Peer::open(address, None).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        });
        opened.await.expect("accepts again");
        (used, during, released.elapsed())
    });
    let ended = Instant::now();
    let echoes = honest.finish().unwrap();
    let (alone, p99) =
        (echoes.p99(begun - Duration::from_secs(1), begun), echoes.p99(begun, ended));
    eprintln!(
        "descriptors: {during} of 200, {:.1} % of a core and {:.1} before, accepting again after {again:?}, p99 {p99:?}, \
         alone {alone:?}",
        used * 100.0,
        usual * 100.0
    );
    assert!(during >= 195, "they did not run out: {during}");
    assert!(used - usual < 0.1, "{:.1} % of a core, {:.1} before", used * 100.0, usual * 100.0);
    assert!(again < Duration::from_secs(1), "accepts again only after {again:?}");
    assert!(p99 < Duration::from_millis(60).max(3 * alone), "p99 {p99:?}, alone {alone:?}");
    server.retire().unwrap();
}

/// The CPU time of two seconds in which nothing is asked of the program but honest echoes.
fn share_of_a_core(server: &Server) -> f64 {
    let (begun, cpu) = (Instant::now(), server.cpu());
    std::thread::sleep(Duration::from_secs(2));
    (server.cpu() - cpu).as_secs_f64() / begun.elapsed().as_secs_f64()
}
