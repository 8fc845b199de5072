//! Policies to judge requests under.

use stickler::proto::handshake::Policy;

/// One that asks for nothing, the default, and one that asks for all there is to ask.
pub(crate) fn all() -> [Policy; 3] {
    let lenient = Policy::default().origins(["any".parse().unwrap()]);
    let strict = Policy::default()
        .paths(["/", "/chat"])
        .origins(["https://a.example".parse().unwrap(), "same-host".parse().unwrap()])
        .require_origin(true)
        .own_hosts(["a.example".parse().unwrap()])
        .subprotocols(["chat".parse().unwrap(), "v2".parse().unwrap()])
        .require_subprotocol(true);
    [lenient, Policy::default(), strict]
}
