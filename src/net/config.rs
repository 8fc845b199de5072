//! What a connection is configured with.
//!
//! Each type has public fields, and setters of the same names that take and give the whole.

mod check;
mod choices;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::inspect::Inspect;
use super::proxied::TrustedProxies;
use crate::proto::assembler::MessageLimits;
#[cfg(feature = "deflate")]
use crate::proto::deflate;
use crate::proto::handshake::{HeadLimits, Policy};

pub use self::check::ConfigError;
pub use self::choices::{WhenFull, WhenTooFast};

/// Everything that connections are configured with.
///
/// ```
/// use std::time::Duration;
///
/// use stickler::{Config, Limits, Timeouts};
///
/// let config = Config::default()
///     .limits(Limits::default().max_queued(65_536))
///     .timeouts(Timeouts::default().handshake(Duration::from_secs(3)));
/// assert_eq!(config.check(), Ok(()));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How much is too much.
    pub limits: Limits,
    /// How long is too long.
    pub timeouts: Timeouts,
    /// Which opening handshakes are accepted.
    pub policy: Policy,
    /// A path for the health checks of load balancers; `None` by default. A plain GET or HEAD for it is
    /// answered with 200, whatever its Host, and with 503 from when a shutdown was asked for. Nothing of
    /// that is logged above debug. There is no WebSocket on this path: a handshake for it gets 404.
    ///
    /// It is compared with the path of the request-target, which is not decoded. It holds where the
    /// library reads the request itself, and not behind another HTTP server.
    pub health_path: Option<String>,
    /// How long browsers are to reach this host by TLS alone (`Strict-Transport-Security`, RFC 6797), in whole
    /// seconds; `None` by default: they are told nothing. 0 takes back what they were told before.
    ///
    /// The field goes with every answer but the 101, and those for want of a place (503, 429), and only over
    /// TLS: that of the transport, or that which [`Policy::secure`] or a trusted proxy tells of. An answer that has it already keeps its own. Browsers take it for all ports
    /// of the host, those too on which there is no TLS.
    pub hsts: Option<Duration>,
    /// Which proxies are believed about their clients; `None` by default: nobody is. It holds where the library
    /// reads the request itself, and not behind another HTTP server.
    pub trusted_proxies: Option<TrustedProxies>,
    /// The name of a header field of the 101 that has the [`ConnectionId`](crate::ConnectionId) in it, as the log and
    /// listings have it; `None` by default. A field of this name that the application adds takes its place. Behind
    /// another HTTP server, which sends the 101 before the connection is here, there is none.
    pub id_header: Option<HeaderName>,
    /// Compression of messages (RFC 7692).
    #[cfg(feature = "deflate")]
    pub deflate: DeflateConfig,
    /// Bytes of memory that all connections may hold, 1 GiB by default: unfinished messages, those too that
    /// are inflated, unread input, what is queued to peers, and compression, which has at most half of it.
    /// Of a payload that several peers share each counts a part. What the application keeps does not count.
    ///
    /// When there is no room, peers that have taken nothing, or sent less than 1 KiB of a message, for 10 s lose
    /// their connection, the largest first; then those that have sent so little of a message for 1 s do; then
    /// messages above 64 KiB are refused, all of these with 1013; then new connections get 503. Smaller messages,
    /// and queues, may take a quarter more than this. From seven eighths on at most 64 KiB are queued to one
    /// peer (RFC 6455 §10.4).
    pub max_memory: usize,
    /// Who is shown the frames of connections, as they are on the wire; nobody by default, which costs nothing.
    ///
    /// Where somebody is, each inspected connection takes some hundred bytes more; where compression is agreed
    /// on, up to 80 KiB in each direction as well, of `DeflateConfig::max_memory`.
    pub inspect: Option<Arc<dyn Inspect>>,
    /// What the application has configured of its own; `None` by default. [`Incoming::app_data`] gives it back: that
    /// of the configuration by which the opening handshake was judged. So what goes together is replaced together,
    /// as by `Handle::reload_config`.
    ///
    /// [`Incoming::app_data`]: crate::Incoming::app_data
    pub app_data: Option<Arc<dyn Any + Send + Sync>>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            policy: Policy::default(),
            health_path: None,
            hsts: None,
            trusted_proxies: None,
            id_header: None,
            #[cfg(feature = "deflate")]
            deflate: DeflateConfig::default(),
            max_memory: 1 << 30,
            inspect: None,
            app_data: None,
        }
    }
}

