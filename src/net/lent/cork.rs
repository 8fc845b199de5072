//! What a thread holds for the connection whose handler it polls, outside the lock.
//!
//! A handler that answers what it receives sends from within its own poll, and nobody else can
//! see the frames before that ends: the connection task writes them after. So they wait with the
//! thread, and go before what others have queued meanwhile. A glance tells whether others had
//! queued something earlier, and then they are queued behind it, under the lock.
//!
//! In the same way input goes to a Receiver that waits in the handler. The state goes on saying
//! that it waits, which is true again when the poll ends with all input read. If it ends
//! otherwise, or somebody needs the lock meanwhile, the state is told.

use std::cell::RefCell;
use std::task::{RawWakerVTable, Waker};

use super::lease::Lease;
use super::outbox::Outbox;
use super::pool;
use super::shared::Shared;
use super::state::{Reader, State};
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
    /// Whom the handler is polled for, to compare only.
    waker: (*const (), *const RawWakerVTable),
    /// Never empty.
    frames: Option<Box<Outbox>>,
    input: Handed,
    /// Whether the state knows that the handler is polled.
    is_told: bool,
}

/// What became of the input.
#[derive(Debug)]
enum Handed {
    /// The Receiver may have it, or has left it.
    Offered(Lease),
    /// The Receiver has it, and has not come to its end.
    Taken,
    /// The Receiver has read it to its end, and has not come back.
    Read,
    /// The Receiver waits.
    Nothing,
}

impl Held {
    const NOTHING: Held = Held {
        connection: std::ptr::null(),
        waker: (std::ptr::null(), std::ptr::null()),
        frames: None,
        input: Handed::Nothing,
        is_told: true,
    };

    /// Bytes of the frames that are held.
    #[inline]
    fn len(&self) -> usize {
        self.frames.as_ref().map_or(0, |frames| frames.len())
    }

    /// The frames that are held.
    #[inline]
    pub(super) fn take_frames(&mut self) -> Option<Box<Outbox>> {
        self.frames.take()
    }

    /// Whether the state is to be told something.
    #[inline]
    pub(super) fn is_to_be_told(&self) -> bool {
        self.is_told || !matches!(self.input, Handed::Nothing)
    }

    /// Tells the state what became of the input, unless the Receiver did. Says whether the handler
    /// is to be polled for it.
    pub(super) fn tell(&mut self, state: &mut State) -> bool {
        let is_unread = match std::mem::replace(&mut self.input, Handed::Nothing) {
            Handed::Nothing => return false,
            // Who began to wait meanwhile has not seen it.
            Handed::Offered(lease) => return state.keep_input(lease) && !state.waits_here,
            Handed::Taken => true,
            Handed::Read => false,
        };
        if state.waits_here {
            state.hear_receiver(Reader::Busy);
            state.receiver_holds_input = is_unread;
        }
        false
    }
}

/// From here on this thread polls the handler of a connection. Gives what it held before: a
/// handler may drive other connections.
#[inline]
pub(super) fn begin(shared: &Shared, waker: &Waker, input: Option<Lease>, is_told: bool) -> Held {
    let input = input.map_or(Handed::Nothing, Handed::Offered);
    let waker = (waker.data(), std::ptr::from_ref(waker.vtable()));
    swap(Held { connection: shared, waker, frames: None, input, is_told })
}

/// Ends what `begin` began, and gives what is held.
#[inline]
pub(super) fn end(before: Held) -> Held {
    swap(before)
}

/// Puts this in the place of what the thread holds. While the thread ends it holds nothing, and gives
/// this back, so that no input is lost.
#[inline]
fn swap(mut held: Held) -> Held {
    let _ = HELD.try_with(|slot| std::mem::swap(&mut *slot.borrow_mut(), &mut held));
    held
}

/// Visits what this thread holds, if it is for this connection.
#[inline]
fn with<R: Default>(shared: &Shared, visit: impl FnOnce(&mut Held) -> R) -> R {
    let visited = HELD.try_with(|slot| {
        let held = &mut *slot.borrow_mut();
        if std::ptr::eq(held.connection, shared) { visit(held) } else { R::default() }
    });
    visited.unwrap_or_default()
}

/// Whether this thread polls the handler of the connection.
pub(super) fn is_here(shared: &Shared) -> bool {
    with(shared, |_| true)
}

/// Takes the frames that this thread holds for a connection, to queue them under the lock. Says
/// too whether the state is to be told that the handler is polled.
#[inline]
pub(super) fn take(shared: &Shared) -> (Option<Box<Outbox>>, bool) {
    with(shared, |held| (held.frames.take(), !std::mem::replace(&mut held.is_told, true)))
}

/// Bytes of the frames that this thread holds for a connection.
pub(super) fn len(shared: &Shared) -> usize {
    with(shared, |held| held.len())
}

/// Holds a message, if this thread polls the handler of the connection and it fits: below `bound`
/// bytes in all.
#[inline]
pub(super) fn append(shared: &Shared, bound: usize, kind: MessageKind, payload: &[u8]) -> bool {
    with(shared, |held| {
        let len = held.len();
        if len + MAX_HEADER_LEN + payload.len() >= bound {
            return false;
        }
        let frames = held.frames.get_or_insert_with(pool::take_outbox);
        frames.append_frame(&message_header(kind, payload.len()), payload);
        true
    })
}

/// The input that this thread has for the Receiver.
#[inline]
pub(super) fn take_input(shared: &Shared) -> Option<Lease> {
    with(shared, |held| match std::mem::replace(&mut held.input, Handed::Taken) {
        Handed::Offered(lease) => Some(lease),
        other => {
            held.input = other;
            None
        }
    })
}

/// The Receiver has read to the end of what it took here. `false` if it took nothing here.
#[inline]
pub(super) fn end_input(shared: &Shared) -> bool {
    with(shared, |held| {
        let was_taken = matches!(held.input, Handed::Taken);
        if was_taken {
            held.input = Handed::Read;
        }
        was_taken
    })
}

/// The Receiver waits again, as the state says. `false` if it says or knows otherwise: then that
/// takes the lock.
#[inline]
pub(super) fn wait(shared: &Shared, waker: &Waker) -> bool {
    with(shared, |held| {
        let is_read = matches!(held.input, Handed::Read | Handed::Nothing);
        let waits = is_read
            && std::ptr::eq(held.waker.0, waker.data())
            && std::ptr::eq(held.waker.1, waker.vtable());
        if waits {
            held.input = Handed::Nothing;
        }
        waits
    })
}

/// The Receiver takes the lock: the state is right from here on, and has the input that was not
/// taken.
pub(super) fn settle(shared: &Shared, state: &mut State) {
    let (input, is_told) = with(shared, |held| {
        let input = std::mem::replace(&mut held.input, Handed::Nothing);
        (Some(input), std::mem::replace(&mut held.is_told, true))
    });
    let Some(input) = input else { return };
    if !is_told {
        state.begin_polling();
    }
    if let Handed::Offered(lease) = input {
        state.keep_input(lease);
    }
}
