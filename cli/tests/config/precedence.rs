//! Flag, variable, file, default: in this order, for every option that the definition has.

use serde_json::Value;
use stickler_testing::folder::Folder;

use crate::server::stickler;
use crate::{run, write};

/// Every option, by the schema that is made of the definition.
pub(crate) fn options() -> Vec<(String, Value)> {
    let (code, out, said) = run(stickler().args(["config", "schema"]));
    assert_eq!(code, Some(0), "{said}");
    let schema: Value = serde_json::from_str(&out).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    assert!(properties.len() > 40, "{out}");
    // Routes are tables, and no options: the tests of routes have them.
    let options = properties.iter().filter(|(key, _)| *key != "route");
    options.map(|(key, property)| (key.clone(), property.clone())).collect()
}

/// Three values that the option can have, as TOML has them.
fn values(key: &str, property: &Value) -> [String; 3] {
    if property["type"] == "boolean" {
        return ["true", "false", "true"].map(str::to_owned);
    }
    let names: Vec<_> = property["enum"].as_array().into_iter().flatten().collect();
    if let Some(first) = names.first() {
        let strings: Vec<_> = names.iter().filter_map(|name| name.as_str()).collect();
        let second = strings.get(1).expect("a choice of one");
        let first = first.as_str().unwrap();
        return [first, second, first].map(|name| Value::from(name).to_string());
    }
    let fit = match key {
        "max-head-size" => ["300", "301", "302"],
        "deflate-level" => ["5", "6", "7"],
        _ => ["11", "12", "13"],
    };
    let is_text = property["type"] == "string" || property["anyOf"][0]["type"] == "string";
    if is_text {
        return ["a.example", "b.example", "c.example"].map(|name| format!("\"{name}\""));
    }
    fit.map(str::to_owned)
}

#[test]
fn every_option_is_read_from_flag_variable_and_file_in_this_order() {
    let folder = Folder::new("config-precedence");
    for (key, property) in options() {
        let [in_file, in_variable, in_flag] = values(&key, &property);
        let file = write(&folder, &format!("{key}.toml"), &format!("\n{key} = {in_file}\n"));
        let print = |with_variable: bool, with_flag: bool| {
            let mut command = stickler();
            command.args(["config", "print", "--config"]).arg(&file);
            // What some options want beside them.
            if key.starts_with("nats-") {
                command.args(["--nats", "nats://host"]);
            }
            let bare = |value: &str| value.trim_matches('"').to_owned();
            let variable = format!("STICKLER_{}", key.to_uppercase().replace('-', "_"));
            if with_variable {
                command.env(variable, bare(&in_variable));
            }
            match in_flag.as_str() {
                _ if !with_flag => {}
                "true" => drop(command.arg(format!("--{key}"))),
                value => drop(command.arg(format!("--{key}={}", bare(value)))),
            }
            let (code, out, said) = run(&mut command);
            assert_eq!(code, Some(0), "{key}: {said}");
            let begin = format!("{key} = ");
            let line = out.lines().find(|line| line.starts_with(&begin));
            line.unwrap_or_else(|| panic!("{key} is not in\n{out}")).to_owned()
        };
        let says = |line: &str, value: &str, source: &str| {
            let (said, from) = line.split_once(" # ").unwrap();
            let bare = |text: &str| text.replace(['"', '[', ']'], "");
            let said = bare(said.split_once(" = ").unwrap().1);
            assert_eq!((&*said, from), (&*bare(value), source), "{key}: {line}");
        };
        let (place, upper) =
            (format!("{}:2", file.display()), key.to_uppercase().replace('-', "_"));
        says(&print(false, false), &in_file, &place);
        says(&print(true, false), &in_variable, &format!("variable STICKLER_{upper}"));
        says(&print(true, true), &in_flag, &format!("flag --{key}"));
        says(&print(false, true), &in_flag, &format!("flag --{key}"));
    }
}

#[test]
fn what_is_printed_can_be_read_again_and_means_the_same() {
    let folder = Folder::new("config-print");
    let text = "max-queued = '2KiB'\nlisten = ['127.0.0.1:0', '[::1]:0']\ndrain-strict = true\npath = \"/\\\"\"\n";
    let file = write(&folder, "a.toml", text);
    let mut command = stickler();
    command.args(["config", "print", "--config"]).arg(&file);
    command.args(["--workers", "2"]).env("STICKLER_OWN_HOST", "a.example,b.example");
    let (code, first, said) = run(&mut command);
    assert_eq!(code, Some(0), "{said}");
    // A default that is said is not always the same as one that is not.
    assert!(first.contains("\n# allowed-origin = [\"any\"] # default\n"), "{first}");
    assert!(first.contains("\n# health-path is not set\n"), "{first}");
    let again = write(&folder, "b.toml", &first);
    let (code, second, said) = run(stickler().args(["config", "print", "--config"]).arg(&again));
    assert_eq!(code, Some(0), "{said}");
    let values = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(|line| line.split(" # ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values(&first), values(&second));
    assert_eq!(values(&first).len(), 6, "{first}");
}
