//! What stands for `compression.rs` in a build without the feature `deflate`: nothing is ever
//! agreed, so there are no values of these types and no code for them.

use std::convert::Infallible;
use std::fmt;

use super::context::Context;
use super::message::{Choice, Parts};
use super::sender::Sender;
use super::shared::{Locked, Shared};
use super::state::State;
use crate::proto::assembler::MessageKind;
use crate::proto::deflate::Policy;
use crate::proto::extension::ExtensionOffer;
use crate::proto::outbound::SendError;

#[derive(Clone, Debug)]
pub(super) struct Compression(Infallible);

impl fmt::Display for Compression {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

pub(super) fn policy(_: &Context) -> Option<Policy> {
    None
}

pub(super) fn negotiate(
    _: &Context,
    _: &[ExtensionOffer],
    _: Option<&Policy>,
) -> Option<Compression> {
    None
}

impl State {
    pub(super) fn agree(&mut self, compression: Option<Compression>) {
        if let Some(Compression(never)) = compression {
            match never {}
        }
    }

    pub(super) fn lend_inflater(&mut self, _: &Shared) -> bool {
        false
    }

    pub(super) fn reclaim_inflater(&mut self) {}
}

impl Shared {
    pub(super) fn report_overload(&self) {}
}

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
    pub(super) fn queue_compressed<'a>(
        &'a self,
        sending: &Sending,
        _: Locked<'a>,
        _: &Parts<'_>,
    ) -> Result<Option<Locked<'a>>, SendError> {
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
    ) -> Result<(), SendError> {
        match self.0 {}
    }
}
