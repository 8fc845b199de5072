//! Requests of other methods, for a server that answers plain HTTP too.

use stickler::Rejection;
use stickler::proto::handshake::{HeadLimits, Policy, Request, Verdict, judge};

use super::{line, with};

fn parse(request: &str) -> Result<Request, Rejection> {
    let parsed = Request::parse_any_method(request.as_bytes(), &HeadLimits::default());
    parsed.map_err(|refusal| refusal.rejection)
}

#[test]
fn s9110_9_1_every_method_for_a_resource_may_be_read() {
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "get"] {
        let head = format!("{method} /a?b HTTP/1.1\r\nHost: test\r\n\r\n");
        let request = parse(&head).unwrap();
        assert_eq!((request.method(), request.target()), (method, "/a?b"));
        assert!(matches!(judge(&request, &Policy::default()), Ok(Verdict::PlainHttp)));
    }
    let posted = parse("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n").unwrap();
    assert_eq!(posted.field("content-length"), Some(&b"5"[..]));
    for (start, rejection) in [
        ("CONNECT test:1", Rejection::MethodNotAllowed),
        ("TRACE /", Rejection::MethodNotAllowed),
        ("OPTIONS *", Rejection::MethodNotAllowed),
        ("POST *", Rejection::TargetFormInvalid),
    ] {
        let head = format!("{start} HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(parse(&head).unwrap_err(), rejection, "{start}");
    }
}

/// A handshake is a GET: another method that asks for one is told so (RFC 6455 §4.2.1).
#[test]
fn s6455_4_2_1_a_handshake_of_another_method_is_refused() {
    for method in ["HEAD", "POST", "PROPFIND"] {
        let request = parse(&line(&format!("{method} /chat HTTP/1.1"))).unwrap();
        let refusal = judge(&request, &Policy::default()).unwrap_err();
        assert_eq!(refusal.rejection, Rejection::MethodNotAllowed);
        assert_eq!(refusal.head_only, method == "HEAD");
    }
}

/// What was judged before the method is judged all the same.
#[test]
fn s9112_6_faults_before_the_method_stay_faults() {
    for (request, rejection) in [
        (with("Content-Length: 1"), Rejection::RequestHasContent),
        (
            with("Content-Length: 0\r\nTransfer-Encoding: chunked"),
            Rejection::LengthBesideTransferEncoding,
        ),
        (with("Content-Length: 1\r\nContent-Length: 1"), Rejection::ContentLengthInvalid),
        (with("Transfer-Encoding: chunked, gzip"), Rejection::ChunkedNotFinal),
        (with("Expect: 200-ok"), Rejection::ExpectationUnknown),
    ] {
        assert_eq!(parse(&request).unwrap_err(), rejection, "{request}");
        if rejection != Rejection::RequestHasContent {
            let posted = request.replacen("GET", "POST", 1);
            assert_eq!(parse(&posted).unwrap_err(), rejection, "{posted}");
        }
    }
}
