//! Panics, in the log: where, and with what words. A handler's is told by the library too, with its connection and
//! without the place.

use std::panic;
use std::time::Instant;

use crate::told::Told;

/// From now on they are in the log. The hook of the standard library writes to standard error itself, and would wait
/// there.
pub(super) fn log() {
    let told = Told::default();
    panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        tell(&told, Instant::now(), place, panic.payload_as_str().unwrap_or("no message"));
    }));
}

/// Once a second: a peer that found a handler which panics decides how often.
fn tell(told: &Told, now: Instant, place: Option<String>, message: &str) {
    if let Some(suppressed) = told.admit(now) {
        // `message` is what the line itself says.
        tracing::error!(place, panic = message, suppressed, "panic");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stickler_testing::pipe::Pipe;

    use super::*;
    use crate::cli::LogFormat;
    use crate::serve::logging::{Flushed, Lines};

    /// The lines of the log, as JSON, of panics at these milliseconds.
    fn lines(at: &[u64]) -> Vec<String> {
        let pipe = Pipe::default();
        let lines = Lines::to(pipe.clone(), LogFormat::Json);
        let builder = tracing_subscriber::fmt().with_writer(lines.clone());
        let (told, begun) = (Told::default(), Instant::now());
        tracing::subscriber::with_default(builder.json().flatten_event(true).finish(), || {
            for after in at {
                let now = begun + Duration::from_millis(*after);
                tell(&told, now, Some("a.rs:1:2".into()), "gone wrong");
            }
        });
        while lines.flush() == Flushed::No {}
        let written = String::from_utf8(pipe.written.lock().unwrap().clone()).unwrap();
        written.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_says_that_it_is_a_panic_where_it_was_and_with_what_words() {
        let lines = lines(&[0]);
        assert_eq!(lines.len(), 1);
        // A parser keeps one of two fields of the same name.
        assert_eq!(lines[0].matches("\"message\":").count(), 1, "{}", lines[0]);
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        let said = ["message", "panic", "place", "target"].map(|name| &line[name]);
        assert_eq!(said, ["panic", "gone wrong", "a.rs:1:2", "stickler::serve::panics"]);
    }

    #[test]
    fn peers_do_not_decide_how_many_lines_there_are() {
        let lines = lines(&[0, 1, 500, 999, 1_000]);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].contains("\"suppressed\":3"), "{}", lines[1]);
    }
}
