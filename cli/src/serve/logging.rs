//! The log, on standard error, one line per event.
//!
//! A log must never hurt what it reports on: the lines go through a bounded queue
//! to a thread that writes them. When the reader of a pipe stops, lines are dropped
//! and counted; when it is gone, the thread goes on discarding. Characters that
//! could forge a line or drive a terminal are escaped, whoever sent them.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::time::{Duration, Instant};
use std::{panic, thread};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::reload;

use super::filter::{Filter, Source};
use crate::cli::LogFormat;
use crate::variables;

/// Starts the log, and tells panics through it.
///
/// # Errors
///
/// A sentence, when the filter cannot be read.
pub(crate) fn start(filter: Option<(String, &str)>, format: LogFormat) -> Result<Log, String> {
    let Read { filter, foreign } = read_filter(filter)?;
    let lines = Lines::to(io::stderr(), format);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines.clone())
        .with_ansi(false);
    let (begun, change) = match format {
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            let change = change_of(builder.reload_handle());
            (builder.try_init(), change)
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let change = change_of(builder.reload_handle());
            (builder.try_init(), change)
        }
    };
    begun.map_err(|error| error.to_string())?;
    // The hook of the standard library writes to standard error itself, and would wait there.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, message, "panic");
    }));
    for directive in foreign {
        tracing::warn!(directive, "RUST_LOG speaks of what is no part of this program");
    }
    Ok(Log { lines, change })
}

/// The log that was started: its filter can be changed, and its lines waited for. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Log {
    lines: Lines,
    change: Change,
}

/// Puts another filter in the place of the one in force.
type Change = Arc<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>;

impl Log {
    /// From now on this filter holds, which is written as that of `--log` is; an empty one means `info`.
    ///
    /// # Errors
    ///
    /// A sentence on what cannot be read; the old filter holds then.
    pub(crate) fn set_filter(&self, filter: &str) -> Result<(), String> {
        let filter = Filter::parse(filter, Source::Ours)?.build()?;
        (self.change)(filter).map_err(|error| error.to_string())
    }

    /// From now on that of `RUST_LOG` holds, or `info`.
    ///
    /// # Errors
    ///
    /// As [`set_filter`](Self::set_filter).
    pub(crate) fn reset_filter(&self) -> Result<(), String> {
        let Read { filter, .. } = read_filter(None)?;
        (self.change)(filter).map_err(|error| error.to_string())
    }

    /// Waits until the lines so far have been written, or a short time; says which.
    pub(crate) fn flush(&self) -> Flushed {
        self.lines.flush()
    }
}

fn change_of<S: 'static>(filter: reload::Handle<EnvFilter, S>) -> Change {
    Arc::new(move |new| filter.reload(new))
}

/// Whether the filter can be read, as [`start`] reads it.
///
/// # Errors
///
/// A sentence, when it cannot.
pub(crate) fn check(filter: Option<(String, &str)>) -> Result<(), String> {
    read_filter(filter).map(drop)
}

/// A filter, and the directives beside it that are for other programs.
#[derive(Debug)]
struct Read {
    filter: EnvFilter,
    foreign: Vec<String>,
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
    Ok(Read { filter, foreign: read.foreign })
}

/// The way to the thread that writes.
#[derive(Clone)]
struct Lines {
    queue: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

/// Whether the lines have reached standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    Yes,
    No,
}

enum Entry {
    Line(Vec<u8>),
    /// Answered when everything before it has been written.
    Flush(SyncSender<()>),
}

impl Lines {
    fn to(output: impl Write + Send + 'static, format: LogFormat) -> Self {
        let (lines, queue) = mpsc::sync_channel(QUEUED_LINES);
        let dropped = Arc::new(AtomicU64::new(0));
        let log = Self { queue: lines, dropped: dropped.clone() };
        // Without the thread there is no log, which is no reason not to serve.
        let _ = thread::Builder::new()
            .name("log".into())
            .spawn(move || write_all(&queue, &dropped, output, format));
        log
    }

    fn flush(&self) -> Flushed {
        let deadline = Instant::now() + FLUSH_TIME;
        let (done, is_done) = mpsc::sync_channel(1);
        while self.queue.try_send(Entry::Flush(done.clone())).is_err() {
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

    fn put(&self, line: &[u8]) {
        match self.queue.try_send(Entry::Line(escape(line))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter(self)
    }
}

/// Takes one event: the subscriber formats it whole and writes it once.
struct LineWriter<'a>(&'a Lines);

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(
    queue: &Receiver<Entry>,
    dropped: &AtomicU64,
    mut output: impl Write,
    format: LogFormat,
) {
    for entry in queue {
        match entry {
            Entry::Line(line) => {
                // A reader that went away is none of our business.
                let _ = output.write_all(&line);
                let dropped = dropped.swap(0, Ordering::Relaxed);
                if dropped > 0 {
                    let _ = output.write_all(dropped_line(dropped, format).as_bytes());
                }
            }
            Entry::Flush(done) => drop(done.send(())),
        }
    }
}

fn dropped_line(dropped: u64, format: LogFormat) -> String {
    match format {
        LogFormat::Text => format!("WARN log lines were dropped dropped={dropped}\n"),
        LogFormat::Json => {
            format!(
                "{{\"level\":\"WARN\",\"message\":\"log lines were dropped\",\"dropped\":{dropped}}}\n"
            )
        }
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

/// Lines that wait for the writing thread; at a few hundred bytes each, under 1 MiB.
const QUEUED_LINES: usize = 2048;

/// What the end of the process waits for the last lines.
const FLUSH_TIME: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

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

    /// Writes into memory while it is allowed to.
    #[derive(Clone, Default)]
    struct Pipe {
        written: Arc<Mutex<Vec<u8>>>,
        blocked: Arc<Mutex<()>>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _open = self.blocked.lock().unwrap();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
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
        assert_eq!(log.dropped.load(Ordering::Relaxed), 0);
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
        let filter = read_filter(Some(("--log".to_owned(), "info"))).unwrap().filter;
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(lines.clone())
            .with_filter_reloading();
        let log = Log { lines, change: change_of(builder.reload_handle()) };
        tracing::subscriber::with_default(builder.finish(), || {
            tracing::debug!("first");
            log.set_filter("debug").unwrap();
            tracing::debug!("second");
            assert!(log.set_filter("loud").unwrap_err().contains("loud"));
            tracing::debug!("third");
            log.set_filter("off").unwrap();
            tracing::error!("fourth");
        });
        while log.flush() == Flushed::No {}
        let written = String::from_utf8(pipe.written.lock().unwrap().clone()).unwrap();
        let said = ["first", "second", "third", "fourth"].map(|word| written.contains(word));
        assert_eq!(said, [false, true, true, false], "{written}");
    }
}
