//! The request as an HTTP/1.1 message, where it depends on this server's paths and limits, and what of it
//! may never come back (RFC 9110, RFC 9112).

use crate::case::{DEFAULT, run};
use crate::http::{Head, MARKER};
use crate::opening::{Answer, accepted, opening, refused, refused_bytes};

#[test]
fn message_target_and_head() {
    let mut cases = Vec::new();
    for target in [
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
    for (rule, status, head) in [
        ("too many fields", &[431][..], {
            (0..200).fold(Head::new().method("HEAD"), |head, at| head.add(&format!("X-{at}"), "1"))
        }),
        ("a field too long", &[431], Head::new().method("HEAD").padded_to(20_000)),
        ("a target too long", &[414], {
            Head::new().line(format!("HEAD /{} HTTP/1.1", "t".repeat(20_000)))
        }),
        ("a faulty field line", &[400], Head::new().method("HEAD").raw("no colon")),
        ("another major version", &[505], Head::new().line("HEAD / HTTP/2.0")),
        ("an unknown path", &[405], Head::new().line("HEAD /nope HTTP/1.1")),
    ] {
        let rule = format!("HEAD with {rule} gets no content");
        let answer = Answer::RefuseWithoutContent(status);
        cases.push(opening(DEFAULT, "9110-9.3.2-01", rule, head, answer));
    }
    run("message_target_and_head", cases);
}

#[test]
fn message_body_framing() {
    let length = |value: &str| Head::new().add("Content-Length", value);
    let coding = |value: &str| Head::new().add("Transfer-Encoding", value);
    let framed = length("8").followed_by(crate::frame::text("hi"));
    let cases = vec![
        refused("H4", "a body that is a frame", &[400], framed),
        refused("9110-9.3.1-01", "a body of one byte to come", &[400], length("1")),
        refused("9112-6.3-01", "a chunked body to come", &[400], coding("chunked")),
        refused(
            "H4",
            "a chunked body that holds a request",
            &[400],
            coding("chunked").followed_by("5\r\nGET /\r\n0\r\n\r\n"),
        ),
        refused(
            "9110-9.3.1-01",
            "POST with a body",
            &[400, 405],
            length("5").line("POST / HTTP/1.1").followed_by("hello"),
        ),
    ];
    run("message_body_framing", cases);
}

#[test]
fn message_that_is_none_and_bytes_reflected() {
    let mut cases = vec![refused_bytes(
        "6455-4.2.1-08",
        "the HTTP/2 connection preface",
        &[505],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
    )];
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
