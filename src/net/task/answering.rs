//! A plain request, from the end of its head to the end of the answer (RFC 9112 §6, §7): hyper has the
//! transport meanwhile.
//!
//! hyper reads the head once more, as our own scanner has understood it, so that the two cannot come
//! to different ends of it. Each connection has one request. hyper does not end TCP, although it
//! believes so: the task does, as for every other connection.

use std::any::Any;
use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::http::header::{HeaderValue, STRICT_TRANSPORT_SECURITY};
use ::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Connection, Parts};
use tokio::io::AsyncWrite;

use super::handler::{Chain, drop_caught, said};
use super::hyper_io::{HyperIo, Written};
use crate::net::ending::{Initiator, TimeoutKind};
use crate::net::error::BoxError;
use crate::net::http::{Body, Fault, HttpService, check};
use crate::net::lent::lease::Lease;
use crate::net::proxied::TransportAddr;
use crate::net::read_vec::ReadVec;
use crate::net::state::counted::Counted;
use crate::net::state::drain::DrainRate;
use crate::net::state::shared::Shared;
#[cfg(feature = "tls")]
use crate::net::tls_session::TlsSession;
use crate::proto::handshake::{Refusal, Request as Head};
use crate::proto::rejection::Rejection;

/// A plain request that the application's service is to answer.
pub(super) struct Plain {
    head: Head,
    /// What was read behind the head.
    early: Lease,
    service: HttpService,
    #[cfg(feature = "tls")]
    tls: Option<Box<TlsSession>>,
}

impl Plain {
    /// Takes the request, if there is a service and nothing of the content is wrong yet.
    ///
    /// # Errors
    /// The content is too large by its own account, or in a coding that the service would not
    /// understand.
    pub(super) fn take(
        head: Head,
        early: Lease,
        shared: &Shared,
    ) -> Result<Option<Plain>, Refusal> {
        let Some(service) = shared.context.http.clone() else { return Ok(None) };
        let head_only = head.method() == "HEAD";
        check_content(&head, shared.context.config.limits.max_body_size)
            .map_err(|rejection| Refusal { head_only, ..rejection.into() })?;
        Ok(Some(Plain {
            head,
            early,
            service,
            #[cfg(feature = "tls")]
            tls: None,
        }))
    }

    /// It came over TLS, as far as there is a session.
    #[cfg(feature = "tls")]
    pub(super) fn over(self, tls: Option<TlsSession>) -> Plain {
        Plain { tls: tls.map(Box::new), ..self }
    }

    /// Whether the answer has no content (RFC 9110 §9.3.2).
    pub(super) fn is_head(&self) -> bool {
        self.head.method() == "HEAD"
    }

    pub(super) fn path(&self) -> &str {
        self.head.path()
    }

    /// The head in the one form that every reader takes for the same.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for part in [self.head.method(), " ", self.head.target(), " HTTP/1.1\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        for (name, value) in self.head.fields() {
            for part in [name.as_bytes(), b":", value, b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
        out.extend_from_slice(b"\r\n");
        out
    }
}

fn check_content(head: &Head, max_size: usize) -> Result<(), Rejection> {
    if let Some(length) = head.field("content-length") {
        let length = str::from_utf8(length).ok().and_then(|length| length.parse::<usize>().ok());
        // RFC 9110 §15.5.14: what is too large by its own account is not read.
        if length.is_none_or(|length| length > max_size) {
            return Err(Rejection::ContentTooLarge);
        }
    }
    let mut codings = head.fields_named("transfer-encoding");
    let only = (codings.next(), codings.next());
    // RFC 9112 §6.1: only chunked is decoded here.
    match only {
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(()),
        (None, _) => Ok(()),
        _ => Err(Rejection::TransferCodingUnknown),
    }
}

/// What is left of a connection whose request was answered.
pub(super) struct Rest<T> {
    /// The transport, unless it is gone.
    pub(super) io: Option<T>,
    /// Whether the log has said already how the connection ends.
    pub(super) is_reported: bool,
}

