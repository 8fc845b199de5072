//! The log under load, while nobody reads standard error: what `cli/tests/admin/logs.sh` measures.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use stickler::{Incoming, Server};
use stickler_testing::frame::{Frame, REQUEST, text};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, reload};

use super::logging::{Lines, a_line};
use crate::cli::LogFormat;

/// Echoes, and asks for `LINES` lines of the log with each message.
async fn chatter(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        (0..LINES).for_each(a_line);
        sender.send(message)?;
    }
    Ok(())
}

/// Sends a message every `EVERY`, whether the echoes come or not, and takes the time from when each was to be sent to
/// its echo: the slowest of a hundred, in order.
fn p99(address: SocketAddr, messages: u32) -> Duration {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(REQUEST.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let mut writing = stream.try_clone().unwrap();
    let begun = Instant::now() + EVERY;
    let due = move |at: u32| begun + EVERY * at;
    let writer = thread::spawn(move || {
        let message = text("sixteen bytes...");
        for at in 0..messages {
            thread::sleep(due(at).saturating_duration_since(Instant::now()));
            writing.write_all(&message).unwrap();
        }
    });
    let (mut bytes, mut times) = (Vec::new(), Vec::new());
    let mut buffer = [0; 4096];
    while times.len() < messages as usize {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the connection ended");
        bytes.extend_from_slice(&buffer[..read]);
        while let Some((len, _)) = Frame::parse(&bytes) {
            bytes.drain(..len);
            let at = u32::try_from(times.len()).unwrap();
            times.push(Instant::now().saturating_duration_since(due(at)));
        }
    }
    writer.join().unwrap();
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// 100,000 lines a second are asked for, and nobody reads them.
///
/// Beside other tests only that the server goes on and that lines are dropped; `logs.sh` runs it alone, in a release
/// build, and then times and memory count too.
#[test]
fn echoes_do_not_wait_for_a_log_that_nobody_reads() {
    let (unread, pipe) = io::pipe().unwrap();
    let lines = Lines::to(pipe, LogFormat::Text);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("info"))
        .with_writer(lines.clone())
        .with_filter_reloading();
    let filter: reload::Handle<EnvFilter, _> = builder.reload_handle();
    builder.finish().with(lines.gate()).try_init().unwrap();
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
    let serving = server.start(chatter).unwrap();
    let address = serving.handle().local_addrs()[0];
    let messages = if is_measured() { 10_000 } else { 50 };
    // What both rounds do once is done before.
    p99(address, messages);
    filter.reload(EnvFilter::new("off")).unwrap();
    let quiet = p99(address, messages);
    filter.reload(EnvFilter::new("info")).unwrap();
    let before = (resident_kib(), lines.dropped());
    let loud = p99(address, messages);
    filter.reload(EnvFilter::new("off")).unwrap();
    let (grown, dropped) = (resident_kib().saturating_sub(before.0), lines.dropped() - before.1);
    let asked = u64::from(messages) * LINES as u64;
    println!(
        "p99 of echoes: {quiet:?} with the log off, {loud:?} with {asked} lines asked for in {:?}, of which {dropped} were \
         dropped; resident memory grew by {grown} KiB",
        EVERY * messages
    );
    assert!(dropped * 10 >= asked * 9, "{dropped} of {asked} were dropped: somebody reads");
    if is_measured() {
        assert!(grown < 1024, "{grown} KiB more");
        let most = quiet * 2 + Duration::from_millis(1);
        assert!(loud < most, "{loud:?}, and {quiet:?} without the log");
    }
    drop(unread);
}

/// Whether `logs.sh` runs it.
fn is_measured() -> bool {
    std::env::var_os("STICKLER_LOG_LOAD").is_some()
}

/// From one message to the next.
const EVERY: Duration = Duration::from_millis(1);

/// With each message.
const LINES: usize = 100;
