//! What the broker of a single node keeps: the newest messages of each topic, and its feeds.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::feed::FeedWriter;
use super::{Carried, Event, InProcess, Position};
use crate::net::BoxError;

#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) topics: HashMap<String, Stored>,
    /// The newest offset of all topics, which share their numbers.
    pub(super) last: u64,
    /// The highest offset that any topic has forgotten.
    pub(super) forgotten: u64,
    /// The topic of each message that is kept, the oldest first.
    pub(super) order: BTreeMap<u64, Arc<str>>,
    /// What these messages take.
    pub(super) bytes: usize,
}

/// What is kept of one topic.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) messages: VecDeque<Kept>,
    /// The offset of each id. As many as `messages`.
    pub(super) ids: HashMap<String, u64>,
    pub(super) feeds: Vec<FeedWriter>,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) offset: u64,
    pub(super) id: String,
    pub(super) came: Instant,
    pub(super) payload: Bytes,
}

impl Store {
    /// Makes room for a topic that is not there yet.
    pub(super) fn make(&mut self, topic: &str, broker: &InProcess) -> Result<(), BoxError> {
        if self.topics.contains_key(topic) {
            return Ok(());
        }
        if self.topics.len() >= broker.max_topics {
            let names: Vec<String> = self.topics.keys().cloned().collect();
            names.iter().for_each(|name| self.forget(name, broker.max_age, broker.max_messages));
        }
        if self.topics.len() >= broker.max_topics {
            return Err(format!("there are {} topics already", broker.max_topics).into());
        }
        self.topics.insert(topic.to_owned(), Stored::default());
        Ok(())
    }

    /// Forgets what is too old or too much, and a topic that nothing is left of.
    pub(super) fn forget(&mut self, topic: &str, max_age: Duration, max_messages: usize) {
        let Some(stored) = self.topics.get_mut(topic) else { return };
        while let Some(first) = stored.messages.front() {
            if stored.messages.len() <= max_messages && first.came.elapsed() <= max_age {
                break;
            }
            let size = first.size();
            self.forgotten = self.forgotten.max(first.offset);
            self.order.remove(&first.offset);
            self.bytes -= size;
            stored.ids.remove(&first.id);
            stored.messages.pop_front();
        }
        stored.feeds.retain(|feed| !feed.is_closed());
        if stored.messages.is_empty() && stored.feeds.is_empty() {
            self.topics.remove(topic);
        }
    }

    /// Forgets the oldest messages of all topics: those that are too old, and those that there is no room for.
    pub(super) fn forget_oldest(&mut self, max_age: Duration, max_bytes: usize) {
        while let Some((_, topic)) = self.order.first_key_value() {
            let topic = topic.clone();
            let Some(stored) = self.topics.get(&*topic) else { return };
            let Some(first) = stored.messages.front() else { return };
            if first.came.elapsed() <= max_age && self.bytes <= max_bytes {
                return;
            }
            // All but the oldest of its topic may stay, as to their number.
            let rest = stored.messages.len() - 1;
            self.forget(&topic, max_age, rest);
        }
    }

    /// Whether everything of the topic behind `since` is provably stored: its message there still is, or no
    /// topic has forgotten anything behind it.
    pub(super) fn is_whole_behind(&self, topic: &str, since: Position, epoch: u64) -> bool {
        if since.epoch != epoch || since.offset > self.last {
            return false;
        }
        let stored = self.topics.get(topic);
        let is_stored = stored.is_some_and(|stored| {
            stored.messages.binary_search_by_key(&since.offset, |kept| kept.offset).is_ok()
        });
        is_stored || self.forgotten <= since.offset
    }
}

impl Stored {
    pub(super) fn tell(&mut self, event: &Event) {
        self.feeds.retain(|feed| !feed.is_closed());
        self.feeds.iter().for_each(|feed| feed.write(event.clone()));
    }
}

impl Kept {
    /// The bytes that it takes: its payload, its id twice, and about as much as the maps need for it.
    pub(super) fn size(&self) -> usize {
        self.payload.len() + 2 * self.id.len() + BOOKKEEPING
    }

    pub(super) fn carried(&self, epoch: u64) -> Carried {
        let position = Position { epoch, offset: self.offset };
        Carried { position, payload: self.payload.clone() }
    }
}

/// What a message takes beside its bytes, roughly.
const BOOKKEEPING: usize = 256;
