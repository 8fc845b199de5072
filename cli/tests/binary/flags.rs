//! Every flag, and every variable, shown to bite.

use crate::process::{Client, REQUEST, Server, frame, run, stickler};

/// The first line of the response to the usual request with one piece exchanged.
fn status(server: &Server, from: &str, to: &str) -> String {
    assert!(REQUEST.contains(from));
    let head = server.connect().request(&REQUEST.replace(from, to));
    head.split(' ').nth(1).unwrap().to_owned()
}

/// The status code of the Close frame that comes next (RFC 6455 §5.5.1).
fn close_code(client: &mut Client) -> u16 {
    let [first, _, high, low] = client.receive();
    assert_eq!(first, 0x88);
    u16::from_be_bytes([high, low])
}

#[test]
fn bad_usage_exits_with_2_and_a_sentence() {
    for (args, sentence) in [
        (&["--bogus"][..], "--bogus"),
        (&["bogus"], "bogus"),
        (&["--workers", "0"], "from 1 to"),
        (&["--listen", "127.0.0.1"], "the port is missing"),
        (&["--listen", "::1:9001"], "in brackets"),
        (&["--path", "echo"], "--path"),
        (&["--subprotocol", "a b"], "--subprotocol"),
        (&["--allowed-origin", "example.com"], "--allowed-origin"),
        (&["--own-host", "http://example.com"], "--own-host"),
        (&["--max-message-size", "16MB"], "there is no unit"),
        (&["--keepalive-interval", "0"], "write off"),
        (&["--log", "stickler=loud"], "--log"),
        (&["--log-format", "xml"], "xml"),
        (&["health", "http://localhost/"], "ws://"),
    ] {
        let output = run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), &output.stdout[..]),
            (Some(2), &b""[..]),
            "{args:?}: {stderr}"
        );
        assert!(stderr.starts_with("error: ") && stderr.contains(sentence), "{args:?}: {stderr}");
    }
}

#[test]
fn a_variable_does_what_its_flag_does_and_the_flag_beats_it() {
    let mut command = stickler(&["--path", "/flag"]);
    command.env("STICKLER_LISTEN", "127.0.0.1:0, 127.0.0.1:0");
    command.env("STICKLER_PATH", "/variable");
    command.env("STICKLER_SUBPROTOCOL", "a,b");
    let server = Server::from(&mut command, 2);
    assert_eq!(status(&server, "GET / ", "GET /flag "), "101");
    assert_eq!(status(&server, "GET / ", "GET /variable "), "404");
    let request = REQUEST
        .replace("GET / ", "GET /flag ")
        .replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: x, b\r\n\r\n");
    let head = server.connect().request(&request).to_lowercase();
    assert!(head.contains("\r\nsec-websocket-protocol: b\r\n"), "{head}");
}

