//! Offers of permessage-deflate that may be accepted: what the answer says, and whether the server keeps to
//! it (RFC 7692 §5, §7.1, §7.2.1). Declining is always lawful, so an offer that is not accepted proves
//! nothing.

use super::super::frame::{binary, masked, text};
use super::blocks::letters;
use super::deflate::HELLO;
use super::{Case, End, Group, Row, b, echoes, row, t};

const G: Group = Group::Deflate;

/// A session after this offer: a compressed message, and twice a long one that repeats itself far
/// behind, so that the reply shows which window the server has and whether it is emptied.
fn session(offer: &'static str) -> Row {
    let long = letters(1500).repeat(4);
    let bytes = [masked(0xc1, &HELLO), text(&long), text(&long)].concat();
    row(offer, bytes, vec![t("Hello"), t(&long), t(&long)], End::Open).offering(offer)
}

fn sessions(offers: &[&'static str]) -> Vec<Row> {
    offers.iter().map(|offer| session(offer)).collect()
}

/// A session in which each message repeats itself, and the one before, after so many bytes.
fn repeats(offer: &'static str, period: usize) -> Row {
    let long = letters(period).repeat(2);
    let what = format!("{offer}, and text that repeats after {period} bytes");
    echoes(what, text(&long), vec![t(&long)]).after(text(&long), vec![t(&long)]).offering(offer)
}

/// A session of messages that are alike among themselves, each in a round of its own.
fn alike(offer: &'static str, length: usize) -> Row {
    let one = letters(length);
    let what = format!("{offer}, and {length} bytes four times");
    echoes(what, binary(&one), vec![b(&one)])
        .after(text(&one), vec![t(&one)])
        .after(text(&one), vec![t(&one)])
        .after(masked(0xc1, &HELLO), vec![t("Hello")])
        .after(text(&one), vec![t(&one)])
        .offering(offer)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "offer",
            group: G,
            section: "RFC 7692 5",
            requirements: &[
                "7692-5-01",
                "7692-5-02",
                "7692-5-07",
                "7692-7.1.2.2-01",
                "7692-7.2.1-01",
            ],
            rule: "What is accepted is named with its parameters, and kept to",
            rows: sessions(&[
                "permessage-deflate",
                "permessage-deflate; client_max_window_bits",
                "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame",
                "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
                "permessage-deflate; client_max_window_bits=14; client_no_context_takeover; \
                 server_max_window_bits=13; server_no_context_takeover",
            ]),
        },
        Case {
            id: "offer-server-no-context-takeover",
            group: G,
            section: "RFC 7692 7.1.1.1",
            requirements: &["7692-7.1.1.1-02", "7692-7.1.1.1-03", "7692-7.2.1-09"],
            rule: "server_no_context_takeover is repeated in the answer, and each message stands alone",
            rows: sessions(&[
                "permessage-deflate; server_no_context_takeover",
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                "permessage-deflate; client_max_window_bits; server_no_context_takeover",
                "permessage-deflate; server_no_context_takeover, permessage-deflate; \
                 server_no_context_takeover; client_max_window_bits",
            ])
            .into_iter()
            .chain(
                [40, 300, 1500, 20_000]
                    .map(|length| alike("permessage-deflate; server_no_context_takeover", length)),
            )
            .collect(),
        },
        Case {
            id: "offer-client-no-context-takeover",
            group: G,
            section: "RFC 7692 7.1.1.2",
            requirements: &["7692-7.1.1.2-03"],
            rule: "client_no_context_takeover may be repeated or not",
            rows: sessions(&["permessage-deflate; client_no_context_takeover"]),
        },
        Case {
            id: "offer-server-window",
            group: G,
            section: "RFC 7692 7.1.2.1",
            requirements: &[
                "7692-7.1.2.1-02",
                "7692-7.1.2.1-03",
                "7692-7.1.2.1-05",
                "7692-7.2.1-10",
            ],
            rule: "server_max_window_bits is answered with no more, and the server keeps to it",
            rows: windows(),
        },
        Case {
            id: "offer-client-window",
            group: G,
            section: "RFC 7692 7.1.2.2",
            requirements: &["7692-7.1.2.2-02", "7692-7.1.2.2-03", "7692-7.1.2.2-04"],
            rule: "client_max_window_bits may have a value or none; an answer has one",
            rows: sessions(&[
                "permessage-deflate; client_max_window_bits",
                "permessage-deflate; client_max_window_bits=8",
                "permessage-deflate; client_max_window_bits=12",
                "permessage-deflate; client_max_window_bits=9",
                "permessage-deflate; client_max_window_bits=10",
                "permessage-deflate; client_max_window_bits=15",
                "permessage-deflate; client_max_window_bits=\"15\"",
            ]),
        },
        Case {
            id: "offer-spelling",
            group: G,
            section: "RFC 7692 7",
            requirements: &["7692-7-05", "6455-4.3-03", "6455-4.3-04", "6455-4.3-05"],
            rule: "Quotes, space and empty members change nothing",
            rows: sessions(&[
                "permessage-deflate; server_max_window_bits=\"10\"",
                "permessage-deflate; server_max_window_bits=\"1\\0\"",
                "permessage-deflate; client_max_window_bits=\"9\"",
                "permessage-deflate ;\tserver_max_window_bits = 10 ; client_max_window_bits",
                "permessage-deflate;server_max_window_bits=12",
                ",permessage-deflate,",
                ", ,permessage-deflate; client_no_context_takeover , ,",
            ]),
        },
        Case {
            id: "offers",
            group: G,
            section: "RFC 7692 5",
            requirements: &["7692-5-03", "7692-5-04", "7692-7-06", "6455-9.1-06"],
            rule: "Of several offers one is accepted at most; a bad one spoils no other",
            rows: sessions(&[
                "permessage-deflate; server_max_window_bits=9; x=1, permessage-deflate",
                "permessage-deflate; foo, permessage-deflate",
                "permessage-deflate; x=1; client_max_window_bits=10, permessage-deflate",
                "permessage-deflate; server_no_context_takeover=1; client_max_window_bits, \
                 permessage-deflate",
                "permessage-deflate, permessage-deflate; client_max_window_bits",
                "permessage-deflate; server_max_window_bits=11, permessage-deflate; \
                 server_max_window_bits=9",
                "permessage-deflate; server_max_window_bits=7, permessage-deflate; \
                 server_max_window_bits=16, permessage-deflate; server_max_window_bits=12, \
                 permessage-deflate",
                "x-webkit-deflate-frame, permessage-bzip2; x, permessage-deflate",
            ]),
        },
    ]
}

