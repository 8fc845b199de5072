//! Requests that ask for no WebSocket, answered by the application (RFC 9110, RFC 9112).

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use stickler::http::{Method, Request, Response, header};
use stickler::{Answer, Body, BodyError, Config, Ending, Endpoint, Rejection};
use stickler::{Initiator, TimeoutKind};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::claims::claims;
use crate::logs::listen;
use crate::support::{Peer, REQUEST, close, connect, echo, settle};

fn serve<H, F>(handler: H) -> (Peer, JoinHandle<Ending>)
where
    H: Fn(Request<Body>) -> F + Send + Sync + 'static,
    F: Future<Output: Answer> + Send + 'static,
{
    let mut config = Config::default();
    config.limits.max_body_size = 1000;
    connect(&Endpoint::with_http(config, handler), echo)
}

/// Answers every request with its content.
async fn mirror(request: Request<Body>) -> Result<Response<Bytes>, BodyError> {
    Ok(Response::new(request.into_body().bytes().await?))
}

/// The status and the content of the answer, and how the connection ended.
async fn finish(peer: &Peer, serving: JoinHandle<Ending>) -> (String, Vec<u8>, Ending) {
    let head = peer.head().await;
    let body = peer.rest().await;
    peer.end();
    (head, body, serving.await.unwrap())
}

fn post(lines: &str, content: &str) -> String {
    format!("POST /form HTTP/1.1\r\nHost: test\r\n{lines}\r\n\r\n{content}")
}

async fn login(request: Request<Body>) -> stickler::Result<Response<Body>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/login") => Ok(Response::new("<form method=post>".into())),
        (&Method::POST, "/login") => {
            let form = request.into_body().form().await?;
            assert_eq!(form, [("name", "Ali Baba"), ("word", "open&sesame")].map(owned));
            let answer = Response::builder().status(303).header(header::LOCATION, "/");
            Ok(answer.header(header::SET_COOKIE, "a=b").body(Body::empty())?)
        }
        _ => Ok(Response::builder().status(404).body("nothing".into())?),
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.into(), value.into())
}

#[tokio::test(start_paused = true)]
async fn a_login_form_is_shown_and_its_content_is_read() {
    let (peer, serving) = serve(login);
    peer.send("GET /login HTTP/1.1\r\nHost: test\r\n\r\n");
    let (head, body, ending) = finish(&peer, serving).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    for line in ["Connection: close", "Content-Length: 18"] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
    }
    assert!(head.contains("\r\nDate: "), "{head}");
    assert_eq!(body, b"<form method=post>");
    assert_eq!((ending.answered, ending.refused), (Some(200), None));
    assert_eq!(ending.initiator, Initiator::Application);

    let content = "name=Ali+Baba&word=open%26sesame";
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n{content}",
        content.len()
    );
    // However it is cut.
    for cut in 0..request.len() {
        let (peer, serving) = serve(login);
        peer.send(&request[..cut]);
        settle().await;
        peer.send(&request[cut..]);
        let (head, body, ending) = finish(&peer, serving).await;
        assert!(head.starts_with("HTTP/1.1 303 See Other\r\n"), "{head}");
        assert!(head.contains("\r\nSet-Cookie: a=b\r\n"), "{head}");
        assert_eq!((body.len(), ending.answered), (0, Some(303)));
    }
}

#[tokio::test(start_paused = true)]
async fn s9110_9_3_2_head_gets_the_head_of_the_answer_alone() {
    let (peer, serving) = serve(async |_| Response::new("hello"));
    peer.send("HEAD /page HTTP/1.1\r\nHost: test\r\n\r\n");
    let (head, body, ending) = finish(&peer, serving).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Length: 5\r\n"), "{head}");
    assert_eq!((body.len(), ending.answered), (0, Some(200)));
    // A refusal of ours as well.
    let (peer, serving) = serve(mirror);
    peer.send("HEAD / HTTP/1.1\r\nHost: test\r\nContent-Length: 1001\r\n\r\n");
    let (head, body, ending) = finish(&peer, serving).await;
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    assert_eq!((body.len(), ending.refused), (0, Some(413)));
}

