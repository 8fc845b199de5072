//! `stickler health`: exit 0 when a handshake gets its 101, and only then; raw servers that do one thing
//! wrong; and what it asks without a URL.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use stickler::proto::handshake::AcceptKey;
use stickler_testing::panics::tells_of_panic;

use crate::case::{Case, run, run_at_once};
use crate::claims;
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
    if tells_of_panic(&String::from_utf8_lossy(&ended.stderr)) {
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

/// What a raw server heard from one client.
struct Heard {
    head: String,
    /// Behind the head, up to the client's end.
    frames: Vec<u8>,
}

/// Answers one connection with these bytes, `{accept}` in them being the accept value of its key, and keeps it
/// open for what the client says then, or ends it at once.
fn answer_with(
    reply: &[u8],
    ends: bool,
) -> Result<(SocketAddr, thread::JoinHandle<Heard>), String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let reply = reply.to_vec();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = read_head(&mut stream);
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = AcceptKey::of(key.unwrap_or_default().as_bytes());
        let _ = stream.write_all(&replaced(&reply, b"{accept}", accept.as_str().as_bytes()));
        if ends {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let mut frames = Vec::new();
        let _ = stream.read_to_end(&mut frames);
        Heard { head, frames }
    });
    Ok((address, serving))
}

fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn replaced(bytes: &[u8], place: &[u8], by: &[u8]) -> Vec<u8> {
    match bytes.windows(place.len()).position(|window| window == place) {
        Some(at) => [&bytes[..at], by, &replaced(&bytes[at + place.len()..], place, by)].concat(),
        None => bytes.to_vec(),
    }
}

/// Exit 0 if `expect` is empty; else 1, and this on standard error.
fn judge(reply: &[u8], ends: bool, expect: &str) -> Outcome {
    let (address, serving) = answer_with(reply, ends)?;
    let ended = output(stickler().args(["health", &format!("ws://{address}/")]))?;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let code = i32::from(!expect.is_empty());
    serving.join().map_err(|_| "    the raw server panicked".to_owned())?;
    if ended.status.code() != Some(code)
        || !said.contains(expect)
        || (code == 0 && !said.is_empty())
    {
        let seen = ended.status.code();
        return Err(format!(
            "    expected  {code} and {expect:?}\n    observed  {seen:?} and {said:?}"
        ));
    }
    Ok(())
}

const LAWFUL: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: {accept}\r\n\r\n";

/// The lawful answer with one thing changed.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let answer = LAWFUL.replacen(from, to, 1);
    assert!(answer != LAWFUL, "{from}");
    answer.into_bytes()
}

fn followed(bytes: &[u8]) -> Vec<u8> {
    [LAWFUL.as_bytes(), bytes].concat()
}

