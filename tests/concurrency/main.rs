//! Senders on many threads, the handler's among them: nothing is lost, torn, doubled or out of order,
//! nothing waits for ever, nothing follows the Close.
//!
//! What is asserted holds for every schedule; the seeds only say what is sent.
#![cfg(feature = "net")]
#![allow(clippy::incompatible_msrv, reason = "tests are for the Rust that we build with")]

#[cfg(feature = "deflate")]
use stickler_testing::deflate;
use stickler_testing::{memory as support, random};

mod closing;
mod handing;
mod load;
mod local;
mod nested;
mod order;
mod peer;
mod pressure;
mod reentry;
mod waits;
mod waking;

/// Four workers, and a test that hangs fails.
fn run(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let running = Running(Some(builder.worker_threads(4).enable_all().build().unwrap()));
    running
        .0
        .as_ref()
        .unwrap()
        .block_on(async { tokio::time::timeout(HANG, test).await.expect("an end") });
}

/// Lets others go on for a while, which the processor decides.
fn spin(spins: usize) {
    (0..spins).for_each(|_| std::hint::spin_loop());
}

/// Waits until another task has spun.
async fn elsewhere(spins: usize) {
    tokio::spawn(async move { spin(spins) }).await.unwrap();
}

/// A runtime whose end waits for no thread: one that hangs does so behind a test that fails.
struct Running(Option<tokio::runtime::Runtime>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.take().unwrap().shutdown_background();
    }
}

/// Nothing takes so long that does not hang.
const HANG: std::time::Duration = std::time::Duration::from_secs(30);
