//! What all echo servers have in common: one thread, one runtime, a loopback socket, TCP_NODELAY.

use std::io;
use std::pin::pin;

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use tokio::net::{TcpListener, TcpStream};

/// Messages that are echoed at most before they are flushed, by servers that batch.
const BATCH: usize = 32;

/// How a server was asked to write its replies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// One `send` for each message, as the crate's README or example has it.
    Plain,
    /// `feed` while there is input, then one `flush`.
    Batch,
}

impl Form {
    /// What the command line asks for: `--batch`, or nothing.
    pub fn asked() -> Self {
        if is_asked("--batch") { Self::Batch } else { Self::Plain }
    }
}

/// How a server was asked to compress, if a client offers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deflate {
    /// As the server's file has it.
    AsShipped,
    /// Each message by itself (RFC 7692 §7.1.1).
    EachMessage,
    /// The same with this much effort, from 1 to 9.
    Level(u8),
    /// With reference to earlier messages.
    Takeover,
}

impl Deflate {
    /// What the command line asks for: `--deflate`, `--deflate-level=N`, `--deflate-takeover`, or nothing.
    pub fn asked() -> Self {
        if let Some(level) = argument("--deflate-level=") {
            Self::Level(level.parse().expect("a level is a number"))
        } else if is_asked("--deflate") {
            Self::EachMessage
        } else if is_asked("--deflate-takeover") {
            Self::Takeover
        } else {
            Self::AsShipped
        }
    }

    /// The argument that asks for it.
    pub fn flag(self) -> Option<String> {
        match self {
            Self::AsShipped => None,
            Self::EachMessage => Some("--deflate".into()),
            Self::Level(level) => Some(format!("--deflate-level={level}")),
            Self::Takeover => Some("--deflate-takeover".into()),
        }
    }
}

/// Whether the command line has this argument.
pub fn is_asked(flag: &str) -> bool {
    std::env::args().any(|argument| argument == flag)
}

/// What follows `prefix` in the argument that begins with it.
pub fn argument(prefix: &str) -> Option<String> {
    std::env::args().find_map(|argument| argument.strip_prefix(prefix).map(String::from))
}

/// Binds a loopback socket, says where, and runs `serve` on a runtime of one thread.
///
/// # Errors
///
/// No runtime or no socket could be had, or `serve` failed.
pub fn listen<F>(serve: impl FnOnce(TcpListener) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on {}", listener.local_addr()?);
        serve(listener).await
    })
}

/// Listens, and spawns what `connection` makes of each connection.
///
/// # Errors
///
/// No runtime or no socket could be had, or accepting failed.
pub fn each_connection<F>(mut connection: impl FnMut(TcpStream) -> F) -> io::Result<()>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    listen(async |listener| {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(connection(stream));
        }
    })
}

/// What a stream of messages brought, to a server that batches.
#[derive(Debug)]
pub enum Received<M> {
    /// A message to send back.
    Data(M),
    /// A Ping or Pong, which the crate answers.
    Control,
    /// A Close frame, or an error.
    End,
}

/// Sends everything back: feeds what is there already, up to 32 messages, then flushes.
pub async fn echo_in_batches<S, M>(socket: S, classify: impl Fn(S::Item) -> Received<M>)
where
    S: Stream + Sink<M>,
{
    let mut socket = pin!(socket);
    while let Some(mut item) = socket.next().await {
        for fed in 1.. {
            match classify(item) {
                Received::Data(message) => {
                    if socket.feed(message).await.is_err() {
                        return;
                    }
                }
                Received::Control => {}
                Received::End => return,
            }
            if fed == BATCH {
                break;
            }
            match socket.next().now_or_never() {
                Some(Some(next)) => item = next,
                Some(None) => return,
                None => break,
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}
