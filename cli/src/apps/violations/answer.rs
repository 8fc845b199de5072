//! What a server answered: the head of HTTP, then its frames, in pieces.

use super::pieces::{Piece, first_octet};

/// The answer, as far as it has come.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) pieces: Vec<Piece>,
    /// The status of the opening handshake.
    pub(super) status: Option<u16>,
    /// The status code of the Close.
    pub(super) code: Option<u16>,
    /// The reason of the Close, or the content of a refusal.
    pub(super) reason: Option<String>,
    /// Whether nothing more is to come.
    pub(super) is_whole: bool,
}

impl Answer {
    /// Reads what has come so far.
    pub(super) fn read(bytes: &[u8]) -> Answer {
        let mut answer = Answer::default();
        let Some(end) = head_len(bytes) else { return answer };
        let (head, mut rest) = bytes.split_at_checked(end).unwrap_or_default();
        let text = String::from_utf8_lossy(head);
        answer.status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        answer.pieces.push(Piece::new("response", head));
        if answer.status != Some(101) {
            let fields = text.lines().filter_map(|line| line.split_once(": "));
            let mut lengths =
                fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length = lengths.next().and_then(|(_, length)| length.parse().ok());
            answer.is_whole = length.is_some_and(|length: usize| rest.len() >= length);
            answer.reason = Some(String::from_utf8_lossy(rest).trim_end().to_owned());
            answer.pieces.push(Piece::new("content", rest));
            return answer;
        }
        while let Some((frame, behind)) = split_frame(rest) {
            rest = behind;
            answer.take(frame);
        }
        answer
    }

    /// Takes a whole frame of the server.
    fn take(&mut self, frame: &[u8]) {
        let Some((&[first, length], payload)) = frame.split_first_chunk() else { return };
        self.pieces.push(Piece::new(first_octet(first), [first]));
        self.pieces.push(Piece::new(format!("not masked, {length} of payload"), [length]));
        match payload.split_first_chunk() {
            Some((code, reason)) if first == CLOSE => {
                let number = u16::from_be_bytes(*code);
                self.code = Some(number);
                self.reason = Some(String::from_utf8_lossy(reason).into_owned());
                self.pieces.push(Piece::new(format!("status code {number}"), *code));
                self.pieces.push(Piece::new("reason", reason));
            }
            _ if payload.is_empty() => {}
            _ => self.pieces.push(Piece::new("payload", payload)),
        }
        self.is_whole |= first == CLOSE;
    }

    /// The clause that the server named.
    pub(super) fn clause(&self) -> Option<&str> {
        self.reason.as_deref()?.split_once(": ").map(|(clause, _)| clause)
    }
}

/// FIN, and the opcode of Close (RFC 6455 §5.5.1).
const CLOSE: u8 = 0x88;

fn head_len(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4)
}

/// The first frame, where it is whole; the server of a play sends short ones only.
fn split_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = bytes.get(1).filter(|length| **length < 126)?;
    bytes.split_at_checked(2 + usize::from(*length))
}
