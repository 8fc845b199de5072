//! `stickler check` from outside: every option, every exit status, servers that are good, broken, deaf,
//! hostile or none at all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use stickler_testing::panics::tells_of_panic;

mod faults;
mod gone;
mod probed;
mod refused;
mod relay;
mod servers;
mod slow;

use servers::{Behaviour, serve};

/// Runs `stickler check` with these arguments; it must end in reasonable time.
fn check(arguments: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stickler"))
        .arg("check")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let reader = |mut from: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut all = Vec::new();
            from.read_to_end(&mut all).map(|_| all).unwrap()
        })
    };
    let (out, err) = (reader(Box::new(out)), reader(Box::new(err)));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let resident = resident(child.id());
        if resident > MOST_RESIDENT {
            child.kill().unwrap();
            panic!("check {arguments:?} holds {resident} KiB");
        }
        if begun.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            panic!("check {arguments:?} does not end");
        }
        thread::sleep(Duration::from_millis(5));
    };
    let (stdout, stderr) = (out.join().unwrap(), err.join().unwrap());
    let output = Output { status, stdout, stderr };
    assert!(!tells_of_panic(&said(&output)), "{}", said(&output));
    output
}

/// KiB in memory, at the most so far; 0 where the system does not tell.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

/// Whatever a server does. Messages of some MiB are compared, as many as there are jobs.
const MOST_RESIDENT: u64 = 256 << 10;

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// Standard output and error.
fn said(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(both).unwrap()
}

/// A file of this test's own.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("check-{}-{name}", std::process::id()))
}

/// The JSON of a run against this URL with these further arguments.
fn results(url: &str, name: &str, arguments: &[&str]) -> (i32, Value) {
    let path = file(&format!("{name}.json"));
    let path_text = path.to_str().unwrap();
    let output = check(&[&[url, "--json", path_text][..], arguments].concat());
    let text = std::fs::read_to_string(&path).unwrap();
    let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    std::fs::remove_file(path).unwrap();
    (code(&output), json)
}

/// Ids of the cases with this grade.
fn graded<'a>(json: &'a Value, grade: &str) -> Vec<&'a str> {
    let all = json["results"].as_array().unwrap().iter();
    all.filter(|result| result["grade"] == grade).map(|r| r["id"].as_str().unwrap()).collect()
}

/// A running `stickler serve`.
struct Ours {
    child: Child,
    url: String,
}

impl Ours {
    fn start(flags: &[&str]) -> Ours {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stickler"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "off"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = format!("{}/", line.trim().strip_prefix("listening on ").unwrap());
        Ours { child, url }
    }

    fn address(&self) -> Address {
        self.url.trim_start_matches("ws://").trim_end_matches('/').parse().unwrap()
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn this_server_is_strict_in_every_case() {
    // What one agreement leaves out the other one has.
    let mut strict = Vec::new();
    let mut all = 0;
    for (mode, skipped) in
        [("lean", &["context-kept", "context-after-bfinal"][..]), ("on", &["context-fresh"])]
    {
        let ours = Ours::start(&["--deflate", mode]);
        let (code, json) = results(&ours.url, mode, &[]);
        assert_eq!(graded(&json, "violation"), Vec::<&str>::new(), "{json:#}");
        assert_eq!(graded(&json, "acceptable"), Vec::<&str>::new(), "{json:#}");
        assert_eq!(graded(&json, "skipped"), skipped);
        assert_eq!(code, 0);
        all = json["results"].as_array().unwrap().len();
        strict.extend(graded(&json, "strict").into_iter().map(str::to_owned));
    }
    strict.sort();
    strict.dedup();
    assert_eq!(strict.len(), all);
}

#[test]
fn the_json_has_exactly_its_fields_and_counts_add_up() {
    let ours = Ours::start(&[]);
    let (_, json) = results(&ours.url, "fields", &["--only", "closing", "--only", "deflate"]);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json), ["complete", "counts", "gone", "results", "tls", "url", "why"]);
    assert_eq!(json["url"], ours.url.as_str());
    assert_eq!(json["tls"], Value::Null);
    assert_eq!((&json["complete"], &json["why"]), (&true.into(), &Value::Null));
    let grades = ["acceptable", "incomplete", "skipped", "strict", "violation"];
    assert_eq!(keys(&json["counts"]), grades);
    for grade in grades {
        assert_eq!(json["counts"][grade], graded(&json, grade).len());
    }
    for result in json["results"].as_array().unwrap() {
        let fields = [
            "expected",
            "grade",
            "group",
            "id",
            "ms",
            "observed",
            "requirements",
            "rows",
            "rule",
            "section",
        ];
        assert_eq!(keys(result), fields);
        assert!(["closing", "deflate"].contains(&result["group"].as_str().unwrap()));
        assert!(result["ms"].is_u64() && !result["requirements"].as_array().unwrap().is_empty());
    }
}

