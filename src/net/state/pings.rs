//! The Pings of a connection (RFC 6455 §5.5.2, §5.5.3): the time to the Pongs of ours, and how many the peer
//! sends.

use std::time::Duration;

use super::life::Deadline;

/// The newest Ping that we sent, what is known of the answers, and the rate of the peer's. Nothing is kept
/// before the first one.
#[derive(Default)]
pub(in crate::net) struct Pings(Option<Box<Known>>);

/// Not above 56 bytes: the allocator gives more in its next step.
struct Known {
    /// The payload of the newest Ping that is not answered, and when it was sent.
    newest: Option<(Box<[u8]>, Deadline)>,
    /// A time that has passed, not one to come; never, if no Ping was answered.
    round_trip: Deadline,
    /// When the peer has its whole second of Pings again.
    rested: Deadline,
    /// When the ten seconds began that are counted; never before the first Ping.
    counted_from: Deadline,
    /// Pings of the peer, and Pongs that nobody asked for, since then.
    count: u32,
    /// Pings that we sent and that no Pong has come for.
    unanswered: u32,
}

impl Default for Known {
    fn default() -> Known {
        Known {
            newest: None,
            round_trip: Deadline::NEVER,
            rested: Deadline::at(Some(Duration::ZERO)),
            counted_from: Deadline::NEVER,
            count: 0,
            unanswered: 0,
        }
    }
}

/// What a Ping of the peer amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Rate {
    /// They do not come too fast.
    Fine,
    /// They come too fast: the peer is not to be read before this time.
    Pause(Duration),
    /// They have come far too fast for long.
    Flood,
}

impl Pings {
    /// A Ping with this payload was queued.
    pub(in crate::net) fn sent(&mut self, payload: &[u8], now: Duration) {
        let known = self.0.get_or_insert_default();
        known.newest = Some((payload.into(), Deadline::at(Some(now))));
        known.unanswered = known.unanswered.saturating_add(1);
    }

    /// Whether a Pong is waited for.
    pub(in crate::net) fn is_waiting(&self) -> bool {
        self.0.as_ref().is_some_and(|known| known.newest.is_some())
    }

    /// A Pong came. Says whether it may answer any Ping: there are no more of those than Pings that we sent. One
    /// that answers the newest Ping gives the round-trip time.
    pub(in crate::net) fn answered(
        &mut self,
        payload: &[u8],
        now: Duration,
    ) -> (bool, Option<Duration>) {
        let Some(known) = &mut self.0 else { return (false, None) };
        let answered = known.newest.take_if(|(newest, _)| **newest == *payload);
        let round_trip =
            answered.map(|(_, sent)| now.saturating_sub(sent.time().unwrap_or_default()));
        if round_trip.is_some() {
            known.round_trip = Deadline::at(round_trip);
        }
        let is_asked_for = known.unanswered > 0;
        known.unanswered = known.unanswered.saturating_sub(1);
        (is_asked_for, round_trip)
    }

    /// A Ping came, or a Pong that nobody asked for; so many may come in a second.
    pub(in crate::net) fn count(&mut self, now: Duration, max_per_second: u32) -> Rate {
        let known = self.0.get_or_insert_default();
        let from = known.counted_from.time().filter(|from| now.saturating_sub(*from) < COUNTED);
        if from.is_none() {
            known.counted_from = Deadline::at(Some(now));
            known.count = 0;
        }
        known.count = known.count.saturating_add(1);
        if known.count > max_per_second.saturating_mul(FLOOD) {
            return Rate::Flood;
        }
        // What came in one read may be far more: it delays the peer by a second at most.
        let rested =
            known.rested.time().unwrap_or_default().max(now) + SECOND / max_per_second.max(1);
        let rested = rested.min(now + SECOND * 2);
        known.rested = Deadline::at(Some(rested));
        match rested.checked_sub(SECOND) {
            Some(until) if until > now => Rate::Pause(until),
            _ => Rate::Fine,
        }
    }

    /// Until when the peer is not to be read, if its Pings are why.
    pub(in crate::net) fn pause(&self) -> Duration {
        let rested = self.0.as_ref().and_then(|known| known.rested.time());
        rested.unwrap_or_default().saturating_sub(SECOND)
    }

    /// The time from the newest answered Ping to its Pong.
    pub(in crate::net) fn round_trip(&self) -> Option<Duration> {
        self.0.as_ref().and_then(|known| known.round_trip.time())
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// The time in which Pings are counted, for a flood.
const COUNTED: Duration = Duration::from_secs(10);

/// A flood is ten times too many for these ten seconds.
const FLOOD: u32 = 10 * 10;

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn s10_4_a_second_of_pings_may_come_at_once() {
        let mut pings = Pings::default();
        for _ in 0..100 {
            assert_eq!(pings.count(SECOND, 100), Rate::Fine);
        }
        assert_eq!(pings.count(SECOND, 100), Rate::Pause(SECOND + MILLI * 10));
        assert_eq!(pings.pause(), SECOND + MILLI * 10);
        // As many as may come go on coming.
        for n in 2..1000 {
            assert_eq!(pings.count(SECOND + MILLI * 10 * n, 100), Rate::Fine, "{n}");
        }
    }

    #[test]
    fn s10_4_ten_times_too_many_for_ten_seconds_are_a_flood() {
        let mut pings = Pings::default();
        let beyond = MILLI * 9_999;
        for n in 0..10_000 {
            let now = SECOND + MILLI * n.min(9_999);
            assert_ne!(pings.count(now, 100), Rate::Flood, "{n}");
            assert!(pings.pause() <= now + SECOND);
        }
        assert_eq!(pings.count(SECOND + beyond, 100), Rate::Flood);
        // After them the count begins anew.
        assert_ne!(pings.count(SECOND + beyond + MILLI, 100), Rate::Flood);
        let mut unlimited = Pings::default();
        for _ in 0..100_000 {
            assert_eq!(unlimited.count(SECOND, u32::MAX), Rate::Fine);
        }
    }

    #[test]
    fn s5_5_3_as_many_pongs_are_asked_for_as_pings_were_sent() {
        let mut pings = Pings::default();
        assert_eq!(pings.answered(b"", SECOND), (false, None));
        pings.sent(b"a", SECOND);
        pings.sent(b"b", SECOND);
        assert_eq!(pings.answered(b"a", SECOND), (true, None));
        assert_eq!(pings.round_trip(), None);
        assert_eq!(pings.answered(b"b", SECOND * 3), (true, Some(SECOND * 2)));
        assert_eq!(pings.round_trip(), Some(SECOND * 2));
        assert_eq!(pings.answered(b"b", SECOND), (false, None));
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn what_is_known_of_pings_does_not_grow_by_a_step() {
        assert!(size_of::<Known>() <= 56, "{}", size_of::<Known>());
    }
}