/// With Content-Length the handler is not asked; without it, it is told.
#[tokio::test(start_paused = true)]
async fn s9110_15_5_14_content_beyond_the_limit_gets_413() {
    let chunked = |len: usize| format!("{len:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(len));
    for (lines, content, fits) in [
        ("Content-Length: 1000", "x".repeat(1000), true),
        ("Content-Length: 0001000", "x".repeat(1000), true),
        ("Content-Length: 1001", String::new(), false),
        ("Content-Length: 99999999999999999999999", String::new(), false),
        ("Transfer-Encoding: chunked", chunked(1000), true),
        ("Transfer-Encoding: chunked", chunked(1001), false),
    ] {
        let (peer, serving) = serve(mirror);
        peer.send(post(lines, &content));
        let (head, body, ending) = finish(&peer, serving).await;
        if fits {
            assert!(head.starts_with("HTTP/1.1 200 "), "{lines}: {head}");
            assert_eq!((body.len(), ending.answered), (1000, Some(200)));
            continue;
        }
        assert!(head.starts_with("HTTP/1.1 413 Content Too Large\r\n"), "{lines}: {head}");
        let sentence = "RFC 9110 15.5.14: the content is larger than is allowed here\n";
        assert_eq!(String::from_utf8(body).unwrap(), sentence);
        assert_eq!((ending.refused, ending.answered), (Some(413), None));
        assert_eq!(ending.rejection, Some(Rejection::ContentTooLarge));
        assert_eq!(ending.initiator, Initiator::Peer);
    }
}

#[tokio::test(start_paused = true)]
async fn s9110_15_5_9_content_that_drips_gets_408_at_the_deadline() {
    let (peer, serving) = serve(mirror);
    peer.send(post("Content-Length: 100", "x"));
    let start = Instant::now();
    for _ in 0..9 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        peer.send("x");
    }
    let (head, _, ending) = finish(&peer, serving).await;
    assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{head}");
    assert!(start.elapsed().abs_diff(Duration::from_secs(10)) < Duration::from_millis(100));
    assert_eq!(ending.rejection, Some(Rejection::ContentTooSlow));
}

