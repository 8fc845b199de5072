//! The last entries of a case's wire log, in lines that a person can read.
//!
//! Autobahn keeps the log as a list of rows: a tag, then fields by position.

use serde_json::Value;

use super::report::ReportedCase;

/// The last `limit` entries of the case's log, oldest first, and who ended the connection.
/// Empty when the report of the case is not there.
pub(super) fn tail(case: &ReportedCase, limit: usize) -> Vec<String> {
    let Some(rows) = case.details.get("wirelog").and_then(Value::as_array) else {
        return Vec::new();
    };
    let skipped = rows.len().saturating_sub(limit);
    let mut lines: Vec<String> = rows.iter().skip(skipped).map(line).collect();
    lines.push(ending(case).to_owned());
    lines
}

fn ending(case: &ReportedCase) -> &'static str {
    match case.details.get("droppedByMe").and_then(Value::as_bool) {
        Some(true) => "TCP connection ended by the suite",
        _ => "TCP connection ended by the server",
    }
}

fn line(row: &Value) -> String {
    let tag = row.get(0).and_then(Value::as_str).unwrap_or_default();
    match tag {
        "RO" => format!("received {} bytes: {}", payload_len(row), payload(row)),
        "TO" => format!("sent {} bytes: {}", payload_len(row), payload(row)),
        "RF" => format!("received frame {}", frame(row)),
        "TF" => format!("sent frame {}", frame(row)),
        "CT" => format!("waits {} s", field(row, 1)),
        "CTE" => "goes on after waiting".to_owned(),
        "KL" => format!("will fail the connection in {} s", field(row, 1)),
        "KLE" => "fails the connection".to_owned(),
        "TI" => format!("will close the connection in {} s", field(row, 1)),
        "TIE" => "closes the connection".to_owned(),
        "WLM" => format!("wire log on: {}", field(row, 1)),
        _ => printable(&row.to_string()),
    }
}

fn frame(row: &Value) -> String {
    let (opcode, fin, rsv) = (field(row, 2), field(row, 3), field(row, 4));
    format!("opcode {opcode}, FIN {fin}, RSV {rsv}, {} bytes: {}", payload_len(row), payload(row))
}

fn field(row: &Value, at: usize) -> String {
    row.get(at).map(Value::to_string).unwrap_or_default()
}

fn payload_len(row: &Value) -> String {
    row.get(1).map(|payload| field(payload, 0)).unwrap_or_default()
}

fn payload(row: &Value) -> String {
    printable(
        row.get(1).and_then(|payload| payload.get(1)).and_then(Value::as_str).unwrap_or_default(),
    )
}

/// Text from the wire, made safe for a terminal and short.
fn printable(text: &str) -> String {
    let mut out: String = text.chars().take(MAX_PAYLOAD).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_PAYLOAD).is_some() {
        out.push_str(" ...");
    }
    out
}

/// Characters of a payload that are shown.
const MAX_PAYLOAD: usize = 72;
