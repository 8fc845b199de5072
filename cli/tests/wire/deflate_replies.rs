//! What the server sends: every compressed message is read by the slow reader within the agreed window
//! (RFC 7692 §5, §6.1, §7.1, §7.2.1), and what goes uncompressed does.

use std::time::Duration;

use crate::case::{Case, DEFAULT, Profile, run};
use crate::client::{Client, LONG, Next, Outcome, PROMPT};
use crate::deflate::{deflate, json, noise, words};
use crate::deflate_frames::{HELLO, OFFER, TAKEOVER, compressed, hello};
use crate::frame::{Event, binary, text};
use crate::server::Server;
use stickler_testing::random::Random;

/// Sends a plain binary message and expects its echo.
fn echoed(client: &mut Client, payload: &[u8]) -> Outcome {
    client.send(&binary(payload))?;
    client.expect_within(&Event::Binary(payload.to_vec()), LONG)
}

/// The same, and how many bytes of payload the reply had, if it was compressed.
fn compressed_to(client: &mut Client, payload: &[u8]) -> Result<usize, String> {
    echoed(client, payload)?;
    match client.inflating().last() {
        Some(_) => Ok(client.inflating().last_len()),
        None => Err(client.report("a compressed reply", "RSV1 is clear")),
    }
}

fn not_compressed(client: &mut Client, payload: &[u8]) -> Outcome {
    echoed(client, payload)?;
    match client.inflating().last() {
        None => Ok(()),
        Some(_) => Err(client.report("an uncompressed reply", "RSV1 is set")),
    }
}

/// Text in which parts come again at every distance up to 40,000 bytes.
fn repetitive() -> Vec<u8> {
    let mut random = Random::new(15);
    let mut bytes: Vec<u8> = Vec::new();
    let mut distance = 3;
    while bytes.len() < 45_000 {
        // A new part, then an old one.
        bytes.extend(random.bytes(distance.min(400) / 4 + 3));
        if bytes.len() > distance {
            let from = bytes.len() - distance;
            let length = distance.min(3 + random.below(60));
            let old = bytes[from..from + length].to_vec();
            bytes.extend(old);
        }
        distance = if distance > 36_000 { 3 } else { distance * 9 / 8 + 1 };
    }
    bytes
}

/// Messages of every sort, one after the other, each echoed within the agreed window.
fn sorts(client: &mut Client) -> Outcome {
    let repetitive = repetitive();
    let mut random = Random::new(99);
    for message in [
        words(),
        repetitive.clone(),
        b"x".repeat(300),
        words(),
        random.bytes(3000),
        repetitive[..38_000].to_vec(),
        random.bytes(200),
        json().repeat(80),
        vec![],
        json(),
        [random.bytes(33_000), words()].concat(),
        [words(), random.bytes(40_000), words()].concat(),
        json(),
    ] {
        echoed(client, &message)?;
    }
    Ok(())
}

/// The greatest distance in the reply to this.
fn distance(client: &mut Client, payload: &[u8]) -> Result<usize, String> {
    compressed_to(client, payload)?;
    Ok(client.inflating().last().map_or(0, |inflated| inflated.max_distance))
}

const OFFERS: [(u8, &str); 8] = [
    (8, "permessage-deflate; server_max_window_bits=8"),
    (9, "permessage-deflate; server_max_window_bits=9"),
    (10, "permessage-deflate; server_max_window_bits=10"),
    (11, "permessage-deflate; server_max_window_bits=11"),
    (12, "permessage-deflate; server_max_window_bits=12"),
    (13, "permessage-deflate; server_max_window_bits=13"),
    (14, "permessage-deflate; server_max_window_bits=14"),
    (15, "permessage-deflate; server_max_window_bits=15"),
];

const CONFIGURED: [(u8, Profile); 7] = [
    (9, &["--deflate", "takeover", "--deflate-window-bits", "9"]),
    (10, &["--deflate", "takeover", "--deflate-window-bits", "10"]),
    (11, &["--deflate", "takeover", "--deflate-window-bits", "11"]),
    (12, &["--deflate", "takeover", "--deflate-window-bits", "12"]),
    (13, &["--deflate", "takeover", "--deflate-window-bits", "13"]),
    (14, &["--deflate", "takeover", "--deflate-window-bits", "14"]),
    (15, &["--deflate", "takeover", "--deflate-window-bits", "15"]),
];

const WIDE: Profile = &["--deflate", "takeover", "--deflate-window-bits", "15"];
const NARROW: Profile = &["--deflate", "takeover", "--deflate-window-bits", "9"];

