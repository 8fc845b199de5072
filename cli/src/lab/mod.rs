//! Judging servers: ours and others by `stickler check`, ours by what Autobahn says.

pub(crate) mod check;
pub(crate) mod verdict;
