//! The health checks of load balancers: a plain GET or HEAD for [`Config::health_path`] (RFC 9110 §9.3.1,
//! §9.3.2). The answer says whether new connections are welcome, and does not depend on the Host: balancers
//! often ask by address.
//!
//! [`Config::health_path`]: crate::Config::health_path

use crate::net::state::context::Context;
use crate::net::state::shared::Shared;
use crate::proto::handshake::{
    HeadLimits, Refusal, Request, Response, ResponseFields, Scheme, is_plain,
};
use crate::proto::rejection::Rejection;

/// Whether the request is for the health path.
pub(super) fn is_asked_by(request: &Request, context: &Context) -> bool {
    context.config.health_path.as_deref().is_some_and(|path| path == request.path())
}

/// A request that was refused for its method, read again: on the health path HEAD is no fault, and a
/// refusal of others says so. `None` if it is for another path.
pub(super) fn read_again(
    head: &[u8],
    limits: &HeadLimits,
    refusal: &Refusal,
    context: &Context,
) -> Option<Request> {
    let is_of_method = refusal.rejection == Rejection::MethodNotAllowed;
    let request = context.config.health_path.as_ref().filter(|_| is_of_method);
    let request = request.and_then(|_| Request::parse_any_method(head, limits).ok());
    request.filter(|request| is_asked_by(request, context))
}

/// Answers a request for the health path. Says whether it did: one that asks for a WebSocket goes the way
/// of all others.
///
/// # Errors
/// The Upgrade field is malformed, or the request is for `https` in the clear.
pub(super) fn answer(request: &Request, shared: &Shared) -> Result<bool, Refusal> {
    let context = &shared.context;
    let head_only = request.method() == "HEAD";
    let refuse = |rejection: Rejection| Refusal { head_only, ..rejection.into() };
    let is_secured = shared.is_secured(&shared.lock());
    let reached = if is_secured { Scheme::Https } else { Scheme::Http };
    if !is_plain(reached, request, &context.config.policy).map_err(refuse)? {
        return Ok(false);
    }
    let (status, body) = match request.method() {
        "GET" | "HEAD" if context.is_announced() => (503, "shutting down\n"),
        "GET" | "HEAD" => (200, "ok\n"),
        _ => (405, "GET and HEAD are answered here\n"),
    };
    let mut fields = ResponseFields::new();
    // None of these can fail: they are tokens and visible ASCII.
    let _ = fields.insert("Cache-Control", "no-store");
    if status == 405 {
        // RFC 9110 §15.5.6: what would be allowed.
        let _ = fields.insert("Allow", "GET, HEAD");
    }
    let response = Response::of(status).with_fields(fields).with_body(body);
    let mut state = shared.lock();
    state.set_path(request.path());
    state.answer(response, head_only, shared);
    Ok(true)
}
