//! stickler, as docs/library.md has it for speed: `Server`, `split`, `recv`, `send`; one worker, everything else as shipped.
//!
//! With `--workers=N` there are more workers. Compression is agreed on with who offers it, as shipped. With `--deflate`
//! no message refers to an earlier one; `--deflate-level=N` sets the effort for that. With `--deflate-takeover` those of
//! both sides do, with the program's window. With `--tls-cert=FILE` and `--tls-key=FILE` it is over TLS.

use stickler::proto::deflate::{Level, Policy, WindowBits};
use stickler::{Config, Incoming, Server, Tls};
use stickler_peers::echo::{self, Deflate};
use stickler_peers::tls;

fn main() -> std::io::Result<()> {
    let workers = echo::argument("--workers=").and_then(|workers| workers.parse().ok());
    let mut config = Config::default();
    match Deflate::asked() {
        Deflate::Takeover => {
            config.deflate.policy = Some(
                Policy::default()
                    .server_context_takeover(true)
                    .client_context_takeover(true)
                    .server_max_window_bits(
                        WindowBits::new(12).expect("a window may have 12 bits"),
                    ),
            );
        }
        Deflate::Level(level) => {
            config.deflate.level = Level::new(level).expect("levels are from 1 to 9");
            config.deflate.policy = Some(Policy::default().client_context_takeover(false));
        }
        Deflate::EachMessage => {
            config.deflate.policy = Some(Policy::default().client_context_takeover(false));
        }
        // It is on as shipped.
        Deflate::AsShipped => {}
    }
    let server = bind()?.config(config);
    let server = server.workers(workers.unwrap_or(1));
    println!("listening on {}", server.local_addrs()[0]);
    server.serve(echo)
}

fn bind() -> std::io::Result<Server> {
    let Some((certificate, key)) = tls::files() else { return Server::bind("127.0.0.1:0") };
    let tls = Tls::from_pem_files(certificate, key).map_err(std::io::Error::other)?;
    Ok(Server::bind_tls("127.0.0.1:0")?.tls(tls))
}

async fn echo(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        sender.send(message)?;
    }
    Ok(())
}
