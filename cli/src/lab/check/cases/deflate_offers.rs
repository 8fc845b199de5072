//! Offers of permessage-deflate that must be declined or refused (RFC 7692 §5, §7; RFC 6455 §9.1). What
//! follows an offer that is accepted stands in `deflate_sessions`.

use super::super::head::Head;
use super::{Answer, Case, Group, Row, opening, refused};

const G: Group = Group::Deflate;
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

fn declines(offers: &[&'static str]) -> Vec<Row> {
    let one =
        |offer: &&'static str| opening(*offer, Head::new().set(EXTENSIONS, offer), Answer::Decline);
    offers.iter().map(one).collect()
}

pub(super) fn cases() -> Vec<Case> {
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
            .map(|row| row.open_by(NO_CASE_RULE))
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
                "permessage-deflate; client_max_window_bits=010",
                "permessage-deflate; client_max_window_bits=-9",
                "permessage-deflate; client_max_window_bits=+15",
                "permessage-deflate; client_max_window_bits=4294967306",
                "permessage-deflate; server_max_window_bits=12; client_max_window_bits=true",
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
                "permessage-deflate; client_no_context_takeover=0",
                "permessage-deflate; client_max_window_bits; server_no_context_takeover=false",
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
                "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
                "permessage-deflate; client_max_window_bits=10; client_max_window_bits",
                "permessage-deflate; client_max_window_bits=10; client_max_window_bits=10",
                "permessage-deflate; server_max_window_bits=10; client_max_window_bits; \
                 server_max_window_bits=\"10\"",
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
                "permessage-deflate; client_max_window_bits=7, permessage-deflate; \
                 server_no_context_takeover=1",
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

const NO_CASE_RULE: &str =
    "RFC 6455 9.1, RFC 7692 7: whether a name in another case is another name is not said";
