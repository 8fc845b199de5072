//! Listening sockets: one per address and worker, where the kernel spreads
//! connections over them, else one that all workers share.
//!
//! The first socket of an address is bound without `SO_REUSEPORT`, so that a
//! port which someone else listens on is an error, also when that someone is
//! another server of ours. Only when it listens is the option set, on it and on
//! the sockets of the other workers, which then bind to the port it got. Where a
//! port is to be shared with other servers, the first socket has the option too.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
#[cfg(unix)]
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};

use super::binding::{Binding, BoundAddress};
use super::handover::Rest;
#[cfg(unix)]
use super::unix::{self, SocketFile};

/// A listening socket. At first there is one of each address, and then one for each worker.
#[derive(Debug)]
pub(super) struct Bound {
    /// Dropped before the socket is, if nobody else has it: see there.
    #[cfg(unix)]
    pub(super) file: Option<Arc<SocketFile>>,
    pub(super) socket: Socket,
    pub(super) address: BoundAddress,
    pub(super) is_tls: bool,
    /// Whether its connections begin with a header of the PROXY protocol.
    pub(super) is_proxied: bool,
    pub(super) rest: Rest,
}

/// Whether another socket may listen on the same address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    Alone,
    Shared,
}

/// Listens on every one of the addresses that one name stands for.
///
/// Addresses with port 0 get the same port wherever they differ in their IP
/// address, so that `localhost` has one port in both families. An IPv6 address on
/// a machine without IPv6 is left out as long as another address remains.
pub(super) fn bind_all(addresses: &[SocketAddr], port: Port) -> io::Result<Vec<Bound>> {
    let mut attempts = PORT_ATTEMPTS;
    loop {
        attempts -= 1;
        match bind_each(addresses, port) {
            // The kernel chose a port that is free for the first address only.
            Err(Failure { error, port_was_ours: true }) if attempts > 0 => {
                tracing::debug!(%error, "choosing another port");
            }
            Err(failure) => return Err(failure.error),
            Ok(bound) => return Ok(bound),
        }
    }
}

struct Failure {
    error: io::Error,
    /// The port was taken over from an earlier address, not asked for.
    port_was_ours: bool,
}

fn bind_each(addresses: &[SocketAddr], port: Port) -> Result<Vec<Bound>, Failure> {
    let mut bound: Vec<Bound> = Vec::with_capacity(addresses.len());
    let mut left_out = None;
    for &asked in addresses {
        let (address, port_was_ours) = follow_port(asked, &bound);
        match listen(address, port) {
            Ok((socket, address)) => bound.push(Bound::of_tcp(socket, address, port)),
            Err(error) if is_family_missing(&error, address) => {
                left_out = Some(name(address, &error))
            }
            Err(error) => return Err(Failure { error: name(address, &error), port_was_ours }),
        }
    }
    match left_out {
        Some(error) if bound.is_empty() => Err(Failure { error, port_was_ours: false }),
        Some(error) => {
            tracing::warn!(%error, "not listening on this address");
            Ok(bound)
        }
        None if bound.is_empty() => Err(Failure { error: no_address(), port_was_ours: false }),
        None => Ok(bound),
    }
}

/// The address to bind, with the port that an earlier address got if any port will do.
fn follow_port(asked: SocketAddr, bound: &[Bound]) -> (SocketAddr, bool) {
    let known = || bound.iter().filter_map(|bound| bound.address.tcp());
    match known().next() {
        Some(first) if asked.port() == 0 && known().all(|known| known.ip() != asked.ip()) => {
            (SocketAddr::new(asked.ip(), first.port()), true)
        }
        _ => (asked, false),
    }
}

fn is_family_missing(error: &io::Error, address: SocketAddr) -> bool {
    address.is_ipv6()
        && (error.kind() == io::ErrorKind::AddrNotAvailable
            || Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP)).is_err())
}

impl Bound {
    fn of_tcp(socket: Socket, address: SocketAddr, port: Port) -> Self {
        Self {
            #[cfg(unix)]
            file: None,
            socket,
            address: BoundAddress::Tcp(address),
            is_tls: false,
            is_proxied: false,
            rest: if port == Port::Shared { Rest::Served } else { Rest::Refused },
        }
    }

