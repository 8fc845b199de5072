//! The id of a connection in every line about it, and in the 101.

use stickler::http::HeaderName;
use stickler::{Config, Endpoint, Incoming};
use stickler_testing::logs;

use crate::support::{REQUEST, connect, echo, settle};

/// The id that the 101 has.
fn id_in(head: &str) -> String {
    let (_, behind) = head.split_once("\r\nX-Connection-Id: ").unwrap();
    behind.split_once("\r\n").unwrap().0.to_owned()
}

#[tokio::test(start_paused = true)]
async fn every_line_about_a_connection_has_the_id_that_the_101_has() {
    let name = HeaderName::from_static("x-connection-id");
    let endpoint = Endpoint::new(Config::default().id_header(name));
    let fails = |incoming: Incoming| async move {
        let (mut receiver, _sender) = incoming.accept()?.split();
        match receiver.recv().await? {
            Some(message) if message.as_bytes() == b"panic" => panic!("asked to"),
            _ => Err(stickler::Error::application("no more")),
        }
    };
    let mut ids = Vec::new();
    for bytes in
        [&b"\x81\x00"[..], b"\x81\x80\0\0\0\0", b"\x81\x85\0\0\0\0panic", b"\x88\x80\0\0\0\0"]
    {
        let (lines, _guard) = logs::listen(|| {});
        let (peer, serving) = connect(&endpoint, fails);
        peer.send(REQUEST);
        let id = id_in(&peer.head().await);
        peer.send(bytes);
        peer.rest().await;
        peer.end();
        let ending = serving.await.unwrap();
        let all = lines.all();
        assert!(all.len() >= 2, "{ending:?}: {all:?}");
        for line in all {
            assert!(line.contains(&format!(" id={id}")), "{line}, not {id}");
        }
        ids.push(id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 4, "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_has_the_id_of_its_connection() {
    let endpoint = Endpoint::new(Config::default());
    let (lines, _guard) = logs::listen(|| {});
    for generation in 0..2 {
        let (peer, serving) = connect(&endpoint, echo);
        peer.send(REQUEST.replace("Version: 13", "Version: 8"));
        peer.head().await;
        peer.end();
        serving.await.unwrap();
        settle().await;
        let line = lines.at("INFO").pop().unwrap();
        assert!(line.contains(&format!("-0-{generation}")), "{line}");
    }
}
