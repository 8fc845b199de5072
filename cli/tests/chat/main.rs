//! The chat of the program, over TCP: who may connect, and that rooms span the program's workers.
#![cfg(target_os = "linux")]

mod peer;
#[path = "../wire/server.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod server;

use serde_json::json;

use peer::{Peer, handshake, status};
use server::Server;

fn serve(flags: &[&str]) -> Server {
    Server::start(flags).unwrap()
}

#[test]
fn members_on_all_workers_are_in_one_room() {
    let server = serve(&["--workers", "2"]);
    let names = ["Ann", "Ben", "Cleo", "Dora", "Emil", "Finn"];
    let mut peers: Vec<Peer> =
        names.iter().map(|name| Peer::join(&server, "lobby", name)).collect();
    for (index, peer) in peers.iter_mut().enumerate() {
        for round in 0..5 {
            let id = format!("{index}.{round}");
            peer.send(&json!({"type": "say", "id": id, "text": id}));
        }
    }
    let orders: Vec<Vec<_>> =
        peers.iter_mut().map(|peer| (0..30).map(|_| peer.next("message")).collect()).collect();
    assert!(orders.iter().all(|order| *order == orders[0]));
    let mut late = Peer::connect(&server);
    late.send(&json!({"type": "join", "room": "lobby", "nickname": "Late"}));
    assert_eq!(late.next("joined")["history"].as_array().unwrap()[..], orders[0]);
}

#[test]
fn pages_of_the_same_host_may_connect_and_others_are_told_in_the_log_what_to_set() {
    let server = serve(&[]);
    let own = format!("http://{}", server.address());
    assert_eq!(status(&server, &handshake(&server, "/chat", Some(&own))), 101);
    assert_eq!(status(&server, &handshake(&server, "/chat", None)), 101);
    let other = handshake(&server, "/chat", Some("https://pages.example"));
    assert_eq!(status(&server, &other), 403);
    // The echo is for all.
    assert_eq!(status(&server, &handshake(&server, "/", Some("https://pages.example"))), 101);
    server.expect_logged("https://pages.example").unwrap();
    server.expect_logged("--allowed-origin").unwrap();

    let server = serve(&["--allowed-origin", "https://pages.example"]);
    let other = handshake(&server, "/chat", Some("https://pages.example"));
    assert_eq!(status(&server, &other), 101);
    let third = handshake(&server, "/chat", Some("https://evil.example"));
    assert_eq!(status(&server, &third), 403);
}

#[test]
fn a_client_without_the_subprotocol_is_refused() {
    let server = serve(&[]);
    let request = handshake(&server, "/chat", None).replace("stickler.chat.v1", "chat");
    assert_eq!(status(&server, &request), 400);
}

#[test]
fn chat_off_leaves_no_chat() {
    let server = serve(&["--chat", "off"]);
    assert_eq!(status(&server, &handshake(&server, "/chat", None)), 404);
}

#[test]
fn names_and_texts_and_secrets_are_never_logged() {
    let server = serve(&["--log", "trace"]);
    let mut peer = Peer::connect(&server);
    peer.send(&json!({"type": "join", "room": "hidden-room", "nickname": "hidden-name"}));
    let secret = peer.next("joined")["secret"].as_str().unwrap().to_owned();
    peer.send(&json!({"type": "say", "id": "hidden-id", "text": "hidden-text"}));
    peer.next("accepted");
    peer.send(&json!({"type": "hidden-type"}));
    peer.next("error");
    drop(peer);
    server.retire().unwrap();
    let log = server.log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "{log}");
    assert!(!log.contains("hidden-"), "{log}");
    assert!(!log.contains(&secret), "{log}");
}

/// What breaks the WebSocket protocol fails the connection; what breaks the chat's does not.
#[test]
fn what_breaks_the_websocket_protocol_fails_the_connection() {
    let server = serve(&[]);
    let mut peer = Peer::join(&server, "lobby", "Ada");
    // Text that is not masked.
    peer.send_bytes(b"\x81\x02{}");
    assert_eq!(peer.close_code(), 1002);
    let mut peer = Peer::join(&server, "lobby", "Bob");
    peer.send(&json!("no object"));
    assert_eq!(peer.next("error")["code"], "malformed");
    peer.send(&json!({"type": "say", "id": "1", "text": "still here"}));
    peer.next("accepted");
}
