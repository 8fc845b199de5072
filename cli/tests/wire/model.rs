//! A second, slow and plain reading of RFC 6455, and of RFC 7692 where it is agreed: what a byte stream
//! must bring, worked out byte by byte. Random streams, good and bad, cut anywhere, are played against the server and must agree with it.

use std::thread;

use crate::case::{Case, Profile, run_at_once};
use crate::client::{Client, Next, Outcome, PROMPT, describe};
use crate::deflate::{Fault, Inflated, Window, inflate, inflate_message};
use crate::dice::Dice;
use crate::frame::{Event, close_body, dump, masked_with};
use crate::http::Head;
use crate::server::Server;

/// The limits below, on the command line.
pub(crate) const SMALL: Profile =
    &["--max-message-size", "1000", "--max-frame-size", "600", "--max-fragments", "8"];
const MAX_MESSAGE: u64 = 1000;
const MAX_FRAME: u64 = 600;
const MAX_FRAGMENTS: u32 = 8;

/// How a stream ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing wrong so far.
    Open,
    /// A Close was received; this is the body of the answer.
    Closed(Vec<u8>),
    /// Failed with one of these codes (more than one where two limits are broken at once).
    Failed(&'static [u16]),
    /// From here on what RFC 1951 says is read in more than one way.
    Doubtful,
}

/// A message of which the last fragment is not in yet.
struct Unfinished {
    opcode: u8,
    compressed: bool,
    fragments: u32,
    payload: Vec<u8>,
}

/// Everything the server must say to these bytes, with permessage-deflate agreed if there is a window.
pub(crate) fn expected(stream: &[u8], window: Option<Window>) -> (Vec<Event>, Ending) {
    let mut events = Vec::new();
    let mut message = None;
    let mut rest = stream;
    let mut window = window;
    loop {
        match frame(&mut rest, &mut message, &mut window, &mut events) {
            Ok(true) => {}
            Ok(false) => return (events, Ending::Open),
            Err(ending) => return (events, ending),
        }
    }
}

const PROTOCOL_ERROR: Ending = Ending::Failed(&[1002]);
const NOT_UTF8: Ending = Ending::Failed(&[1007]);

/// One frame; `Ok(false)` when the stream ends inside it.
fn frame(
    rest: &mut &[u8],
    message: &mut Option<Unfinished>,
    window: &mut Option<Window>,
    events: &mut Vec<Event>,
) -> Result<bool, Ending> {
    let Some(first) = take::<1>(rest) else { return Ok(false) };
    let (fin, opcode) = (first[0] & 0x80 != 0, first[0] & 0x0f);
    let compressed = first[0] & 0x40 != 0;
    // RFC 7692 §6.1: once agreed, RSV1 may stand on the first frame of a message.
    let unfit = compressed && (window.is_none() || !matches!(opcode, 1 | 2));
    let control = opcode >= 8;
    let misplaced = match opcode {
        0 => message.is_none(),
        1 | 2 => message.is_some(),
        8..=10 => !fin,
        _ => true,
    };
    if first[0] & 0x30 != 0 || unfit || misplaced {
        return Err(PROTOCOL_ERROR);
    }
    let Some(second) = take::<1>(rest) else { return Ok(false) };
    let short = second[0] & 0x7f;
    if second[0] & 0x80 == 0 || (control && short > 125) || (opcode == 8 && short == 1) {
        return Err(PROTOCOL_ERROR);
    }
    let length = match short {
        126 => {
            let Some(field) = take::<2>(rest) else { return Ok(false) };
            u64::from(u16::from_be_bytes(field))
        }
        127 => {
            if rest.first().is_some_and(|byte| byte & 0x80 != 0) {
                return Err(PROTOCOL_ERROR);
            }
            let Some(field) = take::<8>(rest) else { return Ok(false) };
            u64::from_be_bytes(field)
        }
        short => u64::from(short),
    };
    if (short == 126 && length < 126) || (short == 127 && length < 65_536) {
        return Err(PROTOCOL_ERROR);
    }
    if !control {
        let begin = Unfinished { opcode, compressed, fragments: 0, payload: Vec::new() };
        let begun = message.get_or_insert(begin);
        // An empty last fragment behind full ones only says that there are no more.
        let only_ends = fin && opcode == 0 && length == 0;
        let carried = begun.payload.len() >= begun.fragments as usize;
        begun.fragments += u32::from(!(only_ends && carried));
        // RFC 7692 §8: of a compressed message only what it inflates to counts.
        let whole = begun.payload.len() as u64 + length;
        let big = length > MAX_FRAME || (!begun.compressed && whole > MAX_MESSAGE);
        match (big, begun.fragments > MAX_FRAGMENTS) {
            (false, false) => {}
            (true, false) => return Err(Ending::Failed(&[1009])),
            (false, true) => return Err(Ending::Failed(&[1008])),
            (true, true) => return Err(Ending::Failed(&[1008, 1009])),
        }
    }
    let Some(key) = take::<4>(rest) else { return Ok(false) };
    let length = usize::try_from(length).unwrap();
    let here = length.min(rest.len());
    let mut payload: Vec<u8> =
        rest[..here].iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect();
    *rest = &rest[here..];
    let whole = here == length;
    if control {
        if whole {
            answer(opcode, payload, events)?;
        } else if opcode == 8 {
            begun_close(&payload)?;
        }
        return Ok(whole);
    }
    let begun = message.as_mut().unwrap();
    begun.payload.append(&mut payload);
    let output = match window {
        Some(window) if begun.compressed => inflated(window, &begun.payload, whole && fin)?,
        _ => begun.payload.clone(),
    };
    if begun.opcode == 1 {
        match std::str::from_utf8(&output) {
            Err(error) if error.error_len().is_some() || (whole && fin) => return Err(NOT_UTF8),
            _ => {}
        }
    }
    if whole && fin {
        let done = message.take().unwrap();
        if let (true, Some(window)) = (done.compressed, window) {
            window.slide(&output);
        }
        let kind = if done.opcode == 1 { Event::Text } else { Event::Binary };
        events.push(kind(output));
    }
    Ok(whole)
}

