//! The log, on standard error, one line per event.
//!
//! A log must never hurt what it reports on: the lines go through a bounded queue
//! to a thread that writes them. When the reader of a pipe stops, lines are dropped
//! and counted; when it is gone, the thread goes on discarding. Characters that
//! could forge a line or drive a terminal are escaped, whoever sent them.
//!
//! Lines that cannot be written, as on a full disk, are counted too.
//!
//! What is logged can be changed while the program runs: [`Log::set_filter`].

mod output;

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, reload};

use super::filter::{Filter, Source};
use super::{panics, signals};
use crate::admin::Replaced;
use crate::blocking::Blocking;
use crate::cli::LogFormat;
use crate::variables;

/// Starts the log, and tells panics through it.
///
/// # Errors
///
/// A sentence, when the filter cannot be read.
pub(crate) fn start(filter: Option<(String, &str)>, format: LogFormat) -> Result<Log, String> {
    let Read { filter, in_force, foreign } = read_filter(filter)?;
    // Before anything is written: the file of the log may be at its limit already.
    signals::ignore_file_size_limit();
    let lines = Lines::to(Blocking(io::stderr()), format);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines.clone())
        .with_ansi(false);
    let gate = lines.gate();
    let (begun, replace) = match format {
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            let replace = replacing(builder.reload_handle());
            (builder.finish().with(gate).try_init(), replace)
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let replace = replacing(builder.reload_handle());
            (builder.finish().with(gate).try_init(), replace)
        }
    };
    begun.map_err(|error| error.to_string())?;
    let filter = Arc::new(Mutex::new(in_force));
    let log = Log { lines, filter, replace };
    panics::log();
    for directive in foreign {
        tracing::warn!(directive, "RUST_LOG speaks of what is no part of this program");
    }
    Ok(log)
}

/// A filter, and the directives beside it that are for other programs.
#[derive(Debug)]
struct Read {
    filter: EnvFilter,
    /// The same in words.
    in_force: String,
    foreign: Vec<String>,
}

/// Whether this filter could be logged by.
///
/// # Errors
///
/// A sentence, when it cannot be read.
pub(crate) fn check(filter: Option<(String, &str)>) -> Result<(), String> {
    read_filter(filter).map(drop)
}

/// Reads a filter that has the name of its flag or variable with it, or that of `RUST_LOG`.
fn read_filter(filter: Option<(String, &str)>) -> Result<Read, String> {
    let (name, source, text) = match filter {
        Some((name, text)) => (name, Source::Ours, text.to_owned()),
        None => {
            let text = variables::read("RUST_LOG")?.unwrap_or_default();
            ("RUST_LOG".to_owned(), Source::RustLog, text)
        }
    };
    let invalid = |why| format!("invalid value '{}' for '{name}': {why}", text.escape_debug());
    let read = Filter::parse(&text, source).map_err(invalid)?;
    let filter = read.build().map_err(invalid)?;
    Ok(Read { filter, in_force: read.directives().to_owned(), foreign: read.foreign })
}

/// Puts another filter in the place of the one in force.
type Replace = Arc<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

fn replacing<S: 'static>(handle: reload::Handle<EnvFilter, S>) -> Replace {
    Arc::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
}

/// The log while the program runs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Log {
    lines: Lines,
    /// What is logged, in words.
    filter: Arc<Mutex<String>>,
    replace: Replace,
}

impl Log {
    /// What is logged now, as `--log` has it.
    pub(crate) fn filter(&self) -> String {
        self.in_force().clone()
    }

    /// Logs from now on what this filter says, as `--log` has it.
    ///
    /// # Errors
    ///
    /// A sentence, when the filter cannot be read; the old one stays in force.
    pub(crate) fn set_filter(&self, text: &str) -> Result<Replaced, String> {
        let read = Filter::parse(text, Source::Ours)?;
        let (filter, in_force) = (read.build()?, read.directives().to_owned());
        self.put_in_force(Read { filter, in_force, foreign: Vec::new() })
    }

    fn put_in_force(&self, read: Read) -> Result<Replaced, String> {
        // Held until the end: of two calls at once the later one is in force, and is told.
        let mut in_force = self.in_force();
        (self.replace)(read.filter)?;
        let now = read.in_force;
        let before = std::mem::replace(&mut *in_force, now.clone());
        Ok(Replaced { before, now })
    }

    /// Logs from now on what `RUST_LOG` says, or `info`.
    ///
    /// # Errors
    ///
    /// As [`set_filter`](Self::set_filter).
    pub(crate) fn reset_filter(&self) -> Result<Replaced, String> {
        self.put_in_force(read_filter(None)?)
    }

    /// One of which nobody sees the lines.
    #[cfg(test)]
    pub(super) fn unseen() -> Log {
        let lines = Lines::to(io::sink(), LogFormat::Text);
        Log { lines, filter: Arc::new(Mutex::new("info".into())), replace: Arc::new(|_| Ok(())) }
    }

