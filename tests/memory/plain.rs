//! Allocations per message on the plain path, counted on the worker's own thread: over the server
//! as it is shipped, on real sockets, once what the thread keeps is there.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use stickler::Serving;
use stickler::{Incoming, Message, Prepared, Server, Topic};

use super::allocator::asked;
use super::support::{REQUEST, binary, text};

/// Far beyond what a test takes; for what happens on another thread.
const PATIENCE: Duration = Duration::from_secs(20);

/// Rounds that come first: buffers grow, and the thread keeps them.
const WARM_UP: usize = 200;
const ROUNDS: usize = 500;

/// The most allocations for a message longer than a read buffer: it has a buffer of its own, which
/// grows as it arrives. Those that were counted here, 0 to 4, are left to be saved.
const GROWTH: usize = 12;

/// What a client sends to be told how often the worker's thread has asked for memory.
const COUNT: &str = "count";

fn start<H, F>(handler: H) -> (Serving, SocketAddr)
where
    H: Fn(Incoming) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = stickler::Result<()>> + Send + 'static,
{
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
    let serving = server.start(handler).unwrap();
    let address = serving.handle().local_addrs()[0];
    (serving, address)
}

fn connect(address: SocketAddr) -> TcpStream {
    let mut peer = TcpStream::connect(address).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.set_nodelay(true).unwrap();
    peer.write_all(REQUEST.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    peer
}

/// Allocations of the worker so far, told by its handler.
fn count(peer: &mut TcpStream, told: &mpsc::Receiver<usize>) -> usize {
    peer.write_all(&text(COUNT)).unwrap();
    told.recv_timeout(PATIENCE).unwrap()
}

/// Echoes, as an application would, and tells the count when it is asked.
async fn echo(incoming: Incoming, tell: mpsc::SyncSender<usize>) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        match message {
            Message::Text(text) if &*text == COUNT => tell.send(asked()).unwrap(),
            message => sender.send(message)?,
        }
    }
    Ok(())
}

#[test]
fn an_echo_over_the_server_costs_no_allocation() {
    let bytes = |len| vec![7; len];
    let words = |len: usize| "Скоро 日本語 🙂 или ".repeat(len / 36 + 1);
    let cases = [
        ("16 B", binary(bytes(16)), 1, 0),
        ("16 B, 16 in flight", binary(bytes(16)), 16, 0),
        ("1 KiB, 16 in flight", binary(bytes(1024)), 16, 0),
        ("text of 16 B, 16 in flight", text("sixteen letters."), 16, 0),
        ("multi-byte text, 16 in flight", text(&words(1024)), 16, 0),
        ("16 KiB", binary(bytes(16 << 10)), 1, 0),
        ("64 KiB", binary(bytes(64 << 10)), 1, GROWTH),
        ("64 KiB of multi-byte text", text(&words(64 << 10)), 1, GROWTH),
        ("1 MiB", binary(bytes(1 << 20)), 1, GROWTH),
    ];
    for (what, frame, messages, each) in cases {
        // A thread of its own, which has kept nothing.
        let (tell, told) = mpsc::sync_channel(1);
        let (serving, address) = start(move |incoming| echo(incoming, tell.clone()));
        let mut peers = [connect(address), connect(address)];
        let input = frame.repeat(messages);
        let mut echoed = vec![0; input.len() - 4 * messages];
        let mut before = 0;
        for round in 0..WARM_UP + ROUNDS {
            if round == WARM_UP {
                before = count(&mut peers[0], &told);
            }
            for peer in &mut peers {
                peer.write_all(&input).unwrap();
                peer.read_exact(&mut echoed).unwrap();
            }
        }
        let asked = count(&mut peers[0], &told) - before;
        println!("{what}: {asked} allocations for {} messages", 2 * ROUNDS * messages);
        assert!(asked <= 2 * ROUNDS * each, "{what}: {asked}");
        drop(peers);
        drop(serving);
    }
}

