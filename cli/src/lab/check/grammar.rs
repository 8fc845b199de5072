//! What is wrong with the head of a response as HTTP, whoever asked for what: a sender must not generate what does
//! not match the grammar (RFC 9110 §2.2).

use super::frame::{Fault, quote};

/// The first rule that this head breaks; it ends with its empty line.
pub(super) fn fault_of_head(head: &[u8]) -> Option<Fault> {
    let mut lines = head.strip_suffix(b"\r\n\r\n")?.split(|byte| *byte == b'\n');
    let status_line = lines.next().map(without_cr)?;
    fault_of_status_line(status_line).or_else(|| lines.map(without_cr).find_map(fault_of_field))
}

/// What is wrong with bytes that came for a response and are none; `None` where they may be the beginning of one.
pub(super) fn fault_of_noise(bytes: &[u8]) -> Option<Fault> {
    if bytes.starts_with(b"HTTP/") && bytes.windows(2).any(|pair| pair == b"\n\n") {
        return Some(Fault::new("RFC 9112 2.1", "a response whose lines end with LF alone"));
    }
    let shown = bytes.get(..5.min(bytes.len())).unwrap_or_default();
    let is_beginning = b"HTTP/".starts_with(shown);
    (!is_beginning).then(|| {
        let what = format!("an answer that is no HTTP: {}", quote(bytes));
        Fault::new("RFC 9112 2.1", what)
    })
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// RFC 9112 §4: HTTP-version SP 3DIGIT SP, then words or none.
fn fault_of_status_line(line: &[u8]) -> Option<Fault> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let (version, status, reason) = (parts.next(), parts.next(), parts.next());
    let is_version = matches!(version, Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor])
        if major.is_ascii_digit() && minor.is_ascii_digit());
    let is_status = status.is_some_and(|s| s.len() == 3 && s.iter().all(u8::is_ascii_digit));
    let shown = quote(line);
    if !is_version || !is_status || !reason.is_some_and(is_value) {
        return Some(Fault::new("RFC 9112 4", format!("a status line that is none: {shown}")));
    }
    // RFC 9110 §15.2: HTTP/1.0 has no 1xx.
    let is_old = version != Some(b"HTTP/1.1") && status == Some(b"101");
    is_old.then(|| Fault::new("RFC 9110 15.2", format!("a 101 in another version: {shown}")))
}

fn fault_of_field(line: &[u8]) -> Option<Fault> {
    let fault = |section, what: &str| Some(Fault::new(section, format!("{what}: {}", quote(line))));
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return fault("RFC 9112 5.2", "a folded field in a response");
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return fault("RFC 9112 5", "a field line without a colon");
    };
    let (name, value) = line.split_at(colon);
    if name.is_empty() || !name.iter().copied().all(is_token) {
        return fault("RFC 9112 5.1", "a field name that is no token");
    }
    if !is_value(value) {
        return fault("RFC 9110 5.5", "a control character in a field");
    }
    None
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110 §5.5: no control character but HTAB.
fn is_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(head: &[u8]) -> Option<&'static str> {
        fault_of_head(head).map(|fault| fault.section)
    }

    #[test]
    fn s9112_heads_are_held_to_the_grammar() {
        for good in [
            &b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"[..],
            b"HTTP/1.1 400 \r\nX-a:\r\nY:  b\tc \r\n\r\n",
            b"HTTP/1.0 400 Bad\r\nServer: caf\xc3\xa9\r\n\r\n",
        ] {
            assert_eq!(section(good), None, "{}", quote(good));
        }
        for (bad, clause) in [
            (&b"HTTP/1.1 101\r\nA: b\r\n\r\n"[..], "RFC 9112 4"),
            (b"HTTP/1.1 1O1 x\r\n\r\n", "RFC 9112 4"),
            (b"HTTP/11 101 x\r\n\r\n", "RFC 9112 4"),
            (b"HTTP/1.0 101 x\r\n\r\n", "RFC 9110 15.2"),
            (b"HTTP/1.1 101 x\r\nA: b\r\n c\r\n\r\n", "RFC 9112 5.2"),
            (b"HTTP/1.1 101 x\r\nA : b\r\n\r\n", "RFC 9112 5.1"),
            (b"HTTP/1.1 101 x\r\nA b\r\n\r\n", "RFC 9112 5"),
            (b"HTTP/1.1 101 x\r\nA: b\0\r\n\r\n", "RFC 9110 5.5"),
            (b"HTTP/1.1 101 x\r\nA: b\rc\r\n\r\n", "RFC 9110 5.5"),
        ] {
            assert_eq!(section(bad), Some(clause), "{}", quote(bad));
        }
    }

    #[test]
    fn s9112_2_1_noise_is_no_answer_and_a_beginning_may_be_one() {
        assert!(fault_of_noise(b"HTTP/1.1 400 x\n\n").is_some());
        assert!(fault_of_noise(b"nonsense").is_some());
        assert!(fault_of_noise(b"\x88\x02\x03\xea").is_some());
        for beginning in [&b"HT"[..], b"HTTP/1.1 4", b"HTTP/1.1 400 Bad\r\nA: b\r\n"] {
            assert!(fault_of_noise(beginning).is_none());
        }
    }
}
