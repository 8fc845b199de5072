//! Frames after permessage-deflate was agreed: where RSV1 may stand, fragments, control frames between
//! them, messages of both kinds (RFC 7692 §6, §6.1, §6.2, §7.2.3).

use crate::case::{Case, DEFAULT, Profile, run};
use crate::client::{Client, PROMPT};
use crate::deflate::{Token, Writer, deflate, json, plain, samples, words};
use crate::exchange::{End, row_offering};
use crate::frame::{Event, masked, ping};

pub(crate) const OFFER: &str = "permessage-deflate";
pub(crate) const TAKEOVER: Profile = &["--deflate", "takeover"];
pub(crate) const LEAN: Profile = &["--deflate", "lean"];

/// No context is taken over, neither way.
pub(crate) const AGREED: (Profile, &str) = (DEFAULT, OFFER);
/// Both contexts are taken over.
pub(crate) const KEPT: (Profile, &str) = (TAKEOVER, OFFER);

/// "Hello" as RFC 7692 §7.2.3.1 compresses it.
pub(crate) const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

pub(crate) fn hello() -> Event {
    Event::Text(b"Hello".to_vec())
}

/// A compressed text message in one frame.
pub(crate) fn compressed(payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(0xc1, payload.as_ref())
}

/// A compressed binary message in one frame.
pub(crate) fn compressed_binary(payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(0xc2, payload.as_ref())
}

/// A message whose first frame has this first byte without FIN, in a fragment per piece, and behind
/// each fragment but the last these frames.
pub(crate) fn fragments(first: u8, pieces: &[&[u8]], between: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let opcode = if at == 0 { first } else { 0 };
        if at + 1 == pieces.len() {
            bytes.extend(masked(opcode | 0x80, piece));
        } else {
            bytes.extend(masked(opcode, piece));
            bytes.extend_from_slice(between);
        }
    }
    bytes
}

#[test]
fn deflate_fragments() {
    let agreed =
        |id, rule: &str, bytes, replies, end| row_offering(AGREED, id, rule, bytes, replies, end);
    let t = |payload: &[u8]| vec![Event::Text(payload.to_vec())];
    let mut cases = vec![
        agreed(
            "7692-7.2.1-06",
            "every fragment flushed, all but the last with its tail",
            fragments(
                0x41,
                &[
                    &Writer::new().fixed(false, &plain("Hel")).stored(false, b"").finish(),
                    &Writer::new().fixed(false, &plain("lo")).stored(false, b"").finish(),
                    &[0],
                ],
                b"",
            ),
            vec![hello()],
            End::Open,
        ),
        agreed(
            "7692-7.2.1-02",
            "blocks of all kinds in one message, a fragment per byte",
            {
                let payload = blocks_of_all_kinds();
                fragments(0x41, &payload.chunks(1).collect::<Vec<_>>(), b"")
            },
            t(&[words(), words(), b"end".to_vec()].concat()),
            End::Open,
        ),
    ];
    // Every cut of longer streams, each on one connection.
    let long: Vec<(String, Vec<u8>, Vec<u8>)> = samples()
        .into_iter()
        .map(|(name, payload, original)| (name.to_owned(), payload, original))
        .chain([(
            "blocks of all kinds".to_owned(),
            blocks_of_all_kinds(),
            [words(), words(), b"end".to_vec()].concat(),
        )])
        .collect();
    for (name, payload, original) in long {
        let rule = format!("{name}: two fragments, cut everywhere");
        cases.push(Case::on(DEFAULT, "7692-6.2-01", rule, move |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            for cut in 0..=payload.len() {
                let (a, b) = payload.split_at(cut);
                client.send(&fragments(0x42, &[a, b], &ping("p")))?;
                client.expect(&Event::Pong(b"p".to_vec()))?;
                client
                    .expect(&Event::Binary(original.clone()))
                    .map_err(|why| format!("    cut       after {cut}\n{why}"))?;
            }
            client.expect_alive()
        }));
    }
    cases.push(Case::on(DEFAULT, "7692-7.2.1-07", "three fragments, cut everywhere", |server| {
        let payload = deflate(b"", b"a bb ccc bb a ccc, a bb \xf0\x9f\xa6\x80");
        let mut client = Client::offering(server.address(), OFFER)?;
        for first in 0..=payload.len() {
            for second in first..=payload.len() {
                let pieces = [&payload[..first], &payload[first..second], &payload[second..]];
                client.send(&fragments(0x41, &pieces, b""))?;
                client.expect(&Event::Text("a bb ccc bb a ccc, a bb 🦀".into()))?;
            }
        }
        client.expect_alive()
    }));
    cases.push(Case::on(DEFAULT, "7692-6.2-02", "a long message in 2000 fragments", |server| {
        let original = json().repeat(300);
        let payload = deflate(b"", &original);
        let mut client = Client::offering(server.address(), OFFER)?;
        let pieces: Vec<&[u8]> = payload.chunks(payload.len().div_ceil(2000)).collect();
        client.send(&fragments(0x41, &pieces, b""))?;
        client.expect(&Event::Text(original))?;
        client.expect_alive()
    }));
    cases.push(Case::on(DEFAULT, "7692-6.2-01", "a ping inside a long frame waits", |server| {
        let mut client = Client::offering(server.address(), OFFER)?;
        let frame = compressed(HELLO);
        client.send(&frame[..9])?;
        client.expect_silence(std::time::Duration::from_millis(60))?;
        client.send(&[&frame[9..], &ping("p")].concat())?;
        client.expect(&hello())?;
        client.expect_within(&Event::Pong(b"p".to_vec()), PROMPT)?;
        client.expect_alive()
    }));
    run("deflate_fragments", cases);
}

/// Stored, fixed and dynamic blocks, some of them empty, that hold the words twice and `end`.
pub(crate) fn blocks_of_all_kinds() -> Vec<u8> {
    let words = words();
    let again = Token::Copy { length: 258, distance: words.len() };
    Writer::new()
        .stored(false, b"")
        .fixed(false, &[])
        .stored(false, &words[..100])
        .dynamic(false, &plain(&words[100..]))
        .fixed(false, &[again])
        .dynamic(false, &plain(&words[258..]))
        .stored(false, b"")
        .dynamic(false, &[])
        .fixed(false, &plain("end"))
        .message()
}
