//! `Debug` shows lengths and states: no payload, no value of a header field, no query.

use std::fmt::Debug;

use bytes::Bytes;
use stickler::proto::close::CloseFrame;
use stickler::proto::event::Delivery;
use stickler::proto::extension::ExtensionOffer;
use stickler::proto::handshake::Response;
use stickler::proto::handshake::{HeadLimits, Request, Verdict, judge};
use stickler::proto::inbound::Inbound;
use stickler::proto::outbound::Outbound;
use stickler::{
    Config, Endpoint, Error, MessageKind, MessageLimits, NotUtf8, OwnedMessage, OwnedText, Policy,
    Prepared, ReceivedClose, Result,
};

use crate::support::{connect, frame, open_on, settle, text};

const SECRET: &str = "hunter2-hunter2-hunter2";

/// A request with the secret in its query and in three fields.
const HEAD: &str = "GET /room?token=hunter2-hunter2-hunter2 HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nAuthorization: Bearer hunter2-hunter2-hunter2\r\n\
    Cookie: id=hunter2-hunter2-hunter2\r\n\
    Sec-WebSocket-Protocol: hunter2-hunter2-hunter2\r\n\
    Sec-WebSocket-Extensions: x; p=hunter2-hunter2-hunter2\r\n\r\n";

/// Fails if either form of `Debug` is long, or has the secret, be it as bytes.
#[track_caller]
fn assert_quiet(name: &str, value: &dyn Debug) {
    let bytes = SECRET.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(",");
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(shown.len() < 500, "{name}: {} characters: {shown}", shown.len());
        assert!(!shown.contains(SECRET), "{name}: {shown}");
        let dense: String = shown.split_whitespace().collect();
        assert!(!dense.contains(&bytes), "{name}: {shown}");
    }
}

/// 10 kB with the secret.
fn long() -> String {
    SECRET.repeat(10_000 / SECRET.len() + 1)
}

#[tokio::test(start_paused = true)]
async fn handles_show_lengths_and_states() -> Result<()> {
    let endpoint = Endpoint::new(Config::default());
    let (peer, serving, _) = open_on(&endpoint, HEAD, async |mut incoming| {
        assert_quiet("Incoming", &incoming);
        incoming.header("Set-Cookie", SECRET)?.subprotocol(SECRET)?;
        incoming.request();
        assert_quiet("Incoming", &incoming);
        let mut socket = incoming.accept()?;
        socket.send(long())?;
        socket.sender().ping(SECRET.as_bytes())?;
        assert_quiet("WebSocket", &socket);
        let message = socket.recv().await?.expect("a message");
        assert_quiet("Message", &message);
        let (mut receiver, sender) = socket.split();
        sender.send(long())?;
        assert!(sender.queued() > 10_000);
        assert_quiet("Receiver", &receiver);
        assert_quiet("Sender", &sender);
        let fragmented = sender.start_message(MessageKind::Text)?;
        assert_quiet("FragmentedMessage", &fragmented);
        drop(fragmented);
        let mut fragments = receiver.recv_fragments().await?.expect("a message");
        assert_quiet("Fragments", &fragments);
        let piece = fragments.recv().await?.expect("a piece");
        assert_quiet("Piece", &piece);
        while receiver.recv().await?.is_some() {}
        assert_quiet("Receiver", &receiver);
        Ok(())
    })
    .await;
    assert_quiet("Endpoint", &endpoint);
    peer.send([text(&long()), text(SECRET), frame(0x01, SECRET)].concat());
    settle().await;
    peer.send(frame(0x80, SECRET));
    let reason = [&4001_u16.to_be_bytes(), SECRET.as_bytes()].concat();
    peer.send(frame(0x88, reason));
    peer.end();
    let ending = serving.await.unwrap();
    assert_eq!(ending.reason(), SECRET);
    assert_quiet("Ending", &ending);
    Ok(())
}

/// What can be seen without the lock is enough: whoever formats a Sender may be called under it.
#[tokio::test(start_paused = true)]
async fn a_sender_says_what_is_queued_and_whether_it_is_open() {
    let endpoint = Endpoint::new(Config::default());
    let (peer, serving) = connect(&endpoint, async |incoming| {
        let sender = incoming.accept()?.sender().clone();
        sender.send(vec![0; 20_000])?;
        let shown = format!("{sender:?}");
        assert!(shown.contains("is_open: true") && shown.contains("queued: 20"), "{shown}");
        sender.close_without_code()?;
        assert!(format!("{sender:?}").contains("is_open: false"));
        Ok(())
    });
    peer.send(crate::support::REQUEST);
    peer.send(crate::support::close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

#[test]
fn values_show_lengths() {
    let secret = Bytes::from_static(SECRET.as_bytes());
    let response =
        Response::new(401).unwrap().with_body(SECRET).with_field("Set-Cookie", SECRET).unwrap();
    let close = CloseFrame { code: None, reason: SECRET };
    let received = ReceivedClose { code: None, reason: SECRET.into() };
    let invalid: NotUtf8 = OwnedText::try_from([SECRET.as_bytes(), &[0xff]].concat()).unwrap_err();
    let values: [(&str, &dyn Debug); 11] = [
        ("OwnedText", &OwnedText::from(long())),
        ("OwnedMessage", &OwnedMessage::from(long())),
        ("OwnedMessage", &OwnedMessage::binary(secret)),
        ("NotUtf8", &invalid),
        ("Error", &Error::application(invalid.clone())),
        ("Prepared", &Prepared::text(long())),
        ("Response", &response),
        ("ResponseFields", response.fields()),
        ("CloseFrame", &close),
        ("ReceivedClose", &received),
        ("ExtensionOffer", &ExtensionOffer { name: SECRET.into(), params: Vec::new() }),
    ];
    for (name, value) in values {
        assert_quiet(name, value);
    }
    #[cfg(feature = "deflate")]
    {
        assert_quiet("Compressed", &stickler::Compressed(SECRET));
        assert_quiet("Uncompressed", &stickler::Uncompressed(SECRET));
    }
}

#[test]
fn the_core_shows_no_payload() {
    let mut inbound = Inbound::new();
    let mut outbound = Outbound::new();
    let limits = MessageLimits::default();
    let mut bytes = frame(0x01, long());
    let step = inbound.receive(&mut bytes[..5_000], Delivery::Message, &limits).unwrap();
    assert_eq!(step.event, None);
    assert_quiet("Inbound", &inbound);
    let mut ping = frame(0x89, SECRET);
    let len = ping.len() - 1;
    let mut between = Inbound::new();
    between.receive(&mut ping[..len], Delivery::Message, &limits).unwrap();
    assert_quiet("Inbound", &between);
    outbound.set_congested(true);
    outbound.pong(SECRET.as_bytes(), &mut Vec::new());
    assert_quiet("Outbound", &outbound);

    let request = Request::parse(HEAD.as_bytes(), &HeadLimits::default()).unwrap();
    assert_quiet("Request", &request);
    let Verdict::WebSocket(offer) = judge(&request, &Policy::default()).unwrap() else {
        panic!("no WebSocket");
    };
    assert_quiet("Offer", &offer);
    let negotiated = Endpoint::new(Config::default()).negotiate(&request).unwrap();
    assert_quiet("Negotiated", &negotiated);
}

#[test]
fn a_long_path_is_cut() {
    let head = HEAD.replace("/room", &format!("/{}", "room".repeat(1_000)));
    assert_quiet("Request", &Request::parse(head.as_bytes(), &HeadLimits::default()).unwrap());
}
