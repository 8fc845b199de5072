//! Keys that expire: who has which name, and who is where.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::kv::{self, CreateErrorKind, Operation, Store};
use async_nats::jetstream::stream::StorageType;
use bytes::Bytes;
use stickler::BoxError;

use crate::Nats;
use crate::direct;
use crate::link::Node;
use crate::subject::{hex, name};

/// A key-value bucket whose keys expire unless they are renewed.
///
/// A key has parts, so that all keys below some parts can be listed. Each part may have any text: they
/// are hex-encoded. Normalise them first where two spellings are one name.
#[derive(Clone)]
pub struct Bucket {
    node: Arc<Node>,
    store: Store,
    bucket: String,
}

/// A key that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The parts of its key.
    pub key: Vec<String>,
    /// Its value.
    pub value: Bytes,
    /// Grows each time that a key of the bucket is set.
    pub revision: u64,
}

impl Nats {
    /// Opens a bucket, or makes it; a key is gone `expiry` after it was last set.
    ///
    /// The name may have ASCII letters, digits, `-` and `_`.
    ///
    /// # Errors
    ///
    /// The broker is down, or a bucket of that name is there with another expiry.
    ///
    /// # Cancel safety
    ///
    /// Safe: the bucket may have been made.
    pub async fn bucket(&self, bucket: &str, expiry: Duration) -> Result<Bucket, BoxError> {
        if !self.node.is_up() {
            return Err("the broker is down".into());
        }
        let config = kv::Config {
            bucket: bucket.to_owned(),
            description: "Names of stickler".to_owned(),
            history: 1,
            max_age: expiry,
            storage: StorageType::File,
            num_replicas: self.node.options.replicas,
            ..kv::Config::default()
        };
        let store = self.node.jetstream.create_key_value(config).await?;
        Ok(Bucket { node: self.node.clone(), store, bucket: bucket.to_owned() })
    }
}

/// # Errors
///
/// Every method fails while the broker is down, and when it does not answer in time. What was asked
/// for may have been done then.
///
/// # Cancel safety
///
/// As after an error, what was asked for may have been done.
impl Bucket {
    /// Sets a key that is not set; false if it is, with another value.
    ///
    /// # Errors
    ///
    /// As of all.
    pub async fn create(&self, key: &[&str], value: Bytes) -> Result<bool, BoxError> {
        self.check()?;
        match self.store.create(encode(key), value.clone()).await {
            Ok(_) => Ok(true),
            // It may be this very value: the first answer was lost, and the client asked again.
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {
                Ok(self.get(key).await?.is_some_and(|entry| entry.value == value))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a key's value.
    ///
    /// # Errors
    ///
    /// As of all.
    pub async fn get(&self, key: &[&str]) -> Result<Option<Entry>, BoxError> {
        self.check()?;
        let found = self.store.entry(encode(key)).await?;
        let found = found.filter(|entry| entry.operation == Operation::Put);
        Ok(found.map(|entry| Entry {
            key: key.iter().map(|&part| part.to_owned()).collect(),
            value: entry.value,
            revision: entry.revision,
        }))
    }

    /// Sets a key to a new value, if nobody has set it since `revision`; false if somebody has, or it has expired.
    ///
    /// # Errors
    ///
    /// As of all.
    pub async fn update(
        &self,
        key: &[&str],
        value: Bytes,
        revision: u64,
    ) -> Result<bool, BoxError> {
        self.check()?;
        match self.store.update(encode(key), value.clone(), revision).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => {
                Ok(self.get(key).await?.is_some_and(|entry| entry.value == value))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Has a key live for another expiry, if it has this value or is not set; false if it has another value.
    ///
    /// # Errors
    ///
    /// As of all.
    pub async fn renew(&self, key: &[&str], value: Bytes) -> Result<bool, BoxError> {
        match self.get(key).await? {
            None => self.create(key, value).await,
            Some(entry) if entry.value == value => self.update(key, value, entry.revision).await,
            Some(_) => Ok(false),
        }
    }

    /// Removes a key, if it has this value; false if it has another, or is not set.
    ///
    /// # Errors
    ///
    /// As of all.
    pub async fn release(&self, key: &[&str], value: &[u8]) -> Result<bool, BoxError> {
        match self.get(key).await? {
            Some(entry) if entry.value == value => {
                self.store.purge_expect_revision(encode(key), Some(entry.revision)).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Sets a key, whatever it was.
    ///
    /// # Errors
    ///
    /// As of all.
    pub async fn set(&self, key: &[&str], value: Bytes) -> Result<(), BoxError> {
        self.check()?;
        self.store.put(encode(key), value).await?;
        Ok(())
    }

    /// Removes a key, whatever it was.
    ///
    /// # Errors
    ///
    /// As of all.
    pub async fn remove(&self, key: &[&str]) -> Result<(), BoxError> {
        self.check()?;
        self.store.purge(encode(key)).await?;
        Ok(())
    }

    /// Gives all keys that begin with these parts and have more, in the order of their keys.
    ///
    /// # Errors
    ///
    /// As of all.
    pub async fn list(&self, below: &[&str]) -> Result<Vec<Entry>, BoxError> {
        self.check()?;
        let before = format!("$KV.{}.", self.bucket);
        let mut parts: Vec<String> = below.iter().map(|part| hex(part)).collect();
        parts.push(">".to_owned());
        let pattern = format!("{before}{}", parts.join("."));
        let stream = format!("KV_{}", self.bucket);
        let (client, timeout) = (&self.node.client, self.node.options.timeout);
        let mut entries = BTreeMap::new();
        let mut from = 1;
        loop {
            let found =
                direct::read_subject(client, &stream, &pattern, from, BATCH, timeout).await?;
            let is_last = found.last().is_none_or(|found| found.pending == 0);
            for found in found {
                from = found.sequence + 1;
                let key = found.subject.strip_prefix(&before).unwrap_or_default();
                let Some(key) = key.split('.').map(name).collect::<Option<Vec<String>>>() else {
                    continue;
                };
                // One that is set again while this reads comes a second time, and the newest counts.
                if found.headers.get("KV-Operation").is_some() {
                    entries.remove(&key);
                } else {
                    let (value, revision) = (found.payload, found.sequence);
                    entries.insert(key.clone(), Entry { key, value, revision });
                }
            }
            if is_last {
                return Ok(entries.into_values().collect());
            }
        }
    }

    fn check(&self) -> Result<(), BoxError> {
        if self.node.is_up() { Ok(()) } else { Err("the broker is down".into()) }
    }
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

fn encode(key: &[&str]) -> String {
    key.iter().map(|part| hex(part)).collect::<Vec<_>>().join(".")
}

/// Keys of one answer.
const BATCH: u64 = 256;
