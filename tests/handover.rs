//! A server that goes and another one that takes its place: no opening handshake is lost between them.
#![cfg(feature = "server")]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use stickler::{Incoming, Listen, Server};
use stickler_testing::frame::{Frame, REQUEST, close};
use stickler_testing::memory::echo;
use stickler_testing::tcp::{Client, PATIENCE, Running};

/// What takes the place of a server, and how it listens.
type Listening<'a> = &'a dyn Fn() -> Listen;

fn start(listening: Listening, workers: usize) -> Running {
    let server = Server::listen(listening()).unwrap().workers(workers);
    Running::of(server.start(echo).unwrap())
}

/// A listener of the test, for any number of servers.
fn handed() -> (SocketAddr, impl Fn() -> Listen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, move || listener.try_clone().unwrap().into())
}

/// A port that servers share.
#[cfg(target_os = "linux")]
fn shared() -> (SocketAddr, impl Fn() -> Listen) {
    // It keeps the port, and does not listen.
    let keeper = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    keeper.set_reuse_port(true).unwrap();
    keeper.set_reuse_address(true).unwrap();
    keeper.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = keeper.local_addr().unwrap().as_socket().unwrap();
    let listening = move || {
        let _kept = &keeper;
        Listen::tcp(address).unwrap().reuse_port(true)
    };
    (address, listening)
}

/// Clients that open one connection after the other.
struct Crowd {
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Tally>>,
}

#[derive(Default)]
struct Tally {
    served: u64,
    lost: Vec<String>,
}

impl Crowd {
    fn new(address: SocketAddr, count: usize) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let clients = (0..count).map(|_| {
            let is_over = is_over.clone();
            thread::spawn(move || {
                let mut tally = Tally::default();
                while !is_over.load(Ordering::Relaxed) {
                    match visit(address) {
                        Ok(()) => tally.served += 1,
                        Err(error) => tally.lost.push(error.to_string()),
                    }
                }
                tally
            })
        });
        Self { clients: clients.collect(), is_over }
    }

    fn end(self) -> Tally {
        self.is_over.store(true, Ordering::Relaxed);
        let tallies = self.clients.into_iter().map(|client| client.join().unwrap());
        tallies.fold(Tally::default(), |mut all, mut one| {
            all.served += one.served;
            all.lost.append(&mut one.lost);
            all
        })
    }
}

/// One opening handshake, a message, and the closing handshake that either side begins.
fn visit(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST.as_bytes())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if !head.starts_with(b"HTTP/1.1 101 ") {
        return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
    }
    let sent = [stickler_testing::frame::text("hello"), close(1000)].concat();
    stream.write_all(&sent)?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest)?;
    let mut frames = Vec::new();
    while let Some((len, frame)) = Frame::parse(&rest) {
        rest.drain(..len);
        frames.push(frame);
    }
    match frames.last() {
        Some(last) if rest.is_empty() && last.first == 0x88 => Ok(()),
        _ => Err(io::Error::other(format!("{frames:?} and {rest:?}"))),
    }
}

fn restart_under_load(address: SocketAddr, listening: Listening, restarts: usize) {
    let mut server = start(listening, 2);
    let crowd = Crowd::new(address, 3);
    for _ in 0..restarts {
        let successor = start(listening, 2);
        server.handle.shutdown(PATIENCE);
        server.wait();
        let deadline = Instant::now() + PATIENCE;
        while successor.handle.counters().accepted == 0 {
            assert!(Instant::now() < deadline, "the successor is not reached");
            thread::sleep(Duration::from_millis(1));
        }
        server = successor;
    }
    let tally = crowd.end();
    server.stop();
    assert_eq!(tally.lost, Vec::<String>::new(), "{} were served", tally.served);
    assert!(tally.served > 0);
}

#[test]
fn restarts_with_a_listener_that_was_handed_in_lose_no_handshake() {
    let (address, listening) = handed();
    restart_under_load(address, &listening, 8);
}

#[cfg(target_os = "linux")]
#[test]
fn restarts_on_a_shared_port_lose_no_handshake() {
    let (address, listening) = shared();
    restart_under_load(address, &listening, 5);
}

/// A server whose one worker stands still until it is told to go on.
struct Still {
    server: Running,
    first: Client,
    go_on: mpsc::Sender<()>,
}

