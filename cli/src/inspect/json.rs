//! Frames for programs: one JSON object in each line, in ASCII alone.

use std::fmt::Write;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use stickler::Direction;

use super::Format;
use super::record::Record;
use super::shown::time;

/// Lines of JSON, each of which names its connection.
pub(super) struct Json;

impl Format for Json {
    fn begin(&mut self, _: &mut Vec<u8>) -> io::Result<()> {
        Ok(())
    }

    fn frame(&mut self, record: &Record, out: &mut Vec<u8>) -> io::Result<()> {
        append_line(&object(record), out);
        Ok(())
    }

    fn dropped(&mut self, count: u64, out: &mut Vec<u8>) -> io::Result<()> {
        append_line(&json!({ "dropped": count }), out);
        Ok(())
    }
}

fn object(record: &Record) -> Value {
    let connection = &record.connection;
    let address = |address: Option<std::net::SocketAddr>| address.map(|it| it.to_string());
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| drop(object.insert(name.to_owned(), value));
    put("time", time(record.time).into());
    put("connection", connection.id().to_string().into());
    put("peer", address(connection.peer_addr()).into());
    put("local", address(connection.local_addr()).into());
    put("path", connection.path().into());
    let is_received = record.direction == Direction::Received;
    put("direction", if is_received { "received" } else { "sent" }.into());
    put("opcode", record.opcode.into());
    put("name", record.opcode_name().into());
    put("fin", record.fin.into());
    let bits = [(4, 1), (2, 2), (1, 3)];
    let rsv = bits.iter().filter(|(bit, _)| record.rsv & bit != 0);
    put("rsv", rsv.map(|(_, number)| *number).collect::<Vec<u8>>().into());
    put("length", record.payload_len.into());
    if let Some(key) = record.mask_key {
        put("mask", format!("{:08x}", u32::from_be_bytes(key)).into());
    }
    if record.is_cut() {
        put("passed", record.passed_len.into());
    }
    if let Some((code, reason)) = &record.close {
        put("code", (*code).into());
        put("reason", String::from_utf8_lossy(reason).into());
    }
    if let Some(len) = record.message_len {
        put("inflated", len.into());
    }
    if let Some(violation) = record.violation {
        put("violation", json!({ "rule": violation.to_string(), "section": violation.section() }));
    }
    if !record.payload.is_empty() {
        match str::from_utf8(&record.payload) {
            Ok(text) => put("payload", text.into()),
            Err(_) => put("payload_base64", STANDARD.encode(&record.payload).into()),
        }
    }
    Value::Object(object)
}

/// Escapes what is not printable ASCII too: some of it drives terminals, and some readers take some for line ends.
fn append_line(value: &Value, out: &mut Vec<u8>) {
    let mut line = String::new();
    for c in value.to_string().chars() {
        if (' '..='~').contains(&c) {
            line.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(line, "\\u{unit:04x}");
        }
    }
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{broken, records};
    use super::*;

    fn line(record: &Record) -> Value {
        let mut out = Vec::new();
        Json.frame(record, &mut out).unwrap();
        assert!(out.ends_with(b"}\n"));
        let is_printable = |byte: &u8| (b' '..=b'~').contains(byte);
        assert!(out[..out.len() - 1].iter().all(is_printable), "{out:?}");
        serde_json::from_slice(&out).unwrap()
    }

    /// This part of an object.
    fn part(of: &Value, names: &[&str]) -> Vec<Value> {
        names.iter().map(|name| of.get(name).cloned().unwrap_or(json!("(absent)"))).collect()
    }

    #[test]
    fn each_line_says_what_is_known_of_the_frame() {
        let lines: Vec<Value> = records().iter().map(line).collect();
        let absent = json!("(absent)");
        assert_eq!(
            part(&lines[0], &["direction", "opcode", "name", "fin", "rsv", "length", "mask"]),
            [
                json!("received"),
                json!(1),
                json!("text"),
                json!(true),
                json!([]),
                json!(15),
                json!("37fa213d")
            ]
        );
        assert_eq!(
            part(&lines[0], &["payload", "peer", "local", "path", "passed"]),
            [json!("Grüße"), Value::Null, Value::Null, json!("/room"), absent.clone()]
        );
        assert_eq!(
            part(&lines[1], &["direction", "mask", "code"]),
            [json!("sent"), absent.clone(), absent.clone()]
        );
        assert_eq!(
            part(&lines[2], &["name", "payload", "payload_base64"]),
            [json!("ping"), absent, json!("G1szMW0Kwg==")]
        );
        assert_eq!(part(&lines[4], &["code", "reason"]), [json!(1001), json!("")]);
        let rule = stickler::Violation::ReservedBit;
        let rule = json!({ "rule": rule.to_string(), "section": rule.section() });
        assert_eq!(
            part(&line(&broken()), &["name", "rsv", "length", "passed", "violation"]),
            [Value::Null, json!([2, 3]), json!(5), json!(1), rule]
        );
    }

    #[test]
    fn what_is_missing_is_a_line_too() {
        let mut out = Vec::new();
        Json.dropped(17, &mut out).unwrap();
        assert_eq!(out, b"{\"dropped\":17}\n");
    }
}
