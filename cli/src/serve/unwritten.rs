//! What other threads have yet to write when the process ends.

use super::logging::Log;
use crate::inspect::Tracing;

/// The log, and the frames if they are shown. Cheap to clone.
#[derive(Clone)]
pub(super) struct Unwritten {
    pub(super) log: Log,
    pub(super) frames: Option<Tracing>,
}

impl Unwritten {
    /// Waits until it is written, or a short time.
    pub(super) fn finish(&self) {
        if let Some(frames) = &self.frames {
            frames.finish();
        }
        // What the writer of the frames has to say is in the log.
        self.log.flush();
    }
}
