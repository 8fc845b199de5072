//! What a client sends: text messages, each with one JSON object.

use serde_json::{Map, Value};
use stickler::broker::Position;

use super::naming;
use super::reply::Fault;
use super::unique::Unique;

/// A message of a client, whose fields are all right.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    Join(Join),
    Say { id: String, text: String },
    Typing,
    Leave,
}

/// To come into a room.
#[derive(Debug, PartialEq)]
pub(super) struct Join {
    pub(super) room: String,
    pub(super) nickname: String,
    /// What an earlier join gave for the nickname.
    pub(super) secret: Option<String>,
    /// The last message that the client saw.
    pub(super) after: Option<Position>,
}

/// Reads a message of a client.
///
/// # Errors
/// A fault that names the field.
pub(super) fn parse(text: &str) -> Result<Request, Fault> {
    if text.len() > MOST_BYTES {
        return Err(Fault::new("too_long", format!("a message has at most {MOST_BYTES} bytes")));
    }
    let Unique(value) = serde_json::from_str(text).map_err(|error| match error.is_data() {
        true => Fault::new("malformed", format!("ambiguous: {error}")),
        false => Fault::new("malformed", format!("this is no JSON: {error}")),
    })?;
    let Value::Object(fields) = value else {
        return Err(Fault::new("malformed", "a message is one JSON object"));
    };
    let mut fields = Fields(fields);
    let kind = fields.text("type")?;
    let request = match &*kind {
        "join" => join(&mut fields)?,
        "say" => say(&mut fields)?,
        "typing" => Request::Typing,
        "leave" => Request::Leave,
        _ => {
            let sentence = "the types are join, say, typing and leave";
            return Err(Fault::new("unknown_type", sentence).field("type"));
        }
    };
    fields.end()?;
    Ok(request)
}

fn join(fields: &mut Fields) -> Result<Request, Fault> {
    let invalid = |field| move |sentence| Fault::new("invalid", sentence).field(field);
    let room = naming::room(&fields.text("room")?).map_err(invalid("room"))?;
    let nickname = naming::nickname(&fields.text("nickname")?).map_err(invalid("nickname"))?;
    let secret = fields.optional_text("secret")?;
    if secret.as_deref().is_some_and(|secret| !is_secret(secret)) {
        return Err(invalid("secret")("a secret is 22 characters that joined gave".into()));
    }
    let after = fields.position("after")?;
    Ok(Request::Join(Join { room, nickname, secret, after }))
}

fn say(fields: &mut Fields) -> Result<Request, Fault> {
    let id = fields.text("id")?;
    if !(1..=MOST_ID).contains(&id.len()) || !id.bytes().all(|octet| octet.is_ascii_graphic()) {
        let sentence = format!("an id is 1 to {MOST_ID} visible ASCII characters");
        return Err(Fault::new("invalid", sentence).field("id"));
    }
    // From here on the client is told which of its messages has the fault.
    let of_it = |fault: Fault| fault.id(&id);
    let text = fields.text("text").map_err(of_it)?;
    naming::text(&text).map_err(|why| of_it(Fault::new("invalid", why).field("text")))?;
    Ok(Request::Say { id, text })
}

fn is_secret(text: &str) -> bool {
    let is_of_it = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
    text.len() == 22 && text.bytes().all(is_of_it)
}

/// The fields of an object that were not asked for yet.
struct Fields(Map<String, Value>);

impl Fields {
    fn text(&mut self, name: &'static str) -> Result<String, Fault> {
        self.optional_text(name)?.ok_or_else(|| missing(name))
    }

    fn optional_text(&mut self, name: &'static str) -> Result<Option<String>, Fault> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(name, "a string")),
        }
    }

    /// An object with `epoch` and `offset`.
    fn position(&mut self, name: &'static str) -> Result<Option<Position>, Fault> {
        let fields = match self.0.remove(name) {
            None => return Ok(None),
            Some(Value::Object(fields)) => fields,
            Some(_) => return Err(wrong(name, "an object with epoch and offset")),
        };
        let mut fields = Fields(fields);
        let epoch = fields.text("epoch").map_err(|fault| fault.within(name))?;
        let epoch =
            epoch.parse().ok().filter(|_| epoch.bytes().all(|octet| octet.is_ascii_digit()));
        let offset = match fields.0.remove("offset") {
            None => return Err(missing("offset").within(name)),
            Some(offset) => offset.as_u64().filter(|offset| *offset < OFFSETS_END),
        };
        let epoch = epoch.ok_or_else(|| wrong("epoch", "decimal digits").within(name))?;
        let offset = offset.ok_or_else(|| wrong("offset", "a whole number").within(name))?;
        fields.end().map_err(|fault| fault.within(name))?;
        Ok(Some(Position { epoch, offset }))
    }

    fn end(self) -> Result<(), Fault> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                // It came from the client, and goes back to it: not at any length.
                let name: String = name.chars().take(64).collect();
                Err(Fault::new("unknown_field", "there is no such field").field(name))
            }
        }
    }
}

fn missing(name: &str) -> Fault {
    Fault::new("missing_field", "this field is missing").field(name)
}

fn wrong(name: &str, wanted: &str) -> Fault {
    Fault::new("wrong_type", format!("this field is {wanted}")).field(name)
}

