//! Limits, shown to bite exactly where they are set: frame, message, fragments, request head
//! (RFC 6455 §10.4, RFC 9110 §5.4, RFC 9112 §3).

use crate::case::{Case, DEFAULT, Profile, run};
use crate::client::{Client, LONG, PROMPT};
use crate::exchange::{End, row_on};
use crate::frame::{Event, KEY, binary, header, join, masked, ping, text};
use crate::http::Head;
use crate::opening::{accepted, refused};

const SMALL: Profile =
    &["--max-message-size", "1000", "--max-frame-size", "600", "--max-fragments", "8"];
const KIB: Profile = &["--max-message-size", "1KiB"];
const BIG_FRAME: End = End::Fail(1009, "RFC 6455 10.4");
const MANY: End = End::Fail(1008, "RFC 6455 10.4");

fn fragments(count: usize, size: usize) -> Vec<u8> {
    let piece = vec![b'f'; size];
    let frame = |at: usize| {
        let fin = if at + 1 == count { 0x80 } else { 0 };
        masked(fin | u8::from(at == 0), &piece)
    };
    (0..count).flat_map(frame).collect()
}

/// Fragments, none of which is the last.
fn unfinished(count: usize, size: usize) -> Vec<u8> {
    let piece = vec![b'f'; size];
    (0..count).flat_map(|at| masked(u8::from(at == 0), &piece)).collect()
}

