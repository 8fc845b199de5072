//! The request line: method, request-target, version (RFC 9112 §3, RFC 6455 §3, §4.2.1).

use super::*;
use Rejection::*;

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = vec![
        // Method.
        row("6455-4.2.1-03", line("FOO /chat HTTP/1.1"), refused(501, MethodUnknown)),
        row("6455-4.2.1-04", line("get /chat HTTP/1.1"), refused(501, MethodUnknown)),
        row("6455-4.2.1-04", line("Head /chat HTTP/1.1"), refused(501, MethodUnknown)),
        row(
            "6455-4.2.1-05",
            line("HEAD /chat HTTP/1.1"),
            Expect::Refused(405, MethodNotAllowed, &["Allow: GET"]),
        ),
        row("9110-9.1-01", line("BREW /chat HTTP/1.1"), refused(501, MethodUnknown)),
        row("9110-9.1-01", line("GETT /chat HTTP/1.1"), refused(501, MethodUnknown)),
        row(
            "9112-3-04",
            line(&format!("{} /chat HTTP/1.1", "A".repeat(256))),
            refused(501, MethodUnknown),
        ),
        row("9110-9.1-01", line("CONNECT h:80 HTTP/1.1"), refused(405, MethodNotAllowed)),
        row("9110-9.1-01", line("OPTIONS * HTTP/1.1"), refused(405, MethodNotAllowed)),
        row(
            "6455-4.2.1-02",
            format!("{}\0", line("POST /chat HTTP/1.1\r\nContent-Length: 1")),
            refused(405, MethodNotAllowed),
        ),
        // Content is absent from an answer to HEAD, whatever its status (9110-9.3.2-01).
        row("9110-9.3.2-01", "HEAD / HTTP/1.1\r\n\r\n", refused(400, HostMissing)),
        row("9110-9.3.2-01", "HEAD /\u{e9}", refused(400, RequestLineOctet)),
        row("9110-9.3.2-01", "HEAD / HTTP/1.1\r\nX\r\n", refused(400, FieldWithoutColon)),
        row("9110-9.3.2-01", "HEAD / HTTP/1.0\r\nHost: h\r\n\r\n", refused(400, HttpVersionTooLow)),
        row(
            "9110-9.3.2-01",
            "HEAD / HTTP/2.0\r\nHost: h\r\n\r\n",
            refused(505, HttpVersionUnsupported),
        ),
        row(
            "9110-9.3.2-01",
            "HEAD / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n",
            refused(417, ExpectationUnknown),
        ),
        row(
            "9110-9.3.2-01",
            "\r\nHEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
            refused(405, MethodNotAllowed),
        ),
        row("9110-9.3.2-01", "HEADS / HTTP/1.1\r\nHost: h\r\n\r\n", refused(501, MethodUnknown)),
        // Version.
        row("6455-4.2.1-06", line("GET /chat HTTP/1.0"), refused(400, HttpVersionTooLow)),
        row("9110-7.8-04", line("GET /chat HTTP/1.0"), refused(400, HttpVersionTooLow)),
        row("6455-4.2.1-07", line("GET /chat HTTP/1.2"), OPEN),
        row("6455-4.2.1-07", line("GET /chat HTTP/1.9"), OPEN),
        row("6455-4.2.1-08", line("GET /chat HTTP/2.0"), refused(505, HttpVersionUnsupported)),
        row("6455-4.2.1-08", line("GET /chat HTTP/3.0"), refused(505, HttpVersionUnsupported)),
        row("6455-4.2.1-08", line("GET /chat HTTP/9.9"), refused(505, HttpVersionUnsupported)),
        row("6455-4.2.1-08", line("GET /chat HTTP/0.9"), refused(505, HttpVersionUnsupported)),
        row("9110-15.6.6-01", "PRI * HTTP/2.0\r\n\r\n", refused(505, HttpVersionUnsupported)),
        row("6455-4.2.1-09", "GET /chat\r\n", refused(400, RequestLineMalformed)),
        row("6455-4.2.1-09", line("GET /chat "), refused(400, HttpVersionMalformed)),
        row("6455-4.2.1-09", line("GET"), refused(400, RequestLineMalformed)),
        row("6455-4.2.1-09", line("GET "), refused(400, RequestLineMalformed)),
        // The three parts and the spaces between.
        row("9112-3-01", line("GET  /chat HTTP/1.1"), refused(400, RequestLineMalformed)),
        row("9112-3-01", line("GET /chat  HTTP/1.1"), refused(400, RequestLineMalformed)),
        row("9112-3-01", line("GET /chat HTTP/1.1 "), refused(400, RequestLineMalformed)),
        row("9112-3-01", line("GET\t/chat HTTP/1.1"), refused(400, RequestLineMalformed)),
        row("9112-3-01", line("GET /chat\tHTTP/1.1"), refused(400, RequestLineMalformed)),
        row("9112-3-01", line("GET/chat HTTP/1.1"), refused(400, RequestLineMalformed)),
        row("6455-4.1-01", line("G(T /chat HTTP/1.1"), refused(400, RequestLineMalformed)),
        row("9112-3.2-04", line("GET /a b HTTP/1.1"), refused(400, HttpVersionMalformed)),
        // Before it.
        row("9112-2.2-04", format!("\r\n{HANDSHAKE}"), OPEN),
        row("9112-2.2-04", format!("\r\n\r\n{HANDSHAKE}"), refused(400, EmptyLinesBeforeRequest)),
        row("9112-2.2-04", "\r\n\r", refused(400, EmptyLinesBeforeRequest)),
        // Version 2 of the PROXY protocol.
        row(
            "9112-2.2-04",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec(),
            refused(400, EmptyLinesBeforeRequest),
        ),
        row("9112-2.2-02", format!("\n{HANDSHAKE}"), refused(400, BareLineFeed)),
        row("9112-2.2-03", format!("\r{HANDSHAKE}"), refused(400, BareCarriageReturn)),
        row("9112-2.2-06", format!(" {HANDSHAKE}"), refused(400, NotARequest)),
        row(
            "9112-2.2-06",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            refused(400, TlsHandshake),
        ),
        row("9112-2.2-06", b"\x16".to_vec(), refused(400, TlsHandshake)),
        row("9112-2.2-06", b"\x15\x03\x01".to_vec(), refused(400, NotARequest)),
        row("9112-2.2-06", b"\r\n\x16\x03\x01".to_vec(), refused(400, NotARequest)),
        // Version 1 of the PROXY protocol, at the byte that tells it.
        row(
            "9112-2.2-06",
            format!("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n{HANDSHAKE}"),
            refused(400, ProxyHeader),
        ),
        row("9112-2.2-06", "PROXY TCP6 2001:db8::1", refused(400, ProxyHeader)),
        row("9112-2.2-06", "PROXY UNKNOWN\r\n", refused(400, ProxyHeader)),
        row("9112-2.2-06", "PROXY T", refused(400, ProxyHeader)),
        row("9112-2.2-06", "\r\nPROXY U", refused(400, ProxyHeader)),
        // What only looks like it.
        row("9112-2.2-06", "PROXY ", Expect::Incomplete),
        row("9110-9.1-01", line("PROXY /TCP4 HTTP/1.1"), refused(501, MethodUnknown)),
        row("9110-9.1-01", line("PROXYS TCP4 HTTP/1.1"), refused(501, MethodUnknown)),
        row("9110-9.1-01", line("XPROXY TCP4 HTTP/1.1"), refused(501, MethodUnknown)),
        row("9110-9.1-01", line("proxy TCP4 HTTP/1.1"), refused(501, MethodUnknown)),
        row("9112-2.2-06", "\0", refused(400, NotARequest)),
        row("9112-2.2-06", "\r\n\0", refused(400, NotARequest)),
        row("9112-2.2-06", b"\x81\x85".to_vec(), refused(400, NotARequest)),
        row("9112-2.2-06", b"\x00".to_vec(), refused(400, NotARequest)),
        row("9112-2.2-06", "{\"id\":1}", refused(400, NotARequest)),
        row("9112-2.2-06", "\r\n:", refused(400, NotARequest)),
        row("9112-2.2-06", "abc\"", refused(400, RequestLineMalformed)),
        // Octets.
        row(
            "9112-2.2-02",
            line("GET /chat HTTP/1.1").replacen("\r\n", "\n", 1),
            refused(400, BareLineFeed),
        ),
        row("9112-2.2-02", "GET\n", refused(400, BareLineFeed)),
        row("9112-2.2-02", "GET /\n", refused(400, BareLineFeed)),
        row("9112-2.2-03", "GET /chat\rX HTTP/1.1", refused(400, RequestLineMalformed)),
        row("9112-2.2-03", "GET /chat HTTP/1.1\rX", refused(400, BareCarriageReturn)),
        row("9112-3.2-04", b"GET /\xff".to_vec(), refused(400, RequestLineOctet)),
        row("9112-3.2-04", b"GET /\x00".to_vec(), refused(400, RequestLineOctet)),
        row("9112-3.2-04", b"GET /\x7f".to_vec(), refused(400, RequestLineOctet)),
        row("9112-3.2-04", b"GET /\x1b[0m".to_vec(), refused(400, RequestLineOctet)),
        row("9112-3.2-04", b"G\xc3\x89T".to_vec(), refused(400, RequestLineOctet)),
        // Incomplete requests wait.
        row("9110-5.3-01", "", Expect::Incomplete),
        row("9110-5.3-01", "\r\n", Expect::Incomplete),
        row("9110-5.3-01", "GET /chat HTTP/1.0\r\n", Expect::Incomplete),
        row("9110-5.3-01", &HANDSHAKE[..HANDSHAKE.len() - 1], Expect::Incomplete),
    ];
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"] {
        let expect = Expect::Refused(405, MethodNotAllowed, &["Allow: GET"]);
        rows.push(row("6455-4.2.1-02", line(&format!("{method} /chat HTTP/1.1")), expect));
    }
    for version in [
        "http/1.1",
        "Http/1.1",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/1,1",
        "HTTP/11",
        "HTTP/+1.1",
        "HTTP/a.b",
        "HTP/1.1",
        "HTTPS/1.1",
        "HTTP 1.1",
        "HTTP/ 1.1",
        "FTP/1.1",
        "HTTP/1.1x",
        "1.1",
    ] {
        let expect = match version {
            "HTTP 1.1" | "HTTP/ 1.1" => RequestLineMalformed,
            _ => HttpVersionMalformed,
        };
        rows.push(row(
            "6455-4.2.1-10",
            line(&format!("GET /chat {version}")),
            refused(400, expect),
        ));
    }
    rows.extend(targets());
    rows
}

