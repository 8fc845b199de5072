//! What a compressed message may refer to: those before it, or nothing (RFC 7692 §7.1.1, §7.2.1, §7.2.2).

use super::super::frame::{binary, hex, join, masked, ping, text};
use super::deflate::{HELLO, agreed, compressed, corrupt, hello};
use super::{Case, Context, Group, Row, b, echoes, p, t};

const G: Group = Group::Deflate;

/// "Hello" that refers to one before it (RFC 7692 §7.2.3.2).
const AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];

const FRESH: &str = "RFC 7692 7.1.1.2 binds the client; a server may keep its window all the same";

pub(super) fn cases() -> Vec<Case> {
    let twice = |between: Vec<u8>| join(&[compressed(HELLO), between, compressed(AGAIN)]);
    let rows = [
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
        ("a third Hello between", compressed(AGAIN), vec![hello()]),
    ];
    let kept = rows.clone().map(|(what, between, replies)| {
        let replies = [vec![hello()], replies, vec![hello()]].concat();
        echoes(what, twice(between), replies).with(Context::Kept)
    });
    // The last of them is corrupt before its third message.
    let fresh: Vec<Row> = rows[..7]
        .iter()
        .map(|(what, between, replies)| {
            let replies = [vec![hello()], replies.clone()].concat();
            corrupt(what, twice(between.clone()), replies)
                .with(Context::Fresh)
                .deliverable_by(FRESH)
        })
        .collect();
    vec![
        Case {
            id: "context-kept",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-02", "7692-7.2.1-11", "7692-7.2.3.2-01", "7692-7.2.2-03"],
            rule: "Unless client_no_context_takeover was agreed, a message may refer to those before",
            rows: agreed(kept),
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
            .open()]),
        },
        Case {
            id: "context-nothing-there",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-06"],
            rule: "A first message that refers back fails the connection",
            rows: agreed([corrupt("f2 00 11 00 00", compressed(AGAIN), vec![])]),
        },
        Case {
            id: "context-fresh",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-04"],
            rule: "Where client_no_context_takeover was agreed, each message is best read alone",
            rows: agreed(
                fresh.into_iter().chain([corrupt(
                    "the inflater is good as new for every message",
                    join(&[
                        compressed(HELLO),
                        compressed(HELLO),
                        masked(0xc2, &HELLO),
                        compressed(AGAIN),
                    ]),
                    vec![hello(), hello(), b("Hello")],
                )
                .with(Context::Fresh)
                .deliverable_by(FRESH)]),
            ),
        },
    ]
}
