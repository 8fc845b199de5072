//! The server that `send-buffer.py` measures: it sends as fast as its queue has room.
//!
//! Arguments: an address, `SO_SNDBUF` or `-`, `TCP_NOTSENT_LOWAT` or `-` for no bound.
//!
//! | path | what it sends |
//! |---|---|
//! | `/N` | messages of N bytes without end, whenever there is room |
//! | `/fresh` | 1,000 times a second a message of 1 KB that begins with its time, if nothing is queued |

use std::time::{Duration, SystemTime};

use stickler::{Incoming, Server};
use tokio::time::{MissedTickBehavior, interval};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [address, send_buffer, low_water] = &arguments[..] else {
        println!("run by send-buffer.py");
        return Ok(());
    };
    let mut server = Server::bind(address)?.workers(1);
    if let Ok(bytes) = send_buffer.parse() {
        server = server.send_buffer(bytes);
    }
    server = server.unsent_low_water(low_water.parse().unwrap_or(usize::MAX));
    println!("{}", server.local_addrs()[0]);
    server.serve(|incoming| async move {
        if incoming.path() == "/fresh" { fresh(incoming).await } else { fast(incoming).await }
    })
}

async fn fast(incoming: Incoming) -> stickler::Result<()> {
    let size = incoming.path().trim_start_matches('/').parse().unwrap_or(65_536);
    let message = vec![7_u8; size];
    let (_receiver, sender) = incoming.accept()?.split();
    loop {
        sender.ready().await;
        sender.send(&message)?;
        tokio::task::consume_budget().await;
    }
}

async fn fresh(incoming: Incoming) -> stickler::Result<()> {
    let (_receiver, sender) = incoming.accept()?.split();
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut value = vec![0_u8; 1000];
    loop {
        ticks.tick().await;
        if sender.queued() == 0 {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let nanos = now.unwrap_or_default().as_nanos() as u64;
            value[..8].copy_from_slice(&nanos.to_be_bytes());
            sender.send(&value)?;
        }
    }
}
