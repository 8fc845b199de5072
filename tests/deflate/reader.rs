//! The slow reader against RFC 1951, against zlib's streams and against the writer.

use super::deflate::{
    Codes, Fault, Inflated, Kind, TAIL, Token, Writer, fixed_lengths, hex, inflate,
    inflate_message, json, noise, plain, samples, swallowed, swallowed_silently, tokens, words,
};

fn whole(payload: &[u8]) -> Inflated {
    let inflated = inflate_message(b"", payload).map_err(|(fault, _)| fault).unwrap();
    assert_eq!(inflated.doubts, []);
    inflated
}

fn fault(payload: &[u8]) -> Fault {
    inflate_message(b"", payload).map(|inflated| inflated.output).unwrap_err().0
}

#[test]
fn the_samples_of_rfc_7692_7_2_3_say_hello() {
    for (payload, kinds, last) in [
        ("f2 48 cd c9 c9 07 00", &[Kind::Fixed, Kind::Stored][..], &[false, false][..]),
        ("00 05 00 fa ff 48 65 6c 6c 6f 00", &[Kind::Stored, Kind::Stored], &[false, false]),
        ("f3 48 cd c9 c9 07 00 00", &[Kind::Fixed, Kind::Stored], &[true, false]),
        (
            "f2 48 05 00 00 00 ff ff ca c9 c9 07 00",
            &[Kind::Fixed, Kind::Stored, Kind::Fixed, Kind::Stored],
            &[false; 4],
        ),
    ] {
        let inflated = whole(&hex(payload));
        assert_eq!(inflated.output, b"Hello");
        assert_eq!(inflated.blocks.iter().map(|block| block.kind).collect::<Vec<_>>(), kinds);
        assert_eq!(inflated.blocks.iter().map(|block| block.last).collect::<Vec<_>>(), last);
        assert_eq!((inflated.max_distance, inflated.reach), (0, 0));
    }
}

#[test]
fn the_second_hello_of_rfc_7692_7_2_3_2_needs_the_first() {
    let payload = hex("f2 00 11 00 00");
    let inflated = inflate_message(b"Hello", &payload).unwrap();
    assert_eq!(
        (&inflated.output[..], inflated.max_distance, inflated.reach),
        (&b"Hello"[..], 5, 4)
    );
    assert_eq!(fault(&payload), Fault::TooFarBack);
    assert_eq!(inflate_message(b"llo", &payload).unwrap_err().0, Fault::TooFarBack);
}

#[test]
fn an_empty_message_is_one_zero_byte_and_not_none() {
    assert_eq!(whole(&[0]).output, b"");
    assert_eq!(fault(&[]), Fault::Truncated);
}

#[test]
fn streams_of_zlib_are_read() {
    for (name, payload, original) in samples() {
        let inflated = whole(&payload);
        assert!(inflated.output == original, "{name}");
        assert!(!name.contains("512") || inflated.max_distance <= 512, "{name}");
    }
}

#[test]
fn no_stream_of_zlib_may_be_cut() {
    for (name, payload, _) in samples() {
        for end in 0..payload.len() {
            // Only the header of a stored block, which is an empty message.
            let is_empty = payload[..end] == [0];
            let read = inflate_message(b"", &payload[..end]);
            assert_eq!(read.is_ok(), is_empty, "{name}, {end} bytes");
        }
    }
}

#[test]
fn what_the_writer_writes_is_read() {
    let long = words().repeat(60);
    for original in
        [&b""[..], b"a", b"abcabcabcabc", &[0; 1000], &words(), &json(), &noise(), &long]
    {
        for window in [1, 256, 32 << 10] {
            let tokens = tokens(b"", original, window);
            for last in [false, true] {
                let streams = [
                    Writer::new().fixed(last, &tokens),
                    Writer::new().dynamic(last, &tokens),
                    Writer::new().stored(last, original),
                    Writer::new().stored_after_ones(last, original),
                    Writer::new().dynamic(last, &plain(original)),
                ];
                for writer in streams {
                    let inflated = whole(&writer.message());
                    assert!(inflated.output == original);
                    assert!(inflated.max_distance <= window);
                    assert_eq!((inflated.blocks[0].last, inflated.reach), (last, 0));
                }
            }
        }
    }
}

