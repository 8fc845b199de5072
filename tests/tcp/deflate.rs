//! permessage-deflate as it is agreed on in the 101 (RFC 7692 §5, §7.1).

use stickler::Config;
use stickler::proto::deflate::Policy;

use crate::claims::claims;
use crate::{Running, echo, frame, with};

/// A rule, an offer, and the answer of a server that allows most.
const OFFERS: &[(&str, &str, Option<&str>)] = &[
    ("6455-4.2.2-17", "foo, permessage-deflate", Some("")),
    ("6455-4.2.2-19", "foo; bar=1", None),
    ("6455-9-01", "foo, bar", None),
    ("6455-9-03", "permessage-deflate; foo", None),
    (
        "6455-9.1-06",
        "permessage-deflate; server_max_window_bits=9, permessage-deflate",
        Some("; server_max_window_bits=9"),
    ),
    ("7692-5-01", "permessage-deflate", Some("")),
    ("7692-5-02", "permessage-deflate; server_max_window_bits=12; x", None),
    ("7692-5-03", "permessage-deflate; x=1, permessage-deflate", Some("")),
    ("7692-5-04", "permessage-deflate, permessage-deflate", Some("")),
    ("7692-7-02", "permessage-deflate; server_max_window_bits=16", None),
    ("7692-7-03", "permessage-deflate; client_max_window_bits; client_max_window_bits", None),
    (
        "7692-7.1.1.1-02",
        "permessage-deflate; server_no_context_takeover",
        Some("; server_no_context_takeover"),
    ),
    (
        "7692-7.1.2.1-02",
        "permessage-deflate; server_max_window_bits=10",
        Some("; server_max_window_bits=10"),
    ),
    ("7692-7.1.2.2-01", "permessage-deflate", Some("")),
    ("7692-7.1.2.2-03", "permessage-deflate; client_max_window_bits", Some("")),
    (
        "9110-5.6.4-01",
        "permessage-deflate; server_max_window_bits=\"1\\0\"",
        Some("; server_max_window_bits=10"),
    ),
];

#[test]
fn s7692_5_offers_and_answers() {
    let mut config = Config::default();
    config.deflate.policy = Some(Policy {
        server_context_takeover: true,
        client_context_takeover: true,
        ..Policy::default()
    });
    let server = Running::new(config, echo);
    for &(id, offer, answer) in OFFERS {
        claims!(id);
        claims!("6455-11.3.2-02");
        let mut client = server.connect();
        client.send(with(&format!("Sec-WebSocket-Extensions: {offer}")));
        let head = client.head();
        assert_eq!(head.status(), 101, "{offer}");
        let expect = answer.map(|params| format!("permessage-deflate{params}"));
        assert_eq!(head.field("sec-websocket-extensions"), expect.as_deref(), "{offer}");
    }
    server.stop();
}

#[test]
fn s9_1_several_lines_are_one_list() {
    claims!("6455-9.1-02", "6455-11.3.2-01");
    let server = Running::echo();
    let mut client = server.connect();
    client.send(with(
        "Sec-WebSocket-Extensions: foo\r\nX: y\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=11",
    ));
    let head = client.head();
    let answer = head.field("sec-websocket-extensions").unwrap();
    assert!(answer.ends_with("; server_max_window_bits=11"), "{answer}");
    server.stop();
}

#[test]
fn s6_1_what_is_compressed_says_so_on_its_first_frame() {
    claims!("6455-6.2-05", "7692-6.1-01", "7692-6.1-02", "7692-7.2.3-01");
    let server = Running::echo();
    let mut client = server.connect();
    client.send(with("Sec-WebSocket-Extensions: permessage-deflate"));
    assert_eq!(client.head().status(), 101);
    client.send(frame(0xc1, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]));
    assert_eq!(client.frame(), (0x81, b"Hello".to_vec()));
    client.send(frame(0x81, "compressible ".repeat(100)));
    let (first, payload) = client.frame();
    assert_eq!(first, 0xc1);
    assert!(payload.len() < 100, "{} bytes", payload.len());
    server.stop();
}
