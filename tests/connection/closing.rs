//! The closing handshake from both sides, and what handlers' results make of it.

use std::future::pending;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use stickler::{CloseCode, Config, Endpoint, Error, Incoming, SendError};
use stickler::{Initiator, TimeoutKind};
use tokio::time::Instant;

use crate::claims::claims;
use crate::support::{REQUEST, close, connect, echo, frame, open, settle, text};

#[tokio::test(start_paused = true)]
async fn the_handlers_result_closes_with_1000_or_1011() {
    claims!("6455-7.1.2-02", "6455-7.1.4-01", "6455-7.4.1-1011");
    let endpoint = Endpoint::new(Config::default());
    let (bystander, other) = connect(&endpoint, echo);
    bystander.send(REQUEST);
    bystander.head().await;
    let cases = [
        ("ok", 1000, Initiator::Application),
        ("error", 1011, Initiator::HandlerError),
        ("panic", 1011, Initiator::HandlerPanic),
    ];
    for (how, code, initiator) in cases {
        let (peer, serving) = connect(&endpoint, async move |incoming: Incoming| {
            let mut socket = incoming.accept()?;
            socket.recv().await?;
            match how {
                "ok" => Ok(()),
                "error" => Err(Error::application("broken")),
                _ => panic!("in the handler"),
            }
        });
        peer.send(REQUEST);
        peer.head().await;
        peer.send(text("go"));
        assert_eq!(peer.frame().await.close_code(), code, "{how}");
        peer.send(close(code));
        assert_eq!(peer.next_frame().await, None);
        peer.end();
        let ending = serving.await.unwrap();
        assert_eq!(ending.initiator, initiator, "{how}");
        assert_eq!(ending.code().get(), code, "{how}");
        assert!(ending.is_clean(), "{how}: {ending:?}");
    }
    // A panic is one connection's own.
    bystander.send(text("still here"));
    assert_eq!(bystander.text().await, "still here");
    bystander.end();
    other.await.unwrap();
}

/// A handler that is done at once, and panics when it is dropped.
struct Bomb(Option<Incoming>);

impl Future for Bomb {
    type Output = stickler::Result<()>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let incoming = self.0.take().expect("polled once");
        Poll::Ready(incoming.accept().map(drop))
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in the destructor");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_handlers_destructor_closes_with_1011_too() {
    claims!("6455-7.4.1-1011");
    let endpoint = Endpoint::new(Config::default());
    let (peer, serving) = connect(&endpoint, |incoming| Bomb(Some(incoming)));
    peer.send(REQUEST);
    peer.head().await;
    assert_eq!(peer.frame().await.close_code(), 1011);
    peer.send(close(1011));
    peer.end();
    let ending = serving.await.unwrap();
    assert_eq!(ending.initiator, Initiator::HandlerPanic);
    assert!(ending.is_clean(), "{ending:?}");
}

#[tokio::test(start_paused = true)]
async fn s5_5_1_the_answer_echoes_the_code_behind_the_replies() {
    claims!(
        "6455-5.5.1-09",
        "6455-5.5.1-10",
        "6455-5.5.1-11",
        "6455-5.5.1-14",
        "6455-5.5.1-16",
        "6455-7.1.1-04",
        "6455-7.1.5-02",
        "6455-7.1.6-01"
    );
    for (body, answer) in
        [(&[][..], &[][..]), (&[3, 233, b'x'], &[3, 233]), (&[15, 160], &[15, 160])]
    {
        let (peer, serving) = open(Config::default(), async |incoming| {
            echo(incoming).await?;
            // The connection is closed: the result changes nothing.
            Err(Error::application("late"))
        })
        .await;
        peer.send([text("one"), text("two"), frame(0x88, body), text("ignored")].concat());
        assert_eq!(peer.text().await, "one");
        assert_eq!(peer.text().await, "two");
        let reply = peer.frame().await;
        assert_eq!((reply.first, &*reply.payload), (0x88, answer));
        // The server ends TCP first.
        assert_eq!(peer.next_frame().await, None);
        assert!(!peer.wire().is_gone);
        peer.end();
        let ending = serving.await.unwrap();
        assert!(ending.is_clean());
        assert_eq!(ending.initiator, Initiator::Peer);
        let code = if body.is_empty() { 1005 } else { u16::from_be_bytes([body[0], body[1]]) };
        assert_eq!(ending.code().get(), code);
        assert_eq!(ending.reason(), if body.len() > 2 { "x" } else { "" });
    }
}

