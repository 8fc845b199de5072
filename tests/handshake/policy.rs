//! What the server serves and to whom (RFC 6455 §4.2.2, §10.2, RFC 6454, RFC 9110 §7.4).

use super::*;
use Rejection::*;

pub(crate) fn rows() -> Vec<Row> {
    [authorities(), paths(), origins(), subprotocols()].concat()
}

/// A row under a policy that is changed from asking for nothing.
fn under(
    id: &'static str,
    request: impl Into<Vec<u8>>,
    expect: Expect,
    change: impl FnOnce(&mut Policy),
) -> Row {
    let mut row = row(id, request, expect);
    change(&mut row.policy);
    row
}

fn authorities() -> Vec<Row> {
    let mut rows = vec![
        under("9110-7.4-01", target("https://h/"), refused(421, SchemeNotSecured), |_| ()),
        under(
            "9110-7.4-01",
            "GET https://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
            refused(421, SchemeNotSecured),
            |_| (),
        ),
        under("9110-7.4-01", target("https://h/"), OPEN, |policy| policy.secure = true),
        under("9110-7.4-01", target("https://h/"), OPEN, |policy| policy.trusted_proxy = true),
        // A plain request is checked too.
        under(
            "6455-4.2.1-14",
            "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            refused(421, AuthorityNotServed),
            |policy| {
                policy.own_hosts = vec!["example.com".parse().unwrap()];
            },
        ),
    ];
    let own = |id: &'static str, own: &str, request: String, secure: bool, expect: Expect| {
        under(id, request, expect, |policy| {
            policy.own_hosts = vec!["other.example:7".parse().unwrap(), own.parse().unwrap()];
            policy.secure = secure;
        })
    };
    let host = |host: &str| replace("Host", &format!("Host: {host}"));
    for (served, request, secure) in [
        ("example.com", host("example.com"), false),
        ("example.com", host("EXAMPLE.COM:80"), false),
        ("example.com:80", host("example.com"), false),
        ("example.com:80", host("example.com:"), false),
        ("example.com:443", host("example.com"), true),
        ("example.com", host("example.com:443"), true),
        ("example.com:9001", host("example.com:9001"), false),
        ("[::1]:9001", host("[0:0::1]:9001"), false),
        ("example.com", target("http://example.com/chat"), false),
        ("example.com:443", target("https://example.com/chat"), true),
    ] {
        rows.push(own("6455-3-03", served, request, secure, OPEN));
    }
    for (served, request, secure) in [
        ("example.com", host("evil.example"), false),
        ("example.com", host("example.com.evil.net"), false),
        ("example.com", host("example.com:9001"), false),
        ("example.com", host("example.com:443"), false),
        ("example.com:9001", host("example.com"), false),
        ("example.com:80", host("example.com"), true),
        ("server.example.com", target("http://evil.example/chat"), false),
    ] {
        let refused = refused(421, AuthorityNotServed);
        rows.push(own("6455-4.2.1-14", served, request.clone(), secure, refused.clone()));
        rows.push(own("9110-15.5.20-01", served, request, secure, refused));
    }
    for expect in ["example.com:80", "example.com:443"] {
        rows.push(under("6455-4.2-01", host("example.com"), OPEN, |policy| {
            policy.own_hosts = vec![expect.parse().unwrap()];
            policy.trusted_proxy = true;
        }));
    }
    rows
}

