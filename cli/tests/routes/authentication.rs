//! Tokens of a file: how they are carried, and what clients without a good one are told (RFC 6750).

use stickler_testing::folder::Folder;
use stickler_testing::frame::{Frame, text};

use super::client::Client;
use super::{command, refusal, serve, set_mode, token, write};

const REALM: &str = "Bearer realm=\"stickler\"";

const CONFIGURATION: &str = "chat = 'off'\npage = 'off'\n\
    [[route]]\npath = '/in'\napplication = 'echo'\nsubprotocol = ['chat.v1', 'chat.v2']\n\
    authentication = { tokens = 'tokens' }\n\
    [[route]]\npath = '/query'\napplication = 'echo'\n\
    authentication = { tokens = 'tokens', query = true, scope = 'chat read' }\n\
    [[route]]\npath = '/any'\napplication = 'echo'\nsubprotocol = 'any'\n\
    authentication = { tokens = 'tokens' }\n\
    [[route]]\npath = '/open'\napplication = 'echo'\n";

#[test]
fn s6750_2_a_token_is_carried_in_one_of_three_ways() {
    let folder = Folder::new("carried");
    let (good, line) = token("ann");
    write(&folder, "tokens", format!("# of Ann\n{line} scope=chat,read\n"));
    let server = serve(&folder, CONFIGURATION, &[]);
    let open = |target: &str, fields: &str| Client::open(server.address(), target, fields);
    let bearer = format!("Authorization: Bearer {good}\r\n");
    let offer = |names: &str| format!("Sec-WebSocket-Protocol: {names}\r\n");
    let protocol = "sec-websocket-protocol";
    // Where, what with, and the subprotocol that is selected.
    let beside = offer(&format!("bearer.{good}, x, chat.v2, chat.v1"));
    let query = format!("/query?a=b&access_token={good}");
    for (target, fields, selected) in [
        ("/in", bearer.clone(), None),
        ("/in", format!("authorization: bEARER   {good}\r\n"), None),
        ("/in", format!("{bearer}{}", offer("chat.v1")), Some("chat.v1")),
        ("/in", beside.clone(), Some("chat.v2")),
        ("/in", offer(&format!("chat.v1, bearer.{good}")), Some("chat.v1")),
        // None is spoken here.
        ("/in", offer(&format!("x, bearer.{good}")), None),
        ("/any", beside, Some("x")),
        (&query, String::new(), None),
        ("/query", bearer.clone(), None),
        ("/open", String::new(), None),
        // A scheme of another kind is none of ours.
        (&query, "Authorization: Basic YTpi\r\n".into(), None),
        // Not switched on, so it is a query as any other.
        (&format!("/in?access_token={good}"), bearer.clone(), None),
    ] {
        let mut client = open(target, &fields);
        assert_eq!(client.status(), 101, "{target} {fields}: {}{}", client.head, client.content);
        assert_eq!(client.field(protocol), selected, "{target} {fields}");
        client.send(&text("hello"));
        assert_eq!(client.frame(), Some(Frame { first: 0x81, payload: b"hello".to_vec() }));
    }
    server.retire().unwrap();
}

#[test]
fn no_application_selects_a_token_as_its_subprotocol() {
    let folder = Folder::new("selected");
    let (good, line) = token("ann");
    write(&folder, "tokens", line);
    let configuration = "path = '/echo'\nsubprotocol = 'any'\n\
        [[route]]\npath = '/own'\napplication = 'echo'\n\
        [[route]]\npath = '/in'\napplication = 'echo'\nauthentication.tokens = 'tokens'\n\
        [[route]]\npath = '/none'\napplication = 'echo'\nsubprotocol = 'other'\n";
    let server = serve(&folder, configuration, &[]);
    for (path, names, selected) in [
        ("/echo", "bearer.TOK, z1", Some("z1")),
        ("/echo", "z1, bearer.TOK", Some("z1")),
        ("/echo", "bearer.TOK", None),
        ("/violations", "bearer.TOK, z1", Some("z1")),
        ("/violations", "bearer.TOK", None),
        ("/chat", "bearer.TOK, stickler.chat.v1", Some("stickler.chat.v1")),
        ("/own", "bearer.TOK, z1", Some("z1")),
        ("/in", "bearer.TOK, z1", Some("z1")),
        ("/none", "bearer.TOK, z1", None),
    ] {
        let offer = format!("Sec-WebSocket-Protocol: {}\r\n", names.replace("TOK", &good));
        let client = Client::open(server.address(), path, &offer);
        assert_eq!(client.status(), 101, "{path} {names}: {}", client.head);
        assert_eq!(client.field("sec-websocket-protocol"), selected, "{path} {names}");
        assert!(!client.head.contains(&good), "{path} {names}");
    }
    server.retire().unwrap();
}

