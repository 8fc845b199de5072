//! Health checks of load balancers on the listener itself: `Config::health_path`.

use std::time::Duration;

use stickler::{Config, Ending, Endpoint, Initiator, Policy};

use crate::logs::listen;
use crate::support::{REQUEST, connect, echo, open_on, settle};

fn endpoint(policy: Policy) -> Endpoint {
    Endpoint::new(Config::default().policy(policy).health_path(Some("/healthz".into())))
}

/// The head and the content of the answer to this request, how the connection ended, and what was logged at
/// info or above.
async fn ask(endpoint: &Endpoint, request: &str) -> (String, String, Ending, Vec<String>) {
    let (lines, _listening) = listen(|| {});
    let (peer, serving) = connect(endpoint, echo);
    peer.send(request);
    let head = peer.head().await;
    let body = String::from_utf8(peer.rest().await).unwrap();
    peer.end();
    let ending = serving.await.unwrap();
    let loud = lines.all().into_iter().filter(|line| !line.starts_with("DEBUG")).collect();
    (head, body, ending, loud)
}

#[tokio::test(start_paused = true)]
async fn get_and_head_are_answered_and_nothing_of_it_is_logged() {
    let strict = Policy::default().paths(["/"]).own_hosts(["chat.example".parse().unwrap()]);
    let endpoint = endpoint(strict);
    let line = "Host: 10.0.0.7:9001";
    // RFC 9112 §3.2.2: an absolute-form is taken for the path that it has.
    for target in ["/healthz", "/healthz?x=1", "http://10.0.0.7/healthz"] {
        for (method, content) in [("GET", "ok\n"), ("HEAD", "")] {
            let request = format!("{method} {target} HTTP/1.1\r\n{line}\r\n\r\n");
            let (head, body, ending, loud) = ask(&endpoint, &request).await;
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{request}: {head}");
            for field in ["Cache-Control: no-store", "Content-Length: 3", "Connection: close"] {
                assert!(head.contains(&format!("\r\n{field}\r\n")), "{field} in {head}");
            }
            assert_eq!(body, content, "{request}");
            assert_eq!((ending.answered, ending.refused), (Some(200), None));
            assert_eq!(ending.initiator, Initiator::Application);
            assert!(loud.is_empty(), "{loud:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn everything_else_on_the_path_is_refused_and_every_other_path_is_as_it_was() {
    let strict = Policy::default().paths(["/room"]).own_hosts(["test".parse().unwrap()]);
    let anywhere = Policy::default();
    let plain = |line: &str| format!("{line} HTTP/1.1\r\nHost: test\r\n\r\n");
    let handshake = REQUEST.replace("/room", "/healthz");
    let rows = [
        (plain("POST /healthz"), "405", "Allow: GET, HEAD"),
        (plain("DELETE /healthz"), "405", "Allow: GET, HEAD"),
        (plain("BREW /healthz"), "501", ""),
        (plain("GET https://test/healthz"), "421", ""),
        (plain("GET /healthz").replace("Host: test", "Host: a b"), "400", ""),
        (plain("GET /healthz").replace("Host: test", "Host: test\r\nUpgrade: ;"), "400", ""),
        (handshake.clone(), "404", ""),
        (handshake.replace("Version: 13", "Version: 8"), "426", ""),
        (plain("POST /room"), "405", "Allow: GET"),
        (plain("HEAD /room"), "405", "Allow: GET"),
        (plain("POST /healthz/"), "405", "Allow: GET"),
        (plain("GET /room"), "426", ""),
        (REQUEST.into(), "101", ""),
    ];
    for policy in [strict, anywhere] {
        let endpoint = endpoint(policy);
        for (request, status, field) in &rows {
            let (peer, _serving) = connect(&endpoint, echo);
            peer.send(request);
            let head = peer.head().await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
            let field = if field.is_empty() { "\r\n" } else { &format!("\r\n{field}\r\n") };
            assert!(head.contains(field), "{field} in {head}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_answered_on_a_path_that_was_not_set() {
    let endpoint = Endpoint::new(Config::default().policy(Policy::default().paths(["/"])));
    for (method, status) in [("GET", "404"), ("HEAD", "405")] {
        let request = format!("{method} /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
        let (head, ..) = ask(&endpoint, &request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

/// Connections that are open have their time to end, and whoever connects meanwhile is told to go elsewhere.
#[tokio::test(start_paused = true)]
async fn s9110_15_6_4_a_server_that_drains_says_503() {
    let endpoint = endpoint(Policy::default());
    let (early, waiting) = connect(&endpoint, echo);
    settle().await;
    let (open, serving, _) = open_on(&endpoint, REQUEST, async |incoming| {
        incoming.accept()?.closed().await;
        Ok(())
    })
    .await;
    endpoint.shutdown();
    tokio::time::advance(Duration::from_millis(100)).await;
    for (method, content) in [("GET", "shutting down\n"), ("HEAD", "")] {
        let request = format!("{method} /healthz HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n");
        let (head, body, ending, loud) = ask(&endpoint, &request).await;
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        for field in ["Cache-Control: no-store", "Content-Length: 14", "Retry-After: 1"] {
            assert!(head.contains(&format!("\r\n{field}\r\n")), "{field} in {head}");
        }
        assert_eq!((&*body, ending.answered), (content, Some(503)));
        assert!(loud.is_empty(), "{loud:?}");
    }
    // One that had connected before, and said nothing yet.
    early.send("GET /healthz HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n");
    assert!(early.head().await.starts_with("HTTP/1.1 503 "));
    early.end();
    open.end();
    waiting.await.unwrap();
    serving.await.unwrap();
}
