//! Plain hyper: `stickler::hyper::upgrade`, and the long form of it.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use stickler::{Config, Endpoint};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{ask, close_of, echo, open, to_hyper};

#[tokio::test]
async fn messages_of_every_size_come_back() {
    let endpoint = Endpoint::new(Config::default());
    let (mut client, _) = open(to_hyper(&endpoint), "/").await;
    for size in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        let message = Message::binary(vec![7; size]);
        let (sent, echoed) = {
            let (mut sink, mut stream) = (&mut client).split();
            tokio::join!(sink.send(message.clone()), stream.next())
        };
        sent.unwrap();
        assert!(echoed.unwrap().unwrap() == message, "{size}");
    }
    assert_eq!(endpoint.connections(), 1);
    client.close(None).await.unwrap();
    while client.next().await.is_some() {}
    drop(client);
    endpoint.emptied().await;
}

#[tokio::test]
async fn s6455_7_4_1_a_shutdown_ends_the_connections_with_1001() {
    let endpoint = Endpoint::new(Config::default());
    let (mut client, _) = open(to_hyper(&endpoint), "/").await;
    endpoint.shutdown();
    assert_eq!(u16::from(close_of(&mut client).await.code), 1001);
    while client.next().await.is_some() {}
    drop(client);
    endpoint.emptied().await;
}

/// The HTTP server has sent the 101 and not handed over: such a connection is waited for, too.
#[tokio::test]
async fn a_shutdown_between_the_101_and_the_connection_ends_that_one_too() {
    let endpoint = Endpoint::new(Config::default());
    let (client, server) = tokio::io::duplex(1 << 16);
    let (started, shut_down) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let (started, shut_down) = (std::sync::Arc::new(started), std::sync::Arc::new(shut_down));
    let service = {
        let (endpoint, started, shut_down) = (endpoint.clone(), started.clone(), shut_down.clone());
        hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            let response: http::Response<http_body_util::Full<Bytes>> =
                stickler::hyper::upgrade(&endpoint, &mut request, echo);
            let (started, shut_down) = (started.clone(), shut_down.clone());
            async move {
                started.notify_one();
                shut_down.notified().await;
                Ok::<_, std::convert::Infallible>(response)
            }
        })
    };
    let io = hyper_util::rt::TokioIo::new(server);
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(io, service);
    tokio::spawn(serving.with_upgrades());
    let opening = tokio::spawn(async move { open(client, "/").await.0 });
    started.notified().await;
    assert_eq!(endpoint.connections(), 1);
    endpoint.shutdown();
    shut_down.notify_one();
    let mut client = opening.await.unwrap();
    assert_eq!(u16::from(close_of(&mut client).await.code), 1001);
    while client.next().await.is_some() {}
    drop(client);
    endpoint.emptied().await;
}

#[tokio::test]
async fn a_response_that_is_not_sent_is_no_connection() {
    let endpoint = Endpoint::new(Config::default());
    let mut request = request();
    let refused: http::Response<Bytes> = stickler::hyper::upgrade(&endpoint, &mut request, echo);
    // There is no hyper connection that this request came from.
    assert_eq!(refused.status(), 500);
    assert_eq!(endpoint.connections(), 0);
}

fn request() -> http::Request<()> {
    http::Request::get("/ws")
        .header("Host", "test")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Protocol", "soap, chat")
        .body(())
        .unwrap()
}

#[tokio::test]
async fn s6455_4_2_1_http_2_is_refused_without_fields_of_the_connection() {
    let endpoint = Endpoint::new(Config::default());
    let mut request = request();
    *request.version_mut() = http::Version::HTTP_2;
    let refused: http::Response<Bytes> = stickler::hyper::upgrade(&endpoint, &mut request, echo);
    assert_eq!(refused.status(), 505);
    assert!(!refused.headers().contains_key("connection"));
    assert!(refused.body().starts_with(b"RFC 9110 15.6.6: "));
}

#[test]
fn the_parts_of_the_crate_http_are_negotiated() {
    let endpoint = Endpoint::new(Config::default());
    let (mut parts, ()) = request().into_parts();
    let mut negotiated = endpoint.negotiate_parts(&parts).unwrap();
    assert_eq!(negotiated.head().path(), "/ws");
    assert_eq!(negotiated.chosen_subprotocol(), None);
    negotiated.subprotocol("chat").unwrap().header("Set-Cookie", "a=b").unwrap();
    assert!(negotiated.subprotocol("mqtt").is_err());
    let fields: Vec<_> = negotiated.fields().collect();
    assert!(fields.contains(&("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    assert!(fields.contains(&("Sec-WebSocket-Protocol", "chat")));
    assert!(fields.contains(&("Set-Cookie", "a=b")));
    assert!(!format!("{negotiated:?}").contains("a=b"), "credentials are not for the log");
    // Repeated fields are seen.
    parts.headers.append("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==".parse().unwrap());
    let refusal = endpoint.negotiate_parts(&parts).unwrap_err();
    assert_eq!(refusal.rejection, stickler::Rejection::KeyRepeated);
}

#[tokio::test]
async fn the_peer_is_who_the_extensions_say() {
    let (client, server) = tokio::io::duplex(1 << 16);
    let endpoint = Endpoint::new(Config::default());
    let peer = SocketAddr::from(([10, 1, 2, 3], 4));
    let service =
        hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer);
            let response: http::Response<http_body_util::Full<Bytes>> =
                stickler::hyper::upgrade(&endpoint, &mut request, async |socket| {
                    let peer = socket.sender().peer_addr();
                    socket.send(format!("{peer:?} {}", socket.sender().path()))
                });
            std::future::ready(Ok::<_, std::convert::Infallible>(response))
        });
    let io = hyper_util::rt::TokioIo::new(server);
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(io, service);
    tokio::spawn(serving.with_upgrades());
    let (mut client, _) = open(client, "/where?x").await;
    assert_eq!(client.next().await.unwrap().unwrap().to_text().unwrap(), "Some(10.1.2.3:4) /where");
}

#[cfg(feature = "deflate")]
#[tokio::test]
async fn s7692_7_compression_is_agreed() {
    let endpoint = Endpoint::new(Config::default());
    let head = "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let answer = ask(to_hyper(&endpoint), head).await;
    assert!(answer.fields["sec-websocket-extensions"].starts_with("permessage-deflate"));
}
