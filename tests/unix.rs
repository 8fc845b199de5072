//! Servers that listen on a Unix socket: the file, the caps, and what its connections carry.
#![cfg(all(feature = "server", unix))]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use stickler::{BoundAddress, Incoming, Limits, Listen, MessageLimits, Server};
use stickler_testing::folder::Folder;
use stickler_testing::frame::{Frame, REQUEST, binary, close, text};
use stickler_testing::memory::echo;
use stickler_testing::tcp::{PATIENCE, Running};

struct Client {
    stream: UnixStream,
    unread: Vec<u8>,
}

impl Client {
    fn to(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, unread: Vec::new() }
    }

    /// A client whose opening handshake is done.
    fn open(path: &Path) -> Self {
        let mut client = Self::to(path);
        client.send(REQUEST);
        assert!(client.head().starts_with("HTTP/1.1 101 "));
        client
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    fn fill(&mut self) {
        let mut bytes = [0; 16 << 10];
        let len = self.stream.read(&mut bytes).unwrap();
        assert!(len > 0, "the end");
        self.unread.extend_from_slice(&bytes[..len]);
    }

    fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.unread.drain(..at + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            self.fill();
        }
    }

    fn frame(&mut self) -> Frame {
        loop {
            if let Some((len, frame)) = Frame::parse(&self.unread) {
                self.unread.drain(..len);
                return frame;
            }
            self.fill();
        }
    }
}

fn echoing(server: Server) -> Running {
    Running::of(server.workers(2).start(echo).unwrap())
}

#[test]
fn messages_of_all_sizes_are_echoed_to_a_peer_without_an_address() {
    let folder = Folder::new("echo");
    let path = folder.socket();
    let (peer, peers) = mpsc::channel();
    let server = Server::bind_unix(&path).unwrap().workers(2);
    assert!(server.local_addrs().is_empty());
    let serving = server.start(move |incoming: Incoming| {
        peer.send(incoming.peer_addr()).unwrap();
        echo(incoming)
    });
    let server = Running::of(serving.unwrap());
    let [binding] = &server.handle.bindings()[..] else { panic!("one binding") };
    assert_eq!(binding.address, BoundAddress::Unix(path.clone()));
    assert_eq!(binding.to_string(), format!("ws+unix:{}", path.display()));
    for _ in 0..4 {
        let mut client = Client::open(&path);
        assert_eq!(peers.recv_timeout(PATIENCE).unwrap(), None);
        for len in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
            let payload: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let mut writer = client.stream.try_clone().unwrap();
            let frame = binary(&payload);
            let writing = thread::spawn(move || writer.write_all(&frame).unwrap());
            assert!(client.frame() == Frame { first: 0x82, payload });
            writing.join().unwrap();
        }
        client.send(close(1000));
        assert_eq!(client.frame().close_code(), 1000);
        assert_eq!(client.stream.read(&mut [0]).unwrap(), 0);
    }
    server.stop();
}

/// What the kernel takes is bounded, and the peer begins to read only when the echo cannot go on.
#[test]
fn a_peer_that_reads_late_gets_everything() {
    const LEN: usize = 8 << 20;
    let folder = Folder::new("late");
    let path = folder.socket();
    let mut limits = Limits::default();
    limits.message = MessageLimits::new().max_message_size(1 << 20);
    let server = Server::bind_unix(&path).unwrap().send_buffer(16 << 10).limits(limits);
    let server = echoing(server);
    let mut client = Client::open(&path);
    let mut writer = client.stream.try_clone().unwrap();
    let writing = thread::spawn(move || {
        for _ in 0..LEN >> 16 {
            writer.write_all(&binary(vec![7; 1 << 16])).unwrap();
        }
        writer.write_all(&close(1000)).unwrap();
    });
    // The writer stands still by then: nothing is read here.
    thread::sleep(Duration::from_millis(50));
    for _ in 0..LEN >> 16 {
        assert!(client.frame() == Frame { first: 0x82, payload: vec![7; 1 << 16] });
    }
    assert_eq!(client.frame().close_code(), 1000);
    writing.join().unwrap();
    server.stop();
}

#[test]
fn a_socket_at_which_nobody_listens_is_replaced() {
    let folder = Folder::new("stale");
    let path = folder.socket();
    drop(UnixListener::bind(&path).unwrap());
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
    let server = echoing(Server::bind_unix(&path).unwrap());
    Client::open(&path);
    server.stop();
}

