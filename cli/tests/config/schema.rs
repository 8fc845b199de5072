//! The JSON Schema takes what the program takes, and refuses what it refuses.

use serde_json::{Value, json};
use stickler_testing::folder::Folder;

use crate::precedence::options;
use crate::server::stickler;
use crate::{run, write};

/// Whether the value is one by this part of a schema, as far as the schema's few keywords go.
fn fits(schema: &Value, value: &Value) -> bool {
    let is_of = |name: &str| match name {
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other}"),
    };
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "description" | "default" => true,
            "type" => is_of(rule.as_str().unwrap()),
            "enum" => rule.as_array().unwrap().contains(value),
            "anyOf" => rule.as_array().unwrap().iter().any(|one| fits(one, value)),
            "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()),
            "oneOf" => rule.as_array().unwrap().iter().filter(|one| fits(one, value)).count() == 1,
            "dependentSchemas" => {
                let mut parts = rule.as_object().unwrap().iter();
                parts.all(|(name, part)| value.get(name).is_none() || fits(part, value))
            }
            "required" => {
                let has = |name: &Value| value.get(name.as_str().unwrap()).is_some();
                rule.as_array().unwrap().iter().all(has)
            }
            "properties" => {
                let mut parts = value.as_object().unwrap().iter();
                parts.all(|(name, part)| rule.get(name).is_none_or(|rule| fits(rule, part)))
            }
            "additionalProperties" => {
                assert_eq!(rule, false);
                let known = &schema["properties"];
                value.as_object().unwrap().keys().all(|name| known.get(name).is_some())
            }
            "minLength" => value.as_str().is_none_or(|text| !text.is_empty()),
            "minItems" => value.as_array().is_none_or(|all| !all.is_empty()),
            "maxItems" => value.as_array().is_none_or(|all| all.len() <= 1),
            "items" => value.as_array().is_none_or(|all| all.iter().all(|one| fits(rule, one))),
            "pattern" => value.as_str().is_none_or(|text| matches(rule.as_str().unwrap(), text)),
            other => panic!("the keyword {other}"),
        };
        if !holds {
            return false;
        }
    }
    true
}

/// Whether the text is one of this pattern, of those that there are.
fn matches(pattern: &str, text: &str) -> bool {
    let octets = "(?:[!$&-;=@-\\[\\]-~]|%[0-9A-Fa-f]{2})*";
    match pattern {
        "^[0-9]+$" => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
        _ if pattern == format!("^/{octets}$") => is_path(text),
        _ if pattern == format!("^/(?:{octets}/)?$") => is_path(text) && text.ends_with('/'),
        other => panic!("the pattern {other}"),
    }
}

/// What the pattern of a path says.
fn is_path(text: &str) -> bool {
    let mut parts = text.split('%');
    let is_of_it = |octet: u8| octet.is_ascii_graphic() && !b"\"#%<>?\\".contains(&octet);
    let is_encoded =
        |part: &str| part.len() >= 2 && part.bytes().take(2).all(|octet| octet.is_ascii_hexdigit());
    let mut texts = text.bytes().filter(|octet| *octet != b'%');
    text.starts_with('/') && texts.all(is_of_it) && parts.next().is_some() && parts.all(is_encoded)
}