/// hyper's half of a connection, and what the answer came to.
pub(super) struct Answering<T> {
    /// `None` once the transport was given back.
    connection: Option<Connection<HyperIo<T>, Answerer>>,
    outcome: Outcome,
    /// Whether the answer has no content (RFC 9110 §9.3.2).
    is_head: bool,
}

/// The status of the answer, once there is one, and our own reason for it.
type Outcome = Arc<Mutex<Option<(u16, Option<Rejection>)>>>;

impl<T: ReadVec + AsyncWrite + Unpin> Answering<T> {
    pub(super) fn new(io: T, plain: Plain, shared: &Arc<Shared>) -> Answering<T> {
        let config = &shared.context.config;
        let outcome = Outcome::default();
        let (head, is_head) = (plain.encode(), plain.is_head());
        let answerer = Answerer {
            shared: shared.clone(),
            service: plain.service,
            outcome: outcome.clone(),
            patience: config.timeouts.handshake,
            #[cfg(feature = "tls")]
            tls: plain.tls,
        };
        let mut builder = Builder::new();
        builder.keep_alive(false).half_close(true).header_read_timeout(None);
        builder.title_case_headers(true);
        let head_limits = &config.limits.head;
        builder.max_buf_size(head_limits.max_head_size.saturating_add(MIN_BUFFER));
        if head_limits.max_fields > HYPERS_MAX_FIELDS {
            builder.max_headers(head_limits.max_fields);
        }
        let io = HyperIo::new(io, head, plain.early, DrainRate::new(config.limits.min_drain_rate));
        Answering { connection: Some(builder.serve_connection(io, answerer)), outcome, is_head }
    }

    /// Goes on; ready when the request is answered, or cannot be any more. Gives the transport back.
    pub(super) fn poll(&mut self, shared: &Arc<Shared>, cx: &mut Context<'_>) -> Poll<Rest<T>> {
        let gone = Rest { io: None, is_reported: false };
        let Some(connection) = &mut self.connection else { return Poll::Ready(gone) };
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(connection).poll(cx)));
        let mut end = match polled {
            Ok(polled) => ready!(polled).map_or_else(End::of, |()| End::Answered),
            Err(panic) => End::Panicked(panic),
        };
        let Some(connection) = self.connection.take() else { return Poll::Ready(gone) };
        // What is left of the application's future and content goes now.
        let parts = catch_unwind(AssertUnwindSafe(|| {
            let Parts { io, service, .. } = connection.into_parts();
            drop(service);
            io.into_inner()
        }));
        let (io, written) = match parts {
            Ok((io, written)) => (Some(io), written),
            Err(panic) => {
                end = End::Panicked(panic);
                (None, Written::Some)
            }
        };
        let is_reported = self.settle(end, written, shared);
        Poll::Ready(Rest { io, is_reported })
    }

    /// Notes how the request was answered. Says whether the log has it already.
    fn settle(&self, end: End, written: Written, shared: &Shared) -> bool {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        let initiator = match &end {
            End::Answered | End::Lost(_) => None,
            End::Failed(error) => {
                report_failure(shared, error);
                Some(Initiator::HandlerError)
            }
            End::Panicked(panic) => {
                report_panic(shared, &**panic);
                Some(Initiator::HandlerPanic)
            }
        };
        let lost = if let End::Lost(kind) = end { Some(kind) } else { None };
        // What is the application's is dropped without the lock.
        drop_caught(end, |panic| report_panic(shared, panic));
        let mut state = shared.lock();
        if let Some(initiator) = initiator {
            state.life.initiate(initiator);
            // The head waited for the first of the content: there is still time to say so.
            if written == Written::Nothing {
                let refusal = Refusal::from(Rejection::HandlerFailed);
                state.refuse(&Refusal { head_only: self.is_head, ..refusal }, shared);
                return true;
            }
        }
        match (lost, outcome) {
            _ if written == Written::TooSlowly => state.expire_at_once(TimeoutKind::Drain),
            (Some(kind), _) => state.lose(kind),
            (_, Some((status, rejection))) => {
                state.answered(status, rejection);
                return initiator.is_some() || rejection == Some(Rejection::HandlerFailed);
            }
            (_, None) => state.lose(None),
        }
        initiator.is_some()
    }
}

