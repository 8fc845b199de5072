//! A server that goes away in steps, over TCP: who is served until when, and that nothing acknowledged is lost.
#![cfg(feature = "server")]

use std::future::Future;
use std::net::TcpStream;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use stickler::{CloseCode, Config, Farewell, Incoming, Server};
use stickler_testing::{
    frame::{REQUEST, close, text},
    logs,
    memory::echo,
    tcp::{Client, PATIENCE, Running},
};
use tokio::runtime::Builder;

fn bind(workers: usize) -> Server {
    let config = Config::default().health_path(Some("/healthz".into()));
    Server::bind("127.0.0.1:0").unwrap().workers(workers).config(config)
}

fn health(server: &Running) -> u16 {
    let mut client = server.connect();
    client.send("GET /healthz HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n");
    let status = client.head().status();
    client.rest();
    status
}

/// Waits for what another thread is about to do.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::yield_now();
    }
}

/// Answers the Close that comes next, and looks that nothing comes behind it. Gives its code.
fn answer(client: &mut Client) -> u16 {
    let code = client.close_code();
    client.send(close(code));
    assert!(client.rest().is_empty());
    code
}

#[test]
fn during_the_delay_the_server_accepts_and_its_health_is_503_at_once() {
    let server = Running::of(bind(2).start(echo).unwrap());
    let (handle, address) = (server.handle.clone(), server.handle.local_addrs()[0]);
    let mut clients = vec![server.open()];
    assert!(!handle.is_draining());
    assert_eq!(health(&server), 200);
    let farewell = Farewell::default().code(CloseCode::SERVICE_RESTART).delay(Duration::MAX);
    handle.shutdown_with(farewell, Duration::MAX).unwrap();
    assert!(handle.is_draining());
    for _ in 0..4 {
        assert_eq!(health(&server), 503);
        clients.push(server.open());
    }
    for client in &mut clients {
        client.send(text("served"));
        assert_eq!(client.frame(), (0x81, b"served".to_vec()));
    }
    until("the health checks have ended", || handle.counters().connections == clients.len());
    handle.shutdown(PATIENCE);
    assert!(clients.iter_mut().all(|client| answer(client) == 1012));
    until("nobody listens", || TcpStream::connect(address).is_err());
    drop(clients);
    server.wait();
    // Those that ended during the delay are not counted.
    let drained = handle.drained();
    assert_eq!((drained.clean, drained.unclean, drained.cut), (5, 0, 0));
}

#[test]
fn the_delay_the_grace_and_the_window_end_by_themselves() {
    let time = Duration::from_millis(150);
    let server = Running::of(bind(2).start(echo).unwrap());
    let mut client = server.open();
    let begun = Instant::now();
    let farewell = Farewell::default().delay(time).grace(time).window(time);
    server.handle.shutdown_with(farewell, PATIENCE).unwrap();
    assert_eq!(answer(&mut client), 1001);
    assert!(begun.elapsed() >= 2 * time);
    drop(client);
    server.wait();
}

#[test]
fn a_second_shutdown_ends_the_delay_and_the_window() {
    for farewell in
        [Farewell::default().delay(Duration::MAX), Farewell::default().window(Duration::MAX)]
    {
        let server = Running::of(bind(2).start(echo).unwrap());
        let mut clients: Vec<_> = (0..4).map(|_| server.open()).collect();
        let farewell = farewell.code(CloseCode::new(4000));
        server.handle.shutdown_with(farewell, Duration::MAX).unwrap();
        clients.iter_mut().for_each(|client| {
            client.send(text("served"));
            assert_eq!(client.frame(), (0x81, b"served".to_vec()));
        });
        server.handle.shutdown(PATIENCE);
        clients.iter_mut().for_each(|client| assert_eq!(answer(client), 4000));
        drop(clients);
        server.wait();
    }
}

