//! What every answer to an opening handshake has to look like.

use stickler::proto::handshake::{
    Offer, Refusal, Request, ResponseFields, Verdict, encode_accept, judge,
};

use super::policy;

/// Judges a request under each policy and checks the answers; gives one word for each.
pub(crate) fn judge_all(request: &Request) -> Vec<String> {
    let word = |policy| match judge(request, &policy) {
        Ok(Verdict::PlainHttp) => "plain".to_owned(),
        Ok(Verdict::WebSocket(offer)) => {
            check_accept(request, &offer);
            format!("{offer:?}")
        }
        Err(refusal) => {
            check_refusal(&refusal);
            format!("{refusal:?}")
        }
    };
    policy::all().into_iter().map(word).collect()
}

pub(crate) fn check_refusal(refusal: &Refusal) {
    let mut answer = Vec::new();
    refusal.encode("Sun, 06 Nov 1994 08:49:37 GMT", &mut answer);
    let (head, body) = check_head(&answer);
    let status = refusal.rejection.status();
    assert!((400..600).contains(&status));
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    assert!(!head.to_ascii_lowercase().contains("sec-websocket-accept"), "{head}");
    let has_close = head.lines().any(|line| {
        line.strip_prefix("Connection: ").is_some_and(|options| options.contains("close"))
    });
    assert!(has_close, "{head}");
    let expect = if refusal.head_only { String::new() } else { refusal.body() };
    assert_eq!(body, expect);
}

fn check_accept(request: &Request, offer: &Offer) {
    let (mut answer, fields) = (Vec::new(), ResponseFields::new());
    let subprotocol = offer.subprotocol.as_deref();
    encode_accept(request, &offer.accept_key, subprotocol, None, &fields, &mut answer);
    let answer = answer.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&answer);
    let (head, body) = check_head(answer);
    assert!(head.starts_with("HTTP/1.1 101 ") && body.is_empty(), "{head}");
    assert_eq!(head.matches("Sec-WebSocket-Accept: ").count(), 1);
}

/// The head, whose lines are clean, and the body.
fn check_head(answer: &[u8]) -> (&str, &str) {
    let answer = std::str::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    for line in head.split("\r\n") {
        assert!(!line.is_empty() && line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{head}");
    }
    (head, body)
}