#[test]
fn a_subprotocol_with_the_name_of_a_token_ends_the_start() {
    let folder = Folder::new("named");
    for (all, own) in
        [("subprotocol = ['a', 'bearer.b']\n", ""), ("", "subprotocol = 'bearer.b'\n")]
    {
        let route = format!("{all}[[route]]\npath = '/in'\napplication = 'echo'\n{own}");
        let (code, said) = refusal(&folder, &route);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains("'bearer.b' for 'subprotocol (") && said.contains("a token"),
            "{said}"
        );
    }
}

#[test]
fn s6750_3_each_refusal_has_its_status_its_challenge_and_its_sentence() {
    let folder = Folder::new("refused");
    let (good, line) = token("ann");
    let (poor, poor_line) = token("ben");
    let (old, old_line) = token("old");
    let lines =
        format!("{line} scope=chat,read\n{poor_line} scope=chat\n{old_line} expires=2001-01-01\n");
    write(&folder, "tokens", lines);
    let server = serve(&folder, CONFIGURATION, &[]);
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let offer = |names: &str| format!("Sec-WebSocket-Protocol: {names}\r\n");
    let missing =
        (401, String::new(), "RFC 6750 3: this path is for clients with a bearer token\n");
    let twice = (
        400,
        ", error=\"invalid_request\"".to_owned(),
        "RFC 6750 2: a client presents one token, in one way\n",
    );
    let unknown = |why: &str| format!(", error=\"invalid_token\", error_description=\"{why}\"");
    let stranger = (
        401,
        unknown("the token is not known here"),
        "RFC 6750 3.1: the token is not known here\n",
    );
    let malformed = (
        400,
        ", error=\"invalid_request\"".to_owned(),
        "RFC 6750 2: after Bearer stand spaces and a token (RFC 6750 2.1)\n",
    );
    let long = "a".repeat(8193);
    let rows = [
        ("/in", String::new(), missing.clone()),
        ("/in", "Authorization: Basic YTpi\r\n".into(), missing.clone()),
        ("/in", offer("chat.v1"), missing.clone()),
        // Not switched on.
        (&format!("/in?access_token={good}"), String::new(), missing.clone()),
        ("/query?token=a", String::new(), missing),
        ("/in", bearer("wrong"), stranger.clone()),
        ("/in", bearer(&good[1..]), stranger.clone()),
        ("/in", bearer(&good.to_lowercase()), stranger.clone()),
        ("/in", offer("chat.v1, bearer.wrong"), stranger.clone()),
        ("/in", offer("chat.v1, bearer."), stranger.clone()),
        ("/query?access_token=", String::new(), stranger.clone()),
        // The line in the file is no token.
        ("/in", bearer(line.split("sha256:").nth(1).unwrap()), stranger),
        (
            "/in",
            bearer(&long),
            (
                401,
                unknown("the token is longer than 8 KiB"),
                "RFC 6750 3.1: the token is longer than 8 KiB\n",
            ),
        ),
        (
            "/in",
            bearer(&old),
            (401, unknown("the token has expired"), "RFC 6750 3.1: the token has expired\n"),
        ),
        ("/in", bearer("a b"), malformed.clone()),
        ("/in", bearer(""), malformed.clone()),
        ("/in", bearer("a, Bearer b"), malformed),
        (
            "/in",
            format!("{}{}", bearer(&good), bearer(&good)),
            (
                400,
                ", error=\"invalid_request\"".to_owned(),
                "RFC 6750 2: there is one Authorization field\n",
            ),
        ),
        (
            "/in",
            format!("{}{}", bearer(&good), offer(&format!("chat.v1, bearer.{good}"))),
            twice.clone(),
        ),
        ("/in", offer(&format!("bearer.{good}, chat.v1, bearer.{good}x")), twice.clone()),
        (&format!("/query?access_token={good}"), bearer(&good), twice.clone()),
        (&format!("/query?access_token={good}&access_token={good}"), String::new(), twice),
        (
            "/in",
            offer(&format!("bearer.{good}")),
            (
                400,
                ", error=\"invalid_request\"".to_owned(),
                "RFC 6750 2: a token in the list of subprotocols stands beside the one that the client speaks\n",
            ),
        ),
        (
            "/query",
            bearer(&poor),
            (
                403,
                ", error=\"insufficient_scope\", scope=\"chat read\"".to_owned(),
                "RFC 6750 3.1: the token is not good for what this path wants\n",
            ),
        ),
    ];
    for (target, fields, (status, challenge, content)) in rows {
        let client = Client::open(server.address(), target, &fields);
        assert_eq!(client.status(), status, "{target} {fields}");
        let expected = format!("{REALM}{challenge}");
        assert_eq!(client.field("www-authenticate"), Some(&*expected), "{target} {fields}");
        assert_eq!(client.content, content, "{target} {fields}");
        assert!(!client.head.contains(&good) && !client.head.contains("wrong"), "{}", client.head);
    }
    server.expect_logged("refused a client without a good token").unwrap();
    let log = server.log();
    let line = log.lines().find(|line| line.contains("refused a client")).unwrap();
    assert!(line.contains(" id="), "{line}");
    server.retire().unwrap();
}

