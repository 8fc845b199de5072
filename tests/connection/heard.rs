//! What goes wrong in a handler is heard, once; what the peer did is not the handler's error.

use std::time::Duration;

use stickler::{Config, Endpoint, Error, Incoming, SendError};
use stickler_testing::logs::listen;

use crate::support::{REQUEST, close, connect, frame, open, text};

type Any = Box<dyn std::error::Error + Send + Sync>;

/// Serves this handler up to its end, and gives the lines at error.
async fn errors_of<F>(handler: impl FnOnce(Incoming) -> F + Send + 'static) -> Vec<String>
where
    F: Future<Output = Result<(), Any>> + Send + 'static,
{
    let (lines, _guard) = listen(|| {});
    let endpoint = Endpoint::new(Config::default());
    let (transport, peer) = crate::support::wire();
    let serving = endpoint.serve(transport, Some("192.0.2.1:9".parse().unwrap()), handler);
    peer.send(REQUEST);
    peer.send([text("go"), close(1000)].concat());
    peer.end();
    tokio::time::timeout(Duration::from_secs(60), serving).await.unwrap();
    lines.at("ERROR")
}

fn one(lines: &[String], parts: &[&str]) {
    let [line] = lines else { panic!("{lines:?}") };
    for part in parts.iter().chain(&["192.0.2.1:9", "/room"]) {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[derive(Debug)]
struct Wrapped(std::io::Error);

impl std::fmt::Display for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the settings could not be read")
    }
}

impl std::error::Error for Wrapped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn every_error_of_a_handler_is_logged_once_with_what_is_behind_it() {
    let missing = "No such file or directory";
    let lines = errors_of(async |incoming| {
        let _socket = incoming.accept()?;
        std::fs::read("/nonexistent/file")?;
        Ok(())
    });
    one(&lines.await, &["the handler failed", missing]);
    let lines = errors_of(async |incoming| {
        let _socket = incoming.accept()?;
        std::fs::read("/nonexistent/file").map_err(Wrapped)?;
        Ok(())
    });
    one(&lines.await, &["the settings could not be read: ", missing]);
    // Through our own error type, as most handlers have it.
    let lines = errors_of(async |incoming| {
        let _socket = incoming.accept()?;
        std::fs::read("/nonexistent/file").map_err(Error::from)?;
        Ok(())
    });
    one(&lines.await, &[missing]);
    let lines = errors_of(async |incoming| {
        let socket = incoming.accept()?;
        loop {
            socket.send(vec![0; 100_000])?;
        }
    });
    one(&lines.await, &["the queue to the peer is full"]);
    // Before the answer too, and the refusal that it leads to is not told again.
    let lines = errors_of(async |_incoming| Err("no database".into()));
    one(&lines.await, &["the handler failed", "no database"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_logged_once_with_what_it_said() {
    for accepts in [false, true] {
        let lines = errors_of(async move |incoming| {
            let _socket = if accepts { Some(incoming.accept()?) } else { None };
            panic!("index {} is out of bounds", 7);
        });
        one(&lines.await, &["the handler panicked", "index 7 is out of bounds"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_opening_handshake_without_an_answer_is_an_error_of_the_handler() {
    let lines = errors_of(async |incoming| {
        drop(incoming);
        Ok(())
    });
    one(&lines.await, &["left the opening handshake unanswered"]);
}

/// A handler with `?` passes on what the peer did: that has its own line, at info or debug.
#[tokio::test(start_paused = true)]
async fn what_the_peer_did_is_not_an_error_of_the_handler() {
    type Bytes = Vec<u8>;
    let endings: [(&str, Bytes); 3] = [
        ("a violation", frame(0x83, "")),
        ("the end of the transport", vec![]),
        ("a Close, then a message to it", close(1000)),
    ];
    for (what, bytes) in endings {
        let (lines, _guard) = listen(|| {});
        let (peer, serving) = open(Config::default(), async |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            while receiver.recv().await?.is_some() {}
            Ok(sender.send("too late")?)
        })
        .await;
        peer.send(&bytes);
        peer.end();
        serving.await.unwrap();
        assert!(lines.at("ERROR").is_empty(), "{what}: {:?}", lines.all());
    }
    // Wrapped by another error that only shows its words.
    let (lines, _guard) = listen(|| {});
    let endpoint = Endpoint::new(Config::default());
    let (transport, peer) = crate::support::wire();
    let serving = endpoint.serve(transport, None, async |incoming: Incoming| {
        let (mut receiver, _sender) = incoming.accept().map_err(|error| error.to_string())?.split();
        while receiver.recv().await.map_err(|error| error.to_string())?.is_some() {}
        Ok::<(), String>(())
    });
    peer.send(REQUEST);
    peer.send(frame(0x83, ""));
    peer.end();
    serving.await;
    assert!(lines.at("ERROR").is_empty(), "{:?}", lines.all());
}

/// The same words of another connection are an error of this one, which is open.
#[tokio::test(start_paused = true)]
async fn what_another_connection_met_is_an_error_here() {
    let (lines, _guard) = listen(|| {});
    let endpoint = Endpoint::new(Config::default());
    let (peer, serving) = connect(&endpoint, async |incoming| {
        let _socket = incoming.accept()?;
        Err(SendError::Closed.into())
    });
    peer.send(REQUEST);
    peer.head().await;
    assert_eq!(peer.frame().await.close_code(), 1011);
    peer.send(close(1011));
    peer.end();
    serving.await.unwrap();
    assert_eq!(lines.at("ERROR").len(), 1);
}

/// What a handler panicked with, and the error that it returned, are the application's: to drop them is
/// to run its code.
#[tokio::test(start_paused = true)]
async fn a_handler_whose_panic_or_error_panics_when_it_is_dropped_ends_its_connection_alone() {
    #[derive(Debug)]
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                std::panic::panic_any(Bomb);
            }
        }
    }
    impl std::fmt::Display for Bomb {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a bomb")
        }
    }
    impl std::error::Error for Bomb {}

    for panics in [true, false] {
        let (transport, peer) = crate::support::wire();
        let endpoint = Endpoint::new(Config::default());
        let serving = tokio::spawn(endpoint.serve(transport, None, async move |incoming| {
            let _socket = Incoming::accept(incoming).unwrap();
            if panics {
                std::panic::panic_any(Bomb);
            }
            Err::<(), _>(Bomb)
        }));
        peer.send(REQUEST);
        peer.head().await;
        assert_eq!(peer.frame().await.close_code(), 1011);
        peer.send(close(1011));
        peer.end();
        assert!(serving.await.unwrap().is_clean());
    }
}
