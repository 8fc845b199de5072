//! What a server may say to an offer of permessage-deflate (RFC 7692 §5, §7, §7.1).

use core::mem;

use crate::proto::deflate::{
    CLIENT_MAX_WINDOW_BITS, CLIENT_NO_CONTEXT_TAKEOVER, PERMESSAGE_DEFLATE, SERVER_MAX_WINDOW_BITS,
    SERVER_NO_CONTEXT_TAKEOVER, WindowBits,
};
use crate::proto::extension::ExtensionOffer;

use super::fault::ResponseFault;

/// The parameters that a server agreed to for permessage-deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateAnswer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<WindowBits>,
    client_max_window_bits: Option<WindowBits>,
}

impl DeflateAnswer {
    /// Whether each message of the server can be inflated by itself (RFC 7692 §7.1.1.1).
    #[must_use]
    pub fn server_no_context_takeover(&self) -> bool {
        self.server_no_context_takeover
    }

    /// Whether the client compresses each message by itself (RFC 7692 §7.1.1.2).
    #[must_use]
    pub fn client_no_context_takeover(&self) -> bool {
        self.client_no_context_takeover
    }

    /// How far back the server refers at most, as the base-2 logarithm of the bytes: 8 to 15
    /// (RFC 7692 §7.1.2.1).
    #[must_use]
    pub fn server_max_window_bits(&self) -> u8 {
        self.server_max_window_bits.unwrap_or(WindowBits::MAX).get()
    }

    /// How far back the client may refer at most, likewise (RFC 7692 §7.1.2.2).
    #[must_use]
    pub fn client_max_window_bits(&self) -> u8 {
        self.client_max_window_bits.unwrap_or(WindowBits::MAX).get()
    }

    /// The answer to these offers; `None` when they were declined.
    pub(super) fn judge(
        answers: &[ExtensionOffer],
        offers: &[ExtensionOffer],
    ) -> Result<Option<Self>, ResponseFault> {
        let mut named = answers.iter().filter(|answer| answer.name == PERMESSAGE_DEFLATE);
        let Some(answer) = named.next() else { return Ok(None) };
        // RFC 7692 §5: a response accepts the extension once.
        if named.next().is_some() {
            return Err(ResponseFault::DeflateRepeated);
        }
        let answer = Self::read(answer, Side::Answer)?;
        // RFC 7692 §7: an offer that breaks a rule had to be declined.
        let offers = offers.iter().filter(|offer| offer.name == PERMESSAGE_DEFLATE);
        let offers: Vec<_> =
            offers.filter_map(|offer| Self::read(offer, Side::Offer).ok()).collect();
        let mut faults = offers.iter().map(|offer| answer.fits(offer));
        match faults.next() {
            None => Err(ResponseFault::DeflateOfferUnacceptable),
            // It is not said which offer was accepted, so one that the answer fits is enough.
            Some(Err(fault)) if faults.all(|fit| fit.is_err()) => Err(fault),
            Some(_) => Ok(Some(answer)),
        }
    }

    fn read(element: &ExtensionOffer, side: Side) -> Result<Self, ResponseFault> {
        let mut read = Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: None,
            client_max_window_bits: None,
        };
        for (name, value) in &element.params {
            let bits = || value.as_deref().unwrap_or_default().parse::<WindowBits>();
            let is_repeated = match (name.as_str(), value.is_some()) {
                (SERVER_NO_CONTEXT_TAKEOVER, false) => {
                    mem::replace(&mut read.server_no_context_takeover, true)
                }
                (CLIENT_NO_CONTEXT_TAKEOVER, false) => {
                    // RFC 7692 §7.1.1.2: a client supports it in an answer, offered or not.
                    mem::replace(&mut read.client_no_context_takeover, true)
                }
                (SERVER_MAX_WINDOW_BITS, true) => {
                    let bits = bits().map_err(|_| ResponseFault::DeflateParameterInvalid)?;
                    read.server_max_window_bits.replace(bits).is_some()
                }
                (CLIENT_MAX_WINDOW_BITS, true) => {
                    let bits = bits().map_err(|_| ResponseFault::DeflateParameterInvalid)?;
                    read.client_max_window_bits.replace(bits).is_some()
                }
                // RFC 7692 §7.1.2.2: only an offer has it without a value.
                (CLIENT_MAX_WINDOW_BITS, false) if side == Side::Offer => {
                    read.client_max_window_bits.replace(WindowBits::MAX).is_some()
                }
                _ => return Err(ResponseFault::DeflateParameterInvalid),
            };
            if is_repeated {
                return Err(ResponseFault::DeflateParameterRepeated);
            }
        }
        Ok(read)
    }

    /// Whether this may be said to that offer (RFC 7692 §7.1).
    fn fits(&self, offer: &Self) -> Result<(), ResponseFault> {
        if offer.server_no_context_takeover && !self.server_no_context_takeover {
            return Err(ResponseFault::DeflateTakeoverKept);
        }
        // RFC 7692 §7.1.2.1: to accept it is to include it with no more, and 15 is no exception.
        let is_kept_to = |asked| self.server_max_window_bits.is_some_and(|bits| bits <= asked);
        if !offer.server_max_window_bits.is_none_or(is_kept_to) {
            return Err(ResponseFault::DeflateWindowIgnored);
        }
        // RFC 7692 §7.1.2.2: the server bounds the client's window only where the client offers it.
        if self.client_max_window_bits.is_some() && offer.client_max_window_bits.is_none() {
            return Err(ResponseFault::DeflateClientWindowUnasked);
        }
        Ok(())
    }
}

/// Whose words are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Offer,
    Answer,
}
