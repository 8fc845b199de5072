//! `stickler serve`: the echo, with every limit and time of the command line.

mod activation;
mod allocator;
mod config;
mod descriptors;
mod filter;
mod logging;
mod memory;
mod signals;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;

use stickler::{Binding, Config, Drained, Server};

use self::activation::Handed;
use self::config::{read_config, read_each};
use crate::apps::echo::echo;
use crate::cli::{Serve, usage_error};
use crate::listen::{self, Place};

/// Serves until a signal; 0 then, 1 when it cannot.
///
/// # Errors
///
/// On bad usage that only shows when values are read together.
pub(crate) fn run(options: &Serve) -> Result<ExitCode, clap::Error> {
    allocator::give_large_buffers_back();
    // While there is one thread: it changes the environment.
    let handed = activation::take();
    let listen = read_listen(options)?;
    let config = read_config(options)?;
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
    let served = handed.and_then(|handed| serve(options, &listen, handed, config));
    if let Err(error) = &served {
        // Standard error may be closed; the exit status tells as well.
        let _ = writeln!(io::stderr(), "stickler: {error}");
    }
    log.flush();
    Ok(if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn serve(options: &Serve, listen: &[Place], handed: Vec<Handed>, config: Config) -> io::Result<()> {
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let workers = options.workers.unwrap_or_else(cores);
    let mut server = bind(options, listen, handed)?.config(config).workers(workers);
    descriptors::check(workers, server.bindings().len())?;
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
    signals::watch(server.handle(), options.times.shutdown_timeout)?;
    let serving = server.start(echo)?;
    let handle = serving.handle().clone();
    allocator::give_back_after_load(handle.clone())?;
    let bindings = handle.bindings();
    if let Err(error) = announce(&bindings) {
        tracing::warn!(%error, "standard output is closed");
    }
    let addresses = bindings.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    tracing::info!(addresses, version = env!("CARGO_PKG_VERSION"), "serving");
    serving.wait()?;
    let Drained { clean, unclean, cut, .. } = handle.drained();
    tracing::info!(clean, unclean, cut, "gone");
    Ok(())
}

/// Listens on what was handed over, and where it is said; by default there only where nothing was handed over.
fn bind(options: &Serve, listen: &[Place], handed: Vec<Handed>) -> io::Result<Server> {
    let mut server: Option<Server> = None;
    let mut add = |listen: stickler::Listen| {
        let added = match server.take() {
            None => Server::listen(listen),
            Some(server) => server.listen_also(listen),
        };
        added.map(|added| server = Some(added))
    };
    let are_all_handed = !options.is_listen_said && !handed.is_empty();
    if are_all_handed && options.listening.reuse_port {
        let name = options.name_of("reuse_port");
        return Err(io::Error::other(format!(
            "{name} is for a port that is bound here, and all listeners were handed over"
        )));
    }
    for Handed { listen, name } in handed {
        let name = |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
        add(listen).map_err(name).map_err(cannot_listen)?;
    }
    let places = if are_all_handed { &[] } else { listen };
    let tcp = places.iter().filter_map(Place::tcp);
    for addresses in listen::groups(tcp).map_err(cannot_listen)? {
        let listen = stickler::Listen::tcp(&addresses[..]);
        let listen = listen.map(|listen| listen.reuse_port(options.listening.reuse_port));
        listen.and_then(&mut add).map_err(hint).map_err(cannot_listen)?;
    }
    #[cfg(unix)]
    for path in places.iter().filter_map(Place::unix) {
        let listen = stickler::Listen::unix(path);
        let listen = match options.listening.unix_mode {
            Some(mode) => listen.unix_mode(mode),
            None => listen,
        };
        add(listen).map_err(cannot_listen)?;
    }
    server.ok_or_else(|| io::Error::other("there is no address to listen on"))
}

fn hint(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            io::Error::new(error.kind(), format!("{error}; the port is taken"))
        }
        _ => error,
    }
}

fn cannot_listen(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {error}"))
}

/// Standard output has these lines and no others: a program may wait for them.
fn announce(bindings: &[Binding]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for binding in bindings {
        writeln!(stdout, "listening on {binding}")?;
    }
    stdout.flush()
}

fn read_listen(options: &Serve) -> Result<Vec<Place>, clap::Error> {
    let places = read_each(&options.listen, &options.name_of("listen"), Place::parse)?;
    if options.listening.reuse_port && !places.iter().any(|place| place.tcp().is_some()) {
        let (name, listen) = (options.name_of("reuse_port"), options.name_of("listen"));
        return Err(usage_error(format!("{name} is for a port, and {listen} has none")));
    }
    #[cfg(unix)]
    if options.listening.unix_mode.is_some() && !places.iter().any(|at| at.unix().is_some()) {
        let (name, listen) = (options.name_of("unix_mode"), options.name_of("listen"));
        return Err(usage_error(format!("{name} is for a path, and {listen} has none")));
    }
    Ok(places)
}
