//! Flags of the page and the chat, against those about paths.

use std::process::Output;

use crate::serve;
use crate::server::stickler;

#[test]
fn a_path_has_one_owner() {
    for (flags, sentence) in [
        (&["--path", "/chat"][..], "'/chat', which --path names, is of --chat"),
        (&["--path", "/violations"], "'/violations', which --path names, is of --page"),
        (&["--health-path", "/chat"], "'/chat', which --health-path names, is of --chat"),
        (&["--page", "yes"], "--page"),
        (&["--chat"], "--chat"),
    ] {
        let Output { status, stderr, stdout } =
            stickler().arg("serve").args(flags).output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!((status.code(), &stdout[..]), (Some(2), &b""[..]), "{flags:?}");
        assert!(said.contains(sentence), "{flags:?}: {said}");
    }
    // Who turns the owner off has the path.
    serve(&["--path", "/chat", "--chat", "off"]);
    serve(&["--health-path", "/violations", "--page", "off"]);
}

#[test]
fn the_flags_are_variables_too() {
    let mut command = stickler();
    command.args(["serve", "--path", "/chat"]).env("STICKLER_CHAT", "on");
    let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(said.contains("is of --chat"), "{said}");
    let mut command = stickler();
    command.args(["serve", "--path", "/violations"]).env("STICKLER_PAGE", "perhaps");
    let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(said.contains("STICKLER_PAGE"), "{said}");
}
