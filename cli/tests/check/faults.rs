//! Faults that show only beside what a row asks: messages after a 101, what is delivered where the answer is open,
//! ends that do not come; and how they are told.

use serde_json::Value;

use crate::servers::{Behaviour, serve};
use crate::{check, code, graded, results, said};

fn violations(behaviour: Behaviour, name: &str, only: &[&str]) -> (i32, Value) {
    let only: Vec<&str> = only.iter().flat_map(|id| ["--only", id]).collect();
    results(&format!("ws://{}/", serve(behaviour)), name, &only)
}

#[test]
fn a_101_is_believed_once_a_ping_was_answered() {
    let (code, json) = violations(Behaviour::DeadAfter101, "dead", &["upgrade-case", "ping"]);
    assert_eq!(graded(&json, "violation"), ["upgrade-case"], "{json:#}");
    assert_eq!((code, graded(&json, "strict")), (1, vec!["ping"]), "{json:#}");
    let told = json["results"][0]["observed"].as_str().unwrap();
    assert!(
        told.contains("101, then") && told.contains("instead of an answer to a Ping"),
        "{told}"
    );
}

#[test]
fn what_is_delivered_is_a_fault_also_where_the_answer_is_open() {
    let cases = ["length-not-cut"];
    let (code, json) = violations(Behaviour::CutsLengths, "cuts", &cases);
    assert_eq!((code, graded(&json, "violation")), (1, cases.to_vec()), "{json:#}");
}

#[test]
fn a_server_ends_tcp_after_the_closing_handshake() {
    let cases = ["unmasked-data", "close"];
    let (code, json) = violations(Behaviour::KeepsTcp, "keeps", &cases);
    assert_eq!((code, graded(&json, "violation")), (1, cases.to_vec()), "{json:#}");
}

#[test]
fn interim_responses_are_passed_over_up_to_sixteen() {
    for (count, expected) in [(1, 0), (16, 0), (17, 3)] {
        let url = format!("ws://{}/", serve(Behaviour::Interim(count)));
        let output = check(&[&url, "--only", "upgrade-case", "--only", "ping"]);
        assert_eq!(code(&output), expected, "{count}: {}", said(&output));
        if expected == 0 {
            assert!(!said(&output).contains("acceptable under"), "{}", said(&output));
        }
    }
}

#[test]
fn every_failing_row_is_told_with_its_bytes() {
    let (_, json) = violations(Behaviour::Unmasked, "bytes", &["unmasked-control"]);
    let result = &json["results"][0];
    assert_eq!(result["rule"], "A control frame that is not masked closes the connection");
    let rows = result["rows"].as_array().unwrap();
    let broken: Vec<&Value> = rows.iter().filter(|row| row["grade"] == "violation").collect();
    assert!(broken.len() >= 3, "{json:#}");
    for row in rows {
        let keys: Vec<&String> = row.as_object().unwrap().keys().collect();
        let all = ["basis", "expected", "grade", "observed", "received", "sent", "what"];
        assert_eq!(keys, all);
    }
    let ping = broken.iter().find(|row| row["what"] == "an unmasked ping with data").unwrap();
    assert_eq!(ping["expected"], "Close 1002, FIN");
    assert!(ping["sent"].as_str().unwrap().starts_with("89 02 68 69"), "{ping:#}");
    assert!(ping["received"].as_str().unwrap().starts_with("8a 02 68 69"), "{ping:#}");
    let url = format!("ws://{}/", serve(Behaviour::Unmasked));
    let table = said(&check(&[&url, "--only", "unmasked-control"]));
    assert_eq!(table.matches("\n  violation: ").count(), broken.len(), "{table}");
    assert!(table.contains("sent      89 02 68 69"), "{table}");
}

#[test]
fn an_acceptable_row_says_what_it_rests_on() {
    let (_, json) = violations(Behaviour::Drops, "drops", &["opcode-data"]);
    let row = &json["results"][0]["rows"][0];
    assert_eq!(row["grade"], "acceptable", "{row:#}");
    assert!(row["basis"].as_str().unwrap().contains("RFC 6455 10.7"), "{row:#}");
    let url = format!("ws://{}/", serve(Behaviour::Drops));
    let table = said(&check(&[&url, "--only", "opcode-data"]));
    assert!(table.contains("\nacceptable lawful: "), "{table}");
}
