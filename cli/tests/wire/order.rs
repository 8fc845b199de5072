//! Which of two faults is told, and where the head ends and the frames begin.

use std::time::Duration;

use crate::case::{Case, Profile, run};
use crate::client::{Client, LONG, PROMPT};
use crate::frame::{Event, join, masked, ping, text};
use crate::http::{Head, MARKER};
use crate::opening::refused;

const D: Profile = crate::case::DEFAULT;

#[test]
fn opening_handshake_order_of_checks() {
    let bad_key = "short";
    let mut cases = vec![
        refused(
            "6455-4.2.1-33",
            "version comes before key",
            &[426],
            Head::new().set("Sec-WebSocket-Version", "8").without("Sec-WebSocket-Key"),
        ),
        refused(
            "6455-4.2.1-33",
            "version comes before protocol grammar",
            &[426],
            Head::new().set("Sec-WebSocket-Version", "8").set("Sec-WebSocket-Protocol", "a b"),
        ),
        refused(
            "6455-4.2.1-33",
            "version comes before the resource",
            &[426],
            Head::new().target("/nope").set("Sec-WebSocket-Version", "8"),
        ),
        refused(
            "6455-4.2.1-21",
            "Connection comes before version",
            &[400],
            Head::new().without("Connection").set("Sec-WebSocket-Version", "8"),
        ),
        refused(
            "6455-4.2.1-15",
            "Upgrade comes before Connection",
            &[426],
            Head::new().without("Upgrade").set("Connection", "keep-alive"),
        ),
        refused(
            "6455-4.2.1-15",
            "Upgrade comes before key",
            &[426],
            Head::new().without("Upgrade").set("Sec-WebSocket-Key", bad_key),
        ),
        refused(
            "6455-4.2.1-02",
            "method comes before Upgrade",
            &[405],
            Head::new().method("POST").without("Upgrade"),
        ),
        refused(
            "6455-4.2.1-02",
            "method comes before the resource",
            &[405],
            Head::new().line("POST /nope HTTP/1.1"),
        ),
        refused(
            "6455-4.2.1-02",
            "method comes before target",
            &[405],
            Head::new().line("OPTIONS * HTTP/1.1"),
        ),
        refused(
            "6455-4.2.1-02",
            "CONNECT with its own form of target",
            &[405],
            Head::new().line("CONNECT example.com:80 HTTP/1.1"),
        ),
        refused(
            "9112-3.2-01",
            "Host comes before method",
            &[400],
            Head::new().method("POST").without("Host"),
        ),
        refused(
            "9112-3.2-01",
            "Host comes before Upgrade",
            &[400],
            Head::new().without("Host").without("Upgrade"),
        ),
        refused(
            "6455-4.2.1-08",
            "HTTP version comes before Host",
            &[505],
            Head::new().line("GET / HTTP/2.0").without("Host"),
        ),
        refused(
            "9110-5.5-01",
            "message grammar comes before the HTTP version",
            &[400],
            Head::new().line("GET / HTTP/2.0").raw("bad line"),
        ),
        refused(
            "9112-6.3-02",
            "body framing comes before method",
            &[400],
            Head::new().method("FOO").add("Content-Length", "abc"),
        ),
        refused(
            "9110-10.1.1-01",
            "Expect comes before method",
            &[417],
            Head::new().method("POST").add("Expect", "foo"),
        ),
        refused(
            "9110-10.1.1-01",
            "Expect comes before Upgrade",
            &[417],
            Head::new().without("Upgrade").add("Expect", "foo"),
        ),
        refused(
            "9112-3.2-04",
            "target comes before Upgrade",
            &[400],
            Head::new().target("/a<b").without("Upgrade"),
        ),
        refused(
            "6455-4.2.1-28",
            "key comes before the resource",
            &[400],
            Head::new().target("/nope").set("Sec-WebSocket-Key", bad_key),
        ),
        refused(
            "6455-4.1-04",
            "protocol grammar comes before the resource",
            &[400],
            Head::new().target("/nope").set("Sec-WebSocket-Protocol", "a b"),
        ),
        refused(
            "6455-4.3-01",
            "extension grammar comes before the resource",
            &[400],
            Head::new().target("/nope").set("Sec-WebSocket-Extensions", "a b"),
        ),
        refused(
            "6455-4.2.1-40",
            "a second Host as the very last line",
            &[400],
            Head::new().add("Host", "127.0.0.1"),
        ),
    ];
    cases.push(refused(
        "9110-10.1.1-01",
        "no 100 before a refusal",
        &[404],
        Head::new().target("/nope").add("Expect", "100-continue"),
    ));
    run("opening_handshake_order_of_checks", cases);
}