fn targets() -> Vec<Row> {
    let mut rows = vec![
        row("6455-4.2.1-11", target("/"), OPEN),
        row("6455-3-02", target("/chat?room=1"), OPEN),
        row("6455-3-01", target("/chat#frag"), refused(400, TargetHasFragment)),
        row("6455-3-01", target("http://h/chat#"), refused(400, TargetHasFragment)),
        row("6455-4.2.1-12", target("http://server.example.com/chat"), OPEN),
        row("9112-3.2.2-01", target("HTTP://example.com?x"), OPEN),
        row("9112-3.2.2-01", target("http://[::1]:80/chat"), OPEN),
        row("9112-3.2.3-01", target("*"), refused(400, TargetFormInvalid)),
        row("9112-3.2.3-01", target("example.com:80"), refused(400, TargetFormInvalid)),
        row("9112-3.2.3-01", target("chat"), refused(400, TargetFormInvalid)),
        row("9112-3.2.2-01", target("http:///chat"), refused(400, TargetAuthorityInvalid)),
        row("9112-3.2.2-01", target("http://user@h/chat"), refused(400, TargetAuthorityInvalid)),
        row("9112-3.2.2-01", target("http://h:99999/chat"), refused(400, TargetAuthorityInvalid)),
        row("8307-1-01", target("/.well-known/foo"), OPEN),
        row("9112-3-03", target(&format!("/{}", "a".repeat(8000 - 14))), OPEN),
    ];
    for scheme in ["ws", "wss", "WS", "ftp", "file", "x-y.z+1"] {
        rows.push(row(
            "6455-4.2.1-12",
            target(&format!("{scheme}://h/")),
            refused(400, TargetSchemeInvalid),
        ));
    }
    for sound in [
        "/chat?ids[]=1&f={a|b}",
        "/[]{}|^`",
        "/?[]{}|^`\\",
        "/%41%zz".replace("zz", "fF").as_str(),
        "/a;b=c,d@e:f!$&'()*+-._~",
        "/??//",
    ] {
        rows.push(row("9112-3.2-04", target(sound), OPEN));
    }
    for octet in ['"', '<', '>', '\\'] {
        rows.push(row(
            "9112-3.2-04",
            target(&format!("/a{octet}b")),
            refused(400, TargetOctetInvalid),
        ));
    }
    for octet in ['"', '<', '>'] {
        rows.push(row(
            "9112-3.2-04",
            target(&format!("/?{octet}")),
            refused(400, TargetOctetInvalid),
        ));
    }
    for broken in ["/%zz", "/%", "/%4", "/%4?", "/?%", "/?a=%g0", "/%%41", "http://h/%x0"] {
        rows.push(row("9112-3.2-04", target(broken), refused(400, TargetPercentInvalid)));
    }
    rows
}

#[test]
fn s9112_3_request_lines() {
    run(&rows());
}

#[test]
fn s6455_3_the_resource_name_is_given_undecoded() {
    claims!("6455-3-02", "6455-8.1-05", "9112-3.2-04");
    for (text, expect) in [
        ("/chat?room=1", "/chat Some(\"room=1\") server.example.com"),
        ("/a%2Fb", "/a%2Fb None server.example.com"),
        // Not UTF-8, if anybody decoded it.
        ("/%ff?%C3%28", "/%ff Some(\"%C3%28\") server.example.com"),
        ("/chat?ids[]=1&f={a|b}", "/chat Some(\"ids[]=1&f={a|b}\") server.example.com"),
        ("http://Other.example:8080?q", "/ Some(\"q\") other.example:8080"),
        ("//etc/passwd", "//etc/passwd None server.example.com"),
    ] {
        let bytes = target(text).into_bytes();
        let answer = answer(&bytes, [bytes.len()].into_iter(), &row("", "", OPEN).policy);
        let expect =
            Outcome::Open { head: bytes.len(), request: expect.to_owned(), subprotocol: None };
        assert_eq!(answer.outcome, expect);
    }
}
