//! The opening handshake as the application decides about it, and its deadline.

use std::future::pending;
use std::time::Duration;

use stickler::http::Response;
use stickler::{Config, Endpoint, Error, Policy, Rejection};
use stickler::{Initiator, TimeoutKind};
use tokio::time::Instant;

use crate::claims::claims;
use crate::logs::{Lines, listen};
use crate::support::{REQUEST, close, connect, echo, settle, text};

fn offering(subprotocols: &str) -> String {
    REQUEST.replace("\r\n\r\n", &format!("\r\nSec-WebSocket-Protocol: {subprotocols}\r\n\r\n"))
}

#[tokio::test(start_paused = true)]
async fn the_hook_sees_the_request_and_may_await() {
    claims!("6455-4.2.2-26", "6455-10.5-01");
    let endpoint = Endpoint::new(Config::default());
    let (peer, serving) = connect(&endpoint, async |mut incoming| {
        assert_eq!((incoming.path(), incoming.peer_addr()), ("/room", None));
        assert_eq!(incoming.head().field("host"), Some(&b"test"[..]));
        let request = incoming.head().clone();
        tokio::time::sleep(Duration::from_secs(3)).await;
        incoming.header("X-Room", "blue").unwrap();
        let socket = incoming.accept()?;
        socket.send(request.target())?;
        let (receiver, sender) = socket.split();
        assert_eq!((receiver.path(), sender.path()), ("/room".into(), "/room".into()));
        Ok(())
    });
    peer.send(REQUEST);
    let head = peer.head().await;
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("\r\nX-Room: blue\r\n"), "{head}");
    assert_eq!(peer.text().await, "/room");
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.end();
    serving.await.unwrap();
}

