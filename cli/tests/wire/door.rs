//! The door of the program: who waits before it when it closes, how many may stand in it, and what it says when it
//! cannot open.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use stickler_testing::folder::Folder;
use stickler_testing::hangup;
use stickler_testing::panics::tells_of_panic;

use crate::case::{Case, run_at_once};
use crate::client::{Client, LONG, Next, Outcome};
use crate::frame::{Event, close, text};
use crate::http::Head;
use crate::server::{PATIENCE, Server, serve_after};

/// Connects so many clients while the program is stopped, so that they wait in the queue of the kernel; each sends
/// its whole handshake. Then the program is told to end, and goes on.
fn end_with_a_queue(server: &Server, count: usize) -> Result<Vec<Client>, String> {
    server.stop();
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let mut client = Client::connect(server.address())?;
        client.send(&Head::new().bytes())?;
        clients.push(client);
    }
    server.signal(Signal::TERM);
    server.signal(Signal::CONT);
    Ok(clients)
}

/// Each is refused, or was accepted while the signal was on its way: then it hears that the server goes. None is reset.
fn all_are_told(clients: Vec<Client>) -> Outcome {
    let (mut failed, mut last) = (0, String::new());
    for mut client in clients {
        if let Err(why) = is_told(&mut client) {
            (failed, last) = (failed + 1, why);
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(format!(
            "    expected  503 for all\n    observed  {failed} without, such as\n{last}"
        )),
    }
}

fn is_told(client: &mut Client) -> Outcome {
    let response = client.response(LONG)?;
    if response.status != 101 {
        return response.refuses(&[503], true);
    }
    expect_1001(client)
}

#[test]
fn door_at_the_end() {
    let mut cases = Vec::new();
    for (count, workers) in [(60, "1"), (400, "1"), (400, "2")] {
        let rule =
            format!("SIGTERM finds {count} handshakes before {workers} workers: 503 for all");
        cases.push(Case::new("9110-15.6.4-01", rule, move |_| {
            let server = Server::start(&["--workers", workers])?;
            all_are_told(end_with_a_queue(&server, count)?)?;
            exits(&server, 0)
        }));
    }
    run_at_once("door_at_the_end", cases, 1);
}

/// What `serve` says and its exit status where it may have so many descriptors.
fn start_with(limit: u32, flags: &[&str]) -> Result<(Option<i32>, String), String> {
    let output = serve_after(&format!("ulimit -n {limit}")).args(flags).output();
    let output = output.map_err(|error| error.to_string())?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[test]
fn door_that_cannot_open() {
    let mut cases = Vec::new();
    for limit in 4..=18 {
        let rule = format!("ulimit -n {limit}: exit status 1 and a sentence");
        cases.push(Case::new("cli", rule, move |_| {
            let (code, said) = start_with(limit, &["--workers", "2"])?;
            let has_sentence = said.lines().any(|line| line.starts_with("stickler: "));
            match (code, has_sentence, tells_of_panic(&said)) {
                (Some(1), true, false) => Ok(()),
                _ => Err(format!("    observed  {code:?}: {said}")),
            }
        }));
    }
    for flags in [&[][..], &["--chat=off"], &["--admin=127.0.0.1:0"]] {
        let rule = format!("as many more files as are told are enough, with {flags:?}");
        cases.push(Case::new("cli", rule, move |_| {
            let limit = 16;
            let flags = [&["--workers", "2"], flags].concat();
            let (_, said) = start_with(limit, &flags)?;
            let more = said.split("at least ").nth(1).and_then(|rest| rest.split(' ').next());
            let more: u32 = more.and_then(|it| it.parse().ok()).ok_or(said)?;
            let server = Server::start_with_descriptors(limit + more, &flags)?;
            Client::open(server.address())?.close_normally()?;
            server.retire()
        }));
    }
    run_at_once("door_that_cannot_open", cases, 2);
}

#[test]
fn door_and_signals() {
    hangup::ends_programs().unwrap();
    let cases = vec![
        Case::new("6455-7.4.1-1001", "SIGHUP: 1001, exit 0; a second one changes nothing", |_| {
            let server = Server::start(&[])?;
            let mut client = Client::open(server.address())?;
            server.signal(Signal::HUP);
            expect_1001(&mut client)?;
            server.signal(Signal::HUP);
            client.send(&close(1001, ""))?;
            client.expect_fin(LONG)?;
            drop(client);
            exits(&server, 0)
        }),
        Case::new("cli", "SIGHUP that was ignored from the start stays so", |_| {
            let server = Server::spawn(serve_after("trap '' HUP"), 1, "")?;
            server.signal(Signal::HUP);
            Client::open(server.address())?.close_normally()?;
            server.retire()
        }),
        Case::new("cli", "SIGUSR1, SIGUSR2 and SIGPIPE end nothing", |_| {
            let server = Server::start(&[])?;
            for signal in [Signal::USR1, Signal::USR2, Signal::PIPE] {
                server.signal(signal);
            }
            server.expect_logged("SIGUSR1")?;
            server.expect_logged("SIGUSR2")?;
            Client::open(server.address())?.close_normally()?;
            server.retire()
        }),
        Case::new("cli", "a log at the size limit of files ends nothing", |_| {
            let folder = Folder::new("limit");
            let log = folder.path().join("log");
            let before = format!("ulimit -f 1; exec 2>{}", log.display());
            let mut command = serve_after(&before);
            command.args(["--log", "debug"]);
            let server = Server::spawn(command, 1, "")?;
            for _ in 0..20 {
                Client::open(server.address())?.close_normally()?;
            }
            server.retire()?;
            // The unit of the shell is 512 bytes or 1 KiB.
            match fs::metadata(&log).map_err(|error| error.to_string())?.len() {
                512 | 1024 => Ok(()),
                len => Err(format!("the log has {len} bytes")),
            }
        }),
        Case::new("cli", "the last line says how connections ended", |_| {
            let flags = ["--shutdown-timeout", "700ms", "--close-timeout", "60s"];
            let server = Server::start(&flags)?;
            let mut clean = Client::open(server.address())?;
            let mut cut = [Client::open(server.address())?, Client::open(server.address())?];
            let mut lost = Client::open(server.address())?;
            server.signal(Signal::TERM);
            for client in [&mut clean, &mut lost].into_iter().chain(&mut cut) {
                expect_1001(client)?;
            }
            lost.reset();
            clean.send(&close(1001, ""))?;
            clean.expect_fin(LONG)?;
            drop(clean);
            exits(&server, 0)?;
            server.expect_logged("gone clean=1 unclean=1 cut=2")
        }),
    ];
    run_at_once("door_and_signals", cases, 2);
}

fn echoes(client: &mut Client) -> Outcome {
    client.send(&text("still"))?;
    client.expect(&Event::Text(b"still".to_vec()))
}

fn expect_1001(client: &mut Client) -> Outcome {
    match client.next(LONG)? {
        Next::Event(Event::Close(body)) if Event::close_code(&body) == Some(1001) => Ok(()),
        other => Err(client.report("Close 1001", &format!("{other:?}"))),
    }
}

fn exits(server: &Server, expected: i32) -> Outcome {
    match server.wait(PATIENCE)?.0 {
        Some(code) if code == expected => Ok(()),
        code => Err(format!("    expected  exit code {expected}\n    observed  {code:?}")),
    }
}

#[test]
fn door_without_descriptors() {
    let cases =
        vec![Case::new("P1", "none left: others go on, and a place is taken at once", |_| {
            let flags = ["--workers", "1", "--max-connections", "1000", "--max-handshakes", "1000"];
            let server = Server::start_with_descriptors(64, &flags)?;
            let mut old = Client::open(server.address())?;
            let mut crowd = Vec::new();
            for _ in 0..100 {
                crowd.push(Client::connect(server.address())?);
            }
            server.expect_logged("cannot accept connections")?;
            let (cpu, begun) = (server.cpu(), Instant::now());
            while begun.elapsed() < Duration::from_secs(1) {
                echoes(&mut old)?;
                thread::sleep(Duration::from_millis(20));
            }
            let spent = server.cpu() - cpu;
            if spent > begun.elapsed() / 10 {
                return Err(format!("    expected  a tenth of a core\n    observed  {spent:?}"));
            }
            let mut late = Client::connect(server.address())?;
            crowd.clear();
            let begun = Instant::now();
            late.upgrade()?;
            if begun.elapsed() > Duration::from_secs(1) {
                return Err(format!("    expected  a second\n    observed  {:?}", begun.elapsed()));
            }
            echoes(&mut old)?;
            server.retire()
        })];
    run_at_once("door_without_descriptors", cases, 1);
}