/// The deadline is the handshake's, from the end of the head.
#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_content_is_configured() {
    let mut config = Config::default();
    config.timeouts.handshake = Duration::from_secs(2);
    let (peer, serving) = connect(&Endpoint::with_http(config, mirror), echo);
    tokio::time::sleep(Duration::from_secs(1)).await;
    peer.send(post("Content-Length: 100", "x"));
    let start = Instant::now();
    let (head, ..) = finish(&peer, serving).await;
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert!(start.elapsed().abs_diff(Duration::from_secs(2)) < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_streamed_and_may_take_its_time() {
    let (give, given) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let given = Arc::new(std::sync::Mutex::new(Some(given)));
    let (peer, serving) = serve(move |_| {
        let given = given.lock().unwrap().take().unwrap();
        let pieces = stream::unfold(given, async |mut given| Some((given.recv().await?, given)));
        async { Response::new(Body::from_stream(pieces)) }
    });
    peer.send("GET /events HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = peer.head().await;
    assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
    for piece in ["one", "three"] {
        tokio::time::sleep(Duration::from_secs(60)).await;
        give.send(Ok(piece.into())).await.unwrap();
        settle().await;
        let written = String::from_utf8(peer.written()).unwrap();
        assert!(written.ends_with(&format!("{}\r\n{piece}\r\n", piece.len())), "{written}");
    }
    drop(give);
    assert_eq!(peer.rest().await, b"3\r\none\r\n5\r\nthree\r\n0\r\n\r\n");
    peer.end();
    assert_eq!(serving.await.unwrap().answered, Some(200));
}

/// The client can see that it is not whole, and the log says why.
#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_cuts_the_answer_off() {
    let (lines, _listening) = listen(|| {});
    let (peer, serving) = serve(async |_| {
        let pieces = stream::unfold(0, async |at| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let piece = [Ok(Bytes::from("one")), Err("the disk is gone")].into_iter().nth(at)?;
            Some((piece, at + 1))
        });
        Response::new(Body::from_stream(pieces))
    });
    peer.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let (_, body, ending) = finish(&peer, serving).await;
    assert!(!body.ends_with(b"0\r\n\r\n"), "{body:?}");
    assert_eq!((ending.answered, ending.initiator), (Some(200), Initiator::HandlerError));
    assert_eq!(lines.at("ERROR").len(), 1, "{lines:?}");
    assert!(lines.at("ERROR")[0].contains("the disk is gone"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_or_an_error_is_answered_with_500_and_logged_once_with_its_message() {
    async fn broken(request: Request<Body>) -> Result<Response<Body>, String> {
        match request.uri().path() {
            "/panic" => panic!("a broken {}", "oath"),
            "/stream" => {
                let panicking = |()| -> std::future::Ready<Option<(Result<Bytes, String>, ())>> {
                    panic!("a broken oath")
                };
                Ok(Response::new(Body::from_stream(stream::unfold((), panicking))))
            }
            "/stream-error" => {
                let broken = stream::iter([Err::<Bytes, _>("a broken oath")]);
                Ok(Response::new(Body::from_stream(broken)))
            }
            "/status" => Ok(Response::builder().status(101).body(Body::empty()).unwrap()),
            "/field" => {
                let field = Response::builder().header("Sec-WebSocket-Accept", "broken oath");
                Ok(field.body(Body::empty()).unwrap())
            }
            _ => Err("a broken oath".into()),
        }
    }
    let at_once: fn(_) -> std::future::Ready<Response<Body>> = |_| panic!("a broken oath");
    for (path, said) in [
        ("/panic", "a broken oath"),
        ("/error", "a broken oath"),
        // Of these not a byte was written yet.
        ("/stream", "a broken oath"),
        ("/stream-error", "a broken oath"),
        ("/status", "101 Switching Protocols is not the status"),
        ("/field", "sec-websocket-accept is set by the server alone"),
        ("/at-once", "a broken oath"),
    ] {
        let (lines, _listening) = listen(|| {});
        let (peer, serving) = if path == "/at-once" { serve(at_once) } else { serve(broken) };
        peer.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let head = peer.head().await;
        let body = String::from_utf8(peer.rest().await).unwrap();
        peer.end();
        let ending = serving.await.unwrap();
        assert!(head.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{head}");
        assert_eq!(body, "RFC 9110 15.6.1: the server failed to answer\n");
        assert_eq!(ending.rejection, Some(Rejection::HandlerFailed), "{path}");
        let told = lines.at("ERROR");
        assert_eq!(told.len(), 1, "{path}: {lines:?}");
        assert!(told[0].contains(said) && told[0].contains(path), "{path}: {told:?}");
        assert_eq!(lines.at("INFO"), [""; 0], "{path}");
    }
}

/// Two readers that disagree about the end of a message are how a request is smuggled.
#[tokio::test(start_paused = true)]
async fn s9112_6_content_without_one_meaning_never_reaches_the_handler() {
    let calls = Arc::new(AtomicUsize::new(0));
    for (lines, status) in [
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0", 400),
        ("Content-Length: 3\r\nContent-Length: 3", 400),
        ("Content-Length: 3, 3", 400),
        ("Content-Length: +3", 400),
        ("Content-Length: 0x3", 400),
        ("Content-Length: ", 400),
        ("Content-Length : 3", 400),
        ("Transfer-Encoding: chunked, identity", 400),
        ("Transfer-Encoding: chunked, chunked", 400),
        ("Transfer-Encoding: chunked;a=b", 400),
        ("Transfer-Encoding: xchunked", 400),
        ("Transfer-Encoding:\u{b}chunked", 400),
        ("Transfer-Encoding: gzip, chunked", 501),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", 501),
        ("Transfer-Encoding: x, chunked", 501),
        ("X: a\r\n Transfer-Encoding: chunked", 400),
        ("X: a\nTransfer-Encoding: chunked", 400),
        ("Expect: 102-processing", 417),
    ] {
        let counted = calls.clone();
        let (peer, serving) = serve(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Response::new("no") }
        });
        peer.send(post(lines, "3\r\nabc\r\n0\r\n\r\nGET /secret HTTP/1.1\r\nHost: test\r\n\r\n"));
        let (head, _, ending) = finish(&peer, serving).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{lines}: {head}");
        assert_eq!((ending.refused, ending.answered), (Some(status), None), "{lines}");
    }
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

/// There is one request on a connection, whatever stands behind it.
#[tokio::test(start_paused = true)]
async fn s9112_9_3_2_a_second_request_is_not_read() {
    for content in ["abc", "abcGET /secret HTTP/1.1\r\nHost: test\r\n\r\n"] {
        let (peer, serving) = serve(mirror);
        peer.send(post("Content-Length: 3", content));
        let (head, body, _) = finish(&peer, serving).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert_eq!(body, b"abc");
    }
}

#[tokio::test(start_paused = true)]
async fn s9112_7_1_malformed_chunks_get_400() {
    for content in [
        "3 \nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "g\r\nabc\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nabc",
        "3\r\nabc\n0\r\n\r\n",
    ] {
        let (peer, serving) = serve(mirror);
        peer.send(post("Transfer-Encoding: chunked", content));
        let (head, _, ending) = finish(&peer, serving).await;
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{content}: {head}");
        assert_eq!(ending.rejection, Some(Rejection::ContentMalformed), "{content}");
    }
}

#[tokio::test(start_paused = true)]
async fn s9110_10_1_1_a_client_that_waits_for_100_continue_gets_it_when_the_content_is_read() {
    let (peer, serving) = serve(mirror);
    peer.send(post("Content-Length: 3\r\nExpect: 100-continue", ""));
    assert!(peer.head().await.starts_with("HTTP/1.1 100 Continue\r\n"));
    peer.send("abc");
    let (head, body, _) = finish(&peer, serving).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, b"abc");
    // What is refused anyway is not asked for.
    for (length, status) in [(1001, 413), (3, 200)] {
        let (peer, serving) = serve(async |_| Response::new("no"));
        peer.send(post(&format!("Content-Length: {length}\r\nExpect: 100-continue"), ""));
        let (head, ..) = finish(&peer, serving).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

/// Each byte that the client takes gives it the time for one.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_the_answer_is_cut_off() {
    let mut config = Config::default();
    config.limits.min_drain_rate = (256 << 10) / 7;
    let endpoint = Endpoint::with_http(config, async |_| Response::new(vec![b'x'; 1_000_000]));
    let (peer, serving) = connect(&endpoint, echo);
    peer.give_room(1000);
    peer.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let start = Instant::now();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(!peer.has_ended());
        peer.give_room(4 * (256 << 10) / 7);
    }
    let ending = serving.await.unwrap();
    assert_eq!((ending.timeout, ending.answered), (Some(TimeoutKind::Drain), None));
    assert!(start.elapsed().abs_diff(Duration::from_secs(7 + 3 * 4)) < Duration::from_millis(100));
    assert!(peer.has_ended());
}

/// All of it is written before our FIN, however little the transport takes at once.
#[tokio::test(start_paused = true)]
async fn an_answer_goes_out_whole_through_a_narrow_transport() {
    let (peer, serving) = serve(async |_| Response::new(vec![b'x'; 3000]));
    peer.wire().write_at_most = 7;
    peer.wire().read_at_most = 3;
    peer.give_room(100);
    peer.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    for _ in 0..100 {
        settle().await;
        assert!(!peer.has_ended());
        if peer.written().ends_with(&[b'x'; 2000]) {
            break;
        }
        peer.give_room(100);
    }
    peer.give_room(usize::MAX);
    let (_, body, ending) = finish(&peer, serving).await;
    assert_eq!((body, ending.answered), (vec![b'x'; 3000], Some(200)));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_lets_the_answer_finish_and_refuses_what_comes_later() {
    let endpoint = Endpoint::with_http(Config::default(), async |_| {
        tokio::time::sleep(Duration::from_secs(30)).await;
        Response::new("late")
    });
    let (peer, serving) = connect(&endpoint, echo);
    peer.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    settle().await;
    endpoint.shutdown();
    let (later, refused) = connect(&endpoint, echo);
    later.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
    let (head, body, ending) = finish(&later, refused).await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!((body.len(), ending.rejection), (0, Some(Rejection::ShuttingDown)));
    let (head, body, _) = finish(&peer, serving).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, b"late");
    endpoint.emptied().await;
}

/// A client that has ended its own side is answered (RFC 9112 §9.6).
#[tokio::test(start_paused = true)]
async fn a_client_that_has_sent_fin_gets_its_answer() {
    let (peer, serving) = serve(mirror);
    peer.send(post("Content-Length: 3", "abc"));
    peer.end();
    let (head, body, _) = finish(&peer, serving).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, b"abc");
    // Content that ends early is no content.
    let (peer, serving) = serve(mirror);
    peer.send(post("Content-Length: 4", "abc"));
    peer.end();
    let (head, _, ending) = finish(&peer, serving).await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert_eq!(ending.rejection, Some(Rejection::ContentMalformed));
}

/// The content need not be read, nor the request be answered while somebody is there.
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_or_dropped_takes_the_handler_with_it() {
    struct Alive(Arc<AtomicUsize>);
    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let seen = dropped.clone();
    let (peer, serving) = serve(move |request| {
        let alive = Alive(seen.clone());
        async move {
            let _request = (alive, request);
            pending::<Response<Body>>().await
        }
    });
    peer.send(post("Content-Length: 3", "a"));
    settle().await;
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    assert!(peer.wire().is_gone);
}

#[tokio::test(start_paused = true)]
async fn s9112_4_every_answer_has_a_reason_phrase() {
    for status in 200..=599_u16 {
        let (peer, serving) =
            serve(move |_| async move { Response::builder().status(status).body("").unwrap() });
        peer.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        let (head, _, ending) = finish(&peer, serving).await;
        let line = head.lines().next().unwrap();
        let phrase = line.strip_prefix(&format!("HTTP/1.1 {status} ")).expect(line);
        assert!(phrase.starts_with(|letter: char| letter.is_ascii_uppercase()), "{line}");
        assert_eq!(ending.answered, Some(status));
    }
}

/// What governs the connection is the server's to say, and so is what a WebSocket needs.
#[tokio::test(start_paused = true)]
async fn fields_of_the_connection_are_the_servers() {
    let (peer, serving) = serve(async |request: Request<Body>| {
        let status = if request.uri().path() == "/ws" { 426 } else { 200 };
        let answer = Response::builder().status(status).header("Connection", "keep-alive");
        answer.header("Keep-Alive", "timeout=5").header("Upgrade", "h2c").body("").unwrap()
    });
    peer.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: keep-alive\r\n\r\n");
    let (head, ..) = finish(&peer, serving).await;
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    for gone in ["Keep-Alive", "keep-alive", "Upgrade"] {
        assert!(!head.contains(gone), "{gone} in {head}");
    }
    let (peer, serving) = serve(async |_| Response::builder().status(426).body("").unwrap());
    peer.send("GET /ws HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = finish(&peer, serving).await.0.to_ascii_lowercase();
    for line in ["upgrade: websocket", "connection: upgrade, close", "sec-websocket-version: 13"] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
    }
}

/// However the handler frames its answer, it goes out with one length, and the right one.
#[tokio::test(start_paused = true)]
async fn s9112_6_the_framing_of_an_answer_is_the_servers() {
    async fn framed(request: Request<Body>) -> Response<Body> {
        let streamed = || stream::iter(["hel", "lo"].map(|piece| Ok::<_, String>(piece.into())));
        let (length, body) = match request.uri().path() {
            "/short" => ("3", Body::from("hello")),
            "/long" => ("7", Body::from("hello")),
            "/twice" => ("5, 5", Body::from("hello")),
            "/streamed" => ("5", Body::from_stream(streamed())),
            "/bad" => ("+5", Body::from_stream(streamed())),
            path => panic!("{path}"),
        };
        let answer = Response::builder().header("Content-Length", length);
        let answer = match request.uri().path() {
            "/streamed" => answer.header("Transfer-Encoding", "gzip, chunked"),
            _ => answer.header("Transfer-Encoding", "identity"),
        };
        answer.body(body).unwrap()
    }
    for path in ["/short", "/long", "/twice", "/streamed", "/bad"] {
        let (peer, serving) = serve(framed);
        peer.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let (head, body, ending) = finish(&peer, serving).await;
        assert_eq!(ending.answered, Some(200), "{path}");
        let chunked = path == "/bad";
        assert_eq!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), chunked, "{head}");
        assert_eq!(head.matches("Transfer-Encoding").count(), usize::from(chunked), "{head}");
        assert_eq!(head.contains("\r\nContent-Length: 5\r\n"), !chunked, "{head}");
        assert_eq!(head.matches("Content-Length").count(), usize::from(!chunked), "{head}");
        let body = String::from_utf8(body).unwrap();
        assert_eq!(body, if chunked { "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n" } else { "hello" });
    }
    // The answer to HEAD may tell of content that it has not made.
    let (peer, serving) = serve(async |_| {
        Response::builder().header("Content-Length", "77").body(Body::empty()).unwrap()
    });
    peer.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
    let (head, body, _) = finish(&peer, serving).await;
    assert!(head.contains("\r\nContent-Length: 77\r\n") && body.is_empty(), "{head}");
}

