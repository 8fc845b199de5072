//! The numbers of the server.

use std::fmt;
use std::time::{Duration, SystemTime};

use prometheus_client::registry::Unit;
use stickler::{Counters, Drained, Snapshot};

use super::families::Families;
use super::traffic;
use crate::admin::Desk;

/// The numbers of one moment.
#[derive(Debug)]
pub(super) struct Numbers {
    snapshot: Snapshot,
    drained: Drained,
    is_draining: bool,
    turns: bool,
    dropped_log_lines: u64,
    /// When the first certificate ends, since 1970.
    tls_expires: Option<Duration>,
}

impl Numbers {
    pub(super) fn read(desk: &Desk) -> Self {
        let handle = &desk.served.handle;
        let since_1970 =
            |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            snapshot: handle.snapshot(),
            drained: handle.drained(),
            is_draining: handle.is_draining(),
            turns: desk.pulse.missing().is_none(),
            dropped_log_lines: desk.served.program.dropped_log_lines(),
            tls_expires: handle.tls_expires().map(since_1970),
        }
    }

    pub(super) fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        self.write_program(families)?;
        self.write_connections(families)?;
        self.write_limits(families)?;
        self.write_tls(families)?;
        traffic::write(&self.snapshot, families)
    }

    fn write_program(&self, families: &mut Families<'_>) -> fmt::Result {
        let version = ("version", env!("CARGO_PKG_VERSION"));
        families.info(("build", None, "The program."), [version])?;
        let help = "1 while every worker turns, 0 once one has not for 5 s.";
        families.gauge(("workers_turn", None, help), u64::from(self.turns))?;
        let help = "1 once the server is going away.";
        families.gauge(("draining", None, help), u64::from(self.is_draining))?;
        let help = "Connections that ended after the drain began, in good order or not.";
        let Drained { clean, unclean, .. } = self.drained;
        let ends = [(["clean"], clean), (["unclean"], unclean)];
        families.counters(("drained_connections", None, help), ["end"], ends)?;
        let help = "Log lines that were dropped, because standard error did not take them.";
        families.counter(("log_lines_dropped", None, help), self.dropped_log_lines)?;
        let help = "Handlers that panicked, each of which ended its own connection.";
        families.counter(("handler_panics", None, help), self.snapshot.counters.panics)
    }

    fn write_connections(&self, families: &mut Families<'_>) -> fmt::Result {
        let counters = &self.snapshot.counters;
        let help = "Connections that are open, opening handshakes included.";
        families.gauge(("connections", None, help), counters.connections)?;
        let help = "Of the open connections, those whose opening handshake goes on.";
        families.gauge(("handshakes_pending", None, help), counters.handshakes)?;
        let help = "Connections that were accepted.";
        families.counter(("connections_accepted", None, help), counters.accepted)?;
        let Counters { refused_handshakes, refused_per_address, refused_too_often, .. } = *counters;
        let for_memory = counters.refused_for_memory;
        let named = refused_handshakes + refused_per_address + refused_too_often + for_memory;
        let help = "Connections that were refused, because a cap was reached.";
        let series = [
            (["connections"], counters.refused.saturating_sub(named)),
            (["handshakes"], refused_handshakes),
            (["connections_per_address"], refused_per_address),
            (["handshakes_per_address"], refused_too_often),
            (["memory"], for_memory),
        ];
        families.counters(("connections_refused", None, help), ["cap"], series)?;
        let help = "Failures to accept that were the machine's: descriptors, memory.";
        families.counter(("accept_errors", None, help), counters.accept_errors)?;
        let help =
            "Handshakes that were accepted without any of the subprotocols that they offered.";
        families.counter(("unspoken_subprotocols", None, help), counters.unspoken_subprotocols)
    }

    fn write_limits(&self, families: &mut Families<'_>) -> fmt::Result {
        let counters = &self.snapshot.counters;
        let help = "Connections that were ended, because the peer went beyond a limit.";
        let series = [
            (["unfinished_message"], counters.late_messages),
            (["pings"], counters.ping_floods),
            (["messages"], counters.message_floods),
            (["drain_rate"], counters.slow_peers),
            (["queue"], counters.closed_full),
            (["memory"], counters.memory_ended),
        ];
        families.counters(("limit_endings", None, help), ["limit"], series)?;
        let help = "Messages that were dropped, because the queue to their peer was full.";
        families.counter(("messages_dropped", None, help), counters.dropped_messages)?;
        let help = "Messages that were refused with 1013, because there was no memory for them.";
        families.counter(("messages_refused", None, help), counters.memory_refused)?;
        let (all, of_compression) = (&self.snapshot.memory, &self.snapshot.compression_memory);
        for (name, help, value) in [
            ("memory_used", "Memory that connections hold, that of compression too.", all.used),
            ("memory_limit", "Memory that connections may hold.", all.limit),
            ("compression_memory_used", "Memory that compression takes.", of_compression.used),
            ("compression_memory_limit", "Memory that compression may take.", of_compression.limit),
            ("queued", "What is queued for all peers.", self.snapshot.queued),
        ] {
            families.gauge((name, Some(Unit::Bytes), help), value)?;
        }
        Ok(())
    }

    fn write_tls(&self, families: &mut Families<'_>) -> fmt::Result {
        let tls = &self.snapshot.counters.tls;
        let help = "TLS handshakes, by how they ended.";
        let series = [
            (["completed"], tls.completed),
            (["plain_http"], tls.plain_http),
            (["no_common_protocol"], tls.no_common_protocol),
            (["client_certificate"], tls.client_certificate),
            (["alert_from_peer"], tls.alert_from_peer),
            (["malformed"], tls.malformed),
            (["timed_out"], tls.timed_out),
            (["ended_early"], tls.ended_early),
            (["other"], tls.other),
        ];
        families.counters(("tls_handshakes", None, help), ["result"], series)?;
        let Some(expires) = self.tls_expires else { return Ok(()) };
        let help = "When the first of the certificates ends, since 1970.";
        let about = ("tls_certificate_expiry", Some(Unit::Seconds), help);
        families.gauge(about, expires.as_secs_f64())
    }
}
