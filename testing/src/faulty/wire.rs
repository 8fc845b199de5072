//! What goes over the wire for some input, without a socket: the same code between the read and the write.

use std::net::{Ipv4Addr, SocketAddr};

use super::connection::answer;
use super::head::scan;
use super::probes::Probe;
use super::session::Session;
use super::{Setup, Shared};

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The answer to the head; its Date is left out.
    pub answer: String,
    /// The frames after a 101.
    pub frames: Vec<u8>,
    /// Frames are over.
    pub is_over: bool,
    /// TCP stays open although frames are over.
    pub keeps_tcp: bool,
}

impl Setup {
    /// What this server sends back for these bytes, each segment read for itself.
    pub fn replies(mut self, probe: &Probe) -> Wire {
        self.is_fresh |= probe.is_fresh;
        let shared = Shared::new(self, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let (opened, bytes) = answer(&shared, &probe.head, scan(&shared, &probe.head));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines = text.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: "));
        let answer = lines.collect();
        let mut wire = Wire { answer, frames: Vec::new(), is_over: true, keeps_tcp: false };
        let Some((_, opened)) = opened else { return wire };
        if opened.continues {
            wire.answer.insert_str(0, "HTTP/1.1 100 Continue\r\n\r\n");
        }
        let mut session = Session::new(&shared, opened.agreement);
        wire.is_over = probe.segments.iter().any(|segment| {
            let is_over = session.receive(segment);
            wire.frames.extend(session.take_output());
            is_over
        });
        wire.keeps_tcp = session.keeps_tcp();
        wire
    }
}
