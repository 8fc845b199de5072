//! Header fields: their lines, Host, body framing, Expect (RFC 9110 §5, §7.2, RFC 9112 §5, §6).

use super::*;
use Rejection::*;

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = vec![
        // Lines.
        row("6455-4.2.1-38", with("X-Anything: 1"), OPEN),
        row("6455-4.2.1-38", with("X-Empty:"), OPEN),
        row("6455-4.2.1-38", with("!#$%&'*+-.^_`|~09azAZ: x"), OPEN),
        row("6455-4.2.1-39", shuffled(), OPEN),
        row("6455-4.2.1-40", with("Host: server.example.com"), refused(400, HostRepeated)),
        row("9112-2.2-02", HANDSHAKE.replace("\r\n", "\n"), refused(400, BareLineFeed)),
        row("9112-2.2-02", with("X: a\nY: b"), refused(400, BareLineFeed)),
        row("9112-2.2-02", "GET / HTTP/1.1\r\nHost: h\r\n\n", refused(400, BareLineFeed)),
        row("9112-2.2-02", "GET / HTTP/1.1\r\nHo\n", refused(400, BareLineFeed)),
        row(
            "9112-2.2-03",
            with("X: a\rSec-WebSocket-Version: 13"),
            refused(400, BareCarriageReturn),
        ),
        row("9112-11.2-01", with("X: a\r\r\nY: b"), refused(400, BareCarriageReturn)),
        row("9112-2.2-03", "GET / HTTP/1.1\r\nHost: h\r\n\rX", refused(400, BareCarriageReturn)),
        row(
            "9112-2.2-05",
            HANDSHAKE.replacen("Host", " Host", 1),
            refused(400, WhitespaceBeforeFields),
        ),
        row(
            "9112-2.2-05",
            HANDSHAKE.replacen("Host", "\tX: y\r\nHost", 1),
            refused(400, WhitespaceBeforeFields),
        ),
        row("9112-5.2-01", with("X: a\r\n b"), refused(400, FoldedField)),
        row("9112-5.2-01", with("X: a\r\n\tb"), refused(400, FoldedField)),
        row("9112-5.2-01", with("X: a\r\n "), refused(400, FoldedField)),
        row("9112-5.1-01", replace("Host", "Host : example.com"), refused(400, SpaceInFieldName)),
        row("9112-5.1-01", replace("Host", "Host\t: example.com"), refused(400, SpaceInFieldName)),
        row("9112-5.1-02", with(": value"), refused(400, FieldNameInvalid)),
        row("9112-5.1-02", with("Ho(st: x"), refused(400, FieldNameInvalid)),
        row("9112-5.1-02", with("X\u{e9}: x"), refused(400, FieldNameInvalid)),
        row("9112-5.1-02", with("\"X\": x"), refused(400, FieldNameInvalid)),
        row("9112-5.1-02", with("X\u{1}: x"), refused(400, ControlInField)),
        row("6455-4.1-01", with("X\0: x"), refused(400, ControlInField)),
        row("9112-5.1-02", with("\u{7f}: x"), refused(400, ControlInField)),
        row("9112-5.1-02", with("nocolon"), refused(400, FieldWithoutColon)),
        row("9112-5.1-02", with("no colon"), refused(400, SpaceInFieldName)),
        row("9110-5.5-03", with_value(b"a=\xe9\xff\x80"), OPEN),
        row("9112-2.2-01", with_value(b"\xe5\x98\x8a\xe5\x98\x8dX: y"), OPEN),
        row("9110-5.5-04", replace("Host", "Host:   example.com  \t"), OPEN),
        row("9110-5.5-04", replace("Host", "Host:example.com"), OPEN),
    ];
    for (octet, rejection) in
        [(0, ControlInField), (b'\r', BareCarriageReturn), (b'\n', BareLineFeed)]
    {
        rows.push(row("9110-5.5-01", with_value(&[b'a', octet, b'b']), refused(400, rejection)));
    }
    for octet in (0..0x20).chain([0x7f]).filter(|octet| !b"\t\r\n".contains(octet)) {
        rows.push(row(
            "9110-5.5-02",
            with_value(&[b'a', octet, b'b']),
            refused(400, ControlInField),
        ));
    }
    rows.extend(hosts());
    rows.extend(framing());
    rows
}

