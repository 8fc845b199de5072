//! The task that fills one feed: it hears what the server has stored, and reads what it did not hear.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use stickler::BoxError;
use stickler::broker::{Carried, Event, Feed, FeedWriter, Position};
use tokio::sync::watch;

use crate::direct::number;
use crate::link::{Link, Node};
use crate::store::Opened;
use crate::subject::check;

/// Fills one feed.
struct Filler {
    node: Arc<Node>,
    link: watch::Receiver<Link>,
    topic: String,
    writer: FeedWriter,
    /// The stream that `heard` and `signals` are of.
    opened: Opened,
    heard: Subscriber,
    signals: Subscriber,
    /// Everything up to here was written, or a gap instead.
    last: Position,
    is_down: bool,
}

pub(crate) async fn subscribe(
    node: &Arc<Node>,
    topic: &str,
    after: Option<Position>,
) -> Result<Feed, BoxError> {
    check(topic)?;
    let mut link = node.link.clone();
    link.mark_unchanged();
    let opened = node.opened().ok_or("the broker is down")?;
    let (heard, signals) = listen(node, &opened, topic).await?;
    // The server has both subscriptions before it answers this.
    let state = node.state(&opened).await?.ok_or("the stream was made anew")?;
    let now = opened.at(state.last_sequence);
    let last = after.unwrap_or(now);
    let (writer, feed) = Feed::bounded(CAPACITY, Some(last));
    let (node, topic) = (node.clone(), topic.to_owned());
    let mut filler =
        Filler { node, link, topic, writer, opened, heard, signals, last, is_down: false };
    if after.is_some() {
        filler.read().await?;
    }
    tokio::spawn(filler.run());
    Ok(feed)
}

async fn listen(
    node: &Node,
    opened: &Opened,
    topic: &str,
) -> Result<(Subscriber, Subscriber), BoxError> {
    let heard = node.client.subscribe(opened.heard(topic)).await?;
    let signals = node.client.subscribe(opened.signalled(topic)).await?;
    Ok((heard, signals))
}

impl Filler {
    async fn run(mut self) {
        loop {
            tokio::select! {
                () = self.writer.closed() => return,
                changed = self.link.changed() => {
                    if changed.is_err() || self.catch_up().await.is_err() {
                        return;
                    }
                }
                Some(message) = self.heard.next() => {
                    if !self.take(message) && self.catch_up().await.is_err() {
                        return;
                    }
                }
                Some(signal) = self.signals.next() => {
                    self.writer.write(Event::Signal(signal.payload));
                }
            }
        }
    }

    /// Writes a message that was heard; false if one before it may be missing.
    fn take(&mut self, message: Message) -> bool {
        let numbers = message.headers.as_ref().and_then(|headers| {
            Some((number(headers, "Nats-Sequence")?, number(headers, "Nats-Last-Sequence")?))
        });
        let Some((offset, before)) = numbers else { return false };
        // It was read already.
        if offset <= self.last.offset {
            return true;
        }
        if before > self.last.offset {
            return false;
        }
        self.write(Carried { position: self.opened.at(offset), payload: message.payload });
        true
    }

    fn write(&mut self, message: Carried) {
        self.last = message.position;
        self.writer.write(Event::Message(message));
    }

    /// Says what the broker's state is, and reads what was missed. `Err` ends the feed.
    async fn catch_up(&mut self) -> Result<(), Closed> {
        loop {
            let link = self.link.borrow_and_update().clone();
            let Some(opened) = link.opened else {
                if !self.is_down {
                    self.is_down = true;
                    self.writer.write(Event::Down);
                }
                return Ok(());
            };
            match self.catch_up_with(opened).await {
                Ok(()) => {
                    if self.is_down {
                        self.is_down = false;
                        self.writer.write(Event::Up);
                    }
                    return Ok(());
                }
                Err(error) => {
                    tracing::debug!(%error, "a feed cannot read what it missed, and tries again");
                    self.node.doubt();
                    tokio::select! {
                        () = self.writer.closed() => return Err(Closed),
                        changed = self.link.changed() => changed.map_err(|_| Closed)?,
                        () = tokio::time::sleep(TRY_AGAIN) => {}
                    }
                }
            }
        }
    }

    async fn catch_up_with(&mut self, opened: Opened) -> Result<(), BoxError> {
        if opened != self.opened {
            (self.heard, self.signals) = listen(&self.node, &opened, &self.topic).await?;
            self.opened = opened;
        }
        self.read().await
    }

    /// Reads what is stored behind `last`; if that cannot be all, says so and goes on from now.
    async fn read(&mut self) -> Result<(), BoxError> {
        let (opened, topic) = (&self.opened, self.topic.as_str());
        let state = self.node.state(opened).await?.ok_or("the stream was made anew")?;
        if self.last.epoch == opened.epoch {
            let messages =
                self.node.read_behind(opened, topic, self.last.offset, usize::MAX).await?;
            if self.node.is_whole_behind(opened, topic, self.last).await? {
                messages.into_iter().for_each(|message| self.write(message));
                return Ok(());
            }
        }
        self.last = opened.at(state.last_sequence);
        self.writer.write(Event::Gap(None));
        Ok(())
    }
}

/// The feed was dropped, or the node.
struct Closed;

/// Messages and signals that a feed holds for its reader.
const CAPACITY: usize = 4_096;
const TRY_AGAIN: Duration = Duration::from_millis(200);
