//! What the task of a room is told, and what it answers.

use std::sync::Arc;

use stickler::broker::Position;
use stickler::{Sender, Subscription};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{oneshot, watch};

use super::claim::Claim;

/// What the task of a room is told.
pub(super) enum Order {
    Join(Admission),
    /// A member is gone: with its connection, or by its own wish, and waits until its nickname is free.
    Leave {
        number: u64,
        wish: Option<oneshot::Sender<()>>,
    },
    /// A nickname is free, whose member left by its own wish.
    Free {
        number: u64,
        key: String,
        wish: oneshot::Sender<()>,
    },
    /// Another connection has this member's nickname.
    Evict(u64),
    /// Who is present on all nodes, if that could be found out.
    Present(Option<Vec<String>>),
}

/// Somebody to let in, who has a nickname already.
pub(super) struct Admission {
    pub(super) claim: Claim,
    pub(super) sender: Sender,
    pub(super) since: Since,
    pub(super) answer: oneshot::Sender<Admitted>,
}

/// Which messages a new member gets first.
pub(super) enum Since {
    /// The newest ones.
    Newest,
    /// Those behind a position.
    After(Position),
    /// These, which the broker gave, and those behind.
    Given { messages: Vec<Arc<str>>, end: Position },
    /// The newest ones; others are missing.
    Lost,
}

/// The answer to an [`Admission`].
pub(super) enum Admitted {
    In(Membership),
    /// Only the broker knows what lies behind the position.
    AskBroker,
    Full,
}

/// A member's place in a room, given up when this is dropped.
pub(super) struct Membership {
    pub(super) number: u64,
    pub(super) orders: UnboundedSender<Order>,
    pub(super) subscription: Subscription,
    pub(super) evicted: oneshot::Receiver<()>,
    pub(super) position: watch::Receiver<Position>,
    /// Told when the nickname is free, where the member leaves by its own wish.
    pub(super) wish: Option<oneshot::Sender<()>>,
}

impl Membership {
    /// Where the newest message of the room stands that was given to its members.
    pub(super) fn position(&self) -> Position {
        *self.position.borrow()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // A room that is gone has forgotten its members.
        let _ = self.orders.send(Order::Leave { number: self.number, wish: self.wish.take() });
    }
}
