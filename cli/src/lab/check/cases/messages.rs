//! Messages that are good, whole and echoed (RFC 6455 §5.2, §5.3, §5.6, §5.7, §6).

use super::super::frame::{binary, hex, join, masked_with, text};
use super::{Case, Delivery, Group, Row, b, echoes, t};

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
            rows: vec![echoes(
                "a hundred",
                (0..100).flat_map(|n: u32| text(n.to_string())).collect(),
                (0..100).map(|n: u32| t(n.to_string())).collect(),
            )],
        },
        Case {
            id: "any-split",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-16", "6455-5.3-02"],
            rule: "It means nothing how TCP cuts the bytes",
            rows: splits(),
        },
    ]
}

fn splits() -> Vec<Row> {
    let frames = join(&[
        masked_with(0x01, [1, 2, 3, 4], b"unmask!"),
        masked_with(0x80, [0xa5, 0x5a, 0xc3, 0x3c], b"unmask!"),
    ]);
    let wanted = || vec![t("unmask!unmask!")];
    let each = |delivery, what: String| echoes(what, frames.clone(), wanted()).delivered(delivery);
    let mut rows = vec![each(Delivery::Bytewise, "byte by byte".to_owned())];
    rows.extend(
        (1..frames.len()).map(|at| each(Delivery::CutAt(at), format!("cut after {at} bytes"))),
    );
    rows
}