/// What the strict head lets pass, hyper and the crate `http` take too.
#[tokio::test(start_paused = true)]
async fn methods_and_targets_are_taken_as_they_were_judged() {
    let mut config = Config::default();
    config.limits.head.max_head_size = 200_000;
    let endpoint = Endpoint::with_http(config, async |request: Request<Body>| {
        Response::new(request.uri().path().len().to_string())
    });
    for (method, len, status) in [
        ("!#$%&'*+-.^_`|~", 9, 200),
        ("aA0zZ9", 65_534, 200),
        ("POST", 65_535, 414),
        ("GET", 65_535, 414),
        ("HEAD", 65_535, 414),
    ] {
        let (peer, serving) = connect(&endpoint, echo);
        let path = "x".repeat(len - 1);
        peer.send(format!("{method} /{path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let (head, body, _) = finish(&peer, serving).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {len}: {head}");
        if status == 200 {
            assert_eq!(body, len.to_string().as_bytes());
        } else {
            assert_eq!(body.is_empty(), method == "HEAD", "{method}: {head}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn plain_http_is_answered_by_the_endpoints_hook() {
    claims!("6455-4.2.1-15");
    for (hooked, path, status) in
        [(true, "/page", 200), (true, "/other", 404), (false, "/page", 426)]
    {
        let page = async |request: Request<Body>| {
            let status = if request.uri().path() == "/page" { 200 } else { 404 };
            Response::builder().status(status).body("hello").unwrap()
        };
        let config = Config::default();
        let endpoint =
            if hooked { Endpoint::with_http(config, page) } else { Endpoint::new(config) };
        let (peer, serving) = connect(&endpoint, echo);
        peer.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let (head, ..) = finish(&peer, serving).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_is_never_the_handlers() {
    let (peer, serving) = serve(async |_| -> Response<Body> { panic!("called") });
    peer.send(REQUEST);
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    peer.send(close(1000));
    peer.end();
    serving.await.unwrap();
    for (request, status) in [
        (REQUEST.replace("GET", "POST"), 405),
        (REQUEST.replace("Version: 13", "Version: 12"), 426),
        (REQUEST.replace("GET /room HTTP/1.1", "GET /room HTTP/1.0"), 400),
    ] {
        let (peer, serving) = serve(async |_| -> Response<Body> { panic!("called") });
        peer.send(request);
        let (head, ..) = finish(&peer, serving).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

/// As the head was understood, hyper and the handler see it.
#[tokio::test(start_paused = true)]
async fn the_handler_sees_the_request_as_it_was_judged() {
    let (peer, serving) = serve(async |request: Request<Body>| {
        assert_eq!(request.uri().path(), "/a%20b");
        assert_eq!(request.headers()["x"].as_bytes(), b"1\xff");
        assert_eq!(request.headers().len(), 2);
        Response::new(request.method().to_string())
    });
    peer.send(&b"\r\nBREW http://test/a%20b?c HTTP/1.7\r\nHost: other\r\nX: \t1\xff \r\n\r\n"[..]);
    let (head, body, _) = finish(&peer, serving).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, b"BREW");
}

#[tokio::test(start_paused = true)]
async fn as_many_fields_as_the_limits_allow_reach_the_handler() {
    let mut config = Config::default();
    config.limits.head.max_fields = 300;
    config.limits.head.max_head_size = 60_000;
    let endpoint = Endpoint::with_http(config, async |request: Request<Body>| {
        Response::new(request.headers().len().to_string())
    });
    let (peer, serving) = connect(&endpoint, echo);
    let fields: String = (0..299).map(|at| format!("x{at}:{}\r\n", "y".repeat(180))).collect();
    peer.send(format!("GET / HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
    let (head, body, _) = finish(&peer, serving).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, b"300");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_logged_at_debug_with_status_and_path() {
    let (lines, _listening) = listen(|| {});
    let (peer, serving) = serve(async |_| Response::builder().status(302).body("").unwrap());
    peer.send("GET /page HTTP/1.1\r\nHost: test\r\n\r\n");
    finish(&peer, serving).await;
    let told: Vec<_> =
        lines.at("DEBUG").into_iter().filter(|line| line.contains("answered")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("status=302") && told[0].contains("/page"), "{told:?}");
    assert!(!told[0].contains("peer"), "{told:?}");
}

/// Nobody works on for a client that has reset the connection.
#[tokio::test(start_paused = true)]
async fn a_reset_ends_an_answer_that_takes_long() {
    for content in ["", "abc"] {
        let (peer, serving) = serve(async |_| pending::<Response<Body>>().await);
        peer.send(post("Content-Length: 3", content));
        settle().await;
        assert!(!serving.is_finished());
        peer.fail_reading(std::io::ErrorKind::ConnectionReset);
        let ended = tokio::time::timeout(Duration::from_secs(1), serving).await;
        let ending = ended.expect("the end").unwrap();
        assert_eq!(ending.transport, Some(std::io::ErrorKind::ConnectionReset), "{content}");
    }
    // After its FIN the client is still there.
    let (peer, serving) = serve(async |_| pending::<Response<Body>>().await);
    peer.send(post("Content-Length: 3", "abc"));
    peer.end();
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(!serving.is_finished());
}
