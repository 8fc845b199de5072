//! The whole: clients of the chat on three nodes, of which one is killed, and a broker that freezes and later dies. At
//! the end all clients have the same messages in the same order; none that was acknowledged is lost, none is there twice.
//!
//! `STICKLER_NODES=long` makes it take a minute instead of some seconds.

mod client;
mod cluster;
mod flags;
mod judge;
mod proxy;
mod socket;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use client::{Client, Plan};
use cluster::{Broker, Node};
use judge::{Counts, Record, judge};
use proxy::Proxy;

/// When what happens, in seconds since the load began.
struct Shape {
    clients: usize,
    /// Messages in a second, of all clients together.
    rate: f64,
    kill: f64,
    start_again: f64,
    /// Longer than a node waits for an acknowledgement.
    freeze: (f64, f64),
    outage: (f64, f64),
    end: f64,
}

const SHORT: Shape = Shape {
    clients: 12,
    rate: 15.0,
    kill: 1.5,
    start_again: 3.0,
    freeze: (4.0, 11.0),
    outage: (12.0, 14.0),
    end: 15.0,
};

const LONG: Shape = Shape {
    clients: 30,
    rate: 20.0,
    kill: 10.0,
    start_again: 15.0,
    freeze: (21.0, 28.0),
    outage: (35.0, 45.0),
    end: 60.0,
};

#[test]
fn nothing_acknowledged_is_lost_over_three_nodes() {
    let program = match cluster::find_server() {
        Ok(program) => program,
        Err(why) => return println!("skipped: there is no nats-server: {why}"),
    };
    let is_long = std::env::var("STICKLER_NODES").is_ok_and(|length| length == "long");
    let shape = if is_long { LONG } else { SHORT };
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nodes-{}", std::process::id()));
    let mut broker = Broker::start(&program, &folder);
    let records = play(&shape, &mut broker);
    let mut faults = judge(&records);
    let counts = report(&records);
    // Otherwise nothing of what this is about has happened.
    if counts.joins == shape.clients {
        faults.push("nobody had to join again".into());
    }
    if counts.through_nginx == Some(0) {
        faults.push("nobody has come through nginx".into());
    }
    if counts.refused == 0 {
        faults.push("nobody has noticed that the broker was away".into());
    }
    if counts.unknown == 0 {
        faults.push("nobody has noticed that the broker was frozen".into());
    }
    assert!(faults.is_empty(), "logs are in {}:\n{}", folder.display(), faults.join("\n"));
    drop(broker);
    let _ = std::fs::remove_dir_all(folder);
}

/// Runs the clients, kills what is to be killed, and gives what the clients have seen.
fn play(shape: &Shape, broker: &mut Broker) -> Vec<Record> {
    let mut nodes = [0, 1, 2].map(|node| Node::start(broker, &format!("node{node}"), 0));
    let mut addresses = nodes.each_ref().map(|node| node.address).to_vec();
    // A way to the nodes beside their own addresses: some clients begin there, and others come.
    let proxy = Proxy::start(&nodes.each_ref().map(|node| node.address), &broker.folder);
    match &proxy {
        Ok(proxy) => addresses.push(proxy.address),
        Err(why) => println!("left out: the way through nginx: {why}"),
    }
    let plan = Arc::new(Plan {
        proxy: proxy.as_ref().ok().map(|proxy| proxy.address),
        nodes: addresses,
        load: OnceLock::new(),
        interval: Duration::from_secs_f64(shape.clients as f64 / shape.rate),
        joined: AtomicUsize::new(0),
        settled: AtomicUsize::new(0),
        is_last: AtomicBool::new(false),
        deadline: Instant::now() + Duration::from_secs_f64(shape.end) + PATIENCE,
    });
    let clients: Vec<JoinHandle<Record>> = (0..shape.clients)
        .map(|number| Client::new(&plan, number))
        .map(|client| thread::spawn(|| client.run()))
        .collect();
    // All see everything, so they are all there before the first message.
    await_count(&plan, &plan.joined, shape.clients);
    let begin = Instant::now();
    plan.load.get_or_init(|| (begin, begin + Duration::from_secs_f64(shape.end)));
    let sleep_until = |second: f64| {
        let moment = begin + Duration::from_secs_f64(second);
        thread::sleep(moment.saturating_duration_since(Instant::now()));
    };

    sleep_until(shape.kill);
    nodes[0].kill();
    sleep_until(shape.start_again);
    nodes[0] = Node::start(broker, "node0", nodes[0].address.port());

    sleep_until(shape.freeze.0);
    broker.freeze();
    sleep_until(shape.freeze.1);
    broker.thaw();

    sleep_until(shape.outage.0);
    broker.kill();
    sleep_until(shape.outage.1);
    broker.start_again();

    sleep_until(shape.end);
    await_count(&plan, &plan.settled, shape.clients);
    plan.is_last.store(true, Ordering::Relaxed);
    clients.into_iter().map(|client| client.join().unwrap()).collect()
}

/// Waits until so many clients have come so far, or it is too late.
fn await_count(plan: &Plan, count: &AtomicUsize, clients: usize) {
    while count.load(Ordering::Relaxed) < clients && Instant::now() < plan.deadline {
        thread::sleep(Duration::from_millis(10));
    }
}

/// Prints what happened how often.
fn report(records: &[Record]) -> Counts {
    let mut counts = Counts::default();
    records.iter().for_each(|record| counts.add(&record.counts));
    let sum = |of: fn(&Record) -> usize| records.iter().map(of).sum::<usize>();
    let said = sum(|record| record.said.len());
    let received = sum(|record| record.received.len());
    let stored = records.first().map_or(0, |record| record.received.len());
    let clients = records.len();
    println!(
        "nodes: {clients} clients, {said} messages said, {stored} stored, {received} received; {counts}"
    );
    counts
}

/// How long the clients may take to join, and after the load until everything is acknowledged.
const PATIENCE: Duration = Duration::from_secs(60);