    /// Listens at a path.
    #[cfg(unix)]
    pub(super) fn at_path(path: &Path, mode: u32) -> io::Result<Self> {
        let (socket, file) = unix::listen(path, mode)?;
        let address = BoundAddress::Unix(file.path().to_owned());
        Ok(Self {
            file: Some(Arc::new(file)),
            socket,
            address,
            is_tls: false,
            is_proxied: false,
            rest: Rest::Refused,
        })
    }

    /// A socket that listens already. It stays as it is, for others may have it too.
    pub(super) fn handed_in(socket: Socket) -> io::Result<Self> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if !socket.is_listener()? {
            return Err(super::invalid("the socket that was handed in does not listen"));
        }
        socket.set_nonblocking(true)?;
        let address = address_of(&socket)?;
        Ok(Self {
            #[cfg(unix)]
            file: None,
            socket,
            address,
            is_tls: false,
            is_proxied: false,
            rest: Rest::Left,
        })
    }

    /// Whether other machines may say who their clients are, as far as the address goes.
    pub(super) fn is_open_to_proxies(&self) -> bool {
        let is_elsewhere = |address: SocketAddr| !address.ip().to_canonical().is_loopback();
        self.is_proxied && self.address.tcp().is_some_and(is_elsewhere)
    }

    pub(super) fn binding(&self) -> Binding {
        Binding { address: self.address.clone(), is_tls: self.is_tls }
    }

    /// One listener for each worker.
    ///
    /// Where the option does not balance, or the other sockets cannot bind (a
    /// privileged port, say), the remaining workers share the first socket. So they do
    /// where the socket was handed in, or has a path.
    pub(super) fn into_listeners(self, workers: usize) -> io::Result<Vec<Bound>> {
        let mut listeners = Vec::with_capacity(workers);
        if workers > 1
            && self.rest != Rest::Left
            && let Some(address) = self.address.tcp()
            && set_port_shared(&self.socket)?
        {
            let siblings = siblings(address, workers - 1);
            listeners.extend(siblings.into_iter().map(|socket| self.with(socket)));
        }
        while listeners.len() + 1 < workers {
            listeners.push(self.with(self.socket.try_clone()?));
        }
        listeners.insert(0, self);
        Ok(listeners)
    }

    /// Another socket of the same address.
    fn with(&self, socket: Socket) -> Self {
        Self {
            #[cfg(unix)]
            file: self.file.clone(),
            socket,
            address: self.address.clone(),
            ..*self
        }
    }
}

fn siblings(address: SocketAddr, count: usize) -> Vec<Socket> {
    let mut siblings = Vec::with_capacity(count);
    while siblings.len() < count {
        match listen(address, Port::Shared) {
            Ok((sibling, _)) => siblings.push(sibling),
            Err(error) => {
                tracing::warn!(%address, %error, "workers share one listener");
                break;
            }
        }
    }
    siblings
}

fn address_of(socket: &Socket) -> io::Result<BoundAddress> {
    let address = socket.local_addr()?;
    if let Some(address) = address.as_socket() {
        return Ok(BoundAddress::Tcp(address));
    }
    #[cfg(unix)]
    if address.is_unix() {
        return Ok(BoundAddress::Unix(address.as_pathname().unwrap_or(Path::new("")).to_owned()));
    }
    Err(super::invalid("a listener is of TCP, or a Unix socket"))
}

fn listen(address: SocketAddr, port: Port) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // Both families are two addresses here, whatever the system's default says.
        socket.set_only_v6(true)?;
    }
    // Connections of an earlier run in TIME_WAIT do not keep the port. On Windows
    // the same option would let a stranger take it.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if port == Port::Shared && !set_port_shared(&socket)? {
        return Err(io::ErrorKind::Unsupported.into());
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let address = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((socket, address))
}

/// Lets other sockets of this user listen on the same port; false where the
/// system does not spread connections over them.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_port_shared(socket: &Socket) -> io::Result<bool> {
    socket.set_reuse_port(true).map(|()| true)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_port_shared(_: &Socket) -> io::Result<bool> {
    Ok(false)
}

