//! `stickler serve`: the echo, with every limit and time of the command line.

mod activation;
mod allocator;
mod config;
mod descriptors;
mod drain;
mod filter;
mod logging;
mod memory;
mod notify;
mod places;
mod proxies;
mod signals;
mod tls;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;

use stickler::{Config, Drained};

use self::activation::Handed;
use self::config::{read_apps, read_config};
use self::drain::Drain;
use self::places::Places;
use self::tls::Certificates;
use crate::apps::Apps;
use crate::cli::{Serve, usage_error};

/// Serves until a signal; 0 then, or 5 where that is asked for and connections were cut; 1 when it cannot.
///
/// # Errors
///
/// On bad usage that only shows when values are read together.
pub(crate) fn run(options: &Serve) -> Result<ExitCode, clap::Error> {
    allocator::give_large_buffers_back();
    // While there is one thread: it changes the environment.
    let handed = activation::take();
    let places = Places::read(options)?;
    let is_tls_handed = handed.iter().flatten().any(|handed| handed.is_tls);
    let certificates = Certificates::read(options, &places.all_tls(), is_tls_handed)?;
    let config = read_config(options)?;
    let apps = read_apps(options)?;
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
    let served = handed
        .and_then(|handed| serve(options, &places, handed, certificates, (config, apps), &drain));
    if let Err(error) = &served {
        // Standard error may be closed; the exit status tells as well.
        let _ = writeln!(io::stderr(), "stickler: {error}");
    }
    log.flush();
    Ok(served.map_or(ExitCode::FAILURE, |drained| drain.status(&drained)))
}

fn serve(
    options: &Serve,
    places: &Places,
    handed: Vec<Handed>,
    certificates: Option<Certificates>,
    (config, apps): (Config, Apps),
    drain: &Drain,
) -> io::Result<Drained> {
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let workers = options.workers.unwrap_or_else(cores);
    // Before anything is bound: nobody connects to a server that cannot serve.
    let loaded = certificates.as_ref().map(Certificates::load).transpose();
    let loaded = loaded.map_err(io::Error::other)?;
    let mut server = places.bind(options, handed)?.config(config).workers(workers);
    if let Some(loaded) = &loaded {
        server = server.tls(loaded.tls.clone());
    }
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
    let reload = match certificates.zip(loaded) {
        Some((certificates, loaded)) => {
            certificates.report();
            loaded.report();
            certificates.watch(loaded, server.handle())?
        }
        None => None,
    };
    signals::watch(server.handle(), drain.clone(), reload)?;
    let serving = apps.start(server)?;
    let handle = serving.handle().clone();
    allocator::give_back_after_load(handle.clone())?;
    let bindings = handle.bindings();
    if let Err(error) = places::announce(&bindings) {
        tracing::warn!(%error, "standard output is closed");
    }
    let addresses = bindings.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    tracing::info!(addresses, version = env!("CARGO_PKG_VERSION"), "serving");
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
