//! `stickler serve`: the echo, with every limit and time of the command line.

mod filter;
mod logging;
mod signals;

use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::str::FromStr;

use stickler::Server;
use stickler::proto::assembler::MessageLimits;
use stickler::proto::deflate::{self, Level, WindowBits};
use stickler::proto::handshake::{AllowedOrigin, Authority, HeadLimits, Policy, Subprotocol};
use stickler::{Config, DeflateConfig, Limits, Timeouts};

use crate::apps::echo::echo;
use crate::cli::{Deflate, Serve, usage_error};
use crate::listen::{self, Listen};
use crate::units::Interval;

/// Serves until a signal; 0 then, 1 when it cannot.
///
/// # Errors
///
/// On bad usage that only shows when values are read together.
pub(crate) fn run(options: &Serve) -> Result<ExitCode, clap::Error> {
    let listen = read_listen(options)?;
    let config = read_config(options)?;
    if options.send_buffer.zip(options.unsent_low_water).is_some_and(|(send, low)| low.0 > send.0) {
        let (low, buffer) = (options.name_of("unsent_low_water"), options.name_of("send_buffer"));
        return Err(usage_error(format!("{low} is above {buffer}")));
    }
    let filter = options.log.as_deref().map(|filter| (options.name_of("log"), filter));
    let log = logging::start(filter, options.log_format).map_err(usage_error)?;
    raise_descriptor_limit();
    let served = serve(options, &listen, config);
    if let Err(error) = &served {
        // Standard error may be closed; the exit status tells as well.
        let _ = writeln!(io::stderr(), "stickler: {error}");
    }
    log.flush();
    Ok(if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn serve(options: &Serve, listen: &[Listen], config: Config) -> io::Result<()> {
    let mut server = bind(listen)?.config(config);
    if let Some(workers) = options.workers {
        server = server.workers(workers);
    }
    let count = |most: u32| usize::try_from(most).unwrap_or(usize::MAX);
    if let Some(most) = options.max_connections {
        server = server.max_connections(count(most));
    }
    if let Some(most) = options.max_connections_per_address {
        server = server.max_connections_per_address(count(most));
    }
    if let Some(bytes) = options.send_buffer {
        server = server.send_buffer(bytes.0);
    }
    if let Some(bytes) = options.unsent_low_water {
        server = server.unsent_low_water(bytes.0);
    }
    // Before the line on standard output: who has read it may send a signal at once.
    signals::watch(server.handle(), options.shutdown_timeout)?;
    let serving = server.start(echo)?;
    let addresses = serving.handle().local_addrs();
    if let Err(error) = announce(addresses) {
        tracing::warn!(%error, "standard output is closed");
    }
    tracing::info!(?addresses, version = env!("CARGO_PKG_VERSION"), "serving");
    serving.wait()?;
    tracing::info!("gone");
    Ok(())
}

fn bind(listen: &[Listen]) -> io::Result<Server> {
    let mut server: Option<Server> = None;
    let groups = listen::groups(listen).map_err(cannot_listen)?;
    for addresses in groups {
        let bound = match server {
            None => Server::bind(&addresses[..]),
            Some(server) => server.bind_also(&addresses[..]),
        };
        server = Some(bound.map_err(cannot_listen)?);
    }
    server.ok_or_else(|| io::Error::other("there is no address to listen on"))
}

fn cannot_listen(error: io::Error) -> io::Error {
    let hint = if error.kind() == io::ErrorKind::AddrInUse { "; the port is taken" } else { "" };
    io::Error::new(error.kind(), format!("cannot listen on {error}{hint}"))
}

/// Standard output has these lines and no others: a program may wait for them.
fn announce(addresses: &[SocketAddr]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for address in addresses {
        writeln!(stdout, "listening on ws://{address}")?;
    }
    stdout.flush()
}

fn read_listen(options: &Serve) -> Result<Vec<Listen>, clap::Error> {
    read_each(&options.listen, &options.name_of("listen"), Listen::parse)
}

/// Reads the values of a flag that repeats.
fn read_each<T, E: Display>(
    values: &[String],
    flag: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, clap::Error> {
    let invalid = |value: &str, why: E| {
        usage_error(format!("invalid value '{}' for '{flag}': {why}", value.escape_debug()))
    };
    values.iter().map(|value| read(value).map_err(|why| invalid(value, why))).collect()
}

fn read_config(options: &Serve) -> Result<Config, clap::Error> {
    let mut limits = Limits::default();
    limits.message = MessageLimits::new()
        .max_message_size(options.max_message_size.0)
        .max_frame_size(options.max_frame_size.unwrap_or(options.max_message_size).0)
        .max_fragments(options.max_fragments);
    limits.head = HeadLimits::new()
        .max_head_size(options.max_head_size.0)
        .max_fields(options.max_header_fields.into());
    limits.max_queued = options.max_queued.0;
    let mut timeouts = Timeouts::default();
    timeouts.write = options.write_timeout;
    timeouts.handshake = options.handshake_timeout;
    timeouts.close = options.close_timeout;
    timeouts.keepalive_timeout = options.keepalive_timeout;
    timeouts.keepalive_interval = match options.keepalive_interval {
        Interval::Off => None,
        Interval::Every(interval) => Some(interval),
    };
    Ok(Config::default()
        .limits(limits)
        .timeouts(timeouts)
        .policy(read_policy(options)?)
        .health_path(read_health_path(options)?)
        .deflate(read_deflate(options)))
}

fn read_deflate(options: &Serve) -> DeflateConfig {
    let takes_over = options.deflate == Deflate::Takeover;
    let window = options.deflate_window_bits.unwrap_or(if takes_over {
        TAKEOVER_WINDOW
    } else {
        WindowBits::MAX
    });
    let policy = deflate::Policy::new()
        .server_context_takeover(takes_over)
        .client_context_takeover(takes_over)
        .server_max_window_bits(window);
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
    let origins = read_each(
        &options.allowed_origin,
        &options.name_of("allowed_origin"),
        AllowedOrigin::from_str,
    )?;
    let own_hosts =
        read_each(&options.own_host, &options.name_of("own_host"), Authority::from_str)?;
    let policy =
        Policy::default().paths(read_paths(options)?).origins(origins).own_hosts(own_hosts);
    let subprotocol = options.name_of("subprotocol");
    match &options.subprotocol[..] {
        [only] if only == ANY => Ok(policy.any_subprotocol(true)),
        names if names.iter().any(|name| name == ANY) => Err(usage_error(format!(
            "'any' for {subprotocol} agrees to every name, so it stands alone"
        ))),
        names => Ok(policy.subprotocols(read_each(names, &subprotocol, Subprotocol::from_str)?)),
    }
}

fn read_paths(options: &Serve) -> Result<Vec<String>, clap::Error> {
    match &options.path[..] {
        [] => Ok(vec!["/".into(), "/echo".into()]),
        paths => read_each(paths, &options.name_of("path"), read_path),
    }
}

fn read_health_path(options: &Serve) -> Result<Option<String>, clap::Error> {
    let name = options.name_of("health_path");
    let path = read_each(options.health_path.as_slice(), &name, read_path)?.pop();
    match path {
        Some(path) if read_paths(options)?.contains(&path) => {
            Err(usage_error(format!("the echo answers on '{path}', which {name} names too")))
        }
        path => Ok(path),
    }
}

/// Not the name of a subprotocol here, although one could have it.
const ANY: &str = "any";

/// A path is compared as it stands in the request (RFC 9112 §3.2), so it must be one
/// that a request can have.
fn read_path(path: &str) -> Result<String, &'static str> {
    if !path.starts_with('/') {
        return Err("a path begins with a slash");
    }
    if path.bytes().any(|byte| !byte.is_ascii_graphic() || b"?#".contains(&byte)) {
        return Err("a path is visible ASCII, percent-encoded where needed, without ? and #");
    }
    Ok(path.into())
}

/// Every connection is a descriptor, and the usual soft limit is made for select().
fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        if limit.current == limit.maximum {
            return;
        }
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise the limit on open files");
        }
    }
}
