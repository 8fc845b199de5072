//! How TCP ends: the server's FIN first, unread input drained, never a RST, nothing held for ever
//! (RFC 6455 §7.1, RFC 9112 §9.6).

use std::time::Duration;

use crate::case::{Case, DEFAULT, Profile, run, run_at_once};
use crate::client::{Client, LONG, Next, Outcome, PROMPT};
use crate::frame::{Event, close, header, hex, join, masked, text};
use crate::http::Head;
use crate::server::Server;

const SHORT: Profile = &["--close-timeout", "500ms"];

fn close_1000() -> Event {
    Event::Close(1000_u16.to_be_bytes().to_vec())
}

#[test]
fn teardown_of_connections() {
    let junk = |size: usize| vec![0xee; size];
    let mut cases = Vec::new();
    for size in [1_usize, 1000, 16 << 10, 64 << 10, 200 << 10] {
        cases.push(Case::on(
            DEFAULT,
            "6455-7.1.1-01",
            format!("Close, then {size} bytes of garbage"),
            move |server| {
                let mut client = Client::open(server.address())?;
                client.send(&[close(1000, ""), junk(size)].concat())?;
                client.expect(&close_1000())?;
                client.expect_fin(PROMPT)?;
                client.expect_no_reset()
            },
        ));
        cases.push(Case::on(
            DEFAULT,
            "6455-7.1.1-01",
            format!("a bad frame, then {size} bytes of garbage"),
            move |server| {
                let mut client = Client::open(server.address())?;
                client.send(&[hex("83 80 00000000"), junk(size)].concat())?;
                client.expect_failed(1002, "RFC 6455 5.2")?;
                client.expect_no_reset()
            },
        ));
        cases.push(Case::on(
            DEFAULT,
            "9112-9.6-02",
            format!("a refusal, then {size} bytes of garbage"),
            move |server| {
                let mut client = Client::connect(server.address())?;
                client.send(&[Head::new().target("/nope").bytes(), junk(size)].concat())?;
                let response = client.response(PROMPT)?;
                response.refuses(&[404], true).map_err(|why| client.report("404", &why))?;
                client.expect_no_reset()
            },
        ));
    }
    cases.push(Case::on(
        DEFAULT,
        "6455-7.1.7-04",
        "garbage sent slowly after a failure is drained",
        |server| {
            let mut client = Client::open(server.address())?;
            client.send(&hex("83 80 00000000"))?;
            client.expect_failed(1002, "RFC 6455 5.2")?;
            for _ in 0..10 {
                std::thread::sleep(Duration::from_millis(20));
                client.send(&join(&[text("late"), close(1002, "")]))?;
                client.expect_no_reset()?;
            }
            Ok(())
        },
    ));
    cases.push(Case::on(
        DEFAULT,
        "6455-7.1.1-04",
        "our FIN after the server's ends it without a reset",
        |server| {
            let mut client = Client::open(server.address())?;
            client.send(&close(1000, ""))?;
            client.expect(&close_1000())?;
            client.expect_fin(PROMPT)?;
            client.half_close();
            client.expect_fin(PROMPT)
        },
    ));
    cases.push(Case::on(DEFAULT, "6455-5.5.1-09", "Close and our FIN in one go", |server| {
        let mut client = Client::open(server.address())?;
        client.send(&close(1000, ""))?;
        client.half_close();
        client.expect(&close_1000())?;
        client.expect_fin(PROMPT)
    }));
    for (rule, bytes) in [
        ("without a byte", vec![]),
        ("inside a frame header", hex("81")),
        ("inside a length", hex("82 fe 01")),
        ("inside a masking key", hex("81 85 37fa")),
        ("inside a payload", hex("81 85 37fa213d 7f9f")),
        ("inside a big payload", [header(0x82, 1 << 20), vec![0; 10_000]].concat()),
        ("inside a fragmented message", masked(0x01, b"half")),
        ("inside a control frame", hex("89 85 37fa213d 7f")),
        ("inside a Close", hex("88 82 37fa213d 34")),
    ] {
        cases.push(Case::on(
            DEFAULT,
            "6455-7.1.5-03",
            format!("our FIN {rule}: FIN back, no Close"),
            move |server| {
                let mut client = Client::open(server.address())?;
                client.send(&bytes)?;
                client.half_close();
                client.expect_fin(PROMPT)
            },
        ));
    }
    cases.push(Case::on(
        DEFAULT,
        "6455-7.1.5-03",
        "our FIN right behind a whole message",
        |server| {
            let mut client = Client::open(server.address())?;
            client.send(&text("last words"))?;
            client.half_close();
            // The reply may still go out; a Close may not.
            match client.next(PROMPT) {
                Ok(Next::Event(Event::Text(echo))) if echo == b"last words" => {
                    client.expect_fin(PROMPT)
                }
                Ok(Next::Fin) => Ok(()),
                other => Err(client.report("the echo or nothing, then FIN", &format!("{other:?}"))),
            }
        },
    ));
    cases.push(Case::on(DEFAULT, "6455-7.1.5-03", "a bad frame and our FIN", |server| {
        let mut client = Client::open(server.address())?;
        client.send(&hex("83 80 00000000"))?;
        client.half_close();
        client.expect_failed(1002, "RFC 6455 5.2")
    }));
    cases.push(Case::on(
        DEFAULT,
        "6455-7.2.2-01",
        "our FIN before any byte of the head",
        |server| {
            let mut client = Client::connect(server.address())?;
            client.half_close();
            client.expect_silent_end(PROMPT)
        },
    ));
    cases.push(Case::on(DEFAULT, "6455-7.2.2-01", "our FIN behind a refused request", |server| {
        let mut client = Client::connect(server.address())?;
        client.send(&Head::new().without("Host").bytes())?;
        client.half_close();
        let response = client.response(PROMPT)?;
        response.refuses(&[400], true).map_err(|why| client.report("400", &why))
    }));
    for cut in [1_usize, 4, 10, 16, 60, 120] {
        cases.push(Case::on(
            DEFAULT,
            "6455-7.2.2-01",
            format!("our FIN after {cut} bytes of the head"),
            move |server| {
                let mut client = Client::connect(server.address())?;
                client.send(&Head::new().bytes()[..cut])?;
                client.half_close();
                match client.next(PROMPT) {
                    // Nothing is owed to half a request; a 400 is as good.
                    Ok(Next::Fin) => Ok(()),
                    _ => {
                        let response = client.response(PROMPT)?;
                        response
                            .refuses(&[400], true)
                            .map_err(|why| client.report("400 or nothing", &why))
                    }
                }
            },
        ));
    }
    cases.push(Case::on(DEFAULT, "6455-7.1.5-03", "our FIN behind a good head", |server| {
        let mut client = Client::connect(server.address())?;
        let head = Head::new();
        client.send(&head.bytes())?;
        client.half_close();
        // The 101 may still go out; a Close may not.
        let response = client.response(PROMPT)?;
        response.accepts(&head).map_err(|why| client.report("101, then FIN", &why))?;
        client.expect_fin(PROMPT)
    }));
    run("teardown_of_connections", cases);
}

