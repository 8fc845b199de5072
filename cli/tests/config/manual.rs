//! Completions and pages of the manual: shells read them, and they know the flags.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};

use stickler_testing::folder::Folder;

use crate::server::stickler;
use crate::{run, write};

fn completions(shell: &str) -> String {
    let (code, out, said) = run(stickler().args(["completions", shell]));
    assert_eq!(code, Some(0), "{said}");
    out
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok()
}

#[test]
fn each_shell_reads_its_completions() {
    let folder = Folder::new("config-completions");
    for shell in ["bash", "zsh", "fish"] {
        let script = completions(shell);
        for part in ["max-message-size", "takeover", "verdict", "time-limit"] {
            assert!(script.contains(part), "{shell} lacks {part}");
        }
        let file = write(&folder, shell, &script);
        if is_there(shell) {
            let (code, _, said) = run(Command::new(shell).arg("-n").arg(&file));
            assert_eq!((code, &*said), (Some(0), ""), "{shell}");
        }
    }
    let (code, _, said) = run(stickler().args(["completions", "tcsh"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("bash"), "{said}");
}

/// What bash would offer behind these words.
fn offered(file: &std::path::Path, words: &[&str]) -> Vec<String> {
    let script = format!(
        "source {}; COMP_WORDS=({}); COMP_CWORD={}; \
         _stickler stickler \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        file.display(),
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words.len() - 1
    );
    let (code, out, said) = run(Command::new("bash").args(["--norc", "-c", &script]));
    assert_eq!(code, Some(0), "{said}");
    out.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    if !is_there("bash") {
        return;
    }
    let folder = Folder::new("config-bash");
    let file = write(&folder, "bash", &completions("bash"));
    assert_eq!(offered(&file, &["stickler", "ver"]), ["verdict"]);
    let flags = offered(&file, &["stickler", "serve", "--max-me"]);
    assert_eq!(flags, ["--max-message-size", "--max-messages-per-second", "--max-memory"]);
    assert_eq!(offered(&file, &["stickler", "serve", "--deflate", "tak"]), ["takeover"]);
    assert_eq!(offered(&file, &["stickler", "config", "che"]), ["check"]);
}

#[test]
fn the_page_of_the_manual_has_every_flag() {
    let (code, page, said) = run(stickler().arg("man"));
    assert_eq!(code, Some(0), "{said}");
    assert!(page.contains(".TH stickler 1"), "{page}");
    let plain = page.replace("\\-", "-");
    for (key, _) in crate::precedence::options() {
        assert!(plain.contains(&format!("--{key}\\fR")), "{key}");
        let variable = format!("STICKLER_{}", key.to_uppercase().replace('-', "_"));
        assert!(plain.contains(&variable), "{variable}");
    }
    if is_there("groff") {
        let mut groff = Command::new("groff");
        groff.args(["-man", "-Tutf8", "-ww", "-z"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut groff = groff.spawn().unwrap();
        groff.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
        let ended = groff.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
}

#[test]
fn a_page_is_written_for_each_command() {
    let folder = Folder::new("config-man");
    let (code, out, said) = run(stickler().arg("man").arg("--dir").arg(folder.path()));
    assert_eq!((code, &*out), (Some(0), ""), "{said}");
    for page in ["stickler.1", "stickler-serve.1", "stickler-check.1", "stickler-config-check.1"] {
        let text = std::fs::read_to_string(folder.path().join(page)).unwrap_or_default();
        assert!(text.contains(".SH NAME"), "{page}");
    }
    let (code, _, said) = run(stickler().args(["man", "--dir", "/nonexistent"]));
    assert_eq!(code, Some(1));
    assert!(said.contains("/nonexistent"), "{said}");
}

#[test]
fn what_cannot_be_written_is_no_bad_usage() {
    for args in [&["token", "a"][..], &["man"], &["completions", "bash"], &["config", "schema"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = stickler().args(args).stdout(full).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{args:?}: {said}");
        assert!(
            said.starts_with("stickler: cannot write: ") && said.lines().count() == 1,
            "{said}"
        );
    }
}
