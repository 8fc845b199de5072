//! What a handler asks of an opening handshake: the types of the crate `http`, cookies, the bearer token, the
//! query.

use stickler::http::{Method, Version};
use stickler::{Config, Endpoint, Incoming};

use crate::support::{REQUEST, connect};

/// What `ask` says of a request with these lines.
async fn asked<R: Send + 'static>(
    target: &str,
    lines: &str,
    ask: impl FnOnce(&Incoming) -> R + Send + 'static,
) -> R {
    let (tell, told) = tokio::sync::oneshot::channel();
    let (peer, serving) = connect(&Endpoint::new(Config::default()), async move |incoming| {
        assert!(tell.send(ask(&incoming)).is_ok());
        Ok(())
    });
    let (_, rest) = REQUEST.split_once("\r\n").unwrap();
    peer.send(format!("GET {target} HTTP/1.1\r\n{lines}{rest}"));
    let told = told.await.expect("a handshake without a fault");
    peer.end();
    serving.await.unwrap();
    told
}

#[tokio::test(start_paused = true)]
async fn the_request_is_seen_in_the_types_of_the_ecosystem_and_as_it_came() {
    let lines = "X-One: a\r\nx-ONE: \u{e9}\r\nAccept: text/html\r\n";
    asked("http://test/a%20b?c=d", lines, |incoming| {
        let parts = incoming.request();
        assert_eq!((&parts.method, parts.version), (&Method::GET, Version::HTTP_11));
        assert_eq!(incoming.uri().path(), "/a%20b");
        assert_eq!((incoming.uri().query(), incoming.path()), (Some("c=d"), "/a%20b"));
        let ones: Vec<_> = incoming.headers().get_all("x-one").iter().collect();
        assert_eq!(ones, ["a".as_bytes(), "\u{e9}".as_bytes()]);
        assert_eq!(incoming.headers()["accept"], "text/html");
        // The strict view has their order, and the spelling of the names.
        let names: Vec<_> = incoming.head().fields().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names[..3], ["X-One", "x-ONE", "Accept"]);
        assert_eq!(incoming.headers().len(), names.len());
        // It is made once.
        assert!(std::ptr::eq(parts, incoming.request()));
    })
    .await;
}

/// Whatever octet the strict head lets pass in a target or a value, the crate `http` takes too.
#[tokio::test(start_paused = true)]
async fn no_octet_is_lost_between_the_two_views() {
    let octets: String = (0x21..0x7f_u8)
        .map(char::from)
        .filter(|octet| octet.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/".contains(*octet))
        .collect();
    let target = format!("/{octets}%00%ff?{octets}?/%00");
    let value: String = (0x21..0x7f_u8).map(char::from).collect();
    let lines = format!("X: {value}\t {value}\u{ff}\r\n");
    let sent = target.clone();
    asked(&sent, &lines, move |incoming| {
        assert_eq!(incoming.uri().to_string(), target);
        assert_eq!(incoming.headers()["x"].as_bytes(), incoming.head().field("x").unwrap());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn s6265_4_2_cookies_are_found_by_name() {
    let cases = [
        ("Cookie: a=b\r\n", Some("b")),
        ("Cookie: x=1; a=b; a=c\r\n", Some("b")),
        ("Cookie: x=1\r\nCookie: a=b=c\r\n", Some("b=c")),
        ("Cookie: a=\"b c\"\r\n", Some("b c")),
        ("Cookie: a=\"\r\n", Some("\"")),
        ("Cookie: a=\r\n", Some("")),
        ("Cookie: x=1;a=b;\r\n", Some("b")),
        ("Cookie: A=b; aa=c; a\r\n", None),
        ("Cookie: x=\"; a=b\"\r\n", Some("b\"")),
        ("Set-Cookie: a=b\r\n", None),
        ("", None),
    ];
    for (lines, value) in cases {
        let cookie = asked("/", lines, |incoming| incoming.cookie("a").map(str::to_owned)).await;
        assert_eq!(cookie.as_deref(), value, "{lines}");
    }
}

#[tokio::test(start_paused = true)]
async fn s6750_2_1_the_bearer_token() {
    let cases = [
        ("Authorization: Bearer abc.D-E_f~1+2/3==\r\n", Some("abc.D-E_f~1+2/3==")),
        ("authorization: bEARER   x\r\n", Some("x")),
        ("Authorization: Bearer\r\n", None),
        // RFC 9110 §11.4: the scheme ends at a space; no tab, no comma.
        ("Authorization: Bearer\ta\r\n", None),
        ("Authorization: Bearer \ta\r\n", None),
        ("Authorization: Bearer a, Bearer b\r\n", None),
        ("Authorization: Bearer, a\r\n", None),
        ("Authorization: Bearer token=a\r\n", None),
        ("Authorization: Bearer a \t\r\n", Some("a")),
        ("Authorization: Bearer \r\nX: a\r\n", None),
        ("Authorization: Bearer a b\r\n", None),
        ("Authorization: Bearer ==\r\n", None),
        ("Authorization: Bearer a=b\r\n", None),
        ("Authorization: Basic abc\r\n", None),
        ("Authorization: Bearer a\r\nAuthorization: Bearer a\r\n", None),
        ("", None),
    ];
    for (lines, token) in cases {
        let bearer = asked("/", lines, |incoming| incoming.bearer().map(str::to_owned)).await;
        assert_eq!(bearer.as_deref(), token, "{lines}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_query_is_decoded() {
    asked("/?a=1&b=x+y%26%c3%a9&a=2&c", "", |incoming| {
        let pairs: Vec<_> = incoming.query().collect();
        let all = [("a", "1"), ("b", "x y&\u{e9}"), ("a", "2"), ("c", "")];
        assert_eq!(pairs, all.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(incoming.query_value("a").as_deref(), Some("1"));
        assert_eq!(incoming.query_value("d"), None);
    })
    .await;
    assert_eq!(asked("/", "", |incoming| incoming.query().count()).await, 0);
}

#[tokio::test(start_paused = true)]
async fn debug_shows_no_credentials() {
    let lines = "Cookie: secret\r\nAuthorization: Bearer secret\r\n";
    let shown = asked("/room", lines, |incoming| {
        incoming.request();
        format!("{incoming:?} {:?}", incoming.head())
    })
    .await;
    assert!(shown.contains("/room") && !shown.contains("secret"), "{shown}");
}
