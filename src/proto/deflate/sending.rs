//! What the sending half of a connection keeps between messages for permessage-deflate.

use std::sync::Arc;

use super::budget::Charge;
use super::history::History;
use super::negotiation::Agreement;

/// What is kept between messages, if they refer to earlier ones.
#[derive(Debug, Default)]
pub(in crate::proto) struct Kept {
    /// What the peer's window holds; `None` before the first message.
    history: Option<History>,
    /// The memory for the history; given back when the connection ends.
    pub(in crate::proto) charge: Option<Arc<Charge>>,
}

impl Kept {
    /// What the peer's window holds.
    pub(in crate::proto) fn history(&self) -> &[u8] {
        self.history.as_ref().map_or(&[], History::bytes)
    }

    /// These bytes went out compressed, so the peer's window ends with them.
    pub(in crate::proto) fn remember(&mut self, passed: &[u8], agreement: &Agreement) {
        if !agreement.server_no_context_takeover() {
            let window = agreement.server_max_window_bits();
            self.history.get_or_insert_with(|| History::new(window)).extend(passed);
        }
    }
}
