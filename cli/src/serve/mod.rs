//! `stickler serve`: the echo, with every limit and time of the command line.

mod activation;
mod allocator;
mod config;
mod descriptors;
mod drain;
mod faults;
mod filter;
#[cfg(all(test, target_os = "linux"))]
mod log_load;
mod logging;
mod memory;
mod notify;
mod operated;
mod panics;
mod places;
mod proxies;
mod reload;
mod routes;
mod signals;
mod tls;
mod unwritten;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use stickler::{Config, Drained, Handle, Server};

use self::activation::Handed;
use self::config::{read_apps, read_caps, read_config};
use self::drain::Drain;
pub(crate) use self::faults::faults;
use self::operated::Operated;
use self::places::Places;
use self::reload::InForce;
use self::tls::Certificates;
use self::unwritten::Unwritten;
use crate::admin::{self, Admin};
use crate::apps::{Apps, RoutePlan};
use crate::cli::{Serve, usage_error};
use crate::inspect::{Trace, Tracing};

/// Serves until a signal; 0 then, or 5 where that is asked for and connections were cut; 1 when it cannot.
///
/// # Errors
///
/// On bad usage that only shows when values are read together.
pub(crate) fn run(options: &Serve) -> Result<ExitCode, clap::Error> {
    // Before what takes its time: certificates, and the broker.
    let begun = SystemTime::now();
    allocator::give_large_buffers_back();
    // While there is one thread: it changes the environment.
    let handed = activation::take();
    let is_tls_handed = handed.iter().flatten().any(|handed| handed.is_tls);
    let mut plan = Plan::read(options, is_tls_handed)?;
    let drain = plan.drain.clone();
    let log = logging::start(options.log_filter(), options.log_format).map_err(usage_error)?;
    descriptors::raise_limit();
    let mut unwritten = Unwritten { log, frames: None };
    let served = handed.and_then(|handed| {
        unwritten.frames = plan.trace.take().map(Trace::start).transpose()?;
        plan.config.inspect = unwritten.frames.as_ref().map(Tracing::inspector);
        serve(options, plan, handed, &unwritten, begun)
    });
    if let Err(error) = &served {
        // Standard error may be closed; the exit status tells as well.
        let _ = writeln!(io::stderr(), "stickler: {error}");
    }
    unwritten.finish();
    Ok(served.map_or(ExitCode::FAILURE, |drained| drain.status(&drained)))
}

/// What the options come to, before anything of it is done.
struct Plan {
    places: Places,
    certificates: Option<Certificates>,
    config: Config,
    apps: Apps,
    routes: RoutePlan,
    drain: Drain,
    trace: Option<Trace>,
    admin: Option<Admin>,
}

impl Plan {
    /// Reads the options together.
    ///
    /// # Errors
    /// They do not go together, or a value is none.
    fn read(options: &Serve, is_tls_handed: bool) -> Result<Plan, clap::Error> {
        let places = Places::read(options)?;
        let certificates = Certificates::read(options, &places.all_tls(), is_tls_handed)?;
        let config = read_config(options)?;
        let apps = read_apps(options)?;
        let routes = routes::read(options)?;
        let drain = Drain::read(options)?;
        let trace = Trace::read(options)?;
        let admin = Admin::read(options)?;
        check_buffers(options)?;
        Ok(Plan { places, certificates, config, apps, routes, drain, trace, admin })
    }
}

/// The library judges the same pair when it is bound. That is too late for bad usage and for `config check`, and it does
/// not know the names of the options. Its exception, `usize::MAX` for no bound, is no size that an option can have.
fn check_buffers(options: &Serve) -> Result<(), clap::Error> {
    if options
        .bounds
        .send_buffer
        .zip(options.bounds.unsent_low_water)
        .is_some_and(|(send, low)| low.0 > send.0)
    {
        let (low, buffer) = (options.name_of("unsent_low_water"), options.name_of("send_buffer"));
        return Err(usage_error(format!("{low} is above {buffer}")));
    }
    Ok(())
}

