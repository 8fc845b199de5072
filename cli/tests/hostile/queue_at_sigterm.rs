//! Whole handshakes that wait to be accepted when SIGTERM comes: each gets its 503.

use std::time::Duration;

use rustix::process::Signal;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::alone;
use crate::peer::{Peer, request};
use crate::program::start;

fn all_get_503(peers: usize) {
    let _alone = alone();
    let server = start(&["--workers=1"]);
    let address = server.address();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let answers = runtime.block_on(async {
        // The process stands still, so that all of them are in the queue when it sees the signal.
        server.signal(Signal::STOP);
        let mut waiting = Vec::new();
        for _ in 0..peers {
            let mut peer = Peer::connect(address).await.unwrap();
            peer.send(request(None).as_bytes()).await.unwrap();
            waiting.push(peer);
        }
        server.signal(Signal::TERM);
        server.signal(Signal::CONT);
        let mut answers = Vec::new();
        for mut peer in waiting {
            let answer = timeout(Duration::from_secs(10), answer(&mut peer)).await;
            answers.push(answer.unwrap_or_else(|_| Answer::Wrong("none in time".to_owned())));
        }
        answers
    });
    let count = |which: Answer| answers.iter().filter(|answer| **answer == which).count();
    let (refused, served) = (count(Answer::Refused), count(Answer::Served));
    eprintln!("of {peers}, {refused} got 503 with Retry-After, and {served} got 101 and 1001");
    let wrong = answers.iter().find(|answer| matches!(answer, Answer::Wrong(_)));
    assert_eq!(wrong, None, "of {peers}, {refused} got 503 and {served} were served");
    server.wait(Duration::from_secs(15)).unwrap();
}

/// What became of a handshake.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// 503 with `Retry-After`.
    Refused,
    /// 101, and 1001 then: a worker accepted it before the signal was seen.
    Served,
    Wrong(String),
}

async fn answer(peer: &mut Peer) -> Answer {
    let head = match peer.head().await {
        Ok(head) => head,
        Err(error) => return Answer::Wrong(error.to_string()),
    };
    if head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: ") {
        return Answer::Refused;
    }
    match peer.next().await {
        Ok(Some(frame)) if head.starts_with("HTTP/1.1 101 ") && frame.close_code() == 1001 => {
            let _ = peer.send(&stickler_testing::frame::close(1001)).await;
            Answer::Served
        }
        other => Answer::Wrong(format!("{head:?}, {other:?}")),
    }
}

#[test]
fn sixty_handshakes_in_the_queue_at_sigterm_get_503() {
    all_get_503(60);
}

#[test]
fn four_hundred_handshakes_in_the_queue_at_sigterm_get_503() {
    all_get_503(400);
}
