//! The JSON Schema takes what the program takes, and refuses what it refuses.

use serde_json::{Value, json};

use crate::precedence::options;

/// Whether the value is one by this part of a schema, as far as the schema's few keywords go.
fn fits(schema: &Value, value: &Value) -> bool {
    let is_of = |name: &str| match name {
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        other => panic!("the type {other}"),
    };
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "description" | "default" => true,
            "type" => is_of(rule.as_str().unwrap()),
            "enum" => rule.as_array().unwrap().contains(value),
            "anyOf" => rule.as_array().unwrap().iter().any(|one| fits(one, value)),
            "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()),
            "minItems" => value.as_array().is_none_or(|all| !all.is_empty()),
            "items" => value.as_array().is_none_or(|all| all.iter().all(|one| fits(rule, one))),
            "pattern" => {
                assert_eq!(rule, "^[0-9]+$");
                let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
                value.as_str().is_none_or(|text| !text.is_empty() && is_number(text))
            }
            other => panic!("the keyword {other}"),
        };
        if !holds {
            return false;
        }
    }
    true
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
