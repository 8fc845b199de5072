//! The opening handshake over HTTP/1.1 (RFC 6455 §4.2, RFC 9110, RFC 9112).
//!
//! In the order in which a connection uses it: [`HeadScanner`] finds the end of the request head,
//! [`Request::parse`] reads it, [`judge`] decides under a [`Policy`], and [`encode_accept`] or
//! [`Response::encode`] writes the answer. The order of the checks is fixed: size; message grammar;
//! HTTP version; Host; body framing; Expect; method; request-target; Upgrade; Connection; version;
//! key; subprotocol and extension grammar; authority; resource; Origin; subprotocol.
//!
//! [`client`] is the same handshake from the other side.
//!
//! Nothing that the peer sent is ever written back, except a subprotocol: a token, and one of the
//! server's own unless its policy or the application agrees to another.

mod accept;
mod allowed_origin;
mod authority;
pub mod client;
pub(crate) mod fields;
mod framing;
mod head;
mod judge;
pub(crate) mod octet;
mod origin;
mod policy;
mod refusal;
mod request;
pub(crate) mod response;
mod target;

pub use accept::{AcceptKey, encode_accept};
pub use allowed_origin::{AllowedOrigin, InvalidOrigin, ListedOrigin};
pub use authority::{Authority, InvalidAuthority};
pub use head::{HeadLimits, HeadScanner};
pub use judge::{Offer, SubprotocolNotOffered, Verdict, judge, refuse_plain};
#[cfg(feature = "net")]
pub(crate) use judge::{is_plain, judge_origin, judge_over};
pub use policy::{InvalidSubprotocol, Policy, Subprotocol};
pub use refusal::Refusal;
pub use request::Request;
pub use response::{FieldError, Response, ResponseFields, StatusError};
#[cfg(feature = "net")]
pub(crate) use target::Scheme;
