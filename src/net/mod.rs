//! One connection on tokio: from accepted transport to the end of TCP.
//!
//! The connection task alone reads and writes; [`Receiver`] and [`Sender`] exchange bytes
//! with it through one small lock. No byte is in flight across an await of the user, so
//! every public future may be dropped at any poll. This room knows one connection.

#[path = "state/closing.rs"]
mod closing;
#[cfg_attr(feature = "deflate", path = "state/compression.rs")]
#[cfg_attr(not(feature = "deflate"), path = "state/no_compression.rs")]
mod compression;
mod config;
#[path = "task/connection.rs"]
mod connection;
#[path = "state/context.rs"]
mod context;
mod ending;
mod endpoint;
#[cfg(feature = "deflate")]
#[path = "lent/engines.rs"]
mod engines;
mod error;
#[path = "handles/fragments.rs"]
mod fragmented;
#[path = "state/glance.rs"]
mod glance;
#[path = "lent/cork.rs"]
mod held;
#[path = "handles/incoming.rs"]
mod incoming;
#[path = "lent/lease.rs"]
mod lease;
#[path = "handles/message.rs"]
mod message;
#[path = "task/opening.rs"]
mod opening;
#[path = "lent/outbox.rs"]
mod outbox;
#[path = "lent/pool.rs"]
mod pool;
#[path = "transport.rs"]
mod read_vec;
#[path = "task/reading.rs"]
mod reading;
#[path = "handles/receiver.rs"]
mod receiver;
#[path = "task/report.rs"]
mod report;
#[path = "handles/sender.rs"]
mod sender;
#[path = "state/shared.rs"]
mod shared;
#[path = "state/mod.rs"]
mod state;
#[path = "task/timers.rs"]
mod timers;
#[path = "task/writing.rs"]
mod transport;
#[path = "state/waiting.rs"]
mod waiting;

#[cfg(feature = "deflate")]
pub use config::DeflateConfig;
pub use config::{Config, Limits, Timeouts};
pub use connection::serve;
#[cfg(feature = "server")]
pub(crate) use connection::serve_transport;
pub use context::{Context, HttpHook};
pub use ending::{Ending, Initiator, Timer};
pub use endpoint::{Endpoint, Negotiated, negotiate, serve_connection};
pub use error::{Error, Result};
pub use fragmented::FragmentedMessage;
pub use incoming::{Incoming, WebSocket};
pub use message::{Binary, Message, Outgoing, OwnedMessage, OwnedText, Text};
#[cfg(feature = "deflate")]
pub use message::{Compressed, Uncompressed};
#[cfg(feature = "server")]
pub(crate) use read_vec::ReadVec;
pub use receiver::{Fragments, Piece, Receiver};
pub use sender::Sender;
