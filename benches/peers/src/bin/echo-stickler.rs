//! stickler, as its README has it: `Server`, `next`, `send`. One worker, everything else as shipped.

use std::num::NonZeroUsize;

use stickler::{Incoming, Server};

fn main() -> std::io::Result<()> {
    let server = Server::bind("127.0.0.1:0")?.workers(NonZeroUsize::MIN);
    println!("listening on {}", server.local_addrs()[0]);
    server.serve(echo)
}

async fn echo(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept().await?.split();
    while let Some(message) = receiver.next().await? {
        sender.send(message)?;
    }
    Ok(())
}
