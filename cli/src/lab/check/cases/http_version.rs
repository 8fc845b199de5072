//! The version of HTTP in the request line (RFC 6455 §4.2.1; RFC 9110 §6.2, §7.8; RFC 9112 §2.3).

use super::super::head::Head;
use super::{Case, Group, accepted, refused};

const G: Group = Group::Handshake;

fn line(line: impl AsRef<[u8]>) -> Head {
    Head::new().line(line)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "higher-minor-version",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-07"],
            rule: "A higher minor version is read as 1.1",
            rows: vec![
                accepted("HTTP/1.2", line("GET {path} HTTP/1.2")).open_by(HIGHER_MINOR),
                accepted("HTTP/1.9", line("GET {path} HTTP/1.9")).open_by(HIGHER_MINOR),
            ],
        },
        Case {
            id: "http-1-0",
            group: G,
            section: "RFC 9110 7.8",
            requirements: &["6455-4.2.1-06", "9110-7.8-04"],
            rule: "A server ignores Upgrade in HTTP/1.0, so such a request opens nothing",
            rows: vec![
                refused("HTTP/1.0", &[400], line("GET {path} HTTP/1.0")),
                refused("kept alive", &[400], {
                    line("GET {path} HTTP/1.0").set("Connection", "keep-alive, Upgrade")
                }),
                refused("without Host", &[400], line("GET {path} HTTP/1.0").without("Host")),
                refused("with an expectation", &[400], {
                    line("GET {path} HTTP/1.0").add("Expect", "100-continue")
                }),
                refused("an absolute target", &[400], line("GET {scheme}://{host}{path} HTTP/1.0")),
            ],
        },
        Case {
            id: "http-2-in-a-line",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-08", "9110-15.6.6-01"],
            rule: "Another major version in a request line is refused as such",
            rows: vec![
                refused("HTTP/2.0", &[505], line("GET {path} HTTP/2.0")).open_by(OTHER_MAJOR),
                refused("HTTP/3.0", &[505], line("GET {path} HTTP/3.0")).open_by(OTHER_MAJOR),
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
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-10"],
            rule: "A request whose version is not HTTP/DIGIT.DIGIT is no HTTP/1.1 request",
            rows: [
                "HTTP/1.",
                "HTTP/1",
                "HTTP/1,1",
                "HTTP/.1",
                "HTTP/1.1x",
                "HTP/1.1",
                "HTTPS/1.1",
                "HTTP/a.b",
                "HTTP/+1.1",
                "HTTP/1.-1",
                "HTTP1.1",
                "HTTP-1.1",
                "XHTTP/1.1",
                "WebSocket/1.1",
                "HTTP/1.1\0",
                "HTTP/1.1\0x",
                "1.1",
            ]
            .into_iter()
            .map(|version| {
                let what = version.escape_debug().to_string();
                refused(what, &[400], line(format!("GET {{path}} {version}")))
            })
            .collect(),
        },
        Case {
            id: "version-spelling",
            group: G,
            section: "RFC 9112 2.3",
            requirements: &["6455-4.2.1-10"],
            rule: "Other spellings of HTTP/1.1 are best refused",
            rows: ["http/1.1", "Http/1.1", "HTTP/1.10", "HTTP/01.1", "HTTP /1.1", "HTTP/1 .1"]
                .into_iter()
                .map(|version| {
                    refused(version, &[400], line(format!("GET {{path}} {version}")))
                        .open_by(OLD_VERSIONS)
                })
                .collect(),
        },
    ]
}

const HIGHER_MINOR: &str =
    "RFC 9110 6.2: reading a higher minor version as the highest known one is a SHOULD";
const OTHER_MAJOR: &str =
    "RFC 9110 6.2: a server can answer another major version with 505, it need not";
const OLD_VERSIONS: &str =
    "RFC 2616 2.1 and 3.1, on which RFC 6455 is built, took any case, more digits, and space here";
