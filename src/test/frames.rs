//! Frames as a client writes and reads them (RFC 6455 §5.2).

use tokio::io::AsyncReadExt;
use tokio::io::DuplexStream;

use super::TestError;
use crate::proto::client_frame::{ServerContext, ServerFrame, encode_masked};
use crate::proto::close::CloseCode;
use crate::proto::event::ReceivedClose;

/// What a whole message or control frame was.
pub(super) enum Frame {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(ReceivedClose),
}

/// What was read and is not a whole message yet.
#[derive(Default)]
pub(super) struct Frames {
    pub(super) unread: Vec<u8>,
    /// The opcode of an unfinished message, and what there is of it.
    message: Option<(u8, Vec<u8>)>,
}

/// A masked frame with this first byte.
pub(super) fn encode(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_masked(first, payload, KEY, &mut bytes);
    bytes
}

impl Frames {
    /// The next message or control frame; `None` at the end of the transport. What was read stays here
    /// when the future is dropped.
    pub(super) async fn next(&mut self, io: &mut DuplexStream) -> Result<Option<Frame>, TestError> {
        loop {
            while let Some((first, payload)) = self.take_frame()? {
                if let Some(frame) = self.assemble(first, payload)? {
                    return Ok(Some(frame));
                }
            }
            if io.read_buf(&mut self.unread).await.map_err(TestError::Io)? == 0 {
                return Ok(None);
            }
        }
    }

    /// The first byte and the payload of the frame in front, once it is whole.
    fn take_frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, TestError> {
        let Some(&first) = self.unread.first() else { return Ok(None) };
        let context =
            ServerContext { message_unfinished: self.message.is_some(), compression: false };
        let header = ServerFrame::parse(&self.unread, context);
        let Some(header) = header.map_err(|fault| TestError::Broken(fault.sentence()))? else {
            return Ok(None);
        };
        let rest = self.unread.get(header.header_len..).unwrap_or_default();
        let len = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
        let Some(payload) = rest.get(..len) else { return Ok(None) };
        let payload = payload.to_vec();
        let taken = self.unread.len() - rest.len() + len;
        self.unread.drain(..taken);
        Ok(Some((first, payload)))
    }

    /// Takes a frame; gives what is whole with it.
    fn assemble(&mut self, first: u8, payload: Vec<u8>) -> Result<Option<Frame>, TestError> {
        let is_last = first & 0x80 != 0;
        match (first & 0x0f, self.message.take()) {
            (opcode @ (1 | 2), None) => self.message = Some((opcode, payload)),
            (0, Some((opcode, mut message))) => {
                message.extend_from_slice(&payload);
                self.message = Some((opcode, message));
            }
            (opcode @ 8..=10, unfinished) if is_last => {
                self.message = unfinished;
                return Ok(Some(match opcode {
                    8 => Frame::Close(close(&payload)?),
                    9 => Frame::Ping(payload),
                    _ => Frame::Pong,
                }));
            }
            _ => return Err(TestError::Broken("a frame that is not due")),
        }
        if !is_last {
            return Ok(None);
        }
        Ok(self.message.take().map(|(opcode, message)| {
            if opcode == 1 { Frame::Text(message) } else { Frame::Binary(message) }
        }))
    }
}

/// The body of a Close (RFC 6455 §5.5.1).
fn close(body: &[u8]) -> Result<ReceivedClose, TestError> {
    let (code, reason) = match body.split_first_chunk() {
        Some((code, reason)) => (Some(CloseCode::new(u16::from_be_bytes(*code))), reason),
        None if body.is_empty() => (None, &[][..]),
        None => return Err(TestError::Broken("half a status code")),
    };
    let reason =
        std::str::from_utf8(reason).map_err(|_| TestError::Broken("a reason that is not UTF-8"))?;
    Ok(ReceivedClose { code, reason: reason.into() })
}

/// In memory nobody is between (RFC 6455 §10.3), so any key will do.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
