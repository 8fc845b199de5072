//! Plain HTTP beside WebSockets: what an application answers to a request that asks for none
//! (RFC 9110, RFC 9112).
//!
//! The strict head of `proto` judges every request first. What follows the head, and the answer, is
//! hyper's: `task/answering.rs` gives it the transport. Here is what the application sees of it.

mod answer;
mod body;
mod service;

pub use answer::Answer;
pub(in crate::net) use answer::{Fault, check};
pub use body::{Body, BodyError};
pub(crate) use service::HttpService;
#[cfg(feature = "server")]
pub(crate) use service::Takes;