#[test]
fn no_token_is_in_the_log_however_much_that_says_and_its_name_is() {
    let folder = Folder::new("log");
    let (good, line) = token("ann@home");
    let (old, old_line) = token("old");
    write(&folder, "tokens", format!("{line} scope=chat,read\n{old_line} expires=2001-01-01\n"));
    let configuration = format!("subprotocol = 'any'\n{CONFIGURATION}");
    for format in ["text", "json"] {
        let server = serve(&folder, &configuration, &["--log", "trace", "--log-format", format]);
        let mut statuses = Vec::new();
        // A short one too: long names of subprotocols are not logged anyway.
        for token in [&*good, &old, "sh0rt"] {
            for (target, fields) in [
                ("/in".to_owned(), format!("Authorization: Bearer {token}\r\n")),
                ("/in".into(), format!("Sec-WebSocket-Protocol: x, bearer.{token}\r\n")),
                ("/in".into(), format!("Sec-WebSocket-Protocol: bearer.{token}\r\n")),
                ("/open".into(), format!("Sec-WebSocket-Protocol: bearer.{token}\r\n")),
                (format!("/query?access_token={token}"), String::new()),
                (format!("/in?access_token={token}"), String::new()),
                (format!("/nowhere?access_token={token}"), String::new()),
            ] {
                statuses.push(Client::open(server.address(), &target, &fields).status());
            }
        }
        assert_eq!(statuses[..7], [101, 101, 400, 101, 101, 401, 404]);
        assert_eq!(statuses[7..14], [401, 401, 401, 101, 401, 401, 404]);
        server.retire().unwrap();
        let all = format!("{}{}", server.log(), server.stdout_lines().join("\n"));
        for secret in [&*good, &old, "sh0rt", "bearer."] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
        assert!(all.contains("ann@home") && all.contains("let a client in"), "{all}");
        assert!(all.contains("without a good token: "), "{all}");
    }
}

#[test]
fn a_file_of_tokens_that_others_may_read_or_that_is_none_ends_the_start() {
    let folder = Folder::new("file");
    let (_, line) = token("ann");
    let path = write(&folder, "tokens", &line);
    for mode in [0o640, 0o604, 0o644, 0o660] {
        set_mode(&path, mode);
        let (code, said) = refusal(&folder, CONFIGURATION);
        assert!(code == Some(1) && said.contains("tokens has mode"), "{code:?} {said}");
        assert!(said.contains("chmod 600"), "{said}");
    }
    write(&folder, "tokens", format!("\n{line}\nben secret-of-ben\n"));
    let (code, said) = refusal(&folder, CONFIGURATION);
    assert!(code == Some(1) && said.contains("tokens:3: "), "{code:?} {said}");
    assert!(!said.contains("secret-of-ben"), "{said}");
    std::fs::remove_file(&path).unwrap();
    let (code, said) = refusal(&folder, CONFIGURATION);
    assert!(code == Some(1) && said.contains("cannot read tokens"), "{code:?} {said}");
}

#[test]
fn a_credential_of_systemd_may_look_as_if_its_group_could_read_it() {
    let (folder, other) = (Folder::new("credential"), Folder::new("no-credential"));
    // What comes behind the look at the mode: this is no line.
    let path = write(&folder, "tokens", "ben");
    let configuration = format!(
        "[[route]]\npath = '/in'\napplication = 'echo'\nauthentication.tokens = '{}'\n",
        path.display()
    );
    for (mode, credentials, said) in [
        (0o440, Some(&folder), "tokens:1: "),
        (0o440, Some(&other), "has mode 0440"),
        (0o440, None, "has mode 0440"),
        (0o444, Some(&folder), "has mode 0444"),
        (0o640, Some(&folder), "has mode 0640"),
    ] {
        set_mode(&path, mode);
        let mut command = command(&folder, &configuration);
        command.args(["--listen", "127.0.0.1:0"]).env_remove("CREDENTIALS_DIRECTORY");
        if let Some(folder) = credentials {
            command.env("CREDENTIALS_DIRECTORY", folder.path());
        }
        let ended = command.output().unwrap();
        let all = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() == Some(1) && all.contains(said), "{mode:o}: {all}");
    }
}

#[test]
fn each_new_token_is_another_one() {
    let (first, line) = token("a-b.c_d@e");
    let (second, other) = token("a-b.c_d@e");
    assert!(first != second && line != other);
    // 256 bits, in characters that a subprotocol may have.
    assert!(
        first.len() == 43
            && first.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
    );
    let bad = super::stickler().args(["token", "a b"]).output().unwrap();
    assert_eq!(bad.status.code(), Some(2));
}
