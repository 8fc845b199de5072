//! What stands for the codec in a build without the feature `deflate`: types of which there is
//! no value, so that nothing of it is compiled.

use std::convert::Infallible;

use super::history::History;
use crate::proto::violation::Violation;

/// There is none.
#[derive(Debug)]
pub struct Inflater(Infallible);

impl Inflater {
    pub(super) fn is_begun(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn begin(&mut self, _: Option<Box<History>>) {
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

    pub(super) fn take_history(&mut self) -> Box<History> {
        match self.0 {}
    }

    pub(super) fn share_left(&self) -> usize {
        match self.0 {}
    }

    pub(super) fn input_left(&self) -> usize {
        match self.0 {}
    }

    pub(super) fn begin_share(&mut self) {
        match self.0 {}
    }
}
