//! The trait of the library, by NATS.

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use stickler::BoxError;
use stickler::broker::{BoxFuture, Broker, Feed, History, Position, PublishError};

use crate::store::Opened;
use crate::subject::{check, hex};
use crate::{Nats, feed};

/// A topic has at most 1,000 bytes. An id is known for two minutes. A message without an acknowledgement is published again under
/// its id, twice at most, before its fate is [`Unknown`](PublishError::Unknown).
impl Broker for Nats {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        id: &'a str,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(self.publish_by(topic, id, payload))
    }

    fn signal<'a>(
        &'a self,
        topic: &'a str,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<(), PublishError>> {
        Box::pin(async move {
            check(topic).map_err(PublishError::Refused)?;
            let opened = self.node.opened().ok_or_else(down)?;
            let subject = opened.signalled(topic);
            let sent = self.node.client.publish(subject, payload).await;
            sent.map_err(|error| PublishError::Refused(Box::new(error)))
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        after: Option<Position>,
    ) -> BoxFuture<'a, Result<Feed, BoxError>> {
        Box::pin(feed::subscribe(&self.node, topic, after))
    }

    fn history<'a>(
        &'a self,
        topic: &'a str,
        since: Option<Position>,
        most: usize,
    ) -> BoxFuture<'a, Result<History, BoxError>> {
        Box::pin(self.history_by(topic, since, most))
    }

    fn is_up(&self) -> bool {
        self.node.is_up()
    }
}

/// How one try to publish ended.
enum Failed {
    /// The server said no, or was given nothing.
    Refused(BoxError),
    /// It was given the message, and said nothing.
    Silent(BoxError),
}

impl Nats {
    async fn publish_by(
        &self,
        topic: &str,
        id: &str,
        payload: Bytes,
    ) -> Result<Position, PublishError> {
        check(topic).map_err(PublishError::Refused)?;
        let opened = self.node.opened().ok_or_else(down)?;
        let mut error: BoxError = "no acknowledgement came in time".into();
        let mut link = self.node.link.clone();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                // Nothing is given to a connection that is down: it would be delivered at any time later.
                let up = link.wait_for(|link| link.opened.is_some());
                let _ = tokio::time::timeout(self.node.options.timeout, up).await;
                // In another epoch the message would be another one.
                if self.node.opened().as_ref() != Some(&opened) {
                    return Err(PublishError::Unknown(error));
                }
            }
            match self.publish_once(&opened, topic, id, payload.clone()).await {
                Ok(position) => return Ok(position),
                Err(Failed::Refused(error)) if attempt == 0 => {
                    return Err(PublishError::Refused(error));
                }
                Err(Failed::Refused(refused)) => return Err(PublishError::Unknown(refused)),
                Err(Failed::Silent(silent)) => error = silent,
            }
            self.node.doubt();
        }
        Err(PublishError::Unknown(error))
    }

    async fn publish_once(
        &self,
        opened: &Opened,
        topic: &str,
        id: &str,
        payload: Bytes,
    ) -> Result<Position, Failed> {
        let message = PublishMessage::build()
            .payload(payload)
            // Ids are the stream's: those of two topics must not meet.
            .message_id(format!("{}/{}", hex(topic), hex(id)))
            .expected_stream(&self.node.options.stream);
        let sent = self.node.jetstream.send_publish(opened.stored(topic), message).await;
        let acknowledgement = match sent {
            Ok(acknowledgement) => acknowledgement.await,
            Err(error) if error.kind() == PublishErrorKind::TimedOut => Err(error),
            Err(error) => return Err(Failed::Refused(Box::new(error))),
        };
        match acknowledgement {
            Ok(acknowledgement) => Ok(opened.at(acknowledgement.sequence)),
            Err(error) => Err(match error.kind() {
                PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => {
                    Failed::Silent(Box::new(error))
                }
                // The stream is gone, or the server names its reason.
                _ => {
                    self.node.doubt();
                    Failed::Refused(Box::new(error))
                }
            }),
        }
    }

    async fn history_by(
        &self,
        topic: &str,
        since: Option<Position>,
        most: usize,
    ) -> Result<History, BoxError> {
        check(topic)?;
        let opened = self.node.opened().ok_or("the broker is down")?;
        // Before reading: what is stored in between is read twice rather than never.
        let state = self.node.state(&opened).await?.ok_or("the stream was made anew")?;
        if let Some(since) = since.filter(|since| since.epoch == opened.epoch) {
            let messages = self.node.read_behind(&opened, topic, since.offset, most).await?;
            if self.node.is_whole_behind(&opened, topic, since).await? {
                let last = messages.last().map_or(since, |message| message.position);
                return Ok(History { messages, is_gap: false, last });
            }
        }
        let messages = self.node.read_newest(&opened, topic, most).await?;
        let end = opened.at(state.last_sequence);
        let last = messages.last().map_or(end, |message| message.position);
        Ok(History { messages, is_gap: since.is_some(), last })
    }
}

fn down() -> PublishError {
    PublishError::Refused("the broker is down".into())
}

/// How often a message is given to the server at most.
const ATTEMPTS: u32 = 3;
