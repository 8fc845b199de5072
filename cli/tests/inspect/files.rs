//! The file that frames are written to: who may read it, what becomes of what is there, and what if it cannot be written.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use stickler_testing::folder::Folder;

use crate::server::stickler;
use crate::{converse, objects, start};

fn flags(file: &Path, format: &str) -> [String; 3] {
    let file = format!("--trace-file={}", file.display());
    ["--trace-frames".to_owned(), format!("--trace-format={format}"), file]
}

fn serve(file: &Path, format: &str) {
    let flags = flags(file, format);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let server = start(&[], &flags);
    converse(server.address(), "/");
    server.retire().unwrap();
}

#[test]
fn nobody_else_may_read_it_and_what_is_there_is_kept() {
    let folder = Folder::new("kept");
    let file = folder.path().join("frames.json");
    serve(&file, "json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    serve(&file, "json");
    assert_eq!(objects(&file).len(), 12);
}

#[test]
fn a_file_that_is_not_for_this_is_refused_before_anybody_is_served() {
    let folder = Folder::new("refused");
    let at = |name: &str| folder.path().join(name);
    let make = |name: &str, content: &str, mode: u32| {
        fs::write(at(name), content).unwrap();
        fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
    };
    make("others", "", 0o644);
    make("text", "no pcapng", 0o600);
    make("target", "", 0o600);
    symlink(at("target"), at("link")).unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    for (name, format, told) in [
        ("others", "json", "others than its owner may read or write it"),
        ("text", "pcapng", "it holds something else than pcapng"),
        ("link", "text", "it is no regular file"),
        ("dangling", "text", "it is no regular file"),
        (".", "text", "it is no regular file"),
        ("missing/frames", "text", "No such file"),
    ] {
        let ended = stickler()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(flags(&at(name), format))
            .output()
            .unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), &ended.stdout[..]), (Some(1), &b""[..]), "{said}");
        assert!(said.contains("cannot write frames to ") && said.contains(told), "{name}: {said}");
    }
    assert!(!at("nowhere").exists());
}

/// A disk that is full costs the frames and nothing else.
#[cfg(target_os = "linux")]
#[test]
fn where_it_cannot_be_written_the_server_goes_on_and_the_log_says_so_once() {
    let mut command = std::process::Command::new("sh");
    let script = "exec \"$0\" serve --listen 127.0.0.1:0 --trace-frames --trace-file - >/dev/full";
    command.args(["-c", script, env!("CARGO_BIN_EXE_stickler")]);
    command.env_remove("RUST_LOG").stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut log = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut seen = String::new();
    let address = loop {
        assert!(std::io::BufRead::read_line(&mut log, &mut seen).unwrap() > 0, "{seen}");
        let line = seen.lines().last().unwrap();
        if let Some(address) = line.strip_prefix("listening on ws://") {
            break address.parse().unwrap();
        }
    };
    converse(address, "/");
    converse(address, "/");
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    std::io::Read::read_to_string(&mut log, &mut seen).unwrap();
    assert_eq!(seen.matches("no more frames are shown").count(), 1, "{seen}");
}