/// What a compressed message has brought so far.
fn inflated(window: &Window, payload: &[u8], whole: bool) -> Result<Vec<u8>, Ending> {
    let read = if whole { inflate_message } else { inflate };
    let (inflated, is_corrupt): (Inflated, bool) = match read(window.bytes(), payload) {
        Ok(inflated) => (inflated, false),
        Err((Fault::Truncated, inflated)) => (inflated, whole),
        Err((_, inflated)) => (inflated, true),
    };
    let big = inflated.output.len() as u64 > MAX_MESSAGE;
    let unread = std::str::from_utf8(&inflated.output).is_err();
    match (inflated.doubts.is_empty(), big, is_corrupt) {
        (false, _, _) => Err(Ending::Doubtful),
        // Which of them is found first depends on how much is inflated at once.
        (_, true, true) => Err(Ending::Failed(&[1007, 1009])),
        (_, true, _) if unread => Err(Ending::Failed(&[1007, 1009])),
        (_, true, false) => Err(Ending::Failed(&[1009])),
        (_, false, true) => Err(NOT_UTF8),
        (_, false, false) => Ok(inflated.output),
    }
}

/// What a whole control frame brings.
fn answer(opcode: u8, payload: Vec<u8>, events: &mut Vec<Event>) -> Result<(), Ending> {
    match (opcode, Event::close_code(&payload)) {
        (9, _) => events.push(Event::Pong(payload)),
        (8, None) => return Err(Ending::Closed(Vec::new())),
        (8, Some(1000..=1003 | 1007..=1014 | 3000..=4999)) => {
            let good = std::str::from_utf8(&payload[2..]).is_ok();
            return Err(if good { Ending::Closed(payload[..2].to_vec()) } else { NOT_UTF8 });
        }
        (8, Some(_)) => return Err(PROTOCOL_ERROR),
        _ => {}
    }
    Ok(())
}

