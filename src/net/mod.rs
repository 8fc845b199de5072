//! One connection on tokio: from accepted transport to the end of TCP.
//!
//! The connection task alone reads and writes; [`Receiver`] and [`Sender`] exchange bytes with it
//! through one small lock. No byte is in flight across an await of the user, so every public future
//! may be dropped at any poll. This room knows one connection.
//!
//! | room | what lives there |
//! |---|---|
//! | `task` | what runs: the task of a connection, its stages, its timers |
//! | `inspect` | a transport that shows the frames on it |
//! | `handles` | what users hold |
//! | `state` | what both share, behind the lock |
//! | `lent` | what a thread lends |

mod accept;
mod config;
mod date;
mod ending;
mod endpoint;
mod error;
mod farewell;
mod handles;
#[cfg_attr(not(feature = "http"), path = "no_http.rs")]
mod http;
#[cfg(feature = "server")]
mod info;
mod inspect;
mod lent;
mod negotiated;
#[cfg(feature = "server")]
mod numbers;
#[cfg(any(feature = "server", feature = "http"))]
mod pass;
mod proxied;
mod read_vec;
mod state;
mod task;
#[cfg(feature = "tls")]
mod tls_session;

#[cfg(feature = "deflate")]
pub use config::DeflateConfig;
pub use config::{Config, ConfigError, Limits, Timeouts, WhenFull, WhenTooFast};
#[cfg(feature = "server")]
pub(crate) use date::http_date;
pub use ending::{Ending, Initiator, SentClose, TimeoutKind};
pub use endpoint::Endpoint;
pub use error::{BoxError, Error, Result};
pub use farewell::Farewell;
pub use handles::fragments::FragmentedMessage;
pub use handles::incoming::Incoming;
#[cfg(feature = "json")]
pub use handles::json::{Json, JsonError, JsonErrorKind};
pub(crate) use handles::latest::{CatchUp, let_woken_run};
pub use handles::message::{Binary, Message, Text};
pub use handles::outgoing::Outgoing;
#[cfg(feature = "deflate")]
pub use handles::outgoing::{Compressed, Uncompressed};
pub use handles::owned::{NotUtf8, OwnedMessage, OwnedText};
#[cfg(feature = "futures")]
pub(crate) use handles::polled::PolledSender;
pub use handles::receiver::{Fragments, Piece, Receiver};
pub use handles::rejecting::RejectError;
pub(crate) use handles::sender::Guest;
pub use handles::sender::{Sender, TrySendError};
pub use handles::websocket::WebSocket;
#[cfg(feature = "server")]
pub(crate) use http::HttpService;
#[cfg(feature = "server")]
pub(crate) use http::Takes;
#[cfg(feature = "http")]
pub use http::{Answer, Body, BodyError};
#[cfg(feature = "server")]
pub use info::{ConnectionInfo, ConnectionPhase};
pub use inspect::{Direction, Inspect, Inspected, InspectedFrame};
pub use negotiated::Negotiated;
#[cfg(feature = "hyper")]
pub(crate) use negotiated::request_of;
#[cfg(feature = "server")]
pub(crate) use numbers::Summed;
#[cfg(feature = "server")]
pub use numbers::{CloseClass, CompressionTotals, Histogram, MemoryLevel, MessageTotals, Traffic};
#[cfg(feature = "server")]
pub(crate) use pass::within;
#[cfg(feature = "server")]
pub(crate) use proxied::Client;
pub use proxied::{ForwardedFields, InvalidNetwork, TransportAddr, TrustedProxies};
#[cfg(feature = "server")]
pub(crate) use read_vec::ReadVec;
#[cfg(feature = "server")]
pub(crate) use read_vec::passes_on;
pub(crate) use state::context::Context;
#[cfg(feature = "server")]
pub(crate) use state::counted::Counted;
pub use state::id::{ConnectionId, ParseConnectionIdError};
pub(crate) use state::latest::{Key, Latest};
#[cfg(feature = "server")]
pub(crate) use state::leaving::Departure;
#[cfg(feature = "server")]
pub(crate) use state::source::Source;
#[cfg(feature = "server")]
pub(crate) use state::watchman::Watchman;
#[cfg(feature = "server")]
pub(crate) use task::connection::serve_transport;
#[cfg(feature = "server")]
pub(crate) use task::inspected::serve_inspected;
#[cfg(feature = "tls")]
pub use tls_session::{ClientCertificate, TlsSession, TlsVersion};
