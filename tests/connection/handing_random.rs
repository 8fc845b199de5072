//! Two connections, one driven by the handler of the other, whose handlers ask, send and give their
//! Receivers away at random, input cut at random: every message once and in order, every answer in
//! its place.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use stickler::{Config, Ending, Endpoint, Incoming, Receiver, Sender};
use tokio::sync::Notify;

use super::handing::poll_next;
use super::handing_elsewhere::ask_elsewhere;
use crate::random::Random;
use crate::support::{Peer, REQUEST, close, frame, open_on, settle, text, wire};

/// One of the two connections, as handlers and test see it.
#[derive(Default)]
struct Line {
    /// `None` before the handshake, while it is away, and after it was dropped.
    receiver: Option<Receiver>,
    sender: Option<Sender>,
    is_dropped: bool,
    is_over: bool,
    /// What arrived, and whether as a whole.
    received: Vec<(String, bool)>,
    /// What was sent, and how many messages had been received by then, as long as that counts.
    sent: Vec<(Vec<u8>, Option<usize>)>,
}

#[derive(Default)]
struct World {
    lines: [Line; 2],
    random: Option<Random>,
    /// Wakes the outer handler, and with it the inner one.
    waker: Option<Waker>,
    /// From here on each handler asks for all that comes.
    is_finale: bool,
}

#[derive(Clone, Default)]
struct Worlds {
    world: Arc<Mutex<World>>,
    /// Receivers that were given away come back.
    recall: Arc<Notify>,
}

type Inner = Pin<Box<dyn Future<Output = Ending> + Send>>;

/// A waker that nobody knows again.
struct Wrapped(Waker);

impl Wake for Wrapped {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}

impl Worlds {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn below(&self, bound: usize) -> usize {
        self.lock().random.as_mut().unwrap().below(bound)
    }

    /// Lets go of the lock while somebody asks.
    fn with_receiver<R>(&self, line: usize, act: impl FnOnce(&mut Receiver) -> R) -> Option<R> {
        let mut receiver = self.lock().lines[line].receiver.take()?;
        let result = act(&mut receiver);
        self.lock().lines[line].receiver = Some(receiver);
        Some(result)
    }

    /// Takes down what was found, and answers most of it. Says whether there was something.
    fn note(&self, line: usize, seen: Poll<stickler::Result<Option<String>>>) -> bool {
        match seen {
            Poll::Pending => false,
            Poll::Ready(Ok(Some(text))) => {
                self.lock().lines[line].received.push((text, true));
                if self.below(4) > 0 {
                    self.send(line);
                }
                true
            }
            Poll::Ready(ended) => {
                assert!(matches!(ended, Ok(None)), "{ended:?}");
                self.lock().lines[line].is_over = true;
                false
            }
        }
    }

    fn send(&self, line: usize) {
        let len = [3, 20, 300, 3000, 20_000, 70_000][self.below(20).saturating_sub(14)];
        let world = &mut *self.lock();
        let line = &mut world.lines[line];
        let Some(sender) = &line.sender else { return };
        let mut payload = format!("{} ", line.sent.len()).into_bytes();
        payload.resize(payload.len() + len, b'.');
        if sender.send(&payload[..]).is_ok() {
            let received = (!line.is_dropped).then_some(line.received.len());
            line.sent.push((payload, received));
        } else {
            assert!(line.is_over || sender.queued() >= 1 << 20);
        }
    }

    /// Receives a message in pieces, as many as there are; what is missing is skipped.
    fn receive_pieces(&self, line: usize, cx: &mut Context<'_>) {
        let received = self.with_receiver(line, |receiver| {
            let mut next = pin!(receiver.recv_fragments());
            let Poll::Ready(fragments) = next.as_mut().poll(cx) else { return None };
            let mut fragments = fragments.unwrap()?;
            let mut text = String::new();
            loop {
                match pin!(fragments.recv()).poll(cx) {
                    Poll::Pending => return Some((text, false)),
                    Poll::Ready(piece) => match piece.unwrap() {
                        Some(piece) => text.push_str(piece.data.as_text().unwrap()),
                        None => return Some((text, true)),
                    },
                }
            }
        });
        self.lock().lines[line].received.extend(received.flatten());
    }

    fn give_away(&self, line: usize) {
        let Some(mut receiver) = self.lock().lines[line].receiver.take() else { return };
        let this = self.clone();
        tokio::spawn(async move {
            let mut recalled = pin!(this.recall.notified());
            loop {
                tokio::select! {
                    biased;
                    () = &mut recalled => break,
                    seen = std::future::poll_fn(|cx| match poll_next(&mut receiver, cx) {
                        Poll::Pending => Poll::Pending,
                        seen => Poll::Ready(seen),
                    }) => if !this.note(line, seen) { break },
                }
            }
            this.lock().lines[line].receiver = Some(receiver);
        });
    }

