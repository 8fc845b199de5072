//! `stickler verdict`: every exit status, over report folders made up from the expected file itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Map, Value, json};

/// The root of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A folder as Autobahn and our runners leave it, in the making.
struct Folder {
    dir: PathBuf,
    index: Map<String, Value>,
}

impl Folder {
    /// A whole report in which every case came as the committed file expects.
    fn as_expected(test: &str) -> Folder {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verdict").join(test);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let mut folder = Folder { dir, index: Map::new() };
        for (id, expected) in expected_cases() {
            folder.put(&id, &expected);
        }
        folder
    }

    /// Enters a case in the index and writes its own report.
    fn put(&mut self, id: &str, grade: &Value) {
        let file = format!("stickler_case_{}.json", id.replace('.', "_"));
        let fields = ["behavior", "behaviorClose", "remoteCloseCode"];
        let mut entry: Map<String, Value> =
            fields.iter().map(|field| ((*field).to_owned(), grade[field].clone())).collect();
        let mut details = entry.clone();
        details.insert("started".to_owned(), json!("2026-03-01T12:00:00.500Z"));
        details.insert("result".to_owned(), json!("what the suite says"));
        details.insert("droppedByMe".to_owned(), json!(false));
        details.insert("wirelog".to_owned(), wire_log());
        fs::write(self.dir.join(&file), Value::Object(details).to_string()).unwrap();
        entry.insert("duration".to_owned(), json!(1500));
        entry.insert("reportfile".to_owned(), json!(file));
        self.index.insert(id.to_owned(), Value::Object(entry));
    }

    /// The same with one field changed.
    fn alter(mut self, id: &str, field: &str, value: impl Into<Value>) -> Folder {
        let mut grade = self.index[id].clone();
        grade[field] = value.into();
        self.put(id, &grade);
        self
    }

    fn mark(self, name: &str, text: &str) -> Folder {
        fs::write(self.dir.join(name), text).unwrap();
        self
    }

    fn write_index(&self) {
        let index = json!({ "stickler": self.index });
        fs::write(self.dir.join("index.json"), index.to_string()).unwrap();
    }

    fn judge(&self) -> Verdict {
        self.judge_with(&[])
    }

    fn judge_with(&self, arguments: &[&str]) -> Verdict {
        self.write_index();
        verdict(&self.dir, arguments)
    }
}

struct Verdict {
    status: i32,
    text: String,
}

impl Verdict {
    #[track_caller]
    fn is(&self, status: i32, part: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert!(self.text.contains(part), "no {part:?} in:\n{}", self.text);
    }
}

fn verdict(dir: &Path, arguments: &[&str]) -> Verdict {
    stickler(&[&["verdict", dir.to_str().unwrap()], arguments].concat())
}

fn stickler(arguments: &[&str]) -> Verdict {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickler"));
    command.current_dir(ROOT).args(arguments);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    Verdict { status: status.code().unwrap(), text }
}

fn expected_cases() -> Map<String, Value> {
    let path = Path::new(ROOT).join("autobahn/expected.json");
    let mut file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    match file["cases"].take() {
        Value::Object(cases) => cases,
        other => panic!("no cases in autobahn/expected.json: {other}"),
    }
}

fn wire_log() -> Value {
    json!([
        ["TO", [243, "474554202f"], false],
        ["RO", [203, "485454502f"]],
        ["TF", [5, "Hello"], 1, true, 2, "5091d1f1", null, null, false],
        ["RF", [2, "0x03ea"], 8, true, 0, false, null],
    ])
}

#[test]
fn the_expected_file_lists_the_whole_suite_and_explains_what_is_not_ok() {
    let cases = expected_cases();
    let families = [
        (1, 16),
        (2, 11),
        (3, 7),
        (4, 10),
        (5, 20),
        (6, 145),
        (7, 37),
        (9, 54),
        (10, 1),
        (12, 90),
        (13, 126),
    ];
    for (family, count) in families {
        let start = format!("{family}.");
        assert_eq!(
            cases.keys().filter(|id| id.starts_with(&start)).count(),
            count,
            "family {family}"
        );
    }
    assert_eq!(cases.len(), 517);
    for (id, case) in &cases {
        let is_ok = case["behavior"] == "OK" && case["behaviorClose"] == "OK";
        let reason = case["reason"].as_str().unwrap_or_default();
        assert_eq!(is_ok, reason.is_empty(), "case {id}");
        let words = ["OK", "INFORMATIONAL", "UNIMPLEMENTED"];
        assert!(words.iter().any(|word| case["behavior"] == *word), "case {id}");
    }
}

