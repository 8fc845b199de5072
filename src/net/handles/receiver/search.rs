//! The futures in which a Receiver looks for what comes next.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Receiver;
use crate::net::error::Result;

/// Looks for what comes next; the Receiver waits no longer than this does.
pub(super) fn search<P>(receiver: &mut Receiver, poll: P) -> Search<'_, P>
where
    P: Fn(&mut Receiver, &mut Context<'_>) -> Poll<Result<bool>> + Unpin,
{
    Search(receiver, poll)
}

pub(super) struct Search<'a, P>(&'a mut Receiver, P);

impl<P> Future for Search<'_, P>
where
    P: Fn(&mut Receiver, &mut Context<'_>) -> Poll<Result<bool>> + Unpin,
{
    type Output = Result<bool>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        let this = &mut *self;
        this.1(this.0, cx)
    }
}

impl<P> Drop for Search<'_, P> {
    #[inline]
    fn drop(&mut self) {
        if self.0.is_waiting {
            self.0.stop_waiting();
        }
    }
}
