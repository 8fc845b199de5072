//! Fragmented messages and the control frames between their fragments (RFC 6455 §5.4).

use crate::case::{Case, DEFAULT, run};
use crate::client::Client;
use crate::frame::{Event, join, masked, ping};

#[test]
fn fragmentation() {
    let cases = vec![
        Case::on(
            DEFAULT,
            "6455-6.2-04",
            "no fragment is delivered before the last is in",
            |server| {
                let mut client = Client::open(server.address())?;
                client.send(&join(&[masked(0x01, b"half"), ping("probe")]))?;
                client.expect(&Event::Pong(b"probe".to_vec()))?;
                client.send(&join(&[masked(0x00, b"way"), ping("probe")]))?;
                client.expect(&Event::Pong(b"probe".to_vec()))?;
                client.send(&masked(0x80, b"there"))?;
                client.expect(&Event::Text(b"halfwaythere".to_vec()))?;
                client.expect_alive()
            },
        ),
        Case::on(DEFAULT, "6455-5.4-13", "64 KiB in fragments of one byte", |server| {
            let payload: Vec<u8> =
                (0..65_535).map(|at| b'a' + u8::try_from(at % 26).unwrap()).collect();
            let mut frames = Vec::new();
            for (at, byte) in payload.iter().enumerate() {
                let opcode = u8::from(at == 0);
                let fin = if at + 1 == payload.len() { 0x80 } else { 0 };
                frames.extend(masked(fin | opcode, std::slice::from_ref(byte)));
            }
            let mut client = Client::open(server.address())?;
            client.send(&frames)?;
            client.expect_within(&Event::Text(payload), crate::client::LONG)?;
            client.expect_alive()
        }),
    ];
    run("fragmentation", cases);
}
