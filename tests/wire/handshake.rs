//! The opening handshake field by field: method, version, target, Upgrade, Connection, key and
//! version field (RFC 6455 §4.2.1, §11.3).

use crate::case::{Case, Profile, run};
use crate::client::{Client, PROMPT};
use crate::http::{Head, SAMPLE_KEY, base64};
use crate::opening::Answer::{RefuseListingVersion, RefuseWithoutContent};
use crate::opening::{accepted, opening, refused};

const D: Profile = crate::case::DEFAULT;

#[test]
fn opening_handshake_method_version_and_target() {
    let mut cases = vec![
        accepted("6455-4.2.2-20", "a good opening handshake is accepted", Head::new()),
        accepted(
            "6455-4.2.1-38",
            "unknown header fields are ignored",
            Head::new().add("X-Anything", "1"),
        ),
        accepted("6455-4.2.1-39", "the order of fields means nothing", Head::new().reversed()),
        accepted(
            "6455-4.2.1-07",
            "a higher minor version counts as 1.1",
            Head::new().line("GET / HTTP/1.2"),
        ),
        accepted("6455-4.2.1-07", "HTTP/1.9 counts as 1.1", Head::new().line("GET / HTTP/1.9")),
        refused(
            "6455-4.2.1-06",
            "HTTP/1.0 cannot upgrade",
            &[400],
            Head::new().line("GET / HTTP/1.0"),
        ),
        refused(
            "6455-4.2.1-08",
            "HTTP/2.0 in a request line",
            &[505],
            Head::new().line("GET / HTTP/2.0"),
        ),
        refused(
            "6455-4.2.1-08",
            "HTTP/3.0 in a request line",
            &[505],
            Head::new().line("GET / HTTP/3.0"),
        ),
        refused(
            "6455-4.2.1-08",
            "the HTTP/2 preface without an HTTP/2 engine",
            &[505],
            Head::new().line("PRI * HTTP/2.0").without("Host").without("Upgrade"),
        ),
        refused(
            "6455-4.2.1-09",
            "a request line without a version",
            &[400],
            Head::new().line("GET /"),
        ),
        accepted("6455-3-02", "the query is not part of the path", Head::new().target("/?room=1")),
        accepted("6455-3-02", "an empty query is no query", Head::new().target("/?")),
        accepted("6455-4.2.1-11", "the second default path", Head::new().target("/echo")),
        accepted(
            "6455-4.2.1-11",
            "the second path with a query",
            Head::new().target("/echo?a=b&c"),
        ),
        refused("6455-3-01", "a fragment in the target", &[400], Head::new().target("/echo#frag")),
    ];
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"] {
        let rule = format!("{method} is known and not GET");
        cases.push(refused("6455-4.2.1-02", rule, &[405], Head::new().method(method)));
    }
    for method in ["FOO", "BREW", "get", "Get", "gET", "GETT", "GE", "POST2", "!#$%&'*+-.^_`|~"] {
        let rule = format!("{method} is no method we know");
        cases.push(refused("6455-4.2.1-03", rule, &[501], Head::new().method(method)));
    }
    cases.push(refused(
        "9112-3-04",
        "a method of 256 letters",
        &[501],
        Head::new().method(&"M".repeat(256)),
    ));
    cases.push(opening(
        D,
        "6455-4.2.1-05",
        "HEAD is not a handshake and gets no content",
        Head::new().method("HEAD"),
        RefuseWithoutContent(&[405]),
    ));
    cases.push(opening(
        D,
        "9110-9.3.2-01",
        "HEAD without Host gets no content either",
        Head::new().method("HEAD").without("Host"),
        RefuseWithoutContent(&[400]),
    ));
    cases.push(opening(
        D,
        "9110-9.3.2-01",
        "HEAD with a body length gets no content",
        Head::new().method("HEAD").add("Transfer-Encoding", "chunked, foo"),
        RefuseWithoutContent(&[400]),
    ));
    for version in [
        "http/1.1",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1.",
        "HTTP/1",
        "HTTP/1,1",
        "HTTP/.1",
        "HTTP/1.1x",
        "HTP/1.1",
        "HTTPS/1.1",
        "HTTP /1.1",
        "HTTP/1 .1",
        "HTTP/a.b",
        "Http/1.1",
        "HTTP/+1.1",
    ] {
        let rule = format!("{version:?} is not HTTP/DIGIT.DIGIT");
        let head = Head::new().line(format!("GET / {version}"));
        cases.push(refused("6455-4.2.1-10", rule, &[400], head));
    }
    cases.push(refused(
        "6455-4.2.1-08",
        "HTTP/0.9 written out",
        &[400, 505],
        Head::new().line("GET / HTTP/0.9"),
    ));
    for path in [
        "/nope",
        "/echo/",
        "/ECHO",
        "//echo",
        "//",
        "/./echo",
        "/../echo",
        "/%65cho",
        "/echo;v=1",
        "/%2f",
        "/%2e%2e%2fetc/passwd",
        "/..%2f..%2fetc",
        "/%252e",
        "//etc/passwd",
        "/%00",
        "/%E2%82%AC",
        "/.well-known/foo",
        "/a|b^c`d{e}[f]",
    ] {
        let rule = format!("{path} is not served");
        cases.push(refused("6455-4.2.2-09", rule, &[404], Head::new().target(path)));
    }
    run("opening_handshake_method_version_and_target", cases);
}