    /// How many lines were dropped so far, because standard error did not take them.
    pub(crate) fn dropped(&self) -> u64 {
        self.lines.dropped()
    }

    /// Waits until the lines so far have been written, or a short time; says which.
    pub(crate) fn flush(&self) -> Flushed {
        self.lines.flush()
    }

    fn in_force(&self) -> MutexGuard<'_, String> {
        self.filter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to the thread that writes.
#[derive(Clone)]
pub(super) struct Lines {
    entries: SyncSender<Entry>,
    queue: Arc<Queue>,
}

/// What both ends of the queue know of it.
#[derive(Debug, Default)]
struct Queue {
    /// Lines that wait.
    lines: AtomicUsize,
    /// Bytes of the lines that wait.
    bytes: AtomicUsize,
    /// Lines that were dropped so far.
    dropped: AtomicU64,
    /// Of these, those of which the log does not say so yet.
    untold: AtomicU64,
}

impl Queue {
    fn has_room(&self) -> bool {
        self.lines.load(Ordering::Relaxed) < QUEUED_LINES
            && self.bytes.load(Ordering::Relaxed) < QUEUED_BYTES
    }

    /// Takes room for a line of this many bytes, if there is some.
    fn reserve(&self, len: usize) -> bool {
        let is_room = self.has_room();
        if is_room {
            self.lines.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(len, Ordering::Relaxed);
        }
        is_room
    }

    /// Gives the room of such a line back.
    fn release(&self, len: usize) {
        self.lines.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(len, Ordering::Relaxed);
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        self.untold.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether the lines have reached standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    Yes,
    No,
}

enum Entry {
    Line {
        /// The bytes that it had before it was escaped, for which room was taken.
        reserved: usize,
        line: Vec<u8>,
    },
    /// Answered when everything before it has been written.
    Flush(SyncSender<()>),
}

impl Lines {
    pub(super) fn to(output: impl Write + Send + 'static, format: LogFormat) -> Self {
        let (entries, waiting) = mpsc::sync_channel(QUEUED_LINES);
        let queue = Arc::new(Queue::default());
        let lines = Self { entries, queue: queue.clone() };
        // Without the thread there is no log, which is no reason not to serve.
        let _ = thread::Builder::new()
            .name("log".into())
            .spawn(move || output::write_all(&waiting, &queue, output, format));
        lines
    }

    /// Waits until the lines so far have been written, or a short time; says which.
    pub(super) fn flush(&self) -> Flushed {
        let deadline = Instant::now() + FLUSH_TIME;
        let (done, is_done) = mpsc::sync_channel(1);
        while self.entries.try_send(Entry::Flush(done.clone())).is_err() {
            if Instant::now() >= deadline {
                return Flushed::No;
            }
            thread::sleep(Duration::from_millis(1));
        }
        match is_done.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(()) => Flushed::Yes,
            Err(_) => Flushed::No,
        }
    }

    /// What stands before the subscriber that formats lines.
    pub(super) fn gate(&self) -> Gate {
        Gate(self.queue.clone())
    }

    /// How many lines were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.queue.dropped.load(Ordering::Relaxed)
    }

    fn put(&self, line: &[u8]) {
        // Before it is escaped: what is dropped costs no more than it has to.
        if !self.queue.reserve(line.len()) {
            return self.queue.drop_one();
        }
        let entry = Entry::Line { reserved: line.len(), line: escape(line) };
        if self.entries.try_send(entry).is_err() {
            self.queue.release(line.len());
            self.queue.drop_one();
        }
    }
}

/// Drops events for whose lines there is no room, before they are formatted: that is what costs, and a worker pays it.
pub(super) struct Gate(Arc<Queue>);

impl<S: tracing::Subscriber> Layer<S> for Gate {
    fn event_enabled(&self, _: &tracing::Event<'_>, _: Context<'_, S>) -> bool {
        let is_room = self.0.has_room();
        if !is_room {
            self.0.drop_one();
        }
        is_room
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter(self)
    }
}

