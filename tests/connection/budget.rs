//! One budget of memory over all connections (RFC 6455 §10.4).

use std::time::Duration;

use stickler::{Config, Endpoint, Initiator};
use tokio::time::advance;

use crate::support::{Peer, REQUEST, binary, connect, echo, frame, open_on, settle, text};

/// With a little over whole messages, so that there is a byte left for another connection.
const BUDGET: usize = (8 << 20) + (100 << 10);

fn endpoint() -> Endpoint {
    Endpoint::new(Config::default().max_memory(BUDGET))
}

async fn echoes(peer: &Peer, message: &str) {
    peer.send(text(message));
    assert_eq!(peer.text().await, message);
}

#[tokio::test(start_paused = true)]
async fn s10_4_unfinished_messages_hold_no_more_than_the_budget_and_honest_peers_go_on() {
    let endpoint = endpoint();
    let (honest, _serving, _) = open_on(&endpoint, REQUEST, echo).await;
    let (mut hostile, mut refused) = (Vec::new(), 0);
    for number in 0..20 {
        let (peer, serving, _) = open_on(&endpoint, REQUEST, echo).await;
        peer.send(frame(0x02, vec![number; 1 << 20]));
        settle().await;
        match peer.frames().first() {
            Some(end) => {
                assert_eq!(end.close_code(), 1013);
                let reason = "RFC 6455 10.4: no memory is left for a message of this length";
                assert_eq!(std::str::from_utf8(&end.payload[2..]), Ok(reason));
                peer.end();
                assert_eq!(serving.await.unwrap().initiator, Initiator::Overload);
                refused += 1;
            }
            None => hostile.push((peer, serving)),
        }
        echoes(&honest, "small").await;
    }
    // Each of them takes a MiB and up to half of that.
    assert!((5..=8).contains(&hostile.len()), "{} and {refused}", hostile.len());
    // Ten seconds later those who wait go, and only as many as have to.
    advance(Duration::from_secs(10)).await;
    let message = vec![7; 2 << 20];
    honest.send(binary(&message));
    assert_eq!(honest.frame().await.payload, message);
    settle().await;
    let ended: Vec<_> = hostile.iter().filter_map(|(peer, _)| peer.frames().pop()).collect();
    assert!((1..=4).contains(&ended.len()), "{}", ended.len());
    for end in ended {
        assert_eq!(end.close_code(), 1013);
        let reason =
            "RFC 6455 10.4: memory is short, and the peer has sent or taken nothing for too long";
        assert_eq!(std::str::from_utf8(&end.payload[2..]), Ok(reason));
    }
    hostile.iter().for_each(|(_, serving)| serving.abort());
}

/// A Ping is no progress of a message, and does not keep what the message holds.
#[tokio::test(start_paused = true)]
async fn s10_4_pings_keep_no_memory_and_input_does() {
    let endpoint = endpoint();
    let mut holders = Vec::new();
    for _ in 0..2 {
        let (peer, serving, _) = open_on(&endpoint, REQUEST, echo).await;
        peer.send(frame(0x02, vec![1; 2 << 20]));
        settle().await;
        holders.push((peer, serving));
    }
    for _ in 0..10 {
        advance(Duration::from_secs(1)).await;
        holders[0].0.send(frame(0x89, b"here"));
        holders[1].0.send(frame(0x00, [1; 1 << 10]));
        settle().await;
    }
    let (honest, _serving, _) = open_on(&endpoint, REQUEST, echo).await;
    let message = vec![7; 4 << 20];
    honest.send(binary(&message));
    assert_eq!(honest.frame().await.payload, message);
    settle().await;
    assert_eq!(holders[0].0.frames().pop().map(|end| end.close_code()), Some(1013));
    assert_eq!(holders[1].0.frames().len(), 0);
    holders.iter().for_each(|(_, serving)| serving.abort());
}

/// A peer that takes nothing is dropped for the sake of others, with what is queued for it.
#[tokio::test(start_paused = true)]
async fn s10_4_a_peer_that_does_not_read_loses_its_queue() {
    let endpoint = endpoint();
    let (slow, serving, _) = open_on(&endpoint, REQUEST, echo).await;
    slow.give_room(0);
    slow.send(binary(vec![1; 5 << 20]));
    settle().await;
    advance(Duration::from_secs(11)).await;
    let (honest, _serving, _) = open_on(&endpoint, REQUEST, echo).await;
    let message = vec![7; 4 << 20];
    honest.send(binary(&message));
    assert_eq!(honest.frame().await.payload, message);
    let ending = serving.await.unwrap();
    assert_eq!(ending.initiator, Initiator::Overload);
    assert!(!ending.sent.is_sent());
}

/// What is held is free with the end of its connection, whatever ends it.
#[tokio::test(start_paused = true)]
async fn s10_4_what_a_connection_held_is_free_when_it_has_ended() {
    let endpoint = endpoint();
    for round in 0..12 {
        let (peer, serving, _) = open_on(&endpoint, REQUEST, echo).await;
        peer.send(frame(0x02, vec![1; 3 << 20]));
        settle().await;
        assert_eq!(peer.frames().len(), 0, "round {round}");
        match round % 3 {
            0 => peer.end(),
            1 => peer.send([0x83]),
            _ => serving.abort(),
        }
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s9110_15_6_4_without_a_byte_left_an_opening_handshake_gets_503() {
    let endpoint = Endpoint::new(Config::default().max_memory(256 << 10));
    let mut holders = Vec::new();
    for _ in 0..8 {
        let (peer, serving, _) = open_on(&endpoint, REQUEST, echo).await;
        peer.send(frame(0x02, vec![1; 60 << 10]));
        settle().await;
        holders.push((peer, serving));
        if holders.len() == 4 {
            break;
        }
    }
    peer_gets(&endpoint, "HTTP/1.1 101 ").await;
    let (last, _serving, _) = open_on(&endpoint, REQUEST, echo).await;
    last.send(frame(0x02, vec![1; 60 << 10]));
    settle().await;
    peer_gets(&endpoint, "HTTP/1.1 503 ").await;
    // Small messages go on all the same.
    holders[0].0.send(frame(0x80, []));
    assert_eq!(holders[0].0.frame().await.payload.len(), 60 << 10);
    settle().await;
    peer_gets(&endpoint, "HTTP/1.1 101 ").await;
    holders.iter().for_each(|(_, serving)| serving.abort());
}

async fn peer_gets(endpoint: &Endpoint, status: &str) {
    let (peer, serving) = connect(endpoint, echo);
    peer.send(REQUEST);
    let head = peer.head().await;
    assert!(head.starts_with(status), "{head}");
    assert!(!status.contains("503") || head.contains("\r\nRetry-After: "), "{head}");
    serving.abort();
}
