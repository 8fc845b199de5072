//! Random streams of compressed messages, good and bad, cut anywhere: the server must agree with the slow
//! twin as `model.rs` asks it.

use stickler_testing::drive::Deflate;

use crate::case::{Case, Profile, run_at_once};
use crate::client::{Client, Outcome};
use crate::deflate::{Token, Writer, json, plain, tokens, words};
use crate::frame::{Event, masked_with, ping};
use crate::model::{SMALL, compare, expected};
use crate::server::Server;
use stickler_testing::random::Random;

const SMALL_KEPT: Profile = &[
    "--max-message-size",
    "1000",
    "--max-frame-size",
    "600",
    "--max-fragments",
    "8",
    "--deflate",
    "takeover",
    "--deflate-min-size",
    "20",
];

const OFFERS: [&str; 5] = [
    "permessage-deflate",
    "permessage-deflate; server_max_window_bits=9",
    "permessage-deflate; server_max_window_bits=8",
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover; server_max_window_bits=10",
];

/// Messages as a client might compress them, now and then with something wrong.
fn stream(random: &mut Random, takeover: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut history = Vec::new();
    for _ in 0..1 + random.below(10) {
        let message = some_text(random);
        let opcode = 1 + u8::from(random.below(3) == 0);
        let is_compressed = random.below(5) > 0;
        let payload = if is_compressed {
            let payload = some_payload(random, &history, &message);
            if takeover {
                history.extend_from_slice(&message);
            }
            payload
        } else {
            message
        };
        let first = opcode | if is_compressed { 0x40 } else { 0 };
        bytes.extend(in_frames(random, first, &payload));
    }
    // Few enough that most of what is wrong is wrong in one place.
    for _ in 0..random.below(3) {
        if random.below(2) == 0 {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
    }
    if random.below(4) == 0 {
        bytes.truncate(1 + random.below(bytes.len()));
    }
    bytes
}

fn some_text(random: &mut Random) -> Vec<u8> {
    let source = match random.below(5) {
        0 => words(),
        1 => json(),
        2 => "aé€🦀 und so weiter ".repeat(20).into_bytes(),
        3 => vec![b'x'; 1000],
        _ => "🦀".repeat(30).into_bytes(),
    };
    let most = [0, 1, 20, 150, 400, 1002][random.below(6)];
    let count = most - random.below(most.min(3) + 1);
    let mut text: Vec<u8> = source.into_iter().cycle().skip(random.below(40)).take(count).collect();
    if random.below(15) > 0 {
        // Mostly text that is whole.
        text = String::from_utf8_lossy(&text).replace('\u{fffd}', "?").into_bytes();
    }
    text
}

/// The message in blocks of any kind; one in some refers to what is not there, or ends too early.
fn some_payload(random: &mut Random, history: &[u8], message: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    let mut done = 0;
    while done < message.len() {
        let part = &message[done..done + 1 + random.below(message.len() - done)];
        let before = [history, &message[..done]].concat();
        let window = 1 << random.below(16);
        let kept = before.len().saturating_sub(32 << 10);
        let tokens = tokens(&before[kept..], part, window);
        let last = random.below(6) == 0;
        writer = match random.below(5) {
            0 => writer.stored(last, part),
            1 | 2 => writer.dynamic(last, &tokens),
            _ => writer.fixed(last, &tokens),
        };
        if random.below(8) == 0 {
            writer = writer.stored(random.below(2) == 0, b"").fixed(random.below(2) == 0, &[]);
        }
        done += part.len();
    }
    if random.below(30) == 0 {
        let copy =
            Token::Copy { length: 3 + random.below(256), distance: 1 + random.below(32 << 10) };
        writer = writer.fixed(random.below(2) == 0, &[copy]);
    }
    if random.below(40) == 0 {
        writer = writer.fixed_open(false, &plain("the end is missing"));
    }
    let mut payload = match random.below(6) {
        0 => writer.bits(1, 3).align(false).finish(),
        _ => writer.message(),
    };
    if random.below(30) == 0 {
        payload.pop();
    }
    payload
}

/// In up to nine frames, with pings between; now and then RSV1 where it may not be.
fn in_frames(random: &mut Random, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = payload;
    let mut opcode = first;
    for _ in 0..random.below(9) {
        let (piece, after) = rest.split_at(random.below(rest.len() + 1));
        bytes.extend(masked_with(opcode, random.key(), piece));
        rest = after;
        opcode = if random.below(60) == 0 { 0x40 } else { 0 };
        if random.below(4) == 0 {
            bytes.extend(ping("between"));
        }
    }
    bytes.extend(masked_with(opcode | 0x80, random.key(), rest));
    bytes
}

fn agrees(server: &Server, seed: u64) -> Outcome {
    let mut random = Random::new(76_920_000 + seed);
    let client = Client::offering(server.address(), OFFERS[random.below(5)])?;
    let takeover = !client.inflating().agreed().client_no_context_takeover;
    // Now and then a client that refers to what the other end need not keep.
    let bytes = stream(&mut random, takeover || seed.is_multiple_of(16));
    compare(client, &bytes, agreed(takeover), &mut random)
}

fn agreed(takeover: bool) -> Deflate {
    if takeover { Deflate::ContextTakeover } else { Deflate::NoContextTakeover }
}

#[test]
fn deflate_model_agrees_with_the_server() {
    let mut cases = Vec::new();
    for profile in [SMALL, SMALL_KEPT] {
        for part in 0..10_u64 {
            let seeds = part * 100..part * 100 + 100;
            let rule = format!("random streams {seeds:?} bring what the model says");
            cases.push(Case::on(profile, "7692-6.2-01", rule, move |server| {
                seeds.clone().try_for_each(|seed| {
                    agrees(server, seed).map_err(|why| format!("    seed      {seed}\n{why}"))
                })
            }));
        }
    }
    run_at_once("deflate_model_agrees_with_the_server", cases, 8);
}

#[test]
fn the_streams_bring_everything() {
    let mut counts = std::collections::HashMap::new();
    let mut messages = 0;
    for seed in 0..150 {
        let mut random = Random::new(76_920_000 + seed);
        random.below(5);
        let bytes = stream(&mut random, seed % 2 == 0);
        let events = expected(&bytes, agreed(seed % 2 == 0));
        messages += events.len();
        let code = match events.last() {
            Some(Event::Close(body)) => Event::close_code(body),
            _ => None,
        };
        *counts.entry(code).or_insert(0) += 1;
    }
    assert!(messages > 300, "{messages}");
    for (code, least) in
        [(None, 20), (Some(1002), 8), (Some(1007), 15), (Some(1008), 3), (Some(1009), 10)]
    {
        let count = counts.get(&code).copied().unwrap_or(0);
        assert!(count >= least, "{code:?} of {counts:?}");
    }
}
