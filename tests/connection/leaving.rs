//! A shutdown in steps: the delay in which everything goes on, and the window over which the Closes are spread.

use std::future::pending;
use std::time::Duration;

use stickler::{CloseCode, Config, Endpoint, Farewell, Incoming};
use tokio::time::{Instant, sleep};

use crate::support::{Peer, REQUEST, connect, echo, open_on, settle, text};

const SECOND: Duration = Duration::from_secs(1);

fn endpoint() -> Endpoint {
    Endpoint::new(Config::default().health_path(Some("/healthz".into())))
}

async fn status_of(endpoint: &Endpoint, request: &str) -> String {
    let (peer, _) = connect(endpoint, echo);
    peer.send(request);
    peer.head().await[9..12].to_owned()
}

async fn health(endpoint: &Endpoint) -> String {
    status_of(endpoint, "GET /healthz HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n").await
}

async fn open(endpoint: &Endpoint) -> Peer {
    open_on(endpoint, REQUEST, echo).await.0
}

async fn echoes(peer: &Peer) {
    peer.send(text("still here"));
    assert_eq!(peer.text().await, "still here");
}

/// Waits for each Close. Gives how long after the beginning it came, and its code.
async fn closes(peers: Vec<Peer>, begun: Instant) -> Vec<(Duration, u16)> {
    let wait = |peer: Peer| async move {
        let frame = peer.frame().await;
        (begun.elapsed(), frame.close_code())
    };
    let waiting: Vec<_> = peers.into_iter().map(|peer| tokio::spawn(wait(peer))).collect();
    let mut closes = Vec::new();
    for close in waiting {
        closes.push(close.await.unwrap());
    }
    closes
}

#[tokio::test(start_paused = true)]
async fn s9110_15_6_4_during_the_delay_health_checks_get_503_and_all_else_goes_on() {
    let endpoint = endpoint();
    let early = open(&endpoint).await;
    assert_eq!(health(&endpoint).await, "200");
    let farewell = Farewell::default().code(CloseCode::SERVICE_RESTART).delay(5 * SECOND);
    let begun = Instant::now();
    endpoint.shutdown_with(farewell).unwrap();
    assert_eq!(health(&endpoint).await, "503");
    sleep(4 * SECOND).await;
    let late = open(&endpoint).await;
    for peer in [&early, &late] {
        echoes(peer).await;
    }
    assert_eq!(health(&endpoint).await, "503");
    for (after, code) in closes(vec![early, late], begun).await {
        assert_eq!((after.as_secs(), code), (5, 1012));
    }
    assert_eq!(status_of(&endpoint, REQUEST).await, "503");
}

#[tokio::test(start_paused = true)]
async fn handlers_learn_of_a_shutdown_when_its_delay_is_over() {
    let endpoint = endpoint();
    let (peer, ..) = open_on(&endpoint, REQUEST, async |incoming: Incoming| {
        let socket = incoming.accept()?;
        socket.draining().await;
        socket.send("goodbye")?;
        Ok(())
    })
    .await;
    let farewell = Farewell::default().delay(5 * SECOND).grace(5 * SECOND);
    let begun = Instant::now();
    endpoint.shutdown_with(farewell).unwrap();
    assert_eq!(peer.text().await, "goodbye");
    assert_eq!(peer.frame().await.close_code(), 1001);
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_returns_during_the_delay_closes_as_ever() {
    let endpoint = endpoint();
    let (peer, ..) = open_on(&endpoint, REQUEST, async |incoming: Incoming| {
        incoming.accept()?.recv().await?;
        Ok(())
    })
    .await;
    let farewell = Farewell::default().code(CloseCode::new(4000)).delay(SECOND);
    endpoint.shutdown_with(farewell).unwrap();
    peer.send(text("x"));
    assert_eq!(peer.frame().await.close_code(), 1000);
}

#[tokio::test(start_paused = true)]
async fn closes_are_spread_evenly_over_the_window_and_until_then_all_are_served() {
    let endpoint = endpoint();
    let mut peers = Vec::new();
    for _ in 0..10 {
        peers.push(open(&endpoint).await);
    }
    let farewell = Farewell::default().delay(SECOND).grace(SECOND).window(10 * SECOND);
    let begun = Instant::now();
    endpoint.shutdown_with(farewell).unwrap();
    // One millisecond before the first may be told.
    sleep(2 * SECOND - Duration::from_millis(1)).await;
    for peer in &peers {
        echoes(peer).await;
    }
    let closes = closes(peers, begun + 2 * SECOND).await;
    let in_order_of_connecting: Vec<_> = closes.iter().map(|(after, _)| *after).collect();
    let mut after = in_order_of_connecting.clone();
    after.sort_unstable();
    assert_ne!(after, in_order_of_connecting, "chance has no part in it");
    let coarse = Duration::from_millis(3);
    assert!(after[0] <= SECOND + coarse && after[9] >= 9 * SECOND, "{after:?}");
    assert!(after[9] <= 10 * SECOND + coarse, "{after:?}");
    for pair in after.windows(2) {
        assert!((pair[1] - pair[0]).abs_diff(SECOND) <= coarse, "{after:?}");
    }
    assert!(closes.iter().all(|(_, code)| *code == 1001));
}

#[tokio::test(start_paused = true)]
async fn one_connection_has_a_moment_of_chance_in_the_window() {
    let mut moments = Vec::new();
    for _ in 0..8 {
        let endpoint = endpoint();
        let peer = open(&endpoint).await;
        endpoint.shutdown_with(Farewell::default().window(20 * SECOND)).unwrap();
        moments.push(closes(vec![peer], Instant::now()).await[0].0.as_millis());
    }
    assert!(moments.iter().all(|moment| *moment <= 20_003), "{moments:?}");
    assert!(moments.iter().any(|moment| *moment != moments[0]), "{moments:?}");
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_the_delay_and_the_window_of_a_farewell_and_keeps_its_words() {
    let words = || Farewell::default().code(CloseCode::new(4000)).reason("first");
    for farewell in [words().delay(Duration::MAX), words().window(Duration::MAX)] {
        let endpoint = endpoint();
        let peer = open(&endpoint).await;
        endpoint.shutdown_with(farewell).unwrap();
        settle().await;
        assert!(peer.frames().is_empty());
        endpoint.shutdown();
        let close = peer.frame().await;
        assert_eq!((close.close_code(), &close.payload[2..]), (4000, &b"first"[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_connection_so_far_nobody_waits_for_the_delay() {
    let endpoint = endpoint();
    endpoint.shutdown_with(Farewell::default().delay(Duration::MAX)).unwrap();
    assert_eq!(health(&endpoint).await, "503");
    assert_eq!(status_of(&endpoint, REQUEST).await, "503");
}

/// Whoever never answers has its Close nevertheless, and a handler that does not return does not delay it.
#[tokio::test(start_paused = true)]
async fn a_handler_that_stays_gets_its_close_in_the_window_too() {
    let endpoint = endpoint();
    let (peer, ..) = open_on(&endpoint, REQUEST, async |incoming: Incoming| {
        let _socket = incoming.accept()?;
        pending().await
    })
    .await;
    let begun = Instant::now();
    endpoint.shutdown_with(Farewell::default().grace(SECOND).window(SECOND)).unwrap();
    let (after, code) = closes(vec![peer], begun).await[0];
    assert!(after >= SECOND && after <= 2 * SECOND + Duration::from_millis(3), "{after:?}");
    assert_eq!(code, 1001);
}
