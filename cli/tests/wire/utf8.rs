//! UTF-8 in text messages, judged as the bytes arrive (RFC 6455 §5.6, §8.1; RFC 3629). What is valid
//! and where a fault is proved comes from the standard library.

use crate::case::{Case, DEFAULT, run};
use crate::client::{Client, LONG};
use crate::frame::{Event, dump, join, masked, ping, text};
use crate::server::Server;

/// How many bytes it takes to know that the text is invalid; `None` when it may yet become valid.
fn proved_at(bytes: &[u8]) -> Option<usize> {
    (1..=bytes.len()).find(|end| {
        std::str::from_utf8(&bytes[..*end]).is_err_and(|error| error.error_len().is_some())
    })
}

#[test]
fn utf8_valid_text() {
    let cases = vec![Case::on(
        DEFAULT,
        "3629-4-03",
        "every scalar value in one message, read in odd pieces",
        |server| {
            let all: String = ('\0'..=char::MAX).collect();
            let mut client = Client::open(server.address())?;
            for piece in text(&all).chunks(65_521) {
                client.send(piece)?;
            }
            client.expect_within(&Event::Text(all.into_bytes()), LONG)?;
            client.expect_alive()
        },
    )];
    run("utf8_valid_text", cases);
}

/// Every invalid sequence that its last byte proves, of leads, second, third and fourth bytes that tell.
fn invalid() -> Vec<Vec<u8>> {
    const TELLING: [u8; 10] = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
    let mut all = Vec::new();
    let mut begun: Vec<Vec<u8>> = vec![Vec::new()];
    for length in 1..=4 {
        let last: Vec<u8> = if length == 1 { (0x80..=0xff).collect() } else { TELLING.into() };
        let mut next = Vec::new();
        for bytes in &begun {
            for byte in &last {
                let bytes = [&bytes[..], &[*byte]].concat();
                match (std::str::from_utf8(&bytes), proved_at(&bytes)) {
                    (Ok(_), _) => {}
                    (Err(_), Some(_)) => all.push(bytes),
                    (Err(_), None) => next.push(bytes),
                }
            }
        }
        // Behind a valid second byte one character of each lead is enough.
        if length == 2 {
            next.dedup_by_key(|bytes| bytes[0]);
        }
        begun = next;
    }
    // Behind characters that are whole.
    for (before, bad) in [
        ("a", &[0x80][..]),
        ("é", &[0x80]),
        ("€", &[0xac]),
        ("abc", &[0xff]),
        ("κόσμε", &[0xed, 0xa0]),
        ("κόσμε", &[0xf4, 0x90]),
    ] {
        all.push([before.as_bytes(), bad].concat());
    }
    all
}

/// One sequence three ways; in each, not one byte follows the one that proves the fault.
fn fails_early(server: &Server, bytes: &[u8]) -> Result<(), String> {
    let end = proved_at(bytes).ok_or("    not invalid after all")?;
    let (before, proof) = (&bytes[..end - 1], &bytes[end - 1..end]);

    // Inside one frame that promises ten bytes more.
    let mut client = Client::open(server.address())?;
    let mut frame = masked(0x81, &[&bytes[..end], &[0; 10]].concat());
    frame.truncate(frame.len() - 10);
    client.send(&frame)?;
    client
        .expect_failed(1007, "RFC 6455 8.1")
        .map_err(|why| format!("    delivery  in an unfinished frame\n{why}"))?;

    // In two fragments: the prefix is no fault yet, the next byte is.
    let mut client = Client::open(server.address())?;
    client.send(&join(&[masked(0x01, before), ping("so far")]))?;
    client
        .expect(&Event::Pong(b"so far".to_vec()))
        .map_err(|why| format!("    delivery  the prefix alone\n{why}"))?;
    client.send(&masked(0x00, proof))?;
    client
        .expect_failed(1007, "RFC 6455 8.1")
        .map_err(|why| format!("    delivery  in a second fragment\n{why}"))?;

    // The whole sequence as one message; nothing is repaired, nothing echoed.
    let mut client = Client::open(server.address())?;
    client.send(&join(&[text(bytes), text("after")]))?;
    client.expect_failed(1007, "RFC 6455 8.1")?;
    client.expect_no_reset()
}

#[test]
fn utf8_invalid_text() {
    let cases: Vec<Case> = invalid()
        .into_iter()
        .map(|bytes| {
            let rule = format!("text {} fails at its last byte", dump(&bytes));
            Case::on(DEFAULT, "3629-4-01", rule, move |server| fails_early(server, &bytes))
        })
        .collect();
    run("utf8_invalid_text", cases);
}
