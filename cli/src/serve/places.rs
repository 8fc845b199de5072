//! Where `stickler serve` listens: on what was handed over, and where the flags say.

use std::io::{self, Write};

use stickler::{Binding, Server};

use super::activation::Handed;
use super::config::read_each;
use super::proxies::Proxied;
use crate::cli::{Listening, Serve, usage_error};
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
        let mut plain = Self::read_plain(options)?;
        let mut tls = Self::read_tls(options)?;
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

    pub(super) fn read_plain(options: &Serve) -> Result<Vec<Place>, clap::Error> {
        read_each(&options.listen, &options.name_of("listen"), Place::parse)
    }

    pub(super) fn read_tls(options: &Serve) -> Result<Vec<Listen>, clap::Error> {
        read_each(&options.tls.listen_tls, &options.name_of("listen_tls"), Listen::parse)
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
        let mut bound = Bound { server: None, listening: &options.listening };
        for Handed { listen, name, .. } in handed {
            let name = |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
            bound.add(listen).map_err(name).map_err(cannot_listen)?;
        }
        self.bind_own(plain, &mut bound).map_err(cannot_listen)?;
        bound.server.ok_or_else(|| io::Error::other("there is no address to listen on"))
    }

    /// The places that are not handed over; of those without TLS and the PROXY protocol these.
    fn bind_own(&self, plain: &[Place], bound: &mut Bound<'_>) -> io::Result<()> {
        let proxied = &self.proxied;
        bound.add_tcp(plain.iter().filter_map(Place::tcp), |listen| listen)?;
        #[cfg(unix)]
        bound.add_unix(plain, |listen| listen)?;
        bound.add_tcp(&self.tls, |listen| listen.tls())?;
        let proxied_plain = proxied.plain.iter().filter_map(Place::tcp);
        bound.add_tcp(proxied_plain, |listen| listen.proxy_protocol())?;
        bound.add_tcp(&proxied.tls, |listen| listen.tls().proxy_protocol())?;
        #[cfg(unix)]
        bound.add_unix(&proxied.plain, |listen| listen.proxy_protocol())?;
        Ok(())
    }
}

/// What is bound so far; nothing at first.
struct Bound<'o> {
    server: Option<Server>,
    listening: &'o Listening,
}

impl Bound<'_> {
    fn add(&mut self, listen: stickler::Listen) -> io::Result<()> {
        self.server = Some(match self.server.take() {
            None => Server::listen(listen)?,
            Some(server) => server.listen_also(listen)?,
        });
        Ok(())
    }

    fn add_tcp<'p>(
        &mut self,
        places: impl IntoIterator<Item = &'p Listen>,
        manner: impl Fn(stickler::Listen) -> stickler::Listen,
    ) -> io::Result<()> {
        for addresses in listen::groups(places)? {
            let listen = stickler::Listen::tcp(&addresses[..]).map_err(hint)?;
            let listen = manner(listen.reuse_port(self.listening.reuse_port));
            self.add(listen).map_err(hint)?;
        }
        Ok(())
    }

    #[cfg(unix)]
    fn add_unix(
        &mut self,
        places: &[Place],
        manner: impl Fn(stickler::Listen) -> stickler::Listen,
    ) -> io::Result<()> {
        for path in places.iter().filter_map(Place::unix) {
            let listen = stickler::Listen::unix(path);
            self.add(manner(match self.listening.unix_mode {
                Some(mode) => listen.unix_mode(mode),
                None => listen,
            }))?;
        }
        Ok(())
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

/// Standard output has these lines and no others, all at once: a program may wait for them. Where it is taken by
/// something else, they are on standard error.
pub(super) fn announce(bindings: &[Binding], is_stdout_taken: bool) -> io::Result<()> {
    let mut output: Box<dyn Write> =
        if is_stdout_taken { Box::new(io::stderr()) } else { Box::new(io::stdout().lock()) };
    let lines: String =
        bindings.iter().map(|binding| format!("listening on {binding}\n")).collect();
    output.write_all(lines.as_bytes())?;
    output.flush()
}
