//! The slow twin of the negotiation: all answers there could be, and the rules that strike them
//! out one by one until one is left. Each rule stands by itself and under the id it has in the
//! catalogue of requirements, or the section of RFC 7692 that leaves it to the server.

use stickler::proto::{
    deflate::{Policy, WindowBits},
    extension::ExtensionOffer,
};

/// What the answer in a 101 says, or could say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub server_no_context_takeover: bool,
    pub client_no_context_takeover: bool,
    pub server_max_window_bits: Option<u8>,
    pub client_max_window_bits: Option<u8>,
}

/// The answer to these offers, or `None` where nothing is accepted.
pub fn answer(offers: &[ExtensionOffer], policy: &Policy) -> Option<Answer> {
    // 7692-5-03, 7692-7-06: in the client's order, and a bad one spoils no other.
    let offer = offers.iter().find(|offer| is_acceptable(offer))?;
    let left: Vec<Answer> = Answer::all()
        .filter(|answer| broken_rule(offer, answer).is_none())
        .filter(|answer| CHOICES.iter().all(|(_, holds)| holds(offer, answer, policy)))
        .collect();
    let [answer] = left[..] else { panic!("{offer:?} under {policy:?} leaves {left:?}") };
    Some(answer)
}

/// The offers of a list that is well formed, read by hand.
pub fn offers(list: &str) -> Vec<ExtensionOffer> {
    let param = |text: &str| match text.split_once('=') {
        Some((name, value)) => {
            (name.trim().to_owned(), Some(value.trim().replace(['"', '\\'], "")))
        }
        None => (text.trim().to_owned(), None),
    };
    let offer = |element: &str| {
        let (name, params) = element.split_once(';').unwrap_or((element, ""));
        let params = params.split(';').filter(|text| !text.is_empty()).map(param).collect();
        ExtensionOffer { name: name.trim().to_owned(), params }
    };
    list.split(',').map(offer).collect()
}

/// Whether the server may accept the offer, and if it may, it does.
pub fn is_acceptable(offer: &ExtensionOffer) -> bool {
    OFFER.iter().all(|(_, holds)| holds(offer))
}

/// The rule for the answer to an acceptable offer that this one breaks.
pub fn broken_rule(offer: &ExtensionOffer, answer: &Answer) -> Option<&'static str> {
    ANSWER.iter().find(|(_, holds)| !holds(offer, answer)).map(|(id, _)| *id)
}

/// The rules of the catalogue that strike answers out.
pub fn ids() -> impl Iterator<Item = &'static str> {
    let offer = OFFER.iter().map(|(id, _)| *id);
    let answer = ANSWER.iter().map(|(id, _)| *id);
    let choices = CHOICES.iter().map(|(id, _)| *id);
    offer.chain(answer).chain(choices).filter(|id| id.starts_with("7692-"))
}

type Rules<F> = &'static [(&'static str, F)];

/// What an offer has to be.
const OFFER: Rules<fn(&ExtensionOffer) -> bool> = &[
    ("7692-7-07", |offer| offer.name == "permessage-deflate"),
    ("7692-7-01", |offer| offer.params.iter().all(|(name, _)| NAMES.contains(&name.as_str()))),
    ("7692-7-03", |offer| NAMES.iter().all(|name| values(offer, name).count() <= 1)),
    ("7692-7.1.1.1-01", |offer| values(offer, SERVER_NO).all(|value| value.is_none())),
    ("7692-7.1.1.2-01", |offer| values(offer, CLIENT_NO).all(|value| value.is_none())),
    ("7692-7.1.2.1-01", |offer| values(offer, SERVER_BITS).all(|value| value.is_some())),
    ("7692-7-02", |offer| values(offer, SERVER_BITS).flatten().all(is_bits)),
    ("7692-7.1.2.2-02", |offer| values(offer, CLIENT_BITS).flatten().all(is_bits)),
];

