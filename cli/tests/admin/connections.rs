//! `/connections`: the pages of the list, and the end of one connection.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;

use stickler_testing::blocking::{read_frame, read_head};
use stickler_testing::folder::Folder;
use stickler_testing::frame::{REQUEST, text};

use crate::ask::{At, json, open, start, start_with_token};

/// All pages of so many connections each.
fn list(at: &At, most: usize) -> Vec<serde_json::Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = json(&at.get(&format!("/connections?most={most}{after}")));
        let connections = page["connections"].as_array().unwrap().clone();
        assert!(connections.len() <= most, "{page}");
        all.extend(connections);
        let Some(next) = page["next"].as_str() else { return all };
        after = format!("&after={next}");
    }
}

#[test]
fn each_connection_is_on_one_page() {
    let (server, at) = start(&["--workers=2"]);
    assert_eq!(list(&at, 10).len(), 0);
    let peers: Vec<_> = (0..25).map(|_| open(&server)).collect();
    for most in [1, 7, 25, 100] {
        let list = list(&at, most);
        let ids: BTreeSet<_> = list.iter().map(|one| one["id"].as_str().unwrap()).collect();
        assert_eq!((list.len(), ids.len()), (25, 25), "{most}");
    }
    let addresses: BTreeSet<_> =
        peers.iter().map(|it| it.local_addr().unwrap().to_string()).collect();
    let list = list(&at, 25);
    assert_eq!(
        list.iter()
            .map(|one| one["peer_addr"].as_str().unwrap().to_owned())
            .collect::<BTreeSet<_>>(),
        addresses
    );
    assert_eq!(json(&at.get("/connections"))["connections"].as_array().unwrap().len(), 25);
    server.retire().unwrap();
}

#[test]
fn a_row_says_what_is_known_of_a_connection() {
    let (server, at) = start(&[]);
    let mut peer = open(&server);
    peer.write_all(&text("hello")).unwrap();
    read_frame(&mut peer);
    // It counts when the handler waits again.
    let row = loop {
        let row = list(&at, 10).pop().unwrap();
        if row["received_messages"] == 1 && row["sent_messages"] == 1 {
            break row;
        }
    };
    for (name, value) in [
        ("path", serde_json::json!("/")),
        ("is_tls", false.into()),
        ("phase", "open".into()),
        ("queued_bytes", 0.into()),
        ("received_bytes", 5.into()),
        ("sent_bytes", 5.into()),
        ("round_trip_seconds", serde_json::Value::Null),
        ("subprotocol", serde_json::Value::Null),
    ] {
        assert_eq!(row[name], value, "{name} of {row}");
    }
    let seconds = |name: &str| row[name].as_f64().unwrap();
    assert!(seconds("age_seconds") >= seconds("idle_seconds"), "{row}");
    server.retire().unwrap();
}

#[test]
fn a_subprotocol_is_listed_and_a_token_is_none() {
    let (server, at) = start(&["--subprotocol=any"]);
    for (offered, listed) in [("bearer.s3cret", None), ("bearer.s3cret, chat.v1", Some("chat.v1"))]
    {
        let mut peer = TcpStream::connect(server.address()).unwrap();
        let field = format!("Sec-WebSocket-Protocol: {offered}\r\n\r\n");
        let request =
            REQUEST.replace("/room", "/").replacen("\r\n\r\n", &format!("\r\n{field}"), 1);
        peer.write_all(request.as_bytes()).unwrap();
        assert!(!read_head(&mut peer).contains("s3cret"));
        let (address, list) = (peer.local_addr().unwrap().to_string(), list(&at, 10));
        let row = list.iter().find(|row| row["peer_addr"] == address[..]).unwrap();
        assert_eq!(row["subprotocol"].as_str(), listed, "{row}");
    }
    server.retire().unwrap();
}

#[test]
fn a_query_that_cannot_be_read_is_refused() {
    let (server, at) = start(&[]);
    for query in ["most=0", "most=1001", "most=x", "after=x", "after=", "other=1", "most"] {
        assert_eq!(at.get(&format!("/connections?{query}")).status, 400, "{query}");
    }
    server.retire().unwrap();
}

#[test]
fn a_connection_is_closed_with_the_code_and_the_reason_that_are_asked_for() {
    let folder = Folder::new("close");
    let (server, at) = start_with_token(&folder, &[]);
    for (query, content, code, reason) in [
        ("", "", 1008, ""),
        ("?code=1013&reason=come+back%20later", "", 1013, "come back later"),
        ("", "{\"code\":4000,\"reason\":\"bye\"}", 4000, "bye"),
        ("?code=1001", "{\"reason\":\"\u{e4}\"}", 1001, "\u{e4}"),
    ] {
        let (mut other, mut peer) = (open(&server), open(&server));
        let address = peer.local_addr().unwrap().to_string();
        let list = list(&at, 100);
        let row = list.iter().find(|row| row["peer_addr"] == address[..]).unwrap();
        let id = row["id"].as_str().unwrap();
        let answer = at.post(&format!("/connections/{id}/close{query}"), content);
        assert_eq!(answer.status, 202, "{answer:?}");
        let close = read_frame(&mut peer);
        assert_eq!((close.first, close.close_code()), (0x88, code));
        assert_eq!(&close.payload[2..], reason.as_bytes());
        server.expect_logged(id).unwrap();
        // Its closing handshake goes on: there is none to start.
        assert_eq!(at.post(&format!("/connections/{id}/close"), "").status, 409);
        other.write_all(&text("still here")).unwrap();
        assert_eq!(&read_frame(&mut other).payload[..], b"still here");
    }
    server.retire().unwrap();
}

#[test]
fn what_cannot_be_closed_so_is_refused() {
    let folder = Folder::new("refused");
    let (server, at) = start_with_token(&folder, &[]);
    let mut peer = open(&server);
    let id = list(&at, 1)[0]["id"].as_str().unwrap().to_owned();
    let long = "x".repeat(124);
    for (query, content, sentence) in [
        ("?code=1005", "", "status code"),
        ("?code=999", "", "status code"),
        ("?code=x", "", "wanted: a number"),
        ("?other=1", "", "code=CODE"),
        ("", "{\"other\":1}", "unknown field"),
        ("", "{\"code\":\"x\"}", "the content is to be an object as"),
        ("", "code=1001", "an object as {\"code\": 1008"),
        ("", "[4000,\"a\"]", "an object as {\"code\": 1008"),
        ("", "\"a\"", "an object as {\"code\": 1008"),
        ("", "null", "an object as {\"code\": 1008"),
        ("", "{\"code\":1001,\"code\":1002}", "duplicate field"),
        (&format!("?reason={long}")[..], "", "123"),
    ] {
        let answer = at.post(&format!("/connections/{id}/close{query}"), content);
        assert!(answer.status == 400 && answer.body.contains(sentence), "{query}: {answer:?}");
        assert!(!answer.body.contains("struct"), "{answer:?}");
    }
    assert_eq!(at.post("/connections/7-7-7/close", "").status, 404);
    peer.write_all(&text("still here")).unwrap();
    assert_eq!(&read_frame(&mut peer).payload[..], b"still here");
    server.retire().unwrap();
}
