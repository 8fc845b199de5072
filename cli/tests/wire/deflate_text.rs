//! UTF-8 in compressed text: the inflated bytes are judged, as they appear (RFC 7692 §6.1;
//! RFC 6455 §8.1). Where a fault is proved comes from the slow reader and the standard library.

use std::time::Duration;

use crate::case::{Case, DEFAULT, run};
use crate::client::Client;
use crate::deflate::{Token, Writer, deflate, inflate, plain};
use crate::deflate_frames::{
    AGREED, HELLO, KEPT, OFFER, compressed, compressed_binary, fragments, hello,
};
use crate::exchange::{End, row_offering};
use crate::frame::{Event, header, hex, join, masked, ping, text};

const NOT_UTF8: End = End::Fail(1007, "RFC 6455 8.1");

const BAD: [&str; 24] = [
    "80",
    "bf",
    "c0 80",
    "c1 bf",
    "c3 20",
    "e0 80 80",
    "e0 9f bf",
    "e2 82 20",
    "e2 28 a1",
    "ed a0 80",
    "ed bf bf",
    "ed a0 80 ed b0 80",
    "f0 80 80 80",
    "f0 8f bf bf",
    "f0 90 8c 28",
    "f4 90 80 80",
    "f5 80 80 80",
    "f8 88 80 80 80",
    "fe",
    "ff",
    "61 62 63 ff",
    "c3 a9 80",
    "e2 82 ac ac",
    "ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64",
];