/// The same error, with the address that it is about.
fn name(address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{address}: {error}"))
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::AddrNotAvailable, "the name stands for no address")
}

/// Connections that the kernel holds for us between two rounds of accepting; it
/// cuts the number to `net.core.somaxconn`.
pub(super) const BACKLOG: i32 = 4096;

/// How often another port is tried when the one that the kernel chose for one
/// address is taken in another.
const PORT_ATTEMPTS: usize = 8;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn bind(addresses: &[SocketAddr]) -> io::Result<Vec<Bound>> {
        bind_all(addresses, Port::Alone)
    }

    fn address(bound: &Bound) -> SocketAddr {
        bound.address.tcp().unwrap()
    }

    fn any_port() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 0).into()
    }

    #[test]
    fn a_taken_port_is_an_error_that_names_the_address() {
        let first = bind(&[any_port()]).unwrap();
        let address = address(&first[0]);
        let error = bind(&[address]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&address.to_string()), "{error}");
    }

    #[test]
    fn a_port_shared_by_workers_is_still_taken_for_a_stranger() {
        let first = bind(&[any_port()]).unwrap().remove(0);
        let address = address(&first);
        let listeners = first.into_listeners(3).unwrap();
        assert_eq!(listeners.len(), 3);
        for listener in &listeners {
            assert_eq!(self::address(listener), address);
        }
        assert_eq!(bind(&[address]).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn every_listener_of_a_port_gets_connections() {
        let first = bind(&[any_port()]).unwrap().remove(0);
        let address = address(&first);
        let listeners = first.into_listeners(2).unwrap();
        let mut seen = [false; 2];
        // One in 2^64 that all of them land on one side.
        let _clients: Vec<_> =
            (0..64).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        for (listener, seen) in listeners.iter().zip(&mut seen) {
            *seen = listener.socket.accept().is_ok();
        }
        assert_eq!(seen, [true; 2]);
    }

    #[test]
    fn both_families_of_a_name_get_one_port() {
        let both = [any_port(), (Ipv6Addr::LOCALHOST, 0).into()];
        let bound = bind(&both).unwrap();
        let port = address(&bound[0]).port();
        assert!(bound.iter().all(|bound| address(bound).port() == port));
    }

    #[test]
    fn one_address_twice_with_port_0_gets_two_ports() {
        let bound = bind(&[any_port(), any_port()]).unwrap();
        assert_ne!(address(&bound[0]), address(&bound[1]));
    }

    #[test]
    fn an_ipv6_socket_leaves_the_ipv4_port_alone() {
        let Ok(bound) = bind(&[(Ipv6Addr::UNSPECIFIED, 0).into()]) else {
            return; // no IPv6 on this machine
        };
        assert!(bound[0].socket.only_v6().unwrap());
    }

    #[test]
    fn no_address_at_all_is_an_error() {
        assert_eq!(bind(&[]).unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_port_that_is_shared_on_purpose_is_shared_with_those_who_say_so() {
        let first = bind_all(&[any_port()], Port::Shared).unwrap().remove(0);
        let address = address(&first);
        let second = bind_all(&[address], Port::Shared).unwrap().remove(0);
        assert_eq!((first.rest, second.rest), (Rest::Served, Rest::Served));
        assert_eq!(bind(&[address]).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let alone = bind(&[any_port()]).unwrap();
        let error = bind_all(&[self::address(&alone[0])], Port::Shared).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_listener_that_was_handed_in_is_one_socket_for_all_workers() {
        let socket = std::net::TcpListener::bind(any_port()).unwrap();
        let address = socket.local_addr().unwrap();
        let bound = Bound::handed_in(socket.into()).unwrap();
        let listeners = bound.into_listeners(3).unwrap();
        let _client = std::net::TcpStream::connect(address).unwrap();
        assert!(listeners[2].socket.accept().is_ok());
        assert!(listeners.iter().all(|listener| listener.rest == Rest::Left));
    }
}