#[test]
fn as_expected_exits_with_0() {
    let verdict = Folder::as_expected("as_expected").judge();
    verdict.is(0, "verdict: as expected (517 cases)");
    verdict.is(0, " 1 framing ");
    verdict.is(0, "24.0"); // 16 cases of 1.5 s
    verdict.is(0, "7.13.1: ");
}

#[test]
fn the_marks_of_a_whole_run_are_as_expected() {
    let folder = Folder::as_expected("marks")
        .mark(".started", "2026-03-01T12:00:00Z\n")
        .mark(".done", "0\n");
    folder.judge().is(0, "verdict: as expected");
}

#[test]
fn an_index_that_came_alone_is_judged() {
    let folder = Folder::as_expected("index_alone");
    folder.write_index();
    for entry in fs::read_dir(&folder.dir).unwrap() {
        let path = entry.unwrap().path();
        if !path.ends_with("index.json") {
            fs::remove_file(path).unwrap();
        }
    }
    verdict(&folder.dir, &[]).is(0, "verdict: as expected");
}

#[test]
fn each_of_the_three_fields_is_compared() {
    let alterations = [
        ("behavior", json!("FAILED")),
        ("behavior", json!("NON-STRICT")),
        ("behavior", json!("UNIMPLEMENTED")),
        ("behavior", json!("INFORMATIONAL")),
        ("behavior", json!("a word of tomorrow")),
        ("behaviorClose", json!("FAILED")),
        ("behaviorClose", json!("UNCLEAN")),
        ("behaviorClose", json!("WRONG CODE")),
        ("behaviorClose", json!("FAILED BY CLIENT")),
        ("remoteCloseCode", json!(1001)),
        ("remoteCloseCode", Value::Null),
    ];
    for (number, (field, value)) in alterations.into_iter().enumerate() {
        let folder =
            Folder::as_expected(&format!("regression_{number}")).alter("3.2", field, value.clone());
        let verdict = folder.judge();
        verdict.is(1, "verdict: regression in 1 of 517 cases");
        verdict.is(1, "case 3.2: regression");
    }
}

#[test]
fn a_difference_tells_what_came_and_ends_in_the_wire_log() {
    let verdict = Folder::as_expected("difference").alter("3.2", "behavior", "NON-STRICT").judge();
    verdict.is(1, "expected  OK, close OK, code 1002");
    verdict.is(1, "came      NON-STRICT, close OK, code 1002");
    verdict.is(1, "what the suite says");
    verdict.is(1, "sent frame opcode 1, FIN true, RSV 2, 5 bytes: Hello");
    verdict.is(1, "received frame opcode 8, FIN true, RSV 0, 2 bytes: 0x03ea");
}

#[test]
fn a_failure_is_a_regression_even_where_it_is_expected() {
    let folder = Folder::as_expected("expected_failure").alter("3.2", "behavior", "NON-STRICT");
    let mut cases = expected_cases();
    cases["3.2"]["behavior"] = json!("NON-STRICT");
    let expected = folder.dir.join("expected.json");
    fs::write(&expected, json!({ "cases": cases }).to_string()).unwrap();
    folder.judge_with(&["--expected", expected.to_str().unwrap()]).is(1, "case 3.2: regression");
}

#[test]
fn bad_usage_exits_with_2() {
    let folder =
        Folder::as_expected("bad_usage").mark("empty.json", "{}").mark("cut.json", "{\"cases\": {");
    for file in ["absent.json", "empty.json", "cut.json"] {
        let path = folder.dir.join(file);
        folder.judge_with(&["--expected", path.to_str().unwrap()]).is(2, file);
    }
    stickler(&["verdict"]).is(2, "DIR");
    folder.judge_with(&["--no-such-flag"]).is(2, "--no-such-flag");
}

#[test]
fn a_folder_without_a_report_exits_with_3() {
    let folder = Folder::as_expected("no_report");
    verdict(&folder.dir.join("absent"), &[]).is(3, "index.json");
    verdict(&folder.dir, &[]).is(3, "index.json");
    for index in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"stickler": {}}"#,
        r#"{"stickler": []}"#,
        r#"{"stickler": {"1.1.1": {}}}"#,
    ] {
        fs::write(folder.dir.join("index.json"), index).unwrap();
        verdict(&folder.dir, &[]).is(3, "verdict: broken run");
    }
}

#[test]
fn missing_and_unknown_cases_exit_with_3() {
    let mut folder = Folder::as_expected("missing");
    let case = folder.index.remove("7.13.2").unwrap();
    folder.judge().is(3, "missing cases (1): 7.13.2");
    folder.put("7.13.3", &case);
    folder.judge().is(3, "cases that are not among those to judge (1): 7.13.3");
}

