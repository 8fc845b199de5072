//! What is too much, and what is not (RFC 6455 §5.2, §10.4; RFC 9110 §5.4; RFC 9112 §3). Where the
//! border lies is each server's own; a violation is a message that comes back changed, or is made of a
//! frame that is not whole.

use super::super::frame::{KEY, binary, masked, masked_with};
use super::super::head::Head;
use super::{Answer, Case, EARLY, End, Group, Row, accepted, b, echoes, opening, refused, row, t};

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
            rule: "Messages of ordinary size get through, and unchanged",
            rows: large(),
        },
        Case {
            id: "many-fragments",
            group: G,
            section: "RFC 6455 10.4",
            requirements: &["6455-10.4-04", "6455-5.4-13"],
            rule: "Many small fragments are a message, or too many by a limit",
            rows: vec![
                in_pieces("1,000 of one byte", &patterned(1000), 1).open_by(PIECES),
                echoes("1,000 empty ones", empty_fragments(1000), vec![b("")]).open_by(PIECES),
                in_pieces("20,000 of one byte", &patterned(20_000), 1).open_by(PIECES),
                in_pieces("3,000 of 23 bytes", &patterned(69_000), 23).open_by(PIECES),
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
    let lengths =
        [(1_u64 << 63) - 1, 1 << 62, 1 << 60, 1 << 40, 1 << 32, (1 << 31) + 1, 1 << 31, 1 << 30];
    let mut rows = Vec::new();
    for (length, first) in lengths.into_iter().zip([0x81_u8, 0x82, 0x01, 0x02].iter().cycle()) {
        let header = [&[*first, 0xff][..], &length.to_be_bytes()].concat();
        let what = format!("{length} bytes on {first:02x}");
        if length % 2 == 0 && length > 1 << 31 {
            rows.push(too_big(what, header));
        } else {
            rows.push(too_big(format!("{what}, with its key"), [&header[..], &KEY].concat()));
        }
    }
    // The sum of both lengths is one more than a signed, or an unsigned, number holds.
    for (first, length) in [(0x80_u8, (1_u64 << 63) - 1), (0x00, (1 << 63) - 5), (0x80, 1 << 40)] {
        let header = [&[first, 0xff][..], &length.to_be_bytes(), &KEY].concat();
        rows.push(too_big(
            format!("a fragment of 5 bytes, then {length} on {first:02x}"),
            [masked(0x02, b"first"), header].concat(),
        ));
    }
    rows
}

/// Told by a header: waiting for the payload is lawful, too, a message made of it is not.
fn too_big(what: String, bytes: Vec<u8>) -> Row {
    row(what, bytes, vec![], End::FailEarly(1009)).open_by(EARLY)
}

fn large() -> Vec<Row> {
    let whole = |size: usize| {
        let payload = patterned(size);
        echoes(format!("{size} bytes"), binary(&payload), vec![b(&payload)])
    };
    let letters = "aé€🦀".repeat(104_858);
    let text_of = |size: usize| {
        let frames = fragments(0x01, letters.as_bytes(), &[size]);
        let what = format!("a text of 1 MiB in characters of 1 to 4 bytes, frames of {size}");
        echoes(what, frames, vec![t(letters.as_bytes())])
    };
    let mib = patterned(1 << 20);
    let odd = [1, 125, 126, 127, 1000, 4096, 4097, 65_535, 65_536, 65_537, 3, 7];
    let mut rows: Vec<Row> = [65_536, 200_000, 262_144, 1 << 20, 1_572_864].map(whole).into();
    rows.extend([
        text_of(letters.len()),
        text_of(65_537),
        echoes("1 MiB in frames of odd sizes", fragments(0x02, &mib, &odd), vec![b(&mib)]),
    ]);
    rows.into_iter().map(|row| row.open_by(SIZE)).collect()
}

fn in_pieces(what: &str, payload: &[u8], size: usize) -> Row {
    echoes(what, fragments(0x02, payload, &[size]), vec![b(payload)])
}

/// One message in fragments of these sizes, which come again when all were used; each has a masking
/// key of its own.
fn fragments(opcode: u8, payload: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut frames, mut rest, mut opcode) = (Vec::new(), payload, opcode);
    for (n, size) in (0_u32..).zip(sizes.iter().cycle()) {
        let (piece, more) = rest.split_at((*size).min(rest.len()));
        let fin = if more.is_empty() { 0x80 } else { 0 };
        let key = (n.wrapping_mul(0x9e37_79b9) ^ 0x1234_5678).to_be_bytes();
        frames.extend(masked_with(fin | opcode, key, piece));
        if more.is_empty() {
            break;
        }
        (rest, opcode) = (more, 0);
    }
    frames
}

fn empty_fragments(count: usize) -> Vec<u8> {
    let frame = |at: usize| {
        let fin = if at + 1 == count { 0x80 } else { 0 };
        masked(fin | if at == 0 { 2 } else { 0 }, b"")
    };
    (0..count).flat_map(frame).collect()
}

/// Bytes that do not come again in the same order for a while.
fn patterned(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| (at ^ (at >> 8).wrapping_mul(31) ^ (at >> 16).wrapping_mul(7)) as u8)
        .collect()
}

const SIZE: &str = "RFC 6455 10.4: how large a message may be is each server's own limit, and how \
                    it refuses a larger one is left to it";

const PIECES: &str = "RFC 6455 10.4: of how many fragments a message may be made is each server's \
                      own limit, and how it refuses more is left to it";

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
