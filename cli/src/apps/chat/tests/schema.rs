//! Checks messages by docs/chat.schema.json: the fields of each type, and which of them must be there.

use std::sync::LazyLock;

use serde_json::Value;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../../docs/chat.schema.json")).unwrap()
});

/// Panics unless the schema has this message of the server.
pub(super) fn check(message: &Value) {
    let kind = message["type"].as_str().expect("a type");
    let definition = &SCHEMA["$defs"][kind];
    assert!(definition.is_object(), "the schema has no {kind}");
    fields(message, definition);
    let of_server = SCHEMA["$defs"]["server"]["oneOf"].as_array().unwrap();
    let reference = format!("#/$defs/{kind}");
    assert!(of_server.iter().any(|known| known["$ref"] == *reference), "{kind}");
}

fn fields(object: &Value, definition: &Value) {
    let known = definition["properties"].as_object().expect("properties");
    for (name, value) in object.as_object().expect("an object") {
        let Some(property) = known.get(name) else { panic!("the schema lacks {name}: {object}") };
        kind(value, property, name);
    }
    for name in definition["required"].as_array().expect("required") {
        assert!(object.get(name.as_str().unwrap()).is_some(), "{name} is missing: {object}");
    }
    assert_eq!(definition["additionalProperties"], false);
}

fn kind(value: &Value, property: &Value, name: &str) {
    let property = match property["$ref"].as_str() {
        Some(reference) => SCHEMA.pointer(reference.trim_start_matches('#')).expect("a definition"),
        None => property,
    };
    if let Some(constant) = property.get("const") {
        return assert_eq!(value, constant, "{name}");
    }
    match property["type"].as_str().expect("a type") {
        "string" => assert!(value.is_string(), "{name}: {value}"),
        "integer" => {
            assert!(value.as_u64().is_some_and(|number| number < 1 << 53), "{name}: {value}")
        }
        "boolean" => assert!(value.is_boolean(), "{name}: {value}"),
        "object" => fields(value, property),
        "array" => {
            let items = value.as_array().expect("an array");
            items.iter().for_each(|item| kind(item, &property["items"], name));
        }
        other => panic!("the schema's type {other} is not checked"),
    }
}
