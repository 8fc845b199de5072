//! A connection's place under the caps.

use std::net::IpAddr;
use std::sync::Arc;

use super::caps::Caps;
use super::limits::{Admission, Overload};
use crate::net::Source;
use crate::proto::rejection::Rejection;

/// One connection's place.
pub(super) struct Permit {
    admission: Arc<Admission>,
    source: Option<Source>,
    /// Whether the opening handshake counts.
    is_opening: bool,
}

impl Permit {
    /// Counts a connection until the permit is dropped.
    pub(super) fn ask(
        admission: &Arc<Admission>,
        peer: Option<IpAddr>,
        caps: Caps,
    ) -> Result<Self, Overload> {
        let source = admission.admit(peer, caps)?;
        Ok(Self { admission: admission.clone(), source, is_opening: true })
    }

    /// Counts the connection for the address of its client, which a proxy has said: at the door it was counted
    /// for none.
    ///
    /// # Errors
    /// What the client is to be told: it has as many as it may.
    pub(super) fn count_client(&mut self, client: IpAddr) -> Result<(), Rejection> {
        if self.source.is_none() {
            self.source = self.admission.admit_client(client).map_err(Overload::rejection)?;
        }
        Ok(())
    }

    /// Bytes are about to be written. The first ones are the answer to the opening handshake: unless
    /// it is an error, the handshake is over, and its place among the opening ones is free. A peer
    /// that got an error keeps it to the end of TCP.
    #[inline]
    pub(super) fn note_written(&mut self, bytes: &[u8]) {
        if self.is_opening {
            self.note_answer(bytes);
        }
    }

    #[cold]
    fn note_answer(&mut self, bytes: &[u8]) {
        let class = bytes.strip_prefix(b"HTTP/1.1 ").and_then(<[u8]>::first);
        if !matches!(class, Some(b'4' | b'5')) {
            self.end_opening();
        }
    }

    fn end_opening(&mut self) {
        if std::mem::take(&mut self.is_opening) {
            self.admission.open();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end_opening();
        self.admission.dismiss(self.source);
    }
}
