//! `stickler health`: exit 0 when a handshake gets its 101, and only then.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use crate::case::{Case, run_at_once};
use crate::cli::{output, serve};
use crate::client::Outcome;
use crate::server::{PATIENCE, Server, stickler};

/// A one-shot server that answers every connection with these bytes, or never.
fn stub(reply: Option<&'static [u8]>) -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            thread::spawn(move || {
                let mut seen = [0; 4096];
                let _ = stream.read(&mut seen);
                match reply {
                    Some(bytes) => drop(stream.write_all(bytes)),
                    None => thread::sleep(PATIENCE * 2),
                }
            });
        }
    });
    Ok(address)
}

fn health(url: &str) -> Result<(Option<i32>, Duration), String> {
    let begun = Instant::now();
    let ended = output(stickler().args(["health", url]))?;
    if String::from_utf8_lossy(&ended.stderr).contains("panicked") {
        return Err(format!("    observed  a panic for {url}"));
    }
    Ok((ended.status.code(), begun.elapsed()))
}

fn expect_ill(url: &str) -> Outcome {
    match health(url)? {
        (Some(1 | 2), _) => Ok(()),
        (code, took) => Err(format!(
            "    expected  exit code 1 or 2 for {url}\n    observed  {code:?} after {took:?}"
        )),
    }
}

#[test]
fn cli_health() {
    let cases = vec![
        Case::new("cli", "health: 0 when a handshake gets its 101", |_| {
            let server = Server::start(&[])?;
            let address = server.address();
            for url in [
                format!("ws://{address}"),
                format!("ws://{address}/"),
                format!("ws://{address}/echo"),
            ] {
                let (code, _) = health(&url)?;
                if code != Some(0) {
                    return Err(format!(
                        "    expected  exit code 0 for {url}\n    observed  {code:?}"
                    ));
                }
            }
            server.retire()
        }),
        Case::new("cli", "health: works over IPv6 and by name", |_| {
            let server =
                Server::spawn(serve(&["--listen", "[::1]:0", "--listen", "127.0.0.1:0"]), 2, "")?;
            let by_name = format!("ws://localhost:{}/", server.addresses()[1].port());
            for url in [format!("ws://{}", server.address()), by_name] {
                let (code, _) = health(&url)?;
                if code != Some(0) {
                    return Err(format!(
                        "    expected  exit code 0 for {url}\n    observed  {code:?}"
                    ));
                }
            }
            server.retire()
        }),
        Case::new("cli", "health: 1 where nobody listens, whatever serve's variables hold", |_| {
            let mut command = stickler();
            command.args(["health", "ws://127.0.0.1:1/"]).env("STICKLER_WORKERS", "none");
            match output(&mut command)?.status.code() {
                Some(1) => Ok(()),
                code => Err(format!("    observed  {code:?}")),
            }
        }),
        Case::new("cli", "health: not 0 for a path that is not served", |_| {
            let server = Server::start(&[])?;
            expect_ill(&format!("ws://{}/nope", server.address()))?;
            server.retire()
        }),
        Case::new("cli", "health: not 0 where nobody listens", |_| {
            let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
            let address = listener.local_addr().map_err(|error| error.to_string())?;
            drop(listener);
            expect_ill(&format!("ws://{address}/"))
        }),
        Case::new("cli", "health: not 0 for a web server", |_| {
            let address = stub(Some(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))?;
            expect_ill(&format!("ws://{address}/"))
        }),
        Case::new("cli", "health: not 0 for a wrong accept value", |_| {
            let address = stub(Some(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
            ))?;
            expect_ill(&format!("ws://{address}/"))
        }),
        Case::new("cli", "health: not 0 for silence, and not for ever", |_| {
            let address = stub(None)?;
            expect_ill(&format!("ws://{address}/"))
        }),
        Case::new("cli", "health: not 0 for nonsense", |_| {
            for url in ["nonsense", "http://127.0.0.1:1/", "ws://", "ws://127.0.0.1:99999/", ""] {
                expect_ill(url)?;
            }
            Ok(())
        }),
    ];
    run_at_once("cli_health", cases, 3);
}
