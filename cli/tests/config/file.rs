//! What stands in the file has an effect, or is an error that names its line.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

use stickler_testing::folder::Folder;

use crate::server::{Server, stickler};
use crate::{open, run, serve, write};

const LISTEN: &str = "listen = '127.0.0.1:0'\n";

#[test]
fn what_the_file_says_has_an_effect() {
    let folder = Folder::new("config-effect");
    let text = format!("{LISTEN}path = ['/only', '/b,c']\nworkers = 3\nlog-format = 'json'\n");
    let file = write(&folder, "a.toml", &text);
    let server = serve(&file);
    assert_eq!(server.workers(), 3);
    for (path, status) in [("/only", 101), ("/b,c", 101), ("/echo", 404)] {
        assert_eq!(open(server.address(), path, "").0, status, "{path}");
    }
    server.retire().unwrap();
    assert!(server.log().lines().all(|line| line.starts_with('{')), "{}", server.log());
    // The variable names the same file, and a flag another one.
    let mut command = stickler();
    command.env("STICKLER_CONFIG", &file);
    let server = Server::spawn(command, 1, "").unwrap();
    assert_eq!(open(server.address(), "/echo", "").0, 404);
    server.retire().unwrap();
    let other = write(&folder, "b.toml", LISTEN);
    let mut command = stickler();
    command.env("STICKLER_CONFIG", &file).arg("--config").arg(&other);
    let server = Server::spawn(command, 1, "").unwrap();
    assert_eq!(open(server.address(), "/echo", "").0, 101);
    server.retire().unwrap();
}

#[test]
fn a_file_says_what_a_flag_says_also_to_other_flags() {
    let folder = Folder::new("config-others");
    // Without --listen a listener of TLS stands alone.
    let text = "listen-tls = '127.0.0.1:0'\ntls-self-signed = true\n";
    let server = serve(&write(&folder, "a.toml", text));
    let lines = server.stdout_lines();
    assert!(lines.len() == 1 && lines[0].starts_with("listening on wss://"), "{lines:?}");
    server.retire().unwrap();
}

/// What `config check` and `serve` say of a file that is not fit for use.
fn refused(file: &Path) -> [String; 2] {
    let (code, out, checked) = run(stickler().args(["config", "check"]).arg(file));
    assert_eq!((code, &out[..]), (Some(2), ""), "{checked}");
    let (code, out, served) = run(stickler().arg("--config").arg(file));
    assert_eq!((code, &out[..]), (Some(2), ""), "{served}");
    [checked, served]
}

#[test]
fn all_faults_are_told_with_file_line_and_key() {
    let folder = Folder::new("config-faults");
    let text = "# a comment\nmax-qeued = '1KiB'\nworkers = 'many'\n\npage = 'perhaps'\n";
    let file = write(&folder, "a.toml", text);
    let name = file.display();
    for said in refused(&file) {
        for (line, part) in [
            (2, "there is no option 'max-qeued'; did you mean 'max-queued'?"),
            (3, "'many' for 'workers'"),
            (5, "'perhaps' for 'page'"),
        ] {
            let begin = format!("{name}:{line}: ");
            let line = said.lines().find(|said| said.contains(&begin));
            assert!(line.is_some_and(|line| line.contains(part)), "{begin} in {said}");
        }
    }
}

#[test]
fn values_that_do_not_go_together_are_named_by_their_lines() {
    let folder = Folder::new("config-together");
    for (text, parts) in [
        ("drain-delay = '9s'\nshutdown-timeout = '3s'\n", ["drain-delay (", ":1)"]),
        ("path = '/x'\nhealth-path = '/x'\n", ["health-path (", ":2)"]),
        ("\nallowed-origin = ['any', 'nonsense']\n", ["'nonsense' for 'allowed-origin (", ":2)"]),
        ("tls-cert = 'a.pem'\n", ["tls-cert (", "tls-key"]),
        ("\nlog = 'loud'\n", ["'loud' for 'log (", ":2)"]),
    ] {
        let file = write(&folder, "a.toml", text);
        for said in refused(&file).into_iter().take(if text.starts_with("tls") { 1 } else { 2 }) {
            assert!(parts.iter().all(|part| said.contains(part)), "{text}: {said}");
        }
    }
}

