//! A nickname in a room, and the secret that proves whose it is.

use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use stickler::BoxError;
use stickler::bytes::Bytes;
use tokio::sync::Mutex;

use super::names::Names;
use super::naming::fold;
use super::reply::{Fault, to_json};
use super::request::Join;
use super::rooms::Rooms;

/// A nickname that a connection has.
///
/// | state | its value in the names | renewed |
/// |---|---|---|
/// | present | `is_present` | by the room |
/// | kept | not `is_present` | once, when the connection ends: it is gone 30 s later |
#[derive(Clone)]
pub(super) struct Claim {
    pub(super) nickname: String,
    /// Which key of the names it is.
    pub(super) key: String,
    pub(super) secret: String,
    /// Of this connection: another one of the same nickname has another.
    session: String,
    names: Arc<dyn Names>,
    /// Whether it was given up, or is only kept: a renewal on its way would undo that.
    is_over: Arc<Mutex<bool>>,
}

/// What the names say of a nickname.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) nickname: String,
    /// Whoever reads it cannot prove anything with it.
    digest: String,
    session: String,
    pub(super) is_present: bool,
}

impl Claim {
    /// Takes a nickname for a connection, or takes it over from an earlier one that has the same secret.
    ///
    /// # Errors
    /// Somebody else has it, or one that looks alike; or the names cannot be reached.
    pub(super) async fn take(rooms: &Rooms, join: &Join) -> Result<Claim, Fault> {
        let names = &rooms.names;
        let unreachable_names = |error| unreachable_names(rooms, error);
        let random = || token().map_err(|error| unreachable_names(error.to_string().into()));
        let secret = match &join.secret {
            Some(secret) => secret.clone(),
            None => random()?,
        };
        let claim = Claim {
            nickname: join.nickname.clone(),
            key: format!("{}{}", prefix(&join.room), hex(fold(&join.nickname).as_bytes())),
            secret,
            session: random()?,
            names: names.clone(),
            is_over: Arc::default(),
        };
        for _ in 0..TRIES {
            let value = claim.value(true);
            if names.create(&claim.key, value.clone()).await.map_err(unreachable_names)? {
                return Ok(claim);
            }
            let known = names.get(&claim.key).await.map_err(unreachable_names)?;
            // Gone since: the next try may get it.
            let Some(known) = known.as_deref().and_then(entry) else { continue };
            known.admit(&claim, join)?;
            names.renew(&claim.key, value).await.map_err(unreachable_names)?;
            return Ok(claim);
        }
        Err(Fault::unavailable())
    }

    /// Makes it last, unless this connection has given it up. False: another connection has it now.
    ///
    /// # Errors
    /// The names cannot be reached.
    pub(super) async fn renew(&self) -> Result<bool, BoxError> {
        // Held to the end: what gives it up waits for that.
        let is_over = self.is_over.lock().await;
        if *is_over {
            return Ok(true);
        }
        let known = self.names.get(&self.key).await?;
        let is_mine = known.as_deref().and_then(entry).is_none_or(|known| known.is_of(self));
        if is_mine {
            self.names.renew(&self.key, self.value(true)).await?;
        }
        Ok(is_mine)
    }

    /// The connection is gone: the nickname is kept for a while, unless another connection has it already.
    ///
    /// # Errors
    /// The names cannot be reached. It is gone by itself then.
    pub(super) async fn keep(&self) -> Result<(), BoxError> {
        *self.is_over.lock().await = true;
        let known = self.names.get(&self.key).await?;
        if known.as_deref().and_then(entry).is_some_and(|known| known.is_of(self)) {
            self.names.renew(&self.key, self.value(false)).await?;
        }
        Ok(())
    }

    /// Gives the nickname up, unless another connection has it already.
    ///
    /// # Errors
    /// The names cannot be reached. It is gone by itself then.
    pub(super) async fn release(&self) -> Result<(), BoxError> {
        *self.is_over.lock().await = true;
        let known = self.names.get(&self.key).await?;
        if known.as_deref().and_then(entry).is_some_and(|known| known.is_of(self)) {
            self.names.release(&self.key).await?;
        }
        Ok(())
    }

    /// The id under which the broker stores what is said: nobody else can make the same.
    pub(super) fn message_id(&self, id: &str) -> String {
        format!("{}.{id}", digest(&self.secret))
    }

    fn value(&self, is_present: bool) -> Bytes {
        let entry = Entry {
            nickname: self.nickname.clone(),
            digest: digest(&self.secret),
            session: self.session.clone(),
            is_present,
        };
        to_json(&entry).into()
    }
}

impl Entry {
    fn is_of(&self, claim: &Claim) -> bool {
        self.session == claim.session
    }

    fn admit(&self, claim: &Claim, join: &Join) -> Result<(), Fault> {
        if self.digest == digest(&claim.secret) {
            return Ok(());
        }
        if join.secret.is_some() {
            let sentence = "this secret is not that of the nickname";
            return Err(Fault::new("wrong_secret", sentence).field("secret"));
        }
        let sentence = if self.nickname == claim.nickname {
            "somebody in this room has this nickname"
        } else {
            "somebody in this room has a nickname that looks like this one"
        };
        Err(Fault::new("taken", sentence).field("nickname"))
    }
}

/// What the keys of a room begin with.
pub(super) fn prefix(room: &str) -> String {
    format!("{}.", hex(room.as_bytes()))
}

/// Reads a value of the names. Another program may have written it.
pub(super) fn entry(value: &[u8]) -> Option<Entry> {
    serde_json::from_slice(value).ok()
}

fn unreachable_names(rooms: &Rooms, error: BoxError) -> Fault {
    if let Some(suppressed) = rooms.lines.unreachable_names.admit(Instant::now()) {
        tracing::warn!(%error, suppressed, "the nicknames of the chat cannot be reached");
    }
    Fault::unavailable()
}

/// 128 random bits.
fn token() -> Result<String, getrandom::Error> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}

fn digest(secret: &str) -> String {
    hex(&Sha1::digest(secret.as_bytes()))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// How often a nickname is tried that is taken, and free when one looks.
const TRIES: usize = 3;
