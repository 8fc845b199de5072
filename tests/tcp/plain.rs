//! Plain HTTP and WebSockets on one port.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use stickler::http::{Request, Response};
use stickler::{AllowedOrigin, Body, Incoming, Server};

use crate::{REQUEST, Running, close, echo, frame};

fn server() -> Server {
    Server::bind("127.0.0.1:0").unwrap().workers(1)
}

#[test]
fn a_router_of_axum_and_websockets_share_a_port() {
    let router = Router::new()
        .route("/", get("a page"))
        .route("/form", post(async |content: String| format!("you said {content}")))
        .route("/ws", get("not by upgrade"));
    let server = Running::of(server().http_service(router).start(echo).unwrap());
    let ask = |request: &str| {
        let mut client = server.connect();
        client.send(request);
        let head = client.head();
        (head.status(), String::from_utf8(client.rest()).unwrap())
    };
    assert_eq!(ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), (200, "a page".into()));
    assert_eq!(ask("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"), (200, String::new()));
    assert_eq!(ask("DELETE / HTTP/1.1\r\nHost: h\r\n\r\n").0, 405);
    assert_eq!(ask("GET /no HTTP/1.1\r\nHost: h\r\n\r\n").0, 404);
    let form = "POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(ask(form), (200, "you said hello".into()));
    // axum knows the bound of the content by its error.
    let large = format!("{:x}\r\n{}\r\n0\r\n\r\n", 1_048_577, "x".repeat(1_048_577));
    let large =
        format!("POST /form HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{large}");
    assert_eq!(ask(&large).0, 413);

    let mut client = server.connect();
    client.send(REQUEST.replace("GET /", "GET /ws"));
    assert_eq!(client.head().status(), 101);
    client.send(frame(0x81, "hello"));
    assert_eq!(client.frame(), (0x81, b"hello".to_vec()));
    client.send(close(1000, ""));
    assert_eq!(client.close_code(), 1000);
    server.stop();
}

/// What the handler does not take is refused as if there was none: by path, by method, and with content.
#[test]
fn a_handler_for_some_requests_changes_nothing_for_the_others() {
    let takes = |request: &stickler::proto::handshake::Request| {
        request.path() == "/page" && ["GET", "HEAD"].contains(&request.method())
    };
    let policy = || stickler::Policy::default().paths(["/", "/page"]);
    let config = || stickler::Config::default().policy(policy());
    let handler = async |_: Request<Body>| Response::new("a page");
    let some = server().config(config()).http(handler).http_where(takes);
    let some = Running::of(some.start(echo).unwrap());
    let none = Running::of(server().config(config()).start(echo).unwrap());
    let ask = |server: &Running, request: &str| {
        let mut client = server.connect();
        client.send(request);
        let head = client.head();
        (head.status(), String::from_utf8(client.rest()).unwrap())
    };
    let get = "GET /page HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(ask(&some, get), (200, "a page".into()));
    assert_eq!(ask(&some, &get.replace("GET", "HEAD")), (200, String::new()));
    let post = "POST /page HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
    for request in [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n",
        "BREW /page HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST *bad HTTP/1.1\r\nHost: h\r\n\r\n",
        post,
    ] {
        let refused = ask(&none, request);
        assert!(refused.0 >= 400, "{request}: {refused:?}");
        assert_eq!(ask(&some, request), refused, "{request}");
    }
    some.stop();
    none.stop();
}

#[test]
fn s6455_10_2_one_path_is_for_fewer_origins_than_the_policy_has() {
    let by_path = async |incoming: Incoming| {
        let rejection = incoming.check_origin(&[AllowedOrigin::SameHost]).err();
        if let Some(rejection) = rejection.filter(|_| incoming.path() == "/private") {
            let response = Response::builder().status(rejection.status());
            return Ok(incoming.reject(response.body(rejection.to_string())?)?);
        }
        echo(incoming).await
    };
    let policy = stickler::Policy::default().origins([AllowedOrigin::Any]);
    let server = server().config(stickler::Config::default().policy(policy));
    let server = Running::of(server.start(by_path).unwrap());
    let open = |path: &str, field: &str| {
        let mut client = server.connect();
        let request = REQUEST.replace("GET /", &format!("GET {path}"));
        client.send(request.replace("\r\n\r\n", &format!("\r\n{field}\r\n")));
        client.head().status()
    };
    let host = REQUEST.split("Host: ").nth(1).unwrap().split('\r').next().unwrap();
    let own = format!("Origin: http://{host}\r\n");
    for (path, field, status) in [
        ("/private", own.as_str(), 101),
        ("/private", "", 101),
        ("/private", "Origin: https://evil.example\r\n", 403),
        ("/private", "Origin: null\r\n", 403),
        ("/private", "Origin: no origin\r\n", 400),
        ("/", "Origin: https://evil.example\r\n", 101),
    ] {
        assert_eq!(open(path, field), status, "{path} {field}");
    }
    server.stop();
}

/// The answer is not lost by a reset, although the client goes on sending.
#[test]
fn an_answer_before_the_content_arrives_whole() {
    let handler = async |request: Request<Body>| {
        assert!(request.extensions().get::<std::net::SocketAddr>().is_some());
        Response::new(vec![b'x'; 300_000])
    };
    let server = Running::of(server().http(handler).start(echo).unwrap());
    for lines in ["Content-Length: 1000000", "Content-Length: 9000000"] {
        let mut client = server.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n"));
        client.send(vec![b'y'; 500_000]);
        let head = client.head();
        let body = client.rest();
        match head.status() {
            200 => assert_eq!(body.len(), 300_000),
            status => assert_eq!((status, lines), (413, "Content-Length: 9000000")),
        }
    }
    server.stop();
}

#[test]
fn a_shutdown_waits_for_the_answer_until_its_deadline() {
    let (ask, asked) = std::sync::mpsc::channel();
    let handler = move |_| {
        let ask = ask.clone();
        async move {
            let (go, gone) = tokio::sync::oneshot::channel();
            ask.send(go).unwrap();
            gone.await.map(|()| Response::new("late"))
        }
    };
    let server = Running::of(server().http(handler).start(echo).unwrap());
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let go = asked.recv().unwrap();
    server.handle.shutdown(Duration::from_secs(20));
    go.send(()).unwrap();
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.rest(), b"late");
    drop(client);
    server.wait();
}