#[test]
fn a_socket_at_which_somebody_listens_is_an_error_that_names_it() {
    let folder = Folder::new("live");
    let path = folder.socket();
    let first = Server::bind_unix(&path).unwrap();
    let error = Server::bind_unix(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
    let server = echoing(first);
    assert_eq!(Server::bind_unix(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
    // The first one is as it was.
    Client::open(&path);
    server.stop();
}

#[test]
fn what_is_no_socket_is_never_removed() {
    let folder = Folder::new("other");
    let path = folder.socket();
    fs::write(&path, "precious").unwrap();
    let error = Server::bind_unix(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    // A link is no socket either, whatever it leads to.
    let link = folder.path().join("link");
    let stale = folder.path().join("stale");
    drop(UnixListener::bind(&stale).unwrap());
    std::os::unix::fs::symlink(&stale, &link).unwrap();
    assert_eq!(Server::bind_unix(&link).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert!(fs::symlink_metadata(&stale).is_ok());
}

#[test]
fn a_path_that_cannot_be_is_an_error_that_names_it() {
    let folder = Folder::new("paths");
    for path in [folder.path().join("nowhere").join("socket"), folder.path().join("x".repeat(120))]
    {
        let error = Server::bind_unix(&path).unwrap_err();
        assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn the_file_goes_with_the_server() {
    let folder = Folder::new("end");
    let path = folder.socket();
    drop(Server::bind_unix(&path).unwrap());
    assert!(!path.exists(), "of a server that did not start");
    let server = echoing(Server::bind_unix(&path).unwrap());
    let mut client = Client::open(&path);
    server.handle.shutdown(PATIENCE);
    assert_eq!(client.frame().close_code(), 1001);
    assert!(!path.exists(), "while connections are closed");
    client.send(close(1001));
    drop(client);
    server.wait();
}

#[test]
fn a_file_that_took_the_place_of_ours_stays() {
    let folder = Folder::new("replaced");
    let path = folder.socket();
    let server = echoing(Server::bind_unix(&path).unwrap());
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    server.stop();
    assert!(path.exists());
}

#[test]
fn the_mode_says_who_may_connect() {
    let folder = Folder::new("mode");
    let path = folder.socket();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let server = Server::bind_unix(&path).unwrap();
    assert_eq!(mode(), 0o660);
    drop(server);
    for wanted in [0o600, 0o666, 0o777] {
        let _server = Server::listen(Listen::unix(&path).unix_mode(wanted)).unwrap();
        assert_eq!(mode(), wanted);
    }
    let error = Server::listen(Listen::unix(&path).unix_mode(0o1777)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn s15_6_4_the_caps_over_all_hold_and_those_per_address_do_not() {
    let folder = Folder::new("caps");
    let path = folder.socket();
    let server = Server::bind_unix(&path)
        .unwrap()
        .max_connections_per_address(1)
        .max_handshakes_per_address(1)
        .max_connections(3);
    let server = echoing(server);
    let _clients: Vec<_> = (0..3).map(|_| Client::open(&path)).collect();
    let mut fourth = Client::to(&path);
    fourth.send(REQUEST);
    assert!(fourth.head().starts_with("HTTP/1.1 503 "));
    assert_eq!(server.handle.counters().refused, 1);
    server.stop();
}

#[test]
fn one_server_listens_on_both_kinds() {
    let folder = Folder::new("both");
    let path = folder.socket();
    let server = Server::bind("127.0.0.1:0").unwrap().bind_also_unix(&path).unwrap();
    assert_eq!((server.local_addrs().len(), server.bindings().len()), (1, 2));
    let server = echoing(server);
    server.open();
    let mut client = Client::open(&path);
    client.send(text("both"));
    assert_eq!(client.frame(), Frame { first: 0x81, payload: b"both".to_vec() });
    server.stop();
}

#[cfg(feature = "tls")]
#[test]
fn a_socket_of_tls_is_none_of_unix() {
    let folder = Folder::new("tls");
    let path = folder.socket();
    let handed = UnixListener::bind(&path).unwrap();
    for listen in [Listen::unix(folder.path().join("own")), Listen::from(handed)] {
        // It would be served in clear.
        let error = Server::listen(listen.tls()).unwrap_err();
        assert_eq!(
            (error.kind(), &*error.to_string()),
            (ErrorKind::InvalidInput, "a Unix socket has no TLS")
        );
    }
}

/// Two processes that start at the same time must not take the path from each other.
#[test]
fn of_those_that_find_a_stale_socket_at_once_one_listens() {
    let folder = Folder::new("race");
    let path = folder.socket();
    for _ in 0..100 {
        drop(UnixListener::bind(&path).unwrap());
        let start = std::sync::Barrier::new(4);
        let bind = || {
            start.wait();
            Server::bind_unix(&path)
        };
        let bound: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(bind)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let kinds: Vec<_> = bound.iter().filter_map(|bound| bound.as_ref().err()).collect();
        assert!(kinds.iter().all(|error| error.kind() == ErrorKind::AddrInUse), "{kinds:?}");
        assert_eq!(bound.iter().filter(|bound| bound.is_ok()).count(), 1);
        assert!(UnixStream::connect(&path).is_ok());
        drop(bound);
    }
}
