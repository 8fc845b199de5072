//! A client that no one here wrote: tokio-tungstenite, over loopback and in memory.
#![cfg(feature = "net")]

use futures_util::{SinkExt, StreamExt};
use stickler::{Config, Endpoint, Incoming, MessageKind};
use stickler_testing::memory::echo;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};
use tokio_tungstenite::tungstenite::{Error, Message};

async fn connect<H, F>(handler: H) -> (WebSocketStream<DuplexStream>, JoinHandle<stickler::Ending>)
where
    H: FnOnce(Incoming) -> F + Send + 'static,
    F: Future<Output = stickler::Result<()>> + Send + 'static,
{
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(Endpoint::new(Config::default()).serve(ours, None, handler));
    let (client, _) = tokio_tungstenite::client_async("ws://test/", theirs).await.unwrap();
    (client, serving)
}

#[tokio::test]
async fn messages_of_every_size_come_back() {
    let (mut client, serving) = connect(echo).await;
    for size in [0, 1, 125, 126, 65_535, 65_536, 1 << 20, 10 << 20] {
        for message in [Message::binary(vec![7; size]), Message::text("x".repeat(size))] {
            client.feed(message.clone()).await.unwrap();
            let (flushed, echoed) = {
                let (mut sink, mut stream) = (&mut client).split();
                tokio::join!(sink.flush(), stream.next())
            };
            flushed.unwrap();
            assert!(echoed.unwrap().unwrap() == message, "{size}");
        }
    }
    client.close(None).await.unwrap();
    while client.next().await.is_some() {}
    drop(client);
    assert!(serving.await.unwrap().is_clean());
}

#[tokio::test]
async fn fragments_and_pings_are_understood_both_ways() {
    let (mut client, serving) = connect(async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        while let Some(message) = receiver.recv().await? {
            let text = message.as_text().expect("text").to_owned();
            sender.ping(b"are you there")?;
            let mut reply = sender.start_message(MessageKind::Text)?;
            for letter in text.chars() {
                reply.send(letter.to_string())?;
            }
            reply.finish("!")?;
        }
        Ok(())
    })
    .await;
    let frame = |code, is_final, payload: &'static str| {
        let header = FrameHeader {
            is_final,
            opcode: OpCode::Data(code),
            mask: Some([1, 2, 3, 4]),
            ..FrameHeader::default()
        };
        Message::Frame(Frame::from_payload(header, payload.into()))
    };
    client.send(frame(Data::Text, false, "grü")).await.unwrap();
    client.send(Message::Ping("p".into())).await.unwrap();
    client.send(frame(Data::Continue, true, "ße")).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong("p".into()));
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Ping("are you there".into()));
    assert_eq!(client.next().await.unwrap().unwrap(), Message::text("grüße!"));
    client.close(None).await.unwrap();
    while client.next().await.is_some() {}
    drop(client);
    assert!(serving.await.unwrap().is_clean());
}

#[tokio::test]
async fn close_codes_and_reasons_pass_both_ways() {
    for code in [1000, 1001, 1003, 1008, 1011, 1012, 3000, 4999] {
        let (mut client, serving) = connect(echo).await;
        let frame = CloseFrame { code: CloseCode::from(code), reason: "done".into() };
        client.close(Some(frame)).await.unwrap();
        let answer = client.next().await.unwrap().unwrap();
        let Message::Close(Some(answer)) = answer else { panic!("{answer:?}") };
        assert_eq!((u16::from(answer.code), answer.reason.as_str()), (code, ""));
        assert!(client.next().await.is_none());
        drop(client);
        let ending = serving.await.unwrap();
        assert_eq!((ending.code().get(), ending.reason()), (code, "done"));

        let (mut client, serving) = connect(async move |incoming| {
            let (_receiver, sender) = incoming.accept()?.split();
            sender.close(stickler::CloseCode::new(code), "enough")?;
            Ok(())
        })
        .await;
        let close = client.next().await.unwrap().unwrap();
        let Message::Close(Some(close)) = close else { panic!("{close:?}") };
        assert_eq!((u16::from(close.code), close.reason.as_str()), (code, "enough"));
        while client.next().await.is_some() {}
        drop(client);
        assert!(serving.await.unwrap().is_clean());
    }
}

#[tokio::test]
async fn refusals_and_subprotocols_are_understood() {
    let mut config = Config::default();
    config.policy.subprotocols = vec!["chat".parse().unwrap()];
    config.policy.paths = Some(vec!["/chat".to_owned()]);
    let endpoint = Endpoint::new(config);
    for (path, status) in [("/chat", 101), ("/other", 404)] {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn(endpoint.serve(ours, None, echo));
        let mut request = format!("ws://test{path}").into_client_request().unwrap();
        let offer = "other, chat".parse().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", offer);
        match tokio_tungstenite::client_async(request, theirs).await {
            Ok((_, response)) => {
                assert_eq!(response.status().as_u16(), status);
                assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "chat");
            }
            Err(Error::Http(response)) => assert_eq!(response.status().as_u16(), status),
            Err(error) => panic!("{error}"),
        }
        serving.await.unwrap();
    }
}
