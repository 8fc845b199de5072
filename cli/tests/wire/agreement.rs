//! Offers of permessage-deflate and their answers, by the rules of RFC 7692 §5 and §7.1, slow and plain.

use crate::client::Outcome;

/// The four parameters, in an offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: Option<u8>,
    /// `Some(None)` without a value.
    pub(crate) client_max_window_bits: Option<Option<u8>>,
}

/// What was agreed: the four parameters, in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: Option<u8>,
    pub(crate) client_max_window_bits: Option<u8>,
}

/// A parameter and its value, if it has one.
pub(crate) type Parameter = (String, Option<String>);

impl Offer {
    /// The first offer of a well-formed list that can be accepted (RFC 7692 §5, §7).
    pub(crate) fn first_acceptable(list: &str) -> Option<Offer> {
        list.split(',').find_map(|element| {
            let mut parts = element.split(';').map(str::trim);
            if parts.next() != Some("permessage-deflate") {
                return None;
            }
            let parameters: Vec<Parameter> = parts.map(parameter).collect();
            Offer::of(&parameters)
        })
    }

    /// The offer with these parameters, if it can be accepted: none unknown, none repeated, every
    /// value as it must be.
    pub(crate) fn of(parameters: &[Parameter]) -> Option<Offer> {
        let mut offer = Offer::default();
        for (at, (name, value)) in parameters.iter().enumerate() {
            if parameters[..at].iter().any(|(before, _)| before == name) {
                return None;
            }
            match (name.as_str(), value.as_deref()) {
                ("server_no_context_takeover", None) => offer.server_no_context_takeover = true,
                ("client_no_context_takeover", None) => offer.client_no_context_takeover = true,
                ("server_max_window_bits", Some(value)) => {
                    offer.server_max_window_bits = Some(bits(value)?);
                }
                ("client_max_window_bits", None) => offer.client_max_window_bits = Some(None),
                ("client_max_window_bits", Some(value)) => {
                    offer.client_max_window_bits = Some(Some(bits(value)?));
                }
                _ => return None,
            }
        }
        Some(offer)
    }

    /// The answer of a server with this configuration; it never limits the client's window.
    pub(crate) fn answer(&self, takeover: bool, window_bits: u8) -> Agreement {
        let asked = self.server_max_window_bits;
        let chosen = asked.unwrap_or(15).min(window_bits);
        Agreement {
            server_no_context_takeover: !takeover || self.server_no_context_takeover,
            client_no_context_takeover: !takeover || self.client_no_context_takeover,
            server_max_window_bits: (asked.is_some() || chosen < 15).then_some(chosen),
            client_max_window_bits: None,
        }
    }
}

/// `name` or `name=value`, the value perhaps in quotes.
fn parameter(text: &str) -> Parameter {
    match text.split_once('=') {
        Some((name, value)) => {
            let value = value.trim().replace(['"', '\\'], "");
            (name.trim().to_owned(), Some(value))
        }
        None => (text.to_owned(), None),
    }
}

/// 8 to 15 in decimal without leading zeros (RFC 7692 §7.1.2).
fn bits(value: &str) -> Option<u8> {
    const VALUES: [&str; 8] = ["8", "9", "10", "11", "12", "13", "14", "15"];
    let at = VALUES.iter().position(|one| *one == value)?;
    Some(8 + u8::try_from(at).unwrap())
}

