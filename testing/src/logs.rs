//! What is logged, as long as the test wants to know.

use std::fmt::Write;
use std::sync::{Arc, Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, Interest};
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// The lines of this thread: level, fields, message.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Lines of this level.
    pub fn at(&self, level: &str) -> Vec<String> {
        self.all().into_iter().filter(|line| line.starts_with(level)).collect()
    }
}

/// Notes what this thread logs until the guard is dropped, and does `act` at every line.
pub fn listen(act: impl Fn() + Send + Sync + 'static) -> (Lines, DefaultGuard) {
    static ATTENTIVE: OnceLock<[Dispatch; 2]> = OnceLock::new();
    ATTENTIVE.get_or_init(|| [Dispatch::new(Attentive), Dispatch::new(Attentive)]);
    let lines = Lines::default();
    let listener = Listener { lines: lines.clone(), act: Box::new(act) };
    (lines, tracing::subscriber::set_default(listener))
}

/// Has every place that logs ask the subscriber of its thread each time. While there is only one subscriber, a place
/// that another thread comes by first is silent for all.
struct Attentive;

impl Subscriber for Attentive {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Listener {
    lines: Lines,
    act: Box<dyn Fn() + Send + Sync>,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.lines.0.lock().unwrap().push(line.0);
        (self.act)();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
