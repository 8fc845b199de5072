//! The closing handshake, and failing (RFC 6455 §5.5.1, §7.1.7, §7.4).

use super::Fault;
use super::header::{Failure, fail};
use super::session::Session;
use super::utf8::Utf8;

/// Why no more is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The client's Close was answered.
    Closed,
    /// The connection failed.
    Failed,
}

impl Session<'_> {
    /// The client's Close.
    pub(super) fn close(&mut self, body: &[u8]) -> Result<(), Failure> {
        if self.over.is_some() {
            return Ok(());
        }
        let is_inside = self.is_inside();
        let code = body.first_chunk::<2>().map(|code| u16::from_be_bytes(*code));
        let reason = body.get(2..).unwrap_or_default();
        if let Some(code) = code {
            if !self.is_code(code, !reason.is_empty()) {
                return fail(1002, "a Close with a code that is none (RFC 6455 7.4)");
            }
            if !self.is_reason(reason) {
                return fail(1007, "a reason that is not UTF-8 (RFC 6455 5.5.1)");
            }
        }
        self.over = Some(Over::Closed);
        let is_app = code.is_some_and(|code| code >= 4000);
        if self.has(Fault::CloseUnanswered)
            || self.has(Fault::CloseEmptyUnanswered) && body.is_empty()
            || self.has(Fault::CloseAppUnanswered) && is_app
            || self.has(Fault::CloseInsideUnanswered) && is_inside
        {
            return Ok(());
        }
        let mut answer = match code {
            Some(code) => code.to_be_bytes().to_vec(),
            None if self.has(Fault::CloseEmpty1005) => 1005_u16.to_be_bytes().to_vec(),
            None if self.has(Fault::CloseBodyOfOneSent) => vec![3],
            None => Vec::new(),
        };
        if self.has(Fault::CloseReasonCut) {
            answer.extend(reason.iter().take(5));
        }
        self.say_close(&answer);
        Ok(())
    }

    /// A rule is broken: Close with a code and a reason, and no more is read.
    pub(super) fn fail(&mut self, failure: Failure) {
        if self.has(Fault::FailureIgnored) {
            self.partial = None;
            return;
        }
        if self.over.is_some() {
            return;
        }
        self.over = Some(Over::Failed);
        let code = match () {
            () if self.has(Fault::FailsWith1006) => 1006,
            () if self.has(Fault::FailsWith999) => 999,
            () => failure.code,
        };
        let mut body = [&code.to_be_bytes()[..], failure.reason.as_bytes()].concat();
        if self.has(Fault::CloseTooLong) {
            body.resize(130, b'.');
        }
        self.say_close(&body);
    }

    fn say_close(&mut self, body: &[u8]) {
        let close = self.output.control(self.shared, 0x88, body);
        self.said.push((close, false));
        if self.has(Fault::DataAfterClose) {
            self.say_message(1, b"one word more".to_vec(), 1);
        }
    }

    /// The codes that a client may send (RFC 6455 §7.4 and the registry), as the faults leave them.
    fn is_code(&self, code: u16, has_reason: bool) -> bool {
        if self.has(Fault::CloseCodeUnchecked)
            || self.has(Fault::CloseCodeWithReason) && !has_reason
            || self.has(Fault::CloseCodeWithoutReason) && has_reason
        {
            return true;
        }
        match code {
            0..1000 => self.has(Fault::CloseCodeBelow1000),
            1005 => self.has(Fault::CloseCode1005),
            1006 => self.has(Fault::CloseCode1006),
            1015 => self.has(Fault::CloseCode1015),
            1004 | 1016..3000 | 5000.. => false,
            _ => true,
        }
    }

    fn is_reason(&self, reason: &[u8]) -> bool {
        let mut utf8 = Utf8::default();
        reason.iter().all(|byte| utf8.push(self.shared, *byte)) && !utf8.is_inside()
    }
}
