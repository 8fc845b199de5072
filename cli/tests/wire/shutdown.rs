//! SIGINT and SIGTERM: 1001 to everyone, what is owed is finished, exit in time
//! (RFC 6455 §7.3, §5.5.1, §5.5.2). This is where the server closes first.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::case::{Case, run_at_once};
use crate::client::{Client, LONG, Next, Outcome, PROMPT};
use crate::frame::{Event, binary, close, hex, join, masked, ping, text};
use crate::http::Head;
use crate::server::Server;

const SOON: Duration = Duration::from_secs(3);

/// A server, a client on it, and SIGTERM just sent and answered by a Close 1001.
fn going_away(flags: &[&str]) -> Result<(Server, Client), String> {
    let server = Server::start(flags)?;
    let mut client = Client::open(server.address())?;
    server.signal(Signal::TERM);
    expect_going_away(&mut client)?;
    Ok((server, client))
}

fn expect_going_away(client: &mut Client) -> Outcome {
    match client.next(PROMPT) {
        Ok(Next::Event(Event::Close(body)))
            if Event::close_code(&body) == Some(1001)
                && body.len() <= 125
                && std::str::from_utf8(&body[2..]).is_ok() =>
        {
            Ok(())
        }
        other => Err(client.report("Close 1001", &format!("{other:?}"))),
    }
}

fn expect_exit(server: &Server, code: i32, within: Duration) -> Outcome {
    let (seen, _) = server
        .wait(within)
        .map_err(|why| format!("    expected  exit code {code}\n    observed  {why}"))?;
    if seen != Some(code) {
        let log = server.log_tail();
        return Err(format!(
            "    expected  exit code {code}\n    observed  {seen:?}; stderr ends: {log}"
        ));
    }
    Ok(())
}

fn answered(mut client: Client, server: &Server) -> Outcome {
    client.send(&close(1001, ""))?;
    client.expect_fin(PROMPT)?;
    client.half_close();
    expect_exit(server, 0, SOON)
}

