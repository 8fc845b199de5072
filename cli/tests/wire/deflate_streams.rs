//! What a compressed message may hold and what not: blocks, BFINAL, cuts, corruption (RFC 7692 §7.2;
//! RFC 1951 §3.2). The verdict on every stream is the slow reader's.

use crate::case::{Case, DEFAULT, run};
use crate::client::{Client, Next, Outcome, PROMPT};
use crate::deflate::{
    BadEnd, Codes, Token, Writer, bad_end, inflate_message, json, noise, plain, samples, swallowed,
    swallowed_silently, tokens, words,
};
use crate::deflate_frames::{
    AGREED, HELLO, OFFER, blocks_of_all_kinds, compressed, compressed_binary, fragments, hello,
};
use crate::exchange::{End, row_offering};
use crate::frame::{Event, dump, hex, join, ping};
use crate::server::Server;

pub(crate) const CORRUPT: End = End::Fail(1007, "RFC 7692 7.2.2");
const EMPTY: End = End::Fail(1007, "RFC 7692 7.2.3.6");
const ENDS_WITH_FINAL_BLOCK: End = End::Fail(1007, "RFC 7692 7.2.3.4");
const TAIL_NOT_REMOVED: End = End::Fail(1007, "RFC 7692 7.2.1");

fn b(payload: impl AsRef<[u8]>) -> Vec<Event> {
    vec![Event::Binary(payload.as_ref().to_vec())]
}

/// A compressed binary message must be judged as the slow reader does; `true` while the connection
/// is open.
pub(crate) fn judged(client: &mut Client, history: &[u8], payload: &[u8]) -> Result<bool, String> {
    client.send(&compressed_binary(payload))?;
    match inflate_message(history, payload) {
        Ok(good) if good.doubts.is_empty() => {
            client.expect(&Event::Binary(good.output))?;
            Ok(true)
        }
        Ok(doubted) => match client.next(PROMPT)? {
            Next::Event(Event::Binary(output)) if output == doubted.output => Ok(true),
            Next::Event(Event::Close(body)) if Event::close_code(&body) == Some(1007) => Ok(false),
            other => Err(client.report("the message, or 1007", &format!("{other:?}"))),
        },
        Err((fault, _)) => {
            client
                .expect_failed(1007, clause_of_fault(history, payload))
                .map_err(|why| format!("    fault     {fault:?}\n{why}"))?;
            Ok(false)
        }
    }
}

/// The clause that a payload which is no whole message breaks.
pub(crate) fn clause_of_fault(history: &[u8], payload: &[u8]) -> &'static str {
    match bad_end(history, payload) {
        None | Some(BadEnd::CutOff) => "RFC 7692 7.2.2",
        Some(BadEnd::Empty) => "RFC 7692 7.2.3.6",
        Some(BadEnd::FinalBlock) => "RFC 7692 7.2.3.4",
        Some(BadEnd::TailNotRemoved) => "RFC 7692 7.2.1",
    }
}

/// Each of these as a message of its own, on one connection for as long as it lives.
pub(crate) fn all_judged(server: &Server, payloads: impl IntoIterator<Item = Vec<u8>>) -> Outcome {
    let mut client = Client::offering(server.address(), OFFER)?;
    for payload in payloads {
        let open = judged(&mut client, b"", &payload)
            .map_err(|why| format!("    payload   {}\n{why}", dump(&payload)))?;
        if !open {
            client = Client::offering(server.address(), OFFER)?;
        }
    }
    client.expect_alive()
}

