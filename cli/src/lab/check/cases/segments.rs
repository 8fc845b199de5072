//! Heads that TCP delivers in parts, and frames that come with them (RFC 9112 §2.2; RFC 6455 §4.1).
//!
//! A cut at one octet shows a parser that takes a segment for a message; octet by octet shows one that
//! loses its state. Where the octets stand is counted for a short host and path.

use super::super::case::Delivery;
use super::super::frame::{Event, ping, text};
use super::super::head::Head;
use super::{Answer, Case, Group, Row, accepted, opening, refused, t};

const G: Group = Group::Handshake;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "head-cut",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["6455-4.2.2-27", "9112-2.2-01"],
            rule: "A good handshake opens, wherever TCP cuts its head",
            rows: cuts(&good())
                .into_iter()
                .map(|at| accepted(at_octet(&good(), at), good()).delivered(Delivery::CutAt(at)))
                .chain([accepted("octet by octet", good())
                    .delivered(Delivery::Bytewise)
                    .open_by(MAY_CLOSE)])
                .chain([accepted(
                    "octet by octet, what a browser sends",
                    super::request::browser(),
                )
                .delivered(Delivery::Bytewise)
                .open_by(MAY_CLOSE)])
                .collect(),
        },
        Case {
            id: "bad-head-cut",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-01", "9112-2.2-01"],
            rule: "A bad handshake does not open, wherever TCP cuts its head",
            rows: bad().into_iter().flat_map(cut_within).collect(),
        },
        Case {
            id: "frames-behind-the-head",
            group: G,
            section: "RFC 6455 4.1",
            requirements: &["6455-4.1-02", "6455-4.2.2-27", "9112-6.3-04"],
            rule: "Frames that come with the head are not lost",
            rows: early(),
        },
    ]
}

/// A good head in which a value, a name and the target have some length.
fn good() -> Head {
    Head::new().query("a=b").add("Origin", "{scheme}://{host}").add("Cookie", "a=b; c=d")
}

/// The bytes for a short host and path.
fn short(head: &Head) -> Vec<u8> {
    head.bytes_for("/", "127.0.0.1:9001")
}

/// Where a head is cut: in the request line at each octet of its beginning and end, at the ends of
/// lines, around colons, in the middle of values, and at its last octets.
fn cuts(head: &Head) -> Vec<usize> {
    let bytes = short(head);
    let last = bytes.len();
    let is_cut = |at: &usize| {
        let (before, behind) = (bytes[at - 1], bytes[*at]);
        let ends_line = b"\r\n".contains(&before) || behind == b'\r';
        *at < 6 || ends_line || before == b':' || behind == b':' || at.is_multiple_of(16)
    };
    // A longer host moves the end.
    (1..last).filter(is_cut).chain(last..last + 6).collect()
}

fn at_octet(head: &Head, at: usize) -> String {
    let bytes = short(head);
    let before = bytes[..at.min(bytes.len())].rsplit(|byte| *byte == b'\n').next();
    format!("cut at {at}, behind {:?}", String::from_utf8_lossy(before.unwrap_or_default()))
}

/// Bad heads, and the octets in which each is bad.
fn bad() -> Vec<(&'static str, &'static [u16], Head, &'static [u8])> {
    let set = |name: &str, value: &str| Head::new().set(name, value);
    vec![
        ("the version", &[426], set("Sec-WebSocket-Version", "134"), b"134"),
        ("Upgrade", &[400, 426], set("Upgrade", "websocketx"), b"websocketx"),
        ("Connection", &[400], set("Connection", "Upgrades"), b"Upgrades"),
        ("space before a colon", &[400], Head::new().raw("X \t: 1"), b"X \t:"),
        (
            "a bare CR",
            &[400],
            {
                Head::new()
                    .without("Sec-WebSocket-Version")
                    .add("X", "a\rSec-WebSocket-Version: 13")
            },
            b"a\rSec",
        ),
        (
            "a fold",
            &[400],
            { Head::new().without("Sec-WebSocket-Version").raw("Sec-WebSocket-Version: 1\r\n 3") },
            b"1\r\n 3",
        ),
        ("the method", &[405, 501], Head::new().method("GETS"), b"GETS"),
    ]
}

/// The head cut within its bad octets, and octet by octet.
fn cut_within(
    (what, statuses, head, octets): (&'static str, &'static [u16], Head, &'static [u8]),
) -> Vec<Row> {
    let bytes = short(&head);
    let found = bytes.windows(octets.len().max(1)).position(|window| window == octets);
    let ats = found.map(|start| start..=start + octets.len()).into_iter().flatten();
    let row = |what: String| refused(what, statuses, head.clone());
    ats.map(|at| row(format!("{what}, cut at {at}")).delivered(Delivery::CutAt(at)))
        .chain([row(format!("{what}, octet by octet")).delivered(Delivery::Bytewise)])
        .collect()
}

fn early() -> Vec<Row> {
    let row = |what: String, frames: &[u8], replies: Vec<Event>| {
        opening(what, Head::new().followed_by(frames), Answer::Accept(replies)).open_by(TOO_EARLY)
    };
    let pong = || vec![Event::Pong(b"early".to_vec())];
    let end = short(&Head::new()).len();
    let mut rows = vec![
        row("a ping".to_owned(), &ping("early"), pong()),
        row("two texts".to_owned(), &[text("one"), text("two")].concat(), vec![t("one"), t("two")]),
        row("a ping, octet by octet".to_owned(), &ping("early"), pong())
            .delivered(Delivery::Bytewise),
    ];
    rows.extend((end - 3..end + ping("early").len()).map(|at| {
        row(format!("a ping, cut at {at}"), &ping("early"), pong()).delivered(Delivery::CutAt(at))
    }));
    rows
}

const TOO_EARLY: &str =
    "RFC 6455 4.1: a client waits for the answer; what becomes of frames before it is not said";

/// Many segments of one octet are what an attack looks like.
const MAY_CLOSE: &str = "RFC 9112 9.5 lets either side close the connection at any time (MAY)";
