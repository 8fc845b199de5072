//! Whether a request opens a WebSocket (RFC 6455 §4.2.1, §4.2.2).

use core::fmt;

use base64::{DecodeError, DecodeSliceError, Engine, engine::general_purpose::STANDARD};

use crate::proto::{
    extension::{self, ExtensionOffer},
    rejection::Rejection,
};

use super::{
    accept::AcceptKey,
    allowed_origin::AllowedOrigin,
    fields::{Single, is_token, list, token},
    origin,
    policy::{Policy, Subprotocol},
    refusal::Refusal,
    request::Request,
    target::Scheme,
};

/// What a request turned out to be.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// An opening handshake in which nothing is wrong.
    WebSocket(Offer),
    /// A well-formed request for a host of ours that does not ask for websocket;
    /// [`refuse_plain`] is the answer if the application has none.
    PlainHttp,
}

/// An opening handshake that may be accepted.
#[derive(Clone)]
pub struct Offer {
    /// What the 101 proves the key to have been read with.
    pub accept_key: AcceptKey,
    /// The subprotocol chosen by the policy.
    pub subprotocol: Option<Subprotocol>,
    /// The extensions offered, in the client's order.
    pub extensions: Vec<ExtensionOffer>,
}

impl fmt::Debug for Offer {
    /// Leaves out what the client's header fields say: some clients put tokens into subprotocols.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Offer")
            .field("has_subprotocol", &self.subprotocol.is_some())
            .field("extensions", &self.extensions.len())
            .finish_non_exhaustive()
    }
}

impl Offer {
    /// Chooses another subprotocol than the policy did.
    ///
    /// # Errors
    /// The client did not offer it (RFC 6455 §4.2.2), which leaves the choice as it was.
    pub fn choose_subprotocol(
        &mut self,
        request: &Request,
        name: &str,
    ) -> Result<(), SubprotocolNotOffered> {
        let offered = request.subprotocols().any(|offered| offered == name);
        match name.parse() {
            Ok(subprotocol) if offered => {
                self.subprotocol = Some(subprotocol);
                Ok(())
            }
            _ => Err(SubprotocolNotOffered),
        }
    }
}

/// The application chose a subprotocol that the client did not offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubprotocolNotOffered;

impl fmt::Display for SubprotocolNotOffered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the client did not offer this subprotocol")
    }
}

impl core::error::Error for SubprotocolNotOffered {}

/// Decides on a request by the rules of the opening handshake and the policy of the server.
///
/// # Errors
/// The first broken rule, in the order: scheme of an absolute request-target, Upgrade, Connection,
/// version, key, subprotocol and extension grammar, authority, resource, Origin, subprotocol.
pub fn judge(request: &Request, policy: &Policy) -> Result<Verdict, Refusal> {
    judge_over(Scheme::of(policy), request, policy)
}

/// As [`judge`], where the transport itself says by which scheme it is reached.
///
/// # Errors
/// As [`judge`].
pub(crate) fn judge_over(
    reached: Scheme,
    request: &Request,
    policy: &Policy,
) -> Result<Verdict, Refusal> {
    decide(reached, request, policy).map_err(|rejection| {
        // The answer to HEAD has no content (RFC 9110 §9.3.2).
        Refusal { head_only: request.method() == "HEAD", ..rejection.into() }
    })
}

impl Scheme {
    /// By which scheme the server is reached, as its policy has it.
    fn of(policy: &Policy) -> Scheme {
        if policy.secure { Scheme::Https } else { Scheme::Http }
    }
}

