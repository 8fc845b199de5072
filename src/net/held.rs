//! Frames that a thread holds for the connection whose handler it polls, outside the lock.
//!
//! A handler that answers what it receives sends from within its own poll, and nobody else can
//! see the frames before that ends: the connection task writes them after. So they wait with the
//! thread, and go before what others have queued meanwhile. A glance tells whether others had
//! queued something earlier, and then they are queued behind it, under the lock.

use std::cell::RefCell;

use super::outbox::Outbox;
use super::pool;
use super::shared::Shared;
use crate::proto::assembler::MessageKind;
use crate::proto::frame::MAX_HEADER_LEN;
use crate::proto::outbound::message_header;

thread_local! {
    static HELD: RefCell<Held> = const { RefCell::new(Held::NOTHING) };
}

/// What a thread holds, and for whom.
#[derive(Debug)]
pub(super) struct Held {
    /// The connection, to compare only.
    connection: *const Shared,
    /// Never empty.
    frames: Option<Box<Outbox>>,
}

impl Held {
    const NOTHING: Held = Held { connection: std::ptr::null(), frames: None };
}

/// From here on this thread holds frames for a connection. Gives what it held before: a handler
/// may drive other connections.
#[inline]
pub(super) fn begin(shared: &Shared) -> Held {
    let held = Held { connection: shared, frames: None };
    HELD.try_with(|slot| slot.replace(held)).unwrap_or(Held::NOTHING)
}

/// Ends what `begin` began, and gives the frames that are held.
#[inline]
pub(super) fn end(before: Held) -> Option<Box<Outbox>> {
    HELD.try_with(|slot| slot.replace(before).frames).unwrap_or_default()
}

/// Takes the frames that this thread holds for a connection.
#[inline]
pub(super) fn take(shared: &Shared) -> Option<Box<Outbox>> {
    let taken = HELD.try_with(|slot| {
        let held = &mut *slot.borrow_mut();
        if std::ptr::eq(held.connection, shared) { held.frames.take() } else { None }
    });
    taken.unwrap_or_default()
}

/// Holds a message, if this thread polls the handler of the connection and it fits: below `bound`
/// bytes in all.
#[inline]
pub(super) fn append(shared: &Shared, bound: usize, kind: MessageKind, payload: &[u8]) -> bool {
    let appended = HELD.try_with(|slot| {
        let held = &mut *slot.borrow_mut();
        if !std::ptr::eq(held.connection, shared) {
            return false;
        }
        let len = held.frames.as_ref().map_or(0, |frames| frames.len());
        if len + MAX_HEADER_LEN + payload.len() > bound {
            return false;
        }
        let frames = held.frames.get_or_insert_with(pool::take_outbox);
        frames.append_frame(&message_header(kind, payload.len()), payload);
        true
    });
    appended.unwrap_or(false)
}
