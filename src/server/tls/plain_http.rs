//! Clients that send plain HTTP to a TLS port: nobody else begins with a word in capital letters, since the
//! first octet of a TLS record is 20 to 24 (RFC 8446 §5.1). They get an answer that says so.

use std::time::SystemTime;

use crate::net::http_date;

/// What the first octets of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// A method and a space (RFC 9112 §3).
    PlainHttp,
    /// As far as it goes, a method.
    Undecided,
    Other,
}

impl Beginning {
    pub(super) fn of(octets: &[u8]) -> Beginning {
        let len = octets.iter().take_while(|octet| octet.is_ascii_uppercase()).count();
        match octets.get(len) {
            _ if len > LONGEST_METHOD => Beginning::Other,
            Some(b' ') if len > 0 => Beginning::PlainHttp,
            Some(_) => Beginning::Other,
            None => Beginning::Undecided,
        }
    }
}

/// The answer (RFC 9110 §15.5.1).
pub(super) fn answer() -> Vec<u8> {
    let date = http_date(SystemTime::now());
    let date = date.map_or_else(String::new, |date| format!("Date: {date}\r\n"));
    let len = SENTENCE.len();
    format!(
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n{date}\
         Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len}\r\n\r\n{SENTENCE}"
    )
    .into_bytes()
}

/// Of the methods that are registered none is longer than UPDATEREDIRECTREF.
const LONGEST_METHOD: usize = 17;

/// Octets that say whether it is plain HTTP.
pub(super) const ENOUGH: usize = LONGEST_METHOD + 1;

const SENTENCE: &str = "RFC 6455 4.2.2: this port speaks TLS, and plain HTTP came: use wss:// or \
    https://\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_and_a_space_are_plain_http_and_nothing_else_is() {
        for (octets, beginning) in [
            (&b""[..], Beginning::Undecided),
            (b"G", Beginning::Undecided),
            (b"GET", Beginning::Undecided),
            (b"GET ", Beginning::PlainHttp),
            (b"GET / HTTP/1.1\r\n", Beginning::PlainHttp),
            (b"UPDATEREDIRECTREF ", Beginning::PlainHttp),
            (b"UPDATEREDIRECTREF", Beginning::Undecided),
            (b"UPDATEREDIRECTREFS", Beginning::Other),
            (b" ", Beginning::Other),
            (b"get ", Beginning::Other),
            (b"GET\r", Beginning::Other),
            (b"\x16\x03\x01", Beginning::Other),
        ] {
            assert_eq!(Beginning::of(octets), beginning, "{octets:?}");
        }
    }

    #[test]
    fn the_answer_is_whole() {
        let answer = String::from_utf8(answer()).unwrap();
        let (head, content) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}", content.len())), "{head}");
        assert!(content.contains("wss://"), "{content}");
    }
}
