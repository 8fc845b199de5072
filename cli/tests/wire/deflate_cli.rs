//! The flags of compression and their variables, the budget for its memory, and what the log says.

use std::time::{Duration, Instant};

use crate::case::{Case, run_at_once};
use crate::cli::{bad, output, serve};
use crate::client::{Client, Outcome, PROMPT};
use crate::deflate::words;
use crate::deflate_frames::{HELLO, OFFER, compressed, hello};
use crate::environment::with_environment;
use crate::frame::{Event, close, masked, text};
use crate::http::Head;
use crate::inflating::Inflating;
use crate::server::Server;

/// Opens with the plain offer; tells whether it was accepted. Either way the connection must work.
fn opened(server: &Server) -> Result<(Client, bool), String> {
    let mut client = Client::connect(server.address())?;
    let head = Head::new().set("Sec-WebSocket-Extensions", OFFER);
    client.send(&head.bytes())?;
    let response = client.response(PROMPT)?;
    let answer = response.values("sec-websocket-extensions");
    let agreed = response
        .accepts_and_extends(&head, None)
        .and_then(|()| Inflating::agree(OFFER, &answer))
        .map_err(|why| client.report("101", &why))?;
    let is_accepted = agreed.is_some();
    client.adopt(agreed);
    client.send(&text(words()))?;
    client.expect(&Event::Text(words()))?;
    if is_accepted {
        client.send(&compressed(HELLO))?;
        client.expect(&hello())?;
    }
    Ok((client, is_accepted))
}

/// The one answer to the plain offer must be this.
fn answers(server: &Server, is_accepted: bool) -> Result<Client, String> {
    let (client, seen) = opened(server)?;
    if seen == is_accepted {
        return Ok(client);
    }
    Err(client.report(&format!("accepted: {is_accepted}"), &format!("accepted: {seen}")))
}

