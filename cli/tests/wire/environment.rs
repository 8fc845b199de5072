//! Environment variables, sizes and durations: every one shown to bite, to be nothing when it is empty, and to be
//! named when it is bad.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::case::{Case, run_at_once};
use crate::cli::{answer, expect_status, output, works};
use crate::client::{Client, Next, Outcome, PROMPT};
use crate::frame::{Event, close, header, hex, text};
use crate::http::Head;
use crate::server::{Server, stickler};

/// `stickler serve` with these variables and flags, and one listening line awaited.
pub(crate) fn with_environment(
    variables: &[(&str, &str)],
    flags: &[&str],
) -> Result<Server, String> {
    let mut command = stickler();
    command.arg("serve").args(flags).envs(variables.iter().copied());
    if !variables.iter().any(|(name, _)| *name == "STICKLER_LISTEN") {
        command.env("STICKLER_LISTEN", "127.0.0.1:0");
    }
    Server::spawn(command, 1, "")
}

#[test]
fn cli_environment_sizes_and_durations() {
    let mut cases = vec![
        Case::new("cli", "STICKLER_LISTEN splits on commas", |_| {
            let mut command = stickler();
            command.env("STICKLER_LISTEN", "127.0.0.1:0, [::1]:0");
            let server = Server::spawn(command, 2, "")?;
            for address in server.addresses() {
                works(*address)?;
            }
            server.retire()
        }),
        Case::new("cli", "a flag beats the environment", |_| {
            let server = with_environment(
                &[("STICKLER_PATH", "/env"), ("STICKLER_WORKERS", "1")],
                &["--path", "/flag"],
            )?;
            expect_status(server.address(), "/flag", 101)?;
            expect_status(server.address(), "/env", 404)?;
            server.retire()
        }),
        Case::new("cli", "--listen beats STICKLER_LISTEN, whatever it holds", |_| {
            let server = with_environment(
                &[("STICKLER_LISTEN", "192.0.2.1:1")],
                &["--listen", "127.0.0.1:0"],
            )?;
            works(server.address())?;
            server.retire()
        }),
        Case::new("cli", "a flag beats a variable that is no number", |_| {
            let server = with_environment(&[("STICKLER_WORKERS", "none")], &["--workers", "1"])?;
            works(server.address())?;
            server.retire()
        }),
        Case::new("cli", "STICKLER_PATH splits on commas", |_| {
            let server = with_environment(&[("STICKLER_PATH", "/a,/b/c")], &[])?;
            expect_status(server.address(), "/a", 101)?;
            expect_status(server.address(), "/b/c", 101)?;
            expect_status(server.address(), "/", 404)?;
            server.retire()
        }),
        Case::new(
            "cli",
            "STICKLER_SUBPROTOCOL, STICKLER_ALLOWED_ORIGIN, STICKLER_OWN_HOST",
            |_| {
                let server = with_environment(
                    &[
                        ("STICKLER_SUBPROTOCOL", "chat,superchat"),
                        ("STICKLER_ALLOWED_ORIGIN", "https://a.example,https://b.example"),
                        ("STICKLER_OWN_HOST", "a.example:80,b.example:80"),
                    ],
                    &[],
                )?;
                let head = Head::new()
                    .set("Host", "b.example")
                    .add("Origin", "https://b.example")
                    .add("Sec-WebSocket-Protocol", "superchat");
                let mut client = Client::connect(server.address())?;
                client.send(&head.bytes())?;
                let response = client.response(PROMPT)?;
                response
                    .accepts_with(&head, Some("superchat"))
                    .map_err(|why| client.report("101", &why))?;
                let foreign =
                    Head::new().set("Host", "a.example").add("Origin", "https://c.example");
                let stranger = Head::new().set("Host", "c.example");
                match (answer(server.address(), &foreign)?, answer(server.address(), &stranger)?) {
                    (403, 421) => {}
                    other => {
                        return Err(format!("    expected  403 and 421\n    observed  {other:?}"));
                    }
                }
                client.close_normally()?;
                server.retire()
            },
        ),
        Case::new("cli", "STICKLER_SUBPROTOCOL=any", |_| {
            let server = with_environment(&[("STICKLER_SUBPROTOCOL", "any")], &[])?;
            let head = Head::new().add("Sec-WebSocket-Protocol", "whatever, chat");
            let mut client = Client::connect(server.address())?;
            client.send(&head.bytes())?;
            let response = client.response(PROMPT)?;
            response
                .accepts_with(&head, Some("whatever"))
                .map_err(|why| client.report("101", &why))?;
            client.close_normally()?;
            server.retire()
        }),
        Case::new("cli", "STICKLER_MAX_MESSAGE_SIZE, _FRAME_SIZE and _FRAGMENTS", |_| {
            let server = with_environment(
                &[
                    ("STICKLER_MAX_MESSAGE_SIZE", "2KiB"),
                    ("STICKLER_MAX_FRAME_SIZE", "1KiB"),
                    ("STICKLER_MAX_FRAGMENTS", "2"),
                ],
                &[],
            )?;
            let mut client = Client::open(server.address())?;
            client.send(&header(0x82, 1025))?;
            client.expect_failed(1009, "RFC 6455 10.4")?;
            client = Client::open(server.address())?;
            client.send(&hex("01 80 00000000 00 80 00000000 80 81 00000000 61"))?;
            client.expect_failed(1008, "RFC 6455 10.4")?;
            drop(client);
            server.retire()
        }),
        Case::new("cli", "STICKLER_HANDSHAKE_TIMEOUT", |_| {
            let server = with_environment(&[("STICKLER_HANDSHAKE_TIMEOUT", "300ms")], &[])?;
            Client::connect(server.address())?.expect_silent_end(PROMPT)?;
            server.retire()
        }),
        Case::new("cli", "STICKLER_KEEPALIVE_INTERVAL and _TIMEOUT", |_| {
            let server = with_environment(
                &[
                    ("STICKLER_KEEPALIVE_INTERVAL", "200ms"),
                    ("STICKLER_KEEPALIVE_TIMEOUT", "200ms"),
                ],
                &[],
            )?;
            let mut client = Client::open(server.address())?;
            match (client.next(PROMPT), client.next(PROMPT)) {
                (Ok(Next::Event(Event::Ping(_))), Ok(Next::Event(Event::Close(body))))
                    if Event::close_code(&body) == Some(1011) => {}
                other => return Err(client.report("Ping, then Close 1011", &format!("{other:?}"))),
            }
            drop(client);
            server.retire()
        }),
        Case::new("cli", "STICKLER_CLOSE_TIMEOUT and _SHUTDOWN_TIMEOUT", |_| {
            for (close, shutdown) in [("300ms", "60s"), ("60s", "300ms")] {
                let server = with_environment(
                    &[("STICKLER_CLOSE_TIMEOUT", close), ("STICKLER_SHUTDOWN_TIMEOUT", shutdown)],
                    &[],
                )?;
                let _deaf = Client::open(server.address())?;
                server.signal(Signal::TERM);
                let (code, _) = server.wait(PROMPT)?;
                if code != Some(0) {
                    return Err(format!("    expected  exit code 0\n    observed  {code:?}"));
                }
            }
            Ok(())
        }),
        Case::new("cli", "STICKLER_LOG and STICKLER_LOG_FORMAT=json", |_| {
            let server = with_environment(
                &[("STICKLER_LOG", "debug"), ("STICKLER_LOG_FORMAT", "json")],
                &[],
            )?;
            works(server.address())?;
            expect_status(server.address(), "/nope?%0d%0a\\", 404)?;
            let mut client = Client::open(server.address())?;
            client.send(&close(1000, "\"\r\n\u{1b}{\u{2028}"))?;
            client.expect(&Event::Close(1000_u16.to_be_bytes().to_vec()))?;
            drop(client);
            server.retire()?;
            let log = server.log();
            match log.lines().find(|line| serde_json::from_str::<serde_json::Value>(line).is_err())
            {
                None if !log.is_empty() => Ok(()),
                other => Err(format!(
                    "    expected  JSON lines\n    observed  {other:?} in {} bytes",
                    log.len()
                )),
            }
        }),
        Case::new("cli", "a frame limit defaults to the message limit", |_| {
            let server = Server::start(&["--max-message-size", "70000"])?;
            let mut client = Client::open(server.address())?;
            client.send(&text(vec![b'x'; 70_000]))?;
            client.expect(&Event::Text(vec![b'x'; 70_000]))?;
            client.send(&header(0x82, 70_001))?;
            client.expect_failed(1009, "RFC 6455 10.4")?;
            drop(client);
            server.retire()
        }),
        Case::new("cli", "a bare number is seconds", |_| {
            let server = Server::start(&["--handshake-timeout", "1"])?;
            let begun = Instant::now();
            Client::connect(server.address())?.expect_silent_end(PROMPT)?;
            if begun.elapsed() < Duration::from_millis(800) {
                return Err(format!(
                    "    expected  about 1 s\n    observed  {:?}",
                    begun.elapsed()
                ));
            }
            server.retire()
        }),
    ];
    for (size, bytes) in [("1024", 1024_u64), ("1KiB", 1024), ("2MiB", 2 << 20), ("1GiB", 1 << 30)]
    {
        cases.push(Case::new(
            "cli",
            format!("--max-message-size {size} is {bytes} bytes"),
            move |_| {
                let server = Server::start(&["--max-message-size", size])?;
                let mut client = Client::open(server.address())?;
                client.send(&header(0x82, bytes + 1))?;
                client.expect_failed(1009, "RFC 6455 10.4")?;
                client = Client::open(server.address())?;
                client.send(&header(0x82, bytes))?;
                client.expect_silence(Duration::from_millis(150))?;
                drop(client);
                server.retire()
            },
        ));
    }
    run_at_once("cli_environment_sizes_and_durations", cases, 3);
}

