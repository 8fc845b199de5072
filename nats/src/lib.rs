//! Topics over several machines, by NATS JetStream: a [`Broker`](stickler::broker::Broker) of stickler.
//!
//! One stream keeps the newest messages of all topics, each under a subject of its own. Its sequence
//! numbers are the offsets, and the time at which it was made is the epoch. The server publishes
//! what it has stored a second time, with its number and the one before it on that subject: so a
//! feed sees each hole, and reads what is missing. It says
//! [`Gap`](stickler::broker::Event::Gap) only where that is forgotten.
//!
//! ```no_run
//! use stickler::broker::{Broker, Event};
//! use stickler_nats::{Nats, Options};
//!
//! # async fn example() -> Result<(), stickler::BoxError> {
//! let nats = Nats::connect(Options::new(["nats://127.0.0.1:4222"])).await?;
//! let before = nats.history("prices", None, 100).await?;
//! let mut feed = nats.subscribe("prices", Some(before.last)).await?;
//! nats.publish("prices", "an id of its own", "42".into()).await?;
//! while let Some(event) = feed.next().await {
//!     match event {
//!         Event::Message(message) => println!("{}: {:?}", message.position.offset, message.payload),
//!         Event::Gap(_) => println!("something is missing here"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! nats-server 2.11.15 or newer is needed, with JetStream, and `sync_interval: always` in its
//! configuration: without that, a machine that fails loses what it acknowledged in the last two minutes.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod broker;
mod bucket;
mod direct;
mod error;
mod feed;
mod link;
mod options;
mod store;
mod subject;

use std::sync::Arc;

pub use self::bucket::{Bucket, Entry};
pub use self::error::ConnectError;
use self::link::Node;
pub use self::options::Options;

/// A connection to NATS, and what carries topics over it. Cheap to clone; clones share the connection.
///
/// The connection comes back by itself. Until then publishing is refused and feeds say
/// [`Down`](stickler::broker::Event::Down).
#[derive(Clone)]
pub struct Nats {
    node: Arc<Node>,
}

impl Nats {
    /// Connects, checks the server, and makes the stream if it is not there yet.
    ///
    /// # Errors
    ///
    /// Each says what to do: [`ConnectError`].
    ///
    /// # Cancel safety
    ///
    /// Safe: a dropped future closes the connection. The stream may have been made.
    pub async fn connect(options: Options) -> Result<Nats, ConnectError> {
        Ok(Nats { node: Node::connect(options).await? })
    }
}

impl std::fmt::Debug for Nats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nats").field("is_up", &self.node.is_up()).finish_non_exhaustive()
    }
}
