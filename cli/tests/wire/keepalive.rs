//! Time on the wire: keepalive, handshake deadline (RFC 6455 §5.5.2, RFC 9110 §15.5.9).

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::case::{Case, DEFAULT, Profile, run_at_once};
use crate::client::{Client, Next, Outcome, PROMPT};
use crate::frame::{Event, close, pong, text};
use crate::http::Head;
use crate::server::Server;

const KEEPALIVE: Profile = &["--keepalive-interval", "400ms", "--keepalive-timeout", "400ms"];
const PATIENT: Profile = &["--keepalive-interval", "400ms", "--keepalive-timeout", "20s"];
const OFF: Profile = &["--keepalive-interval", "off"];
const HURRY: Profile = &["--handshake-timeout", "600ms"];

/// How late a timer may be: the keepalive clock is coarse, the machine busy.
const SLACK: Duration = Duration::from_millis(2500);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The next Ping's payload.
fn next_ping(client: &mut Client, within: Duration) -> Result<Vec<u8>, String> {
    match client.next(within) {
        Ok(Next::Event(Event::Ping(payload))) => Ok(payload),
        other => Err(client.report("a Ping from the server", &format!("{other:?}"))),
    }
}

/// The next Ping's payload, and that it took about so long.
fn await_ping(client: &mut Client, about: Duration) -> Result<Vec<u8>, String> {
    let begun = Instant::now();
    let payload = next_ping(client, about + SLACK)?;
    within(client, "the Ping", begun.elapsed(), about)?;
    Ok(payload)
}

fn within(client: &Client, what: &str, took: Duration, about: Duration) -> Outcome {
    if took + ms(150) < about || took > about + SLACK {
        let expected = format!("{what} after about {about:?}");
        return Err(client.report(&expected, &format!("after {took:?}")));
    }
    Ok(())
}

/// A Close 1011 with some reason, then FIN.
fn expect_given_up(client: &mut Client, about: Duration) -> Outcome {
    let begun = Instant::now();
    let expected = "Close 1011 with a reason, then FIN";
    match client.next(about + SLACK) {
        Ok(Next::Event(Event::Close(body)))
            if Event::close_code(&body) == Some(1011)
                && (3..=125).contains(&body.len())
                && std::str::from_utf8(&body[2..]).is_ok() => {}
        other => return Err(client.report(expected, &format!("{other:?}"))),
    }
    within(client, "the Close", begun.elapsed(), about)?;
    client.expect_fin(PROMPT)
}

