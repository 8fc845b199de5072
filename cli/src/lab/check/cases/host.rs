//! Host (RFC 9110 §7.2; RFC 9112 §3.2).

use super::super::head::Head;
use super::request::MISDIRECTED;
use super::{Case, Group, accepted, refused};

const G: Group = Group::Handshake;

pub(super) fn cases() -> Vec<Case> {
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
                    Head::new().target("{scheme}://{host}{path}").without("Host")
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
                refused("an empty one behind", &[400], Head::new().add("HOST", "")).with_status(),
                refused("an empty one before", &[400], Head::new().raw_first("Host:"))
                    .with_status(),
                refused("three", &[400], Head::new().add("Host", "{host}").add("Host", "{host}"))
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
                "localhost.",
                "[::ffff:192.0.2.1]:80",
            ]
            .into_iter()
            .map(|value| accepted(value, host(value.as_bytes())).open_by(MISDIRECTED))
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
                b"h\xe9",
                b"h\xc3\xa9",
                b"h\0x",
                b"h\rx",
                b"h\r\n :80",
                b"h\x0bx",
                b"h\x7f",
                b"h\tx",
                b"h\x85",
                b"h::80",
                b"h:80 81",
                b"h: 80",
                b"h :80",
                b"h:\xef\xbc\x98\xef\xbc\x90",
                b"h:0x50",
                b"h%4g",
                b"[::1]80",
                b"[::1]]:80",
                b"[[::1]]",
                b"[::g]",
                b"[::12345]",
                b"[::1.2.3]",
                b"[v.x]",
                b"[v1.]",
                b"[v1]",
                b"@h",
                b"h/",
                b"ws://h:80/",
                b"{host}, {host}",
                b"h:80,h:80",
                b"{host}/",
                b"user@{host}",
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
            rows: [(&b""[..], EMPTY_HOST), (b":80", EMPTY_HOST), (b":", EMPTY_HOST)]
                .into_iter()
                .chain([
                    (&b"a,b"[..], MISDIRECTED),
                    (b"h:65536", MISDIRECTED),
                    (b"h:99999", MISDIRECTED),
                ])
                .chain([(&b"[::1%25eth0]"[..], ZONE)])
                .map(|(value, basis)| {
                    let what = value.escape_ascii().to_string();
                    refused(what, &[400], host(value)).open_by(basis)
                })
                .chain([refused("bad beside an absolute target", &[400], {
                    Head::new().target("{scheme}://{host}{path}").set("Host", "a b")
                })
                .open_by(IGNORED)])
                .chain([refused("two beside an absolute target", &[400], {
                    Head::new().target("{scheme}://{host}{path}").add("Host", "{host}")
                })
                .open_by(IGNORED)])
                .collect(),
        },
    ]
}

const EMPTY_HOST: &str =
    "RFC 9112 3.3: where Host has no host a server can also take a configured default";
const ZONE: &str = "RFC 6874 lets an address in a URI have a zone";
const IGNORED: &str =
    "RFC 9112 3.2.2 has Host ignored beside an absolute target, 3.2 has a bad one refused";
