//! SIGHUP reads tokens and keys anew: all of them, or none.

use rustix::process::Signal;
use stickler_testing::folder::Folder;
use stickler_testing::frame::text;

use super::client::Client;
use super::{serve, set_mode, token, write};

#[test]
fn sighup_reads_the_tokens_anew_all_of_them_or_none() {
    let folder = Folder::new("reload");
    let (first, first_line) = token("first");
    let (second, second_line) = token("second");
    write(&folder, "a", &first_line);
    write(&folder, "b", &first_line);
    let configuration = "[[route]]\npath = '/a'\napplication = 'echo'\nauthentication.tokens = 'a'\n\
        [[route]]\npath = '/b'\napplication = 'echo'\nauthentication.tokens = 'b'\n";
    let server = serve(&folder, configuration, &[]);
    let status = |path: &str, token: &str| Client::bearing(server.address(), path, token).status();
    let mut early = Client::bearing(server.address(), "/a", &first);
    assert_eq!([status("/a", &first), status("/a", &second)], [101, 401]);
    // One file is good and the other is not: neither is in force.
    write(&folder, "a", &second_line);
    set_mode(&write(&folder, "b", &second_line), 0o644);
    server.signal(Signal::HUP);
    server.expect_logged("b has mode 0644").unwrap();
    assert_eq!([status("/a", &first), status("/a", &second)], [101, 401]);
    assert_eq!([status("/b", &first), status("/b", &second)], [101, 401]);
    write(&folder, "b", &second_line);
    server.signal(Signal::HUP);
    let said = "loaded the configuration anew; new connections get it changed=";
    // The tokens are others, although no line of the configuration is another one.
    server.expect_logged(&format!("{said}\"route\"")).unwrap();
    assert_eq!([status("/a", &first), status("/a", &second)], [401, 101]);
    assert_eq!([status("/b", &first), status("/b", &second)], [401, 101]);
    // Connections that are there stay.
    early.send(&text("x"));
    assert_eq!(early.frame().unwrap().payload, b"x");
    write(
        &folder,
        "stickler.toml",
        format!("max-queued = '512KiB'\n{}", configuration.replacen("'/b'", "'/c'", 1)),
    );
    server.signal(Signal::HUP);
    server.expect_logged(&format!("{said}\"max-queued route\"")).unwrap();
    assert_eq!([status("/b", &second), status("/c", &second)], [404, 101]);
    server.retire().unwrap();
}

#[test]
fn the_log_says_route_where_keys_are_others_and_only_there() {
    let folder = Folder::new("reload-keys");
    let of = |path: &str, key: &str| {
        format!(
            "[[route]]\npath = '/{path}'\napplication = 'echo'\n\
            authentication.jwt = {{ {key}, issuer = 'i', audience = 'a' }}\n"
        )
    };
    let p256 = include_str!("keys/p256.pem");
    let set = |id: &str| {
        let (x, y) = (
            "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
            "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
        );
        let key = serde_json::json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": x, "y": y });
        serde_json::json!({ "keys": [key] }).to_string()
    };
    for (key, before, now) in [
        ("secret = 'f', algorithm = 'HS256'", "x".repeat(32), "y".repeat(32)),
        ("key = 'f', algorithm = 'ES256'", p256.to_owned(), format!("{p256}\n")),
        ("jwks = 'f', algorithm = 'ES256'", set("a"), set("b")),
    ] {
        write(&folder, "f", before);
        let server = serve(&folder, &of("a", key), &[]);
        let said = "loaded the configuration anew; new connections get it changed=";
        server.signal(Signal::HUP);
        server.expect_logged(&format!("{said}\"\"")).unwrap();
        write(&folder, "f", &now);
        server.signal(Signal::HUP);
        server.expect_logged(&format!("{said}\"route\"")).unwrap();
        server.retire().unwrap();
        assert!(!server.log().contains(&now), "{}", server.log());
    }
}

/// Its host, its origin, its path and its token: a handshake that neither file lets in is let in by no mixture of both.
#[test]
fn a_connection_is_judged_by_the_file_of_when_it_came() {
    let folder = Folder::new("reload-pair");
    write(&folder, "tokens", token("a").1);
    let strict = "[[route]]\npath = '/x'\napplication = 'echo'\nauthentication.tokens = 'tokens'\n";
    let open = "own-host = 'internal'\nallowed-origin = 'any'\nchat = 'on'\n\
        [[route]]\npath = '/x'\napplication = 'echo'\n";
    let strict = format!("chat = 'on'\n{strict}");
    // One worker takes them in the order in which they come.
    let server = serve(&folder, &strict, &["--workers=1"]);
    let address = server.address();
    let early = ["/x", "/chat"].map(|path| (Client::silent(address), path));
    let fields = "Origin: https://evil.example\r\n";
    assert_eq!(Client::open(address, "/x", fields).status(), 401);
    write(&folder, "stickler.toml", open);
    server.signal(Signal::HUP);
    server.expect_logged("loaded the configuration anew").unwrap();
    let late = ["/x", "/chat"].map(|path| Client::open(address, path, fields).status());
    let early = early.map(|(stream, path)| Client::open_on(stream, address, path, fields).status());
    assert_eq!((early, late), ([401, 403], [421, 421]));
    server.retire().unwrap();
}
