//! The receiving handle of a connection.

#[path = "receiver/pieces.rs"]
mod pieces;
#[path = "receiver/search.rs"]
mod search;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub use self::pieces::{Fragments, Piece};
use self::search::search;

use super::error::Result;
use super::held;
use super::lease::Lease;
use super::message::{Lent, Message};
use super::pool;
use super::sender::is_large;
use super::shared::Shared;
use super::state::{Phase, Reader, State, WRITE_FROM};
use super::timers::note_pong;
use super::waiting::Left;
use crate::proto::assembler::MessageKind;
use crate::proto::inbound::{Delivery, Event, Payload, short};
use crate::proto::utf8::Checked;

/// Receives the messages of one connection.
///
/// Only while it waits is anything read from the peer: a handler that is busy elsewhere
/// pauses the peer. Dropped, the rest of the connection is read and thrown away, and Ping
/// and Close are answered.
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    lease: Lease,
    /// The assembled message that is lent.
    assembled: Vec<u8>,
    /// Whether a message is being delivered in pieces.
    is_mid_pieces: bool,
    /// Whether the lease goes on between messages.
    is_between: bool,
    /// Whether a waker may have been left where others find it.
    is_waiting: bool,
    /// What was found last. It stays here: handing it on would cost more than finding it.
    found: Found,
}

/// What is lent.
#[derive(Debug, Default)]
struct Found {
    /// Where in the lease it lies, unless it was assembled.
    start: usize,
    end: usize,
    /// The witness of a text.
    text: Option<Checked>,
    /// Whether a message ends here.
    last: bool,
    /// Whether it was assembled.
    is_assembled: bool,
}

impl Receiver {
    pub(super) fn new(shared: Arc<Shared>) -> Receiver {
        Receiver {
            shared,
            lease: Lease::default(),
            assembled: Vec::new(),
            is_mid_pieces: false,
            is_between: false,
            is_waiting: false,
            found: Found::default(),
        }
    }