    fn act(&self, me: usize, inner: &mut Option<Inner>, cx: &mut Context<'_>) {
        let line = if self.below(4) == 0 { 1 - me } else { me };
        match self.below(24) {
            0..10 => {
                let seen = self.with_receiver(line, |receiver| poll_next(receiver, cx));
                seen.map(|seen| self.note(line, seen));
            }
            10 => {
                let wrapped = Waker::from(Arc::new(Wrapped(cx.waker().clone())));
                let cx = &mut Context::from_waker(&wrapped);
                let seen = self.with_receiver(line, |receiver| poll_next(receiver, cx));
                seen.map(|seen| self.note(line, seen));
            }
            11 => {
                let cx = &mut Context::from_waker(Waker::noop());
                let seen = self.with_receiver(line, |receiver| poll_next(receiver, cx));
                seen.map(|seen| self.note(line, seen));
            }
            12 => {
                let seen = self.with_receiver(line, ask_elsewhere);
                seen.map(|seen| self.note(line, seen));
            }
            13 => self.receive_pieces(line, cx),
            14 => self.give_away(line),
            15 if self.below(20) == 0 => {
                let world = &mut *self.lock();
                let line = &mut world.lines[line];
                line.is_dropped |= line.receiver.take().is_some();
            }
            15..18 => drop(self.lock().lines[line].sender.as_ref().map(Sender::queued)),
            18..21 => self.send(line),
            _ => poll_inner(inner, cx),
        }
    }

    /// The handler of one connection; that of the outer one drives the inner one.
    fn poll_handler(&self, me: usize, inner: &mut Option<Inner>, cx: &mut Context<'_>) -> Poll<()> {
        if me == 0 {
            self.lock().waker = Some(cx.waker().clone());
        }
        if !self.lock().is_finale {
            for _ in 0..self.below(9) {
                self.act(me, inner, cx);
            }
            return Poll::Pending;
        }
        poll_inner(inner, cx);
        while let Some(seen) = self.with_receiver(me, |receiver| poll_next(receiver, cx))
            && self.note(me, seen)
        {}
        let world = self.lock();
        let line = &world.lines[me];
        let mut ended = || {
            let mut closed = pin!(line.sender.as_ref().unwrap().closed());
            closed.as_mut().poll(cx).is_ready()
        };
        let is_over = line.is_over || line.is_dropped && ended();
        if is_over && inner.is_none() { Poll::Ready(()) } else { Poll::Pending }
    }

    async fn handle(self, me: usize, incoming: Incoming, inner: Option<Inner>) {
        let (receiver, sender) = incoming.accept().unwrap().split();
        {
            let line = &mut self.lock().lines[me];
            (line.receiver, line.sender) = (Some(receiver), Some(sender));
        }
        let mut inner = inner;
        std::future::poll_fn(|cx| self.poll_handler(me, &mut inner, cx)).await;
    }
}

fn poll_inner(inner: &mut Option<Inner>, cx: &mut Context<'_>) {
    if let Some(driven) = inner
        && let Poll::Ready(ending) = driven.as_mut().poll(cx)
    {
        assert!(ending.is_clean(), "the inner connection: {ending:?}");
        *inner = None;
    }
}

/// What a peer sends, and what it was.
#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    texts: Vec<String>,
    /// With each Ping, of how many messages it stands behind the end, and before the end.
    pings: Vec<(usize, usize)>,
}

impl Input {
    fn ping(&mut self, is_inside: bool) {
        let at = self.texts.len();
        self.bytes.extend(frame(0x89, self.pings.len().to_string()));
        self.pings.push((at, at + 1 + usize::from(is_inside)));
    }

    fn push(&mut self, random: &mut Random) {
        if random.below(6) == 0 {
            return self.ping(false);
        }
        let len = [1, 10, 100, 130, 5000, 40_000][random.below(30).saturating_sub(24)];
        let message = format!("{} {}", self.texts.len(), "x".repeat(len));
        if random.below(8) == 0 {
            let cut = random.below(message.len());
            self.bytes.extend(frame(0x01, &message[..cut]));
            if random.below(2) == 0 {
                self.ping(true);
            }
            self.bytes.extend(frame(0x80, &message[cut..]));
        } else {
            self.bytes.extend(text(&message));
        }
        self.texts.push(message);
    }

