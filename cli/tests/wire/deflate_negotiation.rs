//! Offers of permessage-deflate: accepted, declined or refused, and what the answer says
//! (RFC 7692 §5, §7, §7.1; RFC 6455 §9.1).

use std::thread;

use stickler::proto::deflate::{Policy, WindowBits};
use stickler_testing::negotiation::{self, Answer};

use crate::case::{Case, DEFAULT, Profile, run};
use crate::client::{Client, Outcome, PROMPT};
use crate::deflate::{deflate, words};
use crate::frame::{Event, masked, text};
use crate::http::Head;
use crate::inflating::Inflating;
use crate::opening::refused;
use crate::server::Server;
use stickler_testing::random::Random;

const TAKEOVER: Profile = &["--deflate", "takeover"];
const LEAN: Profile = &["--deflate", "lean"];
const OFF: Profile = &["--deflate", "off"];
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

/// A head with one line of offers.
fn offer(value: &str) -> Head {
    Head::new().set(EXTENSIONS, value)
}

/// The answer that the slow rules give to a list of offers.
fn expected(list: &str, takeover: bool, window_bits: u8) -> Option<Answer> {
    let client_bits = WindowBits::new(if takeover { 15 } else { 12 }).unwrap();
    let policy = Policy::default()
        .server_context_takeover(takeover)
        .client_context_takeover(true)
        .server_max_window_bits(WindowBits::new(window_bits).unwrap())
        .client_max_window_bits(client_bits);
    negotiation::answer(&negotiation::offers(list), &policy)
}

/// A parameter and its value, if it has one.
type Parameter = (String, Option<String>);

/// A row on a server with default flags whose offers get the answer that the slow rules give.
fn offered(id: &'static str, rule: impl Into<String>, value: &'static str, accepts: bool) -> Case {
    let expected = expected(value, false, 15);
    assert_eq!(expected.is_some(), accepts, "{value}");
    answered(DEFAULT, id, rule, offer(value), value, expected)
}

/// A row whose offers are declined: no extension is answered, and RSV1 is as reserved as ever.
pub(crate) fn declines(id: &'static str, rule: impl Into<String>, head: Head) -> Case {
    let value = "no extension";
    answered(DEFAULT, id, rule, head, value, None)
}

/// A row whose head must be answered with exactly this.
fn answered(
    profile: Profile,
    id: &'static str,
    rule: impl Into<String>,
    head: Head,
    value: &'static str,
    expected: Option<Answer>,
) -> Case {
    let rule = format!("{}: {value:?}", rule.into());
    // The answer is one line, and what is compressed says so on its first frame.
    let held: &[&str] = match expected {
        Some(_) => &["6455-11.3.2-02", "6455-6.2-05", "7692-6.1-01"],
        None => &["6455-11.3.2-02"],
    };
    let case = Case::on(profile, id, rule, move |server| {
        let bytes = head.bytes();
        let mut client = Client::connect(server.address())?;
        client.send(&bytes)?;
        judge(&mut client, &head, value, expected)?;

        let mut client = Client::connect(server.address())?;
        for piece in bytes.chunks(bytes.len().div_ceil(700)) {
            client.send(piece)?;
            thread::yield_now();
        }
        judge(&mut client, &head, value, expected)
            .map_err(|why| format!("    delivery  byte by byte\n{why}"))
    });
    case.holding(held)
}

/// Reads the 101, compares its answer and uses the connection accordingly.
fn judge(client: &mut Client, head: &Head, value: &str, expected: Option<Answer>) -> Outcome {
    let Some(expected) = expected else {
        declined(client, head)?;
        return works_plainly(client);
    };
    client.accepted(head, value)?;
    let agreed = *client.inflating().agreed();
    if agreed != expected {
        return Err(client.report(&format!("{expected:?}"), &format!("{agreed:?}")));
    }
    works_compressed(client)
}

fn declined(client: &mut Client, head: &Head) -> Outcome {
    let response = client.response(PROMPT)?;
    response.accepts(head).map_err(|why| client.report("101 without an extension", &why))
}

