//! What a server answers to an offer of permessage-deflate, judged by RFC 7692 §5 and §7.1.

use super::frame::Fault;

/// What was agreed: the four parameters, in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: Option<u8>,
    pub(crate) client_max_window_bits: Option<u8>,
}

impl Agreement {
    /// Reads the answer's field values; `None` when everything was declined.
    ///
    /// # Errors
    /// Says which rule the answer to this offer breaks.
    pub(crate) fn of(offer: &str, answer: &[&str]) -> Result<Option<Agreement>, Fault> {
        let value = answer.join(", ");
        if answer.is_empty() {
            return Ok(None);
        }
        let wrong = |section, why: &str| {
            Err(Fault::new(section, format!("Sec-WebSocket-Extensions: {value}: {why}")))
        };
        if value.trim().is_empty() {
            return wrong("RFC 6455 4.2.2", "empty");
        }
        let mut elements = value.split(',').map(str::trim).filter(|element| !element.is_empty());
        let (Some(first), rest) = (elements.next(), elements.next()) else {
            return wrong("RFC 6455 4.2.2", "empty");
        };
        let mut parts = first.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let offered = |name: &str| {
            offer.split(',').any(|one| one.split(';').next().map(str::trim) == Some(name))
        };
        if !offered(name) {
            return wrong("RFC 6455 4.2.2", "not what was offered");
        }
        // Another extension that was offered; nothing is known of it here.
        if name != "permessage-deflate" {
            return Ok(None);
        }
        if rest.is_some() {
            return wrong("RFC 7692 5", "more than one extension was accepted");
        }
        let mut agreed = Agreement::default();
        let mut seen = Vec::new();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim(), Some(bits(value))),
                None => (part, None),
            };
            if seen.contains(&name) {
                return wrong("RFC 7692 7.1", "a parameter twice");
            }
            seen.push(name);
            match (name, value) {
                ("server_no_context_takeover", None) => agreed.server_no_context_takeover = true,
                ("client_no_context_takeover", None) => agreed.client_no_context_takeover = true,
                ("server_max_window_bits", Some(Some(bits))) => {
                    agreed.server_max_window_bits = Some(bits);
                }
                ("client_max_window_bits", Some(Some(bits))) => {
                    agreed.client_max_window_bits = Some(bits);
                }
                _ => return wrong("RFC 7692 7.1", "a parameter or value that no answer may have"),
            }
        }
        let acceptable: Vec<Offer> = offer.split(',').filter_map(Offer::of).collect();
        if acceptable.is_empty() {
            return wrong("RFC 7692 7", "accepted, although the offer must be declined");
        }
        let faults: Vec<&str> =
            acceptable.iter().filter_map(|offer| agreed.answers(offer).err()).collect();
        match faults.first() {
            Some(why) if faults.len() == acceptable.len() => wrong("RFC 7692 7.1", why),
            _ => Ok(Some(agreed)),
        }
    }

    /// Whether this may be said to this offer (RFC 7692 §7.1).
    fn answers(&self, offer: &Offer) -> Result<(), &'static str> {
        if offer.server_no_context_takeover && !self.server_no_context_takeover {
            return Err("server_no_context_takeover was asked for and is missing");
        }
        match (offer.server_max_window_bits, self.server_max_window_bits) {
            (Some(asked), Some(bits)) if bits > asked => {
                return Err("a larger server_max_window_bits than was asked for");
            }
            // To leave out 15 changes nothing, as this is what holds without the parameter.
            (Some(..15), None) => {
                return Err("server_max_window_bits was asked for and is missing");
            }
            _ => {}
        }
        match (offer.client_max_window_bits, self.client_max_window_bits) {
            (false, Some(_)) => Err("client_max_window_bits was not offered"),
            _ => Ok(()),
        }
    }
}

/// One offer that may be accepted.
#[derive(Default)]
struct Offer {
    server_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: bool,
}

impl Offer {
    /// The offer in these words, unless it must be declined (RFC 7692 §7).
    fn of(element: &str) -> Option<Offer> {
        let mut parts = element.split(';').map(str::trim);
        if parts.next() != Some("permessage-deflate") {
            return None;
        }
        let mut offer = Offer::default();
        let mut seen = Vec::new();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value)),
                None => (part, None),
            };
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
            match (name, value) {
                ("server_no_context_takeover", None) => offer.server_no_context_takeover = true,
                ("client_no_context_takeover", None) => {}
                ("server_max_window_bits", Some(value)) => {
                    offer.server_max_window_bits = Some(bits(value)?);
                }
                ("client_max_window_bits", None) => offer.client_max_window_bits = true,
                ("client_max_window_bits", Some(value)) => {
                    bits(value)?;
                    offer.client_max_window_bits = true;
                }
                _ => return None,
            }
        }
        Some(offer)
    }
}

/// 8 to 15 in decimal without leading zeros, perhaps quoted (RFC 7692 §7.1.2).
fn bits(value: &str) -> Option<u8> {
    let value = value.trim().replace(['"', '\\'], "");
    (8..=15).find(|bits: &u8| bits.to_string() == value)
}