#[test]
fn the_deadline_cuts_the_delay_and_the_window_short() {
    for farewell in
        [Farewell::default().delay(Duration::MAX), Farewell::default().window(Duration::MAX)]
    {
        let server = Running::of(bind(2).start(echo).unwrap());
        let mut clients: Vec<_> = (0..4).map(|_| server.open()).collect();
        let within = Duration::from_millis(50);
        server.handle.shutdown_with(farewell, within).unwrap();
        clients.iter_mut().for_each(|client| assert_eq!(client.close_code(), 1001));
        server.wait();
    }
}

#[test]
fn what_was_asked_for_before_the_start_is_known_to_health_checks_too() {
    let server = bind(1);
    let farewell = Farewell::default().delay(Duration::MAX);
    server.handle().shutdown_with(farewell, Duration::MAX).unwrap();
    let server = Running::of(server.start(echo).unwrap());
    assert_eq!(health(&server), 503);
    server.open();
    server.stop();
}

/// What a client of the next test does.
struct Talk {
    client: Client,
    /// Who it is, in its messages.
    name: usize,
    sent: u32,
    echoed: u32,
}

impl Talk {
    fn send(&mut self) {
        self.client.send(text(&format!("{} {}", self.name, self.sent)));
        self.sent += 1;
    }

    /// Sends one more for each echo, until its Close. Gives how many echoes there were.
    fn on(mut self, first: &mpsc::Sender<()>) -> u32 {
        (0..IN_FLIGHT).for_each(|_| self.send());
        loop {
            let (opcode, payload) = self.client.frame();
            if opcode == 0x88 {
                assert_eq!(&payload[..2], 1001_u16.to_be_bytes());
                self.client.send(close(1001));
                assert!(self.client.rest().is_empty(), "something came behind the Close");
                return self.echoed;
            }
            let expected = format!("{} {}", self.name, self.echoed);
            assert_eq!(String::from_utf8(payload).unwrap(), expected, "an echo is missing");
            if self.echoed == 0 {
                let _ = first.send(());
            }
            self.echoed += 1;
            self.send();
        }
    }
}

const CLIENTS: usize = 12;
const IN_FLIGHT: u32 = 8;

/// An echo acknowledges a message. Each message that a handler took has its echo, in order, before the Close; no
/// other message has one, so the client knows which ones to send again.
#[test]
fn every_message_that_a_handler_took_is_answered_before_the_close() {
    for window in [Duration::ZERO, Duration::from_millis(60)] {
        let taken: Arc<[AtomicU32; CLIENTS]> = Arc::default();
        let counting = taken.clone();
        let serving = bind(2).start(move |incoming: Incoming| {
            let taken = counting.clone();
            async move {
                let (mut receiver, sender) = incoming.accept()?.split();
                while let Some(message) = receiver.recv().await? {
                    let name = message.as_text().and_then(|text| text.split(' ').next());
                    let name: usize = name.unwrap().parse().unwrap();
                    taken[name].fetch_add(1, Ordering::SeqCst);
                    sender.send(message)?;
                }
                Ok::<(), stickler::Error>(())
            }
        });
        let server = Running::of(serving.unwrap());
        let (first, is_first) = mpsc::channel();
        let talk = |name| {
            let talk = Talk { client: server.open(), name, sent: 0, echoed: 0 };
            let first = first.clone();
            thread::spawn(move || talk.on(&first))
        };
        let talks: Vec<_> = (0..CLIENTS).map(talk).collect();
        (0..CLIENTS).for_each(|_| is_first.recv_timeout(PATIENCE).unwrap());
        let handle = server.handle.clone();
        handle.shutdown_with(Farewell::default().window(window), PATIENCE).unwrap();
        let echoed: Vec<_> = talks.into_iter().map(|talk| talk.join().unwrap()).collect();
        let taken: Vec<_> = taken.iter().map(|count| count.load(Ordering::SeqCst)).collect();
        assert_eq!(echoed, taken);
        server.wait();
        let drained = handle.drained();
        assert_eq!((drained.clean, drained.unclean, drained.cut), (CLIENTS as u64, 0, 0));
    }
}