#[test]
fn time_keepalive() {
    let cases = vec![
        Case::on(
            KEEPALIVE,
            "6455-5.5.2-05",
            "a Ping after silence, and on answers another",
            |server| {
                let mut client = Client::open(server.address())?;
                for _ in 0..3 {
                    let payload = await_ping(&mut client, ms(400))?;
                    client.send(&pong(payload))?;
                }
                client.expect_alive()
            },
        ),
        Case::on(KEEPALIVE, "6455-5.5.2-05", "no answer: 1011 and FIN", |server| {
            let mut client = Client::open(server.address())?;
            await_ping(&mut client, ms(400))?;
            expect_given_up(&mut client, ms(400))?;
            client.expect_no_reset()
        }),
        Case::on(KEEPALIVE, "6455-5.5.2-05", "answered once, then silent: 1011", |server| {
            let mut client = Client::open(server.address())?;
            let payload = await_ping(&mut client, ms(400))?;
            client.send(&pong(payload))?;
            await_ping(&mut client, ms(400))?;
            expect_given_up(&mut client, ms(400))
        }),
        Case::on(KEEPALIVE, "6455-5.5.3-04", "any Pong counts as life", |server| {
            let mut client = Client::open(server.address())?;
            await_ping(&mut client, ms(400))?;
            client.send(&pong("something else"))?;
            await_ping(&mut client, ms(400))?;
            client.send(&pong(""))?;
            client.expect_alive()
        }),
        Case::on(KEEPALIVE, "6455-5.5.2-05", "silence inside a message is silence too", |server| {
            let mut client = Client::open(server.address())?;
            client.send(&text("unfinished")[..8])?;
            await_ping(&mut client, ms(400))?;
            expect_given_up(&mut client, ms(400))
        }),
        Case::on(KEEPALIVE, "6455-5.5.2-05", "who talks is not pinged", |server| {
            let mut client = Client::open(server.address())?;
            for _ in 0..24 {
                client.send(&text("tick"))?;
                client.expect(&Event::Text(b"tick".to_vec()))?;
                thread::sleep(ms(50));
            }
            client.expect_alive()
        }),
        Case::on(KEEPALIVE, "6455-5.5.2-05", "a Close crosses the Ping", |server| {
            let mut client = Client::open(server.address())?;
            await_ping(&mut client, ms(400))?;
            client.send(&close(1000, ""))?;
            client.expect(&Event::Close(1000_u16.to_be_bytes().to_vec()))?;
            client.expect_fin(PROMPT)
        }),
        Case::on(PATIENT, "6455-5.5.2-05", "the timeout counts, not the interval", |server| {
            let mut client = Client::open(server.address())?;
            let payload = await_ping(&mut client, ms(400))?;
            client.expect_silence(ms(1200)).or_else(|why| {
                // Another Ping is no fault; giving up is.
                if why.contains("1011") { Err(why) } else { Ok(()) }
            })?;
            client.send(&pong(payload))?;
            await_ping(&mut client, ms(400))?;
            client.close_normally()
        }),
        Case::on(OFF, "6455-5.5.2-05", "off means no Ping", |server| {
            let mut client = Client::open(server.address())?;
            client.expect_silence(ms(1500))?;
            client.expect_alive()
        }),
        Case::on(DEFAULT, "6455-5.5.2-05", "by default no Ping comes soon", |server| {
            let mut client = Client::open(server.address())?;
            client.expect_silence(ms(1500))?;
            client.expect_alive()
        }),
    ];
    run_at_once("time_keepalive", cases, 10);
}

