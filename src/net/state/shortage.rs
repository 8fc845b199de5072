//! What is taken from whom when the memory of all connections is short (RFC 6455 §10.4).
//!
//! | when | who | what happens |
//! |---|---|---|
//! | there is no room for a step | peers that have made no progress for 10 s, the largest first | Close 1013; where the peer takes nothing the connection is dropped |
//! | that was not enough | unfinished messages without progress for 1 s, the largest first | Close 1013 |
//! | that was not enough | the message above 64 KiB that wants to grow | Close 1013 |
//! | nothing at all is left | new connections | 503 with `Retry-After` |
//! | the limit and a quarter are taken | peers that have taken nothing for 1 s, the largest first | the connection is dropped |
//! | that was not enough | whatever message, or queue of a peer that takes nothing, wants to grow | the same |
//! | there is no inflater | the one whose message has made no progress for longest | Close 1013 |
//!
//! So honest small messages go on, as long as there is a quarter more than the limit.
//!
//! To take from another connection its lock is tried and never waited for: a connection that is locked
//! makes progress. The caller may hold the lock of its own connection, so nobody is woken here: a task on
//! the runtime of the other connection does that.

use std::sync::Arc;
#[cfg(feature = "deflate")]
use std::time::Duration;

use super::State;
use super::context::Context;
use super::memory::{Holding, Memory};
use super::shared::Shared;
use super::{WRITE_FROM, closing::Shortage};
use crate::net::lent::outbox::Outbox;

impl Memory {
    /// Whether there is room for so many bytes more below this bound, if need be after others have lost theirs.
    fn make_room(&self, more: usize, bound: usize) -> bool {
        if self.has_room(more, bound) {
            return true;
        }
        // Nobody is to lose anything for what can never have room.
        let candidates = if more <= bound { self.candidates() } else { Vec::new() };
        let is_search = !candidates.is_empty();
        for candidate in candidates {
            let connection = candidate.connection.upgrade();
            if connection.is_some_and(|connection| connection.lose_memory(Shortage::Idle)) {
                self.count_ended();
            }
            if self.has_room(more, bound) {
                return true;
            }
        }
        if is_search {
            self.rest();
        }
        false
    }

    /// The bound for what is so large.
    fn bound(&self, len: usize) -> usize {
        if len <= SMALL { self.ceiling() } else { self.limit() }
    }

    /// Takes an inflater back from the message that has made no progress for longest, and for so long at least.
    /// Says whether it did.
    #[cfg(feature = "deflate")]
    pub(super) fn take_back_inflater(&self, least: Duration) -> bool {
        for _ in 0..TRIES {
            let Some(connection) = self.longest_inflating(least) else { return false };
            let connection = connection.upgrade();
            if connection.is_some_and(|connection| connection.lose_memory(Shortage::Inflater)) {
                self.count_ended();
                return true;
            }
        }
        false
    }
}

impl Context {
    /// Whether there is no memory for another connection.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        !self.memory.make_room(1, self.memory.limit())
    }
}

impl Shared {
    /// Settles the account of this connection at the end of a turn; `writing` is what the task has taken out
    /// of the queue. A message that has grown although there is no room fails with 1013: says whether it did. A peer
    /// that takes nothing of a queue that has grown so is dropped.
    pub(in crate::net) fn settle_memory(
        self: &Arc<Shared>,
        state: &mut State,
        writing: Option<&Outbox>,
    ) -> bool {
        let holding = self.holding(state, writing);
        if !state.is_charged && !holding.is_worth_an_account() {
            return false;
        }
        let memory = &self.context.memory;
        let id = self.id();
        let (is_charged, has_grown) = memory.settle(id, self, holding);
        state.is_charged = is_charged;
        if !has_grown || memory.make_room(0, memory.bound(holding.message)) {
            return false;
        }
        // A small message, and the queue, are beyond the ceiling here.
        if holding.message <= SMALL && holding.refuses.is_some() {
            let unsent = state.drop_for_memory();
            self.close_account(state);
            memory.count_ended();
            self.context.spawn(async move { drop(unsent) });
            return false;
        }
        // What is not of a message is read or written in a moment.
        let is_message = holding.message > 0;
        if is_message {
            self.refuse_message(state);
        }
        is_message
    }

