//! A lawful opening handshake that comes to nothing is never strict: every group of cases, every way to fail.

use std::thread;

use crate::relay::{Way, spoiling};
use crate::{Ours, graded, results};

const WAYS: [Way; 6] =
    [Way::Reset, Way::End, Way::Status(500), Way::Silence, Way::Garbage, Way::EndWithin];

/// A case of each group, or all of it: the rows must be accepted, or stand behind a lawful opening handshake.
const GROUPS: [&str; 6] = [
    "upgrade-case",
    "any-split",
    "closing",
    "characters-anywhere",
    "length-over-any-limit",
    "compressed-fragments",
];

#[test]
fn a_handshake_that_fails_is_a_violation_in_every_group() {
    let ours = Ours::start(&[]);
    for way in WAYS {
        thread::scope(|scope| {
            for case in GROUPS {
                let to = ours.address();
                scope.spawn(move || {
                    // The probe makes some connections; then there is one for each row. Some row and its second try
                    // fail. What is silent once is played again at the end, so a head of its own is always spoilt.
                    let address = spoiling(to, way, move |number, head| match case {
                        "upgrade-case" => head.contains("Upgrade: WebSocket"),
                        _ => matches!(number, 8 | 9),
                    });
                    let only = ["--only", case, "--jobs", "1"];
                    let (code, json) =
                        results(&format!("ws://{address}/"), &format!("{way:?}-{case}"), &only);
                    let violations = graded(&json, "violation");
                    assert_eq!(violations.len(), 1, "{way:?}: {json:#}");
                    assert!(case == "closing" || violations == [case], "{way:?}: {json:#}");
                    assert_eq!(code, 1, "{way:?}, {case}");
                });
            }
        });
    }
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
