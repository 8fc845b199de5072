//! Messages that are good, whole and echoed (RFC 6455 §5.2, §5.3, §5.6, §5.7, §6).

use super::super::frame::{Event, binary, hex, join, masked_with, text};
use super::{Case, Group, Row, b, echoes, t};

const G: Group = Group::Framing;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "rfc-samples",
            group: G,
            section: "RFC 6455 5.7",
            requirements: &["6455-5.7-01"],
            rule: "The examples of the RFC mean what it says",
            rows: vec![
                echoes("a masked Hello", hex("81 85 37fa213d 7f9f4d5158"), vec![t("Hello")]),
                echoes("a masked Pong is ignored", hex("8a 85 37fa213d 7f9f4d5158"), vec![]),
            ],
        },
        Case {
            id: "any-masking-key",
            group: G,
            section: "RFC 6455 5.3",
            requirements: &["6455-5.3-04", "6455-5.3-05"],
            rule: "Any masking key is one",
            rows: vec![
                echoes("zeros", masked_with(0x81, [0; 4], b"Hello"), vec![t("Hello")]),
                echoes("ones", masked_with(0x81, [0xff; 4], b"Hello"), vec![t("Hello")]),
                echoes(
                    "one byte zero",
                    masked_with(0x81, [0, 1, 2, 3], b"Hello"),
                    vec![t("Hello")],
                ),
                echoes(
                    "a key that makes frames of the payload",
                    masked_with(0x82, [0x88, 0x80, 0x89, 0x80], &[0; 64]),
                    vec![b([0; 64])],
                ),
                echoes(
                    "one key for two frames",
                    join(&[text("one"), text("two")]),
                    vec![t("one"), t("two")],
                ),
            ],
        },
        Case {
            id: "empty-messages",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-19", "6455-5.2-20", "6455-6.2-02"],
            rule: "Empty messages are messages, and take their key",
            rows: vec![
                echoes("an empty text", hex("81 80 37fa213d"), vec![t("")]),
                echoes("an empty binary", hex("82 80 00000000"), vec![b("")]),
                echoes("three", join(&[text(""), binary(""), text("")]), vec![t(""), b(""), t("")]),
                echoes(
                    "behind others that are not",
                    join(&[text("abc"), text(""), binary("abc"), binary(""), text("d")]),
                    vec![t("abc"), t(""), b("abc"), b(""), t("d")],
                ),
            ],
        },
        Case {
            id: "byte-order",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-14"],
            rule: "The length is in network byte order",
            rows: vec![echoes(
                "82 fe 01 00 and 256 bytes",
                [&hex("82 fe 0100 00000000")[..], &[9; 256]].concat(),
                vec![b([9; 256])],
            )],
        },
        Case {
            id: "text-and-binary",
            group: G,
            section: "RFC 6455 5.6",
            requirements: &["6455-5.6-04", "6455-5.6-06", "6455-5.6-05", "6455-6.1-02"],
            rule: "Binary is not read as text, and each keeps its kind",
            rows: vec![
                echoes(
                    "binary that is no UTF-8",
                    binary(hex("00 ff fe c0 80 ed a0 80 f8")),
                    vec![b(hex("00 ff fe c0 80 ed a0 80 f8"))],
                ),
                echoes(
                    "a text that invites to change it",
                    join(&[text(UNTIDY), text(UNTIDY), text("e\u{301}"), binary(UNTIDY)]),
                    vec![t(UNTIDY), t(UNTIDY), t("e\u{301}"), b(UNTIDY)],
                ),
                echoes(
                    "by turns",
                    join(&[text("same"), binary("same"), text("same")]),
                    vec![t("same"), b("same"), t("same")],
                ),
            ],
        },
        Case {
            id: "in-order",
            group: G,
            section: "RFC 6455 6.1",
            requirements: &["6455-6.1-03", "6455-5.1-04", "6455-5.1-05"],
            rule: "Many messages in one segment come back in order, unmasked",
            rows: vec![
                many("a hundred", 0..100),
                many("two thousand", 1000..3000).open_by(MANY),
                echoes(
                    "of every kind and size",
                    (0..200_usize).flat_map(|n| of_its_kind(n).0).collect(),
                    (0..200_usize).map(|n| of_its_kind(n).1).collect(),
                ),
            ],
        },
    ]
}

/// Spaces and line ends at both ends, and what some languages escape.
const UNTIDY: &str = " \t\r\n\0 <a href=\"&amp;\">%41\\u0041\u{2028}\u{a0}</a> \0\r\n \n";

fn many(what: &str, numbers: std::ops::Range<u32>) -> Row {
    let wanted = numbers.clone().map(|n| t(n.to_string())).collect();
    echoes(what, numbers.flat_map(numbered).collect(), wanted)
}

fn numbered(n: u32) -> Vec<u8> {
    text(n.to_string())
}

/// The frames of the message with this number, and its echo.
fn of_its_kind(n: usize) -> (Vec<u8>, Event) {
    let letters = vec![b'a' + (n % 26) as u8; n * 3];
    let key = [n as u8, 0x10, 0x80 | n as u8, 0xff - n as u8];
    match n % 3 {
        0 => (masked_with(0x81, key, &letters), t(&letters)),
        1 => (masked_with(0x82, key, &letters), b(&letters)),
        _ => {
            let (first, last) = letters.split_at(n);
            let frames = [masked_with(0x01, key, first), masked_with(0x80, [9; 4], last)];
            (frames.concat(), t(&letters))
        }
    }
}

const MANY: &str = "RFC 6455 7.3 lets a server close the connection whenever it wants, also because so \
                    many messages came";
