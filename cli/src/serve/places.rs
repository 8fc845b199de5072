//! Where `stickler serve` listens: on what was handed over, and where the flags say.

use std::io::{self, Write};

use stickler::{Binding, Server};

use super::activation::Handed;
use super::config::read_each;
use super::proxies::Proxied;
use crate::cli::{Serve, usage_error};
use crate::listen::{self, Listen, Place};

/// Where to listen, without TLS and with it.
pub(super) struct Places {
    plain: Vec<Place>,
    tls: Vec<Listen>,
    proxied: Proxied,
}

impl Places {
    /// Reads the flags.
    ///
    /// # Errors
    /// A place that is none, or a flag about places of which there are none.
    pub(super) fn read(options: &Serve) -> Result<Self, clap::Error> {
        let mut plain = read_each(&options.listen, &options.name_of("listen"), Place::parse)?;
        let mut tls =
            read_each(&options.tls.listen_tls, &options.name_of("listen_tls"), Listen::parse)?;
        let proxied = Proxied::read(options, &mut plain, &mut tls)?;
        let listen = options.name_of("listen");
        let has_port = !tls.is_empty()
            || proxied.has_port()
            || plain.iter().any(|place| place.tcp().is_some());
        if options.listening.reuse_port && !has_port {
            let name = options.name_of("reuse_port");
            return Err(usage_error(format!("{name} is for a port, and {listen} has none")));
        }
        #[cfg(unix)]
        let mut unix = plain.iter().chain(&proxied.plain).filter_map(Place::unix);
        #[cfg(unix)]
        if options.listening.unix_mode.is_some() && unix.next().is_none() {
            let name = options.name_of("unix_mode");
            return Err(usage_error(format!("{name} is for a path, and {listen} has none")));
        }
        Ok(Self { plain, tls, proxied })
    }

    /// The addresses with TLS, those too where the PROXY protocol comes before it.
    pub(super) fn all_tls(&self) -> Vec<Listen> {
        self.tls.iter().chain(&self.proxied.tls).cloned().collect()
    }

    /// Listens on what was handed over, and where it is said; by default there only where nothing was handed
    /// over.
    ///
    /// # Errors
    /// A sentence that names the place.
    pub(super) fn bind(&self, options: &Serve, handed: Vec<Handed>) -> io::Result<Server> {
        let mut server: Option<Server> = None;
        let mut add = |listen: stickler::Listen| {
            let added = match server.take() {
                None => Server::listen(listen),
                Some(server) => server.listen_also(listen),
            };
            added.map(|added| server = Some(added))
        };
        let plain = if options.is_listen_said || handed.is_empty() { &self.plain[..] } else { &[] };
        let has_port = !self.tls.is_empty()
            || self.proxied.has_port()
            || plain.iter().any(|place| place.tcp().is_some());
        if options.listening.reuse_port && !has_port {
            let name = options.name_of("reuse_port");
            return Err(io::Error::other(format!(
                "{name} is for a port that is bound here, and all listeners were handed over"
            )));
        }
        for Handed { listen, name, .. } in handed {
            let name = |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
            add(listen).map_err(name).map_err(cannot_listen)?;
        }
        let tcp = |addresses: Vec<_>| {
            let listen = stickler::Listen::tcp(&addresses[..])?;
            Ok(listen.reuse_port(options.listening.reuse_port))
        };
        for addresses in
            listen::groups(plain.iter().filter_map(Place::tcp)).map_err(cannot_listen)?
        {
            tcp(addresses).and_then(&mut add).map_err(hint).map_err(cannot_listen)?;
        }
        #[cfg(unix)]
        let unix = |path| {
            let listen = stickler::Listen::unix(path);
            match options.listening.unix_mode {
                Some(mode) => listen.unix_mode(mode),
                None => listen,
            }
        };
        #[cfg(unix)]
        for path in plain.iter().filter_map(Place::unix) {
            add(unix(path)).map_err(cannot_listen)?;
        }
        for addresses in listen::groups(&self.tls).map_err(cannot_listen)? {
            let listen = tcp(addresses).map(stickler::Listen::tls);
            listen.and_then(&mut add).map_err(hint).map_err(cannot_listen)?;
        }
        let proxied = self.proxied.plain.iter().filter_map(Place::tcp);
        for addresses in listen::groups(proxied).map_err(cannot_listen)? {
            let listen = tcp(addresses).map(stickler::Listen::proxy_protocol);
            listen.and_then(&mut add).map_err(hint).map_err(cannot_listen)?;
        }
        for addresses in listen::groups(&self.proxied.tls).map_err(cannot_listen)? {
            let listen = tcp(addresses).map(|listen| listen.tls().proxy_protocol());
            listen.and_then(&mut add).map_err(hint).map_err(cannot_listen)?;
        }
        #[cfg(unix)]
        for path in self.proxied.plain.iter().filter_map(Place::unix) {
            add(unix(path).proxy_protocol()).map_err(cannot_listen)?;
        }
        server.ok_or_else(|| io::Error::other("there is no address to listen on"))
    }
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

/// Standard output has these lines and no others: a program may wait for them. Where it is taken by something else,
/// they are on standard error.
pub(super) fn announce(bindings: &[Binding], is_stdout_taken: bool) -> io::Result<()> {
    let mut output: Box<dyn Write> =
        if is_stdout_taken { Box::new(io::stderr()) } else { Box::new(io::stdout().lock()) };
    for binding in bindings {
        writeln!(output, "listening on {binding}")?;
    }
    output.flush()
}
