//! Whether a request opens a WebSocket, and with which answer it is refused (RFC 6455 §4.2.1; RFC 9110;
//! RFC 9112). The order of the checks is that of the library.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::answer::{Accepted, Refusal};
use super::fields::{Quoted, extensions, is_token, members, trim};
use super::head::Head;
use super::negotiation::{Agreement, negotiate};
use super::target::{Target, is_host, target};
use super::{Fault, Shared};

/// The answer to a good request, and what was agreed.
pub(super) struct Opened {
    pub(super) accepted: Accepted,
    pub(super) agreement: Option<Agreement>,
    /// Whether a 100 is owed first (RFC 9110 §7.8).
    pub(super) continues: bool,
}

pub(super) fn judge(shared: &Shared, head: &Head) -> Result<Opened, Refusal> {
    version_of_http(shared, head)?;
    host(shared, head)?;
    content(shared, head)?;
    let continues = expectation(head)?;
    method(shared, head)?;
    check_target(shared, head)?;
    upgrade(shared, head)?;
    connection(shared, head)?;
    version(shared, head)?;
    let key = key(shared, head)?;
    let subprotocol = subprotocol(shared, head)?;
    let (agreement, extensions) = agree(shared, head)?;
    let accepted = Accepted { key, subprotocol, extensions };
    Ok(Opened { accepted, agreement, continues })
}

fn refuse<T>(status: u16, sentence: &'static str) -> Result<T, Refusal> {
    Err(Refusal::new(status, sentence))
}

fn version_of_http(shared: &Shared, head: &Head) -> Result<(), Refusal> {
    let [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] = head.version[..] else {
        return refuse(400, "no version of HTTP (RFC 9112 2.3)");
    };
    match (major, minor) {
        (b'1', b'0') if shared.has(Fault::Http10Opens) => Ok(()),
        (b'1', b'0') => refuse(400, "HTTP/1.0 cannot upgrade (RFC 6455 4.2.1)"),
        (b'1', b'0'..=b'9') => Ok(()),
        (b'2'..=b'9', b'0'..=b'9') => refuse(505, "not HTTP/1.1 (RFC 9110 15.6.6)"),
        _ => refuse(400, "no version of HTTP (RFC 9112 2.3)"),
    }
}

fn host(shared: &Shared, head: &Head) -> Result<(), Refusal> {
    if shared.has(Fault::FieldNameOrder) && !head.first_name().eq_ignore_ascii_case(b"host") {
        return refuse(400, "Host is not the first field");
    }
    match head.all("host")[..] {
        [] if shared.has(Fault::NoHostOpens) => Ok(()),
        [] if shared.has(Fault::HostNot400) => refuse(404, "no Host (RFC 9112 3.2)"),
        [] => refuse(400, "no Host (RFC 9112 3.2)"),
        [first, _, ..] if shared.has(Fault::TwoHostsOpen) && is_host(first) => Ok(()),
        [_, _, ..] => refuse(400, "two Hosts (RFC 9112 3.2)"),
        [one] if is_host(one) || shared.has(Fault::AnyHost) => Ok(()),
        [_] => refuse(400, "a Host that is none (RFC 9112 3.2)"),
    }
}

fn content(shared: &Shared, head: &Head) -> Result<(), Refusal> {
    let (lengths, codings) = (head.all("content-length"), head.all("transfer-encoding"));
    let is_number = |value: &[u8]| !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    if !lengths.is_empty() && !codings.is_empty() {
        return match shared.has(Fault::LengthAndCodingOpen) {
            true => Ok(()),
            false => refuse(400, "Content-Length and Transfer-Encoding (RFC 9112 6.1)"),
        };
    }
    match lengths[..] {
        [] => {}
        [b"0"] => {}
        [value] if is_number(value) && shared.has(Fault::BodyIsFrames) => {}
        [first, _, ..] if shared.has(Fault::TwoLengthsOpen) && first == b"0" => {}
        [one] if shared.has(Fault::BadLengthOpens) && !is_number(one) => {}
        [one] if is_number(one) => return refuse(400, "content (RFC 9110 9.3.1)"),
        _ => return refuse(400, "a Content-Length that is none (RFC 9112 6.3)"),
    }
    if codings.is_empty() {
        return Ok(());
    }
    let codings = members(&codings);
    if !codings.iter().all(|coding| is_token(coding)) {
        return refuse(400, "a Transfer-Encoding that is none (RFC 9112 6.1)");
    }
    let is = |coding: &[u8], name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
    let (last, before) = codings.split_last().unwrap();
    if !is(last, "chunked") {
        return match shared.has(Fault::NotChunkedOpens) {
            true => Ok(()),
            false => refuse(400, "the last coding is not chunked (RFC 9112 6.3)"),
        };
    }
    if before.iter().any(|coding| !is(coding, "chunked")) {
        return refuse(501, "an unknown coding (RFC 9112 6.1)");
    }
    refuse(400, "content (RFC 9110 9.3.1)")
}

