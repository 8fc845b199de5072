//! Many stored messages for one request: the batches of JetStream's direct get.

use std::time::Duration;

use async_nats::{Client, HeaderMap, Message, StatusCode};
use bytes::Bytes;
use futures_util::StreamExt;
use stickler::BoxError;

/// A stored message, as direct get answers it.
pub(crate) struct Found {
    pub(crate) subject: String,
    pub(crate) sequence: u64,
    /// How many more the request matches behind this one.
    pub(crate) pending: u64,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

/// Asks for the messages of a subject, or of a pattern, from a sequence number on, at most `most`.
pub(crate) async fn read_subject(
    client: &Client,
    stream: &str,
    subject: &str,
    from: u64,
    most: u64,
    timeout: Duration,
) -> Result<Vec<Found>, BoxError> {
    let from = from.max(1);
    let request = format!(r#"{{"seq":{from},"next_by_subj":"{subject}","batch":{most}}}"#);
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await?;
    let subject = format!("$JS.API.DIRECT.GET.{stream}");
    client.publish_with_reply(subject, inbox, request.into()).await?;
    let mut found = Vec::new();
    loop {
        let Some(message) = tokio::time::timeout(timeout, answers.next()).await? else {
            return Err("the connection to NATS is closed".into());
        };
        match message.status {
            None => found.push(parse(message).ok_or("NATS answered without a number")?),
            Some(StatusCode::NO_RESPONDERS) => return Err("the stream is away".into()),
            // 204 ends a batch; 404 says that nothing matches.
            Some(status) if status.as_u16() == 204 || status.as_u16() == 404 => return Ok(found),
            Some(status) => {
                let description = message.description.unwrap_or_default();
                return Err(format!("NATS answered {status}: {description}").into());
            }
        }
    }
}

fn parse(message: Message) -> Option<Found> {
    let headers = message.headers?;
    Some(Found {
        subject: headers.get("Nats-Subject")?.as_str().to_owned(),
        sequence: number(&headers, "Nats-Sequence")?,
        pending: number(&headers, "Nats-Num-Pending")?,
        payload: message.payload,
        headers,
    })
}

pub(crate) fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.as_str().parse().ok()
}
