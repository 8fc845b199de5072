//! Payload of control frames (RFC 6455 §5.5).

use super::{Inbound, Stage};
use crate::proto::close::{CloseFrame, judge_body_prefix};
use crate::proto::event::{Event, Payload, ReceivedClose, Step};
use crate::proto::frame::{MAX_CONTROL_LEN, Opcode};
use crate::proto::violation::Violation;

/// Room for the payload of one control frame (RFC 6455 §5.5).
pub(super) struct ControlBuffer {
    bytes: [u8; MAX_CONTROL_LEN],
    /// 0 <= len <= MAX_CONTROL_LEN
    len: u8,
}

impl core::fmt::Debug for ControlBuffer {
    /// Leaves the payload out.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ControlBuffer").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Default for ControlBuffer {
    fn default() -> ControlBuffer {
        ControlBuffer { bytes: [0; MAX_CONTROL_LEN], len: 0 }
    }
}

impl ControlBuffer {
    /// Appends; the length was judged with the header.
    fn extend(&mut self, payload: &[u8]) {
        for byte in payload {
            if let Some(slot) = self.bytes.get_mut(usize::from(self.len)) {
                *slot = *byte;
                self.len += 1;
            }
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&self.bytes)
    }
}

impl Inbound {
    /// Reads payload of a control frame; the event comes when it is complete.
    pub(super) fn receive_control(
        &mut self,
        input: &mut [u8],
        opcode: Opcode,
    ) -> Result<Step, Violation> {
        let len = usize::try_from(self.remaining).map_or(input.len(), |r| r.min(input.len()));
        let payload = input.get_mut(..len).unwrap_or_default();
        self.mask.apply(payload);
        self.remaining -= len as u64;
        let is_whole = self.remaining == 0 && self.control.is_none();
        if !is_whole || opcode == Opcode::Close {
            self.control.get_or_insert_default().extend(payload);
        }
        if opcode == Opcode::Close {
            let body_len = self.control().len() + usize::try_from(self.remaining).unwrap_or(0);
            judge_body_prefix(self.control(), body_len)?;
        }
        if self.remaining > 0 {
            return Ok(Step { consumed: len, event: None });
        }
        self.stage = Stage::Header;
        let at = if is_whole { Payload::Input(0..len) } else { Payload::Control };
        let event = match opcode {
            Opcode::Ping => Event::Ping(at),
            Opcode::Close => {
                let close = CloseFrame::parse(self.control())?;
                let received = ReceivedClose { code: close.code, reason: close.reason.into() };
                self.fail();
                Event::Close(received)
            }
            _ => Event::Pong(at),
        };
        Ok(Step { consumed: len, event: Some(event) })
    }
}