fn hosts() -> Vec<Row> {
    let mut rows = vec![
        row("6455-4.2.1-13", replace("Host", ""), refused(400, HostMissing)),
        row(
            "9112-3.2-01",
            target("http://example.com/").replacen("Host", "X-Host", 1),
            refused(400, HostMissing),
        ),
        row("9112-3.2-02", with("host: other"), refused(400, HostRepeated)),
        row(
            "9112-3.2.2-01",
            target("http://h/").replacen("server.example.com", "a b", 1),
            refused(400, HostInvalid),
        ),
    ];
    for sound in [
        "h",
        "h:",
        "h:1",
        "h:65535",
        "[::1]",
        "[::1]:80",
        "127.0.0.1:9001",
        "a%41b",
        "EXAMPLE.com.",
        "a_b",
        "[v7.x]",
        "[V1f.a:b]:80",
    ] {
        rows.push(row("9110-7.2-01", replace("Host", &format!("Host: {sound}")), OPEN));
    }
    for broken in [
        "",
        " ",
        "user@h",
        "h/x",
        "a b",
        "[::1",
        "::1",
        "h:99999",
        "h:65536",
        "h:+1",
        "h:1:2",
        ":80",
        "a,b",
        "a, b",
        "exa mple.com",
        "h?",
        "h#",
        "h\\",
        "[::1]x",
        "[]",
        "[g::]",
        "[v7.x^y]",
        "[v7.x%41]",
        "[v7.]",
        "[v.x]",
        "[vg.x]",
        "http://h",
        "h%zz",
        "h%",
        "\"h\"",
        "caf\u{e9}",
        "<h>",
    ] {
        // The grammar is RFC 9110's, the answer RFC 9112's.
        for id in ["9110-7.2-01", "9112-3.2-03"] {
            let head = replace("Host", &format!("Host: {broken}"));
            rows.push(row(id, head, refused(400, HostInvalid)));
        }
    }
    rows
}

fn framing() -> Vec<Row> {
    let mut rows = vec![
        row("9112-6.3-03", with("Content-Length: 0"), OPEN),
        row("9112-6.3-03", with("content-length:  000 "), OPEN),
        row("9110-9.3.1-01", with("Content-Length: 5"), refused(400, RequestHasContent)),
        row(
            "9110-9.3.1-01",
            with("Content-Length: 99999999999999999999999"),
            refused(400, RequestHasContent),
        ),
        row("9110-9.3.1-01", with("Transfer-Encoding: chunked"), refused(400, RequestHasContent)),
        row(
            "9110-9.3.1-01",
            with("Transfer-Encoding: gzip, Chunked"),
            refused(400, RequestHasContent),
        ),
        row(
            "9110-9.3.1-01",
            with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"),
            refused(400, RequestHasContent),
        ),
        row(
            "9112-6.3-02",
            with("Content-Length: 5\r\nContent-Length: 6"),
            refused(400, ContentLengthInvalid),
        ),
        row(
            "9112-6.3-02",
            with("Content-Length: 0\r\nContent-Length: 0"),
            refused(400, ContentLengthInvalid),
        ),
        row(
            "9112-6.1-02",
            with("Content-Length: 0\r\nTransfer-Encoding: chunked"),
            refused(400, LengthBesideTransferEncoding),
        ),
        row(
            "9112-6.1-02",
            with("Transfer-Encoding:\r\nContent-Length: x"),
            refused(400, LengthBesideTransferEncoding),
        ),
        row(
            "9112-6.1-03",
            with("Transfer-Encoding: foo, chunked"),
            refused(501, TransferCodingUnknown),
        ),
        row(
            "9112-6.1-03",
            with("Transfer-Encoding: foo;a=\"b,c\", chunked"),
            refused(501, TransferCodingUnknown),
        ),
        row(
            "9112-6.1-03",
            with("Transfer-Encoding: identity, chunked"),
            refused(501, TransferCodingUnknown),
        ),
        row(
            "9112-6.1-04",
            line("GET / HTTP/1.0\r\nTransfer-Encoding: chunked"),
            refused(400, HttpVersionTooLow),
        ),
        row("9112-6.3-01", with("Transfer-Encoding: chunked, foo"), refused(400, ChunkedNotFinal)),
        // Expect.
        row("9110-7.8-05", with("Expect: 100-continue"), Expect::Open(&["100"])),
        row("9110-7.8-05", with("expect: ,100-CONTINUE"), Expect::Open(&["100"])),
        row("9110-10.1.1-01", with("Expect:"), OPEN),
    ];
    for value in ["", "abc", "+0", "-1", "5, 6", "0, 0", "0x0", "0.0", "1 0", "\"0\""] {
        rows.push(row(
            "9112-6.3-02",
            with(&format!("Content-Length: {value}")),
            refused(400, ContentLengthInvalid),
        ));
    }
    // What a quoted string holds, escapes and all, separates nothing.
    for string in [r#""b""#, r#""bc""#, r#""\",b""#, r#""b\\""#, r#"",\\\",""#, r#"\"b""#] {
        rows.push(row(
            "9110-5.6.4-01",
            with(&format!("Transfer-Encoding: foo;a={string}, chunked")),
            refused(501, TransferCodingUnknown),
        ));
    }
    for string in [r#""b\", chunked"#, r#"", chunked"#] {
        rows.push(row(
            "9110-5.6.4-01",
            with(&format!("Transfer-Encoding: foo;a={string}")),
            refused(400, ChunkedNotFinal),
        ));
    }
    for value in ["gzip", "foo", "identity", "chunked, gzip", "xchunked", "chunked2"] {
        rows.push(row(
            "9112-6.3-01",
            with(&format!("Transfer-Encoding: {value}")),
            refused(400, ChunkedNotFinal),
        ));
    }
    for value in [
        "",
        ",",
        "chunked, chunked",
        "chunked;a=b",
        "a b, chunked",
        "\"chunked\"",
        "gzip/1, chunked",
        "chunked \u{e9}",
    ] {
        let expect = refused(400, TransferEncodingMalformed);
        rows.push(row("9112-6.3-01", with(&format!("Transfer-Encoding: {value}")), expect));
    }
    for value in [
        "foo",
        "100-continue, foo",
        "100-continue=1",
        "100-continue;x",
        "200-ok",
        "\"100-continue\"",
        "\u{e9}",
    ] {
        rows.push(row(
            "9110-10.1.1-01",
            with(&format!("Expect: {value}")),
            refused(417, ExpectationUnknown),
        ));
    }
    rows
}