#[test]
fn deflate_windows_of_the_server() {
    let mut cases = Vec::new();
    for profile in [DEFAULT, TAKEOVER, WIDE, NARROW] {
        for (bits, offer) in OFFERS {
            let rule = format!("{bits} bits are kept to");
            cases.push(Case::on(profile, "7692-7.2.1-10", rule, move |server| {
                let mut client = Client::offering(server.address(), offer)?;
                if client.inflating().agreed().server_max_window_bits > Some(bits) {
                    return Err(client.report(&format!("at most {bits} bits"), "more"));
                }
                sorts(&mut client)?;
                client.expect_alive()
            }));
        }
    }
    for (bits, profile) in CONFIGURED {
        cases.push(Case::on(profile, "7692-7.1.2.1-04", "the configured window", move |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            let stated = client.inflating().agreed().server_max_window_bits.unwrap_or(15);
            if stated != bits {
                return Err(client.report(&format!("{bits} bits"), &format!("{stated}")));
            }
            sorts(&mut client)?;
            client.expect_alive()
        }));
    }
    cases.push(Case::on(
        DEFAULT,
        "7692-7.3-01",
        "the default window is good for 10 bits at least",
        |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            let seen = distance(&mut client, &repetitive())?;
            if seen <= 1024 {
                return Err(client.report("a distance over 1024", &seen.to_string()));
            }
            client.expect_alive()
        },
    ));
    cases.push(Case::on(
        DEFAULT,
        "7692-7.1.2.1-05",
        "8 bits are honoured with something to gain",
        |server| {
            let offer = "permessage-deflate; server_max_window_bits=8";
            let mut client = Client::offering(server.address(), offer)?;
            for message in [words().repeat(40), b"ab".repeat(5000), vec![0; 100_000]] {
                // Whether compressed or not: the slow reader knows the window.
                echoed(&mut client, &message)?;
            }
            client.expect_alive()
        },
    ));
    for (profile, seed) in [(DEFAULT, 1), (TAKEOVER, 2), (WIDE, 3), (NARROW, 4)] {
        for part in 0..4 {
            let rule = format!("random messages of all sizes, {part}");
            cases.push(Case::on(profile, "7692-7.2.1-10", rule, move |server| {
                let offer = OFFERS[(seed + part) % 8].1;
                random_messages(server, offer, (seed * 10 + part) as u64)
            }));
        }
    }
    run("deflate_windows_of_the_server", cases);
}

fn random_messages(server: &Server, offer: &str, seed: u64) -> Outcome {
    let mut random = Random::new(seed);
    let mut client = Client::offering(server.address(), offer)?;
    let sources = [words(), json(), repetitive(), random.bytes(2000), vec![b'x'; 1000]];
    for _ in 0..60 {
        let source = &sources[random.below(5)];
        let size = [20, 130, 300, 1000, 5000, 40_000][random.below(6)];
        let (from, count) = (random.below(source.len()), random.below(size));
        let mut message: Vec<u8> = source.iter().copied().cycle().skip(from).take(count).collect();
        for _ in 0..random.below(8) {
            if !message.is_empty() {
                let at = random.below(message.len());
                message[at] = random.byte();
            }
        }
        echoed(&mut client, &message)?;
    }
    client.expect_alive()
}

const SINGLE: Profile = &["--workers", "1"];
const SINGLE_KEPT: Profile = &["--workers", "1", "--deflate", "takeover"];
const FAST: Profile = &["--deflate-level", "1"];
const SMALLEST: Profile = &["--deflate-level", "9"];
const ALL: Profile = &["--deflate-min-size", "1"];
const KIB: Profile = &["--deflate-min-size", "1KiB"];
const ALL_KEPT: Profile = &["--deflate-min-size", "1", "--deflate", "takeover"];
const PINGING: Profile = &["--keepalive-interval", "150ms"];

