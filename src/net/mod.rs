//! STUB of the connection room, never committed.
#![allow(missing_docs)]
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

mod config;
use crate::proto::handshake::{Request, Response};
pub use config::{Config, Limits, Timeouts};
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
    pub fn panics(&self) -> u64 {
        0
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
    pub fn path(&self) -> &str {
        &self.name
    }
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
impl Message {
    pub fn as_bytes(&self) -> &[u8] {
        &[]
    }
}
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
