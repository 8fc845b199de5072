//! The header of the PROXY protocol, versions 1 and 2: read once it is whole, and refused at the first byte
//! that proves it wrong.
//!
//! The crate `proxy-header` reads addresses and TLVs. It lets pass what the protocol does not: what is checked
//! here before it sees the bytes is the form of version 1, and what comes after is the command, the checksum
//! and what is there twice.

use std::net::SocketAddr;
use std::{error, fmt};

use proxy_header::{ParseConfig, Protocol, ProxyHeader as Parsed, Tlv};

use super::checksum;
use crate::proto::handshake::Authority;

/// What a header of the PROXY protocol says.
///
/// A server reads it by itself ([`Listen::proxy_protocol`](crate::Listen::proxy_protocol)); this is for those
/// who accept connections themselves. Believe it only of a peer that you trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyHeader {
    /// The client's address; `None` where the proxy speaks for itself (LOCAL, UNKNOWN) or for a Unix socket.
    pub client: Option<SocketAddr>,
    /// Whether the client came over TLS, where version 2 says so (PP2_TYPE_SSL).
    pub is_secure: Option<bool>,
    /// The host that the client named, where version 2 says so (PP2_TYPE_AUTHORITY), in lower case. A name
    /// that can be none is left out.
    pub server_name: Option<String>,
    /// How many bytes the header has.
    pub len: usize,
}

/// What is wrong with a header of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeaderFault {
    /// The bytes do not begin as a header does.
    NoHeader,
    /// It has more than 107 bytes in version 1, or 1,024 in version 2.
    TooLong,
    /// A line of version 1 is malformed.
    LineMalformed,
    /// A version, command, family or address of version 2 is none, or the addresses are not those of a stream.
    AddressInvalid,
    /// A TLV of version 2 is malformed, or is there twice.
    TlvMalformed,
    /// The checksum of version 2 is not that of the header.
    ChecksumWrong,
}

