//! A connection's place under the caps.

use std::net::IpAddr;
use std::sync::Arc;

use super::limits::{Admission, Caps, Overload, Source};

/// One connection's place.
pub(super) struct Permit {
    admission: Arc<Admission>,
    source: Option<Source>,
}

impl Permit {
    /// Counts a connection until the permit is dropped.
    pub(super) fn ask(
        admission: &Arc<Admission>,
        peer: IpAddr,
        caps: Caps,
    ) -> Result<Self, Overload> {
        let source = admission.admit(peer, caps)?;
        Ok(Self { admission: admission.clone(), source })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.dismiss(self.source);
    }
}