/// TLS and the PROXY protocol reach a plain port when something before it is configured wrongly: both the answer
/// and the log say so, without a byte of what was sent.
#[tokio::test(start_paused = true)]
async fn s9112_2_2_another_protocol_on_the_port_is_named_in_the_answer_and_the_log() {
    let tls: &[u8] = b"\x16\x03\x01\x00\xc1\x01";
    let others = [
        (
            tls,
            "TlsHandshake",
            "this is the beginning of TLS, and this port speaks HTTP without TLS",
        ),
        (
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "ProxyHeader",
            "this is a header of the PROXY protocol, which is not read on this port",
        ),
        (
            b"\r\n\r\n\0\r\nQUIT\n",
            "EmptyLinesBeforeRequest",
            "more than one empty line comes first, as in a header of the PROXY protocol, version 2",
        ),
    ];
    for (bytes, rejection, sentence) in others {
        for cut in 0..bytes.len() {
            let (lines, _listening) = listen(|| {});
            let (peer, serving) = connect(&Endpoint::new(Config::default()), echo);
            peer.send(&bytes[..cut]);
            settle().await;
            peer.send(&bytes[cut..]);
            let head = peer.head().await;
            assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
            let body = format!("RFC 9112 2.2: {sentence}\n");
            assert_eq!(String::from_utf8(peer.rest().await).unwrap(), body);
            peer.end();
            assert_eq!(format!("{:?}", serving.await.unwrap().rejection.unwrap()), rejection);
            let told = lines.at("INFO");
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(sentence) && !told[0].contains("192.0.2"), "{told:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s4_2_2_the_hook_chooses_among_the_offered_subprotocols() {
    claims!("6455-4.2.2-10", "6455-4.2.2-11");
    for (chosen, answered) in [("b", Some("b")), ("c", None), ("", None)] {
        let (peer, serving) =
            connect(&Endpoint::new(Config::default()), async move |mut incoming| {
                match chosen {
                    "" => incoming.no_subprotocol(),
                    chosen => incoming.subprotocol(chosen)?,
                };
                assert_eq!(incoming.chosen_subprotocol(), answered);
                incoming.accept().map(drop)
            });
        peer.send(offering("a, b"));
        let head = peer.head().await;
        match answered {
            Some(name) => {
                assert!(
                    head.contains(&format!("\r\nSec-WebSocket-Protocol: {name}\r\n")),
                    "{head}"
                );
            }
            // One that was not offered is the handler's mistake.
            None if chosen == "c" => assert!(head.starts_with("HTTP/1.1 500 "), "{head}"),
            None => assert!(!head.contains("Sec-WebSocket-Protocol"), "{head}"),
        }
        peer.end();
        serving.await.unwrap();
    }
}

/// A browser that gets none of the subprotocols that it offers gives up and says nothing. The log does, once for the
/// address and minute. It names what was asked for, and of a long name, which may be a token, only the length.
#[tokio::test(start_paused = true)]
async fn s4_2_2_offered_subprotocols_of_which_none_is_spoken_are_logged_once_in_a_minute() {
    let mut config = Config::default();
    config.policy.subprotocols = vec!["b".parse().unwrap()];
    let endpoint = Endpoint::new(config);
    let token = format!("base64url.bearer.{}", "x".repeat(100));
    let fits = "f".repeat(31);
    let wait = Duration::from_secs;
    // What is offered, how long after the last one, and what the log has of it.
    let steps = [
        (
            format!("{token}, c"),
            wait(0),
            Some(r#"offered="(a name of 117 octets), c" suppressed=0"#),
        ),
        ("d".into(), wait(0), None),
        ("d, b".into(), wait(0), None),
        (String::new(), wait(0), None),
        ("d".into(), wait(59), None),
        (format!("{fits}, {fits}f"), wait(1), Some(r#", (a name of 32 octets)" suppressed=2"#)),
        // Short ones that are named so are credentials too.
        (
            "bearer.s3cret, X-Token-s3cret, Auth~s3cret".into(),
            wait(60),
            Some("(a name of 13 octets), (a name of 14 octets), (a name of 11 octets)"),
        ),
        ("1, 2, 3, 4, 5, 6".into(), wait(60), Some(r#"="1, 2, 3, 4, and 2 more" suppressed=0"#)),
    ];
    for (offer, wait, expected) in steps {
        tokio::time::advance(wait).await;
        let (lines, _listening) = listen(|| {});
        let (peer, serving) = connect(&endpoint, echo);
        match &*offer {
            "" => peer.send(REQUEST),
            offer => peer.send(offering(offer)),
        }
        assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
        peer.send(text("content"));
        assert_eq!(peer.text().await, "content");
        peer.send(close(1000));
        peer.end();
        serving.await.unwrap();
        let told = lines.at("INFO");
        assert_eq!(told.len(), usize::from(expected.is_some()), "{offer}: {told:?}");
        if let Some(expected) = expected {
            for part in [expected, "RFC 6455 4.2.2", "--subprotocol NAME", "path=\"/room\""] {
                assert!(told[0].contains(part), "{part} in {told:?}");
            }
        }
        let all = lines.all().concat();
        assert!(
            !all.contains("xxx") && !all.contains("s3cret") && !all.contains("content"),
            "{lines:?}"
        );
    }
}

/// So does a hook that refuses to name one.
#[tokio::test(start_paused = true)]
async fn s4_2_2_a_hook_that_names_no_subprotocol_is_logged_and_one_that_chooses_is_not() {
    for (chooses, times) in [(false, 1), (true, 0)] {
        let (lines, _listening) = listen(|| {});
        let mut config = Config::default();
        config.policy.subprotocols = if chooses { vec![] } else { vec!["a".parse().unwrap()] };
        let (peer, _serving) = connect(&Endpoint::new(config), async move |mut incoming| {
            if chooses {
                incoming.subprotocol("a")?
            } else {
                incoming.no_subprotocol()
            };
            incoming.accept().map(drop)
        });
        peer.send(offering("a"));
        assert_eq!(peer.head().await.contains("\r\nSec-WebSocket-Protocol: a\r\n"), chooses);
        assert_eq!(lines.at("INFO").len(), times, "{lines:?}");
    }
}

/// For trying things out the first one that is offered is agreed to, and nothing is logged of it.
#[tokio::test(start_paused = true)]
async fn s4_2_2_any_subprotocol_agrees_to_the_first_one_that_is_offered() {
    let config = Config::default().policy(Policy::default().any_subprotocol(true));
    let endpoint = Endpoint::new(config);
    for (offer, chosen) in [("b, a", Some("b")), ("graphql-ws", Some("graphql-ws")), ("", None)] {
        let (lines, _listening) = listen(|| {});
        let (peer, _serving) = connect(&endpoint, async move |incoming| {
            assert_eq!(incoming.chosen_subprotocol(), chosen);
            incoming.accept().map(drop)
        });
        match offer {
            "" => peer.send(REQUEST),
            offer => peer.send(offering(offer)),
        }
        let head = peer.head().await;
        let named = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
        assert_eq!(named, chosen, "{head}");
        assert!(lines.at("INFO").is_empty(), "{lines:?}");
    }
}

/// At debug a connection has one line when it opens and one when it ends, whatever that was, and neither has the
/// query, a header field, or a byte of a message or of a reason.
#[tokio::test(start_paused = true)]
async fn a_connection_that_opened_has_a_line_of_that_and_one_of_its_end() {
    let mut config = Config::default();
    config.policy.subprotocols = vec!["chat".parse().unwrap()];
    let endpoint = Endpoint::new(config);
    let ends: [(&str, &[u8], &str); 4] = [
        ("a Close", &close(4000), "initiator=Peer code=4000 sent=4000 clean=true lasted=3s"),
        ("a violation", &[0xff, 0x80], "code=1006 sent=1002 clean=false violation="),
        (
            "a lost transport",
            b"",
            "initiator=Transport code=1006 clean=false transport=UnexpectedEof",
        ),
        ("the handler", &text("stop"), "initiator=Application code=1000 sent=1000 clean=true"),
    ];
    for (how, bytes, ending) in ends {
        let (lines, _listening) = listen(|| {});
        let (peer, serving) = connect(&endpoint, async |incoming| {
            let mut socket = incoming.accept()?;
            while socket.recv().await?.is_some_and(|message| message.as_bytes() != b"stop") {}
            Ok(())
        });
        peer.send(offering("x, chat").replace("/room", "/room?token=secret"));
        peer.head().await;
        peer.send(text("secret"));
        settle().await;
        tokio::time::advance(Duration::from_secs(3)).await;
        peer.send(bytes);
        if how == "the handler" {
            settle().await;
            peer.send(close(1000));
        }
        settle().await;
        peer.end();
        serving.await.unwrap();
        let (opened, ended) = (told(&lines, "opened"), told(&lines, "ended"));
        assert_eq!((opened.len(), ended.len()), (1, 1), "{how}: {lines:?}");
        assert!(opened[0].contains(r#"path="/room" subprotocol="chat""#), "{opened:?}");
        assert!(
            ended[0].contains(r#"path="/room" "#) && ended[0].contains("lasted=3s"),
            "{ended:?}"
        );
        assert!(ended[0].contains(ending), "{how}: {ended:?}");
        assert!(!lines.all().concat().contains("secret"), "{lines:?}");
    }
}

fn told(lines: &Lines, what: &str) -> Vec<String> {
    let message = format!("message=the connection {what}");
    lines.at("DEBUG").into_iter().filter(|line| line.contains(&message)).collect()
}

/// A connection whose task is dropped, as at the end of its runtime, has ended too. One that was refused never
/// opened.
#[tokio::test(start_paused = true)]
async fn a_dropped_connection_has_a_line_of_its_end_and_a_refused_one_has_neither() {
    let endpoint = Endpoint::new(Config::default());
    let (lines, _listening) = listen(|| {});
    let (peer, serving) = connect(&endpoint, echo);
    peer.send(REQUEST);
    peer.head().await;
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    assert_eq!((told(&lines, "opened").len(), told(&lines, "ended").len()), (1, 1), "{lines:?}");

    let (lines, _listening) = listen(|| {});
    let (peer, serving) = connect(&endpoint, echo);
    peer.send(REQUEST.replace("Version: 13", "Version: 8"));
    assert!(peer.head().await.starts_with("HTTP/1.1 426 "));
    peer.end();
    serving.await.unwrap();
    assert_eq!((told(&lines, "opened").len(), told(&lines, "ended").len()), (0, 0), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn the_hook_rejects_with_any_status() {
    claims!("6455-4.1-02", "6455-4.2.2-03", "6455-4.2.2-04", "6455-4.2.2-28");
    for status in [200, 302, 401, 403, 404, 429, 503, 599] {
        let (peer, serving) = connect(&Endpoint::new(Config::default()), async move |incoming| {
            let response = Response::builder().status(status).header("X-Why", "closed today");
            Ok(incoming.reject(response.body("no entry\n")?)?)
        });
        peer.send([REQUEST.as_bytes(), &text("too early")].concat());
        let head = peer.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        for line in ["X-Why: closed today", "Connection: close", "Content-Length: 9"] {
            assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
        }
        assert_eq!(peer.rest().await, b"no entry\n");
        peer.end();
        let ending = serving.await.unwrap();
        assert_eq!((ending.answered, ending.refused), (Some(status), None));
        assert_eq!(ending.initiator, Initiator::Application);
    }
}

#[tokio::test(start_paused = true)]
async fn an_incoming_dropped_is_refused_with_500() {
    let endpoint = Endpoint::new(Config::default());
    for how in ["dropped", "error", "panic"] {
        let (peer, serving) = connect(&endpoint, async move |incoming| {
            match how {
                "error" => return Err(Error::application("no")),
                "panic" => panic!("in the hook"),
                _ => drop(incoming),
            }
            Ok(())
        });
        peer.send(REQUEST);
        let head = peer.head().await;
        assert!(head.starts_with("HTTP/1.1 500 "), "{how}: {head}");
        peer.rest().await;
        peer.end();
        let ending = serving.await.unwrap();
        assert_eq!(ending.rejection, Some(Rejection::HandlerFailed), "{how}");
        let expected =
            if how == "panic" { Initiator::HandlerPanic } else { Initiator::HandlerError };
        assert_eq!(ending.initiator, expected, "{how}");
    }
    let panicking: fn(_) -> std::future::Ready<stickler::Result<()>> = |_| panic!("at once");
    let (peer, serving) = connect(&endpoint, panicking);
    peer.send(REQUEST);
    assert!(peer.head().await.starts_with("HTTP/1.1 500 "));
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_malformed_request_never_reaches_the_handler() {
    claims!("6455-4.2.1-01", "6455-4.2.2-28");
    let (peer, serving) =
        connect(&Endpoint::new(Config::default()), async |_| -> stickler::Result<()> {
            panic!("called")
        });
    peer.send(REQUEST.replace("Host: test", "Host: a b"));
    assert!(peer.head().await.starts_with("HTTP/1.1 400 "));
    peer.rest().await;
    peer.end();
    let ending = serving.await.unwrap();
    assert_eq!((ending.refused, ending.initiator), (Some(400), Initiator::Peer));
}

#[tokio::test(start_paused = true)]
async fn frames_sent_before_the_101_are_read_after_it() {
    claims!("6455-4.1-02");
    let (peer, serving) = connect(&Endpoint::new(Config::default()), async |incoming| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        echo(incoming).await
    });
    let early = [REQUEST.as_bytes(), &text("early"), &text("bird")].concat();
    let (now, later) = early.split_at(early.len() - 5);
    peer.send(now);
    settle().await;
    peer.send(later);
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(peer.text().await, "early");
    assert_eq!(peer.text().await, "bird");
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_head_gets_408_at_the_deadline() {
    claims!("9110-15.5.9-01", "9112-9.5-01", "6455-7.2.2-01");
    let (peer, serving) = connect(&Endpoint::new(Config::default()), echo);
    let start = Instant::now();
    for byte in REQUEST.bytes().take(9) {
        peer.send([byte]);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(peer.head().await.starts_with("HTTP/1.1 408 "));
    assert!(start.elapsed().abs_diff(Duration::from_secs(10)) < Duration::from_millis(100));
    peer.rest().await;
    peer.end();
    let ending = serving.await.unwrap();
    assert_eq!(
        (ending.timeout, ending.initiator),
        (Some(TimeoutKind::Handshake), Initiator::Timeout)
    );
    assert_eq!(ending.rejection, Some(Rejection::HandshakeTooSlow));
}

#[tokio::test(start_paused = true)]
async fn silence_is_answered_with_silence_at_the_deadline() {
    claims!("9110-15.5.9-01", "9112-9.5-01", "6455-7.2.2-01");
    let (peer, serving) = connect(&Endpoint::new(Config::default()), echo);
    let start = Instant::now();
    assert_eq!(peer.rest().await, b"");
    assert!(start.elapsed().abs_diff(Duration::from_secs(10)) < Duration::from_millis(100));
    peer.end();
    let ending = serving.await.unwrap();
    assert_eq!((ending.timeout, ending.refused), (Some(TimeoutKind::Handshake), None));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_decides_too_slowly_means_503_and_accept_fails() {
    let (peer, serving) = connect(&Endpoint::new(Config::default()), async |incoming| {
        tokio::time::sleep(Duration::from_secs(11)).await;
        let refused = incoming.accept();
        assert!(matches!(refused, Err(Error::Timeout(TimeoutKind::Handshake))), "{refused:?}");
        Ok(())
    });
    peer.send(REQUEST);
    let start = Instant::now();
    assert!(peer.head().await.starts_with("HTTP/1.1 503 "));
    assert!(start.elapsed().abs_diff(Duration::from_secs(10)) < Duration::from_millis(100));
    peer.rest().await;
    peer.end();
    let ending = serving.await.unwrap();
    assert_eq!(
        (ending.timeout, ending.initiator),
        (Some(TimeoutKind::Handshake), Initiator::Timeout)
    );
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_be_dropped_with_its_connection() {
    let endpoint = Endpoint::new(Config::default());
    let (peer, serving) = connect(&endpoint, async |incoming| {
        let _socket = incoming.accept()?;
        pending().await
    });
    peer.send(REQUEST);
    peer.head().await;
    assert_eq!(endpoint.connections(), 1);
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    assert_eq!(endpoint.connections(), 0);
    assert!(peer.wire().is_gone);
    assert_eq!(peer.rest().await, b"");
}
