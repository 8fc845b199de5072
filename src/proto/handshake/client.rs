//! The opening handshake as a client does it (RFC 6455 §4.1): what differs for a client.
//!
//! [`Opening`] writes the request, [`ResponseReader`] finds the response behind any 1xx that comes before
//! it, and [`Asked::judge`] says whether it opens the connection. What a server does wrong is a row of
//! [`ResponseFault`]. Nothing here reads a socket, a clock or a source of randomness: the caller gives the
//! octets of the key, and its own deadline.
//!
//! ```
//! use stickler::proto::handshake::HeadLimits;
//! use stickler::proto::handshake::client::{Opening, ResponseReader};
//!
//! // Sixteen octets from the system's source of randomness, new for each connection.
//! let nonce = *b"the sample nonce";
//! let opening = Opening::new("/chat", "server.example.com", nonce)?.subprotocol("chat")?;
//! let request = opening.encode();
//! assert!(request.ends_with(b"Sec-WebSocket-Protocol: chat\r\n\r\n"));
//!
//! let received = b"HTTP/1.1 103 Early Hints\r\n\r\n\
//!     HTTP/1.1 101 Switching Protocols\r\n\
//!     Upgrade: websocket\r\n\
//!     Connection: Upgrade\r\n\
//!     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
//! let response = ResponseReader::new().read(received, &HeadLimits::default())?.unwrap();
//! assert_eq!((response.status(), response.len()), (101, received.len()));
//! let agreed = opening.asked().judge(&response)?;
//! assert_eq!(agreed.subprotocol(), None);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod deflate;
mod fault;
mod judge;
mod response;

use core::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    accept::push_line,
    authority::Authority,
    fields::is_token,
    response::{FieldError, ResponseFields},
    target::Target,
};
use crate::proto::extension::parse_offers;

pub use deflate::DeflateAnswer;
pub use fault::ResponseFault;
pub use judge::{Agreed, Asked};
pub use response::{MAX_INTERIM, ResponseHead, ResponseReader};

/// The request of one opening handshake, which offers nothing unless it is told to.
#[derive(Clone)]
pub struct Opening {
    target: String,
    host: String,
    /// 24 characters of base64.
    key: String,
    subprotocols: Vec<String>,
    extensions: Option<String>,
    fields: ResponseFields,
}

impl Opening {
    /// A request for `target`, a path with or without a query, of `host`, which is the value of the Host
    /// field: a name or an address, and `:` and the port unless that is 80.
    ///
    /// `nonce` is what the key is made of. It comes from a strong source of randomness and was used for no
    /// connection before (RFC 6455 §4.1).
    ///
    /// # Errors
    /// The target is none that a request can have in this form, or the host is none.
    pub fn new(target: &str, host: &str, nonce: [u8; 16]) -> Result<Opening, InvalidOpening> {
        // RFC 6455 §4.1: the resource name is a relative URI, as it stands in the URL.
        if !target.starts_with('/') || Target::parse(target.as_bytes()).is_err() {
            return Err(InvalidOpening::Target);
        }
        if host.parse::<Authority>().is_err() {
            return Err(InvalidOpening::Host);
        }
        Ok(Opening {
            target: target.to_owned(),
            host: host.to_owned(),
            key: STANDARD.encode(nonce),
            subprotocols: Vec::new(),
            extensions: None,
            fields: ResponseFields::new(),
        })
    }

    /// Asks for one more subprotocol, after those that are preferred to it.
    ///
    /// # Errors
    /// The name is no token, or is asked for already.
    pub fn subprotocol(mut self, name: &str) -> Result<Opening, InvalidOpening> {
        if !is_token(name.as_bytes()) {
            return Err(InvalidOpening::Subprotocol);
        }
        // RFC 6455 §4.1: the subprotocols of a request differ from each other.
        if self.subprotocols.iter().any(|known| known == name) {
            return Err(InvalidOpening::SubprotocolRepeated);
        }
        self.subprotocols.push(name.to_owned());
        Ok(self)
    }