#[test]
fn time_handshake_deadline() {
    let head = || Head::new().bytes();
    let mut cases = vec![
        Case::on(HURRY, "9112-9.5-01", "not one byte: a silent end at the deadline", |server| {
            let begun = Instant::now();
            let mut client = Client::connect(server.address())?;
            client.expect_silent_end(ms(600) + SLACK)?;
            within(&client, "the end", begun.elapsed(), ms(600))
        }),
        Case::on(
            HURRY,
            "9110-15.5.9-01",
            "one byte every 50 ms does not move the deadline",
            move |server| {
                let begun = Instant::now();
                let mut client = Client::connect(server.address())?;
                let mut reader = client.stream().try_clone().map_err(|error| error.to_string())?;
                thread::scope(|scope| {
                    scope.spawn(|| {
                        for byte in head() {
                            if std::io::Write::write_all(&mut reader, &[byte]).is_err()
                                || begun.elapsed() > ms(1200)
                            {
                                break;
                            }
                            thread::sleep(ms(50));
                        }
                    });
                    let response = client.response(ms(600) + SLACK)?;
                    response.refuses(&[408], true).map_err(|why| client.report("408", &why))?;
                    within(&client, "the 408", begun.elapsed(), ms(600))
                })
            },
        ),
        Case::on(
            HURRY,
            "9110-15.5.9-01",
            "a head just in time, and the deadline is forgotten",
            move |server| {
                let mut client = Client::connect(server.address())?;
                let bytes = head();
                client.send(&bytes[..40])?;
                thread::sleep(ms(200));
                client.send(&bytes[40..])?;
                let response = client.response(PROMPT)?;
                response.accepts(&Head::new()).map_err(|why| client.report("101", &why))?;
                client.expect_silence(ms(1200))?;
                client.expect_alive()
            },
        ),
        Case::on(
            HURRY,
            "6455-7.2.2-01",
            "a head after the deadline finds the connection gone",
            move |server| {
                let mut client = Client::connect(server.address())?;
                client.expect_silent_end(ms(600) + SLACK)?;
                client.offer(&head());
                client
                    .expect_fin(PROMPT)
                    .or_else(|why| if why.contains("reset") { Ok(()) } else { Err(why) })
            },
        ),
    ];
    for cut in [1_usize, 3, 14, 16, 30, 100, Head::new().bytes().len() - 1] {
        let rule = format!("{cut} bytes of a head, then silence: 408");
        cases.push(Case::on(HURRY, "9110-15.5.9-01", rule, move |server| {
            let begun = Instant::now();
            let mut client = Client::connect(server.address())?;
            client.send(&head()[..cut])?;
            let response = client.response(ms(600) + SLACK)?;
            response.refuses(&[408], true).map_err(|why| client.report("408", &why))?;
            within(&client, "the 408", begun.elapsed(), ms(600))?;
            client.expect_no_reset()
        }));
    }
    cases.push(Case::on(
        HURRY,
        "9110-9.3.2-01",
        "half a HEAD request: 408 without content",
        |server| {
            let mut client = Client::connect(server.address())?;
            client.send(b"HEAD / HTTP/1.1\r\nHost: ")?;
            let response = client.response(ms(600) + SLACK)?;
            response
                .refuses(&[408], false)
                .map_err(|why| client.report("408 without content", &why))
        },
    ));
    cases.push(Case::on(
        HURRY,
        "H10",
        "60 stalled heads at once, and a good one is served",
        |server| {
            let mut stalled = Vec::new();
            for _ in 0..60 {
                let mut client = Client::connect(server.address())?;
                client.send(b"GET / HTTP/1.1\r\nHost: ")?;
                stalled.push(client);
            }
            Client::open(server.address())?.close_normally()?;
            for client in &mut stalled {
                let response = client.response(ms(600) + SLACK)?;
                response.refuses(&[408], true).map_err(|why| client.report("408", &why))?;
            }
            Ok(())
        },
    ));
    run_at_once("time_handshake_deadline", cases, 12);
}

/// The process is stopped, as a frozen machine is. What comes meanwhile is in time.
#[test]
fn time_stopped_does_not_count() {
    const SHORT: &[&str] = &[
        "--keepalive-interval",
        "1s",
        "--keepalive-timeout",
        "1500ms",
        "--handshake-timeout",
        "1500ms",
    ];
    let case = Case::new("6455-5.5.2-05", "a stop longer than all deadlines", |_| {
        let server = Server::start(SHORT)?;
        let mut opened = Vec::new();
        for _ in 0..40 {
            opened.push(Client::open(server.address())?);
        }
        let mut pings = Vec::new();
        for client in &mut opened {
            pings.push(next_ping(client, PROMPT)?);
        }
        let mut opening = Vec::new();
        for _ in 0..40 {
            opening.push(Client::connect(server.address())?);
        }
        // The server has accepted them: their time runs.
        thread::sleep(ms(200));
        server.signal(Signal::STOP);
        for (client, payload) in opened.iter_mut().zip(pings) {
            client.send(&pong(payload))?;
        }
        for client in &mut opening {
            client.send(&Head::new().bytes())?;
        }
        thread::sleep(ms(3000));
        server.signal(Signal::CONT);
        for client in &mut opening {
            let response = client.response(PROMPT)?;
            response.accepts(&Head::new()).map_err(|why| client.report("101", &why))?;
        }
        for client in &mut opened {
            let payload = next_ping(client, PROMPT)?;
            client.send(&pong(payload))?;
        }
        drop((opened, opening));
        server.retire()
    });
    run_at_once("time_stopped_does_not_count", vec![case], 1);
}