/// The commands, and the variables of each, as clap's own help names them; `serve` reads one more.
fn variables() -> Vec<(String, BTreeSet<String>)> {
    let help = |args: &[&str]| {
        let ended = output(stickler().args(args)).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{args:?}");
        String::from_utf8(ended.stdout).unwrap()
    };
    let whole = help(&["--help"]);
    let (_, commands) = whole.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| line.starts_with("  "));
    let names = commands.filter_map(|line| line.split_whitespace().next());
    let mut all = Vec::new();
    for name in names.filter(|name| *name != "help") {
        let text = help(&[name, "--help"]);
        let named = text.split("[env: ").skip(1).map(|rest| rest.split('=').next().unwrap());
        let mut named: BTreeSet<String> = named.map(str::to_owned).collect();
        if name == "serve" {
            named.insert("RUST_LOG".to_owned());
        }
        all.push((name.to_owned(), named));
    }
    let of = |name: &str| all.iter().find(|(known, _)| known == name).unwrap().1.len();
    assert!(of("serve") > 20 && of("health") > 2 && all.len() > 3, "{all:?}");
    all
}

/// What a run comes to, of a command that ends by itself.
fn outcome(mut command: Command) -> Result<(Option<i32>, String), String> {
    let ended = output(&mut command)?;
    let said = [&ended.stdout[..], &ended.stderr].concat();
    Ok((ended.status.code(), String::from_utf8_lossy(&said).into_owned()))
}

