//! The peer: reads frames from the server and judges each.

use std::collections::HashMap;
use std::pin::Pin;

use stickler::{Config, Ending, Endpoint, Incoming};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::load::Sent;
use crate::support::{Frame, REQUEST, close};

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(crate) type Io = Pin<Box<dyn Stream>>;

/// What the connection runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Via {
    /// A pipe in memory that holds so many bytes.
    Memory(usize),
    Tcp,
}

impl Via {
    /// The server's end and the peer's.
    pub(crate) async fn pair(self) -> (Io, Io) {
        match self {
            Via::Memory(size) => {
                let (server, peer) = tokio::io::duplex(size);
                (Box::pin(server), Box::pin(peer))
            }
            Via::Tcp => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
                let (server, _) = listener.accept().await.unwrap();
                server.set_nodelay(true).unwrap();
                peer.set_nodelay(true).unwrap();
                (Box::pin(server), Box::pin(peer))
            }
        }
    }
}

/// What is agreed about compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    #[cfg(feature = "deflate")]
    Each,
    #[cfg(feature = "deflate")]
    Takeover,
}

/// Timers that hide no lost wake-up: none runs out during a test.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.timeouts.handshake = crate::HANG * 2;
    config.timeouts.keepalive_interval = None;
    // What is late on a busy machine is no fault here.
    config.timeouts.close = crate::HANG * 2;
    config.limits.min_drain_rate = 1;
    config.limits.max_queued = 64 << 20;
    config
}

/// Serves the handler on a task of its own and does the opening handshake.
pub(crate) async fn open<H, F>(
    endpoint: &Endpoint,
    via: Via,
    handler: H,
) -> (Peer, WriteHalf<Io>, JoinHandle<Ending>)
where
    H: FnOnce(Incoming) -> F + Send + 'static,
    F: Future<Output = stickler::Result<()>> + Send + 'static,
{
    let (server, peer) = via.pair().await;
    let serving = tokio::spawn(endpoint.serve(server, None, handler));
    let (peer, writer) = Peer::open(peer, Compression::None).await;
    (peer, writer, serving)
}

/// What a peer reads until the end.
pub(crate) struct Peer {
    io: ReadHalf<Io>,
    bytes: Vec<u8>,
    /// Where the bytes begin that were not looked at.
    start: usize,
    /// How many bytes one read takes at most.
    pub(crate) read_at_most: usize,
    /// Whether the transport may end inside a frame.
    pub(crate) may_be_cut: bool,
    /// The message whose fragments arrive.
    unfinished: Option<Unfinished>,
    compression: Compression,
    #[cfg(feature = "deflate")]
    window: crate::deflate::Window,
}

#[derive(Debug)]
struct Unfinished {
    is_text: bool,
    is_compressed: bool,
    payload: Vec<u8>,
}

/// What arrives as a whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16),
}

impl Peer {
    pub(crate) async fn open(io: Io, compression: Compression) -> (Peer, WriteHalf<Io>) {
        let (reader, mut writer) = tokio::io::split(io);
        let mut peer = Peer {
            io: reader,
            bytes: Vec::new(),
            start: 0,
            read_at_most: 64 << 10,
            may_be_cut: false,
            unfinished: None,
            compression,
            #[cfg(feature = "deflate")]
            window: crate::deflate::Window::new(compression == Compression::Takeover),
        };
        let offer = match compression {
            Compression::None => "",
            #[cfg(feature = "deflate")]
            _ => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        };
        let request = REQUEST.trim_end();
        writer.write_all(format!("{request}\r\n{offer}\r\n").as_bytes()).await.unwrap();
        let head = peer.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let agreed = head.to_ascii_lowercase().contains("sec-websocket-extensions:");
        assert_eq!(agreed, compression != Compression::None, "{head}");
        (peer, writer)
    }

