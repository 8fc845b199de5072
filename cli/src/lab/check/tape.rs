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
}

impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 0 {
            return f.write_str("nothing");
        }
        let hex =
            |part: &[u8]| part.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ");
        f.write_str(&hex(&self.first))?;
        if !self.last.is_empty() {
            let left_out = self.first.len() + self.last.len() < self.count;
            write!(f, " {}{}", if left_out { ".. " } else { "" }, hex(&self.last))?;
        }
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, " ({} byte{plural})", self.count)
    }
}

const FIRST: usize = 224;
const LAST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

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