/// Each window that may be asked for, with text that repeats just outside of it. A window twice as large
/// would show in the distances of what the server sends.
fn windows() -> Vec<Row> {
    const ASKED: [(&str, usize); 8] = [
        ("permessage-deflate; server_max_window_bits=8", 280),
        ("permessage-deflate; server_max_window_bits=9", 560),
        ("permessage-deflate; server_max_window_bits=10", 1_120),
        ("permessage-deflate; server_max_window_bits=11", 2_240),
        ("permessage-deflate; server_max_window_bits=12", 4_480),
        ("permessage-deflate; server_max_window_bits=13", 8_960),
        ("permessage-deflate; server_max_window_bits=14", 17_920),
        ("permessage-deflate; server_max_window_bits=15", 20_000),
    ];
    let mut rows: Vec<Row> = ASKED.iter().map(|(offer, period)| repeats(offer, *period)).collect();
    rows.extend([
        repeats("permessage-deflate; server_max_window_bits=9", 20_000),
        repeats("permessage-deflate; server_max_window_bits=12; server_no_context_takeover", 5_000),
        repeats("permessage-deflate; server_max_window_bits=10; client_max_window_bits", 1_300),
    ]);
    // A server that states a window nobody asked for keeps to it all the same.
    for period in [600, 1_200, 4_800, 19_200] {
        rows.push(repeats("permessage-deflate", period));
    }
    rows
}