#[test]
fn opening_handshake_fields() {
    let mut cases = vec![
        accepted(
            "6455-10.5-01",
            "credentials do not disturb",
            Head::new().add("Authorization", "Basic eDp5").add("Cookie", "a=b; c=\"d\""),
        ),
        accepted(
            "6455-4.2.1-38",
            "what a browser sends",
            Head::new()
                .add("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101")
                .add("Accept", "*/*")
                .add("Accept-Language", "en-US,en;q=0.5")
                .add("Accept-Encoding", "gzip, deflate, br, zstd")
                .add("Origin", "http://127.0.0.1")
                .set("Connection", "keep-alive, Upgrade")
                .add("Sec-Fetch-Dest", "empty")
                .add("Pragma", "no-cache")
                .add("Cache-Control", "no-cache"),
        ),
        accepted(
            "6455-4.2.1-38",
            "TE and Trailer are none of our business",
            Head::new().add("TE", "trailers").add("Trailer", "X").add("Max-Forwards", "3"),
        ),
    ];
    upgrade_and_connection(&mut cases);
    key_and_version(&mut cases);
    run("opening_handshake_fields", cases);
}

fn upgrade_and_connection(cases: &mut Vec<Case>) {
    for (id, value) in [
        ("6455-4.2.1-17", "WebSocket"),
        ("6455-4.2.1-17", "WEBSOCKET"),
        ("6455-4.2.1-18", "foo/1, websocket"),
        ("6455-4.2.1-18", "websocket, h2c"),
        ("6455-4.2.1-18", "h2c,\twebsocket"),
        ("9110-5.6.1-01", ",websocket"),
        ("9110-5.6.1-01", "websocket,,"),
    ] {
        let rule = format!("Upgrade: {value} lists websocket");
        cases.push(accepted(id, rule, Head::new().set("Upgrade", value)));
    }
    cases.push(accepted(
        "6455-4.2.1-18",
        "websocket in the second of two Upgrade lines",
        Head::new().set("Upgrade", "foo/1").add("Upgrade", "websocket"),
    ));
    for (id, value) in [
        ("6455-4.2.1-16", "h2c"),
        ("6455-4.2.1-19", "websocket/13"),
        ("6455-4.2.1-20", "xwebsocket"),
        ("6455-4.2.1-20", "websockets"),
        ("6455-4.2.1-20", "web"),
        ("6455-4.2.1-20", "web, socket"),
        ("6455-4.2.1-20", "h2c, websocket/13, websocketx"),
        ("9110-7.8-01", "h2c, TLS/1.0"),
    ] {
        let rule = format!("Upgrade: {value} does not list websocket");
        cases.push(refused(id, rule, &[426], Head::new().set("Upgrade", value)));
    }
    for value in
        ["", "web socket", "websocket websocket", "\"websocket\"", "websocket;q=1", "websocket/"]
    {
        let rule = format!("Upgrade: {value:?} is malformed or lists no websocket");
        cases.push(refused("6455-4.2.1-20", rule, &[400, 426], Head::new().set("Upgrade", value)));
    }
    cases.push(refused(
        "6455-4.2.1-15",
        "no Upgrade at all",
        &[426],
        Head::new().without("Upgrade"),
    ));
    let plain = Head::new()
        .without("Upgrade")
        .without("Connection")
        .without("Sec-WebSocket-Key")
        .without("Sec-WebSocket-Version");
    cases.push(refused("6455-4.2.1-15", "a plain GET", &[426], plain.clone()));
    cases.push(refused(
        "8307-3-01",
        "a plain GET of a path not served",
        &[404, 426],
        plain.clone().target("/.well-known/foo"),
    ));
    cases.push(refused(
        "6455-4.2.2-09",
        "a plain GET of an unknown path is 404, not 426",
        &[404],
        plain.target("/nope"),
    ));
    for (id, value) in [
        ("6455-4.2.1-23", "upgrade"),
        ("6455-4.2.1-23", "UPGRADE"),
        ("6455-4.2.1-22", "keep-alive, Upgrade"),
        ("6455-4.2.1-22", "Upgrade, keep-alive"),
        ("6455-4.2.1-22", "keep-alive,Upgrade,foo"),
        ("6455-4.2.1-22", "keep-alive\t,\tUpgrade"),
        ("6455-4.2.1-26", "close, Upgrade"),
        ("9110-5.6.1-01", ",Upgrade,,"),
    ] {
        let rule = format!("Connection: {value} has the option");
        cases.push(accepted(id, rule, Head::new().set("Connection", value)));
    }
    cases.push(accepted(
        "6455-4.2.1-24",
        "two Connection lines are one list",
        Head::new().set("Connection", "keep-alive").add("Connection", "Upgrade"),
    ));
    cases.push(refused(
        "6455-4.2.1-21",
        "no Connection",
        &[400],
        Head::new().without("Connection"),
    ));
    for value in [
        "keep-alive",
        "close",
        "upgrade-insecure-requests",
        "noupgrade",
        "Upgrades",
        "up, grade",
        "",
        "Upgrade keep-alive",
        "Upgrade;q=1",
        "\"Upgrade\"",
        "Upgrade=1",
        "Upgrade/1",
    ] {
        let rule = format!("Connection: {value:?} has no Upgrade option");
        cases.push(refused("6455-4.2.1-25", rule, &[400], Head::new().set("Connection", value)));
    }
}

