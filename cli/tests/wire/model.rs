//! Random streams, good and bad, cut anywhere: the program must say to them what the naive twin of the receiving
//! side says, and nothing else.

use std::thread;

use stickler::proto::assembler::MessageLimits;
use stickler_testing::drive::{Deflate, Seen, Start};
use stickler_testing::twin;

use crate::case::{Case, Profile, run_at_once};
use crate::client::{Client, Next, Outcome, PROMPT, describe};
use crate::frame::{Event, close_body, decode, dump, masked_with};
use crate::http::Head;
use crate::server::Server;
use stickler_testing::random::Random;

/// The limits below, on the command line.
pub(crate) const SMALL: Profile =
    &["--max-message-size", "1000", "--max-frame-size", "600", "--max-fragments", "8"];
const LIMITS: MessageLimits =
    MessageLimits::new().max_message_size(1000).max_frame_size(600).max_fragments(8);

/// Everything that an echo must say to these bytes; after a Close nothing but its FIN.
pub(crate) fn expected(stream: &[u8], agreed: Deflate) -> Vec<Event> {
    let seen = twin::deflated(agreed, Start::Open, LIMITS, stream);
    seen.into_iter().filter_map(said).collect()
}

fn said(seen: Seen) -> Option<Event> {
    match seen {
        Seen::Text(text) => Some(Event::Text(text.into_bytes())),
        Seen::Binary(payload) => Some(Event::Binary(payload)),
        Seen::Sent(bytes) => {
            let (frame, len) = decode(&bytes).unwrap().unwrap();
            assert_eq!(len, bytes.len());
            Some(if frame.opcode == 8 { Event::Close } else { Event::Pong }(frame.payload))
        }
        Seen::Ping(_) | Seen::Pong(_) | Seen::Close(..) | Seen::Failed(_) | Seen::Unfinished => {
            None
        }
    }
}

/// Frames as a client might send them, now and then with something wrong.
fn stream(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut inside = false;
    // Some streams are all of small fragments, so that their number comes to count.
    let (frames, tiny) = if random.below(4) == 0 { (24, true) } else { (12, false) };
    for _ in 0..1 + random.below(frames) {
        let (first, payload) = match random.below(20) {
            0..4 => (0x89, some_bytes(random, 125)),
            4 => (0x8a, some_bytes(random, 125)),
            5 if random.below(3) == 0 => (0x88, some_close(random)),
            6 if random.below(2) == 0 => (random.byte(), some_bytes(random, 130)),
            _ => {
                let opcode = if inside { 0 } else { 1 + u8::from(random.below(3) == 0) };
                inside = random.below(if tiny { 8 } else { 2 }) != 0;
                (
                    opcode | if inside { 0 } else { 0x80 },
                    some_text(random, if tiny { 4 } else { 15 }),
                )
            }
        };
        let mut frame = masked_with(first, random.key(), &payload);
        if random.below(12) == 0 {
            let at = random.below(frame.len().min(14));
            frame[at] ^= 1 << random.below(8);
        }
        bytes.extend(frame);
    }
    if random.below(3) == 0 {
        bytes.truncate(1 + random.below(bytes.len()));
    }
    bytes
}

fn some_bytes(random: &mut Random, most: usize) -> Vec<u8> {
    let count = random.below(most + 1);
    random.bytes(count)
}

fn some_close(random: &mut Random) -> Vec<u8> {
    match random.below(6) {
        0 => Vec::new(),
        1 => close_body(u16::from_be_bytes([random.byte(), random.byte()]), "any"),
        2 => close_body(1000, [0xff]),
        3 => close_body(999 + u16::try_from(random.below(20)).unwrap(), ""),
        _ => close_body(1000, "bye €"),
    }
}

fn some_text(random: &mut Random, sizes: usize) -> Vec<u8> {
    let length =
        [0, 1, 2, 3, 9, 60, 124, 125, 126, 127, 200, 400, 599, 600, 601][random.below(sizes)];
    let mut text: Vec<u8> =
        "aé€🦀 und so weiter ".bytes().cycle().skip(random.below(10)).take(length).collect();
    if random.below(12) > 0 {
        // Mostly text that is whole.
        text = String::from_utf8_lossy(&text).replace('\u{fffd}', "?").into_bytes();
    }
    text
}

/// Plays a stream in random pieces, our FIN behind it, and compares.
fn agrees(server: &Server, seed: u64) -> Outcome {
    let mut random = Random::new(90_000 + seed);
    let bytes = stream(&mut random);
    let client = Client::open(server.address())?;
    compare(client, &bytes, Deflate::NotAgreed, &mut random)
}

