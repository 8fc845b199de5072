//! The request as an HTTP/1.1 message: line ends, field lines, target forms
//! (RFC 9110, RFC 9112).

use super::super::head::{Head, SAMPLE_KEY};
use super::{Case, Group, Row, accepted, refused};

const G: Group = Group::Handshake;

/// The head with its bytes changed.
fn bytes(change: impl Fn(&str) -> String) -> Head {
    let text = String::from_utf8_lossy(&Head::new().bytes_for("{path}", "{host}")).into_owned();
    let changed = change(&text);
    Head::verbatim(changed.as_bytes())
}

pub(super) fn cases() -> Vec<Case> {
    [lines(), fields(), request_line()].into_iter().flatten().collect()
}

fn lines() -> Vec<Case> {
    vec![
        Case {
            id: "empty-line-first",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["9112-2.2-04"],
            rule: "One empty line before the request line is skipped",
            rows: vec![
                accepted("one", Head::new().preceded_by("\r\n")).open(),
                refused("two", &[400], Head::new().preceded_by("\r\n\r\n")).open(),
                refused("a bare LF", &[400], Head::new().preceded_by("\n")).open(),
                refused("a space", &[400], Head::new().preceded_by(" ")).open(),
            ],
        },
        Case {
            id: "bare-lf",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["9112-2.2-02", "9112-11.2-01"],
            rule: "Lines end with CR LF; a bare LF is best refused",
            rows: vec![
                refused("everywhere", &[400], bytes(|head| head.replace("\r\n", "\n"))).open(),
                refused("behind the request line", &[400], {
                    bytes(|head| head.replacen("\r\n", "\n", 1))
                })
                .open(),
                refused("as the empty line", &[400], {
                    bytes(|head| head.replace("\r\n\r\n", "\r\n\n"))
                })
                .open(),
                refused("behind the last field", &[400], {
                    bytes(|head| head.replace("\r\n\r\n", "\n\r\n"))
                })
                .open(),
                refused("hiding the version field", &[400], {
                    let hidden = "a\nSec-WebSocket-Version: 13";
                    Head::new().without("Sec-WebSocket-Version").add("X", hidden)
                })
                .open(),
            ],
        },
        Case {
            id: "bare-cr",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["9112-2.2-03", "9110-5.5-01"],
            rule: "A bare CR ends no line",
            rows: vec![
                refused("everywhere", &[400], bytes(|head| head.replace("\r\n", "\r"))).open(),
                refused("CR CR LF", &[400], bytes(|head| head.replacen("\r\n", "\r\r\n", 1)))
                    .open(),
                refused("in the target", &[400], Head::new().target("{path}?a\rX")).open(),
                refused("in a value", &[400], Head::new().add("X", "a\rb")).open(),
                refused("at the end of a value", &[400], Head::new().add("X", "a\r")).open(),
                refused("in a name", &[400], Head::new().raw("X\rY: 1")).open(),
                refused("hiding the version field", &[400], {
                    let hidden = "a\rSec-WebSocket-Version: 13";
                    Head::new().without("Sec-WebSocket-Version").add("X", hidden)
                }),
            ],
        },
        Case {
            id: "space-before-fields",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["9112-2.2-05"],
            rule: "No line that begins with space follows the request line",
            rows: vec![
                refused("a space", &[400], Head::new().raw_first(" X: 1")).open(),
                refused("a tab", &[400], Head::new().raw_first("\tX: 1")).open(),
                refused("a line of one space", &[400], Head::new().raw_first(" ")).open(),
            ],
        },
        Case {
            id: "no-http",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["9112-2.2-06", "6455-7.2.2-01"],
            rule: "What is no HTTP is told by 400, or dropped",
            rows: vec![
                refused("a TLS ClientHello", &[400], Head::verbatim(&client_hello())).open(),
                refused("zeros", &[400], Head::verbatim(&[0; 64])).open(),
                refused("an SSH banner", &[400], Head::verbatim(b"SSH-2.0-x\r\n\r\n")).open(),
                refused("noise", &[400], Head::verbatim(&(128..255).collect::<Vec<u8>>())).open(),
                refused("two empty lines", &[400], Head::verbatim(b"\r\n\r\n")).open(),
                refused("a frame first", &[400], {
                    Head::verbatim(&super::super::frame::text("hello"))
                })
                .open(),
            ],
        },
    ]
}