#[test]
fn what_only_comes_or_only_goes_costs_no_allocation() {
    let (tell, told) = mpsc::sync_channel(1);
    let prepared = [Prepared::binary([7; 125]), Prepared::binary(vec![7; 64 << 10])];
    let lens: Vec<usize> = prepared.iter().map(|prepared| prepared.frame().len()).collect();
    let (serving, address) = start(move |incoming: Incoming| {
        let (tell, prepared) = (tell.clone(), prepared.clone());
        async move {
            let (mut receiver, sender) = incoming.accept()?.split();
            while let Some(message) = receiver.recv().await? {
                match message.as_text() {
                    Some(COUNT) => tell.send(asked()).unwrap(),
                    Some("0") => sender.send(&prepared[0])?,
                    Some("1") => sender.send(&prepared[1])?,
                    Some("slice") => sender.send(&[7_u8; 125][..])?,
                    _ => {}
                }
            }
            Ok(())
        }
    });
    let mut peer = connect(address);
    let cases = [
        ("prepared, 125 B", text("0"), lens[0]),
        ("prepared, 64 KiB", text("1"), lens[1]),
        ("a slice", text("slice").repeat(16), 16 * 127),
        // Answered once, or a round would come in pieces of the next.
        ("received, 125 B", [binary([7; 125]).repeat(16), text("0")].concat(), lens[0]),
        ("received, 16 KiB", [binary(vec![7; 16 << 10]), text("0")].concat(), lens[0]),
    ];
    for (what, input, len) in cases {
        let mut sent = vec![0; len];
        let mut before = 0;
        for round in 0..WARM_UP + ROUNDS {
            if round == WARM_UP {
                before = count(&mut peer, &told);
            }
            peer.write_all(&input).unwrap();
            peer.read_exact(&mut sent).unwrap();
        }
        let asked = count(&mut peer, &told) - before;
        println!("{what}: {asked} allocations for {ROUNDS} rounds");
        assert_eq!(asked, 0, "{what}");
    }
    drop(peer);
    drop(serving);
}

/// Everything that a client says goes to all: a few, to whom the publisher queues it itself, and
/// many, to whom a task hands it round, which is the one allocation for all of them; where a write is slow, more
/// outboxes are in use at once than are kept.
#[test]
fn a_topic_costs_no_allocation_per_subscriber() {
    for (subscribers, at_most) in [(10, 0), (100, 2 * ROUNDS)] {
        let (tell, told) = mpsc::sync_channel(1);
        let (topic, message) = (Topic::new(), Prepared::binary([7; 125]));
        let len = message.frame().len();
        let (serving, address) = start(move |incoming: Incoming| {
            let (tell, topic, message) = (tell.clone(), topic.clone(), message.clone());
            async move {
                let (mut receiver, sender) = incoming.accept()?.split();
                let _subscription = topic.subscribe(&sender);
                while let Some(asking) = receiver.recv().await? {
                    match asking.as_text() {
                        Some(COUNT) => tell.send(asked()).unwrap(),
                        _ => assert_eq!(topic.publish(&message), subscribers),
                    }
                }
                Ok(())
            }
        });
        let mut peers: Vec<TcpStream> = (0..subscribers).map(|_| connect(address)).collect();
        // Whose handler has answered has subscribed.
        for peer in &mut peers {
            count(peer, &told);
        }
        let mut before = 0;
        for round in 0..WARM_UP + ROUNDS {
            if round == WARM_UP {
                before = count(&mut peers[0], &told);
            }
            peers[0].write_all(&text("now")).unwrap();
            for peer in &mut peers {
                peer.read_exact(&mut vec![0; len]).unwrap();
            }
        }
        let asked = count(&mut peers[0], &told) - before;
        println!("{subscribers} subscribers: {asked} allocations for {ROUNDS} messages");
        assert!(asked <= at_most, "{asked}");
        drop(peers);
        drop(serving);
    }
}
