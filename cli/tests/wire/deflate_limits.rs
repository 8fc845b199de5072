//! Limits on what is inflated, shown to bite exactly where they are set, and what bombs cost
//! (RFC 7692 §8; RFC 6455 §10.4).

use std::thread;
use std::time::{Duration, Instant};

use crate::case::{Case, DEFAULT, Profile, run, run_at_once};
use crate::client::{Client, LONG, Outcome, PROMPT};
use crate::deflate::{Codes, Token, Writer, plain};
use crate::deflate_frames::{HELLO, OFFER, compressed, compressed_binary, fragments, hello};
use crate::exchange::{End, row_offering};
use crate::frame::{Event, binary, header, join, masked, ping};
use crate::hostile::{cpu_small, memory_flat};
use crate::server::Server;

const SMALL: (Profile, &str) = (&["--max-message-size", "1000"], OFFER);
const SMALL_KEPT: (Profile, &str) =
    (&["--max-message-size", "1000", "--deflate", "takeover"], OFFER);
const FRAMES: (Profile, &str) = (&["--max-frame-size", "100"], OFFER);
const FEW: (Profile, &str) = (&["--max-fragments", "8"], OFFER);
const TOO_BIG: End = End::Fail(1009, "RFC 6455 10.4");

/// So many letters in few bytes.
fn run_of(letter: u8, count: usize) -> Vec<Token> {
    let mut tokens = plain([letter]);
    let mut left = count - 1;
    while left > 0 {
        // What is left over must be long enough to be copied.
        let length = if left > 258 { (left - 3).min(258) } else { left };
        if length < 3 {
            tokens.extend(plain(vec![letter; length]));
        } else {
            tokens.push(Token::Copy { length, distance: 1 });
        }
        left -= length;
    }
    tokens
}

