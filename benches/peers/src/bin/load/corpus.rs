//! What is compressed: 64 messages like those of an order book, in JSON, 1 KiB each.

use std::fmt::Write;

use crate::wire::Numbers;

/// How many messages there are.
pub(crate) const MESSAGES: usize = 64;
/// How long each is, in bytes.
pub(crate) const SIZE: usize = 1024;

const MARKETS: [&str; 6] = ["BTC-USD", "ETH-USD", "SOL-EUR", "XRP-USD", "ADA-EUR", "DOT-USD"];
const USERS: [&str; 8] = ["alice", "bob", "carol", "dmitri", "eve", "françois", "grace", "heidi"];
const STATES: [&str; 4] = ["open", "partially_filled", "filled", "cancelled"];

/// All messages, the same in every run.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let mut numbers = Numbers::new();
    (0..MESSAGES).map(|index| message(index as u64, &mut numbers).into_bytes()).collect()
}

fn message(index: u64, numbers: &mut Numbers) -> String {
    let mut below = |limit: u64| numbers.next() % limit;
    let market = MARKETS[below(6) as usize];
    let mut json = format!(
        "{{\"type\":\"orderbook.update\",\"channel\":\"market/{market}\",\"sequence\":{},\
         \"session\":\"{:08x}\",\"orders\":[",
        814_000_000 + index * 37 + below(30),
        below(1 << 32),
    );
    let price = 20_000 + below(40_000);
    loop {
        let order = format!(
            "{{\"id\":{},\"side\":\"{}\",\"price\":\"{}.{:02}\",\"quantity\":\"{}.{:03}\",\
             \"user\":\"{}\",\"status\":\"{}\"}},",
            70_000_000 + below(99_999),
            if below(2) == 0 { "buy" } else { "sell" },
            price + below(100),
            below(100),
            below(10),
            below(1000),
            USERS[below(8) as usize],
            STATES[below(4) as usize],
        );
        if json.len() + order.len() + END.len() > SIZE {
            break;
        }
        json += &order;
    }
    // The last comma stands before nothing; a short tail of spaces fills the size.
    json.pop();
    let room = SIZE - json.len() - END.len();
    let _ = write!(json, "],\"pad\":\"{:room$}\"}}", "");
    json
}

/// What is put behind the orders, without the spaces.
const END: &str = "],\"pad\":\"\"}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_json_of_their_size_and_differ() {
        let messages = messages();
        for message in &messages {
            assert_eq!(message.len(), SIZE);
            let json: serde_json::Value = serde_json::from_slice(message).unwrap();
            assert!(json["orders"].as_array().unwrap().len() >= 6, "{json}");
        }
        assert!(messages.windows(2).all(|two| two[0] != two[1]));
    }
}
