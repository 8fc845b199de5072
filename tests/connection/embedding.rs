//! Other transports, and opening handshakes that something else has read.

use stickler::Initiator;
use stickler::proto::handshake::{Policy, Request, Response};
use stickler::{Config, Endpoint, Rejection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{REQUEST, close, echo, text, wire};

#[tokio::test(start_paused = true)]
async fn any_transport_will_do() {
    let endpoint = Endpoint::new(Config::default());
    let (io, mut peer) = tokio::io::duplex(10);
    let serving = tokio::spawn(endpoint.serve(io, None, echo));
    let sent = [REQUEST.as_bytes(), &text("through ten bytes"), &close(1000)].concat();
    let (mut reading, mut writing) = tokio::io::split(&mut peer);
    let mut seen = Vec::new();
    let (written, read) = tokio::join!(writing.write_all(&sent), reading.read_to_end(&mut seen));
    written.unwrap();
    read.unwrap();
    assert!(seen.starts_with(b"HTTP/1.1 101 "));
    let close = [0x88, 2, 3, 232];
    assert!(seen.ends_with(&[b"\x81\x11through ten bytes", &close[..]].concat()));
    drop(peer);
    assert!(serving.await.unwrap().is_clean());

    // Two transports, joined.
    let (ours, mut peer) = tokio::io::duplex(1 << 16);
    let (reading, writing) = tokio::io::split(ours);
    let serving = tokio::spawn(endpoint.serve(tokio::io::join(reading, writing), None, echo));
    peer.write_all(&sent).await.unwrap();
    let mut seen = Vec::new();
    peer.shutdown().await.unwrap();
    peer.read_to_end(&mut seen).await.unwrap();
    assert!(seen.ends_with(&close));
    assert!(serving.await.unwrap().is_clean());
}

fn parts<'a>() -> Vec<(&'a str, &'a [u8])> {
    vec![
        ("host", b"test"),
        ("upgrade", b"websocket"),
        ("connection", b"Upgrade"),
        ("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", b"13"),
        ("sec-websocket-protocol", b"other, chat"),
    ]
}

#[tokio::test(start_paused = true)]
async fn s4_2_2_a_head_that_was_read_elsewhere_is_negotiated_and_served() {
    let policy = Policy::default().subprotocols(["chat".parse().unwrap()]);
    let request = Request::from_parts("GET", "/upgraded", parts()).unwrap();
    let negotiated = Endpoint::new(Config::default().policy(policy)).negotiate(&request).unwrap();
    let fields: Vec<_> = negotiated.fields().collect();
    assert!(fields.contains(&("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    assert!(fields.contains(&("Sec-WebSocket-Protocol", "chat")));
    let endpoint = Endpoint::new(Config::default());
    let (transport, peer) = wire();
    let serving = endpoint.serve_upgraded(transport, None, negotiated, async |mut socket| {
        assert_eq!(socket.sender().path(), "/upgraded");
        while let Some(message) = socket.recv().await? {
            let owned = message;
            socket.send(owned)?;
        }
        Ok::<(), stickler::Error>(())
    });
    assert_eq!(endpoint.connections(), 1);
    let serving = tokio::spawn(serving);
    peer.send(text("hello"));
    assert_eq!(peer.text().await, "hello");
    endpoint.shutdown();
    assert_eq!(peer.frame().await.close_code(), 1001);
    peer.send(close(1001));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
    assert_eq!(endpoint.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_at_the_call_of_an_upgraded_handler_is_one_of_the_handler() {
    let request = Request::from_parts("GET", "/", parts()).unwrap();
    let negotiated = Endpoint::new(Config::default()).negotiate(&request).unwrap();
    let endpoint = Endpoint::new(Config::default());
    let (transport, peer) = wire();
    let panicking: fn(_) -> std::future::Ready<stickler::Result<()>> = |_| panic!("at once");
    let serving = tokio::spawn(endpoint.serve_upgraded(transport, None, negotiated, panicking));
    assert_eq!(peer.frame().await.close_code(), 1011);
    peer.send(close(1011));
    peer.end();
    assert_eq!(serving.await.unwrap().initiator, Initiator::HandlerPanic);
    assert_eq!(endpoint.connections(), 0);
}

#[test]
fn a_head_that_was_read_elsewhere_is_refused_as_any_other() {
    let mut fields = parts();
    fields[4].1 = b"8";
    let request = Request::from_parts("GET", "/", fields).unwrap();
    let refusal = Endpoint::new(Config::default()).negotiate(&request).unwrap_err();
    assert_eq!(refusal.rejection.status(), 426);
    let response = Response::from(refusal);
    assert_eq!(response.status(), 426);
    let fields: Vec<_> = response.all_fields().collect();
    for field in [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade, close"),
        ("Sec-WebSocket-Version", "13"),
        ("Content-Type", "text/plain; charset=utf-8"),
    ] {
        assert!(fields.contains(&field), "{field:?} in {fields:?}");
    }
    let fields = parts().into_iter().filter(|(name, _)| *name != "upgrade");
    let request = Request::from_parts("GET", "/", fields).unwrap();
    let refusal = Endpoint::new(Config::default()).negotiate(&request).unwrap_err();
    assert_eq!(refusal.rejection.status(), 426);
    assert!(Rejection::ALL.contains(&refusal.rejection));
}