#[test]
fn deflate_replies() {
    let mut cases = vec![
        Case::on(DEFAULT, "7692-7.2.1-09", "two equal messages, each by itself", |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            let first = compressed_to(&mut client, &words())?;
            let second = compressed_to(&mut client, &words())?;
            if first != second {
                return Err(client.report(&format!("{first} bytes again"), &second.to_string()));
            }
            client.expect_alive()
        }),
        Case::on(
            TAKEOVER,
            "7692-7.2.1-09",
            "two equal messages, each by itself if asked",
            |server| {
                let offer = "permessage-deflate; server_no_context_takeover";
                let mut client = Client::offering(server.address(), offer)?;
                let first = compressed_to(&mut client, &words())?;
                let second = compressed_to(&mut client, &words())?;
                if first != second {
                    return Err(client.report(&format!("{first} bytes again"), &second.to_string()));
                }
                client.expect_alive()
            },
        ),
        Case::on(
            TAKEOVER,
            "7692-7.2.1-11",
            "the second of two equal messages refers to the first",
            |server| {
                let mut client = Client::offering(server.address(), OFFER)?;
                let first = compressed_to(&mut client, &words())?;
                let second = compressed_to(&mut client, &words())?;
                let reach = client.inflating().last().map_or(0, |inflated| inflated.reach);
                if second >= first || reach == 0 {
                    let seen = format!("{second} bytes that reach {reach} back");
                    return Err(client.report(&format!("less than {first} bytes"), &seen));
                }
                // Over messages that went uncompressed, too.
                not_compressed(&mut client, b"short")?;
                not_compressed(&mut client, &Random::new(1).bytes(300))?;
                let third = compressed_to(&mut client, &words())?;
                if third >= first {
                    return Err(
                        client.report(&format!("less than {first} bytes"), &third.to_string())
                    );
                }
                client.expect_alive()
            },
        ),
        Case::on(TAKEOVER, "7692-6-02", "what went uncompressed is never referred to", |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            let mut random = Random::new(11);
            for size in [128, 300, 1000, 4000, 20_000] {
                let noise = random.bytes(size);
                not_compressed(&mut client, &noise)?;
                // Now some of it comes again in what is worth compressing.
                for part in [noise.len() / 2, noise.len()] {
                    echoed(&mut client, &[&words()[..], &noise[..part], &words()].concat())?;
                    echoed(&mut client, &noise)?;
                }
            }
            client.expect_alive()
        }),
        Case::on(TAKEOVER, "7692-6-02", "a short message is never referred to", |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            for round in 0..20 {
                let short = format!("a short message number {round}, 1234567890");
                not_compressed(&mut client, short.as_bytes())?;
                echoed(&mut client, short.repeat(8).as_bytes())?;
            }
            client.expect_alive()
        }),
        Case::on(DEFAULT, "7692-6.1-02", "127 bytes go uncompressed, 128 do not", |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            for size in [0, 1, 5, 60, 126, 127] {
                not_compressed(&mut client, &vec![b'a'; size])?;
            }
            for size in [128, 129, 130, 1000, 65_535, 65_536, 70_000] {
                compressed_to(&mut client, &vec![b'a'; size])?;
            }
            client.expect_alive()
        }),
        Case::on(KIB, "7692-6.1-02", "--deflate-min-size 1KiB", |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            not_compressed(&mut client, &[b'a'; 1023])?;
            compressed_to(&mut client, &[b'a'; 1024])?;
            client.expect_alive()
        }),
        Case::on(ALL, "7692-7.2.1-01", "--deflate-min-size 1 compresses what shrinks", |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            not_compressed(&mut client, b"Hello")?;
            compressed_to(&mut client, b"HelloHelloHelloHelloHello")?;
            for size in 0..200 {
                echoed(&mut client, &vec![b'a'; size])?;
                echoed(&mut client, &words()[..size])?;
            }
            client.expect_alive()
        }),
        Case::on(
            ALL_KEPT,
            "7692-7.2.1-11",
            "--deflate-min-size 1 with takeover: Hello twice",
            |server| {
                let mut client = Client::offering(server.address(), OFFER)?;
                for _ in 0..3 {
                    client.send(&compressed(HELLO))?;
                    client.expect(&hello())?;
                }
                for size in 0..200 {
                    echoed(&mut client, &words()[..size])?;
                    echoed(&mut client, &json()[size..2 * size])?;
                }
                client.expect_alive()
            },
        ),
        Case::on(DEFAULT, "7692-6.1-02", "what does not shrink goes as it came", |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            let mut random = Random::new(3);
            for size in [128, 200, 1000, 5000, 65_536, 1 << 20] {
                not_compressed(&mut client, &random.bytes(size))?;
            }
            client.expect_alive()
        }),
        Case::on(
            SINGLE,
            "7692-6.1-02",
            "a hundred times what does not shrink by one byte",
            |server| {
                let mut client = Client::offering(server.address(), OFFER)?;
                for _ in 0..100 {
                    not_compressed(&mut client, &noise())?;
                }
                compressed_to(&mut client, &words())?;
                client.expect_alive()
            },
        ),
        Case::on(DEFAULT, "7692-7.2.3.6-01", "an empty reply", |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            for _ in 0..3 {
                client.send(&text(""))?;
                client.expect(&Event::Text(vec![]))?;
                client.send(&compressed([0]))?;
                client.expect(&Event::Text(vec![]))?;
            }
            client.expect_alive()
        }),
        Case::on(PINGING, "7692-6-01", "the server's own pings and Close", |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            compressed_to(&mut client, &words())?;
            match client.next(PROMPT)? {
                Next::Event(Event::Ping(payload)) => client.send(&crate::frame::pong(payload))?,
                other => return Err(client.report("a ping", &format!("{other:?}"))),
            }
            client.send(&compressed(deflate(b"", &words())))?;
            client.expect(&Event::Text(words()))?;
            client.close_normally()
        }),
        Case::on(DEFAULT, "7692-5-07", "16 MiB of text", |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            let long: Vec<u8> = json().into_iter().cycle().take(16 << 20).collect();
            client.send(&text(&long))?;
            client.expect_within(&Event::Text(long), Duration::from_secs(60))?;
            client.expect_alive()
        }),
    ];
    for profile in [SINGLE, SINGLE_KEPT] {
        for (at, size) in [128, 300, 512, 4096].into_iter().enumerate() {
            let rule = format!("hundreds of replies of {size} bytes that do not shrink");
            cases.push(Case::on(profile, "7692-6.1-02", rule, move |server| {
                let mut client = Client::offering(server.address(), OFFER)?;
                let mut random = Random::new(at as u64);
                let noise = random.bytes(size);
                for round in 0..300 {
                    not_compressed(&mut client, &noise)
                        .map_err(|why| format!("    round     {round}\n{why}"))?;
                }
                for _ in 0..60 {
                    let size = random.below(2 * size);
                    let noise = random.bytes(size);
                    echoed(&mut client, &noise)?;
                    // Almost worth it, so that little is left of the room for it.
                    let half: Vec<u8> = noise.iter().map(|byte| byte & 0x7f | 1).collect();
                    echoed(&mut client, &half)?;
                }
                compressed_to(&mut client, &words())?;
                client.expect_alive()
            }));
        }
    }
    for profile in [DEFAULT, TAKEOVER] {
        cases.push(Case::on(
            profile,
            "7692-5-07",
            "messages sent ahead come back in order",
            |server| {
                let mut client = Client::offering(server.address(), OFFER)?;
                let said =
                    |at: usize| format!("message {at}: {}", "all in order, ".repeat(at % 40));
                let ahead: Vec<Vec<u8>> = (0..800).map(|at| text(said(at))).collect();
                client.send(&ahead.concat())?;
                for at in 0..800 {
                    client.expect(&Event::Text(said(at).into_bytes()))?;
                }
                client.expect_alive()
            },
        ));
    }
    cases.push(Case::new(
        "7692-7.2.1-02",
        "--deflate-level 9 makes smaller what 1 makes",
        |servers| {
            let sample = [json().repeat(30), repetitive(), words().repeat(9)].concat();
            let mut sizes = Vec::new();
            for profile in [FAST, SMALLEST] {
                let mut client = Client::offering(servers.of(profile)?.address(), OFFER)?;
                sizes.push(compressed_to(&mut client, &sample)?);
                sorts(&mut client)?;
                client.expect_alive()?;
            }
            if sizes[1] >= sizes[0] {
                return Err(format!("    observed  {} bytes at 1, {} at 9", sizes[0], sizes[1]));
            }
            Ok(())
        },
    ));
    for level in LEVELS {
        cases.push(Case::on(
            level,
            "7692-7.2.1-02",
            "everything is read, whatever the level",
            |server| {
                for (_, offer) in [OFFERS[0], OFFERS[1], OFFERS[7]] {
                    let mut client = Client::offering(server.address(), offer)?;
                    sorts(&mut client)?;
                    client.expect_alive()?;
                }
                Ok(())
            },
        ));
    }
    run("deflate_replies", cases);
}

const LEVELS: [Profile; 9] = [
    &["--deflate-level", "1"],
    &["--deflate-level", "2"],
    &["--deflate-level", "3", "--deflate", "takeover"],
    &["--deflate-level", "4"],
    &["--deflate-level", "5", "--deflate", "takeover"],
    &["--deflate-level", "6"],
    &["--deflate-level", "7"],
    &["--deflate-level", "8", "--deflate", "takeover"],
    &["--deflate-level", "9", "--deflate", "takeover"],
];
