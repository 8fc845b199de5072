//! The opening handshake on a transport: the head is collected, parsed once and judged
//! (RFC 6455 §4.2).

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::net::handles::incoming::Incoming;
use crate::net::lent::lease::Lease;
use crate::net::read_vec::ReadVec;
use crate::net::state::shared::Shared;
use crate::proto::handshake::{
    HeadScanner, Refusal, Request, Response, Verdict, judge, refuse_plain,
};
use crate::proto::rejection::Rejection;

/// A request head that is arriving.
#[derive(Debug, Default)]
pub(super) struct Opening {
    scanner: HeadScanner,
    /// What arrived before the read that completes the head.
    received: Vec<u8>,
}

/// What became of the head.
pub(super) enum Opened {
    /// The application is to decide.
    Incoming(Incoming),
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
            let lease = match std::task::ready!(Lease::poll_read(io, cx)) {
                Ok(lease) if !lease.is_empty() => lease,
                ended => {
                    shared.lock().lose(ended.err().map(|error| error.kind()));
                    return Poll::Ready(Opened::Finished);
                }
            };
            match self.receive(lease, shared) {
                Ok(None) => {}
                Ok(Some(opened)) => return Poll::Ready(opened),
                Err(refusal) => {
                    shared.lock().refuse(&refusal);
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

    fn receive(
        &mut self,
        mut lease: Lease,
        shared: &Arc<Shared>,
    ) -> Result<Option<Opened>, Refusal> {
        let limits = &shared.context.config.limits.head;
        let request = if self.received.is_empty() {
            let Some(head_len) = self.scanner.scan(lease.unread(), limits)? else {
                self.received.extend_from_slice(lease.unread());
                return Ok(None);
            };
            // RFC 9112 §9.3.2: when a request is refused, the one behind it is not read.
            let request =
                Request::parse(lease.unread().get(..head_len).unwrap_or_default(), limits);
            lease.consume(head_len);
            request?
        } else {
            let before = self.received.len();
            self.received.extend_from_slice(lease.unread());
            let Some(head_len) = self.scanner.scan(&self.received, limits)? else {
                return Ok(None);
            };
            let head = self.received.get(..head_len).unwrap_or_default();
            let request = Request::parse(head, limits);
            lease.consume(head_len.saturating_sub(before));
            request?
        };
        open(request, lease, shared).map(Some)
    }
}

/// Judges a whole request. Bytes behind the head are kept and read as frames after the 101.
fn open(request: Request, early: Lease, shared: &Arc<Shared>) -> Result<Opened, Refusal> {
    let context = &shared.context;
    if context.is_draining() {
        return Err(Rejection::ShuttingDown.into());
    }
    let policy = &context.config.policy;
    match judge(&request, policy)? {
        Verdict::PlainHttp => {
            let answer = context.http.as_ref().and_then(|hook| call(&**hook, &request));
            match answer {
                Some(response) => shared.lock().respond(&response, false),
                None => return Err(refuse_plain(&request, policy)),
            }
            Ok(Opened::Finished)
        }
        Verdict::WebSocket(offer) => {
            let mut state = shared.lock();
            // A shutdown that came since found nothing to refuse yet.
            if context.is_draining() {
                return Err(Rejection::ShuttingDown.into());
            }
            state.life.decide();
            state.set_path(request.path());
            // RFC 6455 §4.1: what came in one read with the head is kept for after the 101.
            state.reading.arrive(early);
            drop(state);
            Ok(Opened::Incoming(Incoming::new(shared.clone(), request, offer)))
        }
    }
}

/// Calls the application's hook; a panic in it is its own and gets 500.
fn call(
    hook: &(dyn Fn(&Request) -> Option<Response> + Send + Sync),
    request: &Request,
) -> Option<Response> {
    let call = std::panic::AssertUnwindSafe(|| hook(request));
    std::panic::catch_unwind(call)
        .unwrap_or_else(|_| Some(Response::from(Refusal::from(Rejection::HandlerFailed))))
}
