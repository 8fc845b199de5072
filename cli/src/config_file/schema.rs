//! `stickler config schema`: the JSON Schema (draft 2020-12) of a configuration file.

mod routes;

use std::any::TypeId;
use std::path::PathBuf;

use clap::{Arg, Command};
use serde_json::{Map, Value, json};

use super::is_key;
use super::value::{is_repeatable, is_switch, may_be_bare};

/// The schema, as lines of JSON.
pub(crate) fn schema(command: &Command) -> String {
    let options = command.get_arguments().filter(|arg| is_key(arg));
    let mut properties: Map<_, _> =
        options.map(|arg| (arg.get_long().unwrap_or_default().to_owned(), property(arg))).collect();
    properties.insert("route".to_owned(), routes::routes(command));
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration of stickler serve",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    format!("{schema:#}\n")
}

fn property(arg: &Arg) -> Value {
    let one = value(arg);
    let mut property = if is_repeatable(arg) {
        json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    } else if may_be_bare(arg) {
        json!({ "anyOf": [one, { "type": "boolean" }] })
    } else {
        one
    };
    if let Some(fields) = property.as_object_mut() {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        fields.insert("description".to_owned(), help.into());
        if let Some(default) = default(arg) {
            fields.insert("default".to_owned(), default);
        }
    }
    property
}

/// What one value may be. Whatever the command line takes is allowed as a string.
fn value(arg: &Arg) -> Value {
    if is_switch(arg) {
        return json!({ "type": "boolean" });
    }
    let names: Vec<_> =
        arg.get_possible_values().iter().map(|it| it.get_name().to_owned()).collect();
    if !names.is_empty() {
        let numbers: Vec<_> = names.iter().filter_map(|name| name.parse::<u64>().ok()).collect();
        let all = names.into_iter().map(Value::from).chain(numbers.into_iter().map(Value::from));
        return json!({ "enum": all.collect::<Vec<_>>() });
    }
    if is_of(arg, &[TypeId::of::<String>(), TypeId::of::<PathBuf>()]) {
        return json!({ "type": "string" });
    }
    let number = json!({ "type": "integer", "minimum": 0 });
    let text = match is_of(arg, &NUMBERS) {
        true => json!({ "type": "string", "pattern": "^[0-9]+$" }),
        false => json!({ "type": "string" }),
    };
    json!({ "anyOf": [number, text] })
}

fn is_of(arg: &Arg, types: &[TypeId]) -> bool {
    types.iter().any(|it| arg.get_value_parser().type_id() == *it)
}

fn default(arg: &Arg) -> Option<Value> {
    if is_switch(arg) {
        return Some(false.into());
    }
    let values = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let mut values: Vec<Value> = values.map(Value::from).collect();
    if is_repeatable(arg) && !values.is_empty() { Some(values.into()) } else { values.pop() }
}

const NUMBERS: [TypeId; 5] = [
    TypeId::of::<u8>(),
    TypeId::of::<u16>(),
    TypeId::of::<u32>(),
    TypeId::of::<u64>(),
    TypeId::of::<usize>(),
];