fn logged(server: &Server, words: &[&str]) -> Outcome {
    let patience = Instant::now() + PROMPT;
    loop {
        let log = server.log();
        if log.lines().any(|line| words.iter().all(|word| line.contains(word))) {
            return Ok(());
        }
        if Instant::now() > patience {
            return Err(format!("    expected  a line with {words:?}\n    observed  {log}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn deflate_flags() {
    let mut cases = vec![
        bad(&["--deflate"]),
        bad(&["--deflate", "maybe"]),
        bad(&["--deflate", ""]),
        bad(&["--deflate", "ON"]),
        bad(&["--deflate-level", "0"]),
        bad(&["--deflate-level", "10"]),
        bad(&["--deflate-level", "-1"]),
        bad(&["--deflate-level", "best"]),
        bad(&["--deflate-window-bits", "8"]),
        bad(&["--deflate-window-bits", "16"]),
        bad(&["--deflate-window-bits", "0"]),
        bad(&["--deflate-window-bits", "256"]),
        bad(&["--deflate-window-bits", "x"]),
        bad(&["--deflate-client-window-bits", "8"]),
        bad(&["--deflate-client-window-bits", "16"]),
        bad(&["--deflate-min-size", "small"]),
        bad(&["--deflate-min-size", "-1"]),
        bad(&["--deflate-memory", "lots"]),
        bad(&["--deflate-memory", "1XB"]),
        Case::new("cli", "serve --help names the flags of compression", |_| {
            let ended = output(&mut serve(&["--help"]))?;
            let help = String::from_utf8_lossy(&ended.stdout).into_owned();
            for word in [
                "--deflate ",
                "--deflate-level",
                "--deflate-window-bits",
                "--deflate-client-window-bits",
                "lean",
                "--deflate-min-size",
                "--deflate-memory",
                "takeover",
            ] {
                if !help.contains(word) {
                    return Err(format!("    expected  {word}\n    observed  {help}"));
                }
            }
            Ok(())
        }),
        Case::new("cli", "STICKLER_DEFLATE=off, on, lean and takeover", |_| {
            for (value, accepted, server_keeps, client_keeps) in [
                ("off", false, false, false),
                ("on", true, false, true),
                ("lean", true, false, false),
                ("takeover", true, true, true),
            ] {
                let server = with_environment(&[("STICKLER_DEFLATE", value)], &[])?;
                let mut client = answers(&server, accepted)?;
                if accepted {
                    let agreed = *client.inflating().agreed();
                    if agreed.server_no_context_takeover == server_keeps
                        || agreed.client_no_context_takeover == client_keeps
                    {
                        return Err(client.report(value, "another answer"));
                    }
                }
                client.close_normally()?;
                server.retire()?;
            }
            Ok(())
        }),
        Case::new(
            "cli",
            "STICKLER_DEFLATE_CLIENT_WINDOW_BITS, its flag, and what it is without",
            |_| {
                let name = "STICKLER_DEFLATE_CLIENT_WINDOW_BITS";
                for (value, flags, bits) in [
                    ("", &[][..], Some(12)),
                    ("13", &[], Some(13)),
                    ("13", &["--deflate-client-window-bits", "14"], Some(14)),
                    ("15", &[], None),
                    ("", &["--deflate", "takeover"], None),
                    ("12", &["--deflate", "takeover"], Some(12)),
                    ("12", &["--deflate", "lean"], None),
                ] {
                    let server = with_environment(&[(name, value)], flags)?;
                    let offer = "permessage-deflate; client_max_window_bits";
                    let mut client = Client::offering(server.address(), offer)?;
                    if client.inflating().agreed().client_max_window_bits != bits {
                        return Err(client.report(&format!("{bits:?}"), "another answer"));
                    }
                    client.close_normally()?;
                    server.retire()?;
                }
                Ok(())
            },
        ),
        Case::new(
            "7692-7.2.3.6-01",
            "--deflate-min-size 0: every message, the empty one too",
            |_| {
                let server = Server::start(&["--deflate-min-size", "0"])?;
                let mut client = answers(&server, true)?;
                for message in [&b""[..], b"a", b"not shorter"] {
                    client.send(&text(message))?;
                    client.expect(&Event::Text(message.to_vec()))?;
                    if client.inflating().last().is_none() {
                        return Err(client.report("a compressed reply", "RSV1 is clear"));
                    }
                }
                client.close_normally()?;
                server.retire()
            },
        ),
        Case::new("cli", "--deflate beats STICKLER_DEFLATE", |_| {
            let server = with_environment(&[("STICKLER_DEFLATE", "off")], &["--deflate", "on"])?;
            answers(&server, true)?.close_normally()?;
            server.retire()
        }),
        Case::new("cli", "STICKLER_DEFLATE_WINDOW_BITS, _MIN_SIZE and _LEVEL", |_| {
            let server = with_environment(
                &[
                    ("STICKLER_DEFLATE", "takeover"),
                    ("STICKLER_DEFLATE_WINDOW_BITS", "10"),
                    ("STICKLER_DEFLATE_MIN_SIZE", "1KiB"),
                    ("STICKLER_DEFLATE_LEVEL", "9"),
                ],
                &[],
            )?;
            let mut client = answers(&server, true)?;
            if client.inflating().agreed().server_max_window_bits != Some(10) {
                return Err(client.report("10 bits", "another answer"));
            }
            for (size, is_compressed) in [(1023, false), (1024, true)] {
                client.send(&text(vec![b'a'; size]))?;
                client.expect(&Event::Text(vec![b'a'; size]))?;
                if client.inflating().last().is_some() != is_compressed {
                    return Err(client.report("compressed from 1024 bytes", "otherwise"));
                }
            }
            client.close_normally()?;
            server.retire()
        }),
    ];
    for (name, value) in [
        ("STICKLER_DEFLATE", "perhaps"),
        ("STICKLER_DEFLATE_LEVEL", "11"),
        ("STICKLER_DEFLATE_WINDOW_BITS", "8"),
        ("STICKLER_DEFLATE_MIN_SIZE", "x"),
        ("STICKLER_DEFLATE_MEMORY", "x"),
    ] {
        cases.push(Case::new("cli", format!("{name}={value} is bad usage"), move |_| {
            match with_environment(&[(name, value)], &[]) {
                Err(why) if why.contains("exit status: 2") => Ok(()),
                Err(why) => Err(why),
                Ok(_) => Err("    observed  it starts".to_owned()),
            }
        }));
    }
    run_at_once("deflate_flags", cases, 3);
}

/// One thread, so that no other one keeps what it lends.
const SMALL: &[&str] = &["--deflate", "takeover", "--workers", "1", "--deflate-memory"];

#[test]
fn deflate_budget() {
    let cases = vec![
        Case::new("7692-7-04", "no budget: declined, and the log says why", |_| {
            for name in ["--deflate-memory", "STICKLER_DEFLATE_MEMORY"] {
                let server = if name.starts_with("--") {
                    Server::start(&["--deflate", "takeover", name, "1KiB"])?
                } else {
                    with_environment(&[(name, "1KiB")], &["--deflate", "takeover"])?
                };
                for _ in 0..3 {
                    answers(&server, false)?.close_normally()?;
                }
                logged(&server, &["permessage-deflate", "memory", "RFC 7692"])?;
                server.retire()?;
            }
            Ok(())
        }),
        Case::new("7692-7-04", "without takeover next to nothing is kept", |_| {
            let server = Server::start(&["--deflate-memory", "1MiB"])?;
            let mut clients = Vec::new();
            for _ in 0..200 {
                clients.push(answers(&server, true)?);
            }
            clients.into_iter().try_for_each(|mut client| client.close_normally())?;
            server.retire()
        }),
        Case::new("7692-7-04", "accepted while there is room, and again when there is", |_| {
            let server = Server::start(&[SMALL, &["512KiB"]].concat())?;
            let mut counts = Vec::new();
            for _ in 0..3 {
                let mut clients = Vec::new();
                for _ in 0..120 {
                    clients.push(opened(&server)?);
                }
                let accepted = clients.iter().filter(|(_, is_accepted)| *is_accepted).count();
                if accepted == 0 || accepted == clients.len() {
                    return Err(format!("    observed  {accepted} of 120 accepted in 512 KiB"));
                }
                // The early ones, not the late ones.
                if !clients[0].1 || clients[119].1 {
                    return Err("    observed  not the first are accepted".to_owned());
                }
                counts.push(accepted);
                let held = server.descriptors() - 120;
                for (mut client, _) in clients {
                    client.close_normally()?;
                }
                server.descriptors_fall_to(held, PROMPT)?;
            }
            if counts.iter().any(|count| *count != counts[0]) {
                return Err(format!("    observed  {counts:?} accepted, round by round"));
            }
            server.retire()
        }),
        Case::new("7692-7-04", "however a connection ends, its room is given back", |_| {
            let server = Server::start(&[SMALL, &["256KiB"]].concat())?;
            let idle = server.descriptors();
            for round in 0..200 {
                let (mut client, is_accepted) = opened(&server)?;
                if !is_accepted {
                    return Err(format!("    observed  declined in round {round}"));
                }
                match round % 7 {
                    0 => client.close_normally()?,
                    1 => {
                        client.send(&compressed(b""))?;
                        client.expect_failed(1007, "RFC 7692 7.2.3.6")?;
                        client.half_close();
                    }
                    2 => {
                        client.send(&masked(0x41, &HELLO[..3]))?;
                        client.send(&masked(0xc9, b""))?;
                        client.expect_failed(1002, "RFC 7692 6.1")?;
                        client.half_close();
                    }
                    3 => {
                        client.send(&masked(0x41, &HELLO[..3]))?;
                        client.reset();
                    }
                    4 => client.half_close(),
                    5 => {
                        client.send(&close(1001, ""))?;
                        client.expect(&Event::Close(1001_u16.to_be_bytes().to_vec()))?;
                        client.half_close();
                    }
                    _ => client.reset(),
                }
                server.descriptors_fall_to(idle, PROMPT)?;
            }
            // What was refused after the offer was read holds nothing either.
            for _ in 0..50 {
                let head = Head::new().set("Sec-WebSocket-Extensions", OFFER).target("/nope");
                let mut client = Client::connect(server.address())?;
                client.send(&head.bytes())?;
                let response = client.response(PROMPT)?;
                response.refuses(&[404], true).map_err(|why| client.report("404", &why))?;
            }
            answers(&server, true)?.close_normally()?;
            server.retire()
        }),
        Case::new(
            "6455-7.1.7-05",
            "violations are logged with their clause, without payload",
            |_| {
                for (frame, clause, code) in [
                    (compressed(b""), "RFC 7692 7.2.3.6", 1007),
                    (masked(0xc9, b"zq9x"), "RFC 7692 6.1", 1002),
                    (compressed(crate::deflate::deflate(b"", b"zq9x \xff")), "RFC 6455 8.1", 1007),
                ] {
                    let server = Server::start(&[])?;
                    let mut client = Client::offering(server.address(), OFFER)?;
                    client.send(&frame)?;
                    client.expect_failed(code, clause)?;
                    client.half_close();
                    logged(&server, &[clause, &code.to_string()])?;
                    server.retire()?;
                    let log = server.log();
                    if log.lines().filter(|line| line.contains(clause)).count() != 1
                        || log.contains("zq9x")
                    {
                        return Err(format!(
                            "    expected  one line with {clause}\n    observed  {log}"
                        ));
                    }
                }
                Ok(())
            },
        ),
    ];
    run_at_once("deflate_budget", cases, 2);
}