/// Whether it is ready by now. Nobody is woken later.
fn is_ready(future: &mut (impl Future + Unpin)) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    matches!(pin!(future).poll(&mut context), Poll::Ready(_))
}

#[test]
fn a_worker_that_a_handler_blocks_does_not_turn() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let (blocked, is_blocked) = mpsc::channel();
    let serving = bind(2).start(move |incoming: Incoming| {
        if incoming.path() == "/block" {
            blocked.send(()).unwrap();
            let _ = released.lock().unwrap().recv();
        }
        echo(incoming)
    });
    let server = Running::of(serving.unwrap());
    let handle = server.handle.clone();
    let mut turned = Box::pin(handle.workers_turned());
    until("idle workers turn when they are asked", || is_ready(&mut turned));
    let mut client = server.connect();
    client.send(stickler_testing::frame::REQUEST.replace("/room", "/block"));
    is_blocked.recv_timeout(PATIENCE).unwrap();
    let mut turned = Box::pin(handle.workers_turned());
    let soon = Instant::now() + Duration::from_millis(50);
    while Instant::now() < soon {
        assert!(!is_ready(&mut turned), "one of the workers is blocked");
        thread::yield_now();
    }
    release.send(()).unwrap();
    until("it turns again", || is_ready(&mut turned));
    drop(client);
    server.stop();
    let mut turned = Box::pin(handle.workers_turned());
    until("workers that have ended are not waited for", || is_ready(&mut turned));
}

#[test]
fn a_runtime_of_the_application_turns_as_one() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let serving = Server::bind("127.0.0.1:0").unwrap().start_on(runtime.handle(), echo);
    let server = Running::of(serving.unwrap());
    let handle = server.handle.clone();
    let mut turned = Box::pin(handle.workers_turned());
    until("it turns", || is_ready(&mut turned));
    server.stop();
    drop(runtime);
    let mut turned = Box::pin(handle.workers_turned());
    until("it has ended", || is_ready(&mut turned));
}

/// A connection whose handler goes on has ended all the same, for every number; the log says how many were cut.
#[test]
fn a_connection_has_ended_with_its_tcp_whatever_its_handler_does() {
    // On this thread, whose log is listened to.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (lines, _listening) = logs::listen(|| ());
    let (handle, _silent) = runtime.block_on(async {
        let endless = |incoming: Incoming| async move {
            let mut socket = incoming.accept()?;
            while socket.recv().await?.is_some() {}
            std::future::pending::<stickler::Result<()>>().await
        };
        let server = Server::bind("127.0.0.1:0")
            .unwrap()
            .start_on(&tokio::runtime::Handle::current(), endless)
            .unwrap();
        let (handle, address) = (server.handle().clone(), server.handle().local_addrs()[0]);
        let clients = tokio::task::spawn_blocking(move || {
            let mut clients = [Client::to(address), Client::to(address)];
            for client in &mut clients {
                client.send(REQUEST);
                assert_eq!(client.head().status(), 101);
            }
            handle.shutdown(PATIENCE);
            let [mut answering, mut silent] = clients;
            assert_eq!((answer(&mut answering), silent.close_code()), (1001, 1001));
            answering.end();
            let drained = || {
                let drained = handle.drained();
                (drained.clean, drained.unclean, drained.cut)
            };
            until("one has ended", || drained() == (1, 0, 1));
            let ended = handle.snapshot().endings.iter().map(|(_, count)| count).sum::<u64>();
            assert_eq!((ended, handle.counters().connections), (1, 1));
            handle.shutdown(Duration::ZERO);
            (handle, silent)
        });
        server.await.unwrap();
        clients.await.unwrap()
    });
    let warnings = lines.at("WARN");
    assert!(warnings[0].contains("connections=1 "), "{warnings:?}");
    assert!(warnings[1].contains("handlers=1 "), "{warnings:?}");
    let drained = handle.drained();
    assert_eq!((drained.clean, drained.unclean, drained.cut), (1, 0, 1));
}