/// A payload that inflates to this many letters, in each kind of block.
fn each_kind(count: usize) -> [(&'static str, Vec<u8>); 5] {
    let tokens = run_of(b'f', count);
    let bytes = vec![b'f'; count];
    [
        ("fixed", Writer::new().fixed(false, &tokens).message()),
        ("dynamic", Writer::new().dynamic(false, &tokens).message()),
        ("literals", Writer::new().dynamic(false, &plain(&bytes)).message()),
        ("stored", Writer::new().stored(false, &bytes).message()),
        (
            "BFINAL blocks",
            Writer::new().stored(true, b"f").fixed(true, &run_of(b'f', count - 1)).message(),
        ),
    ]
}

#[test]
fn deflate_limits() {
    let text = |count: usize| vec![Event::Text(vec![b'f'; count])];
    let mut cases = Vec::new();
    for agreed in [SMALL, SMALL_KEPT] {
        for (count, replies, end) in [
            (999, text(999), End::Open),
            (1000, text(1000), End::Open),
            (1001, vec![], TOO_BIG),
            (1002, vec![], TOO_BIG),
            (1258, vec![], TOO_BIG),
            (5000, vec![], TOO_BIG),
        ] {
            for (kind, payload) in each_kind(count) {
                let rule = format!("{count} bytes inflated, {kind}");
                let whole = compressed(&payload);
                if payload.len() <= 1000 + 6 {
                    cases.push(row_offering(
                        agreed,
                        "7692-8-02",
                        &rule,
                        whole,
                        replies.clone(),
                        end.clone(),
                    ));
                }
                let half = payload.len() / 2;
                let pieces = [&payload[..half], &payload[half..]];
                let rule = format!("{rule}, in two fragments");
                let parts = fragments(0x41, &pieces, b"");
                if half < 1000 {
                    cases.push(row_offering(
                        agreed,
                        "7692-8-02",
                        rule,
                        parts,
                        replies.clone(),
                        end.clone(),
                    ));
                }
            }
        }
    }
    let message = |writer: Writer| compressed(writer.message());
    let fixed = |tokens: &[Token]| Writer::new().fixed(false, tokens);
    let limit = || fixed(&run_of(b'f', 1000));
    let over = || fixed(&run_of(b'f', 1001));
    let behind = |first: usize, copy: Token| fixed(&[run_of(b'f', first), vec![copy]].concat());
    let small = |rule: &str, bytes: Vec<u8>, replies: Vec<Event>, end: End| {
        row_offering(SMALL, "7692-8-02", rule, bytes, replies, end)
    };
    cases.extend([
        small(
            "empty blocks behind the limit",
            message(
                limit().stored(false, b"").fixed(false, &[]).dynamic(true, &[]).stored(true, b""),
            ),
            text(1000),
            End::Open,
        ),
        small(
            "one literal behind the limit",
            message(limit().stored(true, b"").fixed(false, &plain("x"))),
            vec![],
            TOO_BIG,
        ),
        small(
            "a copy that crosses the limit",
            message(behind(998, Token::Copy { length: 3, distance: 1 })),
            vec![],
            TOO_BIG,
        ),
        small(
            "a copy that ends at the limit",
            message(behind(742, Token::Copy { length: 258, distance: 1 })),
            text(1000),
            End::Open,
        ),
        small(
            "each message counts for itself",
            join(&[message(limit()), message(limit()), compressed(HELLO), message(limit())]),
            [text(1000), text(1000), vec![hello()], text(1000)].concat(),
            End::Open,
        ),
        small(
            "what came before is answered first",
            join(&[compressed(HELLO), binary("plain"), message(over())]),
            vec![hello(), Event::Binary(b"plain".to_vec())],
            TOO_BIG,
        ),
        small("told by an unfinished message", masked(0x42, &over().finish()), vec![], TOO_BIG),
        small(
            "told inside a frame",
            [&header(0xc2, 900)[..], &[0; 4], &over().finish()].concat(),
            vec![],
            TOO_BIG,
        ),
        small(
            "not told by an unfinished message of exactly the limit",
            join(&[
                masked(0x41, &limit().stored(false, b"").finish()),
                ping("p"),
                masked(0x80, &[0]),
            ]),
            [vec![Event::Pong(b"p".to_vec())], text(1000)].concat(),
            End::Open,
        ),
        small(
            "a stored block longer than the limit with its header, inflated exactly the limit",
            compressed(Writer::new().stored(false, &[b'f'; 1000]).message()),
            text(1000),
            End::Open,
        ),
        small("a plain message has its limit still", header(0x82, 1001), vec![], TOO_BIG),
        row_offering(
            SMALL_KEPT,
            "7692-8-02",
            "history is not counted",
            join(&[
                message(limit()),
                message(fixed(&[Token::Copy { length: 250, distance: 1000 }; 4])),
                message(fixed(&[Token::Copy { length: 258, distance: 2000 }])),
            ]),
            [text(1000), text(1000), text(258)].concat(),
            End::Open,
        ),
        row_offering(
            FRAMES,
            "6455-10.4-02",
            "a compressed frame of exactly the limit",
            compressed(Writer::new().stored(false, &[b'f'; 94]).message()),
            text(94),
            End::Open,
        ),
        row_offering(
            FRAMES,
            "6455-10.4-02",
            "a compressed frame one byte over the limit, by its header alone",
            header(0xc1, 101),
            vec![],
            TOO_BIG,
        ),
        row_offering(
            FRAMES,
            "6455-10.4-02",
            "a compressed frame one byte over the limit that inflates to less",
            compressed(Writer::new().stored(false, &[b'f'; 95]).message()),
            vec![],
            TOO_BIG,
        ),
        row_offering(
            FRAMES,
            "6455-10.4-02",
            "a small frame may inflate to much more than a frame may have",
            message(fixed(&run_of(b'f', 10_000)).stored(false, b"")),
            text(10_000),
            End::Open,
        ),
        row_offering(
            FRAMES,
            "6455-10.4-02",
            "a later fragment one byte over",
            [masked(0x41, &HELLO[..3]), header(0x00, 101)].concat(),
            vec![],
            TOO_BIG,
        ),
        row_offering(
            FEW,
            "6455-10.4-04",
            "compressed fragments are counted like others: eight",
            fragments(
                0x41,
                &[
                    &HELLO[..1],
                    &HELLO[1..2],
                    &HELLO[2..3],
                    &HELLO[3..4],
                    &HELLO[4..5],
                    &HELLO[5..6],
                    &HELLO[6..],
                    b"",
                ],
                b"",
            ),
            vec![hello()],
            End::Open,
        ),
        row_offering(
            FEW,
            "6455-10.4-04",
            "compressed fragments are counted like others: nine",
            (0..9)
                .flat_map(|at| masked(if at == 0 { 0x42 } else { 0x00 }, &[0, 0, 0, 0xff, 0xff]))
                .collect(),
            vec![],
            End::Fail(1008, "RFC 6455 10.4"),
        ),
    ]);
    cases.push(Case::on(
        DEFAULT,
        "7692-8-02",
        "16 MiB inflated by default, and not a byte more",
        |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            client.send(&compressed_binary(
                Writer::new().dynamic(false, &run_of(7, 16 << 20)).message(),
            ))?;
            client.expect_within(&Event::Binary(vec![7; 16 << 20]), LONG)?;
            client.send(&compressed_binary(
                Writer::new().dynamic(false, &run_of(7, (16 << 20) + 1)).message(),
            ))?;
            client.expect_failed_within(1009, "RFC 6455 10.4", LONG)
        },
    ));
    run("deflate_limits", cases);
}