    /// What it holds is free from now on, before its task settles the account anew.
    fn close_account(&self, state: &mut State) {
        if std::mem::take(&mut state.is_charged) {
            self.context.memory.close_account(self.id());
        }
    }

    /// There is no room for the message that is being received.
    pub(in crate::net) fn refuse_message(&self, state: &mut State) {
        if state.life.is_open() {
            self.context.memory.count_refused();
            state.overload(Shortage::Message);
        }
    }

    /// Whether a message of so many bytes may grow by so many.
    pub(in crate::net) fn may_grow(&self, len: usize, more: usize) -> bool {
        let memory = &self.context.memory;
        memory.make_room(more, memory.bound(len.saturating_add(more)))
    }

    /// The bound of the queue, which holds so many bytes: it is a short one where memory is short.
    #[inline]
    pub(in crate::net) fn queue_bound(&self, queued: usize, max_queued: usize) -> usize {
        if queued >= WRITE_FROM && self.context.memory.is_short() {
            max_queued.min(WRITE_FROM)
        } else {
            max_queued
        }
    }

    /// The bound of the queue as it is now.
    pub(in crate::net) fn max_queued_now(&self) -> usize {
        self.queue_bound(self.glance().queued(), self.limits().max_queued)
    }

    fn holding(&self, state: &State, writing: Option<&Outbox>) -> Holding {
        let queue = state.queue.memory() + writing.map_or(0, Outbox::memory);
        let refuses = queue > 0 && state.queue.is_blocked();
        Holding {
            message: state.reading.message_memory(),
            other: queue + state.reading.input_memory(),
            arrived: state.reading.arrived(),
            has_inflater: state.reading.has_inflater(),
            refuses: refuses.then(|| state.queue.drain_by()),
        }
    }

    /// Loses what it holds, unless it is busy or does not wait for its peer. Says whether it did.
    fn lose_memory(&self, shortage: Shortage) -> bool {
        let Some(mut state) = self.try_lock() else { return false };
        let is_receiving = state.life.is_open() && state.reading.waits_inside_message();
        let unsent = if shortage == Shortage::Idle && state.queue.is_blocked() {
            // Behind the frames that the peer does not take no Close would reach it.
            state.drop_for_memory()
        } else if is_receiving && (shortage == Shortage::Idle || state.reading.has_inflater()) {
            state.overload(shortage);
            None
        } else {
            return false;
        };
        state.wake_task();
        self.close_account(&mut state);
        let woken = state.take_woken();
        drop(state);
        self.context.spawn(async move { drop((woken, unsent)) });
        true
    }
}

/// A message of so many bytes, and a queue, may grow up to the ceiling.
const SMALL: usize = 64 << 10;

/// So many connections are tried for an inflater: some may be busy.
#[cfg(feature = "deflate")]
const TRIES: usize = 8;

#[cfg(test)]
mod tests {
    use std::task::{Context as Cx, Poll, Waker};
    #[cfg(not(feature = "deflate"))]
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;
    use crate::net::config::Config;
    use crate::net::lent::lease::Lease;
    use crate::net::state::Received;
    use crate::net::state::marks::Marks;
    use crate::proto::event::Delivery;

    fn context(max_memory: usize) -> Arc<Context> {
        Arc::new(Context::new(Arc::new(Config::default().max_memory(max_memory)), None))
    }

    fn opened(context: &Arc<Context>) -> Arc<Shared> {
        let shared = Shared::new(context.clone(), None, Marks::default());
        shared.lock().open();
        shared
    }

