//! Which subprotocol the 101 selects (RFC 6455 §4.2.2): never a token that a client has put among them, since no
//! answer repeats a token.

use stickler::Incoming;
use stickler::proto::handshake::{InvalidSubprotocol, Subprotocol};

use super::Subprotocols;
use crate::auth::is_credential;

/// A name that can be selected.
///
/// # Errors
/// It is none, or that of a token.
pub(crate) fn read_subprotocol(name: &str) -> Result<Subprotocol, String> {
    if is_credential(name) {
        return Err("such a name is a token, which no answer repeats".into());
    }
    name.parse().map_err(|error: InvalidSubprotocol| error.to_string())
}

/// Selects again where the server's policy, which agrees to any name, has selected a token.
pub(super) fn leave_tokens_out(incoming: &mut Incoming) {
    // Names that are spoken are no tokens: a configuration with such a name is refused.
    if incoming.chosen_subprotocol().is_some_and(is_credential) {
        select(incoming, |_| true);
    }
}

impl Subprotocols {
    /// Selects by these, in the place of what the server's policy has selected.
    pub(super) fn choose(&self, incoming: &mut Incoming) {
        match self {
            Subprotocols::Inherited => {}
            Subprotocols::Any => select(incoming, |_| true),
            Subprotocols::These(spoken) => {
                select(incoming, |name| spoken.iter().any(|spoken| **spoken == *name));
            }
        }
    }
}

/// Selects the first name that is offered and spoken, and no token; or none.
fn select(incoming: &mut Incoming, is_spoken: impl Fn(&str) -> bool) {
    let chosen = {
        let mut offered = incoming.head().subprotocols().filter(|name| !is_credential(name));
        offered.find(|name| is_spoken(name)).map(str::to_owned)
    };
    let is_chosen = chosen.is_some_and(|name| incoming.subprotocol(&name).is_ok());
    if !is_chosen {
        incoming.no_subprotocol();
    }
}
