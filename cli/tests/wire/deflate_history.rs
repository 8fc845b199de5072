//! What a client's message may refer to: the messages before it where contexts are taken over, nothing
//! elsewhere, and never another connection's (RFC 7692 §7.1.2.2, §7.2.2, §7.2.3.2).

use crate::case::{Case, DEFAULT, Profile, run};
use crate::client::{Client, Outcome};
use crate::deflate::{Token, Window, Writer, deflate, noise, tokens, words};
use crate::deflate_frames::{HELLO, KEPT, LEAN, OFFER, TAKEOVER, compressed, fragments, hello};
use crate::deflate_streams::{clause_of_fault, judged};
use crate::exchange::{End, row_offering};
use crate::frame::{Event, hex, join, masked, ping};
use crate::server::Server;
use stickler_testing::random::Random;

const ONE_WORKER: Profile = &["--deflate", "takeover", "--workers", "1"];
const ONE_WORKER_APART: Profile = &["--workers", "1"];

/// "Hello" that refers to a "Hello" before it (RFC 7692 §7.2.3.2).
fn again() -> Vec<u8> {
    hex("f2 00 11 00 00")
}

fn far(len: usize) -> Vec<u8> {
    let mut random = Random::new(32_768);
    random.bytes(len)
}

fn copy(length: usize, distance: usize) -> Vec<u8> {
    Writer::new().fixed(false, &[Token::Copy { length, distance }]).message()
}

/// Binary messages, each of which may refer to those before it; the slow reader knows them all.
fn all_refer(server: &Server, offer: &str, payloads: &[Vec<u8>]) -> Outcome {
    let mut client = Client::offering(server.address(), offer)?;
    let mut window = Window::new(!client.inflating().agreed().client_no_context_takeover);
    for (at, payload) in payloads.iter().enumerate() {
        let before = window.bytes().to_vec();
        let open = judged(&mut client, &before, payload)
            .map_err(|why| format!("    message   {at}\n{why}"))?;
        if !open {
            return Ok(());
        }
        let inflated = crate::deflate::inflate_message(&before, payload).unwrap();
        window.slide(&inflated.output);
    }
    client.expect_alive()
}

#[test]
fn deflate_history() {
    let mut cases = Vec::new();
    let f = |cut: usize| fragments(0x41, &[&again()[..cut], &again()[cut..]], &ping("p"));
    for cut in 0..=5 {
        cases.push(row_offering(
            KEPT,
            "7692-7.2.2-02",
            format!("the second in fragments, cut after {cut}"),
            [fragments(0x41, &[&HELLO[..3], &HELLO[3..]], b""), f(cut)].concat(),
            vec![hello(), Event::Pong(b"p".to_vec()), hello()],
            End::Open,
        ));
    }
    for (rule, history, payload) in [
        ("all of 32 KiB", vec![far(32_768)], copy(258, 32_768)),
        ("one byte more than there is", vec![far(32_767)], copy(258, 32_768)),
        ("32 KiB of a longer message", vec![far(50_000)], copy(258, 32_768)),
        ("32 KiB of a message of 1 MiB", vec![far(1 << 20)], copy(258, 32_768)),
        ("32 KiB of two messages", vec![far(20_000), far(20_001)], copy(258, 32_768)),
        ("one byte too far over two messages", vec![far(20), far(21)], copy(10, 42)),
        ("the first byte of two messages", vec![far(20), far(21)], copy(10, 41)),
        ("a hundred messages", vec![far(400); 100], copy(258, 32_768)),
        ("a hundred messages, too few", vec![far(300); 100], copy(258, 30_001)),
        ("empty messages between", vec![far(20), vec![], vec![], far(5)], copy(25, 25)),
    ] {
        let mut payloads: Vec<Vec<u8>> = history
            .iter()
            .map(|message| {
                let stored = |writer: Writer, part: &[u8]| writer.stored(false, part);
                message.chunks(60_000).fold(Writer::new(), stored).message()
            })
            .collect();
        payloads.push(payload);
        let kept = payloads.clone();
        cases.push(Case::on(TAKEOVER, "7692-7.2.2-02", rule, move |server| {
            all_refer(server, OFFER, &kept)
        }));
        cases.push(Case::on(LEAN, "7692-7.2.2-04", rule, move |server| {
            all_refer(server, OFFER, &payloads)
        }));
    }
    for (id, offer) in [
        ("7692-7.2.2-03", "permessage-deflate; client_no_context_takeover"),
        ("7692-7.1.2.2-05", "permessage-deflate"),
        ("7692-7.1.2.2-05", "permessage-deflate; server_max_window_bits=8"),
        ("7692-7.2.2-02", "permessage-deflate; server_no_context_takeover"),
    ] {
        for profile in [DEFAULT, TAKEOVER] {
            cases.push(Case::on(
                profile,
                id,
                format!("far references after {offer}"),
                move |server| {
                    let inside = Writer::new()
                        .stored(false, &far(32_768))
                        .fixed(false, &[Token::Copy { length: 100, distance: 32_768 }]);
                    all_refer(
                        server,
                        offer,
                        &[inside.message(), deflate(b"", b"x"), copy(50, 32_768)],
                    )
                },
            ));
        }
    }
    for seed in 0..20 {
        let rule = format!("a conversation, {seed}");
        cases.push(Case::on(TAKEOVER, "7692-7.2.2-02", rule, move |server| {
            all_refer(server, OFFER, &conversation(seed))
        }));
    }
    run("deflate_history", cases);
}

