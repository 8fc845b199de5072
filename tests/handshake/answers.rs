//! What every answer has, whatever the request (RFC 6455 §4.2.2, RFC 9110, RFC 9112).

use super::*;
use stickler::proto::handshake::{AcceptKey, FieldError};

/// Status line, field lines and content of a response.
fn split(bytes: &[u8]) -> (&str, Vec<&str>, &str) {
    let text = core::str::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(!head.replace("\r\n", "").contains(['\r', '\n', '\0']));
    let mut lines = head.split("\r\n");
    (lines.next().unwrap(), lines.collect(), body)
}

pub(crate) fn check_open(bytes: &[u8], extra: &[&str], context: &str) {
    claims!(
        "6455-4.2.2-20",
        "6455-4.2.2-21",
        "6455-4.2.2-22",
        "6455-4.2.2-23",
        "6455-4.2.2-25",
        "6455-4.2.2-27",
        "6455-4.3-09",
        "6455-11.3.3-01",
        "9110-7.8-02",
        "9110-7.8-03",
        "9112-6.1-01"
    );
    let text = core::str::from_utf8(bytes).unwrap();
    // RFC 9110 §7.8: of the two answers, 100 comes first.
    let (continues, extra) = match extra.split_first() {
        Some((&"100", rest)) => (true, rest),
        _ => (false, extra),
    };
    let text = match text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n") {
        Some(rest) if continues => rest,
        None if !continues => text,
        _ => panic!("{context}"),
    };
    let (status, lines, body) = split(text.as_bytes());
    assert_eq!(status, "HTTP/1.1 101 Switching Protocols", "{context}");
    assert_eq!(body, "", "{context}");
    let (fixed, more) = lines.split_at(3);
    assert_eq!(fixed[..2], ["Upgrade: websocket", "Connection: Upgrade"], "{context}");
    let accept = ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "C/0nmHhBztSRGR1CwL6Tf4ZjwpY="];
    let value = fixed[2].strip_prefix("Sec-WebSocket-Accept: ").unwrap();
    assert!(accept.contains(&value), "{context}");
    assert_eq!(more, extra, "{context}");
}

pub(crate) fn check_refused(bytes: &[u8], refusal: &Refusal, fields: &[&str], context: &str) {
    claims!(
        "6455-4.2.1-01",
        "6455-4.2.2-24",
        "6455-4.2.2-28",
        "6455-4.3-08",
        "6455-4.4-01",
        "6455-10.7-02",
        "6455-11.3.5-02",
        "9110-6.6.1-01",
        "9110-7.8-02",
        "9110-7.8-03",
        "9110-15.5.6-01",
        "9112-6.3-05",
        "9112-9.3-01",
        "9112-9.6-01"
    );
    let (status, lines, body) = split(bytes);
    let code = refusal.rejection.status();
    let phrase =
        status.strip_prefix(&format!("HTTP/1.1 {code} ")).unwrap_or_else(|| panic!("{context}"));
    assert!(!phrase.is_empty(), "{context}");
    let mut names: Vec<_> = lines.iter().map(|line| line.split_once(": ").unwrap().0).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "a field twice: {context}");
    for field in fields {
        assert!(lines.contains(field), "{field} missing: {context}");
    }
    let has = |line: &str| lines.contains(&line);
    assert!(has(&format!("Date: {DATE}")), "{context}");
    assert!(has("Content-Type: text/plain; charset=utf-8"), "{context}");
    assert!(
        has(if code == 426 { "Connection: Upgrade, close" } else { "Connection: close" }),
        "{context}"
    );
    assert_eq!(has("Upgrade: websocket"), code == 426, "{context}");
    assert_eq!(has("Allow: GET"), code == 405, "{context}");
    assert_eq!(names.contains(&"Retry-After"), [429, 503].contains(&code), "{context}");
    assert_eq!(has("Sec-WebSocket-Version: 13"), refusal.rejection.lists_versions(), "{context}");
    assert!(!names.contains(&"Sec-WebSocket-Accept"), "{context}");
    // RFC 9110 §9.3.2: to HEAD, the length of what is not there.
    let expect = refusal.body();
    assert!(expect.starts_with(refusal.rejection.section()) && expect.len() < 160, "{context}");
    assert!(has(&format!("Content-Length: {}", expect.len())), "{context}");
    assert_eq!(body, if refusal.head_only { "" } else { &expect }, "{context}");
}

