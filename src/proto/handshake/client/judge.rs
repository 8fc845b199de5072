//! Whether a response opens the connection (RFC 6455 §4.1).

use core::fmt;

use crate::proto::{
    extension::{ExtensionOffer, parse_answers, parse_offers},
    handshake::{
        AcceptKey,
        fields::{Single, list, token},
    },
    rejection::Rejection,
};

use super::{deflate::DeflateAnswer, fault::ResponseFault, response::ResponseHead};

/// What a request asked for, as far as the response depends on it.
#[derive(Clone)]
pub struct Asked {
    accept: AcceptKey,
    subprotocols: Vec<String>,
    offers: Vec<ExtensionOffer>,
}

/// What both sides hold to, once the 101 was found lawful.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    subprotocol: Option<String>,
    deflate: Option<DeflateAnswer>,
}

impl Agreed {
    /// The subprotocol in use.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// What the server said to an offer of permessage-deflate, if it accepted one.
    #[must_use]
    pub fn deflate(&self) -> Option<&DeflateAnswer> {
        self.deflate.as_ref()
    }
}

impl Asked {
    /// Reads what was asked for from the fields of a request, which may be another than an
    /// [`Opening`](super::Opening) writes, and lawful or not: what is malformed in it asks for nothing. Of
    /// several keys the first counts.
    pub fn of_fields<'a>(fields: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Asked {
        let (mut key, mut protocols, mut extensions) = (None, Vec::new(), Vec::new());
        for (name, value) in fields {
            let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
            if is("sec-websocket-key") {
                key.get_or_insert(value);
            } else if is("sec-websocket-protocol") {
                protocols.push(value);
            } else if is("sec-websocket-extensions") {
                extensions.push(value);
            }
        }
        let members = list(protocols.into_iter()).filter_map(Result::ok);
        Asked {
            accept: AcceptKey::of(key.unwrap_or_default().trim_ascii()),
            subprotocols: members.filter_map(token).map(str::to_owned).collect(),
            offers: parse_offers(extensions).unwrap_or_default(),
        }
    }

    /// Whether the response opens the connection, and what it says was agreed on.
    ///
    /// # Errors
    /// The first rule broken: status, message, Upgrade, Connection, Sec-WebSocket-Accept, subprotocol,
    /// extensions.
    pub fn judge(&self, response: &ResponseHead) -> Result<Agreed, ResponseFault> {
        // RFC 6455 §4.1, item 1: any other status is for HTTP to deal with.
        if response.status() != 101 {
            return Err(ResponseFault::NotSwitching);
        }
        // RFC 9112 §6.1: a 1xx has no content, so nothing says how long it is.
        if response.named("transfer-encoding").next().is_some() {
            return Err(ResponseFault::TransferEncodingIn101);
        }
        // RFC 9110 §8.6: no Content-Length stands in a 1xx.
        if response.named("content-length").next().is_some() {
            return Err(ResponseFault::ContentLengthIn101);
        }
        judge_upgrade(response)?;
        judge_connection(response)?;
        self.judge_accept(response)?;
        Ok(Agreed {
            subprotocol: self.judge_subprotocol(response)?,
            deflate: self.judge_extensions(response)?,
        })
    }

    fn judge_accept(&self, response: &ResponseHead) -> Result<(), ResponseFault> {
        match response.single("sec-websocket-accept") {
            // RFC 6455 §4.1, item 4: it belongs to the key; whitespace around it is no part of it.
            Single::Value(value) if value == self.accept.as_str().as_bytes() => Ok(()),
            Single::Value(_) => Err(ResponseFault::AcceptWrong),
            Single::Missing => Err(ResponseFault::AcceptMissing),
            Single::Repeated => Err(ResponseFault::AcceptRepeated),
        }
    }

    fn judge_subprotocol(&self, response: &ResponseHead) -> Result<Option<String>, ResponseFault> {
        let name = match response.single("sec-websocket-protocol") {
            Single::Missing => return Ok(None),
            Single::Repeated => return Err(ResponseFault::SubprotocolRepeated),
            Single::Value(value) => token(value).ok_or(ResponseFault::SubprotocolMalformed)?,
        };
        // RFC 6455 §4.1, item 6: one of those that were asked for, in the same case.
        if !self.subprotocols.iter().any(|asked| asked == name) {
            return Err(ResponseFault::SubprotocolNotOffered);
        }
        Ok(Some(name.to_owned()))
    }

    /// Several lines are one list, also in a response (erratum 3433 to RFC 6455).
    fn judge_extensions(
        &self,
        response: &ResponseHead,
    ) -> Result<Option<DeflateAnswer>, ResponseFault> {
        let lines = response.named("sec-websocket-extensions");
        let answers = parse_answers(lines).map_err(|rejection| match rejection {
            Rejection::TooManyEmptyMembers => ResponseFault::TooManyEmptyMembers,
            _ => ResponseFault::ExtensionsMalformed,
        })?;
        let is_offered =
            |answer: &ExtensionOffer| self.offers.iter().any(|offer| offer.name == answer.name);
        // RFC 6455 §4.1, item 5: no extension but those that were offered.
        if !answers.iter().all(is_offered) {
            return Err(ResponseFault::ExtensionNotOffered);
        }
        DeflateAnswer::judge(&answers, &self.offers)
    }
}

impl fmt::Debug for Asked {
    /// Leaves out what the request said.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Asked")
            .field("subprotocols", &self.subprotocols.len())
            .field("offers", &self.offers.len())
            .finish_non_exhaustive()
    }
}

/// Upgrade says `websocket` and nothing else.
fn judge_upgrade(response: &ResponseHead) -> Result<(), ResponseFault> {
    if response.named("upgrade").next().is_none() {
        return Err(ResponseFault::UpgradeMissing);
    }
    let mut any = false;
    for member in list(response.named("upgrade")) {
        let member = member.map_err(|_| ResponseFault::TooManyEmptyMembers)?;
        // RFC 6455 §4.1, item 2: websocket, in any case; only empty members stand beside it.
        if !member.eq_ignore_ascii_case(b"websocket") {
            return Err(ResponseFault::UpgradeOther);
        }
        any = true;
    }
    if any { Ok(()) } else { Err(ResponseFault::UpgradeOther) }
}

/// Connection lists `Upgrade`.
fn judge_connection(response: &ResponseHead) -> Result<(), ResponseFault> {
    if response.named("connection").next().is_none() {
        return Err(ResponseFault::ConnectionMissing);
    }
    let mut any = false;
    for member in list(response.named("connection")) {
        let member = member.map_err(|_| ResponseFault::TooManyEmptyMembers)?;
        any |= member.eq_ignore_ascii_case(b"upgrade");
    }
    // RFC 6455 §4.1, item 3: the token Upgrade, in any case, beside whatever else is listed.
    if any { Ok(()) } else { Err(ResponseFault::ConnectionWithoutUpgrade) }
}
