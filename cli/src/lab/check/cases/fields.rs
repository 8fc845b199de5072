//! Upgrade and Connection (RFC 6455 §4.2.1; RFC 9110 §7.6.1, §7.8).

use super::super::head::Head;
use super::{Answer, Case, Group, Row, accepted, opening, refused};

const G: Group = Group::Handshake;

pub(super) fn set(name: &str, value: &str) -> Head {
    Head::new().set(name, value)
}

/// The field with each of these values is accepted.
fn accepts(name: &str, values: &[&str]) -> Vec<Row> {
    values.iter().map(|value| accepted(format!("{name}: {value}"), set(name, value))).collect()
}

/// The field with each of these values is refused.
pub(super) fn refuses(name: &str, values: &[&str], statuses: &'static [u16]) -> Vec<Row> {
    let one = |value: &&str| {
        let shown: String = value.chars().take(60).collect();
        refused(format!("{name}: {shown}"), statuses, set(name, value))
    };
    values.iter().map(one).collect()
}

/// The same with values that are not all text.
pub(super) fn refuses_octets(name: &str, values: &[&[u8]], statuses: &'static [u16]) -> Vec<Row> {
    let one = |value: &&[u8]| {
        refused(format!("{name}: {}", value.escape_ascii()), statuses, Head::new().set(name, value))
    };
    values.iter().map(one).collect()
}

pub(super) fn cases() -> Vec<Case> {
    [upgrade(), connection()].into_iter().flatten().collect()
}

fn upgrade() -> Vec<Case> {
    let plain = || {
        Head::new()
            .without("Upgrade")
            .without("Connection")
            .without("Sec-WebSocket-Key")
            .without("Sec-WebSocket-Version")
    };
    vec![
        Case {
            id: "upgrade-case",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-17", "9110-7.8-06"],
            rule: "The keyword websocket is matched whatever its case",
            rows: accepts("Upgrade", &["WebSocket", "WEBSOCKET"]),
        },
        Case {
            id: "upgrade-list",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-18"],
            rule: "Upgrade is a list, on one line or several, and websocket may stand anywhere in it",
            rows: accepts(
                "Upgrade",
                &[
                    "foo/1, websocket",
                    "websocket, h2c",
                    "websocket,h2c",
                    "h2c,\twebsocket",
                    "h2c ,websocket",
                    "h2c \t , \t WebSocket",
                    "websocket/12, websocket",
                    "websocket, websocket",
                ],
            )
            .into_iter()
            .chain([
                accepted("on the first of two lines", {
                    set("Upgrade", "websocket").add("Upgrade", "foo/1")
                }),
                accepted("on the second of two lines", {
                    set("Upgrade", "foo/1").add("Upgrade", "websocket")
                }),
                accepted("on the third of three lines", {
                    set("Upgrade", "foo").add("upgrade", "bar, h2c").add("UPGRADE", "websocket")
                }),
            ])
            .collect(),
        },
        Case {
            id: "empty-list-members",
            group: G,
            section: "RFC 9110 5.6.1.2",
            requirements: &["9110-5.6.1-01"],
            rule: "A recipient accepts lists with a few empty members and ignores these",
            rows: accepts("Upgrade", &[",websocket", "websocket,", "websocket,,", ", ,websocket"])
                .into_iter()
                .chain(accepts("Upgrade", &["h2c,,websocket", "\t,\twebsocket\t,"]))
                .chain(accepts("Connection", &[",Upgrade", "Upgrade,", ",Upgrade,,"]))
                .chain(accepts("Connection", &["keep-alive,,Upgrade", " , Upgrade , "]))
                .chain([
                    accepted("an empty Upgrade line first", {
                        set("Upgrade", "").add("Upgrade", "websocket")
                    }),
                    accepted("an empty Connection line behind", {
                        set("Connection", "Upgrade").add("Connection", "")
                    }),
                ])
                .collect(),
        },
        Case {
            id: "upgrade-other",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-16", "6455-4.2.1-20", "9110-7.8-01"],
            rule: "An Upgrade that does not list websocket does not open",
            rows: refuses(
                "Upgrade",
                &[
                    "h2c",
                    "xwebsocket",
                    "websockets",
                    "web",
                    "web, socket",
                    "h2c, TLS/1.0",
                    "WebSocket-13",
                    "web-socket",
                    "foo/websocket",
                ],
                &[426],
            ),
        },
        Case {
            id: "upgrade-with-version",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-19"],
            rule: "websocket/13 is not the bare keyword",
            rows: refuses("Upgrade", &["websocket/13", "h2c, websocket/13, websocketx"], &[426])
                .into_iter()
                .map(|row| row.open_by(VERSIONED))
                .collect(),
        },
        Case {
            id: "upgrade-malformed",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-20", "6455-4.2.1-01"],
            rule: "An Upgrade that is no list of protocols does not open",
            rows: refuses(
                "Upgrade",
                &[
                    "",
                    "web socket",
                    "websocket websocket",
                    "\"websocket\"",
                    "websocket;q=1",
                    "websocket/",
                ],
                &[400, 426],
            )
            .into_iter()
            .chain(refuses_octets("Upgrade", WEBSOCKET, &[400, 426]))
            .collect(),
        },
        Case {
            id: "upgrade-missing",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-15"],
            rule: "Without Upgrade nothing opens; best it is told by 426",
            rows: vec![
                refused("no Upgrade", &[426], Head::new().without("Upgrade")),
                refused("a plain GET", &[426], plain()),
            ],
        },
        Case {
            id: "fields-of-a-426",
            group: G,
            section: "RFC 9110 15.5.22",
            requirements: &["9110-7.8-02", "9110-7.8-03", "9110-15.5.22-01"],
            rule: "A 426 carries Upgrade, and Connection names it",
            rows: vec![
                opening("no Upgrade", Head::new().without("Upgrade"), Answer::RefuseWith(&[426])),
                opening("a plain GET", plain(), Answer::RefuseWith(&[426])),
            ],
        },
    ]
}

