//! The answer that opens the WebSocket (RFC 6455 §4.2.2).

use core::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

use super::{request::Request, response::ResponseFields};

/// The value of Sec-WebSocket-Accept for one key.
///
/// ```
/// use stickler::proto::handshake::AcceptKey;
///
/// let accept = AcceptKey::of(b"dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept.as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AcceptKey([u8; 28]);

impl AcceptKey {
    /// Computes the value for a key as it was received, not decoded.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        // RFC 6455 §4.2.2: the key as it was sent, and the GUID behind it.
        let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
        let mut text = [b'='; 28];
        let encoded = STANDARD.encode_slice(digest, &mut text);
        // 20 octets are 28 characters.
        debug_assert!(matches!(encoded, Ok(28)));
        Self(text)
    }

    /// The value, 28 characters of base64.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for AcceptKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(formatter)
    }
}

/// RFC 6455 §1.3: what is appended to the key before it is hashed.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Appends the head of the 101 to `out`, after a `100 Continue` if the client waits for one.
///
/// `subprotocol` and `extensions` are the server's own values and make one line each, or none
/// when `None` or empty; `extra` are the application's fields. The next byte after it is a frame.
pub fn encode_accept(
    request: &Request,
    accept_key: &AcceptKey,
    subprotocol: Option<&str>,
    extensions: Option<&str>,
    extra: &ResponseFields,
    out: &mut Vec<u8>,
) {
    // RFC 9110 §7.8: of the two answers, 100 comes first.
    if request.expects_continue() {
        out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    // RFC 6455 §4.2.2: the status line, Upgrade, Connection, and the answer to the key.
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
    );
    // RFC 6455 §11.3.3: Sec-WebSocket-Accept stands once.
    out.extend_from_slice(&accept_key.0);
    out.extend_from_slice(b"\r\n");
    for (name, value) in
        [("Sec-WebSocket-Protocol", subprotocol), ("Sec-WebSocket-Extensions", extensions)]
    {
        // RFC 6455 §4.2.2: no field where nothing was agreed on.
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            // RFC 6455 §11.3.2, §11.3.4: one line each, with what was agreed on.
            push_line(out, name, value);
        }
    }
    // RFC 9112 §6.1, RFC 9110 §8.6: no field about content is among these.
    extra.encode(out);
    out.extend_from_slice(b"\r\n");
}

/// Appends one field line.
pub(super) fn push_line(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}
