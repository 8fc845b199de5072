//! Input that the task reads for a Receiver that waits in its handler: who asks late, elsewhere, or
//! never, finds what he would have found otherwise.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use stickler::{CloseCode, Config, Ending, Endpoint, Error, Receiver, Sender};
use stickler::{Initiator, TimeoutKind};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep};

use crate::support::{Frame, Peer, binary, close, echo, frame, open, open_on, settle, text};

pub(crate) type Seen = Poll<stickler::Result<Option<String>>>;

pub(crate) fn poll_next(receiver: &mut Receiver, cx: &mut Context<'_>) -> Seen {
    let next = pin!(receiver.recv());
    next.poll(cx).map_ok(|message| message.map(|message| message.as_text().unwrap().to_owned()))
}

/// Asks once, as a branch of `select!` does that loses.
pub(crate) async fn ask(receiver: &mut Receiver) -> Seen {
    poll_fn(|cx| Poll::Ready(poll_next(receiver, cx))).await
}

#[track_caller]
pub(crate) fn assert_is(seen: Seen, expected: &str) {
    assert!(matches!(&seen, Poll::Ready(Ok(Some(text))) if text == expected), "{seen:?}");
}

pub(crate) fn letters(letters: &[&str]) -> Vec<u8> {
    letters.iter().flat_map(|letter| text(letter)).collect()
}

/// Runs a handler whose Receiver waits, and gives it input in the turn in which it is told to go on.
pub(crate) async fn hand<H, F>(
    config: Config,
    input: &[u8],
    handler: H,
) -> (Peer, JoinHandle<Ending>)
where
    H: FnOnce(Receiver, Sender) -> F + Send + 'static,
    F: Future<Output = stickler::Result<()>> + Send,
{
    let told = Arc::new(Notify::new());
    let go = told.clone();
    let (peer, serving) = open(config, async move |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        assert!(ask(&mut receiver).await.is_pending());
        told.notified().await;
        handler(receiver, sender).await
    })
    .await;
    settle().await;
    peer.send(input);
    go.notify_one();
    settle().await;
    (peer, serving)
}

/// What the handler does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Drops,
    /// Closes, and does not ask any more.
    Closes,
    ClosesAndAsks,
    Returns,
    Fails,
    Panics,
    ForgetsAndReturns,
    ForgetsAndPanics,
    /// Another keeps the Receiver and does not use it.
    GivesAwayAndReturns,
}

const ALL: [Then; 9] = [
    Then::Drops,
    Then::Closes,
    Then::ClosesAndAsks,
    Then::Returns,
    Then::Fails,
    Then::Panics,
    Then::ForgetsAndReturns,
    Then::ForgetsAndPanics,
    Then::GivesAwayAndReturns,
];

impl Then {
    async fn act(self, mut receiver: Receiver, sender: Sender) -> stickler::Result<()> {
        match self {
            Then::Drops => {
                drop(receiver);
                sender.closed().await;
            }
            Then::Closes => {
                sender.close(CloseCode::NORMAL, "")?;
                sender.closed().await;
            }
            Then::ClosesAndAsks => {
                sender.close(CloseCode::NORMAL, "")?;
                assert!(receiver.recv().await?.is_none());
            }
            Then::Returns => {}
            Then::Fails => return Err(Error::application("on purpose")),
            Then::Panics => std::panic::resume_unwind(Box::new("on purpose")),
            Then::ForgetsAndReturns => std::mem::forget(receiver),
            Then::ForgetsAndPanics => {
                std::mem::forget(receiver);
                std::panic::resume_unwind(Box::new("on purpose"));
            }
            Then::GivesAwayAndReturns => {
                tokio::spawn(async move {
                    pending::<()>().await;
                    drop(receiver);
                });
            }
        }
        Ok(())
    }

    fn code(self) -> u16 {
        if matches!(self, Then::Fails | Then::Panics | Then::ForgetsAndPanics) {
            1011
        } else {
            1000
        }
    }

    /// Whether a Receiver that lives on keeps the input that it holds from everybody.
    fn holds_back(self) -> bool {
        use Then::{Closes, ForgetsAndPanics, ForgetsAndReturns, GivesAwayAndReturns};
        matches!(self, Closes | ForgetsAndPanics | ForgetsAndReturns | GivesAwayAndReturns)
    }
}

