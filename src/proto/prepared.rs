//! A message encoded once, for sending to many.

#[cfg(feature = "deflate")]
mod work;

use std::sync::Arc;
#[cfg(feature = "deflate")]
use std::sync::OnceLock;

use super::assembler::MessageKind;
#[cfg(feature = "deflate")]
use super::deflate::WindowBits;
use super::frame::HeaderBytes;
use super::outbound::opcode_of;

#[cfg(feature = "deflate")]
pub use work::Work;
#[cfg(feature = "deflate")]
use work::Works;

/// A whole message as one frame, encoded. Cheap to clone: receivers share its bytes.
#[derive(Clone)]
pub struct Prepared {
    shared: Arc<Frames>,
}

struct Frames {
    plain: Arc<[u8]>,
    kind: MessageKind,
    /// Where the payload begins in `plain`.
    header_len: usize,
    /// The frame compressed, for each size of the receivers' windows; `None` where that is
    /// not shorter.
    #[cfg(feature = "deflate")]
    compressed: [OnceLock<Option<Arc<[u8]>>>; 8],
    /// Where somebody compresses it slice by slice.
    #[cfg(feature = "deflate")]
    works: Works,
}

impl std::fmt::Debug for Prepared {
    /// Leaves the payload out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared")
            .field("kind", &self.shared.kind)
            .field("len", &self.payload().len())
            .finish_non_exhaustive()
    }
}

impl From<&str> for Prepared {
    fn from(text: &str) -> Prepared {
        Prepared::text(text)
    }
}

impl From<String> for Prepared {
    fn from(text: String) -> Prepared {
        Prepared::text(text)
    }
}

impl From<&[u8]> for Prepared {
    fn from(payload: &[u8]) -> Prepared {
        Prepared::binary(payload)
    }
}

impl From<Vec<u8>> for Prepared {
    fn from(payload: Vec<u8>) -> Prepared {
        Prepared::binary(payload)
    }
}

/// The same message; its bytes are shared.
impl From<&Prepared> for Prepared {
    fn from(message: &Prepared) -> Prepared {
        message.clone()
    }
}

impl Prepared {
    /// Encodes a text message.
    pub fn text(text: impl AsRef<str>) -> Prepared {
        Prepared::encode(MessageKind::Text, text.as_ref().as_bytes())
    }

    /// Encodes a binary message.
    pub fn binary(payload: impl AsRef<[u8]>) -> Prepared {
        Prepared::encode(MessageKind::Binary, payload.as_ref())
    }

    /// The kind of the message.
    pub fn kind(&self) -> MessageKind {
        self.shared.kind
    }

    /// The frame as it goes over the wire: never masked, FIN set, not compressed.
    pub fn frame(&self) -> &Arc<[u8]> {
        &self.shared.plain
    }

    /// The payload, not compressed.
    pub fn payload(&self) -> &[u8] {
        self.shared.plain.get(self.shared.header_len..).unwrap_or_default()
    }

    /// Whether [`Prepared::compressed`] has its answer already for windows of this size.
    #[cfg(feature = "deflate")]
    pub fn is_settled(&self, window: WindowBits) -> bool {
        self.slot(window).is_some_and(|slot| slot.get().is_some())
    }

    /// The frame of the compressed message for receivers whose windows have this size, without
    /// references to earlier messages. `compress` is called for the first one only: it gives the
    /// payload (RFC 7692 §7.2.1), or `None` to send them all the plain frame.
    #[cfg(feature = "deflate")]
    pub fn compressed<P: AsRef<[u8]>>(
        &self,
        window: WindowBits,
        compress: impl FnOnce(&[u8]) -> Option<P>,
    ) -> Option<&Arc<[u8]>> {
        let frame = self.slot(window)?.get_or_init(|| {
            let payload = compress(self.payload())?;
            Some(self.compressed_frame(payload.as_ref()))
        });
        frame.as_ref()
    }

    /// RFC 7692 §6.1: RSV1 says that the message is compressed.
    #[cfg(feature = "deflate")]
    fn compressed_frame(&self, payload: &[u8]) -> Arc<[u8]> {
        join(&header(self.shared.kind, payload.len()).compressed(), payload)
    }

    #[cfg(feature = "deflate")]
    fn slot(&self, window: WindowBits) -> Option<&OnceLock<Option<Arc<[u8]>>>> {
        self.shared.compressed.get(usize::from(window.get() - WindowBits::MIN.get()))
    }

    fn encode(kind: MessageKind, payload: &[u8]) -> Prepared {
        let header = header(kind, payload.len());
        let shared = Frames {
            plain: join(&header, payload),
            kind,
            header_len: header.as_bytes().len(),
            #[cfg(feature = "deflate")]
            compressed: Default::default(),
            #[cfg(feature = "deflate")]
            works: Works::default(),
        };
        Prepared { shared: Arc::new(shared) }
    }
}

fn header(kind: MessageKind, payload_len: usize) -> HeaderBytes {
    HeaderBytes::encode(opcode_of(kind), true, payload_len)
}

fn join(header: &HeaderBytes, payload: &[u8]) -> Arc<[u8]> {
    [header.as_bytes(), payload].concat().into()
}