#[test]
fn shutdown_closing_handshake_by_the_server() {
    let cases = vec![
        Case::new("6455-7.3-01", "SIGTERM: 1001, our answer, FIN, exit 0", |_| {
            let (server, client) = going_away(&[])?;
            answered(client, &server)
        }),
        Case::new("6455-7.3-01", "SIGINT does the same", |_| {
            let server = Server::start(&[])?;
            let mut client = Client::open(server.address())?;
            server.signal(Signal::INT);
            expect_going_away(&mut client)?;
            answered(client, &server)
        }),
        Case::new("6455-5.5.1-16", "an empty Close answers as well", |_| {
            let (server, mut client) = going_away(&[])?;
            client.send(&masked(0x88, b""))?;
            client.expect_fin(PROMPT)?;
            client.half_close();
            expect_exit(&server, 0, SOON)
        }),
        Case::new("6455-5.5.1-17", "a Close of our own crosses: no echo, FIN", |_| {
            let (server, mut client) = going_away(&[])?;
            client.send(&join(&[close(4000, "mine"), close(1000, ""), ping("x")]))?;
            client.expect_fin(PROMPT)?;
            client.half_close();
            expect_exit(&server, 0, SOON)
        }),
        Case::new("6455-5.5.2-02", "a Ping after the server's Close is answered", |_| {
            let (server, mut client) = going_away(&[])?;
            for n in 0..3_u8 {
                client.send(&ping([n]))?;
                client.expect(&Event::Pong(vec![n]))?;
            }
            answered(client, &server)
        }),
        Case::new("6455-5.5.1-19", "data after the server's Close is discarded", |_| {
            let (server, mut client) = going_away(&[])?;
            client.send(&join(&[
                text("late"),
                binary("late"),
                masked(0x01, b"a"),
                masked(0x80, b"b"),
                ping("mark"),
            ]))?;
            client.expect(&Event::Pong(b"mark".to_vec()))?;
            answered(client, &server)
        }),
        Case::new("6455-5.5.1-19", "a message begun before and ended after is discarded", |_| {
            let server = Server::start(&[])?;
            let mut client = Client::open(server.address())?;
            client.send(&join(&[masked(0x01, b"half"), ping("mark")]))?;
            client.expect(&Event::Pong(b"mark".to_vec()))?;
            server.signal(Signal::TERM);
            expect_going_away(&mut client)?;
            client.send(&join(&[masked(0x80, b"done"), ping("mark")]))?;
            client.expect(&Event::Pong(b"mark".to_vec()))?;
            answered(client, &server)
        }),
        Case::new("6455-5.5.1-19", "a frame half sent before is finished after", |_| {
            let server = Server::start(&[])?;
            let mut client = Client::open(server.address())?;
            let frame = text("cut in two");
            client.send(&[&ping("mark")[..], &frame[..9]].concat())?;
            client.expect(&Event::Pong(b"mark".to_vec()))?;
            server.signal(Signal::TERM);
            expect_going_away(&mut client)?;
            client.send(&[&frame[9..], &ping("mark")[..]].concat())?;
            client.expect(&Event::Pong(b"mark".to_vec()))?;
            answered(client, &server)
        }),
        Case::new("6455-7.1.4-01", "our FIN instead of a Close", |_| {
            let (server, mut client) = going_away(&[])?;
            client.half_close();
            client.expect_fin(PROMPT)?;
            expect_exit(&server, 0, SOON)
        }),
        Case::new("6455-7.2.1-01", "our RST instead of a Close", |_| {
            let (server, client) = going_away(&[])?;
            client.reset();
            expect_exit(&server, 0, SOON)
        }),
        Case::new("6455-5.5.2-04", "Ping behind our answering Close: no Pong", |_| {
            let (server, mut client) = going_away(&[])?;
            client.send(&join(&[close(1001, ""), ping("late")]))?;
            client.expect_fin(PROMPT)?;
            client.half_close();
            expect_exit(&server, 0, SOON)
        }),
    ];
    run_at_once("shutdown_closing_handshake_by_the_server", cases, 4);
}

