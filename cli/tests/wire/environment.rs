//! Environment variables, sizes and durations: every one shown to bite.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::case::{Case, run_at_once};
use crate::cli::{answer, expect_status, works};
use crate::client::{Client, Next, PROMPT};
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
