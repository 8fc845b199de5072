//! What a thread lends: read buffers, outboxes, buffers for large messages, engines of compression,
//! and the cork. An idle connection holds none of them.

pub(super) mod amounts;
pub(super) mod arriving;
pub(super) mod cork;
#[cfg(feature = "deflate")]
pub(super) mod engines;
pub(super) mod lease;
pub(super) mod outbox;
pub(super) mod pace;
pub(super) mod pool;
#[cfg(feature = "deflate")]
pub(super) mod slicing;
#[cfg(feature = "deflate")]
pub(super) mod uncompressed;
