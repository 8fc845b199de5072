//! Where to listen, and how, as the application says it.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
#[cfg(unix)]
use std::path::{Path, PathBuf};

use socket2::Socket;

use super::Server;
use super::listener::{self, Bound, Port};
#[cfg(unix)]
use super::unix;

/// Where to listen and how, for [`Server::listen`](super::Server::listen).
///
/// The short forms, such as [`Server::bind`](super::Server::bind), are enough where nothing is set but the
/// address.
///
/// ```no_run
/// use stickler::{Listen, Server};
///
/// # fn main() -> std::io::Result<()> {
/// // A new version starts beside the old one, and takes over its port.
/// let server = Server::listen(Listen::tcp("0.0.0.0:9001")?.reuse_port(true))?;
/// # let _ = server;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Listen {
    at: At,
    port: Port,
    is_tls: bool,
    is_proxied: bool,
    /// Where it was set.
    #[cfg(unix)]
    mode: Option<u32>,
}

#[derive(Debug)]
enum At {
    Tcp(Vec<SocketAddr>),
    #[cfg(unix)]
    Unix(PathBuf),
    /// A listener that was handed in.
    Handed(Socket),
}

impl Listen {
    /// On every address that `address` stands for, as [`Server::bind`](super::Server::bind) does. Nothing is
    /// bound yet.
    ///
    /// # Errors
    ///
    /// When the name cannot be resolved.
    pub fn tcp(address: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::at(At::Tcp(address.to_socket_addrs()?.collect())))
    }

    /// At a path of the file system, as [`Server::bind_unix`](super::Server::bind_unix) does. Nothing is bound
    /// yet.
    #[cfg(unix)]
    #[must_use]
    pub fn unix(path: impl AsRef<Path>) -> Self {
        Self::at(At::Unix(path.as_ref().to_owned()))
    }

    fn at(at: At) -> Self {
        Self {
            at,
            port: Port::Alone,
            is_tls: false,
            is_proxied: false,
            #[cfg(unix)]
            mode: None,
        }
    }

    /// Whether other servers of the same user may listen on the port too (`SO_REUSEPORT`), each of which says
    /// so; false unless set, and then a taken port is an error.
    ///
    /// The kernel spreads new connections over all of them. So a new version is started beside the old one, and
    /// when it listens the old one is shut down. At its shutdown a server with such a port turns new
    /// connections away, so that they reach the other one; serves those that wait in the kernel's queue; closes
    /// its listener; and lets the opening handshakes that go on come to their end, for a second at most. Only
    /// then are connections told of the shutdown. Clients whose connection was turned away are a second late:
    /// then their kernel tries again. Where no other server listens, they are refused then.
    ///
    /// A server of several workers that does not share its port cannot keep another one out that does: its
    /// workers share it in the same way.
    ///
    /// On Linux and Android; elsewhere listening fails with [`Unsupported`](io::ErrorKind::Unsupported).
    #[must_use]
    pub fn reuse_port(mut self, is_shared: bool) -> Self {
        self.port = if is_shared { Port::Shared } else { Port::Alone };
        self
    }

    /// Who may connect to the Unix socket, as the permissions of its file; `0o660` unless set: its owner and
    /// its group. Whatever the process has as its umask, the file is open to nobody else at any time.
    #[cfg(unix)]
    #[must_use]
    pub fn unix_mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Its connections speak TLS. A Unix socket has none: listening fails then.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.is_tls = true;
        self
    }

    /// Its connections begin with a header of the PROXY protocol, version 1 or 2, before TLS and HTTP. It is
    /// required: a connection without it, or with one that is wrong, is closed without an answer.
    ///
    /// It is believed of the [trusted proxies](Server::trusted_proxies). Other peers are turned away, but on
    /// this machine they may say that they speak for themselves (LOCAL), as health checks do. Where no proxies
    /// are named, everybody is believed who can connect, and the server starts only if that is this machine: on
    /// a loopback address or a Unix socket.
    #[must_use]
    pub fn proxy_protocol(mut self) -> Self {
        self.is_proxied = true;
        self
    }

    pub(super) fn bind(self) -> io::Result<Vec<Bound>> {
        self.check()?;
        let mut bound = match self.at {
            At::Tcp(addresses) => listener::bind_all(&addresses, self.port)?,
            #[cfg(unix)]
            At::Unix(path) => vec![Bound::at_path(&path, self.mode.unwrap_or(unix::MODE))?],
            At::Handed(socket) => vec![Bound::handed_in(socket)?],
        };
        for bound in &mut bound {
            // What was handed in says only now what it is.
            if self.is_tls && bound.address.tcp().is_none() {
                return Err(super::invalid(NO_TLS));
            }
            bound.is_tls = self.is_tls;
            bound.is_proxied = self.is_proxied;
        }
        Ok(bound)
    }

    /// Whether what was set goes together.
    fn check(&self) -> io::Result<()> {
        let is_tcp = matches!(self.at, At::Tcp(_));
        if self.port == Port::Shared && !is_tcp {
            return Err(super::invalid("reuse_port is for an address of TCP that is bound here"));
        }
        #[cfg(unix)]
        {
            let is_unix = matches!(self.at, At::Unix(_));
            if self.mode.is_some_and(|mode| !is_unix || mode > 0o777) {
                return Err(super::invalid("unix_mode is for a path, and from 0 to 0o777"));
            }
            if self.is_tls && is_unix {
                return Err(super::invalid(NO_TLS));
            }
        }
        Ok(())
    }
}