fn paths() -> Vec<Row> {
    let serves = |policy: &mut Policy| policy.paths = Some(vec!["/".into(), "/chat".into()]);
    let mut rows = Vec::new();
    for sound in ["/", "/chat", "/chat?x=/nope", "http://h/chat", "http://h", "http://h?x"] {
        rows.push(under("6455-4.2.2-09", target(sound), OPEN, serves));
    }
    for unknown in [
        "/nope",
        "/chat/",
        "/Chat",
        "/ch%61t",
        "//chat",
        "/chat/../chat",
        "/.well-known/foo",
        "/..%2f",
        "/%00",
    ] {
        rows.push(under("6455-4.2.2-09", target(unknown), refused(404, ResourceUnknown), serves));
        let plain = format!("GET {unknown} HTTP/1.1\r\nHost: h\r\n\r\n");
        rows.push(under("6455-4.2.2-09", plain, refused(404, ResourceUnknown), serves));
    }
    let below = |policy: &mut Policy| {
        policy.paths = Some(vec!["/chat".into()]);
        policy.prefixes = vec!["/rooms/".into()];
    };
    for sound in ["/rooms/", "/rooms/a", "/rooms/a/b?x", "/rooms/../a", "/chat"] {
        rows.push(under("6455-4.2.2-09", target(sound), OPEN, below));
    }
    for unknown in ["/", "/rooms", "/rooms%2fa", "/Rooms/a", "/a/rooms/", "/chat/"] {
        rows.push(under("6455-4.2.2-09", target(unknown), refused(404, ResourceUnknown), below));
    }
    let plain = "GET /chat HTTP/1.1\r\nHost: h\r\n\r\n";
    rows.push(under(
        "6455-4.2.1-15",
        plain,
        Expect::Refused(426, UpgradeRequired, UPGRADE_FIELDS),
        serves,
    ));
    rows
}

fn origins() -> Vec<Row> {
    let listed =
        |policy: &mut Policy| policy.origins = vec!["https://example.com:443".parse().unwrap()];
    let origin = |value: &str| with(&format!("Origin: {value}"));
    let mut rows = vec![
        under("6455-4.2.1-36", HANDSHAKE, OPEN, listed),
        under("6454-8-01", HANDSHAKE, refused(403, OriginMissing), |policy| {
            policy.require_origin = true
        }),
        under(
            "6454-7.3-01",
            with("Origin: https://example.com\r\nOrigin: https://example.com"),
            refused(400, OriginRepeated),
            listed,
        ),
        under("6454-7.3-01", with("Origin: a\r\nOrigin: b"), refused(400, OriginRepeated), |_| ()),
        // Without a list nothing is read into it.
        under("6454-7.1-01", origin("anything goes"), OPEN, |_| ()),
        // An origin that is welcome excuses nothing.
        under(
            "6455-10.1-01",
            origin("https://example.com").replace("ZQ==", "ZR=="),
            refused(400, KeyPadBits),
            listed,
        ),
        under("6454-6-01", origin("null"), OPEN, |policy| {
            policy.origins = vec!["null".parse().unwrap()]
        }),
        under("6454-6-01", origin("file://"), OPEN, |policy| {
            policy.origins = vec!["file://".parse().unwrap()]
        }),
        under("6455-10.2-01", origin("http://server.example.com"), OPEN, |policy| {
            policy.origins = Policy::default().origins
        }),
        under(
            "6455-10.2-01",
            origin("http://evil.example"),
            refused(403, OriginRefused),
            |policy| {
                policy.origins = Policy::default().origins;
            },
        ),
    ];
    for (id, value) in [
        ("6454-6-02", "https://example.com"),
        ("6455-4.2.2-06", "HTTPS://Example.COM"),
        ("6454-6-02", "https://example.com:443"),
        ("6454-7.1-01", "https://example.com https://EXAMPLE.com"),
    ] {
        rows.push(under(id, origin(value), OPEN, listed));
    }
    for (id, value) in [
        ("6455-4.2.2-05", "http://evil.example"),
        ("6454-5-01", "http://example.com"),
        ("6454-5-01", "https://example.com.evil.net"),
        ("6454-5-01", "https://evilexample.com"),
        ("6454-7.1-01", "https://example.com https://b.example"),
    ] {
        rows.push(under(id, origin(value), refused(403, OriginRefused), listed));
    }
    for (id, value, why) in [
        ("6455-10.2-02", "null", OriginWithoutHost),
        ("6454-6-01", "file://", OriginWithoutHost),
        ("6454-5-01", "https://example.com:8443", OriginPortNotListed),
    ] {
        rows.push(under(id, origin(value), refused(403, why), listed));
    }
    // A proxy that passes the host on without its port.
    rows.push(under(
        "6455-10.2-01",
        origin("http://server.example.com:8080"),
        refused(403, OriginPortNotOfHost),
        |policy| policy.origins = Policy::default().origins,
    ));
    for value in [
        "",
        "example.com",
        "https://a.example/x",
        "https://example.com/",
        "https://u@example.com",
        "https://example.com,null",
    ] {
        rows.push(under("6454-7.1-01", origin(value), refused(400, OriginMalformed), listed));
    }
    rows
}

