//! The frame inspector: the frames of chosen connections, as text, as lines of JSON, or for Wireshark.
//!
//! The worker of a connection copies what is to be shown into a bounded queue, and a thread writes it
//! (`queue.rs`): a reader that does not keep up costs lines, which are counted, and nothing else. Whatever a peer
//! has sent is escaped.

mod appending;
mod filter;
mod json;
mod output;
mod pcapng;
mod queue;
mod record;
mod shown;
mod text;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use stickler::{Inspected, InspectedFrame};

use self::filter::Filter;
use self::json::Json;
use self::output::Target;
use self::pcapng::PcapNg;
#[cfg(all(test, target_os = "linux"))]
pub(crate) use self::queue::FLUSH_TIME;
use self::queue::{Entry, Queue};
use self::record::Record;
use self::text::Text;
use crate::cli::{Serve, TraceFormat, usage_error};

/// What is to be shown, as the flags say it.
#[derive(Debug)]
pub(crate) struct Trace {
    filter: Filter,
    format: TraceFormat,
    target: Target,
    payload_limit: usize,
}

/// Shows frames until it is finished.
#[derive(Clone, Debug)]
pub(crate) struct Tracing {
    queue: Queue,
    inspector: Arc<Inspector>,
}

impl Trace {
    /// Reads the flags; `None` where nothing is to be shown.
    ///
    /// # Errors
    /// A filter that is none, or a flag about frames of which none are shown.
    pub(crate) fn read(options: &Serve) -> Result<Option<Trace>, clap::Error> {
        let flags = &options.inspect;
        let frames = options.name_of("trace_frames");
        let Some(filter) = &flags.trace_frames else {
            for (id, is_said) in [
                ("trace_format", flags.trace_format.is_some()),
                ("trace_file", flags.trace_file.is_some()),
                ("trace_payload", flags.trace_payload.is_some()),
            ] {
                if is_said {
                    let name = options.name_of(id);
                    return Err(usage_error(format!("{name} has no effect without {frames}")));
                }
            }
            return Ok(None);
        };
        let invalid =
            |why| format!("invalid value '{}' for '{frames}': {why}", filter.escape_debug());
        let format = flags.trace_format.unwrap_or(TraceFormat::Text);
        let target = match &flags.trace_file {
            None if format == TraceFormat::Pcapng => {
                let file = options.name_of("trace_file");
                return Err(usage_error(format!("pcapng needs {file}, or {file} - for a pipe")));
            }
            None => Target::StandardError,
            Some(_) if flags.has_standard_output() => Target::StandardOutput,
            Some(path) => Target::File(PathBuf::clone(path)),
        };
        Ok(Some(Trace {
            filter: Filter::parse(filter).map_err(invalid).map_err(usage_error)?,
            format,
            target,
            payload_limit: flags.trace_payload.map_or(0, |size| size.0),
        }))
    }

    /// Opens what is written to, and starts the thread that writes.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub(crate) fn start(self) -> io::Result<Tracing> {
        let format: Box<dyn Format> = match self.format {
            TraceFormat::Text => Box::new(Text::new(self.target.is_in_colour())),
            TraceFormat::Json => Box::new(Json),
            TraceFormat::Pcapng => Box::new(PcapNg::new()?),
        };
        let output = self.target.open(self.format)?;
        let queue = Queue::start(output, format)?;
        let inspector = Arc::new(Inspector {
            filter: self.filter,
            payload_limit: self.payload_limit,
            queue: queue.clone(),
        });
        Ok(Tracing { queue, inspector })
    }
}

impl Tracing {
    /// Who is shown the frames.
    pub(crate) fn inspector(&self) -> Arc<dyn stickler::Inspect> {
        self.inspector.clone()
    }

    /// Waits a short time until the frames so far are written.
    pub(crate) fn finish(&self) {
        self.queue.flush();
    }
}

/// Chooses connections, and copies what is seen of them.
#[derive(Debug)]
struct Inspector {
    filter: Filter,
    payload_limit: usize,
    queue: Queue,
}

impl stickler::Inspect for Inspector {
    fn connection(&self, connection: &Inspected) -> bool {
        let is_shown = self.filter.takes(connection);
        if is_shown {
            self.queue.put(Entry::Opened(connection.clone()));
        }
        is_shown
    }

    fn payload_limit(&self) -> usize {
        self.payload_limit
    }

    fn frame(&self, frame: &InspectedFrame<'_>) {
        self.queue.put(Entry::Frame(Box::new(Record::of(frame))));
    }
}

/// How frames are written.
trait Format: Send {
    /// What comes before all.
    fn begin(&mut self, out: &mut Vec<u8>) -> io::Result<()>;

    /// Whether `opened` writes anything.
    fn shows_openings(&self) -> bool {
        false
    }

    /// A connection is shown from here on.
    fn opened(&mut self, _: &Inspected, _: &mut Vec<u8>) -> io::Result<()> {
        Ok(())
    }

    fn frame(&mut self, record: &Record, out: &mut Vec<u8>) -> io::Result<()>;

    /// So many frames are missing here, and openings where they are shown.
    fn dropped(&mut self, count: u64, out: &mut Vec<u8>) -> io::Result<()>;

    /// Nothing may come behind this: what only the next frame would say is said now.
    fn flush(&mut self, _: &mut Vec<u8>) -> io::Result<()> {
        Ok(())
    }
}
