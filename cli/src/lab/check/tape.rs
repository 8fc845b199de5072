//! The bytes that went over a connection in one direction: how many, the first and the last of them.

use std::fmt;

/// Bytes in the order of the wire. A long middle is left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tape {
    first: Vec<u8>,
    /// The newest bytes that `first` has no room for, at most twice [`LAST`].
    last: Vec<u8>,
    count: usize,
}

/// What was sent in a row, and what came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tapes {
    pub(crate) sent: Tape,
    pub(crate) received: Tape,
}

impl Tape {
    pub(crate) fn note(&mut self, bytes: &[u8]) {
        self.count += bytes.len();
        let (head, tail) = bytes.split_at(bytes.len().min(FIRST - self.first.len()));
        self.first.extend_from_slice(head);
        let newest = tail.get(tail.len().saturating_sub(LAST)..).unwrap_or_default();
        self.last.extend_from_slice(newest);
        let old = self.last.len().saturating_sub(LAST);
        self.last.drain(..old);
    }
}

impl Tape {
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// For people: a head of HTTP as text, with escapes, and what is behind it in hex. What begins
    /// with a frame is all in hex.
    pub(crate) fn readable(&self) -> String {
        // The first two octets of a frame are never both printable, as far as frames are sent here.
        let begins = self.first.get(..3).unwrap_or_default();
        if begins.is_empty() || !begins.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return self.to_string();
        }
        let kept = self.first.len() + self.last.len();
        let bytes: Vec<u8> = self.first.iter().chain(&self.last).copied().collect();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        let end = end.unwrap_or(kept);
        let left_out = (kept < self.count).then_some(self.first.len());
        // Where the middle is left out, the two sides of it are written apart.
        let mut text = String::new();
        for range in [0..left_out.unwrap_or(kept), left_out.unwrap_or(kept)..kept] {
            if range.is_empty() {
                continue;
            }
            let gap = if text.is_empty() { "" } else { " .. " };
            text.push_str(gap);
            let (start, stop) = (range.start, range.end);
            let middle = end.clamp(start, stop);
            if start < middle {
                text.push_str(&format!("\"{}\"", bytes[start..middle].escape_ascii()));
            }
            if start < middle && middle < stop {
                text.push(' ');
            }
            text.push_str(&hex(&bytes[middle..stop]));
        }
        text + &self.length()
    }

    fn length(&self) -> String {
        let plural = if self.count == 1 { "" } else { "s" };
        format!(" ({} byte{plural})", self.count)
    }
}

fn hex(part: &[u8]) -> String {
    part.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 0 {
            return f.write_str("nothing");
        }
        f.write_str(&hex(&self.first))?;
        if !self.last.is_empty() {
            let left_out = self.first.len() + self.last.len() < self.count;
            write!(f, " {}{}", if left_out { ".. " } else { "" }, hex(&self.last))?;
        }
        f.write_str(&self.length())
    }
}

const FIRST: usize = 224;
const LAST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_text_and_frames_are_hex() {
        for (bytes, told) in [
            (&b""[..], "nothing"),
            (&[0x81, 0x02, b'h', b'i'], "81 02 68 69 (4 bytes)"),
            (&[0x51, 0x85, b'h', b'i'], "51 85 68 69 (4 bytes)"),
            (b"GET / HTTP/1.1\r\nA: \xff\"\0", r#""GET / HTTP/1.1\r\nA: \xff\"\x00" (22 bytes)"#),
            (b"GET /\r\n\r\n\x81\x80", r#""GET /\r\n\r\n" 81 80 (11 bytes)"#),
        ] {
            let mut tape = Tape::default();
            tape.note(bytes);
            assert_eq!(tape.readable(), told);
        }
    }

    #[test]
    fn the_two_sides_of_a_long_middle_are_apart() {
        let mut long = Tape::default();
        long.note(&[b'a'; FIRST + LAST + 1]);
        let (first, last) = ("a".repeat(FIRST), "a".repeat(LAST));
        assert_eq!(long.readable(), format!("\"{first}\" .. \"{last}\" (257 bytes)"));
        let mut body = Tape::default();
        body.note(b"GET\r\n\r\n");
        body.note(&[0; 300]);
        let told = body.readable();
        assert!(told.starts_with(r#""GET\r\n\r\n" 00 00"#), "{told}");
        assert!(told.contains("00 .. 00") && told.ends_with("00 (307 bytes)"), "{told}");
    }

    #[test]
    fn a_long_middle_is_left_out_and_the_length_is_told() {
        let mut tape = Tape::default();
        assert_eq!(tape.to_string(), "nothing");
        tape.note(&[0x81]);
        assert_eq!(tape.to_string(), "81 (1 byte)");
        tape.note(&[0x05, 0xff]);
        assert_eq!(tape.to_string(), "81 05 ff (3 bytes)");
        tape.note(&[7; 1000]);
        let text = tape.to_string();
        assert!(text.starts_with("81 05 ff 07 07") && text.ends_with(" 07 (1003 bytes)"), "{text}");
        assert!(text.contains(" .. 07") && text.len() < 3 * (FIRST + LAST) + 30, "{text}");
        let mut whole = Tape::default();
        whole.note(&[9; FIRST + LAST]);
        assert!(!whole.to_string().contains(".."), "{whole}");
    }
}