#[test]
fn two_servers_in_one_report_exit_with_3() {
    let folder = Folder::as_expected("two_servers");
    let index = json!({ "stickler": folder.index, "another": folder.index });
    fs::write(folder.dir.join("index.json"), index.to_string()).unwrap();
    verdict(&folder.dir, &[]).is(3, "more than one server");
}

#[test]
fn the_compose_file_judges_the_servers_that_its_suite_asks_and_pins_the_suite() {
    let read = |name: &str| fs::read_to_string(Path::new(ROOT).join(name)).unwrap();
    let compose = read("autobahn/compose.yaml");
    let client: Value = serde_json::from_str(&read("autobahn/fuzzingclient.json")).unwrap();
    let servers = client["servers"].as_array().unwrap();
    assert_eq!(compose.matches("\"--server\"").count(), servers.len());
    for server in servers {
        let (agent, url) = (server["agent"].as_str().unwrap(), server["url"].as_str().unwrap());
        assert!(compose.contains(&format!("\"--server\", \"{agent}\"")), "{agent}");
        assert_eq!(agent.ends_with("-tls"), url.starts_with("wss://server:"), "{agent}: {url}");
    }
    let image = compose.lines().find(|line| line.contains("image: crossbario/")).unwrap();
    let (name, digest) = image.split_once("@sha256:").unwrap();
    assert!(name.ends_with(":25.10.1") && digest.len() == 64, "{image}");
}

#[test]
fn several_servers_are_judged_together_where_they_are_named() {
    let folder = Folder::as_expected("named_servers");
    let worse = Folder::as_expected("named_servers_worse").alter("2.1", "behavior", "FAILED");
    let judge = |index: Value, servers: &[&str]| {
        fs::write(folder.dir.join("index.json"), index.to_string()).unwrap();
        let named = servers.iter().flat_map(|name| ["--server", name]);
        verdict(&folder.dir, &named.chain(["--pages"]).collect::<Vec<_>>())
    };
    let both = || json!({ "plain": folder.index, "tls": folder.index });
    let good = judge(both(), &["plain", "tls"]);
    good.is(0, "Autobahn report of plain, begun ");
    good.is(0, "Autobahn report of tls, begun ");
    assert_eq!(good.text.matches("\nverdict: as expected (517 cases)\n").count(), 2);
    let page = fs::read_to_string(folder.dir.join("verdict.html")).unwrap();
    assert!(page.contains("<h1>plain: verdict: as expected (517 cases); tls: verdict: "), "{page}");
    let made = fs::read_to_string(folder.dir.join("made.js")).unwrap();
    assert_eq!(made.matches("514 OK, 3 informational").count(), 2, "{made}");
    // One that is missing, or was not asked for, proves that the run was another.
    judge(both(), &["plain"]).is(3, "tells of tls, a server that was not asked for");
    judge(json!({ "plain": folder.index }), &["plain", "tls"]).is(3, "tells of no case of tls");
    judge(json!({ "plain": folder.index, "tls": {} }), &["plain", "tls"]).is(3, "no case of tls");
    // The worst of them decides; each case is looked up in its own report.
    fs::copy(worse.dir.join("stickler_case_2_1.json"), folder.dir.join("worse_case_2_1.json"))
        .unwrap();
    let mut index = worse.index.clone();
    index["2.1"]["reportfile"] = json!("worse_case_2_1.json");
    for (first, second) in [(&folder.index, &index), (&index, &folder.index)] {
        let verdict = judge(json!({ "plain": first, "tls": second }), &["plain", "tls"]);
        verdict.is(1, "verdict: regression in 1 of 517 cases");
    }
}

#[test]
fn a_stale_report_exits_with_3() {
    let later = "2026-03-01T12:00:01Z";
    Folder::as_expected("unfinished")
        .mark(".started", "2026-03-01T12:00:00Z")
        .judge()
        .is(3, "did not finish");
    let folder = Folder::as_expected("stale").mark(".started", later).mark(".done", "0\n");
    folder.judge().is(3, "case 1.1.1 is stale");
}

#[test]
fn a_report_of_several_runs_exits_with_3() {
    let mut folder = Folder::as_expected("several_runs");
    folder.index["1.1.1"]["remoteCloseCode"] = json!(1001);
    folder.judge().is(3, "the report of case 1.1.1 is not of the same run");
    let folder = Folder::as_expected("lost_report");
    fs::remove_file(folder.dir.join("stickler_case_1_1_1.json")).unwrap();
    folder.judge().is(3, "the report of case 1.1.1 is missing");
}

