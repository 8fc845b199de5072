//! The request as an HTTP/1.1 message: line ends, field lines, Host, target forms, body framing
//! (RFC 9110, RFC 9112).

use super::super::head::{Head, SAMPLE_KEY};
use super::{Answer, Case, Group, Row, accepted, opening, refused};

const G: Group = Group::Handshake;

/// The head with its bytes changed.
fn bytes(change: impl Fn(&str) -> String) -> Head {
    let text = String::from_utf8_lossy(&Head::new().bytes_for("{path}", "{host}")).into_owned();
    let changed = change(&text);
    Head::verbatim(changed.as_bytes())
}

pub(super) fn cases() -> Vec<Case> {
    [lines(), fields(), request_line(), host(), body(), expectations()]
        .into_iter()
        .flatten()
        .collect()
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

fn host() -> Vec<Case> {
    let host = |value: &[u8]| Head::new().set("Host", value);
    vec![
        Case {
            id: "host-missing",
            group: G,
            section: "RFC 9112 3.2",
            requirements: &["9112-3.2-01", "6455-4.2.1-13"],
            rule: "A request without Host gets 400",
            rows: vec![
                refused("no Host", &[400], Head::new().without("Host")).with_status(),
                refused("an absolute target", &[400], {
                    Head::new().target("http://{host}{path}").without("Host")
                })
                .with_status(),
            ],
        },
        Case {
            id: "host-twice",
            group: G,
            section: "RFC 9112 3.2",
            requirements: &["9112-3.2-02", "6455-4.2.1-40"],
            rule: "A request with two Host lines gets 400",
            rows: vec![
                refused("two equal", &[400], Head::new().add("Host", "{host}")).with_status(),
                refused("two different", &[400], Head::new().raw_first("host: example.com"))
                    .with_status(),
            ],
        },
        Case {
            id: "host-valid",
            group: G,
            section: "RFC 9110 7.2",
            requirements: &["9110-7.2-01"],
            rule: "A valid Host is taken, where the server does not know better",
            rows: [
                "example.com",
                "EXAMPLE.com",
                "example.com:",
                "example.com:80",
                "h:65535",
                "[::1]",
                "[::1]:9001",
                "127.0.0.1:9001",
                "a_b.example",
                "xn--bcher-kva.example",
                "a-b.c~d!$&'()*+;=",
                "%41.example",
                "localhost",
            ]
            .into_iter()
            .map(|value| accepted(value, host(value.as_bytes())).open())
            .collect(),
        },
        Case {
            id: "host-invalid",
            group: G,
            section: "RFC 9112 3.2",
            requirements: &["9112-3.2-03"],
            rule: "A Host that is no host and port gets 400",
            rows: [
                &b"user@h"[..],
                b"h/x",
                b"a b",
                b"[::1",
                b"::1]",
                b"h:+80",
                b"h:8o",
                b"h:-1",
                b"a, b",
                b"h?x",
                b"h#x",
                b"[::1]x",
                b"[zz]",
                b"[1.2.3.4]",
                b"[]",
                b"h\\x",
                b"\"h\"",
                b"<h>",
                b"%zz",
                b"h%",
                b"h:80:80",
                b"[::1]:x",
                b"http://h",
                b"h{x}",
                b"h|x",
                b"h^x",
                b"h`x",
                b"[1:2:3:4:5:6:7:8:9]",
                b"[::1::2]",
            ]
            .into_iter()
            .map(|value| {
                refused(value.escape_ascii().to_string(), &[400], host(value)).with_status()
            })
            .collect(),
        },
        Case {
            id: "host-doubtful",
            group: G,
            section: "RFC 9112 3.2",
            requirements: &["9110-7.2-01", "9112-3.2-03"],
            rule: "A Host that nobody can mean is best refused",
            rows: [&b""[..], b":80", b"a,b", b"h:65536", b"h:99999", b"h\xe9", b"[::1%25eth0]"]
                .into_iter()
                .map(|value| refused(value.escape_ascii().to_string(), &[400], host(value)).open())
                .chain([refused("bad beside an absolute target", &[400], {
                    Head::new().target("http://{host}{path}").set("Host", "a b")
                })
                .open()])
                .collect(),
        },
    ]
}

fn body() -> Vec<Case> {
    let length = |value: &str| Head::new().add("Content-Length", value);
    let coding = |value: &str| Head::new().add("Transfer-Encoding", value);
    vec![
        Case {
            id: "content-length-0",
            group: G,
            section: "RFC 9112 6.3",
            requirements: &["9112-6.3-03"],
            rule: "Content-Length: 0 is no content",
            rows: vec![accepted("0", length("0")).open()],
        },
        Case {
            id: "content",
            group: G,
            section: "RFC 9110 9.3.1",
            requirements: &["9110-9.3.1-01", "9112-9.3-01"],
            rule: "A handshake with content is best refused",
            rows: vec![
                refused("5 bytes", &[400], length("5").followed_by("hello")).open(),
                refused("5 bytes to come", &[400], length("5")).open(),
                refused("18446744073709551615", &[400], length("18446744073709551615")).open(),
                refused("chunked", &[400], coding("chunked").followed_by("0\r\n\r\n")).open(),
                refused("CHUNKED", &[400], coding("CHUNKED").followed_by("0\r\n\r\n")).open(),
            ],
        },
        Case {
            id: "content-length-invalid",
            group: G,
            section: "RFC 9112 6.3",
            requirements: &["9112-6.3-02"],
            rule: "A Content-Length that is no number gets 400",
            rows: [
                "abc", "+0", "-1", "-0", "5, 6", "0,", "", "0x0", "0 0", "1e3", "0.0", "\"0\"",
                "0;",
            ]
            .into_iter()
            .map(|value| refused(value, &[400], length(value)).with_status())
            .chain([refused("two that differ", &[400], length("0").add("Content-Length", "5"))
                .with_status()])
            .collect(),
        },
        Case {
            id: "content-length-doubtful",
            group: G,
            section: "RFC 9112 6.3",
            requirements: &["9112-6.3-02"],
            rule: "A Content-Length repeated or beyond counting is best refused",
            rows: ["0, 0", "99999999999999999999999", "18446744073709551616"]
                .into_iter()
                .map(|value| refused(value, &[400], length(value)).open())
                .chain([refused("two lines of 0", &[400], length("0").add("Content-Length", "0"))
                    .open()])
                .collect(),
        },
        Case {
            id: "coding-not-chunked",
            group: G,
            section: "RFC 9112 6.3",
            requirements: &["9112-6.3-01"],
            rule: "A request whose last coding is not chunked gets 400",
            rows: ["chunked, gzip", "gzip", "foo", "xchunked", "chunked, foo"]
                .into_iter()
                .map(|value| refused(value, &[400], coding(value)).with_status())
                .collect(),
        },
        Case {
            id: "coding-unknown",
            group: G,
            section: "RFC 9112 6.1",
            requirements: &["9112-6.1-03"],
            rule: "An unknown coding before chunked gets 501",
            rows: vec![
                refused("foo, chunked", &[501], coding("foo, chunked")).open(),
                refused("over two lines", &[501], {
                    coding("foo").add("Transfer-Encoding", "chunked")
                })
                .open(),
                refused("chunked, chunked", &[400, 501], coding("chunked, chunked")).open(),
                refused("gzip, chunked", &[400, 501], coding("gzip, chunked")).open(),
            ],
        },
        Case {
            id: "coding-malformed",
            group: G,
            section: "RFC 9112 6.",
            requirements: &["9112-6.3-01"],
            rule: "A coding that is none is best refused",
            rows: ["identity", "", ",", "chunked;", "foo bar, chunked", "chunked;q=\"", "foo;a"]
                .into_iter()
                .map(|value| refused(value, &[400], coding(value)).open())
                .collect(),
        },
        Case {
            id: "length-and-coding",
            group: G,
            section: "RFC 9112 6.1",
            requirements: &["9112-6.1-02"],
            rule: "After a request with Content-Length and Transfer-Encoding the connection ends",
            rows: vec![
                refused("chunked and 0", &[400], {
                    coding("chunked").add("Content-Length", "0").followed_by("0\r\n\r\n")
                }),
                refused("5 and chunked", &[400], {
                    length("5").add("Transfer-Encoding", "chunked").followed_by("0\r\n\r\n")
                }),
            ],
        },
        Case {
            id: "coding-in-http-1-0",
            group: G,
            section: "RFC 9112 6.1",
            requirements: &["9112-6.1-04"],
            rule: "Transfer-Encoding in HTTP/1.0 is faulty",
            rows: vec![refused("chunked", &[400], coding("chunked").line("GET {path} HTTP/1.0"))],
        },
    ]
}

fn expectations() -> Vec<Case> {
    let expect = |value: &str| Head::new().add("Expect", value);
    vec![
        Case {
            id: "expect-continue",
            group: G,
            section: "RFC 9110 7.8",
            requirements: &["9110-7.8-05"],
            rule: "Expect: 100-continue gets 100 before 101",
            rows: ["100-continue", "100-Continue"]
                .into_iter()
                .map(|value| opening(value, expect(value), Answer::ContinueAndAccept).open())
                .collect(),
        },
        Case {
            id: "expect-other",
            group: G,
            section: "RFC 9110 10.1.1",
            requirements: &["9110-10.1.1-01"],
            rule: "An expectation that nobody knows gets 417",
            rows: ["foo", "100-continue, foo", "200-ok", "100-continue=1", "100"]
                .into_iter()
                .map(|value| refused(value, &[417], expect(value)).open())
                .collect(),
        },
    ]
}
