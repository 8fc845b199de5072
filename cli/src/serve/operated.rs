//! What the admin listener may ask of the program.

use stickler::Handle;

use super::drain::Drain;
use super::logging::Log;
use crate::admin::{Program, Replaced};

/// The program that serves.
pub(super) struct Operated {
    pub(super) handle: Handle,
    pub(super) drain: Drain,
    pub(super) log: Log,
}

impl Program for Operated {
    fn drain(&self) -> bool {
        self.drain.begin_on_request(&self.handle)
    }

    fn log_filter(&self) -> String {
        self.log.filter()
    }

    fn set_log_filter(&self, filter: &str) -> Result<Replaced, String> {
        self.log.set_filter(filter)
    }

    fn dropped_log_lines(&self) -> u64 {
        self.log.dropped()
    }
}
