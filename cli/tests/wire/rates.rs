//! Flags about how fast Pings and messages may come, and how old a message may become.

use std::time::{Duration, Instant};

use crate::case::{Case, run_at_once};
use crate::client::{Client, Next, Outcome, PROMPT};
use crate::environment::with_environment;
use crate::frame::{Event, ping, text};
use crate::server::Server;

/// A server by these flags, and one by their variables.
fn servers(flags: &[(&str, &str)]) -> Result<[Server; 2], String> {
    let by_flag: Vec<&str> = flags.iter().flat_map(|(flag, value)| [*flag, *value]).collect();
    let named = |flag: &str| {
        format!("STICKLER_{}", flag.trim_start_matches("--").replace('-', "_").to_uppercase())
    };
    let named: Vec<_> = flags.iter().map(|(flag, value)| (named(flag), *value)).collect();
    let variables: Vec<_> = named.iter().map(|(name, value)| (&name[..], *value)).collect();
    Ok([Server::start(&by_flag)?, with_environment(&variables, &[])?])
}

/// What comes besides Pongs.
fn behind_pongs(client: &mut Client) -> Result<Next, String> {
    loop {
        match client.next(PROMPT)? {
            Next::Event(Event::Pong(_)) => {}
            next => return Ok(next),
        }
    }
}

fn expect_close(client: &mut Client, code: u16) -> Outcome {
    match behind_pongs(client)? {
        Next::Event(Event::Close(body)) if body.starts_with(&code.to_be_bytes()) => {
            client.expect_fin(PROMPT)
        }
        other => Err(client.report(&format!("Pongs, then Close {code}"), &format!("{other:?}"))),
    }
}

#[test]
fn rates_by_flag() {
    let mut cases =
        vec![Case::new("cli", "Pings by default: 10,000 in 10 s, and not one more", |_| {
            let server = Server::start(&[])?;
            for (count, is_flood) in [(10_000, false), (10_001, true)] {
                let mut client = Client::open(server.address())?;
                client.send(&ping("x").repeat(count))?;
                client.send(&text(b"behind"))?;
                if is_flood {
                    expect_close(&mut client, 1008)?;
                    continue;
                }
                match behind_pongs(&mut client)? {
                    Next::Event(Event::Text(payload)) if payload == b"behind" => {}
                    other => {
                        return Err(client.report("Pongs, then the echo", &format!("{other:?}")));
                    }
                }
                client.close_normally()?;
            }
            server.retire()
        })];
    cases.push(Case::new("cli", "--max-pings-per-second, and its variable", |_| {
        for server in servers(&[("--max-pings-per-second", "1")])? {
            for (count, is_flood) in [(99, false), (100, false), (101, true)] {
                let mut client = Client::open(server.address())?;
                client.send(&ping("x").repeat(count))?;
                if is_flood {
                    expect_close(&mut client, 1008)?;
                    continue;
                }
                let begun = Instant::now();
                client.send(&text(b"behind"))?;
                match behind_pongs(&mut client)? {
                    Next::Event(Event::Text(payload)) if payload == b"behind" => {}
                    other => return Err(client.report("the echo", &format!("{other:?}"))),
                }
                if begun.elapsed() > Duration::from_secs(2) {
                    return Err(
                        client.report("within about a second", &format!("{:?}", begun.elapsed()))
                    );
                }
            }
            server.retire()?;
        }
        Ok(())
    }));
    cases.push(Case::new("cli", "--max-messages-per-second, and its variable", |_| {
        for server in servers(&[("--max-messages-per-second", "5")])? {
            let mut client = Client::open(server.address())?;
            let begun = Instant::now();
            for n in 0..10 {
                client.send(&text(n.to_string()))?;
            }
            for n in 0..10_u32 {
                client.expect(&Event::Text(n.to_string().into_bytes()))?;
                let least = Duration::from_millis(200) * n.saturating_sub(4);
                // The server began to count when it accepted.
                if begun.elapsed() + Duration::from_millis(20) < least {
                    let seen = format!("message {n} after {:?}", begun.elapsed());
                    return Err(client.report(&format!("not before {least:?}"), &seen));
                }
            }
            client.close_normally()?;
            server.retire()?;
        }
        Ok(())
    }));
    cases.push(Case::new("cli", "--when-too-fast close, and its variable", |_| {
        let flags = [("--max-messages-per-second", "1"), ("--when-too-fast", "close")];
        for server in servers(&flags)? {
            let mut client = Client::open(server.address())?;
            client.send(&text(b"first"))?;
            client.expect(&Event::Text(b"first".to_vec()))?;
            std::thread::sleep(Duration::from_millis(1050));
            client.send(&[text(b"second"), text(b"third"), text(b"fourth")].concat())?;
            client.expect(&Event::Text(b"second".to_vec()))?;
            client.expect_failed(1008, "RFC 6455 10.4")?;
            server.retire()?;
        }
        Ok(())
    }));
    run_at_once("rates_by_flag", cases, 4);
}

#[test]
fn ages_of_messages_by_flag() {
    let flags = ["--message-idle-timeout", "--message-timeout"];
    let mut cases: Vec<Case> = Vec::new();
    for flag in flags {
        let what = format!("{flag}, and its variable");
        cases.push(Case::new("cli", &what, move |_| {
            for server in servers(&[(flag, "500ms")])? {
                let mut client = Client::open(server.address())?;
                let message = text(b"a message");
                let begun = Instant::now();
                client.send(&message[..8])?;
                client.expect_failed(1008, "RFC 6455 10.4")?;
                if begun.elapsed() < Duration::from_millis(450) {
                    let seen = format!("{:?}", begun.elapsed());
                    return Err(client.report("after 500 ms", &seen));
                }
                // In time, and between messages, nobody is late.
                let mut other = Client::open(server.address())?;
                other.send(&message[..8])?;
                std::thread::sleep(Duration::from_millis(100));
                other.send(&message[8..])?;
                other.expect(&Event::Text(b"a message".to_vec()))?;
                std::thread::sleep(Duration::from_millis(800));
                other.expect_alive()?;
                server.retire()?;
            }
            Ok(())
        }));
    }
    cases.push(Case::new("cli", "--message-idle-timeout off", |_| {
        for server in servers(&[("--message-idle-timeout", "off")])? {
            let mut client = Client::open(server.address())?;
            let message = text(b"a message");
            client.send(&message[..8])?;
            client.expect_silence(Duration::from_millis(700))?;
            client.send(&message[8..])?;
            client.expect(&Event::Text(b"a message".to_vec()))?;
            client.close_normally()?;
            server.retire()?;
        }
        Ok(())
    }));
    run_at_once("ages_of_messages_by_flag", cases, 3);
}
