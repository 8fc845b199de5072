//! Which offer of permessage-deflate is accepted, and what the answer says (RFC 7692 §5, §7.1).

use super::fields::Extension;
use super::{Fault, Shared};

/// What was agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Agreement {
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    /// 15 where nothing was said.
    pub(super) server_max_window_bits: u8,
}

/// An offer that can be accepted.
#[derive(Clone, Copy, Default)]
struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<Option<u8>>,
}

/// The first offer that can be accepted, and the answer to it.
pub(super) fn negotiate(
    shared: &Shared,
    offers: &[Extension],
) -> (Option<Agreement>, Option<String>) {
    let good: Vec<Offer> = offers.iter().filter_map(|offer| read(shared, offer)).collect();
    let Some(offer) = good.first() else { return (None, None) };
    let (agreement, mut answer) = accept(shared, offer);
    if let (true, Some(second)) = (shared.has(Fault::TwoAccepted), good.get(1)) {
        answer = format!("{answer}, {}", accept(shared, second).1);
    }
    (Some(agreement), Some(answer))
}

fn read(shared: &Shared, extension: &Extension) -> Option<Offer> {
    if extension.name != "permessage-deflate" {
        return None;
    }
    let mut offer = Offer::default();
    let mut seen = Vec::new();
    for (name, value) in &extension.parameters {
        if seen.contains(&name) && !shared.has(Fault::ParameterTwice) {
            return None;
        }
        seen.push(name);
        let has_none = value.is_none() || shared.has(Fault::ValueForNone);
        match &name[..] {
            "server_no_context_takeover" if has_none => offer.server_no_context_takeover = true,
            "client_no_context_takeover" if has_none => offer.client_no_context_takeover = true,
            "server_max_window_bits" => {
                offer.server_max_window_bits = Some(window(shared, value.as_ref()?)?);
            }
            "client_max_window_bits" => {
                let bits = match value {
                    Some(value) => Some(window(shared, value)?),
                    None => None,
                };
                offer.client_max_window_bits = Some(bits);
            }
            "server_no_context_takeover" | "client_no_context_takeover" => return None,
            _ if shared.has(Fault::AnyParameter) => {}
            _ => return None,
        }
    }
    Some(offer)
}

/// RFC 7692 §7.1.2: 8 to 15, without leading zeros.
fn window(shared: &Shared, value: &str) -> Option<u8> {
    let number: Option<u8> = value.parse().ok();
    match number {
        Some(bits @ 8..=15) if value == bits.to_string() => Some(bits),
        Some(bits @ 8..=15) if shared.has(Fault::WindowZeros) && value.starts_with('0') => {
            Some(bits)
        }
        _ if shared.has(Fault::AnyWindow) => Some(15),
        _ => None,
    }
}

fn accept(shared: &Shared, offer: &Offer) -> (Agreement, String) {
    let mut answer = "permessage-deflate".to_owned();
    if offer.server_no_context_takeover && !shared.has(Fault::ServerNoContextDropped) {
        answer.push_str("; server_no_context_takeover");
        if shared.has(Fault::ParameterAnsweredTwice) {
            answer.push_str("; server_no_context_takeover");
        }
    }
    let client_no_context_takeover = offer.client_no_context_takeover || shared.setup.is_fresh;
    if client_no_context_takeover {
        answer.push_str("; client_no_context_takeover");
    }
    let mut server_max_window_bits = 15;
    if let Some(bits) = offer.server_max_window_bits {
        server_max_window_bits = bits;
        let bits = bits + u8::from(shared.has(Fault::ServerWindowLarger) && bits < 15);
        let is_dropped = shared.has(Fault::ServerWindowDropped)
            || shared.has(Fault::ServerWindow15Dropped) && bits == 15;
        if !is_dropped {
            let zero = if shared.has(Fault::ServerWindowZeros) { "0" } else { "" };
            answer.push_str(&format!("; server_max_window_bits={zero}{bits}"));
        }
    }
    match offer.client_max_window_bits {
        None if shared.has(Fault::ClientWindowUnasked) => {
            answer.push_str("; client_max_window_bits=15");
        }
        Some(_) if shared.has(Fault::ClientWindowNoValue) => {
            answer.push_str("; client_max_window_bits");
        }
        Some(_) if shared.has(Fault::ClientWindow16) => {
            answer.push_str("; client_max_window_bits=16");
        }
        Some(Some(bits)) => answer.push_str(&format!("; client_max_window_bits={bits}")),
        _ => {}
    }
    let server_no_context_takeover = offer.server_no_context_takeover;
    let agreement = Agreement {
        server_no_context_takeover,
        client_no_context_takeover,
        server_max_window_bits,
    };
    (agreement, answer)
}
