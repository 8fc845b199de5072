//! The client's side of an agreed permessage-deflate: every message from the server is read by the slow
//! reader and must keep to what was agreed.
//!
//! Held on every row with an accepted offer: 7692-5-01, 7692-5-02, 7692-5-04, 7692-5-07, 7692-6-01,
//! 7692-6.1-01, 7692-6.1-02, 7692-7.1.1.1-02, 7692-7.1.2.1-02, 7692-7.1.2.1-03, 7692-7.1.2.2-01,
//! 7692-7.1.2.2-03, 7692-7.1.2.2-04, 7692-7.2.1-01, 7692-7.2.1-06, 7692-7.2.1-09, 7692-7.2.1-10.

use stickler_testing::negotiation::{Answer, broken_rule, is_acceptable, offers};

use crate::deflate::{Inflated, Window, inflate_message};
use crate::frame::dump;

/// What was agreed, and what the server has said so far.
pub(crate) struct Inflating {
    agreed: Answer,
    window: Window,
    last: Option<Inflated>,
    /// How many bytes of payload the last message had in its frames.
    last_len: usize,
}

impl Inflating {
    /// Reads the answer to this offer; `None` when it was declined.
    ///
    /// # Errors
    /// Says why it may not be said to this offer.
    pub(crate) fn agree(offer: &str, answer: &[&str]) -> Result<Option<Inflating>, String> {
        let agreed = match answer {
            [] => return Ok(None),
            [value] => Answer::parse(value)?,
            _ => return Err(format!("more than one Sec-WebSocket-Extensions: {answer:?}")),
        };
        let offers = offers(offer);
        let taken = offers.iter().find(|offer| is_acceptable(offer));
        let taken = taken.ok_or("there was nothing to accept")?;
        if let Some(rule) = broken_rule(taken, &agreed) {
            return Err(format!("{answer:?} to {taken:?} breaks {rule}"));
        }
        Ok(Some(Inflating {
            agreed,
            window: Window::new(!agreed.server_no_context_takeover),
            last: None,
            last_len: 0,
        }))
    }

    /// A whole message from the server, its frames' payloads joined.
    pub(crate) fn receive(&mut self, rsv1: bool, payload: Vec<u8>) -> Result<Vec<u8>, String> {
        (self.last, self.last_len) = (None, payload.len());
        if !rsv1 {
            return Ok(payload);
        }
        let wrong =
            |why: String| format!("server message does not inflate: {why}: {}", dump(&payload));
        let inflated = inflate_message(self.window.bytes(), &payload)
            .map_err(|(fault, _)| wrong(format!("{fault:?}")))?;
        if !inflated.doubts.is_empty() {
            return Err(wrong(format!("{:?}", inflated.doubts)));
        }
        let window = 1 << self.agreed.server_max_window_bits.unwrap_or(15);
        if inflated.max_distance > window {
            return Err(wrong(format!("distance {} in {window}", inflated.max_distance)));
        }
        self.window.slide(&inflated.output);
        let output = inflated.output.clone();
        self.last = Some(inflated);
        Ok(output)
    }

    /// What was agreed.
    pub(crate) fn agreed(&self) -> &Answer {
        &self.agreed
    }

    /// How the last message was compressed, `None` if it was not.
    pub(crate) fn last(&self) -> Option<&Inflated> {
        self.last.as_ref()
    }

    /// How many bytes of payload the last message had in its frames.
    pub(crate) fn last_len(&self) -> usize {
        self.last_len
    }
}
