//! Messages that are counted where they pass, before they are added to the numbers of all.

use crate::proto::assembler::MessageKind;

/// Messages and their payload, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::net) struct Amounts {
    /// Text first, as in `bytes`.
    messages: [u32; 2],
    bytes: [usize; 2],
}

impl Amounts {
    /// A whole message of so many bytes.
    #[inline]
    pub(in crate::net) fn add(&mut self, kind: MessageKind, payload_len: usize) {
        self.add_piece(kind, payload_len, true);
    }

    /// So many bytes of a message, which counts with the last of them.
    #[inline]
    pub(in crate::net) fn add_piece(&mut self, kind: MessageKind, len: usize, is_last: bool) {
        let at = usize::from(kind == MessageKind::Binary);
        // What is counted lies in buffers, so neither wraps.
        self.messages[at] = self.messages[at].wrapping_add(u32::from(is_last));
        self.bytes[at] = self.bytes[at].wrapping_add(len);
    }

    /// Adds what others have counted.
    pub(in crate::net) fn absorb(&mut self, other: Amounts) {
        for at in [0, 1] {
            self.messages[at] += other.messages[at];
            self.bytes[at] += other.bytes[at];
        }
    }

    #[inline]
    pub(in crate::net) fn is_nothing(&self) -> bool {
        let [texts, binaries] = self.messages;
        let [text_bytes, binary_bytes] = self.bytes;
        // Pieces may be without a message, and messages without a byte. One branch costs less than two.
        u64::from(texts | binaries) | (text_bytes | binary_bytes) as u64 == 0
    }

    /// Text messages and their bytes, then binary ones.
    #[inline]
    pub(in crate::net) fn by_kind(&self) -> [(u64, u64); 2] {
        let of = |at: usize| (u64::from(self.messages[at]), self.bytes[at] as u64);
        [of(0), of(1)]
    }
}

/// What is on its way to a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::net) struct Sent {
    pub(in crate::net) messages: Amounts,
    pub(in crate::net) pings: u32,
    pub(in crate::net) pongs: u32,
}

impl Sent {
    /// A control frame.
    pub(in crate::net) fn count(&mut self, control: Control) {
        match control {
            Control::Ping => self.pings += 1,
            Control::Pong => self.pongs += 1,
        }
    }

    /// Adds what others have counted.
    pub(in crate::net) fn absorb(&mut self, other: Sent) {
        self.messages.absorb(other.messages);
        self.pings += other.pings;
        self.pongs += other.pongs;
    }
}

/// A control frame that is counted. Of Closes a connection sends one, which its ending has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Control {
    Ping,
    Pong,
}
