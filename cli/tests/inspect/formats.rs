//! Text and JSON of real connections.

use serde_json::json;
use stickler_testing::folder::Folder;

use crate::server::{Server, stickler};
use crate::{converse, converse_over_tls, objects, open, start};

/// The lines of frames in the log, behind time and connection.
fn shown(log: &str) -> Vec<String> {
    let lines = log.lines().filter(|line| line.contains(" <- ") || line.contains(" -> "));
    lines.map(|line| line[40..].to_owned()).collect()
}

#[test]
fn text_stands_on_standard_error_and_shows_no_payload() {
    for (variables, flags) in
        [(&[][..], &["--trace-frames"][..]), (&[("STICKLER_TRACE_FRAMES", "all")], &[])]
    {
        let server = start(variables, flags);
        let port = converse(server.address(), "/echo");
        server.retire().unwrap();
        let log = server.log();
        let mask = "37fa213d";
        assert_eq!(
            shown(&log),
            [
                &format!("<- text   FIN ---        13 {mask}"),
                "-> text   FIN ---        13 -",
                &format!("<- ping   FIN ---         4 {mask}"),
                "-> pong   FIN ---         4 -",
                &format!("<- close  FIN ---         2 {mask} 1000"),
                "-> close  FIN ---         2 -        1000",
            ],
            "{log}"
        );
        let opened = format!("== 127.0.0.1:{port} to {} /echo\n", server.address());
        assert!(log.contains(&opened) && log.contains("opcode fin rsv"), "{log}");
        // No colours where it is no terminal.
        assert!(!log.contains("secret") && !log.contains('\u{1b}'), "{log}");
    }
}

#[test]
fn payloads_are_shown_where_they_are_asked_for_and_drive_no_terminal() {
    for (variables, flags) in [
        (&[][..], &["--trace-frames", "--trace-payload=5"][..]),
        (&[("STICKLER_TRACE_PAYLOAD", "5B")], &["--trace-frames"]),
    ] {
        let server = start(variables, flags);
        converse(server.address(), "/echo");
        server.retire().unwrap();
        let shown = shown(&server.log());
        assert!(
            shown[0].ends_with(" \"Hello\"...") && shown[1].ends_with(" \"Hello\"..."),
            "{shown:?}"
        );
        assert!(shown[2].ends_with(" \"\\u{1b}[2J\""), "{shown:?}");
        assert!(!server.log().contains('\u{1b}'));
    }
}

/// Without a terminal there are none, with one they can be switched off.
#[cfg(target_os = "linux")]
#[test]
fn there_are_colours_on_a_terminal_unless_nobody_wants_them() {
    // Of util-linux; it makes a terminal.
    let has_script = std::process::Command::new("script").arg("--version").output().is_ok();
    if !has_script {
        eprintln!("skipped: script is not there");
        return;
    }
    for (no_colour, has_colours) in [("", true), ("1", false)] {
        let folder = Folder::new(&format!("colours-{has_colours}"));
        let shown = folder.path().join("shown");
        let line = format!(
            "{} serve --listen 127.0.0.1:0 --trace-frames 2>{} 1>&3",
            env!("CARGO_BIN_EXE_stickler"),
            "/dev/tty"
        );
        let mut command = std::process::Command::new("sh");
        // The server's own standard output is that of the test, so that the port is seen.
        let script =
            "exec 3>&1; exec script --quiet --return --flush --command \"$0\" \"$1\" >/dev/null";
        command.args(["-c", script, &line]).arg(&shown);
        command.env("NO_COLOR", no_colour).env_remove("RUST_LOG");
        command.stdin(std::process::Stdio::null());
        let server = Server::spawn(command, 1, "").unwrap();
        converse(server.address(), "/echo");
        let begun = std::time::Instant::now();
        let text = loop {
            let text = std::fs::read_to_string(&shown).unwrap_or_default();
            if text.contains("-> \u{1b}") || text.contains("close  FIN ---         2 -") {
                break text;
            }
            assert!(begun.elapsed() < crate::server::PATIENCE, "{text}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        };
        assert_eq!(text.contains("\u{1b}[32m<-\u{1b}[0m text"), has_colours, "{text}");
        assert_eq!(text.contains("\u{1b}[3"), has_colours, "{text}");
    }
}

#[test]
fn json_names_addresses_and_path_in_each_line_and_the_rule_that_is_broken() {
    let folder = Folder::new("json");
    let file = folder.path().join("frames.json");
    let shown = file.to_str().unwrap();
    for (variables, flags) in [
        (&[][..], vec!["--trace-frames", "--trace-format=json", "--trace-file", shown]),
        (
            &[("STICKLER_TRACE_FORMAT", "json"), ("STICKLER_TRACE_FILE", shown)],
            vec!["--trace-frames", "--trace-payload=64KiB"],
        ),
    ] {
        let _ = std::fs::remove_file(&file);
        let server = start(variables, &flags);
        let mut client = open(server.address(), "/echo");
        let port = client.stream.local_addr().unwrap().port();
        client.send([0x81, 0x02, b'h', b'i']);
        assert_eq!(client.close_code(), 1002);
        client.rest();
        server.retire().unwrap();
        let frames = objects(&file);
        assert_eq!(frames.len(), 2, "{frames:?}");
        assert_eq!(frames[0]["peer"], json!(format!("127.0.0.1:{port}")));
        assert_eq!(frames[0]["local"], json!(server.address().to_string()));
        assert_eq!(
            (&frames[0]["path"], &frames[0]["direction"], &frames[0]["name"]),
            (&json!("/echo"), &json!("received"), &json!("text"))
        );
        assert_eq!(frames[0]["violation"]["section"], json!("RFC 6455 5.1"));
        assert_eq!(frames[0].get("payload").is_some(), flags.len() == 2);
        assert_eq!((&frames[1]["direction"], &frames[1]["code"]), (&json!("sent"), &json!(1002)));
        assert_eq!(frames[0]["connection"], frames[1]["connection"]);
        assert!(!server.log().contains(" <- "), "{}", server.log());
    }
}

#[test]
fn frames_of_the_chat_and_over_tls_are_shown_too() {
    let folder = Folder::new("tls");
    let file = folder.path().join("frames.json");
    let flags = ["--trace-frames", "--trace-format=json", "--trace-payload=20", "--trace-file"];
    let mut command = stickler();
    command.args(["serve", "--listen-tls", "127.0.0.1:0", "--tls-self-signed"]);
    command.args(["--listen", "127.0.0.1:0"]).args(flags).arg(&file);
    let server = Server::spawn(command, 2, "").unwrap();
    let lines = server.stdout_lines();
    let tls = lines.iter().position(|line| line.contains("wss://")).unwrap();
    converse_over_tls(server.addresses()[tls]);
    let mut client = open(server.addresses()[1 - tls], "/chat");
    client.send(stickler_testing::frame::text("no JSON"));
    client.frame();
    drop(client);
    server.retire().unwrap();
    let frames = objects(&file);
    let of = |path: &str| -> Vec<_> {
        frames.iter().filter(|frame| frame["path"] == json!(path)).cloned().collect()
    };
    let (over_tls, chat) = (of("/echo"), of("/chat"));
    assert_eq!(over_tls.len(), 4, "{frames:?}");
    assert_eq!(over_tls[0]["payload"], json!("Hello, secret"));
    assert_eq!(over_tls[0]["local"], json!(server.addresses()[tls].to_string()));
    assert!(chat.iter().any(|frame| frame["payload"] == json!("no JSON")), "{frames:?}");
    assert!(chat.iter().any(|frame| frame["direction"] == json!("sent")), "{frames:?}");
}