impl Config {
    /// Sets the field `limits`.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Config {
        self.limits = limits;
        self
    }

    /// Sets the field `timeouts`.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Config {
        self.timeouts = timeouts;
        self
    }

    /// Sets the field `policy`.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Config {
        self.policy = policy;
        self
    }

    /// Sets the field `health_path`.
    #[must_use]
    pub fn health_path(mut self, health_path: impl Into<Option<String>>) -> Config {
        self.health_path = health_path.into();
        self
    }

    /// Sets the field `hsts`.
    #[must_use]
    pub fn hsts(mut self, hsts: impl Into<Option<Duration>>) -> Config {
        self.hsts = hsts.into();
        self
    }

    /// Sets the field `trusted_proxies`.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: impl Into<Option<TrustedProxies>>) -> Config {
        self.trusted_proxies = proxies.into();
        self
    }

    /// Sets the field `id_header`.
    #[must_use]
    pub fn id_header(mut self, id_header: impl Into<Option<HeaderName>>) -> Config {
        self.id_header = id_header.into();
        self
    }

    /// Sets the field `max_memory`.
    #[must_use]
    pub fn max_memory(mut self, max_memory: usize) -> Config {
        self.max_memory = max_memory;
        self
    }

    /// Sets the field `inspect`.
    #[must_use]
    pub fn inspect(mut self, inspect: Arc<dyn Inspect>) -> Config {
        self.inspect = Some(inspect);
        self
    }

    /// Sets the field `app_data`.
    #[must_use]
    pub fn app_data(mut self, data: Arc<dyn Any + Send + Sync>) -> Config {
        self.app_data = Some(data);
        self
    }

    /// Sets the field `deflate`.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: DeflateConfig) -> Config {
        self.deflate = deflate;
        self
    }
}

/// permessage-deflate (RFC 7692).
///
/// Compressed lengths tell something of the content. Where a message holds a secret beside
/// text of an attacker's choice, send it [`Uncompressed`](super::Uncompressed).
#[cfg(feature = "deflate")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeflateConfig {
    /// Which offers are accepted, and with what parameters; `None` declines all of them.
    pub policy: Option<deflate::Policy>,
    /// How hard the compressor tries; 4 by default.
    pub level: deflate::Level,
    /// Messages shorter than this are sent uncompressed, unless they are wrapped in
    /// [`Compressed`](super::Compressed); 128 bytes by default. So is every message that
    /// compression does not make shorter.
    ///
    /// With 0 every message is sent compressed, the empty one and those that get longer too. Only a
    /// [`Prepared`](crate::Prepared) one that gets longer goes as it is.
    pub min_size: usize,
    /// Bytes for compression over all connections, 512 MiB by default: compressors and
    /// inflaters in use or kept by threads, what connections with context takeover may keep of what
    /// they send, and what they have kept of what they receive, which takes half of it at most.
    /// When a quarter of it is taken by what was received, new connections agree on
    /// `client_no_context_takeover`; when three quarters of it are taken, offers are declined; when
    /// all of it is, messages go uncompressed, and a connection whose compressed message cannot be
    /// inflated, or refers to what could not be kept, is failed with 1013.
    pub max_memory: usize,
}

#[cfg(feature = "deflate")]
impl Default for DeflateConfig {
    fn default() -> DeflateConfig {
        DeflateConfig {
            policy: Some(deflate::Policy::default()),
            level: deflate::Level::default(),
            min_size: 128,
            max_memory: 512 << 20,
        }
    }
}

