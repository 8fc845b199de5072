//! Which messages are compressed, and that every window follows them (RFC 7692 §6.1, §7.2.1).

use bytes::Bytes;
use stickler::proto::deflate::WindowBits;
use stickler::{
    CloseCode, Config, Endpoint, Incoming, MessageKind, OwnedMessage, Prepared, SendError, Sender,
};
use stickler::{Compressed, Uncompressed};

use super::{Got, OFFER, agree, agree_on, record, takeover, takeovers};
use crate::claims::claims;
use crate::deflate::noise;
use crate::support::{echo, settle, text};

/// Sends what it is told to, and says what came of it.
macro_rules! sends {
    ($config:expr, $sender:ident => $send:block) => {{
        let (client, serving) = agree($config, OFFER, async move |incoming: Incoming| {
            let (mut receiver, $sender) = incoming.accept()?.split();
            $send
            while receiver.recv().await?.is_some() {}
            Ok(())
        })
        .await;
        (client, serving)
    }};
}

#[tokio::test(start_paused = true)]
async fn messages_from_the_least_size_on_are_compressed() {
    claims!("7692-6.1-01", "7692-6.1-02");
    let (mut client, serving) = sends!(Config::default(), sender => {
        for len in [0, 127, 128, 129, 5000] {
            let text = "a".repeat(len);
            sender.send(&text)?;
            sender.send(text.as_bytes())?;
            sender.send(Compressed(&text))?;
            sender.send(Uncompressed(&text))?;
        }
    });
    for len in [0, 127, 128, 129, 5000] {
        let payload = "a".repeat(len).into_bytes();
        let is_large = len >= 128;
        let expected = [(1, is_large), (2, is_large), (1, len > 0), (1, false)];
        for (opcode, is_compressed) in expected {
            let got = client.message().await;
            assert_eq!(got, Got { opcode, is_compressed, payload: payload.clone() }, "{len}");
        }
    }
    client.close(serving).await;
}

#[tokio::test(start_paused = true)]
async fn every_form_of_a_message_is_compressed_or_not_as_it_is_wrapped() {
    claims!("7692-8-01");
    let long = "form ".repeat(40);
    let sent = long.clone();
    let (mut client, serving) = agree(takeover(), OFFER, async move |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        let bytes = Bytes::from(sent.clone());
        macro_rules! all {
            ($($form:expr),*) => {$(
                sender.send($form)?;
                sender.send(Compressed($form))?;
                sender.send(Uncompressed($form))?;
                sender.send(Uncompressed(Compressed($form)))?;
                sender.send(Compressed(Uncompressed($form)))?;
            )*};
        }
        let (prepared, prepared_binary) = (Prepared::text(&sent), Prepared::binary(&sent));
        all!(&*sent, &sent, sent.clone(), sent.as_bytes(), &sent.clone().into_bytes());
        all!(sent.clone().into_bytes(), bytes.clone(), &prepared, &prepared_binary);
        all!(OwnedMessage::Binary(bytes.clone()));
        for _ in 0..2 {
            sender.send(receiver.recv().await?.expect("a message"))?;
            sender.send(Compressed(receiver.recv().await?.expect("a message")))?;
            sender.send(Uncompressed(receiver.recv().await?.expect("a message")))?;
            let owned = receiver.recv().await?.expect("a message").into_owned();
            all!(owned.clone());
        }
        while receiver.recv().await?.is_some() {}
        Ok(())
    })
    .await;
    for _ in 0..4 {
        let message = client.compressed(0x81, &long);
        client.peer.send(message);
    }
    for _ in 0..4 {
        client.peer.send(text(&long));
    }
    let wrapped = [true, true, false, false, true];
    let forms = [1, 1, 1, 2, 2, 2, 2, 1, 2, 2].into_iter();
    let forms = forms.flat_map(|opcode| wrapped.map(|is_compressed| (opcode, is_compressed)));
    let lent = [true, true, false].into_iter().chain(wrapped).map(|is| (1, is));
    for (opcode, is_compressed) in forms.chain(lent.clone()).chain(lent) {
        let payload = long.clone().into_bytes();
        assert_eq!(client.message().await, Got { opcode, is_compressed, payload });
    }
    client.close(serving).await;
}

#[tokio::test(start_paused = true)]
async fn what_does_not_get_shorter_goes_as_it_is() {
    for config in takeovers() {
        let (mut client, serving) = sends!(config, sender => {
            for number in 0..200 {
                sender.send(noise())?;
                sender.send(Compressed("short"))?;
                sender.send(record(number))?;
            }
        });
        for number in 0..200 {
            let got = client.message().await;
            assert_eq!(got, Got { opcode: 2, is_compressed: false, payload: noise() });
            assert_eq!(client.message().await.text(), "short");
            let got = client.message().await;
            assert!(got.is_compressed);
            assert_eq!(got.text(), record(number));
        }
        client.close(serving).await;
    }
}

