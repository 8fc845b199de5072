//! Compressed messages that are corrupt, told at the byte that proves it (RFC 7692 §7.2.2;
//! RFC 1951 §3.2). The verdict on every stream is the slow reader's.

use crate::case::{Case, run};
use crate::client::Client;
use crate::deflate::{Codes, Fault, Token, Writer, deflate, inflate, plain, samples, words};
use crate::deflate_frames::{AGREED, HELLO, LEAN, OFFER, compressed, compressed_binary, hello};
use crate::deflate_streams::{CORRUPT, all_judged, fixed};
use crate::exchange::row_offering;
use crate::frame::{Event, join, masked};

/// Payloads that are corrupt, and how many of their bytes prove it.
fn corrupt() -> Vec<(&'static str, Vec<u8>, usize)> {
    let (literals, distances) = (fixed().literals, fixed().distances);
    let header = |literals: usize, distances: usize| {
        Writer::new().bits(4, 3).bits(literals - 257, 5).bits(distances - 1, 5).bits(15, 4)
    };
    let abc = || Writer::new().fixed_open(false, &plain("abc"));
    let copy = |length, distance| [Token::Copy { length, distance }];
    let ones = (0..19).fold(header(257, 1), |writer, _| writer.bits(1, 3));
    let repeats =
        (2..19).fold(header(257, 1).bits(1, 3).bits(1, 3), |w, _| w.bits(0, 3)).bits(0, 1);
    // Code length symbols 18 and 0, of one bit each: 138 zeros, thrice, are too many.
    let zeros = [0, 0, 1, 1].into_iter().chain([0; 15]).fold(header(257, 1), |w, l| w.bits(l, 3));
    let zeros = (0..2).fold(zeros, |writer, _| writer.bits(1, 1).bits(127, 7));
    let mut endless = Codes::of(&plain("ab"));
    endless.literals.fill(0);
    endless.literals[97] = 1;
    endless.literals[98] = 1;
    let mut crowded = Codes::of(&plain("ab"));
    crowded.literals[97..100].fill(1);
    let mut distant = Codes::of(&plain("ab"));
    distant.distances = vec![1, 1, 1];
    let all = [
        ("ff ff: a reserved block", Writer::new().bits(0xffff, 16)),
        ("a reserved block", Writer::new().bits(6, 3)),
        ("a reserved block with BFINAL", Writer::new().bits(7, 3)),
        (
            "a reserved block behind a good one",
            Writer::new().fixed(false, &plain("abc")).bits(6, 3),
        ),
        ("a reserved block behind a stored one", Writer::new().stored(false, b"abc").bits(6, 3)),
        ("a length with no complement", Writer::new().bits(0, 8).bits(5, 16).bits(5, 16)),
        ("a complement one bit off", Writer::new().bits(0, 8).bits(5, 16).bits(0x7ffa, 16)),
        ("zeros for length and complement", Writer::new().bits(0, 8).bits(0, 32)),
        ("length code 286", abc().symbol(286, &literals)),
        ("length code 287", abc().symbol(287, &literals)),
        ("distance code 30", abc().symbol(257, &literals).symbol(30, &distances)),
        ("distance code 31", abc().symbol(257, &literals).symbol(31, &distances)),
        ("a copy with nothing before it", Writer::new().fixed_open(false, &copy(3, 1))),
        ("a copy one byte too far back", abc().tokens(&copy(3, 4), &fixed())),
        ("a copy 32768 bytes back", abc().tokens(&copy(258, 32_768), &fixed())),
        ("a copy too far back in a dynamic block", Writer::new().dynamic(false, &copy(3, 1))),
        ("287 lengths of literals", header(287, 1)),
        ("288 lengths of literals", header(288, 1)),
        ("a code length code with too many codes", ones),
        ("a repetition of nothing", repeats),
        ("more code lengths than there are codes", zeros),
        ("a block without an end", Writer::new().dynamic_open(false, &plain("ab"), &endless)),
        ("too many literals of one bit", Writer::new().dynamic_open(false, &[], &crowded)),
        ("too many distances of one bit", Writer::new().dynamic_open(false, &[], &distant)),
    ];
    let prove = |writer: Writer| {
        let whole = writer.finish();
        // Enough that nothing is cut, whatever the last bits begin.
        let padded = [&whole[..], &[0; 400]].concat();
        let proof = (1..).find(|end| {
            let read = inflate(b"", &padded[..*end]);
            read.is_err_and(|(fault, _)| fault != Fault::Truncated)
        });
        (whole, proof.unwrap())
    };
    all.map(|(rule, writer)| {
        let (payload, proof) = prove(writer);
        (rule, payload, proof)
    })
    .into()
}

