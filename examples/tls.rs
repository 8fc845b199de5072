//! An echo over TLS: `wss://localhost:9443`, or what stands in `ADDRESS`.
//!
//! ```sh
//! cargo run --example tls -- fullchain.pem privkey.pem
//! ```

use std::env;
use std::error::Error;

use stickler::{Incoming, Server, Tls};

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = env::args().skip(1);
    let (Some(chain), Some(key)) = (files.next(), files.next()) else {
        return Err("usage: tls CHAIN.pem KEY.pem".into());
    };
    let tls = Tls::from_pem_files(chain, key)?;
    for warning in tls.warnings() {
        eprintln!("{warning}");
    }
    let address = env::var("ADDRESS").unwrap_or_else(|_| "127.0.0.1:9443".into());
    Ok(Server::bind_tls(address)?.tls(tls).serve(echo)?)
}

async fn echo(incoming: Incoming) -> stickler::Result<()> {
    if let Some(tls) = incoming.tls() {
        println!("{}, {}, asked for {:?}", tls.version, tls.cipher, tls.server_name);
    }
    let mut socket = incoming.accept()?;
    while let Some(message) = socket.recv().await? {
        socket.send(message)?;
    }
    Ok(())
}
