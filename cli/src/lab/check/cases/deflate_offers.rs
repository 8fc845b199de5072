//! Offers of permessage-deflate and their answers (RFC 7692 §5, §7, §7.1; RFC 6455 §9.1). Declining is
//! always lawful, so an offer that is not accepted proves nothing.

use super::super::frame::{masked, text};
use super::super::head::Head;
use super::deflate::HELLO;
use super::{Answer, Case, End, Group, Row, opening, refused, row, t};

const G: Group = Group::Deflate;
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

/// A session after this offer: a compressed message, and twice a long one that repeats itself far
/// behind, so that the reply shows which window the server has and whether it is emptied.
fn session(offer: &'static str) -> Row {
    let long = repeating();
    let bytes = [masked(0xc1, &HELLO), text(&long), text(&long)].concat();
    row(offer, bytes, vec![t("Hello"), t(&long), t(&long)], End::Open).offering(offer)
}

/// 6,000 bytes, of which every 1,500 are the same.
fn repeating() -> String {
    let mut number = 1_u32;
    let mut letter = || {
        number = number.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        char::from(b'a' + (number >> 16) as u8 % 26)
    };
    let part: String = (0..1500).map(|_| letter()).collect();
    part.repeat(4)
}

fn sessions(offers: &[&'static str]) -> Vec<Row> {
    offers.iter().map(|offer| session(offer)).collect()
}

fn declines(offers: &[&'static str]) -> Vec<Row> {
    let one =
        |offer: &&'static str| opening(*offer, Head::new().set(EXTENSIONS, offer), Answer::Decline);
    offers.iter().map(one).collect()
}

pub(super) fn cases() -> Vec<Case> {
    [answers(), declined()].into_iter().flatten().collect()
}

fn answers() -> Vec<Case> {
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
            rows: sessions(&["permessage-deflate; server_no_context_takeover"]),
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
            rows: sessions(&[
                "permessage-deflate; server_max_window_bits=8",
                "permessage-deflate; server_max_window_bits=9",
                "permessage-deflate; server_max_window_bits=10",
                "permessage-deflate; server_max_window_bits=15",
            ]),
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
                "permessage-deflate; client_max_window_bits=15",
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

fn declined() -> Vec<Case> {
    vec![
        Case {
            id: "offer-unknown-parameter",
            group: G,
            section: "RFC 7692 7",
            requirements: &["7692-7-01"],
            rule: "An offer with a parameter that is none is declined, not refused",
            rows: declines(&[
                "permessage-deflate; foo",
                "permessage-deflate; x-window=9",
                "permessage-deflate; server_max_window_bits=10; foo",
                "permessage-deflate; foo=\"bar\"; client_max_window_bits",
                "permessage-deflate; permessage-deflate",
                "permessage-deflate; server_max_window_bit=10",
                "permessage-deflate; server_max_window_bits2=10",
                "permessage-deflate; max_window_bits=10",
                "permessage-deflate; no_context_takeover",
            ]),
        },
        Case {
            id: "offer-other-case",
            group: G,
            section: "RFC 6455 4.3",
            requirements: &["6455-4.3-10"],
            rule: "A name in another case is best taken for another name",
            rows: declines(&[
                "permessage-deflate; Server_No_Context_Takeover",
                "permessage-deflate; CLIENT_MAX_WINDOW_BITS",
                "PERMESSAGE-DEFLATE; client_max_window_bits",
            ])
            .into_iter()
            .map(Row::open)
            .collect(),
        },
        Case {
            id: "offer-bad-server-window",
            group: G,
            section: "RFC 7692 7",
            requirements: &["7692-7-02", "7692-7.1.2.1-01"],
            rule: "server_max_window_bits is 8 to 15 without leading zeros, or the offer is declined",
            rows: declines(&[
                "permessage-deflate; server_max_window_bits",
                "permessage-deflate; client_max_window_bits; server_max_window_bits",
                "permessage-deflate; server_max_window_bits=7",
                "permessage-deflate; server_max_window_bits=16",
                "permessage-deflate; server_max_window_bits=0",
                "permessage-deflate; server_max_window_bits=1",
                "permessage-deflate; server_max_window_bits=08",
                "permessage-deflate; server_max_window_bits=010",
                "permessage-deflate; server_max_window_bits=+9",
                "permessage-deflate; server_max_window_bits=-9",
                "permessage-deflate; server_max_window_bits=9.0",
                "permessage-deflate; server_max_window_bits=9.",
                "permessage-deflate; server_max_window_bits=a",
                "permessage-deflate; server_max_window_bits=0x9",
                "permessage-deflate; server_max_window_bits=1e1",
                "permessage-deflate; server_max_window_bits=1_0",
                "permessage-deflate; server_max_window_bits=100",
                "permessage-deflate; server_max_window_bits=255",
                "permessage-deflate; server_max_window_bits=266",
                "permessage-deflate; server_max_window_bits=4294967306",
                "permessage-deflate; server_max_window_bits=18446744073709551626",
                "permessage-deflate; server_max_window_bits=\"08\"",
                "permessage-deflate; server_max_window_bits=true",
            ]),
        },
        Case {
            id: "offer-bad-client-window",
            group: G,
            section: "RFC 7692 7",
            requirements: &["7692-7-02"],
            rule: "client_max_window_bits is 8 to 15 if it has a value, or the offer is declined",
            rows: declines(&[
                "permessage-deflate; client_max_window_bits=7",
                "permessage-deflate; client_max_window_bits=16",
                "permessage-deflate; client_max_window_bits=09",
                "permessage-deflate; client_max_window_bits=x",
                "permessage-deflate; client_max_window_bits=\"1\\6\"",
            ]),
        },
        Case {
            id: "offer-value-for-none",
            group: G,
            section: "RFC 7692 7",
            requirements: &["7692-7.1.1.1-01", "7692-7.1.1.2-01"],
            rule: "The parameters about context takeover have no value, or the offer is declined",
            rows: declines(&[
                "permessage-deflate; server_no_context_takeover=1",
                "permessage-deflate; server_no_context_takeover=\"true\"",
                "permessage-deflate; client_no_context_takeover=true",
                "permessage-deflate; client_no_context_takeover=15",
            ]),
        },
        Case {
            id: "offer-parameter-twice",
            group: G,
            section: "RFC 7692 7",
            requirements: &["7692-7-03"],
            rule: "An offer with a parameter twice is declined",
            rows: declines(&[
                "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
                "permessage-deflate; client_max_window_bits; client_max_window_bits",
                "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
                "permessage-deflate; server_max_window_bits=9; server_max_window_bits=10",
                "permessage-deflate; server_no_context_takeover; client_max_window_bits; \
                 server_no_context_takeover",
                "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            ]),
        },
        Case {
            id: "offer-foreign",
            group: G,
            section: "RFC 6455 4.2.2",
            requirements: &["7692-7-07", "7692-5-06"],
            rule: "Other ways to compress are ignored",
            rows: declines(&[
                "x-webkit-deflate-frame",
                "permessage-bzip2, permessage-deflat, permessage-deflate2",
                "x-permessage-deflate; client_max_window_bits",
                "perframe-deflate, deflate-frame, permessage-compress; method=deflate",
                "permessage-deflate; foo, permessage-deflate; server_max_window_bits=16, bar",
            ]),
        },
        Case {
            id: "offer-grammar",
            group: G,
            section: "RFC 6455 9.1",
            requirements: &["6455-9.1-01", "6455-4.3-01", "6455-4.3-02"],
            rule: "An offer that breaks the grammar fails the handshake, a good one beside it or not",
            rows: [
                "permessage-deflate;",
                "permessage-deflate; server_max_window_bits=",
                "permessage-deflate; server_max_window_bits=\"\"",
                "permessage-deflate; server_max_window_bits=\"1 0\"",
                "permessage-deflate; server_max_window_bits=1 0",
                "permessage-deflate; server_max_window_bits=\"10",
                "permessage-deflate; server_max_window_bits=10\"",
                "permessage-deflate; server_max_window_bits==10",
                "permessage-deflate server_no_context_takeover",
                "permessage-deflate=1",
                "permessage-deflate; =10",
                "permessage-deflate;; client_max_window_bits",
                "\"permessage-deflate\"",
                "permessage-deflate, permessage-deflate; =",
                "foo; =, permessage-deflate",
                "permessage-deflate; foo; server_max_window_bits=",
                "permessage-deflate; server_max_window_bits=16; a b",
            ]
            .into_iter()
            .map(|offer| refused(offer, &[400], Head::new().set(EXTENSIONS, offer)))
            .collect(),
        },
    ]
}
