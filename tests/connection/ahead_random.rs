//! Whatever the Receiver has taken, and wherever it is: control frames before the first data that it
//! has not asked for are answered, and it gets every message that arrived as a whole.

use std::collections::VecDeque;
use std::sync::Arc;

use stickler::{Config, Receiver};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::random::Random;
use crate::support::{Peer, close, frame, open, settle};

/// Takes a message whenever it is told to.
async fn take(
    mut receiver: Receiver,
    in_pieces: bool,
    told: Arc<Semaphore>,
    taken: UnboundedSender<Vec<u8>>,
) -> stickler::Result<()> {
    loop {
        told.acquire().await.unwrap().forget();
        let message = if in_pieces {
            let Some(mut pieces) = receiver.recv_fragments().await? else { return Ok(()) };
            let mut message = Vec::new();
            while let Some(piece) = pieces.recv().await? {
                message.extend_from_slice(piece.data.as_bytes());
            }
            message
        } else {
            let Some(message) = receiver.recv().await? else { return Ok(()) };
            message.as_bytes().to_vec()
        };
        taken.send(message).unwrap();
    }
}

/// What is to be seen by when so much has been sent, and so many messages were asked for.
#[derive(Default)]
struct Model {
    /// Frames that are not dealt with: the first byte, the payload, and where the frame ends.
    frames: VecDeque<(u8, Vec<u8>, usize)>,
    asked: usize,
    unfinished: Option<Vec<u8>>,
}

impl Model {
    fn advance(&mut self, sent: usize, pongs: &mut Vec<Vec<u8>>, taken: &mut Vec<Vec<u8>>) {
        while let Some((first, payload, end)) = self.frames.front()
            && *end <= sent
        {
            if *first == 0x89 {
                pongs.push(payload.clone());
            } else if self.unfinished.is_some() || self.asked > 0 {
                let mut message = self.unfinished.take().unwrap_or_default();
                message.extend_from_slice(payload);
                if first & 0x80 == 0 {
                    self.unfinished = Some(message);
                } else {
                    self.asked -= 1;
                    taken.push(message);
                }
            } else {
                return;
            }
            self.frames.pop_front();
        }
    }
}

fn payload(random: &mut Random) -> Vec<u8> {
    let len = match random.below(12) {
        0..6 => random.below(126),
        6..9 => random.below(3000),
        9..11 => random.below(40_000),
        _ => random.below(200_000),
    };
    vec![random.below(256) as u8; len]
}

async fn run(seed: u64) {
    let mut random = Random::new(seed);
    let [is_elsewhere, in_pieces, is_cut] = [(); 3].map(|()| random.below(2) == 0);
    let told = Arc::new(Semaphore::new(0));
    let (taker, mut takes) = unbounded_channel();
    let tell = told.clone();
    let (peer, serving) = open(Config::default(), async move |incoming| {
        let (receiver, _sender) = incoming.accept()?.split();
        let taking = take(receiver, in_pieces, told, taker);
        if is_elsewhere { tokio::spawn(taking).await.unwrap() } else { taking.await }
    })
    .await;
    let (mut bytes, mut model) = (Vec::new(), Model::default());
    let push = |first: u8, payload: Vec<u8>, bytes: &mut Vec<u8>, model: &mut Model| {
        bytes.extend(frame(first, &payload));
        model.frames.push_back((first, payload, bytes.len()));
    };
    for number in 0..random.below(12) + 1 {
        let fragments = if random.below(3) == 0 { random.below(4) + 1 } else { 1 };
        for fragment in 0..fragments {
            let fin = if fragment + 1 == fragments { 0x80 } else { 0 };
            let opcode = if fragment == 0 { 2 } else { 0 };
            push(fin | opcode, payload(&mut random), &mut bytes, &mut model);
            for _ in 0..random.below(5).saturating_sub(2) {
                push(0x89, vec![number as u8; random.below(126)], &mut bytes, &mut model);
            }
        }
    }
    let (mut sent, mut pongs, mut taken) = (0, Vec::new(), Vec::new());
    while sent < bytes.len() || !model.frames.is_empty() {
        if random.below(3) == 0 || sent == bytes.len() {
            let asked = random.below(3) + 1;
            model.asked += asked;
            tell.add_permits(asked);
        }
        let most = if random.below(2) == 0 { 200 } else { bytes.len() };
        let more = random.below(most + 1).min(bytes.len() - sent);
        peer.send(&bytes[sent..sent + more]);
        sent += more;
        if sent == bytes.len() && is_cut {
            // The end of the transport overtakes nothing.
            peer.end();
        }
        if random.below(3) > 0 {
            expect(&mut model, sent, &peer, &mut takes, &mut pongs, &mut taken, seed).await;
        }
    }
    expect(&mut model, sent, &peer, &mut takes, &mut pongs, &mut taken, seed).await;
    tell.add_permits(1);
    if is_cut {
        assert!(!serving.await.unwrap().is_clean(), "seed {seed}");
        return;
    }
    peer.send(close(1000));
    assert_eq!(peer.frame().await.close_code(), 1000, "seed {seed}");
    peer.end();
    assert!(serving.await.unwrap().is_clean(), "seed {seed}");
}

/// Everything that the model has by now is there, and nothing else.
async fn expect(
    model: &mut Model,
    sent: usize,
    peer: &Peer,
    takes: &mut tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>,
    pongs: &mut Vec<Vec<u8>>,
    taken: &mut Vec<Vec<u8>>,
    seed: u64,
) {
    settle().await;
    model.advance(sent, pongs, taken);
    let answers: Vec<_> = peer.frames().into_iter().map(|pong| pong.payload).collect();
    assert!(answers == *pongs, "seed {seed}: {} of {} Pongs", answers.len(), pongs.len());
    for expected in taken.drain(..) {
        assert!(takes.try_recv() == Ok(expected), "seed {seed}: another message");
    }
    assert!(takes.try_recv().is_err(), "seed {seed}: one message more");
    pongs.clear();
}

#[tokio::test(start_paused = true)]
async fn what_is_before_data_that_was_not_asked_for_is_answered_wherever_the_receiver_is() {
    for seed in 0..300 {
        run(seed).await;
    }
}
