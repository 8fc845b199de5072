//! The broker of a single node: it keeps the newest messages of each topic in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::time::Instant;

use super::feed::Feed;
use super::store::{Kept, Store};
use super::{BoxFuture, Broker, Carried, Event, History, Position, PublishError};
use crate::net::BoxError;

/// A [`Broker`] within one process. Its epoch is the time at which it was made, in nanoseconds since 1970.
///
/// A message is kept until it is too old, too many newer ones of its topic have come, or all topics together take
/// too much memory: then the oldest goes. Its id is known for as long. Where there are too many topics, all messages go of
/// the one that nobody has published on for longest, among those without feeds. A topic without messages and feeds
/// takes no memory.
#[derive(Debug)]
pub struct InProcess {
    epoch: u64,
    max_age: Duration,
    max_messages: usize,
    max_topics: usize,
    max_bytes: usize,
    store: Mutex<Store>,
}

impl InProcess {
    /// An empty broker that keeps 1,000 messages of a topic, for an hour, of 10,000 topics, in 64 MiB.
    pub fn new() -> InProcess {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        InProcess {
            epoch: u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX),
            max_age: Duration::from_secs(3_600),
            max_messages: 1_000,
            max_topics: 10_000,
            max_bytes: 64 * 1024 * 1024,
            store: Mutex::default(),
        }
    }

    /// Forgets messages that are older.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> InProcess {
        self.max_age = max_age;
        self
    }

    /// Keeps at most so many messages of a topic; 0 keeps one.
    #[must_use]
    pub fn max_messages(mut self, max_messages: usize) -> InProcess {
        self.max_messages = max_messages.max(1);
        self
    }

    /// Keeps at most so many topics. For one more the topic goes that was quiet for longest; while all have feeds, to
    /// publish or subscribe on one more is refused.
    #[must_use]
    pub fn max_topics(mut self, max_topics: usize) -> InProcess {
        self.max_topics = max_topics;
        self
    }

    /// Keeps messages of all topics in at most so many bytes, ids and bookkeeping included.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: usize) -> InProcess {
        self.max_bytes = max_bytes;
        self
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, offset: u64) -> Position {
        Position { epoch: self.epoch, offset }
    }

    fn publish_now(&self, topic: &str, id: &str, payload: Bytes) -> Result<Position, PublishError> {
        let mut store = self.store();
        store.forget_left(self.max_age, self.max_messages);
        store.forget(topic, self.max_age, self.max_messages);
        store.make(topic, self.max_topics).map_err(PublishError::Refused)?;
        let offset = store.last + 1;
        let Some(stored) = store.topics.get_mut(topic) else {
            return Err(PublishError::Refused("the topic is gone".into()));
        };
        if let Some(&first) = stored.ids.get(id) {
            return Ok(self.at(first));
        }
        let position = self.at(offset);
        stored.ids.insert(id.to_owned(), offset);
        let (id, came) = (id.to_owned(), Instant::now());
        let kept = Kept { offset, id, came, payload: payload.clone() };
        let size = kept.size();
        stored.messages.push_back(kept);
        stored.tell(&Event::Message(Carried { position, payload }));
        store.last = offset;
        store.bytes += size;
        store.order.insert(offset, topic.into());
        store.forget(topic, self.max_age, self.max_messages);
        store.forget_oldest(self.max_age, self.max_bytes);
        Ok(position)
    }

    fn subscribe_now(&self, topic: &str, after: Option<Position>) -> Result<Feed, BoxError> {
        let mut store = self.store();
        store.forget_left(self.max_age, self.max_messages);
        store.forget(topic, self.max_age, self.max_messages);
        store.make(topic, self.max_topics)?;
        let is_gap = after.is_some_and(|after| !store.is_whole_behind(topic, after, self.epoch));
        let now = self.at(store.last);
        let Some(stored) = store.topics.get_mut(topic) else {
            return Err("the topic is gone".into());
        };
        let (writer, feed) =
            Feed::bounded(CAPACITY, Some(after.filter(|_| !is_gap).unwrap_or(now)));
        if is_gap {
            writer.write(Event::Gap(None));
        } else if let Some(after) = after {
            let behind = stored.messages.iter().filter(|kept| kept.offset > after.offset);
            behind.for_each(|kept| writer.write(Event::Message(kept.carried(self.epoch))));
        }
        stored.feeds.push(writer);
        store.settle(topic);
        Ok(feed.noted(topic.into(), store.left.clone()))
    }

    fn history_now(&self, topic: &str, since: Option<Position>, most: usize) -> History {
        let mut store = self.store();
        store.forget(topic, self.max_age, self.max_messages);
        let is_gap = since.is_some_and(|since| !store.is_whole_behind(topic, since, self.epoch));
        let end = self.at(store.last);
        let all = store.topics.get(topic).map(|stored| &stored.messages);
        let carried = |kept: &Kept| kept.carried(self.epoch);
        let messages: Vec<Carried> = match (all, since.filter(|_| !is_gap)) {
            (None, _) => Vec::new(),
            (Some(all), Some(since)) => {
                let from = all.partition_point(|kept| kept.offset <= since.offset);
                all.range(from..).take(most).map(carried).collect()
            }
            (Some(all), None) => all.range(all.len().saturating_sub(most)..).map(carried).collect(),
        };
        let kept = messages.last().map(|message| message.position);
        let last = kept.or(since.filter(|_| !is_gap)).unwrap_or(end);
        History { messages, is_gap, last }
    }
}