/// A session without compression, in which RSV1 is as reserved as ever.
fn works_plainly(client: &mut Client) -> Outcome {
    let long = words();
    client.send(&text(&long))?;
    client.expect(&Event::Text(long))?;
    client.send(&masked(0xc1, &deflate(b"", b"Hello")))?;
    client.expect_failed(1002, "RFC 6455 5.2")
}

/// A session with compression, in which messages of both kinds pass.
fn works_compressed(client: &mut Client) -> Outcome {
    let long = words();
    client.send(&masked(0xc1, &deflate(b"", b"Hello")))?;
    client.expect(&Event::Text(b"Hello".to_vec()))?;
    client.send(&text(&long))?;
    client.expect(&Event::Text(long.clone()))?;
    client.send(&masked(0xc1, &deflate(b"", &long)))?;
    client.expect(&Event::Text(long))?;
    if client.inflating().last().is_none() {
        return Err(client.report("a compressed reply", "RSV1 is clear"));
    }
    client.close_normally()
}

#[test]
fn deflate_offers() {
    let mut cases = Vec::new();
    for (id, value) in [
        ("7692-5-01", "permessage-deflate"),
        // It was not asked for; it is said, to save memory at both ends.
        ("7692-7.1.1.1-04", "permessage-deflate"),
        ("7692-7.1.1.1-03", "permessage-deflate; server_no_context_takeover"),
        ("7692-7.1.1.2-03", "permessage-deflate; client_no_context_takeover"),
        ("7692-7.1.2.2-02", "permessage-deflate; client_max_window_bits"),
        ("7692-7.1.2.2-02", "permessage-deflate; client_max_window_bits=8"),
        ("7692-7.1.2.2-02", "permessage-deflate; client_max_window_bits=12"),
        ("7692-7.1.2.2-04", "permessage-deflate; client_max_window_bits=15"),
        ("7692-7.1.2.1-05", "permessage-deflate; server_max_window_bits=8"),
        ("7692-7.1.2.1-02", "permessage-deflate; server_max_window_bits=9"),
        ("7692-7.1.2.1-03", "permessage-deflate; server_max_window_bits=10"),
        ("7692-7.1.2.1-02", "permessage-deflate; server_max_window_bits=15"),
        ("7692-7-05", "permessage-deflate; server_max_window_bits=\"10\""),
        ("7692-7-05", "permessage-deflate; server_max_window_bits=\"1\\0\""),
        ("7692-7-05", "permessage-deflate; client_max_window_bits=\"9\""),
        (
            "6455-4.3-04",
            "permessage-deflate ;\tserver_max_window_bits = 10 ; client_max_window_bits",
        ),
        ("6455-4.3-04", "permessage-deflate;server_max_window_bits=12"),
        ("6455-4.3-05", ",permessage-deflate,"),
        ("6455-4.3-05", ", ,permessage-deflate; client_no_context_takeover , ,"),
        (
            "7692-5-01",
            "permessage-deflate; client_max_window_bits=14; client_no_context_takeover; \
             server_max_window_bits=13; server_no_context_takeover",
        ),
        // What browsers and the common clients say.
        ("7692-5-01", "permessage-deflate; client_max_window_bits"),
        ("7692-5-01", "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"),
        ("7692-5-01", "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"),
        // In order, with fallback.
        ("7692-5-03", "permessage-deflate; server_max_window_bits=9; x=1, permessage-deflate"),
        ("7692-7-06", "permessage-deflate; foo, permessage-deflate"),
        ("9110-5.6.4-01", "permessage-deflate; server_max_window_bits=\"1\\0\""),
        ("7692-7-06", "foo, bar; baz=\"1\", permessage-deflate; server_max_window_bits=11"),
        ("7692-5-04", "permessage-deflate, permessage-deflate; client_max_window_bits"),
        (
            "7692-5-03",
            "permessage-deflate; server_max_window_bits=11, permessage-deflate; \
             server_max_window_bits=9",
        ),
        (
            "7692-5-03",
            "permessage-deflate; server_max_window_bits=7, permessage-deflate; \
             server_max_window_bits=16, permessage-deflate; server_max_window_bits=12, \
             permessage-deflate",
        ),
        ("7692-7-07", "x-webkit-deflate-frame, permessage-bzip2; x, permessage-deflate"),
    ] {
        cases.push(offered(id, "accepted", value, true));
    }
    cases.push(offered("6455-9-03", "unknown parameters", "permessage-deflate; foo", false));
    run("deflate_offers", cases);
}

