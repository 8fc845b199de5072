//! What the JSON Schema says of routes.

use clap::Command;
use serde_json::{Map, Value, json};

use super::property;
use crate::config_file::route_options;

/// The schema of the list of routes; `command` has the options.
pub(super) fn routes(command: &Command) -> Value {
    let options = command.get_arguments().filter_map(|arg| {
        let name = arg.get_long().filter(|_| route_options::has(arg.get_id().as_str()))?;
        let mut property = property(arg);
        // What a route does not say is as for all, and no default.
        property.as_object_mut().map(|fields| fields.remove("default"));
        Some((name.to_owned(), property))
    });
    let mut properties: Map<String, Value> = options.collect();
    let path = |pattern: String| json!({ "type": "string", "pattern": pattern });
    properties.insert("path".into(), path(format!("^/{OCTETS}$")));
    properties.insert("prefix".into(), path(format!("^/(?:{OCTETS}/)?$")));
    properties.insert("application".into(), json!({ "enum": ["echo", "chat"] }));
    properties.insert("authentication".into(), authentication());
    json!({
        "type": "array",
        "description": "Which application answers on which path, for whom, and with which limits",
        "items": {
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
            "required": ["application"],
            "oneOf": [{ "required": ["path"] }, { "required": ["prefix"] }],
        },
    })
}

/// What a path that a request can have is made of.
const OCTETS: &str = r"(?:[!$&-;=@-\[\]-~]|%[0-9A-Fa-f]{2})*";

/// One of these, by itself or in a list.
fn algorithms(names: &[&str], longest: Option<usize>) -> Value {
    let one = json!({ "enum": names });
    let mut list = json!({ "type": "array", "items": one, "minItems": 1 });
    if let Some((fields, longest)) = list.as_object_mut().zip(longest) {
        fields.insert("maxItems".into(), longest.into());
    }
    json!({ "anyOf": [one, list] })
}

fn authentication() -> Value {
    let text = json!({ "type": "string", "minLength": 1 });
    let with = |algorithms: Value| json!({ "properties": { "algorithm": algorithms } });
    let public = ["RS256", "ES256"];
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "tokens": text,
            "query": { "type": "boolean" },
            "scope": text,
            "jwt": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "secret": text,
                    "key": text,
                    "jwks": text,
                    "algorithm": algorithms(&["HS256", "RS256", "ES256"], None),
                    "issuer": text,
                    "audience": text,
                    "scope-claim": text,
                },
                "required": ["algorithm", "issuer", "audience"],
                "oneOf": [
                    { "required": ["secret"] },
                    { "required": ["key"] },
                    { "required": ["jwks"] },
                ],
                "dependentSchemas": {
                    "secret": with(algorithms(&["HS256"], Some(1))),
                    "key": with(algorithms(&public, Some(1))),
                    "jwks": with(algorithms(&public, None)),
                },
            },
        },
        "anyOf": [{ "required": ["tokens"] }, { "required": ["jwt"] }],
    })
}
