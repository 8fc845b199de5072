//! Lists of extensions and of tokens: several lines are one list, what was read can be written
//! and read again, and without quotes a naive splitter agrees.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stickler::proto::{
    extension::{ExtensionOffer, MAX_OFFERS, MAX_PARAMS, parse_offers},
    handshake::{Policy, Request, Verdict, judge},
    rejection::Rejection,
};

fuzz_target!(|data: &[u8]| {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let offers = parse_offers(lines.iter().copied());
    let joined = lines.join(&b", "[..]);
    assert_eq!(parse_offers([&joined[..]]), offers);
    if let Ok(offers) = &offers {
        assert!(offers.len() <= MAX_OFFERS);
        assert!(offers.iter().all(|offer| offer.params.len() <= MAX_PARAMS));
        let written: Vec<String> = offers.iter().map(write).collect();
        if !written.is_empty() {
            assert_eq!(parse_offers([written.join(",").as_bytes()]).as_ref(), Ok(offers));
        }
    }
    if !data.contains(&b'"') && offers != Err(Rejection::TooManyEmptyMembers) {
        assert_eq!(offers.is_ok(), is_list(&joined, is_offer), "{:?}", joined.escape_ascii());
    }
    check_tokens(&lines, &joined);
});

fn write(offer: &ExtensionOffer) -> String {
    let param = |(name, value): &(String, Option<String>)| match value {
        Some(value) => format!("; {name}=\"{value}\""),
        None => format!("; {name}"),
    };
    offer.name.clone() + &offer.params.iter().map(param).collect::<String>()
}

/// The same lines as a list of connection options, and as subprotocols.
fn check_tokens(lines: &[&[u8]], joined: &[u8]) {
    const GOOD: [(&str, &[u8]); 4] = [
        ("Host", b"a.example"),
        ("Upgrade", b"websocket"),
        ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", b"13"),
    ];
    let policy = Policy::default()
        .origins(["any".parse().unwrap()])
        .subprotocols(["b".parse().unwrap(), "a".parse().unwrap()]);
    let verdict = |name: &'static str, more: Option<(&'static str, &'static [u8])>| {
        let fields = lines.iter().map(|line| (name, *line));
        let request = Request::from_parts("GET", "/", GOOD.into_iter().chain(more).chain(fields));
        request.and_then(|request| judge(&request, &policy)).map_err(|refusal| refusal.rejection)
    };
    let options = verdict("Connection", None);
    let offered = verdict("Sec-WebSocket-Protocol", Some(("Connection", b"upgrade")));
    let members: Vec<&[u8]> = members(joined).collect();
    let is_field = lines.concat().iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..));
    if !is_field {
        assert!(options.is_err() && offered.is_err());
        return;
    }
    if !matches!(options, Err(Rejection::TooManyEmptyMembers)) {
        let upgrades = members.iter().any(|option| option.eq_ignore_ascii_case(b"upgrade"));
        assert_eq!(options.is_ok(), upgrades && members.iter().all(|member| is_token(member)));
    }
    if let Ok(Verdict::WebSocket(offer)) = offered {
        let spoken = members.iter().find(|member| matches!(member, [b'a' | b'b']));
        assert_eq!(offer.subprotocol.as_ref().map(|name| name.as_bytes()), spoken.copied());
        assert!(!members.is_empty() && members.iter().all(|member| is_token(member)));
    }
}

fn is_list(value: &[u8], is_member: fn(&[u8]) -> bool) -> bool {
    members(value).next().is_some() && members(value).all(is_member)
}

/// What stands between commas, save for nothing.
fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim).filter(|member| !member.is_empty())
}

fn is_offer(offer: &[u8]) -> bool {
    let mut parts = offer.split(|byte| *byte == b';').map(trim);
    let name = parts.next().unwrap_or_default();
    is_token(name)
        && parts.all(|param| match param.iter().position(|byte| *byte == b'=') {
            Some(at) => is_token(trim(&param[..at])) && is_token(trim(&param[at + 1..])),
            None => is_token(param),
        })
}

fn is_token(octets: &[u8]) -> bool {
    let is_token_octet =
        |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet);
    !octets.is_empty() && octets.iter().all(is_token_octet)
}

fn trim(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = octets {
        octets = rest;
    }
    octets
}
