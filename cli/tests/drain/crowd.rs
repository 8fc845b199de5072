//! A crowd of clients that talk at SIGTERM: each gets its Close, and nothing that was acknowledged is lost.
//!
//! The echo of a message acknowledges it. The messages of a client are numbered, and their echoes come in order,
//! without a gap, all before the Close; behind it nothing comes but the end. So the client knows which messages were
//! taken: those up to the last echo. (That the server has taken no other, `tests/leaving.rs` counts.)

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use stickler_testing::frame::{close, text};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::peer::Peer;
use crate::server::Server;
use crate::support::{open, open_secure, run, start, start_tls};
use crate::unverified::client_config;

/// From SIGTERM to the exit, of the whole. The short test may run on a machine that is busy with others.
const BAR: Duration = Duration::from_secs(10);
const WIDE_BAR: Duration = Duration::from_secs(60);

/// How long all of them may take to connect, and to get their first echo.
const BEGINNING: Duration = Duration::from_secs(120);

/// True where `run.sh` asks for the numbers of the real thing.
fn whole() -> bool {
    std::env::var_os("STICKLER_DRAIN").is_some_and(|value| value == "whole")
}

/// What the clients speak.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    OverTls,
}

impl Kind {
    fn clients(self) -> usize {
        match (self, whole()) {
            (Kind::Plain, true) => 10_000,
            (Kind::OverTls, true) => 2_000,
            (Kind::Plain, false) => 500,
            (Kind::OverTls, false) => 100,
        }
    }
}

/// What a client saw.
struct Talked {
    echoed: u32,
    code: u16,
}

/// Sends numbered messages, so many ahead of their echoes, until the Close.
async fn talk(mut peer: Peer, ahead: u32, first: mpsc::Sender<()>) -> Result<Talked, String> {
    let (mut sent, mut echoed) = (0, 0_u32);
    loop {
        while sent < echoed + ahead {
            let sending = peer.send(&text(&sent.to_string())).await;
            sending.map_err(|error| format!("message {sent}: {error}"))?;
            sent += 1;
        }
        let frame = peer.next().await.map_err(|error| format!("after {echoed} echoes: {error}"))?;
        let frame = frame.ok_or_else(|| format!("an end without a Close after {echoed} echoes"))?;
        match frame.first {
            0x81 if frame.payload == echoed.to_string().as_bytes() => {
                if echoed == 0 {
                    let _ = first.send(()).await;
                }
                echoed += 1;
            }
            0x88 => {
                let code = frame.close_code();
                let answering = peer.send(&close(code)).await;
                answering.map_err(|error| format!("the answer to the Close: {error}"))?;
                return match peer.next().await {
                    Ok(None) => Ok(Talked { echoed, code }),
                    other => Err(format!("behind the Close: {other:?}")),
                };
            }
            _ => return Err(format!("in the place of echo {echoed}: {frame:?}")),
        }
    }
}

/// What came of the crowd.
struct Outcome {
    talked: Vec<Result<Talked, String>>,
    /// From SIGTERM on.
    last_close: Duration,
    exit: Duration,
}

async fn crowd(server: &Server, kind: Kind, clients: usize, bar: Duration) -> Outcome {
    let config = client_config(rustls::ALL_VERSIONS);
    let mut peers = Vec::new();
    for _ in 0..clients {
        peers.push(match kind {
            Kind::Plain => open(server).await,
            Kind::OverTls => open_secure(server, config.clone()).await,
        });
    }
    let (first, mut firsts) = mpsc::channel(clients);
    let ahead = [1, 1, 1, 4].into_iter().cycle();
    let talks = peers.into_iter().zip(ahead).map(|(peer, ahead)| talk(peer, ahead, first.clone()));
    let talking: Vec<_> = talks.map(tokio::spawn).collect();
    for _ in 0..clients {
        firsts.recv().await.unwrap();
    }
    let begun = Instant::now();
    server.signal(Signal::TERM);
    let mut talked = Vec::new();
    for client in talking {
        let outcome = timeout((2 * bar).saturating_sub(begun.elapsed()), client).await;
        talked.push(outcome.map_or_else(|_| Err("no end in time".into()), Result::unwrap));
    }
    let last_close = begun.elapsed();
    let exit = server.wait(bar).map_or(Duration::MAX, |_| begun.elapsed());
    Outcome { talked, last_close, exit }
}

fn all_get_their_close(kind: Kind, flags: &[&str]) {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let (bar, within) = match whole() {
        true => (BAR, "--shutdown-timeout=9s"),
        false => (WIDE_BAR, "--shutdown-timeout=50s"),
    };
    let clients = kind.clients();
    let flags = [flags, &["--drain-strict", "--keepalive-interval=off", within]].concat();
    let server = match kind {
        Kind::Plain => start(&[], &flags),
        Kind::OverTls => start_tls(&flags),
    };
    let outcome = run(async {
        timeout(BEGINNING + 3 * bar, crowd(&server, kind, clients, bar))
            .await
            .expect("an end of the crowd")
    });
    let echoes: u64 = outcome.talked.iter().flatten().map(|talked| u64::from(talked.echoed)).sum();
    let faults: Vec<_> = outcome.talked.iter().filter_map(|talked| talked.as_ref().err()).collect();
    eprintln!(
        "crowd: {clients} clients ({kind:?}), {echoes} echoes, {} faults; after SIGTERM the last Close came in {:?}, and the \
         exit in {:?}",
        faults.len(),
        outcome.last_close,
        outcome.exit
    );
    assert!(faults.is_empty(), "{} of {clients}, such as {:?}", faults.len(), faults[0]);
    assert!(outcome.talked.iter().flatten().all(|talked| talked.code == 1001));
    assert!(outcome.exit <= bar, "{:?}", outcome.exit);
    server.expect_logged(&format!("clean={clients} unclean=0 cut=0")).unwrap();
    assert_eq!(server.wait(bar).unwrap().0, Some(0));
}

#[test]
fn a_crowd_that_talks_gets_its_close_and_loses_nothing_that_was_acknowledged() {
    all_get_their_close(Kind::Plain, &[]);
}

#[test]
fn a_crowd_that_talks_loses_nothing_over_a_window_either() {
    all_get_their_close(Kind::Plain, &["--drain-window=2s"]);
}

/// Behind the Close comes close_notify: an end without it is a fault.
#[test]
fn a_crowd_over_tls_loses_nothing_either() {
    all_get_their_close(Kind::OverTls, &[]);
}

#[test]
fn a_crowd_over_tls_loses_nothing_over_a_window_either() {
    all_get_their_close(Kind::OverTls, &["--drain-window=2s"]);
}
