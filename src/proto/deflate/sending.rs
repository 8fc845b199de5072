//! What the sending half of a connection knows of permessage-deflate.

use super::history::History;
use super::negotiation::Agreement;

/// The sending side of the extension.
#[derive(Debug, Default)]
pub(in crate::proto) struct Sending {
    /// What the peer's window holds, if the context is taken over.
    history: Option<Box<History>>,
    agreement: Option<Agreement>,
}

impl Sending {
    pub(in crate::proto) fn agree(&mut self, agreement: &Agreement) {
        self.agreement = Some(*agreement);
    }

    pub(in crate::proto) fn agreement(&self) -> Option<Agreement> {
        self.agreement
    }

    /// What the peer's window holds.
    pub(in crate::proto) fn history(&self) -> &[u8] {
        self.history.as_ref().map_or(&[], |history| history.bytes())
    }

    /// These bytes went out compressed, so the peer's window ends with them.
    pub(in crate::proto) fn remember(&mut self, passed: &[u8]) {
        let takes_over = |agreement: &Agreement| !agreement.server_no_context_takeover();
        if let Some(agreement) = self.agreement.filter(takes_over) {
            let history = || Box::new(History::new(agreement.server_max_window_bits()));
            self.history.get_or_insert_with(history).extend(passed);
        }
    }

    /// Lets go of what is kept: nothing will be sent any more.
    pub(in crate::proto) fn forget(&mut self) {
        self.history = None;
    }
}
