//! A lawful opening handshake that comes to nothing is never strict: every group of cases, every way to fail.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::relay::{Way, spoiling};
use crate::{Ours, graded, results};

const WAYS: [Way; 6] =
    [Way::Reset, Way::End, Way::Status(500), Way::Silence, Way::Garbage, Way::EndWithin];

/// A case of each group, whose rows must be accepted, or stand behind a lawful opening handshake.
const CASES: [&str; 7] = [
    "upgrade-case",
    "any-split",
    "unmasked-data",
    "after-close",
    "characters-anywhere",
    "length-over-any-limit",
    "compressed-fragments",
];

#[test]
fn a_handshake_that_fails_once_is_not_strict_in_any_group() {
    let ours = Ours::start(&[]);
    thread::scope(|scope| {
        for way in WAYS {
            for case in CASES {
                // What is sent in answer to what is asked there is judged at once.
                if matches!(way, Way::Status(500) | Way::Garbage) && case == "upgrade-case" {
                    continue;
                }
                let to = ours.address();
                scope.spawn(move || {
                    // The probe makes two to six connections; then there is one for each row.
                    let is_first = AtomicBool::new(true);
                    let address = spoiling(to, way, move |number, head| match case {
                        "upgrade-case" => {
                            head.contains("Upgrade: WebSocket")
                                && is_first.swap(false, Ordering::Relaxed)
                        }
                        _ => number == 6,
                    });
                    let only = ["--only", case, "--jobs", "1"];
                    let name = format!("{way:?}-{case}-once");
                    let (code, json) = results(&format!("ws://{address}/"), &name, &only);
                    assert_eq!((code, graded(&json, "acceptable")), (0, vec![case]), "{json:#}");
                    let rows = json["results"][0]["rows"].as_array().unwrap();
                    let told: Vec<_> = rows.iter().filter(|row| row["grade"] != "strict").collect();
                    assert_eq!(told.len(), 1, "{json:#}");
                    let observed = told[0]["observed"].as_str().unwrap();
                    assert!(observed.contains("; but at first "), "{observed}");
                });
            }
        }
    });
}

#[test]
fn a_handshake_that_fails_again_and_again_is_a_violation() {
    let ours = Ours::start(&[]);
    thread::scope(|scope| {
        for way in WAYS {
            for (case, mark) in [
                ("upgrade-case", "Upgrade: WebSocket"),
                ("compressed-fragments", "permessage-deflate\r\n"),
            ] {
                let to = ours.address();
                scope.spawn(move || {
                    let address = spoiling(to, way, move |_, head| head.contains(mark));
                    let only = ["--only", case, "--jobs", "1"];
                    let name = format!("{way:?}-{case}-always");
                    let (code, json) = results(&format!("ws://{address}/"), &name, &only);
                    assert_eq!((code, graded(&json, "violation")), (1, vec![case]), "{json:#}");
                });
            }
        }
    });
}

#[test]
fn a_server_that_fails_at_an_offer_is_not_strict_there() {
    let ours = Ours::start(&[]);
    thread::scope(|scope| {
        for way in WAYS {
            for offer in ["server_max_window_bits=8", "permessage-deflate"] {
                let to = ours.address();
                scope.spawn(move || {
                    let address = spoiling(to, way, move |_, head| head.contains(offer));
                    let name = format!("{way:?}-{offer}");
                    let only = ["--only", "offer-server-window", "--only", "ping"];
                    let (code, json) = results(&format!("ws://{address}/"), &name, &only);
                    assert_eq!(
                        graded(&json, "violation"),
                        ["offer-server-window"],
                        "{name}: {json:#}"
                    );
                    assert_eq!(graded(&json, "strict"), ["ping"], "{name}: {json:#}");
                    assert_eq!(code, 1, "{name}");
                });
            }
        }
    });
}

#[test]
fn every_handshake_failing_after_the_probe_never_passes() {
    let ours = Ours::start(&[]);
    thread::scope(|scope| {
        for way in WAYS {
            let to = ours.address();
            scope.spawn(move || {
                let address = spoiling(to, way, |number, _| number >= 2);
                let name = format!("{way:?}-all");
                let only = ["--only", "ping", "--only", "close", "--only", "upgrade-case"];
                let (code, json) = results(&format!("ws://{address}/"), &name, &only);
                assert_eq!(graded(&json, "strict"), Vec::<&str>::new(), "{name}: {json:#}");
                assert!(matches!(code, 1 | 4), "{name}: {code}");
            });
        }
    });
}

#[test]
fn load_is_waited_for_and_then_makes_the_run_incomplete() {
    let ours = Ours::start(&[]);
    for status in [429, 503] {
        let address =
            spoiling(ours.address(), Way::Status(status), |number, _| matches!(number, 2..=4));
        let only = ["--only", "ping", "--only", "upgrade-case"];
        let (code, json) = results(&format!("ws://{address}/"), "busy", &only);
        assert_eq!((code, graded(&json, "strict").len()), (0, 2), "{json:#}");
    }
    thread::scope(|scope| {
        for case in ["ping", "upgrade-case"] {
            let to = ours.address();
            scope.spawn(move || {
                let address = spoiling(to, Way::Status(503), |number, _| number >= 2);
                let url = format!("ws://{address}/");
                let (code, json) = results(&url, &format!("busy-{case}"), &["--only", case]);
                assert_eq!((code, graded(&json, "incomplete")), (4, vec![case]), "{json:#}");
                assert_eq!(json["complete"], false);
                assert!(json["why"].as_str().unwrap().contains("refused by load"), "{json:#}");
            });
        }
    });
}
