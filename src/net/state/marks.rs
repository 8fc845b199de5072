//! What is known of a connection once and for all, a bit each: a byte more would make every connection larger
//! by a step of the allocator.

/// Facts that come true and stay so.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::net) struct Marks(u8);

impl Marks {
    /// The log says why the opening handshake is left unanswered. Gives whether it did before.
    pub(in crate::net) fn tell_failure(&mut self) -> bool {
        let was_told = self.is_failure_told();
        self.0 |= FAILURE_TOLD;
        was_told
    }

    pub(in crate::net) fn is_failure_told(self) -> bool {
        self.0 & FAILURE_TOLD != 0
    }

    /// The log says that the connection opened.
    pub(in crate::net) fn tell_opening(&mut self) {
        self.0 |= OPENING_TOLD;
    }

    /// Whether the log says that the connection opened; only once.
    pub(in crate::net) fn take_told_opening(&mut self) -> bool {
        let was_told = self.0 & OPENING_TOLD != 0;
        self.0 &= !OPENING_TOLD;
        was_told
    }

    /// The transport is secured by TLS.
    pub(in crate::net) fn secure(&mut self) {
        self.0 |= SECURED;
    }

    pub(in crate::net) fn is_secured(self) -> bool {
        self.0 & SECURED != 0
    }
}

const FAILURE_TOLD: u8 = 1;
const SECURED: u8 = 2;
const OPENING_TOLD: u8 = 4;
