//! Request heads, well-formed and not, and a strict reading of the responses.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use crate::check::head::{Head, SAMPLE_KEY};
use crate::client::Outcome;
use crate::frame::quote;

impl Head {
    /// Everything as it goes on the wire, for `/` on this machine.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_for("/", "127.0.0.1")
    }

    /// Lengthens the head to exactly this many bytes with one padding field.
    pub(crate) fn padded_to(self, length: usize) -> Head {
        let now = self.bytes().len();
        let pad = length - now - "X-Pad: \r\n".len();
        self.add("X-Pad", "p".repeat(pad))
    }
}

/// Peer bytes that no response may contain. Cases put it wherever a server might reflect it.
pub(crate) const MARKER: &str = "zq9x";

/// One HTTP response, parsed with no leniency.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    status_line: String,
}

impl Response {
    /// Parses a head that ends with its empty line.
    pub(crate) fn parse(head: &[u8]) -> Result<Response, String> {
        let text = std::str::from_utf8(head).map_err(|_| "the head is not ASCII")?;
        if !text.bytes().all(|byte| matches!(byte, b'\r' | b'\n' | b' '..=b'~')) {
            return Err(format!("the head holds octets outside printable ASCII: {}", quote(head)));
        }
        let text = text.strip_suffix("\r\n\r\n").ok_or("no empty line")?;
        let mut lines = text.split("\r\n");
        let status_line = lines.next().unwrap_or_default().to_owned();
        let status = status_line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.split_once(' '))
            .and_then(|(code, phrase)| (code.len() == 3 && !phrase.is_empty()).then_some(code))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| format!("bad status line {status_line:?}"))?;
        let mut fields = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(':').ok_or_else(|| format!("bad line {line:?}"))?;
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if name.is_empty() || !name.bytes().all(token) || line.contains(['\r', '\n']) {
                return Err(format!("bad field line {line:?}"));
            }
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Response { status, fields, body: Vec::new(), status_line })
    }

    /// One line for reports.
    pub(crate) fn summary(&self) -> String {
        let fields: Vec<String> = self.fields.iter().map(|(n, v)| format!("{n}: {v}")).collect();
        format!("{} [{}]", self.status_line, fields.join("; "))
    }

    /// All values of one field.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Checks that the field is there once, with this value.
    pub(crate) fn has(&self, name: &str, value: &str) -> Outcome {
        match self.values(&name.to_ascii_lowercase())[..] {
            [only] if only.eq_ignore_ascii_case(value) => Ok(()),
            ref other => Err(format!("{name} should be {value:?} once, is {other:?}")),
        }
    }

    fn lacks(&self, name: &str) -> Outcome {
        match self.values(&name.to_ascii_lowercase())[..] {
            [] => Ok(()),
            ref other => Err(format!("{name} does not belong here: {other:?}")),
        }
    }

    /// Checks a 101 that answers this head, without subprotocol.
    pub(crate) fn accepts(&self, head: &Head) -> Outcome {
        self.accepts_with(head, None)
    }

    /// Checks a 101 that answers this head and agrees on no extension (RFC 6455 §4.2.2).
    pub(crate) fn accepts_with(&self, head: &Head, subprotocol: Option<&str>) -> Outcome {
        self.accepts_and_extends(head, subprotocol)?;
        self.lacks("Sec-WebSocket-Extensions")
    }

    /// Checks a 101 that answers this head, whatever it says of extensions.
    pub(crate) fn accepts_and_extends(&self, head: &Head, subprotocol: Option<&str>) -> Outcome {
        if self.status_line != "HTTP/1.1 101 Switching Protocols" {
            let body = quote(&self.body);
            return Err(format!("{} with body {body}", self.summary()));
        }
        self.has("Upgrade", "websocket")?;
        self.has("Connection", "Upgrade")?;
        let key = head.value("Sec-WebSocket-Key").unwrap_or_default();
        let accept = accept_value(&key);
        match self.values("sec-websocket-accept")[..] {
            [only] if only == accept => {}
            ref other => return Err(format!("accept value should be {accept}, is {other:?}")),
        }
        match (subprotocol, &self.values("sec-websocket-protocol")[..]) {
            (None, []) => {}
            (Some(name), [only]) if *only == name => {}
            (wanted, seen) => return Err(format!("subprotocol {wanted:?} wanted, got {seen:?}")),
        }
        let absent = ["Content-Length", "Transfer-Encoding"];
        absent.iter().try_for_each(|name| self.lacks(name))?;
        self.reflects_nothing(&[])
    }

    /// Checks a refusal: status, the fields that belong to it, a body that names a clause.
    pub(crate) fn refuses(&self, statuses: &[u16], has_content: bool) -> Outcome {
        if !statuses.contains(&self.status) {
            let body = quote(&self.body);
            return Err(format!("{} with body {body}", self.summary()));
        }
        let absent = ["Sec-WebSocket-Accept", "Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"];
        absent.iter().try_for_each(|name| self.lacks(name))?;
        self.lacks("Transfer-Encoding")?;
        self.has_date()?;
        if self.status == 426 {
            self.has("Upgrade", "websocket")?;
            self.has("Sec-WebSocket-Version", "13")?;
            let [options] = self.values("connection")[..] else {
                return Err("Connection should be there once".to_owned());
            };
            let mut options: Vec<String> =
                options.split(',').map(|option| option.trim().to_ascii_lowercase()).collect();
            options.sort();
            if options != ["close", "upgrade"] {
                return Err(format!("Connection should list Upgrade and close, has {options:?}"));
            }
        } else {
            self.has("Connection", "close")?;
            self.lacks("Upgrade")?;
        }
        match self.status {
            405 => self.has("Allow", "GET")?,
            503 if self.values("retry-after").len() != 1 => return Err("no Retry-After".to_owned()),
            _ => {}
        }
        self.has_body(has_content)?;
        self.reflects_nothing(&self.body)
    }

    fn has_body(&self, has_content: bool) -> Outcome {
        let [length] = self.values("content-length")[..] else {
            return Err("Content-Length should be there once".to_owned());
        };
        let length: usize = length.parse().map_err(|_| format!("Content-Length {length:?}"))?;
        if !has_content {
            return if self.body.is_empty() {
                Ok(())
            } else {
                Err(format!("content after HEAD: {}", quote(&self.body)))
            };
        }
        if length != self.body.len() {
            let (here, body) = (self.body.len(), quote(&self.body));
            return Err(format!("Content-Length {length}, but {here} bytes came: {body}"));
        }
        let text = std::str::from_utf8(&self.body).map_err(|_| "the body is not UTF-8")?;
        if !opens_with_clause(text) {
            return Err(format!("the body does not open with a clause: {text:?}"));
        }
        match self.values("content-type")[..] {
            [one] if one.starts_with("text/plain") => Ok(()),
            ref other => Err(format!("Content-Type should be text/plain, is {other:?}")),
        }
    }

    fn has_date(&self) -> Outcome {
        let [date] = self.values("date")[..] else {
            return Err("Date should be there once".to_owned());
        };
        let told = parse_date(date).ok_or_else(|| format!("Date {date:?} is no IMF-fixdate"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        if now.abs_diff(told) > 10 {
            return Err(format!("Date {date:?} is {} s off", now.abs_diff(told)));
        }
        Ok(())
    }

    fn reflects_nothing(&self, body: &[u8]) -> Outcome {
        let fields: String = self.fields.iter().map(|(n, v)| format!("{n}:{v}\n")).collect();
        let all = fields + &String::from_utf8_lossy(body);
        if all.to_ascii_lowercase().contains(MARKER) {
            return Err(format!("the peer's bytes are reflected: {all:?}"));
        }
        Ok(())
    }
}

/// `RFC 6455 5.1: some words`.
pub(crate) fn opens_with_clause(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("RFC ") else { return false };
    let Some((rfc, rest)) = rest.split_once(' ') else { return false };
    let Some((section, words)) = rest.split_once(": ") else { return false };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(rfc) && section.split('.').all(digits) && !words.trim().is_empty()
}

/// Seconds since the epoch of `Sun, 06 Nov 1994 08:49:37 GMT`, nothing looser.
fn parse_date(date: &str) -> Option<u64> {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let [weekday, day, month, year, time, "GMT"] = date.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    if (day.len(), month.len(), year.len(), time.len()) != (2, 3, 4, 8) {
        return None;
    }
    let month = MONTHS.find(month)? as u64 / 3 + 1;
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else { return None };
    let clock = |part: &str| part.parse::<u64>().ok();
    // Days since 0000-03-01, in eras without leap-day exceptions at their end.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    if weekday != format!("{},", DAYS[usize::try_from(days % 7).ok()?]) {
        return None;
    }
    Some(days * 86_400 + clock(hour)? * 3600 + clock(minute)? * 60 + clock(second)?)
}

