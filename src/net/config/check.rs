//! Which settings cannot be: with them nobody could be served.

use std::time::Duration;
use std::{error, fmt, io};

use http::HeaderName;

use super::{Config, Limits, Timeouts};
use crate::proto::handshake::{Policy, ResponseFields};

/// A setting that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    setting: &'static str,
    why: &'static str,
}

impl ConfigError {
    /// The path of the setting in a [`Config`], such as `limits.max_queued`.
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.setting, self.why)
    }
}

impl error::Error for ConfigError {}

impl From<ConfigError> for io::Error {
    fn from(error: ConfigError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

impl Config {
    /// Whether anybody can be served with these settings.
    ///
    /// `Server::start` asks this. An [`Endpoint`](crate::Endpoint) does not: ask before you make one
    /// of settings that somebody else chose.
    ///
    /// # Errors
    /// The first setting that cannot be: a size, a number or a time of 0, or one that contradicts
    /// another.
    pub fn check(&self) -> Result<(), ConfigError> {
        let Config {
            limits,
            timeouts,
            policy,
            health_path,
            hsts: _,
            trusted_proxies: _,
            id_header,
            #[cfg(feature = "deflate")]
            deflate,
            max_memory,
            inspect: _,
            app_data: _,
        } = self;
        limits.check()?;
        timeouts.check()?;
        nonzero("max_memory", *max_memory)?;
        #[cfg(feature = "deflate")]
        deflate.check()?;
        check_policy(policy)?;
        check_id_header(id_header.as_ref())?;
        check_health_path(health_path.as_deref(), policy)
    }
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        let Limits {
            message,
            head,
            max_queued,
            max_body_size,
            max_pings_per_second,
            max_messages_per_second,
            when_too_fast: _,
            min_drain_rate,
            when_full: _,
        } = self;
        nonzero("limits.message.max_message_size", message.max_message_size)?;
        nonzero("limits.message.max_frame_size", message.max_frame_size)?;
        nonzero("limits.message.max_fragments", message.max_fragments as usize)?;
        nonzero("limits.head.max_fields", head.max_fields)?;
        if head.max_head_size < SHORTEST_HEAD {
            return refuse("limits.head.max_head_size", "is too small for any opening handshake");
        }
        nonzero("limits.max_queued", *max_queued)?;
        nonzero("limits.max_body_size", *max_body_size)?;
        nonzero("limits.max_pings_per_second", *max_pings_per_second as usize)?;
        let max_messages = max_messages_per_second.unwrap_or(u32::MAX) as usize;
        nonzero("limits.max_messages_per_second", max_messages)?;
        nonzero("limits.min_drain_rate", *min_drain_rate)
    }
}

impl Timeouts {
    fn check(&self) -> Result<(), ConfigError> {
        let Timeouts {
            handshake,
            close,
            keepalive_interval,
            keepalive_timeout,
            message_idle,
            message,
        } = self;
        let times = [
            ("timeouts.handshake", Some(*handshake)),
            ("timeouts.close", Some(*close)),
            ("timeouts.keepalive_interval", *keepalive_interval),
            ("timeouts.keepalive_timeout", Some(*keepalive_timeout)),
            ("timeouts.message_idle", *message_idle),
            ("timeouts.message", *message),
        ];
        match times.into_iter().find(|(_, time)| *time == Some(Duration::ZERO)) {
            Some((setting, _)) => refuse(setting, "is 0: nobody would be in time"),
            None => Ok(()),
        }
    }
}

#[cfg(feature = "deflate")]
impl super::DeflateConfig {
    fn check(&self) -> Result<(), ConfigError> {
        // A message of no bytes is never made shorter, so `min_size` may be 0.
        let super::DeflateConfig { policy, level: _, min_size: _, max_memory } = self;
        if policy.is_some() && *max_memory == 0 {
            return refuse("deflate.max_memory", "is 0, but deflate.policy accepts offers");
        }
        Ok(())
    }
}

fn check_policy(policy: &Policy) -> Result<(), ConfigError> {
    if policy.prefixes.iter().any(|prefix| !prefix.starts_with('/') || !prefix.ends_with('/')) {
        return refuse("policy.prefixes", "has one that does not begin and end with a slash");
    }
    if policy.paths.iter().flatten().any(|path| !is_path(path)) {
        return refuse(
            "policy.paths",
            "has one that no request can have: it begins with a slash, and has no ? or #",
        );
    }
    if policy.paths.as_ref().is_some_and(Vec::is_empty) && policy.prefixes.is_empty() {
        return refuse("policy.paths", "is an empty list: every path would get 404");
    }
    if policy.any_subprotocol && !policy.subprotocols.is_empty() {
        return refuse("policy.any_subprotocol", "is set, and policy.subprotocols names some");
    }
    if policy.require_subprotocol && !policy.any_subprotocol && policy.subprotocols.is_empty() {
        return refuse("policy.require_subprotocol", "is set, but policy.subprotocols is empty");
    }
    if policy.require_origin && policy.origins.is_empty() {
        return refuse("policy.require_origin", "is set, but policy.origins is empty");
    }
    Ok(())
}

fn check_id_header(name: Option<&HeaderName>) -> Result<(), ConfigError> {
    let is_taken = |name: &str| {
        // RFC 6455 §11.3, and the other fields of browsers that scripts may not set.
        name.starts_with("sec-") || ResponseFields::new().insert(name, "0").is_err()
    };
    match name {
        Some(name) if is_taken(name.as_str()) => {
            refuse("id_header", "is a field that the protocol has for itself")
        }
        _ => Ok(()),
    }
}

/// RFC 9112 §3.2.1: no request has another path.
fn is_path(path: &str) -> bool {
    let is_octet = |octet: u8| octet.is_ascii_graphic() && !b"?#".contains(&octet);
    path.starts_with('/') && path.bytes().all(is_octet)
}

fn check_health_path(path: Option<&str>, policy: &Policy) -> Result<(), ConfigError> {
    let Some(path) = path else { return Ok(()) };
    if !is_path(path) {
        return refuse("health_path", "is no path: a slash, then visible ASCII without ? and #");
    }
    if policy.paths.iter().flatten().any(|served| served == path) {
        return refuse("health_path", "is one of policy.paths");
    }
    Ok(())
}

fn nonzero(setting: &'static str, number: usize) -> Result<(), ConfigError> {
    if number == 0 { refuse(setting, "is 0: nothing could pass") } else { Ok(()) }
}

fn refuse(setting: &'static str, why: &'static str) -> Result<(), ConfigError> {
    Err(ConfigError { setting, why })
}

/// No opening handshake is shorter (RFC 6455 §4.1), in bytes: `GET / HTTP/1.1`, an empty Host,
/// Upgrade, Connection, a key of 24 characters and the version.
const SHORTEST_HEAD: usize = 16 + 7 + 20 + 21 + 44 + 27 + 2;
