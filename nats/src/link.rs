//! The connection of a node to NATS, and the task that watches it.
//!
//! The task asks for the stream once a second. So it sees a server that is there and does not
//! answer, and a stream that was deleted and made again, which is a new epoch.

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerInfo};
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
    poke: mpsc::Sender<()>,
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
        // One poke stands for all that came since the last look.
        let (poke, pokes) = mpsc::channel(1);
        let link = watch::Sender::default();
        let connected = connect_options(&options, link.clone(), poke.clone()).await?;
        let connecting = connected.connect(options.servers.clone());
        let client = connecting.await.map_err(|error| match error.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                ConnectError::Unauthorized(Box::new(error))
            }
            _ => ConnectError::Unreachable(Box::new(error)),
        })?;
        let jetstream = ContextBuilder::new()
            .timeout(options.timeout)
            .ack_timeout(options.timeout)
            .build(client.clone());
        let mut watcher = Watcher {
            client: client.clone(),
            jetstream: jetstream.clone(),
            options: options.clone(),
            link,
        };
        let is_away = options.may_be_away && client.connection_state() != State::Connected;
        match if is_away { Ok(()) } else { watcher.look().await } {
            Err(error) if !(options.may_be_away && error.may_pass()) => return Err(error),
            _ => {}
        }
        let link = watcher.link.subscribe();
        let watcher = tokio::spawn(async move { watcher.run(pokes).await });
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
        // If there is no room, it will look anyway.
        let _ = self.poke.try_send(());
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
    async fn run(&mut self, mut pokes: mpsc::Receiver<()>) {
        // `Ok(None)`: the node has ended.
        while tokio::time::timeout(LOOK_EVERY, pokes.recv()).await != Ok(None) {
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
        set(&self.link, opened);
    }
}

fn set(link: &watch::Sender<Link>, opened: Option<Opened>) {
    link.send_if_modified(|link| {
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

/// Notes what happened to the connection, at once: the watching task may be waiting for an answer. Only its next
/// look can be put off, never what feeds have to know.
fn note(link: &watch::Sender<Link>, poke: &mpsc::Sender<()>, event: &Event) {
    match event {
        Event::Disconnected | Event::Closed => {
            tracing::warn!("the connection to NATS is lost");
            return set(link, None);
        }
        Event::Connected => link.send_modify(|link| link.doubts += 1),
        Event::SlowConsumer(_) => {
            tracing::warn!("this node was too slow for NATS: feeds read again what they missed");
            return link.send_modify(|link| link.doubts += 1);
        }
        _ => {}
    }
    // If there is no room, the task looks anyway.
    let _ = poke.try_send(());
}

async fn connect_options(
    options: &Options,
    link: watch::Sender<Link>,
    poke: mpsc::Sender<()>,
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
            note(&link, &poke, &event);
            std::future::ready(())
        });
    if options.may_be_away {
        connect = connect.retry_on_initial_connect();
    }
    // The client keeps these apart from its servers: the first that are given count for all.
    let addresses = options.servers.iter().filter_map(|server| server.parse::<ServerAddr>().ok());
    let named = addresses.filter_map(|address| {
        let name = decode(address.username()?);
        Some((name, address.password().map(decode)))
    });
    match named.into_iter().next() {
        Some((name, Some(password))) => connect = connect.user_and_password(name, password),
        // One word before the host is a token.
        Some((token, None)) => connect = connect.token(token),
        None => {}
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

/// What a part of a URL stands for (RFC 3986 §2.1).
fn decode(part: &str) -> String {
    percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()
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
    fn events_count_while_the_watching_task_has_pokes_to_follow() {
        let link = watch::Sender::<Link>::default();
        let (poke, _pokes) = mpsc::channel(1);
        poke.try_send(()).unwrap();
        let before = link.borrow().doubts;
        note(&link, &poke, &Event::Connected);
        assert!(link.borrow().doubts > before);
        note(&link, &poke, &Event::SlowConsumer(1));
        assert!(link.borrow().doubts > before + 1);
    }

    #[test]
    fn a_server_without_jetstream_is_refused() {
        let info = ServerInfo { version: "2.15.1".into(), ..ServerInfo::default() };
        assert!(matches!(check_server(Some(info)), Err(ConnectError::NoJetStream)));
    }
}
