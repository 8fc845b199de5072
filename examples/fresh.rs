//! A thousand prices a second, and never more than one round of them under way to a peer: so what a slow
//! peer gets is new, however much its kernel would hold.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use stickler::{CloseCode, Incoming, Prepared, Server};
use tokio::sync::watch;

/// The newest price of each symbol, with its number.
type Prices = BTreeMap<&'static str, (u32, Prepared)>;

const SYMBOLS: [&str; 5] = ["EURUSD", "USDJPY", "GBPUSD", "USDCHF", "AUDUSD"];

fn main() -> std::io::Result<()> {
    let (publisher, prices) = watch::channel(Prices::new());
    thread::spawn(move || publish(&publisher));
    Server::bind("127.0.0.1:9001")?.serve(move |incoming| follow(incoming, prices.clone()))
}

fn publish(publisher: &watch::Sender<Prices>) {
    let begin = Instant::now();
    for (number, symbol) in (1_u32..).zip(SYMBOLS.iter().cycle()) {
        let price = format!("{symbol} {number} {}", milliseconds());
        let price = Prepared::text(format!("{price:<256}"));
        publisher.send_modify(|prices| drop(prices.insert(symbol, (number, price))));
        let next = begin + Duration::from_millis(1) * number;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Obeys `subscribe EURUSD`, `unsubscribe EURUSD` and `ping`, and sends what is newer than the last round.
async fn follow(incoming: Incoming, mut prices: watch::Receiver<Prices>) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    let mut symbols = BTreeSet::new();
    let (mut sent, mut is_under_way) = (0, false);
    loop {
        tokio::select! {
            message = receiver.recv() => {
                let Some(message) = message? else { return Ok(()) };
                let command = message.as_text().unwrap_or_default();
                match command.split_once(' ').unwrap_or((command, "")) {
                    ("subscribe", symbol) if SYMBOLS.contains(&symbol) => drop(symbols.insert(symbol.to_owned())),
                    ("unsubscribe", symbol) => drop(symbols.remove(symbol)),
                    ("ping", _) => sender.send(format!("pong {}", milliseconds()))?,
                    _ => return Ok(sender.close(CloseCode::POLICY_VIOLATION, "no such command")?),
                }
            }
            // The peer has read the round before.
            _ = sender.ping_answered(), if is_under_way => is_under_way = false,
            Ok(()) = prices.changed(), if !is_under_way && !symbols.is_empty() => {
                let prices = prices.borrow_and_update();
                let newer = |(symbol, (number, _)): &(&&str, &(u32, _))| *number > sent && symbols.contains(**symbol);
                for (_, (_, price)) in prices.iter().filter(newer) {
                    sender.send(price)?;
                }
                sent = prices.values().map(|(number, _)| *number).max().unwrap_or(sent);
                sender.ping(b"")?; // behind the prices
                is_under_way = true;
            }
        }
    }
}

/// Since 1970, for the peer to see how old a price is.
fn milliseconds() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