const MIB: Profile = &["--max-message-size", "1MiB", "--workers", "1"];

/// 1 GiB of zeros in a little under 1 MiB: two bits for every 258 bytes, and all bits are 0.
fn bomb() -> Vec<u8> {
    let copy = Token::Copy { length: 258, distance: 1 };
    let mut literals = vec![0; 286];
    (literals[285], literals[0], literals[256]) = (1, 2, 2);
    let codes = Codes { literals, distances: vec![1] };
    let begin = [plain([0]), vec![copy; 8]].concat();
    let begin = Writer::new().dynamic_open(false, &begin, &codes).finish();
    [begin, vec![0; (1 << 30) / 258 / 4]].concat()
}

#[test]
fn the_bomb_is_what_it_says() {
    let bomb = bomb();
    assert!(bomb.len() < 1 << 20);
    let begin = bomb.len() - (1 << 30) / 258 / 4;
    let (_, inflated) = crate::deflate::inflate(b"", &bomb[..begin + 1000]).unwrap_err();
    assert!((4008..4012).contains(&(inflated.output.len() / 258)));
    assert!(inflated.output.iter().all(|byte| *byte == 0));
}

/// A server that has met compression before, so that first-use memory is not counted.
fn warm(flags: &[&str]) -> Result<Server, String> {
    let server = Server::start(flags)?;
    for _ in 0..2 {
        let mut client = Client::offering(server.address(), OFFER)?;
        let long = vec![b'f'; 1 << 20];
        client.send(&compressed(Writer::new().dynamic(false, &run_of(b'f', 1 << 20)).message()))?;
        client.expect_within(&Event::Text(long), LONG)?;
        client.close_normally()?;
    }
    Ok(server)
}

/// The bomb in these pieces; sent until the server has had enough.
fn explode(server: &Server, pieces: Vec<Vec<u8>>) -> Outcome {
    let begun = Instant::now();
    let mut client = Client::offering(server.address(), OFFER)?;
    let mut writer = client.stream().try_clone().map_err(|error| error.to_string())?;
    let writing = thread::spawn(move || {
        pieces.iter().all(|piece| std::io::Write::write_all(&mut writer, piece).is_ok())
    });
    client.expect_failed_within(1009, "RFC 6455 10.4", LONG)?;
    let took = begun.elapsed();
    client.half_close();
    drop(client);
    let _ = writing.join();
    if took > PROMPT {
        return Err(format!("    expected  1009 within {PROMPT:?}\n    observed  {took:?}"));
    }
    Ok(())
}

/// Explodes on a server with these flags, which may grow by so many MiB.
fn costs(
    flags: &'static [&'static str],
    rule: &'static str,
    allowed: u64,
    pieces: fn(Vec<u8>) -> Vec<Vec<u8>>,
) -> Case {
    Case::new("7692-8-02", format!("1 GiB from 1 MiB, {rule}"), move |_| {
        let server = warm(flags)?;
        let (memory, cpu) = (server.resident(), server.cpu());
        for _ in 0..3 {
            explode(&server, pieces(bomb()))?;
        }
        memory_flat(&server, memory, allowed)?;
        cpu_small(&server, cpu, Duration::from_secs(6))?;
        still_inflates(&server)?;
        server.retire()
    })
}

fn still_inflates(server: &Server) -> Outcome {
    let mut client = Client::offering(server.address(), OFFER)?;
    client.send(&compressed(HELLO))?;
    client.expect(&hello())?;
    client.expect_alive()
}

