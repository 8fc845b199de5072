//! The connection of a node to NATS, and the task that watches it.
//!
//! The task asks for the stream once a second. So it sees a server that is there and does not
//! answer, and a stream that was deleted and made again, which is a new epoch.

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions, Event, ServerInfo};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::error::ConnectError;
use crate::options::Options;
use crate::store::{self, Opened};

/// One node: the connection, and what is known of the stream.
pub(crate) struct Node {
    pub(crate) client: Client,
    pub(crate) jetstream: Context,
    pub(crate) options: Options,
    pub(crate) link: watch::Receiver<Link>,
    /// Has the watching task look at once.
    poke: mpsc::Sender<Event>,
    watcher: JoinHandle<()>,
}

/// What the watching task knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Link {
    /// The stream; `None` while the broker is down.
    pub(crate) opened: Option<Opened>,
    /// Grows whenever messages may have been missed.
    pub(crate) doubts: u64,
}

impl Node {
    pub(crate) async fn connect(options: Options) -> Result<Arc<Node>, ConnectError> {
        store::check_name(&options.stream)?;
        let (poke, events) = mpsc::channel(64);
        let connected = connect_options(&options, poke.clone()).await?;
        let connecting = connected.connect(options.servers.clone());
        let client =
            connecting.await.map_err(|error| ConnectError::Unreachable(Box::new(error)))?;
        let jetstream = ContextBuilder::new()
            .timeout(options.timeout)
            .ack_timeout(options.timeout)
            .build(client.clone());
        let mut watcher = Watcher {
            client: client.clone(),
            jetstream: jetstream.clone(),
            options: options.clone(),
            link: watch::Sender::default(),
        };
        let is_away = options.may_be_away && client.connection_state() != State::Connected;
        match if is_away { Ok(()) } else { watcher.look().await } {
            Err(error) if !(options.may_be_away && error.may_pass()) => return Err(error),
            _ => {}
        }
        let link = watcher.link.subscribe();
        let watcher = tokio::spawn(async move { watcher.run(events).await });
        Ok(Arc::new(Node { client, jetstream, options, link, poke, watcher }))
    }

    /// The stream, if the broker is up.
    pub(crate) fn opened(&self) -> Option<Opened> {
        let is_connected = self.client.connection_state() == State::Connected;
        self.link.borrow().opened.clone().filter(|_| is_connected)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.opened().is_some()
    }

    /// Has the watching task look at the stream now: something was odd.
    pub(crate) fn doubt(&self) {
        // A full queue has it look too.
        let _ = self.poke.try_send(Event::Connected);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

struct Watcher {
    client: Client,
    jetstream: Context,
    options: Options,
    link: watch::Sender<Link>,
}

impl Watcher {
    async fn run(&mut self, mut events: mpsc::Receiver<Event>) {
        loop {
            match tokio::time::timeout(LOOK_EVERY, events.recv()).await {
                // Only what the server closed for good ends here, or the node's end.
                Ok(None) => return,
                Ok(Some(Event::Disconnected | Event::Closed)) => {
                    tracing::warn!("the connection to NATS is lost");
                    self.set(None);
                    continue;
                }
                Ok(Some(Event::Connected)) => self.link.send_modify(|link| link.doubts += 1),
                Ok(Some(Event::SlowConsumer(_))) => {
                    tracing::warn!(
                        "this node was too slow for NATS: feeds read again what they missed"
                    );
                    self.link.send_modify(|link| link.doubts += 1);
                    continue;
                }
                Ok(Some(_)) | Err(_) => {}
            }
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "NATS does not answer as it should");
            }
        }
    }

    /// Asks for the stream, and makes it if it is gone.
    async fn look(&mut self) -> Result<(), ConnectError> {
        if self.client.connection_state() != State::Connected {
            self.set(None);
            return Ok(());
        }
        let opened = match check_server(self.client.try_server_info()) {
            Ok(()) => store::open(&self.jetstream, &self.options).await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(opened) => {
                self.set(Some(opened));
                Ok(())
            }
            Err(error) => {
                self.set(None);
                Err(error)
            }
        }
    }

    fn set(&self, opened: Option<Opened>) {
        self.link.send_if_modified(|link| {
            if link.opened == opened {
                return false;
            }
            match (&link.opened, &opened) {
                (Some(_), None) => tracing::warn!("the broker is down"),
                (_, Some(opened)) => tracing::info!(epoch = opened.epoch, "the broker is up"),
                (None, None) => {}
            }
            link.opened = opened;
            link.doubts += 1;
            true
        });
    }
}

async fn connect_options(
    options: &Options,
    events: mpsc::Sender<Event>,
) -> Result<ConnectOptions, ConnectError> {
    let mut connect = ConnectOptions::new()
        .name("stickler")
        .connection_timeout(options.timeout)
        .request_timeout(Some(options.timeout))
        .ping_interval(Duration::from_secs(2))
        // Half a second at most: a room goes on within two seconds of the server's return.
        .reconnect_delay_callback(|attempt| {
            Duration::from_millis(50 << attempt.min(3)).min(Duration::from_millis(400))
        })
        .event_callback(move |event| {
            // A full queue has the task look anyway.
            let _ = events.try_send(event);
            std::future::ready(())
        });
    if options.may_be_away {
        connect = connect.retry_on_initial_connect();
    }
    if let Some(file) = &options.credentials {
        let failed = |error| ConnectError::File(file.clone(), error);
        connect = connect.credentials_file(file).await.map_err(failed)?;
    }
    if let Some(file) = &options.ca {
        std::fs::read(file).map_err(|error| ConnectError::File(file.clone(), error))?;
        connect = connect.add_root_certificates(file.clone()).require_tls(true);
    }
    Ok(connect)
}

fn check_server(info: Option<ServerInfo>) -> Result<(), ConnectError> {
    let info = info.unwrap_or_default();
    if version(&info.version).is_none_or(|version| version < OLDEST) {
        return Err(ConnectError::TooOld(info.version));
    }
    if !info.jetstream {
        return Err(ConnectError::NoJetStream);
    }
    Ok(())
}

/// The three numbers of a version, whatever follows a `-` or `+`.
fn version(text: &str) -> Option<[u64; 3]> {
    let numbers = text.trim_start_matches('v').split(['-', '+']).next()?;
    let numbers: Vec<u64> = numbers.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    numbers.try_into().ok()
}

/// Whether a JetStream error says that this account has none.
pub(crate) fn is_without_jetstream(error: &jetstream::Error) -> bool {
    use jetstream::ErrorCode;
    [ErrorCode::JETSTREAM_NOT_ENABLED, ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT]
        .contains(&error.error_code())
}

/// The oldest nats-server that can be told to write each message to the disk and expires keys.
const OLDEST: [u64; 3] = [2, 11, 15];
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (text, is_enough) in [
            ("2.9.0", false),
            ("2.11.14", false),
            ("2.11.15", true),
            ("v2.12.0-RC.1", true),
            ("2.15.1", true),
            ("3.0.0", true),
            ("", false),
            ("2.11", false),
        ] {
            assert_eq!(version(text).is_some_and(|version| version >= OLDEST), is_enough, "{text}");
        }
    }

    #[test]
    fn a_server_without_jetstream_is_refused() {
        let info = ServerInfo { version: "2.15.1".into(), ..ServerInfo::default() };
        assert!(matches!(check_server(Some(info)), Err(ConnectError::NoJetStream)));
    }
}
