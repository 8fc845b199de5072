//! A message encoded once, for sending to many.

use std::sync::Arc;

use super::assembler::MessageKind;
use super::frame::{HeaderBytes, Opcode};

/// A whole message as one frame, encoded. Cheap to clone: receivers share its bytes.
#[derive(Clone, Debug)]
pub struct Prepared {
    frame: Arc<[u8]>,
    kind: MessageKind,
}

impl Prepared {
    /// Encodes a text message.
    pub fn text(text: impl AsRef<str>) -> Prepared {
        Prepared::encode(MessageKind::Text, Opcode::Text, text.as_ref().as_bytes())
    }

    /// Encodes a binary message.
    pub fn binary(payload: impl AsRef<[u8]>) -> Prepared {
        Prepared::encode(MessageKind::Binary, Opcode::Binary, payload.as_ref())
    }

    /// The kind of the message.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The frame as it goes over the wire: never masked, FIN set.
    pub fn frame(&self) -> &Arc<[u8]> {
        &self.frame
    }

    fn encode(kind: MessageKind, opcode: Opcode, payload: &[u8]) -> Prepared {
        let header = HeaderBytes::encode(opcode, true, payload.len());
        let mut frame = Vec::with_capacity(header.as_bytes().len() + payload.len());
        frame.extend_from_slice(header.as_bytes());
        frame.extend_from_slice(payload);
        Prepared { frame: frame.into(), kind }
    }
}
