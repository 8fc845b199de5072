//! `--health-path`: what load balancers ask, on the listener itself. (What is said while the server drains,
//! `tests/connection/health.rs` asks, with time that it moves.)

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::case::{Case, run_at_once};
use crate::cli::{answer, bad, expect_status, works};
use crate::client::{Outcome, PROMPT};
use crate::environment::with_environment;
use crate::http::{Head, Response};
use crate::server::Server;

/// The answer to a plain request with this line and these fields.
fn ask(address: SocketAddr, line: &str, fields: &str) -> Result<Response, String> {
    let told = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(address).map_err(told)?;
    stream.set_read_timeout(Some(PROMPT)).map_err(told)?;
    let request = format!("{line} HTTP/1.1\r\n{fields}\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(told)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(told)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no head")? + 4;
    let body = answer.split_off(end);
    let mut response = Response::parse(&answer)?;
    response.body = body;
    Ok(response)
}

fn expect(address: SocketAddr, line: &str, status: u16, body: &[u8], field: &str) -> Outcome {
    let response = ask(address, line, "Host: 10.0.0.7:9001\r\nUser-Agent: ELB-HealthChecker/2.0")?;
    let has = field.split_once(": ").map_or(Ok(()), |(name, value)| response.has(name, value));
    if (response.status, &response.body[..]) != (status, body) || has.is_err() {
        let seen = (response.summary(), String::from_utf8_lossy(&response.body).into_owned());
        return Err(format!("    expected  {status}, {field}, for {line}\n    observed  {seen:?}"));
    }
    Ok(())
}

#[test]
fn cli_health_path() {
    let cases = vec![
        bad(&["--health-path", "healthz"]),
        bad(&["--health-path", "/a?b"]),
        bad(&["--health-path", "/echo"]),
        bad(&["--health-path", "/a", "--path", "/b", "--path", "/a"]),
        Case::new("cli", "--health-path: GET and HEAD, whatever the Host, and not logged", |_| {
            let server =
                Server::start(&["--health-path", "/healthz", "--own-host", "chat.example"])?;
            let address = server.address();
            let silent = ["Cache-Control: no-store", "Content-Length: 3", "Connection: close"];
            for field in silent {
                expect(address, "GET /healthz", 200, b"ok\n", field)?;
                expect(address, "HEAD /healthz", 200, b"", field)?;
                expect(address, "GET http://10.0.0.7/healthz", 200, b"ok\n", field)?;
            }
            let body = b"GET and HEAD are answered here\n";
            expect(address, "POST /healthz", 405, body, "Allow: GET, HEAD")?;
            // A handshake is for no host of ours there, as elsewhere, and the right Host finds no resource.
            expect_status(address, "/healthz", 421)?;
            let ours = Head::new().target("/healthz").set("Host", "chat.example");
            if answer(address, &ours)? != 404 || answer(address, &ours.target("/"))? != 101 {
                return Err("    expected  404 on the health path, 101 beside it".into());
            }
            server.retire()?;
            let log = server.log();
            let told = log.lines().filter(|line| !line.contains("stickler::serve")).count();
            match log.contains("healthz") || told != 2 {
                true => Err(format!("    expected  two refusals only\n    observed  {log}")),
                false => Ok(()),
            }
        }),
        Case::new("cli", "without --health-path there is none", |_| {
            let server = Server::start(&[])?;
            for (line, status) in [("GET /healthz", 404), ("HEAD /healthz", 405)] {
                let seen = ask(server.address(), line, "Host: 127.0.0.1")?.status;
                if seen != status {
                    return Err(format!("    expected  {status} for {line}\n    observed  {seen}"));
                }
            }
            server.retire()
        }),
        Case::new("cli", "STICKLER_HEALTH_PATH", |_| {
            let server = with_environment(&[("STICKLER_HEALTH_PATH", "/up")], &[])?;
            expect(server.address(), "GET /up", 200, b"ok\n", "Cache-Control: no-store")?;
            works(server.address())?;
            server.retire()
        }),
    ];
    run_at_once("cli_health_path", cases, 3);
}
