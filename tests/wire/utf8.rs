//! UTF-8 in text messages, judged as the bytes arrive (RFC 6455 §5.6, §8.1; RFC 3629). What is valid
//! and where a fault is proved comes from the standard library.

use crate::case::{Case, DEFAULT, run};
use crate::client::{Client, LONG};
use crate::exchange::{End, row};
use crate::frame::{Event, KEY, dump, header, hex, join, masked, ping, text};
use crate::server::Server;

const FAIL: End = End::Fail(1007, "RFC 6455 8.1");

/// How many bytes it takes to know that the text is invalid; `None` when it may yet become valid.
fn proved_at(bytes: &[u8]) -> Option<usize> {
    (1..=bytes.len()).find(|end| {
        std::str::from_utf8(&bytes[..*end]).is_err_and(|error| error.error_len().is_some())
    })
}

#[test]
fn utf8_valid_text() {
    let mut cases = Vec::new();
    for (id, rule, bytes) in [
        ("3629-4-03", "U+0000", "00"),
        ("3629-4-03", "NUL in the middle", "61 00 62"),
        ("3629-4-03", "U+007F", "7f"),
        ("3629-4-03", "U+0080", "c2 80"),
        ("3629-4-03", "U+07FF", "df bf"),
        ("3629-4-03", "U+0800", "e0 a0 80"),
        ("3629-4-03", "U+D7FF", "ed 9f bf"),
        ("3629-4-03", "U+E000", "ee 80 80"),
        ("3629-4-02", "U+FFFE", "ef bf be"),
        ("3629-4-02", "U+FFFF", "ef bf bf"),
        ("3629-4-02", "U+FDD0", "ef b7 90"),
        ("3629-4-03", "U+FFFD", "ef bf bd"),
        ("3629-4-03", "U+10000", "f0 90 80 80"),
        ("3629-4-02", "U+1FFFE", "f0 9f bf be"),
        ("3629-4-02", "U+10FFFF", "f4 8f bf bf"),
        ("3629-6-01", "a leading U+FEFF stays", "ef bb bf 41"),
        ("3629-6-01", "U+FEFF alone", "ef bb bf"),
        ("6455-5.6-02", "Greek", "ce ba e1 bd b9 cf 83 ce bc ce b5"),
        ("6455-5.6-02", "combining marks", "61 cc 81 cc 81 cc 81"),
        ("6455-5.6-02", "four lengths together", "41 c3 a9 e2 82 ac f0 9f a6 80"),
    ] {
        let bytes = hex(bytes);
        let echo = vec![Event::Text(bytes.clone())];
        cases.push(row(id, format!("{rule} in one frame"), text(&bytes), echo.clone(), End::Open));
        let mut fragments = masked(0x01, b"");
        for byte in &bytes {
            fragments.extend(masked(0x00, std::slice::from_ref(byte)));
            fragments.extend(ping("between"));
        }
        fragments.extend(masked(0x80, b""));
        let pongs = bytes.iter().map(|_| Event::Pong(b"between".to_vec()));
        let replies = pongs.chain(echo).collect();
        cases.push(row(
            "6455-8.1-04",
            format!("{rule} in fragments with pings between"),
            fragments,
            replies,
            End::Open,
        ));
    }
    cases.push(row(
        "6455-8.1-04",
        "a ping inside a character",
        join(&[masked(0x01, &[0xe2, 0x82]), ping("p"), masked(0x80, &[0xac])]),
        vec![Event::Pong(b"p".to_vec()), Event::Text("€".as_bytes().to_vec())],
        End::Open,
    ));
    for pad in [
        0_usize, 1, 2, 3, 13, 14, 15, 16, 29, 30, 31, 32, 60, 61, 62, 63, 64, 120, 121, 122, 123,
        124, 125, 126,
    ] {
        let bytes = [&vec![b'a'; pad][..], "🦀é".as_bytes()].concat();
        let rule = format!("characters at offset {pad}");
        cases.push(row(
            "3629-4-03",
            rule,
            text(&bytes),
            vec![Event::Text(bytes.clone())],
            End::Open,
        ));
    }
    cases.push(Case::on(
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
    ));
    run("utf8_valid_text", cases);
}

