//! How fast the messages of one peer may come: a token bucket that holds the messages of one second.

use std::time::Duration;

use tokio::time::Instant;

/// The pace that the messages of one peer keep. It stays with the receiving half for the whole connection.
#[derive(Debug)]
pub(in crate::net) struct Pace {
    /// The time that each message takes of the second.
    each: Duration,
    /// Up to here all time was taken by messages.
    taken: Instant,
    /// Messages that are looked at now cannot have come before this.
    since: Instant,
    /// Since the beginning of the context: until then the next message waits.
    held_until: Option<Duration>,
}

impl Pace {
    /// So many messages may come in a second.
    pub(in crate::net) fn new(per_second: u32, now: Instant) -> Pace {
        Pace { each: SECOND / per_second.max(1), taken: now, since: now, held_until: None }
    }

    /// What is looked at from here on came after this.
    pub(in crate::net) fn caught_up(&mut self, now: Instant) {
        self.since = now;
    }

    /// How long the next message has to wait; nothing if it may be given now.
    pub(in crate::net) fn wait(&self, now: Instant) -> Duration {
        (self.taken.max(self.since) + self.each).saturating_duration_since(now + SECOND)
    }

    /// A message was given.
    pub(in crate::net) fn count(&mut self) {
        self.taken = self.taken.max(self.since) + self.each;
    }

    /// The next message waits until then, or not at all.
    pub(in crate::net) fn hold(&mut self, until: Option<Duration>) {
        self.held_until = until;
    }

    /// Until when the next message waits.
    pub(in crate::net) fn held_until(&self) -> Option<Duration> {
        self.held_until
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn give(pace: &mut Pace, count: usize, now: Instant) {
        for n in 0..count {
            assert_eq!(pace.wait(now), Duration::ZERO, "{n}");
            pace.count();
        }
    }

    #[test]
    fn s10_4_the_messages_of_a_second_may_come_at_once() {
        let start = Instant::now();
        let mut pace = Pace::new(10, start);
        give(&mut pace, 10, start);
        assert_eq!(pace.wait(start), MILLI * 100);
        give(&mut pace, 1, start + MILLI * 100);
        assert_eq!(pace.wait(start + MILLI * 150), MILLI * 50);
        // Time in which none came is not kept beyond a second.
        let later = start + SECOND * 60;
        pace.caught_up(later);
        give(&mut pace, 10, later);
        assert_eq!(pace.wait(later), MILLI * 100);
    }

    #[test]
    fn s10_4_messages_that_nobody_took_are_counted_over_the_time_that_they_may_have_come_in() {
        let start = Instant::now();
        let mut pace = Pace::new(10, start);
        // For five seconds nobody has looked.
        let later = start + SECOND * 5;
        give(&mut pace, 60, later);
        assert_eq!(pace.wait(later), MILLI * 100);
    }
}
