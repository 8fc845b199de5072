//! Status codes and Close frames (RFC 6455 §5.5.1, §7.4).

use super::utf8::Utf8Validator;
use super::violation::Violation;

/// A status code of the closing handshake (RFC 6455 §7.4).
///
/// Any number may be one: which of them a peer may send, and which a server may, is asked with
/// [`is_receivable`](CloseCode::is_receivable) and [`is_sendable`](CloseCode::is_sendable). 3000 to
/// 3999 are registered with IANA by libraries and frameworks, 4000 to 4999 are the application's own.
///
/// ```
/// use stickler::CloseCode;
///
/// let code = CloseCode::from(4001);
/// assert!(code.is_sendable());
/// assert_eq!(u16::from(code), 4001);
/// assert!(!CloseCode::NO_STATUS.is_sendable()); // 1005 is never on the wire
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// 1001: the endpoint is going away.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode(1002);
    /// 1003: a kind of data that the endpoint does not take.
    pub const UNSUPPORTED_DATA: CloseCode = CloseCode(1003);
    /// 1005: stands for a Close frame without a status code; never on the wire.
    pub const NO_STATUS: CloseCode = CloseCode(1005);
    /// 1006: stands for a connection that ended without a Close frame; never on the wire.
    pub const ABNORMAL: CloseCode = CloseCode(1006);
    /// 1007: payload that does not fit the kind of the message.
    pub const INVALID_PAYLOAD: CloseCode = CloseCode(1007);
    /// 1008: a policy of the endpoint was violated.
    pub const POLICY_VIOLATION: CloseCode = CloseCode(1008);
    /// 1009: a message too big to process.
    pub const TOO_BIG: CloseCode = CloseCode(1009);
    /// 1011: an unexpected condition inside the endpoint.
    pub const INTERNAL_ERROR: CloseCode = CloseCode(1011);
    /// 1012: the service restarts.
    pub const SERVICE_RESTART: CloseCode = CloseCode(1012);
    /// 1013: try again later.
    pub const TRY_AGAIN_LATER: CloseCode = CloseCode(1013);
    /// 1014: a gateway got no valid answer from upstream.
    pub const BAD_GATEWAY: CloseCode = CloseCode(1014);

    /// The code with this number, whatever its meaning.
    pub const fn new(code: u16) -> CloseCode {
        CloseCode(code)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether a peer may send this code in a Close frame (RFC 6455 §7.4.2, §11.7).
    pub const fn is_receivable(self) -> bool {
        // RFC 6455 §7.4.1: 1005, 1006 and 1015 never stand in a frame; 1004 has no meaning yet.
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// Whether a server may originate this code: all that may be received save 1010,
    /// which belongs to clients (RFC 6455 §7.4.1).
    pub const fn is_sendable(self) -> bool {
        // RFC 6455 §7.4.1: only clients send 1010.
        self.is_receivable() && self.0 != 1010
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> u16 {
        code.0
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> CloseCode {
        CloseCode(code)
    }
}

impl std::fmt::Display for CloseCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The longest reason that fits beside the status code in a control frame, in bytes.
pub const MAX_REASON_LEN: usize = 123;

/// The body of a Close frame: empty, or a status code and a reason (RFC 6455 §5.5.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// The status code; `None` for an empty body.
    pub code: Option<CloseCode>,
    /// The reason; empty when there is no code.
    pub reason: &'a str,
}

impl std::fmt::Debug for CloseFrame<'_> {
    /// Of the reason, which may be the peer's own words, only the length.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CloseFrame")
            .field("code", &self.code)
            .field("reason_len", &self.reason.len())
            .finish()
    }
}

impl<'a> CloseFrame<'a> {
    /// Reads the unmasked body of a received Close frame.
    ///
    /// # Errors
    /// The violation that the body commits; a forbidden code outranks a bad reason.
    pub fn parse(body: &'a [u8]) -> Result<CloseFrame<'a>, Violation> {
        judge_body_prefix(body, body.len())?;
        let Some((code, reason)) = body.split_first_chunk::<2>() else {
            return Ok(CloseFrame { code: None, reason: "" });
        };
        // RFC 6455 §5.5.1: what follows the code is UTF-8.
        let reason =
            simdutf8::basic::from_utf8(reason).map_err(|_| Violation::CloseReasonNotUtf8)?;
        // RFC 6455 §5.5.1: the code is in network byte order.
        Ok(CloseFrame { code: Some(CloseCode(u16::from_be_bytes(*code))), reason })
    }
}

/// Judges the bytes of a Close body that have arrived so far, out of `body_len`:
/// a fault is reported at the first byte that proves it.
///
/// # Errors
/// The violation that no further byte can mend.
pub(crate) fn judge_body_prefix(arrived: &[u8], body_len: usize) -> Result<(), Violation> {
    // RFC 6455 §5.5.1: one byte is less than a code.
    if body_len == 1 {
        return Err(Violation::CloseBodyTooShort);
    }
    match arrived {
        [] => Ok(()),
        [high] => {
            // Half a code condemns itself when no second byte makes it receivable.
            let possible =
                (0..=255).any(|low| CloseCode(u16::from_be_bytes([*high, low])).is_receivable());
            if possible { Ok(()) } else { Err(Violation::CloseCodeNotAllowed) }
        }
        [high, low, reason @ ..] => {
            if !CloseCode(u16::from_be_bytes([*high, *low])).is_receivable() {
                return Err(Violation::CloseCodeNotAllowed);
            }
            let mut validator = Utf8Validator::new();
            // RFC 6455 §5.5.1: the reason is UTF-8 as far as it has come.
            validator
                .feed(reason)
                .and_then(|()| {
                    if arrived.len() == body_len { validator.finish().map(|_| ()) } else { Ok(()) }
                })
                .map_err(|_| Violation::CloseReasonNotUtf8)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s7_4_codes_receivable_are_exactly_those_of_the_table() {
        let allowed =
            |code: u16| matches!(code, 1000..=1003 | 1007..=1011 | 1012..=1014 | 3000..=4999);
        for code in 0..=u16::MAX {
            assert_eq!(CloseCode(code).is_receivable(), allowed(code), "{code}");
            assert_eq!(CloseCode(code).is_sendable(), allowed(code) && code != 1010, "{code}");
        }
    }

    #[test]
    fn s5_5_1_faults_are_proven_at_the_first_byte_possible() {
        assert_eq!(judge_body_prefix(&[], 1), Err(Violation::CloseBodyTooShort));
        assert_eq!(judge_body_prefix(&[0x00], 2), Err(Violation::CloseCodeNotAllowed));
        assert_eq!(judge_body_prefix(&[0x03], 2), Ok(()));
        assert_eq!(judge_body_prefix(&[0x03, 0xED], 2), Err(Violation::CloseCodeNotAllowed));
        assert_eq!(judge_body_prefix(&[0x03, 0xE8, 0xFF], 9), Err(Violation::CloseReasonNotUtf8));
        assert_eq!(judge_body_prefix(&[0x03, 0xE8, 0xE2, 0x82], 5), Ok(()));
        assert_eq!(
            judge_body_prefix(&[0x03, 0xE8, 0xE2, 0x82], 4),
            Err(Violation::CloseReasonNotUtf8)
        );
        // A bad code and a bad reason: the code is met first.
        assert_eq!(CloseFrame::parse(&[0, 1, 0xFF]), Err(Violation::CloseCodeNotAllowed));
    }
}