fn connection() -> Vec<Case> {
    vec![
        Case {
            id: "connection-case",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-23", "9110-7.6.1-01"],
            rule: "The option Upgrade is matched whatever its case",
            rows: accepts("Connection", &["upgrade", "UPGRADE"]),
        },
        Case {
            id: "connection-list",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-22", "6455-4.2.1-24"],
            rule: "Upgrade may stand anywhere in the list, on one line or several",
            rows: accepts(
                "Connection",
                &[
                    "keep-alive, Upgrade",
                    "Upgrade, keep-alive",
                    "keep-alive,Upgrade,foo",
                    "keep-alive\t,\tUpgrade",
                    "Upgrade ,keep-alive",
                    "keep-alive ,\t upgrade",
                    "Upgrade, Upgrade",
                    "TE, UPGRADE, HTTP2-Settings",
                ],
            )
            .into_iter()
            .chain([
                accepted("on the first of two lines", {
                    set("Connection", "Upgrade").add("Connection", "keep-alive")
                }),
                accepted("on the second of two lines", {
                    set("Connection", "keep-alive").add("Connection", "Upgrade")
                }),
                accepted("on the third of three lines", {
                    set("Connection", "a").add("connection", "b,c").add("CONNECTION", "Upgrade")
                }),
            ])
            .collect(),
        },
        Case {
            id: "connection-close",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-26"],
            rule: "close beside Upgrade does not forbid to switch",
            rows: vec![
                accepted("close, Upgrade", set("Connection", "close, Upgrade")).open_by(CLOSE),
            ],
        },
        Case {
            id: "connection-other",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-21", "6455-4.2.1-25"],
            rule: "A Connection without the option Upgrade does not open",
            rows: refuses(
                "Connection",
                &[
                    "keep-alive",
                    "close",
                    "upgrade-insecure-requests",
                    "noupgrade",
                    "Upgrades",
                    "up, grade",
                    "",
                    "Upgrade keep-alive",
                    "Upgrade;q=1",
                    "\"Upgrade\"",
                    "Upgrade=1",
                    "Upgrade/1",
                ],
                &[400],
            )
            .into_iter()
            .chain([refused("no Connection", &[400], Head::new().without("Connection"))])
            .chain(refuses_octets("Connection", UPGRADE, &[400]))
            .collect(),
        },
    ]
}

/// Not websocket: only SP and HTAB are space around a value, and only ASCII letters have two cases
/// here. Of NUL and a fold a recipient makes SP, if anything (RFC 9110 §5.5, RFC 9112 §5.2).
const WEBSOCKET: &[&[u8]] = &[
    b"websocket\0x",
    b"websocket\x0b",
    b"\x0cwebsocket",
    b"websocket\x1f",
    b"websocket\xa0",
    b"websocket\x85",
    b"web\r\n socket",
    b"web\rsocket",
    b"websoc\xe2\x84\xaaet",
    b"web\xc5\xbfocket",
];

/// Not Upgrade, for the same reasons.
const UPGRADE: &[&[u8]] = &[
    b"Upgrade\0x",
    b"Upgrade\x0b",
    b"\x0cUpgrade",
    b"Upgrade\xa0",
    b"Up\r\n grade",
    b"Up\rgrade",
    b"keep-alive Upgrade",
    b"keep-alive;Upgrade",
];

const VERSIONED: &str = "RFC 6455 4.2.1 does not say whether the keyword may have a version, as RFC 9110 7.8 lets protocols have";
const CLOSE: &str = "RFC 9112 9.6: a server ends the connection after the answer to a request with close; that a 101 is \
     no such answer is only implied";
