//! Who has which nickname, on all nodes that share the names.
//!
//! A key is a room and the fold of a nickname, in hexadecimal digits. Its value says who has it. A value that
//! is not renewed is gone after [`KEPT`]: so a nickname is kept for so long after its connection has ended,
//! and those of a node that died come back by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stickler::BoxError;
use stickler::broker::BoxFuture;
use stickler::bytes::Bytes;
use tokio::time::Instant;

/// Values by key, each of which is gone after [`KEPT`] unless it is renewed.
pub(crate) trait Names: Send + Sync + 'static {
    /// Sets a value where there is none; false where there is one.
    fn create<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, Result<bool, BoxError>>;

    /// The value of a key.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, BoxError>>;

    /// Sets the value, which lasts from now on.
    fn renew<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, Result<(), BoxError>>;

    /// Removes the value.
    fn release<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), BoxError>>;

    /// The values of the keys that begin so.
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Bytes>, BoxError>>;
}

/// The names of one process.
#[derive(Default)]
pub(crate) struct LocalNames {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_key: BTreeMap<Arc<str>, (Bytes, Instant)>,
    /// When each is over, so that those that are need no search.
    by_time: BTreeSet<(Instant, Arc<str>)>,
}

impl LocalNames {
    fn with<'a, T: Send + 'a>(
        &'a self,
        work: impl FnOnce(&mut Entries) -> Result<T, BoxError> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, BoxError>> {
        Box::pin(
            async move { work(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner)) },
        )
    }
}

impl Entries {
    fn value(&self, key: &str) -> Option<&Bytes> {
        let (value, until) = self.by_key.get(key)?;
        (*until > Instant::now()).then_some(value)
    }

    fn insert(&mut self, key: &str, value: Bytes) -> Result<(), BoxError> {
        let now = Instant::now();
        while let Some((until, _)) = self.by_time.first()
            && *until <= now
            && let Some((_, over)) = self.by_time.pop_first()
        {
            self.by_key.remove(&over);
        }
        if self.by_key.len() >= MOST_NAMES && !self.by_key.contains_key(key) {
            return Err("too many nicknames are in use".into());
        }
        self.remove(key);
        let (key, until) = (Arc::<str>::from(key), now + KEPT);
        self.by_time.insert((until, key.clone()));
        self.by_key.insert(key, (value, until));
        Ok(())
    }

    fn remove(&mut self, key: &str) {
        if let Some((key, (_, until))) = self.by_key.remove_entry(key) {
            self.by_time.remove(&(until, key));
        }
    }
}

impl Names for LocalNames {
    fn create<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, Result<bool, BoxError>> {
        self.with(move |entries| {
            let is_free = entries.value(key).is_none();
            if is_free {
                entries.insert(key, value)?;
            }
            Ok(is_free)
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, BoxError>> {
        self.with(move |entries| Ok(entries.value(key).cloned()))
    }

    fn renew<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, Result<(), BoxError>> {
        self.with(move |entries| entries.insert(key, value))
    }

    fn release<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
        self.with(move |entries| {
            entries.remove(key);
            Ok(())
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Bytes>, BoxError>> {
        self.with(move |entries| {
            let now = Instant::now();
            let from = entries.by_key.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
            let those = from.take_while(|(key, _)| key.starts_with(prefix));
            Ok(those
                .filter(|(_, (_, until))| *until > now)
                .map(|(_, (value, _))| value.clone())
                .collect())
        })
    }
}

/// How long a value lasts that is not renewed.
pub(crate) const KEPT: Duration = Duration::from_secs(30);

/// Names at once, so that nobody fills the memory with them.
const MOST_NAMES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_name_is_kept_for_thirty_seconds_after_it_was_renewed() {
        let names = LocalNames::default();
        assert!(names.create("a.1", Bytes::from_static(b"x")).await.unwrap());
        tokio::time::advance(KEPT - Duration::from_millis(1)).await;
        assert!(!names.create("a.1", Bytes::from_static(b"y")).await.unwrap());
        names.renew("a.1", Bytes::from_static(b"z")).await.unwrap();
        tokio::time::advance(KEPT - Duration::from_millis(1)).await;
        assert_eq!(names.get("a.1").await.unwrap().as_deref(), Some(&b"z"[..]));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(names.get("a.1").await.unwrap(), None);
        assert!(names.create("a.1", Bytes::from_static(b"y")).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn names_that_are_over_make_room_where_there_is_none() {
        let names = LocalNames::default();
        let take = async |key: usize| names.create(&key.to_string(), Bytes::new()).await;
        for key in 0..MOST_NAMES {
            assert!(take(key).await.unwrap());
        }
        tokio::time::advance(KEPT / 2).await;
        names.renew("0", Bytes::new()).await.unwrap();
        assert!(take(MOST_NAMES).await.is_err());
        tokio::time::advance(KEPT / 2).await;
        assert!(take(MOST_NAMES).await.unwrap());
        assert!(!take(0).await.unwrap());
        names.release("0").await.unwrap();
        let entries = names.entries.lock().unwrap();
        assert_eq!(entries.by_key.len(), 1);
    }

    #[tokio::test]
    async fn a_list_has_the_names_of_its_room() {
        let names = LocalNames::default();
        for key in ["61.1", "61.2", "6161.3"] {
            assert!(names.create(key, Bytes::from(key)).await.unwrap());
        }
        assert_eq!(names.list("61.").await.unwrap(), ["61.1", "61.2"]);
        names.release("61.1").await.unwrap();
        assert_eq!(names.list("61.").await.unwrap(), ["61.2"]);
    }
}
