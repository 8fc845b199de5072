//! What stands for the codec in a build without the feature `deflate`: types of which there is
//! no value, so that nothing of it is compiled.

use std::convert::Infallible;
use std::sync::Arc;

use super::budget::{Budget, Charge};
use super::history::{Left, NoMemory};
use super::negotiation::WindowBits;
use crate::proto::violation::Violation;

/// There is none.
#[derive(Debug)]
pub struct Inflater(Infallible);

impl Inflater {
    pub(super) fn is_begun(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn begin(&mut self, _: Option<Box<Left>>) {
        match self.0 {}
    }

    pub(super) fn begin_next(&mut self, _: bool) {
        match self.0 {}
    }

    pub(super) fn produced(&self) -> u64 {
        match self.0 {}
    }

    pub(super) fn is_full(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn inflate(
        &mut self,
        _: &[u8],
        _: usize,
        _: &mut Vec<u8>,
    ) -> Result<usize, Infallible> {
        match self.0 {}
    }

    pub(super) fn finish(&mut self) -> Result<(), Violation> {
        match self.0 {}
    }

    pub(super) fn take_left(
        &mut self,
        _: WindowBits,
        _: impl FnOnce(&Arc<Budget>, usize) -> Option<Charge>,
    ) -> Result<Option<Box<Left>>, NoMemory> {
        match self.0 {}
    }

    pub(super) fn share_left(&self) -> usize {
        match self.0 {}
    }

    pub(super) fn begin_share(&mut self) {
        match self.0 {}
    }
}