#[test]
fn config_check_tells_all_values_that_are_none_each_by_its_line_and_names_the_file_once() {
    let folder = Folder::new("config-values");
    let route = "[[route]]\napplication = 'echo'\n";
    let text = format!(
        "path = 'a'\nlisten = 'foo'\nlisten-tls = 'bar'\ntls-self-signed = true\ntrusted-proxy = 'x'\n\
        allowed-origin = 'https://*'\nown-host = '//'\nsubprotocol = 'a b'\nhealth-path = 'b'\nlog = 'loud'\n\
        {route}path = '/chat'\n{route}path = '/x'\nsubprotocol = 'c d'\nallowed-origin = 'x'\n"
    );
    let file = write(&folder, "a.toml", &text);
    let (code, _, said) = run(stickler().args(["config", "check"]).arg(&file));
    let name = file.display();
    let lines: Vec<&str> = said.lines().collect();
    let expected = [
        format!("invalid value 'a' for 'path ({name}:1)': "),
        format!("invalid value 'foo' for 'listen ({name}:2)': "),
        format!("invalid value 'bar' for 'listen-tls ({name}:3)': "),
        format!("invalid value 'x' for 'trusted-proxy ({name}:5)': "),
        format!("invalid value 'https://*' for 'allowed-origin ({name}:6)': "),
        format!("invalid value '//' for 'own-host ({name}:7)': "),
        format!("invalid value 'a b' for 'subprotocol ({name}:8)': "),
        format!("invalid value 'b' for 'health-path ({name}:9)': "),
        format!("invalid value 'loud' for 'log ({name}:10)': "),
        format!("invalid value 'c d' for 'subprotocol ({name}:17)': "),
        format!("invalid value 'x' for 'allowed-origin ({name}:18)': "),
    ];
    assert_eq!((code, lines.len()), (Some(2), expected.len()), "{said}");
    for (line, begin) in lines.iter().zip(&expected) {
        assert!(line.starts_with(begin), "{begin} in {said}");
    }
    // The sentence has the place, or the file stands before it.
    for (text, expected) in [
        (format!("{route}path = '/chat'\n"), format!("{name}:1: '/chat' is of --chat\n")),
        ("unix-mode = '0600'\n".into(), format!("unix-mode ({name}:1) is for a path, ")),
        (
            "drain-delay = '9s'\nshutdown-timeout = '3s'\n".into(),
            format!("drain-delay ({name}:1) and "),
        ),
    ] {
        write(&folder, "a.toml", &text);
        let (code, _, said) = run(stickler().args(["config", "check"]).arg(&file));
        assert!(code == Some(2) && said.starts_with(&expected), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_who_names_it() {
    let (code, _, said) = run(stickler().args(["serve", "--config", "/nonexistent/a.toml"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("--config: /nonexistent/a.toml: cannot read"), "{said}");
    let (code, _, said) = run(stickler().env("STICKLER_CONFIG", "/nonexistent/a.toml"));
    assert_eq!(code, Some(2));
    assert!(said.contains("STICKLER_CONFIG: /nonexistent/a.toml: cannot read"), "{said}");
    let (code, _, said) = run(stickler().args(["config", "check", "/nonexistent/a.toml"]));
    assert_eq!(code, Some(2));
    assert!(said.starts_with("/nonexistent/a.toml: cannot read"), "{said}");
}

#[test]
fn a_file_that_is_fit_for_use_is_fine_whatever_the_variables_hold() {
    let folder = Folder::new("config-fine");
    let file = write(&folder, "a.toml", LISTEN);
    let mut command = stickler();
    command.args(["config", "check"]).arg(&file).env("STICKLER_WORKERS", "none");
    command.env("RUST_LOG", "stikler=debug");
    assert_eq!(run(&mut command), (Some(0), format!("{}: fine\n", file.display()), String::new()));
    // The file of the page.
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/stickler.toml");
    let (code, _, said) = run(stickler().args(["config", "check", page]));
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn the_name_of_the_file_need_not_be_utf8() {
    let folder = Folder::new("config-name");
    let file = folder.path().join(OsStr::from_bytes(b"\xff.toml"));
    std::fs::write(&file, "workers = 3\nlisten = 'foo'\n").unwrap();
    let mut joined = OsStr::new("--config=").to_owned();
    joined.push(&file);
    for words in [&["--config".into(), file.clone().into_os_string()][..], &[joined]] {
        let (code, out, said) = run(stickler().args(["config", "print"]).args(words));
        assert!(code == Some(0) && out.contains("\nworkers = 3 # "), "{words:?}: {out}{said}");
    }
    for said in refused(&file) {
        assert!(said.contains("'foo' for 'listen ("), "{said}");
    }
}

#[test]
fn config_check_reads_a_pipe_once() {
    for (text, code, part) in [
        ("listen = 'foo'\n", Some(2), "invalid value 'foo' for 'listen (/dev/stdin:1)'"),
        (LISTEN, Some(0), "/dev/stdin: fine"),
    ] {
        let mut command = stickler();
        command.args(["config", "check", "/dev/stdin"]).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap();
        assert!(ended.status.code() == code && said.contains(part), "{said}");
    }
}