    /// Offers extensions: the value of Sec-WebSocket-Extensions, which replaces an earlier one.
    ///
    /// # Errors
    /// The value breaks the grammar of RFC 6455 §9.1.
    pub fn extensions(mut self, offers: &str) -> Result<Opening, InvalidOpening> {
        let parsed = parse_offers([offers.as_bytes()]);
        if offers.contains(['\r', '\n', '\0']) || !parsed.is_ok_and(|offers| !offers.is_empty()) {
            return Err(InvalidOpening::Extensions);
        }
        self.extensions = Some(offers.trim_matches([' ', '\t']).to_owned());
        Ok(self)
    }

    /// Adds a field, such as Cookie, Origin or Authorization.
    ///
    /// # Errors
    /// As [`ResponseFields::insert`]: the fields of the handshake are set here alone, and so is Host.
    pub fn field(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Opening, InvalidOpening> {
        let name = name.into();
        if name.eq_ignore_ascii_case("host") {
            return Err(InvalidOpening::Field(FieldError::NameReserved));
        }
        self.fields.insert(name, value).map_err(InvalidOpening::Field)?;
        Ok(self)
    }

    /// The request as it is sent. Nothing is sent behind it before the response has come.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // RFC 6455 §4.1: GET, and HTTP/1.1.
        let mut head = format!("GET {} HTTP/1.1\r\n", self.target).into_bytes();
        for (name, value) in self.own_fields() {
            push_line(&mut head, name, &value);
        }
        self.fields.encode(&mut head);
        head.extend_from_slice(b"\r\n");
        head
    }

    /// What the response is judged against.
    #[must_use]
    pub fn asked(&self) -> Asked {
        let own: Vec<_> = self.own_fields().collect();
        Asked::of_fields(own.iter().map(|(name, value)| (*name, value.as_bytes())))
    }

    /// RFC 6455 §4.1, items 4 to 11: the fields of the handshake.
    fn own_fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let subprotocols = self.subprotocols.join(", ");
        [
            ("Host", Some(self.host.clone())),
            ("Upgrade", Some("websocket".to_owned())),
            ("Connection", Some("Upgrade".to_owned())),
            ("Sec-WebSocket-Key", Some(self.key.clone())),
            ("Sec-WebSocket-Version", Some("13".to_owned())),
            ("Sec-WebSocket-Protocol", Some(subprotocols).filter(|names| !names.is_empty())),
            ("Sec-WebSocket-Extensions", self.extensions.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

impl fmt::Debug for Opening {
    /// Leaves out the query and the values of fields: they carry credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Opening")
            .field("host", &self.host)
            .field("subprotocols", &self.subprotocols)
            .field("extensions", &self.extensions)
            .finish_non_exhaustive()
    }
}

/// Why there can be no such request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidOpening {
    /// The target does not begin with a slash, has a fragment, or holds an octet that wants encoding.
    Target,
    /// The host is no host with an optional port.
    Host,
    /// The name of a subprotocol is no token.
    Subprotocol,
    /// A subprotocol is asked for twice.
    SubprotocolRepeated,
    /// The extensions are no list of offers.
    Extensions,
    /// A field cannot be added.
    Field(FieldError),
}

impl fmt::Display for InvalidOpening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target => formatter.write_str("the target is no path with an optional query"),
            Self::Host => formatter.write_str("the host is no host with an optional port"),
            Self::Subprotocol => formatter.write_str("the name of a subprotocol is no token"),
            Self::SubprotocolRepeated => formatter.write_str("a subprotocol is asked for twice"),
            Self::Extensions => formatter.write_str("the extensions are no list of offers"),
            Self::Field(error) => error.fmt(formatter),
        }
    }
}

impl core::error::Error for InvalidOpening {}
