//! What is said on standard error, and that saying it never hurts.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use stickler_testing::panics::tells_of_panic;

use crate::case::{Case, run_at_once};
use crate::cli::{answer, expect_status, serve, works};
use crate::client::{Client, Outcome, PROMPT};
use crate::frame::{Event, close, hex, masked, text};
use crate::http::Head;
use crate::server::{PATIENCE, Server, serve_after};

#[test]
fn cli_logs() {
    let cases = vec![
        Case::new(
            "6455-7.1.7-05",
            "a violation is logged once, with its clause, without the payload",
            |_| {
                let server = Server::start(&[])?;
                let mut client = Client::open(server.address())?;
                client.send(&[&text("zq9x secret")[..], &hex("81 05 48656c6c6f")].concat())?;
                client.expect(&Event::Text(b"zq9x secret".to_vec()))?;
                client.expect_failed(1002, "RFC 6455 5.1")?;
                client.half_close();
                server.retire()?;
                let log = server.log();
                let lines = log.lines().filter(|line| line.contains("RFC 6455 5.1")).count();
                if lines != 1 || log.contains("zq9x") || log.contains("Hello") {
                    return Err(format!(
                        "    expected  one line with RFC 6455 5.1\n    observed  {lines}: {log}"
                    ));
                }
                Ok(())
            },
        ),
        Case::new("6455-7.1.7-05", "a violation is logged while the peer holds TCP open", |_| {
            let server = Server::start(&["--close-timeout", "1h"])?;
            let mut client = Client::open(server.address())?;
            client.send(&hex("81 05 48656c6c6f"))?;
            client.expect_failed(1002, "RFC 6455 5.1")?;
            let patience = Instant::now() + Duration::from_secs(3);
            while !server.log().contains("RFC 6455 5.1") {
                if Instant::now() > patience {
                    return Err(format!("    observed  {:?}", server.log()));
                }
                std::thread::yield_now();
            }
            Ok(())
        }),
        Case::new("H13", "what the peer sent cannot forge or colour a line", |_| {
            for format in ["text", "json"] {
                let server = Server::start(&["--log", "trace", "--log-format", format])?;
                let head = Head::new()
                    .target("/nope?%0d%0a2030-01-01T00:00:00Z%20INFO%20forged")
                    .add("Origin", "http://\u{2028}forged".as_bytes())
                    .add("X", "\u{85}forged\u{9b}31m".as_bytes());
                answer(server.address(), &head)?;
                let mut client = Client::open(server.address())?;
                client.send(&close(1000, "bye\r\nforged \u{1b}[31mred\u{1b}[0m \u{2028}forged"))?;
                client.expect(&Event::Close(1000_u16.to_be_bytes().to_vec()))?;
                client.half_close();
                let mut client = Client::open(server.address())?;
                client
                    .send(&masked(0x88, "\u{0f}\u{a0}\u{1b}[31m\r\nforged\u{2028}".as_bytes()))?;
                client.expect_failed(1007, "RFC 6455 ")?;
                drop(client);
                server.retire()?;
                let log = server.log();
                let is_json = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
                if format == "json" && !log.lines().all(is_json) {
                    return Err(format!("    expected  JSON lines\n    observed  {log}"));
                }
                let control =
                    log.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{2028}');
                let forged = log.lines().find(|line| line.trim_start().starts_with("forged"));
                match (control, forged) {
                    (None, None) => {}
                    found => return Err(format!("    observed  {found:?} in the log")),
                }
            }
            Ok(())
        }),
        Case::new(
            "cli",
            "--log debug: a line when a connection opens and one when it ends",
            |_| {
                let server = Server::start(&["--log", "debug", "--subprotocol", "chat"])?;
                let head = Head::new()
                    .target("/echo?token=zq9x")
                    .add("Sec-WebSocket-Protocol", "x, chat")
                    .add("Sec-WebSocket-Extensions", "permessage-deflate");
                let mut client = Client::connect(server.address())?;
                let peer = client.stream().local_addr().map_err(|error| error.to_string())?;
                client.send(&head.bytes())?;
                client.response(PROMPT)?;
                client.send(&[&text("zq9x")[..], &close(4001, "zq9x")].concat())?;
                client.expect(&Event::Text(b"zq9x".to_vec()))?;
                client.expect(&Event::Close(4001_u16.to_be_bytes().to_vec()))?;
                client.half_close();
                server.retire()?;
                let log = server.log();
                let peer = format!("peer={peer} path=\"/echo\" ");
                let opened = format!(
                    "{peer}subprotocol=\"chat\" extensions=\"permessage-deflate; \
                 server_no_context_takeover\""
                );
                let ended = format!("{peer}initiator=Peer code=4001 sent=4001 clean=true lasted=");
                let mut ids = Vec::new();
                for (what, line) in [
                    ("DEBUG stickler::net::task::report: the connection opened id=", &opened),
                    ("DEBUG stickler::net::task::report: the connection ended id=", &ended),
                ] {
                    let rest = |logged: &str| Some(logged.split_once(what)?.1.to_owned());
                    let about: Vec<_> = log.lines().filter_map(rest).collect();
                    let [about] = &about[..] else {
                        return Err(format!("    expected  {what:?} once\n    observed  {log}"));
                    };
                    match about.split_once(' ') {
                        Some((id, about)) if about.starts_with(line) => ids.push(id.to_owned()),
                        _ => {
                            return Err(format!(
                                "    expected  {line:?} once\n    observed  {log}"
                            ));
                        }
                    }
                }
                if ids.windows(2).any(|pair| pair[0] != pair[1]) {
                    return Err(format!("    expected  one id\n    observed  {log}"));
                }
                if log.contains("zq9x") { Err(format!("    observed  {log}")) } else { Ok(()) }
            },
        ),
        Case::new("cli", "why a browser gives up: once for an address", |_| {
            let server = Server::start(&["--workers", "2"])?;
            for name in ["graphql-ws", "graphql-ws", "mqtt"] {
                let head = Head::new().add("Sec-WebSocket-Protocol", name);
                if answer(server.address(), &head)? != 101 {
                    return Err(format!("    expected  101 for {name}"));
                }
            }
            server.retire()?;
            let log = server.log();
            let lines: Vec<_> = log.lines().filter(|line| line.contains("subprotocol")).collect();
            match &lines[..] {
                [line] if line.contains(" INFO ") && line.contains(r#"offered="graphql-ws""#) => {
                    let hints = ["RFC 6455 4.2.2", "--subprotocol NAME", "1006"];
                    match hints.into_iter().find(|hint| !line.contains(hint)) {
                        None => Ok(()),
                        Some(hint) => Err(format!("    expected  {hint}\n    observed  {line}")),
                    }
                }
                _ => Err(format!("    expected  one line\n    observed  {log}")),
            }
        }),
        Case::new("cli", "--log off is silent", |_| {
            let server = Server::start(&["--log", "off"])?;
            expect_status(server.address(), "/nope", 404)?;
            server.retire()?;
            if server.log().is_empty() {
                Ok(())
            } else {
                Err(format!("    observed  {:?}", server.log()))
            }
        }),
        Case::new("cli", "RUST_LOG counts where --log is not given", |_| {
            let mut command = serve(&["--listen", "127.0.0.1:0"]);
            command.env("RUST_LOG", "off");
            let server = Server::spawn(command, 1, "")?;
            expect_status(server.address(), "/nope", 404)?;
            server.retire()?;
            if server.log().is_empty() {
                Ok(())
            } else {
                Err(format!("    observed  {:?}", server.log()))
            }
        }),
        Case::new("P5", "standard output that takes nothing is no panic", |_| {
            let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
            let mut command = serve(&["--listen", "127.0.0.1:0"]);
            command.stdout(full.map_err(|error| error.to_string())?).stderr(Stdio::piped());
            let said = serves_and_ends_well(command)?;
            let wanted = "standard output is closed";
            if said.contains(wanted) {
                Ok(())
            } else {
                Err(format!("    expected  {wanted}\n    observed  {said}"))
            }
        }),
        Case::new("P5", "standard error that nobody reads blocks nothing", |_| {
            blocked_log(Stdio::piped())
        }),
        Case::new("P5", "standard error on a full device kills nothing", |_| {
            let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
            blocked_log(full.map_err(|error| error.to_string())?.into())
        }),
        Case::new("P5", "standard error whose reader is gone kills nothing", |_| {
            let (reader, writer) = std::io::pipe().map_err(|error| error.to_string())?;
            drop(reader);
            blocked_log(writer.into())
        }),
        Case::new("P5", "standard output may be closed", |_| {
            let mut command = serve_after("exec >&-");
            command.stderr(Stdio::piped());
            serves_and_ends_well(command).map(drop)
        }),
    ];
    run_at_once("cli_logs", cases, 3);
}

