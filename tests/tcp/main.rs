//! The library's server on real sockets: what a client sees of the opening handshake, of frames and of
//! the end of a connection, octet by octet.
#![cfg(feature = "server")]

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use stickler::{Config, Handle, Incoming, Server};
use stickler_testing::claims;

#[cfg(feature = "deflate")]
mod deflate;
mod endings;
mod frames;
mod requests;
mod responses;

/// Far beyond what a test takes.
const PATIENCE: Duration = Duration::from_secs(20);

const REQUEST: &str = "GET / HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The same with further lines.
fn with(lines: &str) -> String {
    REQUEST.replace("\r\n\r\n", &format!("\r\n{lines}\r\n\r\n"))
}

/// The same with the line of one field replaced, or left out.
fn replace(name: &str, line: &str) -> String {
    let lines = REQUEST.split_inclusive("\r\n");
    let is_it = |old: &str| old.starts_with(&format!("{name}:"));
    let new = if line.is_empty() { String::new() } else { format!("{line}\r\n") };
    lines.map(|old| if is_it(old) { new.clone() } else { old.to_owned() }).collect()
}

/// The same with another request line.
fn line(line: &str) -> String {
    REQUEST.replace("GET / HTTP/1.1", line)
}

async fn echo(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept().await?.split();
    while let Some(message) = receiver.next().await? {
        sender.send(message)?;
    }
    Ok(())
}

/// A server that ends with the test.
struct Running {
    handle: Handle,
    ended: mpsc::Receiver<io::Result<()>>,
}

impl Running {
    fn new<H, F>(config: Config, handler: H) -> Running
    where
        H: Fn(Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = stickler::Result<()>> + Send + 'static,
    {
        let server = Server::bind("127.0.0.1:0").unwrap().workers(NonZeroUsize::MIN).config(config);
        let serving = server.start(handler).unwrap();
        let handle = serving.handle().clone();
        let (end, ended) = mpsc::channel();
        thread::spawn(move || end.send(serving.wait()));
        Running { handle, ended }
    }

    fn echo() -> Running {
        Running::new(Config::default(), echo)
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.handle.local_addrs()[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream }
    }

    /// A connection whose opening handshake is done.
    fn open(&self) -> Client {
        let mut client = self.connect();
        client.send(REQUEST);
        assert_eq!(client.head().status(), 101);
        client
    }

    fn stop(self) {
        self.handle.shutdown(Duration::ZERO);
        self.ended.recv_timeout(PATIENCE).unwrap().unwrap();
    }
}

/// The other end of a connection.
struct Client {
    stream: TcpStream,
}

/// A frame from the server: its first byte, and its payload.
type Frame = (u8, Vec<u8>);

impl Client {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    fn read(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn head(&mut self) -> Head {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.extend(self.read(1));
        }
        Head::read(&bytes)
    }

    /// Reads a frame, which is not masked and has the shortest length.
    fn frame(&mut self) -> Frame {
        let header = self.read(2);
        let len = match header[1] {
            short @ 0..=125 => usize::from(short),
            126 => {
                let long = self.read(2).try_into().map(u16::from_be_bytes).unwrap();
                assert!(long > 125, "{long} in 16 bits");
                usize::from(long)
            }
            127 => {
                let long = self.read(8).try_into().map(u64::from_be_bytes).unwrap();
                assert!(long > 65_535, "{long} in 64 bits");
                usize::try_from(long).unwrap()
            }
            masked => panic!("the server sends {masked:#x} as the second byte"),
        };
        (header[0], self.read(len))
    }

    /// What comes until the server ends; a reset is an error.
    fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).expect("an end without a reset");
        bytes
    }

    fn end(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// A head that came whole: every line ends in CRLF, every field is there once.
struct Head {
    status_line: String,
    fields: Vec<(String, String)>,
}

impl Head {
    fn read(bytes: &[u8]) -> Head {
        let text = std::str::from_utf8(bytes).unwrap().strip_suffix("\r\n\r\n").unwrap();
        let mut lines = text.split("\r\n");
        let status_line = lines.next().unwrap().to_owned();
        let field = |line: &str| {
            assert!(!line.contains(['\r', '\n', '\0']), "{text}");
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        };
        let fields: Vec<_> = lines.map(field).collect();
        let mut names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "a field twice: {text}");
        Head { status_line, fields }
    }

    fn status(&self) -> u16 {
        self.status_line[9..12].parse().unwrap()
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.0 == name).map(|field| &*field.1)
    }
}

/// A masked frame.
fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let payload = payload.as_ref();
    let mut bytes = vec![first];
    match u16::try_from(payload.len()) {
        Ok(len @ 0..=125) => bytes.push(0x80 | len as u8),
        Ok(len) => bytes.extend([&[0xfe][..], &len.to_be_bytes()].concat()),
        Err(_) => bytes.extend([&[0xff][..], &(payload.len() as u64).to_be_bytes()].concat()),
    }
    bytes.extend(KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(0x88, [&code.to_be_bytes(), reason.as_bytes()].concat())
}
