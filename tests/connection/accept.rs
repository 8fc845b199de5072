//! Connections that no handler serves: they last as long as their handles.

use stickler::{
    CloseCode, Config, Endpoint, Error, OwnedMessage, Prepared, Rejection, TimeoutKind, Topic,
};

use crate::support::{REQUEST, close, text, wire};

#[tokio::test(start_paused = true)]
async fn an_accepted_connection_closes_with_its_last_handle() {
    let endpoint = Endpoint::new(Config::default());
    let (transport, peer) = wire();
    peer.send(REQUEST);
    let mut socket = endpoint.accept(transport, None).await.unwrap();
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    peer.send(text("hello"));
    let message = socket.recv().await.unwrap().unwrap();
    assert!(matches!(&message, OwnedMessage::Text(text) if &**text == "hello"));
    let (receiver, sender) = socket.split();
    let clone = sender.clone();
    drop(receiver);
    drop(sender);
    tokio::task::yield_now().await;
    clone.send(message).unwrap();
    assert_eq!(peer.text().await, "hello");
    drop(clone);
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.send(close(1000));
    peer.end();
    endpoint.emptied().await;
}

#[tokio::test(start_paused = true)]
async fn handles_that_are_kept_do_not_keep_what_has_ended() {
    let endpoint = Endpoint::new(Config::default());
    let (transport, peer) = wire();
    peer.send(REQUEST);
    let socket = endpoint.accept(transport, None).await.unwrap();
    peer.head().await;
    peer.send(close(1001));
    assert_eq!(peer.frame().await.close_code(), 1001);
    peer.end();
    endpoint.emptied().await;
    assert!(socket.sender().closed().await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn s4_2_2_what_is_decided_about_it_is_in_the_answer() {
    let endpoint = Endpoint::new(Config::default());
    let (transport, peer) = wire();
    peer.send(REQUEST);
    let accepted = endpoint.accept_with(transport, None, |incoming| {
        assert_eq!(incoming.path(), "/room");
        Ok(())
    });
    assert!(accepted.await.unwrap().sender().is_open());
    let (transport, peer) = wire();
    peer.send(REQUEST);
    peer.end();
    let rejected = endpoint.accept_with(transport, None, |_| {
        let response = stickler::http::Response::builder().status(401);
        Err(response.header("WWW-Authenticate", "Bearer").body("who?".into()).unwrap().into())
    });
    let error = rejected.await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
    assert!(peer.head().await.contains("Www-Authenticate: Bearer\r\n"));
}

#[tokio::test(start_paused = true)]
async fn s4_2_1_a_refused_handshake_is_an_error_and_told_to_the_peer() {
    let endpoint = Endpoint::new(Config::default());
    let (transport, peer) = wire();
    peer.send(REQUEST.replace("Version: 13", "Version: 12"));
    peer.end();
    let error = endpoint.accept(transport, None).await.unwrap_err();
    let Error::Refused(refusal) = error else { panic!("{error:?}") };
    assert_eq!(refusal.rejection, Rejection::VersionUnsupported);
    assert!(peer.head().await.starts_with("HTTP/1.1 426 "));
    // A peer that keeps TCP open does not choose another error.
    let (transport, peer) = wire();
    peer.send(REQUEST.replace("Version: 13", "Version: 12"));
    let error = endpoint.accept(transport, None).await.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    drop(peer);
    // One that does not finish its head in time is late, and is told so.
    let (transport, peer) = wire();
    peer.send(&REQUEST[..20]);
    let error = endpoint.accept(transport, None).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(TimeoutKind::Handshake)), "{error:?}");
    drop(peer);
    // A transport that ends before anything was asked.
    let (transport, peer) = wire();
    peer.end();
    assert!(matches!(endpoint.accept(transport, None).await, Err(Error::Transport(_))));
    endpoint.emptied().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_decision_is_500() {
    let endpoint = Endpoint::new(Config::default());
    let (transport, peer) = wire();
    peer.send(REQUEST);
    peer.end();
    let error = endpoint.accept_with(transport, None, |_| panic!("on purpose")).await.unwrap_err();
    assert!(
        matches!(error, Error::Refused(refusal) if refusal.rejection == Rejection::HandlerFailed)
    );
    assert!(peer.head().await.starts_with("HTTP/1.1 500 "));
}

#[tokio::test(start_paused = true)]
async fn dropped_before_the_handshake_the_transport_goes_too() {
    let endpoint = Endpoint::new(Config::default());
    let (transport, peer) = wire();
    {
        let mut accepting = Box::pin(endpoint.accept(transport, None));
        tokio::select! {
            biased;
            _ = &mut accepting => panic!("nothing was asked"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(endpoint.connections(), 1);
    }
    endpoint.emptied().await;
    assert!(peer.wire().is_gone);
}

#[tokio::test(start_paused = true)]
async fn s5_5_3_a_pong_may_answer_nothing() {
    let endpoint = Endpoint::new(Config::default());
    let (transport, peer) = wire();
    peer.send(REQUEST);
    let socket = endpoint.accept(transport, None).await.unwrap();
    peer.head().await;
    socket.sender().pong(b"beat").unwrap();
    let pong = peer.frame().await;
    assert_eq!((pong.first, &pong.payload[..]), (0x8a, &b"beat"[..]));
    let too_long = socket.sender().pong(&[0; 126]).unwrap_err();
    assert_eq!(too_long, stickler::SendError::ControlTooLong);
    let sender = socket.sender().clone();
    socket.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(sender.pong(b"late"), Err(stickler::SendError::Closed));
}

/// A subscription keeps the connection's state, but not the connection.
#[tokio::test(start_paused = true)]
async fn a_subscription_does_not_keep_a_connection_open() {
    let endpoint = Endpoint::new(Config::default());
    let (transport, peer) = wire();
    peer.send(REQUEST);
    let socket = endpoint.accept(transport, None).await.unwrap();
    peer.head().await;
    let topic = Topic::new();
    let subscription = topic.subscribe(socket.sender());
    topic.publish(Prepared::text("news"));
    assert_eq!(peer.text().await, "news");
    drop(socket);
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.send(close(1000));
    peer.end();
    endpoint.emptied().await;
    drop(subscription);
}
