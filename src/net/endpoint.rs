//! Embedding: connections on a runtime and transports of the application's own.

#[cfg(feature = "axum")]
use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
#[cfg(feature = "axum")]
use std::sync::{LazyLock, Mutex, PoisonError, Weak};

use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "axum")]
use tokio::runtime::{Handle, Id};
use tokio::time::{Instant, sleep};

use super::config::Config;
use super::ending::Ending;
use super::error::{BoxError, Result};
use super::farewell::Farewell;
use super::handles::incoming::Incoming;
use super::handles::websocket::WebSocket;
#[cfg(feature = "http")]
use super::http::{Answer, Body, HttpService};
use super::negotiated::{Negotiated, Reserved, request_of};
use super::state::context::Context;
use super::task::inspected::serve;
use crate::proto::handshake::{Policy, Refusal, Request};
use crate::proto::outbound::SendError;
use crate::proto::rejection::Rejection;

/// Serves connections that the application accepted itself, on its own runtime.
///
/// Cheap to clone; clones share the register of connections and its clock.
/// Make one for each runtime: the clock runs on the runtime of the first connection, and the
/// timers of all end with it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    context: Arc<Context>,
}

/// With the default configuration.
impl Default for Endpoint {
    fn default() -> Endpoint {
        Endpoint::new(Config::default())
    }
}

impl Endpoint {
    /// An endpoint without connections. It takes the configuration as it is; [`Config::check`] says
    /// whether anybody can be served with it.
    pub fn new(config: Config) -> Endpoint {
        Endpoint { context: Arc::new(Context::new(Arc::new(config), None)) }
    }

    /// As [`Endpoint::new`], with an answer to requests that do not ask for a WebSocket. The
    /// server's method `http` says what the handler gets, and what its answer may be.
    #[cfg(feature = "http")]
    pub fn with_http<H, F>(config: Config, handler: H) -> Endpoint
    where
        H: Fn(http::Request<Body>) -> F + Send + Sync + 'static,
        F: Future<Output: Answer> + Send + 'static,
    {
        Endpoint::answering(config, HttpService::of_handler(handler))
    }