#[test]
fn limits_of_messages() {
    let t = |size: usize| vec![Event::Text(vec![b'f'; size])];
    let cases = vec![
        row_on(
            SMALL,
            "6455-10.4-02",
            "a frame of exactly the limit",
            text(vec![b'f'; 600]),
            t(600),
            End::Open,
        ),
        row_on(
            SMALL,
            "6455-10.4-02",
            "one byte over, by the header alone",
            header(0x82, 601),
            vec![],
            BIG_FRAME,
        ),
        row_on(
            SMALL,
            "6455-10.4-02",
            "one byte over, the whole frame",
            binary(vec![0; 601]),
            vec![],
            BIG_FRAME,
        ),
        row_on(
            SMALL,
            "6455-10.4-02",
            "a first fragment one byte over",
            header(0x01, 601),
            vec![],
            BIG_FRAME,
        ),
        row_on(
            SMALL,
            "6455-10.4-05",
            "a message of exactly the limit",
            join(&[masked(0x01, &[b'f'; 600]), masked(0x80, &[b'f'; 400])]),
            t(1000),
            End::Open,
        ),
        row_on(
            SMALL,
            "6455-10.4-03",
            "the fragment's header that crosses the limit",
            [masked(0x01, &[b'f'; 600]), header(0x80, 401)].concat(),
            vec![],
            BIG_FRAME,
        ),
        row_on(
            SMALL,
            "6455-10.4-03",
            "an unfinished message crosses the limit",
            [masked(0x01, &[b'f'; 600]), masked(0x00, &[b'f'; 400]), header(0x00, 1)].concat(),
            vec![],
            BIG_FRAME,
        ),
        row_on(
            SMALL,
            "6455-10.4-03",
            "the sum of lengths does not wrap",
            [masked(0x02, &[0; 600]), header(0x80, u64::MAX >> 1)].concat(),
            vec![],
            BIG_FRAME,
        ),
        row_on(
            SMALL,
            "6455-10.4-03",
            "an empty fragment at the limit is no excess",
            join(&[masked(0x01, &[b'f'; 600]), masked(0x00, &[b'f'; 400]), masked(0x80, b"")]),
            t(1000),
            End::Open,
        ),
        row_on(
            SMALL,
            "6455-10.4-05",
            "each message counts for itself",
            join(&[text(vec![b'f'; 600]), text(vec![b'f'; 600])]),
            [t(600), t(600)].concat(),
            End::Open,
        ),
        row_on(
            SMALL,
            "6455-10.4-04",
            "exactly so many fragments",
            fragments(8, 3),
            t(24),
            End::Open,
        ),
        row_on(SMALL, "6455-10.4-04", "one fragment more, finished", fragments(9, 3), vec![], MANY),
        row_on(
            SMALL,
            "6455-10.4-04",
            "an empty fragment that only ends the message",
            [unfinished(8, 3), masked(0x80, b"")].concat(),
            t(24),
            End::Open,
        ),
        row_on(
            SMALL,
            "6455-10.4-04",
            "one fragment more, unfinished",
            unfinished(9, 0),
            vec![],
            MANY,
        ),
        row_on(
            SMALL,
            "6455-10.4-04",
            "fragments are counted afresh",
            [fragments(8, 1), fragments(8, 1)].concat(),
            [t(8), t(8)].concat(),
            End::Open,
        ),
        row_on(
            SMALL,
            "6455-10.4-04",
            "control frames are not counted",
            [masked(0x01, b"f"), (0..20_u8).flat_map(|n| ping([n])).collect(), masked(0x80, b"f")]
                .concat(),
            (0..20_u8).map(|n| Event::Pong(vec![n])).chain(t(2)).collect(),
            End::Open,
        ),
        row_on(
            SMALL,
            "6455-10.4-03",
            "control frames are not measured",
            join(&[masked(0x01, &[b'f'; 600]), ping([7; 125]), masked(0x80, &[b'f'; 400])]),
            [vec![Event::Pong(vec![7; 125])], t(1000)].concat(),
            End::Open,
        ),
        row_on(
            SMALL,
            "6455-5.2-18",
            "a reserved bit outranks the size",
            vec![0xc2, 0xfe, 0xff, 0xff],
            vec![],
            End::Fail(1002, "RFC 6455 5.2"),
        ),
        row_on(
            SMALL,
            "6455-5.2-18",
            "a missing mask outranks the size",
            vec![0x82, 0x7e, 0xff, 0xff],
            vec![],
            End::Fail(1002, "RFC 6455 5.1"),
        ),
        row_on(
            SMALL,
            "6455-5.2-18",
            "a length not minimal outranks the size",
            vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            vec![],
            End::Fail(1002, "RFC 6455 5.2"),
        ),
        row_on(
            SMALL,
            "6455-5.2-18",
            "a stray continuation outranks the size",
            header(0x80, 5000),
            vec![],
            End::Fail(1002, "RFC 6455 5.4"),
        ),
        row_on(
            SMALL,
            "6455-5.2-07",
            "what came before is answered first",
            [text("first"), header(0x81, 601)].concat(),
            vec![Event::Text(b"first".to_vec())],
            BIG_FRAME,
        ),
        row_on(
            KIB,
            "6455-10.4-05",
            "1KiB is 1024 bytes",
            text(vec![b'f'; 1024]),
            t(1024),
            End::Open,
        ),
        row_on(
            KIB,
            "6455-10.4-05",
            "1KiB is not 1025 bytes",
            header(0x81, 1025),
            vec![],
            BIG_FRAME,
        ),
        Case::on(DEFAULT, "6455-10.4-05", "16 MiB by default, in one frame", |server| {
            let payload = vec![0x5a; 16 << 20];
            let mut client = Client::open(server.address())?;
            client.send(&binary(&payload))?;
            client.expect_within(&Event::Binary(payload), LONG)?;
            client.expect_alive()
        }),
        Case::on(
            DEFAULT,
            "6455-10.4-05",
            "16 MiB in fragments of 1 MiB, then one byte too many",
            |server| {
                let mut client = Client::open(server.address())?;
                let piece = vec![0x5a; 1 << 20];
                for at in 0..16_u8 {
                    client.send(&masked(if at == 0 { 0x02 } else { 0x00 }, &piece))?;
                }
                client.send(&ping("still fine"))?;
                client.expect_within(&Event::Pong(b"still fine".to_vec()), LONG)?;
                client.send(&header(0x80, 1))?;
                client.expect_failed_within(1009, "RFC 6455 10.4", LONG)
            },
        ),
        Case::on(DEFAULT, "6455-10.4-05", "one byte over 16 MiB, by the header alone", |server| {
            let mut client = Client::open(server.address())?;
            client.send(&header(0x82, (16 << 20) + 1))?;
            client.expect_failed(1009, "RFC 6455 10.4")?;
            client.expect_no_reset()
        }),
        Case::on(DEFAULT, "6455-10.4-04", "65,536 fragments are accepted", |server| {
            let mut client = Client::open(server.address())?;
            client.send(&fragments(65_536, 1))?;
            client.expect_within(&Event::Text(vec![b'f'; 65_536]), LONG)?;
            client.expect_alive()
        }),
        Case::on(DEFAULT, "6455-10.4-04", "the 65,537th fragment is one too many", |server| {
            let mut client = Client::open(server.address())?;
            client.send(&unfinished(65_536, 1))?;
            client.send(&ping("still fine"))?;
            client.expect_within(&Event::Pong(b"still fine".to_vec()), LONG)?;
            client.send(&masked(0x80, b"f"))?;
            client.expect_failed_within(1008, "RFC 6455 10.4", LONG)
        }),
        Case::on(DEFAULT, "6455-8.1-03", "a bad byte 5 MiB into a frame of 10 MiB", |server| {
            let mut client = Client::open(server.address())?;
            let mut frame = header(0x81, 10 << 20);
            frame.extend_from_slice(&KEY);
            let mut payload = vec![b'a'; 5 << 20];
            payload.push(0xff);
            frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, mask)| byte ^ mask));
            client.send(&frame)?;
            client.expect_failed_within(1007, "RFC 6455 8.1", LONG)?;
            client.expect_no_reset()
        }),
    ];
    run("limits_of_messages", cases);
}