fn expectation(head: &Head) -> Result<bool, Refusal> {
    let expectations = members(&head.all("expect"));
    if expectations.iter().any(|one| !one.eq_ignore_ascii_case(b"100-continue")) {
        return refuse(417, "an unknown expectation (RFC 9110 10.1.1)");
    }
    Ok(!expectations.is_empty())
}

fn method(shared: &Shared, head: &Head) -> Result<(), Refusal> {
    match &head.method[..] {
        b"GET" => Ok(()),
        b"get" if shared.has(Fault::LowerCaseMethod) => Ok(()),
        b"HEAD" if shared.has(Fault::HeadOpens) => Ok(()),
        b"POST" | b"PUT" | b"DELETE" | b"OPTIONS" | b"TRACE" | b"CONNECT" | b"PATCH"
            if shared.has(Fault::AnyMethod) =>
        {
            Ok(())
        }
        b"HEAD" | b"POST" | b"PUT" | b"DELETE" | b"OPTIONS" | b"TRACE" | b"CONNECT" | b"PATCH" => {
            refuse(405, "not a GET (RFC 6455 4.2.1)")
        }
        _ => refuse(501, "an unknown method (RFC 9110 9.1)"),
    }
}

fn check_target(shared: &Shared, head: &Head) -> Result<(), Refusal> {
    match target(&head.target) {
        Target::Ours { absolute: true } => {
            let is_lower = head.target.starts_with(b"http:");
            let lower = head.target.to_ascii_lowercase();
            let rest = lower.get(7..).unwrap_or_default();
            let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
            let hosts = head.all("host");
            let is_same = hosts.first().is_none_or(|host| host.eq_ignore_ascii_case(&rest[..end]));
            if shared.has(Fault::AbsoluteTargetRefused)
                || (shared.has(Fault::AbsoluteTargetLowerCase) && !is_lower)
                || (shared.has(Fault::HostOfAbsoluteTarget) && !is_same)
            {
                return refuse(400, "an absolute target");
            }
            Ok(())
        }
        Target::Ours { absolute: false } => Ok(()),
        Target::Https if shared.has(Fault::HttpsTargetOpens) => Ok(()),
        Target::Https => refuse(421, "https without TLS (RFC 9110 7.4)"),
        Target::NoHost if shared.has(Fault::EmptyHostTargetOpens) => Ok(()),
        Target::NoHost => refuse(400, "a target without a host (RFC 9110 4.2.1)"),
        Target::Bad => refuse(400, "a target that is none (RFC 9112 3.2)"),
    }
}

/// The members of a list, as the faults of lists leave them.
fn list<'a>(shared: &Shared, lines: &[&'a [u8]], faults: &ListFaults) -> Vec<&'a [u8]> {
    let lines = match lines {
        [first, ..] if shared.has(faults.first_line) => vec![*first],
        _ => lines.to_vec(),
    };
    let mut all = members(&lines);
    if shared.has(Fault::TabBeforeComma) {
        let split = lines.iter().flat_map(|line| line.split(|byte| *byte == b','));
        all = split.map(<[u8]>::trim_ascii_start).collect();
    }
    if shared.has(faults.first_member) {
        all.truncate(1);
    }
    if !shared.has(faults.empty_member) && all.iter().any(|one| !one.is_empty()) {
        all.retain(|one| !one.is_empty());
    }
    all
}

struct ListFaults {
    first_line: Fault,
    first_member: Fault,
    empty_member: Fault,
}