/// What the answer has to be, by the offer that it accepts.
const ANSWER: Rules<fn(&ExtensionOffer, &Answer) -> bool> = &[
    ("7692-7.1.1.1-02", |offer, answer| {
        !has(offer, SERVER_NO) || answer.server_no_context_takeover
    }),
    ("7692-7.1.2.1-03", |offer, answer| {
        !has(offer, SERVER_BITS) || answer.server_max_window_bits.is_some()
    }),
    ("7692-7.1.2.1-02", |offer, answer| {
        let (asked, said) = (bits(offer, SERVER_BITS), answer.server_max_window_bits);
        asked.zip(said).is_none_or(|(asked, said)| said <= asked)
    }),
    ("7692-7.1.2.2-01", |offer, answer| {
        answer.client_max_window_bits.is_none() || has(offer, CLIENT_BITS)
    }),
    ("7692-7.1.2.2-04", |offer, answer| {
        let (hint, said) = (bits(offer, CLIENT_BITS), answer.client_max_window_bits);
        hint.zip(said).is_none_or(|(hint, said)| said <= hint)
    }),
];

/// What this server makes of the choices that the RFC leaves it.
const CHOICES: Rules<fn(&ExtensionOffer, &Answer, &Policy) -> bool> = &[
    ("7.1.1.1: takeover is given up unasked only by policy", |offer, answer, policy| {
        let unasked = answer.server_no_context_takeover && !has(offer, SERVER_NO);
        !unasked || !policy.server_context_takeover
    }),
    ("7692-7.1.1.1-04", |_, answer, policy| {
        policy.server_context_takeover || answer.server_no_context_takeover
    }),
    ("7.1.1.2: nor is the client's forbidden unasked", |offer, answer, policy| {
        let unasked = answer.client_no_context_takeover && !has(offer, CLIENT_NO);
        !unasked || !policy.client_context_takeover
    }),
    ("7692-7.1.1.2-02", |_, answer, policy| {
        policy.client_context_takeover || answer.client_no_context_takeover
    }),
    ("7692-7.1.1.2-03", |offer, answer, _| {
        !has(offer, CLIENT_NO) || answer.client_no_context_takeover
    }),
    ("7692-7.1.2.1-04", |offer, answer, policy| {
        let keeps = !answer.server_no_context_takeover || has(offer, SERVER_BITS);
        let said = answer.server_max_window_bits.unwrap_or(15);
        !keeps || said <= policy.server_max_window_bits.get()
    }),
    ("7.1.2.1: the window is no smaller than somebody wants it", |offer, answer, policy| {
        answer.server_max_window_bits.is_none_or(|said| {
            said == policy.server_max_window_bits.get() || Some(said) == bits(offer, SERVER_BITS)
        })
    }),
    ("7.1.2.1: what goes without saying is said only when asked for", |offer, answer, _| {
        answer.server_max_window_bits != Some(15) || has(offer, SERVER_BITS)
    }),
    ("7.1.2.1: nor is what does nothing, since nothing is kept", |offer, answer, _| {
        answer.server_max_window_bits.is_none()
            || !answer.server_no_context_takeover
            || has(offer, SERVER_BITS)
    }),
    ("7692-7.1.2.2-03", |offer, answer, policy| {
        let may = has(offer, CLIENT_BITS) && !answer.client_no_context_takeover;
        let said = answer.client_max_window_bits.unwrap_or(15);
        !may || said <= policy.client_max_window_bits.get()
    }),
    ("7.1.2.2: the hint of the client is taken", |offer, answer, _| {
        let said = answer.client_max_window_bits.unwrap_or(15);
        answer.client_no_context_takeover
            || bits(offer, CLIENT_BITS).is_none_or(|hint| said <= hint)
    }),
    ("7.1.2.2: the window is no smaller than somebody wants it", |offer, answer, policy| {
        answer.client_max_window_bits.is_none_or(|said| {
            said == policy.client_max_window_bits.get() || Some(said) == bits(offer, CLIENT_BITS)
        })
    }),
    ("7.1.2.2: what goes without saying is not said", |_, answer, _| {
        answer.client_max_window_bits != Some(15)
    }),
    ("7.1.2.2: nor is what does nothing, since nothing is kept", |_, answer, _| {
        answer.client_max_window_bits.is_none() || !answer.client_no_context_takeover
    }),
];