    /// Waits for the next message and lends it until the next call.
    ///
    /// `None` after a completed closing handshake. No message is delivered while the queue to
    /// the peer holds its bound or more. What is left of a message that was begun with
    /// [`Receiver::next_fragmented`] is skipped.
    ///
    /// # Errors
    /// The rule that the peer broke, the timer that ran out, or the loss of the transport.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped: the connection keeps what has arrived.
    pub async fn next(&mut self) -> Result<Option<Message<'_>>> {
        let found = search(self, |this, cx| this.poll_next(cx, Delivery::Message)).await?;
        Ok(found.then(|| self.lend()))
    }

    /// Waits for the beginning of the next message, to be received piece by piece.
    ///
    /// # Errors
    /// As [`Receiver::next`].
    ///
    /// # Cancel safety
    /// As [`Receiver::next`].
    pub async fn next_fragmented(&mut self) -> Result<Option<Fragments<'_>>> {
        let found = search(self, |this, cx| this.poll_next(cx, Delivery::Pieces)).await?;
        let is_text = self.found.text.is_some();
        let kind = if is_text { MessageKind::Text } else { MessageKind::Binary };
        Ok(found.then(|| Fragments::new(kind, self)))
    }

    /// The peer's address, where the transport has one.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.shared.peer
    }

    /// The path of the request target, undecoded.
    pub fn path(&self) -> String {
        self.shared.lock().path().to_string()
    }

    /// Takes back what was left where others find it.
    #[cold]
    fn stop_waiting(&mut self) {
        self.is_waiting = false;
        let left = self.shared.lock().forget_receiver();
        drop(left);
    }

    fn lend(&mut self) -> Message<'_> {
        let Found { start, end, .. } = self.found;
        let payload = if self.found.is_assembled {
            Lent::Buffer(&mut self.assembled)
        } else if is_large(end - start) && self.lease.is_empty() {
            Lent::Lease(&mut self.lease, start..end)
        } else {
            Lent::Slice(self.lease.bytes().get(start..end).unwrap_or_default())
        };
        Message::new(payload, self.found.text)
    }

    /// Skips what is left of a message that was being delivered in pieces, then looks for the
    /// next one.
    #[inline]
    fn poll_next(&mut self, cx: &mut Context<'_>, delivery: Delivery) -> Poll<Result<bool>> {
        while self.is_mid_pieces {
            if !std::task::ready!(self.poll_found(cx, Delivery::Pieces))? {
                return Poll::Ready(Ok(false));
            }
        }
        self.poll_found(cx, delivery)
    }

    /// Receives a short message that is in the lease, without the lock: nobody else goes on
    /// with the input while it is held here. Says whether it did.
    fn receive_short(&mut self, delivery: Delivery) -> bool {
        let look_from = self.shared.context.at_hand.look_from;
        let glance = self.shared.glance();
        if !self.is_between || !glance.is_open_below(look_from) {
            return false;
        }
        // What is held is below its bound, but both together may not be.
        if !glance.is_empty() && !glance.is_below(look_from.saturating_sub(held::len(&self.shared)))
        {
            return false;
        }
        // Who has asked elsewhere meanwhile, under the lock, goes on so.
        let waits_here = glance.is_waiting_here();
        if self.lease.is_empty() {
            match waits_here.then(|| held::take_input(&self.shared)).flatten() {
                Some(lease) => self.lease = lease,
                None => return false,
            }
        }
        let is_found = self.try_short(delivery).is_some();
        if self.lease.is_empty() && !(waits_here && held::end_input(&self.shared)) {
            let mut state = self.shared.lock();
            state.hear_receiver(Reader::Busy);
            state.receiver_holds_input = false;
        }
        is_found
    }

    /// Waits as the state says already, without the lock, if it does.
    fn wait_here(&mut self, cx: &Context<'_>, delivery: Delivery) -> bool {
        let waits = self.is_between
            && delivery == Delivery::Message
            && self.lease.is_empty()
            && self.shared.glance().is_waiting_here()
            && held::wait(&self.shared, cx.waker());
        if waits {
            self.lease = Lease::default();
            pool::return_message_buffer(std::mem::take(&mut self.assembled));
        }
        waits
    }

    #[inline(always)]
    fn try_short(&mut self, delivery: Delivery) -> Option<()> {
        let limits = &self.shared.context.at_hand;
        let position = self.lease.position();
        let input = self.lease.unread_mut();
        let step = short::receive_short(input, delivery, &limits.message)
            .or_else(|| short::receive_medium(input, delivery, &limits.message))?;
        self.lease.consume(step.consumed);
        let (Event::Message(data) | Event::Piece { data, .. }) = step.event? else { return None };
        let Payload::Input(range) = data.payload else { return None };
        self.found = Found {
            start: range.start + position,
            end: range.end + position,
            text: data.text,
            last: true,
            is_assembled: false,
        };
        Some(())
    }

    #[inline]
    fn poll_found(&mut self, cx: &mut Context<'_>, delivery: Delivery) -> Poll<Result<bool>> {
        if self.receive_short(delivery) {
            return Poll::Ready(Ok(true));
        }
        if self.wait_here(cx, delivery) {
            return Poll::Pending;
        }
        self.poll_locked(cx, delivery)
    }

    #[inline(never)]
    fn poll_locked(&mut self, cx: &mut Context<'_>, delivery: Delivery) -> Poll<Result<bool>> {
        // Dropped after the lock was given up.
        let mut _left = Left::default();
        let mut state = self.shared.lock();
        if std::mem::take(&mut self.is_waiting) {
            _left = state.forget_receiver();
        }
        held::settle(&self.shared, &mut state);
        state.hear_receiver(Reader::Busy);
        // What was read without the lock the state does not know.
        state.receiver_holds_input = !self.lease.is_empty();
        self.is_between = false;
        loop {
            if let Some(ending) = state.finished() {
                let error = ending.to_error();
                state.receiver_holds_input = false;
                self.lease = Lease::default();
                return Poll::Ready(error.map_or(Ok(false), Err));
            }
            let queued = state.queued() + held::len(&self.shared);
            if queued >= self.shared.context.config.limits.max_queued {
                state.wait_for_room(cx.waker());
                self.is_waiting = true;
                return Poll::Pending;
            }
            if queued >= WRITE_FROM && give_way(&mut state, cx) {
                return Poll::Pending;
            }
            if self.lease.is_empty() && state.input.is_held() {
                self.lease = std::mem::take(&mut state.input);
            }
            let limits = &self.shared.context.config.limits.message;
            let position = self.lease.position();
            let input = self.lease.unread_mut();
            let is_lent = input.len() >= LEND_FROM && state.lend_message_buffer();
            let step = match state.receive(input, delivery, limits) {
                Ok(step) => step,
                Err(violation) => {
                    state.fail(violation);
                    continue;
                }
            };
            self.lease.consume(step.consumed);
            if is_lent {
                state.reclaim_message_buffer();
            }
            state.receiver_holds_input = !self.lease.is_empty();
            let (data, last) = match step.event {
                Some(Event::Message(data)) => (data, true),
                Some(Event::Piece { data, last }) => (data, last),
                Some(Event::Pong(at)) => {
                    note_pong(&mut state, &self.shared, &at, self.lease.bytes(), position);
                    continue;
                }
                Some(Event::Close(close)) => {
                    state.receive_close(close);
                    continue;
                }
                Some(Event::Ping(_)) => {
                    // On another task nobody else sends the Pong on its way.
                    state.wake_task();
                    continue;
                }
                Some(Event::NoInflater) => {
                    state.lend_inflater(&self.shared);
                    continue;
                }
                Some(Event::Paused) => {
                    drop(state);
                    // Others get their turn, those too whose input has yet to be noticed.
                    let _ = pin!(tokio::task::yield_now()).poll(cx);
                    return Poll::Pending;
                }
                None if state.input.is_held() => continue,
                None => {
                    self.lease = Lease::default();
                    pool::return_message_buffer(std::mem::take(&mut self.assembled));
                    self.is_between = state.inbound.is_between_messages();
                    self.is_waiting = wait_for_input(&mut state, &self.shared, cx, delivery);
                    return Poll::Pending;
                }
            };
            self.is_mid_pieces = !last;
            self.is_between = state.inbound.is_between_messages();
            self.found = Found { text: data.text, last, ..Found::default() };
            match data.payload {
                Payload::Input(range) => {
                    self.found.start = range.start + position;
                    self.found.end = range.end + position;
                }
                _ => {
                    self.found.is_assembled = true;
                    let mut spent = std::mem::take(&mut self.assembled);
                    if last {
                        pool::return_message_buffer(std::mem::take(&mut spent));
                    }
                    self.assembled = state.inbound.take_assembled(spent);
                    state.reclaim_inflater();
                }
            }
            return Poll::Ready(Ok(true));
        }
    }
}