fn key_and_version(cases: &mut Vec<Case>) {
    let key = |value: &str| Head::new().set("Sec-WebSocket-Key", value);
    for value in [
        "AQIDBAUGBwgJCgsMDQ4PEA==",
        "x3JJHMbDL1EzLkh9GBhXDw==",
        "AAAAAAAAAAAAAAAAAAAAAA==",
        "/////////////////////w==",
        "++++++++++++++++++++/g==",
        "  x3JJHMbDL1EzLkh9GBhXDw==\t ",
    ] {
        cases.push(accepted("6455-4.2.2-23", format!("key {value:?}"), key(value)));
    }
    cases.push(accepted(
        "6455-4.2.1-35",
        "a key with no space after the colon",
        Head::new().without("Sec-WebSocket-Key").raw(format!("Sec-WebSocket-Key:{SAMPLE_KEY}")),
    ));
    cases.push(refused(
        "6455-4.2.1-27",
        "no key",
        &[400],
        Head::new().without("Sec-WebSocket-Key"),
    ));
    let long = "A".repeat(4000);
    let bad: &[(&str, &str)] = &[
        ("6455-4.2.1-28", "dGVzdA=="),
        ("6455-4.2.1-28", &base64(&[7; 15])),
        ("6455-4.2.1-28", &base64(&[7; 17])),
        ("6455-4.2.1-28", &base64(&[7; 18])),
        ("6455-4.2.1-28", &base64(&[7; 32])),
        ("6455-4.2.1-28", &base64(&[7; 0])),
        ("6455-4.2.1-28", &long),
        ("6455-4.2.1-29", "-_-_-_-_-_-_-_-_-_-_-w=="),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25jZQ"),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25jZQ="),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25jZQ==="),
        ("6455-4.2.1-29", "dGhlIHNhbXBs ZSBub25jZQ=="),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25jZVFB"),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25j===="),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25jZ=Q="),
        ("6455-4.2.1-29", "=dGhlIHNhbXBsZSBub25jZQ="),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25j!Q=="),
        ("6455-4.2.1-29", "\"dGhlIHNhbXBsZSBub25jZQ==\""),
        ("6455-4.2.1-30", "AQIDBAUGBwgJCgsMDQ4PEC=="),
        ("6455-4.2.1-30", "dGhlIHNhbXBsZSBub25jZR=="),
        ("6455-4.2.1-30", "dGhlIHNhbXBsZSBub25jZf=="),
        ("6455-4.2.1-31", ""),
        ("6455-4.2.1-31", "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="),
        ("6455-4.2.1-31", "dGhlIHNhbXBsZSBub25jZQ==,"),
        ("6455-4.2.1-31", ",dGhlIHNhbXBsZSBub25jZQ=="),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25jZQ==;"),
    ];
    for (id, value) in bad {
        let shown = &value[..value.len().min(60)];
        cases.push(refused(id, format!("{shown:?} is no key"), &[400], key(value)));
    }
    for first in "BCDEFhijkvxyz0129+/".chars() {
        // Of the last character before the padding only two bits count.
        let value = format!("dGhlIHNhbXBsZSBub25jZ{first}==");
        let rule = format!("key ending {first}== has pad bits set");
        cases.push(refused("6455-4.2.1-30", rule, &[400], key(&value)));
    }
    for first in "AQgw".chars() {
        let value = format!("dGhlIHNhbXBsZSBub25jZ{first}==");
        cases.push(accepted(
            "6455-4.2.1-30",
            format!("key ending {first}== has none"),
            key(&value),
        ));
    }
    cases.push(refused(
        "6455-11.3.1-01",
        "two equal keys",
        &[400],
        Head::new().add("Sec-WebSocket-Key", SAMPLE_KEY),
    ));
    cases.push(refused(
        "6455-11.3.1-01",
        "two different keys",
        &[400],
        Head::new().add("sec-websocket-key", "AQIDBAUGBwgJCgsMDQ4PEA=="),
    ));

    let version = |value: &str| Head::new().set("Sec-WebSocket-Version", value);
    for value in ["8", "0", "7", "12", "14", "25", "99", "100", "131", "200", "249", "255"] {
        let rule = format!("version {value} is well-formed and not ours");
        cases.push(refused("6455-4.2.1-33", rule, &[426], version(value)));
    }
    for value in [
        "013",
        "0013",
        "256",
        "260",
        "300",
        "999",
        "1300",
        "+13",
        "-13",
        "13.0",
        "\"13\"",
        "13, 8",
        "8, 13",
        "13, 13",
        "13,",
        ",13",
        "0x0d",
        "1 3",
        "",
        "thirteen",
        "13;q=1",
        "00",
        "010",
        "13\t13",
        "1e1",
        "13a",
        "99999999999999999999999",
    ] {
        let rule = format!("version {value:?} is malformed");
        let answer = RefuseListingVersion(&[400]);
        cases.push(opening(D, "6455-4.2.1-34", rule, version(value), answer));
    }
    let answer = RefuseListingVersion(&[400]);
    let without = Head::new().without("Sec-WebSocket-Version");
    cases.push(opening(D, "6455-4.2.1-32", "no version", without, answer.clone()));
    let twice = Head::new().add("Sec-WebSocket-Version", "13");
    cases.push(opening(D, "6455-11.3.5-01", "two lines of 13", twice, answer.clone()));
    let both = Head::new().add("Sec-WebSocket-Version", "8");
    cases.push(opening(D, "6455-11.3.5-01", "13 and 8 on two lines", both, answer));
    for line in [
        "Sec-WebSocket-Version:13",
        "Sec-WebSocket-Version:\t13\t",
        "SEC-WEBSOCKET-VERSION:   13  ",
    ] {
        let head = Head::new().without("Sec-WebSocket-Version").raw(line);
        cases.push(accepted("6455-4.2.1-35", format!("{line:?}"), head));
    }
    cases.push(Case::on(D, "6455-4.4-02", "a refused version may be followed by 13", |server| {
        let mut client = Client::connect(server.address())?;
        client.send(&Head::new().set("Sec-WebSocket-Version", "25").bytes())?;
        let response = client.response(PROMPT)?;
        response.refuses(&[426], true).map_err(|why| client.report("426", &why))?;
        Client::open(server.address())?.close_normally()
    }));
}
