//! What a compressed message may refer to: those before it, or nothing (RFC 7692 §7.1.1, §7.2.1, §7.2.2).

use super::super::frame::{Event, binary, hex, join, masked, ping, text};
use super::blocks::{Blocks, Final, Part, letters};
use super::deflate::{HELLO, agreed, compressed, corrupt, hello};
use super::{Case, Context, Group, Row, b, echoes, p, t};

const G: Group = Group::Deflate;

/// "Hello" that refers to one before it (RFC 7692 §7.2.3.2).
const AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "context-kept",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-02", "7692-7.2.1-11", "7692-7.2.3.2-01", "7692-7.2.2-03"],
            rule: "Unless client_no_context_takeover was agreed, a message may refer to those before",
            rows: agreed(kept().into_iter().chain(kept_far())),
        },
        Case {
            id: "context-after-bfinal",
            group: G,
            section: "RFC 7692 7.2.1",
            requirements: &["7692-7.2.1-05"],
            rule: "History survives a block with BFINAL",
            rows: agreed([echoes(
                "Hello with BFINAL, then one that refers to it",
                join(&[compressed(hex("f3 48 cd c9 c9 07 00 00")), compressed(AGAIN)]),
                vec![hello(), hello()],
            )
            .with(Context::Kept)
            .open_by(ENDS)]),
        },
        Case {
            id: "context-nothing-there",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-06"],
            rule: "A message that refers to what nobody sent fails the connection",
            rows: agreed(nothing_there()),
        },
        Case {
            id: "context-fresh",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-04"],
            rule: "Where client_no_context_takeover was agreed, each message is best read alone",
            rows: agreed(fresh()),
        },
        Case {
            id: "context-alone",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-01", "7692-7.2.1-11"],
            rule: "Messages that refer to nothing before them are read, whatever was agreed",
            rows: agreed(alone()),
        },
    ]
}

const ENDS: &str =
    "RFC 7692 7.2.2 keeps the window from message to message; RFC 1951 ends a stream with BFINAL";
const MAY_KEEP: &str =
    "RFC 7692 7.2.2: the server may read each message alone, and may as well keep the window";

