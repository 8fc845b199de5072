//! A Ping before the end is answered, also where the peer was slow to take what was sent before (RFC 6455 5.5.2).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::bytes::{binary, frame};
use crate::peer::Peer;
use crate::program::start;
use crate::{alone, scaled};

/// How a session ends behind its last Ping.
#[derive(Clone, Copy, Debug)]
enum End {
    Fin,
    Violation,
}

/// Sends messages beyond what the buffers hold, a Ping and an end; then reads. True if the Ping was answered.
async fn session(address: SocketAddr, number: usize, end: End) -> Result<bool, String> {
    let error = |error: std::io::Error| error.to_string();
    let mut peer = Peer::connect_with_buffer(address, Some(8 * 1024)).await.map_err(error)?;
    peer.upgrade(None).await.map_err(error)?;
    let messages = 1 + number % 8;
    let mut bytes = Vec::new();
    for at in 0..messages {
        bytes.extend(binary(vec![at as u8; 8_000 + number % 11 * 3_000]));
        bytes.extend(frame(0x89, [at as u8]));
    }
    bytes.extend(frame(0x89, "the end"));
    if let End::Violation = end {
        bytes.extend(frame(0x83, "an opcode that is reserved"));
    }
    let (mut read, mut write) = (peer, bytes);
    let sent = timeout(PATIENCE, read.stream.write_all(&write)).await;
    sent.map_err(|_| "the bytes are not taken")?.map_err(error)?;
    if let End::Fin = end {
        read.stream.shutdown().await.map_err(error)?;
    }
    write.clear();
    sleep(Duration::from_millis((number % 5) as u64 * 20)).await;
    let (mut echoes, mut answered) = (0, false);
    loop {
        match timeout(PATIENCE, read.next()).await {
            Err(_) => return Err("no end in time".to_owned()),
            Ok(Err(error)) => return Err(error.to_string()),
            Ok(Ok(None)) => break,
            Ok(Ok(Some(frame))) => {
                echoes += u32::from(frame.first == 0x82);
                answered |= frame.first == 0x8a && frame.payload == b"the end";
            }
        }
    }
    if echoes as usize != messages {
        return Ok(true);
    }
    Ok(answered)
}

const PATIENCE: Duration = Duration::from_secs(20);

fn each_is_answered(end: End) {
    let _alone = alone();
    let server = start(&["--send-buffer=8KiB", "--log=warn"]);
    let (address, sessions) = (server.address(), scaled(300, 3_000));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut owed = 0;
    runtime.block_on(async {
        for begin in (0..sessions).step_by(50) {
            let wave = begin..begin + 50;
            let wave: Vec<_> = wave.map(|n| tokio::spawn(session(address, n, end))).collect();
            for session in wave {
                owed += usize::from(!session.await.unwrap().unwrap());
            }
        }
    });
    eprintln!("{end:?}: {owed} of {sessions} Pings without their Pong");
    assert_eq!(owed, 0, "of {sessions} sessions");
    server.retire().unwrap();
}

#[test]
fn s5_5_2_the_ping_before_a_fin_is_answered() {
    each_is_answered(End::Fin);
}

#[test]
fn s5_5_2_the_ping_before_a_violation_is_answered() {
    each_is_answered(End::Violation);
}
