//! STUB of the connection room, never committed.
#![allow(missing_docs)]
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

#[derive(Clone, Debug, Default)]
pub struct Limits {
    pub max_message_size: usize,
    pub max_frame_size: usize,
    pub max_fragments: u32,
    pub max_queued: usize,
}
#[derive(Clone, Debug)]
pub struct Timeouts {
    pub handshake: Duration,
    pub close: Duration,
    pub keepalive_interval: Option<Duration>,
    pub keepalive_timeout: Duration,
    pub write: Duration,
}
impl Default for Timeouts {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            handshake: s(10),
            close: s(5),
            keepalive_interval: None,
            keepalive_timeout: s(20),
            write: s(10),
        }
    }
}
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub limits: Limits,
    pub timeouts: Timeouts,
    pub policy: Policy,
}
use crate::proto::handshake::{Policy, Request, Response};
pub type HttpHook = Arc<dyn Fn(&Request) -> Option<Response> + Send + Sync>;
pub struct Context {
    live: AtomicUsize,
    down: AtomicBool,
    notify: tokio::sync::Notify,
}
impl Context {
    pub fn new(_: Arc<Config>, _: Option<HttpHook>) -> Self {
        Context {
            live: AtomicUsize::new(0),
            down: AtomicBool::new(false),
            notify: tokio::sync::Notify::new(),
        }
    }
    pub fn shutdown(&self) {
        self.down.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }
    pub fn connections(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }
    pub async fn emptied(&self) {
        while self.live.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
pub struct Incoming {
    peer: Option<SocketAddr>,
    pub name: String,
}
impl Incoming {
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }
    pub async fn accept(self) -> crate::Result<WebSocket> {
        Ok(WebSocket)
    }
}
pub struct WebSocket;
pub struct Receiver;
pub struct Sender;
pub struct Message;
impl WebSocket {
    pub fn split(self) -> (Receiver, Sender) {
        (Receiver, Sender)
    }
}
impl Receiver {
    pub async fn next(&mut self) -> crate::Result<Option<Message>> {
        std::future::pending().await
    }
}
impl Sender {
    pub fn send(&self, _: Message) -> crate::Result<()> {
        Ok(())
    }
}
pub struct Ending;
pub async fn serve<T, H, F>(
    mut io: T,
    peer: Option<SocketAddr>,
    context: Arc<Context>,
    handler: H,
) -> Ending
where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    H: FnOnce(Incoming) -> F,
    F: Future<Output = crate::Result<()>> + Send,
{
    context.live.fetch_add(1, Ordering::SeqCst);
    struct Gone(Arc<Context>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.live.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let _gone = Gone(context.clone());
    if context.down.load(Ordering::SeqCst) {
        let _ = io.write_all(b"503").await;
        return Ending;
    }
    let mut bytes = [0; 64];
    let n = io.read(&mut bytes).await.unwrap_or(0);
    let name = String::from_utf8_lossy(&bytes[..n]).into_owned();
    tokio::select! {
        _ = handler(Incoming { peer, name }) => { let _ = io.write_all(b"end").await; }
        _ = context.notify.notified() => { let _ = io.write_all(b"1001").await; }
    }
    let _ = io.shutdown().await;
    Ending
}