/// Bytes of a message. A text of 2,000 characters fits in, even if each is written as `\uXXXX\uXXXX`.
const MOST_BYTES: usize = 32 << 10;

/// Characters of an id.
const MOST_ID: usize = 64;

/// Offsets are below 2^53, so that every JSON reader has them exactly.
const OFFSETS_END: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_read() {
        let join = r#"{"type":"join","room":"lobby","nickname":"Ada","secret":"0123456789abcdefghij-_",
            "after":{"epoch":"1700000000000000000","offset":9007199254740991}}"#;
        let position = Position { epoch: 1_700_000_000_000_000_000, offset: (1 << 53) - 1 };
        let expected = Join {
            room: "lobby".into(),
            nickname: "Ada".into(),
            secret: Some("0123456789abcdefghij-_".into()),
            after: Some(position),
        };
        assert_eq!(parse(join), Ok(Request::Join(expected)));
        let say = Request::Say { id: "1".into(), text: "hi".into() };
        assert_eq!(parse(r#"{"text":"hi","type":"say","id":"1"}"#), Ok(say));
        assert_eq!(parse(r#"{"type":"typing"}"#), Ok(Request::Typing));
        assert_eq!(parse(r#"{"type":"leave"}"#), Ok(Request::Leave));
    }

    #[test]
    fn each_fault_names_its_field() {
        for (text, code, field) in [
            ("", "malformed", None),
            ("{", "malformed", None),
            ("[]", "malformed", None),
            ("{} {}", "malformed", None),
            (r#"{"type":"leave","type":"typing"}"#, "malformed", None),
            (r#"{"type":"say","id":"1","text":"a","te\u0078t":"b"}"#, "malformed", None),
            (
                r#"{"type":"join","room":"a","nickname":"b","after":{"epoch":"1","epoch":"2","offset":1}}"#,
                "malformed",
                None,
            ),
            ("{}", "missing_field", Some("type")),
            (r#"{"type":1}"#, "wrong_type", Some("type")),
            (r#"{"type":"shout"}"#, "unknown_type", Some("type")),
            (r#"{"type":"typing","to":"x"}"#, "unknown_field", Some("to")),
            (r#"{"type":"leave","room":"x"}"#, "unknown_field", Some("room")),
            (r#"{"type":"join"}"#, "missing_field", Some("room")),
            (r#"{"type":"join","room":7}"#, "wrong_type", Some("room")),
            (r#"{"type":"join","room":""}"#, "invalid", Some("room")),
            (r#"{"type":"join","room":"a"}"#, "missing_field", Some("nickname")),
            (r#"{"type":"join","room":"a","nickname":null}"#, "wrong_type", Some("nickname")),
            (r#"{"type":"join","room":"a","nickname":"\u202ea"}"#, "invalid", Some("nickname")),
            (
                r#"{"type":"join","room":"a","nickname":"b","secret":1}"#,
                "wrong_type",
                Some("secret"),
            ),
            (
                r#"{"type":"join","room":"a","nickname":"b","secret":"x"}"#,
                "invalid",
                Some("secret"),
            ),
            (r#"{"type":"join","room":"a","nickname":"b","after":1}"#, "wrong_type", Some("after")),
            (
                r#"{"type":"join","room":"a","nickname":"b","after":{}}"#,
                "missing_field",
                Some("after.epoch"),
            ),
            (
                r#"{"type":"join","room":"a","nickname":"b","after":{"epoch":"+1","offset":1}}"#,
                "wrong_type",
                Some("after.epoch"),
            ),
            (
                r#"{"type":"join","room":"a","nickname":"b","after":{"epoch":"1"}}"#,
                "missing_field",
                Some("after.offset"),
            ),
            (
                r#"{"type":"join","room":"a","nickname":"b","after":{"epoch":"1","offset":9007199254740992}}"#,
                "wrong_type",
                Some("after.offset"),
            ),
            (
                r#"{"type":"join","room":"a","nickname":"b","after":{"epoch":"1","offset":1,"x":1}}"#,
                "unknown_field",
                Some("after.x"),
            ),
            (r#"{"type":"say","text":"a"}"#, "missing_field", Some("id")),
            (r#"{"type":"say","id":"","text":"a"}"#, "invalid", Some("id")),
            (r#"{"type":"say","id":"a b","text":"a"}"#, "invalid", Some("id")),
            (r#"{"type":"say","id":"1"}"#, "missing_field", Some("text")),
            (r#"{"type":"say","id":"1","text":" "}"#, "invalid", Some("text")),
            (r#"{"type":"say","id":"1","text":"a","x":1}"#, "unknown_field", Some("x")),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!((fault.code, fault.field.as_deref()), (code, field), "{text}");
        }
        let id = "x".repeat(65);
        let fault = parse(&format!(r#"{{"type":"say","id":"{id}","text":"a"}}"#)).unwrap_err();
        assert_eq!(fault.field.as_deref(), Some("id"));
        assert_eq!(parse(&" ".repeat(40_000)).unwrap_err().code, "too_long");
        let longest = "\\ud83e\\udd80".repeat(2_000);
        assert!(parse(&format!(r#"{{"type":"say","id":"1","text":"{longest}"}}"#)).is_ok());
        assert!(parse(&"[".repeat(30_000)).is_err());
    }
}
