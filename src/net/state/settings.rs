//! The limits and deadlines of one connection: those of the configuration, unless the handler chose others
//! when it accepted.

use super::WRITE_FROM;
use super::shared::Shared;
use crate::net::config::{Limits, Timeouts, WhenTooFast};
use crate::proto::assembler::MessageLimits;

/// Limits that every message looks at.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct AtHand {
    pub(in crate::net) message: MessageLimits,
    /// With so many bytes queued the queue is looked at before the next message.
    pub(in crate::net) look_from: usize,
    /// Whether messages that come too fast fail the connection.
    pub(in crate::net) judges_pace: bool,
}

impl AtHand {
    pub(super) fn of(limits: &Limits) -> AtHand {
        AtHand {
            message: limits.message,
            look_from: limits.max_queued.min(WRITE_FROM),
            judges_pace: limits.max_messages_per_second.is_some()
                && limits.when_too_fast == WhenTooFast::Close,
        }
    }
}

/// What a handler chose for its connection.
#[derive(Debug)]
pub(super) struct Settings {
    at_hand: AtHand,
    limits: Limits,
    timeouts: Timeouts,
}

impl Shared {
    /// Has these hold for this connection, instead of those of the configuration. The first call counts.
    pub(in crate::net) fn choose_settings(&self, mut limits: Limits, timeouts: Timeouts) {
        // With 0 nothing could be sent, and nobody is here to be told so.
        limits.max_queued = limits.max_queued.max(1);
        let settings = Settings { at_hand: AtHand::of(&limits), limits, timeouts };
        // The answer to a handshake is given once, so nothing was chosen before.
        let _ = self.settings.set(Box::new(settings));
    }

    #[inline]
    pub(in crate::net) fn at_hand(&self) -> &AtHand {
        self.settings.get().map_or(&self.context.at_hand, |own| &own.at_hand)
    }

    #[inline]
    pub(in crate::net) fn limits(&self) -> &Limits {
        self.settings.get().map_or(&self.context.config.limits, |own| &own.limits)
    }

    #[inline]
    pub(in crate::net) fn timeouts(&self) -> &Timeouts {
        self.settings.get().map_or(&self.context.config.timeouts, |own| &own.timeouts)
    }
}