/// The same bytes in each kind of block.
fn each_kind(bytes: &[u8]) -> [(&'static str, Vec<u8>); 4] {
    let half = bytes.len() / 2;
    [
        ("stored", Writer::new().stored(false, bytes).message()),
        ("fixed", Writer::new().fixed(false, &plain(bytes)).message()),
        ("dynamic", Writer::new().dynamic(false, &plain(bytes)).message()),
        (
            "BFINAL blocks",
            Writer::new()
                .fixed(true, &plain(&bytes[..half]))
                .stored(true, &bytes[half..])
                .message(),
        ),
    ]
}

/// How many bytes of payload it takes to know that the text is invalid.
fn proved_at(payload: &[u8]) -> Option<usize> {
    (1..=payload.len()).find(|end| {
        let output = match inflate(b"", &payload[..*end]) {
            Ok(inflated) => inflated.output,
            Err((_, inflated)) => inflated.output,
        };
        std::str::from_utf8(&output).is_err_and(|error| error.error_len().is_some())
    })
}

#[test]
fn deflate_text_that_is_not_utf8() {
    let mut cases = Vec::new();
    for bad in BAD {
        let bytes = hex(bad);
        for (kind, payload) in each_kind(&bytes) {
            let rule = format!("{bad} in {kind}");
            let whole = compressed(&payload);
            cases.push(row_offering(AGREED, "7692-6.1-07", &rule, whole, vec![], NOT_UTF8));
            let pieces: Vec<&[u8]> = payload.chunks(1).collect();
            let bytewise = fragments(0x41, &pieces, b"");
            let rule = format!("{rule}, a fragment per byte");
            cases.push(row_offering(AGREED, "7692-6.1-07", rule, bytewise, vec![], NOT_UTF8));
        }
        cases.push(row_offering(
            AGREED,
            "7692-6.1-07",
            format!("{bad} is good enough for a binary message"),
            compressed_binary(deflate(b"", &bytes)),
            vec![Event::Binary(bytes)],
            End::Open,
        ));
    }
    for cut in ["c3", "e2", "e2 82", "f0", "f0 9f", "f0 9f a6", "61 62 e2 82", "f4 8f bf"] {
        for (kind, payload) in each_kind(&hex(cut)) {
            let rule = format!("a message ends inside a character: {cut} in {kind}");
            let whole = join(&[compressed(&payload), text("\u{ac}")]);
            cases.push(row_offering(AGREED, "7692-6.1-07", rule, whole, vec![], NOT_UTF8));
        }
    }
    for (rule, tokens) in [
        (
            "a copy of half a character",
            [plain("€"), vec![Token::Copy { length: 3, distance: 2 }]].concat(),
        ),
        (
            "a copy that leaves half a character",
            [plain("€"), vec![Token::Copy { length: 4, distance: 3 }]].concat(),
        ),
        (
            "a character that a copy breaks",
            [plain(b"a\xe2"), vec![Token::Copy { length: 3, distance: 2 }]].concat(),
        ),
    ] {
        let payload = Writer::new().fixed(false, &tokens).message();
        cases.push(row_offering(
            AGREED,
            "7692-6.1-07",
            rule,
            compressed(payload),
            vec![],
            NOT_UTF8,
        ));
    }
    cases.push(row_offering(
        KEPT,
        "7692-6.1-07",
        "half a character from the message before",
        join(&[
            compressed(deflate(b"", "a€".as_bytes())),
            compressed(
                Writer::new().fixed(false, &[Token::Copy { length: 3, distance: 2 }]).message(),
            ),
        ]),
        vec![Event::Text("a€".into())],
        NOT_UTF8,
    ));
    for (kind, payload) in each_kind(&[&b"a".repeat(300)[..], &[0xff], &b"b".repeat(300)].concat())
    {
        cases.push(row_offering(
            AGREED,
            "7692-6.1-07",
            format!("a bad byte in the middle of {kind}"),
            compressed(payload),
            vec![],
            NOT_UTF8,
        ));
    }
    run("deflate_text_that_is_not_utf8", cases);
}

#[test]
fn deflate_text_is_judged_as_it_appears() {
    let mut cases = Vec::new();
    for bad in BAD {
        let bytes = [&hex(bad)[..], &b"and so on, and so on, and so on".repeat(4)].concat();
        for (kind, payload) in each_kind(&bytes) {
            let proof = proved_at(&payload).unwrap();
            let rule = format!("{bad} in {kind}: proved inside a frame");
            let mut part = masked(0xc1, &payload);
            part.truncate(part.len() - payload.len() + proof);
            cases.push(row_offering(AGREED, "6455-8.1-03", rule, part, vec![], NOT_UTF8));
            let rule = format!("{bad} in {kind}: proved by a first fragment");
            let part = masked(0x41, &payload[..proof]);
            cases.push(row_offering(AGREED, "6455-8.1-03", rule, part, vec![], NOT_UTF8));
            let rule = format!("{bad} in {kind}: not proved a byte before");
            let part = [masked(0x41, &payload[..proof - 1]), ping("p")].concat();
            cases.push(Case::on(DEFAULT, "6455-8.1-03", rule, move |server| {
                let mut client = Client::offering(server.address(), OFFER)?;
                client.send(&part)?;
                client.expect(&Event::Pong(b"p".to_vec()))?;
                client.expect_silence(Duration::from_millis(2))?;
                client.send(&masked(0x80, &payload[proof - 1..]))?;
                client.expect_failed(1007, "RFC 6455 8.1")
            }));
        }
    }
    cases.push(Case::on(DEFAULT, "6455-8.1-03", "a bad byte early in a long frame", |server| {
        let text = [&b"x".repeat(100)[..], &[0xff], &b"x".repeat(100)].concat();
        let payload = Writer::new().stored(false, &text).message();
        let mut client = Client::offering(server.address(), OFFER)?;
        let mut frame = header(0xc1, 1 << 20);
        frame.extend([0; 4]);
        frame.extend(&payload[..5 + 101]);
        client.send(&frame)?;
        client.expect_failed(1007, "RFC 6455 8.1")
    }));
    run("deflate_text_is_judged_as_it_appears", cases);
}

#[test]
fn deflate_text_that_is_utf8() {
    let sample = "aé€🦀\u{10ffff}\u{0}\u{feff}\u{d7ff}\u{e000}κόσμε z";
    let mut cases = Vec::new();
    for (kind, payload) in each_kind(sample.as_bytes()) {
        for cut in 0..=payload.len() {
            let (first, second) = payload.split_at(cut);
            cases.push(row_offering(
                AGREED,
                "7692-6.1-07",
                format!("{kind} cut after {cut} bytes, a ping between"),
                fragments(0x41, &[first, second], &ping("p")),
                vec![Event::Pong(b"p".to_vec()), Event::Text(sample.into())],
                End::Open,
            ));
        }
    }
    cases.push(row_offering(
        AGREED,
        "7692-6.1-07",
        "a character put together by a copy",
        compressed(
            // The second crab takes its last three bytes from the first.
            Writer::new()
                .fixed(
                    false,
                    &[
                        plain("🦀\u{0}"),
                        plain([0xf0]),
                        vec![Token::Copy { length: 3, distance: 5 }],
                    ]
                    .concat(),
                )
                .message(),
        ),
        vec![Event::Text("🦀\u{0}🦀".into())],
        End::Open,
    ));
    cases.push(row_offering(
        AGREED,
        "7692-6.1-07",
        "a character in two blocks, an empty one and BFINAL between",
        compressed(
            Writer::new()
                .fixed(true, &plain([0xe2]))
                .stored(false, b"")
                .stored(true, &[0x82])
                .dynamic(false, &plain([0xac]))
                .message(),
        ),
        vec![Event::Text("€".into())],
        End::Open,
    ));
    cases.push(Case::on(
        DEFAULT,
        "7692-6.1-07",
        "a megabyte of long characters in odd pieces",
        |server| {
            let text = "🦀€é".repeat(120_000);
            let payload = deflate(b"", text.as_bytes());
            let mut client = Client::offering(server.address(), OFFER)?;
            let pieces: Vec<&[u8]> = payload.chunks(61).collect();
            client.send(&fragments(0x41, &pieces, b""))?;
            client.expect(&Event::Text(text.into_bytes()))?;
            client.send(&compressed(HELLO))?;
            client.expect(&hello())?;
            client.expect_alive()
        },
    ));
    run("deflate_text_that_is_utf8", cases);
}
