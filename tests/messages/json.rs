//! JSON in text messages: what is sent, and what is said of a message that is none.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use stickler::{
    Config, Error, Incoming, Json, JsonError, JsonErrorKind, OwnedMessage, OwnedText, Result,
    SendError,
};

use crate::support::{binary, close, open, text};

const SECRET: &str = "hunter2-hunter2-hunter2";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    name: String,
    items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Item {
    count: u8,
    colour: Colour,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Colour {
    Red,
    Mixed { of: Vec<u8> },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize)]
struct Deep {
    #[allow(dead_code)]
    next: Box<Deep>,
}

/// serde_json writes no map whose keys are no strings.
fn unwritable() -> BTreeMap<&'static str, Vec<BTreeMap<Vec<u8>, u8>>> {
    BTreeMap::from([("good", vec![]), ("bad", vec![BTreeMap::from([(vec![1], 2)])])])
}

async fn shop(incoming: Incoming) -> Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        match message.json::<Order>() {
            Ok(order) => sender.send(Json(&order))?,
            Err(error) => sender.send(error.to_string())?,
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn values_go_in_and_out() {
    let (peer, serving) = open(Config::default(), shop).await;
    let json = r#"{"name":"é","items":[{"count":2,"colour":{"Mixed":{"of":[1,2]}}}]}"#;
    peer.send(text(&format!(" {json}\n")));
    assert_eq!(peer.text().await, json);
    peer.send(binary(json));
    assert_eq!(peer.text().await, "a binary message, where JSON is text");
    peer.send(text("{\n  \"name\": 5}"));
    assert_eq!(
        peer.text().await,
        "the JSON does not fit the type at name, line 2 column 11: expected a string"
    );
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

#[test]
fn an_error_names_kind_path_and_position() {
    use JsonErrorKind::{Incomplete, Mismatch, Syntax};
    for (json, kind, path, position, shown) in [
        ("", Incomplete, "", (1, 0), "the JSON is not complete at line 1 column 0"),
        (
            "{} x",
            Mismatch,
            "",
            (1, 2),
            "the JSON does not fit the type at line 1 column 2: missing field `name`",
        ),
        ("nul", Incomplete, "", (1, 3), "the JSON is not complete at line 1 column 3"),
        (
            r#"{"name":"a","items":[{"count":2,"colour":"Red"},{"count":300}]}"#,
            Mismatch,
            "items[1].count",
            (1, 60),
            "the JSON does not fit the type at items[1].count, line 1 column 60: expected u8",
        ),
        (
            r#"{"name":"a","items":[{"count":2,"colour":{"Mixed":{"of":[1,"x"]}}}]}"#,
            Mismatch,
            "items[0].colour.Mixed.of[1]",
            (1, 62),
            "the JSON does not fit the type at items[0].colour.Mixed.of[1], line 1 column 62: expected u8",
        ),
        (
            r#"{"name":"a","items":[{"count":2,"colour":"Blue"}]}"#,
            Mismatch,
            "items[0].colour",
            (1, 47),
            "the JSON does not fit the type at items[0].colour, line 1 column 47: expected `Red` or `Mixed`",
        ),
        (
            r#"{"name":"a","items":[{"count":1 2}]}"#,
            Syntax,
            "items[0]",
            (1, 33),
            "the message is no JSON at items[0], line 1 column 33",
        ),
        (
            r#"{"name":"a","items":[]}}"#,
            Syntax,
            "",
            (1, 24),
            "the message is no JSON at line 1 column 24",
        ),
    ] {
        let error = OwnedText::from(json).json::<Order>().unwrap_err();
        assert_eq!((error.kind(), error.path()), (kind, path), "{json}");
        assert_eq!((error.line(), error.column()), position, "{json}");
        assert_eq!(error.to_string(), shown, "{json}");
    }
}

#[test]
fn an_error_does_not_tell_what_the_message_says() {
    let key = format!("{SECRET} {SECRET}");
    for json in [
        format!(r#"{{"name":"a","items":"{SECRET}"}}"#),
        format!(r#"{{"name":"a","items":"{SECRET}, expected {SECRET}"}}"#),
        format!(r#"{{"name":"a","items":[{{"count":1,"colour":"{SECRET}"}}]}}"#),
        format!(r#"{{"name":"a","items":[{{"count":1,"colour":"x`, expected {SECRET}"}}]}}"#),
        format!(r#"{{"{key}":"a"}}"#),
        format!(r#""{SECRET}"#),
        SECRET.into(),
    ] {
        let error = OwnedMessage::text(json.as_str()).json::<Order>().unwrap_err();
        assert_quiet(&error);
        assert_quiet(&Error::from(error));
    }
    let counts = OwnedText::from(format!(r#"{{"{key}":{{"b":"x"}}}}"#));
    let error = counts.json::<HashMap<String, HashMap<String, u8>>>().unwrap_err();
    assert_eq!(error.path(), format!("{key}.b"));
    assert!(error.to_string().contains(" at ….b, line"), "{error}");
    assert_quiet(&error);
    let none = OwnedText::from(format!(r#"{{"x`, expected {SECRET}":1}}"#));
    assert_quiet(&none.json::<Nothing>().unwrap_err());
    let deep = OwnedText::from(format!("{}{}", r#"{"next":"#.repeat(100), "1"));
    assert_quiet(&deep.json::<Deep>().unwrap_err());
}

#[track_caller]
fn assert_quiet(error: &(impl std::error::Error + 'static)) {
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        for shown in [error.to_string(), format!("{error:?}"), format!("{error:#?}")] {
            assert!(!shown.contains(SECRET) && shown.len() < 400, "{shown}");
        }
        next = error.source();
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_refused_and_said_where() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let socket = incoming.accept()?;
        assert_eq!(socket.send(Json(unwritable())), Err(SendError::NotSerializable));
        assert_eq!(socket.send(Json(&unwritable())), Err(SendError::NotSerializable));
        socket.send(Json(()))?;
        Ok(())
    })
    .await;
    assert_eq!(peer.text().await, "null");
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
    let error: JsonError = Json(unwritable()).to_text().unwrap_err();
    assert_eq!((error.kind(), error.path()), (JsonErrorKind::NotSerializable, "bad[0]"));
    assert_eq!(error.to_string(), "the value cannot be written as JSON at bad[0]");
    assert_eq!(Json([1, 2]).to_text().unwrap(), "[1,2]");
}

/// A value may borrow from the message.
#[test]
fn a_value_borrows() {
    let message = OwnedMessage::text(r#"["a", "b"]"#);
    assert_eq!(message.json::<Vec<&str>>().unwrap(), ["a", "b"]);
    assert_eq!(message.as_text(), Some(r#"["a", "b"]"#));
}

#[test]
fn debug_leaves_the_value_out() {
    assert!(!format!("{:?}", Json(SECRET)).contains(SECRET));
}