/// base64(SHA-1(key + GUID)), computed here and not by the crates the server uses.
fn accept_value(key: &[u8]) -> String {
    base64(&sha1(&[key, b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat()))
}

/// Base64 with padding (RFC 4648 §4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let all = three.iter().fold(0_usize, |all, byte| all << 8 | usize::from(*byte));
        let all = all << (8 * (3 - three.len()));
        for at in 0..4 {
            let digit = ALPHABET[(all >> (18 - 6 * at)) & 63] as char;
            text.push(if at <= three.len() { digit } else { '=' });
        }
    }
    text
}

/// SHA-1 (FIPS 180-4), the slow and plain way.
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks(64) {
        let mut words = [0_u32; 80];
        for (word, four) in words.iter_mut().zip(block.chunks(4)) {
            *word = u32::from_be_bytes(four.try_into().unwrap());
        }
        for t in 16..80 {
            words[t] = (words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (t, word) in words.iter().enumerate() {
            let (f, k) = match t {
                0..20 => ((b & c) | (!b & d), 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = [f, e, k, *word].into_iter().fold(a.rotate_left(5), u32::wrapping_add);
            (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
        }
        for (word, add) in state.iter_mut().zip([a, b, c, d, e]) {
            *word = word.wrapping_add(add);
        }
    }
    let mut digest = [0; 20];
    for (four, word) in digest.chunks_mut(4).zip(state) {
        four.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

#[test]
fn the_accept_value_of_rfc_6455_1_3_is_computed() {
    assert_eq!(accept_value(SAMPLE_KEY.as_bytes()), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn dates_are_read_to_the_second() {
    assert_eq!(parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
    assert_eq!(parse_date("Mon, 06 Nov 1994 08:49:37 GMT"), None);
    assert_eq!(parse_date("Sun, 6 Nov 1994 08:49:37 GMT"), None);
}