/// Invalid sequences: named ones, then every lead byte with every telling second byte.
fn invalid() -> Vec<(&'static str, Vec<u8>)> {
    let mut all: Vec<(&str, Vec<u8>)> = [
        ("3629-3-01", "c0 80"),
        ("3629-3-01", "e0 80 80"),
        ("3629-3-01", "f0 80 80 80"),
        ("3629-3-01", "c0 af"),
        ("3629-3-01", "e0 80 af"),
        ("3629-3-01", "f0 80 80 af"),
        ("3629-3-02", "c1 bf"),
        ("3629-3-02", "e0 9f bf"),
        ("3629-3-02", "f0 8f bf bf"),
        ("3629-3-03", "ed a0 80"),
        ("3629-3-03", "ed ad bf"),
        ("3629-3-03", "ed ae 80"),
        ("3629-3-03", "ed af bf"),
        ("3629-3-03", "ed b0 80"),
        ("3629-3-03", "ed be 80"),
        ("3629-3-03", "ed bf bf"),
        ("3629-3-03", "ed a0 80 ed b0 80"),
        ("3629-3-03", "ed ad bf ed bf bf"),
        ("3629-3-04", "f4 90 80 80"),
        ("3629-3-04", "f5 80 80 80"),
        ("3629-3-04", "f7 bf bf bf"),
        ("3629-3-05", "f8 88 80 80 80"),
        ("3629-3-05", "fb bf bf bf bf"),
        ("3629-3-05", "fc 84 80 80 80 80"),
        ("3629-3-05", "fd bf bf bf bf bf"),
        ("3629-3-06", "80"),
        ("3629-3-06", "bf"),
        ("3629-3-06", "80 bf"),
        ("3629-3-06", "80 bf 80 bf 80"),
        ("3629-3-06", "61 80"),
        ("3629-3-06", "c3 a9 80"),
        ("3629-3-06", "e2 82 ac ac"),
        ("3629-3-07", "c3 20"),
        ("3629-3-07", "e2 82 20"),
        ("3629-3-07", "e2 28 a1"),
        ("3629-3-07", "f0 28 8c bc"),
        ("3629-3-07", "f0 90 28 bc"),
        ("3629-3-07", "f0 90 8c 28"),
        ("3629-3-07", "c3 c3 a9"),
        ("3629-3-07", "e2 e2 82 ac"),
        ("3629-3-08", "fe"),
        ("3629-3-08", "ff"),
        ("3629-3-08", "fe fe ff ff"),
        ("3629-3-08", "61 62 63 ff"),
        ("3629-10-01", "61 ff 62"),
        ("6455-5.6-01", "ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64"),
        ("6455-5.6-01", "ce ba e1 bd b9 cf 83 ce bc ce b5 f4 90 80 80 65 64 69 74 65 64"),
    ]
    .into_iter()
    .map(|(id, bytes)| (id, hex(bytes)))
    .collect();
    for lead in 0x80..=0xff_u8 {
        for second in [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff] {
            let bytes = vec![lead, second];
            // Leads that are wrong by themselves need only one row.
            if proved_at(&bytes) == Some(2) || (proved_at(&bytes) == Some(1) && second == 0x80) {
                all.push(("3629-4-01", bytes));
            }
        }
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
    let mut cases: Vec<Case> = invalid()
        .into_iter()
        .map(|(id, bytes)| {
            let rule =
                format!("text {} fails at byte {}", dump(&bytes), proved_at(&bytes).unwrap_or(0));
            Case::on(DEFAULT, id, rule, move |server| fails_early(server, &bytes))
        })
        .collect();
    for (id, rule, bytes) in [
        ("6455-5.6-03", "one byte of two", "c3"),
        ("6455-5.6-03", "two bytes of three", "e2 82"),
        ("6455-5.6-03", "one byte of three", "e2"),
        ("6455-5.6-03", "three bytes of four", "f0 9f a6"),
        ("6455-5.6-03", "two bytes of four", "f0 9f"),
        ("6455-5.6-03", "one byte of four", "f4"),
        ("6455-5.6-03", "a whole character, then half of one", "e2 82 ac e2 82"),
    ] {
        let bytes = hex(bytes);
        cases.push(row(id, format!("a text that ends after {rule}"), text(&bytes), vec![], FAIL));
        let fragments = join(&[masked(0x01, &bytes), masked(0x80, b"")]);
        cases.push(row(
            id,
            format!("a fragmented text that ends after {rule}"),
            fragments,
            vec![],
            FAIL,
        ));
    }
    cases.push(row(
        "6455-8.1-02",
        "the bad byte in fragment 2 of 3",
        join(&[masked(0x01, b"good"), masked(0x00, &[b'b', 0xff])]),
        vec![],
        FAIL,
    ));
    cases.push(row(
        "6455-8.1-02",
        "a character begun in one fragment, broken in the next",
        join(&[masked(0x01, &[0xe2, 0x82]), masked(0x00, b"x")]),
        vec![],
        FAIL,
    ));
    cases.push(row(
        "6455-8.1-04",
        "a ping does not reset the decoder",
        join(&[masked(0x01, &[0xe2]), ping("p"), masked(0x80, b"x")]),
        vec![Event::Pong(b"p".to_vec())],
        FAIL,
    ));
    cases.push(row(
        "6455-8.1-04",
        "each message begins afresh",
        join(&[text("é"), text([0xa9])]),
        vec![Event::Text("é".as_bytes().to_vec())],
        FAIL,
    ));
    for at in [0_usize, 1, 7, 8, 15, 16, 31, 32, 33, 63, 64, 100, 125, 126, 255, 4096, 65_535] {
        cases.push(Case::on(
            DEFAULT,
            "6455-8.1-03",
            format!("a bad byte at {at} of a frame of 1 MiB"),
            move |server| {
                let mut client = Client::open(server.address())?;
                let mut start = header(0x81, 1 << 20);
                start.extend_from_slice(&KEY);
                let payload = [&vec![b'a'; at][..], &[0xff]].concat();
                start
                    .extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, mask)| byte ^ mask));
                client.send(&start)?;
                client.expect_failed(1007, "RFC 6455 8.1")
            },
        ));
    }
    run("utf8_invalid_text", cases);
}
