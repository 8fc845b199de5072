//! Topics over several threads.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use stickler::{Incoming, Prepared, Server, Topic};
use stickler_testing::tcp::{Client, PATIENCE};

use super::support::{self, REQUEST};

/// A server whose connections are subscribed, and those connections.
struct Room {
    topic: Topic,
    serving: stickler::Serving,
    peers: Vec<Client>,
    threads: Vec<String>,
}

fn room(workers: usize, connections: usize) -> Room {
    let topic = Topic::new();
    let threads = Arc::new(Mutex::new(Vec::new()));
    let (joined, join) = mpsc::channel();
    let handler = {
        let (topic, threads) = (topic.clone(), threads.clone());
        move |incoming: Incoming| {
            let (topic, threads, joined) = (topic.clone(), threads.clone(), joined.clone());
            async move {
                let (mut receiver, sender) = incoming.accept()?.split();
                let _subscription = topic.subscribe(&sender);
                threads.lock().unwrap().push(thread::current().name().unwrap().to_string());
                joined.send(()).unwrap();
                while let Some(message) = receiver.recv().await? {
                    topic.publish(Prepared::text(message.as_text().unwrap()));
                }
                Ok::<(), stickler::Error>(())
            }
        }
    };
    let server = Server::bind("127.0.0.1:0").unwrap();
    let serving = server.workers(workers).start(handler).unwrap();
    let address = serving.handle().local_addrs()[0];
    let mut peers = Vec::new();
    for _ in 0..connections {
        let mut peer = Client::to(address);
        peer.send(REQUEST);
        assert_eq!(peer.head().status(), 101);
        join.recv_timeout(PATIENCE).unwrap();
        peers.push(peer);
    }
    let mut threads = std::mem::take(&mut *threads.lock().unwrap());
    threads.sort();
    threads.dedup();
    Room { topic, serving, peers, threads }
}

/// The next text message.
fn read_text(peer: &mut Client) -> String {
    let (first, payload) = peer.frame();
    assert_eq!(first, 0x81);
    String::from_utf8(payload).unwrap()
}

#[test]
fn every_worker_delivers() {
    let mut room = room(3, 60);
    // So many connections do not all come to one worker where there are several listeners.
    assert!(room.threads.len() > 1, "{:?}", room.threads);
    assert_eq!(room.topic.publish(Prepared::text("from outside")), 60);
    for peer in &mut room.peers {
        assert_eq!(read_text(peer), "from outside");
    }
    assert_eq!(room.topic.publish_latest("key", Prepared::text("the newest")), 60);
    for peer in &mut room.peers {
        assert_eq!(read_text(peer), "the newest");
    }
    room.peers[7].send(support::text("from a handler"));
    for peer in &mut room.peers {
        assert_eq!(read_text(peer), "from a handler");
    }
    drop(room.serving);
}

#[test]
fn publishers_on_several_threads_keep_their_order() {
    const EACH: usize = 500;
    let mut room = room(2, 20);
    let publishers: Vec<_> = (0..4)
        .map(|publisher| {
            let topic = room.topic.clone();
            thread::spawn(move || {
                for number in 0..EACH {
                    topic.publish(Prepared::text(format!("{publisher} {number}")));
                }
            })
        })
        .collect();
    let mut seen = Vec::new();
    for peer in &mut room.peers {
        let texts: Vec<String> = (0..4 * EACH).map(|_| read_text(peer)).collect();
        for publisher in ["0 ", "1 ", "2 ", "3 "] {
            let own = texts.iter().filter_map(|text| text.strip_prefix(publisher));
            assert!(own.eq((0..EACH).map(|number| number.to_string()).collect::<Vec<_>>().iter()));
        }
        seen.push(texts);
    }
    publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
    // And all subscribers see one order.
    assert!(seen.iter().all(|texts| *texts == seen[0]));
    assert_eq!(room.topic.skipped(), 0);
    drop(room.serving);
}

/// Over sockets: two who read, and one who does not until the end.
#[test]
fn a_slow_peer_gets_the_newest_value_and_holds_up_nobody() {
    const LEN: usize = 16 << 10;
    const LAST: usize = 2000;
    let mut room = room(3, 3);
    let mut slow = room.peers.pop().unwrap();
    let readers: Vec<_> = room
        .peers
        .drain(..)
        .map(|mut peer| thread::spawn(move || numbers(&mut peer, LAST)))
        .collect();
    for number in 1..=LAST {
        let value = Prepared::text(format!("{number:<LEN$}"));
        assert_eq!(room.topic.publish_latest("key", value), 3);
    }
    for reader in readers {
        reader.join().unwrap();
    }
    // More than the kernel takes for a peer, so most of it was left out.
    let got = numbers(&mut slow, LAST);
    println!("the slow peer got {} of {LAST}", got.len());
    assert!(got.len() < LAST, "{}", got.len());
    assert_eq!(room.topic.skipped(), 0);
    drop(room.serving);
}

/// Reads up to the last value, and sees that each is newer than the one before.
fn numbers(peer: &mut Client, last: usize) -> Vec<usize> {
    let mut numbers = vec![0];
    while *numbers.last().unwrap() < last {
        let number = read_text(peer).trim_end().parse().unwrap();
        assert!(number > *numbers.last().unwrap());
        numbers.push(number);
    }
    numbers
}
