//! What the application is told of the end (RFC 6455 §7.1.4 to §7.1.6), and peers that do not read.

use std::sync::mpsc;
use std::time::Duration;

use stickler::TimeoutKind;
use stickler::{Config, Ending, Incoming};

use crate::claims::claims;
use crate::{PATIENCE, Running, close, frame};

/// An echo that tells how each connection ended.
fn telling(config: Config) -> (Running, mpsc::Receiver<Ending>) {
    let (tell, told) = mpsc::channel();
    let server = Running::new(config, move |incoming: Incoming| {
        let tell = tell.clone();
        async move {
            let (mut receiver, sender) = incoming.accept()?.split();
            let watch = sender.clone();
            tokio::spawn(async move { tell.send(watch.closed().await) });
            while let Some(message) = receiver.recv().await? {
                sender.send(message)?;
            }
            Ok(())
        }
    });
    (server, told)
}

#[test]
fn s7_1_5_code_and_reason_that_are_reported() {
    claims!("6455-7.1.4-01", "6455-7.1.5-01", "6455-7.1.5-02", "6455-7.1.5-03", "6455-7.1.6-01");
    claims!("6455-7.2.1-01");
    let (server, told) = telling(Config::default());
    for (bytes, code, reason, is_clean) in [
        (close(4000, "bye \u{20ac}"), 4000, "bye \u{20ac}", true),
        ([close(1000, ""), close(4001, "too late")].concat(), 1000, "", true),
        (frame(0x88, ""), 1005, "", true),
        (Vec::new(), 1006, "", false),
        (frame(0x81, "cut off")[..9].to_vec(), 1006, "", false),
        (frame(0x01, "unfinished"), 1006, "", false),
    ] {
        let mut client = server.open();
        client.send(&bytes);
        if !is_clean {
            client.end();
        }
        client.rest();
        drop(client);
        let ending = told.recv_timeout(PATIENCE).unwrap();
        assert_eq!((ending.code().get(), ending.reason()), (code, reason), "{bytes:x?}");
        assert_eq!(ending.is_clean(), is_clean, "{bytes:x?}");
    }
    server.stop();
}

#[test]
fn s6_1_a_peer_that_does_not_read_costs_a_bounded_queue_and_is_dropped() {
    claims!("6455-6.1-04", "6455-7.1.7-03");
    let mut config = Config::default();
    config.limits.max_queued = 1 << 20;
    // A quarter of a second for 256 KiB.
    config.limits.min_drain_rate = 1 << 20;
    config.timeouts.close = Duration::from_millis(200);
    let (tell, told) = mpsc::channel();
    let server = Running::new(config, move |incoming: Incoming| {
        let tell = tell.clone();
        async move {
            let sender = incoming.accept()?.sender().clone();
            let mut most = 0;
            while sender.send(vec![0; 1 << 16]).is_ok() {
                most = most.max(sender.queued());
                sender.ready().await;
            }
            tell.send((most, sender.closed().await)).unwrap();
            Ok(())
        }
    });
    let client = server.open();
    let (most, ending) = told.recv_timeout(PATIENCE).unwrap();
    assert!(most < (1 << 20) + (1 << 16) + 100, "{most} bytes were queued");
    assert_eq!(ending.timeout, Some(TimeoutKind::Drain));
    drop(client);
    server.stop();
}
