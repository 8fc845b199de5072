//! The futures in which a Receiver looks for what comes next.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::Receiver;
use crate::net::error::Result;
use crate::net::handles::message::Message;
use crate::proto::event::Delivery;

/// The next message; the Receiver waits no longer than this does.
///
/// An `async fn` would say the same in two lines. But a program that receives in more than one place calls that
/// as a function of its own: 78 instructions more for each of many messages of 16 bytes, an eighth of all.
pub(super) struct Next<'a>(Option<&'a mut Receiver>);

impl<'a> Next<'a> {
    #[inline]
    pub(super) fn of(receiver: &'a mut Receiver) -> Next<'a> {
        Next(Some(receiver))
    }
}

impl<'a> Future for Next<'a> {
    type Output = Result<Option<Message<'a>>>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Nobody polls again what was ready.
        let Some(receiver) = &mut self.0 else { return Poll::Pending };
        let found = ready!(receiver.poll_next(cx, Delivery::Message))?;
        receiver.end_wait();
        Poll::Ready(Ok(self.0.take().filter(|_| found).map(Receiver::lend)))
    }
}

impl Drop for Next<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(receiver) = &mut self.0 {
            receiver.end_wait();
        }
    }
}

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
        self.0.end_wait();
    }
}
