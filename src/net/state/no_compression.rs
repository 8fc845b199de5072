//! What stands for `compression.rs` in a build without the feature `deflate`: nothing is ever
//! agreed, so there are no values of these types and no code for them.

use std::convert::Infallible;
use std::fmt;

use super::State;
use super::context::Context;
use crate::proto::deflate::Policy;
use crate::proto::extension::ExtensionOffer;

#[derive(Clone, Debug)]
pub(in crate::net) struct Compression(Infallible);

impl fmt::Display for Compression {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

pub(in crate::net) fn policy(_: &Context) -> Option<Policy> {
    None
}

pub(in crate::net) fn negotiate(
    _: &Context,
    _: &[ExtensionOffer],
    _: Option<&Policy>,
) -> Option<Compression> {
    None
}

impl State {
    pub(in crate::net) fn agree(&mut self, compression: Option<Compression>) {
        if let Some(Compression(never)) = compression {
            match never {}
        }
    }

    pub(super) fn lend_inflater(&mut self, _: &Context) -> bool {
        false
    }

    pub(in crate::net) fn reclaim_inflater(&mut self, _: &Context) {}
}