    async fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                self.start = at + 4;
                return String::from_utf8(self.bytes[..at].to_vec()).unwrap();
            }
            assert!(self.fill().await, "a header section");
        }
    }

    /// Reads once; says whether anything came.
    async fn fill(&mut self) -> bool {
        self.bytes.drain(..std::mem::take(&mut self.start));
        let mut limited = (&mut self.io).take(self.read_at_most as u64);
        limited.read_buf(&mut self.bytes).await.unwrap_or(0) > 0
    }

    /// The next message or control frame; `None` at the end. A fragmented message counts where
    /// it ends.
    pub(crate) async fn item(&mut self) -> Option<Item> {
        loop {
            while let Some((first, payload)) = self.frame() {
                if let Some(item) = self.judge(first, payload) {
                    return Some(item);
                }
            }
            if !self.fill().await {
                assert!(self.unread() == 0 || self.may_be_cut, "half a frame at the end");
                return None;
            }
        }
    }

    /// Bytes that were read and not looked at.
    pub(crate) fn unread(&self) -> usize {
        self.bytes.len() - self.start
    }

    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (len, frame) = Frame::parse(&self.bytes[self.start..])?;
        self.start += len;
        Some((frame.first, frame.payload))
    }

    fn judge(&mut self, first: u8, payload: Vec<u8>) -> Option<Item> {
        let (fin, bits, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
        if opcode >= 8 {
            assert!(fin && bits == 0 && payload.len() <= 125, "{first:#x} {payload:?}");
            return Some(match opcode {
                8 => Item::Close(u16::from_be_bytes([payload[0], payload[1]])),
                9 => Item::Ping(payload),
                10 => Item::Pong(payload),
                _ => panic!("{first:#x}"),
            });
        }
        let message = match opcode {
            0 => {
                assert_eq!(bits, 0, "{first:#x}");
                let mut message = self.unfinished.take().expect("the message that goes on");
                message.payload.extend(payload);
                message
            }
            1 | 2 => {
                assert!(self.unfinished.is_none(), "a message inside another");
                assert!(bits == 0 || bits == 0x40 && self.compression != Compression::None);
                Unfinished { is_text: opcode == 1, is_compressed: bits != 0, payload }
            }
            _ => panic!("{first:#x}"),
        };
        if !fin {
            self.unfinished = Some(message);
            return None;
        }
        let payload =
            if message.is_compressed { self.inflate(&message.payload) } else { message.payload };
        Some(if message.is_text {
            Item::Text(String::from_utf8(payload).expect("text"))
        } else {
            Item::Binary(payload)
        })
    }

    #[cfg(feature = "deflate")]
    fn inflate(&mut self, payload: &[u8]) -> Vec<u8> {
        let inflated = crate::deflate::inflate_message(self.window.bytes(), payload);
        let inflated = inflated.expect("a compressed message").output;
        self.window.slide(&inflated);
        inflated
    }

    #[cfg(not(feature = "deflate"))]
    fn inflate(&mut self, _: &[u8]) -> Vec<u8> {
        unreachable!("nothing was agreed")
    }

    /// Reads numbered messages up to the Close; each sender's come in order, whole, and each once.
    /// Gives how many came from whom, and the status code.
    pub(crate) async fn count_before_close(&mut self) -> (HashMap<usize, usize>, u16) {
        let mut counts = HashMap::<usize, usize>::new();
        loop {
            let item = self.item().await.expect("a Close before the end");
            if let Item::Close(code) = item {
                return (counts, code);
            }
            let sent = Sent::of(&item);
            let count = counts.entry(sent.name).or_default();
            assert_eq!(sent.number, *count, "of sender {}", sent.name);
            *count += 1;
        }
    }

    /// Answers the Close and reads the end, before which nothing comes.
    pub(crate) async fn end(&mut self, writer: &mut WriteHalf<Io>) {
        // The server may have ended its direction of itself.
        let _ = writer.write_all(&close(1000)).await;
        let _ = writer.shutdown().await;
        assert_eq!(self.item().await, None, "behind the Close");
    }

    /// Both of these.
    pub(crate) async fn count_to_close(
        &mut self,
        writer: &mut WriteHalf<Io>,
    ) -> (HashMap<usize, usize>, u16) {
        let counted = self.count_before_close().await;
        self.end(writer).await;
        counted
    }

    /// As `count_to_close`, where all messages are of one line.
    pub(crate) async fn line_to_close(&mut self, writer: &mut WriteHalf<Io>) -> (usize, u16) {
        let (counts, code) = self.count_to_close(writer).await;
        assert!(counts.keys().all(|name| *name == 0), "{counts:?}");
        (counts.get(&0).copied().unwrap_or(0), code)
    }
}
