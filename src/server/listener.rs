//! Listening sockets: one per address and worker, where the kernel spreads
//! connections over them, else one that all workers share.
//!
//! The first socket of an address is bound without `SO_REUSEPORT`, so that a
//! port which someone else listens on is an error, also when that someone is
//! another server of ours. Only when it listens is the option set, on it and on
//! the sockets of the other workers, which then bind to the port it got.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// The first listening socket of one address.
#[derive(Debug)]
pub(super) struct Bound {
    socket: Socket,
    /// With the real port, also when port 0 was asked for.
    pub(super) address: SocketAddr,
    /// Whether its connections begin with TLS.
    pub(super) is_tls: bool,
}

/// Whether another socket may listen on the same address and port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Port {
    Alone,
    Shared,
}

/// Listens on every one of the addresses that one name stands for.
///
/// Addresses with port 0 get the same port wherever they differ in their IP
/// address, so that `localhost` has one port in both families. An IPv6 address on
/// a machine without IPv6 is left out as long as another address remains.
pub(super) fn bind_all(addresses: &[SocketAddr]) -> io::Result<Vec<Bound>> {
    let mut attempts = PORT_ATTEMPTS;
    loop {
        attempts -= 1;
        match bind_each(addresses) {
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

fn bind_each(addresses: &[SocketAddr]) -> Result<Vec<Bound>, Failure> {
    let mut bound: Vec<Bound> = Vec::with_capacity(addresses.len());
    let mut left_out = None;
    for &asked in addresses {
        let (address, port_was_ours) = follow_port(asked, &bound);
        match listen(address, Port::Alone) {
            Ok(first) => bound.push(first),
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
    let first = bound.first().map(|first| first.address);
    match first {
        Some(first) if asked.port() == 0 && bound.iter().all(|b| b.address.ip() != asked.ip()) => {
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
    /// One listener for each worker.
    ///
    /// Where the option does not balance, or the other sockets cannot bind (a
    /// privileged port, say), the remaining workers share the first socket.
    pub(super) fn into_listeners(self, workers: usize) -> io::Result<Vec<TcpListener>> {
        let mut sockets = Vec::with_capacity(workers);
        if workers > 1 && set_port_shared(&self.socket)? {
            sockets = self.siblings(workers - 1);
        }
        while sockets.len() + 1 < workers {
            sockets.push(self.socket.try_clone()?);
        }
        sockets.insert(0, self.socket);
        Ok(sockets.into_iter().map(TcpListener::from).collect())
    }

    fn siblings(&self, count: usize) -> Vec<Socket> {
        let mut siblings = Vec::with_capacity(count);
        while siblings.len() < count {
            match listen(self.address, Port::Shared) {
                Ok(sibling) => siblings.push(sibling.socket),
                Err(error) => {
                    tracing::warn!(address = %self.address, %error, "workers share one listener");
                    break;
                }
            }
        }
        siblings
    }
}

fn listen(address: SocketAddr, port: Port) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // Both families are two addresses here, whatever the system's default says.
        socket.set_only_v6(true)?;
    }
    // Connections of an earlier run in TIME_WAIT do not keep the port. On Windows
    // the same option would let a stranger take it.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if port == Port::Shared {
        set_port_shared(&socket)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let address = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok(Bound { socket, address, is_tls: false })
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

    fn any_port() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 0).into()
    }

    #[test]
    fn a_taken_port_is_an_error_that_names_the_address() {
        let first = bind_all(&[any_port()]).unwrap();
        let address = first[0].address;
        let error = bind_all(&[address]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&address.to_string()), "{error}");
    }

    #[test]
    fn a_port_shared_by_workers_is_still_taken_for_a_stranger() {
        let first = bind_all(&[any_port()]).unwrap().remove(0);
        let address = first.address;
        let listeners = first.into_listeners(3).unwrap();
        assert_eq!(listeners.len(), 3);
        for listener in &listeners {
            assert_eq!(listener.local_addr().unwrap(), address);
        }
        assert_eq!(bind_all(&[address]).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn every_listener_of_a_port_gets_connections() {
        let first = bind_all(&[any_port()]).unwrap().remove(0);
        let address = first.address;
        let listeners = first.into_listeners(2).unwrap();
        let mut seen = [false; 2];
        // One in 2^64 that all of them land on one side.
        let _clients: Vec<_> =
            (0..64).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        for (listener, seen) in listeners.iter().zip(&mut seen) {
            *seen = listener.accept().is_ok();
        }
        assert_eq!(seen, [true; 2]);
    }

    #[test]
    fn both_families_of_a_name_get_one_port() {
        let both = [any_port(), (Ipv6Addr::LOCALHOST, 0).into()];
        let bound = bind_all(&both).unwrap();
        let port = bound[0].address.port();
        assert!(bound.iter().all(|bound| bound.address.port() == port));
    }

    #[test]
    fn one_address_twice_with_port_0_gets_two_ports() {
        let bound = bind_all(&[any_port(), any_port()]).unwrap();
        assert_ne!(bound[0].address, bound[1].address);
    }

    #[test]
    fn an_ipv6_socket_leaves_the_ipv4_port_alone() {
        let Ok(bound) = bind_all(&[(Ipv6Addr::UNSPECIFIED, 0).into()]) else {
            return; // no IPv6 on this machine
        };
        assert!(bound[0].socket.only_v6().unwrap());
    }

    #[test]
    fn no_address_at_all_is_an_error() {
        assert_eq!(bind_all(&[]).unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
    }
}
