//! The opening handshake where it depends on what this server serves: its paths (RFC 6455 §4.2.1,
//! §4.2.2).

use crate::case::{Case, Profile, run};
use crate::client::{Client, PROMPT};
use crate::http::Head;
use crate::opening::{accepted, refused};

const D: Profile = crate::case::DEFAULT;

#[test]
fn opening_handshake_target() {
    let mut cases = vec![
        refused(
            "6455-4.2.1-08",
            "the HTTP/2 preface without an HTTP/2 engine",
            &[505],
            Head::new().line("PRI * HTTP/2.0").without("Host").without("Upgrade"),
        ),
        accepted("6455-4.2.1-11", "the second default path", Head::new().target("/echo")),
        accepted(
            "6455-4.2.1-11",
            "the second path with a query",
            Head::new().target("/echo?a=b&c"),
        ),
        refused("6455-3-01", "a fragment in the target", &[400], Head::new().target("/echo#frag")),
    ];
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
        "/a|b^c`d{e}[f]",
    ] {
        let rule = format!("{path} is not served");
        cases.push(refused("6455-4.2.2-09", rule, &[404], Head::new().target(path)));
    }
    let well_known = Head::new().target("/.well-known/foo");
    cases.push(refused("8307-1-01", "/.well-known/foo is not served", &[404], well_known));
    let opaque = Head::new().target("/?%ff").add("Cookie", "\u{e9}");
    cases.push(accepted("6455-8.1-05", "only messages have to be UTF-8", opaque));
    let plain = Head::new()
        .without("Upgrade")
        .without("Connection")
        .without("Sec-WebSocket-Key")
        .without("Sec-WebSocket-Version");
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
    cases.push(Case::on(D, "6455-4.4-02", "a refused version may be followed by 13", |server| {
        let mut client = Client::connect(server.address())?;
        client.send(&Head::new().set("Sec-WebSocket-Version", "25").bytes())?;
        let response = client.response(PROMPT)?;
        response.refuses(&[426], true).map_err(|why| client.report("426", &why))?;
        Client::open(server.address())?.close_normally()
    }));
    run("opening_handshake_target", cases);
}