    /// As [`Endpoint::with_http`], with a service of tower's kind, such as a `Router` of axum.
    #[cfg(feature = "http")]
    pub fn with_http_service<S, B>(config: Config, service: S) -> Endpoint
    where
        S: tower_service::Service<
                http::Request<Body>,
                Response = http::Response<B>,
                Error: Into<BoxError>,
                Future: Send,
            > + Clone
            + Send
            + Sync
            + 'static,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Endpoint::answering(config, HttpService::of_service(service))
    }

    #[cfg(feature = "http")]
    fn answering(config: Config, service: HttpService) -> Endpoint {
        Endpoint { context: Arc::new(Context::new(Arc::new(config), Some(service))) }
    }

    /// Serves one connection from its first byte. Call it inside a tokio runtime. The handler and its
    /// future have to be `Send`, and this future is.
    ///
    /// # Cancel safety
    /// Dropped, the transport is dropped with it and the connection ends without a Close.
    pub fn serve<T, H, F, E>(
        &self,
        io: T,
        peer: Option<SocketAddr>,
        handler: H,
    ) -> impl Future<Output = Ending> + Send + use<T, H, F, E>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send,
        H: FnOnce(Incoming) -> F + Send,
        F: Future<Output = Result<(), E>> + Send,
        E: Into<BoxError>,
    {
        serve(io, peer, self.context.clone(), handler)
    }

    /// Judges a request head that something else has read, by the policy of this endpoint, and
    /// negotiates compression as it is configured (RFC 6455 §4.2.1, RFC 7692 §7).
    ///
    /// Make the [`Request`] with `Request::from_parts`, only from HTTP/1.1 requests.
    ///
    /// # Errors
    /// The refusal to answer with: `Response::from(refusal)` has it, with `all_fields`
    /// and `body`; 503 during shutdown.
    pub fn negotiate(&self, request: &Request) -> Result<Negotiated, Refusal> {
        self.negotiate_under(request, &self.context.config.policy)
    }

    /// As [`Endpoint::negotiate`], for a request as the crate `http` has it. Its target is the
    /// one that the client sent: a router that has cut off a prefix has changed it.
    ///
    /// # Errors
    /// As [`Endpoint::negotiate`]; any version but HTTP/1.1 is refused.
    pub fn negotiate_parts(&self, parts: &Parts) -> Result<Negotiated, Refusal> {
        self.negotiate(&request_of(&parts.method, &parts.uri, parts.version, &parts.headers)?)
    }

    /// As [`Endpoint::negotiate`], under another policy.
    pub(crate) fn negotiate_under(
        &self,
        request: &Request,
        policy: &Policy,
    ) -> Result<Negotiated, Refusal> {
        if self.context.is_draining() {
            return Err(Rejection::ShuttingDown.into());
        }
        if self.context.is_out_of_memory() {
            return Err(Rejection::Overloaded.into());
        }
        Negotiated::new(&self.context, request, policy)
    }

    /// Serves a connection whose opening handshake something else has answered with the
    /// fields of `negotiated`. `io` gives the bytes behind the request head.
    ///
    /// # Cancel safety
    /// Dropped, the transport is dropped with it and the connection ends without a Close.
    pub fn serve_upgraded<T, H, F, E>(
        &self,
        io: T,
        peer: Option<SocketAddr>,
        negotiated: Negotiated,
        handler: H,
    ) -> impl Future<Output = Ending> + Send + use<T, H, F, E>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send,
        H: FnOnce(WebSocket) -> F + Send,
        F: Future<Output = Result<(), E>> + Send,
        E: Into<BoxError>,
    {
        self.reserve(peer, negotiated).serve(io, handler)
    }

    /// Logs a refusal, as that of our own listener is logged.
    #[cfg(feature = "hyper")]
    pub(crate) fn report_rejection(&self, peer: Option<SocketAddr>, rejection: Rejection) {
        self.context.tally.refused(rejection);
        self.context.report_rejection(None, peer, rejection);
    }

    /// The policy that opening handshakes are judged by.
    #[cfg(feature = "hyper")]
    pub(crate) fn policy(&self) -> &Policy {
        &self.context.config.policy
    }

    /// The endpoint that all share on this runtime who have made none; with the default configuration.
    #[cfg(feature = "axum")]
    pub(crate) fn of_runtime() -> Endpoint {
        static CONTEXTS: LazyLock<Mutex<HashMap<Id, Weak<Context>>>> =
            LazyLock::new(Mutex::default);
        let mut contexts = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        let id = Handle::current().id();
        if let Some(context) = contexts.get(&id).and_then(Weak::upgrade) {
            return Endpoint { context };
        }
        contexts.retain(|_, context| context.strong_count() > 0);
        let endpoint = Endpoint::new(Config::default());
        contexts.insert(id, Arc::downgrade(&endpoint.context));
        endpoint
    }

    /// Registers a connection whose 101 is about to be sent, and whose transport comes later.
    pub(crate) fn reserve(&self, peer: Option<SocketAddr>, negotiated: Negotiated) -> Reserved {
        Reserved::new(&self.context, peer, negotiated)
    }

    /// Ends every connection with 1001 and refuses new ones with 503.
    pub fn shutdown(&self) {
        self.context.shutdown();
    }

    /// As [`Endpoint::shutdown`], with another Close, a message before it, or some time before that
    /// in which handlers may end; and with the delay and the window of the farewell. Asked twice, the first
    /// farewell counts; [`Endpoint::shutdown`] ends its delay, its grace and its window.
    ///
    /// Before the first connection nobody is there to wait for, and new ones are refused at once.
    ///
    /// # Errors
    /// As [`Farewell::check`]; nothing is shut down then.
    pub fn shutdown_with(&self, farewell: Farewell) -> Result<(), SendError> {
        farewell.check()?;
        let Farewell { delay, grace, window, .. } = farewell;
        let farewell = Arc::new(farewell);
        self.context.announce(farewell.clone());
        let is_delayed = !delay.is_zero() && self.context.has_runtime();
        if !is_delayed {
            self.context.drain(farewell.clone());
            if grace.is_zero() && window.is_zero() {
                self.context.shutdown();
                return Ok(());
            }
        }
        let context = self.context.clone();
        self.context.spawn(async move {
            if is_delayed {
                sleep(delay).await;
                context.drain(farewell);
            }
            sleep(grace).await;
            let begun = Instant::now();
            for departure in context.departures() {
                let left = departure.after(window).saturating_sub(begun.elapsed());
                if !left.is_zero() {
                    sleep(left).await;
                }
                context.depart(&departure);
            }
            context.shutdown();
        });
        Ok(())
    }

    /// Waits until no connection is left.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub async fn emptied(&self) {
        self.context.emptied().await;
    }

    /// Connections that have not ended, and those whose handler goes on.
    pub fn connections(&self) -> usize {
        self.context.connections()
    }
}