#[test]
fn only_takes_groups_cases_and_requirements() {
    let ours = Ours::start(&[]);
    let ids = |name: &str, only: &[&str]| {
        let only: Vec<&str> = only.iter().flat_map(|one| ["--only", one]).collect();
        let (code, json) = results(&ours.url, name, &only);
        assert_eq!(code, 0);
        graded(&json, "strict").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ids("only-case", &["unmasked-data"]), ["unmasked-data"]);
    // Asked for, not claimed.
    let requirement = concat!("6455-", "5.2-05");
    assert_eq!(ids("only-requirement", &[requirement]), ["opcode-data", "opcode-later"]);
    assert_eq!(ids("only-two", &["opcode-data", "close"]), ["opcode-data", "close"]);
    assert!(ids("only-group", &["utf8"]).len() > 10);
    let output = check(&[&ours.url, "--only", "nonsense"]);
    assert_eq!(code(&output), 2);
    assert!(said(&output).contains("nonsense") && said(&output).contains("handshake, framing"));
}

#[test]
fn the_table_the_junit_and_the_page_tell_of_violations() {
    let address = serve(Behaviour::Unmasked);
    let (junit, html) = (file("broken.xml"), file("broken.html"));
    let output = check(&[
        &format!("ws://{address}/"),
        "--only",
        "unmasked-data",
        "--only",
        "ping",
        "--junit",
        junit.to_str().unwrap(),
        "--html",
        html.to_str().unwrap(),
    ]);
    let table = said(&output);
    assert_eq!(code(&output), 1, "{table}");
    assert!(
        table.contains("violation of RFC 6455 5.1: A data frame that is not masked"),
        "{table}"
    );
    assert!(table.contains("went on: text \"Hello\""), "{table}");
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\""), "{xml}");
    assert_eq!(xml.matches("<failure message=\"RFC 6455 5.1: ").count(), 1, "{xml}");
    assert!(xml.contains("&quot;Hello&quot;") && xml.contains("name=\"ping: "), "{xml}");
    assert_eq!(xml.matches("<testsuite ").count(), xml.matches("</testsuite>").count());
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("<details open><summary><b class=\"violation\">"), "{page}");
    assert!(page.contains("unmasked-data (6455-5.1-01") && page.ends_with("</html>\n"), "{page}");
    std::fs::remove_file(junit).unwrap();
    std::fs::remove_file(html).unwrap();
}

#[test]
fn each_broken_server_violates_what_it_breaks() {
    for (name, behaviour, broken) in [
        ("unmasked", Behaviour::Unmasked, &["unmasked-data", "unmasked-control"][..]),
        ("masks", Behaviour::Masks, &["rfc-samples", "ping"]),
        ("bad-text", Behaviour::AnyText, &["overlong", "text-cut-off"]),
        ("silent-close", Behaviour::NoClose, &["close", "close-empty"]),
        ("echoes-1005", Behaviour::AnyClose, &["code-1005", "code-1015"]),
        ("accept", Behaviour::WrongAccept, &["opening"]),
        ("any-handshake", Behaviour::AnyHandshake, &["key-missing", "version-other"]),
        ("wrong-echo", Behaviour::NoPong, &["ping"]),
    ] {
        let url = format!("ws://{}/", serve(behaviour));
        let only: Vec<&str> = broken.iter().flat_map(|id| ["--only", id]).collect();
        let (code, json) = results(&url, name, &only);
        assert_eq!(graded(&json, "violation"), broken, "{name}: {json:#}");
        assert_eq!(code, 1);
        // And the same server does well where it breaks nothing.
        let (code, json) =
            results(&url, name, &["--only", "upgrade-case", "--only", "opcode-data"]);
        // After every 101 a Ping must be answered.
        let breaks_all = [Behaviour::WrongAccept, Behaviour::Masks, Behaviour::NoPong];
        if !breaks_all.contains(&behaviour) {
            assert_eq!((code, graded(&json, "violation").len()), (0, 0), "{name}: {json:#}");
        }
    }
}

#[test]
fn without_an_echo_what_needs_one_is_skipped() {
    for behaviour in [Behaviour::NoEcho, Behaviour::Greets] {
        let url = format!("ws://{}/", serve(behaviour));
        let only = ["--only", "text-and-binary", "--only", "ping", "--only", "unmasked-data"];
        let (code, json) = results(&url, "no-echo", &only);
        assert_eq!(graded(&json, "skipped"), ["text-and-binary"], "{json:#}");
        assert_eq!(graded(&json, "violation"), Vec::<&str>::new(), "{json:#}");
        assert_eq!(graded(&json, "strict"), ["unmasked-data", "ping"], "{json:#}");
        assert_eq!(code, 0);
    }
}

