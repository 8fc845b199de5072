//! The request as an HTTP/1.1 message: line ends, field lines, Host, target forms, body framing
//! (RFC 9110, RFC 9112). One grammar, no leniency that another hop might read differently.

use crate::case::{DEFAULT, run};
use crate::http::{Head, MARKER, SAMPLE_KEY};
use crate::opening::{Answer, accepted, opening, refused, refused_bytes};

#[test]
fn message_line_ends_and_fields() {
    let good = Head::new().bytes();
    let text = String::from_utf8(good.clone()).unwrap();
    let mut cases = vec![
        accepted(
            "9112-2.2-04",
            "one empty line before the request line",
            Head::new().preceded_by("\r\n"),
        ),
        refused(
            "9112-2.2-04",
            "two empty lines before the request line",
            &[400],
            Head::new().preceded_by("\r\n\r\n"),
        ),
        refused(
            "9112-2.2-04",
            "a bare LF before the request line",
            &[400],
            Head::new().preceded_by("\n"),
        ),
        refused(
            "9112-2.2-04",
            "a space before the request line",
            &[400],
            Head::new().preceded_by(" "),
        ),
        refused_bytes("9112-2.2-02", "LF line ends", &[400], text.replace("\r\n", "\n").into()),
        refused_bytes("9112-2.2-02", "CR line ends", &[400], text.replace("\r\n", "\r").into()),
        refused_bytes(
            "9112-2.2-02",
            "LF ends the request line only",
            &[400],
            text.replacen("\r\n", "\n", 1).into(),
        ),
        refused_bytes(
            "9112-2.2-02",
            "the empty line is a bare LF",
            &[400],
            text.replace("\r\n\r\n", "\r\n\n").into(),
        ),
        refused_bytes(
            "9112-2.2-02",
            "the last field line ends with a bare LF",
            &[400],
            text.replace("\r\n\r\n", "\n\r\n").into(),
        ),
        refused_bytes("9112-2.2-03", "CR CR LF", &[400], text.replacen("\r\n", "\r\r\n", 1).into()),
        refused("9112-2.2-03", "a bare CR in the target", &[400], Head::new().target("/a\rX")),
        refused("9112-2.2-03", "a bare CR in a value", &[400], Head::new().add("X", "a\rb")),
        refused(
            "9112-2.2-03",
            "a bare CR that hides a field",
            &[400],
            Head::new().without("Sec-WebSocket-Version").add("X", "a\rSec-WebSocket-Version: 13"),
        ),
        refused(
            "9112-2.2-02",
            "a bare LF that hides a field",
            &[400],
            Head::new().without("Sec-WebSocket-Version").add("X", "a\nSec-WebSocket-Version: 13"),
        ),
        refused("9112-2.2-03", "a bare CR in a name", &[400], Head::new().raw("X\rY: 1")),
        refused("9112-2.2-03", "a CR at the end of a value", &[400], Head::new().add("X", "a\r")),
        refused(
            "9112-2.2-05",
            "space before the first field",
            &[400],
            Head::new().raw_first(" X: 1"),
        ),
        refused(
            "9112-2.2-05",
            "tab before the first field",
            &[400],
            Head::new().raw_first("\tX: 1"),
        ),
        refused(
            "9112-2.2-05",
            "a line of one space after the request line",
            &[400],
            Head::new().raw_first(" "),
        ),
        refused("9112-5.2-01", "a folded value", &[400], Head::new().raw("X: a\r\n b")),
        refused("9112-5.2-01", "a value folded with a tab", &[400], Head::new().raw("X: a\r\n\tb")),
        refused(
            "9112-5.2-01",
            "a folded key",
            &[400],
            Head::new()
                .without("Sec-WebSocket-Key")
                .raw(format!("Sec-WebSocket-Key:\r\n {SAMPLE_KEY}")),
        ),
        refused(
            "9112-5.2-01",
            "a folded Host",
            &[400],
            Head::new().without("Host").raw_first("Host: 127.0.0.1\r\n :80"),
        ),
        refused(
            "9112-5.1-01",
            "space before the colon of Host",
            &[400],
            Head::new().without("Host").raw("Host : 127.0.0.1"),
        ),
        refused(
            "9112-5.1-01",
            "space before the colon of an unknown field",
            &[400],
            Head::new().raw("X : 1"),
        ),
        refused("9112-5.1-01", "tab before a colon", &[400], Head::new().raw("X\t: 1")),
        refused("9112-5.1-01", "space inside a name", &[400], Head::new().raw("X Y: 1")),
        refused("9112-5.1-02", "an empty name", &[400], Head::new().raw(": value")),
        refused("9112-5.1-02", "a name that is no token", &[400], Head::new().raw("Ho(st: x")),
        refused("9112-5.1-02", "a line without a colon", &[400], Head::new().raw("no colon here")),
        refused("9112-5.1-02", "a bare word", &[400], Head::new().raw(MARKER)),
        refused("9112-5.1-02", "NUL in a name", &[400], Head::new().raw("X\0Y: 1")),
        refused("9112-5.1-02", "octets above 7f in a name", &[400], Head::new().raw(b"X\xe9: 1")),
        accepted("6455-4.2.1-38", "a field without a value", Head::new().raw("X-Empty:")),
        accepted(
            "6455-4.2.1-38",
            "all token characters in a name",
            Head::new().raw("!#$%&'*+-.^_`|~9aZ: 1"),
        ),
        accepted(
            "9110-5.5-03",
            "octets above 7f in an unknown field",
            Head::new().add("Cookie", b"a=\xe9"),
        ),
        accepted(
            "9112-2.2-01",
            "a character whose low byte is LF",
            Head::new().add("X", b"\xe5\x98\x8a"),
        ),
        accepted(
            "9112-2.2-01",
            "a character whose low byte is CR",
            Head::new().add("X", b"\xe5\x98\x8d"),
        ),
        accepted("9110-5.5-02", "a tab inside a value", Head::new().add("X", "a\tb")),
        accepted("9110-5.5-04", "space around Host", Head::new().set("Host", "   example.com \t ")),
        accepted("6455-4.2.1-38", "colons in a value", Head::new().add("X", ":a:b:")),
    ];
    for byte in (0x00..0x20).chain([0x7f]).filter(|byte| !b"\t\r\n".contains(byte)) {
        let rule = format!("control octet {byte:02x} in a value");
        let value = [b'a', byte, b'b'];
        let id = if byte == 0 { "9110-5.5-01" } else { "9110-5.5-02" };
        cases.push(refused(id, rule, &[400], Head::new().add("X", value)));
    }
    for byte in *b"\"(),/;<=>?@[\\]{}\x7f" {
        let rule = format!("octet {byte:02x} in a field name");
        let line = [b"X", &[byte][..], b"Y: 1"].concat();
        cases.push(refused("9112-5.1-02", rule, &[400], Head::new().raw(line)));
    }
    for name in [
        "Host",
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
    ] {
        let kept = Head::new().value(name).unwrap_or_else(|| b"chat".to_vec());
        let value = [&kept[..], b", \xe9"].concat();
        let rule = format!("octets above 7f in {name}");
        cases.push(refused("9110-5.5-03", rule, &[400], Head::new().set(name, value)));
    }
    run("message_line_ends_and_fields", cases);
}

