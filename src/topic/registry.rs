//! Topics by name: each is there as long as somebody has it.
//!
//! The register knows topics weakly. A subscription or a [`Topic`] keeps one; when the last of them
//! goes, the topic leaves the register. So whoever has a topic of some name has the only one of
//! that name, and a publisher never sends to one that was forgotten.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{Shared, Subscription, Topic};
use crate::net::Sender;
use crate::proto::prepared::Prepared;

/// Topics by name: the rooms of a chat, say. Cheap to clone; clones have the same topics.
///
/// A topic is there from its first subscriber, or the first call of [`Topics::topic`], until its
/// last [`Subscription`] and its last [`Topic`] are dropped; then nothing of it is left. How long
/// names may be, and who may choose them, is the application's matter.
///
/// ```
/// use stickler::{Incoming, Prepared, Topics};
///
/// async fn join(incoming: Incoming, rooms: Topics) -> stickler::Result<()> {
///     let room = rooms.topic("room/7");
///     let (mut receiver, sender) = incoming.accept()?.split();
///     let me = room.subscribe(&sender);
///     room.publish(Prepared::text(format!("{} are here", room.subscribers())));
///     while let Some(message) = receiver.recv().await? {
///         if let Some(text) = message.as_text() {
///             room.publish_except(Prepared::text(text), &me);
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Default)]
pub struct Topics {
    registry: Arc<Registry>,
}

#[derive(Default)]
pub(super) struct Registry {
    /// No topic is dropped under this lock: it takes the lock to leave.
    topics: Mutex<HashMap<Arc<str>, Weak<Shared>>>,
}

/// Where a topic is known by its name. Dropped with the topic, it takes the name out.
pub(super) struct Home {
    registry: Weak<Registry>,
    name: Arc<str>,
}

impl Topics {
    /// A registry without topics.
    #[must_use]
    pub fn new() -> Topics {
        Topics::default()
    }

    /// The topic of this name. It stays known as long as this is kept, also without subscribers.
    #[must_use]
    pub fn topic(&self, name: &str) -> Topic {
        let mut topics = self.registry.lock();
        if let Some(shared) = topics.get(name).and_then(Weak::upgrade) {
            return Topic { shared };
        }
        let name: Arc<str> = name.into();
        let home = Home { registry: Arc::downgrade(&self.registry), name: name.clone() };
        let shared = Arc::new(Shared { _home: Some(home), ..Shared::default() });
        // One that is being dropped makes way for this one.
        topics.insert(name, Arc::downgrade(&shared));
        Topic { shared }
    }

    /// As [`Topic::subscribe`], to the topic of this name.
    pub fn subscribe(&self, name: &str, sender: &Sender) -> Subscription {
        self.topic(name).subscribe(sender)
    }

    /// As [`Topic::publish`], on the topic of this name; 0 if there is none.
    pub fn publish(&self, name: &str, message: impl Into<Prepared>) -> usize {
        self.find(name).map_or(0, |topic| topic.publish(message))
    }

    /// As [`Topic::publish_except`], on the topic of this name; 0 if there is none.
    pub fn publish_except(
        &self,
        name: &str,
        message: impl Into<Prepared>,
        except: &Subscription,
    ) -> usize {
        self.find(name).map_or(0, |topic| topic.publish_except(message, except))
    }

    /// As [`Topic::publish_latest`], on the topic of this name; 0 if there is none.
    pub fn publish_latest(
        &self,
        name: &str,
        key: impl AsRef<[u8]>,
        message: impl Into<Prepared>,
    ) -> usize {
        self.find(name).map_or(0, |topic| topic.publish_latest(key, message))
    }

    /// As [`Topic::subscribers`], of the topic of this name; 0 if there is none.
    #[must_use]
    pub fn subscribers(&self, name: &str) -> usize {
        self.find(name).map_or(0, |topic| topic.subscribers())
    }

    /// The names of the topics that are there, in no order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.registry.lock().keys().map(|name| (**name).to_owned()).collect()
    }

    /// How many topics are there.
    #[must_use]
    pub fn len(&self) -> usize {
        self.registry.lock().len()
    }

    /// Whether no topic is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find(&self, name: &str) -> Option<Topic> {
        let shared = self.registry.lock().get(name).and_then(Weak::upgrade)?;
        Some(Topic { shared })
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topics").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Weak<Shared>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let Some(registry) = self.registry.upgrade() else { return };
        let mut topics = registry.lock();
        // A new topic may have taken the name since the last handle of this one was dropped.
        if topics.get(&self.name).is_some_and(|topic| topic.strong_count() == 0) {
            topics.remove(&self.name);
            if topics.len() < topics.capacity() / 4 {
                topics.shrink_to_fit();
            }
        }
        drop(topics);
        // This may be the last handle of the registry, which then goes without the lock.
        drop(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last handle of a topic is dropped on one thread, and before the topic has left another
    /// thread asks for its name.
    #[test]
    fn a_topic_that_goes_does_not_take_a_newer_one_along() {
        let topics = Topics::new();
        let going = Home { registry: Arc::downgrade(&topics.registry), name: "room".into() };
        topics.registry.lock().insert(going.name.clone(), Weak::new());
        assert!(topics.find("room").is_none());
        let newer = topics.topic("room");
        drop(going);
        assert_eq!(topics.names(), ["room"]);
        let same = topics.find("room").unwrap();
        assert!(Arc::ptr_eq(&same.shared, &newer.shared));
        drop((newer, same));
        assert!(topics.is_empty());
    }
}