fn client_hello() -> Vec<u8> {
    super::super::frame::hex(
        "16 03 01 00 2f 01 00 00 2b 03 03 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
         00 00 02 13 01 01 00 00 00",
    )
}

fn fields() -> Vec<Case> {
    let control = |byte: u8| {
        let value = [b'a', byte, b'b'];
        refused(format!("{byte:02x}"), &[400], Head::new().add("X", value)).open()
    };
    vec![
        Case {
            id: "folded-field",
            group: G,
            section: "RFC 9112 5.2",
            requirements: &["9112-5.2-01"],
            rule: "A folded field is best refused",
            rows: vec![
                refused("with a space", &[400], Head::new().raw("X: a\r\n b")).open(),
                refused("with a tab", &[400], Head::new().raw("X: a\r\n\tb")).open(),
                refused("the key", &[400], {
                    let line = format!("Sec-WebSocket-Key:\r\n {SAMPLE_KEY}");
                    Head::new().without("Sec-WebSocket-Key").raw(line)
                })
                .open(),
                refused("Host", &[400], {
                    Head::new().without("Host").raw_first("Host: {host}\r\n ")
                })
                .open(),
                refused("Host, its port", &[400], Head::new().set("Host", "localhost\r\n :80"))
                    .open(),
            ],
        },
        Case {
            id: "space-before-colon",
            group: G,
            section: "RFC 9112 5.1",
            requirements: &["9112-5.1-01"],
            rule: "Space between a field's name and its colon gets 400",
            rows: vec![
                refused("Host", &[400], Head::new().without("Host").raw("Host : {host}")),
                refused("an unknown field", &[400], Head::new().raw("X : 1")),
                refused("a tab", &[400], Head::new().raw("X\t: 1")),
            ]
            .into_iter()
            .map(Row::with_status)
            .collect(),
        },
        Case {
            id: "field-name",
            group: G,
            section: "RFC 9112 5.1",
            requirements: &["9112-5.1-02"],
            rule: "A field's name is a token",
            rows: [
                &b": value"[..],
                b"Ho(st: x",
                b"no colon here",
                b"word",
                b"X\0Y: 1",
                b"X\xe9: 1",
            ]
            .into_iter()
            .map(|line| line.to_vec())
            .chain([b"X Y: 1".to_vec()])
            .chain((*b"\"(),/;<=>?@[\\]{}\x7f").map(|byte| [b"X", &[byte][..], b"Y: 1"].concat()))
            .map(|line| {
                refused(line.escape_ascii().to_string(), &[400], Head::new().raw(line)).open()
            })
            .collect(),
        },
        Case {
            id: "field-value-control",
            group: G,
            section: "RFC 9110 5.5",
            requirements: &["9110-5.5-01", "9110-5.5-02"],
            rule: "Control octets in a value are best refused",
            rows: (0x00..0x20)
                .chain([0x7f])
                .filter(|byte| !b"\t\r\n".contains(byte))
                .map(control)
                .collect(),
        },
        Case {
            id: "field-value-octets",
            group: G,
            section: "RFC 9110 5.5",
            requirements: &["9110-5.5-03", "9112-2.2-01"],
            rule: "Octets above 7f in a field that means nothing are data",
            rows: vec![
                accepted("a cookie", Head::new().add("Cookie", b"a=\xe9")).open(),
                accepted("a character whose low byte is LF", {
                    Head::new().add("X", b"\xe5\x98\x8a")
                })
                .open(),
                accepted("a character whose low byte is CR", {
                    Head::new().add("X", b"\xe5\x98\x8d")
                })
                .open(),
                accepted("a tab", Head::new().add("X", "a\tb")).open(),
                accepted("all token characters in a name", {
                    Head::new().raw("!#$%&'*+-.^_`|~9aZ: 1")
                })
                .open(),
            ],
        },
        Case {
            id: "field-octets-known",
            group: G,
            section: "RFC 9110 5.5",
            requirements: &["9110-5.5-03"],
            rule: "Octets above 7f in a field of the handshake are best refused",
            rows: [
                "Host",
                "Upgrade",
                "Connection",
                "Sec-WebSocket-Key",
                "Sec-WebSocket-Version",
                "Sec-WebSocket-Protocol",
                "Sec-WebSocket-Extensions",
            ]
            .into_iter()
            .map(|name| {
                let kept = Head::new().value(name).unwrap_or_else(|| b"chat".to_vec());
                let value = [&kept[..], b", \xe9"].concat();
                refused(name, &[400], Head::new().set(name, value)).open()
            })
            .collect(),
        },
    ]
}

