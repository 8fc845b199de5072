//! What went over the connections, and how they ended.

use std::fmt;

use prometheus_client::registry::Unit;
use stickler::{Snapshot, Traffic};

use super::families::Families;

pub(super) fn write(snapshot: &Snapshot, families: &mut Families<'_>) -> fmt::Result {
    write_handshakes(snapshot, families)?;
    write_messages(snapshot, families)?;
    write_ends(snapshot, families)?;
    let seconds = || Some(Unit::Seconds);
    let help = "Times from Pings to their Pongs.";
    families.histogram(("ping_round_trip", seconds(), help), &snapshot.round_trips)?;
    let help = "For how long handlers had their thread within one poll; one poll in 64 counts.";
    families.histogram(("handler_poll", seconds(), help), &snapshot.handler_polls)
}

fn write_handshakes(snapshot: &Snapshot, families: &mut Families<'_>) -> fmt::Result {
    let help = "Opening handshakes that were accepted.";
    families.counter(("handshakes_accepted", None, help), snapshot.handshakes_accepted)?;
    let help = "Requests that were refused, by the reason, its clause and the status.";
    let rows = snapshot.handshakes_refused.iter().map(|(rejection, count)| {
        let (reason, clause) = (snake_case(rejection), rejection.section().to_owned());
        ([reason, clause, rejection.status().to_string()], *count)
    });
    families.counters(("handshakes_refused", None, help), ["reason", "clause", "status"], rows)?;
    let help = "HTTP answers other than the 101, by the class of their status.";
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| [class]);
    let rows = classes.into_iter().zip(snapshot.answers);
    families.counters(("http_answers", None, help), ["class"], rows)
}

fn write_messages(snapshot: &Snapshot, families: &mut Families<'_>) -> fmt::Result {
    let ways = [("received", &snapshot.received), ("sent", &snapshot.sent)];
    let per_way = |of: fn(&Traffic) -> Vec<(&'static str, u64)>| {
        let rows = move |(way, traffic)| of(traffic).into_iter().map(move |(it, n)| ([way, it], n));
        ways.into_iter().flat_map(rows)
    };
    let bytes = || Some(Unit::Bytes);
    let help = "Messages by direction and kind.";
    let rows = per_way(|it| vec![("text", it.text.count), ("binary", it.binary.count)]);
    families.counters(("messages", None, help), ["direction", "kind"], rows)?;
    let help = "Payload of messages, not compressed.";
    let rows = per_way(|it| vec![("text", it.text.bytes), ("binary", it.binary.bytes)]);
    families.counters(("message_payload", bytes(), help), ["direction", "kind"], rows)?;
    let help = "Control frames by direction and kind; a Close counts at the end of its connection.";
    let rows = per_way(|it| vec![("ping", it.pings), ("pong", it.pongs), ("close", it.closes)]);
    families.counters(("control_frames", None, help), ["direction", "kind"], rows)?;
    let help = "Payload of compressed messages, in the form that applications have and in that of the wire.";
    let rows = per_way(|it| {
        vec![("inflated", it.compression.inflated), ("deflated", it.compression.deflated)]
    });
    families.counters(("compressed_payload", bytes(), help), ["direction", "form"], rows)?;
    let help =
        "Bytes of transports, without what TLS adds and the exchange behind a plain request.";
    let rows = ways.map(|(way, traffic)| ([way], traffic.wire_bytes));
    families.counters(("wire", bytes(), help), ["direction"], rows)
}

fn write_ends(snapshot: &Snapshot, families: &mut Families<'_>) -> fmt::Result {
    let help = "Connections by direction and code of their Close.";
    let ways = [("received", &snapshot.close_codes_received), ("sent", &snapshot.close_codes_sent)];
    let rows = ways.into_iter().flat_map(|(way, codes)| {
        codes.iter().map(move |(code, count)| ([way.to_owned(), code.to_string()], *count))
    });
    families.counters(("close_codes", None, help), ["direction", "code"], rows)?;
    let help =
        "Connections that were failed, by the rule that the peer broke, its clause and the code.";
    let rows = snapshot.violations.iter().map(|(violation, count)| {
        let (rule, clause) = (snake_case(violation), violation.section().to_owned());
        ([rule, clause, violation.close_code().get().to_string()], *count)
    });
    families.counters(("violations", None, help), ["rule", "clause", "code"], rows)?;
    let help = "Connections that have ended, by what began to end them.";
    let rows = snapshot.endings.iter().map(|(initiator, count)| ([snake_case(initiator)], *count));
    families.counters(("endings", None, help), ["initiator"], rows)?;
    let help = "Connections that a deadline ended.";
    let rows = snapshot.timeouts.iter().map(|(timer, count)| ([snake_case(timer)], *count));
    families.counters(("timeouts", None, help), ["timer"], rows)
}

/// The name of a variant as labels have it: `UnmaskedFrame` is `unmasked_frame`.
fn snake_case(variant: &impl fmt::Debug) -> String {
    let mut name = String::new();
    for c in format!("{variant:?}").chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use stickler::{Initiator, Rejection, Violation};

    use super::*;

    #[test]
    fn variants_have_names_as_labels_have_them() {
        assert_eq!(snake_case(&Violation::UnmaskedFrame), "unmasked_frame");
        assert_eq!(snake_case(&Initiator::Peer), "peer");
        // No variant has anything in it that a peer chose.
        for rejection in Rejection::ALL {
            let name = snake_case(rejection);
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        }
    }
}
