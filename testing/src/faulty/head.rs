//! The head of a request as an HTTP/1.1 message: lines, fields, sizes (RFC 9112 §2.2, §3, §5). It is looked at
//! again whenever octets come, so that what is no HTTP is told at once.

use super::answer::Refusal;
use super::fields::{is_token, trim};
use super::{Fault, Shared};

/// A head that is whole, its lines good.
pub(super) struct Head {
    pub(super) method: Vec<u8>,
    pub(super) target: Vec<u8>,
    pub(super) version: Vec<u8>,
    /// Names as they came, values trimmed.
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// The key as it came, with the space around it.
    pub(super) raw_key: Vec<u8>,
    /// Where frames begin.
    pub(super) end: usize,
}

impl Head {
    /// The values of all lines with this name.
    pub(super) fn all(&self, name: &str) -> Vec<&[u8]> {
        let of_name = |(one, _): &&(Vec<u8>, Vec<u8>)| one.eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().filter(of_name).map(|(_, value)| &value[..]).collect()
    }

    /// Whether a line has exactly this name.
    pub(super) fn has_exactly(&self, name: &str) -> bool {
        self.fields.iter().any(|(one, _)| one == name.as_bytes())
    }

    pub(super) fn first_name(&self) -> &[u8] {
        self.fields.first().map_or(b"", |(name, _)| name)
    }
}

/// What the octets so far are.
pub(super) enum Scan {
    /// Good as far as they go.
    Part,
    Bad(Refusal),
    Whole(Box<Head>),
}

/// Reads as much of a head as is there.
pub(super) fn scan(shared: &Shared, bytes: &[u8]) -> Scan {
    let mut at = 0;
    if bytes.starts_with(b"\r") {
        // RFC 9112 §2.2: one empty line before the request line is skipped.
        match bytes.get(1) {
            None => return Scan::Part,
            Some(b'\n') => at = 2,
            Some(_) => return bad("a bare CR (RFC 9112 2.2)"),
        }
    }
    let mut lines: Vec<Vec<u8>> = Vec::new();
    loop {
        let rest = &bytes[at..];
        let line = match line(shared, rest, lines.is_empty()) {
            Line::Part if rest.len() > LONGEST_LINE && lines.is_empty() => {
                return too_long(shared);
            }
            Line::Part if bytes.len() > LONGEST_HEAD => return too_large(shared),
            Line::Part => return Scan::Part,
            Line::Bad(why) => return bad(why),
            Line::Whole(line, len) => {
                at += len;
                line
            }
        };
        if lines.is_empty() && line.is_empty() {
            return bad("no request line (RFC 9112 3)");
        }
        if line.is_empty() {
            break;
        }
        if lines.is_empty() && line.len() > LONGEST_LINE {
            return too_long(shared);
        }
        if at > LONGEST_HEAD || lines.len() > MOST_FIELDS {
            return too_large(shared);
        }
        if let (Some(b' ' | b'\t'), false) = (line.first(), lines.is_empty()) {
            match space_line(shared, &mut lines, &line) {
                Ok(()) => continue,
                Err(scan) => return *scan,
            }
        }
        lines.push(line);
    }
    parse(shared, &lines, at)
}

/// A line that begins with space: a fold, or nothing that a head may have.
fn space_line(shared: &Shared, lines: &mut Vec<Vec<u8>>, line: &[u8]) -> Result<(), Box<Scan>> {
    if shared.has(Fault::FoldJoined) && lines.len() > 1 {
        let before = lines.last_mut().unwrap();
        before.extend_from_slice(trim(line));
        return Ok(());
    }
    if shared.has(Fault::SpaceLineTaken) && lines.len() == 1 {
        lines.push(trim(line).to_vec());
        return Ok(());
    }
    Err(Box::new(bad("a line that begins with space (RFC 9112 5.2)")))
}

