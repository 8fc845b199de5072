//! The client in memory that applications test with.

use std::time::Duration;

use stickler::http::Request;
use stickler::test::{Client, TestError};
use stickler::{
    CloseCode, Config, Endpoint, Error, Incoming, OwnedMessage, Policy, Result, SentClose,
    TimeoutKind, Violation,
};

async fn echo(incoming: Incoming) -> Result<()> {
    let mut socket = incoming.accept()?;
    while let Some(message) = socket.recv().await? {
        socket.send(message)?;
    }
    Ok(())
}

#[tokio::test]
async fn messages_of_every_length_come_back() {
    let mut client = Client::connect("/echo?who=test", echo).await.unwrap();
    assert_eq!(client.response().status(), 101);
    for len in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
        let message = OwnedMessage::binary(vec![len as u8; len]);
        let send = async {
            client.send(message.clone()).await.unwrap();
            client.recv().await.unwrap()
        };
        // More than the transport holds: the server reads while the client writes.
        assert_eq!(send.await, Some(message), "{len}");
    }
    client.send("до 語").await.unwrap();
    assert_eq!(client.recv_text().await.unwrap(), "до 語");
    let ending = client.close(3000, "enough").await.unwrap();
    assert_eq!((ending.code(), ending.reason()), (CloseCode::new(3000), "enough"));
    assert!(ending.is_clean());
}

#[tokio::test]
async fn what_the_application_closes_with_is_seen_and_answered() {
    let mut client = Client::connect("/", async |incoming: Incoming| {
        let socket = incoming.accept()?;
        socket.send("first")?;
        socket.close(CloseCode::new(4001), "kicked")?;
        Ok::<(), Error>(())
    })
    .await
    .unwrap();
    assert_eq!(client.recv_text().await.unwrap(), "first");
    assert!(matches!(client.recv_text().await, Err(TestError::Unexpected("the end"))));
    let close = client.received_close().unwrap();
    assert_eq!((close.code, &*close.reason), (Some(CloseCode::new(4001)), "kicked"));
    let ending = client.ended().await.unwrap();
    assert!(ending.is_clean());
    assert_eq!(ending.sent, SentClose::WithCode(CloseCode::new(4001)));
}

#[tokio::test]
async fn a_refusal_is_the_response_with_its_body() {
    let endpoint = Endpoint::new(Config::default());
    let request = Request::get("/").header("Sec-WebSocket-Version", "12").body(()).unwrap();
    let Err(TestError::Refused(response)) = Client::open(&endpoint, request, echo).await else {
        panic!("accepted");
    };
    assert_eq!(response.status(), 426);
    assert_eq!(response.headers()["sec-websocket-version"], "13");
    assert!(response.body().starts_with(b"RFC 6455"), "{:?}", response.body());
    for path in ["no path", "room", "http://example.com/x", "/a#b", "/ä", ""] {
        let connected = Client::connect(path, echo).await;
        assert!(matches!(connected, Err(TestError::Request(_))), "{path}");
    }
}

#[tokio::test]
async fn fields_of_the_request_arrive_and_a_subprotocol_is_chosen() {
    let policy = Policy::default().subprotocols(["chat".parse().unwrap()]);
    let endpoint = Endpoint::new(Config::default().policy(policy));
    let request = Request::get("/room")
        .header("Authorization", "Bearer sesame")
        .header("Cookie", "name=ali")
        .header("Sec-WebSocket-Protocol", "other, chat");
    let client = Client::open(&endpoint, request.body(()).unwrap(), async |incoming| {
        assert_eq!(incoming.bearer(), Some("sesame"));
        assert_eq!(incoming.cookie("name"), Some("ali"));
        echo(incoming).await
    })
    .await
    .unwrap();
    assert_eq!(client.subprotocol(), Some("chat"));
    client.close(1000, "").await.unwrap();
}