#[test]
fn message_request_line_and_target() {
    let mut cases = Vec::new();
    for line in [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1\t",
        "GET",
        "GET ",
        "GET /",
        "/ HTTP/1.1",
        "GET HTTP/1.1",
        "GET / / HTTP/1.1",
        "GET /a b HTTP/1.1",
        "G@T / HTTP/1.1",
        "(GET) / HTTP/1.1",
        "GET:/ HTTP/1.1",
        "GET \x0b/ HTTP/1.1",
        "HTTP/1.1 101 Switching Protocols",
        "GET /\0 HTTP/1.1",
        "",
    ] {
        let rule = format!("request line {line:?}");
        cases.push(refused("9112-3-01", rule, &[400], Head::new().line(line)));
    }
    for target in [
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
        b"ws://127.0.0.1/",
        b"wss://127.0.0.1/",
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
    ] {
        let rule = format!("target {:?}", target.escape_ascii().to_string());
        cases.push(refused("9112-3.2-04", rule, &[400], Head::new().target(target)));
    }
    for query in [
        "ids[]=1&f={a|b}",
        "a^b",
        "a`b",
        "a\\b",
        "a?b/c",
        "a=%20",
        "%E2%82%AC",
        "!$&'()*+,;=:@-._~",
    ] {
        let rule = format!("query {query:?} passes unchanged");
        cases.push(accepted("9112-3.2-04", rule, Head::new().target(format!("/?{query}"))));
    }
    for target in [
        "http://127.0.0.1/",
        "http://127.0.0.1",
        "http://127.0.0.1/echo",
        "http://example.com/echo?x=1",
        "http://example.com?x=1",
        "HTTP://EXAMPLE.com:8080/",
        "http://[::1]:80/echo",
        "http://example.com:/",
    ] {
        let rule = format!("absolute-form {target}");
        cases.push(accepted("9112-3.2.2-01", rule, Head::new().target(target)));
    }
    cases.push(refused(
        "6455-4.2.2-09",
        "absolute-form of a path not served",
        &[404],
        Head::new().target("http://127.0.0.1/nope"),
    ));
    cases.push(refused(
        "9112-3.2.2-01",
        "absolute-form still needs a Host",
        &[400],
        Head::new().target("http://127.0.0.1/").without("Host"),
    ));
    cases.push(refused(
        "9112-3.2.2-01",
        "absolute-form still needs a well-formed Host",
        &[400],
        Head::new().target("http://127.0.0.1/").set("Host", "a b"),
    ));
    cases.push(refused(
        "9110-7.4-01",
        "an https target on cleartext",
        &[421],
        Head::new().target("https://127.0.0.1/"),
    ));
    cases.push(refused(
        "9112-3.2.3-01",
        "asterisk-form with GET",
        &[400],
        Head::new().line("GET * HTTP/1.1"),
    ));
    cases.push(refused(
        "9112-3.2.3-01",
        "authority-form with GET",
        &[400],
        Head::new().line("GET 127.0.0.1:80 HTTP/1.1"),
    ));
    for (rule, status, head) in [
        ("a bad field", &[400][..], Head::new().method("HEAD").raw("no colon")),
        ("a repeated Host", &[400], Head::new().method("HEAD").add("Host", "h")),
        ("HTTP/2.0", &[505], Head::new().line("HEAD / HTTP/2.0")),
        ("too many fields", &[431], {
            (0..200).fold(Head::new().method("HEAD"), |head, at| head.add(&format!("X-{at}"), "1"))
        }),
        ("a field too long", &[431], Head::new().method("HEAD").padded_to(20_000)),
        ("a target too long", &[414], {
            Head::new().line(format!("HEAD /{} HTTP/1.1", "t".repeat(20_000)))
        }),
        ("an expectation", &[417], Head::new().method("HEAD").add("Expect", "foo")),
        ("an unknown path", &[405], Head::new().line("HEAD /nope HTTP/1.1")),
        ("no Upgrade", &[405], Head::new().method("HEAD").without("Upgrade")),
    ] {
        let rule = format!("HEAD with {rule} gets no content");
        let answer = Answer::RefuseWithoutContent(status);
        cases.push(opening(DEFAULT, "9110-9.3.2-01", rule, head, answer));
    }
    run("message_request_line_and_target", cases);
}

