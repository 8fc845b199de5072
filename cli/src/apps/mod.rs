//! What the binary does with messages. These use the public API only.

#[expect(dead_code, reason = "served by the next commit")]
pub(crate) mod chat;
pub(crate) mod echo;