fn serve(
    options: &Serve,
    plan: Plan,
    handed: Vec<Handed>,
    unwritten: &Unwritten,
    begun: SystemTime,
) -> io::Result<Drained> {
    let log = &unwritten.log;
    let Plan { places, certificates, config, apps, routes, drain, trace: _, admin } = plan;
    let inspect = config.inspect.clone();
    let is_tls_handed = handed.iter().any(|handed| handed.is_tls);
    // Before anything is bound: nobody connects to a server that cannot serve.
    let loaded = certificates.as_ref().map(Certificates::load).transpose();
    let loaded = loaded.map_err(io::Error::other)?;
    let routes = Arc::new(routes.load().map_err(io::Error::other)?);
    apps.routes.replace(routes.clone());
    let max_memory = config.max_memory;
    let workers = options.workers.unwrap_or_else(cores);
    let server = bind(options, &places, handed)?.workers(workers);
    let mut server = server.config(config.app_data(routes));
    if let Some(loaded) = &loaded {
        server = server.tls(loaded.tls.clone());
    }
    let admin = admin.map(Admin::bind).transpose()?;
    // That of the signals, of the admin listener and of the chat.
    let others = 1 + usize::from(admin.is_some()) + usize::from(apps.has_chat());
    descriptors::check(workers, server.bindings().len(), others)?;
    // Before the line on standard output: who has read it may send a signal at once.
    if let Some((certificates, loaded)) = certificates.as_ref().zip(loaded.as_ref()) {
        certificates.report();
        loaded.report();
    }
    let in_force = InForce {
        options: options.clone(),
        is_tls_handed,
        certificates,
        admin_token: admin.as_ref().and_then(admin::Bound::token),
        ends: loaded.map_or_else(Vec::new, |loaded| loaded.ends),
        routes: apps.routes.clone(),
        log: log.clone(),
        inspect,
        handle: server.handle(),
        drain: drain.clone(),
    };
    let (begin_reloads, started) = mpsc::channel();
    let reload = in_force.watch(started)?;
    let handle = server.handle();
    signals::watch(handle.clone(), drain.clone(), reload, unwritten.clone())?;
    // It may wait for the broker, and ends that wait when a signal ends the program.
    let Some(serving) = apps.start(server, drain.begun())? else {
        drain.wait_until_told();
        tracing::info!("gone before it served");
        return Ok(handle.drained());
    };
    allocator::give_back_after_load(handle.clone())?;
    let urls = admin.as_ref().map(admin::Bound::urls);
    let program = Operated { handle: handle.clone(), drain: drain.clone(), log: log.clone() };
    let program = Box::new(program);
    let served = admin::Served { handle: handle.clone(), program, max_memory, begun };
    let admin = admin.map(|admin| admin.start(served)).transpose()?;
    tell(options, &handle, &drain, urls.as_deref());
    drain.tell_before(&handle, notify::started);
    // Nobody waits for it where nothing can be read anew.
    let _ = begin_reloads.send(());
    notify::answer_watchdog(handle.clone())?;
    serving.wait()?;
    drain.wait_until_told();
    let drained = handle.drained();
    let Drained { clean, unclean, cut, .. } = drained;
    if let Some(admin) = admin {
        admin.end();
    }
    tracing::info!(clean, unclean, cut, "gone");
    Ok(drained)
}

/// The server, bound, with what the command line says of all its connections together.
fn bind(options: &Serve, places: &Places, handed: Vec<Handed>) -> io::Result<Server> {
    let mut server = places.bind(options, handed)?.caps(read_caps(options));
    if let Some(bytes) = options.bounds.send_buffer {
        server = server.send_buffer(bytes.0);
    }
    if let Some(bytes) = options.bounds.unsent_low_water {
        server = server.unsent_low_water(bytes.0);
    }
    Ok(server)
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Says where it serves: in the log, and on standard output for programs. Nothing once the end has begun.
fn tell(options: &Serve, handle: &Handle, drain: &Drain, admin: Option<&str>) {
    let bindings = handle.bindings();
    let addresses = bindings.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    // First, since whoever has read standard output may send a signal at once. The line there is written without the
    // lock that keeps the end from beginning: nobody may read it.
    let is_told = drain.log_before(handle, || {
        tracing::info!(addresses, admin, version = env!("CARGO_PKG_VERSION"), "serving");
    });
    if !is_told {
        return;
    }
    let is_stdout_taken = options.inspect.has_standard_output();
    let (tell, told) = mpsc::channel();
    let announce = move || {
        // Nobody waits any more where it took too long.
        let _ = tell.send(places::announce(&bindings, is_stdout_taken));
    };
    // A thread of its own: a pipe that is full and that nobody reads would hold up the rest, and the end.
    let is_begun = thread::Builder::new().name("announce".into()).spawn(announce);
    match is_begun.map(|_| told.recv_timeout(READ_WITHIN)) {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(%error, "standard output is closed"),
        Ok(Err(_)) => {
            tracing::warn!("nobody reads standard output; the listening lines wait there");
        }
        Err(error) => tracing::warn!(%error, "there is no thread for standard output"),
    }
}

/// Programs that wait for the listening lines take them within this time; then the server goes on all the same.
const READ_WITHIN: Duration = Duration::from_secs(1);
