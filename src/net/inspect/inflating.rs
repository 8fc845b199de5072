//! How long compressed messages are: they are inflated once more, and what comes out is counted (RFC 7692 §7.2.2).

use std::sync::Arc;

use crate::net::state::shared::Shared;
use crate::proto::deflate::Inflater;
use crate::proto::deflate::budget::Budget;

use super::Direction;

/// The messages of one direction, of which each may refer to earlier ones.
#[derive(Default)]
pub(super) struct Inflating {
    /// Charged to the budget for compression. There is none before the first compressed message.
    inflater: Option<Box<Inflater>>,
    budget: Option<Arc<Budget>>,
    /// Whether a message may refer to earlier ones.
    keeps_history: bool,
    /// Whether the length of the message cannot be known.
    is_lost: bool,
    /// How long a message may be; more is not inflated.
    max_message_size: u64,
    /// What was inflated, before it is thrown away.
    scratch: Vec<u8>,
}

impl Inflating {
    /// What is agreed on the connection; `None` where that is no compression.
    pub(super) fn agreed(direction: Direction, shared: &Shared) -> Option<Inflating> {
        let agreement = shared.lock().queue.agreement()?;
        let (none, most) = match direction {
            Direction::Received => (
                agreement.client_no_context_takeover(),
                shared.limits().message.max_message_size as u64,
            ),
            // What the application sends has no bound of ours.
            Direction::Sent => (agreement.server_no_context_takeover(), u64::MAX),
        };
        Some(Inflating {
            budget: Some(shared.context.budget.clone()),
            keeps_history: !none,
            max_message_size: most,
            ..Inflating::default()
        })
    }

    /// A compressed message begins.
    pub(super) fn begin(&mut self) {
        // RFC 7692 §7.1.1: with context takeover it may refer to the one that was lost.
        self.is_lost &= self.keeps_history;
        if self.is_lost {
            return;
        }
        match &mut self.inflater {
            Some(inflater) => inflater.begin_next(self.keeps_history),
            None => {
                let inflater = self.budget.as_ref().and_then(Inflater::new);
                match inflater {
                    Some(mut inflater) => {
                        inflater.begin(None);
                        self.inflater = Some(Box::new(inflater));
                    }
                    None => self.lose(),
                }
            }
        }
    }

    /// Takes payload of the message, unmasked.
    pub(super) fn take(&mut self, mut payload: &[u8]) {
        let Some(inflater) = self.inflater.as_mut().filter(|_| !self.is_lost) else { return };
        while !payload.is_empty() || inflater.is_full() {
            inflater.begin_share();
            self.scratch.clear();
            let taken = inflater.inflate(payload, ROOM, &mut self.scratch);
            let is_too_long = inflater.produced() > self.max_message_size;
            match taken {
                Ok(taken) if !is_too_long => payload = payload.get(taken..).unwrap_or_default(),
                _ => return self.lose(),
            }
        }
    }

    /// The message has ended: how long it is, in bytes.
    pub(super) fn end(&mut self) -> Option<u64> {
        self.inflater.as_ref().filter(|_| !self.is_lost).map(|inflater| inflater.produced())
    }

    fn lose(&mut self) {
        self.is_lost = true;
        self.inflater = None;
        self.scratch = Vec::new();
    }
}

/// What is inflated at once, in bytes.
const ROOM: usize = 8 << 10;
