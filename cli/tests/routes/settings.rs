//! What a route says holds on its path, and nowhere else.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use stickler_testing::folder::Folder;
use stickler_testing::frame::{Frame, close, frame, text};

use super::client::Client;
use super::server::Server;
use super::{refusal, serve, token, write};

/// A server with one route on `/own`, and the echo on `/echo`.
fn with(folder: &Folder, settings: &str) -> Server {
    with_all(folder, "", settings)
}

/// The same, with settings of the server too.
fn with_all(folder: &Folder, all: &str, settings: &str) -> Server {
    let configuration = format!(
        "path = '/echo'\nworkers = 1\n{all}\n[[route]]\npath = '/own'\napplication = 'echo'\n{settings}\n"
    );
    serve(folder, &configuration, &[])
}

fn open(server: &Server, path: &str) -> Client {
    let client = Client::open(server.address(), path, "");
    assert_eq!(client.status(), 101, "{}", client.head);
    client
}

#[test]
fn limits_and_times_bite_on_the_path_of_the_route_alone() {
    let folder = Folder::new("limits");
    let half = &frame(0x81, "half of it")[..8];
    let fragments =
        || [frame(0x01, "a"), frame(0x00, "b"), frame(0x80, "c"), frame(0x8A, "")].concat();
    // What is set, what is sent, and the status code that it earns.
    for (settings, sent, code) in [
        ("max-message-size = 8", text("nine char"), 1009),
        ("max-frame-size = '8B'", text("nine char"), 1009),
        ("max-fragments = 2", fragments(), 1008),
        (
            "max-messages-per-second = 1\nwhen-too-fast = 'close'",
            [text("a"), text("b"), text("c")].concat(),
            1008,
        ),
        ("max-pings-per-second = 1", frame(0x89, "").repeat(101), 1008),
        ("message-idle-timeout = '50ms'", half.to_vec(), 1008),
        ("message-timeout = '50ms'", half.to_vec(), 1008),
    ] {
        let server = with(&folder, settings);
        let mut own = open(&server, "/own");
        own.send(&sent);
        let ended = loop {
            match own.frame().unwrap() {
                frame if frame.first == 0x88 => break frame,
                frame => assert!([0x81, 0x8A].contains(&frame.first), "{settings}"),
            }
        };
        assert_eq!(ended.close_code(), code, "{settings}");
        let mut other = open(&server, "/echo");
        other.send(&sent);
        let rest = if sent == half { frame(0x81, "half of it")[8..].to_vec() } else { Vec::new() };
        other.send(&[rest, close(1000)].concat());
        let mut last = other.frame().unwrap();
        while last.first != 0x88 {
            last = other.frame().unwrap();
        }
        assert_eq!(last.close_code(), 1000, "{settings}");
        server.retire().unwrap();
    }
}

/// What the kernel holds on the way is far less than so many echoes.
const LEN: usize = 256 << 10;
const COUNT: usize = 64;

fn send_all(client: &mut Client) {
    for _ in 0..COUNT {
        client.send(&frame(0x82, vec![7; LEN]));
    }
}

/// How many echoes come of as many messages, of which none is read before all are sent, up to a Close.
fn echoes(client: &mut Client) -> usize {
    send_all(client);
    let whole = |client: &mut Client| client.frame().unwrap().payload.len() == LEN;
    (0..COUNT).take_while(|_| whole(client)).count()
}

#[test]
fn what_is_queued_for_a_peer_has_the_bound_of_its_route() {
    let folder = Folder::new("queued");
    let narrow = "when-full = 'close'\nsend-buffer = '64KiB'";
    let server = with_all(&folder, narrow, "max-queued = '64MiB'");
    assert_eq!(echoes(&mut open(&server, "/own")), COUNT);
    assert!((1..COUNT).contains(&echoes(&mut open(&server, "/echo"))));
    server.retire().unwrap();
    let wide = "when-full = 'close'\nsend-buffer = '64KiB'\nmax-queued = '64MiB'";
    let server = with_all(&folder, wide, "max-queued = '64KiB'\nwhen-full = 'drop'");
    let mut own = open(&server, "/own");
    send_all(&mut own);
    own.send(&close(1000));
    let mut frames = std::iter::from_fn(|| own.frame()).enumerate();
    let (echoed, last) = frames.find(|(_, frame)| frame.first != 0x82).unwrap();
    assert!((1..COUNT).contains(&echoed) && last.close_code() == 1000, "{echoed}, {last:?}");
    server.retire().unwrap();
}

#[test]
fn a_peer_that_takes_too_slowly_is_given_up_as_the_route_says() {
    let folder = Folder::new("drain");
    let server = with_all(&folder, "send-buffer = '64KiB'", "min-drain-rate = '512KiB'");
    let (mut own, mut other) = (open(&server, "/own"), open(&server, "/echo"));
    for client in [&mut own, &mut other] {
        client.send(&frame(0x82, vec![7; 12 << 20]));
    }
    server.expect_logged("the peer took bytes too slowly").unwrap();
    assert_eq!(other.frame().unwrap().payload.len(), 12 << 20);
    assert_eq!(server.log().matches("the peer took bytes too slowly").count(), 1);
    drop((own, other));
    server.retire().unwrap();
}