#[test]
fn the_schema_takes_a_route_where_the_program_does() {
    let folder = Folder::new("config-schema-routes");
    let (_, out, _) = run(stickler().args(["config", "schema"]));
    let schema: Value = serde_json::from_str(&out).unwrap();
    let route = |at: Value, more: Value| {
        let mut route = json!({ "application": "echo" });
        for part in [at, more] {
            route.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        }
        json!({ "route": [route] })
    };
    let path = |path: &str| route(json!({ "path": path }), json!({}));
    let prefix = |prefix: &str| route(json!({ "prefix": prefix }), json!({}));
    let jwt = |key: &str, algorithm: Value| {
        let mut jwt = json!({ "algorithm": algorithm, "issuer": "i", "audience": "a" });
        for name in key.split(' ') {
            jwt[name] = "f".into();
        }
        route(json!({ "path": "/a" }), json!({ "authentication": { "jwt": jwt } }))
    };
    for (file, is_one) in [
        (jwt("secret", json!("HS256")), true),
        (jwt("secret", json!(["HS256"])), true),
        (jwt("secret", json!(["HS256", "HS256"])), false),
        (jwt("secret", json!("RS256")), false),
        (jwt("secret key", json!("HS256")), false),
        (jwt("key", json!("RS256")), true),
        (jwt("key", json!(["ES256"])), true),
        (jwt("key", json!(["ES256", "RS256"])), false),
        (jwt("key", json!("HS256")), false),
        (jwt("jwks", json!("RS256")), true),
        (jwt("jwks", json!(["ES256", "RS256"])), true),
        (jwt("jwks", json!(["ES256", "HS256"])), false),
        (jwt("jwks", json!([])), false),
        (jwt("jwks", json!("none")), false),
        (path("/"), true),
        (path("/a%7e/b;c=d,e|f^g`h[i]{j}~'!$&()*+:@"), true),
        (path("/a%zz"), false),
        (path("/a%4"), false),
        (path("/a%"), false),
        (path("/a%4%41"), false),
        (path("/a?b"), false),
        (path("/a#b"), false),
        (path("/a<b"), false),
        (path("/a>b"), false),
        (path("/a\"b"), false),
        (path("/a\\b"), false),
        (path("/a b"), false),
        (path("/\u{e9}"), false),
        (path("a"), false),
        (prefix("/"), true),
        (prefix("/a%20b/"), true),
        (prefix("/a%2/"), false),
        (prefix("/a"), false),
    ] {
        assert_eq!(fits(&schema["properties"]["route"], &file["route"]), is_one, "schema: {file}");
        let text = toml(&file["route"][0]);
        let written = write(&folder, "a.toml", &format!("[[route]]\n{text}\n"));
        let (code, _, said) = run(stickler().args(["config", "check"]).arg(written));
        assert_eq!(code == Some(0), is_one, "{text}: {said}");
    }
}

/// The fields of an object as TOML has them; strings and lists are written as in JSON.
fn toml(object: &Value) -> String {
    let field = |(name, value): (&String, &Value)| match value {
        Value::Object(_) => format!("{name} = {{ {} }}", toml(value).replace('\n', ", ")),
        value => format!("{name} = {value}"),
    };
    object.as_object().unwrap().iter().map(field).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_schema_takes_and_refuses_what_the_program_does() {
    let options = options();
    let property = |key: &str| &options.iter().find(|(known, _)| known == key).unwrap().1;
    for (key, value, is_one) in [
        ("workers", json!(4), true),
        ("workers", json!("4"), true),
        ("workers", json!(-1), false),
        ("workers", json!("many"), false),
        ("workers", json!([4]), false),
        ("listen", json!("127.0.0.1:0"), true),
        ("listen", json!(["127.0.0.1:0", "[::1]:0"]), true),
        ("listen", json!([]), false),
        ("reuse-port", json!(true), true),
        ("reuse-port", json!("true"), false),
        ("hsts", json!(true), true),
        ("hsts", json!(600), true),
        ("max-queued", json!("64KiB"), true),
        ("max-queued", json!(65536), true),
        ("max-queued", json!(1.5), false),
        ("deflate", json!("lean"), true),
        ("deflate", json!("more"), false),
        ("drain-code", json!(1012), true),
        ("drain-code", json!("1012"), true),
        ("drain-code", json!(1000), false),
        ("handshake-timeout", json!("3s"), true),
        ("health-path", json!(3), false),
    ] {
        assert_eq!(fits(property(key), &value), is_one, "{key} = {value}");
    }
    for (key, property) in &options {
        assert!(property["description"].as_str().is_some_and(|text| text.len() > 5), "{key}");
        if let Some(default) = property.get("default") {
            assert!(fits(property, default), "{key}: {default}");
        }
    }
    assert_eq!(property("max-message-size")["default"], "16MiB");
    assert!(options.iter().all(|(key, _)| key != "config"));
}
