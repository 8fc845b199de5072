//! A server in a tokio program: awaited, on a runtime of the application, and shut down with a
//! farewell; and what the kernel holds for its peers.
#![cfg(feature = "server")]

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use stickler::{CloseCode, Farewell, Incoming, Prepared, SendError, Server};
use stickler_testing::{
    frame::{REQUEST, close},
    logs,
    memory::echo,
    tcp::{Client, PATIENCE, Running},
};
use tokio::runtime::{self, Runtime};

fn bind() -> Server {
    Server::bind("127.0.0.1:0").unwrap()
}

fn several_threads() -> Runtime {
    runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Waits for what another thread is about to do.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn serve_does_not_block_a_runtime_but_says_what_to_call() {
    let error = bind().serve(echo).unwrap_err();
    assert!(error.to_string().contains("Server::start(handler)?"), "{error}");
}

#[tokio::test]
async fn a_serving_is_awaited() {
    let serving = bind().workers(1).start(echo).unwrap();
    let handle = serving.handle().clone();
    // Cancelled, it goes on.
    let waiting = tokio::time::timeout(Duration::from_millis(20), serving.ended());
    assert!(waiting.await.is_err());
    let address = handle.local_addrs()[0];
    let client = tokio::task::spawn_blocking(move || {
        let mut client = Client::to(address);
        client.send(REQUEST);
        assert_eq!(client.head().status(), 101);
        client
    });
    let client = client.await.unwrap();
    handle.shutdown(PATIENCE);
    drop(client);
    serving.await.unwrap();
    assert!(Server::bind(address).is_ok());
}

#[tokio::test]
async fn a_future_of_a_serving_ends_the_server_when_it_is_dropped() {
    let serving = bind().workers(1).start(echo).unwrap();
    let handle = serving.handle().clone();
    drop(serving.into_future());
    let address = handle.local_addrs()[0];
    until("the port is free", || Server::bind(address).is_ok());
}

#[tokio::test]
async fn awaiting_ends_after_the_deadline_whatever_blocks_a_worker() {
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let (blocked, is_blocked) = mpsc::channel();
    let serving = bind().workers(1).start(move |_: Incoming| {
        blocked.send(()).unwrap();
        let _ = released.lock().unwrap().recv();
        async { Ok::<(), stickler::Error>(()) }
    });
    let serving = serving.unwrap();
    let mut client = Client::to(serving.handle().local_addrs()[0]);
    client.send(REQUEST);
    is_blocked.recv_timeout(PATIENCE).unwrap();
    serving.handle().shutdown(Duration::ZERO);
    serving.await.unwrap();
    drop(release);
}

/// Drops as many connections do: for longer than a worker that is blocked is waited for.
struct Slow(mpsc::Sender<()>);

impl Drop for Slow {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(300));
        let _ = self.0.send(());
    }
}

/// At one of three times: the machine may be busy with others, and such a worker is waited for a second at most. What
/// is waited for in which case, `src/server/shutdown.rs` tests with a clock of its own.
#[test]
fn a_worker_that_drops_what_is_left_is_waited_for() {
    let is_waited_for = |_| {
        let (dropped, is_dropped) = mpsc::channel();
        let (held, is_held) = mpsc::channel();
        let serving = bind().workers(1).start(move |_: Incoming| {
            let slow = Slow(dropped.clone());
            held.send(()).unwrap();
            async move {
                let _slow = slow;
                std::future::pending::<Result<(), stickler::Error>>().await
            }
        });
        let serving = serving.unwrap();
        let mut client = Client::to(serving.handle().local_addrs()[0]);
        client.send(REQUEST);
        is_held.recv_timeout(PATIENCE).unwrap();
        serving.handle().shutdown(Duration::from_millis(200));
        serving.wait().unwrap();
        is_dropped.try_recv().is_ok()
    };
    assert!((0..3).any(is_waited_for));
}

#[test]
fn on_a_multi_thread_runtime_handlers_may_block_in_place() {
    let runtime = several_threads();
    let serving = bind().start_on(runtime.handle(), |incoming: Incoming| async move {
        let (mut receiver, sender) = incoming.accept()?.split();
        while let Some(message) = receiver.recv().await? {
            let text = format!("{} bytes", message.as_bytes().len());
            let name =
                tokio::task::block_in_place(|| std::thread::current().name().map(str::to_owned));
            assert!(name.is_some_and(|name| name.starts_with("tokio")));
            sender.send(text)?;
        }
        Ok::<(), stickler::Error>(())
    });
    let server = Running::of(serving.unwrap());
    let mut clients: Vec<_> = (0..8).map(|_| server.open()).collect();
    for client in &mut clients {
        client.send(b"\x81\x82\0\0\0\0on");
    }
    for client in &mut clients {
        assert_eq!(client.frame(), (0x81, b"2 bytes".to_vec()));
    }
    assert_eq!(server.handle.counters().connections, 8);
    server.stop();
}

