//! What messages and texts are made from, and what they are made into.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use stickler::{CloseCode, Config, MessageKind, OwnedMessage, OwnedText, Prepared};

use crate::support::{binary, close, open, text};

const STATIC: OwnedText = OwnedText::from_static("hello");

#[test]
fn a_text_is_made_from_whatever_is_one() {
    let made: [OwnedText; 8] = [
        STATIC,
        "hello".into(),
        String::from("hello").into(),
        (&String::from("hello")).into(),
        Box::<str>::from("hello").into(),
        Cow::from("hello").into(),
        b"hello".to_vec().try_into().unwrap(),
        Bytes::from_static(b"hello").try_into().unwrap(),
    ];
    for text in made {
        assert_eq!(text, STATIC);
        assert_eq!(text, "hello");
        assert_eq!(text, *"hello");
        assert_eq!(text, String::from("hello"));
        assert_ne!(text, "hell");
        assert_eq!(text.as_str(), "hello");
        assert_eq!(text.to_string(), "hello");
        assert_eq!(format!("{text:>7}"), "  hello");
        assert_eq!(<_ as AsRef<str>>::as_ref(&text), "hello");
        assert_eq!(<_ as AsRef<[u8]>>::as_ref(&text), b"hello");
        assert_eq!(Bytes::from(text.clone()), "hello");
        assert_eq!(String::from(text), "hello");
    }
}

#[test]
fn a_message_is_made_from_text_and_bytes() {
    let texts: [OwnedMessage; 4] =
        ["hello".into(), String::from("hello").into(), STATIC.into(), OwnedMessage::text("hello")];
    for message in texts {
        assert_eq!((message.kind(), message.len()), (MessageKind::Text, 5));
        assert_eq!(message, "hello");
        assert_eq!(message, String::from("hello"));
        assert_eq!(message.as_text(), Some("hello"));
        assert_eq!(message.as_bytes(), b"hello");
        assert_eq!(message.to_string(), "hello");
        assert_eq!(message.clone().into_bytes(), "hello");
        assert_eq!(message.into_text(), Some(STATIC));
    }
    let binaries: [OwnedMessage; 4] = [
        b"hello".to_vec().into(),
        Bytes::from_static(b"hello").into(),
        b"hello"[..].into(),
        OwnedMessage::binary("hello"),
    ];
    for message in binaries {
        assert_eq!((message.kind(), message.len()), (MessageKind::Binary, 5));
        assert_ne!(message, "hello");
        assert_eq!(message.as_text(), None);
        assert_eq!(<_ as AsRef<[u8]>>::as_ref(&message), b"hello");
        assert_eq!(message.to_string(), "5 bytes");
        assert_eq!(message.clone().into_text(), None);
        assert_eq!(Bytes::from(message), "hello");
    }
    assert!(OwnedMessage::text("").is_empty());
}

#[test]
fn what_is_no_text_comes_back() {
    let bytes = Bytes::from_static(&[b'a', 0xff]);
    let error = OwnedText::try_from(bytes.clone()).unwrap_err();
    assert_eq!(error.to_string(), "the bytes are not UTF-8");
    assert_eq!(error.into_bytes(), bytes);
    let vec = vec![0xc3];
    let at = vec.as_ptr();
    let back = Vec::from(OwnedText::try_from(vec).unwrap_err().into_bytes());
    assert_eq!((back.as_ptr(), &back[..]), (at, &[0xc3][..]));
}

/// `Borrow<str>` promises that hash and order are those of `str`.
#[test]
fn a_text_is_found_by_its_str() {
    let counts = HashMap::from([(OwnedText::from("a"), 1), (OwnedText::from("b"), 2)]);
    assert_eq!((counts.get("a"), counts.get("b"), counts.get("c")), (Some(&1), Some(&2), None));
    let names: BTreeSet<OwnedText> = ["é", "z", "a"].map(OwnedText::from).into();
    assert_eq!(names.iter().map(OwnedText::as_str).collect::<Vec<_>>(), ["a", "z", "é"]);
    assert!(names.contains("z"));
    assert!(HashMap::from([(OwnedMessage::text("a"), ())]).contains_key(&OwnedMessage::text("a")));
}

#[test]
fn a_prepared_message_is_made_from_whatever_is_a_message() {
    let texts: [Prepared; 6] = [
        "hello".into(),
        String::from("hello").into(),
        STATIC.into(),
        (&STATIC).into(),
        OwnedMessage::text("hello").into(),
        (&Prepared::text(STATIC)).into(),
    ];
    for prepared in texts {
        assert_eq!((prepared.kind(), prepared.payload()), (MessageKind::Text, &b"hello"[..]));
        assert_eq!(&prepared.frame()[..], b"\x81\x05hello");
    }
    let binaries: [Prepared; 5] = [
        b"hello"[..].into(),
        b"hello".to_vec().into(),
        Bytes::from_static(b"hello").into(),
        (&OwnedMessage::binary("hello")).into(),
        Prepared::binary(STATIC),
    ];
    for prepared in binaries {
        assert_eq!(&prepared.frame()[..], b"\x82\x05hello");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lent_message_answers_as_an_owned_one_does() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, _sender) = incoming.accept()?.split();
        let string = String::from("hello");
        for _ in 0..2 {
            let message = receiver.recv().await?.expect("a message");
            assert_eq!((message.kind(), message.len()), (MessageKind::Text, 5));
            assert!(!message.is_empty() && message == "hello" && message != "hell");
            assert_eq!(message.to_string(), "hello");
            assert_eq!(<_ as AsRef<[u8]>>::as_ref(&message), b"hello");
            assert_eq!(&Prepared::from(&message).frame()[..], b"\x81\x05hello");
            let stickler::Message::Text(text) = message else { panic!("no text") };
            assert!(text == "hello" && text == string && text.as_str() == "hello");
            assert_eq!(<_ as AsRef<str>>::as_ref(&text), "hello");
            assert_eq!((text.to_string(), String::from(text)), ("hello".into(), "hello".into()));
        }
        let text = receiver.recv().await?.expect("a message").into_text();
        assert_eq!(text, Some(STATIC));
        let bytes = receiver.recv().await?.expect("a message").into_bytes();
        assert_eq!(bytes, "hello");
        let message = receiver.recv().await?.expect("a message");
        assert_eq!(message.to_string(), "5 bytes");
        assert!(message != "hello");
        assert_eq!(OwnedMessage::from(message), OwnedMessage::binary("hello"));
        assert!(receiver.recv().await?.expect("a message").into_text().is_none());
        let message = receiver.recv().await?.expect("a message");
        let stickler::Message::Binary(payload) = message else { panic!("no binary") };
        assert!(payload == *b"hello" && payload == b"hello"[..]);
        assert_eq!(Bytes::from(payload), "hello");
        Ok(())
    })
    .await;
    peer.send(text("hello").repeat(4));
    peer.send(binary("hello").repeat(3));
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

#[test]
fn a_close_code_is_its_number() {
    for number in [0, 1000, 1015, 4999, u16::MAX] {
        assert_eq!(u16::from(CloseCode::from(number)), number);
    }
}
