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
    // No line of the file is another one.
    server.expect_logged(&format!("{said}\"\"")).unwrap();
    assert_eq!([status("/a", &first), status("/a", &second)], [401, 101]);
    assert_eq!([status("/b", &first), status("/b", &second)], [401, 101]);
    // Connections that are there stay.
    early.send(&text("x"));
    assert_eq!(early.frame().unwrap().payload, b"x");
    write(&folder, "stickler.toml", configuration.replacen("'/b'", "'/c'", 1));
    server.signal(Signal::HUP);
    server.expect_logged(&format!("{said}\"route\"")).unwrap();
    assert_eq!([status("/b", &second), status("/c", &second)], [404, 101]);
    server.retire().unwrap();
}