fn subprotocols() -> Vec<Row> {
    let speaks = |names: &[&str], require: bool| {
        let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
        move |policy: &mut Policy| {
            policy.subprotocols = names;
            policy.require_subprotocol = require;
        }
    };
    let offer = |value: &str| with(&format!("Sec-WebSocket-Protocol: {value}"));
    let lines = with("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: superchat");
    const SUPERCHAT: Expect = Expect::Open(&["Sec-WebSocket-Protocol: superchat"]);
    vec![
        under("6455-4.2.2-10", offer("chat, superchat"), SUPERCHAT, speaks(&["superchat"], true)),
        under("6455-11.3.4-01", lines, SUPERCHAT, speaks(&["superchat"], false)),
        under(
            "6455-4.2.2-14",
            offer("superchat, chat"),
            SUPERCHAT,
            speaks(&["chat", "superchat"], false),
        ),
        under(
            "6455-4.2.2-15",
            offer("b, a"),
            Expect::Open(&["Sec-WebSocket-Protocol: b"]),
            speaks(&["a", "b"], false),
        ),
        under(
            "6455-4.2.2-15",
            offer("b, a"),
            Expect::Open(&["Sec-WebSocket-Protocol: b"]),
            |policy: &mut Policy| policy.any_subprotocol = true,
        ),
        under("6455-4.2.2-11", HANDSHAKE, OPEN, |policy: &mut Policy| {
            policy.any_subprotocol = true
        }),
        under("6455-4.2.2-11", offer("foo"), OPEN, speaks(&["chat"], false)),
        under(
            "6455-4.2.2-11",
            offer("foo"),
            refused(400, SubprotocolRequired),
            speaks(&["chat"], true),
        ),
        under(
            "6455-4.2.2-11",
            HANDSHAKE,
            refused(400, SubprotocolRequired),
            speaks(&["chat"], true),
        ),
        under("6455-4.2.2-12", HANDSHAKE, OPEN, speaks(&["chat"], false)),
        under("6455-4.2.2-16", offer("CHAT"), OPEN, speaks(&["chat"], false)),
        under("7936-2-01", offer("MQTT"), OPEN, speaks(&["mqtt"], false)),
    ]
}

#[test]
fn s6455_4_2_2_what_is_served_and_to_whom() {
    run(&rows());
}

#[test]
fn s6455_4_2_2_an_empty_subprotocol_cannot_be_configured() {
    claims!("6455-4.2.2-13");
    for name in ["", "a b", "a,b", "\"a\"", "caf\u{e9}", "a\r\n"] {
        assert!(name.parse::<stickler::proto::handshake::Subprotocol>().is_err(), "{name:?}");
    }
}

#[test]
fn s6455_4_2_2_the_application_chooses_among_the_offered_subprotocols() {
    claims!("6455-4.2.2-10");
    let request = with("Sec-WebSocket-Protocol: a, b");
    let request = Request::parse(request.as_bytes(), &HeadLimits::default()).unwrap();
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["a", "b"]);
    let Verdict::WebSocket(mut offer) = judge(&request, &Policy::default()).unwrap() else {
        panic!("plain")
    };
    assert_eq!(offer.subprotocol, None);
    assert!(offer.choose_subprotocol(&request, "b").is_ok());
    for name in ["c", "B", "", "a, b"] {
        assert!(offer.choose_subprotocol(&request, name).is_err());
    }
    assert_eq!(offer.subprotocol.as_deref(), Some("b"));
}
