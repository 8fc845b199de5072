//! Whom the server serves and who may ask: Origin (RFC 6455 §10.2, RFC 6454), authority
//! (RFC 6455 §4.2.1, RFC 9110 §7.4), and the paths of `--path`.

use crate::case::{Case, Profile, run};
use crate::client::{Client, PROMPT};
use crate::http::Head;
use crate::opening::Answer::{Accept, Refuse};
use crate::opening::{accepted, opening, refused};
use crate::server::Server;

const LISTED: Profile =
    &["--allowed-origin", "https://example.com", "--allowed-origin", "http://localhost:8080"];
const PORT_LISTED: Profile = &["--allowed-origin", "https://example.com:443"];
const NULL_LISTED: Profile =
    &["--allowed-origin", "null", "--allowed-origin", "https://example.com"];
const PATTERNS: Profile =
    &["--allowed-origin", "https://*.example.com", "--allowed-origin", "http://localhost:*"];
const SAME_HOST: Profile = &["--allowed-origin", "same-host"];
const OURS: Profile =
    &["--own-host", "example.com:80", "--own-host", "example.net:8080", "--own-host", "[::1]:80"];
const PATHS: Profile = &["--path", "/a/b", "--path", "/chat", "--chat", "off"];

fn origin(value: impl AsRef<[u8]>) -> Head {
    Head::new().add("Origin", value)
}

