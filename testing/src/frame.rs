//! Frames as a client writes them, and as it reads those of the server (RFC 6455 §5.2).

/// A request that is accepted.
pub const REQUEST: &str = "GET /room HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// A frame from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub first: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn close_code(&self) -> u16 {
        assert_eq!(self.first, 0x88, "{self:?}");
        u16::from_be_bytes([self.payload[0], self.payload[1]])
    }

    /// The frame at the front of these bytes, and its length, once it is whole. The server does not
    /// mask, and its lengths are in their shortest form.
    pub fn parse(bytes: &[u8]) -> Option<(usize, Frame)> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        assert!(second < 0x80, "a masked frame: {first:#x} {second:#x}");
        let (start, len) = match second {
            126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap()).into()),
            127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()) as usize),
            len => (2, usize::from(len)),
        };
        let shortest = match len {
            0..126 => 2,
            126..65_536 => 4,
            _ => 10,
        };
        assert_eq!(start, shortest, "the length {len} is not in its shortest form");
        let payload = bytes.get(start..start + len)?.to_vec();
        Some((start + len, Frame { first, payload }))
    }
}

/// A masked frame.
pub fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let payload = payload.as_ref();
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            bytes.push(0xfe);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0xff);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

pub fn text(text: &str) -> Vec<u8> {
    frame(0x81, text)
}

pub fn binary(payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(0x82, payload)
}

pub fn close(code: u16) -> Vec<u8> {
    frame(0x88, code.to_be_bytes())
}
