//! Hostile clients: what they cost, and that they never take the server down.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::case::{Case, run_at_once};
use crate::client::{Client, LONG, Next, Outcome, PROMPT};
use crate::frame::{Event, binary, close, header, join, masked, masked_with, ping, pong, text};
use crate::http::Head;
use crate::server::Server;
use stickler_testing::random::Random;

/// Fails when resident memory grew by more than so many MiB.
pub(crate) fn memory_flat(server: &Server, before: u64, allowed: u64) -> Outcome {
    let grown = server.resident().saturating_sub(before) / 1024;
    if grown > allowed {
        return Err(format!(
            "    expected  memory grows by at most {allowed} MiB\n    observed  {grown} MiB more"
        ));
    }
    Ok(())
}

pub(crate) fn cpu_small(server: &Server, before: Duration, allowed: Duration) -> Outcome {
    let used = server.cpu().saturating_sub(before);
    if used > allowed {
        return Err(format!("    expected  at most {allowed:?} of CPU\n    observed  {used:?}"));
    }
    Ok(())
}

fn still_serves(server: &Server) -> Outcome {
    let begun = Instant::now();
    let mut why = String::new();
    while begun.elapsed() < SERVES_AGAIN {
        match Client::open(server.address()).and_then(|mut client| client.close_normally()) {
            Ok(()) => return Ok(()),
            Err(error) => why = error,
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(format!(
        "    expected  a good client is served within {SERVES_AGAIN:?}\n    observed  {why}"
    ))
}

const SERVES_AGAIN: Duration = Duration::from_secs(4);

/// A server warmed up by one exchange, so that first-use memory is not counted.
fn warm(flags: &[&str]) -> Result<Server, String> {
    let server = Server::start(flags)?;
    let mut client = Client::open(server.address())?;
    client.send(&binary(vec![1; 1 << 20]))?;
    client.expect_within(&Event::Binary(vec![1; 1 << 20]), LONG)?;
    client.close_normally()?;
    Ok(server)
}

/// Writes until nothing more is taken for a second or `most` bytes are out; tells how many.
fn stuff(mut stream: &TcpStream, bytes: &[u8], most: usize) -> usize {
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut taken = 0;
    while taken < most {
        match stream.write(&bytes[taken % bytes.len()..]) {
            Ok(count @ 1..) => taken += count,
            _ => break,
        }
    }
    stream.set_write_timeout(Some(LONG)).unwrap();
    taken
}

#[test]
fn hostile_costs() {
    let cases = vec![
        Case::new("H1", "a header line of 20 MB: 431, and it costs little", |_| {
            let server = warm(&[])?;
            let (cpu, memory) = (server.cpu(), server.resident());
            let mut client = Client::connect(server.address())?;
            let mut writer = client.stream().try_clone().map_err(|error| error.to_string())?;
            thread::scope(|scope| {
                scope.spawn(move || {
                    let _ = writer.write_all(b"GET / HTTP/1.1\r\nX: ");
                    for _ in 0..20_000 {
                        if writer.write_all(&[b'x'; 1000]).is_err() {
                            break;
                        }
                    }
                });
                client.response_until_reset(LONG)
            })
            .and_then(|response| {
                response.refuses(&[431], true).map_err(|why| client.report("431", &why))
            })?;
            drop(client);
            memory_flat(&server, memory, 4)?;
            cpu_small(&server, cpu, Duration::from_millis(500))?;
            still_serves(&server)?;
            server.retire()
        }),
        Case::new("H1", "a head dripped byte by byte is scanned once", |_| {
            let server = warm(&[])?;
            let before = server.cpu();
            let head = Head::new().padded_to(16_000).bytes();
            for _ in 0..4 {
                let mut client = Client::connect(server.address())?;
                for byte in &head {
                    client.send(std::slice::from_ref(byte))?;
                }
                let response = client.response(PROMPT)?;
                response.accepts(&Head::new()).map_err(|why| client.report("101", &why))?;
                client.close_normally()?;
            }
            // 64,000 reads of one byte in a debug build; scanning from the start each time
            // would look at half a billion bytes.
            cpu_small(&server, before, Duration::from_secs(4))?;
            server.retire()
        }),
        Case::new("F2", "100,000 empty fragments: 1008, memory flat", |_| {
            let server = warm(&[])?;
            let memory = server.resident();
            let mut client = Client::open(server.address())?;
            let mut frames = masked(0x01, b"");
            frames.extend(masked(0x00, b"").repeat(99_999));
            let mut writer = client.stream().try_clone().map_err(|error| error.to_string())?;
            thread::spawn(move || writer.write_all(&frames).is_ok());
            client.expect_failed_within(1008, "RFC 6455 10.4", LONG)?;
            drop(client);
            memory_flat(&server, memory, 4)?;
            server.retire()
        }),
        Case::new("6455-10.4-01", "lengths promised are not allocated", |_| {
            let server = warm(&[])?;
            let memory = server.resident();
            let mut clients = Vec::new();
            for _ in 0..100 {
                let mut client = Client::open(server.address())?;
                client.send(&[header(0x82, 16 << 20), vec![0; 4 + 100]].concat())?;
                clients.push(client);
            }
            still_serves(&server)?;
            memory_flat(&server, memory, 16)?;
            drop(clients);
            server.retire()
        }),
        Case::new("6455-10.4-01", "an idle connection costs little memory", |_| {
            let server = warm(&[])?;
            let memory = server.resident();
            let mut clients = Vec::new();
            for _ in 0..500 {
                let mut client = Client::open(server.address())?;
                client.send(&text("hello"))?;
                client.expect(&Event::Text(b"hello".to_vec()))?;
                clients.push(client);
            }
            let each = server.resident().saturating_sub(memory) * 1024 / 500;
            if each > 16 << 10 {
                return Err(format!(
                    "    expected  about 1 KiB each, 16 KiB at most\n    observed  {each} bytes each"
                ));
            }
            drop(clients);
            server.retire()
        }),
        Case::new("F8", "who never reads is not read from; nothing is lost", |_| {
            let server = warm(&[])?;
            let memory = server.resident();
            let mut client = Client::connect_with_buffer(server.address(), 16 << 10)?;
            client.upgrade()?;
            let frame = binary(vec![0x11; 64 << 10]);
            let taken = stuff(client.stream(), &frame, 256 << 20);
            if taken >= 256 << 20 {
                return Err("    expected  the server stops reading\n    observed  256 MiB taken, none read".to_owned());
            }
            memory_flat(&server, memory, 24)?;
            still_serves(&server)?;
            // Now finish the frame, and read every echo.
            let whole = taken.div_ceil(frame.len());
            let rest = frame[frame.len() - (whole * frame.len() - taken)..].to_vec();
            let mut writer = client.stream().try_clone().map_err(|error| error.to_string())?;
            let finish = thread::spawn(move || writer.write_all(&rest).is_ok());
            for at in 0..whole {
                client
                    .expect_within(&Event::Binary(vec![0x11; 64 << 10]), LONG)
                    .map_err(|why| format!("{why}\n    echo      {at} of {whole}"))?;
            }
            let _ = finish.join();
            client.expect_alive()?;
            server.retire()
        }),
        Case::new(
            "F7",
            "pings without reading: memory flat, pongs in order, the newest is answered",
            |_| {
                // By default so many are a flood: see `rates.rs`.
                let server = warm(&["--max-pings-per-second", "1000000"])?;
                let memory = server.resident();
                let mut client = Client::connect_with_buffer(server.address(), 16 << 10)?;
                client.upgrade()?;
                let mut pings = Vec::new();
                for n in 0..300_000_u32 {
                    pings.extend(ping([&n.to_be_bytes()[..], &[0x50; 116]].concat()));
                }
                let taken = stuff(client.stream(), &pings, pings.len());
                memory_flat(&server, memory, 24)?;
                still_serves(&server)?;
                let each = pings.len() / 300_000;
                let end = taken.div_ceil(each) * each;
                let rest = [&pings[taken..end], &ping("the end")[..]].concat();
                let mut writer = client.stream().try_clone().map_err(|error| error.to_string())?;
                let finish = thread::spawn(move || writer.write_all(&rest).is_ok());
                let mut last = None;
                loop {
                    match client.next(LONG) {
                        Ok(Next::Event(Event::Pong(payload))) if payload == b"the end" => break,
                        Ok(Next::Event(Event::Pong(payload))) if payload.len() == 120 => {
                            let number =
                                payload.first_chunk::<4>().map(|four| u32::from_be_bytes(*four));
                            if number <= last {
                                return Err(client.report(
                                    "pongs in order",
                                    &format!("{number:?} after {last:?}"),
                                ));
                            }
                            last = number;
                        }
                        other => {
                            return Err(
                                client.report("pongs, the newest at last", &format!("{other:?}"))
                            );
                        }
                    }
                }
                let _ = finish.join();
                client.expect_alive()?;
                server.retire()
            },
        ),
        Case::new("6455-6.1-03", "64 MiB both ways at once, every echo whole and in order", |_| {
            let server = warm(&[])?;
            let mut client = Client::open(server.address())?;
            let mut writer = client.stream().try_clone().map_err(|error| error.to_string())?;
            let message = |n: u32| [&n.to_be_bytes()[..], &vec![n as u8; 65_000]].concat();
            let sender = thread::spawn(move || {
                (0..1000_u32).all(|n| writer.write_all(&binary(message(n))).is_ok())
            });
            for n in 0..1000_u32 {
                client.expect_within(&Event::Binary(message(n)), LONG)?;
            }
            let _ = sender.join();
            client.expect_alive()?;
            server.retire()
        }),
    ];
    run_at_once("hostile_costs", cases, 1);
}

#[test]
fn hostile_crowds() {
    let cases = vec![
        Case::new("P1", "more connections than descriptors: no spin, and it recovers", |_| {
            let server = Server::start_with_descriptors(40, &["--workers", "1"])?;
            still_serves(&server)?;
            let mut crowd = Vec::new();
            // So many that those who get a refusal, some in each attempt, are not through within two seconds.
            for _ in 0..300 {
                crowd.push(Client::connect(server.address())?);
            }
            thread::sleep(Duration::from_millis(300));
            let (cpu, lines) = (server.cpu(), server.log().lines().count());
            thread::sleep(Duration::from_millis(1500));
            cpu_small(&server, cpu, Duration::from_millis(300))?;
            let said = server.log().lines().count() - lines;
            if said > 10 {
                return Err(format!(
                    "    expected  a log line per second\n    observed  {said} in 1.5 s"
                ));
            }
            let log = server.log();
            let told = log.lines().filter(|line| line.contains("cannot accept connections"));
            // 50 to 100 ms lie between two attempts.
            let suppressed =
                told.filter_map(|line| line.split_once("suppressed=")?.1.trim().parse().ok());
            let most: Option<u32> = suppressed.max();
            if !most.is_some_and(|most| (1..=60).contains(&most)) {
                return Err(format!("    expected  up to 60 suppressed\n    observed  {most:?}"));
            }
            drop(crowd);
            still_serves(&server)?;
            server.retire()
        }),
        Case::new("P1", "the same with two workers and open WebSockets", |_| {
            let server = Server::start_with_descriptors(48, &["--workers", "2"])?;
            let mut opened = Vec::new();
            for _ in 0..8 {
                opened.push(Client::open(server.address())?);
            }
            let mut crowd = Vec::new();
            for _ in 0..120 {
                crowd.push(Client::connect(server.address())?);
            }
            thread::sleep(Duration::from_millis(300));
            for client in &mut opened {
                client.send(&text("still"))?;
                client.expect(&Event::Text(b"still".to_vec()))?;
            }
            drop((crowd, opened));
            still_serves(&server)?;
            server.retire()
        }),
        Case::new("P2", "resets at every stage leave no descriptor behind", |_| {
            let server = Server::start(&[])?;
            still_serves(&server)?;
            thread::sleep(Duration::from_millis(200));
            let before = server.descriptors();
            let head = Head::new().bytes();
            for round in 0..300_usize {
                let mut client = Client::connect(server.address())?;
                match round % 10 {
                    0 => {}
                    1 => client.offer(&head[..50]),
                    2 => client.offer(&head),
                    3 => client.offer(&Head::new().without("Host").bytes()),
                    stage => {
                        client.upgrade()?;
                        match stage {
                            4 => {}
                            5 => client.offer(&text("hello")),
                            6 => client.offer(&header(0x82, 1 << 20)),
                            7 => client.offer(&close(1000, "")),
                            8 => client.offer(&[0x83, 0x80]),
                            _ => client.offer(&binary(vec![9; 300_000])),
                        }
                    }
                }
                client.reset();
            }
            still_serves(&server)?;
            server.descriptors_fall_to(before, Duration::from_secs(4))?;
            server.retire()
        }),
        Case::new("P2", "200 connections opened and dropped without a byte", |_| {
            let server = Server::start(&[])?;
            still_serves(&server)?;
            thread::sleep(Duration::from_millis(200));
            let before = server.descriptors();
            for round in 0..200 {
                let client = Client::connect(server.address())?;
                if round % 2 == 0 {
                    client.reset();
                }
            }
            still_serves(&server)?;
            server.descriptors_fall_to(before, Duration::from_secs(4))?;
            server.retire()
        }),
        Case::new("P3", "noise after the handshake is failed cleanly", |_| {
            let server = Server::start(&[])?;
            for seed in 0..300 {
                let mut random = Random::new(seed);
                let count = 1 + random.below(300);
                let noise = random.bytes(count);
                ends_well(&server, &noise).map_err(|why| format!("    seed      {seed}\n{why}"))?;
            }
            server.retire()
        }),
        Case::new("P3", "good frames with one byte changed end cleanly", |_| {
            let server = Server::start(&[])?;
            let frames = join(&[
                text("héllo"),
                masked(0x01, b"a"),
                ping("p"),
                masked(0x80, b"b"),
                pong("q"),
                binary([7; 130]),
                close(1000, "bye"),
            ]);
            for seed in 0..400 {
                let mut random = Random::new(1000 + seed);
                let mut bytes = frames.clone();
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
                ends_well(&server, &bytes)
                    .map_err(|why| format!("    seed      {seed}, byte {at}\n{why}"))?;
            }
            server.retire()
        }),
        Case::new("P3", "heads with one byte changed get a response or an end", |_| {
            let server = Server::start(&[])?;
            let head = Head::new()
                .target("/echo?a=b")
                .add("Origin", "http://example.com")
                .add("Sec-WebSocket-Protocol", "a, b")
                .add("Sec-WebSocket-Extensions", "foo; bar=\"1\"")
                .bytes();
            for seed in 0..600 {
                let mut random = Random::new(2000 + seed);
                let mut bytes = head.clone();
                let at = random.below(bytes.len());
                match random.below(3) {
                    0 => bytes[at] = random.byte(),
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(
                        at,
                        *b" \t\r\n:,;\"\0\x7f\xff/".get(random.below(12)).unwrap_or(&b' '),
                    ),
                }
                answers(&server, &bytes)
                    .map_err(|why| format!("    seed      {seed}, byte {at}\n{why}"))?;
            }
            server.retire()
        }),
        Case::new("6455-6.2-01", "random good traffic in random pieces is echoed in order", |_| {
            // While the transport takes no bytes a Pong goes before whole messages, and the newest alone.
            let server = Server::start(&["--unsent-low-water", "1GiB"])?;
            for seed in 0..120 {
                good_traffic(&server, seed)
                    .map_err(|why| format!("    seed      {seed}\n{why}"))?;
            }
            server.retire()
        }),
    ];
    run_at_once("hostile_crowds", cases, 4);
}

/// Sends bytes and our FIN: whatever comes must be good frames, at most one Close, FIN, no reset.
fn ends_well(server: &Server, bytes: &[u8]) -> Outcome {
    let mut client = Client::open(server.address())?;
    client.send(bytes)?;
    client.half_close();
    let mut closed = false;
    loop {
        match client.next(PROMPT) {
            Ok(Next::Event(event)) if closed => {
                return Err(client.report("nothing after the Close", &event.to_string()));
            }
            Ok(Next::Event(Event::Close(_))) => closed = true,
            Ok(Next::Event(_)) => {}
            Ok(Next::Fin) => return Ok(()),
            other => return Err(client.report("frames, then FIN", &format!("{other:?}"))),
        }
    }
}

/// Sends a head and our FIN: one good response, or an end without a byte.
fn answers(server: &Server, bytes: &[u8]) -> Outcome {
    let mut client = Client::connect(server.address())?;
    client.send(bytes)?;
    client.half_close();
    let response = match client.response(PROMPT) {
        Ok(response) => response,
        Err(why) if why.contains("FIN after \"\"") => return Ok(()),
        Err(why) => return Err(why),
    };
    match response.status {
        101 => client.expect_fin(PROMPT),
        status => {
            let has_content = !bytes.starts_with(b"HEAD ");
            response
                .refuses(&[status], has_content)
                .map_err(|why| client.report("a good refusal", &why))
        }
    }
}

/// Random messages, fragments and pings; the expected answers come from the same random.
fn good_traffic(server: &Server, seed: u64) -> Outcome {
    let mut random = Random::new(5000 + seed);
    let mut bytes = Vec::new();
    let mut replies = Vec::new();
    for _ in 0..1 + random.below(12) {
        let is_text = random.below(2) == 0;
        let sizes = [0, 1, 5, 125, 126, 300, 4096, 20_000, 65_535, 65_536];
        let size = sizes[random.below(sizes.len())];
        let payload: Vec<u8> = if is_text {
            "aé€🦀"
                .chars()
                .cycle()
                .skip(random.below(4))
                .scan(0, |length, c| {
                    *length += c.len_utf8();
                    (*length <= size).then_some(c)
                })
                .collect::<String>()
                .into_bytes()
        } else {
            random.bytes(size)
        };
        let mut rest = &payload[..];
        let mut opcode = if is_text { 0x01 } else { 0x02 };
        while random.below(3) == 0 {
            let (part, after) = rest.split_at(random.below(rest.len() + 1));
            bytes.extend(masked_with(opcode, random.key(), part));
            opcode = 0x00;
            rest = after;
            if random.below(2) == 0 {
                let count = random.below(126);
                let data = random.bytes(count);
                bytes.extend(masked_with(0x89, random.key(), &data));
                replies.push(Event::Pong(data));
            }
            if random.below(4) == 0 {
                bytes.extend(masked_with(0x8a, random.key(), b"unasked"));
            }
        }
        bytes.extend(masked_with(0x80 | opcode, random.key(), rest));
        replies.push(if is_text { Event::Text(payload) } else { Event::Binary(payload) });
    }
    let mut client = Client::open(server.address())?;
    let mut writer = client.stream().try_clone().map_err(|error| error.to_string())?;
    let sender = thread::spawn(move || {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let most = [1, 2, 3, 7, 100, 1460, 65_536][random.below(7)];
            let (piece, after) = rest.split_at(rest.len().min(1 + random.below(most)));
            if writer.write_all(piece).is_err() {
                break;
            }
            // Small pieces of big messages would take for ever.
            rest = after;
            if most <= 7 && rest.len() > 20_000 {
                let (piece, after) = rest.split_at(10_000);
                if writer.write_all(piece).is_err() {
                    break;
                }
                rest = after;
            }
        }
    });
    for reply in &replies {
        client.expect_within(reply, LONG)?;
    }
    let _ = sender.join();
    client.expect_alive()
}
