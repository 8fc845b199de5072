//! What is written back to an opening handshake: the 101, and refusals with all that a client needs
//! (RFC 6455 §4.2.2; RFC 9110 §6.6.1, §15.5; RFC 9112 §9.6).

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::{Fault, Shared};

/// Why a handshake is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) sentence: &'static str,
    /// Whether the versions that are spoken go with it.
    pub(super) lists_versions: bool,
}

impl Refusal {
    pub(super) fn new(status: u16, sentence: &'static str) -> Refusal {
        Refusal { status, sentence, lists_versions: status == 426 }
    }

    /// Together with the versions that are spoken (RFC 6455 §4.4).
    pub(super) fn listing(status: u16, sentence: &'static str) -> Refusal {
        Refusal { status, sentence, lists_versions: true }
    }

    /// The answer on the wire.
    pub(super) fn response(&self, shared: &Shared, is_head: bool) -> Vec<u8> {
        let mut fields = vec![format!("Date: {}", date())];
        if self.status == 426 {
            if !shared.has(Fault::UpgradeMissingIn426) {
                fields.push("Upgrade: websocket".to_owned());
            }
            if shared.has(Fault::ConnectionMissingIn426) {
                fields.push("Connection: close".to_owned());
            } else {
                fields.push("Connection: Upgrade, close".to_owned());
            }
        } else {
            fields.push("Connection: close".to_owned());
        }
        if self.status == 405 && !shared.has(Fault::AllowMissing) {
            fields.push("Allow: GET".to_owned());
        }
        if self.lists_versions && !shared.has(Fault::VersionsNotListed) {
            fields.push("Sec-WebSocket-Version: 13".to_owned());
        }
        let body = format!("{}\n", self.sentence);
        fields.push("Content-Type: text/plain".to_owned());
        fields.push(format!("Content-Length: {}", body.len()));
        let mut content = body.clone();
        if shared.has(Fault::LengthAndCodingSent) {
            fields.push("Transfer-Encoding: chunked".to_owned());
            content = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        }
        if is_head && !shared.has(Fault::HeadHasContent) {
            content.clear();
        }
        let head = format!("HTTP/1.1 {} {}", self.status, reason(self.status));
        format!("{head}\r\n{}\r\n\r\n{content}", fields.join("\r\n")).into_bytes()
    }
}

/// What a 101 says beside that it is one.
pub(super) struct Accepted {
    pub(super) key: Vec<u8>,
    pub(super) subprotocol: Option<String>,
    pub(super) extensions: Option<String>,
}

impl Accepted {
    pub(super) fn response(&self, shared: &Shared) -> Vec<u8> {
        let mut fields = Vec::new();
        if !shared.has(Fault::UpgradeNotAnswered) {
            fields.push("Upgrade: websocket".to_owned());
        }
        if !shared.has(Fault::ConnectionNotAnswered) {
            fields.push("Connection: Upgrade".to_owned());
        }
        let key = match () {
            () if shared.has(Fault::AcceptWrong) => b"AAAAAAAAAAAAAAAAAAAAAA==".to_vec(),
            () if shared.has(Fault::AcceptPlusIsSpace) => {
                self.key.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect()
            }
            () => self.key.clone(),
        };
        let accept = format!("Sec-WebSocket-Accept: {}", accept_value(&key));
        if !shared.has(Fault::AcceptMissing) {
            fields.push(accept.clone());
        }
        if shared.has(Fault::AcceptTwice) {
            fields.push(accept);
        }
        if shared.has(Fault::LengthIn101) {
            fields.push("Content-Length: 0".to_owned());
        }
        if shared.has(Fault::CodingIn101) {
            fields.push("Transfer-Encoding: chunked".to_owned());
        }
        if let Some(subprotocol) = &self.subprotocol {
            fields.push(format!("Sec-WebSocket-Protocol: {subprotocol}"));
        }
        if let Some(extensions) = &self.extensions {
            fields.push(format!("Sec-WebSocket-Extensions: {extensions}"));
        }
        let more = match shared.has(Fault::ResponseBehind101) {
            true => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            false => "",
        };
        let line = "HTTP/1.1 101 Switching Protocols";
        format!("{line}\r\n{}\r\n\r\n{more}", fields.join("\r\n")).into_bytes()
    }
}

/// RFC 6455 §4.2.2.
fn accept_value(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

/// The time as HTTP writes it (RFC 9110 §5.6.7).
fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7) as usize];
    let mut year = 1970;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let months = [
        ("Jan", 31),
        ("Feb", 28 + u64::from(is_leap(year))),
        ("Mar", 31),
        ("Apr", 30),
        ("May", 31),
        ("Jun", 30),
        ("Jul", 31),
        ("Aug", 31),
        ("Sep", 30),
        ("Oct", 31),
        ("Nov", 30),
        ("Dec", 31),
    ];
    let mut month = "";
    for (name, len) in months {
        month = name;
        if days < len {
            break;
        }
        days -= len;
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!(
        "{weekday}, {:02} {month} {year} {hour:02}:{minute:02}:{:02} GMT",
        days + 1,
        second % 60
    )
}
