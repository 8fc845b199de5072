//! Streams of every kind of block, whole, cut off at every byte, mutated, and put into frames at
//! random: the same is seen as the naive twin sees (RFC 7692 §6.2, §7.2.1, §7.2.2).

use stickler::proto::{
    assembler::MessageLimits,
    violation::Violation::{
        self, DeflateCorrupt, DeflateCutOff, DeflateEmpty, DeflateEndsWithFinalBlock,
        DeflateTailNotRemoved,
    },
};

use super::history::frame;
use stickler_testing::deflate::{
    Token, Writer, deflate, json, noise, plain, samples, swallowed, tokens, words,
};

use super::twin::{self};
use crate::{
    claims::claims,
    drive::{Connection, Deflate, Seen, Start, Way},
    random::Random,
};

const LIMITS: MessageLimits =
    MessageLimits::new().max_message_size(1 << 20).max_frame_size(1 << 20).max_fragments(1000);

/// Payloads of whole messages, and what they hold.
fn streams() -> Vec<(Vec<u8>, Vec<u8>)> {
    let text = words();
    let copies = tokens(b"", &text, 32 << 10);
    let (front, back) = copies.split_at(copies.len() / 2);
    let fixed = Writer::new().fixed(false, &copies).message();
    let dynamic = Writer::new().dynamic(false, &copies).message();
    let ends = Writer::new().dynamic(true, front).fixed(true, back).message();
    let mixed = Writer::new().stored(true, &[]).fixed(false, front).dynamic(false, back);
    let mixed = mixed.stored_after_ones(false, &[]).message();
    let stored = Writer::new().stored(false, &text[..100]).stored(true, &text[100..]).message();
    let mut streams: Vec<_> =
        [fixed, dynamic, ends, mixed, stored].into_iter().map(|one| (one, text.clone())).collect();
    streams.push((deflate(b"", &json()), json()));
    streams.extend(samples().into_iter().map(|(_, payload, holds)| (payload, holds)));
    streams
}

fn seen(agreed: Deflate, way: Way, bytes: &[u8], cuts: Vec<usize>) -> Vec<Seen> {
    Connection::deflated(agreed, (Start::Open, LIMITS, way)).feed(bytes, cuts)
}

#[test]
fn s7_2_1_every_kind_of_block_is_inflated() {
    claims!("7692-7.2.1-02", "7692-7.2.1-04");
    for (payload, holds) in streams() {
        let bytes = frame(&payload);
        for way in Way::ALL {
            for cuts in [vec![], (0..bytes.len()).collect()] {
                let seen = seen(Deflate::NoContextTakeover, way, &bytes, cuts);
                assert_eq!(seen, [Seen::Binary(holds.clone())]);
            }
        }
    }
}

/// Cut off at every byte, and the same with a message before it.
#[test]
fn s7_2_2_a_stream_cut_off_anywhere_fails() {
    claims!("7692-7.2.2-07");
    let mut complete = 0;
    for (payload, _) in streams() {
        // In long ones at every third byte, once all of their headers are there.
        for end in (0..payload.len()).filter(|end| *end < 250 || end % 3 == 0) {
            let bytes = frame(&payload[..end]);
            let expect = twin::deflated(Deflate::NoContextTakeover, Start::Open, LIMITS, &bytes);
            let way = Way::ALL[end % 4];
            for cuts in [vec![], vec![bytes.len() - end / 2], vec![bytes.len()]] {
                let seen = seen(Deflate::NoContextTakeover, way, &bytes, cuts);
                assert!(seen == expect, "{end} of {payload:x?}");
            }
            // Behind an empty stored block, all but its tail, a shorter message ends well.
            let is_whole = matches!(expect[..], [Seen::Binary(_)]);
            complete += usize::from(is_whole);
            let ends =
                [DeflateCutOff, DeflateEmpty, DeflateEndsWithFinalBlock, DeflateTailNotRemoved];
            assert!(is_whole || ends.iter().any(|end| expect.last() == Some(&Seen::Failed(*end))));
        }
    }
    assert!(complete < 10, "{complete}");
}

#[test]
fn s7_2_2_a_tail_that_something_else_takes_in_is_no_end() {
    let bytes = frame(&swallowed());
    for way in Way::ALL {
        let seen = seen(Deflate::NoContextTakeover, way, &bytes, vec![]);
        assert_eq!(seen.last(), Some(&Seen::Failed(DeflateCutOff)));
    }
}

/// Blocks at random, some with the history of what came before.
fn payload(random: &mut Random, history: &mut Vec<u8>) -> Vec<u8> {
    let mut writer = Writer::new();
    for _ in 0..random.below(4) {
        let text: Vec<u8> = match random.below(5) {
            0 => Vec::new(),
            1 => words()[random.below(100)..][..random.below(100)].to_vec(),
            2 => "\u{20AC}\u{1F600}\u{E9} and so on ".repeat(1 + random.below(4)).into_bytes(),
            3 => noise()[random.below(100)..][..random.below(60)].to_vec(),
            _ => json()[..random.below(200)].to_vec(),
        };
        let last = random.below(3) == 0;
        let back = history.len().saturating_sub(32 << 10);
        let copies = tokens(&history[back..], &text, 32 << 10);
        writer = match random.below(3) {
            0 => writer.stored(last, &text),
            1 => writer.fixed(last, &copies),
            _ => writer.dynamic(last, &copies),
        };
        history.extend_from_slice(&text);
        if random.below(40) == 0 {
            let distance = 1 + random.below(history.len().min(32_000) + 3);
            writer = writer.fixed(last, &[Token::Copy { length: 3, distance }]);
            history.extend_from_slice(&plain("???").iter().map(|_| 0).collect::<Vec<u8>>());
        }
    }
    writer.message()
}

