//! A relay in front of a server that is right: it delays, spoils opening handshakes, dies or falls silent.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::{Address, read_head, say};

/// Passes everything on, so much later, however much it is.
pub(crate) fn delaying(to: Address, each_way: Duration) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let Ok(server) = TcpStream::connect(to) else { return };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let (client2, server2) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            delay(client, server, each_way);
            delay(server2, client2, each_way);
        }
    });
    address
}

fn delay(mut from: TcpStream, mut to: TcpStream, by: Duration) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = [0; 64 << 10];
        loop {
            // Nothing, at the end, stands for FIN.
            let count = from.read(&mut buffer).unwrap_or(0);
            if sender.send((Instant::now() + by, buffer[..count].to_vec())).is_err() || count == 0 {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (at, bytes) in receiver {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if bytes.is_empty() || !say(&mut to, &bytes) {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}

/// What becomes of an opening handshake instead of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Reset,
    End,
    Status(u16),
    Silence,
    Garbage,
    /// FIN within the answer.
    EndWithin,
}

/// Spoils those opening handshakes in this way: the number of the connection, from 0, and its head decide.
pub(crate) fn spoiling(
    to: Address,
    way: Way,
    is_spoilt: impl Fn(usize, &str) -> bool + Send + Sync + 'static,
) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let is_spoilt = Arc::new(is_spoilt);
    thread::spawn(move || {
        for number in 0.. {
            let Ok((mut client, _)) = listener.accept() else { return };
            let is_spoilt = Arc::clone(&is_spoilt);
            thread::spawn(move || {
                let Some(head) = read_head(&mut client) else { return };
                if is_spoilt(number, &head) {
                    spoil(client, way);
                    return;
                }
                let Ok(mut server) = TcpStream::connect(to) else { return };
                say(&mut server, head.as_bytes());
                splice(client, server, |_| Fate::Pass, &Arc::default());
            });
        }
    });
    address
}

fn spoil(mut client: TcpStream, way: Way) {
    match way {
        Way::Reset => SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap(),
        Way::End => {}
        Way::Status(status) => {
            let head = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n");
            say(&mut client, head.as_bytes());
        }
        // Until the client has enough of it.
        Way::Silence => drop(client.read(&mut [0; 64])),
        Way::Garbage => drop(say(&mut client, &[0xee; 300])),
        Way::EndWithin => drop(say(&mut client, b"HTTP/1.1 101 Switching Protocols\r\nUpgr")),
    }
}

/// What bytes do to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    /// It is gone, with all connections.
    Dies,
    /// The same, and somebody starts it again.
    DiesAndReturns,
    /// It says nothing any more, to nobody.
    Spins,
}

const LIVES: u8 = 0;
const DEAD: u8 = 1;
const DEAF: u8 = 2;

/// A server that is right up to bytes from a client that have another fate.
pub(crate) fn mortal(
    to: Address,
    fate: impl Fn(&[u8]) -> Fate + Clone + Send + 'static,
) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut listener = Some(listener);
        while let Some(open) = listener.take() {
            let state = Arc::new(AtomicU8::new(LIVES));
            live(&open, to, &fate, &state);
            if state.load(Ordering::Relaxed) == DEAF {
                // Connections still come about, as the kernel makes them.
                thread::sleep(Duration::from_secs(600));
            }
            drop(open);
            if Arc::strong_count(&state) > 0 && state.load(Ordering::Relaxed) == RETURNS {
                thread::sleep(Duration::from_millis(700));
                listener = Some(bind(address));
            }
        }
    });
    address
}

const RETURNS: u8 = 3;

/// The port is free once the kernel has forgotten what was there.
fn bind(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn live(
    listener: &TcpListener,
    to: Address,
    fate: &(impl Fn(&[u8]) -> Fate + Clone + Send + 'static),
    state: &Arc<AtomicU8>,
) {
    listener.set_nonblocking(true).unwrap();
    while state.load(Ordering::Relaxed) == LIVES {
        let Ok((client, _)) = listener.accept() else {
            thread::sleep(Duration::from_micros(200));
            continue;
        };
        client.set_nonblocking(false).unwrap();
        let Ok(server) = TcpStream::connect(to) else { return };
        let (fate, state) = (fate.clone(), Arc::clone(state));
        thread::spawn(move || splice(client, server, fate, &state));
    }
}

/// Passes bytes on both ways until one end or the server's.
fn splice(
    client: TcpStream,
    server: TcpStream,
    fate: impl Fn(&[u8]) -> Fate + Send + 'static,
    state: &Arc<AtomicU8>,
) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client2, server2) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let state2 = Arc::clone(state);
    let back = thread::spawn(move || pass(server2, client2, |_| Fate::Pass, &state2));
    pass(client, server, fate, state);
    let _ = back.join();
}

fn pass(mut from: TcpStream, mut to: TcpStream, fate: impl Fn(&[u8]) -> Fate, state: &AtomicU8) {
    let _ = from.set_read_timeout(Some(Duration::from_millis(2)));
    let mut buffer = [0; 64 << 10];
    loop {
        match state.load(Ordering::Relaxed) {
            LIVES => {}
            DEAF => thread::sleep(Duration::from_secs(600)),
            _ => {
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                return;
            }
        }
        let count = match from.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => continue,
            Err(_) => 0,
        };
        let state_now = match fate(&buffer[..count]) {
            Fate::Pass => {
                if count == 0 || to.write_all(&buffer[..count]).is_err() {
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                continue;
            }
            Fate::Dies => DEAD,
            Fate::DiesAndReturns => RETURNS,
            Fate::Spins => DEAF,
        };
        state.store(state_now, Ordering::Relaxed);
    }
}
