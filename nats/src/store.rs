//! The stream: how it is made, and what is read from it.
//!
//! Its subjects carry a mark that is new each time the stream is made. So nothing is published into, or heard from, a
//! stream of another epoch by mistake.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{self, RawMessageErrorKind};
use async_nats::jetstream::{Context, ErrorCode};
use stickler::BoxError;
use stickler::broker::{Carried, Position};

use crate::direct::{self, Found};
use crate::error::ConnectError;
use crate::link::{Node, is_without_jetstream};
use crate::options::Options;
use crate::subject::hex;

/// A stream as it was found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Opened {
    /// When it was made, in nanoseconds since 1970.
    pub(crate) epoch: u64,
    /// The part of its subjects that no other stream has.
    mark: String,
    stream: String,
}

impl Opened {
    /// Where messages of a topic are published and stored.
    pub(crate) fn stored(&self, topic: &str) -> String {
        format!("{}.in.{}.{}", self.stream, self.mark, hex(topic))
    }

    /// Where the server says what it has stored.
    pub(crate) fn heard(&self, topic: &str) -> String {
        format!("{}.out.{}.{}", self.stream, self.mark, hex(topic))
    }

    /// Where signals go.
    pub(crate) fn signalled(&self, topic: &str) -> String {
        format!("{}.signal.{}.{}", self.stream, self.mark, hex(topic))
    }

    pub(crate) fn at(&self, offset: u64) -> Position {
        Position { epoch: self.epoch, offset }
    }

    fn read(info: &stream::Info) -> Option<Opened> {
        let stream = info.config.name.clone();
        let [subject] = info.config.subjects.as_slice() else { return None };
        let mark = subject.strip_prefix(&format!("{stream}.in."))?.strip_suffix(".>")?;
        let republish = info.config.republish.as_ref()?;
        let is_ours = republish.destination == format!("{stream}.out.{mark}.>")
            && !republish.headers_only
            && info.config.allow_direct;
        let epoch = u64::try_from(info.created.unix_timestamp_nanos()).ok()?;
        is_ours.then(|| Opened { epoch, mark: mark.to_owned(), stream })
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), ConnectError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_plain) {
        return Err(ConnectError::StreamName(name.to_owned()));
    }
    Ok(())
}

/// Finds the stream, or makes it.
pub(crate) async fn open(context: &Context, options: &Options) -> Result<Opened, ConnectError> {
    let name = &options.stream;
    let failed = |error: BoxError| ConnectError::Stream(name.clone(), error);
    for _ in 0..2 {
        match context.get_stream(name).await {
            Ok(stream) => {
                let opened = Opened::read(stream.cached_info());
                return opened.ok_or_else(|| ConnectError::ForeignStream(name.clone()));
            }
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(cause) if is_without_jetstream(&cause) => {
                    return Err(ConnectError::NoJetStream);
                }
                GetStreamErrorKind::JetStream(cause)
                    if cause.error_code() == ErrorCode::STREAM_NOT_FOUND => {}
                _ => return Err(failed(Box::new(error))),
            },
        }
        match context.create_stream(config(options)).await {
            // Read it once more: so all nodes take what the server says.
            Ok(_) => {}
            Err(error) => match error.kind() {
                // Another node was faster: its stream is the one.
                CreateStreamErrorKind::JetStream(cause)
                    if cause.error_code() == ErrorCode::STREAM_NAME_EXIST => {}
                _ => return Err(failed(Box::new(error))),
            },
        }
    }
    Err(failed("it was made, and is gone".into()))
}

fn config(options: &Options) -> stream::Config {
    let name = &options.stream;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mark = format!("{:x}-{:x}", now.as_nanos(), std::process::id());
    stream::Config {
        name: name.clone(),
        subjects: vec![format!("{name}.in.{mark}.>")],
        republish: Some(stream::Republish {
            source: format!("{name}.in.{mark}.>"),
            destination: format!("{name}.out.{mark}.>"),
            headers_only: false,
        }),
        max_age: options.max_age,
        max_messages_per_subject: i64::from(options.max_messages),
        max_bytes: i64::try_from(options.max_bytes).unwrap_or(i64::MAX),
        discard: stream::DiscardPolicy::Old,
        storage: stream::StorageType::File,
        num_replicas: options.replicas,
        duplicate_window: DUPLICATE_WINDOW.min(options.max_age),
        allow_direct: true,
        description: Some("Topics of stickler".to_owned()),
        ..stream::Config::default()
    }
}