/// What part of a Close body proves already.
fn begun_close(payload: &[u8]) -> Result<(), Ending> {
    // No code that may be sent begins with another byte than these.
    if payload.first().is_some_and(|high| !matches!(high, 0x03 | 0x0b..=0x13)) {
        return Err(PROTOCOL_ERROR);
    }
    match Event::close_code(payload) {
        None | Some(1000..=1003 | 1007..=1014 | 3000..=4999) => {}
        Some(_) => return Err(PROTOCOL_ERROR),
    }
    let reason = payload.get(2..).unwrap_or_default();
    let proved = std::str::from_utf8(reason).is_err_and(|error| error.error_len().is_some());
    if proved { Err(NOT_UTF8) } else { Ok(()) }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

/// Frames as a client might send them, now and then with something wrong.
fn stream(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut inside = false;
    // Some streams are all of small fragments, so that their number comes to count.
    let (frames, tiny) = if dice.below(4) == 0 { (24, true) } else { (12, false) };
    for _ in 0..1 + dice.below(frames) {
        let (first, payload) = match dice.below(20) {
            0..4 => (0x89, some_bytes(dice, 125)),
            4 => (0x8a, some_bytes(dice, 125)),
            5 if dice.below(3) == 0 => (0x88, some_close(dice)),
            6 if dice.below(2) == 0 => (dice.byte(), some_bytes(dice, 130)),
            _ => {
                let opcode = if inside { 0 } else { 1 + u8::from(dice.below(3) == 0) };
                inside = dice.below(if tiny { 8 } else { 2 }) != 0;
                (opcode | if inside { 0 } else { 0x80 }, some_text(dice, if tiny { 4 } else { 15 }))
            }
        };
        let mut frame = masked_with(first, dice.key(), &payload);
        if dice.below(12) == 0 {
            let at = dice.below(frame.len().min(14));
            frame[at] ^= 1 << dice.below(8);
        }
        bytes.extend(frame);
    }
    if dice.below(3) == 0 {
        bytes.truncate(1 + dice.below(bytes.len()));
    }
    bytes
}

fn some_bytes(dice: &mut Dice, most: usize) -> Vec<u8> {
    let count = dice.below(most + 1);
    dice.bytes(count)
}

fn some_close(dice: &mut Dice) -> Vec<u8> {
    match dice.below(6) {
        0 => Vec::new(),
        1 => close_body(u16::from_be_bytes([dice.byte(), dice.byte()]), "any"),
        2 => close_body(1000, [0xff]),
        3 => close_body(999 + u16::try_from(dice.below(20)).unwrap(), ""),
        _ => close_body(1000, "bye €"),
    }
}

fn some_text(dice: &mut Dice, sizes: usize) -> Vec<u8> {
    let length =
        [0, 1, 2, 3, 9, 60, 124, 125, 126, 127, 200, 400, 599, 600, 601][dice.below(sizes)];
    let mut text: Vec<u8> =
        "aé€🦀 und so weiter ".bytes().cycle().skip(dice.below(10)).take(length).collect();
    if dice.below(12) > 0 {
        // Mostly text that is whole.
        text = String::from_utf8_lossy(&text).replace('\u{fffd}', "?").into_bytes();
    }
    text
}

/// Plays a stream in random pieces, our FIN behind it, and compares.
fn agrees(server: &Server, seed: u64) -> Outcome {
    let mut dice = Dice::new(90_000 + seed);
    let bytes = stream(&mut dice);
    let client = Client::open(server.address())?;
    compare(client, &bytes, None, &mut dice)
}

/// Plays this stream in random pieces, our FIN behind it, and compares.
pub(crate) fn compare(
    mut client: Client,
    bytes: &[u8],
    window: Option<Window>,
    dice: &mut Dice,
) -> Outcome {
    let (events, ending) = expected(bytes, window);
    let mut rest = bytes;
    while !rest.is_empty() {
        let most = [1, 2, 5, 40, 2000, 100_000][dice.below(6)];
        let (piece, after) = rest.split_at(rest.len().min(1 + dice.below(most)));
        client.send(piece)?;
        thread::yield_now();
        rest = after;
    }
    // A fault must be found with what came before our FIN; replies owed are read before it is sent.
    if ending != Ending::Open && dice.below(2) == 0 {
        client.half_close();
    }
    let wanted = format!("{} and then {ending:?}", list(&events));
    for event in &events {
        match client.next(PROMPT) {
            Ok(Next::Event(seen)) if seen == *event => {}
            other => return Err(differs(&client, bytes, &wanted, &other)),
        }
    }
    if ending == Ending::Doubtful {
        return Ok(());
    }
    client.half_close();
    let end = client.next(PROMPT);
    let good = match (&end, &ending) {
        (Ok(Next::Fin), Ending::Open) => return Ok(()),
        (Ok(Next::Event(Event::Close(body))), Ending::Closed(wanted)) => body == wanted,
        (Ok(Next::Event(Event::Close(body))), Ending::Failed(codes)) => {
            Event::close_code(body).is_some_and(|code| codes.contains(&code))
        }
        _ => false,
    };
    if !good {
        return Err(differs(&client, bytes, &wanted, &end));
    }
    client.expect_fin(PROMPT)
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
    let mut dice = Dice::new(70_000 + seed);
    let mut bytes = Head::new()
        .target("/echo?a=b")
        .add("Origin", "http://example.com")
        .add("Sec-WebSocket-Protocol", "a, b")
        .add("Sec-WebSocket-Extensions", "foo; bar=\"1\"")
        .bytes();
    for _ in 0..1 + dice.below(3) {
        let at = dice.below(bytes.len());
        match dice.below(4) {
            0 => bytes[at] = dice.byte(),
            1 => drop(bytes.remove(at)),
            2 => bytes[at] = bytes[at].to_ascii_uppercase(),
            _ => bytes.insert(at, b" \t\r\n:,;\"\0\x7f\xff/"[dice.below(12)]),
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
