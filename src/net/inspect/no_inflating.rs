//! What stands for `inflating.rs` in a build without the feature `deflate`: nothing is ever compressed.

use super::Direction;
use crate::net::state::shared::Shared;

#[derive(Default)]
pub(super) struct Inflating;

impl Inflating {
    pub(super) fn agreed(_: Direction, _: &Shared) -> Option<Inflating> {
        None
    }

    pub(super) fn begin(&mut self) {}

    pub(super) fn take(&mut self, _: &[u8]) {}

    pub(super) fn end(&mut self) -> Option<u64> {
        None
    }
}