/// Whatever became of the input, the closing handshake completes at once; only input that a
/// Receiver has begun to read and keeps holds it back.
#[tokio::test(start_paused = true)]
async fn the_end_comes_whatever_became_of_the_input() {
    for then in ALL {
        for taken in 0..4 {
            for is_later in [false, true] {
                let case = format!("{then:?}, {taken} taken, later: {is_later}");
                let endpoint = Endpoint::new(Config::default());
                let told = Arc::new(Notify::new());
                let go = told.clone();
                let (transport, peer) = crate::support::wire();
                let handler = async move |incoming: stickler::Incoming| {
                    let (mut receiver, sender) = incoming.accept()?.split();
                    assert!(ask(&mut receiver).await.is_pending());
                    told.notified().await;
                    for expected in ["a", "b", "c"].into_iter().take(taken) {
                        assert_is(ask(&mut receiver).await, expected);
                    }
                    if is_later {
                        yield_now().await;
                    }
                    then.act(receiver, sender).await
                };
                let serving = tokio::spawn(endpoint.serve(transport, None, handler));
                peer.send(crate::support::REQUEST);
                peer.head().await;
                settle().await;
                peer.send(letters(&["a", "b", "c"]));
                go.notify_one();
                let start = Instant::now();
                if then == Then::Drops {
                    peer.send(frame(0x89, "p"));
                    assert_eq!(peer.frame().await.payload, b"p", "{case}");
                    peer.send(close(1000));
                }
                assert_eq!(peer.frame().await.close_code(), then.code(), "{case}");
                peer.send(close(1000));
                let ending = serving.await.unwrap();
                if then.holds_back() && (1..3).contains(&taken) {
                    assert_eq!(ending.timeout, Some(TimeoutKind::Close), "{case}");
                    assert!(ending.received.is_none(), "{case}: overtaken");
                } else {
                    // The peer never ends TCP.
                    assert!(ending.received.is_some(), "{case}: {ending:?}");
                    assert_eq!(ending.violation, None, "{case}");
                    assert_eq!(peer.untaken(), 0, "{case}");
                }
                let expected = match then {
                    Then::Drops => Initiator::Peer,
                    Then::Fails => Initiator::HandlerError,
                    Then::Panics | Then::ForgetsAndPanics => Initiator::HandlerPanic,
                    _ => Initiator::Application,
                };
                let is_timed_out = ending.initiator == Initiator::Timeout;
                assert!(is_timed_out || ending.initiator == expected, "{case}: {ending:?}");
                assert!(start.elapsed() < Duration::from_secs(11), "{case}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_later_finds_everything_in_order() {
    for (taken, pings) in (0..4).flat_map(|taken| [(taken, 0), (taken, 1)]) {
        let ping = frame(0x89, "p").repeat(pings);
        let input = [letters(&["a", "b"]), ping, text("c")].concat();
        let (peer, serving) = hand(Config::default(), &input, async move |mut receiver, sender| {
            let expected = ["a", "b", "c", "d", "e"];
            for expected in &expected[..taken] {
                assert_is(ask(&mut receiver).await, expected);
                sender.send(*expected)?;
            }
            sleep(Duration::from_secs(1000)).await;
            for expected in &expected[taken..] {
                let message = receiver.recv().await?.expect("a message");
                assert_eq!(message.as_text(), Some(*expected));
                sender.send(message)?;
            }
            assert!(receiver.recv().await?.is_none());
            Ok(())
        })
        .await;
        peer.send(letters(&["d", "e"]));
        let mut expected = vec![(0x81, "a"), (0x81, "b"), (0x8a, "p"), (0x81, "c")];
        if pings == 0 {
            expected.remove(2);
        }
        // A Ping behind the last message that was taken does not wait for the handler.
        let so_far = if taken >= 2 { taken + pings } else { taken };
        for (first, payload) in expected.drain(..so_far) {
            let payload = payload.into();
            assert_eq!(peer.frame().await, Frame { first, payload }, "{taken} taken");
        }
        sleep(Duration::from_secs(900)).await;
        // The peer is paused, no Ping is answered out of turn, and none asks whether it lives. Where
        // all input was taken, the task has read ahead.
        assert_eq!(peer.frames(), [], "{taken} taken");
        let untaken = if taken == 3 { 0 } else { letters(&["d", "e"]).len() };
        assert_eq!(peer.untaken(), untaken, "{taken} taken");
        expected.extend([(0x81, "d"), (0x81, "e")]);
        for (first, payload) in expected {
            let payload = payload.into();
            assert_eq!(peer.frame().await, Frame { first, payload }, "{taken} taken");
        }
        peer.close_cleanly(serving).await;
    }
}

/// Who waits for room in the queue holds input that nobody may overtake.
#[tokio::test(start_paused = true)]
async fn a_close_does_not_overtake_input_that_waits_for_the_queue() {
    for is_shut_down in [false, true] {
        for (max_queued, len) in [(1000, 2000), (1 << 20, 70_000)] {
            for taken in 0..2 {
                let case = format!("{is_shut_down}, {len}, {taken} taken");
                let mut config = Config::default();
                config.limits.max_queued = max_queued;
                let endpoint = Endpoint::new(config);
                let told = Arc::new(Notify::new());
                let go = told.clone();
                let handler = async move |incoming: stickler::Incoming| {
                    let (mut receiver, sender) = incoming.accept()?.split();
                    assert!(ask(&mut receiver).await.is_pending());
                    told.notified().await;
                    if taken == 1 {
                        assert_is(ask(&mut receiver).await, "a");
                    }
                    sender.send(vec![0; len])?;
                    assert!(ask(&mut receiver).await.is_pending());
                    if !is_shut_down {
                        sender.close(CloseCode::GOING_AWAY, "")?;
                    }
                    sleep(Duration::from_secs(1)).await;
                    while receiver.recv().await?.is_some() {}
                    Ok(())
                };
                let request = crate::support::REQUEST;
                let (peer, serving, _) = open_on(&endpoint, request, handler).await;
                settle().await;
                peer.give_room(0);
                let cut = text("the rest of this comes later");
                let (first, last) = cut.split_at(9);
                peer.send([&letters(&["a", "b"]), first].concat());
                go.notify_one();
                settle().await;
                if is_shut_down {
                    endpoint.shutdown();
                }
                peer.send([last, &close(1001)].concat());
                settle().await;
                peer.give_room(usize::MAX);
                assert_eq!(peer.frame().await.payload.len(), len, "{case}");
                assert_eq!(peer.frame().await.close_code(), 1001, "{case}");
                peer.end();
                let ending = serving.await.unwrap();
                assert!(ending.is_clean(), "{case}: {ending:?}");
            }
        }
    }
}

/// Bytes that come to a handler without the lock are a sign of life like any.
#[tokio::test(start_paused = true)]
async fn s5_5_2_a_ping_follows_silence_and_not_messages() {
    const SECOND: Duration = Duration::from_secs(1);
    let mut config = Config::default();
    config.timeouts.keepalive_interval = Some(SECOND * 5);
    let (peer, serving) = open(config, echo).await;
    for (messages, is_answered) in [(10, false), (0, true), (0, false), (3, true), (0, true)] {
        for number in 0..messages {
            sleep(SECOND * 4).await;
            peer.send(text(&number.to_string()));
            assert_eq!(peer.text().await, number.to_string());
        }
        let start = Instant::now();
        let ping = peer.frame().await;
        assert_eq!(ping.first, 0x89);
        let silence = start.elapsed();
        assert!(silence.abs_diff(SECOND * 5) < SECOND / 5, "{silence:?}");
        sleep(SECOND).await;
        // A message is as good as a Pong.
        peer.send(if is_answered { frame(0x8a, &ping.payload) } else { text("here") });
        if !is_answered {
            assert_eq!(peer.text().await, "here");
        }
    }
    peer.close_cleanly(serving).await;
}

#[tokio::test(start_paused = true)]
async fn s7_1_7_what_stands_before_a_broken_rule_is_answered_before_the_close() {
    let unmasked = [0x81, 1, b'x'];
    for good in 0..4 {
        let (peer, serving) = open(Config::default(), async |incoming| {
            let seen = echo(incoming).await;
            assert!(matches!(seen, Err(Error::Violation(_))), "{seen:?}");
            seen
        })
        .await;
        settle().await;
        peer.send([&letters(&["a", "b", "c"][..good]), &unmasked[..], &text("never")].concat());
        for expected in &["a", "b", "c"][..good] {
            assert_eq!(peer.text().await, *expected);
        }
        assert_eq!(peer.frame().await.close_code(), 1002);
        peer.end();
        assert!(serving.await.unwrap().violation.is_some());
    }
}

/// Small messages, large ones, Pongs and what a thread sends, within one poll.
#[tokio::test(start_paused = true)]
async fn what_one_poll_sends_goes_out_in_the_order_of_the_calls() {
    let input = [text("a"), frame(0x89, "p"), text("b"), frame(0x89, "q"), text("c")].concat();
    let (peer, serving) = hand(Config::default(), &input, async |mut receiver, sender| {
        sender.send("0")?;
        assert_is(ask(&mut receiver).await, "a");
        sender.send("1")?;
        sender.send(vec![b'2'; 20_000])?;
        assert_is(ask(&mut receiver).await, "b");
        sender.send("3")?;
        let other = sender.clone();
        std::thread::spawn(move || other.send("4").unwrap()).join().unwrap();
        sender.send("5")?;
        assert!(sender.queued() > 20_000);
        sender.ready().await;
        assert_is(ask(&mut receiver).await, "c");
        sender.send("6")?;
        assert!(ask(&mut receiver).await.is_pending());
        sender.send("7")?;
        Ok(())
    })
    .await;
    let seen: Vec<u8> = peer.frames().iter().map(|frame| frame.payload[0]).collect();
    assert_eq!(seen, b"012p345q67\x03");
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_pieces_after_messages_gets_them_as_they_arrive() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        for _ in 0..2 {
            receiver.recv().await?;
        }
        let mut pieces = receiver.recv_fragments().await?.unwrap();
        while let Some(piece) = pieces.recv().await? {
            sender.send(piece.data.as_bytes().len().to_string())?;
        }
        Ok(())
    })
    .await;
    peer.send(letters(&["a", "b"]));
    settle().await;
    let message = binary(vec![0; 100_000]);
    for part in message.chunks(20_000) {
        peer.send(part);
        settle().await;
        let sizes = peer.frames().into_iter().filter(|frame| frame.first == 0x81);
        let size =
            |frame: Frame| String::from_utf8(frame.payload).unwrap().parse::<usize>().unwrap();
        let received: usize = sizes.map(size).sum();
        assert!(received >= part.len() - 14, "{received} of {}", part.len());
    }
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}
