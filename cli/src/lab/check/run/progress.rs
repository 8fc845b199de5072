//! How far a run is, on standard error: a bar on a terminal, a line every ten seconds elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::lock;

/// How far a run is.
pub(crate) struct Progress {
    form: Form,
    done: AtomicUsize,
    /// When something was last said.
    said: Mutex<Instant>,
    begun: Instant,
}

enum Form {
    Quiet,
    Bar(ProgressBar),
    Lines,
}

impl Progress {
    pub(crate) fn new(is_quiet: bool) -> Progress {
        let form = match (is_quiet, io::stderr().is_terminal()) {
            (true, _) => Form::Quiet,
            (false, true) => Form::Bar(bar()),
            (false, false) => Form::Lines,
        };
        let begun = Instant::now();
        Progress { form, done: AtomicUsize::new(0), said: Mutex::new(begun), begun }
    }

    /// So many rows are to be played.
    pub(super) fn begin(&self, rows: usize) {
        if let Form::Bar(bar) = &self.form {
            bar.set_length(rows as u64);
        }
    }

    /// A row of this case is played.
    pub(super) fn step(&self, case: &'static str) {
        self.done.fetch_add(1, Ordering::Relaxed);
        if let Form::Bar(bar) = &self.form {
            bar.set_message(case);
            bar.inc(1);
        }
    }

    /// Says a line where that is the form and its time has come.
    pub(super) fn tick(&self, rows: usize) {
        if !matches!(self.form, Form::Lines) || lock(&self.said).elapsed() < INTERVAL {
            return;
        }
        *lock(&self.said) = Instant::now();
        let (done, seconds) =
            (self.done.load(Ordering::Relaxed).min(rows), self.begun.elapsed().as_secs());
        let _ = writeln!(io::stderr(), "stickler: {done} of {rows} rows after {seconds} s");
    }

    pub(super) fn end(&self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    // A template that is none shows the plain bar.
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} rows, {elapsed}  {msg}") {
        bar.set_style(style);
    }
    bar
}

const INTERVAL: Duration = Duration::from_secs(10);
