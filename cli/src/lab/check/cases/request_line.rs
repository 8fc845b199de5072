//! The request line as a line, and the forms of its target (RFC 9112 §3; RFC 9110 §4.2, §7.4).

use super::super::head::Head;
use super::request::{INVALID_TARGET, RESOURCE};
use super::{Case, Group, accepted, refused};

const G: Group = Group::Handshake;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "request-line",
            group: G,
            section: "RFC 9112 3",
            requirements: &["9112-3-01", "6455-4.1-01"],
            rule: "Between method, target and version stands one space; anything else is best refused",
            rows: [
                "GET  {path} HTTP/1.1",
                "GET {path}  HTTP/1.1",
                "GET\t{path} HTTP/1.1",
                "GET {path}\tHTTP/1.1",
                "GET {path} HTTP/1.1 ",
                " GET {path} HTTP/1.1",
                "GET {path} HTTP/1.1\t",
                "GET \x0b{path} HTTP/1.1",
                "GET\x0c{path} HTTP/1.1",
            ]
            .into_iter()
            .map(|line| {
                let what = line.escape_debug().to_string();
                refused(what, &[400], Head::new().line(line)).open_by(WORDS)
            })
            .chain(
                ["GET {path} {path} HTTP/1.1", "GET {path}a b HTTP/1.1", "GET {path}\0 HTTP/1.1"]
                    .map(|line| {
                        let what = line.escape_debug().to_string();
                        refused(what, &[400], Head::new().line(line)).open_by(INVALID_TARGET)
                    }),
            )
            .collect(),
        },
        Case {
            id: "no-request-line",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["9112-3-01", "6455-4.1-01"],
            rule: "What is no GET with a target and a version opens nothing",
            rows: [
                "GET",
                "GET ",
                "GET {path}",
                "{path} HTTP/1.1",
                "GET HTTP/1.1",
                "HTTP/1.1 GET {path}",
                "{path} GET HTTP/1.1",
                "G@T {path} HTTP/1.1",
                "(GET) {path} HTTP/1.1",
                "GET: {path} HTTP/1.1",
                "GET:{path} HTTP/1.1",
                "GET{path} HTTP/1.1",
                "G\u{395}T {path} HTTP/1.1",
                "G ET {path} HTTP/1.1",
                "G\0ET {path} HTTP/1.1",
                "GET\0{path} HTTP/1.1",
                "HTTP/1.1 101 Switching Protocols",
                "Host: {host}",
                "",
            ]
            .into_iter()
            .map(|line| {
                let what = line.escape_debug().to_string();
                refused(what, &[400], Head::new().line(line))
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
                b"example.com:80",
                b"example.com",
                b"http:/echo",
                b"http:",
                b"http://h:99999/",
                b"http://u@h/",
                b"http://u:p@{host}/",
                b"http://@{host}/",
                b"http://h /",
                b"http://h:8o/",
                b"http://[::1/",
                b"http://h/a<b",
                b"http://h/#f",
            ]
            .into_iter()
            .map(|target| {
                let what = target.escape_ascii().to_string();
                refused(what, &[400], Head::new().target(target)).open_by(INVALID_TARGET)
            })
            // RFC 9112 §3.2.4 has this form for OPTIONS alone, and RFC 6455 §4.2.1 wants a resource name.
            .chain([refused("*", &[400], Head::new().target("*"))])
            .collect(),
        },
        Case {
            id: "target-without-a-host",
            group: G,
            section: "RFC 9110 4.2.1",
            requirements: &["9112-3.2-04"],
            rule: "An http target whose host is empty is rejected as invalid",
            rows: [
                "http:///",
                "http:///echo",
                "http://",
                "http://:80/",
                "HTTP:///",
                "http://?x",
                "http://:/",
            ]
            .into_iter()
            .map(|target| refused(target, &[400], Head::new().target(target)))
            .collect(),
        },
        Case {
            id: "target-of-another-scheme",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["9112-3.2-04"],
            rule: "The target is a path or an http or https URI, and of no other scheme",
            rows: [
                "ftp://{host}{path}",
                "mailto:a@b",
                "file://{host}{path}",
                "httpx://{host}{path}",
            ]
            .into_iter()
            .map(|target| refused(target, &[400], Head::new().target(target)))
            .collect(),
        },
        Case {
            id: "target-of-websockets",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["9112-3.2-04"],
            rule: "A ws or wss URI is best refused as a target",
            rows: ["ws://{host}{path}", "wss://{host}{path}"]
                .into_iter()
                .map(|target| refused(target, &[400], Head::new().target(target)).open_by(EQUALS))
                .collect(),
        },
        Case {
            id: "query-octets",
            group: G,
            section: "RFC 9112 3.2",
            requirements: &["9112-3.2-04"],
            rule: "What browsers send raw in a query is taken",
            rows: ["ids[]=1&f={a|b}", "a^b", "a`b", "a\\b"]
                .into_iter()
                .map(|query| accepted(query, Head::new().query(query)).open_by(INVALID_TARGET))
                .chain(
                    ["a?b/c", "a=%20", "%E2%82%AC", "!$&'()*+,;=:@-._~", "%00%0d%0a"]
                        .map(|query| accepted(query, Head::new().query(query)).open_by(RESOURCE)),
                )
                .collect(),
        },
        Case {
            id: "https-target",
            group: G,
            section: "RFC 9110 7.4",
            requirements: &["9110-7.4-01"],
            rule: "A request for an https resource is rejected on a connection without TLS",
            rows: vec![
                refused("https://host/", &[421], Head::new().target("https://{host}{path}")),
                refused("HTTPS://host/", &[421], Head::new().target("HTTPS://{host}{path}")),
                refused("another Host", &[421], {
                    Head::new().target("https://{host}{path}").set("Host", "other.example")
                }),
                refused("another host", &[421], {
                    Head::new().target("https://other.example{path}").set("Host", "other.example")
                }),
            ],
        },
    ]
}

const EQUALS: &str =
    "RFC 6455 4.2.1 names http and https; ws and wss may be taken for their equals";
const WORDS: &str =
    "RFC 9112 3: a recipient may split the request line at any space, and ignore space around it";
