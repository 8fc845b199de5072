//! What the types of the handshake say to people: in logs, and when a configuration is refused.

use super::*;
use stickler::proto::handshake::{AcceptKey, AllowedOrigin, Authority, FieldError, Subprotocol};

/// What went wrong with the parsing, in words.
fn fault<T: core::str::FromStr<Err: core::fmt::Display>>(text: &str) -> String {
    text.parse::<T>().err().map(|fault| fault.to_string()).unwrap_or_default()
}

#[test]
fn what_cannot_be_configured_is_told_what_would_do() {
    assert_eq!(fault::<Authority>("a/b"), "not a host with an optional port");
    for (text, said) in [
        ("https://a b", "not any, same-host or an origin such as https://example.com"),
        (
            "example.com",
            "neither any, same-host nor null, and an origin begins with its scheme, as in \
             https://example.com",
        ),
        ("https://", "an origin of this scheme has a host, as in https://example.com"),
        (
            "https://example.com/",
            "one origin is a scheme, a host and perhaps a port, without a path, a slash at its end \
             or a second origin",
        ),
        ("*", "to allow every origin, null too, write any"),
        (
            "https://example.*",
            "an asterisk stands for the first labels of a domain, as in https://*.example.com, \
             or for the port, as in http://localhost:*, and nowhere else",
        ),
    ] {
        assert_eq!(fault::<AllowedOrigin>(text), said);
    }
    assert_eq!(
        fault::<Subprotocol>("a b"),
        "a subprotocol is a token: visible ASCII without separators"
    );
    let fault = Response::new(101).unwrap_err();
    assert_eq!(fault.to_string(), "101 is not the status of a final response (200 to 599)");
    let mut said: Vec<_> =
        [FieldError::NameInvalid, FieldError::NameReserved, FieldError::ValueInvalid]
            .map(|fault| fault.to_string())
            .into();
    said.dedup();
    assert!(said.len() == 3 && said.iter().all(|sentence| sentence.contains("header field")));
}

#[test]
fn what_is_configured_is_shown_as_it_was_written() {
    for text in ["any", "same-host", "null", "file://", "HTTPS://Example.com:443", "http://*.a:*"] {
        assert_eq!(text.parse::<AllowedOrigin>().unwrap().to_string(), text);
    }
    for (text, shown) in [("H:80", "h:80"), ("h", "h"), ("h:", "h"), ("[0::1]:1", "[::1]:1")] {
        assert_eq!(text.parse::<Authority>().unwrap().to_string(), shown);
    }
}

#[test]
fn a_subprotocol_that_was_not_offered_is_refused_in_words() {
    let request = Request::parse(HANDSHAKE.as_bytes(), &HeadLimits::default()).unwrap();
    let Verdict::WebSocket(mut offer) = judge(&request, &Policy::default()).unwrap() else {
        panic!("plain")
    };
    let fault = offer.choose_subprotocol(&request, "chat").unwrap_err();
    assert_eq!(fault.to_string(), "the client did not offer this subprotocol");
}

#[test]
fn a_refusal_names_the_clause_and_the_field_at_fault() {
    let refusal = Refusal::from(Rejection::FieldTooLarge);
    assert_eq!(refusal.to_string(), "RFC 6585 5: one header field is too large");
    let named = Refusal { field: Some("Cookie"), ..refusal };
    assert_eq!(named.to_string(), "RFC 6585 5: one header field is too large: Cookie");
}

#[test]
fn a_request_shown_for_debugging_hides_its_fields() {
    let request = with("Cookie: secret");
    let request = Request::parse(request.as_bytes(), &HeadLimits::default()).unwrap();
    let shown = format!("{request:?}");
    assert!(shown.contains("/chat") && !shown.contains("server.example.com"), "{shown}");
    assert!(!shown.contains("secret") && !shown.contains("dGhlIHNhbXBsZSBub25jZQ"), "{shown}");
}

#[test]
fn an_accept_key_is_shown_as_it_is_sent() {
    let key = AcceptKey::of(b"dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(format!("{key:?}"), "\"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\"");
}