fn decide(reached: Scheme, request: &Request, policy: &Policy) -> Result<Verdict, Rejection> {
    check_scheme(reached, request, policy)?;
    // RFC 6455 §4.2.1: Upgrade asks for a WebSocket; anything else is plain HTTP.
    if !asks_for_websocket(request)? {
        check_authority(reached, request, policy)?;
        return Ok(Verdict::PlainHttp);
    }
    // RFC 6455 §4.1: no other method than GET opens a WebSocket.
    if request.method() != "GET" {
        return Err(Rejection::MethodNotAllowed);
    }
    check_connection(request)?;
    check_version(request)?;
    // RFC 6455 §4.2.2: the key is hashed as text, whether or not it was seen before.
    let accept_key = AcceptKey::of(check_key(request)?);
    let offered = parse_subprotocols(request)?;
    let extensions = extension::parse_offers(request.fields_named("sec-websocket-extensions"))?;
    check_authority(reached, request, policy)?;
    // RFC 6455 §4.2.2: a resource that is not served has no WebSocket.
    if !serves(policy, request.path()) {
        return Err(Rejection::ResourceUnknown);
    }
    // RFC 6455 §4.2.2: an origin that is not welcome gets no WebSocket.
    check_origin(reached, request, policy)?;
    let spoken = |name: &&str| policy.subprotocols.iter().find(|spoken| &***spoken == *name);
    // RFC 6455 §4.2.2: of what the client lists, the first that is spoken here, or none.
    let subprotocol = match offered.first() {
        Some(first) if policy.any_subprotocol => first.parse().ok(),
        _ => offered.iter().find_map(spoken).cloned(),
    };
    if policy.require_subprotocol && subprotocol.is_none() {
        return Err(Rejection::SubprotocolRequired);
    }
    Ok(Verdict::WebSocket(Offer { accept_key, subprotocol, extensions }))
}

/// Whether the request does not ask for a WebSocket, whatever host it is for.
///
/// # Errors
/// The first broken rule, in the order: scheme of an absolute request-target, Upgrade.
#[cfg(feature = "net")]
pub(crate) fn is_plain(
    reached: Scheme,
    request: &Request,
    policy: &Policy,
) -> Result<bool, Rejection> {
    check_scheme(reached, request, policy)?;
    asks_for_websocket(request).map(|asks| !asks)
}

fn check_scheme(reached: Scheme, request: &Request, policy: &Policy) -> Result<(), Rejection> {
    let is_secured = reached == Scheme::Https || policy.trusted_proxy;
    // RFC 9110 §7.4: what was asked for under TLS is not answered in clear.
    if request.scheme() == Some(Scheme::Https) && !is_secured {
        return Err(Rejection::SchemeNotSecured);
    }
    Ok(())
}

/// The answer to a plain HTTP request that the application does not answer itself: there is no
/// such resource, or it wants an upgrade (RFC 9110 §15.5.22).
#[must_use]
pub fn refuse_plain(request: &Request, policy: &Policy) -> Refusal {
    let known = serves(policy, request.path());
    Refusal::from(if known { Rejection::UpgradeRequired } else { Rejection::ResourceUnknown })
}

/// RFC 6455 §4.2.1, RFC 9110 §7.8: `websocket` is one member of the list, in any case, without a
/// version.
fn asks_for_websocket(request: &Request) -> Result<bool, Rejection> {
    let mut asks = false;
    for member in list(request.fields_named("upgrade")) {
        let member = member?;
        let mut parts = member.splitn(2, |&octet| octet == b'/');
        if !parts.all(is_token) {
            return Err(Rejection::UpgradeMalformed);
        }
        // RFC 6455 §4.2.1: `websocket` may be in any case.
        asks |= member.eq_ignore_ascii_case(b"websocket");
    }
    Ok(asks)
}

/// RFC 6455 §4.2.1: the connection options include `Upgrade`.
fn check_connection(request: &Request) -> Result<(), Rejection> {
    let mut upgrades = false;
    for option in list(request.fields_named("connection")) {
        let option = option?;
        if !is_token(option) {
            return Err(Rejection::ConnectionMalformed);
        }
        // RFC 6455 §4.2.1: `Upgrade` may be in any case.
        upgrades |= option.eq_ignore_ascii_case(b"upgrade");
    }
    // RFC 6455 §4.2.1: without the option this is no opening handshake.
    if upgrades { Ok(()) } else { Err(Rejection::ConnectionWithoutUpgrade) }
}

/// RFC 6455 §4.2.1, §4.3: one number from 0 to 255 without leading zeros, and that is 13.
fn check_version(request: &Request) -> Result<(), Rejection> {
    match request.single("sec-websocket-version") {
        // RFC 6455 §4.2.1, §11.3.5: the version is there, once, and it is 13.
        Single::Missing => Err(Rejection::VersionMissing),
        Single::Repeated => Err(Rejection::VersionRepeated),
        Single::Value(b"13") => Ok(()),
        Single::Value(
            [b'0'..=b'9']
            | [b'1'..=b'9', b'0'..=b'9']
            | [b'1', b'0'..=b'9', b'0'..=b'9']
            | [b'2', b'0'..=b'4', b'0'..=b'9']
            | [b'2', b'5', b'0'..=b'5'],
        ) => Err(Rejection::VersionUnsupported),
        Single::Value(_) => Err(Rejection::VersionMalformed),
    }
}