/// What stands between two messages of which the second refers to the first.
type Between = (&'static str, Vec<u8>, Vec<Event>);

fn between() -> [Between; 7] {
    [
        ("Hello twice", vec![], vec![]),
        ("a plain message between", text("zzz"), vec![t("zzz")]),
        (
            "plain fragments between",
            join(&[masked(0x01, b"z"), masked(0x80, b"zz")]),
            vec![t("zzz")],
        ),
        ("a plain Hello between", text("Hello"), vec![hello()]),
        ("a ping between", ping("p"), vec![p("p")]),
        ("an empty compressed message between", compressed([0]), vec![t("")]),
        ("an empty plain message between", binary(""), vec![b("")]),
    ]
}

fn kept() -> Vec<Row> {
    let mut rows = Vec::new();
    let third = ("a third Hello between", compressed(AGAIN), vec![hello()]);
    let long = ("a long plain message between", text(letters(40_000)), vec![t(letters(40_000))]);
    for (what, bytes, replies) in between().into_iter().chain([third, long]) {
        let all = [vec![hello()], replies.clone(), vec![hello()]].concat();
        rows.push(echoes(what, join(&[compressed(HELLO), bytes.clone(), compressed(AGAIN)]), all));
        let row =
            echoes("", compressed(AGAIN), vec![hello()]).after(compressed(HELLO), vec![hello()]);
        let row = if bytes.is_empty() { row } else { row.after(bytes, replies) };
        rows.push(Row { what: format!("{what}, one by one"), ..row });
    }
    rows.extend([
        echoes(
            "the second in fragments of one byte",
            join(&[
                masked(0x41, &AGAIN[..1]),
                masked(0x00, &AGAIN[1..4]),
                masked(0x80, &AGAIN[4..]),
            ]),
            vec![hello()],
        )
        .after(compressed(HELLO), vec![hello()]),
        echoes("a binary that refers to a text", masked(0xc2, &AGAIN), vec![b("Hello")])
            .after(compressed(HELLO), vec![hello()]),
        echoes("a hundred times", compressed(AGAIN).repeat(100), vec![hello(); 100])
            .after(compressed(HELLO), vec![hello()]),
    ]);
    rows.into_iter().map(|row| row.with(Context::Kept)).collect()
}

/// A stored block with these bytes, as a message.
fn stored(bytes: &[u8]) -> Vec<u8> {
    compressed(Blocks::new().stored(Final::No, bytes).message())
}

/// A message that is nothing but copies: 200 bytes from so far back, before each of these.
fn copies(distances: &[usize]) -> Vec<u8> {
    let parts: Vec<Part<'_>> =
        distances.iter().map(|distance| Part::Copy(200, *distance)).collect();
    compressed(Blocks::new().fixed(Final::No, &parts).message())
}

/// What such a copy brings where this was sent.
fn copied(history: &[u8], distance: usize) -> Event {
    t(&history[history.len() - distance..][..200])
}

fn kept_far() -> Vec<Row> {
    let all = letters(60_000);
    let mut rows = Vec::new();
    for distance in [300, 1025, 4097, 8193, 16_385, 30_000, 32_768] {
        let what = format!("{distance} back into the message before");
        let before = &all[..distance + 200];
        let row = echoes(what, copies(&[distance]), vec![copied(before, distance)]);
        rows.push(row.after(stored(before), vec![t(before)]));
    }
    // The window slides: what is 30,000 back was sent in the messages before the last ones.
    let slides = |size: usize| {
        let what = format!("30,000 back over messages of {size}, 60,000 bytes before");
        let row = echoes(what, copies(&[30_000]), vec![copied(&all, 30_000)]);
        let pieces = all.chunks(size);
        row.after(pieces.clone().flat_map(stored).collect(), pieces.map(t).collect())
    };
    rows.extend([slides(1_000), slides(20_000)]);
    rows.push(
        echoes("a copy out of two messages", copies(&[250]), vec![copied(&all[..400], 250)])
            .after(stored(&all[..200]), vec![t(&all[..200])])
            .after(stored(&all[200..400]), vec![t(&all[200..400])]),
    );
    rows.into_iter().map(|row| row.with(Context::Kept)).collect()
}

fn nothing_there() -> Vec<Row> {
    let far = copies(&[200 + 7]);
    let first = || stored(&letters(200));
    let replies = || vec![t(letters(200))];
    vec![
        corrupt("f2 00 11 00 00", compressed(AGAIN), vec![]),
        corrupt("behind a plain Hello", compressed(AGAIN), vec![])
            .after(text("Hello"), vec![hello()]),
        corrupt("further than the message before", far.clone(), vec![]).after(first(), replies()),
        corrupt(
            "further than a message in fragments",
            join(&[masked(0x41, &[]), masked(0x80, &far_payload())]),
            vec![],
        )
        .after(first(), replies()),
        corrupt("32,768 back at once", copies(&[32_768]), vec![]),
        corrupt("32,768 back, behind a plain message so long", copies(&[32_768]), vec![])
            .after(text(letters(40_000)), vec![t(letters(40_000))]),
        corrupt(
            "in its own second block",
            {
                let parts = [Part::Copy(10, 6)];
                let payload = Blocks::new().stored(Final::No, b"Hello").fixed(Final::No, &parts);
                compressed(payload.message())
            },
            vec![],
        ),
    ]
}

fn far_payload() -> Vec<u8> {
    Blocks::new().fixed(Final::No, &[Part::Copy(200, 207)]).message()
}

fn fresh() -> Vec<Row> {
    let twice = |between: Vec<u8>| join(&[compressed(HELLO), between, compressed(AGAIN)]);
    let mut rows: Vec<Row> = between()
        .into_iter()
        .map(|(what, between, replies)| {
            corrupt(what, twice(between), [vec![hello()], replies].concat())
        })
        .collect();
    rows.push(corrupt(
        "the inflater is good as new for every message",
        join(&[compressed(HELLO), compressed(HELLO), masked(0xc2, &HELLO), compressed(AGAIN)]),
        vec![hello(), hello(), b("Hello")],
    ));
    rows.into_iter().map(|row| row.with(Context::Fresh).deliverable_by(MAY_KEEP)).collect()
}

fn alone() -> Vec<Row> {
    let same = [Part::Bytes(b"the same "), Part::Copy(18, 9)];
    let payload = Blocks::new().dynamic(Final::No, &same).message();
    let output = || t("the same the same the same ");
    vec![
        echoes("three times the same, one by one", compressed(&payload), vec![output()])
            .after(compressed(&payload), vec![output()])
            .after(compressed(&payload), vec![output()]),
        echoes("three times at once", compressed(&payload).repeat(3), vec![output(); 3]),
        echoes("behind 40,000 bytes", compressed(&payload), vec![output()])
            .after(stored(&letters(40_000)), vec![t(letters(40_000))]),
        echoes("behind a plain message", compressed(&payload), vec![output()])
            .after(text("plain"), vec![t("plain")]),
    ]
}
