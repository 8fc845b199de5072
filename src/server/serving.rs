//! A server that runs: waiting for it, ending it, reading its numbers.

use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
#[cfg(feature = "tls")]
use std::time::SystemTime;
use std::{fmt, io};

use super::caps::{Caps, descriptor_limit};
use super::counters::{Counters, Drained};
use super::limits::Overload;
#[cfg(feature = "tls")]
use super::tls::Tls;
use super::{Binding, Control};
use crate::net::{Config, ConfigError, Context, Counted, Farewell};
use crate::proto::outbound::SendError;

/// A server whose workers accept connections. Dropping it shuts the server down
/// at once.
///
/// In a tokio program it is awaited:
///
/// ```no_run
/// use std::time::Duration;
///
/// use stickler::{Incoming, Server};
///
/// #[tokio::main]
/// async fn main() -> std::io::Result<()> {
///     let serving = Server::bind("127.0.0.1:9001")?.start(answer)?;
///     let handle = serving.handle().clone();
///     tokio::spawn(async move {
///         let _ = tokio::signal::ctrl_c().await;
///         handle.shutdown(Duration::from_secs(8));
///     });
///     serving.await
/// }
/// # async fn answer(_: Incoming) -> stickler::Result<()> { Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "dropping it ends the server"]
pub struct Serving {
    pub(super) handle: Handle,
}

impl Serving {
    /// A handle to the server.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Blocks until the server has been shut down. In an async function await the `Serving`
    /// instead.
    ///
    /// Returns shortly after the deadline of the shutdown even when application code
    /// keeps a worker from ending; that thread is left behind. Workers that drop many connections
    /// then are waited for, a second at most.
    ///
    /// # Errors
    ///
    /// When a worker ended by a fault of this crate.
    pub fn wait(self) -> io::Result<()> {
        self.handle.control.shutdown.wait();
        self.result()
    }

    /// As [`wait`](Self::wait), without blocking: for a `select!`, after which the server goes on.
    /// Call it inside a tokio runtime with timers.
    ///
    /// # Errors
    ///
    /// When a worker ended by a fault of this crate.
    ///
    /// # Cancel safety
    ///
    /// Holds no state, and the server does not notice.
    pub async fn ended(&self) -> io::Result<()> {
        self.handle.control.shutdown.ended().await;
        self.result()
    }

    fn result(&self) -> io::Result<()> {
        if self.handle.control.tally.is_broken.load(Ordering::Relaxed) {
            return Err(io::Error::other("a worker failed"));
        }
        Ok(())
    }
}

/// Waits as [`Serving::ended`] does. The future owns the `Serving`: dropping it shuts the server
/// down at once.
impl IntoFuture for Serving {
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.ended().await })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.handle.shutdown(Duration::ZERO);
    }
}

/// Ends a server and reads its numbers, from any thread. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) control: Arc<Control>,
    pub(super) local_addrs: Arc<[SocketAddr]>,
    pub(super) bindings: Arc<[Binding]>,
}

impl Handle {
    /// Stops accepting, sends Close 1001 to every connection, refuses undecided
    /// opening handshakes with 503, and drops what is left after `within`.
    ///
    /// Does not wait: [`Server::serve`](super::Server::serve) returns when it is done, and so does a
    /// [`Serving`] that is waited for. Called again, the earlier deadline holds.
    pub fn shutdown(&self, within: Duration) {
        self.request(Farewell::default(), within);
    }

    /// As [`shutdown`](Self::shutdown), with another Close, a message before it, or some time
    /// before that in which the server goes on or handlers may end, and with the Closes spread over a time:
    /// see [`Farewell`]. `within` bounds all of it: what does not fit is cut short, and the closing handshakes
    /// have what is left.
    ///
    /// Called again, or after `shutdown`, the first farewell counts, and the earlier end of its delay, its
    /// grace and its window and the earlier deadline. So `shutdown` after this one ends all three.
    ///
    /// # Errors
    ///
    /// As [`Farewell::check`]; nothing is shut down then.
    pub fn shutdown_with(&self, farewell: Farewell, within: Duration) -> Result<(), SendError> {
        farewell.check()?;
        self.request(farewell, within);
        Ok(())
    }

    fn request(&self, farewell: Farewell, within: Duration) {
        let farewell = self.control.shutdown.request(farewell, within);
        self.contexts().for_each(|context| context.announce(farewell.clone()));
    }