pub const SERVER_NO: &str = "server_no_context_takeover";
pub const CLIENT_NO: &str = "client_no_context_takeover";
pub const SERVER_BITS: &str = "server_max_window_bits";
pub const CLIENT_BITS: &str = "client_max_window_bits";
pub const NAMES: [&str; 4] = [SERVER_NO, CLIENT_NO, SERVER_BITS, CLIENT_BITS];

/// Every size of a window as it is written.
pub const BITS: [(&str, u8); 8] =
    [("8", 8), ("9", 9), ("10", 10), ("11", 11), ("12", 12), ("13", 13), ("14", 14), ("15", 15)];

/// Every policy there is, but for some windows of the client.
pub fn policies() -> Vec<Policy> {
    let window = |bits| WindowBits::new(bits).unwrap();
    let mut policies = Vec::new();
    for (_, server_bits) in BITS {
        for client_bits in CLIENT_WINDOWS {
            for takeovers in 0..4 {
                policies.push(
                    Policy::default()
                        .server_context_takeover(takeovers & 1 == 0)
                        .client_context_takeover(takeovers & 2 == 0)
                        .server_max_window_bits(window(server_bits))
                        .client_max_window_bits(window(client_bits)),
                );
            }
        }
    }
    policies
}

const CLIENT_WINDOWS: [u8; 3] = [8, 12, 15];

impl Answer {
    /// Every answer that can be written.
    fn all() -> impl Iterator<Item = Self> {
        let window = || [None].into_iter().chain(BITS.map(|(_, bits)| Some(bits)));
        window().flat_map(move |server_max_window_bits| {
            window().flat_map(move |client_max_window_bits| {
                (0..4).map(move |takeover| Self {
                    server_no_context_takeover: takeover & 1 == 0,
                    client_no_context_takeover: takeover & 2 == 0,
                    server_max_window_bits,
                    client_max_window_bits,
                })
            })
        })
    }

    /// Reads the value of Sec-WebSocket-Extensions in a 101 as a strict client does, in the one
    /// spelling that this server has (7692-5-01, 7692-7.1.2.2-03).
    pub fn parse(value: &str) -> Result<Self, String> {
        let mut parts = value.split("; ");
        if parts.next() != Some("permessage-deflate") {
            return Err(format!("an answer with another extension, or several: {value:?}"));
        }
        let mut answer = Self::default();
        for part in parts {
            let bits = |name: &str| {
                let value = part.strip_prefix(name)?.strip_prefix('=')?;
                BITS.iter().find(|(text, _)| *text == value).map(|(_, bits)| *bits)
            };
            let is_new = if part == SERVER_NO {
                !std::mem::replace(&mut answer.server_no_context_takeover, true)
            } else if part == CLIENT_NO {
                !std::mem::replace(&mut answer.client_no_context_takeover, true)
            } else if let Some(bits) = bits(SERVER_BITS) {
                answer.server_max_window_bits.replace(bits).is_none()
            } else if let Some(bits) = bits(CLIENT_BITS) {
                answer.client_max_window_bits.replace(bits).is_none()
            } else {
                return Err(format!("{part:?}, which no answer has, in {value:?}"));
            };
            if !is_new {
                return Err(format!("{part:?} for the second time in {value:?}"));
            }
        }
        Ok(answer)
    }

    /// The same of an answer that has to be good.
    pub fn read(value: &str) -> Self {
        Self::parse(value).unwrap_or_else(|why| panic!("{why}"))
    }
}

/// The values, or their absence, of all parameters of this name.
fn values<'a>(
    offer: &'a ExtensionOffer,
    name: &'a str,
) -> impl Iterator<Item = Option<&'a str>> + 'a {
    offer.params.iter().filter(move |param| param.0 == name).map(|param| param.1.as_deref())
}

fn has(offer: &ExtensionOffer, name: &str) -> bool {
    values(offer, name).next().is_some()
}

fn is_bits(value: &str) -> bool {
    BITS.iter().any(|(text, _)| *text == value)
}

/// The number in the first parameter of this name.
fn bits(offer: &ExtensionOffer, name: &str) -> Option<u8> {
    let value = values(offer, name).next()??;
    BITS.iter().find(|(text, _)| *text == value).map(|(_, bits)| *bits)
}