#[test]
fn deflate_blocks() {
    let agreed = |id, rule: &str, payload: Vec<u8>, output: &[u8]| {
        row_offering(AGREED, id, rule, compressed_binary(payload), b(output), End::Open)
    };
    let mut cases = vec![
        agreed(
            "7692-7.2.1-02",
            "stored, fixed and dynamic blocks, some empty",
            blocks_of_all_kinds(),
            &[words(), words(), b"end".to_vec()].concat(),
        ),
        agreed(
            "7692-7.2.1-02",
            "a dynamic block that holds nothing",
            Writer::new().dynamic(false, &[]).message(),
            b"",
        ),
        agreed(
            "7692-7.2.1-02",
            "fifty empty blocks of each kind",
            (0..50)
                .fold(Writer::new(), |writer, _| {
                    writer.stored(false, b"").fixed(false, &[]).dynamic(false, &[])
                })
                .message(),
            b"",
        ),
        agreed(
            "7692-7.2.1-02",
            "a stored block behind bits that nobody reads",
            Writer::new().fixed(false, &plain("a")).stored_after_ones(false, b"bc").message(),
            b"abc",
        ),
        agreed(
            "7692-7.2.1-02",
            "bits that nobody reads before the tail",
            Writer::new().fixed(false, &plain("a")).bits(0, 3).align(true).finish(),
            b"a",
        ),
        agreed(
            "7692-7.2.1-02",
            "a copy that overlaps itself, with the only distance code of one bit",
            Writer::new()
                .dynamic(
                    false,
                    &[plain("x"), vec![Token::Copy { length: 258, distance: 1 }; 20]].concat(),
                )
                .message(),
            &[b'x'; 1 + 258 * 20],
        ),
        agreed(
            "7692-7.2.1-02",
            "codes of fifteen bits",
            Writer::new()
                .dynamic_with(false, &plain("abcdefghijklmno"), &steep("abcdefghijklmno"))
                .message(),
            b"abcdefghijklmno",
        ),
        agreed("7692-7.2.1-02", "a whole dictionary of stored blocks", long_stored(), &[7; 70_000]),
    ];
    for (name, payload, original) in samples() {
        cases.push(agreed(
            "7692-7.2.1-02",
            &format!("a stream of zlib: {name}"),
            payload,
            &original,
        ));
    }
    cases.push(Case::on(DEFAULT, "7692-7.2.1-02", "every length, near and far", |server| {
        let mut client = Client::offering(server.address(), OFFER)?;
        let far: Vec<u8> = noise().into_iter().cycle().take(33_000).collect();
        let far = tokens(b"", &far, 32_768);
        for distance in [1_usize, 2, 3, 257, 258, 1024, 4097, 24_577, 32_767, 32_768] {
            let copies = (3..=258).map(|length| Token::Copy { length, distance });
            let all = [far.clone(), copies.collect()].concat();
            judged(&mut client, b"", &Writer::new().fixed(false, &all).message())?;
        }
        client.expect_alive()
    }));
    run("deflate_blocks", cases);
}

/// Codes of one bit for the first letter up to fifteen for the last and the end of the block.
pub(crate) fn steep(letters: &str) -> Codes {
    let mut literals = vec![0; 257];
    for (letter, length) in letters.bytes().zip(1..=15) {
        literals[usize::from(letter)] = length;
    }
    literals[256] = 15;
    Codes { literals, distances: vec![0] }
}

fn long_stored() -> Vec<u8> {
    Writer::new().stored(false, &[7; 65_535]).stored(false, &[7; 70_000 - 65_535]).message()
}

