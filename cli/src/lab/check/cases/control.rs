//! Ping and Pong (RFC 6455 §5.5, §5.5.2, §5.5.3).

use super::super::frame::{binary, close, hex, join, masked, masked_with, ping, pong, text};
use super::places::Place::{Inside, InsideLater, Later};
use super::{Case, End, Group, Row, b, echoes, fails, fails_early, p, row, t};

const G: Group = Group::Framing;

pub(super) fn cases() -> Vec<Case> {
    let every: Vec<u8> = (0..=124).collect();
    vec![
        Case {
            id: "ping",
            group: G,
            section: "RFC 6455 5.5.2",
            requirements: &["6455-5.5.2-01"],
            rule: "A Ping is answered by a Pong",
            rows: vec![
                echoes("Hello", hex("89 85 37fa213d 7f9f4d5158"), vec![p("Hello")]),
                echoes("empty", ping(""), vec![p("")]),
                row(
                    "right before the Close",
                    join(&[ping("early"), close(1000, "")]),
                    vec![p("early")],
                    End::Closed(hex("03e8")),
                ),
            ],
        },
        Case {
            id: "pong-payload",
            group: G,
            section: "RFC 6455 5.5.3",
            requirements: &["6455-5.5.2-06", "6455-5.5.3-01", "6455-5.5-02"],
            rule: "A Pong has the payload of its Ping, up to 125 bytes of any kind",
            rows: vec![
                echoes(
                    "bytes that are no text",
                    ping(hex("00 ff fe fd fc fb")),
                    vec![p(hex("00 ff fe fd fc fb"))],
                ),
                echoes("125 bytes", ping(&every), vec![p(&every)]),
                echoes("124 bytes", ping(&every[1..]), vec![p(&every[1..])]),
                echoes("a zero key", masked_with(0x89, [0; 4], b"zero"), vec![p("zero")]),
                one_by_one(
                    "each asked and answered",
                    &[0, 1, 2, 3, 4, 7, 8, 31, 64, 123, 124, 125],
                ),
            ],
        },
        Case {
            id: "many-pings",
            group: G,
            section: "RFC 6455 5.5.3",
            requirements: &["6455-5.5.3-02", "6455-5.5.2-03"],
            rule: "Each Ping of several has its Pong, in its place",
            rows: vec![
                echoes(
                    "ten",
                    (0..10_u8).flat_map(|n| ping([n])).collect(),
                    (0..10_u8).map(|n| p([n])).collect(),
                ),
                echoes(
                    "three hundred",
                    (0..300_u32).flat_map(|n| ping(n.to_string())).collect(),
                    (0..300_u32).map(|n| p(n.to_string())).collect(),
                )
                .open_by(FLOOD),
                echoes(
                    "of each size",
                    (0..126).flat_map(|size| ping(vec![size as u8; size])).collect(),
                    (0..126).map(|size| p(vec![size as u8; size])).collect(),
                )
                .open_by(FLOOD),
                echoes(
                    "three alike",
                    join(&[ping("x"), ping("x"), ping("x")]),
                    vec![p("x"), p("x"), p("x")],
                ),
                echoes(
                    "between messages",
                    join(&[text("1"), ping("2"), text("3"), ping("4"), binary("5")]),
                    vec![t("1"), p("2"), t("3"), p("4"), b("5")],
                ),
            ],
        },
        Case {
            id: "unasked-pong",
            group: G,
            section: "RFC 6455 5.5.3",
            requirements: &["6455-5.5.3-03", "6455-5.5.3-04"],
            rule: "A Pong that nobody asked for is not answered and harms nothing",
            rows: vec![
                echoes("empty", pong(""), vec![]),
                echoes("with data", pong("unasked"), vec![]),
                echoes("of 125 bytes", pong(&every), vec![]),
                echoes("a hundred", (0..100_u8).flat_map(|n| pong([n])).collect(), vec![])
                    .open_by(FLOOD),
                echoes(
                    "inside a fragmented text",
                    join(&[pong("x"), masked(0x80, b"b")]),
                    vec![t("ab")],
                )
                .after(join(&[masked(0x01, b"a"), ping("p")]), vec![p("p")]),
                echoes(
                    "then a ping with the same data",
                    join(&[pong("x"), ping("x")]),
                    vec![p("x")],
                ),
            ],
        },
        Case {
            id: "ping-after-close",
            group: G,
            section: "RFC 6455 5.5.2",
            requirements: &["6455-5.5.2-04"],
            rule: "After a Close no Ping is answered",
            rows: vec![row(
                "Close, then a ping",
                join(&[close(1000, ""), ping("late")]),
                vec![],
                End::Closed(hex("03e8")),
            )],
        },
        Case {
            id: "control-too-long",
            group: G,
            section: "RFC 6455 5.5",
            requirements: &["6455-5.5-01", "6455-5.5.3-05"],
            rule: "A control frame of more than 125 bytes fails the connection",
            rows: [(0x89_u8, "a ping"), (0x8a, "a pong"), (0x88, "a Close")]
                .into_iter()
                .map(|(first, name)| {
                    let body = [&[0x03, 0xe8][..], &[b'x'; 124]].concat();
                    fails(format!("{name} of 126 bytes"), masked(first, &body))
                })
                .collect(),
        },
        Case {
            id: "control-length-form",
            group: G,
            section: "RFC 6455 5.5",
            requirements: &["6455-5.5-03"],
            rule: "A control frame has its length in 7 bits (5.2: the shortest form must be used; \
                   10.7: what comes in must be validated)",
            rows: [(0x89_u8, "a ping"), (0x8a, "a pong"), (0x88, "a Close")]
                .into_iter()
                .flat_map(|(first, name)| {
                    let bytes = |form: &str| [vec![first], hex(form)].concat();
                    // Bytes of a Close that would be one: 1000 and three letters.
                    let body = "03e8 616263";
                    [
                        fails(
                            format!("{name} with 5 in 16 bits"),
                            bytes(&format!("fe 0005 00000000 {body}")),
                        ),
                        fails(
                            format!("{name} with 5 in 64 bits"),
                            bytes(&format!("ff 0000000000000005 00000000 {body}")),
                        ),
                    ]
                })
                .chain([
                    Later.fails("a ping of 5 in 16 bits", &hex("89 fe 0005 00000000 03e8616263")),
                    Inside.fails("a ping of 5 in 16 bits", &hex("89 fe 0005 00000000 03e8616263")),
                    InsideLater.fails(
                        "a pong of 5 in 64 bits",
                        &hex("8a ff 0000000000000005 00000000 03e8616263"),
                    ),
                ])
                .collect(),
        },
        Case {
            id: "control-length-early",
            group: G,
            section: "RFC 6455 5.5",
            requirements: &["6455-5.5-01", "6455-5.5-03", "6455-5.2-17"],
            rule: "The second byte alone tells that a control frame is too long",
            rows: early(),
        },
    ]
}

/// A row of Pings, each sent when the one before is answered.
fn one_by_one(what: &str, sizes: &[usize]) -> Row {
    let of = |size: usize| (0..size).map(|at| (at * 5 % 256) as u8).collect::<Vec<u8>>();
    sizes.iter().fold(echoes(what, Vec::new(), Vec::new()), |row, size| {
        row.after(ping(of(*size)), vec![p(of(*size))])
    })
}

const FLOOD: &str = "RFC 6455 7.3 lets a server close the connection whenever it wants, also because \
                     so many control frames came";

fn early() -> Vec<Row> {
    let mut rows = Vec::new();
    for (first, name) in [(0x89_u8, "a ping"), (0x8a, "a pong"), (0x88, "a Close")] {
        for (what, rest) in [
            ("two bytes", "fe"),
            ("a 16-bit length of 125", "fe 007d"),
            ("a 64-bit length with the top bit", "ff ffffffffffffffff"),
            ("a 64-bit length over every limit", "ff 7fffffffffffffff 00000000"),
        ] {
            rows.push(fails_early(format!("{name}: {what}"), [vec![first], hex(rest)].concat()));
        }
    }
    rows
}