/// Messages of a client: compressed and plain, in fragments, control frames in between.
fn stream(random: &mut Random, agreed: Deflate) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut history = Vec::new();
    for _ in 0..1 + random.below(5) {
        if agreed == Deflate::NoContextTakeover {
            history.clear();
        }
        let is_compressed = random.below(5) > 0;
        let mut rest = if is_compressed {
            payload(random, &mut history)
        } else {
            words()[..random.below(90)].to_vec()
        };
        if random.below(4) == 0 && !rest.is_empty() {
            // Mutated: a byte changed, taken out, or put in.
            let at = random.below(rest.len());
            match random.below(3) {
                0 => rest[at] ^= 1 << random.below(8),
                1 => drop(rest.remove(at)),
                _ => rest.insert(at, random.next() as u8),
            }
        }
        let mut first = 1 + random.below(2) as u8 + if is_compressed { 0x40 } else { 0 };
        loop {
            let most = [0, 3, 40, 4000][random.below(4)];
            let piece: Vec<u8> = rest.drain(..rest.len().min(most)).collect();
            let fin = rest.is_empty() && random.below(3) > 0;
            bytes.push(first | if fin { 0x80 } else { 0 });
            first = 0;
            if piece.len() < 126 {
                bytes.push(0x80 | piece.len() as u8);
            } else {
                bytes.push(0xFE);
                bytes.extend((piece.len() as u16).to_be_bytes());
            }
            let key = (random.next() as u32).to_be_bytes();
            bytes.extend(key);
            bytes.extend(piece.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
            match random.below(12) {
                0 => bytes.extend([0x89, 0x81, 1, 2, 3, 4, 5]),
                1 => bytes.extend([0x8A, 0x80, 0, 0, 0, 0]),
                _ => {}
            }
            if fin {
                break;
            }
        }
    }
    if random.below(20) == 0 {
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
    }
    bytes
}

/// Limits that the streams meet now and then, and now and then a Close of our own before.
fn setting(random: &mut Random) -> (Deflate, Start, MessageLimits) {
    let agreed = [Deflate::ContextTakeover, Deflate::NoContextTakeover][random.below(2)];
    let start = if random.below(8) == 0 { Start::Closing } else { Start::Open };
    let limits = match random.below(3) {
        0 => MessageLimits::new()
            .max_message_size(random.below(500))
            .max_frame_size(random.below(500))
            .max_fragments(1 + random.below(20) as u32),
        _ => LIMITS,
    };
    (agreed, start, limits)
}

#[test]
fn any_split_gives_the_same_and_what_the_twin_gives() {
    let mut failed = std::collections::HashMap::<Violation, usize>::new();
    let mut delivered = 0;
    for seed in 0..450 {
        let mut random = Random::new(seed);
        let (agreed, start, limits) = setting(&mut random);
        let bytes = stream(&mut random, agreed);
        let expect = twin::deflated(agreed, start, limits, &bytes);
        for one in &expect {
            match one {
                Seen::Failed(violation) => *failed.entry(*violation).or_default() += 1,
                Seen::Text(_) | Seen::Binary(_) => delivered += 1,
                _ => {}
            }
        }
        for way in [Way::Whole, Way::Pieces, Way::Direct(3)] {
            let mut splits =
                vec![vec![], random.cuts(bytes.len(), 2), random.cuts(bytes.len(), 20)];
            if seed % 4 == 0 {
                splits.push((0..bytes.len()).collect());
            }
            for cuts in splits {
                let connection = Connection::deflated(agreed, (start, limits, way));
                let seen = connection.feed(&bytes, cuts.iter().copied());
                assert!(seen == expect, "seed {seed}, {way:?}, cut at {cuts:?}: {bytes:x?}");
            }
        }
    }
    // The streams are neither all broken nor all whole.
    assert!(delivered > 300 && failed.len() > 4, "{delivered} {failed:?}");
    assert!(failed[&DeflateCorrupt] > 20 && failed[&Violation::MessageTooBig] > 9, "{failed:?}");
}

/// A fault is known at the first byte that proves it: every prefix shows what the twin shows.
#[test]
fn every_prefix_gives_what_the_twin_gives() {
    for seed in 1000..1030 {
        let mut random = Random::new(seed);
        let (agreed, start, limits) = setting(&mut random);
        let bytes = stream(&mut random, agreed);
        let way = Way::ALL[random.below(4)];
        for end in 0..bytes.len().min(300) {
            let prefix = &bytes[..end];
            let expect = twin::deflated(agreed, start, limits, prefix);
            let cuts = if end % 2 == 0 { vec![] } else { random.cuts(end, 3) };
            let connection = Connection::deflated(agreed, (start, limits, way));
            let seen = connection.feed(prefix, cuts.iter().copied());
            assert!(seen == expect, "seed {seed}, {way:?}, {cuts:?}: {prefix:x?}");
        }
    }
}