#[test]
fn limits_of_the_request_head() {
    let with_fields =
        |count: usize| (5..count).fold(Head::new(), |head, at| head.add(&format!("X-{at}"), "1"));
    let path = |length: usize| Head::new().target(format!("/{}", "p".repeat(length - 1)));
    let mut cases = vec![
        accepted("9110-5.4-01", "100 fields", with_fields(100)),
        refused("9110-5.4-01", "101 fields", &[431], with_fields(101)),
        refused("9110-5.4-01", "500 fields", &[431], with_fields(500)),
        accepted("9110-5.4-01", "a head of 16,000 bytes", Head::new().padded_to(16_000)),
        accepted("9110-5.4-01", "a head of exactly 16 KiB", Head::new().padded_to(16_384)),
        refused(
            "9110-5.4-01",
            "a head of 16 KiB and one byte",
            &[431],
            Head::new().padded_to(16_385),
        ),
        refused("9110-5.4-01", "a head of 17 KiB", &[431], Head::new().padded_to(17 << 10)),
        refused("9110-5.4-01", "a head of 64 KiB", &[431], Head::new().padded_to(65_537)),
        refused(
            "6585-5-01",
            "a cookie of 20 KiB",
            &[431],
            Head::new().add("Cookie", "c".repeat(20 << 10)),
        ),
        refused("H2", "3,000 short fields", &[431], with_fields(3000)),
        accepted(
            "9112-3-03",
            "a request line of 8,000 octets",
            Head::new().target(format!("/?{}", "q".repeat(8000 - "GET /? HTTP/1.1".len()))),
        ),
        refused("9112-3-03", "a path of 8,000 octets is read to its end", &[404], path(8000)),
        refused("9112-3-02", "a target of 17 KiB", &[414], path(17 << 10)),
        refused(
            "9112-3-02",
            "a query of 60 KiB",
            &[414],
            Head::new().target(format!("/?{}", "q".repeat(60 << 10))),
        ),
    ];
    for (id, rule, status, start) in [
        ("9112-3-02", "a target that never ends", 414, format!("GET /{}", "t".repeat(17 << 10))),
        ("9112-3-04", "a method that never ends", 501, "M".repeat(17 << 10)),
        (
            "9110-5.4-01",
            "a field that never ends",
            431,
            format!("GET / HTTP/1.1\r\nX: {}", "v".repeat(17 << 10)),
        ),
        (
            "9110-5.4-01",
            "a field name that never ends",
            431,
            format!("GET / HTTP/1.1\r\n{}", "n".repeat(17 << 10)),
        ),
        (
            "9110-5.4-01",
            "many fields that never end",
            431,
            format!("GET / HTTP/1.1\r\n{}", "X: 1\r\n".repeat(3000)),
        ),
    ] {
        cases.push(Case::on(
            DEFAULT,
            id,
            format!("{rule}: {status} without waiting"),
            move |server| {
                let mut client = Client::connect(server.address())?;
                client.send(start.as_bytes())?;
                let response = client.response(PROMPT)?;
                response
                    .refuses(&[status], true)
                    .map_err(|why| client.report(&status.to_string(), &why))?;
                client.expect_no_reset()
            },
        ));
    }
    run("limits_of_the_request_head", cases);
}
