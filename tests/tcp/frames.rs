//! Frames in both directions (RFC 6455 §5 to §8).

use std::sync::Arc;
use std::sync::mpsc;

use stickler::{CloseCode, Config, Incoming, MessageKind, SendError};
use tokio::sync::Notify;

use crate::claims::claims;
use crate::{PATIENCE, Running, close, frame};

#[test]
fn s5_1_the_server_never_masks_and_its_lengths_are_the_shortest() {
    claims!("6455-5.1-04", "6455-5.2-08", "6455-5.2-09", "6455-5.2-10", "6455-5.3-03");
    claims!("6455-5.6-06", "6455-6.1-02", "6455-6.1-03", "6455-6.2-03");
    let server = Running::echo();
    let mut client = server.open();
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
        for first in [0x81, 0x82] {
            let payload = vec![b'a' + (len % 26) as u8; len];
            client.send(frame(first, &payload));
            assert!(client.frame() == (first, payload), "{len}");
        }
    }
    client.send(frame(0x89, [7; 125]));
    assert_eq!(client.frame(), (0x8a, vec![7; 125]));
    client.send(close(4321, "why"));
    assert_eq!(client.rest(), [0x88, 2, 0x10, 0xe1]);
    server.stop();
}

#[test]
fn s5_3_the_example_of_the_rfc_byte_by_byte() {
    claims!("6455-5.2-16", "6455-5.3-01", "6455-5.3-02", "6455-5.7-01");
    let server = Running::echo();
    let mut client = server.open();
    let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    for _ in 0..3 {
        for byte in hello {
            client.send([byte]);
        }
        assert_eq!(client.frame(), (0x81, b"Hello".to_vec()));
    }
    server.stop();
}

/// A fault, and the status code of the Close frame that tells it.
const FAULTS: &[(&str, &[u8], u16)] = &[
    ("6455-5.1-02", &[0x81, 0x05, b'H', b'e', b'l', b'l', b'o'], 1002),
    ("6455-5.1-03", &[0x89, 0x00], 1002),
    ("6455-10.3-01", &[0x82, 0x7f], 1002),
    ("6455-5.2-01", &[0xc1, 0x80, 0, 0, 0, 0], 1002),
    ("6455-5.8-01", &[0x91, 0x80, 0, 0, 0, 0], 1002),
    ("6455-5.2-05", &[0x83, 0x80, 0, 0, 0, 0], 1002),
    ("6455-5.2-11", &[0x82, 0xfe, 0, 125], 1002),
    ("6455-5.2-13", &[0x82, 0xff, 0x80], 1002),
    ("6455-5.2-15", &[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 1009),
    ("6455-5.4-04", &[0x08, 0x80, 0, 0, 0, 0], 1002),
    ("6455-5.4-05", &[0x80, 0x80, 0, 0, 0, 0], 1002),
    ("6455-5.5.1-02", &[0x88, 0x81, 0, 0, 0, 0, 3], 1002),
    ("6455-5.5.1-05", &[0x88, 0x83, 0, 0, 0, 0, 3, 0xe8, 0xff], 1007),
    ("6455-8.1-01", &[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007),
    ("6455-10.7-01", &[0x81, 0x81, 0, 0, 0, 0, 0xff], 1007),
];

#[test]
fn s7_1_7_a_fault_gets_a_close_and_the_end_and_nothing_else() {
    let server = Running::echo();
    for &(id, bytes, code) in FAULTS {
        claims!(id);
        claims!("6455-5.2-07", "6455-7.1.1-01", "6455-7.1.7-01", "6455-7.1.7-02", "6455-7.1.7-04");
        claims!("6455-10.7-03");
        let mut client = server.open();
        // What was said before is answered; what follows is not read, and destroys nothing.
        let behind = [frame(0x89, "late"), frame(0x81, "late"), vec![0; 1 << 16]].concat();
        let input = [&frame(0x81, "before")[..], bytes];
        client.send(input.concat());
        assert_eq!(client.frame(), (0x81, b"before".to_vec()), "{id}");
        let (first, body) = client.frame();
        assert_eq!((first, &body[..2]), (0x88, &code.to_be_bytes()[..]), "{id}");
        assert!(body[2..].starts_with(b"RFC ") && body.len() <= 125, "{id}: {body:?}");
        client.send(behind);
        assert!(client.rest().is_empty(), "{id}");
    }
    server.stop();
}

#[test]
fn s7_4_status_codes() {
    claims!("6455-5.5.1-03", "6455-5.5.1-04", "6455-5.5.1-09", "6455-7.4.1-1005");
    claims!("6455-7.4.1-1006", "6455-7.4.1-1015", "6455-11.7-01");
    let server = Running::echo();
    for code in (998..=1017).chain([0, 1, 2999, 3000, 3999, 4000, 4999, 5000, 0xe803, 65_535]) {
        let mut client = server.open();
        client.send(close(code, ""));
        let answer = client.rest();
        let is_valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let expect = if is_valid { code } else { 1002 }.to_be_bytes();
        assert_eq!((answer[0], &answer[2..4]), (0x88, &expect[..]), "{code}");
        assert_eq!(answer.len() == 4, is_valid, "{code}");
    }
    server.stop();
}

#[test]
fn s5_4_a_message_in_fragments_with_a_pong_between() {
    claims!("6455-5.4-10", "6455-5.4-11", "6455-5.4-12", "6455-5.6-05");
    let go = Arc::new(Notify::new());
    let wait = go.clone();
    let server = Running::new(Config::default(), move |incoming: Incoming| {
        let wait = wait.clone();
        async move {
            let (mut receiver, sender) = incoming.accept()?.split();
            let mut message = sender.start_message(MessageKind::Text)?;
            message.send("one ")?;
            assert_eq!(sender.send("other"), Err(SendError::MessageUnfinished));
            assert_eq!(message.send(&[0xff][..]), Err(SendError::MessageUnfinished));
            let waited = tokio::spawn(async move { wait.notified().await });
            // The task reads meanwhile, and so the Ping is answered.
            tokio::select! { _ = receiver.recv() => {}, _ = waited => {} }
            message.send("two ")?;
            message.finish("three")?;
            sender.send("other")?;
            while receiver.recv().await?.is_some() {}
            Ok(())
        }
    });
    let mut client = server.open();
    assert_eq!(client.frame(), (0x01, b"one ".to_vec()));
    client.send(frame(0x89, "between"));
    assert_eq!(client.frame(), (0x8a, b"between".to_vec()));
    go.notify_one();
    assert_eq!(client.frame(), (0x00, b"two ".to_vec()));
    assert_eq!(client.frame(), (0x80, b"three".to_vec()));
    assert_eq!(client.frame(), (0x81, b"other".to_vec()));
    server.stop();
}

#[test]
fn s5_5_1_a_close_drops_the_rest_of_an_unfinished_message() {
    claims!("6455-5.5.1-12", "6455-6.1-01", "6455-7.1.3-01");
    let (tell, told) = mpsc::channel();
    let server = Running::new(Config::default(), move |incoming: Incoming| {
        let tell = tell.clone();
        async move {
            let (mut receiver, sender) = incoming.accept()?.split();
            let mut message = sender.start_message(MessageKind::Text)?;
            message.send("begun")?;
            assert!(receiver.recv().await?.is_none());
            tell.send((message.send("more"), sender.is_open())).unwrap();
            Ok(())
        }
    });
    let mut client = server.open();
    assert_eq!(client.frame(), (0x01, b"begun".to_vec()));
    client.send(close(1001, ""));
    assert_eq!(client.rest(), [0x88, 2, 3, 0xe9]);
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), (Err(SendError::Closed), false));
    server.stop();
}