#[test]
fn deflate_bombs() {
    let mut cases = vec![
        costs(MIB, "whole", 4, |bomb| vec![compressed_binary(bomb)]),
        costs(MIB, "as text", 4, |bomb| vec![compressed(bomb)]),
        costs(MIB, "in fragments of 1000 bytes", 4, |bomb| {
            let pieces: Vec<&[u8]> = bomb.chunks(1000).collect();
            vec![fragments(0x42, &pieces, b"")]
        }),
        costs(MIB, "in fragments of one byte, in segments", 4, |bomb| {
            let pieces: Vec<&[u8]> = bomb[..20_000].chunks(1).collect();
            let frames = fragments(0x42, &pieces, b"");
            frames.chunks(700).map(<[u8]>::to_vec).collect()
        }),
        costs(&["--workers", "1"], "under the limit of 16 MiB", 24, |bomb| {
            vec![compressed_binary(bomb)]
        }),
        costs(&["--workers", "1", "--deflate", "takeover"], "with takeover", 24, |bomb| {
            vec![compressed_binary(bomb)]
        }),
    ];
    cases.push(Case::new("7692-8-02", "fifty bombs at once", |_| {
        let server = warm(MIB)?;
        let memory = server.resident();
        let bomb = compressed_binary(bomb());
        let outcomes: Vec<Outcome> = thread::scope(|scope| {
            let all: Vec<_> = (0..50)
                .map(|_| {
                    scope.spawn(|| {
                        let mut client = Client::offering(server.address(), OFFER)?;
                        client.offer(&bomb);
                        client.expect_failed_within(1009, "RFC 6455 10.4", LONG)
                    })
                })
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        outcomes.into_iter().collect::<Outcome>()?;
        // A MiB and an inflater each, and what the threads keep of it.
        memory_flat(&server, memory, 70)?;
        still_inflates(&server)?;
        server.retire()
    }));
    cases.push(Case::new("7692-8-03", "what is never inflated costs little", |_| {
        let server = warm(MIB)?;
        let mut client = Client::offering(server.address(), OFFER)?;
        let four = (0..4).fold(Writer::new(), |writer, _| writer.fixed(false, &[]));
        let payload = [four.finish().repeat(75_000), vec![0]].concat();
        let cpu = server.cpu();
        client.send(&compressed_binary(payload))?;
        client.expect_within(&Event::Binary(vec![]), LONG)?;
        cpu_small(&server, cpu, Duration::from_secs(3))?;
        client.expect_alive()?;
        server.retire()
    }));
    cases.push(Case::new("7692-8-03", "a heap of BFINAL blocks costs little", |_| {
        let server = warm(MIB)?;
        let mut client = Client::offering(server.address(), OFFER)?;
        // Each of them ends a stream as zlib sees it, 32 KiB of history behind it.
        let filled = Writer::new().fixed(false, &run_of(b'f', 40_000));
        let one = Writer::new().fixed(true, &[]).finish();
        let payload = [filled.stored(true, b"").finish(), one.repeat(10_000), vec![0]].concat();
        let cpu = server.cpu();
        client.send(&compressed_binary(payload))?;
        client.expect_within(&Event::Binary(vec![b'f'; 40_000]), LONG)?;
        cpu_small(&server, cpu, Duration::from_secs(3))?;
        client.expect_alive()?;
        server.retire()
    }));
    cases.push(Case::new(
        "7692-8-03",
        "tiny messages that inflate hugely leave time for others",
        |_| {
            let server = warm(MIB)?;
            let mut other = Client::offering(server.address(), OFFER)?;
            let huge = Client::offering(server.address(), OFFER)?;
            let message =
                compressed_binary(Writer::new().dynamic(false, &run_of(0, 1 << 20)).message());
            let mut writer = huge.stream().try_clone().map_err(|error| error.to_string())?;
            let writing = thread::spawn(move || {
                // The replies are not read, so that in the end this is not taken any more.
                (0..400).all(|_| std::io::Write::write_all(&mut writer, &message).is_ok())
            });
            for _ in 0..20 {
                let begun = Instant::now();
                other.send(&ping("p"))?;
                other.expect(&Event::Pong(b"p".to_vec()))?;
                other.send(&compressed(HELLO))?;
                other.expect(&hello())?;
                if begun.elapsed() > Duration::from_secs(2) {
                    return Err(format!("    observed  an answer after {:?}", begun.elapsed()));
                }
            }
            huge.reset();
            let _ = writing.join();
            other.expect_alive()?;
            server.retire()
        },
    ));
    run_at_once("deflate_bombs", cases, 1);
}