/// The loudest log into somewhere that takes little or nothing; the server must go on.
fn blocked_log(stderr: Stdio) -> Outcome {
    let mut command = serve(&["--listen", "127.0.0.1:0", "--log", "trace", "--workers", "1"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(stderr).spawn().map_err(|error| error.to_string())?;
    let outcome = (|| {
        let mut line = Vec::new();
        let mut out = child.stdout.take().ok_or("no standard output")?;
        let mut byte = [0];
        while out.read(&mut byte).map_err(|error| error.to_string())? == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        let address = line
            .strip_prefix("listening on ws://")
            .and_then(|rest| rest.parse().ok())
            .ok_or_else(|| format!("    observed  {line:?}"))?;
        for round in 0..1500 {
            expect_status(address, "/nope", 404)
                .map_err(|why| format!("    round     {round}\n{why}"))?;
        }
        works(address)
    })();
    ends_well(child).and(outcome)
}

/// Waits until the log says that it serves, and ends it by SIGTERM. Gives the whole log, which tells of no panic.
fn serves_and_ends_well(mut command: Command) -> Result<String, String> {
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let log = child.stderr.take().ok_or("no standard error")?;
    let lines = BufReader::new(log).lines().map_while(Result::ok);
    let mut said = Vec::new();
    let mut lines = lines.inspect(|line| said.push(line.clone()));
    let serves = lines.any(|line| line.contains(": serving "));
    let ended = ends_well(child);
    lines.for_each(drop);
    let said = said.join("\n");
    ended.map_err(|why| format!("{why}\n    log       {said}"))?;
    if !serves || tells_of_panic(&said) {
        return Err(format!("    expected  serving and no panic\n    observed  {said}"));
    }
    Ok(said)
}

/// Ends it by SIGTERM; the exit code has to be 0.
fn ends_well(mut child: Child) -> Outcome {
    let _ = kill_process(Pid::from_child(&child), Signal::TERM);
    let begun = Instant::now();
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.code() == Some(0) => return Ok(()),
            Some(status) => {
                return Err(format!("    expected  exit code 0\n    observed  {status}"));
            }
            None if begun.elapsed() > PATIENCE => {
                let _ = child.kill();
                return Err("    observed  still running after SIGTERM".to_owned());
            }
            None => thread::sleep(Duration::from_millis(2)),
        }
    }
}
