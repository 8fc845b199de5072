//! One subscriber: what it is sent, what it misses, and the values that are held back for it.
//!
//! Values are held back as `net/handles/latest.rs` draws it, for each subscription apart.

use std::task::Waker;

use crate::net::{CatchUp, Guest, Key, Latest, WhenFull};
use crate::proto::outbound::SendError;
use crate::proto::prepared::Prepared;

pub(super) struct Member {
    /// `None` once the connection was found to have ended.
    sender: Option<Guest>,
    /// What members who keep up do not need.
    extra: Option<Box<Extra>>,
}

#[derive(Default)]
struct Extra {
    /// Messages that it missed.
    skipped: u64,
    /// How many of these the listener was told of.
    told: u64,
    /// A task that waits to hear that messages are missed.
    listener: Option<Waker>,
    /// What happens when there is no room, if that was chosen for this subscription.
    when_full: Option<WhenFull>,
    /// Values that are held back: as long as there are some, one task has the duty to send them.
    held: Option<Box<Held>>,
}

#[derive(Default)]
struct Held {
    latest: Latest,
    /// The task that has the duty, once it has run.
    task: Option<Waker>,
}

/// What became of a message.
pub(super) enum Given {
    /// The queue has it, or it is held back.
    Taken,
    /// It is held back, and no task has the duty to send it yet.
    Behind(Guest),
    /// The subscriber misses it. This waker is to be woken without the lock.
    Skipped(Option<Waker>),
    /// The connection has ended. This is to be dropped without the lock.
    Ended(Option<Guest>),
    /// The connection was known to have ended.
    Nobody,
}

impl Member {
    pub(super) fn new(sender: Guest) -> Member {
        Member { sender: Some(sender), extra: None }
    }

    /// Whether the connection was not found to have ended.
    pub(super) fn is_live(&self) -> bool {
        self.sender.is_some()
    }

    /// Messages that it missed.
    pub(super) fn skipped(&self) -> u64 {
        self.extra.as_ref().map_or(0, |extra| extra.skipped)
    }

    /// Queues a message.
    #[inline]
    pub(super) fn give(&mut self, message: &Prepared) -> Given {
        let Some(sender) = &self.sender else { return Given::Nobody };
        match sender.offer(message) {
            Ok(()) => Given::Taken,
            Err(SendError::Closed) => Given::Ended(self.end()),
            Err(SendError::QueueFull) => self.find_full(),
            Err(_) => self.skip(),
        }
    }

    /// Queues a value, or holds it back: up to as many bytes of them as the queue may have.
    pub(super) fn give_latest(&mut self, key: &Key, message: &Prepared) -> Given {
        let Some(sender) = &self.sender else { return Given::Nobody };
        let max_held = sender.max_queued();
        if let Some(held) = self.extra.as_mut().and_then(|extra| extra.held.as_mut()) {
            // The task that has the duty finds out when the connection ends.
            return if held.latest.keep(key, message, max_held) {
                Given::Taken
            } else {
                self.find_full()
            };
        }
        match sender.send_soon(message) {
            Some(Ok(())) => return Given::Taken,
            Some(Err(_)) => return Given::Ended(self.end()),
            None => {}
        }
        let sender = sender.clone();
        let mut held = Box::<Held>::default();
        if !held.latest.keep(key, message, max_held) {
            return self.find_full();
        }
        self.extra.get_or_insert_default().held = Some(held);
        Given::Behind(sender)
    }

    /// Whether a value would be held back only because the connection's task had no turn.
    pub(super) fn wants_turn(&self) -> bool {
        let is_held = self.extra.as_ref().is_some_and(|extra| extra.held.is_some());
        let sender = self.sender.as_ref().filter(|_| !is_held);
        sender.is_some_and(|sender| sender.wants_turn())
    }

    /// Queues held values until the queue is no longer short.
    pub(super) fn catch_up(&mut self) -> CatchUp {
        let (Some(sender), Some(extra)) = (&self.sender, &mut self.extra) else {
            return CatchUp::Over;
        };
        let Some(held) = &mut extra.held else { return CatchUp::Over };
        let caught_up = sender.catch_up(&mut held.latest);
        if caught_up == CatchUp::Over {
            self.let_go();
        }
        caught_up
    }

    /// Notes which task has the duty to send what is held. Says whether something is.
    pub(super) fn is_awaited_by(&mut self, task: &Waker) -> bool {
        let held = self.extra.as_mut().and_then(|extra| extra.held.as_mut());
        let Some(held) = held else { return false };
        // This is a waker of the runtime: cloning and dropping it runs nothing of the application.
        match &mut held.task {
            Some(noted) => noted.clone_from(task),
            none => *none = Some(task.clone()),
        }
        true
    }

    /// Holds nothing back any more, and gives the task that had the duty to send it.
    pub(super) fn let_go(&mut self) -> Option<Waker> {
        self.extra.as_mut()?.held.take()?.task
    }

    /// The connection has ended. Gives what is to be dropped without the lock.
    pub(super) fn end(&mut self) -> Option<Guest> {
        // The task sees the end of the connection by itself.
        self.let_go();
        self.sender.take()
    }

    /// The messages that were missed since this was last asked, if there are some.
    pub(super) fn tell_missed(&mut self) -> Option<u64> {
        let extra = self.extra.as_mut()?;
        let missed = extra.skipped - std::mem::replace(&mut extra.told, extra.skipped);
        (missed > 0).then_some(missed)
    }

    /// Whether this waker is to be woken when a message is missed.
    pub(super) fn is_listened_to_by(&self, waker: &Waker) -> bool {
        let listener = self.extra.as_ref().and_then(|extra| extra.listener.as_ref());
        listener.is_some_and(|listener| listener.will_wake(waker))
    }

    /// Has another waker woken, or none. The one before is to be dropped without the lock.
    #[must_use]
    pub(super) fn replace_listener(&mut self, waker: Option<Waker>) -> Option<Waker> {
        if waker.is_none() && self.extra.is_none() {
            return None;
        }
        std::mem::replace(&mut self.extra.get_or_insert_default().listener, waker)
    }

    /// There is no room for a message: it is missed, or the connection is closed.
    #[cold]
    fn find_full(&mut self) -> Given {
        let Some(sender) = &self.sender else { return Given::Nobody };
        let own = self.extra.as_ref().and_then(|extra| extra.when_full);
        let chosen = match own.unwrap_or(sender.when_full()) {
            WhenFull::Close => WhenFull::Close,
            // A publisher waits for nobody.
            WhenFull::Wait | WhenFull::Drop => WhenFull::Drop,
        };
        match sender.find_full(chosen) {
            Ok(()) => self.skip(),
            Err(_) => Given::Ended(self.end()),
        }
    }

    /// Chooses what happens when there is no room for a message.
    pub(super) fn choose_when_full(&mut self, when_full: WhenFull) {
        self.extra.get_or_insert_default().when_full = Some(when_full);
    }

    #[cold]
    fn skip(&mut self) -> Given {
        let extra = self.extra.get_or_insert_default();
        extra.skipped += 1;
        Given::Skipped(extra.listener.take())
    }
}
