//! Frames that TCP cuts at each octet (RFC 6455 §5.2: a frame means the same however it arrives).
//!
//! A round of such a row ends with the beginning of a frame, and the next begins with the rest of
//! it; since each round waits for its replies, the server has read one part before the other comes.

use super::super::frame::{Event, close, hex, join, masked, masked_with, ping, text};
use super::{Case, Delivery, End, Group, Row, b, echoes, p, row, t};

const G: Group = Group::Framing;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "any-split",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-16", "6455-5.3-02"],
            rule: "It means nothing how TCP cuts the bytes of a data frame",
            rows: splits(),
        },
        Case {
            id: "any-split-control",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-16", "6455-5.5.2-01", "6455-5.5.1-03"],
            rule: "It means nothing how TCP cuts the bytes of a control frame",
            rows: control(),
        },
    ]
}

fn splits() -> Vec<Row> {
    let frames = join(&[
        masked_with(0x01, [1, 2, 3, 4], b"unmask!"),
        masked_with(0x80, [0xa5, 0x5a, 0xc3, 0x3c], b"unmask!"),
    ]);
    let fragmented = |_| (frames.clone(), t("unmask!unmask!"));
    // As many bytes as the vectors of an unmasking loop take at once, and more.
    let long = |at: usize| {
        let payload: Vec<u8> = (0..61).map(|n| (n * 3 + at) as u8).collect();
        (masked(0x82, &payload), b(&payload))
    };
    let sized = |size: usize| {
        move |at: usize| {
            let payload = vec![b'a' + (at % 26) as u8; size];
            (text(&payload), t(&payload))
        }
    };
    let characters = |_| (text("aé€🦀"), t("aé€🦀"));
    let whole: Vec<u8> = (0..130_u8).map(|n| b'a' + n % 26).collect();
    vec![
        echoes("byte by byte", frames.clone(), vec![t("unmask!unmask!")])
            .delivered(Delivery::Bytewise),
        echoes("130 bytes, byte by byte", text(&whole), vec![t(&whole)])
            .delivered(Delivery::Bytewise),
        echoes(
            "cut in a masking key, for a moment only",
            frames.clone(),
            vec![t("unmask!unmask!")],
        )
        .delivered(Delivery::CutAt(17)),
        cut_in_rounds("two fragments, cut after each octet", 1..26, &fragmented),
        cut_in_rounds("61 bytes, cut after each of the first 33", 1..34, &long),
        cut_in_rounds("61 bytes, cut after some of the last", 58..67, &long),
        cut_in_rounds("256 bytes, cut in the header and behind it", 1..13, &sized(256)),
        cut_in_rounds("65,536 bytes, cut in the header and behind it", 1..19, &sized(65_536)),
        cut_in_rounds("an empty text, cut in its header", 1..6, &sized(0)),
        cut_in_rounds("characters of 1 to 4 bytes, cut after each octet", 1..16, &characters),
        cut_in_rounds("a 16-bit length, its payload cut late", 250..264, &sized(256)),
        at_the_end_of(4096),
        at_the_end_of(8192),
        at_the_end_of(16_384),
        at_the_end_of(65_536),
    ]
}

fn control() -> Vec<Row> {
    let pings = |at: usize| (ping(at.to_string()), p(at.to_string()));
    let mut rows = vec![
        cut_in_rounds("a ping, cut after each octet", 1..7, &pings),
        cut_in_rounds("an empty ping, cut after each octet", 1..6, &|_| (ping(""), p(""))),
        cut_in_rounds("a ping of 125 bytes, cut after some", 118..131, &|at| {
            (ping([at as u8; 125]), p([at as u8; 125]))
        }),
    ];
    // The question before tells that the first part was read.
    let split = echoes("a ping inside a text, cut after each octet", Vec::new(), Vec::new());
    rows.push((1..13).fold(split, |split, at| {
        let payload = format!("ping {at:02}");
        let bytes = ping(&payload);
        let (first, second) = bytes.split_at(at);
        split
            .after(join(&[ping("cut"), masked(0x01, b"a"), first.to_vec()]), vec![p("cut")])
            .after(second.to_vec(), vec![p(payload)])
            .after(masked(0x80, b"b"), vec![t("ab")])
    }));
    let closing = close(1000, "");
    rows.extend((1..closing.len()).map(|at| {
        let (first, second) = closing.split_at(at);
        row(format!("a Close, cut after {at} octets"), second.to_vec(), vec![], closed())
            .after(join(&[ping("cut"), first.to_vec()]), vec![p("cut")])
    }));
    rows.push(
        row("a Close with a reason, cut in a character", vec![second_half()], vec![], closed())
            .after(join(&[ping("cut"), first_half()]), vec![p("cut")]),
    );
    rows
}

/// Frames whose header lies across the place where a buffer of this size ends.
fn at_the_end_of(buffer: usize) -> Row {
    let row = echoes(format!("a header across byte {buffer}"), Vec::new(), Vec::new());
    (1..14).step_by(2).fold(row, |row, before| {
        // Eight bytes are the header and the key of the frame that fills the buffer.
        let payload: Vec<u8> = (0..buffer - before - 8).map(|at| (at % 251) as u8).collect();
        let small = format!("{before} bytes before it");
        row.after([masked(0x82, &payload), text(&small)].concat(), vec![b(&payload), t(small)])
    })
}

/// The answer to a Close with 1000.
fn closed() -> End {
    End::Closed(hex("03e8"))
}

fn first_half() -> Vec<u8> {
    let mut whole = close(1000, "é");
    whole.pop();
    whole
}

fn second_half() -> u8 {
    close(1000, "é").pop().unwrap_or_default()
}

/// One message or Ping for each place of the cut, on one connection. The rest of each frame comes
/// together with the beginning of the next.
fn cut_in_rounds(
    what: &str,
    cuts: std::ops::Range<usize>,
    frame: &dyn Fn(usize) -> (Vec<u8>, Event),
) -> Row {
    let mut row = echoes(what, Vec::new(), Vec::new());
    let mut pending = (ping("cut"), p("cut"));
    for at in cuts {
        let (bytes, reply) = frame(at);
        let (first, second) = bytes.split_at(at);
        row = row.after([&pending.0[..], first].concat(), vec![pending.1]);
        pending = (second.to_vec(), reply);
    }
    row.after(pending.0, vec![pending.1])
}
