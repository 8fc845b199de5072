//! A thousand prices a second to everyone; a slow peer gets the newest of each symbol, in time.

use std::thread;
use std::time::Duration;

use stickler::{Incoming, Prepared, Server, Topic};

const SYMBOLS: [&str; 3] = ["EURUSD", "USDJPY", "GBPUSD"];

fn main() -> std::io::Result<()> {
    let prices = Topic::new();
    let publisher = prices.clone();
    thread::spawn(move || publish(&publisher));
    Server::bind("127.0.0.1:9001")?.serve(move |incoming| follow(incoming, prices.clone()))
}

/// Any thread may publish: nothing here waits for a peer.
fn publish(prices: &Topic) {
    for number in 0_usize.. {
        let symbol = SYMBOLS[number % SYMBOLS.len()];
        prices.publish_latest(symbol, Prepared::text(format!("{symbol} {number}")));
        thread::sleep(Duration::from_millis(1));
    }
}

/// Subscribes, and answers what the peer asks meanwhile.
async fn follow(incoming: Incoming, prices: Topic) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    let _subscription = prices.subscribe(&sender);
    while let Some(message) = receiver.recv().await? {
        match message.as_text() {
            Some("symbols") => sender.send(SYMBOLS.join(" "))?,
            _ => sender.send("ask for: symbols")?,
        }
    }
    Ok(())
}