#[test]
fn a_peer_is_pinged_and_given_up_as_the_route_says() {
    let folder = Folder::new("keepalive");
    let server = with(&folder, "keepalive-interval = '50ms'\nkeepalive-timeout = '50ms'");
    let mut own = open(&server, "/own");
    assert_eq!(own.frame().unwrap().first, 0x89);
    // No Pong comes.
    let last = std::iter::from_fn(|| own.frame()).last();
    assert!(last.is_none_or(|last| last.first != 0x81));
    server.retire().unwrap();
    // The server's own interval is 25 s: whatever is sent there comes first.
    let server = with(&folder, "keepalive-interval = 'off'");
    let mut other = open(&server, "/echo");
    other.send(&text("x"));
    assert_eq!(other.frame().unwrap().first, 0x81);
    server.retire().unwrap();
}

#[test]
fn a_peer_has_the_time_of_its_route_to_answer_a_close() {
    let folder = Folder::new("close");
    let server = with(&folder, "close-timeout = '50ms'");
    let mut own = open(&server, "/own");
    own.send(&text("x"));
    assert_eq!(own.frame().unwrap().first, 0x81);
    let begun = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(own.frame().unwrap().close_code(), 1001);
    assert_eq!(own.frame(), None);
    // Far below the 5 s of all others.
    assert!(begun.elapsed() < Duration::from_millis(2500), "{:?}", begun.elapsed());
}

#[test]
fn s7692_7_compression_is_as_the_route_says() {
    let folder = Folder::new("deflate");
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15; client_max_window_bits\r\n";
    for (server_wide, own, expected, elsewhere) in [
        ("on", "deflate = 'off'", None, true),
        ("off", "deflate = 'on'", Some("permessage-deflate"), false),
        ("on", "deflate-client-window-bits = 9", Some("client_max_window_bits=9"), true),
        ("on", "deflate-window-bits = 10", Some("server_max_window_bits=10"), true),
    ] {
        let configuration = format!(
            "path = '/echo'\ndeflate = '{server_wide}'\n[[route]]\npath = '/own'\napplication = 'echo'\n{own}\n"
        );
        let server = serve(&folder, &configuration, &[]);
        let agreed = |path: &str, offer: &str| {
            let client = Client::open(server.address(), path, offer);
            client.field("sec-websocket-extensions").map(str::to_owned)
        };
        let own_answer = agreed("/own", offer);
        match expected {
            None => assert_eq!(own_answer, None, "{own}"),
            Some(part) => assert!(
                own_answer.as_deref().unwrap_or_default().contains(part),
                "{own}: {own_answer:?}"
            ),
        }
        let other = agreed("/echo", offer);
        assert_eq!(other.is_some(), elsewhere, "{own}");
        assert!(
            expected
                .is_none_or(|part| part == "permessage-deflate"
                    || !other.unwrap_or_default().contains(part)),
            "{own}"
        );
        server.retire().unwrap();
    }
}

#[test]
fn s10_2_pages_are_let_in_as_the_route_says() {
    let folder = Folder::new("origins");
    let (_, line) = token("ann");
    write(&folder, "tokens", line);
    let server = serve(
        &folder,
        "path = '/echo'\nallowed-origin = 'https://all.example'\n\
        [[route]]\npath = '/own'\napplication = 'echo'\nallowed-origin = ['https://own.example', 'null']\n\
        [[route]]\npath = '/same'\napplication = 'echo'\n\
        [[route]]\npath = '/locked'\napplication = 'echo'\nallowed-origin = 'https://own.example'\n\
        authentication.tokens = 'tokens'\n",
        &[],
    );
    let status = |path: &str, origin: &str| {
        Client::open(server.address(), path, &format!("Origin: {origin}\r\n")).status()
    };
    for (path, origin, expected) in [
        ("/own", "https://own.example", 101),
        ("/own", "null", 101),
        ("/own", "https://all.example", 403),
        ("/same", "https://all.example", 101),
        ("/same", "https://own.example", 403),
        ("/echo", "https://all.example", 101),
        ("/echo", "https://own.example", 403),
        ("/echo", "https://evil.example", 403),
        ("/chat", "https://own.example", 403),
        // A stranger is told of its origin, and not of a token.
        ("/locked", "https://evil.example", 403),
        ("/locked", "https://own.example", 401),
    ] {
        assert_eq!(status(path, origin), expected, "{path} {origin}");
    }
    server.retire().unwrap();
}

