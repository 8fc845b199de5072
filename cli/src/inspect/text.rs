//! Frames for people: one line each, in columns, in colour on a terminal.

use std::fmt::Write;
use std::io;

use stickler::{Direction, Inspected};

use super::Format;
use super::record::Record;
use super::shown::{escaped, quoted, time};

/// Lines of text.
pub(super) struct Text {
    is_in_colour: bool,
}

impl Text {
    pub(super) fn new(is_in_colour: bool) -> Text {
        Text { is_in_colour }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.is_in_colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn line(&self, record: &Record) -> String {
        let arrow = match record.direction {
            Direction::Received => self.paint(GREEN, "<-"),
            Direction::Sent => self.paint(BLUE, "->"),
        };
        let opcode = match record.opcode_name() {
            Some(name) => name.to_owned(),
            None => format!("{:#x}", record.opcode),
        };
        let fin = if record.fin { "FIN" } else { "-" };
        let length = record.payload_len.map_or_else(|| "?".to_owned(), |len| len.to_string());
        let mask = record.mask_key.map_or_else(|| "-".to_owned(), |key| hex(&key));
        let mut line = format!(
            "{} {:<11} {arrow} {opcode:<6} {fin:<3} {} {length:>9} {mask:<8}",
            time(record.time),
            record.connection.id().to_string(),
            rsv(record.rsv),
        );
        self.append_rest(record, &mut line);
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }

    /// What only some frames have.
    fn append_rest(&self, record: &Record, line: &mut String) {
        // Writing to a string cannot fail.
        if let Some((code, reason)) = &record.close {
            let _ = write!(line, " {code}");
            if !reason.is_empty() {
                let _ = write!(line, " {}", quoted(reason));
            }
        } else if !record.payload.is_empty() {
            let is_more = (record.payload.len() as u64) < record.passed_len;
            let _ =
                write!(line, " {}{}", quoted(&record.payload), if is_more { "..." } else { "" });
        }
        if let Some(len) = record.message_len {
            let _ = write!(line, " inflated={len}");
        }
        if record.is_cut() {
            let _ = write!(line, " cut={}", record.passed_len);
        }
        if let Some(violation) = record.violation {
            let _ = write!(line, " {}", self.paint(RED, violation.reason()));
        }
    }
}

impl Format for Text {
    fn begin(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let title = format!(
            "{:<27} {:<11} {:<2} {:<6} {:<3} {:<3} {:>9} {:<8} {}\n",
            "time", "connection", "", "opcode", "fin", "rsv", "length", "mask", "payload"
        );
        out.extend_from_slice(title.as_bytes());
        Ok(())
    }

    fn shows_openings(&self) -> bool {
        true
    }

    fn opened(&mut self, connection: &Inspected, out: &mut Vec<u8>) -> io::Result<()> {
        let address = |address: Option<std::net::SocketAddr>| {
            address.map_or_else(|| "-".to_owned(), |address| address.to_string())
        };
        let (peer, local) = (address(connection.peer_addr()), address(connection.local_addr()));
        let (id, path) = (connection.id().to_string(), escaped(connection.path()));
        let line = format!("{:<27} {id:<11} == {peer} to {local} {path}\n", "");
        out.extend_from_slice(line.as_bytes());
        Ok(())
    }

    fn frame(&mut self, record: &Record, out: &mut Vec<u8>) -> io::Result<()> {
        out.extend_from_slice(self.line(record).as_bytes());
        Ok(())
    }

    fn dropped(&mut self, count: u64, out: &mut Vec<u8>) -> io::Result<()> {
        let line = format!("{} are missing here: they came faster than they were written", count);
        out.extend_from_slice(self.paint(RED, &line).as_bytes());
        out.push(b'\n');
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The reserved bits by their numbers.
fn rsv(bits: u8) -> String {
    let shown = [(4, '1'), (2, '2'), (1, '3')];
    shown.iter().map(|(bit, name)| if bits & bit == 0 { '-' } else { *name }).collect()
}

const GREEN: &str = "32";
const BLUE: &str = "34";
const RED: &str = "31";

#[cfg(test)]
mod tests {
    use super::super::record::tests::{broken, records};
    use super::*;

    /// The line behind the time and the name of the connection, which differ.
    fn lines(is_in_colour: bool) -> Vec<String> {
        let text = Text::new(is_in_colour);
        let records = records().into_iter().chain([broken()]);
        records.map(|record| text.line(&record)[40..].to_owned()).collect()
    }

    #[test]
    fn lines_stand_in_columns_and_end_where_they_should() {
        assert_eq!(
            lines(false),
            [
                "<- text   FIN ---        15 37fa213d \"Grüße\"...\n",
                "-> text   FIN ---        15 -        \"Grüße\"...\n",
                "<- ping   FIN ---         8 37fa213d \"\\u{1b}[31m\\n\\xc2\"...\n",
                "-> pong   FIN ---         8 -        \"\\u{1b}[31m\\n\\xc2\"...\n",
                "<- close  FIN ---         2 37fa213d 1001\n",
                "-> close  FIN ---         2 -        1001\n",
                "<- 0x3    FIN -23         5 -        \"a\" cut=1 RFC 6455 5.2: reserved bit is set\n",
            ]
        );
        let mut title = Vec::new();
        Text::new(false).begin(&mut title).unwrap();
        let title = String::from_utf8(title).unwrap();
        let ends = |line: &str, word: &str| line.find(word).map(|at| at + word.len());
        let text = &lines(false)[0];
        assert_eq!(ends(&title[40..], "length"), ends(text, " 15"));
        assert_eq!(title[40..].find("mask"), text.find("37fa213d"));
    }

    #[test]
    fn on_a_terminal_there_are_colours() {
        let lines = lines(true);
        assert!(lines[0].starts_with("\x1b[32m<-\x1b[0m text"), "{}", lines[0]);
        assert!(lines[1].starts_with("\x1b[34m->\x1b[0m text"), "{}", lines[1]);
        assert!(
            lines[6].ends_with(" set\x1b[0m\n") && lines[6].contains("\x1b[31m"),
            "{}",
            lines[6]
        );
    }
}
