//! Clients that connect, complete an opening handshake, exchange a message, and close: one after the other, on
//! several threads.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use stickler_testing::frame::{Frame, close, text};

use crate::LONG;

/// Clients at work.
pub(crate) struct Load {
    is_over: Arc<AtomicBool>,
    served: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Tally>>,
}

/// What became of the visits.
#[derive(Default)]
pub(crate) struct Tally {
    echoed: u64,
    /// Those that got their 101, and a Close in place of the echo.
    told_to_go: u64,
    /// Those that took longer than a kernel that has to try again.
    late: u64,
    pub(crate) lost: Vec<String>,
}

enum Visit {
    Echoed,
    ToldToGo,
}

impl Load {
    pub(crate) fn new(address: SocketAddr, clients: usize) -> Load {
        let is_over = Arc::new(AtomicBool::new(false));
        let served = Arc::new(AtomicU64::new(0));
        let start = |_| {
            let (is_over, served) = (is_over.clone(), served.clone());
            thread::spawn(move || {
                let mut tally = Tally::default();
                while !is_over.load(Ordering::Relaxed) {
                    tally.note(address);
                    served.fetch_add(1, Ordering::Relaxed);
                }
                tally
            })
        };
        let clients = (0..clients).map(start).collect();
        Load { is_over, served, clients }
    }

    /// How many visits there were.
    pub(crate) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    pub(crate) fn wait_for(&self, visits: u64, within: Duration) {
        let begun = Instant::now();
        while self.served() < visits {
            assert!(begun.elapsed() < within, "nobody serves");
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn end(self) -> Tally {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        for client in self.clients {
            let mut one = client.join().unwrap();
            all.echoed += one.echoed;
            all.told_to_go += one.told_to_go;
            all.late += one.late;
            all.lost.append(&mut one.lost);
        }
        all
    }
}

impl Tally {
    fn note(&mut self, address: SocketAddr) {
        let begun = Instant::now();
        match visit(address) {
            Ok(Visit::Echoed) => self.echoed += 1,
            Ok(Visit::ToldToGo) => self.told_to_go += 1,
            Err(error) => self.lost.push(error.to_string()),
        }
        self.late += u64::from(begun.elapsed() > Duration::from_millis(900));
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { echoed, told_to_go, late, lost } = self;
        let all = echoed + told_to_go + lost.len() as u64;
        write!(
            f,
            "{all} handshakes: {echoed} with an echo, {told_to_go} with a Close in its place, {} lost; {late} late",
            lost.len()
        )
    }
}

/// A reset, a refusal of TCP or of HTTP, and an end without a Close are errors.
fn visit(address: SocketAddr) -> io::Result<Visit> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LONG))?;
    stream.write_all(REQUEST.as_bytes())?;
    let mut read = Vec::new();
    while !read.windows(4).any(|four| four == b"\r\n\r\n") {
        fill(&mut stream, &mut read)?;
    }
    if !read.starts_with(b"HTTP/1.1 101 ") {
        return Err(io::Error::other(String::from_utf8_lossy(&read).into_owned()));
    }
    let end = read.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    read.drain(..end + 4);
    stream.write_all(&text("hello"))?;
    let frame = loop {
        match Frame::parse(&read) {
            Some((len, frame)) => {
                read.drain(..len);
                break frame;
            }
            None => fill(&mut stream, &mut read)?,
        }
    };
    stream.write_all(&close(1000))?;
    // Without a reset.
    stream.read_to_end(&mut read)?;
    let is_echo = frame == Frame { first: 0x81, payload: b"hello".to_vec() };
    let closing = if is_echo { Frame::parse(&read).map(|(_, frame)| frame) } else { Some(frame) };
    match closing {
        Some(closing) if closing.first == 0x88 && is_echo => Ok(Visit::Echoed),
        Some(closing) if closing.first == 0x88 && closing.close_code() == 1001 => {
            Ok(Visit::ToldToGo)
        }
        other => Err(io::Error::other(format!("{other:?} in place of a Close"))),
    }
}

fn fill(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 1024];
    match stream.read(&mut buffer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        len => {
            read.extend_from_slice(&buffer[..len]);
            Ok(())
        }
    }
}

/// A request that is accepted.
pub(crate) const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