    fn arrive(shared: &Shared, bytes: &[u8]) {
        let mut cx = Cx::from_waker(Waker::noop());
        let Poll::Ready(Ok(lease)) = Lease::poll_read(&mut &*bytes, &mut cx) else { panic!() };
        let mut state = shared.lock();
        state.arrive(lease, shared);
        while !matches!(state.receive_one(Delivery::Message, shared), Some(Received::UsedUp)) {}
    }

    /// Has a connection receive so many bytes of a message that has more, and settles its account. Says
    /// whether the message was refused.
    fn receive(shared: &Arc<Shared>, len: usize) -> bool {
        let mut header = vec![0x02, 0xff];
        header.extend_from_slice(&(len as u64).to_be_bytes());
        header.extend_from_slice(&[0; 4]);
        arrive(shared, &header);
        for piece in vec![7; len].chunks(64 << 10) {
            arrive(shared, piece);
        }
        shared.settle_memory(&mut shared.lock(), None)
    }

    fn is_open(shared: &Shared) -> bool {
        shared.lock().life.is_open()
    }

    fn make_room(memory: &Memory, more: usize) -> bool {
        memory.make_room(more, memory.limit())
    }

    /// Has a peer refuse a queue of so many bytes, and settles its account.
    fn refuse_queue(holder: &Arc<Shared>, context: &Context, len: usize) {
        let mut state = holder.lock();
        state.queue.append_encoded(&vec![0; len]);
        let now = context.now();
        let voice = state.voice();
        let taken = state.queue.take_next(holder.drain_rate());
        let left = taken.as_ref().map_or(0, |taken| taken.len());
        state.queue.block(left, voice, holder.drain_rate(), now);
        assert!(!holder.settle_memory(&mut state, taken.as_deref()));
    }

    #[tokio::test(start_paused = true)]
    async fn s10_4_a_step_has_room_up_to_the_limit_and_not_one_byte_beyond_it() {
        let context = context(1 << 20);
        let holder = opened(&context);
        assert!(!receive(&holder, 100_000));
        let memory = &context.memory;
        let left = memory.limit() - memory.used();
        assert!((100_000..110_000).contains(&memory.used()), "{}", memory.used());
        for (more, has_room) in [(left - 1, true), (left, true), (left + 1, false)] {
            assert_eq!(make_room(memory, more), has_room, "{more} of {left}");
            assert_eq!(holder.may_grow(100_000, more), has_room);
        }
        assert!(is_open(&holder));
    }

    #[tokio::test(start_paused = true)]
    async fn s10_4_the_largest_of_those_that_have_been_idle_for_10_s_goes_first() {
        let context = context(1 << 20);
        let [small, large, middle, young] = [(); 4].map(|()| opened(&context));
        for (holder, len) in [(&small, 70_000), (&large, 280_000), (&middle, 190_000)] {
            assert!(!receive(holder, len));
        }
        advance(Duration::from_millis(9_999)).await;
        assert!(!receive(&young, 290_000));
        let memory = &context.memory;
        let left = memory.limit() - memory.used();
        advance(Duration::from_millis(1)).await;
        assert!(make_room(memory, left + 1));
        assert_eq!(
            [&small, &large, &middle, &young].map(|one| is_open(one)),
            [true, false, true, true]
        );
        // What it held is free at once.
        assert!(memory.used() < 600_000, "{}", memory.used());
        assert!(make_room(memory, memory.limit() - memory.used() + 150_000));
        assert_eq!([&small, &middle, &young].map(|one| is_open(one)), [true, false, true]);
        let close = large.lock().queue.shut().unwrap();
        assert!(close.len() > 4);
        // A name that left has no account.
        small.leave();
        young.leave();
        assert_eq!(memory.used(), 0);
    }

