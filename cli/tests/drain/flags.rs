//! Each flag of the drain bites.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::peer::Peer;
use crate::server::stickler;
use crate::support::{PATIENCE, answer, echo, exit, health, open, refused, run, start, terminate};

#[test]
fn during_drain_delay_clients_are_served_and_health_checks_get_503() {
    let times = ["--health-path=/healthz", "--shutdown-timeout=300s"];
    for (variables, flags) in [
        (&[][..], &["--drain-delay=200s"][..]),
        (&[("STICKLER_DRAIN_DELAY", "200s")], &[]),
        // The delay is before the window.
        (&[], &["--drain-delay=200s", "--drain-window=50s"]),
    ] {
        let server = start(variables, &[flags, &times].concat());
        run(async {
            let mut early = open(&server).await;
            assert_eq!(health(&server).await, "200");
            terminate(&server);
            assert_eq!(health(&server).await, "503");
            let mut late = open(&server).await;
            echo(&mut early).await;
            echo(&mut late).await;
        });
        assert_eq!(server.status(), None);
    }
}

#[test]
fn after_the_drain_delay_the_listeners_close_and_then_the_connections() {
    let server = start(&[], &["--drain-delay=700ms"]);
    run(async {
        let mut peer = open(&server).await;
        let begun = Instant::now();
        terminate(&server);
        assert_eq!(answer(&mut peer).await, 1001);
        assert!(begun.elapsed() >= Duration::from_millis(700), "{:?}", begun.elapsed());
        refused(&server).await;
    });
    assert_eq!(exit(&server), 0);
}

#[test]
fn without_a_delay_the_listeners_close_at_once() {
    let server = start(&[], &["--health-path=/healthz"]);
    run(async {
        let mut peer = open(&server).await;
        terminate(&server);
        assert_eq!(answer(&mut peer).await, 1001);
        refused(&server).await;
    });
    assert_eq!(exit(&server), 0);
}

#[test]
fn drain_window_spreads_the_closes() {
    const PEERS: u32 = 20;
    let window = Duration::from_secs(2);
    let server = start(&[], &["--drain-window=2s", "--workers=1"]);
    let after: Vec<Duration> = run(async {
        let mut peers = Vec::new();
        for _ in 0..PEERS {
            peers.push(open(&server).await);
        }
        let begun = Instant::now();
        terminate(&server);
        let wait = |mut peer: Peer| async move {
            assert_eq!(answer(&mut peer).await, 1001);
            begun.elapsed()
        };
        let waiting: Vec<_> = peers.into_iter().map(|peer| tokio::spawn(wait(peer))).collect();
        let mut after = Vec::new();
        for closed in waiting {
            after.push(closed.await.unwrap());
        }
        after.sort_unstable();
        after
    });
    assert_eq!(exit(&server), 0);
    assert!(after[0] < window * 3 / 4, "{after:?}");
    // Each has a twentieth of the window; a busy machine is later, and not sooner.
    for (at, closed) in (0_u32..).zip(&after) {
        assert!(*closed >= window * at / PEERS, "number {at} of {after:?}");
    }
}

#[test]
fn a_client_is_served_until_its_moment_in_the_window() {
    let server = start(&[], &["--drain-window=100s", "--workers=1", "--shutdown-timeout=200s"]);
    run(async {
        let mut peers = Vec::new();
        for _ in 0..8 {
            peers.push(open(&server).await);
        }
        terminate(&server);
        // The first is told within an eighth of the window.
        let mut served = 0;
        for peer in &mut peers {
            peer.send(&stickler_testing::frame::text("x")).await.unwrap();
            let frame = tokio::time::timeout(PATIENCE, peer.next()).await.unwrap().unwrap();
            served += u32::from(frame.unwrap().first == 0x81);
        }
        assert!(served >= 4, "{served} of 8 were served");
    });
    // They are gone, and so nobody waits for the rest of the window.
    assert_eq!(exit(&server), 0);
}

#[test]
fn drain_code_is_what_clients_are_told() {
    let code = |variables: &[_], flags: &[_]| {
        let server = start(variables, flags);
        let code = run(async {
            let mut peer = open(&server).await;
            terminate(&server);
            answer(&mut peer).await
        });
        assert_eq!(exit(&server), 0);
        code
    };
    assert_eq!(code(&[], &[]), 1001);
    assert_eq!(code(&[], &["--drain-code=1001"]), 1001);
    assert_eq!(code(&[], &["--drain-code", "1012"]), 1012);
    assert_eq!(code(&[("STICKLER_DRAIN_CODE", "1012")], &[]), 1012);
}

#[test]
fn drain_strict_tells_of_connections_that_were_cut() {
    let status = |variables: &[_], flags: &[&str], answers: bool| {
        let flags = [flags, &["--shutdown-timeout=500ms", "--close-timeout=60s"]].concat();
        let server = start(variables, &flags);
        run(async {
            let mut peer = open(&server).await;
            terminate(&server);
            if answers {
                answer(&mut peer).await;
            } else {
                // It stays until the program is gone.
                assert_eq!(peer.next().await.unwrap().unwrap().close_code(), 1001);
                let _ = peer.next().await;
            }
        });
        let status = exit(&server);
        let counts = if answers { "clean=1 unclean=0 cut=0" } else { "clean=0 unclean=0 cut=1" };
        server.expect_logged(counts).unwrap();
        status
    };
    assert_eq!(status(&[], &["--drain-strict"], false), 5);
    assert_eq!(status(&[], &["--drain-strict"], true), 0);
    assert_eq!(status(&[], &[], false), 0);
    assert_eq!(status(&[("STICKLER_DRAIN_STRICT", "on")], &[], false), 5);
    assert_eq!(status(&[("STICKLER_DRAIN_STRICT", "off")], &[], false), 0);
}

#[test]
fn a_second_signal_does_not_wait_for_the_delay() {
    let server = start(&[], &["--drain-delay=60s", "--shutdown-timeout=90s"]);
    terminate(&server);
    server.signal(Signal::TERM);
    assert_eq!(exit(&server), 1);
}

#[test]
fn a_delay_and_a_window_that_do_not_fit_into_the_timeout_are_bad_usage() {
    let rows: [(&[&str], &str); 5] = [
        (&["--drain-delay=8s"], "--drain-delay and --drain-window are 8s together"),
        (&["--drain-window=9s"], "--shutdown-timeout ends everything after 8s"),
        (&["--drain-delay=4s", "--drain-window=4s"], "are 8s together"),
        (&["--drain-delay=1s", "--shutdown-timeout=1s"], "are 1s together"),
        (&["--drain-window=1s", "--shutdown-timeout=0"], "are 1s together"),
    ];
    for (flags, sentence) in rows {
        let ended = stickler().args(["serve", "--listen", "127.0.0.1:0"]).args(flags).output();
        let ended = ended.unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{flags:?}: {said}");
        assert!(said.contains(sentence), "{flags:?}: {said}");
    }
    let mut command = stickler();
    command.arg("serve").env("STICKLER_DRAIN_DELAY", "8s");
    let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(said.contains("STICKLER_DRAIN_DELAY and --drain-window are 8s"), "{said}");
    // Without any time for clients, but in order.
    let server = start(&[], &["--shutdown-timeout=0"]);
    terminate(&server);
    assert_eq!(exit(&server), 0);
}