#[test]
fn origin_policy() {
    let mut cases = Vec::new();
    for (id, value) in [
        ("6455-4.2.2-06", "https://example.com"),
        ("6455-4.2.2-06", "HTTPS://Example.COM"),
        ("6454-6-02", "https://example.com:443"),
        ("6454-5-01", "http://localhost:8080"),
        ("6454-7.1-01", "https://example.com http://localhost:8080"),
    ] {
        cases.push(opening(
            LISTED,
            id,
            format!("Origin: {value} is listed"),
            origin(value),
            Accept(None),
        ));
    }
    for (id, value) in [
        ("6455-4.2.2-05", "http://evil.example"),
        ("6455-10.2-02", "https://evil.example"),
        ("6454-5-01", "http://example.com"),
        ("6454-5-01", "https://example.com:8443"),
        ("6454-5-01", "https://example.com.evil.net"),
        ("6454-5-01", "https://notexample.com"),
        ("6454-5-01", "https://www.example.com"),
        ("6454-5-01", "https://example.co"),
        ("6454-5-01", "http://localhost"),
        ("6454-5-01", "http://localhost:80"),
        ("6454-5-01", "http://localhost:808"),
        ("6454-5-01", "ws://example.com"),
        ("6454-6-01", "null"),
        ("6454-6-01", "file://"),
        ("6454-7.1-01", "https://example.com https://evil.example"),
        ("6454-7.1-01", "https://evil.example https://example.com"),
    ] {
        cases.push(opening(
            LISTED,
            id,
            format!("Origin: {value} is not listed"),
            origin(value),
            Refuse(&[403]),
        ));
    }
    for value in ["https://example.com/x", "https://user@example.com"] {
        let rule = format!("Origin: {value} is no origin");
        cases.push(opening(LISTED, "6454-7.1-01", rule, origin(value), Refuse(&[400])));
    }
    for value in [
        "https://example.com/",
        "example.com",
        "",
        "https://example.com,https://example.com",
        "https://",
        "%",
        "NULL",
        "https://example.com#",
        "https://example.com?",
        "https:example.com",
        "http://localhost:80800",
    ] {
        let rule = format!("Origin: {value:?} does not get through");
        cases.push(opening(LISTED, "6454-7.1-01", rule, origin(value), Refuse(&[400, 403])));
    }
    cases.push(opening(
        LISTED,
        "9110-5.5-03",
        "octets above 7f in Origin",
        origin(b"https://\xe9.example"),
        Refuse(&[400, 403]),
    ));
    cases.push(opening(
        LISTED,
        "6454-8-01",
        "no Origin is allowed by default",
        Head::new(),
        Accept(None),
    ));
    cases.push(opening(
        LISTED,
        "6455-10.1-01",
        "a good Origin does not make up for a bad key",
        origin("https://example.com").set("Sec-WebSocket-Key", "x"),
        Refuse(&[400]),
    ));
    let twice = origin("https://example.com").add("Origin", "https://example.com");
    cases.push(opening(LISTED, "6454-7.3-01", "two Origin lines", twice.clone(), Refuse(&[400])));
    cases.push(refused("6454-7.3-01", "two Origin lines where any is allowed", &[400], twice));
    let nope = origin("http://evil.example").target("/nope");
    cases.push(opening(
        LISTED,
        "6455-4.2.2-09",
        "the resource comes before Origin",
        nope,
        Refuse(&[404]),
    ));
    let grammar = origin("http://evil.example").set("Sec-WebSocket-Protocol", "a b");
    cases.push(opening(
        LISTED,
        "6455-4.1-04",
        "protocol grammar comes before Origin",
        grammar,
        Refuse(&[400]),
    ));
    let version = origin("http://evil.example").set("Sec-WebSocket-Version", "8");
    cases.push(opening(
        LISTED,
        "6455-4.2.1-33",
        "version comes before Origin",
        version,
        Refuse(&[426]),
    ));
    let case =
        |name, value: &str, answer| opening(PORT_LISTED, "6454-6-02", name, origin(value), answer);
    cases.push(case("a listed default port matches none", "https://example.com", Accept(None)));
    cases.push(case("a listed port is a port", "https://example.com:444", Refuse(&[403])));
    cases.push(case(
        "a listed port does not change the scheme",
        "http://example.com:443",
        Refuse(&[403]),
    ));
    let case =
        |name, value: &str, answer| opening(NULL_LISTED, "6454-6-01", name, origin(value), answer);
    cases.push(case("null when listed on purpose", "null", Accept(None)));
    cases.push(case("null listed lists nothing else", "file://", Refuse(&[403])));
    cases.push(case("beside null another origin", "https://example.com", Accept(None)));

    for (name, host, value, answer) in [
        ("the same host and port", "example.com:9001", "http://example.com:9001", Accept(None)),
        ("the same host, default port", "example.com", "http://example.com", Accept(None)),
        (
            "the same host, default port written out",
            "example.com",
            "http://example.com:80",
            Accept(None),
        ),
        ("the same host in other case", "Example.com", "http://EXAMPLE.COM", Accept(None)),
        ("another host", "example.com", "http://evil.example", Refuse(&[403])),
        ("another port", "example.com:9001", "http://example.com:9002", Refuse(&[403])),
        ("a longer host", "example.com", "http://example.com.evil.net", Refuse(&[403])),
        ("a subdomain", "example.com", "http://a.example.com", Refuse(&[403])),
        ("null", "example.com", "null", Refuse(&[403])),
    ] {
        let head = origin(value).set("Host", host);
        cases.push(opening(SAME_HOST, "6455-10.2-01", format!("same-host: {name}"), head, answer));
    }
    cases.push(opening(SAME_HOST, "6454-8-01", "same-host: no Origin", Head::new(), Accept(None)));
    for value in
        ["http://anything.example", "null", "file://", "https://a.example https://b.example"]
    {
        let rule = format!("Origin: {value} where any is allowed");
        cases.push(accepted("6455-10.2-01", rule, origin(value)));
    }
    run("origin_policy", cases);
}

#[test]
fn origin_patterns() {
    let mut cases = Vec::new();
    for value in [
        "https://a.example.com",
        "https://a.b.example.com",
        "https://A.EXAMPLE.com:443",
        "http://localhost",
        "http://localhost:5173",
    ] {
        let rule = format!("Origin: {value} fits a pattern");
        cases.push(opening(PATTERNS, "6455-10.2-01", rule, origin(value), Accept(None)));
    }
    for value in [
        "https://example.com",
        "https://evilexample.com",
        "https://example.com.evil.org",
        "https://a.example.com.evil.org",
        "https://a.example.com.",
        "https://a..example.com",
        "http://a.example.com",
        "https://a.example.com:8443",
        "https://*.example.com",
        "https://localhost:5173",
        "http://127.0.0.1:5173",
        "null",
        "file://",
    ] {
        let rule = format!("Origin: {value} fits no pattern");
        cases.push(opening(PATTERNS, "6455-10.2-02", rule, origin(value), Refuse(&[403])));
    }
    run("origin_patterns", cases);
}

