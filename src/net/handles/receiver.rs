//! The receiving handle of a connection.

mod pieces;
mod search;

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub use self::pieces::{Fragments, Piece};
use self::search::{Next, search};

use super::connection::connection_methods;
use super::message::{Lent, Message};
#[cfg(feature = "futures")]
use super::owned::OwnedMessage;
use super::sending::is_large;
use crate::net::config::WhenFull;
use crate::net::ending::Ending;
use crate::net::error::Result;
use crate::net::lent::amounts::Amounts;
use crate::net::lent::lease::Lease;
use crate::net::lent::{cork, pool};
use crate::net::state::shared::{Locked, Shared};
use crate::net::state::waiting::{Gate, Left};
use crate::net::state::{Received, WRITE_FROM};
use crate::proto::assembler::{MessageKind, MessageLimits};
use crate::proto::event::{Data, Delivery, Event, Payload};
use crate::proto::inbound::{begins_data, short};
use crate::proto::utf8::Checked;

/// Receives the messages of one connection.
///
/// The connection task reads ahead up to the first data frame: Ping, Pong, Close and the end of the
/// transport are dealt with, whatever the handler does. What stands behind a message waits until
/// that message was taken. Data is read as far as the Receiver asks for
/// it, and at most one read further: a handler that is busy elsewhere pauses a peer that sends
/// messages. Dropped, the
/// rest of the connection is read and thrown away.
pub struct Receiver {
    shared: Arc<Shared>,
    /// The read buffer that a message is lent from. Unread bytes in it are the input that the state
    /// has given to this Receiver.
    lease: Lease,
    /// The assembled message that is lent.
    assembled: Vec<u8>,
    /// Whether something may have been left in the state that is to be taken back when the wait is
    /// over: a waker, or the wish for the rest of a message.
    is_waiting: bool,
    /// Whether messages are given also while replies fill the queue, where the handler has chosen.
    reads_while_full: Option<bool>,
    /// What was found last. It stays here: handing it on would cost more than finding it.
    found: Found,
}

/// What is lent.
struct Found {
    /// Where in the lease it lies, unless it was assembled.
    start: usize,
    end: usize,
    /// The witness of a text.
    text: Option<Checked>,
    /// Whether a message ends here; true before the first one.
    last: bool,
    /// Whether it was assembled.
    is_assembled: bool,
    /// What was found since the Receiver last had to wait.
    counted: Amounts,
}

impl Receiver {
    pub(super) fn new(shared: Arc<Shared>) -> Receiver {
        Receiver {
            shared,
            lease: Lease::default(),
            assembled: Vec::new(),
            is_waiting: false,
            reads_while_full: None,
            found: Found::default(),
        }
    }

