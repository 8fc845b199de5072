//! HTTP servers in memory, and what a client sees of them.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::Router;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use stickler::{Endpoint, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

pub(crate) type Client = WebSocketStream<DuplexStream>;

/// The client's end of a connection to an axum application.
pub(crate) fn to_axum(app: Router) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let service = TowerToHyperService::new(app);
    let serving = http1::Builder::new().serve_connection(TokioIo::new(ours), service);
    tokio::spawn(serving.with_upgrades());
    theirs
}

/// The client's end of a connection to a hyper service that upgrades whatever it is asked.
pub(crate) fn to_hyper(endpoint: &Endpoint) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let endpoint = endpoint.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let response: hyper::Response<Full<Bytes>> =
            stickler::hyper::upgrade(&endpoint, &mut request, echo);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(ours), service);
    tokio::spawn(serving.with_upgrades());
    theirs
}

/// The client's end of a connection to our own listener's half.
pub(crate) fn to_own(endpoint: &Endpoint) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(
        endpoint
            .serve(ours, None, async |incoming: stickler::Incoming| echo(incoming.accept()?).await),
    );
    theirs
}

pub(crate) async fn echo(mut socket: WebSocket) -> stickler::Result<()> {
    while let Some(message) = socket.recv().await? {
        socket.send(message)?;
    }
    Ok(())
}

/// What came back for a request head: status, fields but Date by name, content.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// Sends a head, and reads the answer to the end of the connection.
pub(crate) async fn ask(mut io: DuplexStream, head: &str) -> Answer {
    io.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") && io.read(&mut byte).await.unwrap() > 0 {
        answer.push(byte[0]);
    }
    let text = String::from_utf8(answer).unwrap();
    let mut lines = text.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let fields = lines.filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let fields: BTreeMap<_, _> = fields.filter(|(name, _)| name != "date").collect();
    let mut body = String::new();
    if status != 101 {
        io.shutdown().await.unwrap();
        io.read_to_string(&mut body).await.unwrap();
    }
    Answer { status, fields, body }
}

/// Opens a WebSocket as tokio-tungstenite does it.
pub(crate) async fn open(io: DuplexStream, path: &str) -> (Client, Response) {
    open_with(io, path, &[]).await.unwrap()
}

pub(crate) async fn open_with(
    io: DuplexStream,
    path: &str,
    fields: &[(&'static str, &str)],
) -> Result<(Client, Response), Error> {
    let mut request = format!("ws://test{path}").into_client_request().unwrap();
    for (name, value) in fields {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    tokio_tungstenite::client_async(request, io).await
}

/// The next Close, behind whatever messages.
pub(crate) async fn close_of(client: &mut Client) -> CloseFrame {
    use futures_util::StreamExt;
    while let Some(message) = client.next().await {
        if let Message::Close(Some(close)) = message.unwrap() {
            return close;
        }
    }
    panic!("no Close");
}
