//! Frames: lengths over this server's limit, masking over many reads, a frame half sent
//! (RFC 6455 §5.1, §5.2, §5.3).

use crate::case::{Case, DEFAULT, run};
use crate::client::{Client, LONG};
use crate::exchange::{End, row};
use crate::frame::{Event, KEY, masked_with, text};

#[test]
fn framing_lengths() {
    let mut cases = Vec::new();
    // Over the limit of 16 MiB, which is this server's own.
    for length in [(1_u64 << 24) + 1, (1 << 24) + 65_536] {
        for first in [0x81_u8, 0x82, 0x01, 0x02] {
            let header = [&[first, 0xff][..], &length.to_be_bytes()].concat();
            let end = End::Fail(1009, "RFC 6455 10.4");
            let rule =
                format!("length {length} on {first:02x}: over the limit by the header alone");
            cases.push(row("6455-5.2-15", rule.clone(), header.clone(), vec![], end.clone()));
            cases.push(row(
                "6455-5.2-15",
                format!("{rule}, with its key"),
                [header, KEY.to_vec()].concat(),
                vec![],
                end,
            ));
        }
    }
    run("framing_lengths", cases);
}

#[test]
fn framing_masking_and_echo() {
    let mut cases = Vec::new();
    for (size, piece) in
        [(100_003_usize, 1009_usize), (65_543, 1), (1_000_001, 65_537), (4_194_304, 262_144)]
    {
        let rule = format!("{size} bytes in pieces of {piece} keep the masking phase");
        cases.push(Case::on(DEFAULT, "6455-5.3-02", rule, move |server| {
            let payload: Vec<u8> = (0..size).map(|at| u8::try_from(at % 241).unwrap()).collect();
            let frame = masked_with(0x82, [0x12, 0x9f, 0x01, 0xee], &payload);
            let mut client = Client::open(server.address())?;
            for part in frame.chunks(piece) {
                client.send(part)?;
            }
            client.expect_within(&Event::Binary(payload), LONG)?;
            client.expect_alive()
        }));
    }
    cases.push(Case::on(
        DEFAULT,
        "6455-5.1-05",
        "a message is echoed while another is half sent",
        |server| {
            let mut client = Client::open(server.address())?;
            let next = text("second");
            client.send(&[&text("first")[..], &next[..5]].concat())?;
            client.expect(&Event::Text(b"first".to_vec()))?;
            client.send(&next[5..])?;
            client.expect(&Event::Text(b"second".to_vec()))?;
            client.expect_alive()
        },
    ));
    run("framing_masking_and_echo", cases);
}
