//! A feed over all nodes: `feed NATS_URL TOPIC` prints what comes, and publishes each line of standard input.

use std::error::Error;

use stickler::broker::{Broker, Event};
use stickler_nats::{Nats, Options};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(topic)) = (arguments.next(), arguments.next()) else {
        return Err("usage: feed NATS_URL TOPIC".into());
    };
    let nats = Nats::connect(Options::new([url])).await?;
    let before = nats.history(&topic, None, 10).await?;
    for message in &before.messages {
        println!("{} {}", message.position.offset, message.payload.escape_ascii());
    }
    let mut feed = nats.subscribe(&topic, Some(before.last)).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut number = 0;
    loop {
        tokio::select! {
            event = feed.next() => match event {
                Some(Event::Message(message)) => {
                    println!("{} {}", message.position.offset, message.payload.escape_ascii());
                }
                Some(Event::Gap(_)) => println!("some messages are missing here"),
                Some(Event::Down) => println!("the broker is down"),
                Some(Event::Up) => println!("the broker is up"),
                Some(Event::Signal(_)) => {}
                None => return Ok(()),
            },
            line = lines.next_line() => {
                let Some(line) = line? else { return Ok(()) };
                number += 1;
                // An id that nobody else takes: the same one again would not be stored.
                let id = format!("{}-{number}", std::process::id());
                if let Err(error) = nats.publish(&topic, &id, line.into()).await {
                    println!("{error}");
                }
            }
        }
    }
}
