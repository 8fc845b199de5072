//! Servers that die or fall silent midway: the row is named, and what was judged is written.

use std::time::Duration;

use crate::relay::{Fate, delaying, mortal};
use crate::{Address, Ours, check, code, file, graded, results, said};

/// The head that kills one server.
fn at_a_target(bytes: &[u8], fate: Fate) -> Fate {
    if bytes.starts_with(b"GET /a<b HTTP/1.1") { fate } else { Fate::Pass }
}

/// An empty compressed text and an empty text in one segment, which another one never gets over.
fn at_frames(bytes: &[u8], fate: Fate) -> Fate {
    const FRAMES: [u8; 13] =
        [0xc1, 0x81, 0x37, 0xfa, 0x21, 0x3d, 0x37, 0x81, 0x80, 0x37, 0xfa, 0x21, 0x3d];
    if bytes.windows(FRAMES.len()).any(|part| part == FRAMES) { fate } else { Fate::Pass }
}

type Trigger = fn(&[u8], Fate) -> Fate;

const TRIGGERS: [(Trigger, &str, &str, &str); 2] = [
    (at_a_target, "target", "handshake", "47 45 54 20 2f 61 3c 62 20 48 54 54 50"),
    (at_frames, "compressed-empty", "deflate", "c1 81 37 fa 21 3d 37 81 80 37 fa 21 3d"),
];

#[test]
fn the_row_that_ends_a_server_is_named_and_the_rest_is_written() {
    let ours = Ours::start(&[]);
    std::thread::scope(|scope| {
        for trigger in TRIGGERS {
            for fate in [Fate::Dies, Fate::Spins] {
                for jobs in ["1", "8"] {
                    let to = ours.address();
                    scope.spawn(move || names_the_row(to, trigger, fate, jobs));
                }
            }
        }
    });
}

fn names_the_row(to: Address, trigger: (Trigger, &str, &str, &str), fate: Fate, jobs: &str) {
    let (trigger, case, group, hex) = trigger;
    let address = mortal(to, move |bytes| trigger(bytes, fate));
    let name = format!("{case}-{fate:?}-{jobs}");
    let [json, junit, html] = ["json", "xml", "html"].map(|kind| file(&format!("{name}.{kind}")));
    let url = format!("ws://{address}/");
    let files = [("--json", &json), ("--junit", &junit), ("--html", &html)];
    let files: Vec<&str> =
        files.iter().flat_map(|(flag, path)| [*flag, path.to_str().unwrap()]).collect();
    let what = [url.as_str(), "--only", "ping", "--only", group, "--jobs", jobs];
    let output = check(&[&what[..], &files].concat());
    assert_eq!(code(&output), 1, "{name}: {}", said(&output));
    let table = String::from_utf8(output.stdout).unwrap();
    let first = table.find("\nthe server answered nobody after ").expect("told");
    assert!(table[first..].contains(&format!("nobody after {case}: ")), "{name}: {table}");
    // A head is told as text; the JSON has all in hex.
    let told = if case == "target" { r#"sent      "GET /a<b HTTP/1.1\r\n"# } else { hex };
    assert!(table[first..].contains(told), "{name}: {table}");
    assert!(table.find("\nviolation of ").unwrap() > first, "{name}: {table}");
    assert!(table.lines().last().unwrap().starts_with("incomplete: "), "{name}: {table}");
    let json = std::fs::read_to_string(json).unwrap();
    assert!(json.contains(hex), "{name}: {json}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(graded(&json, "violation"), [case], "{name}: {json:#}");
    assert!(!graded(&json, "strict").is_empty(), "{name}");
    assert_eq!(json["complete"], false);
    let errors = format!(" errors=\"{}\"", graded(&json, "incomplete").len());
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains(&errors) && xml.contains("<error message="), "{name}: {xml}");
    let page = std::fs::read_to_string(html).unwrap();
    let told = if case == "target" { "GET /a&lt;b HTTP/1.1\\r\\n" } else { hex };
    assert!(page.contains("answered nobody") && page.contains(told), "{name}");
}

#[test]
fn a_server_that_somebody_starts_again_is_played_to_the_end() {
    let ours = Ours::start(&[]);
    let (trigger, case, group, _) = TRIGGERS[0];
    let fate = Fate::DiesAndReturns;
    for jobs in ["1", "8"] {
        let address = mortal(ours.address(), move |bytes| trigger(bytes, fate));
        let url = format!("ws://{address}/");
        let (code, json) = results(&url, "returns", &["--only", group, "--jobs", jobs]);
        assert_eq!(graded(&json, "violation"), [case], "{jobs}: {json:#}");
        assert_eq!(graded(&json, "incomplete"), Vec::<&str>::new(), "{json:#}");
        assert_eq!((code, &json["complete"]), (1, &true.into()));
        assert!(json["gone"][0].as_str().unwrap().contains(case), "{json:#}");
    }
}

#[test]
fn far_away_the_row_is_named_among_those_that_were_under_way() {
    let ours = Ours::start(&[]);
    for (trigger, case, _, _) in TRIGGERS {
        let near = mortal(ours.address(), move |bytes| trigger(bytes, Fate::Dies));
        let address = delaying(near, Duration::from_millis(120));
        let only = ["--only", case, "--only", "ping", "--only", "deflate-blocks"];
        let (code, json) = results(&format!("ws://{address}/"), "far-gone", &only);
        // Several rows are under way in one round trip, so it is the likeliest, or named beside it; and no case is
        // called broken by a guess.
        let told = json["gone"][0].as_str().unwrap();
        assert!(told.contains(&format!("{case}: ")), "{told}");
        assert!(told.contains("likeliest after ") && told.contains("also under way"), "{told}");
        assert_eq!((code, graded(&json, "violation")), (4, vec![]), "{json:#}");
        let rows = json["results"].as_array().unwrap().iter().flat_map(|one| {
            one["rows"].as_array().unwrap().iter().filter(|row| row["grade"] == "not-played")
        });
        assert_eq!(rows.filter(|row| row["sent"].is_string()).count(), 1, "{json:#}");
        assert_eq!(json["complete"], false);
    }
}