#[test]
fn deflate_bfinal() {
    let agreed = |id, rule: &str, payload: Vec<u8>, output: &[u8]| {
        row_offering(AGREED, id, rule, compressed_binary(payload), b(output), End::Open)
    };
    let ends = |rule: &str, payload: Vec<u8>, end| {
        row_offering(AGREED, "7692-7.2.2-07", rule, compressed_binary(payload), vec![], end)
    };
    let fails = |rule: &str, payload: Vec<u8>| ends(rule, payload, CORRUPT);
    let copy = |length, distance| [Token::Copy { length, distance }];
    let far: Vec<u8> = noise().into_iter().cycle().take(40_000).collect();
    let mut cases = vec![
        agreed(
            "7692-7.2.1-03",
            "both",
            Writer::new().fixed(true, &plain("Hello")).bits(1, 8).finish(),
            b"Hello",
        ),
        agreed(
            "7692-7.2.1-03",
            "the empty stored block at the end, inside a byte",
            Writer::new().fixed(false, &plain("Hello")).bits(1, 3).align(false).finish(),
            b"Hello",
        ),
        agreed(
            "7692-7.2.1-03",
            "an empty stored block first",
            Writer::new().stored(true, b"").fixed(false, &plain("Hello")).message(),
            b"Hello",
        ),
        agreed(
            "7692-7.2.1-03",
            "in the middle, in each kind of block",
            Writer::new()
                .fixed(true, &plain("fixed "))
                .stored(true, b"stored ")
                .dynamic(true, &plain("dynamic "))
                .fixed(false, &plain("end"))
                .message(),
            b"fixed stored dynamic end",
        ),
        agreed(
            "7692-7.2.1-03",
            "on every block",
            Writer::new()
                .stored(true, b"a")
                .dynamic(true, &plain("bcd"))
                .fixed(true, &plain("e"))
                .stored(true, b"")
                .bits(1, 8)
                .finish(),
            b"abcde",
        ),
        agreed(
            "7692-7.2.1-03",
            "a hundred times",
            (0..100).fold(Writer::new(), |writer, _| writer.fixed(true, &plain("ab"))).message(),
            "ab".repeat(100).as_bytes(),
        ),
        agreed(
            "7692-7.2.1-03",
            "a hundred times on empty stored blocks",
            (0..100).fold(Writer::new(), |writer, _| writer.stored(true, b"")).message(),
            b"",
        ),
        agreed(
            "7692-7.2.1-05",
            "a distance across it",
            Writer::new().fixed(true, &plain("Hello ")).fixed(false, &copy(5, 6)).message(),
            b"Hello Hello",
        ),
        agreed(
            "7692-7.2.1-05",
            "distances across several, from each kind of block",
            Writer::new()
                .stored(true, b"abcdefgh")
                .dynamic(true, &copy(8, 8))
                .fixed(true, &copy(16, 16))
                .stored(true, b"!")
                .dynamic(false, &copy(32, 33))
                .message(),
            format!("{}!{}", "abcdefgh".repeat(4), "abcdefgh".repeat(4)).as_bytes(),
        ),
        agreed(
            "7692-7.2.1-05",
            "the farthest distance across it",
            Writer::new()
                .fixed(true, &tokens(b"", &far, 32_768))
                .fixed(false, &copy(258, 32_768))
                .message(),
            &[&far[..], &far[40_000 - 32_768..40_000 - 32_768 + 258]].concat(),
        ),
        agreed(
            "7692-7.2.1-05",
            "a distance over two of them and 32 KiB",
            Writer::new()
                .fixed(true, &tokens(b"", &far[..20_000], 32_768))
                .stored(true, &far[20_000..32_768])
                .dynamic(false, &copy(100, 32_768))
                .message(),
            &[&far[..32_768], &far[..100]].concat(),
        ),
        fails(
            "a distance across it, one byte too far",
            Writer::new().fixed(true, &plain("Hello ")).fixed(false, &copy(5, 7)).message(),
        ),
        ends("nothing behind it but the tail", hex("f3 48 cd c9 c9 07 00"), ENDS_WITH_FINAL_BLOCK),
        ends(
            "a stored block, nothing behind it but the tail",
            Writer::new().stored(true, b"Hello").finish(),
            ENDS_WITH_FINAL_BLOCK,
        ),
        fails(
            "a reserved block behind it",
            Writer::new().fixed(true, &plain("Hello")).bits(6, 8).finish(),
        ),
        fails(
            "a cut block behind it",
            Writer::new().fixed(true, &plain("a")).fixed_open(false, &plain("bc")).finish(),
        ),
    ];
    for pad in 1..8 {
        // The block's end falls on another bit each time; padding with ones is the client's fault,
        // which not every reader can see.
        let letters = "\u{90}".as_bytes()[1..].repeat(pad);
        let zeros = Writer::new().fixed(true, &plain(&letters)).fixed(false, &plain("z")).message();
        let output = [&letters[..], b"z"].concat();
        cases.push(agreed(
            "7692-7.2.1-04",
            &format!("the next block begins at the next byte, {pad} letters of nine bits"),
            zeros,
            &output,
        ));
        cases.push(Case::on(
            DEFAULT,
            "7692-7.2.1-04",
            format!("padding of ones, {pad}"),
            move |server| {
                let block = Writer::new().bits(1, 1).bits(1, 2).tokens(&plain(&letters), &fixed());
                let ones = block.symbol(256, &fixed().literals).align(true);
                all_judged(server, [ones.fixed(false, &plain("z")).message()])
            },
        ));
    }
    // Cut everywhere, also right behind a BFINAL=1 block.
    cases.push(Case::on(DEFAULT, "7692-7.2.1-03", "fragments cut everywhere", |server| {
        let payload = Writer::new()
            .fixed(true, &plain("abcabc"))
            .stored(true, b"defdef")
            .dynamic(true, &[Token::Copy { length: 12, distance: 12 }])
            .fixed(true, &[Token::Copy { length: 24, distance: 24 }])
            .message();
        let mut client = Client::offering(server.address(), OFFER)?;
        for cut in 0..=payload.len() {
            let (first, second) = payload.split_at(cut);
            client.send(&fragments(0x41, &[first, second], &ping("p")))?;
            client.expect(&Event::Pong(b"p".to_vec()))?;
            client.expect(&Event::Text("abcabcdefdef".repeat(4).into_bytes()))?;
        }
        client.expect_alive()
    }));
    run("deflate_bfinal", cases);
}