/// The server sends 100 before the 101 (RFC 9110 §10.1.1), and the client reads over it.
#[tokio::test]
async fn an_interim_response_is_passed_over() {
    let endpoint = Endpoint::new(Config::default());
    let request = Request::get("/").header("Expect", "100-continue").body(()).unwrap();
    let mut client = Client::open(&endpoint, request, echo).await.unwrap();
    assert_eq!(client.response().status(), 101);
    client.send("through").await.unwrap();
    assert_eq!(client.recv_text().await.unwrap(), "through");
    client.close(1000, "").await.unwrap();
}

#[tokio::test]
async fn frames_that_break_a_rule_can_be_sent() {
    let mut client = Client::connect("/", echo).await.unwrap();
    client.send_frame(0x83, b"").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(client.received_close().unwrap().code, Some(CloseCode::PROTOCOL_ERROR));
    assert_eq!(client.ended().await.unwrap().violation, Some(Violation::ReservedOpcode));

    let mut client = Client::connect("/", echo).await.unwrap();
    client.send_bytes(&[0x81, 0x01, b'a']).await.unwrap();
    assert_eq!(client.ended().await.unwrap().violation, Some(Violation::UnmaskedFrame));
}

/// Pings are answered while the client receives, so the keepalive does not end it.
#[tokio::test(start_paused = true)]
async fn time_is_moved_by_the_test_and_pings_are_answered() {
    let mut client = Client::connect("/", async |incoming: Incoming| {
        let socket = incoming.accept()?;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        socket.send("an hour later")?;
        Ok::<(), Error>(())
    })
    .await
    .unwrap();
    assert_eq!(client.recv_text().await.unwrap(), "an hour later");
    assert!(client.ended().await.unwrap().is_clean());
}

/// Its answers to what is still to be read go nowhere, and that is not its end.
#[tokio::test(start_paused = true)]
async fn what_a_server_sent_before_it_went_is_received() {
    let mut client = Client::connect("/", echo).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(client.received_close().unwrap().code, Some(CloseCode::INTERNAL_ERROR));
    let ending = client.ended().await.unwrap();
    assert_eq!(ending.timeout, Some(TimeoutKind::Keepalive));
    let mut client = Client::connect("/", async |incoming: Incoming| {
        let sender = incoming.accept()?.into_sender();
        sender.send("a")?;
        sender.ping(b"?")?;
        sender.send("b")?;
        sender.flushed().await?;
        sender.abort();
        Ok::<(), Error>(())
    })
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(client.recv_text().await.unwrap(), "a");
    assert_eq!(client.recv_text().await.unwrap(), "b");
    assert_eq!(client.recv().await.unwrap(), None);
}

/// A message in fragments, with a Ping between them.
#[tokio::test]
async fn fragments_are_put_together() {
    let mut client = Client::connect("/", async |incoming: Incoming| {
        let socket = incoming.accept()?;
        let sender = socket.sender();
        let mut message = sender.start_message(stickler::MessageKind::Text)?;
        message.send("frag")?;
        sender.ping(b"between")?;
        message.finish("ments")?;
        Ok::<(), Error>(())
    })
    .await
    .unwrap();
    assert_eq!(client.recv_text().await.unwrap(), "fragments");
    assert!(client.ended().await.unwrap().is_clean());
}

#[tokio::test]
async fn an_answered_ping_is_waited_for() {
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mut client = Client::connect("/", async move |incoming: Incoming| {
        let sender = incoming.accept()?.into_sender();
        told.send(sender.ping_answered().await)?; // none was sent
        sender.ping(b"one")?;
        told.send(sender.ping_answered().await)?;
        told.send(sender.ping_answered().await)?; // none is under way
        sender.send("answered")?;
        sender.ping(b"two")?;
        told.send(sender.ping_answered().await)?; // the peer closes first
        Ok::<(), stickler::BoxError>(())
    })
    .await
    .unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(heard.try_recv(), Ok(None));
    assert!(heard.try_recv().is_err()); // the client has not read yet
    assert_eq!(client.recv_text().await.unwrap(), "answered");
    let round_trip = heard.try_recv().unwrap();
    assert!(round_trip.is_some());
    assert_eq!(heard.try_recv(), Ok(round_trip));
    assert!(heard.try_recv().is_err());
    assert!(client.close(1000, "").await.unwrap().is_clean());
    assert_eq!(heard.recv().await, Some(None));
}