/// Takes one event: the subscriber formats it whole and writes it once.
pub(super) struct LineWriter<'a>(&'a Lines);

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line with its control characters written out; its own line end stays.
fn escape(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let mut escaped = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c.is_control() || is_line_or_direction(c) {
            // The form of JSON, so that a line of JSON stays one. All are below U+10000.
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped.push('\n');
    escaped.into_bytes()
}

/// Separators that some readers take for a line end, and marks that reorder text.
fn is_line_or_direction(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Lines that wait for the writing thread.
const QUEUED_LINES: usize = 2048;

/// Their bytes, from which on no more are taken. A long path makes a long line.
const QUEUED_BYTES: usize = 1 << 20;

/// What the end of the process waits for the last lines.
pub(super) const FLUSH_TIME: Duration = Duration::from_millis(200);

/// A line as connections have it, for `log_load`.
#[cfg(all(test, target_os = "linux"))]
pub(super) fn a_line(number: usize) {
    tracing::info!(number, path = "/a/path/as/long/as/usual", "a line that nobody reads");
}

#[cfg(test)]
mod tests {
    use stickler_testing::pipe::Pipe;

    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        let line = "a\r\nb\u{1b}[31m\u{7f}\u{9b}\u{2028}\u{202e}\u{0}\tä\n";
        assert_eq!(
            String::from_utf8(escape(line.as_bytes())).unwrap(),
            "a\\u000d\\u000ab\\u001b[31m\\u007f\\u009b\\u2028\\u202e\\u0000\\u0009ä\n"
        );
    }

    #[test]
    fn a_line_of_json_stays_one() {
        let line = serde_json::json!({ "reason": "x\u{7f}\u{2028}\u{9b}\r" }).to_string();
        let escaped = escape(line.as_bytes());
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&escaped).unwrap(),
            serde_json::from_str::<serde_json::Value>(&line).unwrap()
        );
    }

    #[test]
    fn p5_a_blocked_pipe_costs_lines_and_nothing_else() {
        let pipe = Pipe::default();
        let log = Lines::to(pipe.clone(), LogFormat::Text);
        let blocked = pipe.blocked.lock().unwrap();
        for _ in 0..3 * QUEUED_LINES {
            log.put(b"line\n");
        }
        assert_eq!(log.flush(), Flushed::No);
        drop(blocked);
        while log.flush() == Flushed::No {}
        let written = String::from_utf8(pipe.written.lock().unwrap().clone()).unwrap();
        let lines = written.lines().filter(|line| *line == "line").count();
        assert!((QUEUED_LINES..=QUEUED_LINES + 1).contains(&lines), "{lines}");
        assert!(written.contains("log lines were dropped"));
        let dropped = log.queue.dropped.load(Ordering::Relaxed);
        assert_eq!(usize::try_from(dropped).unwrap() + lines, 3 * QUEUED_LINES);
    }

    #[test]
    fn long_lines_take_no_more_room_than_short_ones() {
        let pipe = Pipe::default();
        let log = Lines::to(pipe.clone(), LogFormat::Text);
        let blocked = pipe.blocked.lock().unwrap();
        let long = [&[b'a'; 32 << 10][..], b"\n"].concat();
        for _ in 0..QUEUED_LINES {
            log.put(&long);
        }
        assert!(log.queue.bytes.load(Ordering::Relaxed) <= QUEUED_BYTES + long.len());
        drop(blocked);
        while log.flush() == Flushed::No {}
        assert_eq!(log.queue.bytes.load(Ordering::Relaxed), 0);
        let written = pipe.written.lock().unwrap().len();
        assert!(written < QUEUED_BYTES + 3 * long.len(), "{written}");
        // There is room again.
        let dropped = log.queue.dropped.load(Ordering::Relaxed);
        assert!(dropped > 0);
        log.put(&long);
        assert_eq!(log.queue.dropped.load(Ordering::Relaxed), dropped);
    }

    #[test]
    fn p5_a_closed_pipe_changes_nothing() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let log = Lines::to(Closed, LogFormat::Json);
        for _ in 0..100 {
            log.put(b"line\n");
        }
        while log.flush() == Flushed::No {}
        assert_eq!(log.queue.dropped.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_told() {
        let flag = |text| Some(("--log".to_owned(), text));
        let refused = read_filter(flag("stickler=loud")).unwrap_err();
        assert!(refused.starts_with("invalid value 'stickler=loud' for '--log': "), "{refused}");
        assert!(read_filter(flag("stickler=trace,info")).is_ok());
    }

    #[test]
    fn a_filter_in_force_is_changed_or_stays() {
        let pipe = Pipe::default();
        let lines = Lines::to(pipe.clone(), LogFormat::Text);
        let Read { filter, in_force, .. } = read_filter(Some(("--log".into(), "info"))).unwrap();
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(lines.clone())
            .with_filter_reloading();
        let (filter, replace) =
            (Arc::new(Mutex::new(in_force)), replacing(builder.reload_handle()));
        let log = Log { lines, filter, replace };
        tracing::subscriber::with_default(builder.finish(), || {
            tracing::debug!("first");
            log.set_filter("debug").unwrap();
            tracing::debug!("second");
            assert!(log.set_filter("loud").unwrap_err().contains("loud"));
            tracing::debug!("third");
            log.set_filter("off").unwrap();
            tracing::error!("fourth");
        });
        assert_eq!(log.filter(), "off");
        while log.flush() == Flushed::No {}
        let written = String::from_utf8(pipe.written.lock().unwrap().clone()).unwrap();
        let said = ["first", "second", "third", "fourth"].map(|word| written.contains(word));
        assert_eq!(said, [false, true, true, false], "{written}");
    }
}
