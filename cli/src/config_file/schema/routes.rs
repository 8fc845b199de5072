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
    let path = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    properties.insert("path".into(), path("^/[!-\"$->@-~]*$"));
    properties.insert("prefix".into(), path("^/([!-\"$->@-~]*/)?$"));
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

fn authentication() -> Value {
    let text = json!({ "type": "string", "minLength": 1 });
    let public = json!({ "enum": ["RS256", "ES256"] });
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
                    "algorithm": { "anyOf": [
                        { "enum": ["HS256", "RS256", "ES256"] },
                        { "type": "array", "items": public, "minItems": 1 },
                    ] },
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
            },
        },
        "anyOf": [{ "required": ["tokens"] }, { "required": ["jwt"] }],
    })
}