/// RFC 6455 §4.2.1, RFC 4648 §3.5, §4: 16 octets in base64, padded, the unused bits zero.
fn check_key(request: &Request) -> Result<&[u8], Rejection> {
    match request.single("sec-websocket-key") {
        // RFC 6455 §4.2.1, §11.3.1: the key is there, once, and whole.
        Single::Missing => Err(Rejection::KeyMissing),
        Single::Repeated => Err(Rejection::KeyRepeated),
        Single::Value(key) if key.len() == 24 => match STANDARD.decode_slice(key, &mut [0; 18]) {
            Ok(16) => Ok(key),
            // RFC 4648 §3.5: the octets are 16, and bits behind them are set.
            Err(DecodeSliceError::DecodeError(DecodeError::InvalidLastSymbol {
                offset: KEY_LAST,
                ..
            })) => Err(Rejection::KeyPadBits),
            _ => Err(Rejection::KeyInvalid),
        },
        Single::Value(_) => Err(Rejection::KeyInvalid),
    }
}

/// Where the last character before `==` stands.
const KEY_LAST: usize = 21;

/// RFC 6455 §4.1, §4.3: at least one token if the field is there, all of them different.
fn parse_subprotocols(request: &Request) -> Result<Vec<&str>, Rejection> {
    let name = "sec-websocket-protocol";
    let offered = list(request.fields_named(name))
        .map(|member| token(member?).ok_or(Rejection::SubprotocolsMalformed));
    // RFC 6455 §4.1: each member is a token.
    let offered = offered.collect::<Result<Vec<_>, _>>()?;
    // RFC 6455 §4.3: the list has at least one member.
    if offered.is_empty() && request.field(name).is_some() {
        return Err(Rejection::SubprotocolsMalformed);
    }
    let mut sorted = offered.clone();
    sorted.sort_unstable();
    sorted.dedup();
    // RFC 6455 §4.1: all members are different.
    if sorted.len() < offered.len() { Err(Rejection::SubprotocolRepeated) } else { Ok(offered) }
}

/// RFC 9110 §7.4: whether the request is for a host of ours. RFC 6455 §3: without a port it means
/// the default one, and behind a proxy that may be either.
fn check_authority(reached: Scheme, request: &Request, policy: &Policy) -> Result<(), Rejection> {
    let defaults: &[u16] = match request.scheme() {
        Some(Scheme::Https) => &[443],
        Some(Scheme::Http) => &[80],
        None if reached == Scheme::Https => &[443],
        None if policy.trusted_proxy => &[80, 443],
        None => &[80],
    };
    let authority = request.authority();
    let serves = policy.own_hosts.iter().any(|own| {
        let same_port = |&default: &u16| own.port_or(default) == authority.port_or(default);
        own.host() == authority.host() && defaults.iter().any(same_port)
    });
    if serves || policy.own_hosts.is_empty() { Ok(()) } else { Err(Rejection::AuthorityNotServed) }
}

fn serves(policy: &Policy, path: &str) -> bool {
    policy.paths.as_ref().is_none_or(|paths| {
        paths.iter().any(|served| served == path)
            || policy.prefixes.iter().any(|prefix| path.starts_with(&**prefix))
    })
}

/// RFC 6455 §10.2, RFC 6454 §7.3: at most one Origin, and a welcome one.
fn check_origin(reached: Scheme, request: &Request, policy: &Policy) -> Result<(), Rejection> {
    match request.single("origin") {
        Single::Missing if policy.require_origin => Err(Rejection::OriginMissing),
        _ => judge_origin(reached, request, &policy.origins),
    }
}

/// Whether a request may come from where it says that it comes from; without Origin it may.
///
/// # Errors
/// The Origin is repeated, malformed, or allowed by none of the rules.
pub(crate) fn judge_origin(
    reached: Scheme,
    request: &Request,
    allowed: &[AllowedOrigin],
) -> Result<(), Rejection> {
    match request.single("origin") {
        Single::Missing => Ok(()),
        // RFC 6454 §7.3: not more than one Origin.
        Single::Repeated => Err(Rejection::OriginRepeated),
        Single::Value(value) => {
            let is_secure = reached == Scheme::Https;
            origin::check(value, allowed, request.authority(), is_secure)
        }
    }
}
