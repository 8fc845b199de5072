//! Opening handshakes with some good lines and some from the fuzzer: what one's own parser
//! reads and what another's hands over is judged alike, and every answer is well-formed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stickler::proto::handshake::{HeadLimits, Request};

#[path = "../answer.rs"]
mod answer;
#[path = "../policy.rs"]
mod policy;

/// The lines of a good handshake; a bit of the setting leaves each out.
const LINES: [&str; 6] = [
    "Host: a.example",
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    "Origin: https://a.example",
];

fuzz_target!(|data: &[u8]| {
    let Some((&setting, lines)) = data.split_first() else { return };
    let mut head = b"GET /chat HTTP/1.1\r\n".to_vec();
    let kept = LINES.iter().enumerate().filter(|(bit, _)| setting >> bit & 1 == 0);
    let good = kept.map(|(_, line)| line.as_bytes());
    for line in good.chain(lines.split(|byte| *byte == b'\n')) {
        head.extend(line);
        head.extend(b"\r\n");
    }
    head.extend(b"\r\n");
    match Request::parse(&head, &HeadLimits::default()) {
        Ok(request) => {
            let words = answer::judge_all(&request);
            let twin = Request::from_parts(request.method(), request.target(), request.fields());
            assert_eq!(answer::judge_all(&twin.unwrap()), words);
            check_websocket(&request, &words);
        }
        Err(refusal) => answer::check_refusal(&refusal),
    }
});

/// RFC 6455 §4.2.1, said once more: without these it was no opening handshake.
fn check_websocket(request: &Request, words: &[String]) {
    let one = |name: &str| {
        let mut values = request.fields_named(name);
        values.next().filter(|_| values.next().is_none())
    };
    let lists = |name: &str, member: &str| {
        let mut members = request.fields_named(name).flat_map(|value| value.split(|b| *b == b','));
        members.any(|listed| listed.trim_ascii().eq_ignore_ascii_case(member.as_bytes()))
    };
    if words[0].starts_with("Offer") {
        assert!(lists("upgrade", "websocket") && lists("connection", "upgrade"));
        assert_eq!(one("sec-websocket-version"), Some(&b"13"[..]));
        let key = one("sec-websocket-key").unwrap();
        assert!(key.len() == 24 && key.ends_with(b"=="));
        assert!(one("host").is_some_and(|host| !host.is_empty()));
    }
}
