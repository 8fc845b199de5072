//! What the sending half of a connection keeps for permessage-deflate.

use std::sync::Arc;

use super::budget::Charge;
use super::history::History;
use super::negotiation::Agreement;

/// What is kept between messages, if they refer to earlier ones.
#[derive(Debug)]
pub(in crate::proto) struct Kept {
    /// What the peer's window holds; `None` before the first message.
    history: Option<History>,
    /// The memory for this history and that of the receiving half.
    _charge: Option<Arc<Charge>>,
}

impl Kept {
    pub(in crate::proto) fn new(charge: Option<Arc<Charge>>) -> Kept {
        Kept { history: None, _charge: charge }
    }

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
