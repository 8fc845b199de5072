//! The end of connections on real sockets: the server's FIN first, never a reset, and nothing
//! left behind when an endpoint shuts down.
#![cfg(feature = "net")]

use std::time::Duration;

use stickler::{Config, Endpoint};
use stickler_testing::{claims, memory as support};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use support::{REQUEST, close, echo, text};

const PATIENCE: Duration = Duration::from_secs(20);

async fn connected(endpoint: &Endpoint) -> (TcpStream, tokio::task::JoinHandle<stickler::Ending>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, address) = listener.accept().await.unwrap();
    let serving = tokio::spawn(endpoint.serve(stream, Some(address), echo));
    peer.write_all(REQUEST.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(peer.read_u8().await.unwrap());
    }
    (peer, serving)
}

/// Reads to the end of the server's direction; a reset is an error.
async fn rest(peer: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, peer.read_to_end(&mut bytes)).await;
    read.expect("an end").expect("no reset");
    bytes
}

#[tokio::test]
async fn s7_1_1_the_servers_fin_comes_first_and_no_reset_destroys_its_close() {
    claims!(
        "6455-5.5.1-16",
        "6455-7.1.1-01",
        "6455-7.1.1-04",
        "6455-7.1.7-01",
        "6455-7.1.7-02",
        "6455-10.7-03"
    );
    let endpoint = Endpoint::new(Config::default());
    let (mut peer, serving) = connected(&endpoint).await;
    peer.write_all(&close(1000)).await.unwrap();
    assert_eq!(rest(&mut peer).await, [0x88, 2, 3, 232]);
    assert!(!serving.is_finished());
    drop(peer);
    assert!(serving.await.unwrap().is_clean());

    // A violation in front of a megabyte that nobody will read.
    let (mut peer, serving) = connected(&endpoint).await;
    let mut sent = vec![0x81, 0x00];
    sent.resize(1 << 20, 0);
    peer.write_all(&sent).await.unwrap();
    let bytes = rest(&mut peer).await;
    assert_eq!((bytes[0], &bytes[2..4]), (0x88, &1002_u16.to_be_bytes()[..]));
    drop(peer);
    assert!(serving.await.unwrap().violation.is_some());
}

#[tokio::test]
async fn shutdown_finishes_what_is_owed_and_leaves_nothing() {
    claims!("6455-7.1.2-02", "6455-7.3-01");
    let endpoint = Endpoint::new(Config::default());
    let (mut peer, serving) = connected(&endpoint).await;
    peer.write_all(&text("owed")).await.unwrap();
    let mut echoed = [0; 6];
    peer.read_exact(&mut echoed).await.unwrap();
    endpoint.shutdown();
    let mut frame = [0; 4];
    peer.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame, [0x88, 2, 3, 233]);
    peer.write_all(&close(1001)).await.unwrap();
    assert!(rest(&mut peer).await.is_empty());
    drop(peer);
    assert!(serving.await.unwrap().is_clean());
    tokio::time::timeout(PATIENCE, endpoint.emptied()).await.expect("nothing is left");
}