#[test]
fn a_bad_variable_is_bad_usage_unless_the_flag_beats_it() {
    let mut command = stickler(&["--listen", "127.0.0.1:0"]);
    let output = command.env("STICKLER_WORKERS", "none").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    command.args(["--workers", "1"]);
    Server::from(&mut command, 1).open();
    let refused = stickler(&["health", "ws://127.0.0.1:1/"])
        .env("STICKLER_WORKERS", "none")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn s4_2_2_path() {
    let server = Server::start(&[]);
    assert_eq!(status(&server, "GET / ", "GET / "), "101");
    assert_eq!(status(&server, "GET / ", "GET /echo?a=b "), "101");
    assert_eq!(status(&server, "GET / ", "GET /other "), "404");
    assert_eq!(status(&server, "Upgrade: websocket\r\n", ""), "426");
    let server = Server::start(&["--path", "/a,b", "--path", "/c"]);
    assert_eq!(status(&server, "GET / ", "GET /a,b "), "101");
    assert_eq!(status(&server, "GET / ", "GET /c "), "101");
    assert_eq!(status(&server, "GET / ", "GET / "), "404");
}

#[test]
fn s10_2_allowed_origin() {
    let origin = |origin: &str| format!("Host: test\r\nOrigin: {origin}\r\n");
    let any = Server::start(&[]);
    assert_eq!(status(&any, "Host: test\r\n", &origin("https://a.example")), "101");
    let listed = Server::start(&[
        "--allowed-origin",
        "https://a.example",
        "--allowed-origin",
        "https://b.example:8443",
    ]);
    assert_eq!(status(&listed, "Host: test\r\n", &origin("https://a.example")), "101");
    assert_eq!(status(&listed, "Host: test\r\n", &origin("https://b.example:8443")), "101");
    assert_eq!(status(&listed, "Host: test\r\n", &origin("https://c.example")), "403");
    assert_eq!(status(&listed, "Host: test\r\n", &origin("null")), "403");
    let same = Server::start(&["--allowed-origin", "same-host"]);
    assert_eq!(status(&same, "Host: test\r\n", &origin("http://test")), "101");
    assert_eq!(status(&same, "Host: test\r\n", &origin("http://other")), "403");
}

#[test]
fn s7_4_own_host() {
    let server = Server::start(&["--own-host", "ours.example", "--own-host", "ours.example:8080"]);
    assert_eq!(status(&server, "Host: test", "Host: OURS.example"), "101");
    assert_eq!(status(&server, "Host: test", "Host: ours.example:8080"), "101");
    assert_eq!(status(&server, "Host: test", "Host: theirs.example"), "421");
}

#[test]
fn s10_4_max_message_size_is_inclusive() {
    let server = Server::start(&["--max-message-size", "1KiB"]);
    let mut client = server.open();
    client.send(&frame(0x82, &[0; 1024]));
    assert_eq!(client.receive::<4>(), [0x82, 126, 4, 0]);
    client.receive::<1024>();
    client.send(&frame(0x82, &[0; 1025])[..8]);
    assert_eq!(close_code(&mut client), 1009);
}

#[test]
fn s10_4_max_frame_size_leaves_larger_messages_in_fragments() {
    let server = Server::start(&["--max-frame-size", "10"]);
    let mut client = server.open();
    client.send(&frame(0x02, &[0; 10]));
    client.send(&frame(0x80, &[0; 10]));
    assert_eq!(client.receive::<2>(), [0x82, 20]);
    client.receive::<20>();
    client.send(&frame(0x82, &[0; 11]));
    assert_eq!(close_code(&mut client), 1009);
}

#[test]
fn s10_4_max_fragments_is_inclusive() {
    let server = Server::start(&["--max-fragments", "2"]);
    let mut client = server.open();
    client.send(&[frame(0x02, b""), frame(0x80, b"")].concat());
    assert_eq!(client.receive(), [0x82, 0]);
    client.send(&[frame(0x02, b""), frame(0x00, b""), frame(0x80, b"")].concat());
    assert_eq!(close_code(&mut client), 1008);
}

#[test]
fn s15_5_9_handshake_timeout() {
    let server = Server::start(&["--handshake-timeout", "50ms"]);
    let head = server.connect().request("GET / HTTP/1.1\r\n");
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert_eq!(server.connect().receive_rest(), b"");
}

#[test]
fn s7_1_1_close_timeout() {
    let server = Server::start(&["--close-timeout", "50ms", "--keepalive-interval", "off"]);
    let mut client = server.open();
    // A violation: the Close frame comes, and the end soon after although the peer stays.
    client.send(&[0x81, 0x00]);
    assert_eq!(close_code(&mut client), 1002);
    client.receive_rest();
}

#[test]
fn keepalive_pings_and_gives_up_with_1011() {
    let server = Server::start(&["--keepalive-interval", "50ms", "--keepalive-timeout", "50ms"]);
    let mut client = server.open();
    let [first, len] = client.receive();
    assert_eq!(first, 0x89);
    std::io::Read::read_exact(&mut client.0, &mut vec![0; usize::from(len)]).unwrap();
    assert_eq!(close_code(&mut client), 1011);
}

#[cfg(target_os = "linux")]
#[test]
fn workers_is_the_number_of_threads_that_serve() {
    for workers in ["1", "3"] {
        let server = Server::start(&["--workers", workers]);
        let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
        let names =
            tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
        assert_eq!(names.filter(|name| name.starts_with("stickler-")).count().to_string(), workers);
    }
}

/// The help is the list of flags; each has its row in README.md, with the default that the help names.
#[test]
fn every_flag_is_in_the_table() {
    const README: &str = include_str!("../../../README.md");
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    let flags: Vec<_> = help.split("\n      --").skip(1).collect();
    assert!(flags.len() >= 16, "{help}");
    for flag in flags {
        let (name, rest) = flag.split_once(' ').unwrap();
        let row = README.lines().find(|line| line.starts_with(&format!("| `--{name} ")));
        let row = row.unwrap_or_else(|| panic!("README.md lacks a row for --{name}"));
        let default = rest.split("\n          [default: ").nth(1);
        if let Some((default, _)) = default.and_then(|text| text.split_once(']')) {
            assert!(row.contains(&format!("| `{default}` |")), "{row}: the default is {default}");
        }
    }
}
