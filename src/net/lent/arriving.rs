//! The core's receiving half while it is lent, and how old the message is that is arriving.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use super::pace::Pace;
use super::pool;
use crate::proto::inbound::{Inbound, Progress};

/// The core's receiving half, and what is known of the times of what it receives. A connection with compression
/// holds one between messages too, so it is small.
#[derive(Debug, Default)]
pub(in crate::net) struct Arriving {
    inbound: Inbound,
    /// `None` until the rest of something was waited for, or messages are counted. The thread lends it.
    timing: Option<Box<Timing>>,
}

/// The age of what is unfinished, and the pace that messages keep.
#[derive(Debug, Default)]
pub(in crate::net) struct Timing {
    age: Age,
    /// Where messages are counted: for the whole connection.
    pace: Option<Pace>,
}

impl Arriving {
    /// The age of what is unfinished, if its rest was ever waited for.
    #[inline]
    pub(in crate::net) fn age(&self) -> Option<&Age> {
        self.timing.as_ref().map(|timing| &timing.age)
    }

    pub(in crate::net) fn age_mut(&mut self) -> Option<&mut Age> {
        self.timing.as_mut().map(|timing| &mut timing.age)
    }

    /// As [`Arriving::age_mut`]; the rest is waited for from now on.
    pub(in crate::net) fn begin_age(&mut self) -> &mut Age {
        &mut self.timing.get_or_insert_with(pool::take_timing).age
    }

    /// Nothing is unfinished any more.
    #[inline]
    pub(in crate::net) fn forget_age(&mut self) {
        let Some(timing) = &mut self.timing else { return };
        timing.age = Age::default();
        if timing.pace.is_none() {
            self.timing.take().into_iter().for_each(pool::return_timing);
        }
    }

    /// The pace that messages keep, where they are counted.
    #[inline]
    pub(in crate::net) fn pace(&self) -> Option<&Pace> {
        self.timing.as_ref()?.pace.as_ref()
    }

    pub(in crate::net) fn pace_mut(&mut self) -> Option<&mut Pace> {
        self.timing.as_mut()?.pace.as_mut()
    }

    /// Messages are counted from now on.
    pub(in crate::net) fn keep_pace(&mut self, pace: Pace) {
        self.timing.get_or_insert_with(pool::take_timing).pace = Some(pace);
    }
}

const _: () = assert!(size_of::<Arriving>() <= 120);

impl Deref for Arriving {
    type Target = Inbound;

    #[inline]
    fn deref(&self) -> &Inbound {
        &self.inbound
    }
}

impl DerefMut for Arriving {
    #[inline]
    fn deref_mut(&mut self) -> &mut Inbound {
        &mut self.inbound
    }
}

/// How long the rest of an unfinished message, frame or header was waited for. Only time in which the
/// connection was read counts: what waits for a busy handler is not late.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::net) struct Age {
    /// How far it had come when the wait began.
    progress: Progress,
    /// Since the last byte of its own, up to `since`.
    idle: Duration,
    /// Since its first byte, up to `since`.
    waited: Duration,
    /// From when on its rest is waited for at present.
    since: Option<Duration>,
}

impl Age {
    /// Whether the rest is waited for.
    #[inline]
    pub(in crate::net) fn is_running(&self) -> bool {
        self.since.is_some()
    }

    /// The input is used up, and something is unfinished that has come so far.
    pub(in crate::net) fn wait(&mut self, progress: Progress, now: Duration) {
        if self.progress != progress {
            self.progress = progress;
            self.idle = Duration::ZERO;
        }
        self.since.get_or_insert(now);
    }

    /// The wait is over: input has come, of whatever it is, or nobody reads for a while.
    pub(in crate::net) fn pause(&mut self, now: Duration) {
        if let Some(since) = self.since.take() {
            let waited = now.saturating_sub(since);
            self.idle += waited;
            self.waited += waited;
        }
    }

    /// When these bounds of the time without a byte, and of the time in all, are reached.
    pub(in crate::net) fn ends(
        &self,
        idle: Option<Duration>,
        whole: Option<Duration>,
    ) -> (Option<Duration>, Option<Duration>) {
        let end = |bound: Option<Duration>, so_far: Duration| {
            self.since?.checked_add(bound?.saturating_sub(so_far))
        };
        (end(idle, self.idle), end(whole, self.waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_in_which_the_rest_is_waited_for_counts() {
        let seconds = Duration::from_secs;
        let (idle, whole) = (Some(seconds(30)), Some(seconds(100)));
        let mut age = Age::default();
        assert_eq!(age.ends(idle, whole), (None, None));
        age.wait(Progress::default(), seconds(10));
        assert_eq!(age.ends(idle, whole), (Some(seconds(40)), Some(seconds(110))));
        assert_eq!(age.ends(None, None), (None, None));
        // Input that is no progress waits 50 s for the handler.
        age.pause(seconds(20));
        assert_eq!(age.ends(idle, whole), (None, None));
        age.wait(Progress::default(), seconds(70));
        assert_eq!(age.ends(idle, whole), (Some(seconds(90)), Some(seconds(160))));
    }
}