impl ProxyHeader {
    /// Reads the header at the front of `bytes`; `None` while it is not whole.
    ///
    /// # Errors
    /// What is there can be no header, whatever follows.
    pub fn parse(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderFault> {
        match bytes.first() {
            None => Ok(None),
            Some(b'P') => parse_line(bytes),
            Some(_) => parse_binary(bytes),
        }
    }
}

/// Version 1: one line.
fn parse_line(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderFault> {
    begins_as(bytes, LINE)?;
    let window = bytes.get(..MOST_OF_LINE).unwrap_or(bytes);
    let Some(end) = window.iter().position(|&octet| octet == b'\n') else {
        let is_full = window.len() == MOST_OF_LINE;
        return if is_full { Err(ProxyHeaderFault::TooLong) } else { Ok(None) };
    };
    let line = window.get(..=end).unwrap_or_default();
    if !is_line(line) {
        return Err(ProxyHeaderFault::LineMalformed);
    }
    let (parsed, len) =
        Parsed::parse(line, ONLY_V1).map_err(|_| ProxyHeaderFault::LineMalformed)?;
    if len != line.len() {
        return Err(ProxyHeaderFault::LineMalformed);
    }
    let client = parsed.proxied_address().map(|addresses| canonical(addresses.source));
    Ok(Some(ProxyHeader { client, len, ..ProxyHeader::default() }))
}

/// Whether a line has the form of version 1: single spaces, and ports as numbers are written.
fn is_line(line: &[u8]) -> bool {
    let Some(line) = line.strip_suffix(b"\r\n") else { return false };
    let mut parts = line.split(|&octet| octet == b' ').skip(1);
    match parts.next() {
        // Whatever follows says nothing, but it is one line.
        Some(b"UNKNOWN") => return !line.contains(&b'\r'),
        Some(b"TCP4" | b"TCP6") => {}
        _ => return false,
    }
    let mut is_text = || parts.next().is_some_and(|part| !part.is_empty());
    let has_addresses = is_text() && is_text();
    let is_port = |port: &[u8]| match port {
        b"0" => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let mut has_port = || parts.next().is_some_and(is_port);
    has_addresses && has_port() && has_port() && parts.next().is_none()
}

/// Version 2: a signature, 4 bytes, and as many as these say.
fn parse_binary(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderFault> {
    begins_as(bytes, SIGNATURE)?;
    let Some(&[command, family, high, low]) =
        bytes.get(SIGNATURE.len()..).and_then(<[u8]>::first_chunk)
    else {
        return Ok(None);
    };
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(ProxyHeaderFault::AddressInvalid),
    };
    let len = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if len > MOST {
        return Err(ProxyHeaderFault::TooLong);
    }
    let Some(header) = bytes.get(..len) else { return Ok(None) };
    if is_local {
        // The proxy speaks for itself: the rest of the header is to be passed over.
        return Ok(Some(ProxyHeader { len, ..ProxyHeader::default() }));
    }
    let (parsed, parsed_len) =
        Parsed::parse(header, ONLY_V2).map_err(|_| ProxyHeaderFault::AddressInvalid)?;
    let addresses = parsed.proxied_address();
    let is_of_stream = match family {
        0x00 | UNIX_STREAM => addresses.is_none(),
        _ => addresses.is_some_and(|addresses| addresses.protocol == Protocol::Stream),
    };
    if parsed_len != len || !is_of_stream {
        return Err(ProxyHeaderFault::AddressInvalid);
    }
    let client = addresses.map(|addresses| canonical(addresses.source));
    let mut read = ProxyHeader { client, len, ..ProxyHeader::default() };
    let mut seen = [false; 3];
    for tlv in parsed.tlvs() {
        let tlv = tlv.map_err(|_| ProxyHeaderFault::TlvMalformed)?;
        let at = match &tlv {
            Tlv::Ssl(_) => 0,
            Tlv::Authority(_) => 1,
            Tlv::Crc32c(_) => 2,
            _ => continue,
        };
        if std::mem::replace(&mut seen[at], true) {
            return Err(ProxyHeaderFault::TlvMalformed);
        }
        match tlv {
            Tlv::Ssl(ssl) if ssl.tlvs().any(|tlv| tlv.is_err()) => {
                return Err(ProxyHeaderFault::TlvMalformed);
            }
            Tlv::Ssl(ssl) => read.is_secure = Some(ssl.client_ssl()),
            Tlv::Authority(name) => read.server_name = host(&name),
            Tlv::Crc32c(sum) if checksum::of(header, parsed_tlvs_at(family)) != Some(sum) => {
                return Err(ProxyHeaderFault::ChecksumWrong);
            }
            _ => {}
        }
    }
    Ok(Some(read))
}

/// Where the TLVs begin, by the family of the addresses before them.
fn parsed_tlvs_at(family: u8) -> usize {
    FIXED
        + match family >> 4 {
            1 => 12,
            2 => 36,
            3 => 216,
            _ => 0,
        }
}

fn begins_as(bytes: &[u8], beginning: &[u8]) -> Result<(), ProxyHeaderFault> {
    let begins = bytes.iter().zip(beginning).all(|(a, b)| a == b);
    if begins { Ok(()) } else { Err(ProxyHeaderFault::NoHeader) }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A name of a host, without a port.
fn host(name: &str) -> Option<String> {
    let authority =
        name.parse::<Authority>().ok().filter(|authority| authority.port().is_none())?;
    Some(authority.host().to_owned())
}

impl fmt::Display for ProxyHeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHeader => "the bytes do not begin as a header of the PROXY protocol does",
            Self::TooLong => {
                "the header is longer than 107 bytes in version 1 or 1,024 in version 2"
            }
            Self::LineMalformed => "the line of version 1 is malformed",
            Self::AddressInvalid => "the version, command or addresses of version 2 are invalid",
            Self::TlvMalformed => "a TLV of version 2 is malformed or repeated",
            Self::ChecksumWrong => "the checksum of version 2 is wrong",
        })
    }
}

impl error::Error for ProxyHeaderFault {}

const LINE: &[u8] = b"PROXY ";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The signature, the command, the family and the length.
const FIXED: usize = 16;

/// The longest line that version 1 can have, with its end.
const MOST_OF_LINE: usize = 107;

/// The longest header of version 2. Proxies send some hundred bytes at most.
pub(super) const MOST: usize = 1024;

const UNIX_STREAM: u8 = 0x31;

const ONLY_V1: ParseConfig = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: false };
const ONLY_V2: ParseConfig = ParseConfig { include_tlvs: true, allow_v1: false, allow_v2: true };
