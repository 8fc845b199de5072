//! `Strict-Transport-Security` (RFC 6797), which goes with answers over TLS where it was asked for.

use super::State;
use super::shared::Shared;

/// The name of the field.
pub(in crate::net) const HSTS: &str = "Strict-Transport-Security";

impl Shared {
    /// The value of the field for an answer on this connection, if it is to have one.
    pub(in crate::net) fn hsts(&self, state: &State) -> Option<String> {
        // RFC 6797 §7.2: never over a transport that is not secured.
        let max_age = self.context.config.hsts.filter(|_| self.is_secured(state))?;
        // RFC 6797 §6.1.1: a number of seconds.
        Some(format!("max-age={}", max_age.as_secs()))
    }
}
