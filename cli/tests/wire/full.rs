//! What the program does with an echo for which the queue to its peer has no room.

use std::time::{Duration, Instant};

use crate::case::{Case, run_at_once};
use crate::client::{Client, Next, PROMPT};
use crate::environment::with_environment;
use crate::frame::{Event, binary, close, text};
use crate::server::Server;

/// Small bounds, so that some megabytes are far beyond what lies between the two.
const NARROW: [&str; 4] = ["--send-buffer", "64KiB", "--max-queued", "64KiB"];

/// A message, and how many of them are sent.
const LEN: usize = 64 << 10;
const COUNT: usize = 100;

/// A client that has sent many messages, of whose echoes it has read none; all of them were taken.
fn unread(server: &Server) -> Result<Client, String> {
    let mut client = Client::connect_with_buffer(server.address(), 16 << 10)?;
    client.upgrade()?;
    let message = binary(vec![0x3c; LEN]);
    for _ in 0..COUNT {
        client.send(&message)?;
    }
    Ok(client)
}

/// Reads whole echoes, and gives how many they were and what came behind them.
fn echoes(client: &mut Client) -> Result<(usize, Next), String> {
    let mut count = 0;
    loop {
        match client.next(Duration::from_secs(1))? {
            Next::Event(Event::Binary(payload)) if payload == [0x3c; LEN] => count += 1,
            next => return Ok((count, next)),
        }
    }
}

fn servers(choice: &'static str) -> Result<[Server; 2], String> {
    let by_flag = [&NARROW[..], &["--when-full", choice]].concat();
    Ok([Server::start(&by_flag)?, with_environment(&[("STICKLER_WHEN_FULL", choice)], &NARROW)?])
}

#[test]
fn cli_when_full() {
    let dropping = Case::new("cli", "--when-full drop, and its variable", |_| {
        for server in servers("drop")? {
            let mut client = unread(&server)?;
            let mut other = Client::open(server.address())?;
            other.send(&text(b"prompt"))?;
            other.expect(&Event::Text(b"prompt".to_vec()))?;
            let (count, next) = echoes(&mut client)?;
            if !(1..COUNT).contains(&count) || !matches!(next, Next::Silence) {
                return Err(client.report("some echoes", &format!("{count}")));
            }
            // The peer that reads again gets its echoes again.
            client.send(&text(b"again"))?;
            client.expect(&Event::Text(b"again".to_vec()))?;
            client.close_normally()?;
            server.retire()?;
        }
        Ok(())
    });
    let closing = Case::new("cli", "--when-full close, and its variable", |_| {
        for server in servers("close")? {
            let mut client = unread(&server)?;
            let (count, next) = echoes(&mut client)?;
            let is_told = |body: &[u8]| body.starts_with(b"\x03\xf0RFC 6455 10.4: ");
            if !(1..COUNT).contains(&count)
                || !matches!(&next, Next::Event(Event::Close(body)) if is_told(body))
            {
                return Err(client.report("some echoes, then 1008", &format!("{count}")));
            }
            client.send(&close(1008, b""))?;
            client.expect_fin(PROMPT)?;
            drop(client);
            let begun = Instant::now();
            while !server.log().contains("more was queued for the peer than it took") {
                if begun.elapsed() > PROMPT {
                    return Err(format!("    observed  {}", server.log_tail()));
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            server.retire()?;
        }
        Ok(())
    });
    run_at_once("cli_when_full", vec![dropping, closing], 2);
}
