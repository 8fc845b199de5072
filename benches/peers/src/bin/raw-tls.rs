//! A TLS echo without WebSocket: the practical limit on tokio-rustls, in CPU and in memory.
//!
//! With `--upgrade` each connection begins with a fixed 101 for whatever request comes. `--tls-cert=FILE` and
//! `--tls-key=FILE` name a certificate and its key. An idle connection has a task of its own with the TLS stream in it,
//! and nothing else: the buffers, of 64 KiB each, are shared.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use stickler_peers::echo::{self, is_asked};
use stickler_peers::{raw, tls};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

const READ: usize = 64 << 10;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

fn main() -> io::Result<()> {
    let acceptor = tls::acceptor()?;
    let acceptor = acceptor.ok_or_else(|| io::Error::other("name --tls-cert and --tls-key"))?;
    let upgrade = is_asked("--upgrade");
    echo::each_connection(move |stream| {
        let accept = acceptor.accept(stream);
        async move {
            let mut stream = accept.await?;
            if upgrade {
                raw::answer(&mut stream).await?;
            }
            // A task of its own, because the handshake's room would stay in this one.
            tokio::spawn(echo_bytes(stream));
            io::Result::Ok(())
        }
    })
}

async fn echo_bytes(mut stream: TlsStream<TcpStream>) -> io::Result<()> {
    loop {
        let (buffer, len) = poll_fn(|cx| poll_read(&mut stream, cx)).await?;
        if len == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..len]).await?;
        // What the socket did not take stands in the TLS stream.
        stream.flush().await?;
        give_back(buffer);
    }
}

/// Reads into a buffer that it takes along only where there was something.
fn poll_read(
    stream: &mut TlsStream<TcpStream>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<(Vec<u8>, usize)>> {
    let buffer = BUFFERS.with_borrow_mut(Vec::pop);
    let mut buffer = buffer.unwrap_or_else(|| vec![0; READ]);
    let mut read = ReadBuf::new(&mut buffer);
    let polled = Pin::new(stream).poll_read(cx, &mut read);
    let len = read.filled().len();
    if polled.is_pending() {
        give_back(buffer);
        return Poll::Pending;
    }
    ready!(polled)?;
    Poll::Ready(Ok((buffer, len)))
}

fn give_back(buffer: Vec<u8>) {
    BUFFERS.with_borrow_mut(|buffers| buffers.push(buffer));
}