fn serves(variables: &[(&str, &str)]) -> Outcome {
    let server = with_environment(variables, &["--listen", "127.0.0.1:0"])?;
    works(server.address())?;
    // At info, as without a variable.
    server.expect_logged("serving")?;
    server.retire()
}

/// The variables of `serve` are in the page by their flags, which `cli.rs` looks for.
#[test]
fn every_other_variable_is_in_the_page() {
    const PAGE: &str = include_str!("../../../docs/command-line.md");
    for (name, variables) in variables().into_iter().filter(|(name, _)| name != "serve") {
        for variable in variables {
            let row = format!("| `{variable}` |");
            assert!(PAGE.contains(&row), "the page lacks a row for {variable} of {name}");
        }
    }
}

#[test]
fn cli_an_empty_variable_is_not_set() {
    let mut cases = Vec::new();
    for (name, variables) in variables() {
        let all: Vec<String> = variables.iter().cloned().collect();
        if name == "serve" {
            cases.push(Case::new("cli", "serve with every variable empty", move |_| {
                serves(&all.iter().map(|name| (&name[..], "")).collect::<Vec<_>>())
            }));
        }
        for variable in variables {
            let name = name.clone();
            let what = format!("{name} with {variable} empty, or of spaces");
            cases.push(Case::new("cli", what, move |_| {
                for empty in ["", "  "] {
                    if name == "serve" {
                        serves(&[(&variable, empty)])?;
                        continue;
                    }
                    let run = |empty: Option<&str>| {
                        let mut command = stickler();
                        // Nobody is there, whoever else runs on this machine.
                        command.arg(&name).env("STICKLER_LISTEN", "127.0.0.1:1");
                        if let Some(empty) = empty {
                            command.env(&variable, empty);
                        }
                        outcome(command)
                    };
                    let (unset, empty) = (run(None)?, run(Some(empty))?);
                    if unset != empty {
                        return Err(format!("    expected  {unset:?}\n    observed  {empty:?}"));
                    }
                }
                Ok(())
            }));
        }
    }
    cases.extend([
        Case::new("cli", "empty lists are the defaults", |_| {
            let lists = ["PATH", "SUBPROTOCOL", "ALLOWED_ORIGIN", "OWN_HOST"];
            let lists = lists.map(|name| format!("STICKLER_{name}"));
            let empty: Vec<_> = lists.iter().map(|name| (&name[..], "")).collect();
            let server = with_environment(&empty, &[])?;
            let head = Head::new().set("Host", "any.example").add("Origin", "https://any.example");
            for (path, status) in [("/", 101), ("/echo", 101), ("/other", 404)] {
                let seen = answer(server.address(), &head.clone().target(path))?;
                if seen != status {
                    return Err(format!("    expected  {status}\n    observed  {seen}"));
                }
            }
            server.retire()
        }),
        Case::new("cli", "an empty STICKLER_LISTEN is 127.0.0.1:9001", |_| {
            let mut command = stickler();
            command.arg("serve").env("STICKLER_LISTEN", "");
            match Server::spawn(command, 1, "") {
                Ok(server) if server.address().to_string() == "127.0.0.1:9001" => server.retire(),
                Ok(server) => Err(format!("    observed  {}", server.address())),
                // Somebody else has the port.
                Err(why) if why.contains("127.0.0.1:9001") => Ok(()),
                Err(why) => Err(format!("    observed  {why}")),
            }
        }),
        Case::new("cli", "an empty STICKLER_LOG leaves it to RUST_LOG", |_| {
            let server = with_environment(&[("STICKLER_LOG", ""), ("RUST_LOG", "off")], &[])?;
            works(server.address())?;
            server.retire()?;
            match server.log() {
                log if log.is_empty() => Ok(()),
                log => Err(format!("    observed  {log:?}")),
            }
        }),
    ]);
    run_at_once("cli_an_empty_variable_is_not_set", cases, 3);
}

