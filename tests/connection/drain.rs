//! Peers that take bytes slowly: a steady one gets everything, however the connection ends, and one that is
//! too slow is told so. Transports take bytes in steps, as kernels do; time is paused.

use std::time::Duration;

use stickler::{CloseCode, Config, Ending, Error, Initiator, SentClose, TimeoutKind};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::claims::claims;
use crate::support::{Peer, close, frame, open, settle, text};

const SECOND: Duration = Duration::from_secs(1);

/// No step that a kernel tells is larger, by much.
const STEP: u32 = 128 << 10;

/// Bytes of the messages that the handler sends at once.
const LEN: usize = 512 << 10;

fn without_pings() -> Config {
    let mut config = Config::default();
    config.timeouts.keepalive_interval = None;
    config
}

/// Sends `LEN` bytes in messages of this size when asked to, then does what it was asked for.
async fn sending(config: Config, size: usize) -> (Peer, JoinHandle<Ending>) {
    let (peer, serving) = open(config, async move |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.recv().await?;
        for _ in 0..LEN / size {
            sender.send(vec![7; size])?;
        }
        while let Some(message) = receiver.recv().await? {
            match message.as_bytes() {
                b"close" => sender.close(CloseCode::GOING_AWAY, "")?,
                b"return" => return Ok(()),
                other => panic!("{other:?}"),
            }
        }
        Ok(())
    })
    .await;
    settle().await;
    peer.give_room(0);
    peer.send(text("go"));
    settle().await;
    (peer, serving)
}