#[tokio::test(start_paused = true)]
async fn s5_5_2_after_our_close_ping_is_answered_and_data_is_discarded() {
    claims!(
        "6455-5.5.1-08",
        "6455-5.5.1-17",
        "6455-5.5.1-19",
        "6455-5.5.2-02",
        "6455-6.1-01",
        "6455-7.1.2-01",
        "6455-7.1.2-02",
        "6455-7.1.3-01"
    );
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        assert!(sender.is_open());
        sender.close(CloseCode::new(4000), "enough")?;
        assert!(!sender.is_open());
        assert_eq!(sender.send("x"), Err(SendError::Closed));
        assert_eq!(sender.ping(b"x"), Err(SendError::Closed));
        assert_eq!(sender.close(CloseCode::NORMAL, ""), Err(SendError::Closed));
        assert!(receiver.recv().await?.is_none());
        Ok(())
    })
    .await;
    let reply = peer.frame().await;
    assert_eq!((reply.close_code(), &reply.payload[2..]), (4000, &b"enough"[..]));
    peer.send([text("data"), frame(0x89, "a"), frame(0x01, [0xff]), frame(0x80, [0xff])].concat());
    let pong = peer.frame().await;
    assert_eq!((pong.first, &*pong.payload), (0x8a, &b"a"[..]));
    peer.send(frame(0x88, [15, 160]));
    assert_eq!(peer.next_frame().await, None);
    peer.end();
    let ending = serving.await.unwrap();
    assert!(ending.is_clean(), "{ending:?}");
    assert_eq!(ending.initiator, Initiator::Application);
}

#[tokio::test(start_paused = true)]
async fn s7_1_7_a_violation_after_our_close_sends_no_second_close() {
    claims!("6455-5.5.1-20", "6455-7.4-01");
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        sender.close_without_code()?;
        assert!(matches!(receiver.recv().await, Err(Error::Violation(_))));
        Ok(())
    })
    .await;
    assert!(peer.frame().await.payload.is_empty());
    peer.send([0x83, 0x80, 0, 0, 0, 0]);
    assert_eq!(peer.next_frame().await, None);
    peer.end();
    let ending = serving.await.unwrap();
    assert_eq!((ending.sent, ending.received.clone()), (stickler::SentClose::WithoutCode, None));
    assert!(!ending.is_clean() && ending.violation.is_some());
}