enum Line {
    Part,
    Bad(&'static str),
    /// Without its end, and its length with it.
    Whole(Vec<u8>, usize),
}

fn line(shared: &Shared, bytes: &[u8], is_first: bool) -> Line {
    let mut line = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b'\r', Some(b'\n')) => return Line::Whole(line, at + 2),
            (b'\r', None) => return Line::Part,
            (b'\r', Some(_)) if shared.has(Fault::BareCrEndsLine) && !line.is_empty() => {
                return Line::Whole(line, at + 1);
            }
            (b'\r', Some(_)) => return Line::Bad("a bare CR (RFC 9112 2.2)"),
            (b'\n', _) => return Line::Bad("a bare LF (RFC 9112 2.2)"),
            (0, _) if shared.has(Fault::NulEndsValue) && !is_first => {
                at += bytes[at..].iter().take_while(|byte| **byte != b'\r').count();
                continue;
            }
            (0..=8 | 10..=31 | 127, _) => return Line::Bad("a control octet (RFC 9110 5.5)"),
            (128.., _) if is_first => return Line::Bad("an octet beyond ASCII (RFC 9112 3)"),
            (b' ', _) if is_first && line.is_empty() => {
                return Line::Bad("a space before the request line (RFC 9112 3)");
            }
            _ => line.push(*byte),
        }
        at += 1;
    }
    Line::Part
}

fn parse(shared: &Shared, lines: &[Vec<u8>], end: usize) -> Scan {
    let (first, rest) = lines.split_first().unwrap();
    let words: Vec<&[u8]> = first.split(|byte| *byte == b' ').collect();
    let (method, target, version) = match words[..] {
        [method, target, version] => (method, target, version),
        [method, target] if shared.has(Fault::NoVersionOpens) => (method, target, &b"HTTP/1.1"[..]),
        _ => return bad("no request line (RFC 9112 3)"),
    };
    if !is_token(method) || target.is_empty() || target.contains(&b'\t') {
        return bad("no request line (RFC 9112 3)");
    }
    let mut head = Head {
        method: method.to_vec(),
        target: target.to_vec(),
        version: version.to_vec(),
        fields: Vec::new(),
        raw_key: Vec::new(),
        end,
    };
    for line in rest {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return bad("a field without a colon (RFC 9112 5)");
        };
        let (mut name, value) = (&line[..colon], &line[colon + 1..]);
        if shared.has(Fault::SpaceBeforeColon) {
            name = trim(name);
        }
        if !is_token(name) {
            return bad("a field whose name is no token (RFC 9112 5.1)");
        }
        if name.eq_ignore_ascii_case(b"sec-websocket-key") {
            head.raw_key = value.strip_prefix(b" ").unwrap_or(value).to_vec();
        }
        let is_version = name.eq_ignore_ascii_case(b"sec-websocket-version");
        let value = match is_version && shared.has(Fault::VersionTabRefused) {
            true => value.trim_ascii_end().strip_prefix(b" ").unwrap_or(value),
            false => trim(value),
        };
        head.fields.push((name.to_vec(), value.to_vec()));
    }
    Scan::Whole(Box::new(head))
}

fn bad(why: &'static str) -> Scan {
    Scan::Bad(Refusal::new(400, why))
}

fn too_large(shared: &Shared) -> Scan {
    let status = if shared.has(Fault::LargeHeadIs500) { 500 } else { 431 };
    Scan::Bad(Refusal::new(status, "the head is too large (RFC 6585 5)"))
}

fn too_long(shared: &Shared) -> Scan {
    let status = if shared.has(Fault::LongTargetIs400) { 400 } else { 414 };
    Scan::Bad(Refusal::new(status, "the target is too long (RFC 9112 3)"))
}

/// Octets of a request line.
const LONGEST_LINE: usize = 16 << 10;
/// Octets of a head.
const LONGEST_HEAD: usize = 48 << 10;
const MOST_FIELDS: usize = 100;