#[test]
fn on_a_foreign_runtime_the_deadline_drops_connections_and_the_runtime_goes_on() {
    let runtime = several_threads();
    let held = Arc::new(());
    let kept = held.clone();
    let serving = bind().start_on(runtime.handle(), move |incoming: Incoming| {
        let kept = kept.clone();
        async move {
            let _socket = incoming.accept()?;
            let _kept = kept;
            std::future::pending::<stickler::Result<()>>().await
        }
    });
    let server = Running::of(serving.unwrap());
    let mut client = server.open();
    let handle = server.handle.clone();
    server.stop();
    assert_eq!(client.close_code(), 1001);
    client.end();
    until("the handler is dropped", || Arc::strong_count(&held) == 1);
    until("its place is free", || handle.counters().connections == 0);
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

#[test]
fn on_a_foreign_runtime_connections_that_ended_are_let_go() {
    let runtime = several_threads();
    let server = Running::of(bind().start_on(runtime.handle(), echo).unwrap());
    let before = runtime.metrics().num_alive_tasks();
    let clients: Vec<_> = (0..16).map(|_| server.open()).collect();
    assert!(runtime.metrics().num_alive_tasks() >= before + 16);
    drop(clients);
    // The clock of the connections may be one task more.
    until("their tasks end", || runtime.metrics().num_alive_tasks() <= before + 1);
    server.stop();
}

#[test]
fn a_server_ends_with_the_runtime_that_it_is_on() {
    let runtime = several_threads();
    let server = Running::of(bind().start_on(runtime.handle(), echo).unwrap());
    server.open();
    runtime.shutdown_timeout(PATIENCE);
    server.wait();
}

#[test]
fn s7_4_1_a_farewell_has_its_own_code_reason_and_message() {
    for text in ["soon back", &"x".repeat(20_000)] {
        let server = Running::of(bind().workers(2).start(echo).unwrap());
        let mut clients: Vec<_> = (0..4).map(|_| server.open()).collect();
        let farewell = Farewell::default()
            .code(CloseCode::SERVICE_RESTART)
            .reason("a new version")
            .message(Prepared::text(text));
        server.handle.shutdown_with(farewell, PATIENCE).unwrap();
        // The first one counts.
        let second = Farewell::default().code(CloseCode::NORMAL);
        server.handle.shutdown_with(second, PATIENCE).unwrap();
        for client in &mut clients {
            assert_eq!(client.frame(), (0x81, text.as_bytes().to_vec()));
            let (first, body) = client.frame();
            assert_eq!(
                (first, &body[..2], &body[2..]),
                (0x88, &1012_u16.to_be_bytes()[..], &b"a new version"[..])
            );
        }
        drop(clients);
        server.wait();
    }
}

#[test]
fn a_farewell_that_a_server_does_not_send_shuts_nothing_down() {
    let server = Running::of(bind().workers(1).start(echo).unwrap());
    let rows = [
        (Farewell::default().code(CloseCode::new(1010)), SendError::CloseCodeNotSendable),
        (Farewell::default().code(CloseCode::NO_STATUS), SendError::CloseCodeNotSendable),
        (Farewell::default().reason("r".repeat(124)), SendError::ReasonTooLong),
    ];
    for (farewell, error) in rows {
        assert_eq!(server.handle.shutdown_with(farewell, Duration::ZERO), Err(error));
    }
    server.open();
    server.stop();
}

/// A handler that says goodbye when the server drains, and then returns or does not.
fn says_goodbye(returns: bool) -> Running {
    let serving = bind().workers(1).start(move |incoming: Incoming| async move {
        let socket = incoming.accept()?;
        socket.draining().await;
        socket.send("goodbye")?;
        if !returns {
            std::future::pending::<()>().await;
        }
        Ok::<(), stickler::Error>(())
    });
    Running::of(serving.unwrap())
}

#[test]
fn within_its_grace_a_handler_says_goodbye_and_its_return_closes() {
    let server = says_goodbye(true);
    let mut undecided = server.connect();
    undecided.send("GET / HTTP/1.1\r\n");
    until("it is accepted", || server.handle.counters().connections == 1);
    // What has been accepted has been read too once another one has been served.
    let mut client = server.open();
    let farewell = Farewell::default()
        .code(CloseCode::SERVICE_RESTART)
        .message(Prepared::text("last"))
        .grace(Duration::MAX);
    server.handle.shutdown_with(farewell, Duration::MAX).unwrap();
    assert_eq!(client.frame(), (0x81, b"goodbye".to_vec()));
    assert_eq!(client.frame(), (0x81, b"last".to_vec()));
    assert_eq!(client.close_code(), 1012);
    assert!(undecided.rest().starts_with(b"HTTP/1.1 503 "));
    drop(client);
    server.wait();
}

#[test]
fn after_the_grace_the_close_goes_whatever_the_handler_does() {
    let server = says_goodbye(false);
    let mut client = server.open();
    let farewell = Farewell::default().grace(Duration::from_millis(50));
    let begun = Instant::now();
    server.handle.shutdown_with(farewell, PATIENCE).unwrap();
    assert_eq!(client.frame(), (0x81, b"goodbye".to_vec()));
    assert_eq!(client.close_code(), 1001);
    assert!(begun.elapsed() >= Duration::from_millis(50));
    client.send(close(1001));
    server.handle.shutdown(Duration::ZERO);
    server.wait();
}

#[test]
fn a_second_shutdown_ends_the_grace_and_so_does_the_deadline() {
    for by_deadline in [false, true] {
        let server = says_goodbye(false);
        let mut client = server.open();
        let within = if by_deadline { Duration::from_millis(50) } else { Duration::MAX };
        let farewell = Farewell::default().code(CloseCode::new(4000)).grace(Duration::MAX);
        server.handle.shutdown_with(farewell, within).unwrap();
        assert_eq!(client.frame(), (0x81, b"goodbye".to_vec()));
        if !by_deadline {
            server.handle.shutdown(PATIENCE);
        }
        assert_eq!(client.close_code(), 4000);
        server.handle.shutdown(Duration::ZERO);
        server.wait();
    }
}

async fn blocking(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        std::thread::sleep(Duration::from_millis(300));
        sender.send(message)?;
    }
    Ok(())
}

