//! `/metrics`: the numbers as OpenMetrics text, read when they are asked for. Nothing is counted for it that is not
//! counted anyway, and labels have values of this program only, never of a peer.

mod families;
mod process;
mod server;
mod traffic;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;
use stickler::Body;
use stickler::http::{Response, StatusCode};

use self::families::Families;
use self::process::Process;
use self::server::Numbers;
use super::Desk;
use super::answers::{Refusal, content};

/// Reads all numbers.
///
/// # Errors
///
/// 500 when they cannot be written.
pub(super) fn answer(desk: &Desk) -> Result<Response<Body>, Refusal> {
    let text = encode(Numbers::read(desk), Process::read(desk.served.begun));
    let text = text.map_err(|_| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the numbers cannot be written")
    })?;
    Ok(content(StatusCode::OK, OPENMETRICS, text))
}

fn encode(numbers: Numbers, process: Process) -> Result<String, fmt::Error> {
    let mut ours = Registry::with_prefix("stickler");
    ours.register_collector(Box::new(numbers));
    // These have the names that all programs give them.
    let mut usual = Registry::with_prefix("process");
    usual.register_collector(Box::new(process));
    let mut text = String::new();
    encode_registry(&mut text, &ours)?;
    encode_registry(&mut text, &usual)?;
    encode_eof(&mut text)?;
    Ok(text)
}

impl Collector for Numbers {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        self.write(&mut Families(encoder))
    }
}

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        self.write(&mut Families(encoder))
    }
}

/// What the text is; Prometheus reads it by this name.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