#[test]
fn s4_2_2_paths_are_exact_or_prefixes_and_the_longest_prefix_counts() {
    let folder = Folder::new("paths");
    let route = |at: &str, name: &str| {
        format!("[[route]]\n{at}\napplication = 'echo'\nsubprotocol = '{name}'\n")
    };
    let configuration = [
        route("prefix = '/a/'", "short"),
        route("prefix = '/a/b/'", "long"),
        route("path = '/a/b/c'", "exact"),
        route("path = '/x'", "x"),
    ]
    .concat();
    let server = serve(&folder, &configuration, &[]);
    let offer = "Sec-WebSocket-Protocol: short, long, exact, x\r\n";
    for (path, expected) in [
        ("/a/", Some("short")),
        ("/a/z", Some("short")),
        ("/a/b", Some("short")),
        ("/a/b/", Some("long")),
        ("/a/b/d?q", Some("long")),
        ("/a/b/c", Some("exact")),
        ("/a/b/c/", Some("long")),
        ("/x", Some("x")),
        ("/x/", None),
        ("/a", None),
        // With routes, the echo has no paths that nobody named.
        ("/", None),
        ("/echo", None),
    ] {
        let client = Client::open(server.address(), path, offer);
        assert_eq!(client.status(), if expected.is_some() { 101 } else { 404 }, "{path}");
        assert_eq!(client.field("sec-websocket-protocol"), expected, "{path}");
    }
    server.retire().unwrap();
}

#[test]
fn the_chat_answers_on_a_route_too_and_only_there_where_its_own_path_is_off() {
    let folder = Folder::new("chat");
    let (good, line) = token("ann");
    write(&folder, "tokens", line);
    let server = serve(
        &folder,
        "chat = 'off'\n[[route]]\nprefix = '/rooms/'\napplication = 'chat'\nauthentication.tokens = 'tokens'\n",
        &[],
    );
    let offer = format!("Sec-WebSocket-Protocol: stickler.chat.v1, bearer.{good}\r\n");
    let mut client = Client::open(server.address(), "/rooms/a", &offer);
    assert_eq!(client.field("sec-websocket-protocol"), Some("stickler.chat.v1"), "{}", client.head);
    client.send(&text(r#"{"type":"join","room":"r","nickname":"Ann"}"#));
    let Frame { payload, .. } = client.frame().unwrap();
    assert!(String::from_utf8(payload).unwrap().contains(r#""type":"joined""#));
    assert_eq!(Client::open(server.address(), "/chat", &offer).status(), 404);
    // Pages of other hosts are out, as on /chat.
    let page = format!("{offer}Origin: https://pages.example\r\n");
    assert_eq!(Client::open(server.address(), "/rooms/a", &page).status(), 403);
}

#[test]
fn a_route_on_a_path_of_something_else_ends_the_start_by_its_line() {
    let folder = Folder::new("conflicts");
    let locked = "authentication.tokens = 'tokens'";
    for (before, at, more, part) in [
        ("path = '/a'", "path = '/a'", "", "'/a' is of path"),
        ("", "path = '/chat'", "", "'/chat' is of --chat"),
        ("", "path = '/violations'", "", "'/violations' is of --page"),
        ("health-path = '/up'", "path = '/up'", "", "'/up' is of health-path ("),
        // A token for all below, and the chat open to everybody there: nobody meant that.
        ("", "prefix = '/'", locked, "asks for no token"),
        ("path = '/a/b'", "prefix = '/a/'", locked, "'/a/b', which is of path"),
        ("health-path = '/a/b'", "prefix = '/a/'", locked, "'/a/b', which is of health-path ("),
    ] {
        let configuration = format!("{before}\n[[route]]\n{at}\napplication = 'echo'\n{more}\n");
        let (code, said) = refusal(&folder, &configuration);
        assert_eq!(code, Some(2), "{configuration}{said}");
        assert!(said.contains(part), "{configuration}{said}");
        assert!(said.contains("stickler.toml:2: "), "{said}");
    }
}

#[test]
fn the_commands_about_the_file_know_routes() {
    let folder = Folder::new("commands");
    let configuration = "[[route]]\npath = '/own'\napplication = 'echo'\nmax-message-size = 8\n\
        authentication = { tokens = 'tokens', scope = 'a' }\n";
    let path = write(&folder, "own.toml", configuration);
    let run = |args: &[&str]| {
        let ended = super::stickler().args(args).output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stdout).unwrap())
    };
    let path = path.to_str().unwrap();
    assert_eq!(run(&["config", "check", path]).0, Some(0));
    let (code, printed) = run(&["config", "print", "--config", path]);
    assert!(code == Some(0) && printed.contains("\n[[route]]\n"), "{printed}");
    assert!(
        printed.contains("max-message-size = 8\n") && printed.contains("scope = 'a'"),
        "{printed}"
    );
    let again = write(&folder, "again.toml", &printed);
    assert_eq!(run(&["config", "check", again.to_str().unwrap()]).0, Some(0), "{printed}");
    let (_, schema) = run(&["config", "schema"]);
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let route = &schema["properties"]["route"]["items"]["properties"];
    for key in
        ["path", "prefix", "application", "authentication", "max-message-size", "subprotocol"]
    {
        assert!(route[key].is_object(), "{key}");
    }
    assert!(route["workers"].is_null() && route["max-message-size"]["default"].is_null());
    assert!(route["authentication"]["properties"]["jwt"]["properties"]["jwks"].is_object());
    // A route with two faults is told of both, and the file is not taken.
    let bad = write(&folder, "bad.toml", "[[route]]\npath = 'x'\napplication = 'y'\n");
    assert_eq!(run(&["config", "check", bad.to_str().unwrap()]).0, Some(2));
}
