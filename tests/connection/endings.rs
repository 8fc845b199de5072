//! Every way to end, as a value: to the handler, to `closed()` and from `serve`.

use std::io::ErrorKind;

use stickler::Initiator;
use stickler::{CloseCode, Config, Ending, Error, SentClose, Violation};

use crate::claims::claims;
use crate::support::{Peer, close, frame, open, settle, text};

/// What the handler saw at its end, and what everybody was told.
async fn end_by(act: impl FnOnce(&Peer)) -> (String, Ending) {
    let (tell, told) = tokio::sync::oneshot::channel();
    let (watch, watched) = tokio::sync::oneshot::channel();
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        tokio::spawn(async move { watch.send(sender.closed().await) });
        let seen = loop {
            match receiver.recv().await {
                Ok(Some(_)) => {}
                Ok(None) => break "none".to_owned(),
                Err(Error::Violation(violation)) => break format!("{violation:?}"),
                Err(Error::Transport(error)) => break format!("{:?}", error.kind()),
                Err(error) => break format!("{error:?}"),
            }
        };
        tell.send(seen).unwrap();
        Ok(())
    })
    .await;
    settle().await;
    act(&peer);
    peer.rest().await;
    peer.end();
    let ending = serving.await.unwrap();
    assert_eq!(watched.await.unwrap(), ending);
    (told.await.unwrap(), ending)
}

#[tokio::test(start_paused = true)]
async fn s7_1_4_a_completed_closing_handshake_is_clean() {
    claims!("6455-7.1.4-01", "6455-7.1.5-01");
    let (seen, ending) = end_by(|peer| peer.send(close(3000))).await;
    assert_eq!(seen, "none");
    assert!(ending.is_clean());
    assert_eq!((ending.code().get(), ending.initiator), (3000, Initiator::Peer));
}

#[tokio::test(start_paused = true)]
async fn s7_1_5_the_end_of_the_transport_is_1006_anywhere() {
    claims!("6455-7.1.4-01", "6455-7.1.5-03", "6455-7.2.1-01");
    let partial = [vec![], vec![0x81], frame(0x01, "abc"), text("cut")[..7].to_vec()];
    for bytes in partial {
        let (seen, ending) = end_by(|peer| {
            peer.send(&bytes);
            peer.end();
        })
        .await;
        assert_eq!(seen, "UnexpectedEof", "{bytes:x?}");
        assert_eq!((ending.code().get(), ending.is_clean()), (1006, false));
        assert_eq!(ending.initiator, Initiator::Transport);
        assert_eq!(
            (ending.transport, ending.sent),
            (Some(ErrorKind::UnexpectedEof), stickler::SentClose::NotSent)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_transport_are_told() {
    claims!("6455-7.1.5-03", "6455-7.1.7-03", "6455-7.2.1-01");
    let (seen, ending) = end_by(|peer| peer.fail_reading(ErrorKind::ConnectionReset)).await;
    assert_eq!(seen, "ConnectionReset");
    assert_eq!(ending.transport, Some(ErrorKind::ConnectionReset));
    let (seen, ending) = end_by(|peer| {
        peer.wire().write_error = Some(ErrorKind::BrokenPipe);
        peer.send(frame(0x89, "answer me"));
    })
    .await;
    assert_eq!(seen, "BrokenPipe");
    assert_eq!((ending.transport, ending.code().get()), (Some(ErrorKind::BrokenPipe), 1006));
}

#[tokio::test(start_paused = true)]
async fn s7_1_7_violations_are_told_and_messages_before_them_delivered() {
    claims!("6455-7.1.7-02", "6455-10.7-03");
    let cases = [
        (vec![0x81, 0x00], Violation::UnmaskedFrame),
        (frame(0xc1, ""), Violation::ReservedBit),
        (frame(0x81, [0xff]), Violation::TextNotUtf8),
        (frame(0x80, ""), Violation::NothingToContinue),
        (frame(0x88, [3]), Violation::CloseBodyTooShort),
        (vec![0x82, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 0], Violation::MessageTooBig),
    ];
    for (bytes, violation) in cases {
        let (seen, ending) = end_by(|peer| peer.send([text("before"), bytes].concat())).await;
        assert_eq!(seen, format!("{:?}", ending.violation.unwrap()));
        if violation != Violation::MessageTooBig {
            assert_eq!(ending.violation, Some(violation));
        }
        assert_eq!(ending.sent, stickler::SentClose::WithCode(violation.close_code()));
        assert_eq!((ending.initiator, ending.received.clone()), (Initiator::Peer, None));
        assert!(!ending.is_clean());
        assert_eq!(ending.code().get(), 1006);
    }
}

/// The transport takes what the task was writing just when the application gives up: the Close behind
/// that goes nowhere.
#[tokio::test(start_paused = true)]
async fn a_close_that_an_abort_has_dropped_was_not_sent() {
    let (begin, begun) = tokio::sync::oneshot::channel();
    let (give_up, given_up) = tokio::sync::oneshot::channel();
    let (peer, serving) = open(Config::default(), async |incoming| {
        let sender = incoming.accept()?.into_sender();
        begun.await.unwrap();
        sender.send("x")?;
        given_up.await.unwrap();
        sender.close(CloseCode::NORMAL, "")?;
        sender.abort();
        Ok(())
    })
    .await;
    peer.give_room(0);
    begin.send(()).unwrap();
    settle().await;
    // The task does not know of it yet.
    peer.wire().room = usize::MAX;
    give_up.send(()).unwrap();
    let ending = serving.await.unwrap();
    assert_eq!(ending.sent, SentClose::NotSent);
    assert!(peer.frames().iter().all(|frame| frame.first == 0x81));
}
