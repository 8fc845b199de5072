//! A thousand prices a second. A slow peer gets the newest of each symbol, in time, and is heard at once.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use stickler::{CloseCode, Incoming, Prepared, Server, Topics};

/// A symbol's prices are a topic of its name.
const SYMBOLS: [&str; 5] = ["EURUSD", "USDJPY", "GBPUSD", "USDCHF", "AUDUSD"];

fn main() -> std::io::Result<()> {
    let prices = Topics::new();
    let publisher = prices.clone();
    thread::spawn(move || publish(&publisher));
    // The kernel shall hold little that is outdated before the peer gets it.
    let server = Server::bind("127.0.0.1:9001")?.unsent_low_water(8192).send_buffer(8192);
    server.serve(move |incoming| follow(incoming, prices.clone()))
}

/// Any thread may publish: nothing here waits for a peer. Nothing is sent where nobody subscribes.
fn publish(prices: &Topics) {
    let begin = Instant::now();
    for (number, symbol) in (0_u32..).zip(SYMBOLS.iter().cycle()) {
        let price = format!("{symbol} {number} {}", milliseconds());
        prices.publish_latest(symbol, symbol, Prepared::text(format!("{price:<256}")));
        // By the clock: a price that was late is made up for.
        let next = begin + Duration::from_millis(1) * number;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Obeys `subscribe EURUSD`, `unsubscribe EURUSD` and `ping`, also while the peer is behind.
async fn follow(incoming: Incoming, prices: Topics) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    let mut subscriptions = HashMap::new();
    while let Some(message) = receiver.recv().await? {
        let command = message.as_text().unwrap_or_default();
        match command.split_once(' ').unwrap_or((command, "")) {
            ("subscribe", symbol) if SYMBOLS.contains(&symbol) => {
                // Subscribed twice it would get everything twice.
                let subscribe = || prices.subscribe(symbol, &sender);
                subscriptions.entry(symbol.to_owned()).or_insert_with(subscribe);
            }
            ("unsubscribe", symbol) => drop(subscriptions.remove(symbol)),
            ("ping", _) => sender.send(format!("pong {}", milliseconds()))?,
            _ => return Ok(sender.close(CloseCode::POLICY_VIOLATION, "no such command")?),
        }
    }
    Ok(())
}

/// Since 1970, for the peer to see how old a price is.
fn milliseconds() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
