//! Compressed messages received whole and in pieces (RFC 7692 §6.2, §7.2.2).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use stickler::{Config, Endpoint, Error, Incoming, Receiver, Violation};
use tokio::sync::oneshot;

use super::{Client, OFFER, agree, agree_on, is_violation, record, takeover, takeovers, zeros};
use crate::claims::claims;
use crate::support::{close, echo, frame, settle, text};

/// How a message is received.
#[derive(Clone, Copy, Debug)]
enum By {
    Message,
    Pieces,
    /// As whole messages on another task.
    Spawned,
    /// In pieces on another task.
    SpawnedPieces,
}

const ALL: [By; 4] = [By::Message, By::Pieces, By::Spawned, By::SpawnedPieces];

async fn next_len(receiver: &mut Receiver, pieces: bool) -> stickler::Result<Option<usize>> {
    if !pieces {
        return Ok(receiver.recv().await?.map(|message| message.as_bytes().len()));
    }
    let Some(mut fragments) = receiver.recv_fragments().await? else { return Ok(None) };
    let mut len = 0;
    while let Some(piece) = fragments.recv().await? {
        len += piece.data.as_bytes().len();
    }
    Ok(Some(len))
}

/// Answers each message with its length.
async fn lengths(incoming: Incoming, by: By) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    let answering = async move {
        while let Some(len) =
            next_len(&mut receiver, matches!(by, By::Pieces | By::SpawnedPieces)).await?
        {
            sender.send(len.to_string())?;
        }
        Ok(())
    };
    match by {
        By::Message | By::Pieces => answering.await,
        _ => tokio::spawn(answering).await.map_err(Error::application)?,
    }
}

const SHARE: usize = 256 << 10;

