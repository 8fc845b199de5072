//! What is too much, and what is not (RFC 6455 §5.2, §10.4; RFC 9110 §5.4; RFC 9112 §3). Where the
//! border lies is each server's own; nothing here is a violation but a length taken for a fault.

use super::super::frame::{KEY, binary, masked};
use super::super::head::Head;
use super::{Answer, Case, End, Group, Row, accepted, b, echoes, opening, refused, row, t};

const G: Group = Group::Limits;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "length-over-any-limit",
            group: G,
            section: "RFC 6455 10.4",
            requirements: &["6455-5.2-15", "6455-10.4-01", "6455-10.4-02"],
            rule: "A length over the limit is told by the header alone, as too big",
            rows: huge(),
        },
        Case {
            id: "message-64-kib",
            group: G,
            section: "RFC 6455 10.4",
            requirements: &["6455-10.4-05"],
            rule: "Messages of ordinary size get through",
            rows: [65_536_usize, 262_144, 1 << 20]
                .into_iter()
                .map(|size| {
                    let payload = vec![0x5a; size];
                    let what = format!("{size} bytes");
                    echoes(what, binary(&payload), vec![b(&payload)]).open()
                })
                .collect(),
        },
        Case {
            id: "many-fragments",
            group: G,
            section: "RFC 6455 10.4",
            requirements: &["6455-10.4-04", "6455-5.4-13"],
            rule: "Many small fragments are a message, or too many by a limit",
            rows: vec![
                echoes("1,000 of one byte", fragments(1000, b"f"), vec![t(vec![b'f'; 1000])])
                    .open(),
                echoes("1,000 empty ones", fragments(1000, b""), vec![t("")]).open(),
                echoes("20,000 of one byte", fragments(20_000, b"f"), vec![t(vec![b'f'; 20_000])])
                    .open(),
            ],
        },
        Case {
            id: "head-fields",
            group: G,
            section: "RFC 9110 5.4",
            requirements: &["9110-5.4-01"],
            rule: "A request head of ordinary size is read; one that is too large gets 431",
            rows: vec![
                accepted("40 fields", with_fields(40)).open_by(HEAD_LIMIT),
                accepted("a cookie of 4 KiB", Head::new().add("Cookie", "c".repeat(4 << 10)))
                    .open_by(HEAD_LIMIT),
                accepted("a cookie of 8,000 octets", Head::new().add("Cookie", "c".repeat(8000)))
                    .open_by(HEAD_LIMIT),
                accepted("a value of 2 KiB for each of 3 fields", {
                    ["A", "B", "C"].into_iter().fold(Head::new(), |head, name| {
                        head.add(&format!("X-{name}"), "v".repeat(2 << 10))
                    })
                })
                .open_by(HEAD_LIMIT),
                refused("3,000 fields", &[431], with_fields(3000)).open_by(HEAD_LIMIT),
                refused(
                    "a field of 64 KiB",
                    &[431],
                    Head::new().add("X-Pad", "p".repeat(64 << 10)),
                )
                .open_by(HEAD_LIMIT),
            ],
        },
        Case {
            id: "head-too-large-status",
            group: G,
            section: "RFC 9110 5.4",
            requirements: &["9110-5.4-01"],
            rule: "Fields that are larger than the server reads get a 4xx",
            rows: vec![
                opening(
                    "a field of 64 KiB",
                    Head::new().add("X-Pad", "p".repeat(64 << 10)),
                    Answer::RefuseWith(CLIENTS),
                ),
                opening(
                    "a field of 512 KiB",
                    Head::new().add("X-Pad", "p".repeat(512 << 10)),
                    Answer::RefuseWith(CLIENTS),
                ),
                opening("3,000 fields", with_fields(3000), Answer::RefuseWith(CLIENTS)),
            ]
            .into_iter()
            .map(Row::with_status)
            .collect(),
        },
        Case {
            id: "head-cookie",
            group: G,
            section: "RFC 6585 5",
            requirements: &["6585-5-01"],
            rule: "A cookie that is too large gets 431",
            rows: vec![
                refused("100 KiB", &[431], Head::new().add("Cookie", "c".repeat(100 << 10)))
                    .open_by(HEAD_LIMIT),
            ],
        },
        Case {
            id: "request-line-8000",
            group: G,
            section: "RFC 9112 3",
            requirements: &["9112-3-03"],
            rule: "Request lines of 8000 octets are read",
            rows: vec![
                accepted("a query of 7,900 octets", Head::new().query("q".repeat(7900)))
                    .open_by(LINE_LIMIT),
            ],
        },
        Case {
            id: "target-too-long",
            group: G,
            section: "RFC 9112 3",
            requirements: &["9112-3-02"],
            rule: "A request-target longer than the server reads gets 414",
            rows: vec![
                refused("a query of 200 KiB", &[414], Head::new().query("q".repeat(200 << 10)))
                    .open_by(TARGET_LIMIT),
            ],
        },
        Case {
            id: "target-too-long-status",
            group: G,
            section: "RFC 9112 3",
            requirements: &["9112-3-02"],
            rule: "A request-target longer than the server reads is answered by 414 and no other fault",
            rows: [64, 200]
                .map(|kib: usize| {
                    let head = Head::new().query("q".repeat(kib << 10));
                    opening(format!("a query of {kib} KiB"), head, Answer::RefuseWith(TOO_LONG))
                        .with_status()
                })
                .into(),
        },
    ]
}

fn huge() -> Vec<Row> {
    let mut rows = Vec::new();
    for length in [
        (1_u64 << 63) - 1,
        1 << 62,
        1 << 60,
        1 << 40,
        (1 << 32) + 5,
        1 << 32,
        (1 << 31) + 1,
        1 << 31,
        1 << 30,
    ] {
        for first in [0x81_u8, 0x82, 0x01, 0x02] {
            let header = [&[first, 0xff][..], &length.to_be_bytes()].concat();
            let what = format!("{length} bytes on {first:02x}");
            let end = || End::FailEarly(1009);
            let with_key = [&header[..], &KEY].concat();
            rows.push(row(format!("{what}, with its key"), with_key, vec![], end()).open());
            rows.push(row(what, header, vec![], end()).open());
        }
    }
    rows
}

fn fragments(count: usize, piece: &[u8]) -> Vec<u8> {
    let frame = |at: usize| {
        let fin = if at + 1 == count { 0x80 } else { 0 };
        masked(fin | u8::from(at == 0), piece)
    };
    (0..count).flat_map(frame).collect()
}

fn with_fields(count: usize) -> Head {
    (5..count).fold(Head::new(), |head, at| head.add(&format!("X-{at}"), "1"))
}

/// What a server may say of a head that is too large for it.
const CLIENTS: &[u16] = &[400, 403, 413, 414, 431, 494];

/// What it may say of a target that is too long, or of the whole head then, or of a resource that it
/// does not have.
const TOO_LONG: &[u16] = &[403, 404, 414, 431];

const HEAD_LIMIT: &str =
    "RFC 9110 5.4: how much of a head a server reads is its own decision; more gets a 4xx";
const LINE_LIMIT: &str = "RFC 9112 3: to read request lines of 8,000 octets is recommended";
const TARGET_LIMIT: &str =
    "RFC 9112 3: how long a target a server reads is its own decision; a longer one gets 414";