#[test]
fn deflate_offers_in_several_lines_and_for_several_servers() {
    let mut cases = vec![
        answered(
            DEFAULT,
            "6455-11.3.2-01",
            "two lines are one list in order",
            offer("permessage-deflate; foo")
                .add(EXTENSIONS, "permessage-deflate; server_max_window_bits=9"),
            "permessage-deflate; server_max_window_bits=9",
            expected("permessage-deflate; server_max_window_bits=9", false, 15),
        ),
        answered(
            DEFAULT,
            "6455-11.3.2-01",
            "the first line goes first",
            offer("permessage-deflate; server_max_window_bits=9")
                .add(EXTENSIONS, "permessage-deflate"),
            "permessage-deflate; server_max_window_bits=9",
            expected("permessage-deflate; server_max_window_bits=9", false, 15),
        ),
        refused(
            "6455-4.3-06",
            "a good line does not heal a broken one",
            &[400],
            offer("permessage-deflate").add(EXTENSIONS, "permessage-deflate; ="),
        ),
        Case::on(DEFAULT, "7692-5-06", "no offer, no answer, no compression", |server| {
            let mut client = Client::open(server.address())?;
            works_plainly(&mut client)
        }),
        Case::on(DEFAULT, "6455-4.1-02", "a compressed message behind the head", |server| {
            let head = offer("permessage-deflate");
            let mut client = Client::connect(server.address())?;
            let early = masked(0xc1, &deflate(b"", b"early"));
            client.send(&[head.bytes(), early].concat())?;
            client.accepted(&head, "permessage-deflate")?;
            client.expect(&Event::Text(b"early".to_vec()))?;
            works_compressed(&mut client)
        }),
        Case::on(DEFAULT, "7692-5-06", "the same where the offer is declined", |server| {
            let head = offer("permessage-deflate; foo");
            let mut client = Client::connect(server.address())?;
            let early = masked(0xc1, &deflate(b"", b"early"));
            client.send(&[head.bytes(), early].concat())?;
            declined(&mut client, &head)?;
            client.expect_failed(1002, "RFC 6455 5.2")
        }),
        Case::on(DEFAULT, "7692-5-08", "an answer that the client does not want", |server| {
            let mut client = Client::offering(server.address(), "permessage-deflate")?;
            client.send(&crate::frame::close(1010, "permessage-deflate; foo"))?;
            client.expect(&Event::Close(1010_u16.to_be_bytes().to_vec()))?;
            client.expect_fin(PROMPT)
        }),
    ];
    let neither = Answer {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        ..Answer::default()
    };
    for value in ["permessage-deflate", "permessage-deflate; client_max_window_bits"] {
        let rule = "--deflate lean forbids it unasked";
        cases.push(answered(LEAN, "7692-7.1.1.2-02", rule, offer(value), value, Some(neither)));
    }
    for value in ["permessage-deflate", "permessage-deflate; server_max_window_bits=8, x"] {
        let rule = "nothing is accepted with --deflate off";
        cases.push(answered(OFF, "7692-5-06", rule, offer(value), value, None));
    }
    cases.push(Case::on(OFF, "6455-9.1-01", "broken grammar is refused all the same", |server| {
        let mut client = Client::connect(server.address())?;
        client.send(&offer("permessage-deflate; =").bytes())?;
        let response = client.response(PROMPT)?;
        response.refuses(&[400], true).map_err(|why| client.report("400", &why))
    }));
    for value in [
        "permessage-deflate",
        "permessage-deflate; client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=9; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=8",
    ] {
        // Without --deflate-window-bits, 12 bits bound what is kept between messages.
        let expected = expected(value, true, 12);
        let rule = "contexts are taken over where the offer allows";
        cases.push(answered(TAKEOVER, "7692-5-01", rule, offer(value), value, expected));
    }
    for (bits, profile) in WINDOWS {
        for value in [
            "permessage-deflate",
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits=12",
            "permessage-deflate; server_max_window_bits=15; client_max_window_bits=9",
        ] {
            let expected = expected(value, false, bits);
            let rule = "the smaller window is stated, if that does something";
            let is_asked = value.contains("server_max_window_bits");
            let id = if is_asked { "7692-7.1.2.1-02" } else { "7692-7.1.2.1-04" };
            cases.push(answered(profile, id, rule, offer(value), value, expected));
        }
    }
    run("deflate_offers_in_several_lines_and_for_several_servers", cases);
}

