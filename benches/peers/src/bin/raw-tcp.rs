//! A TCP echo without WebSocket: the practical limit on tokio.
//!
//! With `--upgrade` each connection begins with a fixed 101 for whatever request comes, which is the limit
//! for the opening handshake.

use std::io;

use stickler_peers::echo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const READ: usize = 64 << 10;
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn main() -> io::Result<()> {
    let upgrade = std::env::args().any(|argument| argument == "--upgrade");
    echo::each_connection(move |mut stream| async move {
        if upgrade {
            answer(&mut stream).await?;
        }
        echo_bytes(stream).await
    })
}

async fn answer(stream: &mut TcpStream) -> io::Result<()> {
    let mut request = Vec::with_capacity(1024);
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    stream.write_all(SWITCHING).await
}

async fn echo_bytes(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    loop {
        let len = stream.read(&mut buffer).await?;
        if len == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..len]).await?;
    }
}