fn upgrade(shared: &Shared, head: &Head) -> Result<(), Refusal> {
    let lines = head.all("upgrade");
    let joined = lines.join(&b","[..]);
    let lower = joined.to_ascii_lowercase();
    let missing = || Refusal::new(426, "no Upgrade: websocket (RFC 6455 4.2.1)");
    if shared.has(Fault::UpgradeContains) && contains(&lower, b"websocket")
        || shared.has(Fault::UpgradePrefix) && lower.starts_with(b"websocket")
        || shared.has(Fault::UpgradeMissingOpens) && lines.is_empty()
    {
        return Ok(());
    }
    if lines.is_empty() {
        return Err(missing());
    }
    let faults = ListFaults {
        first_line: Fault::UpgradeFirstLine,
        first_member: Fault::UpgradeFirstMember,
        empty_member: Fault::UpgradeEmptyMember,
    };
    let all = list(shared, &lines, &faults);
    let is_protocol = |one: &&[u8]| {
        let mut parts = one.splitn(2, |byte| *byte == b'/');
        parts.next().is_some_and(is_token) && parts.next().is_none_or(is_token)
    };
    if !all.iter().all(is_protocol) {
        return refuse(400, "an Upgrade that is no list of protocols (RFC 9110 7.8)");
    }
    let is_ours = |one: &&[u8]| match shared.has(Fault::UpgradeCase) {
        true => *one == b"websocket",
        false => one.eq_ignore_ascii_case(b"websocket"),
    };
    if all.iter().any(is_ours) { Ok(()) } else { Err(missing()) }
}

fn connection(shared: &Shared, head: &Head) -> Result<(), Refusal> {
    let lines = head.all("connection");
    let lower = lines.join(&b","[..]).to_ascii_lowercase();
    if shared.has(Fault::ConnectionContains) && contains(&lower, b"upgrade")
        || shared.has(Fault::ConnectionMissingOpens) && lines.is_empty()
    {
        return Ok(());
    }
    let faults = ListFaults {
        first_line: Fault::ConnectionFirstLine,
        first_member: Fault::ConnectionFirstMember,
        empty_member: Fault::ConnectionEmptyMember,
    };
    let all = list(shared, &lines, &faults);
    let is_ours = |one: &&[u8]| match shared.has(Fault::ConnectionCase) {
        true => *one == b"Upgrade",
        false => one.eq_ignore_ascii_case(b"upgrade"),
    };
    if all.iter().all(|one| is_token(one)) && all.iter().any(is_ours) {
        Ok(())
    } else {
        refuse(400, "Connection has no option Upgrade (RFC 6455 4.2.1)")
    }
}

fn version(shared: &Shared, head: &Head) -> Result<(), Refusal> {
    let malformed = |why| Err(Refusal::listing(400, why));
    let value = match head.all("sec-websocket-version")[..] {
        [] if shared.has(Fault::VersionMissingOpens) => return Ok(()),
        [] => return malformed("no version (RFC 6455 4.2.1)"),
        [one] => one,
        [first, ..] if shared.has(Fault::TwoVersionsOpen) => first,
        _ => return malformed("two versions (RFC 6455 11.3.5)"),
    };
    let digits = value.iter().all(u8::is_ascii_digit) && !value.is_empty();
    let number: u64 = std::str::from_utf8(value).unwrap_or("").parse().unwrap_or(0);
    if value == b"13"
        || shared.has(Fault::AnyVersion) && digits
        || shared.has(Fault::VersionModulo256) && digits && number % 256 == 13
        || shared.has(Fault::VersionZeros) && digits && number == 13
        || shared.has(Fault::VersionList) && value.starts_with(b"13,")
    {
        return Ok(());
    }
    // RFC 6455 §4.3: a number up to 255 without leading zeros.
    if digits && number <= 255 && value == number.to_string().as_bytes() {
        return refuse(426, "not version 13 (RFC 6455 4.2.2)");
    }
    malformed("a version that is none (RFC 6455 4.3)")
}

