//! A program that is to end, and clients of it.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use rustls::ClientConfig;
use stickler_testing::frame::{close, text};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::peer::Peer;
use crate::server::{Server, stickler};

/// Far beyond what a test takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Runs it on this thread.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// The program with these variables and flags, on a free port.
pub(crate) fn start(variables: &[(&str, &str)], flags: &[&str]) -> Server {
    let mut command = stickler();
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
    command.envs(variables.iter().copied());
    Server::spawn(command, 1, &flags.join(" ")).unwrap()
}

/// The same with a listener of TLS and no other.
pub(crate) fn start_tls(flags: &[&str]) -> Server {
    let mut command = stickler();
    command.args(["serve", "--listen-tls", "127.0.0.1:0", "--tls-self-signed"]).args(flags);
    Server::spawn(command, 1, &flags.join(" ")).unwrap()
}

/// Sends SIGTERM, and waits until the program says that it has seen it.
pub(crate) fn terminate(server: &Server) {
    server.signal(Signal::TERM);
    server.expect_logged("shutting down").unwrap();
}

pub(crate) async fn open(server: &Server) -> Peer {
    let opened = timeout(PATIENCE, Peer::open(server.address(), None)).await;
    opened.expect("an answer in time").unwrap()
}

/// Waits until nobody listens any more: each worker closes its own listener, just before its connections.
pub(crate) async fn refused(server: &Server) {
    let connects = async {
        while Peer::connect(server.address()).await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, connects).await.expect("a refusal in time");
}

/// The same as `open` over TLS.
pub(crate) async fn open_secure(server: &Server, config: Arc<ClientConfig>) -> Peer {
    let opened = timeout(PATIENCE, Peer::open_secure(server.address(), config)).await;
    opened.expect("an answer in time").unwrap()
}

/// Sends a message, and waits for its echo.
pub(crate) async fn echo(peer: &mut Peer) {
    peer.send(&text("still here")).await.unwrap();
    let frame = timeout(PATIENCE, peer.next()).await.expect("an echo in time").unwrap().unwrap();
    assert_eq!((frame.first, &frame.payload[..]), (0x81, &b"still here"[..]));
}

/// Waits for the Close, answers it, and waits for the end. Gives the code.
pub(crate) async fn answer(peer: &mut Peer) -> u16 {
    let frame = timeout(PATIENCE, peer.next()).await.expect("a Close in time").unwrap();
    let code = frame.expect("a Close before the end").close_code();
    peer.send(&close(code)).await.unwrap();
    let rest = timeout(PATIENCE, peer.next()).await.expect("an end in time").unwrap();
    assert_eq!(rest, None, "something came behind the Close");
    code
}

/// The status of the answer to a health check.
pub(crate) async fn health(server: &Server) -> String {
    let mut peer = Peer::connect(server.address()).await.unwrap();
    peer.send(b"GET /healthz HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n").await.unwrap();
    let head = timeout(PATIENCE, peer.head()).await.expect("an answer in time").unwrap();
    head[9..12].to_owned()
}

/// The exit status.
pub(crate) fn exit(server: &Server) -> i32 {
    server.wait(PATIENCE).unwrap().0.expect("no signal ended it")
}
