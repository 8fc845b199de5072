//! What the broker of a single node keeps: the newest messages of each topic, and its feeds.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::feed::{FeedWriter, Left};
use super::{Carried, Event, Position};
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
    /// The topics with messages and without feeds, by their newest offset: who was quiet for longest is the first.
    quiet: BTreeMap<u64, Arc<str>>,
    /// Topics of feeds that were dropped since the last look.
    pub(super) left: Arc<Left>,
}

/// What is kept of one topic.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) messages: VecDeque<Kept>,
    /// The offset of each id. As many as `messages`.
    pub(super) ids: HashMap<String, u64>,
    pub(super) feeds: Vec<FeedWriter>,
    /// Where it stands in `quiet`, if it does.
    quiet: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) offset: u64,
    pub(super) id: String,
    pub(super) came: Instant,
    pub(super) payload: Bytes,
}

impl Store {
    /// Makes room for a topic that is not there yet. Whether there is any is known without a search.
    pub(super) fn make(&mut self, topic: &str, max_topics: usize) -> Result<(), BoxError> {
        if self.topics.contains_key(topic) {
            return Ok(());
        }
        while self.topics.len() >= max_topics {
            let Some((_, oldest)) = self.quiet.first_key_value() else {
                return Err(format!("there are {max_topics} topics already").into());
            };
            let oldest = oldest.clone();
            self.forget(&oldest, Duration::ZERO, 0);
        }
        self.topics.insert(topic.to_owned(), Stored::default());
        Ok(())
    }

    /// Looks at the topics whose feeds were dropped.
    pub(super) fn forget_left(&mut self, max_age: Duration, max_messages: usize) {
        for topic in self.left.take() {
            self.forget(&topic, max_age, max_messages);
        }
    }

    /// Notes whether a topic is quiet, once its messages or its feeds are others.
    pub(super) fn settle(&mut self, topic: &str) {
        let Some(stored) = self.topics.get_mut(topic) else { return };
        let newest = stored.messages.back().map(|kept| kept.offset);
        let now = newest.filter(|_| stored.feeds.is_empty());
        let before = std::mem::replace(&mut stored.quiet, now);
        if now == before {
            return;
        }
        if let Some(before) = before {
            self.quiet.remove(&before);
        }
        if let Some(now) = now {
            self.quiet.insert(now, topic.into());
        }
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
        let is_over = stored.messages.is_empty() && stored.feeds.is_empty();
        self.settle(topic);
        if is_over {
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

    /// The topics that may go, the first one first.
    #[cfg(test)]
    pub(super) fn quiet_topics(&self) -> Vec<&str> {
        self.quiet.values().map(|topic| &**topic).collect()
    }

    /// The same by a search, and how many topics have feeds.
    #[cfg(test)]
    pub(super) fn searched(&self) -> (Vec<&str>, usize) {
        let (quiet, others): (Vec<_>, Vec<_>) =
            self.topics.iter().partition(|(_, stored)| stored.feeds.is_empty());
        let mut quiet: Vec<_> = quiet
            .iter()
            .map(|(topic, stored)| (stored.messages.back().map(|kept| kept.offset), topic.as_str()))
            .collect();
        quiet.sort_unstable();
        (quiet.into_iter().map(|(_, topic)| topic).collect(), others.len())
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