#[test]
fn cli_a_bad_variable_is_reported_by_its_name() {
    let mut cases = Vec::new();
    for (name, variables) in variables() {
        for variable in variables {
            let name = name.clone();
            let what = format!("{name} names {variable} when it is bad");
            cases.push(Case::new("cli", what, move |_| {
                // Nothing that is read here has this form, and no text is not UTF-8.
                for value in [&b"?=?["[..], b"\xff"] {
                    let mut command = stickler();
                    command.arg(&name).env(&variable, OsStr::from_bytes(value));
                    let (code, said) = outcome(command)?;
                    let flag = variable.replace("STICKLER_", "--").replace('_', "-").to_lowercase();
                    let is_flag_named =
                        said.contains(&format!("{flag} ")) || said.contains(&format!("{flag}'"));
                    if code != Some(2) || !said.contains(&variable) || is_flag_named {
                        return Err(format!("    observed  {code:?} and {said:?}"));
                    }
                }
                Ok(())
            }));
        }
    }
    cases.push(Case::new("cli", "lists of nothing but commas are bad", |_| {
        for name in [
            "LISTEN",
            "LISTEN_TLS",
            "PATH",
            "SUBPROTOCOL",
            "ALLOWED_ORIGIN",
            "OWN_HOST",
            "ADMIN_HOST",
        ] {
            let variable = format!("STICKLER_{name}");
            let mut command = stickler();
            command.arg("serve").env(&variable, " , ,");
            let (code, said) = outcome(command)?;
            if code != Some(2) || !said.contains(&variable) {
                return Err(format!("    observed  {code:?} and {said:?}"));
            }
        }
        Ok(())
    }));
    cases.push(Case::new(
        "cli",
        "a bad flag is reported as one, whatever its variable holds",
        |_| {
            for value in ["1", "x", ""] {
                let mut command = stickler();
                command.args(["serve", "--workers", "none"]).env("STICKLER_WORKERS", value);
                let (code, said) = outcome(command)?;
                if code != Some(2)
                    || !said.contains("'--workers")
                    || said.contains("STICKLER_WORKERS")
                {
                    return Err(format!("    observed  {code:?} and {said:?}"));
                }
            }
            Ok(())
        },
    ));
    run_at_once("cli_a_bad_variable_is_reported_by_its_name", cases, 3);
}
