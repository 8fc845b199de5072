//! Host, body framing and expectations of a request (RFC 9110, RFC 9112).

use super::super::head::Head;
use super::{Answer, Case, Group, accepted, opening, refused};

const G: Group = Group::Handshake;

pub(super) fn cases() -> Vec<Case> {
    [host(), body(), expectations()].into_iter().flatten().collect()
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
            section: "RFC 9112 6.1",
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
                })
                .open(),
                refused("5 and chunked", &[400], {
                    length("5").add("Transfer-Encoding", "chunked").followed_by("0\r\n\r\n")
                })
                .open(),
            ],
        },
        Case {
            id: "coding-in-http-1-0",
            group: G,
            section: "RFC 9112 6.1",
            requirements: &["9112-6.1-04"],
            rule: "Transfer-Encoding in HTTP/1.0 is faulty",
            rows: vec![
                refused("chunked", &[400], coding("chunked").line("GET {path} HTTP/1.0")).open(),
            ],
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
