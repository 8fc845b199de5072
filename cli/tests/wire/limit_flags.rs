//! Limits that a flag or a variable sets: each bites where it is set, and not below.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::case::{Case, Profile, run_at_once};
use crate::cli::works;
use crate::client::{Client, Outcome, PROMPT};
use crate::environment::with_environment;
use crate::frame::binary;
use crate::http::Head;
use crate::opening::Answer::{Accept, Refuse};
use crate::opening::opening;
use crate::server::Server;

const HEAD: Profile = &["--max-head-size", "1KiB"];
const FIELDS: Profile = &["--max-header-fields", "8"];

/// The plainest handshake with so many header fields.
fn of_fields(count: usize) -> Head {
    let plain = Head::new().bytes();
    let there = plain.windows(2).filter(|two| two == b"\r\n").count() - 2;
    (there..count).fold(Head::new(), |head, _| head.add("X", "x"))
}

/// What a server answers a client that it has no place for.
fn expect_503(address: std::net::SocketAddr) -> Outcome {
    let mut client = Client::connect(address)?;
    client.send(&Head::new().bytes())?;
    let response = client.response(PROMPT)?;
    response.refuses(&[503], true).map_err(|why| client.report("503 with Retry-After", &why))
}

#[test]
fn limits_of_heads_by_flag() {
    let target = |len: usize| Head::new().target(format!("/?{}", "q".repeat(len - 2)));
    let mut cases = vec![
        opening(
            HEAD,
            "9110-5.4-01",
            "a head of the limit",
            Head::new().padded_to(1024),
            Accept(None),
        ),
        opening(HEAD, "9110-5.4-01", "one octet more", Head::new().padded_to(1025), Refuse(&[431])),
        opening(HEAD, "9112-3-02", "a target that leaves no room", target(1024), Refuse(&[414])),
        opening(HEAD, "9112-3-02", "a target that leaves room", target(400), Accept(None)),
        opening(FIELDS, "9110-5.4-01", "as many fields as may be", of_fields(8), Accept(None)),
        opening(FIELDS, "9110-5.4-01", "one field more", of_fields(9), Refuse(&[431])),
        Case::new("9110-5.4-01", "STICKLER_MAX_HEAD_SIZE and _MAX_HEADER_FIELDS", |_| {
            let variables =
                [("STICKLER_MAX_HEAD_SIZE", "64KiB"), ("STICKLER_MAX_HEADER_FIELDS", "200")];
            let server = with_environment(&variables, &[])?;
            for head in [Head::new().padded_to(60_000), of_fields(200)] {
                let mut client = Client::connect(server.address())?;
                client.send(&head.bytes())?;
                let response = client.response(PROMPT)?;
                response.accepts(&head).map_err(|why| client.report("101", &why))?;
            }
            server.retire()
        }),
    ];
    cases.push(Case::new("9112-3-02", "a longer target where heads may be larger", |_| {
        let server = Server::start(&["--max-head-size", "32KiB"])?;
        let head = Head::new().target(format!("/?{}", "q".repeat(20_000)));
        let mut client = Client::connect(server.address())?;
        client.send(&head.bytes())?;
        let response = client.response(PROMPT)?;
        response.accepts(&head).map_err(|why| client.report("101", &why))?;
        server.retire()
    }));
    run_at_once("limits_of_heads_by_flag", cases, 4);
}

/// Bytes of messages that a server takes from a client that reads none of their echoes.
fn taken_unread(server: &Server, most: usize) -> Result<usize, String> {
    let mut client = Client::connect_with_buffer(server.address(), 16 << 10)?;
    client.upgrade()?;
    let mut stream = client.stream();
    let patience = Some(Duration::from_millis(700));
    stream.set_write_timeout(patience).map_err(|error| error.to_string())?;
    let message = binary(vec![0x3c; 256 << 10]);
    let mut taken = 0;
    while taken < most {
        match stream.write(&message[taken % message.len()..]) {
            Ok(written) => taken += written,
            Err(_) => break,
        }
    }
    Ok(taken)
}

#[test]
fn limits_of_connections_and_of_writes_by_flag() {
    let mut cases = Vec::new();
    cases.push(Case::new("cli", "--max-queued, and its variable", |_| {
        // What the kernel holds on the way is far less than the difference.
        const MOST: usize = 40 << 20;
        for (size, takes_all) in [("64KiB", false), ("64MiB", true)] {
            for server in [
                Server::start(&["--send-buffer", "64KiB", "--max-queued", size])?,
                with_environment(&[("STICKLER_MAX_QUEUED", size)], &["--send-buffer", "64KiB"])?,
            ] {
                let taken = taken_unread(&server, MOST)?;
                if (taken >= MOST) != takes_all {
                    return Err(format!("    flags     {size}\n    observed  {taken} bytes taken"));
                }
                server.retire()?;
            }
        }
        Ok(())
    }));
    cases.push(Case::new("cli", "--max-memory, and its variable", |_| {
        for (size, is_refused) in [("8MiB", true), ("64MiB", false)] {
            for server in [
                Server::start(&["--max-memory", size])?,
                with_environment(&[("STICKLER_MAX_MEMORY", size)], &[])?,
            ] {
                let mut client = Client::open(server.address())?;
                let mut message = binary(vec![0x3c; 12 << 20]);
                message[0] &= 0x7f;
                client.offer(&message);
                if is_refused {
                    client.expect_failed(1013, "RFC 6455 10.4")?;
                } else {
                    client.expect_silence(Duration::from_millis(300))?;
                }
                works(server.address())?;
                server.retire()?;
            }
        }
        Ok(())
    }));
    for (flag, variable) in [
        ("--max-connections", "STICKLER_MAX_CONNECTIONS"),
        ("--max-connections-per-address", "STICKLER_MAX_CONNECTIONS_PER_ADDRESS"),
    ] {
        cases.push(Case::new("9110-15.6.4-01", format!("{flag}, and its variable"), move |_| {
            for server in [Server::start(&[flag, "2"])?, with_environment(&[(variable, "2")], &[])?]
            {
                let first = Client::open(server.address())?;
                let second = Client::open(server.address())?;
                expect_503(server.address())?;
                drop((first, second));
                let begun = Instant::now();
                while let Err(why) = works(server.address()) {
                    if begun.elapsed() > PROMPT {
                        return Err(why);
                    }
                }
                server.retire()?;
            }
            Ok(())
        }));
    }
    cases.push(Case::new("cli", "--min-drain-rate, and its variable", |_| {
        for server in [
            Server::start(&["--min-drain-rate", "512KiB"])?,
            with_environment(&[("STICKLER_MIN_DRAIN_RATE", "512KiB")], &[])?,
        ] {
            let mut client = Client::connect_with_buffer(server.address(), 16 << 10)?;
            client.upgrade()?;
            client.send(&binary(vec![0x3c; 12 << 20]))?;
            let begun = Instant::now();
            while !server.log().contains("the peer took bytes too slowly") {
                if begun.elapsed() > PROMPT + Duration::from_secs(3) {
                    return Err(format!("    observed  {}", server.log_tail()));
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            drop(client);
            server.retire()?;
        }
        Ok(())
    }));
    run_at_once("limits_of_connections_and_of_writes_by_flag", cases, 3);
}
