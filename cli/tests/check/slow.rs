//! Servers far away, time that runs out, and what is said meanwhile.

use std::thread;
use std::time::{Duration, Instant};

use crate::relay::delaying;
use crate::{Ours, check, code, file, graded, results, said};

const FAR: Duration = Duration::from_millis(200);

#[test]
fn a_round_trip_of_400_ms_changes_no_grade() {
    let ours = Ours::start(&[]);
    let url = format!("ws://{}/", delaying(ours.address(), FAR));
    let begun = Instant::now();
    let only = ["--only", "limits", "--only", "close", "--only", "opcode-data"];
    let (code, json) = results(&url, "far", &only);
    assert_eq!(code, 0, "{json:#}");
    assert_eq!(
        graded(&json, "strict").len(),
        json["results"].as_array().unwrap().len(),
        "{json:#}"
    );
    let rows = json["results"].as_array().unwrap().iter();
    let rows: usize = rows.map(|result| result["rows"].as_array().unwrap().len()).sum();
    // Each by itself takes three round trips or more.
    let one_by_one = 3 * 2 * FAR * u32::try_from(rows).unwrap();
    assert!(begun.elapsed() < one_by_one / 3, "{rows} rows took {:?}", begun.elapsed());
}

#[test]
fn what_the_time_limit_cuts_off_is_incomplete_everywhere() {
    let ours = Ours::start(&[]);
    let url = format!("ws://{}/", delaying(ours.address(), FAR));
    let (json, junit, html) = (file("late.json"), file("late.xml"), file("late.html"));
    let output = check(&[
        &url,
        "--only",
        "closing",
        "--time-limit",
        "900ms",
        "--json",
        json.to_str().unwrap(),
        "--junit",
        junit.to_str().unwrap(),
        "--html",
        html.to_str().unwrap(),
    ]);
    assert_eq!(code(&output), 4, "{}", said(&output));
    let table = String::from_utf8(output.stdout).unwrap();
    let last = table.lines().last().unwrap();
    assert!(last.starts_with("incomplete: ") && last.contains("time limit"), "{table}");
    let json = std::fs::read_to_string(json).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let incomplete = graded(&json, "incomplete").len();
    assert!(incomplete > 0 && json["counts"]["incomplete"] == incomplete, "{json:#}");
    assert_eq!(json["complete"], false);
    assert!(json["why"].as_str().unwrap().contains("time limit"));
    let xml = std::fs::read_to_string(junit).unwrap();
    assert_eq!(xml.matches("<error message=").count(), incomplete, "{xml}");
    assert!(xml.contains(&format!("errors=\"{incomplete}\"")), "{xml}");
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.contains("<b class=\"incomplete\">incomplete</b> "), "{page}");
}

#[test]
fn progress_is_a_line_every_ten_seconds_and_nothing_when_quiet() {
    let ours = Ours::start(&[]);
    let url = format!("ws://{}/", delaying(ours.address(), FAR));
    thread::scope(|scope| {
        for (flag, is_told) in [(&[][..], true), (&["--quiet"], false)] {
            let url = url.clone();
            scope.spawn(move || {
                let rest = ["--only", "framing", "--jobs", "1", "--time-limit", "10500ms"];
                let output = check(&[&[url.as_str()][..], &rest, flag].concat());
                let stderr = String::from_utf8(output.stderr).unwrap();
                assert_eq!(stderr.contains(" rows after 10 s"), is_told, "{stderr:?}");
                assert_eq!(stderr.lines().count(), usize::from(is_told), "{stderr:?}");
            });
        }
    });
}