    /// Whether a shutdown has been asked for. It is true at once, also while the delay of the [`Farewell`]
    /// goes on, and stays so.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.control.shutdown.farewell().is_some()
    }

    /// Waits until every worker has taken a turn: it has run the tasks that were ready before, and has asked
    /// the system for input. A handler that blocks the thread of its worker keeps this waiting, so it is what a
    /// watchdog needs. Workers that have ended are not waited for, and those of
    /// [`Server::start_on`](super::Server::start_on) are one: the runtime, whichever of its threads turns.
    ///
    /// It can be awaited anywhere, also without tokio.
    ///
    /// # Cancel safety
    ///
    /// Nothing is left of it but a task for each worker, which ends when it runs.
    pub async fn workers_turned(&self) {
        self.control.pulse.beat().await;
    }

    /// The addresses of TCP that were bound when the handle was made.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// All listeners that were bound when the handle was made, Unix sockets too.
    #[must_use]
    pub fn bindings(&self) -> Vec<Binding> {
        self.bindings.to_vec()
    }

    /// Has new connections to the TLS listeners served with other certificates and keys. Connections that are
    /// open, or in their handshake, go on with those that they began with. Sessions of before are not resumed.
    ///
    /// What is wrong with the certificates was said when `tls` was made; so a bad file leaves the old ones in
    /// force. Once a shutdown was asked for, nothing is replaced.
    #[cfg(feature = "tls")]
    pub fn reload_tls(&self, tls: Tls) {
        if !self.is_draining() {
            self.control.tls.replace(tls);
        }
    }

    /// Has new connections served with another configuration; those that are open, or in their opening handshake,
    /// keep the one that they began with. `max_memory` of the configuration and of its compression stay as they
    /// were, because the connections of before and of after share them. Once a shutdown was asked for, nothing is
    /// replaced.
    ///
    /// # Errors
    /// As [`Config::check`]; nothing is replaced then.
    pub fn reload_config(&self, config: Config) -> Result<(), ConfigError> {
        config.check()?;
        if !self.is_draining() {
            self.control.renewal.change(|newest| newest.config = Some(Arc::new(config)));
        }
        Ok(())
    }

    /// Has new connections admitted under other caps; those that are open stay, also where there are more of them
    /// than may be. Once a shutdown was asked for, nothing is replaced.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) where a cap is 0; nothing is replaced then.
    pub fn reload_caps(&self, caps: Caps) -> io::Result<()> {
        caps.check().map_err(super::invalid)?;
        if !self.is_draining() {
            let caps = caps.with_defaults(descriptor_limit());
            self.control.admission.change_caps_of_clients(caps);
            self.control.renewal.change(|newest| newest.caps = Some(caps));
        }
        Ok(())
    }

    /// When the first of the certificates in force ends; `None` where there are none, or where their
    /// configuration is the application's own.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_expires(&self) -> Option<SystemTime> {
        self.control.tls.expires()
    }

    /// How connections have ended since the delay of a shutdown was over. Once the server is gone, as when
    /// [`Serving::wait`] has returned, it is what the shutdown came to.
    #[must_use]
    pub fn drained(&self) -> Drained {
        let left: usize = self.contexts().map(Context::unended).sum();
        Drained {
            clean: self.counted(Counted::DrainedClean),
            unclean: self.counted(Counted::DrainedUnclean),
            cut: self.counted(Counted::DrainedCut) + u64::try_from(left).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn contexts(&self) -> impl Iterator<Item = &Context> {
        self.control.contexts.get().into_iter().flatten().map(|each| &**each)
    }

    /// How often all contexts counted this.
    fn counted(&self, what: Counted) -> u64 {
        self.contexts().map(|each| each.counted(what)).sum()
    }

    /// What the server has seen so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let Control { admission, tally, .. } = &*self.control;
        // The contexts share one budget.
        let shared = self.contexts().next();
        let (memory_ended, memory_refused) =
            shared.map_or((0, 0), |context| context.memory_shortages());
        Counters {
            memory_used: shared.map_or(0, |context| context.memory_used()),
            memory_ended,
            memory_refused,
            connections: admission.live(),
            accepted: admission.accepted(),
            handshakes: admission.handshakes(),
            refused: Overload::ALL.into_iter().map(|each| admission.refused(each)).sum(),
            refused_handshakes: admission.refused(Overload::Handshakes),
            refused_per_address: admission.refused(Overload::PerAddress),
            refused_too_often: admission.refused(Overload::Rate),
            refused_for_memory: admission.refused(Overload::Memory),
            accept_errors: tally.accept_errors.load(Ordering::Relaxed),
            proxy_header_faults: tally.proxy_faults.load(Ordering::Relaxed),
            panics: self.counted(Counted::Panic),
            late_messages: self.counted(Counted::LateMessage),
            ping_floods: self.counted(Counted::PingFlood),
            message_floods: self.counted(Counted::MessageFlood),
            slow_peers: self.counted(Counted::SlowPeer),
            dropped_messages: self.counted(Counted::DroppedMessage),
            closed_full: self.counted(Counted::ClosedFull),
            unspoken_subprotocols: self.counted(Counted::UnspokenSubprotocols),
            #[cfg(feature = "tls")]
            tls: tally.tls.read(),
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("bindings", &self.bindings)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
