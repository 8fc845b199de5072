//! A connection's place among the subscribers of a topic.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::Shared;
use super::branch::Branch;
use super::member::Member;
use crate::net::WhenFull;

/// One connection's place among the subscribers of a [`Topic`](crate::Topic), given up when this is
/// dropped: messages that have not been queued to it by then are not.
///
/// It keeps the connection's state, but not the connection: that ends as if it were not there.
#[must_use = "dropping it unsubscribes"]
pub struct Subscription {
    pub(super) branch: Arc<Branch>,
    pub(super) number: u64,
    /// A topic of [`Topics`](crate::Topics) is there as long as it has subscribers.
    _topic: Arc<Shared>,
}

impl Subscription {
    pub(super) fn new(topic: Arc<Shared>, branch: Arc<Branch>, number: u64) -> Subscription {
        Subscription { branch, number, _topic: topic }
    }

    /// Chooses what happens to a message for which there is no room; by default what the
    /// [`Limits`](crate::Limits) of the connection say. [`WhenFull::Close`] closes the connection with
    /// 1008. Otherwise the subscriber misses the message, since a publisher waits for nobody.
    ///
    /// ```
    /// use stickler::{Incoming, Topic, WhenFull};
    ///
    /// async fn follow(incoming: Incoming, orders: Topic) -> stickler::Result<()> {
    ///     let sender = incoming.accept()?.into_sender();
    ///     // Who does not keep up has to come again.
    ///     let _subscription = orders.subscribe(&sender).when_full(WhenFull::Close);
    ///     sender.closed().await;
    ///     Ok(())
    /// }
    /// ```
    pub fn when_full(self, when_full: WhenFull) -> Subscription {
        if let Some(member) = self.branch.lock().member_mut(self.number) {
            member.choose_when_full(when_full);
        }
        self
    }

    /// Messages that this subscriber missed so far, because it did not take earlier ones.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.branch.lock().member(self.number).map_or(0, Member::skipped)
    }

    /// Waits until this subscriber has missed messages that the last call did not tell of, and gives
    /// their number. The application may close the connection then, or send what makes up for them.
    ///
    /// It never returns for a subscriber that takes everything, nor after the end of the connection
    /// unless messages were missed before. A value that a newer one has replaced
    /// ([`Topic::publish_latest`](crate::Topic::publish_latest)) is not missed.
    ///
    /// ```
    /// use stickler::{CloseCode, Incoming, Topic};
    ///
    /// async fn follow(incoming: Incoming, news: Topic) -> stickler::Result<()> {
    ///     let (mut receiver, sender) = incoming.accept()?.split();
    ///     let mut subscription = news.subscribe(&sender);
    ///     loop {
    ///         tokio::select! {
    ///             message = receiver.recv() => if message?.is_none() { return Ok(()) },
    ///             missed = subscription.lagged() => {
    ///                 let reason = format!("{missed} messages behind");
    ///                 return Ok(sender.close(CloseCode::TRY_AGAIN_LATER, &reason)?);
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Cancel safety
    /// What a call has not told of, the next one does.
    pub async fn lagged(&mut self) -> u64 {
        let listening = Listening(self);
        poll_fn(|cx| listening.poll(cx)).await
    }
}

/// A future that waits for missed messages. Dropped, it leaves no waker behind.
struct Listening<'a>(&'a Subscription);

impl Listening<'_> {
    fn poll(&self, cx: &Context<'_>) -> Poll<u64> {
        // Cloning and dropping a waker may run code of the application: not under the lock.
        let mut waker = None;
        loop {
            let mut roll = self.0.branch.lock();
            let Some(member) = roll.member_mut(self.0.number) else { return Poll::Pending };
            if let Some(missed) = member.tell_missed() {
                return Poll::Ready(missed);
            }
            if member.is_listened_to_by(cx.waker()) {
                return Poll::Pending;
            }
            let Some(waker) = waker.take() else {
                drop(roll);
                waker = Some(cx.waker().clone());
                continue;
            };
            let replaced = member.replace_listener(Some(waker));
            drop(roll);
            drop(replaced);
            return Poll::Pending;
        }
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        let mut roll = self.0.branch.lock();
        let member = roll.member_mut(self.0.number);
        let waker = member.and_then(|member| member.replace_listener(None));
        drop(roll);
        drop(waker);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let member = self.branch.lock().remove(self.number);
        // Without the lock: it may have the last handle of its connection.
        if let Some(mut member) = member {
            member.let_go().into_iter().for_each(Waker::wake);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("skipped", &self.skipped()).finish_non_exhaustive()
    }
}
