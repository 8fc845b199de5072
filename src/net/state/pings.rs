//! The Pings of a connection, and the time to their Pongs (RFC 6455 §5.5.2, §5.5.3).

use std::time::Duration;

/// The newest Ping that we sent, and what is known of the answers.
#[derive(Default)]
pub(in crate::net) struct Pings(Option<Box<Known>>);

#[derive(Default)]
struct Known {
    /// The payload of the newest Ping that is not answered, and when it was sent.
    newest: Option<(Vec<u8>, Duration)>,
    round_trip: Option<Duration>,
}

impl Pings {
    /// A Ping with this payload was queued.
    pub(in crate::net) fn sent(&mut self, payload: &[u8], now: Duration) {
        self.0.get_or_insert_default().newest = Some((payload.to_vec(), now));
    }

    /// Whether a Pong is waited for.
    pub(in crate::net) fn is_waiting(&self) -> bool {
        self.0.as_ref().is_some_and(|known| known.newest.is_some())
    }

    /// A Pong came. One that answers the newest Ping gives the round-trip time.
    pub(in crate::net) fn answered(&mut self, payload: &[u8], now: Duration) {
        let Some(known) = &mut self.0 else { return };
        if let Some((_, sent)) = known.newest.take_if(|(newest, _)| newest == payload) {
            known.round_trip = Some(now.saturating_sub(sent));
        }
    }

    /// The time from the newest answered Ping to its Pong.
    pub(in crate::net) fn round_trip(&self) -> Option<Duration> {
        self.0.as_ref().and_then(|known| known.round_trip)
    }
}
