//! Chunking is invisible: any split of the same bytes gives the same events, replies and
//! ending, whichever way they are received, and the same as the naive twin gives.

use std::{fs, path::Path};

use stickler::proto::assembler::MessageLimits;
use stickler_testing::{drive, hex, random, stream, twin};

use drive::{Connection, Seen, Start, Way};
use random::Random;

mod short;

const LIMITS: MessageLimits =
    MessageLimits::new().max_message_size(16 << 20).max_frame_size(16 << 20).max_fragments(65_536);

#[test]
fn any_split_gives_the_same_and_what_the_twin_gives() {
    for seed in 0..600 {
        let mut random = Random::new(seed);
        let (start, limits) = setting(&mut random);
        let bytes = stream::stream(&mut random, 300);
        let expect = twin::transcript(start, limits, &bytes);
        for way in Way::ALL {
            let splits = [
                Vec::new(),
                (0..bytes.len()).collect(),
                random.cuts(bytes.len(), 1),
                random.cuts(bytes.len(), 2),
                random.cuts(bytes.len(), 20),
            ];
            for cuts in splits {
                let seen =
                    Connection::transcript((start, limits, way), &bytes, cuts.iter().copied());
                same(&seen, &expect, || {
                    format!("seed {seed}, {way:?}, cut at {cuts:?}: {bytes:x?}")
                });
            }
        }
    }
}

/// A fault is known at the first byte that proves it: every prefix shows what the twin shows.
#[test]
fn every_prefix_gives_what_the_twin_gives() {
    for seed in 1000..1300 {
        let mut random = Random::new(seed);
        let (start, limits) = setting(&mut random);
        let bytes = stream::stream(&mut random, 40);
        for end in 0..=bytes.len() {
            let prefix = &bytes[..end];
            let expect = twin::transcript(start, limits, prefix);
            let way = Way::ALL[random.below(4)];
            for cuts in [Vec::new(), random.cuts(end, 3)] {
                let seen =
                    Connection::transcript((start, limits, way), prefix, cuts.iter().copied());
                same(&seen, &expect, || format!("seed {seed}, {way:?}, {cuts:?}: {prefix:x?}"));
            }
        }
    }
}

/// Payload beyond the sizes at which the core changes its way of working.
#[test]
fn large_messages_give_the_same() {
    for seed in 2000..2024 {
        let mut random = Random::new(seed);
        let bytes = stream::stream(&mut random, 70_000);
        let expect = twin::transcript(Start::Open, LIMITS, &bytes);
        for way in Way::ALL {
            for count in [0, 1, 3, 40] {
                let cuts = random.cuts(bytes.len(), count);
                let seen = Connection::transcript(
                    (Start::Open, LIMITS, way),
                    &bytes,
                    cuts.iter().copied(),
                );
                same(&seen, &expect, || format!("seed {seed}, {way:?}, cut at {cuts:?}"));
            }
        }
    }
}

/// What once went wrong, in `tests/vectors/receive`.
#[test]
fn every_vector_gives_what_the_twin_gives() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/receive");
    let files: Vec<_> = fs::read_dir(vectors).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in files {
        let (limits, bytes) = vector(&fs::read_to_string(&file).unwrap());
        for start in [Start::Open, Start::Closing] {
            for end in 0..=bytes.len() {
                let prefix = &bytes[..end];
                let expect = twin::transcript(start, limits, prefix);
                for (way, cut) in
                    Way::ALL.into_iter().flat_map(|way| (0..=end).map(move |cut| (way, cut)))
                {
                    let seen = Connection::transcript((start, limits, way), prefix, [cut]);
                    same(&seen, &expect, || format!("{}, {way:?}, cut at {cut}", file.display()));
                }
            }
        }
    }
}

/// The limits and the bytes of a vector.
fn vector(text: &str) -> (MessageLimits, Vec<u8>) {
    let (mut limits, mut bytes) = (LIMITS, Vec::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some(numbers) = line.strip_prefix("limits ") else {
            bytes.extend(hex::hex(line));
            continue;
        };
        let numbers: Vec<usize> = numbers.split(' ').map(|n| n.parse().unwrap()).collect();
        let &[max_message_size, max_frame_size, fragments] = &numbers[..] else { panic!("{line}") };
        let max_fragments = u32::try_from(fragments).unwrap();
        limits = MessageLimits::new()
            .max_message_size(max_message_size)
            .max_frame_size(max_frame_size)
            .max_fragments(max_fragments);
    }
    (limits, bytes)
}

/// Limits that the streams meet now and then, and now and then a Close of our own before.
fn setting(random: &mut Random) -> (Start, MessageLimits) {
    let start = if random.once_in(6) { Start::Closing } else { Start::Open };
    if random.once_in(2) {
        return (start, LIMITS);
    }
    let limits = MessageLimits::new()
        .max_message_size(random.below(700))
        .max_frame_size(random.below(400))
        .max_fragments(1 + random.below(4) as u32);
    (start, limits)
}

fn same(seen: &[Seen], expect: &[Seen], context: impl FnOnce() -> String) {
    if seen != expect {
        let at = seen.iter().zip(expect).take_while(|(seen, expect)| seen == expect).count();
        panic!("at {at}: saw {:?}, expected {:?}; {}", seen.get(at), expect.get(at), context());
    }
}