/// What the 403 and the log say of an origin that is nearly right.
#[test]
fn origin_refusals_say_why() {
    const LISTS: Profile =
        &["--allowed-origin", "https://chat.example.com", "--allowed-origin", "same-host"];
    let mut cases = Vec::new();
    for (name, host, value, said) in [
        (
            "Host without its port",
            "a.example",
            "https://a.example:8443",
            "RFC 6454 5: the origin has the host of Host and another port",
        ),
        (
            "Host with another port",
            "a.example:9001",
            "http://a.example:9002",
            "RFC 6454 5: the origin has the host of Host and another port",
        ),
        (
            "a listed origin's other port",
            "a.example",
            "https://chat.example.com:8443",
            "RFC 6454 5: this origin is listed here with another port",
        ),
        ("null", "a.example", "null", "RFC 6454 6: an origin without a host, such as null"),
        (
            "another origin",
            "a.example",
            "https://evil.example",
            "RFC 6455 10.2: this origin is not welcome here",
        ),
    ] {
        cases.push(Case::new("6455-10.2-02", format!("the 403 says why: {name}"), move |_| {
            let server = Server::start(LISTS)?;
            let mut client = Client::connect(server.address())?;
            client.send(&origin(value).set("Host", host).bytes())?;
            let response = client.response(PROMPT)?;
            let body = String::from_utf8_lossy(&response.body).into_owned();
            if response.status != 403 || !body.starts_with(said) {
                return Err(client.report(said, &format!("{} {body}", response.status)));
            }
            server.retire()?;
            let sentence = said.split(": ").nth(1).unwrap_or_default();
            if !server.log().contains(sentence) {
                return Err(format!("    expected  {sentence}\n    observed  {}", server.log()));
            }
            Ok(())
        }));
    }
    run("origin_refusals_say_why", cases);
}

#[test]
fn authority_and_paths() {
    let mut cases = Vec::new();
    let host = |value: &str| Head::new().set("Host", value);
    for value in [
        "example.com",
        "example.com:80",
        "EXAMPLE.Com",
        "example.com:",
        "example.net:8080",
        "[::1]",
        "[::1]:80",
    ] {
        let rule = format!("Host: {value} is ours");
        cases.push(opening(OURS, "6455-3-03", rule, host(value), Accept(None)));
    }
    for value in [
        "evil.example",
        "example.com:81",
        "example.net",
        "example.net:80",
        "www.example.com",
        "notexample.com",
        "127.0.0.1",
        "[::2]",
    ] {
        let rule = format!("Host: {value} is not ours");
        cases.push(opening(OURS, "6455-4.2.1-14", rule, host(value), Refuse(&[421])));
    }
    cases.push(opening(
        OURS,
        "9112-3.2.2-01",
        "the target's authority counts, not Host",
        host("evil.example").target("http://example.com/"),
        Accept(None),
    ));
    cases.push(opening(
        OURS,
        "9112-3.2.2-01",
        "the target's authority counts against Host",
        host("example.com").target("http://evil.example/"),
        Refuse(&[421]),
    ));
    cases.push(opening(
        OURS,
        "9110-15.5.20-01",
        "authority comes before the resource",
        host("evil.example").target("/nope"),
        Refuse(&[421]),
    ));
    cases.push(opening(
        OURS,
        "9110-15.5.20-01",
        "key comes before authority",
        host("evil.example").set("Sec-WebSocket-Key", "x"),
        Refuse(&[400]),
    ));
    cases.push(opening(
        OURS,
        "9112-3.2-03",
        "a malformed Host is 400, not 421",
        host("a b"),
        Refuse(&[400]),
    ));

    for target in ["/a/b", "/a/b?q", "/chat", "http://h/a/b"] {
        cases.push(opening(
            PATHS,
            "6455-3-02",
            format!("{target} is served"),
            Head::new().target(target),
            Accept(None),
        ));
    }
    for target in [
        "/", "/echo", "/a%2Fb", "/a", "/a/", "/a/b/", "/A/B", "/a//b", "/a/b%20", "/a/./b",
        "/a/%62", "/chat/x",
    ] {
        cases.push(opening(
            PATHS,
            "6455-4.2.2-09",
            format!("{target} is not served"),
            Head::new().target(target),
            Refuse(&[404]),
        ));
    }
    run("authority_and_paths", cases);
}