#[test]
fn without_compression_its_group_is_skipped() {
    let ours = Ours::start(&["--deflate", "off"]);
    let (code, json) = results(&ours.url, "off", &["--only", "deflate", "--only", "ping"]);
    assert_eq!((code, graded(&json, "strict")), (0, vec!["ping"]));
    // Nothing judged is nothing proved.
    let (code, nothing) = results(&ours.url, "nothing", &["--only", "deflate"]);
    assert_eq!((code, &nothing["complete"]), (4, &false.into()));
    let junit = file("nothing.xml");
    check(&[&ours.url, "--only", "deflate", "--junit", junit.to_str().unwrap()]);
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("errors=\"1\"") && xml.contains("nothing could be judged"), "{xml}");
    std::fs::remove_file(junit).unwrap();
    assert_eq!(json["counts"]["skipped"], json["results"].as_array().unwrap().len() - 1);
}

#[test]
fn what_is_not_there_or_no_websocket_server_is_3() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let output = check(&[&format!("ws://{address}/")]);
    assert_eq!(code(&output), 3, "{}", said(&output));
    assert!(said(&output).contains(&address.to_string()) && said(&output).contains("refused"));
    assert!(output.stdout.is_empty());

    let address = serve(Behaviour::PlainHttp);
    let output = check(&[&format!("ws://{address}/")]);
    assert_eq!(code(&output), 3);
    assert!(said(&output).contains("no WebSocket server"), "{}", said(&output));
    assert!(said(&output).contains("HTTP/1.1 200 OK"), "{}", said(&output));

    for behaviour in [Behaviour::Garbage, Behaviour::Hangs, Behaviour::EndlessHead] {
        let output = check(&[&format!("ws://{}/", serve(behaviour))]);
        assert_eq!(code(&output), 3, "{behaviour:?}: {}", said(&output));
        assert!(said(&output).contains("no WebSocket server"), "{}", said(&output));
    }
}

#[test]
fn bad_usage_is_2() {
    for (arguments, sentence) in [
        (&["ws://127.0.0.1:1/", "--insecure"][..], "--insecure and --ca are about wss:// URLs"),
        (&["ws://127.0.0.1:1/", "--ca", "a.pem"], "--insecure and --ca are about wss:// URLs"),
        (&["wss://127.0.0.1:1/", "--ca", "a.pem", "--insecure"], "cannot be used with"),
        (&["wss://127.0.0.1:1/", "--ca", "no-such.pem"], "--ca no-such.pem: "),
        (&["http://127.0.0.1:1/"], "ws://"),
        (&["nonsense"], "ws://"),
        (&[], "required"),
        (&["ws://127.0.0.1:1/", "--nonsense"], "--nonsense"),
        (&["ws://127.0.0.1:1/", "--jobs", "0"], "--jobs"),
        (&["ws://127.0.0.1:1/", "--jobs", "65"], "--jobs"),
        (&["ws://127.0.0.1:1/", "--time-limit", "0"], "longer than zero"),
        (&["ws://127.0.0.1:1/", "--json", "/nonexistent/a.json"], "/nonexistent/a.json"),
    ] {
        let output = check(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(sentence), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn a_server_that_dies_midway_is_told() {
    let address = serve(Behaviour::DiesAfter(30));
    let output = check(&[&format!("ws://{address}/")]);
    // Where it had answered the only row under way, somebody may have ended it.
    let is_likely = said(&output).contains("the server answered nobody any more, likeliest after ");
    let is_certain = said(&output).contains("the server answered nobody after ");
    let expected = if is_certain { 1 } else { 4 };
    assert!(is_likely || is_certain, "{}", said(&output));
    assert_eq!(code(&output), expected, "{}", said(&output));
    assert_eq!(said(&output).contains("after it the server answered nobody"), is_certain);
    assert!(said(&output).contains("\nincomplete: "), "{}", said(&output));
}

#[test]
fn hostile_servers_end_the_run_without_harm() {
    for behaviour in [Behaviour::Floods, Behaviour::HugeFrame, Behaviour::Drips] {
        let url = format!("ws://{}/", serve(behaviour));
        let begun = Instant::now();
        let output = check(&[&url, "--only", "ping", "--only", "unmasked-data", "--only", "close"]);
        // What is not read to its end is not judged.
        let expected = if behaviour == Behaviour::HugeFrame { 4 } else { 1 };
        assert_eq!(code(&output), expected, "{behaviour:?}: {}", said(&output));
        assert!(begun.elapsed() < Duration::from_secs(40), "{behaviour:?}");
    }
}

/// Its memory is watched while it runs.
#[test]
fn a_server_that_speaks_without_an_end_fills_no_memory() {
    let url = format!("ws://{}/", serve(Behaviour::FloodsBlocks));
    let output = check(&[&url, "--only", "close", "--time-limit", "5s", "--jobs", "1"]);
    assert!(matches!(code(&output), 1 | 4), "{}", said(&output));
}

/// Something that a broken server does with a connection needs the head of its request first.
pub(crate) fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > 1 << 20 || stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// Writes, whatever becomes of it.
pub(crate) fn say(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    stream.write_all(bytes).is_ok()
}

/// Where a server of `servers.rs` listens.
pub(crate) type Address = SocketAddr;
