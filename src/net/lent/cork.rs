//! The cork: what a handler sends within one poll, gathered by the thread without the lock.
//!
//! While the connection task polls its handler, the cork of the thread is open for that connection.
//! A short message that the handler sends on this thread goes into the cork. The task takes the cork
//! out when the poll ends, and writes all of it at once.
//!
//! The order of what goes out:
//!
//! 1. what was queued before the poll;
//! 2. the cork: what the handler sends within the poll, as long as nothing is queued;
//! 3. a Pong or Close that is found in the same poll, and what other threads queue during it;
//! 4. what the handler sends after that: a queue that is not empty closes the cork.

use std::cell::RefCell;
use std::task::{RawWakerVTable, Waker};

use super::outbox::Outbox;
use super::pool;
use crate::proto::assembler::MessageKind;
use crate::proto::frame::MAX_HEADER_LEN;
use crate::proto::outbound::message_header;

thread_local! {
    static CORK: RefCell<Cork> = const { RefCell::new(Cork::SHUT) };
}

/// Names a connection, for comparing only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Key(*const ());

impl Key {
    /// Of what lies at one address as long as the connection lives, and belongs to it alone.
    #[inline]
    pub(in crate::net) fn of<T>(lasting: &T) -> Key {
        Key(std::ptr::from_ref(lasting).cast())
    }
}

/// The cork of a thread.
#[derive(Debug)]
struct Cork {
    /// The connection whose handler is polled.
    connection: Key,
    /// The waker that the handler is polled with, for comparing only.
    waker: (*const (), *const RawWakerVTable),
    /// Never empty.
    frames: Option<Box<Outbox>>,
}

impl Cork {
    const SHUT: Cork = Cork {
        connection: Key(std::ptr::null()),
        waker: (std::ptr::null(), std::ptr::null()),
        frames: None,
    };
}

/// The cork is open for a connection until this is closed. It holds the cork that the thread had
/// before: a handler may drive another connection within its poll.
#[derive(Debug)]
pub(in crate::net) struct Open(Option<Cork>);

/// Opens the cork: from here on this thread polls the handler of the connection, with this waker.
#[inline]
pub(in crate::net) fn open(connection: Key, waker: &Waker) -> Open {
    let waker = (waker.data(), std::ptr::from_ref(waker.vtable()));
    Open(Some(swap(Cork { connection, waker, frames: None })))
}

impl Open {
    /// The poll has ended: what was gathered.
    #[inline]
    pub(in crate::net) fn close(mut self) -> Option<Box<Outbox>> {
        self.0.take().and_then(|before| swap(before).frames)
    }
}

/// A panic that leaves the poll shuts the cork too.
impl Drop for Open {
    #[inline]
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            drop(swap(before));
        }
    }
}

/// Puts this in the place of the thread's cork, and gives what was there. A thread that ends has no
/// cork: then this comes back, and nothing is gathered.
#[inline]
fn swap(mut cork: Cork) -> Cork {
    let _ = CORK.try_with(|slot| std::mem::swap(&mut *slot.borrow_mut(), &mut cork));
    cork
}

/// Visits the cork, if it is open for this connection on this thread.
#[inline]
fn with<R: Default>(connection: Key, visit: impl FnOnce(&mut Cork) -> R) -> R {
    let visited = CORK.try_with(|slot| {
        let cork = &mut *slot.borrow_mut();
        // The cork of this thread may be open for a connection that is driven from a handler.
        if cork.connection == connection { visit(cork) } else { R::default() }
    });
    visited.unwrap_or_default()
}

/// Whether this thread polls the handler of the connection: the task looks at everything after.
#[inline]
pub(in crate::net) fn is_open(connection: Key) -> bool {
    with(connection, |_| true)
}

/// Whether the handler is being polled on this thread, by the task itself: the task polls the handler
/// again when there is input, and nobody needs to be woken for it.
#[inline]
pub(in crate::net) fn is_polled_here(connection: Key, waker: &Waker) -> bool {
    with(connection, |cork| {
        std::ptr::eq(cork.waker.0, waker.data()) && std::ptr::eq(cork.waker.1, waker.vtable())
    })
}

/// Bytes of the frames in the cork.
#[inline]
pub(in crate::net) fn len(connection: Key) -> usize {
    with(connection, |cork| cork.frames.as_ref().map_or(0, |frames| frames.len()))
}

/// Takes the frames out, to queue them under the lock.
#[inline]
pub(in crate::net) fn take(connection: Key) -> Option<Box<Outbox>> {
    with(connection, |cork| cork.frames.take())
}

/// Gathers a message, if the cork is open for the connection and will hold less than `bound` bytes
/// with it. Says whether it did.
#[inline]
pub(in crate::net) fn append(
    connection: Key,
    bound: usize,
    kind: MessageKind,
    payload: &[u8],
) -> bool {
    with(connection, |cork| {
        // The bound of the queue holds for the cork too.
        let len = cork.frames.as_ref().map_or(0, |frames| frames.len());
        if len + MAX_HEADER_LEN + payload.len() >= bound {
            return false;
        }
        let frames = cork.frames.get_or_insert_with(pool::take_outbox);
        // Counted first: the kind is not kept while the payload is copied.
        frames.sent.messages.add(kind, payload.len());
        frames.append_frame(&message_header(kind, payload.len()), payload);
        true
    })
}