#[test]
fn s6455_4_4_versions_are_listed_where_the_version_or_the_upgrade_is_wrong() {
    claims!("6455-4.2.2-08", "6455-4.4-01");
    use Rejection::*;
    for rejection in Rejection::ALL {
        let lists = matches!(
            rejection,
            UpgradeRequired
                | VersionMissing
                | VersionRepeated
                | VersionMalformed
                | VersionUnsupported
        );
        assert_eq!(rejection.lists_versions(), lists, "{rejection:?}");
        let shown = format!("{}: {}", rejection.section(), rejection.sentence());
        assert_eq!(rejection.to_string(), shown);
    }
}

/// Without a clock that can be right there is no Date, and nothing else is missing.
#[test]
fn s9110_6_6_1_an_answer_without_a_clock_has_no_date() {
    for &rejection in Rejection::ALL {
        let (mut dated, mut undated) = (Vec::new(), Vec::new());
        Refusal::from(rejection).encode(DATE, &mut dated);
        Refusal::from(rejection).encode(None, &mut undated);
        let dated = String::from_utf8(dated).unwrap();
        assert!(dated.contains(&format!("\r\nDate: {DATE}\r\n")), "{dated}");
        let without = dated.replace(&format!("Date: {DATE}\r\n"), "");
        assert_eq!(String::from_utf8(undated).unwrap(), without);
    }
}

#[test]
fn every_rejection_makes_a_whole_answer() {
    claims!("9110-15.5.9-01", "9110-15.6.4-01");
    for &rejection in Rejection::ALL {
        for received in [&b"GET / HTT"[..], b"HEAD / H", b"HEAD", b"", b"\r\nHEAD\t"] {
            let refusal = Refusal::of(rejection, received);
            let mut bytes = Vec::new();
            refusal.encode(DATE, &mut bytes);
            check_refused(&bytes, &refusal, &[], &format!("{rejection:?}"));
            assert_eq!(
                refusal.head_only,
                received.len() > 4 && received.windows(4).any(|window| window == b"HEAD")
            );
        }
    }
}

#[test]
fn s6455_4_2_2_accept_hashes_the_key_as_text() {
    claims!("6455-4.2.2-07", "6455-4.2.2-23");
    assert_eq!(AcceptKey::of(b"AQIDBAUGBwgJCgsMDQ4PEA==").as_str(), "C/0nmHhBztSRGR1CwL6Tf4ZjwpY=");
}