    /// Waits for the next message and lends it until the next call.
    ///
    /// `None` after a completed closing handshake. No message is delivered while the replies of this
    /// task hold the bound of the queue or more, unless [`Receiver::read_while_full`] says otherwise.
    /// What is left of a message that was begun with
    /// [`Receiver::recv_fragments`] is skipped.
    ///
    /// # Errors
    /// The rule that the peer broke, the timer that ran out, or the loss of the transport.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped: the connection keeps what has arrived.
    #[inline]
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message<'_>>>> {
        Next::of(self)
    }

    /// Waits for the beginning of the next message, to be received piece by piece.
    ///
    /// # Errors
    /// As [`Receiver::recv`].
    ///
    /// # Cancel safety
    /// As [`Receiver::recv`].
    pub async fn recv_fragments(&mut self) -> Result<Option<Fragments<'_>>> {
        let found = search(self, |this, cx| this.poll_next(cx, Delivery::Pieces)).await?;
        let is_text = self.found.text.is_some();
        let kind = if is_text { MessageKind::Text } else { MessageKind::Binary };
        Ok(found.then(|| Fragments::new(kind, self)))
    }

    /// Chooses whether messages are given also while the replies of this task fill the queue to the
    /// peer. By default they are not; but where [`WhenFull`](crate::WhenFull) says that a reply without
    /// room is dropped, or closes the connection, they are given once the transport has refused some.
    ///
    /// What other tasks have queued never keeps a message waiting. But a handler that replies to each
    /// message is given none while its own replies hold [`max_queued`](crate::Limits::max_queued) or
    /// more, so that `send` does not refuse the next reply. A handler that sends on its own account in
    /// the same task, and has to hear its peer all the same, chooses `true`: then `send` may refuse.
    pub fn read_while_full(&mut self, reads: bool) {
        self.reads_while_full = Some(reads);
    }

    /// As `recv`, for a Stream, which gives messages for keeping. What a poll that is pending leaves in
    /// the state is taken back by the next one, by `stop_polling`, or with the Receiver.
    #[cfg(feature = "futures")]
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<OwnedMessage>>> {
        let found = std::task::ready!(self.poll_next(cx, Delivery::Message))?;
        Poll::Ready(Ok(found.then(|| self.lend().into_owned())))
    }

    /// There is no next `poll_recv`.
    #[cfg(feature = "futures")]
    pub(crate) fn stop_polling(&mut self) {
        self.end_wait();
    }

    /// Which replies keep messages waiting.
    fn gate(&self) -> Gate {
        let limits = self.shared.limits();
        match self.reads_while_full {
            Some(true) => Gate { below: usize::MAX, opens_when_refused: false },
            None if limits.when_full != WhenFull::Wait => {
                Gate { below: limits.max_queued, opens_when_refused: true }
            }
            _ => Gate { below: limits.max_queued, opens_when_refused: false },
        }
    }

    /// Nobody waits any longer.
    #[inline]
    fn end_wait(&mut self) {
        if self.is_waiting {
            self.stop_waiting();
        }
    }

    /// Takes back what was left in the state.
    #[cold]
    fn stop_waiting(&mut self) {
        self.is_waiting = false;
        let left = self.shared.lock().forget_receiver();
        drop(left);
    }

    #[inline]
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

    /// Skips what is left of a message that was being delivered in pieces, then looks for the next
    /// one.
    #[inline]
    fn poll_next(&mut self, cx: &mut Context<'_>, delivery: Delivery) -> Poll<Result<bool>> {
        while !self.found.last {
            if !std::task::ready!(self.poll_found(cx, Delivery::Pieces))? {
                return Poll::Ready(Ok(false));
            }
        }
        self.poll_found(cx, delivery)
    }

    /// Looks for data, at first without the lock.
    #[inline]
    fn poll_found(&mut self, cx: &mut Context<'_>, delivery: Delivery) -> Poll<Result<bool>> {
        if self.receive_short(delivery) {
            return Poll::Ready(Ok(true));
        }
        if self.is_polled_again(cx) {
            return Poll::Pending;
        }
        self.poll_locked(cx, delivery)
    }

    /// Receives a whole short message from the input that this Receiver has, without the lock. Says
    /// whether it did.
    #[inline]
    fn receive_short(&mut self, delivery: Delivery) -> bool {
        // Inside a message the core decides.
        if self.lease.is_empty() || !self.found.last || !self.may_go_on() {
            return false;
        }
        let limits = &self.shared.at_hand().message;
        if !self.found.find_short(&mut self.lease, delivery, limits) {
            return false;
        }
        // The last message of the input, or a control frame behind it: that is for the task.
        if !self.lease.unread().first().is_some_and(|first| begins_data(*first)) {
            self.give_back();
        }
        true
    }

    /// Whether the next message may be delivered, as far as can be seen without the lock.
    #[inline]
    fn may_go_on(&self) -> bool {
        let look_from = self.shared.at_hand().look_from;
        let glance = self.shared.glance();
        // The cork alone stays below the bound, but with the queue it may not.
        glance.is_open_below(look_from)
            && (glance.is_empty()
                || glance.is_open_below(look_from.saturating_sub(cork::len(self.shared.key()))))
    }

    /// Gives the input back with its last message, or where a control frame is next: that does not
    /// wait for the handler. The message stays here, and so does the read buffer unless input is left.
    fn give_back(&mut self) {
        let input = if self.lease.is_empty() {
            // The buffer stays here, for the message in it.
            Lease::default()
        } else {
            // The buffer goes with the input, so the message is copied out of it.
            let Found { start, end, .. } = self.found;
            self.assembled.clear();
            self.assembled
                .extend_from_slice(self.lease.bytes().get(start..end).unwrap_or_default());
            self.found.is_assembled = true;
            std::mem::take(&mut self.lease)
        };
        let mut state = self.shared.lock();
        state.reading.take_back(input);
        state.wake_task();
    }

    /// Whether there is nothing to receive, and the task polls the handler again when there is: then
    /// nobody has to be told that the Receiver waits.
    #[inline]
    fn is_polled_again(&mut self, cx: &Context<'_>) -> bool {
        // At rest the input is with the state and used up, so this Receiver has none.
        let is_polled_again = self.lease.is_empty()
            // A waker that was left elsewhere is taken back under the lock.
            && !self.is_waiting
            && self.shared.glance().is_at_rest()
            && cork::is_polled_here(self.shared.key(), cx.waker());
        if is_polled_again {
            self.shared.count_received(&mut self.found.counted);
            self.return_buffers();
        }
        is_polled_again
    }

    /// What was lent is over.
    #[inline]
    fn return_buffers(&mut self) {
        self.lease = Lease::default();
        if self.assembled.capacity() > 0 {
            pool::return_message_buffer(std::mem::take(&mut self.assembled));
        }
    }

    /// Looks for data under the lock: the input comes home, one event is received from it, and what
    /// that came to is kept.
    #[inline(never)]
    fn poll_locked(&mut self, cx: &mut Context<'_>, delivery: Delivery) -> Poll<Result<bool>> {
        // Dropped after the lock was given up.
        let mut _left = Left::default();
        let mut state = self.shared.lock();
        state.note_receiving();
        // For a Receiver on another task: the connection task has to look at what changes here.
        state.wake_task();
        if std::mem::take(&mut self.is_waiting) {
            _left = state.forget_receiver();
        }
        // Unread bytes in the lease come home first: the core goes on with them in place.
        if !self.lease.is_empty() {
            state.reading.take_back(std::mem::take(&mut self.lease));
        }
        let mut gate = self.gate();
        if gate.below < usize::MAX {
            gate.below = self.shared.queue_bound(state.queue.len(), gate.below);
        }
        let looked = look(&mut state, &self.shared, &mut self.found, gate, cx, delivery);
        if !matches!(looked, Looked::Short | Looked::Received(Received::Data(..))) {
            self.shared.count_received(&mut self.found.counted);
        }
        match looked {
            Looked::Short => {
                self.lease = self.found.keep_input(&mut self.assembled, &mut state);
                Poll::Ready(Ok(true))
            }
            Looked::Received(Received::Data(data, last)) => {
                let shared = &self.shared;
                self.lease = self.found.keep(&mut self.assembled, &mut state, shared, data, last);
                Poll::Ready(Ok(true))
            }
            Looked::Received(Received::Over) => {
                let ending = state.life.finished();
                Poll::Ready(ending.and_then(Ending::to_error).map_or(Ok(false), Err))
            }
            Looked::Received(Received::UsedUp) => {
                self.is_waiting = wait_for_input(&mut state, &self.shared, cx, delivery);
                drop(state);
                self.return_buffers();
                Poll::Pending
            }
            Looked::Received(Received::Paused) => {
                drop(state);
                // Others get their turn, those too whose input has yet to be noticed.
                let _ = pin!(tokio::task::yield_now()).poll(cx);
                Poll::Pending
            }
            Looked::Full => {
                state.wait_for_room(cx.waker(), gate);
                self.is_waiting = true;
                Poll::Pending
            }
            Looked::WriteFirst => {
                // Waking may run code of the application, which may look at the connection.
                drop(state);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

connection_methods!(Receiver, shared);

/// What a look under the lock came to.
enum Looked {
    /// A whole short message was found.
    Short,
    Received(Received),
    /// The queue holds its bound.
    Full,
    /// The queue is below its bound, but long: the task is to write it, and to poll again at once.
    WriteFirst,
}

/// Receives from the input that is here up to the next data, if there is room for the answer to it.
fn look(
    state: &mut Locked<'_>,
    shared: &Shared,
    found: &mut Found,
    gate: Gate,
    cx: &Context<'_>,
    delivery: Delivery,
) -> Looked {
    loop {
        // Whoever ended the connection, on whatever thread, did it under the lock.
        if state.life.is_over() {
            return Looked::Received(Received::Over);
        }
        // Asked before each event, since a Pong takes room too.
        let corked = cork::len(shared.key());
        // What others have queued keeps no message waiting: it may be the one that ends all that.
        let may_write = !state.queue.is_blocked();
        let replies = state.queue.len_before(state.answering_voice()) + corked;
        if replies >= gate.below && (may_write || !gate.opens_when_refused) {
            return Looked::Full;
        }
        let queued = state.queue.len() + corked;
        if queued >= WRITE_FROM && may_write && cork::is_polled_here(shared.key(), cx.waker()) {
            return Looked::WriteFirst;
        }
        if let Some(held) = state.hold_back(shared) {
            return Looked::Received(held);
        }
        if let Some(input) = state.reading.input_between_messages()
            && found.find_short(input, delivery, &shared.at_hand().message)
        {
            state.reading.count_message();
            return Looked::Short;
        }
        if let Some(received) = state.receive_one(delivery, shared) {
            return Looked::Received(received);
        }
    }
}

/// Before the first message.
impl Default for Found {
    fn default() -> Found {
        let counted = Amounts::default();
        Found { start: 0, end: 0, text: None, last: true, is_assembled: false, counted }
    }
}

/// What is text has a witness of that.
#[inline]
fn kind_of(text: Option<Checked>) -> MessageKind {
    if text.is_some() { MessageKind::Text } else { MessageKind::Binary }
}

impl Found {
    /// Looks for a whole short message in front of this input, which begins between messages. Says
    /// whether there is one.
    #[inline(always)]
    fn find_short(
        &mut self,
        input: &mut Lease,
        delivery: Delivery,
        limits: &MessageLimits,
    ) -> bool {
        let position = input.position();
        let unread = input.unread_mut();
        let Some(step) = short::receive_short(unread, delivery, limits)
            .or_else(|| short::receive_medium(unread, delivery, limits))
        else {
            return false;
        };
        input.consume(step.consumed);
        let Some(Event::Message(data) | Event::Piece { data, .. }) = step.event else {
            return false;
        };
        let Payload::Input(range) = data.payload else { return false };
        // start <= end
        self.counted.add(kind_of(data.text), range.end.wrapping_sub(range.start));
        self.start = range.start + position;
        self.end = range.end + position;
        (self.text, self.last, self.is_assembled) = (data.text, true, false);
        true
    }

    /// Keeps what was received last, where it is. Gives the read buffer, if it lies in that.
    fn keep(
        &mut self,
        assembled: &mut Vec<u8>,
        state: &mut Locked<'_>,
        shared: &Shared,
        data: Data,
        last: bool,
    ) -> Lease {
        if let Payload::Input(Range { start, end }) = data.payload {
            state.reading.release_inbound();
            self.counted.add_piece(kind_of(data.text), end - start, last);
            (self.start, self.end) = (start, end);
            (self.text, self.last, self.is_assembled) = (data.text, last, false);
            return self.keep_input(assembled, state);
        }
        (self.start, self.end) = (0, 0);
        (self.text, self.last, self.is_assembled) = (data.text, last, true);
        let mut spent = std::mem::take(assembled);
        if last {
            pool::return_message_buffer(std::mem::take(&mut spent));
        }
        *assembled = state.reading.take_assembled(spent);
        self.counted.add_piece(kind_of(data.text), assembled.len(), last);
        state.reclaim_inflater(&shared.context);
        state.reading.release_spent();
        Lease::default()
    }

    /// Keeps what was found in the input, and gives the read buffer with the input behind it. Where a
    /// control frame is next the input stays with the task, and what was found is copied.
    fn keep_input(&mut self, assembled: &mut Vec<u8>, state: &mut Locked<'_>) -> Lease {
        if state.reading.may_go() {
            return state.reading.give();
        }
        state.reading.copy_input(self.start..self.end, assembled);
        self.is_assembled = true;
        Lease::default()
    }
}

/// Has the Receiver woken when there is input. Says whether something was left in the state for it.
fn wait_for_input(
    state: &mut Locked<'_>,
    shared: &Shared,
    cx: &Context<'_>,
    delivery: Delivery,
) -> bool {
    let wants_rest = state.reading.await_input(delivery);
    if cork::is_polled_here(shared.key(), cx.waker()) {
        return wants_rest;
    }
    state.wait_for_input(cx.waker());
    true
}

impl fmt::Debug for Receiver {
    /// Lengths and states, without the lock; never what was received.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("connection", &self.shared)
            .field("unread", &self.lease.len())
            .field("is_waiting", &self.is_waiting)
            .finish_non_exhaustive()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        pool::return_message_buffer(std::mem::take(&mut self.assembled));
        self.shared.count_received(&mut self.found.counted);
        let mut state = self.shared.lock();
        // What this Receiver had not read is judged and thrown away by the task.
        state.reading.take_back(std::mem::take(&mut self.lease));
        state.reading.lose_receiver();
        let left = state.forget_receiver();
        state.wake_task();
        drop(state);
        drop(left);
        self.shared.lose_hold();
    }
}

const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Receiver>();
};