/// Plays `end` on a fresh connection, then asks that the server lets the socket go in time, although
/// the client, which `end` gives back, still holds its own.
fn lets_go(
    flags: &'static [&'static str],
    id: &'static str,
    rule: &'static str,
    limit: Duration,
    end: fn(&Server) -> Result<Client, String>,
) -> Case {
    Case::new(id, rule, move |_| {
        let server = Server::start(flags)?;
        Client::open(server.address())?.close_normally()?;
        let before = settled(&server);
        let client = end(&server)?;
        let fallen = server
            .descriptors_fall_to(before, limit)
            .map_err(|why| client.report("the socket is let go", &why));
        drop(client);
        fallen?;
        server.retire()
    })
}

/// The number of descriptors once it has stopped falling.
fn settled(server: &Server) -> usize {
    let mut count = server.descriptors();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(20));
        let now = server.descriptors();
        if now == count {
            break;
        }
        count = now;
    }
    count
}

#[test]
fn teardown_lets_sockets_go() {
    let soon = Duration::from_millis(2500);
    let cases = vec![
        lets_go(
            DEFAULT,
            "6455-7.1.1-01",
            "after a clean close and our FIN, at once",
            soon,
            |server| {
                let mut client = Client::open(server.address())?;
                client.close_and_linger()?;
                client.half_close();
                Ok(client)
            },
        ),
        lets_go(DEFAULT, "6455-7.1.7-01", "after a failure and our FIN, at once", soon, |server| {
            let mut client = Client::open(server.address())?;
            client.send(&hex("83 80 00000000"))?;
            client.expect_failed(1002, "RFC 6455 5.2")?;
            client.half_close();
            Ok(client)
        }),
        lets_go(DEFAULT, "9112-9.6-02", "after a refusal and our FIN, at once", soon, |server| {
            let mut client = Client::connect(server.address())?;
            client.send(&Head::new().target("/nope").bytes())?;
            client.response(PROMPT)?;
            client.half_close();
            Ok(client)
        }),
        lets_go(DEFAULT, "6455-7.1.5-03", "after our FIN alone, at once", soon, |server| {
            let mut client = Client::open(server.address())?;
            client.half_close();
            client.expect_fin(PROMPT)?;
            Ok(client)
        }),
        lets_go(SHORT, "6455-7.1.1-01", "after a clean close we never finish", LONG, |server| {
            let mut client = Client::open(server.address())?;
            client.close_and_linger()?;
            Ok(client)
        }),
        lets_go(SHORT, "6455-7.1.7-01", "after a failure we never finish", LONG, |server| {
            let mut client = Client::open(server.address())?;
            client.send(&hex("83 80 00000000"))?;
            client.expect_failed(1002, "RFC 6455 5.2")?;
            Ok(client)
        }),
        lets_go(SHORT, "9112-9.6-02", "after a refusal we never finish", LONG, |server| {
            let mut client = Client::connect(server.address())?;
            client.send(&Head::new().target("/nope").bytes())?;
            client.response(PROMPT)?;
            Ok(client)
        }),
        lets_go(SHORT, "6455-7.1.1-03", "while we talk on after a failure", LONG, |server| {
            let mut client = Client::open(server.address())?;
            client.send(&hex("83 80 00000000"))?;
            client.expect_failed(1002, "RFC 6455 5.2")?;
            talk_on(&mut client)?;
            Ok(client)
        }),
        lets_go(SHORT, "6455-7.1.1-03", "while we talk on after a clean close", LONG, |server| {
            let mut client = Client::open(server.address())?;
            client.close_and_linger()?;
            talk_on(&mut client)?;
            Ok(client)
        }),
    ];
    run_at_once("teardown_lets_sockets_go", cases, 6);
}

/// Sends until the server has enough of it; a reset is then allowed.
fn talk_on(client: &mut Client) -> Outcome {
    use std::io::Write;
    let begun = std::time::Instant::now();
    let mut stream = client.stream();
    while begun.elapsed() < LONG {
        if stream.write_all(&[0x77; 4096]).is_err() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(client.report("the drain ends after the close timeout", "it goes on for ever"))
}
