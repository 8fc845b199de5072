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
        let elements: Vec<&str> =
            value.split(',').map(str::trim).filter(|element| !element.is_empty()).collect();
        if elements.is_empty() {
            return wrong("RFC 6455 4.2.2", "empty");
        }
        let offered: Vec<&str> = offer.split(',').map(name).collect();
        let is_offered =
            |element: &&str| offered.iter().any(|one| one.eq_ignore_ascii_case(name(element)));
        if !elements.iter().all(is_offered) {
            return wrong("RFC 6455 4.2.2", "not what was offered");
        }
        let is_deflate = |element: &&&str| name(element).eq_ignore_ascii_case("permessage-deflate");
        let Some(accepted) = elements.iter().find(is_deflate) else {
            // Another extension that was offered; nothing is known of it here.
            return Ok(None);
        };
        if elements.len() > 1 {
            return wrong("RFC 7692 5", "more than one extension that uses RSV1 was accepted");
        }
        let agreed = match Agreement::parse(accepted) {
            Ok(agreed) => agreed,
            Err(why) => return wrong("RFC 7692 7", why),
        };
        let acceptable: Vec<Offer> = offer.split(',').filter_map(Offer::of).collect();
        if acceptable.is_empty() {
            return wrong("RFC 7692 7", "accepted, although the offer must be declined");
        }
        // RFC 7692 §5: the client need not know which of its offers was accepted.
        let mut faults = acceptable.iter().map(|offer| agreed.answers(offer).err());
        match faults.clone().all(|fault| fault.is_some()).then(|| faults.next()).flatten() {
            Some(Some((section, why))) => wrong(section, why),
            _ => Ok(Some(agreed)),
        }
    }

    /// The parameters of an answer, of which each has its one form.
    fn parse(element: &str) -> Result<Agreement, &'static str> {
        let mut agreed = Agreement::default();
        let mut seen = Vec::new();
        for part in element.split(';').map(str::trim).skip(1) {
            let (name, value) = parameter(part);
            if seen.contains(&name) {
                return Err("a parameter twice");
            }
            seen.push(name);
            match (name, value.map(bits)) {
                ("server_no_context_takeover", None) => agreed.server_no_context_takeover = true,
                ("client_no_context_takeover", None) => agreed.client_no_context_takeover = true,
                ("server_max_window_bits", Some(Some(bits))) => {
                    agreed.server_max_window_bits = Some(bits);
                }
                ("client_max_window_bits", Some(Some(bits))) => {
                    agreed.client_max_window_bits = Some(bits);
                }
                _ => return Err("a parameter or value that no answer may have"),
            }
        }
        Ok(agreed)
    }

    /// Whether this may be said to this offer (RFC 7692 §7.1); else the section, and why not.
    fn answers(&self, offer: &Offer) -> Result<(), (&'static str, &'static str)> {
        if offer.server_no_context_takeover && !self.server_no_context_takeover {
            let why = "server_no_context_takeover was asked for and is missing";
            return Err(("RFC 7692 7.1.1.1", why));
        }
        match (offer.server_max_window_bits, self.server_max_window_bits) {
            (Some(asked), Some(bits)) if bits > asked => {
                let why = "a larger server_max_window_bits than was asked for";
                return Err(("RFC 7692 7.1.2.1", why));
            }
            // RFC 7692 §7.1.2.1: to accept is to include the parameter. 15 is no exception.
            (Some(_), None) => {
                let why = "server_max_window_bits was asked for and is missing";
                return Err(("RFC 7692 7.1.2.1", why));
            }
            _ => {}
        }
        if self.client_max_window_bits.is_some() && !offer.client_max_window_bits {
            return Err(("RFC 7692 7.1.2.2", "client_max_window_bits was not offered"));
        }
        Ok(())
    }
}

/// The name of the extension in an element of the list.
fn name(element: &str) -> &str {
    element.split(';').next().unwrap_or_default().trim()
}