const NO_TLS: &str = "a Unix socket has no TLS";

/// Where it listens beside what [`bind`](Server::bind) does.
impl Server {
    /// Listens on a Unix socket at this path, for a proxy on the same machine; its owner and its group may
    /// connect, unless [`Listen::unix_mode`] says otherwise.
    ///
    /// A socket that is there already, and at which nobody listens, is removed first. The file is removed when
    /// the server ends or is dropped, unless another one has taken its place. Its connections have no peer
    /// address: [`max_connections_per_address`](Self::max_connections_per_address) and
    /// [`max_handshakes_per_address`](Self::max_handshakes_per_address) do not hold for them.
    ///
    /// # Errors
    ///
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) where somebody listens there,
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) where a file is there that is no socket, and whatever the
    /// file system has against it. The message names the path.
    #[cfg(unix)]
    pub fn bind_unix(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::listen(Listen::unix(path))
    }

    /// Listens on a Unix socket too.
    ///
    /// # Errors
    ///
    /// As for [`bind_unix`](Self::bind_unix).
    #[cfg(unix)]
    pub fn bind_also_unix(self, path: impl AsRef<Path>) -> io::Result<Self> {
        self.listen_also(Listen::unix(path))
    }

    /// Listens where and how `listen` says, which may be on a listener that is bound already.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind) and [`bind_unix`](Self::bind_unix);
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) where settings do not go together, or a socket that was
    /// handed in does not listen.
    pub fn listen(listen: impl Into<Listen>) -> io::Result<Self> {
        listen.into().bind().map(Self::of)
    }

    /// Listens there too.
    ///
    /// # Errors
    ///
    /// As for [`listen`](Self::listen).
    pub fn listen_also(mut self, listen: impl Into<Listen>) -> io::Result<Self> {
        self.bound.append(&mut listen.into().bind()?);
        Ok(self)
    }
}

/// A listener that is bound already, as a service manager hands it to a program that it starts.
///
/// The server never binds another socket to its address, does not unlink its path, and leaves the connections in
/// its queue alone when it shuts down: whoever else has the socket, such as the manager, keeps them for the next
/// server. If nobody else has it, they are reset then. All workers share the one socket.
impl From<std::net::TcpListener> for Listen {
    fn from(listener: std::net::TcpListener) -> Self {
        Self::at(At::Handed(listener.into()))
    }
}

/// As for a listener of TCP.
#[cfg(unix)]
impl From<std::os::unix::net::UnixListener> for Listen {
    fn from(listener: std::os::unix::net::UnixListener) -> Self {
        Self::at(At::Handed(std::os::fd::OwnedFd::from(listener).into()))
    }
}