#[test]
fn deflate_corrupt() {
    let mut cases = Vec::new();
    for (rule, mut payload, proof) in corrupt() {
        assert!(proof <= payload.len(), "{rule}: {proof} of {}", payload.len());
        let whole = compressed_binary(&payload);
        let id = if rule.starts_with("distance code") { "7692-7.2.1-08" } else { "7692-7.2.2-06" };
        cases.push(row_offering(AGREED, id, rule, whole, vec![], CORRUPT));
        // Told by the bytes that prove it, whatever is still to come of frame and message.
        let mut part = masked(0x42, &[&payload[..], &[0; 60]].concat());
        let header = part.len() - payload.len() - 60;
        part.truncate(header + proof);
        let at_once = format!("{rule}: proved inside a frame");
        cases.push(row_offering(AGREED, id, at_once, part, vec![], CORRUPT));
        payload.truncate(proof);
        let fragment = masked(0x41, &payload);
        let at_once = format!("{rule}: proved by a first fragment");
        cases.push(row_offering(AGREED, id, at_once, fragment, vec![], CORRUPT));
        let behind = join(&[compressed(HELLO), compressed(&payload), compressed(HELLO)]);
        let rule = format!("{rule}: between good messages");
        cases.push(row_offering(AGREED, id, rule, behind, vec![hello()], CORRUPT));
    }
    cases.push(Case::on(LEAN, "7692-7.2.2-07", "every payload of one byte", |server| {
        all_judged(server, (0..=255).map(|byte| vec![byte]))
    }));
    for start in 0..8_u16 {
        let rule = format!("payloads of two bytes, every 16th from {start}");
        cases.push(Case::on(LEAN, "7692-7.2.2-06", rule, move |server| {
            let all = (start..4096).step_by(8).map(|n| n * 16 + start);
            all_judged(server, all.map(|number| number.to_be_bytes().to_vec()))
        }));
    }
    for (name, payload, _) in samples() {
        for bit in 0..8 {
            let rule = format!("zlib's {name}, bit {bit} of each byte changed");
            let payload = payload.clone();
            cases.push(Case::on(LEAN, "7692-7.2.2-06", rule, move |server| {
                let changed = (0..payload.len().min(200)).map(|at| {
                    let mut payload = payload.clone();
                    payload[at] ^= 1 << bit;
                    payload
                });
                all_judged(server, changed)
            }));
        }
    }
    let debatable = |rule: &str, payload: Vec<u8>| {
        Case::on(LEAN, "7692-7.2.2-06", rule.to_owned(), move |server| {
            all_judged(server, [payload.clone()])
        })
    };
    cases.push(debatable(
        "length 258 in its long form",
        Writer::new()
            .fixed_open(false, &plain("a"))
            .symbol(284, &fixed().literals)
            .bits(31, 5)
            .symbol(0, &fixed().distances)
            .symbol(256, &fixed().literals)
            .message(),
    ));
    let mut wide = Codes::of(&plain("ab"));
    wide.distances = [vec![2; 3], vec![0; 28], vec![2]].concat();
    cases.push(debatable(
        "codes for distances that do not exist",
        Writer::new().dynamic_with(false, &plain("ab"), &wide).message(),
    ));
    let mut loose = Codes::of(&plain("ab"));
    loose.literals[97..99].fill(3);
    loose.literals[256] = 3;
    cases.push(debatable(
        "an incomplete code",
        Writer::new().dynamic_with(false, &plain("ab"), &loose).message(),
    ));
    cases.push(Case::on(
        LEAN,
        "7692-7.2.2-06",
        "a corrupt message harms no other connection",
        |server| {
            let mut good = Client::offering(server.address(), OFFER)?;
            for (_, payload, _) in corrupt() {
                let mut bad = Client::offering(server.address(), OFFER)?;
                bad.send(&masked(0x41, &payload[..1]))?;
                good.send(&compressed(deflate(b"", &words())))?;
                bad.offer(&masked(0x80, &payload[1..]));
                good.expect(&Event::Text(words()))?;
            }
            good.expect_alive()
        },
    ));
    run("deflate_corrupt", cases);
}