/// How hyper came to its end.
enum End {
    /// All is written.
    Answered,
    /// The content of the answer gave an error.
    Failed(hyper::Error),
    /// The application panicked where its content was asked for, or dropped.
    Panicked(Box<dyn Any + Send>),
    /// The transport failed, or else ended too early.
    Lost(Option<io::ErrorKind>),
}

impl End {
    fn of(error: hyper::Error) -> End {
        if error.is_user() {
            return End::Failed(error);
        }
        let source = error.source().and_then(|source| source.downcast_ref());
        End::Lost(source.map(io::Error::kind))
    }
}

/// Gives hyper's requests to the application, and its answers to hyper.
struct Answerer {
    shared: Arc<Shared>,
    service: HttpService,
    outcome: Outcome,
    /// How long the content of the request is waited for.
    patience: Duration,
    #[cfg(feature = "tls")]
    tls: Option<Box<TlsSession>>,
}

impl hyper::service::Service<Request<Incoming>> for Answerer {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let max_size = self.shared.context.config.limits.max_body_size;
        let patience = self.patience;
        let mut request = request.map(|content| Body::of_request(content, max_size, patience));
        if let Some(peer) = self.shared.peer() {
            request.extensions_mut().insert(peer);
        }
        if let Some(address) = self.shared.transport_addr {
            request.extensions_mut().insert(TransportAddr(address));
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            request.extensions_mut().insert(TlsSession::clone(tls));
        }
        let (shared, outcome) = (self.shared.clone(), self.outcome.clone());
        let service = self.service.clone();
        Box::pin(async move {
            let (mut response, rejection) = match answer(&service, request, &shared).await {
                Ok(response) => (response, None),
                Err(rejection) => (Response::from(rejection), Some(rejection)),
            };
            let status = response.status().as_u16();
            let hsts = shared.hsts(&shared.lock());
            if let Some(hsts) = hsts.and_then(|value| HeaderValue::try_from(value).ok()) {
                // The application's own stays as it is.
                response.headers_mut().entry(STRICT_TRANSPORT_SECURITY).or_insert(hsts);
            }
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some((status, rejection));
            Ok(response)
        })
    }
}

/// The application's answer, or the reason for another. What is wrong with it is logged.
async fn answer(
    service: &HttpService,
    request: Request<Body>,
    shared: &Shared,
) -> Result<Response<Body>, Rejection> {
    let panicked = |panic: Box<dyn Any + Send>| {
        report_panic(shared, &*panic);
        drop_caught(panic, |_| ());
        Rejection::HandlerFailed
    };
    let method = request.method().clone();
    let called = catch_unwind(AssertUnwindSafe(|| service.call(request)));
    let mut answering = called.map_err(panicked)?;
    let answered = poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(cx)));
        polled.map_or_else(|panic| Poll::Ready(Err(panic)), |polled| polled.map(Ok))
    });
    let answered = answered.await.map_err(panicked)?;
    let checked = answered
        .map_err(Fault::of)
        .and_then(|response| check(response, &method).map_err(Fault::Application));
    checked.map_err(|fault| {
        if let Fault::Application(error) = &fault {
            report_failure(shared, &**error);
        }
        fault.rejection()
    })
}

/// Logs the application's own error, which nobody else hears.
fn report_failure(shared: &Shared, error: &(dyn StdError + 'static)) {
    let (id, peer) = shared.named();
    let path = shared.lock().path().to_owned();
    tracing::error!(id, peer, path, error = %Chain(error), "the answer to a plain request failed");
}

/// Counts a panic of the application, and logs it.
fn report_panic(shared: &Shared, panic: &(dyn Any + Send)) {
    shared.context.count(Counted::Panic);
    let (id, peer) = shared.named();
    let path = shared.lock().path().to_owned();
    tracing::error!(id, peer, path, panic = said(panic), "the answer to a plain request panicked");
}

/// hyper takes no smaller buffer.
const MIN_BUFFER: usize = 8192;

/// So many header fields hyper reads unless told otherwise.
const HYPERS_MAX_FIELDS: usize = 100;
