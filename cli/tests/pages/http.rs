//! One plain request, and its answer.

use std::net::TcpStream;

pub(crate) use stickler_testing::blocking::Answer;

use crate::server::{PATIENCE, Server};

/// What a browser says of HTML.
pub(crate) const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Asks with these further header lines.
pub(crate) fn ask(server: &Server, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", server.address());
    for (name, value) in fields {
        request += &format!("{name}: {value}\r\n");
    }
    Answer::to(&format!("{request}\r\n"), stream)
}

/// GET, as a browser asks for a page.
pub(crate) fn browse(server: &Server, path: &str) -> Answer {
    ask(server, "GET", path, &[("Accept", BROWSER)])
}