/// Many messages of all sizes, compressed or not, in both directions.
async fn mixed(config: Config, offer: &str, window: usize, count: usize) {
    let (mut client, serving) = agree(config, offer, echo).await;
    let mut expected = Vec::new();
    let mut bytes = Vec::new();
    for number in 0..count {
        let long = record(number);
        let large = (0..number * 8).map(record).collect::<String>();
        let sizes = if number % 20 == 19 { vec![&*long, "tiny", &large] } else { vec![&*long, ""] };
        for (at, message) in sizes.into_iter().enumerate() {
            if (number + at) % 3 == 0 {
                bytes.extend(text(message));
            } else {
                bytes.extend(client.compressed(0x81, message));
            }
            expected.push(message.to_string());
        }
    }
    let mut input = &bytes[..];
    let mut step = 1;
    let mut compressed = 0;
    let mut expected = expected.into_iter();
    while !input.is_empty() {
        let (now, later) = input.split_at(step.min(input.len()));
        client.peer.send(now);
        (input, step) = (later, step * 7 % 9973);
        settle().await;
        while !client.peer.written().is_empty() {
            let got = client.message().await;
            assert_eq!(got.text(), expected.next().unwrap());
            compressed += usize::from(got.is_compressed);
        }
    }
    assert_eq!(expected.next(), None);
    assert!(compressed >= count, "{compressed} of {count}");
    assert!(client.max_distance <= window, "{}", client.max_distance);
    client.close(serving).await;
}

#[tokio::test(start_paused = true)]
async fn s7692_7_1_1_mixed_messages_are_followed_without_context_takeover() {
    claims!("7692-6-02", "7692-7.2.1-09");
    mixed(Config::default(), OFFER, 32 << 10, 60).await;
}

#[tokio::test(start_paused = true)]
async fn s7692_7_1_1_mixed_messages_are_followed_with_context_takeover() {
    claims!("7692-6-02", "7692-7.2.2-02");
    mixed(takeover(), OFFER, 32 << 10, 60).await;
    mixed(takeover(), "permessage-deflate; server_no_context_takeover", 32 << 10, 60).await;
    mixed(takeover(), "permessage-deflate; client_no_context_takeover", 32 << 10, 60).await;
}

#[tokio::test(start_paused = true)]
async fn s7692_7_1_2_1_no_message_refers_further_back_than_the_window() {
    claims!("7692-7.1.2.1-05", "7692-7.2.1-10");
    for bits in [8, 9, 10] {
        let offer = format!("permessage-deflate; server_max_window_bits={bits}");
        mixed(takeover(), &offer, 1 << bits, 20).await;
        let mut config = takeover();
        config.deflate.policy.as_mut().unwrap().server_max_window_bits =
            WindowBits::new(bits).unwrap();
        mixed(config, "permessage-deflate", 1 << bits, 20).await;
    }
}

#[tokio::test(start_paused = true)]
async fn with_context_takeover_the_second_of_two_alike_is_shorter() {
    for (config, is_shorter) in takeovers().into_iter().zip([false, false, true]) {
        let (client, serving) = sends!(config, sender => {
            sender.send(record(1))?;
            sender.send(record(1))?;
        });
        let (first, second) = (client.peer.frame().await, client.peer.frame().await);
        assert_eq!(second.payload.len() < first.payload.len() / 4, is_shorter);
        client.close(serving).await;
    }
}

