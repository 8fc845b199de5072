//! How large a head may be (RFC 9110 §5.4, RFC 9112 §3, RFC 6585 §5).

use super::*;
use Rejection::*;

const SIZE: usize = 16 * 1024;

pub(crate) fn rows() -> Vec<Row> {
    let many = "a".repeat(SIZE);
    let unfinished = |start: &str| format!("{start}{many}");
    vec![
        row("9110-5.4-01", padded(SIZE), OPEN),
        row("9110-5.4-01", padded(SIZE + 1), refused(431, FieldTooLarge)),
        row("9110-5.4-01", padded(4 * SIZE + 1), refused(431, FieldTooLarge)),
        row("9110-5.4-01", with(&vec!["X: y"; 95].join("\r\n")), OPEN),
        row("9110-5.4-01", with(&vec!["X: y"; 96].join("\r\n")), refused(431, TooManyFields)),
        row("9110-5.4-01", with(&vec!["X: y"; 10_000].join("\r\n")), refused(431, TooManyFields)),
        row(
            "9110-5.4-01",
            with(&vec![format!("X: {}", "y".repeat(400)); 50].join("\r\n")),
            refused(431, HeadTooLarge),
        ),
        row(
            "6585-5-01",
            with(&format!("Cookie: {}", "c".repeat(100 * 1024))),
            refused(431, FieldTooLarge),
        ),
        row("9112-3-02", unfinished("GET /"), refused(414, TargetTooLong)),
        row(
            "9112-3-02",
            target(&format!("/{}", "a".repeat(64 * 1024))),
            refused(414, TargetTooLong),
        ),
        row(
            "9112-3-02",
            target(&format!("/{}", "a".repeat(SIZE - 100))),
            refused(414, TargetTooLong),
        ),
        row(
            "9112-3-02",
            &target(&format!("/{}", "a".repeat(SIZE - 6)))[..SIZE],
            refused(414, TargetTooLong),
        ),
        row("9112-3-04", unfinished(""), refused(501, MethodTooLong)),
        row("9112-3-04", unfinished("\r\n"), refused(501, MethodTooLong)),
        // A method that leaves room for a short target, or for all the rest.
        row("9112-3-04", format!("{} /b", &many[2..]), refused(501, MethodTooLong)),
        row("9112-3-04", long_method(SIZE / 2 + 1), refused(501, MethodTooLong)),
        row("9110-9.3.2-01", unfinished("HEAD /"), refused(414, TargetTooLong)),
        row("9112-3-02", &unfinished("GET /")[..SIZE - 1], Expect::Incomplete),
    ]
}

/// A head of twice as many bytes as its method has, and more.
fn long_method(len: usize) -> String {
    format!("{} / HTTP/1.1\r\nX: {}", "M".repeat(len), "y".repeat(len))
}

/// A handshake of this many bytes.
fn padded(size: usize) -> String {
    let padding = size - with("X: ").len();
    with(&format!("X: {}", "y".repeat(padding)))
}

#[test]
fn s9110_5_4_heads_up_to_the_limit() {
    run(&rows());
}

#[test]
fn s6585_5_the_field_at_fault_is_named_in_our_own_words() {
    let value = "c".repeat(SIZE);
    for (lines, expect) in [
        (format!("cOOKIE: {value}"), Some("Cookie")),
        (format!("Cookie: {}\r\nX: {}", &value[..10_000], &value[..7_000]), Some("Cookie")),
        (format!("X-Evil: {value}"), None),
        (format!("Cookie{value}: x"), None),
    ] {
        let request = with(&lines);
        let refusal =
            HeadScanner::new().scan(request.as_bytes(), &HeadLimits::default()).unwrap_err();
        assert_eq!((refusal.rejection, refusal.field), (FieldTooLarge, expect));
        let expect = expect.map_or(String::new(), |name| format!(": {name}"));
        assert_eq!(refusal.body(), format!("RFC 6585 5: one header field is too large{expect}\n"));
    }
}

#[test]
fn s6585_5_a_line_is_at_fault_if_it_takes_more_than_half_of_the_room() {
    let limits = HeadLimits::new().max_head_size(100).max_fields(100);
    let more = "X: y\r\n".repeat(20);
    let line = |len: usize| format!("GET /{} HTTP/1.1\r\n{more}", "a".repeat(len - 14));
    let field = |len: usize| format!("GET / HTTP/1.1\r\nVia: {}\r\n{more}", "a".repeat(len - 5));
    // The CR counts.
    for (head, expect, name) in [
        (line(49), HeadTooLarge, None),
        (line(50), TargetTooLong, None),
        (field(49), HeadTooLarge, None),
        (field(50), FieldTooLarge, Some("Via")),
    ] {
        let refusal = HeadScanner::new().scan(head.as_bytes(), &limits).unwrap_err();
        assert_eq!((refusal.rejection, refusal.field), (expect, name), "{head}");
    }
}

#[test]
fn limits_are_inclusive_whatever_they_are() {
    for size in 0..HANDSHAKE.len() + 10 {
        let limits = HeadLimits::new().max_head_size(size).max_fields(5);
        let scanned = HeadScanner::new().scan(HANDSHAKE.as_bytes(), &limits);
        assert_eq!(scanned.is_ok(), size >= HANDSHAKE.len(), "{size}");
    }
    for (max_fields, fits) in [(5, true), (4, false), (0, false)] {
        let limits = HeadLimits::new().max_head_size(SIZE).max_fields(max_fields);
        assert_eq!(HeadScanner::new().scan(HANDSHAKE.as_bytes(), &limits).is_ok(), fits);
        assert_eq!(Request::parse(HANDSHAKE.as_bytes(), &limits).is_ok(), fits);
    }
}