fn request_line() -> Vec<Case> {
    vec![
        Case {
            id: "request-line",
            group: G,
            section: "RFC 9112 3",
            requirements: &["9112-3-01", "6455-4.1-01"],
            rule: "A request line is a method, a target and a version, with one space between",
            rows: [
                "GET  {path} HTTP/1.1",
                "GET {path}  HTTP/1.1",
                "GET\t{path} HTTP/1.1",
                "GET {path}\tHTTP/1.1",
                "GET {path} HTTP/1.1 ",
                " GET {path} HTTP/1.1",
                "GET {path} HTTP/1.1\t",
                "GET",
                "GET ",
                "GET {path}",
                "{path} HTTP/1.1",
                "GET HTTP/1.1",
                "GET {path} {path} HTTP/1.1",
                "GET {path}a b HTTP/1.1",
                "G@T {path} HTTP/1.1",
                "(GET) {path} HTTP/1.1",
                "GET:{path} HTTP/1.1",
                "GET \x0b{path} HTTP/1.1",
                "HTTP/1.1 101 Switching Protocols",
                "GET {path}\0 HTTP/1.1",
                "",
            ]
            .into_iter()
            .map(|line| {
                let what = line.escape_debug().to_string();
                refused(what, &[400], Head::new().line(line)).open()
            })
            .collect(),
        },
        Case {
            id: "target",
            group: G,
            section: "RFC 9112 3.2",
            requirements: &["9112-3.2-04", "9112-3.2.3-01"],
            rule: "A request-target that is none gets 400",
            rows: [
                &b"/a\"b"[..],
                b"/a<b",
                b"/a>b",
                b"/a%zz",
                b"/%",
                b"/%4",
                b"/%g0",
                b"/\x01",
                b"/\x7f",
                b"/\xe9",
                b"/\xff",
                b"/a\\b",
                b"/?a#b",
                b"/?%zz",
                b"/?\xc3\xa9",
                b"/?<",
                b"/?\"",
                b"echo",
                b"?x",
                b"#",
                b"*",
                b"example.com:80",
                b"example.com",
                b"ws://{host}/",
                b"wss://{host}/",
                b"ftp://h/",
                b"http:/echo",
                b"http:",
                b"http://",
                b"http:///echo",
                b"http://h:99999/",
                b"http://u@h/",
                b"http://h /",
                b"http://h:8o/",
                b"http://[::1/",
                b"http://h/a<b",
                b"http://h/#f",
                b"mailto:a@b",
            ]
            .into_iter()
            .map(|target| {
                let what = target.escape_ascii().to_string();
                refused(what, &[400], Head::new().target(target)).open()
            })
            .collect(),
        },
        Case {
            id: "query-octets",
            group: G,
            section: "RFC 9112 3.2",
            requirements: &["9112-3.2-04"],
            rule: "What browsers send raw in a query is taken",
            rows: [
                "ids[]=1&f={a|b}",
                "a^b",
                "a`b",
                "a\\b",
                "a?b/c",
                "a=%20",
                "%E2%82%AC",
                "!$&'()*+,;=:@-._~",
            ]
            .into_iter()
            .map(|query| accepted(query, Head::new().query(query)).open())
            .collect(),
        },
        Case {
            id: "https-target",
            group: G,
            section: "RFC 9110 7.4",
            requirements: &["9110-7.4-01"],
            rule: "An https target on a connection without TLS is refused",
            rows: vec![
                refused("https://host/", &[421], Head::new().target("https://{host}{path}")).open(),
            ],
        },
    ]
}