#[test]
fn s5_5_1_after_its_close_the_server_sends_no_data() {
    claims!("6455-5.5-04", "6455-5.5.1-08", "6455-5.5.2-02", "6455-6.1-01", "6455-7.1.2-01");
    claims!("6455-7.1.2-02", "6455-7.1.3-01", "6455-7.4-01", "6455-7.4.2-06");
    let (tell, told) = mpsc::channel();
    let server = Running::new(Config::default(), move |incoming: Incoming| {
        let tell = tell.clone();
        async move {
            let (mut receiver, sender) = incoming.accept()?.split();
            for code in [0, 999, 1004, 1005, 1006, 1010, 1015, 1016, 2999, 5000] {
                let refused = sender.close(CloseCode::new(code), "");
                assert_eq!(refused, Err(SendError::CloseCodeNotSendable), "{code}");
            }
            let long = "r".repeat(124);
            assert_eq!(sender.close(CloseCode::NORMAL, &long), Err(SendError::ReasonTooLong));
            assert_eq!(sender.ping(&[0; 126]), Err(SendError::ControlTooLong));
            sender.close(CloseCode::new(4001), "bye")?;
            assert_eq!(sender.send("late"), Err(SendError::Closed));
            assert!(receiver.recv().await?.is_none());
            assert_eq!(sender.send("later"), Err(SendError::Closed));
            tell.send(()).unwrap();
            Ok(())
        }
    });
    let mut client = server.open();
    assert_eq!(client.frame(), (0x88, b"\x0f\xa1bye".to_vec()));
    client.send([frame(0x81, "still here"), frame(0x89, "alive?")].concat());
    assert_eq!(client.frame(), (0x8a, b"alive?".to_vec()));
    client.send(close(4001, ""));
    assert!(client.rest().is_empty());
    // The handler came to its end: every assertion in it held.
    told.recv_timeout(PATIENCE).unwrap();
    server.stop();
}
