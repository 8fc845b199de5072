//! From the flags of `stickler serve` to the configuration of its connections.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use stickler::proto::assembler::MessageLimits;
use stickler::proto::deflate::{self, Level, WindowBits};
use stickler::proto::handshake::{AllowedOrigin, Authority, HeadLimits, Policy};
use stickler::{Caps, Config, DeflateConfig, Limits, Timeouts};

use super::memory::default_bound;
use super::proxies::read_trusted;
use super::routes;
use crate::apps::{Apps, CHAT, Routes, Subprotocols, VIOLATIONS, read_path, read_subprotocol};
use crate::cli::{Compression, Deflate, Serve, Switch, WhenFull, WhenTooFast, usage_error};
use crate::units::Interval;

pub(super) fn read_config(options: &Serve) -> Result<Config, clap::Error> {
    Ok(Config::default()
        .limits(read_limits(options))
        .timeouts(read_timeouts(options))
        .policy(read_policy(options)?)
        .health_path(read_health_path(options)?)
        .id_header(options.admin.id_header.clone())
        .trusted_proxies(read_trusted(options)?)
        .hsts(options.tls.hsts.map(|seconds| Duration::from_secs(seconds.into())))
        .max_memory(options.bounds.max_memory.map_or_else(default_bound, |size| size.0))
        .deflate(read_deflate(&options.compression)))
}

pub(super) fn read_limits(options: &Serve) -> Limits {
    let mut limits = Limits::default();
    limits.message = MessageLimits::new()
        .max_message_size(options.bounds.max_message_size.0)
        .max_frame_size(options.bounds.max_frame_size.unwrap_or(options.bounds.max_message_size).0)
        .max_fragments(options.bounds.max_fragments);
    limits.head = HeadLimits::new()
        .max_head_size(options.bounds.max_head_size.0)
        .max_fields(options.bounds.max_header_fields.into());
    limits.max_queued = options.bounds.max_queued.0;
    limits.max_pings_per_second = options.bounds.max_pings_per_second;
    limits.max_messages_per_second = options.bounds.max_messages_per_second;
    limits.when_too_fast = match options.bounds.when_too_fast {
        WhenTooFast::Wait => stickler::WhenTooFast::Wait,
        WhenTooFast::Close => stickler::WhenTooFast::Close,
    };
    limits.min_drain_rate = options.bounds.min_drain_rate.0;
    limits.when_full = match options.bounds.when_full {
        WhenFull::Wait => stickler::WhenFull::Wait,
        WhenFull::Drop => stickler::WhenFull::Drop,
        WhenFull::Close => stickler::WhenFull::Close,
    };
    limits
}

pub(super) fn read_timeouts(options: &Serve) -> Timeouts {
    let mut timeouts = Timeouts::default();
    timeouts.handshake = options.times.handshake_timeout;
    timeouts.close = options.times.close_timeout;
    timeouts.keepalive_timeout = options.times.keepalive_timeout;
    timeouts.keepalive_interval = time_of(options.times.keepalive_interval);
    timeouts.message_idle = time_of(options.times.message_idle_timeout);
    timeouts.message = time_of(options.times.message_timeout);
    timeouts
}

/// How many connections and opening handshakes there may be.
pub(super) fn read_caps(options: &Serve) -> Caps {
    let count = |most: u32| usize::try_from(most).unwrap_or(usize::MAX);
    let bounds = &options.bounds;
    Caps::default()
        .max_connections(bounds.max_connections.map(count))
        .max_connections_per_address(bounds.max_connections_per_address.map(count))
        .max_handshakes(bounds.max_handshakes.map(count))
        .max_handshakes_per_address(bounds.max_handshakes_per_address)
}

fn time_of(interval: Interval) -> Option<Duration> {
    match interval {
        Interval::Off => None,
        Interval::Every(time) => Some(time),
    }
}

pub(super) fn read_deflate(options: &Compression) -> DeflateConfig {
    let takes_over = options.deflate == Deflate::Takeover;
    let window = options.deflate_window_bits.unwrap_or(if takes_over {
        TAKEOVER_WINDOW
    } else {
        WindowBits::MAX
    });
    let default = deflate::Policy::new();
    let client_window = options.deflate_client_window_bits.unwrap_or(if takes_over {
        WindowBits::MAX
    } else {
        default.client_max_window_bits
    });
    let policy = default
        .server_context_takeover(takes_over)
        .client_context_takeover(options.deflate != Deflate::Lean)
        .server_max_window_bits(window)
        .client_max_window_bits(client_window);
    let mut config = DeflateConfig::default();
    config.policy = (options.deflate != Deflate::Off).then_some(policy);
    config.level = Level::new(options.deflate_level).unwrap_or_default();
    config.min_size = options.deflate_min_size.0;
    config.max_memory = options.deflate_memory.0;
    config
}

/// How far messages refer back to earlier ones unless it is said: 4 KiB. What a connection
/// keeps and what a message costs grow with it, and little is gained beyond.
const TAKEOVER_WINDOW: WindowBits = WindowBits::new(12).unwrap();

