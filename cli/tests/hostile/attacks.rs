//! What one hostile peer does, for ever: when the server ends it, it comes back.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::{interval, sleep, timeout};

use crate::bytes::DEFLATE;
use crate::peer::{Peer, request};
use crate::program::step_back;

/// An attack that runs on a thread of its own until it is ended or dropped.
pub(crate) struct Attack {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Attack {
    /// Runs what `begin` spawns on the runtime of a new thread.
    pub(crate) fn start(begin: impl FnOnce() + Send + 'static) -> Attack {
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            step_back();
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                begin();
                let _ = ended.await;
            });
        });
        Attack { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// So many tasks that each do this again and again.
pub(crate) fn again<F: Future<Output = std::io::Result<()>> + Send + 'static>(
    count: usize,
    attack: impl Fn() -> F + Clone + Send + 'static,
) {
    for number in 0..count {
        let attack = attack.clone();
        tokio::spawn(async move {
            // Not all within the same moment.
            sleep(Duration::from_micros(number as u64 * 300)).await;
            loop {
                let _ = attack().await;
                sleep(Duration::from_millis(200)).await;
            }
        });
    }
}

/// A head that never ends.
pub(crate) fn stalled_handshakes(address: SocketAddr, count: usize) {
    again(count, move || async move {
        let mut peer = Peer::connect(address).await?;
        peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n").await?;
        peer.discard().await;
        Ok(())
    });
}

/// Sends messages and never reads an echo.
pub(crate) fn stopped_readers(address: SocketAddr, count: usize) {
    let message = Arc::new(crate::bytes::binary(vec![0x11; 64 * 1024]));
    again(count, move || {
        let message = Arc::clone(&message);
        async move {
            let mut peer = Peer::open(address, None).await?;
            loop {
                peer.send(&message).await?;
            }
        }
    });
}

/// Pings as fast as they are taken; the Pongs are read.
pub(crate) fn ping_floods(address: SocketAddr, count: usize) {
    flood(address, count, None, Vec::new(), crate::bytes::pings(2_000));
}

/// Once what begins, then these bytes again and again, as fast as they are taken. What comes back is read and thrown
/// away.
pub(crate) fn flood(
    address: SocketAddr,
    count: usize,
    offer: Option<&'static str>,
    begin: Vec<u8>,
    bytes: Vec<u8>,
) {
    let (begin, bytes) = (Arc::new(begin), Arc::new(bytes));
    again(count, move || {
        let (begin, bytes) = (Arc::clone(&begin), Arc::clone(&bytes));
        async move {
            let peer = Peer::open(address, offer).await?;
            let (mut read, mut write) = peer.stream.into_split();
            let reading = tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(1..) = read.read(&mut buffer).await {}
            });
            write.write_all(&begin).await?;
            while !reading.is_finished() && write.write_all(&bytes).await.is_ok() {}
            reading.abort();
            Ok(())
        }
    });
}

/// Sends these bytes once and then nothing, until the server ends it.
pub(crate) fn hold(address: SocketAddr, count: usize, offer: Option<&'static str>, bytes: Vec<u8>) {
    let bytes = Arc::new(bytes);
    again(count, move || {
        let bytes = Arc::clone(&bytes);
        async move {
            let mut peer = Peer::open(address, offer).await?;
            peer.send(&bytes).await?;
            peer.discard().await;
            Ok(())
        }
    });
}

/// A hostile peer that sends the first byte of a compressed message and waits.
pub(crate) fn half_compressed(address: SocketAddr, count: usize) {
    hold(address, count, Some(DEFLATE), crate::bytes::half_compressed());
}

/// So many connections a second, each with a whole handshake, and reset then.
pub(crate) fn connects(address: SocketAddr, per_second: u32) {
    tokio::spawn(async move {
        let mut ticks = interval(Duration::from_millis(10));
        loop {
            ticks.tick().await;
            for _ in 0..per_second.div_ceil(100) {
                tokio::spawn(timeout(Duration::from_secs(5), async move {
                    let mut peer = Peer::connect(address).await?;
                    peer.send(request(None).as_bytes()).await?;
                    let _ = peer.head().await;
                    peer.reset();
                    std::io::Result::Ok(())
                }));
            }
        }
    });
}