    /// The process was stopped, or its thread blocked: peers could not be listened to.
    #[tokio::test(start_paused = true)]
    async fn s10_4_time_in_which_nobody_listened_makes_nobody_idle() {
        let context = context(1 << 20);
        let holder = opened(&context);
        assert!(!receive(&holder, 200_000));
        let memory = &context.memory;
        let more = memory.limit() - memory.used() + 1;
        advance(Duration::from_secs(60)).await;
        memory.woke(context.number);
        assert!(!make_room(memory, more));
        assert!(is_open(&holder));
        advance(Duration::from_millis(1_100)).await;
        assert!(make_room(memory, more));
        assert!(!is_open(&holder));
    }

    #[tokio::test(start_paused = true)]
    async fn s10_4_then_messages_go_that_got_no_byte_for_a_second() {
        let context = context(1 << 20);
        let [waiting, fresh] = [(); 2].map(|()| opened(&context));
        assert!(!receive(&waiting, 100_000));
        advance(Duration::from_millis(999)).await;
        assert!(!receive(&fresh, 200_000));
        let memory = &context.memory;
        let more = memory.limit() - memory.used() + 1;
        assert!(!make_room(memory, more));
        assert!(is_open(&waiting));
        advance(Duration::from_millis(100)).await;
        assert!(make_room(memory, more));
        assert!(!is_open(&waiting) && is_open(&fresh));
    }

    #[tokio::test(start_paused = true)]
    async fn s10_4_who_is_busy_loses_nothing() {
        let context = context(1 << 20);
        let holder = opened(&context);
        assert!(!receive(&holder, 500_000));
        advance(Duration::from_secs(60)).await;
        let memory = &context.memory;
        let more = memory.limit() - memory.used() + 1;
        let state = holder.lock();
        assert!(!make_room(memory, more));
        drop(state);
        advance(REST).await;
        // What has come since its account was settled is progress, once that is seen.
        assert!(is_open(&holder));
        arrive(&holder, &[&[0x00, 0xfe, 0x04, 0x00, 0, 0, 0, 0][..], &[1; 1024]].concat());
        assert!(!holder.settle_memory(&mut holder.lock(), None));
        assert!(!make_room(memory, more));
        assert!(is_open(&holder));
        // Nobody loses anything for what never has room.
        advance(Duration::from_secs(60)).await;
        assert!(!make_room(memory, memory.limit() + 1));
        assert!(is_open(&holder));
    }

    #[tokio::test(start_paused = true)]
    async fn s10_4_without_room_messages_above_64_kib_are_refused_and_small_ones_go_on() {
        let context = context(1 << 20);
        let holder = opened(&context);
        let bytes = Holding { other: 1_000_000, ..Holding::default() };
        context.memory.settle(holder.id(), &holder, bytes);
        let mut small = Vec::new();
        for _ in 0..4 {
            small.push(opened(&context));
            assert!(!receive(&small[small.len() - 1], 64 << 10));
        }
        assert!(context.is_out_of_memory());
        let large = opened(&context);
        assert!(receive(&large, (64 << 10) + 1));
        assert!(!is_open(&large) && small.iter().all(|one| is_open(one)));
        // It is settled with its next turn: what is left is its Close.
        large.settle_memory(&mut large.lock(), None);
        assert!(context.memory.used() < 1_000_000 + 4 * (64 << 10) + 1_000);
    }

    #[tokio::test(start_paused = true)]
    async fn s10_4_a_peer_that_takes_nothing_is_dropped_with_its_queue() {
        let context = context(1 << 20);
        let holder = opened(&context);
        refuse_queue(&holder, &context, 700_000);
        let memory = &context.memory;
        let more = memory.limit() - memory.used() + 1;
        assert!(memory.used() >= 700_000);
        assert_eq!(holder.queue_bound(700_000, 1 << 20), 1 << 20);
        advance(Duration::from_millis(9_999)).await;
        assert!(!make_room(memory, more));
        advance(Duration::from_millis(100)).await;
        assert!(make_room(memory, more));
        assert_eq!(memory.used(), 0);
        assert!(holder.lock().life.is_overdue());
    }