impl Agreement {
    /// Reads the answer's field values; `None` when everything was declined.
    ///
    /// # Errors
    /// Says what is wrong with it, whatever was offered.
    pub(crate) fn parse(values: &[&str]) -> Result<Option<Agreement>, String> {
        let value = match values {
            [] => return Ok(None),
            [value] => *value,
            _ => return Err(format!("more than one Sec-WebSocket-Extensions: {values:?}")),
        };
        let wrong = |why: &str| Err(format!("Sec-WebSocket-Extensions: {value}: {why}"));
        if value.contains([',', '"', '\\', '\t']) {
            return wrong("more than one extension, or a form that no answer needs");
        }
        let mut parts = value.split(';').map(str::trim);
        if parts.next() != Some("permessage-deflate") {
            return wrong("an extension that was not offered");
        }
        let mut agreed = Agreement::default();
        let mut seen = Vec::new();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (part, None),
            };
            if seen.contains(&name) {
                return wrong("a parameter twice");
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
                _ => return wrong("a parameter that no answer may have, or its value"),
            }
        }
        Ok(Some(agreed))
    }

    /// Checks that this may be said to this offer (RFC 7692 §7.1).
    pub(crate) fn answers(&self, offer: &Offer) -> Outcome {
        if offer.server_no_context_takeover && !self.server_no_context_takeover {
            return Err("server_no_context_takeover was asked for".to_owned());
        }
        if let Some(asked) = offer.server_max_window_bits {
            match self.server_max_window_bits {
                Some(bits) if bits <= asked => {}
                other => return Err(format!("server_max_window_bits={asked}, not {other:?}")),
            }
        }
        match (self.client_max_window_bits, offer.client_max_window_bits) {
            (None, _) | (Some(_), Some(None)) => Ok(()),
            (Some(bits), Some(Some(hint))) if bits <= hint => Ok(()),
            (Some(bits), hint) => Err(format!("client_max_window_bits={bits} to {hint:?}")),
        }
    }
}

#[test]
fn offers_are_judged_by_the_catalogue() {
    let plain = Some(Offer::default());
    assert_eq!(Offer::first_acceptable("permessage-deflate"), plain);
    assert_eq!(Offer::first_acceptable("a, permessage-deflate; x , permessage-deflate"), plain);
    for declined in [
        "x",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover=1",
        "Permessage-deflate",
    ] {
        assert_eq!(Offer::first_acceptable(declined), None, "{declined}");
    }
    let all = "permessage-deflate; client_max_window_bits ; server_max_window_bits = \"1\\0\"";
    let offer = Offer::first_acceptable(all).unwrap();
    assert_eq!(
        (offer.server_max_window_bits, offer.client_max_window_bits),
        (Some(10), Some(None))
    );
    assert_eq!(offer.answer(true, 15).server_max_window_bits, Some(10));
    assert_eq!(offer.answer(true, 9).server_max_window_bits, Some(9));
}

#[test]
fn answers_are_judged_by_the_catalogue() {
    let judge = |offer: &str, answer: &str| {
        let agreed = Agreement::parse(&[answer])?.unwrap();
        agreed.answers(&Offer::first_acceptable(offer).unwrap())
    };
    let offer = "permessage-deflate; server_max_window_bits=10; client_max_window_bits=11";
    for good in ["server_max_window_bits=10", "server_max_window_bits=8; client_max_window_bits=11"]
    {
        assert_eq!(judge(offer, &format!("permessage-deflate; {good}")), Ok(()));
    }
    for bad in [
        "client_max_window_bits=11",
        "server_max_window_bits=11",
        "server_max_window_bits=10; client_max_window_bits=12",
        "server_max_window_bits=10; client_max_window_bits",
        "server_max_window_bits=10; server_max_window_bits=10",
        "server_max_window_bits=010",
        "server_max_window_bits=10; foo",
        "server_max_window_bits=10, permessage-deflate",
        "server_max_window_bits=10; server_no_context_takeover=1",
    ] {
        assert!(judge(offer, &format!("permessage-deflate; {bad}")).is_err(), "{bad}");
    }
    assert!(judge("permessage-deflate", "permessage-deflate; client_max_window_bits=15").is_err());
    assert!(judge("permessage-deflate; server_no_context_takeover", "permessage-deflate").is_err());
    assert_eq!(Agreement::parse(&[]), Ok(None));
    assert!(Agreement::parse(&["permessage-deflate", "permessage-deflate"]).is_err());
}
