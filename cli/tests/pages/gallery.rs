//! `/violations`: a WebSocket for pages of this host.

use std::net::TcpStream;

use serde_json::Value;
use stickler::proto::client_frame::encode_masked;

use crate::serve;
use crate::server::{PATIENCE, Server};

use std::io::{Read, Write};

/// Opens the gallery from a page of this origin: the status, and the connection.
fn open(server: &Server, origin: Option<&str>) -> (u16, String, TcpStream) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let origin = origin.map_or(String::new(), |origin| format!("Origin: {origin}\r\n"));
    let request = format!(
        "GET /violations HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{origin}\r\n",
        server.address()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        head.extend(octet);
    }
    let head = String::from_utf8(head).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head, stream)
}

/// Sends a request and reads the answer, one frame of text without compression.
fn ask(stream: &mut TcpStream, first: u8, request: &str) -> Value {
    let mut frame = Vec::new();
    encode_masked(first, request.as_bytes(), [1, 2, 3, 4], &mut frame);
    stream.write_all(&frame).unwrap();
    let mut header = [0; 2];
    stream.read_exact(&mut header).unwrap();
    assert_eq!(header[0], 0x81, "a text message in one frame");
    let length = match header[1] {
        126 => {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            usize::from(u16::from_be_bytes(length))
        }
        length => usize::from(length),
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[test]
fn a_page_of_this_host_lists_the_rules_and_plays_one() {
    let server = serve(&[]);
    let origin = format!("http://{}", server.address());
    let (status, _, mut stream) = open(&server, Some(&origin));
    assert_eq!(status, 101);
    let rules = ask(&mut stream, 0x81, r#"{"type":"rules"}"#);
    let rules = rules["rules"].as_array().unwrap();
    assert!(rules.len() >= 25, "{}", rules.len());
    let unmasked = rules.iter().find(|rule| rule["id"] == "unmasked").unwrap();
    assert_eq!(
        (&unmasked["clause"], &unmasked["side"]),
        (&"RFC 6455 5.1".into(), &"Frames".into())
    );

    let played = ask(&mut stream, 0x81, r#"{"type":"play","id":"unmasked"}"#);
    assert_eq!((&played["status"], &played["code"]), (&101.into(), &1002.into()));
    assert_eq!(played["clause"], "RFC 6455 5.1");
    assert_eq!(played["reason"], "RFC 6455 5.1: frame is not masked");
    assert_eq!(played["sent"][1]["hex"], "81");
    assert_eq!(played["sent"][3]["text"], "Hello");
    assert_eq!(played["answer"][3]["hex"], "03 ea");

    let refused = ask(&mut stream, 0x81, r#"{"type":"play","id":"short-key"}"#);
    assert_eq!((&refused["status"], &refused["code"]), (&400.into(), &Value::Null));
    // The connection outlives what is no request.
    assert_eq!(ask(&mut stream, 0x82, "bytes")["type"], "error");
    assert_eq!(ask(&mut stream, 0x81, r#"{"type":"play","id":"nothing"}"#)["type"], "error");
    assert_eq!(ask(&mut stream, 0x81, r#"{"type":"play","id":"rsv2"}"#)["code"], 1002);
}

#[test]
fn s6455_10_2_pages_of_other_origins_are_refused_and_the_log_says_so() {
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        // The log has one line a second of this, so each has a server.
        let server = serve(&[]);
        assert_eq!(open(&server, Some(origin)).0, 403, "{origin}");
        server.expect_logged(&format!("origin=\"{origin}\"")).unwrap();
    }
    // A program sends no Origin.
    assert_eq!(open(&serve(&[]), None).0, 101);
}
