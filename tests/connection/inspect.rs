//! What an inspector is shown: the frames of the wire, both ways, those too that break a rule.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use stickler::proto::handshake::Request;
use stickler::{CloseCode, Config, Direction, Endpoint, Inspect, Inspected, InspectedFrame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{REQUEST, binary, close, connect, echo, frame, open, settle, text, wire};

/// Writes a line for each frame.
#[derive(Debug, Default)]
struct Notes {
    payload_limit: usize,
    /// Frames of connections with this path only, where there is one.
    path: Option<&'static str>,
    asked: Mutex<Vec<Inspected>>,
    lines: Mutex<Vec<String>>,
}

impl Notes {
    fn new(payload_limit: usize) -> Arc<Notes> {
        Arc::new(Notes { payload_limit, ..Notes::default() })
    }

    fn config(self: &Arc<Self>) -> Config {
        Config::default().inspect(self.clone())
    }

    /// The lines since the last call.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}

impl Inspect for Notes {
    fn connection(&self, connection: &Inspected) -> bool {
        self.asked.lock().unwrap().push(connection.clone());
        self.path.is_none_or(|path| path == connection.path())
    }

    fn payload_limit(&self) -> usize {
        self.payload_limit
    }

    fn frame(&self, frame: &InspectedFrame<'_>) {
        assert_eq!(frame.connection.id(), self.asked.lock().unwrap().last().unwrap().id());
        let arrow = if frame.direction == Direction::Received { '<' } else { '>' };
        let fin = if frame.fin { '.' } else { '-' };
        let mut line = format!("{arrow}{:x}{fin}{}", frame.opcode, frame.rsv);
        match frame.payload_len {
            Some(len) if len == frame.passed_len => write!(line, " {len}").unwrap(),
            Some(len) => write!(line, " {} of {len}", frame.passed_len).unwrap(),
            None => write!(line, " header of {}", frame.header.len()).unwrap(),
        }
        if !frame.payload.is_empty() {
            write!(line, " {:?}", String::from_utf8_lossy(frame.payload)).unwrap();
        }
        if let Some((code, reason)) = frame.close {
            write!(line, " {code} {}", String::from_utf8_lossy(reason)).unwrap();
        }
        if let Some(len) = frame.message_len {
            write!(line, " ={len}").unwrap();
        }
        if let Some(violation) = frame.violation {
            write!(line, " !{violation:?}").unwrap();
        }
        assert_eq!(
            frame.mask_key,
            (frame.header.get(1).is_some_and(|second| second & 0x80 != 0)
                && frame.header.len() >= 6)
                .then_some([0x37, 0xfa, 0x21, 0x3d])
        );
        self.lines.lock().unwrap().push(line);
    }
}

/// A fragmented message with a Ping between, its echo, and a Close; each line as it is however the bytes are cut.
#[tokio::test(start_paused = true)]
async fn s5_2_every_frame_is_shown_both_ways_whatever_the_reads_and_writes() {
    let sent = [
        frame(0x01, "Hel"),
        frame(0x89, "are you there"),
        frame(0x80, "lo"),
        binary([7; 300]),
        frame(0x88, [&1000_u16.to_be_bytes()[..], b"bye"].concat()),
    ]
    .concat();
    for at_most in [usize::MAX, 1, 2, 3, 7, 64] {
        let notes = Notes::new(5);
        let (peer, serving) = open(notes.config(), echo).await;
        {
            let mut wire = peer.wire();
            (wire.read_at_most, wire.write_at_most) = (at_most, at_most);
        }
        peer.send(&sent);
        peer.end();
        assert!(serving.await.unwrap().is_clean());
        let (mut received, mut others) = (Vec::new(), Vec::new());
        for line in notes.take() {
            if line.starts_with('<') { received.push(line) } else { others.push(line) }
        }
        let seven = "\\u{7}".repeat(5);
        assert_eq!(
            received,
            [
                "<1-0 3 \"Hel\"",
                "<9.0 13 \"are y\"",
                "<0.0 2 \"lo\"",
                &format!("<2.0 300 \"{seven}\""),
                "<8.0 5 \"\\u{3}\u{fffd}bye\" 1000 bye",
            ],
            "{at_most}"
        );
        others.sort_unstable();
        assert_eq!(
            others,
            [
                ">1.0 5 \"Hello\"",
                &format!(">2.0 300 \"{seven}\""),
                ">8.0 2 \"\\u{3}\u{fffd}\" 1000 ",
                ">a.0 13 \"are y\"",
            ],
            "{at_most}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_payload_is_shown_unless_asked_for_but_the_close_is_decoded() {
    let notes = Notes::new(0);
    let (peer, serving) = open(notes.config(), echo).await;
    peer.send(text("secret"));
    assert_eq!(peer.text().await, "secret");
    peer.close_cleanly(serving).await;
    assert_eq!(notes.take(), ["<1.0 6", ">1.0 6", "<8.0 2 1000 ", ">8.0 2 1000 "]);
}

#[tokio::test(start_paused = true)]
async fn frames_that_break_a_rule_are_shown_before_the_close_that_says_so() {
    let text_3 = [0x81, 3, b'a', b'b', b'c'];
    let not_minimal = [0x82, 0xfe, 0, 5, 0x37, 0xfa, 0x21, 0x3d];
    for (bytes, shown) in [
        (&text_3[..], "<1.0 3 \"abc\" !UnmaskedFrame"),
        (&text_3[..2], "<1.0 0 of 3 !UnmaskedFrame"),
        (&[0x83], "<3.0 header of 1 !ReservedOpcode"),
        (&frame(0xf1, "x"), "<1.7 1 \"x\" !ReservedBit"),
        (&not_minimal, "<2.0 0 of 5 !LengthNotMinimal"),
        (&not_minimal[..4], "<2.0 0 of 5 !LengthNotMinimal"),
        (&frame(0x80, "x"), "<0.0 1 \"x\" !NothingToContinue"),
        (&frame(0x09, "x"), "<9-0 1 \"x\" !ControlFragmented"),
        (&[0x89, 0xfe, 0], "<9.0 header of 3 !ControlTooLong"),
        (&[0x82, 0xff, 0xff], "<2.0 header of 3 !LengthHighBit"),
        // Its header is right, and what it holds is not.
        (&frame(0x81, [0xff]), "<1.0 1 \"\u{fffd}\""),
        (&frame(0x88, [3, 237]), "<8.0 2 \"\\u{3}\u{fffd}\" 1005 "),
    ] {
        let notes = Notes::new(3);
        let (peer, serving) = open(notes.config(), echo).await;
        peer.send(bytes);
        settle().await;
        // This is no protocol any more.
        peer.send(text("behind"));
        peer.end();
        assert!(serving.await.unwrap().violation.is_some());
        let lines = notes.take();
        assert_eq!((lines.len(), &*lines[0]), (2, shown), "{lines:?}");
        assert!(lines[1].starts_with(">8.0 "), "{lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_never_ends_is_shown_with_what_came_of_it() {
    let notes = Notes::new(4);
    let (peer, serving) = open(notes.config(), echo).await;
    let whole = binary(vec![b'z'; 100_000]);
    peer.send(&whole[..50_014]);
    settle().await;
    assert!(notes.take().is_empty());
    peer.end();
    assert!(!serving.await.unwrap().is_clean());
    assert_eq!(notes.take(), ["<2.0 50000 of 100000 \"zzzz\""]);
}

/// What the peer never takes is not on the wire.
#[tokio::test(start_paused = true)]
async fn a_frame_to_the_peer_is_shown_when_the_transport_has_taken_it() {
    let notes = Notes::new(0);
    let (peer, serving) = open(notes.config(), echo).await;
    peer.give_room(70_000);
    peer.send([binary(vec![1; 65_000]), binary(vec![2; 65_000])].concat());
    settle().await;
    assert_eq!(notes.take(), ["<2.0 65000", "<2.0 65000", ">2.0 65000"]);
    drop(peer);
    serving.abort();
    assert!(serving.await.is_err());
    assert_eq!(notes.take(), [">2.0 4992 of 65000"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_with_the_head_is_shown_once_the_101_is_written() {
    let notes = Notes::new(9);
    let endpoint = Endpoint::new(notes.config());
    let (peer, serving) = connect(&endpoint, async |incoming| {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        echo(incoming).await
    });
    peer.send([REQUEST.as_bytes(), &text("early")].concat());
    settle().await;
    assert!(notes.asked.lock().unwrap().is_empty());
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(peer.text().await, "early");
    peer.close_cleanly(serving).await;
    assert_eq!(notes.take()[..2], ["<1.0 5 \"early\"", ">1.0 5 \"early\""]);
    let asked = notes.asked.lock().unwrap();
    assert_eq!((asked.len(), asked[0].path()), (1, "/room"));
    assert_eq!((asked[0].peer_addr(), asked[0].local_addr()), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_not_accepted_is_no_connection() {
    let notes = Notes::new(9);
    let endpoint = Endpoint::new(notes.config());
    for request in [REQUEST, "GET / HTTP/1.1\r\nHost: test\r\n\r\n", "nonsense\r\n\r\n"] {
        let (peer, serving) = connect(&endpoint, async |incoming| {
            drop(incoming);
            Ok(())
        });
        peer.send(request);
        peer.end();
        serving.await.unwrap();
    }
    assert!(notes.asked.lock().unwrap().is_empty() && notes.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_wanted_is_asked_for_once_and_not_shown() {
    let notes = Arc::new(Notes { path: Some("/other"), ..Notes::default() });
    let (peer, serving) = open(notes.config(), echo).await;
    peer.send(text("unseen"));
    assert_eq!(peer.text().await, "unseen");
    peer.close_cleanly(serving).await;
    assert_eq!(notes.asked.lock().unwrap().len(), 1);
    assert!(notes.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_101_something_else_has_sent_is_shown_too() {
    let notes = Notes::new(9);
    let endpoint = Endpoint::new(notes.config());
    let fields: [(&str, &[u8]); 5] = [
        ("host", b"test"),
        ("upgrade", b"websocket"),
        ("connection", b"Upgrade"),
        ("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", b"13"),
    ];
    let request = Request::from_parts("GET", "/upgraded?token=secret", fields).unwrap();
    let negotiated = endpoint.negotiate(&request).unwrap();
    let (transport, peer) = wire();
    let serving = endpoint.serve_upgraded(transport, None, negotiated, async |socket| {
        socket.sender().close(CloseCode::NORMAL, "enough")?;
        Ok::<(), stickler::Error>(())
    });
    let serving = tokio::spawn(serving);
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
    assert_eq!(notes.asked.lock().unwrap()[0].path(), "/upgraded");
    let lines = notes.take();
    assert!(lines[0].ends_with("1000 enough") && lines[1].starts_with("<8.0 2"), "{lines:?}");
}

/// A transport that is written to one slice at a time, and through ten bytes.
#[tokio::test(start_paused = true)]
async fn it_changes_nothing_of_what_goes_over_the_wire() {
    let sent = [REQUEST.as_bytes(), &binary(vec![5; 40_000]), &text("x"), &close(1000)].concat();
    let mut seen = Vec::new();
    let notes = Notes::new(16);
    for config in [Config::default(), notes.config()] {
        let endpoint = Endpoint::new(config);
        let (io, mut peer) = tokio::io::duplex(10);
        let serving = tokio::spawn(endpoint.serve(io, None, echo));
        let (mut reading, mut writing) = tokio::io::split(&mut peer);
        let mut answer = Vec::new();
        let (written, read) =
            tokio::join!(writing.write_all(&sent), reading.read_to_end(&mut answer));
        written.unwrap();
        read.unwrap();
        drop(peer);
        assert!(serving.await.unwrap().is_clean());
        seen.push(answer);
    }
    assert!(seen[0] == seen[1]);
    assert_eq!(notes.take().len(), 6);
}

#[cfg(feature = "deflate")]
mod compressed {
    use super::*;
    use crate::compression::{OFFER, agree, zeros};
    use crate::deflate::deflate;
    use crate::support::takeover;

    /// With context takeover and without, in one frame and in fragments, both ways.
    #[tokio::test(start_paused = true)]
    async fn s7692_6_the_last_frame_of_a_message_says_how_long_it_is_inflated() {
        for takes_over in [true, false] {
            let notes = Notes::new(0);
            let mut config = if takes_over { takeover() } else { Config::default() };
            config.inspect = Some(notes.clone());
            let (client, serving) = agree(config, OFFER, echo).await;
            let peer = client.peer.clone();
            let message = "to be compressed, and again ".repeat(20);
            let first = deflate(b"", message.as_bytes());
            peer.send(frame(0xc1, &first));
            peer.frame().await;
            // Refers to the first one, which the client keeps in any case.
            let second = deflate(message.as_bytes(), message.as_bytes());
            assert!(second.len() < first.len());
            peer.send(
                [frame(0x41, &second[..1]), frame(0x89, "p"), frame(0x80, &second[1..])].concat(),
            );
            peer.frame().await;
            peer.frame().await;
            peer.send(text("plain"));
            peer.text().await;
            let lines = notes.take();
            let received: Vec<_> = lines.iter().filter(|line| line.starts_with('<')).collect();
            let len = message.len();
            assert_eq!(*received[0], format!("<1.4 {} ={len}", first.len()), "{lines:?}");
            assert_eq!(*received[1], "<1-4 1");
            assert_eq!(*received[2], "<9.0 1");
            assert_eq!(*received[3], format!("<0.0 {} ={len}", second.len() - 1));
            assert_eq!(*received[4], "<1.0 5");
            let sent: Vec<_> = lines.iter().filter(|line| line.starts_with(">1.4")).collect();
            assert_eq!(sent.len(), 2, "{lines:?}");
            assert!(sent.iter().all(|line| line.ends_with(&format!(" ={len}"))), "{lines:?}");
            peer.close_cleanly(serving).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_above_the_limit_is_not_inflated_to_its_end() {
        let notes = Notes::new(0);
        let mut config = notes.config();
        config.limits.message.max_message_size = 10_000;
        let (client, serving) = agree(config, OFFER, echo).await;
        let payload = zeros(100_000);
        client.peer.send(frame(0xc2, &payload));
        assert_eq!(client.peer.frame().await.close_code(), 1009);
        client.peer.end();
        serving.await.unwrap();
        assert_eq!(notes.take()[0], format!("<2.4 {}", payload.len()));
    }
}
