//! `stickler health`: one opening handshake as a client (RFC 6455 §4.1), for
//! images that have no shell to do it with.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use stickler::proto::handshake::AcceptKey;

use crate::connect::{Connection, Url};
use crate::units::parse_timeout;

/// What `stickler health` takes on its command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the server is
    #[arg(env = "STICKLER_HEALTH_URL", value_name = "URL", default_value = "ws://127.0.0.1:9001/")]
    url: Url,

    /// Time for the whole handshake
    #[arg(long, env = "STICKLER_HEALTH_TIMEOUT", value_name = "TIME", default_value = "5s")]
    #[arg(value_parser = parse_timeout)]
    timeout: Duration,
}

/// Prints nothing when the server is well; says on standard error what is wrong.
pub(crate) fn run(options: &Options) -> ExitCode {
    match check(&options.url, options.timeout) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "stickler: {}: {error}", options.url.text());
            ExitCode::FAILURE
        }
    }
}

fn check(url: &Url, within: Duration) -> io::Result<()> {
    let mut connection = Connection::open(url, within)?;
    let key = key();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nUser-Agent: stickler-health\r\n\r\n",
        url.target(),
        url.authority()
    );
    connection.send(request.as_bytes())?;
    judge(&connection.read_head()?, AcceptKey::of(key.as_bytes()).as_str())?;
    // The answer was all that was wanted; leave as a client should, whatever comes of it.
    let _ = connection.leave();
    Ok(())
}

/// RFC 6455 §4.1: what the response must be.
fn judge(head: &[u8], accept: &str) -> io::Result<()> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    response.parse(head).map_err(|error| wrong(&format!("the response is not HTTP: {error}")))?;
    match response.code {
        Some(101) => {}
        Some(status) => return Err(wrong(&format!("answered with {status}, not 101"))),
        None => return Err(wrong("the response has no status")),
    }
    let is = |name: &str, value: &dyn Fn(&str) -> bool| {
        let mut fields =
            response.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        fields.any(|field| std::str::from_utf8(field.value).is_ok_and(value))
    };
    if !is("upgrade", &|value| value.eq_ignore_ascii_case("websocket")) {
        return Err(wrong("the 101 is not for a WebSocket"));
    }
    if !is("sec-websocket-accept", &|value| value == accept) {
        return Err(wrong("the 101 is not an answer to this handshake"));
    }
    Ok(())
}

/// Sixteen bytes that no earlier handshake had (RFC 6455 §4.1): the hasher is seeded
/// by the system.
fn key() -> String {
    let mut nonce = [0; 16];
    for (half, bytes) in nonce.chunks_exact_mut(8).enumerate() {
        bytes.copy_from_slice(&RandomState::new().hash_one(half).to_be_bytes());
    }
    STANDARD.encode(nonce)
}

fn wrong(sentence: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn s4_1_every_handshake_has_its_own_key() {
        assert_ne!(key(), key());
        assert_eq!(key().len(), 24);
    }

    #[test]
    fn only_the_right_101_is_well() {
        let head = |status: &str, accept: &str| {
            format!(
                "HTTP/1.1 {status}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            )
        };
        assert!(judge(head("101 Switching Protocols", "x=").as_bytes(), "x=").is_ok());
        assert!(judge(head("101 Switching Protocols", "X=").as_bytes(), "x=").is_err());
        assert!(judge(head("200 OK", "x=").as_bytes(), "x=").is_err());
        assert!(judge(b"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: x=\r\n\r\n", "x=").is_err());
        assert!(judge(b"SSH-2.0\r\n\r\n", "x=").is_err());
    }

    fn answering(answer: &'static [u8]) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 1024];
            let _ = stream.read(&mut bytes);
            stream.write_all(answer).unwrap();
            // Open until the other side has seen it.
            let _ = stream.read(&mut bytes);
        });
        format!("ws://{address}/").parse().unwrap()
    }

    #[test]
    fn a_server_that_refuses_or_says_nothing_is_not_well() {
        let refused =
            check(&answering(b"HTTP/1.1 503 no\r\n\r\n"), Duration::from_secs(10)).unwrap_err();
        assert!(refused.to_string().contains("503"), "{refused}");
        let silent = check(&answering(b""), Duration::from_millis(20)).unwrap_err();
        assert_eq!(silent.kind(), io::ErrorKind::TimedOut);
    }
}