impl Still {
    fn new(address: SocketAddr, listening: Listening) -> Self {
        let (stopped, has_stopped) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let may_go_on = Mutex::new(Some(may_go_on));
        let server = Server::listen(listening()).unwrap().workers(1);
        let serving = server.start(move |incoming: Incoming| {
            if let Some(may_go_on) = may_go_on.lock().unwrap().take() {
                stopped.send(()).unwrap();
                let _ = may_go_on.recv_timeout(PATIENCE);
            }
            echo(incoming)
        });
        let server = Running::of(serving.unwrap());
        let mut first = Client::to(address);
        first.send(REQUEST);
        has_stopped.recv_timeout(PATIENCE).unwrap();
        Self { server, first, go_on }
    }

    /// Asks for the end, and lets the worker see it.
    fn shut_down(self) -> (Running, Client) {
        self.server.handle.shutdown(PATIENCE);
        self.go_on.send(()).unwrap();
        (self.server, self.first)
    }
}

fn goes_away(client: &mut Client) {
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.close_code(), 1001);
    client.send(close(1001));
    assert!(client.rest().is_empty());
}

#[test]
fn what_waits_at_a_listener_that_was_handed_in_is_left_to_the_successor() {
    let (address, listening) = handed();
    let still = Still::new(address, &listening);
    let mut waiting = Client::to(address);
    waiting.send(REQUEST);
    let (server, mut first) = still.shut_down();
    // It had been accepted.
    goes_away(&mut first);
    server.wait();
    let successor = start(&listening, 1);
    assert_eq!(waiting.head().status(), 101);
    assert_eq!(successor.handle.counters().accepted, 1);
    successor.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn what_waits_at_a_shared_port_is_served_by_the_server_that_goes() {
    let (address, listening) = shared();
    let still = Still::new(address, &listening);
    let mut waiting: Vec<_> = (0..20).map(|_| Client::to(address)).collect();
    waiting.iter_mut().for_each(|client| client.send(REQUEST));
    let (server, mut first) = still.shut_down();
    goes_away(&mut first);
    waiting.iter_mut().for_each(goes_away);
    server.wait();
}

#[cfg(target_os = "linux")]
#[test]
fn what_waits_at_a_shared_port_is_served_with_the_configuration_that_was_loaded_last() {
    let (address, listening) = shared();
    let still = Still::new(address, &listening);
    let name = stickler::http::HeaderName::from_static("x-connection-id");
    still.server.handle.reload_config(stickler::Config::default().id_header(name)).unwrap();
    let mut waiting = Client::to(address);
    waiting.send(REQUEST);
    let (server, mut first) = still.shut_down();
    assert!(first.head().field("x-connection-id").is_none());
    let head = waiting.head();
    assert_eq!((head.status(), head.field("x-connection-id").is_some()), (101, true));
    drop((first, waiting));
    server.wait();
}

#[test]
fn an_opening_handshake_that_goes_on_comes_to_its_end() {
    let (address, listening) = handed();
    let server = start(&listening, 1);
    let (one, other) = REQUEST.split_at(40);
    let mut half = Client::to(address);
    half.send(one);
    let deadline = Instant::now() + PATIENCE;
    while server.handle.counters().handshakes == 0 {
        assert!(Instant::now() < deadline, "it is not accepted");
        thread::yield_now();
    }
    server.handle.shutdown(PATIENCE);
    half.send(other);
    goes_away(&mut half);
    server.wait();
}

/// What does not come to its end within a second is refused, as without a successor.
#[test]
fn an_opening_handshake_that_does_not_go_on_is_refused_in_time() {
    let (address, listening) = handed();
    let server = start(&listening, 1);
    let mut half = Client::to(address);
    half.send(&REQUEST[..40]);
    let deadline = Instant::now() + PATIENCE;
    while server.handle.counters().handshakes == 0 {
        assert!(Instant::now() < deadline, "it is not accepted");
        thread::yield_now();
    }
    let asked = Instant::now();
    server.handle.shutdown(PATIENCE);
    assert_eq!(half.head().status(), 503);
    assert!(asked.elapsed() < PATIENCE / 2, "{:?}", asked.elapsed());
    drop(half);
    server.wait();
}

#[test]
fn a_shutdown_without_any_time_waits_for_nobody() {
    let (address, listening) = handed();
    let server = start(&listening, 1);
    let _half = Client::to(address);
    let asked = Instant::now();
    server.stop();
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
}

#[test]
fn what_does_not_go_together_is_an_error() {
    let (_, listening) = handed();
    let error = Server::listen(listening().reuse_port(true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let (address, _keeper) = handed();
    let error = Server::bind(address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let (_, listening) = handed();
    let server = Server::listen(listening()).unwrap().listen_also(listening()).unwrap();
    assert_eq!(server.local_addrs().len(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_that_does_not_listen_is_an_error() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let error = Server::listen(TcpListener::from(socket)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
