//! Without the feature `http` no plain request is answered by the application.

use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::net::lent::lease::Lease;
use crate::net::state::shared::Shared;
use crate::proto::handshake::{Refusal, Request as Head};

/// There is none.
pub(super) enum Plain {}

impl Plain {
    pub(super) fn take(_: Head, _: Lease, _: &Shared) -> Result<Option<Plain>, Refusal> {
        Ok(None)
    }

    pub(super) fn is_head(&self) -> bool {
        match *self {}
    }

    pub(super) fn path(&self) -> &str {
        match *self {}
    }
}

/// What is left of a connection whose request was answered.
pub(super) struct Rest<T> {
    pub(super) io: Option<T>,
    pub(super) is_reported: bool,
}

/// It is never made.
pub(super) struct Answering<T>(PhantomData<T>);

impl<T> Answering<T> {
    pub(super) fn new(_: T, plain: Plain, _: &Arc<Shared>) -> Answering<T> {
        match plain {}
    }

    pub(super) fn poll(&mut self, _: &Arc<Shared>, _: &mut Context<'_>) -> Poll<Rest<T>> {
        Poll::Ready(Rest { io: None, is_reported: false })
    }
}