#[cfg(feature = "deflate")]
impl DeflateConfig {
    /// Sets the field `policy`.
    #[must_use]
    pub fn policy(mut self, policy: impl Into<Option<deflate::Policy>>) -> DeflateConfig {
        self.policy = policy.into();
        self
    }

    /// Sets the field `level`.
    #[must_use]
    pub fn level(mut self, level: deflate::Level) -> DeflateConfig {
        self.level = level;
        self
    }

    /// Sets the field `min_size`.
    #[must_use]
    pub fn min_size(mut self, min_size: usize) -> DeflateConfig {
        self.min_size = min_size;
        self
    }

    /// Sets the field `max_memory`.
    #[must_use]
    pub fn max_memory(mut self, max_memory: usize) -> DeflateConfig {
        self.max_memory = max_memory;
        self
    }
}

/// How much is too much. All bounds are inclusive, sizes are bytes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Messages and frames from the peer; by default 16 MiB and 65,536 fragments.
    pub message: MessageLimits,
    /// The request head; by default 16 KiB and 100 header fields.
    pub head: HeadLimits,
    /// Bytes queued to one peer, 1 MiB by default. It holds twice: for the replies of the task that
    /// receives, and for the whole queue when another task sends. A message is refused only while
    /// that holds this or more, and a message from the peer waits only while replies do. So the true
    /// maximum is twice this and a message of each, and while the handler is polled what it has sent
    /// since: 64 KiB at most. Pongs
    /// and a Close are always queued; of Pongs those for what had been read, or the newest where
    /// the transport takes no bytes.
    pub max_queued: usize,
    /// What happens to a message for which the queue has no room; by default it is refused, so that
    /// the application waits.
    pub when_full: WhenFull,
    /// The content of a request that does not ask for a WebSocket, where the application answers those;
    /// 1 MiB by default. More gets 413.
    pub max_body_size: usize,
    /// Pings from the peer in a second, and Pongs that answer none of ours; 100 by default. So many may
    /// come at once. Beyond, the peer is not read for up to a second; over a hundred times as many within
    /// ten seconds fail the connection with 1008.
    pub max_pings_per_second: u32,
    /// Messages from the peer in a second; `None` by default: no bound. So many may come at once.
    pub max_messages_per_second: Option<u32>,
    /// What happens to messages beyond [`Limits::max_messages_per_second`]; by default they wait.
    pub when_too_fast: WhenTooFast,
    /// The slowest rate at which a peer may take what is queued for it, in bytes per second; 1 KiB/s by
    /// default. The peer has the time in which this rate takes 256 KiB, 256 s by default. That time runs
    /// from when the transport refuses bytes until all is written, and each byte that the transport takes
    /// gives back the time that this rate needs for a byte. So a peer that reads at this rate or faster gets
    /// everything. One that stops is told 1008, if that still can be written, and dropped.
    ///
    /// A connection of a `Server` tries to write before it judges. Any other transport is
    /// judged by when it says that it takes bytes again; a kernel says that only when a third of its send
    /// buffer is free.
    pub min_drain_rate: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message: MessageLimits::default(),
            head: HeadLimits::default(),
            max_queued: 1 << 20,
            when_full: WhenFull::Wait,
            max_body_size: 1 << 20,
            max_pings_per_second: 100,
            max_messages_per_second: None,
            when_too_fast: WhenTooFast::Wait,
            min_drain_rate: 1 << 10,
        }
    }
}

impl Limits {
    /// Sets the field `message`.
    #[must_use]
    pub fn message(mut self, message: MessageLimits) -> Limits {
        self.message = message;
        self
    }

    /// Sets the field `head`.
    #[must_use]
    pub fn head(mut self, head: HeadLimits) -> Limits {
        self.head = head;
        self
    }

    /// Sets the field `max_queued`.
    #[must_use]
    pub fn max_queued(mut self, max_queued: usize) -> Limits {
        self.max_queued = max_queued;
        self
    }