#[test]
fn better_than_expected_exits_with_4() {
    let verdict = Folder::as_expected("better").alter("7.1.6", "behavior", "OK").judge();
    verdict.is(4, "case 7.1.6: better than expected");
    verdict.is(4, "update the expected file");
}

#[test]
fn a_regression_outweighs_a_gain() {
    let folder = Folder::as_expected("mixed")
        .alter("7.1.6", "behavior", "OK")
        .alter("1.1.1", "behavior", "FAILED");
    folder.judge().is(1, "verdict: regression in 1 of 517 cases");
}

#[test]
fn a_broken_run_outweighs_everything() {
    let mut folder = Folder::as_expected("broken").alter("1.1.1", "behavior", "FAILED");
    folder.index.remove("1.1.2");
    folder.judge().is(3, "case 1.1.1: regression");
}

#[test]
fn a_sample_is_judged_when_asked_for_and_says_so() {
    let mut folder = Folder::as_expected("sample");
    folder.index.retain(|id, _| id.starts_with("2.") && id != "2.11");
    folder.judge().is(3, "missing cases (507): ");
    folder.judge_with(&["--only", "2.*"]).is(3, "missing cases (1): 2.11");
    folder
        .judge_with(&["--only", "2.*", "--except", "2.11"])
        .is(0, "(10 cases, a sample: 507 more were left out)");
    folder
        .judge_with(&["--only", "2.1,2.2"])
        .is(3, "cases that are not among those to judge (8): ");
}

#[test]
fn an_empty_selection_exits_with_3() {
    let folder = Folder::as_expected("empty_selection");
    folder.judge_with(&["--only", "8.*"]).is(3, "the pattern 8.* names no case");
    folder.judge_with(&["--only", "2.*", "--except", "2*"]).is(3, "no case is selected");
}

/// With `--pages` the verdict is there for people too: a page that loads nothing, and a script by which the index
/// of the reports shows it.
#[test]
fn the_pages_say_what_the_verdict_says() {
    let mut folder = Folder::as_expected("pages");
    let read = |folder: &Folder, name: &str| fs::read_to_string(folder.dir.join(name));
    folder.judge().is(0, "as expected");
    assert!(read(&folder, "verdict.html").is_err(), "nobody asked for pages");

    folder.judge_with(&["--pages"]).is(0, "as expected");
    let page = read(&folder, "verdict.html").unwrap();
    for part in [
        "<h1>verdict: as expected (517 cases)</h1>",
        "<td>all</td><td>517</td><td>514</td><td>3</td><td>0</td><td>0</td><td>0</td>",
        "<td>7 closing</td><td>37</td><td>34</td><td>3</td>",
        "<dt>7.1.6</dt><dd>Messages, Close and Ping are sent back to back",
        "<a href=\"index.html\">",
    ] {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
    assert!(!page.contains("Not as expected") && !page.contains("src=") && !page.contains("://"));
    let summary = read(&folder, "made.js").unwrap();
    let summary = summary.strip_prefix("made(").and_then(|rest| rest.strip_suffix(");\n")).unwrap();
    let summary: Value = serde_json::from_str(summary).unwrap();
    assert_eq!(summary["verdict"], "verdict: as expected (517 cases): 514 OK, 3 informational");
    let cases: Vec<_> =
        summary["reasons"].as_array().unwrap().iter().map(|reason| &reason[0]).collect();
    assert_eq!(cases, ["7.1.6", "7.13.1", "7.13.2"]);

    let failed = json!({ "behavior": "FAILED", "behaviorClose": "OK", "remoteCloseCode": 1000 });
    folder.put("1.1.1", &failed);
    folder.judge_with(&["--pages"]).is(1, "regression");
    let page = read(&folder, "verdict.html").unwrap();
    assert!(page.contains("<h1>verdict: regression in 1 of 517 cases</h1>"), "{page}");
    assert!(page.contains("<pre>case 1.1.1: regression\n"), "{page}");
    assert!(read(&folder, "made.js").unwrap().contains("regression in 1 of 517"));

    // A run of which nothing can be judged leaves no page of an earlier one.
    fs::write(folder.dir.join("index.json"), "{").unwrap();
    verdict(&folder.dir, &["--pages"]).is(3, "broken run");
    assert!(read(&folder, "verdict.html").unwrap().contains("<h1>verdict: broken run: "));
    assert!(read(&folder, "made.js").unwrap().contains("broken run"));

    // Pages that cannot be written are no success.
    let folder = Folder::as_expected("no-pages");
    fs::create_dir(folder.dir.join("verdict.html")).unwrap();
    folder.judge_with(&["--pages"]).is(2, "cannot write the pages");
}
