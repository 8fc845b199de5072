//! Rooms of several nodes: messages go by NATS, and nicknames are in a bucket there.

use std::io;
use std::sync::Arc;

use stickler::BoxError;
use stickler::broker::BoxFuture;
use stickler::bytes::Bytes;
use stickler_nats::{Bucket, Nats, Options};
use tokio::sync::Mutex;

use super::names::{KEPT, Names};
use super::{Rooms, background};

/// Connects to NATS. Blocks until that is done; `None` where `ended` is over first.
///
/// # Errors
/// No thread can be started, or the sentence of the crate says why there is no connection.
pub(crate) fn rooms(
    options: Options,
    ended: impl Future<Output = ()>,
) -> io::Result<Option<Arc<Rooms>>> {
    let runtime = background()?;
    let connected = runtime.block_on(async {
        tokio::select! {
            biased;
            () = ended => None,
            nats = Nats::connect(options) => Some(nats),
        }
    });
    let Some(nats) = connected.transpose().map_err(io::Error::other)? else { return Ok(None) };
    let names = NatsNames { nats: nats.clone(), bucket: Mutex::default() };
    Ok(Some(Arc::new(Rooms::new(Arc::new(nats), Arc::new(names), runtime))))
}

/// Nicknames in a bucket, which is opened when it is first asked, and again after an error.
struct NatsNames {
    nats: Nats,
    bucket: Mutex<Option<Bucket>>,
}

impl NatsNames {
    async fn bucket(&self) -> Result<Bucket, BoxError> {
        let mut bucket = self.bucket.lock().await;
        if let Some(bucket) = &*bucket {
            return Ok(bucket.clone());
        }
        let opened = self.nats.bucket(BUCKET, KEPT).await?;
        *bucket = Some(opened.clone());
        Ok(opened)
    }

    /// A bucket that fails may have been deleted: the next call opens it anew.
    async fn forget_on_error<T>(&self, done: Result<T, BoxError>) -> Result<T, BoxError> {
        if done.is_err() {
            *self.bucket.lock().await = None;
        }
        done
    }
}

impl Names for NatsNames {
    fn create<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, Result<bool, BoxError>> {
        Box::pin(async move {
            let bucket = self.bucket().await?;
            self.forget_on_error(bucket.create(&parts(key), value).await).await
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, BoxError>> {
        Box::pin(async move {
            let bucket = self.bucket().await?;
            let entry = self.forget_on_error(bucket.get(&parts(key)).await).await?;
            Ok(entry.map(|entry| entry.value))
        })
    }

    fn renew<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let bucket = self.bucket().await?;
            self.forget_on_error(bucket.set(&parts(key), value).await).await
        })
    }

    fn release<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let bucket = self.bucket().await?;
            self.forget_on_error(bucket.remove(&parts(key)).await).await
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Bytes>, BoxError>> {
        Box::pin(async move {
            let bucket = self.bucket().await?;
            let below = parts(prefix.trim_end_matches('.'));
            let entries = self.forget_on_error(bucket.list(&below).await).await?;
            Ok(entries.into_iter().map(|entry| entry.value).collect())
        })
    }
}

/// A key is a room and a nickname with a dot between.
fn parts(key: &str) -> Vec<&str> {
    key.split('.').collect()
}

/// The bucket of nicknames, in NATS.
const BUCKET: &str = "STICKLER-NAMES";
