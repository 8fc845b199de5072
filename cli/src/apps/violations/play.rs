//! Plays one rule: a client of a few lines and a server of the library, with a pipe in memory between them.

use std::time::Duration;

use serde_json::{Value, json};
use stickler::{Config, Ending, Endpoint, Limits, MessageLimits};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::answer::Answer;
use super::rules::{Broken, Rule, Script};
use crate::apps::echo::echo;

/// The server that is played against.
pub(super) struct Stage(Endpoint);

/// A play to its end.
pub(super) struct Played {
    script: Script,
    answer: Answer,
    ending: Ending,
}

impl Stage {
    pub(super) fn new() -> Stage {
        let message = MessageLimits::default()
            .max_message_size(MOST)
            .max_frame_size(MOST)
            .max_fragments(FRAGMENTS);
        let config = Config::default().limits(Limits::default().message(message));
        Stage(Endpoint::new(config))
    }

    /// Plays a rule. `None` where it does not end in time.
    ///
    /// # Cancel safety
    /// Dropped, both ends are.
    pub(super) async fn play(&self, rule: &Rule) -> Option<Played> {
        let script = (rule.script)();
        let (client, server) = duplex(PIPE);
        let serving = self.0.serve(server, None, echo);
        let played = async { tokio::join!(serving, talk(client, &script)) };
        let (ending, answer) = timeout(PATIENCE, played).await.ok()?;
        Some(Played { script, answer, ending })
    }
}

/// Sends the opening handshake, then the frames once there is a 101, and reads until the server has said all.
/// The transport failing is an answer too: what has come until then.
async fn talk(mut client: DuplexStream, script: &Script) -> Answer {
    let mut received = Vec::new();
    let mut answer = Answer::default();
    if client.write_all(&script.head.bytes).await.is_err() {
        return answer;
    }
    let mut frames = (!script.frames.is_empty()).then(|| script.frames_bytes());
    while !answer.is_whole {
        match client.read_buf(&mut received).await {
            Ok(0) | Err(_) => break,
            Ok(_) => answer = Answer::read(&received),
        }
        if answer.status == Some(101)
            && let Some(frames) = frames.take()
            && client.write_all(&frames).await.is_err()
        {
            break;
        }
    }
    answer
}

impl Played {
    /// The rule that was broken, as the server knows it.
    pub(super) fn broken(&self) -> Option<Broken> {
        let violation = self.ending.violation.map(Broken::Violation);
        violation.or(self.ending.rejection.map(Broken::Rejection))
    }

    /// The result for the client.
    pub(super) fn describe(&self, rule: &Rule) -> Value {
        let Played { script, answer, .. } = self;
        let sent = std::iter::once(&script.head).chain(&script.frames);
        json!({
            "type": "played",
            "id": rule.id,
            "title": rule.title,
            "sent": sent.map(|piece| piece.describe()).collect::<Vec<_>>(),
            "answer": answer.pieces.iter().map(|piece| piece.describe()).collect::<Vec<_>>(),
            "status": answer.status,
            "code": answer.code,
            "reason": answer.reason,
            "clause": answer.clause(),
            "is_as_expected": self.broken() == Some(rule.broken),
        })
    }
}

/// The largest message, in bytes.
pub(super) const MOST: usize = 4096;

/// The most fragments of a message.
pub(super) const FRAGMENTS: u32 = 16;

/// More than either side says, in bytes.
const PIPE: usize = 64 * 1024;

/// For a whole play. Both ends are in this process: it takes no millisecond.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::violations::rules::RULES;

    #[tokio::test]
    async fn every_rule_of_the_gallery_is_answered_with_its_code_and_clause() {
        let stage = Stage::new();
        let mut wrong = Vec::new();
        for rule in RULES {
            let played = stage.play(rule).await.unwrap();
            let told = played.describe(rule);
            let (clause, number) = match rule.broken {
                Broken::Violation(it) => (it.section(), u64::from(u16::from(it.close_code()))),
                Broken::Rejection(it) => (it.section(), u64::from(it.status())),
            };
            let seen = match rule.broken {
                Broken::Violation(_) => &told["code"],
                Broken::Rejection(_) => &told["status"],
            };
            if played.broken() != Some(rule.broken) || told["clause"] != clause || *seen != number {
                wrong.push(format!(
                    "{}: {:?} {:?} {seen} {told}",
                    rule.id,
                    rule.broken,
                    played.broken()
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