fn read_policy(options: &Serve) -> Result<Policy, clap::Error> {
    // Routes may be for other pages: then each application looks at Origin itself.
    let origins = match routes::judge_origins(options) {
        true => vec![AllowedOrigin::Any],
        false => read_origins(options)?,
    };
    let own_hosts = read_own_hosts(options)?;
    let policy = Policy::default()
        .paths(read_all_paths(options)?.into_iter().chain(routes::paths(options)))
        .prefixes(routes::prefixes(options))
        .origins(origins)
        .own_hosts(own_hosts);
    match read_subprotocols(options)? {
        Subprotocols::Any => Ok(policy.any_subprotocol(true)),
        Subprotocols::These(names) => Ok(policy.subprotocols(names)),
        Subprotocols::Inherited => Ok(policy),
    }
}

pub(super) fn read_own_hosts(options: &Serve) -> Result<Vec<Authority>, clap::Error> {
    read_each(&options.own_host, &options.name_of("own_host"), Authority::from_str)
}

pub(super) fn read_subprotocols(options: &Serve) -> Result<Subprotocols, clap::Error> {
    let subprotocol = options.name_of("subprotocol");
    match &options.subprotocol[..] {
        [only] if only == ANY => Ok(Subprotocols::Any),
        names if names.iter().any(|name| name == ANY) => Err(usage_error(format!(
            "'any' for {subprotocol} agrees to every name, so it stands alone"
        ))),
        names => Ok(Subprotocols::These(read_each(names, &subprotocol, read_subprotocol)?)),
    }
}

pub(super) fn read_paths(options: &Serve) -> Result<Vec<String>, clap::Error> {
    match &options.path[..] {
        // What is protected on one path is not to be open on another that nobody named.
        [] if !options.routes.is_empty() => Ok(Vec::new()),
        [] => Ok(vec!["/".into(), "/echo".into()]),
        paths => read_each(paths, &options.name_of("path"), read_path),
    }
}

/// The paths of the echo, and those of the applications that are on.
fn read_all_paths(options: &Serve) -> Result<Vec<String>, clap::Error> {
    let mut paths = read_paths(options)?;
    for (path, flag) in taken(options) {
        if paths.iter().any(|echo| echo == path) {
            let name = options.name_of("path");
            return Err(usage_error(format!(
                "'{path}', which {name} names, is of --{flag}; --{flag} off leaves it to the echo"
            )));
        }
        paths.push(path.into());
    }
    Ok(paths)
}

/// The paths of the applications that are on, and their flags.
pub(super) fn taken(options: &Serve) -> impl Iterator<Item = (&'static str, &'static str)> {
    let page = (options.apps.page == Switch::On).then_some((VIOLATIONS, "page"));
    let chat = (options.apps.chat == Switch::On).then_some((CHAT, "chat"));
    page.into_iter().chain(chat)
}

pub(super) fn read_origins(options: &Serve) -> Result<Vec<AllowedOrigin>, clap::Error> {
    let name = options.name_of("allowed_origin");
    read_each(&options.allowed_origin, &name, AllowedOrigin::from_str)
}

/// Where pages may come from that use the chat.
pub(super) fn read_chat_origins(options: &Serve) -> Result<Vec<AllowedOrigin>, clap::Error> {
    match options.is_allowed_origin_said {
        true => read_origins(options),
        // What people say in a room is not for every page that they have open.
        false => Ok(vec![AllowedOrigin::SameHost]),
    }
}

/// What is served besides the echo. Of routes the files are not read yet.
///
/// # Errors
/// A path or an origin is none, or what is said of NATS has no effect.
pub(super) fn read_apps(options: &Serve) -> Result<Apps, clap::Error> {
    #[cfg(feature = "nats")]
    check_nats(options)?;
    Ok(Apps {
        page: options.apps.page == Switch::On,
        chat: options.apps.chat == Switch::On,
        routes: Routes::default(),
        #[cfg(feature = "nats")]
        nats: options.nats.options(),
    })
}

#[cfg(feature = "nats")]
fn check_nats(options: &Serve) -> Result<(), clap::Error> {
    let (nats, optional) = (options.name_of("nats"), options.name_of("nats_optional"));
    if options.nats.nats.is_empty() && options.nats.nats_optional {
        return Err(usage_error(format!("{optional} has no effect without {nats}")));
    }
    if !options.nats.nats.is_empty() && options.apps.chat == Switch::Off {
        let chat = options.name_of("chat");
        return Err(usage_error(format!("{nats} carries the chat, which {chat} turns off")));
    }
    Ok(())
}

/// Where health is asked for; routes are not looked at.
///
/// # Errors
/// It is no path, or something outside of routes has it.
pub(super) fn read_health_path(options: &Serve) -> Result<Option<String>, clap::Error> {
    let name = options.name_of("health_path");
    let path = read_each(options.health_path.as_slice(), &name, read_path)?.pop();
    if let Some((taken, flag)) = taken(options).find(|(taken, _)| path.as_deref() == Some(*taken)) {
        return Err(usage_error(format!("'{taken}', which {name} names, is of --{flag}")));
    }
    match path {
        Some(path) if read_paths(options)?.contains(&path) => {
            Err(usage_error(format!("the echo answers on '{path}', which {name} names too")))
        }
        path => Ok(path),
    }
}

/// Not the name of a subprotocol here, although one could have it.
const ANY: &str = "any";

/// Reads the values of a flag that repeats.
pub(super) fn read_each<T, E: Display>(
    values: &[String],
    flag: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, clap::Error> {
    let invalid = |value: &str, why: E| {
        usage_error(format!("invalid value '{}' for '{flag}': {why}", value.escape_debug()))
    };
    values.iter().map(|value| read(value).map_err(|why| invalid(value, why))).collect()
}
