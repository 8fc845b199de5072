//! The request line of an opening handshake: method, target, version (RFC 6455 §4.2.1;
//! RFC 9112 §3).

use super::super::head::Head;
use super::{Answer, Case, Group, Row, accepted, opening, refused};

const G: Group = Group::Handshake;

fn line(line: impl AsRef<[u8]>) -> Head {
    Head::new().line(line)
}

/// A HEAD request that is otherwise this one.
fn head(what: &str, statuses: &'static [u16], head: Head) -> Row {
    opening(what, head.method("HEAD"), Answer::RefuseWith(statuses))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "opening",
            group: G,
            section: "RFC 6455 4.2.2",
            requirements: &[
                "6455-4.2.2-07",
                "6455-4.2.2-20",
                "6455-4.2.2-21",
                "6455-4.2.2-22",
                "6455-4.2.2-23",
                "6455-4.2.2-25",
                "6455-11.3.3-01",
                "9110-7.8-02",
                "9110-7.8-03",
                "9112-6.1-01",
            ],
            rule: "A good opening handshake is answered by 101 with the right accept value",
            rows: [
                "dGhlIHNhbXBsZSBub25jZQ==",
                "AQIDBAUGBwgJCgsMDQ4PEA==",
                "x3JJHMbDL1EzLkh9GBhXDw==",
                "AAAAAAAAAAAAAAAAAAAAAA==",
                "/////////////////////w==",
                "++++++++++++++++++++/g==",
            ]
            .into_iter()
            .map(|key| accepted(format!("key {key}"), Head::new().set("Sec-WebSocket-Key", key)))
            .collect(),
        },
        Case {
            id: "nothing-unasked",
            group: G,
            section: "RFC 6455 4.2.2",
            requirements: &[
                "6455-4.2.1-37",
                "6455-4.2.2-12",
                "6455-4.2.2-18",
                "6455-9-02",
                "6455-4.2.1-36",
            ],
            rule: "Without an offer no subprotocol and no extension is answered",
            rows: vec![accepted("no offers, no Origin", Head::new())],
        },
        Case {
            id: "field-order",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-38", "6455-4.2.1-39"],
            rule: "Unknown fields, their order and the case of names mean nothing",
            rows: vec![
                accepted("an unknown field", Head::new().add("X-Anything", "1")),
                accepted("turned round", Head::new().reversed()),
                accepted("a field without a value", Head::new().raw("X-Empty:")),
                accepted("colons in a value", Head::new().add("X", ":a:b:")),
                accepted("TE and more", {
                    Head::new().add("TE", "trailers").add("Trailer", "X").add("Max-Forwards", "3")
                }),
                accepted("what a browser sends", browser()),
                accepted("names in another case", {
                    let key = Head::new().value("Sec-WebSocket-Key").unwrap_or_default();
                    let line = [&b"sEC-wEBsOCKET-kEY: "[..], &key].concat();
                    Head::new().without("Sec-WebSocket-Key").raw(line)
                }),
            ],
        },
        Case {
            id: "credentials",
            group: G,
            section: "RFC 6455 10.5",
            requirements: &["6455-10.5-01"],
            rule: "Credentials do not disturb",
            rows: vec![
                accepted("Authorization and Cookie", {
                    Head::new().add("Authorization", "Basic eDp5").add("Cookie", "a=b; c=\"d\"")
                })
                .open(),
            ],
        },
        Case {
            id: "higher-minor-version",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-07"],
            rule: "A higher minor version is read as 1.1",
            rows: vec![
                accepted("HTTP/1.2", line("GET {path} HTTP/1.2")).open(),
                accepted("HTTP/1.9", line("GET {path} HTTP/1.9")).open(),
            ],
        },
        Case {
            id: "http-1-0",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-06", "9110-7.8-04"],
            rule: "HTTP/1.0 cannot upgrade",
            rows: vec![refused("HTTP/1.0", &[400], line("GET {path} HTTP/1.0"))],
        },
        Case {
            id: "http-2-in-a-line",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-08", "9110-15.6.6-01"],
            rule: "Another major version in a request line is refused as such",
            rows: vec![
                refused("HTTP/2.0", &[505], line("GET {path} HTTP/2.0")).open(),
                refused("HTTP/3.0", &[505], line("GET {path} HTTP/3.0")).open(),
            ],
        },
        Case {
            id: "no-version",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-09"],
            rule: "A request line without a version, or with a lower one, is no HTTP/1.1",
            rows: vec![
                refused("no version", &[400], line("GET {path}")),
                refused("HTTP/0.9", &[400, 505], line("GET {path} HTTP/0.9")),
            ],
        },
        Case {
            id: "version-token",
            group: G,
            section: "RFC 9112 2.3",
            requirements: &["6455-4.2.1-10"],
            rule: "The version is HTTP/DIGIT.DIGIT, in this case",
            rows: [
                "http/1.1",
                "HTTP/1.10",
                "HTTP/01.1",
                "HTTP/1.",
                "HTTP/1",
                "HTTP/1,1",
                "HTTP/.1",
                "HTTP/1.1x",
                "HTP/1.1",
                "HTTPS/1.1",
                "HTTP /1.1",
                "HTTP/1 .1",
                "HTTP/a.b",
                "Http/1.1",
                "HTTP/+1.1",
            ]
            .into_iter()
            .map(|version| refused(version, &[400], line(format!("GET {{path}} {version}"))).open())
            .collect(),
        },
        Case {
            id: "method-known",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-02"],
            rule: "Only a GET can open",
            rows: ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"]
                .into_iter()
                .map(|method| refused(method, &[405], Head::new().method(method)))
                .collect(),
        },
        Case {
            id: "fields-of-a-405",
            group: G,
            section: "RFC 9110 15.5.6",
            requirements: &["9110-15.5.6-01"],
            rule: "A 405 carries Allow",
            rows: vec![opening("POST", Head::new().method("POST"), Answer::RefuseWith(&[405]))],
        },
        Case {
            id: "method-unknown",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-03", "6455-4.2.1-04", "9110-9.1-01", "9112-3-04"],
            rule: "Another method does not open, nor does get",
            rows: ["FOO", "BREW", "get", "Get", "gET", "GETT", "GE", "POST2", "!#$%&'*+-.^_`|~"]
                .into_iter()
                .map(|method| refused(method, &[501], Head::new().method(method)))
                .chain([refused("256 letters", &[501], Head::new().method(&"M".repeat(256)))])
                .collect(),
        },
        Case {
            id: "head",
            group: G,
            section: "RFC 9110 9.3.2",
            requirements: &["6455-4.2.1-05", "9110-9.3.2-01"],
            rule: "HEAD does not open, and its answer has no content",
            rows: vec![
                head("HEAD", &[405], Head::new()),
                head("without Upgrade", &[405], Head::new().without("Upgrade")),
                head("an expectation", &[417], Head::new().add("Expect", "foo")),
                opening("HTTP/2.0", line("HEAD {path} HTTP/2.0"), Answer::RefuseWith(&[505]))
                    .open(),
            ],
        },
        Case {
            id: "head-bad",
            group: G,
            section: "RFC 9110 9.3.2",
            requirements: &["9110-9.3.2-01"],
            rule: "The answer to a HEAD that is faulty has best no content either",
            rows: vec![
                head("no Host", &[400], Head::new().without("Host")).open(),
                head("a bad field", &[400], Head::new().raw("no colon")).open(),
                head("a repeated Host", &[400], Head::new().add("Host", "h")).open(),
                head("a bad coding", &[400], {
                    Head::new().add("Transfer-Encoding", "chunked, foo")
                })
                .open(),
            ],
        },
        Case {
            id: "query",
            group: G,
            section: "RFC 6455 3",
            requirements: &["6455-3-02", "6455-4.2.1-11"],
            rule: "A query is not part of the path",
            rows: vec![
                accepted("room=1", Head::new().query("room=1")).open(),
                accepted("an empty one", Head::new().query("")).open(),
            ],
        },
        Case {
            id: "fragment",
            group: G,
            section: "RFC 6455 3",
            requirements: &["6455-3-01"],
            rule: "A request-target has no fragment",
            rows: vec![refused("a fragment", &[400], Head::new().target("{path}#frag")).open()],
        },
        Case {
            id: "absolute-form",
            group: G,
            section: "RFC 9112 3.2.2",
            requirements: &["6455-4.2.1-12", "9112-3.2.2-01"],
            rule: "The absolute form of the target is accepted",
            rows: vec![
                accepted("http://host/", Head::new().target("http://{host}{path}")),
                accepted("HTTP://host/", Head::new().target("HTTP://{host}{path}")),
            ],
        },
    ]
}

fn browser() -> Head {
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101";
    Head::new()
        .add("User-Agent", agent)
        .add("Accept", "*/*")
        .add("Accept-Language", "en-US,en;q=0.5")
        .add("Accept-Encoding", "gzip, deflate, br, zstd")
        .add("Origin", "http://{host}")
        .set("Connection", "keep-alive, Upgrade")
        .add("Sec-Fetch-Dest", "empty")
        .add("Pragma", "no-cache")
        .add("Cache-Control", "no-cache")
}