/// The warnings after two connections on each of two paths, with these settings.
fn warnings(set: fn(Server) -> Server) -> Vec<String> {
    // On this thread, whose log is listened to.
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (lines, _listening) = logs::listen(|| ());
    runtime.block_on(async {
        let server = set(bind()).start_on(&runtime::Handle::current(), blocking).unwrap();
        let address = server.handle().local_addrs()[0];
        let clients = tokio::task::spawn_blocking(move || {
            for path in ["/", "/other"] {
                for _ in 0..2 {
                    let mut client = Client::to(address);
                    client.send(REQUEST.replacen("/room", path, 1));
                    assert_eq!(client.head().status(), 101);
                    client.send(b"\x81\x82\0\0\0\0on");
                    assert_eq!(client.frame(), (0x81, b"on".to_vec()));
                }
            }
        });
        clients.await.unwrap();
        server.handle().shutdown(Duration::ZERO);
        server.await.unwrap();
    });
    let warnings = lines.at("WARN").into_iter();
    warnings.filter(|line| line.contains("a handler blocked its thread")).collect()
}

#[test]
fn a_handler_that_blocks_is_warned_of_once_for_each_path() {
    let warnings = warnings(|server| server.blocking_warning(Some(Duration::from_millis(20))));
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (warning, path) in warnings.iter().zip(["\"/\"", "\"/other\""]) {
        for part in [&format!("path={path}"), "blocking", "peer=127.0.0.1:", "blocked_ms="] {
            assert!(warning.contains(part), "{warning} lacks {part}");
        }
    }
}

#[test]
fn a_handler_that_blocks_for_less_than_the_bound_is_not_warned_of() {
    assert_eq!(warnings(|server| server.blocking_warning(Some(PATIENCE))), [""; 0]);
    assert_eq!(warnings(|server| server.blocking_warning(None)), [""; 0]);
}

/// Bytes that the kernel takes for a peer that reads nothing, with these settings.
#[cfg(target_os = "linux")]
fn taken(is_early: bool, set: impl FnOnce(Server) -> Server) -> usize {
    use std::io::Read;

    const MESSAGE: usize = 4096;
    let (tell, told) = mpsc::channel();
    let server = set(bind().workers(1));
    let connect = |address: std::net::SocketAddr| {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&address.into()).unwrap();
        let mut client = Client { stream: socket.into() };
        client.send(REQUEST);
        client
    };
    let early = is_early.then(|| connect(server.local_addrs()[0]));
    let serving = server.start(move |incoming: Incoming| {
        let tell = tell.clone();
        async move {
            let socket = incoming.accept()?;
            let mut sent = 0;
            loop {
                // Until the queue has not moved for a while.
                let ready =
                    tokio::time::timeout(Duration::from_millis(300), socket.sender().ready());
                if ready.await.is_err() {
                    tell.send(sent - socket.sender().queued()).unwrap();
                    return Ok::<(), stickler::Error>(());
                }
                socket.send(vec![7; MESSAGE])?;
                sent += MESSAGE;
                tokio::task::consume_budget().await;
            }
        }
    });
    let server = Running::of(serving.unwrap());
    let mut client = early.unwrap_or_else(|| connect(server.handle.local_addrs()[0]));
    let mut first = [0; 1];
    client.stream.read_exact(&mut first).unwrap();
    let taken = told.recv_timeout(PATIENCE).unwrap();
    drop(client);
    server.stop();
    taken
}

#[cfg(target_os = "linux")]
#[test]
fn the_kernel_holds_as_little_for_a_slow_peer_as_it_is_told() {
    let unbounded = taken(false, |server| server.unsent_low_water(usize::MAX));
    assert!(unbounded > 1 << 20, "{unbounded}");
    let by_default = taken(false, |server| server);
    assert!(by_default < 400 << 10, "{by_default}");
    for is_early in [false, true] {
        let low = taken(is_early, |server| server.unsent_low_water(8192));
        assert!(low < 100 << 10, "{low}");
        let small = |server: Server| server.send_buffer(16 << 10).unsent_low_water(usize::MAX);
        let small = taken(is_early, small);
        assert!(small < 100 << 10, "{small}");
    }
}