#[test]
fn message_host_and_body_framing() {
    let mut cases = Vec::new();
    let host = |value: &[u8]| Head::new().set("Host", value);
    for value in [
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
    ] {
        cases.push(accepted("9110-7.2-01", format!("Host: {value}"), host(value.as_bytes())));
    }
    for value in [
        &b""[..],
        b"user@h",
        b"h/x",
        b"a b",
        b"[::1",
        b"::1]",
        b"h:99999",
        b"h:65536",
        b"h:+80",
        b"h:8o",
        b"h:-1",
        b"a,b",
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
        b":80",
        b"h:80:80",
        b"[::1]:x",
        b"http://h",
        b"h{x}",
        b"h|x",
        b"h^x",
        b"h`x",
        b"h\xe9",
        b"[::1%25eth0]",
        b"[1:2:3:4:5:6:7:8:9]",
        b"[::1::2]",
    ] {
        let rule = format!("Host: {:?}", value.escape_ascii().to_string());
        let id = if value.is_empty() { "9110-7.2-01" } else { "9112-3.2-03" };
        cases.push(refused(id, rule, &[400], host(value)));
    }
    cases.push(refused("9112-3.2-01", "no Host", &[400], Head::new().without("Host")));
    let twice = Head::new().add("Host", "127.0.0.1");
    cases.push(refused("9112-3.2-02", "two equal Host lines", &[400], twice));
    let differing = Head::new().raw_first("host: example.com");
    cases.push(refused("9112-3.2-02", "two differing Host lines", &[400], differing));

    let length = |value: &str| Head::new().add("Content-Length", value);
    cases.push(accepted("9112-6.3-03", "Content-Length: 0 is no content", length("0")));
    let body = length("5").followed_by("hello");
    cases.push(refused("9110-9.3.1-01", "a body of 5 bytes", &[400], body));
    let framed = length("8").followed_by(crate::frame::text("hi"));
    cases.push(refused("H4", "a body that is a frame", &[400], framed));
    for value in ["1", "5", "18446744073709551615"] {
        let rule = format!("Content-Length: {value}");
        cases.push(refused("9110-9.3.1-01", rule, &[400], length(value)));
    }
    for value in [
        "abc",
        "+0",
        "-1",
        "-0",
        "5, 6",
        "0, 0",
        "0,",
        "",
        "0x0",
        "0 0",
        "1e3",
        "0.0",
        "99999999999999999999999",
        "18446744073709551616",
        "\"0\"",
        "0;",
    ] {
        let rule = format!("Content-Length: {value:?} is invalid");
        cases.push(refused("9112-6.3-02", rule, &[400], length(value)));
    }
    cases.push(refused(
        "9112-6.3-02",
        "two Content-Length lines that differ",
        &[400],
        length("0").add("Content-Length", "5"),
    ));
    cases.push(refused(
        "9112-6.3-02",
        "two Content-Length lines of 0",
        &[400],
        length("0").add("Content-Length", "0"),
    ));

    let coding = |value: &str| Head::new().add("Transfer-Encoding", value);
    for value in [
        "chunked",
        "CHUNKED",
        "chunked, gzip",
        "gzip",
        "foo",
        "identity",
        "xchunked",
        "chunked, foo",
        "",
        ",",
        "chunked;",
        "foo bar, chunked",
        "chunked;q=\"",
        "foo;a",
    ] {
        let rule = format!("Transfer-Encoding: {value:?}");
        cases.push(refused("9112-6.3-01", rule, &[400], coding(value)));
    }
    for value in ["chunked, chunked", "gzip, chunked"] {
        let rule = format!("Transfer-Encoding: {value}");
        cases.push(refused("9112-6.1-03", rule, &[400, 501], coding(value)));
    }
    cases.push(refused(
        "9112-6.1-03",
        "an unknown coding before chunked",
        &[501],
        coding("foo, chunked"),
    ));
    cases.push(refused(
        "9112-6.1-03",
        "the same over two lines",
        &[501],
        coding("foo").add("Transfer-Encoding", "chunked"),
    ));
    cases.push(refused(
        "9112-6.1-02",
        "both Content-Length and Transfer-Encoding",
        &[400],
        coding("chunked").add("Content-Length", "0"),
    ));
    cases.push(refused(
        "9112-6.1-02",
        "the same the other way round",
        &[400],
        length("5").add("Transfer-Encoding", "chunked").followed_by("0\r\n\r\n"),
    ));
    cases.push(refused(
        "9112-6.1-04",
        "Transfer-Encoding in HTTP/1.0",
        &[400],
        coding("chunked").line("GET / HTTP/1.0"),
    ));
    cases.push(refused(
        "H4",
        "a chunked body that holds a request",
        &[400],
        coding("chunked").followed_by("5\r\nGET /\r\n0\r\n\r\n"),
    ));
    cases.push(refused(
        "9110-9.3.1-01",
        "POST with a body",
        &[400, 405],
        length("5").line("POST / HTTP/1.1").followed_by("hello"),
    ));
    run("message_host_and_body_framing", cases);
}

