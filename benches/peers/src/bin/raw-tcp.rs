//! A TCP echo without WebSocket: the practical limit on tokio.
//!
//! With `--upgrade` each connection begins with a fixed 101 for whatever request comes, which is the limit
//! for the opening handshake. With `--broadcast` what is read from one connection is written to all, each with one
//! `write` and nothing around it, which is the limit for sending one message to many.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use stickler_peers::echo::{self, is_asked};
use stickler_peers::raw;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const READ: usize = 64 << 10;

fn main() -> io::Result<()> {
    if is_asked("--broadcast") {
        return echo::listen(broadcast);
    }
    let upgrade = is_asked("--upgrade");
    echo::each_connection(move |mut stream| async move {
        if upgrade {
            raw::answer(&mut stream).await?;
        }
        echo_bytes(stream).await
    })
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

/// All connections; they stay until the process ends.
type Audience = Rc<RefCell<Vec<Rc<TcpStream>>>>;

async fn broadcast(listener: TcpListener) -> io::Result<()> {
    let audience = Audience::default();
    let serve = async {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let stream = Rc::new(stream);
            audience.borrow_mut().push(stream.clone());
            tokio::task::spawn_local(pass_on(stream, audience.clone()));
        }
    };
    tokio::task::LocalSet::new().run_until(serve).await
}

/// Writes what this connection says to all.
async fn pass_on(stream: Rc<TcpStream>, audience: Audience) -> io::Result<()> {
    let mut buffer = [0; 256];
    loop {
        stream.readable().await?;
        let len = match stream.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        for listener in audience.borrow().iter() {
            if listener.try_write(&buffer[..len])? < len {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
    }
}
