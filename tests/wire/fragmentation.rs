//! Fragmented messages and the control frames between their fragments (RFC 6455 §5.4).

use crate::case::{Case, DEFAULT, run};
use crate::client::Client;
use crate::exchange::{End, fails, row};
use crate::frame::{Event, binary, close, hex, join, masked, masked_with, ping, pong, text};

const OPEN: End = End::Open;

#[test]
fn fragmentation() {
    let t = |payload: &str| Event::Text(payload.as_bytes().to_vec());
    let first = |payload: &str| masked(0x01, payload.as_bytes());
    let more = |payload: &str| masked(0x00, payload.as_bytes());
    let last = |payload: &str| masked(0x80, payload.as_bytes());
    let mut cases = vec![
        row(
            "6455-5.4-01",
            "two fragments",
            join(&[first("Hel"), last("lo")]),
            vec![t("Hello")],
            OPEN,
        ),
        row(
            "6455-5.4-08",
            "three fragments in order",
            join(&[first("a"), more("b"), last("c")]),
            vec![t("abc")],
            OPEN,
        ),
        row(
            "6455-5.4-02",
            "three empty fragments",
            join(&[first(""), more(""), last("")]),
            vec![t("")],
            OPEN,
        ),
        row(
            "6455-5.4-02",
            "an empty first fragment",
            join(&[first(""), last("x")]),
            vec![t("x")],
            OPEN,
        ),
        row(
            "6455-5.4-02",
            "an empty last fragment",
            join(&[first("x"), last("")]),
            vec![t("x")],
            OPEN,
        ),
        row(
            "6455-5.4-02",
            "empty fragments between",
            join(&[first("x"), more(""), more(""), last("y")]),
            vec![t("xy")],
            OPEN,
        ),
        row(
            "6455-5.4-07",
            "a binary of two fragments",
            join(&[masked(0x02, &[0xff]), masked(0x80, &[0xc0])]),
            vec![Event::Binary(vec![0xff, 0xc0])],
            OPEN,
        ),
        row(
            "6455-5.3-02",
            "every fragment with its own key",
            join(&[
                masked_with(0x01, [1, 2, 3, 4], b"abc"),
                masked_with(0x00, [9; 4], b"defgh"),
                masked_with(0x80, [0; 4], b"i"),
            ]),
            vec![t("abcdefghi")],
            OPEN,
        ),
        row(
            "6455-5.4-03",
            "a ping between fragments is answered at once",
            join(&[first("a"), ping("now"), last("b")]),
            vec![Event::Pong(b"now".to_vec()), t("ab")],
            OPEN,
        ),
        row(
            "6455-5.4-03",
            "three pings between fragments",
            join(&[ping("1"), first("a"), ping("2"), more("b"), ping("3"), last("c")]),
            vec![
                Event::Pong(b"1".to_vec()),
                Event::Pong(b"2".to_vec()),
                Event::Pong(b"3".to_vec()),
                t("abc"),
            ],
            OPEN,
        ),
        row(
            "6455-5.4-03",
            "a pong between fragments is ignored",
            join(&[first("a"), pong("x"), last("b")]),
            vec![t("ab")],
            OPEN,
        ),
        row(
            "6455-5.4-03",
            "a Close between fragments ends it",
            join(&[first("a"), close(1000, ""), last("b")]),
            vec![],
            End::Closed(hex("03e8")),
        ),
        row(
            "6455-6.2-02",
            "two fragmented messages one after the other",
            join(&[first("a"), last("b"), masked(0x02, b"c"), last("d")]),
            vec![t("ab"), Event::Binary(b"cd".to_vec())],
            OPEN,
        ),
        row(
            "6455-6.2-02",
            "a whole message after a fragmented one",
            join(&[first("a"), last("b"), text("c")]),
            vec![t("ab"), t("c")],
            OPEN,
        ),
        fails("6455-5.4-05", "a final continuation first", last("Hello"), "RFC 6455 5.4"),
        fails("6455-5.4-05", "a continuation first", more("Hello"), "RFC 6455 5.4"),
        fails("6455-5.4-05", "an empty continuation first", last(""), "RFC 6455 5.4"),
        fails(
            "6455-5.2-17",
            "the first byte of a continuation proves it",
            vec![0x80],
            "RFC 6455 5.4",
        ),
        fails(
            "6455-5.4-05",
            "a continuation with a huge length",
            hex("80 ff 7fffffffffffffff 00000000"),
            "RFC 6455 5.4",
        ),
        row(
            "6455-5.4-05",
            "a continuation after a finished message",
            join(&[text("done"), last("x")]),
            vec![t("done")],
            End::Fail(1002, "RFC 6455 5.4"),
        ),
        row(
            "6455-5.4-05",
            "a continuation after a finished fragmented message",
            join(&[first("a"), last("b"), more("c")]),
            vec![t("ab")],
            End::Fail(1002, "RFC 6455 5.4"),
        ),
        row(
            "6455-5.4-05",
            "a continuation after a control frame only",
            join(&[ping("p"), last("b")]),
            vec![Event::Pong(b"p".to_vec())],
            End::Fail(1002, "RFC 6455 5.4"),
        ),
        fails("6455-5.4-06", "text inside text", join(&[first("a"), text("b")]), "RFC 6455 5.4"),
        fails(
            "6455-5.4-06",
            "binary inside text",
            join(&[first("a"), binary("b")]),
            "RFC 6455 5.4",
        ),
        fails(
            "6455-5.4-06",
            "text inside binary",
            join(&[masked(0x02, b"a"), text("b")]),
            "RFC 6455 5.4",
        ),
        fails(
            "6455-5.4-06",
            "binary inside binary",
            join(&[masked(0x02, b"a"), binary("b")]),
            "RFC 6455 5.4",
        ),
        fails(
            "6455-5.4-06",
            "a first fragment inside text",
            join(&[first("a"), first("b")]),
            "RFC 6455 5.4",
        ),
        fails(
            "6455-5.4-06",
            "a first fragment of binary inside text",
            join(&[first("a"), masked(0x02, b"b")]),
            "RFC 6455 5.4",
        ),
        fails(
            "6455-5.2-17",
            "the first byte of a second text proves it",
            [first("a"), vec![0x81]].concat(),
            "RFC 6455 5.4",
        ),
        fails(
            "6455-5.4-06",
            "an empty text inside an empty text",
            join(&[first(""), text("")]),
            "RFC 6455 5.4",
        ),
        row(
            "6455-5.4-06",
            "after a ping in between, text inside text is still refused",
            join(&[first("a"), ping("p"), text("b")]),
            vec![Event::Pong(b"p".to_vec())],
            End::Fail(1002, "RFC 6455 5.4"),
        ),
        fails("6455-5.4-04", "a ping that is not final", masked(0x09, b""), "RFC 6455 5."),
        fails(
            "6455-5.4-04",
            "a ping with data that is not final",
            masked(0x09, b"data"),
            "RFC 6455 5.",
        ),
        fails("6455-5.4-04", "a pong that is not final", masked(0x0a, b""), "RFC 6455 5."),
        fails(
            "6455-5.4-04",
            "a Close that is not final",
            masked(0x08, &[0x03, 0xe8]),
            "RFC 6455 5.",
        ),
        fails("6455-5.4-04", "an empty Close that is not final", masked(0x08, b""), "RFC 6455 5."),
        fails("6455-5.2-17", "the first byte of such a ping proves it", vec![0x09], "RFC 6455 5."),
        fails("6455-5.2-17", "the first byte of such a Close proves it", vec![0x08], "RFC 6455 5."),
        fails(
            "6455-5.4-04",
            "a ping in two parts, the second a continuation",
            join(&[masked(0x09, b"a"), masked(0x80, b"b")]),
            "RFC 6455 5.",
        ),
        fails(
            "6455-5.4-04",
            "a fragmented ping inside a fragmented text",
            join(&[first("a"), masked(0x09, b"p")]),
            "RFC 6455 5.",
        ),
    ];
    let letters = "κόσμε and some more, byte for byte".as_bytes();
    let mut bytewise: Vec<u8> = masked(0x01, &letters[..1]);
    for byte in &letters[1..letters.len() - 1] {
        bytewise.extend(masked(0x00, std::slice::from_ref(byte)));
    }
    bytewise.extend(masked(0x80, &letters[letters.len() - 1..]));
    cases.push(row(
        "6455-5.4-09",
        "fragments of one byte inside characters",
        bytewise,
        vec![Event::Text(letters.to_vec())],
        OPEN,
    ));
    cases.push(Case::on(
        DEFAULT,
        "6455-6.2-04",
        "no fragment is delivered before the last is in",
        |server| {
            let mut client = Client::open(server.address())?;
            client.send(&join(&[masked(0x01, b"half"), ping("probe")]))?;
            client.expect(&Event::Pong(b"probe".to_vec()))?;
            client.send(&join(&[masked(0x00, b"way"), ping("probe")]))?;
            client.expect(&Event::Pong(b"probe".to_vec()))?;
            client.send(&masked(0x80, b"there"))?;
            client.expect(&Event::Text(b"halfwaythere".to_vec()))?;
            client.expect_alive()
        },
    ));
    cases.push(Case::on(DEFAULT, "6455-5.4-13", "64 KiB in fragments of one byte", |server| {
        let payload: Vec<u8> =
            (0..65_535).map(|at| b'a' + u8::try_from(at % 26).unwrap()).collect();
        let mut frames = Vec::new();
        for (at, byte) in payload.iter().enumerate() {
            let opcode = u8::from(at == 0);
            let fin = if at + 1 == payload.len() { 0x80 } else { 0 };
            frames.extend(masked(fin | opcode, std::slice::from_ref(byte)));
        }
        let mut client = Client::open(server.address())?;
        client.send(&frames)?;
        client.expect_within(&Event::Text(payload), crate::client::LONG)?;
        client.expect_alive()
    }));
    run("fragmentation", cases);
}