/// The name of a parameter, and its value if it has one.
fn parameter(part: &str) -> (&str, Option<&str>) {
    match part.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value)),
        None => (part, None),
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
        if !name(element).eq_ignore_ascii_case("permessage-deflate") {
            return None;
        }
        let mut offer = Offer::default();
        let mut seen = Vec::new();
        for part in element.split(';').map(str::trim).skip(1) {
            let (name, value) = parameter(part);
            // No rule says whether case counts, so a server may know the name in any.
            let name = name.to_ascii_lowercase();
            if seen.contains(&name) {
                return None;
            }
            seen.push(name.clone());
            match (name.as_str(), value) {
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

#[cfg(test)]
mod tests {
    use super::Agreement;

    /// The section of the rule that the answer breaks, `Ok` whether the offer was accepted.
    fn judged(offer: &str, answer: &[&str]) -> Result<bool, &'static str> {
        match Agreement::of(offer, answer) {
            Ok(agreed) => Ok(agreed.is_some()),
            Err(fault) => Err(fault.section),
        }
    }

    #[test]
    fn s7692_7_1_lawful_answers_are_no_fault() {
        for (offer, answer, accepted) in [
            ("permessage-deflate", &[][..], false),
            ("permessage-deflate", &["permessage-deflate"], true),
            // What a server may say unasked.
            ("permessage-deflate", &["permessage-deflate; server_no_context_takeover"], true),
            ("permessage-deflate", &["permessage-deflate; client_no_context_takeover"], true),
            ("permessage-deflate", &["permessage-deflate;server_max_window_bits=\"8\""], true),
            ("permessage-deflate; client_no_context_takeover", &["permessage-deflate"], true),
            ("permessage-deflate; client_max_window_bits", &["permessage-deflate"], true),
            (
                "permessage-deflate; client_max_window_bits=10",
                &["permessage-deflate; client_max_window_bits=15"],
                true,
            ),
            (
                "permessage-deflate; server_max_window_bits=15",
                &["permessage-deflate; server_max_window_bits=15"],
                true,
            ),
            (
                "permessage-deflate; server_max_window_bits=10",
                &["permessage-deflate ; server_max_window_bits = 9"],
                true,
            ),
            // One of several offers, the second.
            ("permessage-deflate; foo, permessage-deflate", &["permessage-deflate"], true),
            (
                "permessage-deflate; server_max_window_bits=9, permessage-deflate",
                &["permessage-deflate"],
                true,
            ),
            // Case has no rule.
            ("PERMESSAGE-DEFLATE", &["permessage-deflate"], true),
            ("foo", &["foo"], false),
        ] {
            assert_eq!(judged(offer, answer), Ok(accepted), "{offer}: {answer:?}");
        }
    }

    #[test]
    fn s7692_7_1_unlawful_answers_name_their_section() {
        const DEFLATE: &str = "permessage-deflate";
        const WINDOWS: &str =
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10";
        for (offer, answer, section) in [
            (DEFLATE, &[""][..], "RFC 6455 4.2.2"),
            (DEFLATE, &["foo"], "RFC 6455 4.2.2"),
            ("foo", &[DEFLATE], "RFC 6455 4.2.2"),
            (DEFLATE, &["permessage-deflate, foo"], "RFC 6455 4.2.2"),
            ("permessage-deflate, permessage-deflate", &[DEFLATE, DEFLATE], "RFC 7692 5"),
            ("foo, permessage-deflate", &["foo, permessage-deflate"], "RFC 7692 5"),
            (DEFLATE, &["permessage-deflate; foo"], "RFC 7692 7"),
            (DEFLATE, &["permessage-deflate;"], "RFC 7692 7"),
            (DEFLATE, &["permessage-deflate; server_no_context_takeover=1"], "RFC 7692 7"),
            (DEFLATE, &["permessage-deflate; client_no_context_takeover=\"\""], "RFC 7692 7"),
            (DEFLATE, &["permessage-deflate; server_max_window_bits"], "RFC 7692 7"),
            (DEFLATE, &["permessage-deflate; server_max_window_bits=7"], "RFC 7692 7"),
            (DEFLATE, &["permessage-deflate; server_max_window_bits=16"], "RFC 7692 7"),
            (DEFLATE, &["permessage-deflate; server_max_window_bits=09"], "RFC 7692 7"),
            (
                WINDOWS,
                &["permessage-deflate; server_max_window_bits=10; \
                         server_max_window_bits=10"],
                "RFC 7692 7",
            ),
            (
                WINDOWS,
                &["permessage-deflate; server_max_window_bits=10; \
                         client_max_window_bits"],
                "RFC 7692 7",
            ),
            (WINDOWS, &["permessage-deflate; server_max_window_bits=11"], "RFC 7692 7.1.2.1"),
            (WINDOWS, &[DEFLATE], "RFC 7692 7.1.2.1"),
            ("permessage-deflate; server_max_window_bits=15", &[DEFLATE], "RFC 7692 7.1.2.1"),
            (DEFLATE, &["permessage-deflate; client_max_window_bits=15"], "RFC 7692 7.1.2.2"),
            ("permessage-deflate; server_no_context_takeover", &[DEFLATE], "RFC 7692 7.1.1.1"),
            ("permessage-deflate; Server_No_Context_Takeover", &[DEFLATE], "RFC 7692 7.1.1.1"),
            ("permessage-deflate; foo", &[DEFLATE], "RFC 7692 7"),
            ("permessage-deflate; client_max_window_bits=16", &[DEFLATE], "RFC 7692 7"),
        ] {
            assert_eq!(judged(offer, answer), Err(section), "{offer}: {answer:?}");
        }
    }
}