#[test]
fn opening_handshake_border_to_frames() {
    let cases = vec![
        Case::on(
            D,
            "6455-4.1-02",
            "frames in the segment of the head are kept in order",
            |server| {
                let mut client = Client::connect(server.address())?;
                let head = Head::new();
                let frames = join(&[text("one"), ping("two"), text("three")]);
                client.send(&[head.bytes(), frames].concat())?;
                let response = client.response(PROMPT)?;
                response.accepts(&head).map_err(|why| client.report("101", &why))?;
                client.expect(&Event::Text(b"one".to_vec()))?;
                client.expect(&Event::Pong(b"two".to_vec()))?;
                client.expect(&Event::Text(b"three".to_vec()))?;
                client.expect_alive()
            },
        ),
        Case::on(D, "6455-4.1-02", "a frame cut by the end of the head's segment", |server| {
            let head = Head::new();
            let frame = text("across");
            for cut in 0..frame.len() {
                let mut client = Client::connect(server.address())?;
                client.send(&[&head.bytes()[..], &frame[..cut]].concat())?;
                let response = client.response(PROMPT)?;
                response.accepts(&head).map_err(|why| client.report("101", &why))?;
                client.send(&frame[cut..])?;
                client.expect(&Event::Text(b"across".to_vec()))?;
                client.close_normally()?;
            }
            Ok(())
        }),
        Case::on(D, "6455-4.1-02", "a head cut anywhere with frames behind it", |server| {
            let head = Head::new();
            let all = [head.bytes(), text("behind")].concat();
            for cut in (1..all.len()).step_by(3) {
                let mut client = Client::connect(server.address())?;
                client.send(&all[..cut])?;
                std::thread::yield_now();
                client.send(&all[cut..])?;
                let response = client.response(PROMPT)?;
                response.accepts(&head).map_err(|why| client.report("101", &why))?;
                client.expect(&Event::Text(b"behind".to_vec()))?;
                client.close_normally()?;
            }
            Ok(())
        }),
        Case::on(D, "6455-4.1-02", "one MiB of frames right behind the head", |server| {
            let head = Head::new();
            let message = vec![b'm'; 64 * 1024];
            let mut client = Client::connect(server.address())?;
            let frames: Vec<u8> = (0..16).flat_map(|_| text(&message)).collect();
            client.send(&[head.bytes(), frames].concat())?;
            let response = client.response(PROMPT)?;
            response.accepts(&head).map_err(|why| client.report("101", &why))?;
            for _ in 0..16 {
                client.expect_within(&Event::Text(message.clone()), LONG)?;
            }
            client.expect_alive()
        }),
        Case::on(D, "6455-4.1-02", "a bad frame right behind the head", |server| {
            let head = Head::new();
            let mut client = Client::connect(server.address())?;
            client.send(&[&head.bytes()[..], &[0x81, 0x02, b'h', b'i']].concat())?;
            let response = client.response(PROMPT)?;
            response.accepts(&head).map_err(|why| client.report("101", &why))?;
            client.expect_failed(1002, "RFC 6455 5.1")
        }),
        Case::on(D, "6455-9.1-04", "a declined extension must not be used", |server| {
            let head = Head::new().set("Sec-WebSocket-Extensions", "x-unknown; a=1");
            let mut client = Client::connect(server.address())?;
            client.send(&head.bytes())?;
            let response = client.response(PROMPT)?;
            response.accepts(&head).map_err(|why| client.report("101", &why))?;
            client.send(&masked(0xc1, b"x"))?;
            client.expect_failed(1002, "RFC 6455 5.2")
        }),
        Case::on(D, "9110-5.3-01", "no answer before the empty line", |server| {
            for target in ["/", "/nope"] {
                let bytes = Head::new().target(target).bytes();
                let (most, end) = bytes.split_at(bytes.len() - 2);
                let mut client = Client::connect(server.address())?;
                client.send(most)?;
                client.expect_silence(Duration::from_millis(150))?;
                client.send(&end[..1])?;
                client.expect_silence(Duration::from_millis(50))?;
                client.send(&end[1..])?;
                let status = client.response(PROMPT)?.status;
                if !matches!((target, status), ("/", 101) | ("/nope", 404)) {
                    return Err(client.report("101 or 404", &status.to_string()));
                }
            }
            Ok(())
        }),
        Case::on(D, "6455-4.1-05", "the same key twice is accepted twice", |server| {
            Client::open(server.address())?.close_normally()?;
            Client::open(server.address())?.close_normally()
        }),
        Case::on(D, "H5", "a bad version, then raw bytes: nothing is tunnelled", |server| {
            let mut client = Client::connect(server.address())?;
            let junk = text(MARKER);
            let head = Head::new().set("Sec-WebSocket-Version", "7");
            client.send(&[head.bytes(), junk.clone()].concat())?;
            client.send(&junk)?;
            let response = client.response(PROMPT)?;
            response.refuses(&[426], true).map_err(|why| client.report("426", &why))?;
            client.expect_no_reset()
        }),
    ];
    run("opening_handshake_border_to_frames", cases);
}