#[tokio::test(start_paused = true)]
async fn close_judges_its_arguments() {
    claims!(
        "6455-5.5-04",
        "6455-7.4.1-1004",
        "6455-7.4.1-1005",
        "6455-7.4.1-1006",
        "6455-7.4.1-1010",
        "6455-7.4.1-1015",
        "6455-7.4.2-06"
    );
    let (peer, serving) = open(Config::default(), async |incoming| {
        let sender = incoming.accept()?.sender().clone();
        for code in [0, 999, 1004, 1005, 1006, 1010, 1015, 1016, 2999, 5000] {
            let refused = sender.close(CloseCode::new(code), "");
            assert_eq!(refused, Err(SendError::CloseCodeNotSendable), "{code}");
        }
        let long = "x".repeat(124);
        assert_eq!(sender.close(CloseCode::NORMAL, &long), Err(SendError::ReasonTooLong));
        assert_eq!(sender.ping(&[0; 126]), Err(SendError::ControlTooLong));
        sender.close(CloseCode::NORMAL, &long[1..])?;
        Ok(())
    })
    .await;
    assert_eq!(peer.frame().await.payload.len(), 125);
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_the_close_is_cut_at_the_close_timeout() {
    claims!("6455-5.5.1-18", "6455-7.1.4-01");
    let (peer, serving) = open(Config::default(), async |incoming| {
        let mut socket = incoming.accept()?;
        socket.sender().close(CloseCode::NORMAL, "")?;
        let lost = socket.recv().await.map(drop);
        assert!(matches!(lost, Err(Error::Timeout(TimeoutKind::Close))), "{lost:?}");
        Ok(())
    })
    .await;
    let start = Instant::now();
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.send(frame(0x89, "alive"));
    assert_eq!(peer.frame().await.first, 0x8a);
    assert_eq!(peer.next_frame().await, None);
    let ending = serving.await.unwrap();
    assert!(start.elapsed().abs_diff(Duration::from_secs(5)) < Duration::from_millis(100));
    assert_eq!((ending.timeout, ending.is_clean()), (Some(TimeoutKind::Close), false));
    assert_eq!(ending.initiator, Initiator::Application);
    assert_eq!(ending.code(), CloseCode::ABNORMAL);
}

#[tokio::test(start_paused = true)]
async fn s7_1_1_a_peer_that_does_not_end_tcp_is_drained_until_the_close_timeout() {
    claims!("6455-7.1.1-01", "6455-7.1.1-03");
    let (peer, serving) = open(Config::default(), echo).await;
    let start = Instant::now();
    peer.send(close(1000));
    assert_eq!(peer.frame().await.close_code(), 1000);
    assert_eq!(peer.next_frame().await, None);
    for _ in 0..4 {
        peer.send([0; 1000]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!((peer.untaken(), peer.wire().is_gone), (0, false));
    }
    let ending = serving.await.unwrap();
    assert!(start.elapsed().abs_diff(Duration::from_secs(5)) < Duration::from_millis(100));
    assert_eq!(ending.timeout, Some(TimeoutKind::Close));
}

/// Of what still arrives others wait for 256 KiB at most.
#[tokio::test(start_paused = true)]
async fn what_is_thrown_away_behind_our_fin_leaves_others_their_turn() {
    const TURNS: usize = 16;
    let (peer, serving) = open(Config::default(), echo).await;
    peer.send(close(1000));
    assert_eq!(peer.frame().await.close_code(), 1000);
    assert_eq!(peer.next_frame().await, None);
    peer.send(vec![0; TURNS * (256 << 10)]);
    let mut turns = 0;
    while peer.untaken() > 0 {
        tokio::task::yield_now().await;
        turns += 1;
    }
    assert!((TURNS..TURNS + 3).contains(&turns), "{turns} turns");
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_never_shuts_down_is_cut_at_the_close_timeout() {
    claims!("6455-7.1.1-03");
    let (peer, serving) = open(Config::default(), echo).await;
    peer.wire().shutdown_blocks = true;
    let start = Instant::now();
    peer.send(close(1000));
    assert_eq!(peer.frame().await.close_code(), 1000);
    let ended = tokio::time::timeout(Duration::from_secs(60), serving).await;
    assert_eq!(ended.expect("an end").unwrap().timeout, Some(TimeoutKind::Close));
    assert!(start.elapsed().abs_diff(Duration::from_secs(5)) < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn shutdown_tells_open_ones_1001_and_undecided_ones_503() {
    claims!("6455-7.3-01", "6455-7.4.1-1001", "9110-15.6.4-01");
    let endpoint = Endpoint::new(Config::default());
    let (quiet, first) = connect(&endpoint, echo);
    quiet.send(REQUEST);
    quiet.head().await;
    let (undecided, second) = connect(&endpoint, async |incoming| {
        let _incoming = incoming;
        pending().await
    });
    undecided.send(REQUEST);
    let (silent, third) = connect(&endpoint, echo);
    let (late, fourth) = connect(&endpoint, echo);
    settle().await;
    assert_eq!(endpoint.connections(), 4);
    endpoint.shutdown();
    assert_eq!(quiet.frame().await.close_code(), 1001);
    quiet.send(close(1001));
    assert!(undecided.head().await.starts_with("HTTP/1.1 503 "));
    late.send(REQUEST);
    assert!(late.head().await.starts_with("HTTP/1.1 503 "));
    assert_eq!(silent.rest().await, b"");
    for peer in [&quiet, &undecided, &silent, &late] {
        peer.end();
    }
    let ending = first.await.unwrap();
    assert!(ending.is_clean());
    assert_eq!(ending.initiator, Initiator::Shutdown);
    second.abort();
    third.await.unwrap();
    assert_eq!(fourth.await.unwrap().initiator, Initiator::Shutdown);
    endpoint.emptied().await;
}

/// What a client does that holds its connection open after the answer.
const HALVES: &[(&str, &[u8], &str)] = &[
    ("refused before", b"GET /\xff HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "),
    ("answered before", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 426 "),
    ("half a head", b"GET / HTTP/1.1\r\nHost: h\r\n", "HTTP/1.1 503 "),
    ("one octet", b"G", "HTTP/1.1 503 "),
];

#[tokio::test(start_paused = true)]
async fn shutdown_waits_a_second_at_most_for_those_who_were_refused() {
    claims!("9110-15.6.4-01", "6455-7.1.1-03");
    for (name, sent, answer) in HALVES {
        let endpoint = Endpoint::new(Config::default());
        let (peer, serving) = connect(&endpoint, echo);
        peer.send(sent);
        settle().await;
        let start = Instant::now();
        endpoint.shutdown();
        let head = peer.head().await;
        assert!(head.starts_with(answer), "{name}: {head}");
        assert!(head.contains("\r\nConnection: ") && head.contains("close\r\n"), "{name}: {head}");
        // The rest of what they had to say is read, so that no reset takes the answer from them.
        tokio::time::sleep(Duration::from_millis(500)).await;
        peer.send("Upgrade: websocket\r\n\r\n");
        settle().await;
        assert_eq!((peer.untaken(), peer.wire().is_gone), (0, false), "{name}");
        endpoint.emptied().await;
        let took = start.elapsed();
        assert!(
            took.abs_diff(Duration::from_secs(1)) < Duration::from_millis(100),
            "{name}: {took:?}"
        );
        serving.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_a_second_for_the_refused_and_the_close_timeout_for_the_open() {
    let endpoint = Endpoint::new(Config::default());
    let (open, _) = connect(&endpoint, echo);
    open.send(REQUEST);
    open.head().await;
    open.send(close(1000));
    assert_eq!(open.frame().await.close_code(), 1000);
    let (refused, _) = connect(&endpoint, echo);
    refused.give_room(0);
    refused.send("nonsense\r\n");
    settle().await;
    let start = Instant::now();
    endpoint.shutdown();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    // One that does not take its answer is no reason to stay either.
    assert_eq!((endpoint.connections(), refused.wire().is_gone), (1, true));
    endpoint.emptied().await;
    assert!(start.elapsed().abs_diff(Duration::from_secs(5)) < Duration::from_millis(100));
}