    /// Otherwise a few peers that send a byte now and then would hold all memory, and keep all others out.
    #[tokio::test(start_paused = true)]
    async fn s10_4_less_than_a_kib_within_a_second_is_no_progress() {
        for (bytes, is_progress) in [(1_022, false), (1_024, true)] {
            let context = context(1 << 20);
            let holder = opened(&context);
            assert!(!receive(&holder, 400_000));
            for _ in 0..2 {
                advance(Duration::from_millis(500)).await;
                let [high, low] = u16::to_be_bytes(bytes / 2);
                let header = [0x00, 0xfe, high, low, 0, 0, 0, 0];
                arrive(&holder, &[&header[..], &vec![1; usize::from(bytes / 2)]].concat());
                assert!(!holder.settle_memory(&mut holder.lock(), None));
            }
            let memory = &context.memory;
            let more = memory.limit() - memory.used() + 1;
            assert_eq!(make_room(memory, more), !is_progress, "{bytes}");
            assert_eq!(is_open(&holder), is_progress, "{bytes}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn s10_4_beyond_the_limit_and_a_quarter_small_messages_are_refused_too() {
        let context = context(1 << 20);
        let holder = opened(&context);
        let bytes = |other| Holding { other, ..Holding::default() };
        context.memory.settle(holder.id(), &holder, bytes((5 << 18) - 100_000));
        let [small, late] = [(); 2].map(|()| opened(&context));
        assert!(!receive(&small, SMALL));
        let left = (5 << 18) - context.memory.used();
        assert!(small.may_grow(0, left) && !small.may_grow(0, left + 1));
        assert!(receive(&late, SMALL));
        assert!(!is_open(&late) && is_open(&small));
        // What lies below the limit and a quarter is nobody's loss.
        late.settle_memory(&mut late.lock(), None);
        context.memory.settle(holder.id(), &holder, bytes(1 << 20));
        assert!(!receive(&opened(&context), SMALL));
    }

    #[tokio::test(start_paused = true)]
    async fn s10_4_beyond_the_limit_and_a_quarter_queues_go_that_nobody_takes() {
        let context = context(1 << 20);
        let memory = &context.memory;
        let [first, second, third] = [(); 3].map(|()| opened(&context));
        refuse_queue(&first, &context, 1_200_000);
        assert!(is_open(&first));
        // Its own growth is what passes the ceiling, and nobody has been idle yet.
        refuse_queue(&second, &context, 200_000);
        assert!(second.lock().life.is_overdue() && is_open(&first));
        assert!((1_200_000..1_300_000).contains(&memory.used()));
        advance(Duration::from_millis(1_100)).await;
        refuse_queue(&third, &context, 200_000);
        assert!(first.lock().life.is_overdue() && is_open(&third));
        assert!(memory.used() < 300_000);
    }

    #[tokio::test(start_paused = true)]
    async fn s10_4_queues_are_short_from_seven_eighths_on() {
        for (len, bound) in [(917_503, 1 << 20), (917_504, 64 << 10), (917_505, 64 << 10)] {
            let context = context(1 << 20);
            let holder = opened(&context);
            let bytes = Holding { other: len, ..Holding::default() };
            context.memory.settle(holder.id(), &holder, bytes);
            assert_eq!(holder.queue_bound(64 << 10, 1 << 20), bound, "{len}");
            // A queue that is not long is bounded as ever.
            assert_eq!(holder.queue_bound((64 << 10) - 1, 1 << 20), 1 << 20);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn s10_4_new_connections_are_refused_when_not_a_byte_is_left() {
        for (len, is_out) in [((1 << 20) - 1, false), (1 << 20, true), ((1 << 20) + 1, true)] {
            let context = context(1 << 20);
            let holder = opened(&context);
            let bytes = Holding { other: len, ..Holding::default() };
            context.memory.settle(holder.id(), &holder, bytes);
            assert_eq!(context.is_out_of_memory(), is_out, "{len}");
        }
    }

    const REST: Duration = Duration::from_millis(100);
}
