//! Values that a peer cannot take yet: the newest one of each key.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::proto::prepared::Prepared;

/// What a value is of.
pub(crate) type Key = Arc<[u8]>;

/// The newest value of each key, in the order in which the keys came. A newer value takes the place of
/// the older one of its key.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    /// The keys of `values`, each once.
    order: VecDeque<Key>,
    /// `None` where the newest value was too much: the older one is outdated, and not sent either.
    values: HashMap<Key, Option<Prepared>>,
    /// Bytes that keys and values take.
    len: usize,
}

impl Latest {
    /// Keeps the newest value of a key, unless those of other keys take `bound` bytes or more. Says
    /// whether it is kept.
    #[must_use]
    pub(crate) fn keep(&mut self, key: &Key, message: &Prepared, bound: usize) -> bool {
        if let Some(value) = self.values.get_mut(key) {
            self.len -= value.take().as_ref().map_or(0, weight);
            // As for the queue: what is there is held against the bound, not what comes.
            if self.len >= bound {
                return false;
            }
            self.len += weight(message);
            *value = Some(message.clone());
            return true;
        }
        if self.len >= bound {
            return false;
        }
        self.len += key_weight(key) + weight(message);
        self.order.push_back(key.clone());
        self.values.insert(key.clone(), Some(message.clone()));
        true
    }

    /// Whether none is kept.
    pub(in crate::net) fn is_empty(&mut self) -> bool {
        self.first().is_none()
    }

    /// The value whose turn it is.
    pub(in crate::net) fn first(&mut self) -> Option<&Prepared> {
        while let Some(key) = self.order.front()
            && self.values.get(key).is_some_and(Option::is_none)
        {
            self.drop_first();
        }
        self.order.front().and_then(|key| self.values.get(key)).and_then(Option::as_ref)
    }

    /// The value whose turn it was is sent.
    pub(in crate::net) fn drop_first(&mut self) {
        let Some(key) = self.order.pop_front() else { return };
        let value = self.values.remove(&key).flatten();
        self.len -= key_weight(&key) + value.as_ref().map_or(0, weight);
    }
}

/// Bytes that a value takes; other connections may have the same.
fn weight(message: &Prepared) -> usize {
    message.frame().len() + MESSAGE_OVERHEAD
}

/// Bytes that a key takes, in `order` and in `values`.
fn key_weight(key: &Key) -> usize {
    key.len() + KEY_OVERHEAD
}

/// Two handles, the reference counts, the handle of the value, and what tables leave free.
const KEY_OVERHEAD: usize = 96;

/// What [`Prepared`] has beside its frame: reference counts, and places for compressed frames.
const MESSAGE_OVERHEAD: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        name.as_bytes().into()
    }

    fn all(latest: &mut Latest) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(message) = latest.first() {
            all.push(String::from_utf8(message.frame()[2..].to_vec()).unwrap());
            latest.drop_first();
        }
        assert_eq!((latest.len, latest.values.len(), latest.order.len()), (0, 0, 0));
        all
    }

    #[test]
    fn a_newer_value_takes_the_place_of_the_older() {
        let mut latest = Latest::default();
        for (name, value) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("c", "c1"), ("a", "a3")] {
            assert!(latest.keep(&key(name), &Prepared::text(value), 10_000));
        }
        assert_eq!(all(&mut latest), ["a3", "b1", "c1"]);
    }

    #[test]
    fn what_is_outdated_is_not_sent_where_the_newest_was_too_much() {
        let mut latest = Latest::default();
        let (long, short) = (Prepared::text("x".repeat(100)), Prepared::text("b1"));
        // What a short value and two keys take.
        let bound = 2 * key_weight(&key("a")) + weight(&short);
        assert!(latest.keep(&key("a"), &short, bound + 1));
        assert!(latest.keep(&key("b"), &long, bound + 1));
        assert!(!latest.keep(&key("c"), &short, bound + 1));
        assert!(!latest.keep(&key("a"), &short, bound + 1));
        assert!(latest.keep(&key("b"), &short, bound + 1));
        assert!(!latest.keep(&key("a"), &short, bound));
        assert_eq!(all(&mut latest), ["b1"]);
    }

    #[test]
    fn a_key_that_was_too_much_keeps_one_place() {
        let mut latest = Latest::default();
        assert!(latest.keep(&key("a"), &Prepared::text("a1"), 10_000));
        for _ in 0..1000 {
            assert!(!latest.keep(&key("a"), &Prepared::text("a2"), 1));
        }
        assert_eq!(latest.order.len(), 1);
        assert!(latest.keep(&key("a"), &Prepared::text("a3"), 10_000));
        assert_eq!(all(&mut latest), ["a3"]);
    }
}
