//! The queue between a broker and the node that reads it. It is bounded: what it drops becomes a gap.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Event, Position};

/// What comes on one topic, in its order.
#[derive(Debug)]
pub struct Feed {
    shared: Arc<Shared>,
    /// Dropped after `drop` has run, so whoever reads it finds this feed closed.
    _leaving: Option<Leaving>,
}

/// The writing end of a [`Feed`], for brokers. Dropping it ends the feed.
#[derive(Debug)]
pub struct FeedWriter {
    shared: Arc<Shared>,
}

/// The topics of feeds that were dropped, for a broker that looks only when it has to do anyway.
#[derive(Debug, Default)]
pub(super) struct Left(Mutex<Vec<Arc<str>>>);

/// Notes the topic of a feed when it is dropped.
#[derive(Debug)]
struct Leaving {
    topic: Arc<str>,
    left: Arc<Left>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Notify,
    /// Told when the [`Feed`] is dropped.
    left: Notify,
}

#[derive(Debug)]
struct Queue {
    events: VecDeque<Event>,
    /// Messages and signals in `events`, at most `capacity`.
    held: usize,
    capacity: usize,
    /// Where the newest message stands that was queued.
    last: Option<Position>,
    is_ended: bool,
    is_left: bool,
}

impl Feed {
    /// Gives both ends of a feed that holds at most `capacity` messages and signals, or one if that is 0.
    ///
    /// `after` is the position that the first message follows, if that is known.
    pub fn bounded(capacity: usize, after: Option<Position>) -> (FeedWriter, Feed) {
        let queue = Queue {
            events: VecDeque::new(),
            held: 0,
            capacity: capacity.max(1),
            last: after,
            is_ended: false,
            is_left: false,
        };
        let shared = Arc::new(Shared {
            queue: Mutex::new(queue),
            changed: Notify::new(),
            left: Notify::new(),
        });
        (FeedWriter { shared: shared.clone() }, Feed { shared, _leaving: None })
    }

    /// Has the topic noted there when this is dropped.
    pub(super) fn noted(mut self, topic: Arc<str>, left: Arc<Left>) -> Feed {
        self._leaving = Some(Leaving { topic, left });
        self
    }

    /// Waits for the next event; `None` when the broker has ended the feed.
    ///
    /// # Cancel safety
    ///
    /// Safe: an event leaves the queue only when it is given.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            {
                let mut queue = self.shared.lock();
                if let Some(event) = queue.take() {
                    return Some(event);
                }
                if queue.is_ended {
                    return None;
                }
            }
            // There is one reader, and `Notify` keeps one permit: a change since the lock is not missed.
            self.shared.changed.notified().await;
        }
    }
}

impl FeedWriter {
    /// Queues an event and does not wait.
    ///
    /// A message for which there is no room is dropped, and the feed has a gap there. A signal for
    /// which there is no room is dropped.
    pub fn write(&self, event: Event) {
        self.shared.lock().add(event);
        self.shared.changed.notify_one();
    }

    /// Waits until the feed is dropped. One task may wait.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only looks.
    pub async fn closed(&self) {
        while !self.is_closed() {
            self.shared.left.notified().await;
        }
    }

    /// Whether the feed was dropped, so that nobody reads what is written.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().is_left
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.lock().is_left = true;
        self.shared.left.notify_one();
    }
}

impl Drop for FeedWriter {
    fn drop(&mut self) {
        self.shared.lock().is_ended = true;
        self.shared.changed.notify_one();
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.left.lock().push(self.topic.clone());
    }
}

impl Left {
    /// Gives them, each once for each feed.
    pub(super) fn take(&self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn take(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if matches!(event, Event::Message(_) | Event::Signal(_)) {
            self.held -= 1;
        }
        Some(event)
    }

    fn add(&mut self, event: Event) {
        match event {
            Event::Message(_) if self.held >= self.capacity => self.add_gap(self.last),
            Event::Signal(_) if self.held >= self.capacity => {}
            Event::Message(message) => {
                self.last = Some(message.position);
                self.held += 1;
                self.events.push_back(Event::Message(message));
            }
            Event::Signal(payload) => {
                self.held += 1;
                self.events.push_back(Event::Signal(payload));
            }
            Event::Gap(position) => self.add_gap(position),
            // Only the newest state counts: so the queue has one of these at most.
            Event::Down | Event::Up => {
                self.events.retain(|event| !matches!(event, Event::Down | Event::Up));
                self.events.push_back(event);
            }
        }
    }

    /// Adds a gap, or widens the one that no message has followed yet: so gaps are bounded too.
    fn add_gap(&mut self, position: Option<Position>) {
        let behind = self.events.iter_mut().rev();
        for event in behind.take_while(|event| !matches!(event, Event::Message(_))) {
            if let Event::Gap(known) = event {
                if position.is_none() {
                    *known = None;
                }
                return;
            }
        }
        self.events.push_back(Event::Gap(position));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Carried;
    use super::*;

    fn message(offset: u64) -> Event {
        let position = Position { epoch: 1, offset };
        Event::Message(Carried { position, payload: offset.to_string().into() })
    }

    /// Everything that the feed holds, in short.
    async fn rest(mut feed: Feed) -> String {
        let mut all = Vec::new();
        while let Some(event) = feed.next().await {
            all.push(match event {
                Event::Message(message) => message.position.offset.to_string(),
                Event::Signal(_) => "signal".into(),
                Event::Gap(Some(position)) => format!("gap {}", position.offset),
                Event::Gap(None) => "gap".into(),
                Event::Down => "down".into(),
                Event::Up => "up".into(),
            });
        }
        all.join(", ")
    }

    #[tokio::test]
    async fn what_finds_no_room_becomes_one_gap() {
        let (writer, feed) = Feed::bounded(2, None);
        for offset in 1..=4 {
            writer.write(message(offset));
        }
        writer.write(Event::Signal("lost".into()));
        drop(writer);
        assert_eq!(rest(feed).await, "1, 2, gap 2");
    }

    #[tokio::test]
    async fn messages_go_on_behind_a_gap() {
        let (writer, mut feed) = Feed::bounded(1, Some(Position { epoch: 1, offset: 7 }));
        writer.write(Event::Signal("typing".into()));
        writer.write(message(8));
        assert!(matches!(feed.next().await, Some(Event::Signal(_))));
        writer.write(message(9));
        drop(writer);
        assert_eq!(rest(feed).await, "gap 7, 9");
    }

    #[tokio::test]
    async fn states_and_gaps_are_bounded() {
        let (writer, feed) = Feed::bounded(1, None);
        for _ in 0..1_000 {
            writer.write(Event::Down);
            writer.write(Event::Gap(Some(Position { epoch: 1, offset: 1 })));
            writer.write(Event::Up);
            writer.write(Event::Gap(None));
        }
        drop(writer);
        assert_eq!(rest(feed).await, "gap, up");
    }

    #[tokio::test]
    async fn a_waiting_reader_is_woken() {
        let (writer, mut feed) = Feed::bounded(1, None);
        let reader = tokio::spawn(async move { feed.next().await.is_some() });
        tokio::task::yield_now().await;
        writer.write(Event::Up);
        assert!(reader.await.unwrap());
        writer.closed().await;
    }
}