#[test]
fn s6455_4_2_2_fields_of_the_application_cannot_split_the_answer() {
    claims!("6455-4.2.2-29");
    for (name, value, expect) in [
        ("X-Note", "a b", Ok(())),
        ("Set-Cookie", "a=b", Ok(())),
        ("X-Empty", "", Ok(())),
        ("X-Text", "caf\u{e9}", Ok(())),
        ("X-Note", "a\r\nSet-Cookie: b", Err(FieldError::ValueInvalid)),
        ("X-Note", "a\rb", Err(FieldError::ValueInvalid)),
        ("X-Note", "a\nb", Err(FieldError::ValueInvalid)),
        ("X-Note", "a\0b", Err(FieldError::ValueInvalid)),
        ("X-Note", "a\u{7f}", Err(FieldError::ValueInvalid)),
        ("X-Note", " a", Err(FieldError::ValueInvalid)),
        ("X-Note", "a\t", Err(FieldError::ValueInvalid)),
        ("", "a", Err(FieldError::NameInvalid)),
        ("X Note", "a", Err(FieldError::NameInvalid)),
        ("X:", "a", Err(FieldError::NameInvalid)),
        ("X\r\nY", "a", Err(FieldError::NameInvalid)),
        ("content-LENGTH", "0", Err(FieldError::NameReserved)),
        ("Transfer-Encoding", "chunked", Err(FieldError::NameReserved)),
        ("Connection", "keep-alive", Err(FieldError::NameReserved)),
        ("Date", DATE, Err(FieldError::NameReserved)),
        ("Upgrade", "h2c", Err(FieldError::NameReserved)),
        ("Trailer", "X", Err(FieldError::NameReserved)),
        ("sec-websocket-accept", "x", Err(FieldError::NameReserved)),
        ("Sec-WebSocket-Extensions", "x", Err(FieldError::NameReserved)),
    ] {
        assert_eq!(ResponseFields::new().insert(name, value), expect, "{name:?}: {value:?}");
        assert_eq!(Response::new(400).unwrap().insert(name, value), expect, "{name:?}: {value:?}");
    }
}

#[test]
fn s6455_4_2_2_the_application_may_answer_with_any_final_status() {
    claims!("6455-4.2.2-03", "6455-4.2.2-04");
    for status in [0, 99, 100, 101, 199, 600, 1000] {
        assert!(Response::new(status).is_err(), "{status}");
    }
    for status in 200..=599 {
        let response = Response::new(status).unwrap().with_body("no");
        assert_eq!(response.status(), status);
        for head_only in [false, true] {
            let mut bytes = Vec::new();
            response.encode(DATE, head_only, &mut bytes);
            let (line, lines, body) = split(&bytes);
            assert!(line.starts_with(&format!("HTTP/1.1 {status} ")));
            let empty = matches!(status, 204 | 205 | 304);
            assert_eq!(body, if empty || head_only { "" } else { "no" });
            let length = lines.iter().find(|line| line.starts_with("Content-Length"));
            let expect = match status {
                204 | 304 => None,
                205 => Some(&"Content-Length: 0"),
                _ => Some(&"Content-Length: 2"),
            };
            assert_eq!(length, expect, "{status}");
        }
    }
}