pub(crate) fn fixed() -> Codes {
    let mut literals = vec![8; 288];
    literals[144..256].fill(9);
    literals[256..280].fill(7);
    Codes { literals, distances: vec![5; 32] }
}

#[test]
fn deflate_truncated() {
    let mut streams: Vec<(String, Vec<u8>)> = samples()
        .into_iter()
        .map(|(name, payload, _)| (format!("zlib's {name}"), payload))
        .collect();
    streams.push(("Hello".to_owned(), HELLO.to_vec()));
    streams.push(("blocks of all kinds".to_owned(), blocks_of_all_kinds()));
    let finals = Writer::new()
        .dynamic(true, &tokens(b"", &json(), 512))
        .stored(true, b"stored")
        .fixed(true, &plain("fixed"));
    streams.push(("BFINAL blocks".to_owned(), finals.message()));
    let mut cases: Vec<Case> = streams
        .into_iter()
        .map(|(name, payload)| {
            let rule = format!("{name}, ended after every byte");
            Case::on(DEFAULT, "7692-7.2.2-07", rule, move |server| {
                all_judged(server, (1..=payload.len()).map(|end| payload[..end].to_vec()))
            })
        })
        .collect();
    for (rule, payload) in [
        ("only the block's header", Writer::new().bits(2, 3).finish()),
        ("a dynamic block's header is cut", Writer::new().bits(4, 3).bits(0, 13).finish()),
        ("the header before the tail was taken too", hex("f2 48 cd c9 c9 07")),
        ("the tail is four bytes of a stored block", hex("00 04 00 fb ff")),
        ("the tail is part of a stored block", hex("00 05 00 fa ff")),
        ("the tail ends a stored block of five", hex("00 05 00 fa ff 48")),
        ("LEN and half of NLEN, then the tail", hex("00 05 00 fa")),
        ("a stored block's header, LEN, then the tail", hex("00 00 00")),
        ("the tail ends a dynamic block with its last bit", swallowed()),
        ("the tail ends a dynamic block without a byte", swallowed_silently(false)),
        ("the same with BFINAL", swallowed_silently(true)),
        ("BFINAL, and the tail is four bytes of a stored block", hex("01 04 00 fb ff")),
        ("BFINAL, and the tail is part of a stored block", hex("01 05 00 fa ff")),
    ] {
        cases.push(row_offering(
            AGREED,
            "7692-7.2.2-07",
            rule,
            compressed_binary(payload),
            vec![],
            CORRUPT,
        ));
    }
    cases.push(row_offering(
        AGREED,
        "7692-7.2.2-07",
        "the tail was not taken off an empty message",
        compressed_binary(hex("00 00 00 ff ff")),
        vec![],
        TAIL_NOT_REMOVED,
    ));
    cases.push(row_offering(
        AGREED,
        "7692-7.2.2-08",
        "an empty payload, text",
        compressed(b""),
        vec![],
        EMPTY,
    ));
    cases.push(row_offering(
        AGREED,
        "7692-7.2.2-08",
        "an empty payload, binary",
        compressed_binary(b""),
        vec![],
        EMPTY,
    ));
    cases.push(row_offering(
        AGREED,
        "7692-7.2.2-08",
        "an empty payload behind a good message and before one",
        join(&[compressed(HELLO), compressed(b""), compressed(HELLO)]),
        vec![hello()],
        EMPTY,
    ));
    for count in [2_usize, 3, 9] {
        cases.push(row_offering(
            AGREED,
            "7692-7.2.2-08",
            format!("an empty payload in {count} fragments, with pings"),
            fragments(0x41, &vec![&b""[..]; count], &ping("p")),
            vec![Event::Pong(b"p".to_vec()); count - 1],
            EMPTY,
        ));
    }
    for cut in 0..=4 {
        let payload = &HELLO[..4];
        cases.push(row_offering(
            AGREED,
            "7692-7.2.2-07",
            format!("a cut message in fragments, {cut} and {}", 4 - cut),
            fragments(0x42, &[&payload[..cut], &payload[cut..]], b""),
            vec![],
            CORRUPT,
        ));
    }
    run("deflate_truncated", cases);
}
