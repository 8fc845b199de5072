//! The opening handshake on a transport: the head is collected, parsed once and judged
//! (RFC 6455 §4.2).

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::answering::Plain;
use super::health;
use crate::net::handles::incoming::Incoming;
use crate::net::http::HttpService;
use crate::net::lent::lease::Lease;
use crate::net::proxied::{Believed, Client};
use crate::net::read_vec::ReadVec;
use crate::net::state::Deadline;
use crate::net::state::shared::Shared;
use crate::proto::handshake::{
    HeadLimits, HeadScanner, Refusal, Request, Scheme, Verdict, judge_over, refuse_plain,
};
use crate::proto::rejection::Rejection;

/// A request head that is arriving.
#[derive(Debug, Default)]
pub(super) struct Opening {
    scanner: HeadScanner,
    /// What arrived before the read that completes the head.
    received: Vec<u8>,
    /// There is no place for the client that a proxy has introduced.
    overload: Option<Rejection>,
    /// A header of the PROXY protocol has come that names no client: who passes TCP on writes no fields, so what
    /// the request says of a client is the client's own word.
    is_nameless: bool,
}

/// What became of the head.
pub(super) enum Opened {
    /// The application is to decide.
    Incoming(Incoming),
    /// The application's service is to answer.
    Plain(Box<Plain>),
    /// It was answered, or the transport ended.
    Finished,
}

impl Opening {
    /// Reads until the head is complete, then answers it or hands it on.
    pub(super) fn poll<T: ReadVec>(
        &mut self,
        io: &mut T,
        shared: &Arc<Shared>,
        cx: &mut Context<'_>,
    ) -> Poll<Opened> {
        loop {
            if !shared.lock().life.is_opening() {
                return Poll::Ready(Opened::Finished);
            }
            let polled = Lease::poll_read(io, cx);
            if let Some(client) = io.take_introduction() {
                self.introduce(*client, io, shared);
            }
            let lease = match std::task::ready!(polled) {
                Ok(lease) if !lease.is_empty() => {
                    shared.count_read(lease.len(), shared.context.now());
                    lease
                }
                ended => {
                    shared.lock().lose(ended.err().map(|error| error.kind()));
                    return Poll::Ready(Opened::Finished);
                }
            };
            match self.receive(lease, io, shared) {
                Ok(None) => {}
                Ok(Some(opened)) => return Poll::Ready(opened),
                Err(refusal) => {
                    shared.lock().refuse(&refusal, shared);
                    return Poll::Ready(Opened::Finished);
                }
            }
        }
    }

    /// Whether not one byte has arrived.
    pub(super) fn is_silent(&self) -> bool {
        self.received.is_empty()
    }

    /// The refusal for a head that is not complete in time.
    pub(super) fn refusal(&self, rejection: Rejection) -> Refusal {
        Refusal::of(rejection, &self.received)
    }

    /// A proxy has said whose connection this is. A client that has no place is told so once it asks for
    /// something, as it would be at the door, and has as little time for that.
    fn introduce<T: ReadVec>(&mut self, client: Client, io: &mut T, shared: &Shared) {
        self.is_nameless = client.address.is_none();
        shared.believe(client);
        let client = shared.peer();
        // The header may come from a proxy behind another one: then the fields have the client.
        let Some(address) = client.filter(|_| !shared.context.trusts(client)) else { return };
        if let Err(rejection) = io.count_client(address.ip()) {
            self.overload = Some(rejection);
            let until = shared.context.now().checked_add(REFUSAL_TIME);
            let mut state = shared.lock();
            state.life.hurry(Deadline::at(until));
            state.timer_due = true;
        }
    }

    /// Reads what a trusted proxy says of the client, and counts the connection for that.
    ///
    /// # Errors
    /// The client has as many connections as it may, or begins too many handshakes.
    fn believe<T: ReadVec>(
        &self,
        request: &mut Request,
        io: &mut T,
        shared: &Shared,
    ) -> Result<(), Refusal> {
        let Some(proxies) = &shared.context.config.trusted_proxies else { return Ok(()) };
        let peer = shared.peer();
        if !proxies.trusts_peer(peer) {
            return Ok(());
        }
        let Believed { client, is_secure, host } = match self.is_nameless {
            true => Believed { client: peer, ..Believed::default() },
            false => proxies.read(peer, request),
        };
        if let Some(host) = host {
            request.believe_authority(host);
        }
        let address = client.filter(|_| client != peer);
        shared.believe(Client { address, is_secure, server_name: None });
        let Some(client) = client else { return Ok(()) };
        io.count_client(client.ip()).map_err(|rejection| refuse_whole(request, rejection))
    }

