//! One connection on tokio: from accepted transport to the end of TCP.
//!
//! The connection task alone reads and writes; [`Receiver`] and [`Sender`] exchange bytes
//! with it through one small lock. No byte is in flight across an await of the user, so
//! every public future may be dropped at any poll. This room knows one connection.

mod closing;
#[cfg_attr(not(feature = "deflate"), path = "no_compression.rs")]
mod compression;
mod config;
mod connection;
mod context;
mod ending;
mod endpoint;
#[cfg(feature = "deflate")]
mod engines;
mod error;
mod fragmented;
mod glance;
mod held;
mod incoming;
mod lease;
mod message;
mod opening;
mod outbox;
mod pool;
mod read_vec;
mod reading;
mod receiver;
mod report;
mod sender;
mod shared;
mod state;
mod timers;
mod transport;
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