/// Takes `step` bytes again and again, at this rate, until no more comes.
async fn take(peer: &Peer, bytes_per_second: u32, step: u32) {
    loop {
        sleep(SECOND * step / bytes_per_second).await;
        peer.give_room(step as usize);
        settle().await;
        let wire = peer.wire();
        if wire.is_gone || wire.room > 0 {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_steady_peer_gets_everything_however_the_connection_ends() {
    claims!("6455-6.1-04");
    let reserved = [0xf1, 0x80, 0, 0, 0, 0];
    let ends: [(&str, &[u8], Option<u16>); 5] = [
        ("our Close", &text("close"), Some(1001)),
        ("the end of the handler", &text("return"), Some(1000)),
        ("the peer's Close", &close(4000), Some(4000)),
        ("a violation", &reserved, Some(1002)),
        ("the peer's FIN", b"", None),
    ];
    for rate in [1030, 2000, 5000, 10_000, 20_000, 40_000] {
        for (end, input, code) in &ends {
            let (peer, serving) = sending(without_pings(), 64 << 10).await;
            peer.send(input);
            if input.is_empty() {
                peer.end();
            }
            take(&peer, rate, STEP).await;
            peer.end();
            let ending = serving.await.unwrap();
            assert_eq!(ending.timeout, None, "{end} at {rate}");
            let frames = peer.frames();
            let data: usize = frames
                .iter()
                .filter(|frame| frame.first == 0x82)
                .map(|frame| frame.payload.len())
                .sum();
            assert_eq!(data, LEN, "{end} at {rate}");
            let closed = frames.last().filter(|frame| frame.first == 0x88);
            assert_eq!(closed.map(|frame| frame.close_code()), *code, "{end} at {rate}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_too_slow_is_told_1008_behind_a_whole_frame() {
    claims!("6455-5.5.2-02");
    let (peer, serving) = sending(without_pings(), 1024).await;
    // Owed, and not forgotten.
    peer.send(frame(0x89, "ping"));
    settle().await;
    let start = Instant::now();
    take(&peer, 500, 500).await;
    peer.end();
    let ending = serving.await.unwrap();
    // The time for 256 KiB at 1,024 B/s, and for what was taken: 256 / (1 - 500 / 1024).
    let lasted = start.elapsed().as_secs();
    assert!((495..520).contains(&lasted), "{lasted}");
    assert_eq!((ending.timeout, ending.initiator), (Some(TimeoutKind::Drain), Initiator::Timeout));
    assert_eq!(ending.sent, SentClose::WithCode(CloseCode::POLICY_VIOLATION));
    let mut frames = peer.frames();
    let closed = frames.pop().unwrap();
    assert_eq!(closed.close_code(), 1008);
    assert_eq!(&closed.payload[2..], b"RFC 6455 10.4: bytes are taken too slowly");
    assert!(peer.written().is_empty(), "a frame was cut off");
    let pongs = frames.iter().filter(|frame| frame.first == 0x8a).count();
    assert_eq!(pongs, 1);
    assert!(frames.iter().all(|frame| frame.first != 0x82 || frame.payload.len() == 1024));
    assert!((200..260).contains(&frames.len()), "{}", frames.len());
}

/// At the slowest rate a peer lasts. The unit tests try one byte per second more and less.
#[tokio::test(start_paused = true)]
async fn the_slowest_rate_is_the_bound() {
    for (rate, lasts) in [(2048, false), (4096, true)] {
        let mut config = without_pings();
        config.limits.min_drain_rate = 4096;
        let (peer, serving) = open(config, async |incoming| {
            let sender = incoming.accept()?.sender().clone();
            // The queue is never empty: what is sent again and again spares nobody.
            while sender.is_open() {
                sender.ready().await;
                let _ = sender.send(vec![7; 64 << 10]);
            }
            Ok(())
        })
        .await;
        settle().await;
        let took = async {
            loop {
                peer.give_room(rate * 4);
                sleep(SECOND * 4).await;
            }
        };
        // What is missing is found out when it has come to 256 KiB.
        let ended = timeout(SECOND * 200, async {
            tokio::select! { ending = serving => ending.unwrap(), () = took => unreachable!() }
        })
        .await;
        assert_eq!(ended.is_err(), lasts, "{rate}");
        if let Ok(ending) = ended {
            assert_eq!(ending.timeout, Some(TimeoutKind::Drain));
        }
    }
}

/// The time for the peer's Close begins when ours is written, and once.
#[tokio::test(start_paused = true)]
async fn the_close_timeout_begins_when_our_close_is_written() {
    let (peer, serving) = sending(without_pings(), 64 << 10).await;
    peer.send(text("close"));
    for _ in 0..10 {
        sleep(SECOND * 20).await;
        peer.give_room(32 << 10);
        settle().await;
        assert!(!peer.has_ended());
    }
    peer.give_room(usize::MAX);
    settle().await;
    assert_eq!(peer.frames().last().unwrap().close_code(), 1001);
    let start = Instant::now();
    let asking = async {
        loop {
            peer.send(frame(0x89, "still there"));
            sleep(SECOND).await;
        }
    };
    let ending =
        tokio::select! { ending = serving => ending.unwrap(), () = asking => unreachable!() };
    assert_eq!(ending.timeout, Some(TimeoutKind::Close));
    assert!(start.elapsed().abs_diff(SECOND * 5) < SECOND / 5, "{:?}", start.elapsed());
}

/// A peer has the time for its FIN from when all is written.
#[tokio::test(start_paused = true)]
async fn the_end_of_tcp_is_waited_for_when_all_is_written() {
    let (peer, serving) = sending(without_pings(), 64 << 10).await;
    peer.send(close(1000));
    sleep(SECOND * 200).await;
    assert!(!peer.has_ended());
    peer.give_room(usize::MAX);
    settle().await;
    assert!(peer.wire().has_shut_down);
    let start = Instant::now();
    let ending = serving.await.unwrap();
    assert!(ending.is_clean());
    assert_eq!(ending.timeout, Some(TimeoutKind::Close));
    assert!(start.elapsed().abs_diff(SECOND * 5) < SECOND / 5, "{:?}", start.elapsed());
}

/// A Ping that stands behind a backlog is not answered before it is written, and that is no silence.
#[tokio::test(start_paused = true)]
async fn s5_5_2_the_time_for_a_pong_begins_when_the_ping_is_written() {
    claims!("6455-5.5.2-05");
    let (peer, serving) = sending(Config::default(), 64 << 10).await;
    let mut pings = 0;
    for _ in 0..20 {
        sleep(SECOND * 10).await;
        peer.give_room(16 << 10);
        settle().await;
    }
    // From here on the peer takes everything and answers what it gets, after 15 s.
    peer.give_room(usize::MAX);
    for _ in 0..10 {
        settle().await;
        let frames = peer.frames();
        let asked = frames.into_iter().filter(|frame| frame.first == 0x89);
        sleep(SECOND * 15).await;
        for ping in asked {
            pings += 1;
            peer.send(frame(0x8a, ping.payload));
        }
    }
    assert!(pings > 2, "{pings}");
    peer.send(close(1000));
    peer.end();
    let ending = serving.await.unwrap();
    assert!(ending.is_clean(), "{ending:?}");
}

/// What a handler is told, and who waits for its messages to be written.
#[tokio::test(start_paused = true)]
async fn who_sends_to_a_peer_that_is_too_slow_is_told() {
    let (peer, serving) = open(without_pings(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.recv().await?;
        sender.send(vec![7; 1000])?;
        sender.send(vec![7; 1000])?;
        assert!(sender.flushed().await.is_err());
        let told = receiver.recv().await;
        assert!(matches!(told, Err(Error::Timeout(TimeoutKind::Drain))), "{told:?}");
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(text("go"));
    assert_eq!(serving.await.unwrap().timeout, Some(TimeoutKind::Drain));
}