fn shuffled() -> &'static str {
    "GET /chat HTTP/1.1\r\n\
     sEC-wEBsOCKET-kEY: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\
     SEC-WEBSOCKET-VERSION: 13\r\n\
     connection: Upgrade\r\n\
     UPGRADE: websocket\r\n\
     host: server.example.com\r\n\r\n"
}

#[test]
fn s9112_5_field_lines() {
    run(&rows());
}

#[test]
fn fields_are_kept_as_they_came() {
    claims!("6455-8.1-05", "9110-5.5-03", "9110-5.5-04");
    let request = with_value(b"  \xe9 x \t");
    let request = Request::parse(&request, &HeadLimits::default()).unwrap();
    let fields: Vec<_> = request.fields().collect();
    assert_eq!(fields.len(), 6);
    assert_eq!(fields[0], ("Host", &b"server.example.com"[..]));
    assert_eq!(fields[5], ("X", &b"\xe9 x"[..]));
    assert_eq!(request.field("HOST"), Some(&b"server.example.com"[..]));
    assert_eq!(request.field("hos"), None);
    assert_eq!((request.method(), request.target(), request.origin()), ("GET", "/chat", None));

    let request = with("A: 1\r\nB:\r\na: 2\r\nOrigin: null");
    let request = Request::parse(request.as_bytes(), &HeadLimits::default()).unwrap();
    assert_eq!(request.fields_named("a").collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!((request.field("b"), request.origin()), (Some(&b""[..]), Some(&b"null"[..])));
}

#[test]
fn parts_that_another_parser_read_are_held_to_the_same_rules() {
    let fields = |name: &'static str, value: &'static [u8]| [("host", &b"h"[..]), (name, value)];
    for (method, target, fields, expect) in [
        ("GET", "/a?b", fields("x", b"y"), None),
        ("GET", "/", fields("Host", b"g"), Some((HostRepeated, false))),
        ("HEAD", "/", fields("x", b"y"), Some((MethodNotAllowed, true))),
        ("get", "/", fields("x", b"y"), Some((MethodUnknown, false))),
        ("GET", "/#", fields("x", b"y"), Some((TargetHasFragment, false))),
        ("GET", "/\u{e9}", fields("x", b"y"), Some((TargetOctetInvalid, false))),
        ("GET", "", fields("x", b"y"), Some((TargetFormInvalid, false))),
        ("GET", "/", fields("x y", b"y"), Some((FieldNameInvalid, false))),
        ("GET", "/", fields("x", b"y\nz"), Some((ControlInField, false))),
        ("GET", "/", fields("content-length", b"1"), Some((RequestHasContent, false))),
    ] {
        let read = Request::from_parts(method, target, fields);
        let refusal = read.as_ref().err().map(|refusal| (refusal.rejection, refusal.head_only));
        assert_eq!(refusal, expect);
    }
}
