//! `Strict-Transport-Security` on answers over TLS (RFC 6797 §7): `Config::hsts`.

use std::time::Duration;

use stickler::http::Response;
use stickler::{Config, Endpoint, Incoming, Policy};

use crate::support::{REQUEST, connect, echo, settle};

const FIELD: &str = "\r\nStrict-Transport-Security: ";

/// A transport that the application has secured by TLS, and one that it has not.
fn config(is_secure: bool) -> Config {
    Config::default()
        .policy(Policy::default().paths(["/room"]).secure(is_secure))
        .health_path(Some("/healthz".into()))
        .hsts(Duration::from_millis(86_400_999))
}

/// The head of the answer.
async fn ask(endpoint: &Endpoint, request: &str) -> String {
    let (peer, _serving) = connect(endpoint, echo);
    peer.send(request);
    peer.head().await
}

fn plain(line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: test\r\n\r\n")
}

#[tokio::test(start_paused = true)]
async fn s6797_7_1_every_answer_over_tls_has_it_save_the_101() {
    let requests = [
        (plain("GET /room"), "426"),
        (plain("POST /room"), "405"),
        (plain("GET /nowhere"), "404"),
        (plain("GET /healthz"), "200"),
        (plain("HEAD /healthz"), "200"),
        (REQUEST.replace("/room", "/nowhere"), "404"),
        (REQUEST.replace("Version: 13", "Version: 8"), "426"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (REQUEST.to_owned(), "101"),
    ];
    let secure = Endpoint::new(config(true));
    let untold = Endpoint::new(config(true).hsts(None));
    let in_clear = Endpoint::new(config(false));
    for (request, status) in requests {
        let head = ask(&secure, &request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
        let times = head.matches(&format!("{FIELD}max-age=86400\r\n")).count();
        assert_eq!(times, usize::from(status != "101"), "{head}");
        // RFC 6797 §7.2: never over a transport that is not secured.
        for endpoint in [&untold, &in_clear] {
            let head = ask(endpoint, &request).await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
            assert!(!head.contains(FIELD), "{head}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s6797_7_1_refusals_that_no_request_causes_have_it_too() {
    let endpoint = Endpoint::new(config(true));
    let (slow, _serving) = connect(&endpoint, echo);
    slow.send("GET /room HTTP/1.1\r\n");
    settle().await;
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_answer(&slow.head().await, "408");

    let undecided = async |_: Incoming| std::future::pending::<stickler::Result<()>>().await;
    let (waiting, _serving) = connect(&endpoint, undecided);
    waiting.send(REQUEST);
    settle().await;
    let (unanswered, _serving) = connect(&endpoint, async |_| Ok(()));
    unanswered.send(REQUEST);
    assert_answer(&unanswered.head().await, "500");
    endpoint.shutdown();
    assert_answer(&waiting.head().await, "503");
}

fn assert_answer(head: &str, status: &str) {
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    assert!(head.contains(&format!("{FIELD}max-age=86400\r\n")), "{head}");
}

#[tokio::test(start_paused = true)]
async fn s6797_7_1_an_answer_of_the_application_has_it_once() {
    let endpoint = Endpoint::new(config(true));
    for (own, value) in
        [(None, "max-age=86400"), (Some("max-age=5; preload"), "max-age=5; preload")]
    {
        let (peer, _serving) = connect(&endpoint, async move |incoming| {
            let response = Response::builder().status(403);
            let response = match own {
                Some(own) => response.header("strict-transport-security", own),
                None => response,
            };
            Ok(incoming.reject(response.body("no").unwrap())?)
        });
        peer.send(REQUEST);
        let head = peer.head().await;
        assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
        assert!(head.contains(&format!("{FIELD}{value}\r\n")), "{head}");
        assert_eq!(head.matches(FIELD).count(), 1, "{head}");
    }
}

#[cfg(feature = "http")]
#[tokio::test(start_paused = true)]
async fn s6797_7_1_an_answer_to_a_plain_request_has_it_once() {
    let page = async |request: stickler::http::Request<stickler::Body>| {
        let response = Response::builder();
        match request.uri().path() {
            "/own" => response.header("Strict-Transport-Security", "max-age=5").body("own"),
            "/fails" => response.status(101).body("no final status"),
            _ => response.body("page"),
        }
    };
    for is_secure in [true, false] {
        let endpoint = Endpoint::with_http(config(is_secure), page);
        for (path, age) in [("/", 86_400), ("/own", 5), ("/fails", 86_400)] {
            let head = ask(&endpoint, &plain(&format!("GET {path}"))).await;
            let wanted = format!("{FIELD}max-age={age}\r\n");
            // What the application says itself is its own affair.
            let times = usize::from(is_secure || path == "/own");
            assert_eq!(head.matches(FIELD).count(), times, "{head}");
            assert_eq!(head.matches(&wanted).count(), times, "{head}");
        }
    }
}