/// Messages in which much refers to those before.
fn conversation(seed: u64) -> Vec<Vec<u8>> {
    let mut random = Random::new(4000 + seed);
    let sources = [words(), noise(), crate::deflate::json()];
    let mut history = Vec::new();
    (0..40)
        .map(|_| {
            let source = &sources[random.below(3)];
            let from = random.below(source.len());
            let message: Vec<u8> =
                source.iter().copied().cycle().skip(from).take(random.below(2000)).collect();
            let window = 1 << (8 + random.below(8));
            let kept = history.len().saturating_sub(32_768);
            let tokens = tokens(&history[kept..], &message, window);
            let (last, writer) = (random.below(4) == 0, Writer::new());
            let writer = match random.below(5) {
                0 => writer.stored(last, &message),
                1 => writer.dynamic(last, &tokens),
                2 => writer.dynamic(false, &[]).fixed(last, &tokens),
                _ => writer.fixed(last, &tokens),
            };
            history.extend_from_slice(&message);
            writer.message()
        })
        .collect()
}

/// Connections whose messages arrive a piece each by turns; what is lent among them must not mix.
fn by_turns(server: &Server, takeover: bool) -> Outcome {
    const COUNT: usize = 12;
    const ROUNDS: usize = 6;
    let said = |at: usize, round: usize| {
        let line = format!("connection {at} says this in round {round}, {at}-{at}-{at}; ");
        line.repeat(3 + at)
    };
    let mut clients = Vec::new();
    for _ in 0..COUNT {
        clients.push((Client::offering(server.address(), OFFER)?, Window::new(takeover)));
    }
    for round in 0..ROUNDS {
        let mut frames = Vec::new();
        for (at, (_, window)) in clients.iter_mut().enumerate() {
            let message = said(at, round);
            let tokens = tokens(window.bytes(), message.as_bytes(), 32_768);
            let payload = match at % 3 {
                0 => Writer::new().fixed(false, &tokens).message(),
                1 => Writer::new().dynamic(true, &tokens).message(),
                _ => Writer::new().fixed(true, &tokens[..1]).dynamic(false, &tokens[1..]).message(),
            };
            let cut = payload.len() / 2;
            let pieces: Vec<&[u8]> = match at % 2 {
                0 => vec![&payload],
                _ => vec![&payload[..cut], &payload[cut..]],
            };
            window.slide(message.as_bytes());
            frames.push(fragments(0x41, &pieces, b""));
        }
        let longest = frames.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..longest.div_ceil(3) {
            for ((client, _), frame) in clients.iter_mut().zip(&frames) {
                if let Some(piece) = frame.chunks(3).nth(at) {
                    client.send(piece)?;
                }
            }
        }
        for (at, (client, _)) in clients.iter_mut().enumerate() {
            client.expect(&Event::Text(said(at, round).into_bytes()))?;
        }
    }
    clients.into_iter().try_for_each(|(mut client, _)| client.expect_alive())
}

#[test]
fn deflate_connections_apart() {
    let cases = vec![
        Case::on(ONE_WORKER, "7692-7.2.2-02", "pieces of many connections by turns", |server| {
            by_turns(server, true)
        }),
        Case::on(ONE_WORKER_APART, "7692-5-07", "pieces of many connections by turns", |server| {
            by_turns(server, false)
        }),
        Case::on(
            ONE_WORKER,
            "7692-7.2.2-02",
            "nothing of another connection's history",
            |server| {
                let mut first = Client::offering(server.address(), OFFER)?;
                first.send(&compressed(HELLO))?;
                first.expect(&hello())?;
                let mut second = Client::offering(server.address(), OFFER)?;
                second.send(&compressed(again()))?;
                second.expect_failed(1007, "RFC 7692 7.2.2")?;
                first.send(&compressed(again()))?;
                first.expect(&hello())?;
                first.expect_alive()
            },
        ),
        Case::on(ONE_WORKER_APART, "7692-7.2.2-04", "nothing of what is lent by turns", |server| {
            let mut first = Client::offering(server.address(), OFFER)?;
            first.send(&masked(0x41, &HELLO[..5]))?;
            let mut second = Client::offering(server.address(), OFFER)?;
            second.send(&compressed(again()))?;
            second.expect_failed(1007, "RFC 7692 7.2.2")?;
            first.send(&masked(0x80, &HELLO[5..]))?;
            first.expect(&hello())?;
            first.expect_alive()
        }),
        Case::on(
            ONE_WORKER_APART,
            "7692-7.2.2-06",
            "a fault leaves nothing behind for the next",
            |server| {
                let bad = ["06", "f2 48 cd", "00 05 00 fa fe", "", "ed fd", "f3 48 cd c9 c9 07 00"];
                for bad in bad {
                    let mut first = Client::offering(server.address(), OFFER)?;
                    first.send(&compressed(hex(bad)))?;
                    first.expect_failed(1007, clause_of_fault(b"", &hex(bad)))?;
                    let mut second = Client::offering(server.address(), OFFER)?;
                    second.send(&compressed(HELLO))?;
                    second.expect(&hello())?;
                    second.send(&compressed(deflate(b"", &words())))?;
                    second.expect(&Event::Text(words()))?;
                    second.expect_alive()?;
                }
                Ok(())
            },
        ),
        Case::on(ONE_WORKER, "7692-7.2.2-02", "a client gone inside a message", |server| {
            for cut in 1..HELLO.len() {
                let mut gone = Client::offering(server.address(), OFFER)?;
                gone.send(&masked(0x41, &HELLO[..cut]))?;
                gone.send(&ping("p"))?;
                gone.expect(&Event::Pong(b"p".to_vec()))?;
                gone.reset();
                let mut next = Client::offering(server.address(), OFFER)?;
                next.send(&join(&[compressed(HELLO), compressed(again())]))?;
                next.expect(&hello())?;
                next.expect(&hello())?;
                next.expect_alive()?;
            }
            Ok(())
        }),
    ];
    run("deflate_connections_apart", cases);
}
