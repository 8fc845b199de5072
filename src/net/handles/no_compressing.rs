//! What stands for `compressing.rs` in a build without the feature `deflate`: there are no values of
//! these types and no code for them.

use std::convert::Infallible;

use super::outgoing::{Choice, Parts};
use super::sender::Sender;
use super::sending::{Bound, Turn};
use crate::net::state::State;
use crate::net::state::context::Context;
use crate::proto::assembler::MessageKind;
use crate::proto::outbound::SendError;

#[derive(Clone, Copy, Debug)]
pub(super) struct Sending(Infallible);

impl Sending {
    pub(super) fn of(_: &State, _: &Context) -> Option<Sending> {
        None
    }

    pub(super) fn wants(&self, _: Choice, _: usize) -> bool {
        match self.0 {}
    }
}

impl Parts<'_> {
    pub(super) fn payload(&self) -> &[u8] {
        self.bytes()
    }
}

impl Sender {
    pub(super) fn queue_compressed<'a, 'p>(
        &'a self,
        sending: &Sending,
        _: Turn<'a>,
        _: Parts<'p>,
        _: Bound,
    ) -> Result<Option<(Turn<'a>, Parts<'p>)>, SendError> {
        match sending.0 {}
    }

    pub(super) fn begin_compressed(&self, _: Choice, _: &State) -> Option<Fragments> {
        None
    }
}

#[derive(Debug)]
pub(super) struct Fragments(Infallible);

impl Fragments {
    pub(super) fn queue(
        &mut self,
        _: &mut State,
        _: Option<MessageKind>,
        _: &[u8],
        _: bool,
    ) -> Result<usize, SendError> {
        match self.0 {}
    }
}
