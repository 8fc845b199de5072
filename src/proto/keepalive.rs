//! When to ping a silent peer and when to give it up (RFC 6455 §5.5.2). Time is an argument.

use std::time::Duration;

/// Silence on one connection. Times are durations since any fixed instant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keepalive {
    /// Microseconds until the peer was last heard, or reading began anew, or the Ping was
    /// sent; the top bit says which. 0 stands for none of them.
    since: u64,
}

/// Set while a Ping is unanswered.
const PINGED: u64 = 1 << 63;

/// What is to be done about the silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nothing before this time.
    Until(Duration),
    /// A Ping is due; call [`Keepalive::pinged`] when it is sent.
    Ping,
    /// The answer did not come in time.
    Dead,
}

impl Keepalive {
    /// Any byte from the peer shows that it lives (RFC 6455 §5.5.3), and while nobody reads,
    /// silence means nothing. Says whether a Ping was unanswered until now.
    #[inline]
    pub fn heard(&mut self, now: Duration) -> bool {
        let was_pinged = self.is_pinged();
        self.since = micros(now);
        was_pinged
    }

    /// A Ping was sent.
    pub fn pinged(&mut self, now: Duration) {
        self.since = micros(now) | PINGED;
    }

    /// Whether nothing was heard yet, nor any Ping sent.
    pub fn is_new(&self) -> bool {
        self.since == 0
    }

    fn is_pinged(&self) -> bool {
        self.since & PINGED != 0
    }

    /// Judges the silence at `now`.
    pub fn judge(&self, now: Duration, interval: Duration, timeout: Duration) -> Silence {
        let patience = if self.is_pinged() { timeout } else { interval };
        match Duration::from_micros(self.since & !PINGED).checked_add(patience) {
            Some(due) if due <= now && self.is_pinged() => Silence::Dead,
            Some(due) if due <= now => Silence::Ping,
            Some(due) => Silence::Until(due),
            None => Silence::Until(Duration::MAX),
        }
    }
}

/// Whole microseconds, at least one; the top bit stays free for longer than anything runs.
fn micros(time: Duration) -> u64 {
    let seconds = time.as_secs().saturating_mul(1_000_000);
    seconds.saturating_add(u64::from(time.subsec_micros())).max(1) & !PINGED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_5_2_silence_is_pinged_and_an_unanswered_ping_is_the_end() {
        let seconds = Duration::from_secs;
        let judge =
            |keepalive: &Keepalive, now| keepalive.judge(seconds(now), seconds(25), seconds(20));
        let mut keepalive = Keepalive::default();
        assert!(keepalive.is_new());
        keepalive.heard(seconds(0));
        assert!(!keepalive.is_new());
        keepalive.heard(seconds(100));
        assert_eq!(judge(&keepalive, 124), Silence::Until(seconds(125)));
        assert_eq!(judge(&keepalive, 125), Silence::Ping);
        keepalive.pinged(seconds(126));
        assert_eq!(judge(&keepalive, 145), Silence::Until(seconds(146)));
        assert_eq!(judge(&keepalive, 146), Silence::Dead);
        keepalive.heard(seconds(145));
        assert_eq!(judge(&keepalive, 146), Silence::Until(seconds(170)));
    }
}