/// Lets the connection task write what is queued before more is delivered: it polls again
/// at once. Only where the task itself is the one that polls, and the transport takes bytes.
fn give_way(state: &mut State, cx: &Context<'_>) -> bool {
    let is_task = state.task.as_ref().is_some_and(|task| task.will_wake(cx.waker()));
    if !is_task || !state.is_polling() || state.blocked_since().is_some() {
        return false;
    }
    state.give_way();
    true
}

/// Says whether it left a waker for it.
fn wait_for_input(
    state: &mut State,
    shared: &Shared,
    cx: &Context<'_>,
    delivery: Delivery,
) -> bool {
    state.reader = Reader::Waiting(delivery);
    let is_task = state.task.as_ref().is_some_and(|task| task.will_wake(cx.waker()));
    state.waits_here = is_task && held::is_here(shared);
    state.wake_task();
    if !is_task {
        state.wait_for_input(cx.waker());
    }
    !is_task
}

impl Drop for Receiver {
    fn drop(&mut self) {
        pool::return_message_buffer(std::mem::take(&mut self.assembled));
        let mut state = self.shared.lock();
        held::settle(&self.shared, &mut state);
        state.hear_receiver(Reader::Gone);
        state.receiver_holds_input = false;
        let left = state.forget_receiver();
        // Input read to its end is left too: a compressed message may have more to give.
        if matches!(state.phase, Phase::Open) && self.lease.is_held() && !state.input.is_held() {
            state.input = std::mem::take(&mut self.lease);
        }
        debug_assert!(state.phase != Phase::Open || self.lease.is_empty());
        state.wake_task();
        drop(state);
        drop(left);
    }
}

impl State {
    /// Lends a buffer for the message that may have begun in so much input, unless one has.
    /// Says whether it did.
    fn lend_message_buffer(&mut self) -> bool {
        let is_unused = self.inbound.buffered() == 0;
        if is_unused {
            let spare = self.inbound.take_assembled(pool::take_message_buffer());
            pool::return_message_buffer(spare);
        }
        is_unused
    }

    /// Takes the buffer back if nothing was put into it.
    fn reclaim_message_buffer(&mut self) {
        if self.inbound.buffered() == 0 {
            pool::return_message_buffer(self.inbound.take_assembled(Vec::new()));
        }
    }
}

/// With so much input a message of it may not be in it as a whole, in bytes.
const LEND_FROM: usize = 64 << 10;

const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Receiver>();
};