impl Default for InProcess {
    fn default() -> InProcess {
        InProcess::new()
    }
}

impl Broker for InProcess {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        id: &'a str,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(async move { self.publish_now(topic, id, payload) })
    }

    fn signal<'a>(
        &'a self,
        topic: &'a str,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<(), PublishError>> {
        Box::pin(async move {
            if let Some(stored) = self.store().topics.get_mut(topic) {
                stored.tell(&Event::Signal(payload));
            }
            Ok(())
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        after: Option<Position>,
    ) -> BoxFuture<'a, Result<Feed, BoxError>> {
        Box::pin(async move { self.subscribe_now(topic, after) })
    }

    fn history<'a>(
        &'a self,
        topic: &'a str,
        since: Option<Position>,
        most: usize,
    ) -> BoxFuture<'a, Result<History, BoxError>> {
        Box::pin(async move { Ok(self.history_now(topic, since, most)) })
    }

    fn is_up(&self) -> bool {
        true
    }
}

/// Messages and signals that a feed holds for its reader.
const CAPACITY: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    async fn publish(broker: &InProcess, topic: &str, id: &str) -> Position {
        broker.publish(topic, id, id.to_owned().into()).await.unwrap()
    }

    fn texts(history: &History) -> Vec<&str> {
        history.messages.iter().map(|m| std::str::from_utf8(&m.payload).unwrap()).collect()
    }

    #[tokio::test]
    async fn the_same_id_is_stored_once() {
        let broker = InProcess::new();
        let first = publish(&broker, "room", "a").await;
        assert_eq!(publish(&broker, "room", "a").await, first);
        assert_ne!(publish(&broker, "other", "a").await, first);
        assert_eq!(texts(&broker.history("room", None, 9).await.unwrap()), ["a"]);
    }

    #[tokio::test]
    async fn a_feed_goes_on_behind_a_position() {
        let broker = InProcess::new();
        let first = publish(&broker, "room", "a").await;
        publish(&broker, "other", "x").await;
        publish(&broker, "room", "b").await;
        let mut feed = broker.subscribe("room", Some(first)).await.unwrap();
        publish(&broker, "room", "c").await;
        for expected in ["b", "c"] {
            let Some(Event::Message(message)) = feed.next().await else { panic!("no message") };
            assert_eq!(message.payload, expected);
        }
    }

    #[tokio::test]
    async fn what_was_forgotten_is_a_gap() {
        let broker = InProcess::new().max_messages(2);
        let first = publish(&broker, "room", "a").await;
        for id in ["b", "c", "d"] {
            publish(&broker, "room", id).await;
        }
        let history = broker.history("room", Some(first), 9).await.unwrap();
        assert!(history.is_gap);
        assert_eq!(texts(&history), ["c", "d"]);
        let mut feed = broker.subscribe("room", Some(first)).await.unwrap();
        assert!(matches!(feed.next().await, Some(Event::Gap(None))));
        // "c" is still stored: exactly what is behind it, in pages.
        let since = history.messages[0].position;
        let history = broker.history("room", Some(since), 9).await.unwrap();
        assert!(!history.is_gap);
        assert_eq!(texts(&history), ["d"]);
    }

    #[tokio::test]
    async fn another_epoch_and_the_future_are_gaps() {
        let broker = InProcess::new();
        let position = publish(&broker, "room", "a").await;
        let other = Position { epoch: position.epoch + 1, ..position };
        assert!(broker.history("room", Some(other), 9).await.unwrap().is_gap);
        let ahead = Position { offset: position.offset + 1, ..position };
        assert!(broker.history("room", Some(ahead), 9).await.unwrap().is_gap);
    }

    #[tokio::test]
    async fn an_empty_topic_is_resumed_exactly() {
        let broker = InProcess::new();
        publish(&broker, "other", "x").await;
        let history = broker.history("room", None, 9).await.unwrap();
        assert!(!history.is_gap && history.messages.is_empty());
        publish(&broker, "room", "a").await;
        let history = broker.history("room", Some(history.last), 9).await.unwrap();
        assert!(!history.is_gap);
        assert_eq!(texts(&history), ["a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn old_messages_and_empty_topics_go() {
        let broker = InProcess::new().max_age(Duration::from_secs(10));
        publish(&broker, "room", "a").await;
        tokio::time::advance(Duration::from_secs(11)).await;
        assert!(broker.history("room", None, 9).await.unwrap().messages.is_empty());
        assert!(broker.store().topics.is_empty());
    }

    #[tokio::test]
    async fn where_there_is_no_room_the_topic_that_was_quiet_for_longest_goes() {
        let broker = InProcess::new().max_topics(2);
        let first = publish(&broker, "one", "a").await;
        publish(&broker, "two", "b").await;
        publish(&broker, "one", "c").await;
        publish(&broker, "three", "d").await;
        assert_eq!(texts(&broker.history("one", Some(first), 9).await.unwrap()), ["c"]);
        assert!(broker.history("two", None, 9).await.unwrap().messages.is_empty());
        // To subscribe makes room too. Whoever saw what went hears that something is missing.
        let _feed = broker.subscribe("two", None).await.unwrap();
        assert!(broker.history("one", Some(first), 9).await.unwrap().is_gap);
        assert_eq!(texts(&broker.history("three", None, 9).await.unwrap()), ["d"]);
    }

    #[tokio::test]
    async fn a_topic_that_has_a_feed_stays() {
        let broker = InProcess::new().max_topics(2);
        let one = broker.subscribe("one", None).await.unwrap();
        publish(&broker, "one", "a").await;
        publish(&broker, "two", "b").await;
        let _three = broker.subscribe("three", None).await.unwrap();
        assert_eq!(texts(&broker.history("one", None, 9).await.unwrap()), ["a"]);
        let refused = broker.publish("four", "c", Bytes::new()).await.unwrap_err();
        assert!(matches!(refused, PublishError::Refused(_)), "{refused}");
        assert!(broker.subscribe("four", None).await.is_err());
        drop(one);
        publish(&broker, "four", "c").await;
        assert!(broker.history("one", None, 9).await.unwrap().messages.is_empty());
    }

    #[tokio::test]
    async fn a_topic_that_nobody_published_on_goes_with_its_feed() {
        let broker = InProcess::new();
        for topic in 0..10 {
            broker.subscribe(&topic.to_string(), None).await.unwrap();
        }
        publish(&broker, "room", "a").await;
        assert_eq!(broker.store().topics.len(), 1);
    }

    /// What goes is known without a search. A search finds the same.
    #[tokio::test]
    async fn the_quiet_topics_are_those_that_a_search_finds() {
        let broker = InProcess::new().max_topics(5).max_messages(3).max_bytes(3_000);
        let mut state = 7_u64;
        // Numbers that look like chance (Knuth's MMIX).
        let mut below = |bound: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        let (mut feeds, mut refused) = (Vec::new(), 0);
        for number in 0..5_000 {
            let topic = below(8).to_string();
            let is_done = match below(12) {
                0..6 => broker.publish(&topic, &number.to_string(), Bytes::new()).await.is_ok(),
                6..11 => broker.subscribe(&topic, None).await.map(|feed| feeds.push(feed)).is_ok(),
                _ => {
                    feeds.truncate(below(feeds.len() as u64 + 1) as usize);
                    continue;
                }
            };
            refused += usize::from(!is_done);
            let store = broker.store();
            let (quiet, with_feeds) = store.searched();
            assert_eq!(store.quiet_topics(), quiet);
            assert!(store.topics.len() <= 5);
            assert!(is_done || with_feeds == 5, "refused with {with_feeds} of five");
        }
        assert!((10..4_000).contains(&refused), "{refused}");
    }

    #[tokio::test]
    async fn all_topics_together_have_a_bound() {
        let broker = InProcess::new().max_bytes(10_000);
        for number in 0..100 {
            let topic = if number % 2 == 0 { "room" } else { "other" };
            let id = number.to_string();
            broker.publish(topic, &id, Bytes::from(vec![b'x'; 1_000])).await.unwrap();
        }
        let mut left = Vec::new();
        for topic in ["room", "other"] {
            let history = broker.history(topic, None, 99).await.unwrap();
            left.extend(history.messages.iter().map(|message| message.position.offset));
        }
        left.sort_unstable();
        // 1,000 bytes and what goes with them: seven have room, and these are the newest.
        assert_eq!(left, (94..=100).collect::<Vec<u64>>());
        let store = broker.store();
        assert!(store.bytes <= 10_000 && store.order.len() == 7, "{}", store.bytes);
        let ids: usize = store.topics.values().map(|stored| stored.ids.len()).sum();
        assert_eq!(ids, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_old_goes_from_quiet_topics_too() {
        let broker = InProcess::new().max_age(Duration::from_secs(10));
        publish(&broker, "quiet", "a").await;
        tokio::time::advance(Duration::from_secs(11)).await;
        publish(&broker, "loud", "b").await;
        assert_eq!(broker.store().topics.len(), 1);
        assert_eq!(broker.store().order.len(), 1);
    }

    #[tokio::test]
    async fn a_signal_reaches_feeds_and_is_not_stored() {
        let broker = InProcess::new();
        let mut feed = broker.subscribe("room", None).await.unwrap();
        broker.signal("room", "typing".into()).await.unwrap();
        assert!(matches!(feed.next().await, Some(Event::Signal(_))));
        assert!(broker.history("room", None, 9).await.unwrap().messages.is_empty());
    }
}