#[test]
fn message_that_is_none_and_bytes_reflected() {
    let hello = crate::frame::hex(
        "16 03 01 00 2f 01 00 00 2b 03 03 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
         00 00 02 13 01 01 00 00 00",
    );
    let mut cases = vec![
        refused_bytes("9112-2.2-06", "a TLS ClientHello", &[400], hello),
        refused_bytes("9112-2.2-06", "noise", &[400], (128..255).collect()),
        refused_bytes("9112-2.2-06", "zeros", &[400], vec![0; 64]),
        refused_bytes("9112-2.2-06", "an SSH banner", &[400], b"SSH-2.0-x\r\n\r\n".to_vec()),
        refused_bytes(
            "9112-2.2-06",
            "a WebSocket frame first",
            &[400],
            crate::frame::text("hello"),
        ),
        refused_bytes("9112-2.2-06", "two empty lines", &[400], b"\r\n\r\n".to_vec()),
        refused_bytes(
            "6455-4.2.1-08",
            "the HTTP/2 connection preface",
            &[505],
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
        ),
    ];
    let m = MARKER;
    let shout = format!("{m}\u{1b}[31m");
    for (what, head) in [
        ("path", Head::new().target(format!("/{m}"))),
        ("path with encoded CR LF", Head::new().target(format!("/%0d%0aX-{m}:%201"))),
        ("query of a bad request", Head::new().target(format!("/nope?{m}"))),
        ("method", Head::new().method(&m.to_uppercase())),
        ("version", Head::new().line(format!("GET / HTTP/{m}"))),
        ("Host", Head::new().set("Host", format!("{m}/{m}"))),
        ("key", Head::new().set("Sec-WebSocket-Key", m)),
        ("version field", Head::new().set("Sec-WebSocket-Version", m)),
        ("subprotocol", Head::new().set("Sec-WebSocket-Protocol", format!("{m} {m}"))),
        ("extension", Head::new().set("Sec-WebSocket-Extensions", format!("{m};="))),
        ("Upgrade", Head::new().set("Upgrade", m)),
        ("Connection", Head::new().set("Connection", m)),
        ("Content-Length", Head::new().add("Content-Length", m)),
        ("Transfer-Encoding", Head::new().add("Transfer-Encoding", m)),
        ("Expect", Head::new().add("Expect", m)),
        ("field name", Head::new().raw(format!("{m} {m}: 1"))),
        ("field value", Head::new().add("X", &shout)),
        ("Origin twice", Head::new().add("Origin", m).add("Origin", m)),
    ] {
        let rule = format!("nothing of the {what} is reflected");
        let any = Answer::Refuse(&[400, 404, 405, 417, 426, 501, 505]);
        cases.push(opening(DEFAULT, "H7", rule, head, any));
    }
    cases.push(accepted(
        "H7",
        "nothing of a good request is reflected in the 101",
        Head::new()
            .target(format!("/?{m}"))
            .set("Host", m)
            .add("Origin", format!("http://{m}"))
            .set("Sec-WebSocket-Protocol", m)
            .set("Sec-WebSocket-Extensions", m)
            .set("Upgrade", format!("websocket, {m}"))
            .set("Connection", format!("Upgrade, {m}")),
    ));
    run("message_that_is_none_and_bytes_reflected", cases);
}
