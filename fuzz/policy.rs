//! Policies to judge requests under.

use stickler::proto::handshake::Policy;

/// One that asks for nothing, the default, and one that asks for all there is to ask.
pub(crate) fn all() -> [Policy; 3] {
    let lenient = Policy { origins: vec!["any".parse().unwrap()], ..Policy::default() };
    let strict = Policy {
        paths: Some(vec!["/".to_owned(), "/chat".to_owned()]),
        origins: vec!["https://a.example".parse().unwrap(), "same-host".parse().unwrap()],
        require_origin: true,
        own_hosts: vec!["a.example".parse().unwrap()],
        subprotocols: vec!["chat".parse().unwrap(), "v2".parse().unwrap()],
        require_subprotocol: true,
        ..Policy::default()
    };
    [lenient, Policy::default(), strict]
}
