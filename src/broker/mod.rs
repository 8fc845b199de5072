//! What carries a topic from one node to all others, and keeps its newest messages.
//!
//! A [`Topic`](crate::Topic) reaches the connections of one process. A [`Broker`] stands before it
//! where several processes, the nodes, serve the same topics: a node publishes to the broker, and
//! delivers to its connections only what comes back by its [`Feed`]. So the order is the same on all nodes.
//! A node has one feed for each topic that it serves.
//!
//! Nothing is lost in silence. A feed gives each message, or an [`Event::Gap`] in its place. A broker
//! that cannot be reached refuses; it never carries a message to this node alone.
//!
//! [`InProcess`] is the broker of a single node. One that spans nodes is a crate of its own.

mod feed;
mod in_process;
mod store;

use std::future::Future;
use std::pin::Pin;
use std::{error, fmt};

use bytes::Bytes;

pub use self::feed::{Feed, FeedWriter};
pub use self::in_process::InProcess;
use crate::net::BoxError;

/// A future behind a pointer, as the methods of a [`Broker`] give it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries the messages of topics between nodes, in one order for each topic.
///
/// ```
/// use stickler::broker::{Broker, Event, InProcess};
///
/// # async fn example() -> Result<(), stickler::BoxError> {
/// let broker = InProcess::new();
/// let before = broker.history("prices", None, 100).await?;
/// let mut feed = broker.subscribe("prices", Some(before.last)).await?;
/// broker.publish("prices", "id-1", "42".into()).await?;
/// let Some(Event::Message(message)) = feed.next().await else { return Err("no message".into()) };
/// assert_eq!(message.payload, "42");
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
pub trait Broker: Send + Sync + 'static {
    /// Stores a message and gives its position, once the broker has acknowledged it.
    ///
    /// The same `id` on the same topic again gives the position of the first message, and nothing is
    /// stored. Each broker says for how long it knows an id.
    ///
    /// # Errors
    ///
    /// [`PublishError::Refused`]: the message was not stored and will not be. [`PublishError::Unknown`]: it
    /// may have been stored. Publish it again with its own id to find out.
    ///
    /// # Cancel safety
    ///
    /// A message whose future is dropped may have been stored or not, as after `Unknown`.
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        id: &'a str,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<Position, PublishError>>;

    /// Sends what is worth something only now, such as "is typing". It has no position, is not stored, and may be lost.
    ///
    /// # Errors
    ///
    /// As [`publish`](Broker::publish).
    ///
    /// # Cancel safety
    ///
    /// A signal whose future is dropped may have been sent or not.
    fn signal<'a>(
        &'a self,
        topic: &'a str,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<(), PublishError>>;

    /// Gives what comes on a topic: behind `after`, or from now on.
    ///
    /// Where the broker cannot prove that it still has everything behind `after`, the feed begins with
    /// [`Event::Gap`].
    ///
    /// # Errors
    ///
    /// The broker cannot be reached, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Safe: a dropped future leaves no feed behind.
    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        after: Option<Position>,
    ) -> BoxFuture<'a, Result<Feed, BoxError>>;

    /// Gives stored messages, at most `most`, the oldest first: the first ones behind `since`, or the newest ones of all.
    ///
    /// # Errors
    ///
    /// The broker cannot be reached, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Safe: it changes nothing.
    fn history<'a>(
        &'a self,
        topic: &'a str,
        since: Option<Position>,
        most: usize,
    ) -> BoxFuture<'a, Result<History, BoxError>>;

    /// Whether the broker can be reached, as far as this node knows.
    fn is_up(&self) -> bool;
}

/// Where a message stands: `offset` within `epoch`.
///
/// Offsets grow within a topic, with holes: topics may share their numbers. Positions of two epochs
/// cannot be compared, and messages of another epoch are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// When the broker's store was made: other offsets count from another beginning.
    pub epoch: u64,
    /// The message's number. The first one is 1, and 0 stands before it.
    pub offset: u64,
}

/// A stored message.
#[derive(Clone, Debug)]
pub struct Carried {
    /// Where it stands.
    pub position: Position,
    /// What was published.
    pub payload: Bytes,
}

/// What a [`Feed`] gives.
#[derive(Clone, Debug)]
pub enum Event {
    /// The next message.
    Message(Carried),
    /// What [`Broker::signal`] sent.
    Signal(Bytes),
    /// Messages may be missing here. Read [`Broker::history`] since this position; without one, read the newest ones,
    /// and take it that some are lost. Messages that the history gave may come by the feed too: drop those
    /// that are not behind its `last`.
    Gap(Option<Position>),
    /// The broker cannot be reached any more.
    Down,
    /// The broker can be reached again.
    Up,
}

/// Stored messages.
#[derive(Clone, Debug)]
pub struct History {
    /// The messages, the oldest first.
    pub messages: Vec<Carried>,
    /// Whether messages behind `since` may be missing: then these are the newest ones, as without `since`.
    pub is_gap: bool,
    /// Go on behind this.
    pub last: Position,
}

/// Why a message has no position.
#[derive(Debug)]
pub enum PublishError {
    /// The message was not stored, and will not be.
    Refused(BoxError),
    /// The message was handed over, and no acknowledgement came in time.
    Unknown(BoxError),
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublishError::Refused(error) => write!(f, "the message was not stored: {error}"),
            PublishError::Unknown(error) => write!(f, "the message may have been stored: {error}"),
        }
    }
}

impl error::Error for PublishError {}