/// Plays this stream in random pieces, our FIN behind it, and compares.
pub(crate) fn compare(
    mut client: Client,
    bytes: &[u8],
    agreed: Deflate,
    random: &mut Random,
) -> Outcome {
    let events = expected(bytes, agreed);
    let ends = matches!(events.last(), Some(Event::Close(_)));
    let mut rest = bytes;
    while !rest.is_empty() {
        let most = [1, 2, 5, 40, 2000, 100_000][random.below(6)];
        let (piece, after) = rest.split_at(rest.len().min(1 + random.below(most)));
        client.send(piece)?;
        thread::yield_now();
        rest = after;
    }
    // A fault must be found with what came before our FIN; replies owed are read before it is sent.
    if ends && random.below(2) == 0 {
        client.half_close();
    }
    let wanted = format!("{} and then FIN", list(&events));
    for event in &events {
        match client.next(PROMPT) {
            Ok(Next::Event(seen)) if seen == *event => {}
            other => return Err(differs(&client, bytes, &wanted, &other)),
        }
    }
    client.half_close();
    match client.next(PROMPT) {
        Ok(Next::Fin) => Ok(()),
        other => Err(differs(&client, bytes, &wanted, &other)),
    }
}

fn list(events: &[Event]) -> String {
    let shown: Vec<String> = events.iter().map(ToString::to_string).collect();
    shown.join(" | ")
}

fn differs(client: &Client, bytes: &[u8], wanted: &str, seen: &Result<Next, String>) -> String {
    let seen = match seen {
        Ok(next) => describe(next, PROMPT),
        Err(why) => why.clone(),
    };
    let all: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let start = dump(&bytes[..bytes.len().min(8)]);
    format!("{}\n    all       {all}\n    begins    {start}", client.report(wanted, &seen))
}

/// A head with a few bytes changed must get one status, however it is cut.
fn head_is_judged_alike(server: &Server, seed: u64) -> Outcome {
    let mut random = Random::new(70_000 + seed);
    let mut bytes = Head::new()
        .target("/echo?a=b")
        .add("Origin", "http://example.com")
        .add("Sec-WebSocket-Protocol", "a, b")
        .add("Sec-WebSocket-Extensions", "foo; bar=\"1\"")
        .bytes();
    for _ in 0..1 + random.below(3) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] = random.byte(),
            1 => drop(bytes.remove(at)),
            2 => bytes[at] = bytes[at].to_ascii_uppercase(),
            _ => bytes.insert(at, b" \t\r\n:,;\"\0\x7f\xff/"[random.below(12)]),
        }
    }
    let mut statuses = Vec::new();
    for most in [usize::MAX, 1, 7, 60] {
        let mut client = Client::connect(server.address())?;
        for piece in bytes.chunks(most.min(bytes.len())) {
            client.send(piece)?;
            thread::yield_now();
        }
        client.half_close();
        statuses.push(match client.response(PROMPT) {
            Ok(response) => response.status,
            Err(why) if why.contains("FIN after \"\"") => 0,
            Err(why) => return Err(why),
        });
    }
    if statuses.iter().all(|status| *status == statuses[0]) {
        return Ok(());
    }
    let head = bytes.escape_ascii();
    Err(format!("    sent      {head}\n    expected  one status\n    observed  {statuses:?}"))
}

#[test]
fn model_agrees_with_the_server() {
    let mut cases: Vec<Case> = (0..20_u64)
        .map(|part| {
            let rule = format!(
                "random streams {} to {} bring what the model says",
                part * 100,
                part * 100 + 99
            );
            Case::on(SMALL, "6455-6.2-01", rule, move |server| {
                (part * 100..part * 100 + 100).try_for_each(|seed| {
                    agrees(server, seed).map_err(|why| format!("    seed      {seed}\n{why}"))
                })
            })
        })
        .collect();
    cases.extend((0..5_u64).map(|part| {
        let rule = format!(
            "changed heads {} to {} are judged alike in any pieces",
            part * 100,
            part * 100 + 99
        );
        Case::on(SMALL, "6455-4.2.1-01", rule, move |server| {
            (part * 100..part * 100 + 100).try_for_each(|seed| {
                head_is_judged_alike(server, seed)
                    .map_err(|why| format!("    seed      {seed}\n{why}"))
            })
        })
    }));
    run_at_once("model_agrees_with_the_server", cases, 8);
}
