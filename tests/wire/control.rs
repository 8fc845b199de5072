//! Ping and Pong (RFC 6455 §5.5, §5.5.2, §5.5.3).

use crate::case::{Case, DEFAULT, run};
use crate::client::{Client, LONG, Next, PROMPT};
use crate::exchange::{End, fails, row};
use crate::frame::{Event, binary, close, hex, join, masked, masked_with, ping, pong, text};

const OPEN: End = End::Open;

#[test]
fn control_ping_and_pong() {
    let p = |payload: &[u8]| Event::Pong(payload.to_vec());
    let every: Vec<u8> = (0..=124).collect();
    let mut cases = vec![
        row(
            "6455-5.5.2-01",
            "a ping is answered",
            hex("89 85 37fa213d 7f9f4d5158"),
            vec![p(b"Hello")],
            OPEN,
        ),
        row("6455-5.5.2-01", "an empty ping", ping(""), vec![p(b"")], OPEN),
        row(
            "6455-5.5.2-06",
            "a ping's payload is not text",
            ping(hex("00 ff fe fd fc fb")),
            vec![p(&hex("00 ff fe fd fc fb"))],
            OPEN,
        ),
        row("6455-5.5-02", "a ping of 125 bytes", ping(&every), vec![p(&every)], OPEN),
        row("6455-5.5.3-01", "a ping of 124 bytes", ping(&every[1..]), vec![p(&every[1..])], OPEN),
        row(
            "6455-5.5.3-01",
            "a ping with a zero key",
            masked_with(0x89, [0; 4], b"zero"),
            vec![p(b"zero")],
            OPEN,
        ),
        row(
            "6455-5.5.3-02",
            "ten pings, ten pongs, in order",
            (0..10_u8).flat_map(|n| ping([n])).collect(),
            (0..10_u8).map(|n| p(&[n])).collect(),
            OPEN,
        ),
        row(
            "6455-5.5.3-02",
            "equal pings are answered each",
            join(&[ping("x"), ping("x"), ping("x")]),
            vec![p(b"x"), p(b"x"), p(b"x")],
            OPEN,
        ),
        row("6455-5.5.3-03", "an unasked empty pong", pong(""), vec![], OPEN),
        row("6455-5.5.3-03", "an unasked pong with data", pong("unasked"), vec![], OPEN),
        row("6455-5.5.3-03", "an unasked pong of 125 bytes", pong(&every), vec![], OPEN),
        row(
            "6455-5.5.3-03",
            "a pong, then a ping with the same data",
            join(&[pong("x"), ping("x")]),
            vec![p(b"x")],
            OPEN,
        ),
        row(
            "6455-5.5.2-03",
            "pings between messages keep their place",
            join(&[text("1"), ping("2"), text("3"), ping("4"), binary("5")]),
            vec![
                Event::Text(b"1".to_vec()),
                p(b"2"),
                Event::Text(b"3".to_vec()),
                p(b"4"),
                Event::Binary(b"5".to_vec()),
            ],
            OPEN,
        ),
        row(
            "6455-5.5.2-04",
            "no pong after a received Close",
            join(&[close(1000, ""), ping("late")]),
            vec![],
            End::Closed(hex("03e8")),
        ),
        row(
            "6455-5.5.2-01",
            "a ping right before the Close",
            join(&[ping("early"), close(1000, "")]),
            vec![p(b"early")],
            End::Closed(hex("03e8")),
        ),
    ];
    for (opcode, name) in [(0x89_u8, "ping"), (0x8a, "pong"), (0x88, "Close")] {
        let id = if opcode == 0x8a { "6455-5.5.3-05" } else { "6455-5.5-01" };
        let long = masked(opcode, &[b'x'; 126]);
        cases.push(fails(id, format!("a {name} of 126 bytes"), long, "RFC 6455 5.5"));
        cases.push(fails(
            id,
            format!("two bytes prove a long {name}"),
            vec![opcode, 0xfe],
            "RFC 6455 5.5",
        ));
        for (what, rest) in [
            ("a 16-bit length of 5", "fe 0005 00000000"),
            ("a 16-bit length of 125", "fe 007d"),
            ("a 64-bit length of 5", "ff 0000000000000005 00000000"),
            ("a 64-bit length with the top bit", "ff ffffffffffffffff"),
            ("a 64-bit length over every limit", "ff 7fffffffffffffff 00000000"),
            ("a 64-bit length, two bytes of the frame", "ff"),
        ] {
            let bytes = [vec![opcode], hex(rest)].concat();
            cases.push(fails(
                "6455-5.5-03",
                format!("a {name} with {what}"),
                bytes,
                "RFC 6455 5.5",
            ));
        }
    }
    cases.push(Case::on(
        DEFAULT,
        "6455-5.5.2-03",
        "a ping behind a big message comes back whole",
        |server| {
            // Wherever the Pong stands, the reader refuses it inside a frame.
            let payload = vec![0xab; 8 << 20];
            let mut client = Client::open(server.address())?;
            client.send(&binary(&payload))?;
            client.send(&ping("behind"))?;
            let mut seen = Vec::new();
            for _ in 0..2 {
                match client.next(LONG)? {
                    Next::Event(event) => seen.push(event),
                    other => {
                        return Err(client.report("the echo and the pong", &format!("{other:?}")));
                    }
                }
            }
            let wanted = [Event::Binary(payload), Event::Pong(b"behind".to_vec())];
            if !wanted.iter().all(|event| seen.contains(event)) {
                let seen: Vec<String> = seen.iter().map(ToString::to_string).collect();
                return Err(client.report("the echo and the pong", &seen.join(" | ")));
            }
            client.expect_alive()
        },
    ));
    cases.push(Case::on(
        DEFAULT,
        "6455-5.5.2-01",
        "a ping cut byte by byte between two messages",
        |server| {
            let mut client = Client::open(server.address())?;
            client.send(&text("before"))?;
            client.expect(&Event::Text(b"before".to_vec()))?;
            for byte in ping("slow") {
                client.send(&[byte])?;
            }
            client.expect(&Event::Pong(b"slow".to_vec()))?;
            client.expect_alive()
        },
    ));
    cases.push(Case::on(
        DEFAULT,
        "6455-5.5.3-02",
        "1,000 pings while we read: 1,000 pongs in order",
        |server| {
            let mut client = Client::open(server.address())?;
            client.send(&(0..1000_u32).flat_map(|n| ping(n.to_be_bytes())).collect::<Vec<u8>>())?;
            for n in 0..1000_u32 {
                client.expect_within(&Event::Pong(n.to_be_bytes().to_vec()), PROMPT)?;
            }
            client.expect_alive()
        },
    ));
    run("control_ping_and_pong", cases);
}