#[test]
fn every_length_and_distance_is_written_and_read() {
    let history: Vec<u8> = noise().into_iter().cycle().take(32 << 10).collect();
    let copies = (3..=258).map(|length| (length, 258)).chain((1..=32 << 10).map(|d| (3, d)));
    for (length, distance) in copies.filter(|(_, distance)| distance % 61 < 3 || *distance < 600) {
        let token = [Token::Copy { length, distance }];
        for writer in [Writer::new().fixed(false, &token), Writer::new().dynamic(true, &token)] {
            let inflated = inflate_message(&history, &writer.message()).unwrap();
            let from = history.len() - distance;
            let copied: Vec<u8> = history[from..].iter().copied().cycle().take(length).collect();
            assert!(inflated.output == copied, "{length} bytes from {distance}");
            assert_eq!((inflated.max_distance, inflated.reach), (distance, distance));
            assert_eq!(inflated.doubts, []);
        }
    }
}

#[test]
fn blocks_go_on_behind_a_last_one_with_the_history_kept() {
    let writer = Writer::new()
        .fixed(true, &plain("abcd"))
        .stored(true, b"efgh")
        .dynamic(true, &[Token::Copy { length: 8, distance: 8 }])
        .fixed(false, &[Token::Copy { length: 3, distance: 16 }]);
    let inflated = whole(&writer.message());
    assert_eq!(inflated.output, b"abcdefghabcdefghabc");
    assert_eq!(inflated.max_distance, 16);
    let last = whole(&Writer::new().fixed(false, &plain("x")).bits(1, 3).align(false).finish());
    assert_eq!((&last.output[..], last.blocks[1].last), (&b"x"[..], true));
}

#[test]
fn every_fault_is_told_by_its_name() {
    let reserved = Writer::new().bits(0b110, 3);
    assert_eq!(fault(&reserved.message()), Fault::ReservedBlock);
    assert_eq!(fault(&hex("00 05 00 fa fe 48 65 6c 6c 6f 00")), Fault::StoredLength);
    assert_eq!(fault(&hex("f2 48 cd c9 c9 07 00 00 00 ff ff")), Fault::Truncated);
    assert_eq!(fault(&hex("f3 48 cd c9 c9 07 00")), Fault::Truncated);
    // The tail as the four bytes of a stored block.
    assert_eq!(fault(&hex("00 04 00 fb ff")), Fault::Tail);
    let (literals, distances) = fixed_lengths();
    for symbol in [286, 287] {
        let length = Writer::new().fixed_open(false, &[]).symbol(symbol, &literals);
        assert_eq!(fault(&length.message()), Fault::LengthCode);
    }
    for symbol in [30, 31] {
        let copy = Writer::new().fixed_open(false, &plain("abc")).symbol(257, &literals);
        assert_eq!(fault(&copy.symbol(symbol, &distances).message()), Fault::DistanceCode);
    }
    let header = |literals: usize, distances: usize| {
        Writer::new().bits(0b100, 3).bits(literals - 257, 5).bits(distances - 1, 5).bits(15, 4)
    };
    assert_eq!(fault(&header(287, 1).message()), Fault::TooManyLengths);
    let ones = (0..19).fold(header(257, 1), |writer, _| writer.bits(1, 3));
    assert_eq!(fault(&ones.message()), Fault::OverSubscribed);
    // Symbols 16 and 17, 1 bit each.
    let repeats = (2..19).fold(header(257, 1).bits(1, 3).bits(1, 3), |writer, _| writer.bits(0, 3));
    assert_eq!(fault(&repeats.bits(0, 1).message()), Fault::CodeLengths);
}

#[test]
fn a_block_without_a_code_for_its_end_is_a_fault() {
    let mut codes = Codes::of(&plain("ab"));
    codes.literals.fill(0);
    codes.literals[97] = 1;
    codes.literals[98] = 1;
    let open = Writer::new().dynamic_open(false, &plain("ab"), &codes);
    assert_eq!(fault(&open.message()), Fault::EndlessBlock);
}

#[test]
fn the_end_of_a_dynamic_block_may_lie_in_the_tail() {
    for payload in [swallowed(), swallowed_silently(false), swallowed_silently(true)] {
        let inflated = inflate(b"", &[&payload[..], &TAIL].concat()).unwrap();
        assert_eq!(inflated.blocks.last().unwrap().kind, Kind::Dynamic);
        assert_eq!(inflated.doubts, []);
        assert_eq!(fault(&payload), Fault::Tail);
    }
}