    /// Sends some of what is left.
    fn send(&mut self, peer: &Peer, len: usize) {
        let len = len.min(self.bytes.len());
        peer.send(self.bytes.drain(..len).collect::<Vec<_>>());
    }
}

impl Line {
    /// Holds what arrived and what the peer saw against what was sent.
    fn check(&self, input: &Input, peer: &Peer, case: &str) {
        assert!(self.is_dropped || self.received.len() == input.texts.len(), "{case}");
        for (at, ((text, is_whole), expected)) in self.received.iter().zip(&input.texts).enumerate()
        {
            let is_right = if *is_whole { text == expected } else { expected.starts_with(text) };
            assert!(is_right, "{case}: message {at}");
        }
        let (mut data, mut pongs) = (0, 0);
        for frame in peer.frames() {
            if frame.first == 0x8a {
                assert_eq!(frame.payload, pongs.to_string().into_bytes(), "{case}");
                let (behind, before) = input.pings[pongs];
                let comes_late = |sent: &(_, Option<usize>)| sent.1.is_some_and(|at| at >= before);
                assert!(!self.sent[..data].iter().any(comes_late), "{case}: Pong {pongs}");
                let comes_early = |sent: &(_, Option<usize>)| sent.1.is_some_and(|at| at < behind);
                assert!(!self.sent[data..].iter().any(comes_early), "{case}: Pong {pongs}");
                pongs += 1;
            } else if frame.first == 0x82 {
                assert!(frame.payload == self.sent[data].0, "{case}: frame {data}");
                data += 1;
            } else {
                assert_eq!(frame.close_code(), 1000, "{case}");
                assert_eq!((data, pongs), (self.sent.len(), input.pings.len()), "{case}");
                return;
            }
        }
        panic!("{case}: no Close");
    }
}

async fn play(seed: u64) {
    let case = format!("seed {seed}");
    let worlds = Worlds::default();
    let mut random = Random::new(seed);
    worlds.lock().random = Some(Random::new(random.next()));
    let endpoint = Endpoint::new(Config::default());
    let (transport, inner_peer) = wire();
    let of_inner = worlds.clone();
    let inner: Inner = Box::pin(endpoint.serve(transport, None, async move |incoming| {
        of_inner.handle(1, incoming, None).await;
        Ok::<(), stickler::Error>(())
    }));
    let of_outer = worlds.clone();
    let (peer, serving, _) = open_on(&endpoint, REQUEST, async move |incoming| {
        of_outer.handle(0, incoming, Some(inner)).await;
        Ok(())
    })
    .await;
    inner_peer.send(REQUEST);
    let wake = || {
        let waker = worlds.lock().waker.clone();
        waker.unwrap().wake();
    };
    while inner_peer.written().is_empty() {
        wake();
        settle().await;
    }
    inner_peer.head().await;
    let peers = [peer, inner_peer];
    let mut inputs = [Input::default(), Input::default()];
    for _ in 0..12 {
        for (peer, input) in peers.iter().zip(&mut inputs) {
            (0..random.below(8)).for_each(|_| input.push(&mut random));
            if random.below(3) == 0 {
                peer.wire().read_at_most = 1 + random.below(200);
            } else {
                peer.wire().read_at_most = usize::MAX;
            }
            let len = input.bytes.len();
            let cut = if random.below(2) == 0 { len } else { random.below(len + 1) };
            input.send(peer, cut);
        }
        if random.below(2) == 0 {
            wake();
        }
        if random.below(3) == 0 {
            worlds.recall.notify_waiters();
        }
        if random.below(3) > 0 {
            settle().await;
        }
    }
    settle().await;
    worlds.lock().is_finale = true;
    worlds.recall.notify_waiters();
    settle().await;
    wake();
    settle().await;
    // Nobody is woken any more but by input.
    for (peer, input) in peers.iter().zip(&mut inputs).rev() {
        peer.wire().read_at_most = usize::MAX;
        (0..3).for_each(|_| input.push(&mut random));
        input.ping(false);
        input.send(peer, usize::MAX);
        settle().await;
        peer.send(close(1000));
        peer.end();
        settle().await;
    }
    let ending = serving.await.unwrap();
    assert!(ending.is_clean(), "{case}: {ending:?}");
    let world = worlds.lock();
    for ((line, input), peer) in world.lines.iter().zip(&inputs).zip(&peers) {
        line.check(input, peer, &case);
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_handlers_do_every_message_arrives_once_and_every_answer_in_its_place() {
    for seed in 0..SEEDS {
        let played = tokio::time::timeout(std::time::Duration::from_secs(60), play(seed));
        played.await.unwrap_or_else(|_| panic!("seed {seed}: no end"));
    }
}

const SEEDS: u64 = 60;
