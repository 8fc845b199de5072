//! Ping and Pong (RFC 6455 §5.5, §5.5.2, §5.5.3).

use crate::case::{Case, DEFAULT, run};
use crate::client::{Client, LONG, Next, PROMPT};
use crate::frame::{Event, binary, ping, text};

#[test]
fn control_ping_and_pong() {
    let cases = vec![
        Case::on(
            DEFAULT,
            "6455-5.5.2-03",
            "a ping behind a big message comes back whole",
            |server| {
                // Wherever the Pong stands, the reader refuses it inside a frame.
                let payload = vec![0xab; 8 << 20];
                let mut client = Client::open(server.address())?;
                client.send(&binary(&payload))?;
                client.send(&ping("behind"))?;
                let mut seen = Vec::new();
                for _ in 0..2 {
                    match client.next(LONG)? {
                        Next::Event(event) => seen.push(event),
                        other => {
                            return Err(
                                client.report("the echo and the pong", &format!("{other:?}"))
                            );
                        }
                    }
                }
                let wanted = [Event::Binary(payload), Event::Pong(b"behind".to_vec())];
                if !wanted.iter().all(|event| seen.contains(event)) {
                    let seen: Vec<String> = seen.iter().map(ToString::to_string).collect();
                    return Err(client.report("the echo and the pong", &seen.join(" | ")));
                }
                client.expect_alive()
            },
        ),
        Case::on(
            DEFAULT,
            "6455-5.5.2-01",
            "a ping cut byte by byte between two messages",
            |server| {
                let mut client = Client::open(server.address())?;
                client.send(&text("before"))?;
                client.expect(&Event::Text(b"before".to_vec()))?;
                for byte in ping("slow") {
                    client.send(&[byte])?;
                }
                client.expect(&Event::Pong(b"slow".to_vec()))?;
                client.expect_alive()
            },
        ),
        Case::on(
            DEFAULT,
            "6455-5.5.3-02",
            "1,000 pings while we read: 1,000 pongs in order",
            |server| {
                let mut client = Client::open(server.address())?;
                client.send(
                    &(0..1000_u32).flat_map(|n| ping(n.to_be_bytes())).collect::<Vec<u8>>(),
                )?;
                for n in 0..1000_u32 {
                    client.expect_within(&Event::Pong(n.to_be_bytes().to_vec()), PROMPT)?;
                }
                client.expect_alive()
            },
        ),
    ];
    run("control_ping_and_pong", cases);
}
