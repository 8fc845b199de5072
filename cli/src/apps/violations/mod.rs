//! The gallery of rules: a WebSocket that plays a client which breaks one, against a server in memory, and tells
//! what that server answered.
//!
//! A browser cannot send a broken frame. It names a rule of the table, never bytes and never a place to send them
//! to: no connection is opened. A connection has one play at a time, as its requests are answered in order.

mod answer;
mod pieces;
mod play;
mod rules;

use serde::Deserialize;
use serde_json::{Value, json};
use stickler::Incoming;
use tokio::sync::Semaphore;

use self::play::Stage;
use self::rules::{RULES, Rule};

/// Where rules are played.
pub(crate) struct Gallery {
    stage: Stage,
    /// One permit for each play that goes on at the same time.
    seats: Semaphore,
}

/// So many plays at once, over all connections.
const SEATS: usize = 8;

/// What a client may say.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Asked {
    Rules {},
    Play { id: String },
}

impl Gallery {
    pub(crate) fn new() -> Gallery {
        Gallery { stage: Stage::new(), seats: Semaphore::new(SEATS) }
    }

    /// Serves one connection.
    pub(crate) async fn serve(&self, incoming: Incoming) -> stickler::Result<()> {
        let (mut receiver, sender) = incoming.accept()?.split();
        while let Some(message) = receiver.recv().await? {
            let answer = match message.as_text() {
                Some(text) => self.answer(text).await,
                None => error("a request is a text message"),
            };
            sender.send_ready(answer.to_string()).await?;
        }
        Ok(())
    }

    async fn answer(&self, text: &str) -> Value {
        // serde would take a list of the values as well.
        if !text.trim_start().starts_with('{') {
            return error("a request is a JSON object");
        }
        match serde_json::from_str(text) {
            Ok(Asked::Rules {}) => {
                json!({ "type": "rules", "rules": RULES.iter().map(Rule::describe).collect::<Vec<_>>() })
            }
            Ok(Asked::Play { id }) => match RULES.iter().find(|rule| rule.id == id) {
                None => error("no rule has this id"),
                Some(rule) => self.play(rule).await,
            },
            Err(fault) => error(&fault.to_string()),
        }
    }

    async fn play(&self, rule: &Rule) -> Value {
        let Ok(_seat) = self.seats.try_acquire() else {
            let message = "other plays take all seats at present: try again";
            return json!({ "type": "busy", "id": rule.id, "message": message });
        };
        match self.stage.play(rule).await {
            Some(played) => played.describe(rule),
            None => error("the play took longer than two seconds"),
        }
    }
}

fn error(message: &str) -> Value {
    json!({ "type": "error", "message": message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_request_is_an_error() {
        let gallery = Gallery::new();
        for (text, message) in [
            ("", "JSON object"),
            ("{", "EOF"),
            (r#"["play","unmasked"]"#, "JSON object"),
            (r#"{"type":"play"}"#, "missing field `id`"),
            (r#"{"type":"play","id":7}"#, "expected a string"),
            (r#"{"type":"play","id":"x"}"#, "no rule has this id"),
            (r#"{"type":"play","id":"unmasked","host":"a"}"#, "unknown field `host`"),
            (r#"{"type":"rules","all":true}"#, "unknown field `all`"),
            (r#"{"type":"send"}"#, "unknown variant `send`"),
        ] {
            let answer = gallery.answer(text).await;
            assert_eq!(answer["type"], "error", "{text}: {answer}");
            let said = answer["message"].as_str().unwrap();
            assert!(said.contains(message), "{text}: {said}");
        }
    }

    #[tokio::test]
    async fn the_ninth_play_at_once_is_told_to_wait() {
        let gallery = Gallery::new();
        let request = r#"{"type":"play","id":"unmasked"}"#;
        let taken = gallery.seats.try_acquire_many(SEATS as u32).unwrap();
        assert_eq!(gallery.answer(request).await["type"], "busy");
        drop(taken);
        assert_eq!(gallery.answer(request).await["type"], "played");
        assert_eq!(gallery.seats.available_permits(), SEATS);
    }
}