#[test]
fn shutdown_faults_and_deadlines() {
    let mut cases = Vec::new();
    for (rule, bytes) in [
        ("a reserved opcode", hex("83 80 00000000")),
        ("an unmasked frame", hex("81 01 61")),
        ("a reserved bit", masked(0xc1, b"x")),
        ("a stray continuation", masked(0x80, b"x")),
        ("a bad close code", close(1005, "")),
        ("a Close body of one byte", masked(0x88, &[3])),
        ("a frame over the limit", hex("82 ff 7fffffffffffffff 00000000")),
    ] {
        cases.push(Case::new(
            "6455-5.5.1-20",
            format!("{rule} after the server's Close: no second Close"),
            move |_| {
                let (server, mut client) = going_away(&[])?;
                client.send(&bytes)?;
                client.expect_fin(LONG)?;
                client.half_close();
                expect_exit(&server, 0, SOON)
            },
        ));
    }
    cases.push(Case::new(
        "6455-5.5.1-18",
        "no answer: FIN after the close timeout, exit 0",
        |_| {
            let (server, mut client) = going_away(&["--close-timeout", "700ms"])?;
            client.expect_silence(Duration::from_millis(300))?;
            client.expect_fin(SOON)?;
            expect_exit(&server, 0, SOON)
        },
    ));
    cases.push(Case::new(
        "cli",
        "--shutdown-timeout ends what --close-timeout would wait for",
        |_| {
            let (server, client) =
                going_away(&["--close-timeout", "60s", "--shutdown-timeout", "1s"])?;
            expect_exit(&server, 0, SOON)?;
            drop(client);
            Ok(())
        },
    ));
    cases.push(Case::new("cli", "a client that only pings does not hold the exit up", |_| {
        let (server, mut client) =
            going_away(&["--close-timeout", "60s", "--shutdown-timeout", "1s"])?;
        for _ in 0..400 {
            client.offer(&ping("again"));
            if server.status().is_some() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        expect_exit(&server, 0, Duration::from_millis(10))
    }));
    for (first, second) in
        [(Signal::TERM, Signal::TERM), (Signal::INT, Signal::INT), (Signal::TERM, Signal::INT)]
    {
        cases.push(Case::new(
            "cli",
            format!("{first:?}, then {second:?}: exit 1 at once"),
            move |_| {
                let server =
                    Server::start(&["--close-timeout", "60s", "--shutdown-timeout", "60s"])?;
                let mut client = Client::open(server.address())?;
                server.signal(first);
                expect_going_away(&mut client)?;
                server.signal(second);
                expect_exit(&server, 1, Duration::from_millis(1500))
            },
        ));
    }
    cases.push(Case::new("cli", "nobody is connected: exit 0 at once", |_| {
        let server = Server::start(&[])?;
        server.signal(Signal::TERM);
        expect_exit(&server, 0, Duration::from_millis(1500))
    }));
    cases.push(Case::new("cli", "an idle server that has served exits at once", |_| {
        let server = Server::start(&["--workers", "3"])?;
        for _ in 0..5 {
            let mut client = Client::open(server.address())?;
            client.close_normally()?;
            client.half_close();
        }
        server.signal(Signal::INT);
        expect_exit(&server, 0, Duration::from_millis(1500))
    }));
    cases.push(Case::new("cli", "no connection is accepted while it goes away", |_| {
        let (server, client) = going_away(&[])?;
        let late = Client::connect(server.address()).and_then(|mut late| {
            late.offer(&Head::new().bytes());
            late.response(PROMPT)
        });
        match late {
            Ok(response) => response.refuses(&[503], true).map_err(|why| {
                format!("    expected  refused, reset or 503\n    observed  {why}")
            })?,
            Err(why) if why.contains("stays open") || why.contains("nothing more") => {
                return Err(why);
            }
            Err(_) => {}
        }
        answered(client, &server)
    }));
    for (rule, sent, status) in [
        ("was refused", &b"nonsense\r\n\r\n"[..], 400),
        ("asked for a page", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 426),
        (
            "asked for a page and would ask again",
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
            426,
        ),
        ("was refused with 404", b"GET /nope HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("has sent half a head", b"GET / HTTP/1.1\r\nHost:", 503),
        ("has sent one byte", b"G", 503),
    ] {
        // Its own side stays open, so only the server can bring the connection to its end.
        let rule = format!("a client that {rule} holds the exit up for a second at most");
        cases.push(Case::new("9110-15.6.4-01", rule, move |_| {
            let server = Server::start(&["--shutdown-timeout", "60s", "--close-timeout", "60s"])?;
            let mut client = Client::connect(server.address())?;
            client.send(sent)?;
            // The server has seen the first when it has answered a second.
            Client::open(server.address())?.close_normally()?;
            thread::sleep(Duration::from_millis(100));
            server.signal(Signal::TERM);
            let response = client.response(PROMPT)?;
            response
                .refuses(&[status], true)
                .map_err(|why| client.report(&format!("{status}, and close"), &why))?;
            client.expect_fin(PROMPT)?;
            expect_exit(&server, 0, Duration::from_millis(1700))
        }));
    }
    cases.push(Case::new("cli", "a refused client that never reads does not hold it up", |_| {
        let server = Server::start(&["--shutdown-timeout", "60s", "--close-timeout", "60s"])?;
        let mut clients = Vec::new();
        for sent in [&b"nonsense\r\n\r\n"[..], b"GET / HTTP/1.1\r\n", b""] {
            let mut client = Client::connect_with_buffer(server.address(), 2 << 10)?;
            client.send(sent)?;
            clients.push(client);
        }
        Client::open(server.address())?.close_normally()?;
        thread::sleep(Duration::from_millis(100));
        server.signal(Signal::TERM);
        expect_exit(&server, 0, Duration::from_millis(1700))
    }));
    for (rule, cut) in [("half a head", 40_usize), ("one byte", 1)] {
        cases.push(Case::new("9110-15.6.4-01", format!("{rule} is undecided: 503"), move |_| {
            let server = Server::start(&[])?;
            let mut client = Client::connect(server.address())?;
            client.send(&Head::new().bytes()[..cut])?;
            // A second connection shows that the server has seen the first.
            Client::open(server.address())?.close_normally()?;
            thread::sleep(Duration::from_millis(100));
            server.signal(Signal::TERM);
            let response = client.response(PROMPT)?;
            response
                .refuses(&[503], true)
                .map_err(|why| client.report("503 with Retry-After", &why))?;
            client.half_close();
            expect_exit(&server, 0, SOON)
        }));
    }
    cases.push(Case::new("9110-15.6.4-01", "a connection without a byte ends in time", |_| {
        let server = Server::start(&[])?;
        let client = Client::connect(server.address())?;
        Client::open(server.address())?.close_normally()?;
        server.signal(Signal::TERM);
        expect_exit(&server, 0, SOON)?;
        drop(client);
        Ok(())
    }));
    cases.push(Case::new("6455-7.3-01", "a hundred clients all get 1001", |_| {
        let server = Server::start(&["--workers", "2"])?;
        let mut clients = Vec::new();
        for _ in 0..100 {
            clients.push(Client::open(server.address())?);
        }
        server.signal(Signal::TERM);
        for client in &mut clients {
            expect_going_away(client)?;
            client.send(&close(1001, ""))?;
            client.expect_fin(PROMPT)?;
        }
        drop(clients);
        expect_exit(&server, 0, SOON)
    }));
    cases.push(Case::new(
        "6455-7.1.1-01",
        "who reads only after the exit still finds the Close",
        |_| {
            let server = Server::start(&["--close-timeout", "300ms"])?;
            let mut client = Client::open(server.address())?;
            server.signal(Signal::TERM);
            expect_exit(&server, 0, SOON)?;
            expect_going_away(&mut client)?;
            client.expect_fin(PROMPT)
        },
    ));
    cases.push(Case::new("cli", "a client that never reads does not hold the exit up", |_| {
        let server = Server::start(&["--shutdown-timeout", "1s", "--close-timeout", "60s"])?;
        let mut client = Client::connect_with_buffer(server.address(), 16 << 10)?;
        client.upgrade()?;
        client.send(&binary(vec![0x3c; 12 << 20]))?;
        let mut other = Client::open(server.address())?;
        server.signal(Signal::TERM);
        expect_going_away(&mut other)?;
        expect_exit(&server, 0, SOON)
    }));
    cases.push(Case::new(
        "6455-5.5.1-11",
        "an echo that is being read is finished before the Close",
        |_| {
            let server = Server::start(&[])?;
            let mut client = Client::connect_with_buffer(server.address(), 16 << 10)?;
            client.upgrade()?;
            let payload = vec![0x3c; 12 << 20];
            client.send(&binary(&payload))?;
            // The first bytes of the echo are there, so the message is the server's to finish.
            client.stream().set_read_timeout(Some(LONG)).map_err(|error| error.to_string())?;
            client.stream().peek(&mut [0; 1]).map_err(|error| error.to_string())?;
            server.signal(Signal::TERM);
            thread::sleep(Duration::from_millis(200));
            client.expect_within(&Event::Binary(payload), LONG)?;
            expect_going_away(&mut client)?;
            answered(client, &server)
        },
    ));
    run_at_once("shutdown_faults_and_deadlines", cases, 4);
}