impl Node {
    /// What the stream holds, if it is still of this epoch.
    pub(crate) async fn state(&self, opened: &Opened) -> Result<Option<stream::State>, BoxError> {
        let stream = self.jetstream.get_stream(&self.options.stream).await?;
        let info = stream.cached_info();
        Ok((Opened::read(info).as_ref() == Some(opened)).then(|| info.state.clone()))
    }

    /// Whether everything of the topic behind `since` is provably stored. To be asked after reading it.
    ///
    /// The message at `since` is still stored under the topic's subject, and the oldest are forgotten first.
    /// Or nothing of any topic was forgotten behind it.
    pub(crate) async fn is_whole_behind(
        &self,
        opened: &Opened,
        topic: &str,
        since: Position,
    ) -> Result<bool, BoxError> {
        if since.epoch != opened.epoch {
            return Ok(false);
        }
        let Some(state) = self.state(opened).await? else { return Ok(false) };
        if since.offset >= state.last_sequence {
            return Ok(since.offset == state.last_sequence);
        }
        if since.offset > 0 {
            let stream = self.jetstream.get_stream_no_info(&self.options.stream).await?;
            match stream.get_raw_message(since.offset).await {
                Ok(message) if message.subject.as_str() == opened.stored(topic) => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        let all = state.last_sequence + 1 - state.first_sequence.min(state.last_sequence);
        Ok(state.first_sequence <= since.offset + 1 && state.messages == all)
    }

    /// The number of the topic's newest message, or 0.
    async fn newest(&self, opened: &Opened, topic: &str) -> Result<u64, BoxError> {
        let stream = self.jetstream.get_stream_no_info(&self.options.stream).await?;
        match stream.get_last_raw_message_by_subject(&opened.stored(topic)).await {
            Ok(message) => Ok(message.sequence),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// The topic's messages behind an offset, the oldest first, at most `most`.
    pub(crate) async fn read_behind(
        &self,
        opened: &Opened,
        topic: &str,
        offset: u64,
        most: usize,
    ) -> Result<Vec<Carried>, BoxError> {
        let newest = self.newest(opened, topic).await?;
        let mut found: Vec<Carried> = Vec::new();
        let mut stale = 0;
        loop {
            let behind = found.last().map_or(offset, |message| message.position.offset);
            let left = most - found.len();
            if behind >= newest || left == 0 {
                return Ok(found);
            }
            let batch = self.batch(opened, topic, behind + 1, left.min(BATCH)).await?;
            if batch.is_empty() {
                // A replica answered that has not stored it yet; or it was forgotten since.
                stale += 1;
                if stale > STALE_READS {
                    return Ok(found);
                }
                tokio::time::sleep(STALE_WAIT).await;
            }
            found.extend(batch.into_iter().map(|message| carried(opened, message)));
        }
    }

    /// The topic's newest messages, the oldest first, at most `most`.
    pub(crate) async fn read_newest(
        &self,
        opened: &Opened,
        topic: &str,
        most: usize,
    ) -> Result<Vec<Carried>, BoxError> {
        let newest = self.newest(opened, topic).await?;
        if newest == 0 || most == 0 {
            return Ok(Vec::new());
        }
        // The topic's numbers have holes: step back in growing steps until there are enough.
        let mut step = most as u64;
        let from = loop {
            let from = (newest + 1).saturating_sub(step).max(1);
            let first = self.batch(opened, topic, from, 1).await?;
            let count = first.first().map_or(0, |first| first.pending + 1);
            if from == 1 || count >= most as u64 {
                break from;
            }
            step = step.saturating_mul(4);
        };
        let mut all = self.read_behind(opened, topic, from - 1, usize::MAX).await?;
        let surplus = all.len().saturating_sub(most);
        all.drain(..surplus);
        Ok(all)
    }

    async fn batch(
        &self,
        opened: &Opened,
        topic: &str,
        from: u64,
        most: usize,
    ) -> Result<Vec<Found>, BoxError> {
        let subject = opened.stored(topic);
        let (stream, timeout) = (&self.options.stream, self.options.timeout);
        direct::read_subject(&self.client, stream, &subject, from, most as u64, timeout).await
    }
}

fn carried(opened: &Opened, message: Found) -> Carried {
    Carried { position: opened.at(message.sequence), payload: message.payload }
}

/// For how long the server knows the ids of messages.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// Messages of one answer.
const BATCH: usize = 256;
/// How often a replica that lags is asked again, and after how long.
const STALE_READS: u32 = 10;
const STALE_WAIT: Duration = Duration::from_millis(50);