/// RFC 9110 §15 and the register of IANA: what the status is called; one that has no name is called by its
/// class (RFC 9110 §15).
#[test]
fn s9112_4_a_status_line_calls_the_status_by_its_name() {
    let names = [
        (200, "OK"),
        (201, "Created"),
        (202, "Accepted"),
        (203, "Non-Authoritative Information"),
        (204, "No Content"),
        (205, "Reset Content"),
        (206, "Partial Content"),
        (207, "Multi-Status"),
        (208, "Already Reported"),
        (226, "IM Used"),
        (300, "Multiple Choices"),
        (301, "Moved Permanently"),
        (302, "Found"),
        (303, "See Other"),
        (304, "Not Modified"),
        (305, "Use Proxy"),
        (307, "Temporary Redirect"),
        (308, "Permanent Redirect"),
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (402, "Payment Required"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (406, "Not Acceptable"),
        (407, "Proxy Authentication Required"),
        (408, "Request Timeout"),
        (409, "Conflict"),
        (410, "Gone"),
        (411, "Length Required"),
        (412, "Precondition Failed"),
        (413, "Content Too Large"),
        (414, "URI Too Long"),
        (415, "Unsupported Media Type"),
        (416, "Range Not Satisfiable"),
        (417, "Expectation Failed"),
        (418, "I'm a teapot"),
        (421, "Misdirected Request"),
        (422, "Unprocessable Content"),
        (423, "Locked"),
        (424, "Failed Dependency"),
        (425, "Too Early"),
        (426, "Upgrade Required"),
        (428, "Precondition Required"),
        (429, "Too Many Requests"),
        (431, "Request Header Fields Too Large"),
        (451, "Unavailable For Legal Reasons"),
        (500, "Internal Server Error"),
        (501, "Not Implemented"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (504, "Gateway Timeout"),
        (505, "HTTP Version Not Supported"),
        (506, "Variant Also Negotiates"),
        (507, "Insufficient Storage"),
        (508, "Loop Detected"),
        (510, "Not Extended"),
        (511, "Network Authentication Required"),
    ];
    for status in 200..=599 {
        let mut bytes = Vec::new();
        Response::new(status).unwrap().encode(DATE, false, &mut bytes);
        let classes = ["", "", "Success", "Redirection", "Client Error", "Server Error"];
        let class = classes[usize::from(status / 100)];
        let name = names.iter().find(|known| known.0 == status).map_or(class, |known| known.1);
        assert_eq!(split(&bytes).0, format!("HTTP/1.1 {status} {name}"));
    }
}

#[test]
fn s6455_4_4_an_answer_of_the_application_lists_versions_with_426_only() {
    claims!("6455-4.4-01");
    for status in 200..=599 {
        let response = Response::new(status).unwrap();
        let lists = response.all_fields().any(|field| field == ("Sec-WebSocket-Version", "13"));
        assert_eq!(lists, status == 426, "{status}");
    }
}

#[test]
fn a_response_tells_what_the_application_put_into_it() {
    let response = Response::new(401).unwrap().with_field("WWW-Authenticate", "Basic").unwrap();
    let response = response.with_body("who are you?");
    assert_eq!((response.status(), response.body()), (401, &b"who are you?"[..]));
    let fields: Vec<_> = response.fields().iter().collect();
    assert_eq!(fields, [("WWW-Authenticate", "Basic")]);
    assert!(response.fields().contains("www-authenticate") && !response.fields().contains("X"));
}

#[test]
fn s9110_15_responses_carry_what_their_status_demands_once() {
    for (status, name, value, expect) in [
        (401, "WWW-Authenticate", "Basic", "WWW-Authenticate: Basic"),
        (302, "Location", "https://example.com/", "Location: https://example.com/"),
        (405, "Allow", "GET, PUT", "Allow: GET, PUT"),
        (503, "retry-after", "120", "retry-after: 120"),
        (200, "Content-Type", "text/html", "Content-Type: text/html"),
        (426, "X", "y", "Upgrade: websocket"),
    ] {
        let response =
            Response::new(status).unwrap().with_field(name, value).unwrap().with_body("x");
        let mut bytes = Vec::new();
        response.encode(DATE, false, &mut bytes);
        let (_, lines, _) = split(&bytes);
        assert!(lines.contains(&expect), "{lines:?}");
        let mut names: Vec<_> =
            lines.iter().map(|line| line.split_once(':').unwrap().0.to_lowercase()).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{lines:?}");
    }
}

#[test]
fn s6455_4_2_2_the_101_carries_what_was_agreed_in_one_line_each() {
    claims!("6455-4.2.2-13", "6455-4.2.2-19", "6455-4.3-09", "6455-11.3.2-02", "6455-11.3.4-02");
    let request = Request::parse(HANDSHAKE.as_bytes(), &HeadLimits::default()).unwrap();
    let accept = AcceptKey::of(request.field("sec-websocket-key").unwrap());
    let mut extra = ResponseFields::new();
    extra.insert("Set-Cookie", "a=b").unwrap();
    let mut bytes = b"before".to_vec();
    encode_accept(&request, &accept, Some("chat"), Some("permessage-deflate"), &extra, &mut bytes);
    let expect = [
        "Sec-WebSocket-Protocol: chat",
        "Sec-WebSocket-Extensions: permessage-deflate",
        "Set-Cookie: a=b",
    ];
    check_open(bytes.strip_prefix(b"before").unwrap(), &expect, "agreed");

    bytes.clear();
    encode_accept(&request, &accept, Some(""), Some(""), &ResponseFields::new(), &mut bytes);
    check_open(&bytes, &[], "nothing agreed is not sent as an empty value");
}