/// What four tasks send on clones of one Sender arrives, each task's messages in their order.
async fn spread(config: Config) {
    const EACH: usize = 100;
    let (mut client, serving) = agree(config, OFFER, async |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        let prepared = Prepared::text(format!("4 {}", record(0)));
        let senders: Vec<_> = (0..4)
            .map(|name| {
                let (sender, prepared) = (sender.clone(), prepared.clone());
                tokio::spawn(async move {
                    for number in 0..EACH {
                        sender.ready().await;
                        match number % 5 {
                            0 => sender.send(format!("{name} {number} x")).unwrap(),
                            1 => sender.send(Uncompressed(format!("{name} {number} y"))).unwrap(),
                            _ => sender.send(format!("{name} {number} {}", record(7))).unwrap(),
                        }
                        if number % 10 == 9 {
                            sender.send(&prepared).unwrap();
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
        while receiver.recv().await?.is_some() {}
        Ok(())
    })
    .await;
    let mut next = [0; 4];
    let mut prepared = 0;
    while next.iter().sum::<usize>() + prepared < 4 * (EACH + EACH / 10) {
        let got = client.message().await;
        let (name, rest) = got.text().split_once(' ').unwrap();
        if name == "4" {
            prepared += 1;
            continue;
        }
        let (number, _) = rest.split_once(' ').unwrap();
        let next = &mut next[name.parse::<usize>().unwrap()];
        assert_eq!(number.parse::<usize>().unwrap(), *next);
        *next += 1;
    }
    assert_eq!(prepared, 4 * (EACH / 10));
    client.close(serving).await;
}

/// Longer when compressed, also at the length from which on a compressor gives up otherwise.
#[tokio::test(start_paused = true)]
async fn from_a_least_size_of_0_on_every_message_is_compressed() {
    let noise = crate::deflate::noise();
    let long = noise.repeat((128 << 10) / noise.len() + 1);
    for (min_size, is_compressed) in [(0, [true; 4]), (1, [false, false, false, true])] {
        for mut config in takeovers() {
            config.deflate.min_size = min_size;
            let sent = [Vec::new(), b"a".to_vec(), noise[..200].to_vec(), long.clone()];
            let sending = sent.clone();
            let (mut client, serving) = sends!(config, sender => {
                for message in sending {
                    sender.send(message)?;
                }
            });
            for (sent, is_compressed) in sent.into_iter().zip(is_compressed) {
                let frame = client.peer.frame().await;
                assert_eq!(frame.first, if is_compressed { 0xc2 } else { 0x82 }, "{}", sent.len());
                if !is_compressed {
                    assert_eq!(frame.payload, sent);
                    continue;
                }
                // RFC 7692 §7.2.3.6: an empty message is one octet.
                assert!(!sent.is_empty() || frame.payload == [0]);
                assert!(client.inflate(&frame.payload) == sent);
            }
            client.close(serving).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn clones_on_other_tasks_stay_in_step() {
    for config in takeovers() {
        spread(config).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clones_on_other_threads_stay_in_step() {
    let all: Vec<_> = [takeover(), Config::default(), takeover()]
        .into_iter()
        .map(|config| tokio::spawn(spread(config)))
        .collect();
    for one in all {
        one.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn one_task_is_heard_in_the_order_in_which_it_sends() {
    for config in takeovers() {
        let (mut client, serving) = sends!(config, sender => {
            for number in 0..50 {
                sender.send(format!("{number}"))?;
                sender.send(format!("{number} {}", record(number)))?;
                sender.send(Prepared::text(format!("{number} {}", record(number))))?;
                sender.send(Uncompressed(format!("{number} {}", record(number))))?;
            }
        });
        for number in 0..200 {
            let got = client.message().await;
            assert_eq!(got.text().split(' ').next().unwrap(), (number / 4).to_string());
        }
        client.close(serving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_queues_nothing_and_leaves_the_history_alone() {
    fn refuses(sender: &Sender, refused: SendError) {
        let queued = sender.queued();
        assert_eq!(sender.send(record(1)), Err(refused));
        assert_eq!(sender.send(Compressed(record(1))), Err(refused));
        assert_eq!(sender.send(Prepared::text(record(1))), Err(refused));
        assert_eq!(sender.start_message(MessageKind::Text).map(drop), Err(refused));
        assert_eq!(sender.queued(), queued);
    }
    for mut config in takeovers() {
        config.limits.max_queued = 300;
        let (mut client, serving) = sends!(config, sender => {
            sender.send(record(0))?;
            sender.send(Uncompressed("plain ".repeat(60)))?;
            refuses(&sender, SendError::QueueFull);
            sender.ready().await;
            // Begun, and nothing of it sent: that is no message.
            let mut message = sender.start_message(MessageKind::Text)?;
            refuses(&sender, SendError::MessageUnfinished);
            assert_eq!(message.send([1]), Err(SendError::MessageUnfinished));
            drop(message);
            sender.send(record(1))?;
        });
        client.peer.give_room(0);
        settle().await;
        client.peer.give_room(usize::MAX);
        assert_eq!(client.message().await.text(), record(0));
        assert!(!client.message().await.is_compressed);
        assert_eq!(client.message().await.text(), record(1));
        client.close(serving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_close_nothing_is_sent() {
    for config in takeovers() {
        let (mut client, serving) = sends!(config, sender => {
            sender.send(record(0))?;
            sender.close(CloseCode::NORMAL, "")?;
            let closed = Err(SendError::Closed);
            assert_eq!(sender.send(record(1)), closed);
            assert_eq!(sender.send(Prepared::text(record(1))), closed);
            assert_eq!(sender.start_message(MessageKind::Text).map(drop), closed);
        });
        assert_eq!(client.message().await.text(), record(0));
        client.close(serving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn connections_with_other_windows_share_a_thread() {
    let endpoint = Endpoint::new(takeover());
    let mut open = Vec::new();
    for bits in [9, 15, 12, 8, 10, 11] {
        let offer = format!("permessage-deflate; server_max_window_bits={bits}");
        let (client, serving) = agree_on(&endpoint, &offer, echo).await;
        assert_eq!(client.line, offer);
        open.push((client, serving, 1 << bits));
    }
    for number in 0..20 {
        for (client, _, _) in &mut open {
            let message = client.compressed(0x81, record(number));
            client.peer.send(message);
            assert_eq!(client.message().await.text(), record(number));
        }
    }
    for (client, serving, window) in open {
        assert!(client.max_distance <= window);
        client.close(serving).await;
    }
}
