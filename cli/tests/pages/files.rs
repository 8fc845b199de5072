//! Which requests get a file, and how it is sent.

use crate::http::{Answer, BROWSER, ask, browse};
use crate::serve;

const WEBSOCKET: &[(&str, &str)] = &[
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

#[test]
fn a_browser_gets_the_page_and_others_what_they_got_without_it() {
    let with = serve(&["--health-path", "/healthz"]);
    let without = serve(&["--health-path", "/healthz", "--page", "off", "--chat", "off"]);
    let page = browse(&with, "/");
    assert_eq!((page.status, page.field("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.body.starts_with("<!doctype html>") && page.body.contains("id=\"url\""));
    assert_eq!(browse(&without, "/").status, 426);
    let same = |method: &str, path: &str, fields: &[(&str, &str)], status: u16| {
        let dateless =
            |answer: Answer| (answer.status, answer.field("allow").to_owned(), answer.body);
        let refused = dateless(ask(&without, method, path, fields));
        assert_eq!(refused.0, status, "{method} {path} {fields:?}");
        assert_eq!(dateless(ask(&with, method, path, fields)), refused, "{method} {path}");
    };
    same("GET", "/", &[], 426);
    same("GET", "/", &[("Accept", "*/*")], 426);
    same("GET", "/", &[("Accept", "text/html;q=0")], 426);
    same("HEAD", "/", &[], 405);
    same("POST", "/", &[("Accept", BROWSER)], 405);
    same("POST", "/page.js", &[], 405);
    same("GET", "/echo", &[("Accept", BROWSER)], 426);
    same("GET", "/nowhere", &[("Accept", BROWSER)], 404);
    same("GET", "/page.js/", &[], 404);
    same("BREW", "/", &[], 501);
    same("GET", "/healthz", &[("Accept", BROWSER)], 200);
    same("GET", "/", &[("Accept", BROWSER), ("Content-Length", "1")], 400);
}

#[test]
fn every_file_has_its_type_and_nothing_comes_from_elsewhere() {
    let server = serve(&[]);
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/chat.html", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/chat.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/page.json", "application/json"),
    ] {
        let answer = browse(&server, path);
        assert_eq!((answer.status, answer.field("content-type")), (200, kind), "{path}");
        assert_eq!(answer.field("x-content-type-options"), "nosniff");
        assert_eq!(answer.field("referrer-policy"), "no-referrer");
        assert_eq!(answer.field("cache-control"), "no-cache");
        let policy = answer.field("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
        assert!(policy.contains("connect-src 'self' ws: wss:;") && !policy.contains("unsafe"));
        let varies = if path == "/" { "accept" } else { "" };
        assert_eq!(answer.field("vary").to_lowercase(), varies, "{path}");
        for outer in
            ["src=\"http", "href=\"//", "@import", "url(", "style=\"", "onclick=", "innerHTML"]
        {
            assert!(!answer.body.contains(outer), "{path} has {outer}");
        }
        // Programs that load a script or a style name no HTML.
        if path != "/" {
            assert_eq!(ask(&server, "GET", path, &[("Accept", "*/*")]).body, answer.body);
        }
    }
}

#[test]
fn s9110_13_1_2_what_is_known_is_not_sent_again() {
    let server = serve(&[]);
    let page = browse(&server, "/");
    let tag = page.field("etag");
    assert!(tag.len() == 42 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    assert_ne!(tag, browse(&server, "/page.js").field("etag"));
    for known in [tag, "*", &format!("\"other\", W/{tag}")] {
        let again = ask(&server, "GET", "/", &[("Accept", BROWSER), ("If-None-Match", known)]);
        assert_eq!((again.status, again.body.as_str(), again.field("etag")), (304, "", tag));
        assert_eq!(again.field("vary").to_lowercase(), "accept");
    }
    let other = ask(&server, "GET", "/", &[("Accept", BROWSER), ("If-None-Match", "\"other\"")]);
    assert_eq!((other.status, other.body), (200, page.body.clone()));
    let head = ask(&server, "HEAD", "/", &[("Accept", BROWSER)]);
    assert_eq!((head.status, head.body.as_str(), head.field("etag")), (200, "", tag));
    assert_eq!(head.field("content-length"), page.body.len().to_string());
}

#[test]
fn the_page_is_told_where_the_echo_is() {
    let server = serve(&["--path", "/talk", "--path", "/other", "--chat", "off"]);
    assert_eq!(browse(&server, "/").status, 200);
    let about: serde_json::Value =
        serde_json::from_str(&browse(&server, "/page.json").body).unwrap();
    assert_eq!((&about["echo"], &about["chat"]), (&"/talk".into(), &false.into()));
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    // The page is no echo.
    assert_eq!(ask(&server, "GET", "/", WEBSOCKET).status, 404);
}

#[test]
fn what_is_off_is_not_there() {
    let server = serve(&["--page", "off"]);
    for (path, status) in [("/", 426), ("/page.js", 404), ("/violations", 404), ("/chat.html", 200)]
    {
        assert_eq!(browse(&server, path).status, status, "{path}");
    }
    assert_eq!(browse(&server, "/style.css").status, 200);
    let server = serve(&["--chat", "off"]);
    for (path, status) in [("/", 200), ("/chat.html", 404), ("/chat.js", 404), ("/chat", 404)] {
        assert_eq!(browse(&server, path).status, status, "{path}");
    }
    assert_eq!(ask(&server, "GET", "/chat", WEBSOCKET).status, 404);
}