    /// Sets the field `when_full`.
    #[must_use]
    pub fn when_full(mut self, when_full: WhenFull) -> Limits {
        self.when_full = when_full;
        self
    }

    /// Sets the field `max_body_size`.
    #[must_use]
    pub fn max_body_size(mut self, max_body_size: usize) -> Limits {
        self.max_body_size = max_body_size;
        self
    }

    /// Sets the field `max_pings_per_second`.
    #[must_use]
    pub fn max_pings_per_second(mut self, max_pings_per_second: u32) -> Limits {
        self.max_pings_per_second = max_pings_per_second;
        self
    }

    /// Sets the field `max_messages_per_second`.
    #[must_use]
    pub fn max_messages_per_second(
        mut self,
        max_messages_per_second: impl Into<Option<u32>>,
    ) -> Limits {
        self.max_messages_per_second = max_messages_per_second.into();
        self
    }

    /// Sets the field `when_too_fast`.
    #[must_use]
    pub fn when_too_fast(mut self, when_too_fast: WhenTooFast) -> Limits {
        self.when_too_fast = when_too_fast;
        self
    }

    /// Sets the field `min_drain_rate`.
    #[must_use]
    pub fn min_drain_rate(mut self, min_drain_rate: usize) -> Limits {
        self.min_drain_rate = min_drain_rate;
        self
    }
}

/// How long is too long.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timeouts {
    /// From accepting the transport to the 101; 10 s by default.
    pub handshake: Duration,
    /// From our Close to the peer's, and from our FIN to the peer's; 5 s by default. It counts from when all
    /// that was queued before is written; until then [`Limits::min_drain_rate`] holds.
    pub close: Duration,
    /// Silence after which a Ping is sent, 25 s by default; `None` sends none.
    pub keepalive_interval: Option<Duration>,
    /// From a keepalive Ping to any byte from the peer; 20 s by default.
    pub keepalive_timeout: Duration,
    /// How long an unfinished message, frame or frame header may get no byte of its own, 30 s by default;
    /// `None` waits for ever. Control frames inside a message are no bytes of it, and time in which the
    /// connection is not read, because the handler is busy, does not count. Then 1008.
    pub message_idle: Option<Duration>,
    /// From the first byte of a message to its last, without the time in which the connection is not
    /// read; `None` by default: no bound. Then 1008.
    pub message: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            handshake: Duration::from_secs(10),
            close: Duration::from_secs(5),
            keepalive_interval: Some(Duration::from_secs(25)),
            keepalive_timeout: Duration::from_secs(20),
            message_idle: Some(Duration::from_secs(30)),
            message: None,
        }
    }
}

impl Timeouts {
    /// Sets the field `handshake`.
    #[must_use]
    pub fn handshake(mut self, handshake: Duration) -> Timeouts {
        self.handshake = handshake;
        self
    }

    /// Sets the field `close`.
    #[must_use]
    pub fn close(mut self, close: Duration) -> Timeouts {
        self.close = close;
        self
    }

    /// Sets the field `keepalive_interval`.
    #[must_use]
    pub fn keepalive_interval(
        mut self,
        keepalive_interval: impl Into<Option<Duration>>,
    ) -> Timeouts {
        self.keepalive_interval = keepalive_interval.into();
        self
    }

    /// Sets the field `keepalive_timeout`.
    #[must_use]
    pub fn keepalive_timeout(mut self, keepalive_timeout: Duration) -> Timeouts {
        self.keepalive_timeout = keepalive_timeout;
        self
    }

    /// Sets the field `message_idle`.
    #[must_use]
    pub fn message_idle(mut self, message_idle: impl Into<Option<Duration>>) -> Timeouts {
        self.message_idle = message_idle.into();
        self
    }

    /// Sets the field `message`.
    #[must_use]
    pub fn message(mut self, message: impl Into<Option<Duration>>) -> Timeouts {
        self.message = message.into();
        self
    }
}