fn key(shared: &Shared, head: &Head) -> Result<Vec<u8>, Refusal> {
    if shared.has(Fault::FieldNameCase) && !head.has_exactly("Sec-WebSocket-Key") {
        return refuse(400, "no key (RFC 6455 4.2.1)");
    }
    let value = match head.all("sec-websocket-key")[..] {
        [] if shared.has(Fault::KeyMissingOpens) => return Ok(Vec::new()),
        [] => return refuse(400, "no key (RFC 6455 4.2.1)"),
        [one] => one,
        [first, ..] if shared.has(Fault::TwoKeysOpen) => first,
        _ => return refuse(400, "two keys (RFC 6455 11.3.1)"),
    };
    if value.is_empty() && shared.has(Fault::KeyEmptyOpens)
        || !value.is_empty() && shared.has(Fault::AnyKey)
    {
        return Ok(value.to_vec());
    }
    match STANDARD.decode(value) {
        Ok(key) if key.len() == 16 => {}
        _ => return refuse(400, "a key that is not 16 octets in base64 (RFC 6455 4.2.1)"),
    }
    if shared.has(Fault::KeyNotTrimmed) {
        return Ok(head.raw_key.clone());
    }
    Ok(value.to_vec())
}

fn subprotocol(shared: &Shared, head: &Head) -> Result<Option<String>, Refusal> {
    let lines = head.all("sec-websocket-protocol");
    if shared.has(Fault::SubprotocolUnasked) && lines.is_empty() {
        return Ok(Some("chat".to_owned()));
    }
    if lines.is_empty() || shared.has(Fault::SubprotocolGrammar) {
        return Ok(None);
    }
    let mut all = members(&lines);
    all.retain(|one| !one.is_empty());
    let bad = "subprotocols that are no list of tokens (RFC 6455 4.3)";
    if all.is_empty() || !all.iter().all(|one| is_token(one)) {
        return refuse(400, bad);
    }
    let mut sorted = all.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() < all.len() {
        return refuse(400, "a subprotocol twice (RFC 6455 4.1)");
    }
    if shared.has(Fault::SubprotocolEmpty) {
        return Ok(Some(String::new()));
    }
    let first = String::from_utf8_lossy(all[0]).into_owned();
    if shared.has(Fault::SubprotocolTwice) {
        return Ok(Some(format!("{first}\r\nSec-WebSocket-Protocol: {first}")));
    }
    if shared.has(Fault::SubprotocolCase) {
        return Ok(Some(first.to_ascii_uppercase()));
    }
    if shared.has(Fault::SubprotocolOther) {
        return Ok(Some("x-other".to_owned()));
    }
    // An echo speaks none.
    let joined = lines.join(&b", "[..]);
    let echoed = shared.has(Fault::SubprotocolsEchoed) && all.len() > 1;
    Ok(echoed.then(|| String::from_utf8_lossy(&joined).into_owned()))
}

/// What is agreed, and how the answer says it.
type Agreed = (Option<Agreement>, Option<String>);

fn agree(shared: &Shared, head: &Head) -> Result<Agreed, Refusal> {
    let lines = head.all("sec-websocket-extensions");
    if lines.is_empty() {
        if shared.has(Fault::ExtensionUnasked) {
            return Ok((None, Some("permessage-deflate".to_owned())));
        }
        return Ok((None, None));
    }
    let quoted = match () {
        () if shared.has(Fault::QuotedValueGrammar) => Quoted::Anything,
        () if shared.has(Fault::QuotedPairRefused) => Quoted::WithoutPairs,
        () => Quoted::Token,
    };
    let mut offers = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let is_free = shared.has(Fault::ExtensionGrammar)
            || shared.has(Fault::ExtensionGrammarFirstLine) && at > 0;
        match extensions(trim(line), quoted) {
            Some(all) => offers.extend(all),
            None if is_free => {}
            None => return refuse(400, "extensions that break the grammar (RFC 6455 9.1)"),
        }
    }
    if offers.is_empty() && !shared.has(Fault::ExtensionGrammar) {
        return refuse(400, "an empty list of extensions (RFC 6455 9.1)");
    }
    if shared.has(Fault::ExtensionsEmpty) {
        return Ok((None, Some(String::new())));
    }
    if shared.has(Fault::ExtensionsEchoed) {
        return Ok((None, Some(String::from_utf8_lossy(lines[0]).into_owned())));
    }
    Ok(negotiate(shared, &offers))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
