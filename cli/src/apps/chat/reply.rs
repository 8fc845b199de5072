//! What the server sends: text messages, each with one JSON object.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stickler::broker::Position;

use super::{member, naming, past};

/// A message to one member, or to all of a room.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Reply<'a> {
    Message { offset: u64, epoch: String, nickname: &'a str, text: &'a str, time: u64, id: &'a str },
    Accepted { id: &'a str, offset: u64, epoch: String },
    Refused { id: &'a str, message: &'a str },
    Unknown { id: &'a str },
    Came { nickname: &'a str },
    Left { nickname: &'a str },
    Typing { nickname: &'a str },
    Gap { epoch: String, offset: u64 },
    Degraded,
    Restored,
    Error(&'a Fault),
}

impl Reply<'_> {
    /// As it goes to a client.
    pub(super) fn json(&self) -> String {
        to_json(self)
    }

    pub(super) fn gap(position: Position) -> Reply<'static> {
        Reply::Gap { epoch: position.epoch.to_string(), offset: position.offset }
    }
}

/// The answer to `join`.
#[derive(Serialize)]
pub(super) struct Joined<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) room: &'a str,
    pub(super) nickname: &'a str,
    pub(super) secret: &'a str,
    pub(super) epoch: String,
    pub(super) offset: u64,
    pub(super) members: Vec<&'a str>,
    pub(super) gap: bool,
    pub(super) limits: Limits,
}

impl Joined<'_> {
    /// As it goes to the client, with these messages as its history: they are JSON already.
    pub(super) fn json(&self, history: &[Arc<str>]) -> String {
        let mut json = to_json(self);
        json.truncate(json.len().saturating_sub(1));
        json.reserve(history.iter().map(|message| message.len() + 1).sum::<usize>() + 16);
        json.push_str(",\"history\":[");
        for (index, message) in history.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            json.push_str(message);
        }
        json.push_str("]}");
        json
    }
}

/// What a client may do, so that its page need not find out.
#[derive(Serialize)]
pub(super) struct Limits {
    text_chars: usize,
    text_bytes: usize,
    burst: u32,
    per_second: u32,
    history: usize,
}

impl Limits {
    pub(super) fn new() -> Limits {
        Limits {
            text_chars: naming::MOST_TEXT_CHARS,
            text_bytes: naming::MOST_TEXT_BYTES,
            burst: member::BURST,
            per_second: member::PER_SECOND,
            history: past::MOST,
        }
    }
}

/// What somebody said, as the broker has it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) nickname: String,
    pub(super) text: String,
    /// Milliseconds since 1970, by the clock of the node that took it.
    pub(super) time: u64,
    pub(super) id: String,
}

impl Said {
    /// As members get it.
    pub(super) fn json(&self, position: Position) -> String {
        let Said { nickname, text, time, id } = self;
        let (offset, epoch) = (position.offset, position.epoch.to_string());
        Reply::Message { offset, epoch, nickname, text, time: *time, id }.json()
    }
}

/// What goes between nodes and is worth something only now.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Signal {
    Came {
        nickname: String,
        /// The room that has told its members already. An older node does not say it.
        #[serde(default)]
        room_id: u64,
    },
    Left {
        nickname: String,
        #[serde(default)]
        room_id: u64,
    },
    Typing {
        nickname: String,
    },
}

/// What is wrong with a message of a client. The connection stays open.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    /// Of the `say` that has the fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Fault {
        Fault { code, field: None, id: None, message: message.into() }
    }

    pub(super) fn field(self, name: impl Into<String>) -> Fault {
        Fault { field: Some(name.into()), ..self }
    }

    pub(super) fn id(self, id: &str) -> Fault {
        Fault { id: Some(id.into()), ..self }
    }

    /// The field is one of the object in this field.
    pub(super) fn within(self, outer: &str) -> Fault {
        let field = self.field.map(|inner| format!("{outer}.{inner}"));
        Fault { field, ..self }
    }

    pub(super) fn unavailable() -> Fault {
        Fault::new("unavailable", "the chat cannot be reached at present; try again")
    }
}

pub(super) fn to_json(value: &impl Serialize) -> String {
    // Only a map whose keys are no strings fails, and there is none.
    serde_json::to_string(value).unwrap_or_default()
}
