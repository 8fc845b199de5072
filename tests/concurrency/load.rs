//! Numbered messages of every kind, whose content says who sent them, as which, and how long they are.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use stickler::{MessageKind, Outgoing, Prepared, SendError, Sender};

use crate::peer::Item;
use crate::random::Random;

/// One message: the `number`th of the sender `name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) name: usize,
    pub(crate) number: usize,
}

/// How a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Str,
    Text,
    Slice,
    LargeSlice,
    LargeVec,
    LargeBytes,
    Prepared,
    LargePrepared,
    Compressed,
    Uncompressed,
    Ping,
    Fragments,
}

const SHAPES: [Shape; 16] = [
    Shape::Str,
    Shape::Str,
    Shape::Str,
    Shape::Text,
    Shape::Text,
    Shape::Slice,
    Shape::Slice,
    Shape::LargeSlice,
    Shape::LargeVec,
    Shape::LargeBytes,
    Shape::Prepared,
    Shape::LargePrepared,
    Shape::Compressed,
    Shape::Uncompressed,
    Shape::Ping,
    Shape::Fragments,
];

const WORDS: [&str; 7] = ["lorem ", "ipsum ", "é", "€", "😀", "0123456789", "\n"];

impl Sent {
    pub(crate) fn new(name: usize, number: usize) -> Sent {
        Sent { name, number }
    }

    /// Which message this is; it is as it was sent.
    pub(crate) fn of(item: &Item) -> Sent {
        let (kind, payload) = match item {
            Item::Text(text) => (Some(MessageKind::Text), text.as_bytes()),
            Item::Binary(bytes) => (Some(MessageKind::Binary), &bytes[..]),
            Item::Ping(data) => (None, &data[..]),
            Item::Pong(_) | Item::Close(_) => panic!("{item:?}"),
        };
        let mut words = std::str::from_utf8(payload).unwrap().split(' ');
        let mut word = || words.next().and_then(|word| word.parse().ok());
        let sent = Sent::new(word().expect("a name"), word().expect("a number"));
        assert_eq!(payload, sent.payload().as_bytes(), "{sent:?} is torn");
        assert_eq!(kind, sent.kind(), "{sent:?}");
        sent
    }

    fn random(self) -> Random {
        let mut random = Random::new((self.name * 1_000_003 + self.number) as u64 + 1);
        random.next();
        random
    }

    fn shape(self) -> Shape {
        SHAPES[self.random().below(SHAPES.len())]
    }

    /// `None` for a Ping.
    fn kind(self) -> Option<MessageKind> {
        match self.shape() {
            Shape::Ping => None,
            Shape::Slice | Shape::LargeSlice | Shape::LargeVec | Shape::LargeBytes => {
                Some(MessageKind::Binary)
            }
            Shape::LargePrepared => Some(MessageKind::Binary),
            _ => Some(MessageKind::Text),
        }
    }

    fn payload(self) -> String {
        let mut random = self.random();
        let len = match self.shape() {
            Shape::Ping => random.below(100),
            Shape::LargeSlice | Shape::LargeVec | Shape::LargeBytes | Shape::LargePrepared => {
                (16 << 10) + random.below(6 << 10)
            }
            Shape::Compressed | Shape::Uncompressed | Shape::Fragments => random.below(3000),
            _ => random.below(300),
        };
        let mut payload = format!("{} {} ", self.name, self.number);
        let len = payload.len() + len;
        while payload.len() < len {
            payload.push_str(WORDS[random.below(WORDS.len())]);
        }
        payload.truncate(payload.floor_char_boundary(len));
        payload
    }

    /// Sends it, unless it goes in fragments: then as a whole.
    pub(crate) fn send(self, sender: &Sender) -> Result<(), SendError> {
        let payload = self.payload();
        let bytes = payload.as_bytes();
        match self.shape() {
            Shape::Str | Shape::Fragments => sender.send(&*payload),
            Shape::Text => sender.send(payload),
            Shape::Slice | Shape::LargeSlice => sender.send(bytes),
            Shape::LargeVec => sender.send(payload.into_bytes()),
            Shape::LargeBytes => sender.send(Bytes::from(payload)),
            Shape::Prepared => sender.send(Prepared::text(&payload)),
            Shape::LargePrepared => sender.send(Prepared::binary(bytes)),
            Shape::Compressed => sender.send(compressed(&payload)),
            Shape::Uncompressed => sender.send(uncompressed(&payload)),
            Shape::Ping => sender.ping(bytes),
        }
    }

    /// Sends it when there is room, in fragments if it is one that goes so. While there is
    /// nothing to wait for, in one poll.
    pub(crate) async fn deliver(self, sender: &Sender) -> Result<(), SendError> {
        loop {
            let sent = match self.shape() {
                Shape::Fragments => self.deliver_fragments(sender).await,
                _ => self.send(sender),
            };
            match sent {
                Err(SendError::QueueFull) => sender.ready().await,
                Err(SendError::MessageUnfinished) => tokio::task::yield_now().await,
                sent => return sent,
            }
        }
    }

    async fn deliver_fragments(self, sender: &Sender) -> Result<(), SendError> {
        let payload = self.payload();
        let mut random = self.random();
        let mut message = sender.start_message(MessageKind::Text)?;
        let cut = payload.floor_char_boundary(random.below(payload.len()));
        let (first, last) = payload.split_at(cut);
        while let Err(error) = message.send(first) {
            wait_for(sender, error).await?;
        }
        if random.below(2) == 0 {
            tokio::task::yield_now().await;
        }
        while let Err(error) = message.finish(last) {
            wait_for(sender, error).await?;
        }
        Ok(())
    }
}

async fn wait_for(sender: &Sender, error: SendError) -> Result<(), SendError> {
    if error != SendError::QueueFull {
        return Err(error);
    }
    sender.ready().await;
    Ok(())
}

#[cfg(feature = "deflate")]
fn compressed(text: &str) -> impl Outgoing {
    stickler::Compressed(text)
}

#[cfg(feature = "deflate")]
fn uncompressed(text: &str) -> impl Outgoing {
    stickler::Uncompressed(text)
}

#[cfg(not(feature = "deflate"))]
fn compressed(text: &str) -> impl Outgoing {
    text
}

#[cfg(not(feature = "deflate"))]
fn uncompressed(text: &str) -> impl Outgoing {
    text
}

/// A connection on which whoever comes sends the next number: one after the other, so the wire
/// has them in order.
#[derive(Clone, Debug)]
pub(crate) struct Line(Arc<(Sender, Mutex<usize>)>);

impl Line {
    pub(crate) fn new(sender: &Sender) -> Line {
        Line(Arc::new((sender.clone(), Mutex::new(0))))
    }

    /// Sends the next message.
    pub(crate) fn next(&self) -> Result<(), SendError> {
        let mut next = self.0.1.lock().unwrap();
        Sent::new(0, *next).send(&self.0.0)?;
        *next += 1;
        Ok(())
    }

    /// Messages that were sent.
    pub(crate) fn len(&self) -> usize {
        *self.0.1.lock().unwrap()
    }
}