#[tokio::test(start_paused = true)]
async fn messages_of_many_shares_arrive_by_every_way() {
    for by in ALL {
        for config in takeovers() {
            let (client, serving) =
                agree(config, OFFER, move |incoming| lengths(incoming, by)).await;
            for len in [SHARE - 1, SHARE, SHARE + 1, 2 * SHARE, 3 * SHARE + 100, 1 << 20] {
                client.peer.send(frame(0xc2, zeros(len)));
                assert_eq!(client.peer.text().await, len.to_string(), "{by:?}");
                let (head, tail) = (zeros(len)[..20].to_vec(), zeros(len)[20..].to_vec());
                client.peer.send([frame(0x42, head), frame(0x89, "")].concat());
                client.peer.send(frame(0x80, tail));
                assert_eq!(client.peer.frame().await.first, 0x8a);
                assert_eq!(client.peer.text().await, len.to_string(), "{by:?}");
            }
            client.close(serving).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s10_4_a_bomb_fails_with_1009_by_every_way() {
    claims!("7692-8-02");
    let mut config = Config::default();
    for (max_message_size, over) in [(1000, 1), (SHARE, 1), (2 * SHARE, 1), (100_000, 4 << 20)] {
        config.limits.message.max_message_size = max_message_size;
        for by in ALL {
            let (client, serving) =
                agree(config.clone(), OFFER, move |incoming| lengths(incoming, by)).await;
            client.peer.send(frame(0xc2, zeros(max_message_size)));
            assert_eq!(client.peer.text().await, max_message_size.to_string());
            client.peer.send(frame(0xc2, zeros(max_message_size + over)));
            let ending = client.fails_with(1009, serving).await;
            is_violation(&ending, Violation::MessageTooBig);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s7692_7_2_2_a_corrupt_end_fails_with_1007_by_every_way() {
    claims!("7692-7.2.2-07");
    for by in ALL {
        for len in [100, SHARE - 258, SHARE - 1, SHARE, SHARE + 1, 2 * SHARE] {
            let (client, serving) =
                agree(Config::default(), OFFER, move |incoming| lengths(incoming, by)).await;
            let mut cut = zeros(len);
            cut.pop();
            client.peer.send(frame(0xc2, cut));
            let ending = client.fails_with(1007, serving).await;
            is_violation(&ending, Violation::DeflateCutOff);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s8_1_inflated_text_is_utf8_in_every_piece() {
    claims!("7692-6.1-07");
    for by in ALL {
        let (mut client, serving) =
            agree(takeover(), OFFER, move |incoming| lengths(incoming, by)).await;
        let letters = "aé€😀".repeat(300);
        let message = client.compressed(0x81, &letters);
        for byte in message {
            client.peer.send([byte]);
            if byte % 8 == 0 {
                settle().await;
            }
        }
        assert_eq!(client.peer.text().await, letters.len().to_string());
        let cut = letters.as_bytes();
        let message = client.compressed(0x81, &cut[..cut.len() - 1]);
        client.peer.send(message);
        let ending = client.fails_with(1007, serving).await;
        is_violation(&ending, Violation::TextNotUtf8);
    }
}

/// An echo on many connections, each of which keeps its message over an await. No more is
/// charged for that than for the few that a thread keeps.
#[tokio::test(start_paused = true)]
async fn an_inflater_is_not_lent_while_a_handler_holds_the_message() {
    const INFLATERS: usize = 5;
    let mut config = Config::default();
    // Room for an inflater, but not for one each.
    config.deflate.max_memory = INFLATERS * (80 << 10);
    let endpoint = Endpoint::new(config);
    let (release, released) = tokio::sync::watch::channel(false);
    let mut open: Vec<(Client, _)> = Vec::new();
    for number in 0..40 {
        let mut released = released.clone();
        let handler = async move |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            let mut kept = Vec::new();
            while let Some(message) = receiver.recv().await? {
                released.wait_for(|released| *released).await.ok();
                sender.send(&*message.as_text().expect("text").to_string())?;
                kept.push(message.into_owned());
            }
            assert_eq!(kept.len(), 1);
            Ok(())
        };
        let (mut client, serving) = agree_on(&endpoint, OFFER, handler).await;
        let message = client.compressed(0x81, record(number));
        client.peer.send(message);
        settle().await;
        open.push((client, serving));
    }
    release.send(true).unwrap();
    for (number, (mut client, serving)) in open.into_iter().enumerate() {
        assert_eq!(client.message().await.text(), record(number));
        client.close(serving).await;
    }
}

/// Polls at most so often, then drops the future.
async fn give_up_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if polled + 1 < polls => {
            polled += 1;
            Poll::Pending
        }
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn every_future_may_be_dropped_at_every_poll() {
    for (polls, read_at_most) in [(1, 1), (2, 3), (1, 1000), (3, usize::MAX), (1, usize::MAX)] {
        let (tell, told) = oneshot::channel();
        let (mut client, serving) = agree(takeover(), OFFER, async move |incoming: Incoming| {
            let (mut receiver, _sender) = incoming.accept()?.split();
            let mut received = Vec::new();
            'all: loop {
                if let Some(message) = give_up_after(polls, receiver.recv()).await {
                    let Some(message) = message? else { break };
                    received.push(message.as_bytes().to_vec());
                    continue;
                }
                let fragments = give_up_after(polls, receiver.recv_fragments()).await;
                if let Some(fragments) = fragments {
                    let Some(mut fragments) = fragments? else { break 'all };
                    let mut whole = Vec::new();
                    loop {
                        let Some(piece) = give_up_after(polls, fragments.recv()).await else {
                            tokio::task::yield_now().await;
                            continue;
                        };
                        let Some(piece) = piece? else { break };
                        whole.extend_from_slice(piece.data.as_bytes());
                    }
                    received.push(whole);
                    continue;
                }
                tokio::task::yield_now().await;
            }
            tell.send(received).unwrap();
            Ok(())
        })
        .await;
        client.peer.wire().read_at_most = read_at_most;
        client.peer.wire().stutters = true;
        let mut expected = Vec::new();
        let mut bytes = Vec::new();
        for number in 0..10 {
            let payload = client.deflate(record(number).as_bytes());
            let (head, tail) = payload.split_at(payload.len() / 2);
            bytes.extend([frame(0x41, head), frame(0x89, "p"), frame(0x80, tail)].concat());
            expected.push(record(number).into_bytes());
            bytes.extend(text("plain"));
            expected.push(b"plain".to_vec());
        }
        bytes.extend(frame(0xc2, zeros(600_000)));
        expected.push(vec![0; 600_000]);
        bytes.extend(close(1000));
        client.peer.send(bytes);
        for _ in 0..10 {
            assert_eq!(client.peer.frame().await.first, 0x8a);
        }
        assert_eq!(client.peer.frame().await.close_code(), 1000);
        client.peer.end();
        assert!(serving.await.unwrap().is_clean());
        assert!(told.await.unwrap() == expected, "{polls} polls, reads of {read_at_most}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_left_in_the_middle_is_skipped_and_its_window_kept() {
    let (mut client, serving) = agree(takeover(), OFFER, async |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        let mut first = receiver.recv_fragments().await?.expect("a message");
        first.recv().await?.expect("a piece");
        while let Some(message) = receiver.recv().await? {
            sender.send(message)?;
        }
        Ok(())
    })
    .await;
    let letters = (0..2000).map(record).collect::<String>();
    let payload = client.deflate(letters.as_bytes());
    let mut pieces = payload.chunks(200);
    client.peer.send(frame(0x41, pieces.next().unwrap()));
    for piece in pieces {
        settle().await;
        client.peer.send(frame(0x00, piece));
    }
    client.peer.send(frame(0x80, ""));
    for number in 1990..2000 {
        let message = client.compressed(0x81, record(number));
        assert!(message.len() < 40, "{}", message.len());
        client.peer.send(message);
        assert_eq!(client.message().await.text(), record(number));
    }
    client.close(serving).await;
}

#[tokio::test(start_paused = true)]
async fn an_echo_takes_over_what_it_kept() {
    let (mut client, serving) = agree(takeover(), OFFER, echo).await;
    let first = client.compressed(0x81, record(5));
    let second = client.compressed(0x81, record(5));
    assert!(second.len() < first.len() / 2);
    client.peer.send([first, frame(0x81, "between"), second].concat());
    for expected in [&*record(5), "between", &*record(5)] {
        assert_eq!(client.message().await.text(), expected);
    }
    client.close(serving).await;
}