const WINDOWS: [(u8, Profile); 3] = [
    (9, &["--deflate-window-bits", "9"]),
    (10, &["--deflate-window-bits", "10"]),
    (15, &["--deflate-window-bits", "15"]),
];

/// Every way one parameter may stand in an offer, good and bad.
fn ways(name: &str, values: &[&str]) -> Vec<Vec<Parameter>> {
    let bare = (name.to_owned(), None);
    let mut ways = vec![vec![], vec![bare.clone()], vec![bare.clone(), bare]];
    ways.extend(values.iter().map(|value| vec![(name.to_owned(), Some((*value).to_owned()))]));
    ways
}

/// Opens with these parameters; the answer must be the slow rules' one.
fn agrees(server: &Server, parameters: &[Parameter], bits: u8, takeover: bool) -> Outcome {
    let value: String = parameters.iter().fold("permessage-deflate".to_owned(), |text, one| {
        let value = one.1.as_ref().map_or(String::new(), |value| format!("={value}"));
        format!("{text}; {}{value}", one.0)
    });
    let expected = expected(&value, takeover, bits);
    let mut client = Client::connect(server.address())?;
    let head = offer(&value);
    client.send(&head.bytes())?;
    let response = client.response(PROMPT)?;
    let answer = response.values("sec-websocket-extensions");
    let agreed = response
        .accepts_and_extends(&head, None)
        .and_then(|()| Inflating::agree(&value, &answer))
        .map_err(|why| client.report(&format!("{expected:?}"), &why))?;
    let agreed = agreed.map(|inflating| *inflating.agreed());
    if agreed != expected {
        return Err(client.report(&format!("{expected:?}"), &format!("{agreed:?}")));
    }
    client.reset();
    Ok(())
}

#[test]
fn deflate_every_combination_of_parameters() {
    const CHUNK: usize = 400;
    let values = ["7", "8", "9", "10", "15", "16", "08", "\"12\""];
    let mut all = Vec::new();
    let mut random = Random::new(7692);
    for a in ways("server_no_context_takeover", &["1"]) {
        for b in ways("client_no_context_takeover", &["\"\\1\""]) {
            for c in ways("server_max_window_bits", &values) {
                for d in ways("client_max_window_bits", &values) {
                    let mut parameters = [a.clone(), b.clone(), c.clone(), d].concat();
                    for at in 1..parameters.len() {
                        parameters.swap(at, random.below(at + 1));
                    }
                    all.push(parameters);
                }
            }
        }
    }
    let mut cases = Vec::new();
    for (profile, bits, takeover) in [(DEFAULT, 15, false), (NARROW, 10, true)] {
        for (at, chunk) in all.chunks(CHUNK).enumerate() {
            let chunk = chunk.to_vec();
            let rule = format!("combinations {} and on", at * CHUNK);
            let case = Case::on(profile, "7692-7-02", rule, move |server| {
                chunk.iter().try_for_each(|one| agrees(server, one, bits, takeover))
            });
            cases.push(case.claiming(&[
                "7692-7-02",
                "7692-7-03",
                "7692-7.1.1.1-01",
                "7692-7.1.1.1-02",
                "7692-7.1.1.1-03",
                "7692-7.1.1.2-01",
                "7692-7.1.2.1-01",
                "7692-7.1.2.1-02",
                "7692-7.1.2.1-03",
                "7692-7.1.2.2-01",
            ]));
        }
    }
    run("deflate_every_combination_of_parameters", cases);
}

const NARROW: Profile = &["--deflate", "takeover", "--deflate-window-bits", "10"];
