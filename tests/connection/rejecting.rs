//! The application's own answer to an opening handshake, where it is none.

use stickler::Initiator;
use stickler::http::Response;
use stickler::proto::handshake::FieldError;
use stickler::{Config, Endpoint, Error, Rejection};

use crate::logs::listen;
use crate::support::{REQUEST, close, connect};

/// Responses that nobody may send as the answer to a handshake.
fn invalid() -> Vec<Response<&'static str>> {
    let response = |status: u16, name: &str| {
        Response::builder().status(status).header(name, "x").body("no").unwrap()
    };
    vec![
        response(101, "x"),
        response(199, "x"),
        response(600, "x"),
        response(999, "x"),
        response(403, "connection"),
        response(403, "Content-Length"),
        response(403, "transfer-encoding"),
        response(403, "Sec-WebSocket-Accept"),
        response(403, "sec-websocket-anything"),
        response(426, "upgrade"),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_invalid_answer_is_an_error_that_has_the_handshake_still() {
    for response in invalid() {
        let (lines, _listening) = listen(|| {});
        let (peer, serving) = connect(&Endpoint::new(Config::default()), async move |incoming| {
            let error = incoming.reject(response).unwrap_err();
            error.into_incoming().unwrap().accept().map(drop)
        });
        peer.send(REQUEST);
        assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
        peer.send(close(1000));
        peer.end();
        serving.await.unwrap();
        assert_eq!(lines.at("ERROR"), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_answer_that_is_dropped_means_500_and_is_logged_as_an_error() {
    for response in invalid() {
        let (lines, _listening) = listen(|| {});
        let (peer, serving) = connect(&Endpoint::new(Config::default()), async move |incoming| {
            drop(incoming.reject(response));
            Ok(())
        });
        peer.send(REQUEST);
        assert!(peer.head().await.starts_with("HTTP/1.1 500 "));
        peer.rest().await;
        peer.end();
        let ending = serving.await.unwrap();
        assert_eq!((ending.rejection, ending.answered), (Some(Rejection::HandlerFailed), None));
        let told = lines.at("ERROR");
        let [line] = &*told else { panic!("{told:?}") };
        assert!(line.contains("the answer to an opening handshake is invalid"), "{line}");
    }
}

/// Whatever type the handler's error has.
#[tokio::test(start_paused = true)]
async fn an_invalid_answer_that_is_returned_in_a_box_is_logged_once() {
    type Any = Box<dyn std::error::Error + Send + Sync>;
    for response in invalid() {
        let (lines, _listening) = listen(|| {});
        let (transport, peer) = crate::support::wire();
        let endpoint = Endpoint::new(Config::default());
        let serving = tokio::spawn(endpoint.serve(transport, None, async move |incoming| {
            Ok::<(), Any>(incoming.reject(response)?)
        }));
        peer.send(REQUEST);
        assert!(peer.head().await.starts_with("HTTP/1.1 500 "));
        peer.rest().await;
        peer.end();
        assert_eq!(serving.await.unwrap().initiator, Initiator::HandlerError);
        let told = lines.at("ERROR");
        let [line] = &*told else { panic!("{told:?}") };
        assert!(line.contains("the handler failed"), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_answer_that_is_returned_is_the_handlers_error() {
    for response in invalid() {
        let is_field = response.status().as_u16() == 403 || response.status().as_u16() == 426;
        let (peer, serving) = connect(&Endpoint::new(Config::default()), async move |incoming| {
            let error = Error::from(incoming.reject(response).unwrap_err());
            assert_eq!(error.to_string().contains("field"), is_field, "{error}");
            Err(error)
        });
        peer.send(REQUEST);
        assert!(peer.head().await.starts_with("HTTP/1.1 500 "));
        peer.rest().await;
        peer.end();
        assert_eq!(serving.await.unwrap().initiator, Initiator::HandlerError);
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_that_cannot_be_added_leaves_the_handshake_as_it_was() {
    let (peer, serving) = connect(&Endpoint::new(Config::default()), async |mut incoming| {
        let mut refused = |name: &str, value: &[u8]| incoming.header(name, value).unwrap_err();
        for name in ["Sec-WebSocket-Protocol", "connection", "Date", "upgrade", "Content-Length"] {
            assert_eq!(refused(name, b"x"), FieldError::NameReserved);
        }
        for name in ["", "a b", "a:"] {
            assert_eq!(refused(name, b"x"), FieldError::NameInvalid);
        }
        for value in [&b"a\r\nb: c"[..], b"a\0", b" a", b"a\t", b"\xff"] {
            assert_eq!(refused("x", value), FieldError::ValueInvalid);
        }
        incoming.header("set-cookie", "a=b")?.header("Set-Cookie", "c=d")?;
        incoming.accept().map(drop)
    });
    peer.send(REQUEST);
    let head = peer.head().await;
    assert!(head.ends_with("\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n"), "{head}");
    peer.send(close(1000));
    peer.end();
    serving.await.unwrap();
}

/// An application's own answer is no refusal.
#[tokio::test(start_paused = true)]
async fn an_answer_of_the_application_is_logged_at_debug_as_that() {
    let (lines, _listening) = listen(|| {});
    let (peer, serving) = connect(&Endpoint::new(Config::default()), async |incoming| {
        Ok(incoming.reject(Response::builder().status(401).body("")?)?)
    });
    peer.send(REQUEST.replace("GET /room", "GET /other"));
    assert!(peer.head().await.starts_with("HTTP/1.1 401 Unauthorized\r\n"));
    peer.end();
    let ending = serving.await.unwrap();
    assert_eq!((ending.answered, ending.refused, ending.rejection), (Some(401), None, None));
    let told: Vec<_> = lines.at("DEBUG").into_iter().filter(|line| line.contains("401")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("answered the request") && told[0].contains("/other"), "{told:?}");
    assert_eq!(lines.at("INFO"), [""; 0]);
}
