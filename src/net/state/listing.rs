//! The connections of a context as others see them: listed page by page, one by its name, and what is queued for all.
//!
//! The register is held for one page at a time, so that workers that register connections do not wait for long. Each
//! connection is then looked at under its own lock, which nobody holds for longer than it takes to compress a slice.

use std::sync::Arc;

use super::State;
use super::context::{Context, Place};
use super::id::ConnectionId;
use super::shared::Shared;
use crate::net::ending::Initiator;
use crate::net::info::{ConnectionInfo, ConnectionPhase};
use crate::proto::close::{CloseCode, CloseFrame};
use crate::proto::outbound::SendError;

impl Context {
    /// Adds to the list what is known of the connections behind this one, in the order of their ids, until it has so
    /// many.
    pub(crate) fn list(
        &self,
        after: Option<ConnectionId>,
        most: usize,
        list: &mut Vec<ConnectionInfo>,
    ) {
        let mut next = match after {
            Some(after) if after.context_number() > self.number => return,
            // A slot has one connection at a time: one that came later is behind this id too.
            Some(after) if after.context_number() == self.number => Next::Behind(after.place()),
            _ => Next::Slot(0),
        };
        while list.len() < most {
            let (page, rest) = self.page(next, most - list.len());
            list.extend(page.iter().filter_map(|connection| connection.info()));
            let Some(rest) = rest else { return };
            next = Next::Slot(rest);
        }
    }

    /// What is known of this connection; `None` if it is not one of ours, or has ended.
    pub(crate) fn info(&self, id: ConnectionId) -> Option<ConnectionInfo> {
        self.find(id)?.info()
    }

    /// Starts the closing handshake of this connection. Says whether there is one, as [`info`](Context::info) does.
    ///
    /// # Errors
    /// As for a Sender that closes.
    pub(crate) fn close_connection(
        &self,
        id: ConnectionId,
        code: CloseCode,
        reason: &str,
    ) -> Result<bool, SendError> {
        let Some(connection) = self.find(id) else { return Ok(false) };
        let mut state = connection.lock_for_sending();
        // Its handler may go on, but what is no longer listed is not there to be closed either.
        if state.life.is_closed() {
            return Ok(false);
        }
        state.start_closing(Initiator::Application, CloseFrame { code: Some(code), reason })?;
        state.wake_task();
        Ok(true)
    }

    /// Bytes that are queued for all peers.
    pub(crate) fn queued(&self) -> u64 {
        let (mut sum, mut next) = (0, Some(0));
        while let Some(slot) = next {
            next = self.look_at(slot, PAGE, |_, connection| {
                sum += connection.glance().queued() as u64;
                true
            });
        }
        sum
    }

    fn find(&self, id: ConnectionId) -> Option<Arc<Shared>> {
        if id.context_number() == self.number { self.at(id.place()) } else { None }
    }

    /// The connections of at most a page of slots, no more than so many; and the slot that comes next, if there is
    /// one.
    fn page(&self, next: Next, most: usize) -> (Vec<Arc<Shared>>, Option<u32>) {
        let mut page = Vec::new();
        let first = match next {
            Next::Slot(slot) => slot,
            Next::Behind(place) => place.slot,
        };
        let rest = self.look_at(first, PAGE, |place, connection| {
            if !matches!(next, Next::Behind(behind) if place <= behind) {
                page.push(connection.clone());
            }
            page.len() < most
        });
        (page, rest)
    }
}

/// Where a page begins.
#[derive(Clone, Copy, Debug)]
enum Next {
    Slot(u32),
    Behind(Place),
}

/// Slots that are looked at while the register is held.
const PAGE: usize = 256;

impl Shared {
    /// What is known of it now; `None` once its transport is gone.
    fn info(&self) -> Option<ConnectionInfo> {
        let (now, own) = (self.context.now(), &self.own);
        let state = self.lock();
        let phase = state.phase()?;
        let mut info = ConnectionInfo {
            id: self.id(),
            peer_addr: self.peer(),
            path: state.path().to_owned(),
            is_tls: state.marks.is_secured(),
            phase,
            age: now.saturating_sub(own.since()),
            idle: now.saturating_sub(own.heard()),
            queued: state.queue.len(),
            received_messages: 0,
            received_bytes: 0,
            sent_messages: 0,
            sent_bytes: 0,
            round_trip: state.pings.round_trip(),
            subprotocol: state.subprotocol().map(str::to_owned),
            extensions: state.extensions(),
        };
        drop(state);
        (info.received_messages, info.received_bytes) = own.received();
        (info.sent_messages, info.sent_bytes) = own.sent();
        Some(info)
    }
}

impl State {
    fn phase(&self) -> Option<ConnectionPhase> {
        if self.life.is_closed() {
            return None;
        }
        let is_sending = self.queue.outbound().is_open();
        Some(match self.life.is_open() {
            true if is_sending => ConnectionPhase::Open,
            true => ConnectionPhase::Closing,
            false if self.life.is_finishing() => ConnectionPhase::Closing,
            false => ConnectionPhase::Opening,
        })
    }

    /// What the 101 says of extensions.
    fn extensions(&self) -> Option<String> {
        self.queue.outbound().agreement().map(|agreement| agreement.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::state::marks::Marks;

    #[tokio::test]
    async fn whoever_is_registered_has_the_id_by_which_it_is_found() {
        let context = Arc::new(Context::new(Arc::default(), None));
        let connection = Shared::new(context.clone(), None, Marks::default());
        let first = connection.id();
        context.enter(connection.clone());
        assert_ne!(connection.id(), first);
        assert!(Arc::ptr_eq(&context.find(connection.id()).unwrap(), &connection));
    }
}