#[test]
#[rustfmt::skip]
fn s6455_4_1_health_takes_only_a_lawful_101() {
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";
    let long = format!("HTTP/1.1 101 x\r\nX: {}", "y".repeat(17 << 10));
    let extended = "{accept}\r\nSec-WebSocket-Extensions: permessage-deflate";
    let spoken = "{accept}\r\nSec-WebSocket-Protocol: chat";
    let rows: Vec<(&'static str, &str, Vec<u8>, &'static str)> = vec![
        ("6455-4.1-07", "a lawful 101", LAWFUL.into(), ""),
        ("6455-4.1-07", "a 404", b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n".into(), "RFC 6455 4.1: answered with 404, not 101"),
        ("6455-4.1-07", "a 200 with the fields of a 101", changed("101 Switching Protocols", "200 OK"), "answered with 200"),
        ("6455-4.1-09", "a 101 without Connection", changed("Connection: Upgrade\r\n", ""), "RFC 6455 4.1: the 101 has no Connection"),
        ("6455-4.1-09", "Connection: keep-alive", changed("Connection: Upgrade", "Connection: keep-alive"), "does not list Upgrade"),
        ("6455-4.1-09", "Connection: keep-alive, UPGRADE", changed("Connection: Upgrade", "Connection: keep-alive, UPGRADE"), ""),
        ("6455-4.1-08", "a 101 without Upgrade", changed("Upgrade: websocket\r\n", ""), "RFC 6455 4.1: the 101 has no Upgrade"),
        ("6455-4.1-08", "Upgrade: websocket, h2c", changed("websocket", "websocket, h2c"), "RFC 6455 4.1: the Upgrade header field"),
        ("6455-4.1-08", "Upgrade: ,WebSocket,", changed("websocket", ",WebSocket,"), ""),
        ("6455-4.1-12", "an extension that was not offered", changed("{accept}", extended), "RFC 6455 4.1: the 101 names an extension"),
        ("6455-4.1-11", "a subprotocol that was not offered", changed("{accept}", spoken), "RFC 6455 4.1: the 101 names a subprotocol"),
        ("6455-4.1-10", "Sec-WebSocket-Accept twice", changed("{accept}", "{accept}\r\nSec-WebSocket-Accept: {accept}"), "RFC 6455 11.3.3"),
        ("6455-4.1-10", "no Sec-WebSocket-Accept", changed("Sec-WebSocket-Accept: {accept}\r\n", ""), "RFC 6455 4.1"),
        ("6455-4.1-10", "the accept value of another key", changed("{accept}", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "does not belong to the key"),
        ("9110-15.2-01", "103 and then 101", (early.to_owned() + LAWFUL).into(), ""),
        ("9110-15.2-01", "103 and then 404", (early.to_owned() + "HTTP/1.1 404 No\r\n\r\n").into(), "answered with 404"),
        ("9110-15.2-01", "103 sixteen times and then 101", (early.repeat(16) + LAWFUL).into(), ""),
        ("9110-15.2-01", "103 seventeen times and then 101", (early.repeat(17) + LAWFUL).into(), "RFC 9110 15.2: more interim"),
        ("9110-15.2-01", "100 unasked and then 101", ("HTTP/1.1 100 Continue\r\n\r\n".to_owned() + LAWFUL).into(), ""),
        ("9110-15.2-01", "103 and then a 101 without its fields", (early.to_owned() + "HTTP/1.1 101 x\r\n\r\n").into(), "no Upgrade"),
        ("6455-4.1-13", "a head that is too long", long.into(), "RFC 9110 5.4"),
        ("6455-4.1-13", "garbage", b"SSH-2.0-OpenSSH_9.2\r\n".into(), "RFC 9112 4: what came is no response"),
        ("6455-4.1-13", "octets that are no text", vec![0xff; 64], "RFC 9112 4"),
        ("6455-4.1-13", "Content-Length in the 101", changed("{accept}", "{accept}\r\nContent-Length: 0"), "RFC 9110 8.6"),
        ("6455-5.1-08", "a message before the Close", followed(b"\x81\x02hi\x88\x02\x03\xe8"), ""),
        ("6455-5.1-08", "a masked message", followed(b"\x81\x81\0\0\0\0a"), "RFC 6455 5.1: frame from the server is masked"),
        ("6455-5.1-08", "a masked Close", followed(b"\x88\x82\0\0\0\0\x03\xe8"), "RFC 6455 5.1"),
        ("6455-5.1-08", "a reserved opcode", followed(b"\x83\x00"), "RFC 6455 5.2: opcode is reserved"),
        ("6455-5.1-08", "a long message and then a masked one", followed(&[&b"\x82\x7e\x40\x00"[..], &[0; 16384], b"\x82\x80\0\0\0\0"].concat()), "RFC 6455 5.1"),
        ("6455-5.1-08", "a Close with 1005", followed(b"\x88\x02\x03\xed"), "RFC 6455 7.4"),
        ("6455-5.1-08", "octets behind the Close", followed(b"\x88\x02\x03\xe8\xff\xff"), ""),
    ];
    let mut cases = Vec::new();
    for (id, name, reply, expect) in rows {
        let case = Case::new(id, format!("health: {name}"), move |_| judge(&reply, false, expect));
        cases.push(case);
    }
    for (reply, expect) in [(&LAWFUL[..60], "RFC 9112 8: closed before"), ("", "RFC 9112 8: closed before"), (LAWFUL, "")] {
        let case = move |_: &_| judge(reply.as_bytes(), true, expect);
        cases.push(Case::new("6455-4.1-13", format!("health: the end behind {} bytes", reply.len()), case));
    }
    run("s6455_4_1_health_takes_only_a_lawful_101", cases);
}

/// What `health` itself says: a request without a fault, a Close that is masked, and nothing twice.
#[test]
fn s6455_5_3_health_draws_its_key_and_its_mask_anew() {
    claims!("6455-4.1-05", "6455-4.1-06", "6455-5.1-07", "6455-5.3-05");
    let close = b"\x88\x02\x03\xe8";
    let mut drawn = Vec::new();
    for _ in 0..8 {
        let (address, serving) = answer_with(&followed(close), false).unwrap();
        let ended = output(stickler().args(["health", &format!("ws://{address}/a?b")])).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        let Heard { head, frames } = serving.join().unwrap();
        let (before, rest) = head.split_once("Sec-WebSocket-Key: ").unwrap();
        let (key, after) = rest.split_once("\r\n").unwrap();
        let fields = format!("Host: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        assert_eq!(before, format!("GET /a?b HTTP/1.1\r\n{fields}"));
        assert_eq!(after, "Sec-WebSocket-Version: 13\r\nUser-Agent: stickler-health\r\n\r\n");
        let &[0x88, 0x82, a, b, c, d, high, low] = &frames[..] else { panic!("{frames:02x?}") };
        assert_eq!([high ^ a, low ^ b], 1000_u16.to_be_bytes(), "{frames:02x?}");
        drawn.push((key.to_owned(), [a, b, c, d]));
    }
    for (at, (key, mask)) in drawn.iter().enumerate() {
        assert_eq!(key.len(), 24);
        assert!(drawn[..at].iter().all(|(other, _)| other != key), "{drawn:?}");
        assert!(drawn[..at].iter().all(|(_, other)| other != mask), "{drawn:?}");
        assert_ne!(*mask, [0; 4]);
    }
}

/// Where it asks: an argument beats a variable of its own, which beats those of `serve`.
#[test]
fn cli_health_without_a_url() {
    let ask = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = stickler();
        command.arg("health").args(args).envs(variables.iter().copied());
        let ended = output(&mut command)?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        Ok::<_, String>((ended.status.code(), said))
    };
    let expect = |seen: (Option<i32>, String), code, part: &str| match seen {
        (Some(seen), said) if seen == code && said.contains(part) => Ok(()),
        seen => Err(format!("    expected  {code} and {part:?}\n    observed  {seen:?}")),
    };
    let cases = vec![
        Case::new("cli", "health: asks where STICKLER_LISTEN says, for path and host", move |_| {
            let flags = &["--path", "/ws", "--own-host", "chat.example.com"];
            let server = Server::start(flags)?;
            let listen = server.address().to_string();
            let all = [
                ("STICKLER_LISTEN", &listen[..]),
                ("STICKLER_PATH", "/ws,/other"),
                ("STICKLER_OWN_HOST", " chat.example.com , b.example"),
            ];
            expect(ask(&all, &[])?, 0, "")?;
            expect(ask(&all[..2], &[])?, 1, "421")?;
            expect(ask(&all[..2], &["--host", "CHAT.example.com:80"])?, 0, "")?;
            let host = [all[0], all[1], ("STICKLER_HEALTH_HOST", "chat.example.com")];
            expect(ask(&host, &[])?, 0, "")?;
            expect(ask(&host, &["--host", "b.example"])?, 1, "421")?;
            expect(ask(&[all[0], all[2]], &[])?, 1, "404")?;
            server.retire()
        }),
        Case::new("cli", "health: a URL beats a variable for it, and that the others", move |_| {
            let server = Server::start(&[])?;
            let here = format!("ws://{}/", server.address());
            let served = [("STICKLER_LISTEN", "127.0.0.1:1"), ("STICKLER_PATH", "/nope")];
            let [a, b] = served;
            expect(ask(&served, &[])?, 1, "ws://127.0.0.1:1/nope")?;
            expect(ask(&[a, b, ("STICKLER_HEALTH_URL", &here)], &[])?, 0, "")?;
            let nowhere = ("STICKLER_HEALTH_URL", "ws://127.0.0.1:1/");
            expect(ask(&[a, b, nowhere], &[&here])?, 0, "")?;
            // A URL brings its own host.
            expect(ask(&[("STICKLER_OWN_HOST", "a.example")], &[&here])?, 0, "")?;
            server.retire()
        }),
        Case::new(
            "cli",
            "health: all addresses, of one family or both, are asked here",
            move |_| {
                for listen in ["0.0.0.0:0", "[::]:0", "localhost:0"] {
                    let mut command = stickler();
                    command.arg("serve").env("STICKLER_LISTEN", listen);
                    let server = Server::spawn(command, 1, "")?;
                    let port = server.address().port();
                    let here = listen.replace(":0", &format!(":{port}"));
                    expect(ask(&[("STICKLER_LISTEN", &here)], &[])?, 0, "")?;
                    server.retire()?;
                }
                Ok(())
            },
        ),
        Case::new("cli", "health: [::] where only IPv4 answers", move |_| {
            let server = Server::start(&[])?;
            let here = format!("[::]:{}", server.address().port());
            expect(ask(&[("STICKLER_LISTEN", &here)], &[])?, 0, "")?;
            server.retire()
        }),
        Case::new("cli", "health: origins and subprotocols are no matter to it", move |_| {
            let flags = &["--allowed-origin", "https://a.example", "--subprotocol", "chat"];
            let server = Server::start(flags)?;
            let here = server.address().to_string();
            expect(ask(&[("STICKLER_LISTEN", &here)], &[])?, 0, "")?;
            server.retire()
        }),
        Case::new("cli", "health: a bad variable of serve is named", move |_| {
            for (name, value) in [
                ("STICKLER_LISTEN", "nonsense"),
                ("STICKLER_LISTEN", "127.0.0.1:0"),
                ("STICKLER_LISTEN", ","),
                ("STICKLER_PATH", "nope"),
                ("STICKLER_OWN_HOST", "a b"),
                ("STICKLER_HEALTH_URL", "http://a/"),
                ("STICKLER_HEALTH_HOST", "a b"),
                ("STICKLER_HEALTH_TIMEOUT", "0"),
            ] {
                expect(ask(&[(name, value)], &[])?, 2, name)?;
            }
            Ok(())
        }),
    ];
    run("cli_health_without_a_url", cases);
}
