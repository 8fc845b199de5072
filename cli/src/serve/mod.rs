//! `stickler serve`: the echo, with every limit and time of the command line.

mod allocator;
mod config;
mod descriptors;
mod drain;
mod filter;
mod logging;
mod memory;
mod notify;
mod signals;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;

use stickler::{Config, Drained, Server};

use self::config::{read_config, read_each};
use self::drain::Drain;
use crate::apps::echo::echo;
use crate::cli::{Serve, usage_error};
use crate::listen::{self, Listen};

/// Serves until a signal; 0 then, or 5 where that is asked for and connections were cut; 1 when it cannot.
///
/// # Errors
///
/// On bad usage that only shows when values are read together.
pub(crate) fn run(options: &Serve) -> Result<ExitCode, clap::Error> {
    allocator::give_large_buffers_back();
    let listen = read_listen(options)?;
    let config = read_config(options)?;
    let drain = Drain::read(options)?;
    if options
        .bounds
        .send_buffer
        .zip(options.bounds.unsent_low_water)
        .is_some_and(|(send, low)| low.0 > send.0)
    {
        let (low, buffer) = (options.name_of("unsent_low_water"), options.name_of("send_buffer"));
        return Err(usage_error(format!("{low} is above {buffer}")));
    }
    let filter = options.log.as_deref().map(|filter| (options.name_of("log"), filter));
    let log = logging::start(filter, options.log_format).map_err(usage_error)?;
    descriptors::raise_limit();
    let served = serve(options, &listen, config, &drain);
    if let Err(error) = &served {
        // Standard error may be closed; the exit status tells as well.
        let _ = writeln!(io::stderr(), "stickler: {error}");
    }
    log.flush();
    Ok(served.map_or(ExitCode::FAILURE, |drained| drain.status(&drained)))
}

fn serve(options: &Serve, listen: &[Listen], config: Config, drain: &Drain) -> io::Result<Drained> {
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let workers = options.workers.unwrap_or_else(cores);
    let mut server = bind(listen)?.config(config).workers(workers);
    descriptors::check(workers, server.local_addrs().len())?;
    let count = |most: u32| usize::try_from(most).unwrap_or(usize::MAX);
    if let Some(most) = options.bounds.max_connections {
        server = server.max_connections(count(most));
    }
    if let Some(most) = options.bounds.max_connections_per_address {
        server = server.max_connections_per_address(count(most));
    }
    if let Some(most) = options.bounds.max_handshakes {
        server = server.max_handshakes(count(most));
    }
    if let Some(per_second) = options.bounds.max_handshakes_per_address {
        server = server.max_handshakes_per_address(per_second);
    }
    if let Some(bytes) = options.bounds.send_buffer {
        server = server.send_buffer(bytes.0);
    }
    if let Some(bytes) = options.bounds.unsent_low_water {
        server = server.unsent_low_water(bytes.0);
    }
    // Before the line on standard output: who has read it may send a signal at once.
    signals::watch(server.handle(), drain.clone())?;
    let serving = server.start(echo)?;
    let handle = serving.handle().clone();
    allocator::give_back_after_load(handle.clone())?;
    let addresses = serving.handle().local_addrs();
    if let Err(error) = announce(addresses) {
        tracing::warn!(%error, "standard output is closed");
    }
    tracing::info!(?addresses, version = env!("CARGO_PKG_VERSION"), "serving");
    if !handle.is_draining() {
        notify::ready();
    }
    notify::answer_watchdog(handle.clone())?;
    serving.wait()?;
    let drained = handle.drained();
    let Drained { clean, unclean, cut, .. } = drained;
    tracing::info!(clean, unclean, cut, "gone");
    Ok(drained)
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
