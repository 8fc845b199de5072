//! What the binary does with messages. These use the public API only.

pub(crate) mod echo;
