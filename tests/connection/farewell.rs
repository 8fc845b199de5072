//! What connections are told when their endpoint shuts down, and the time that handlers get before.

use std::future::pending;
use std::time::Duration;

use stickler::{CloseCode, Config, Endpoint, Farewell, Incoming, MessageKind, Prepared, SendError};

use crate::support::{REQUEST, connect, echo, settle, text};

/// Says goodbye when its endpoint drains, and returns.
async fn says_goodbye(incoming: Incoming) -> stickler::Result<()> {
    let socket = incoming.accept()?;
    socket.draining().await;
    socket.send("goodbye")?;
    Ok(())
}

async fn says_goodbye_and_stays(incoming: Incoming) -> stickler::Result<()> {
    let socket = incoming.accept()?;
    socket.draining().await;
    socket.send("goodbye")?;
    pending().await
}

#[tokio::test(start_paused = true)]
async fn s7_4_1_a_farewell_gives_handlers_a_grace_and_then_closes() {
    let endpoint = Endpoint::new(Config::default());
    let (returns, _) = connect(&endpoint, says_goodbye);
    let (stays, _) = connect(&endpoint, says_goodbye_and_stays);
    for peer in [&returns, &stays] {
        peer.send(REQUEST);
        assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    }
    let (undecided, _) = connect(&endpoint, says_goodbye);
    let farewell = Farewell::default()
        .code(CloseCode::SERVICE_RESTART)
        .reason("soon")
        .message(Prepared::text("last"))
        .grace(Duration::from_secs(5));
    let begun = tokio::time::Instant::now();
    endpoint.shutdown_with(farewell).unwrap();
    undecided.send(REQUEST);
    assert!(undecided.head().await.starts_with("HTTP/1.1 503 "));
    for (peer, seconds) in [(&returns, 0), (&stays, 5)] {
        assert_eq!(peer.text().await, "goodbye");
        assert_eq!(peer.text().await, "last");
        let close = peer.frame().await;
        assert_eq!((close.close_code(), &close.payload[2..]), (1012, &b"soon"[..]));
        assert_eq!(begun.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_the_grace_of_a_farewell() {
    let endpoint = Endpoint::new(Config::default());
    let (peer, _) = connect(&endpoint, says_goodbye_and_stays);
    peer.send(REQUEST);
    peer.head().await;
    let farewell = Farewell::default().code(CloseCode::new(4000)).grace(Duration::MAX);
    endpoint.shutdown_with(farewell).unwrap();
    assert_eq!(peer.text().await, "goodbye");
    endpoint.shutdown();
    assert_eq!(peer.frame().await.close_code(), 4000);
}

#[tokio::test(start_paused = true)]
async fn a_farewell_leaves_its_message_out_inside_an_unfinished_one_and_where_the_queue_is_full() {
    let mut config = Config::default();
    config.limits.max_queued = 200;
    let endpoint = Endpoint::new(config);
    let farewell = Farewell::default().message(Prepared::text("last"));
    let (peer, _) = connect(&endpoint, async |incoming: Incoming| {
        let socket = incoming.accept()?;
        let mut message = socket.sender().start_message(MessageKind::Text)?;
        message.send("un")?;
        socket.draining().await;
        stickler::Result::<()>::Ok(())
    });
    let (full, _) = connect(&endpoint, async |incoming: Incoming| {
        let socket = incoming.accept()?;
        socket.send("x".repeat(100))?;
        socket.draining().await;
        stickler::Result::<()>::Ok(())
    });
    peer.send(REQUEST);
    peer.head().await;
    full.give_room(0);
    full.send(REQUEST);
    settle().await;
    endpoint.shutdown_with(farewell).unwrap();
    assert_eq!(peer.frame().await.first, 0x01);
    assert_eq!(peer.frame().await.close_code(), 1001);
    full.give_room(usize::MAX);
    full.head().await;
    assert_eq!(full.text().await, "x".repeat(100));
    assert_eq!(full.frame().await.close_code(), 1001);
}

#[tokio::test(start_paused = true)]
async fn s5_5_a_farewell_that_cannot_be_sent_is_refused_and_ends_nothing() {
    let endpoint = Endpoint::new(Config::default());
    let (peer, _) = connect(&endpoint, echo);
    peer.send(REQUEST);
    peer.head().await;
    let unsendable = Farewell::default().code(CloseCode::new(1010));
    assert_eq!(endpoint.shutdown_with(unsendable), Err(SendError::CloseCodeNotSendable));
    let long = Farewell::default().reason("r".repeat(124));
    assert_eq!(endpoint.shutdown_with(long), Err(SendError::ReasonTooLong));
    peer.send(text("still here"));
    assert_eq!(peer.text().await, "still here");
}