    fn receive<T: ReadVec>(
        &mut self,
        mut lease: Lease,
        io: &mut T,
        shared: &Arc<Shared>,
    ) -> Result<Option<Opened>, Refusal> {
        if let Some(rejection) = self.overload {
            return Err(Refusal::of(rejection, lease.unread()));
        }
        let limits = &shared.context.config.limits.head;
        let mut request = if self.received.is_empty() {
            let Some(head_len) = self.scanner.scan(lease.unread(), limits)? else {
                self.received.extend_from_slice(lease.unread());
                return Ok(None);
            };
            let head = lease.unread().get(..head_len).unwrap_or_default();
            // RFC 9112 §9.3.2: when a request is refused, the one behind it is not read.
            let request = parse(head, limits, shared);
            lease.consume(head_len);
            request?
        } else {
            let before = self.received.len();
            self.received.extend_from_slice(lease.unread());
            let Some(head_len) = self.scanner.scan(&self.received, limits)? else {
                return Ok(None);
            };
            let head = self.received.get(..head_len).unwrap_or_default();
            let request = parse(head, limits, shared);
            lease.consume(head_len.saturating_sub(before));
            request?
        };
        self.believe(&mut request, io, shared)?;
        open(request, lease, io, shared).map(Some)
    }
}

/// Reads a whole head. Where the application answers plain requests, their method may be any.
fn parse(head: &[u8], limits: &HeadLimits, shared: &Shared) -> Result<Request, Refusal> {
    let context = &shared.context;
    match &context.http {
        None => Request::parse(head, limits)
            .or_else(|refusal| health::read_again(head, limits, &refusal, context).ok_or(refusal)),
        Some(http) if http.is_choosy() => parse_chosen(head, limits, http)
            .or_else(|refusal| health::read_again(head, limits, &refusal, context).ok_or(refusal)),
        Some(_) => Request::parse_any_method(head, limits),
    }
}

/// A request that the application does not take is read as if there was no application: the refusal of
/// its method is the same then.
fn parse_chosen(head: &[u8], limits: &HeadLimits, http: &HttpService) -> Result<Request, Refusal> {
    match Request::parse_any_method(head, limits) {
        Ok(request) if request.method() == "GET" || http.takes(&request) => Ok(request),
        _ => Request::parse(head, limits),
    }
}

/// Judges a whole request. Bytes behind the head are kept and read as frames after the 101.
fn open<T: ReadVec>(
    request: Request,
    early: Lease,
    io: &mut T,
    shared: &Arc<Shared>,
) -> Result<Opened, Refusal> {
    let context = &shared.context;
    let is_for_health = health::is_asked_by(&request, context);
    if is_for_health && health::answer(&request, shared)? {
        return Ok(Opened::Finished);
    }
    if context.is_draining() {
        return Err(refuse_whole(&request, Rejection::ShuttingDown));
    }
    if request.target().len() > MAX_TARGET_LEN {
        return Err(refuse_whole(&request, Rejection::TargetTooLong));
    }
    let policy = &context.config.policy;
    // RFC 9110 §7.4: the transport is asked; a proxy or a policy may know of TLS in front of it.
    let is_secured = shared.is_secured(&shared.lock());
    let reached = if is_secured { Scheme::Https } else { Scheme::Http };
    let verdict = judge_over(reached, &request, policy)?;
    let offer = match verdict {
        // RFC 6455 §4.2.2: where health is asked for there is no WebSocket.
        Verdict::WebSocket(_) if is_for_health => return Err(Rejection::ResourceUnknown.into()),
        Verdict::WebSocket(offer) => offer,
        Verdict::PlainHttp => {
            let refusal = refuse_plain(&request, policy);
            if context.http.as_ref().is_some_and(|http| !http.takes(&request)) {
                return Err(refusal);
            }
            let plain = Plain::take(request, early, shared)?.ok_or(refusal)?;
            #[cfg(feature = "tls")]
            let plain = plain.over(io.tls_session());
            return answer(plain, shared);
        }
    };
    if context.is_out_of_memory() {
        return Err(Rejection::Overloaded.into());
    }
    let mut state = shared.lock();
    // A shutdown that came since found nothing to refuse yet.
    if context.is_draining() {
        return Err(Rejection::ShuttingDown.into());
    }
    io.head_is_read(early.unread());
    state.life.decide();
    state.set_path(request.path());
    // RFC 6455 §4.1: what came in one read with the head is kept for after the 101.
    state.reading.arrive(early);
    drop(state);
    let incoming = Incoming::new(shared.clone(), request, offer);
    #[cfg(feature = "tls")]
    let incoming = incoming.over(io.tls_session());
    Ok(Opened::Incoming(incoming))
}

/// From here on the request has as much time as the application gives it.
fn answer(plain: Plain, shared: &Arc<Shared>) -> Result<Opened, Refusal> {
    let mut state = shared.lock();
    if shared.context.is_draining() {
        let head_only = plain.is_head();
        return Err(Refusal { head_only, ..Rejection::ShuttingDown.into() });
    }
    state.life.answer();
    state.set_path(plain.path());
    drop(state);
    Ok(Opened::Plain(Box::new(plain)))
}

/// The refusal of a whole request; the answer to HEAD has no content (RFC 9110 §9.3.2).
fn refuse_whole(request: &Request, rejection: Rejection) -> Refusal {
    Refusal { head_only: request.method() == "HEAD", ..rejection.into() }
}

/// For the first bytes of a client for which there is no place.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// The longest request-target that the crate `http` takes.
const MAX_TARGET_LEN: usize = 65_534;
