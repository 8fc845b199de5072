//! The library's server on a loopback address, and a client of it that reads strictly.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use stickler::Serving;
use stickler::{Config, Handle, Incoming, Server};

use crate::frame::{Frame, REQUEST};
use crate::memory::echo;

/// Far beyond what a test takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A server whose end is looked at.
pub struct Running {
    pub handle: Handle,
    ended: mpsc::Receiver<io::Result<()>>,
}

impl Running {
    /// A server of one worker.
    pub fn new<H, F>(config: Config, handler: H) -> Running
    where
        H: Fn(Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = stickler::Result<()>> + Send + 'static,
    {
        let server = Server::bind("127.0.0.1:0").unwrap().workers(1).config(config);
        Running::of(server.start(handler).unwrap())
    }

    pub fn echo() -> Running {
        Running::new(Config::default(), echo)
    }

    pub fn of(serving: Serving) -> Running {
        let handle = serving.handle().clone();
        let (end, ended) = mpsc::channel();
        thread::spawn(move || end.send(serving.wait()));
        Running { handle, ended }
    }

    pub fn connect(&self) -> Client {
        Client::to(self.handle.local_addrs()[0])
    }

    /// A connection that has sent a good request, and the response.
    pub fn request(&self) -> (Client, Head) {
        let mut client = self.connect();
        client.send(REQUEST);
        let head = client.head();
        (client, head)
    }

    /// A connection whose opening handshake is done.
    pub fn open(&self) -> Client {
        let (client, head) = self.request();
        assert_eq!(head.status(), 101);
        client
    }

    pub fn wait(self) {
        self.ended.recv_timeout(PATIENCE).unwrap().unwrap();
    }

    pub fn stop(self) {
        self.handle.shutdown(Duration::ZERO);
        self.wait();
    }
}

/// The other end of a connection.
pub struct Client {
    pub stream: TcpStream,
}

impl Client {
    pub fn to(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub fn read(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    pub fn head(&mut self) -> Head {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.extend(self.read(1));
        }
        Head::read(&bytes)
    }

    /// The next frame: its first byte, and its payload.
    pub fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut bytes = self.read(2);
        loop {
            if let Some((_, frame)) = Frame::parse(&bytes) {
                return (frame.first, frame.payload);
            }
            let missing = match (bytes[1], bytes.len()) {
                (126, 2) => 2,
                (127, 2) => 8,
                (126, _) => usize::from(u16::from_be_bytes([bytes[2], bytes[3]])),
                (127, _) => u64::from_be_bytes(bytes[2..10].try_into().unwrap()) as usize,
                (len, _) => len.into(),
            };
            bytes.extend(self.read(missing));
        }
    }

    /// The status code of the Close frame that comes next.
    pub fn close_code(&mut self) -> u16 {
        let (first, payload) = self.frame();
        Frame { first, payload }.close_code()
    }

    /// What comes until the server ends; a reset is an error.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).expect("an end without a reset");
        bytes
    }

    pub fn end(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// A head that came whole: every line ends in CRLF, every field is there once.
pub struct Head {
    pub status_line: String,
    pub fields: Vec<(String, String)>,
}

impl Head {
    pub fn read(bytes: &[u8]) -> Head {
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

    pub fn status(&self) -> u16 {
        self.status_line[9..12].parse().unwrap()
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.0 == name).map(|field| &*field.1)
    }
}
