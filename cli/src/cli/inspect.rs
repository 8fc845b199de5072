//! The flags of `stickler serve` about the frame inspector: whose frames are shown, where, and how.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};

use crate::units::Size;

/// What is shown of the frames on the wire.
#[derive(Clone, Debug, Args)]
pub(crate) struct Inspect {
    /// Show the frames of connections: all, or those of address=CIDR, path=/PATH, one-in=N, by commas
    ///
    /// What comes twice is a choice, what is different has to hold together: in
    /// address=10.0.0.0/8,path=/a,path=/b,one-in=100 every hundredth connection is shown of those from
    /// 10.0.0.0/8 to /a or /b.
    #[arg(long, env = "STICKLER_TRACE_FRAMES", value_name = "FILTER", help_heading = TRACE)]
    #[arg(num_args = 0..=1, default_missing_value = "all")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) trace_frames: Option<String>,

    /// How to write them [default: text]
    #[arg(long, env = "STICKLER_TRACE_FORMAT", value_name = "FORMAT", help_heading = TRACE)]
    pub(crate) trace_format: Option<TraceFormat>,

    /// File to append them to, which nobody else may read; - is standard output [default: standard error]
    ///
    /// With - the lines that say where the server listens go to standard error.
    #[arg(long, env = "STICKLER_TRACE_FILE", value_name = "FILE", help_heading = TRACE)]
    pub(crate) trace_file: Option<PathBuf>,

    /// Bytes to show of each payload, up to 1MiB [default: 0]
    #[arg(long, env = "STICKLER_TRACE_PAYLOAD", value_name = "SIZE", help_heading = TRACE)]
    #[arg(value_parser = parse_payload)]
    pub(crate) trace_payload: Option<Size>,
}

impl Inspect {
    /// Whether standard output is for frames alone.
    pub(crate) fn has_standard_output(&self) -> bool {
        self.trace_file.as_ref().is_some_and(|file| file.as_os_str() == STANDARD_OUTPUT)
    }
}

/// How frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceFormat {
    /// Columns for people
    Text,
    /// One JSON object per line
    Json,
    /// For Wireshark
    Pcapng,
}

fn parse_payload(text: &str) -> Result<Size, String> {
    let size = Size::parse_from_zero(text)?;
    if size.0 > MOST_PAYLOAD { Err("is more than 1MiB".into()) } else { Ok(size) }
}

/// Bytes of a payload that are shown at most.
const MOST_PAYLOAD: usize = 1 << 20;

/// The file that is standard output.
const STANDARD_OUTPUT: &str = "-";

const TRACE: &str = "Frames, as they are on the wire";
