//! The opening handshake as a client does it (RFC 6455 §4.1).

use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::TestError;
use super::frames::Frames;
use crate::proto::handshake::AcceptKey;

/// Sends the request and reads the response; what follows it goes to `frames`.
pub(super) async fn open(
    mut io: DuplexStream,
    request: &http::Request<()>,
    frames: &mut Frames,
) -> Result<(DuplexStream, http::Response<()>), TestError> {
    let fields = complete(request.headers().clone());
    io.write_all(&encode(request, &fields)).await.map_err(TestError::Io)?;
    let (response, head_len) = loop {
        if let Some(whole) = parse(&frames.unread)? {
            break whole;
        }
        if io.read_buf(&mut frames.unread).await.map_err(TestError::Io)? == 0 {
            return Err(TestError::Broken("no response"));
        }
    };
    frames.unread.drain(..head_len);
    let accept = fields.get(SEC_WEBSOCKET_KEY).map(|key| AcceptKey::of(key.as_bytes()));
    let is_accepted = response.status() == http::StatusCode::SWITCHING_PROTOCOLS
        && response.headers().get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes)
            == accept.as_ref().map(|accept| accept.as_str().as_bytes());
    if is_accepted {
        return Ok((io, response));
    }
    // RFC 9112 §6.3: the server ends TCP behind a refusal.
    io.read_to_end(&mut frames.unread).await.map_err(TestError::Io)?;
    let body = Bytes::from(std::mem::take(&mut frames.unread));
    Err(TestError::Refused(Box::new(response.map(|()| body))))
}

/// Adds what an opening handshake has to have.
fn complete(mut fields: HeaderMap) -> HeaderMap {
    for (name, value) in [
        (HOST, "localhost"),
        (UPGRADE, "websocket"),
        (CONNECTION, "Upgrade"),
        (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        (SEC_WEBSOCKET_VERSION, "13"),
    ] {
        fields.entry(name).or_insert_with(|| HeaderValue::from_static(value));
    }
    fields
}

fn encode(request: &http::Request<()>, fields: &HeaderMap) -> Vec<u8> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let mut head = format!("{} {target} HTTP/1.1\r\n", request.method()).into_bytes();
    for (name, value) in fields {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// The response and the length of its head, once that is whole.
fn parse(bytes: &[u8]) -> Result<Option<(http::Response<()>, usize)>, TestError> {
    const BROKEN: TestError = TestError::Broken("a response that is none");
    let mut lines = [httparse::EMPTY_HEADER; 100];
    let mut parsed = httparse::Response::new(&mut lines);
    let Ok(status) = parsed.parse(bytes) else { return Err(BROKEN) };
    let (httparse::Status::Complete(head_len), Some(code)) = (status, parsed.code) else {
        return Ok(None);
    };
    let mut response = http::Response::builder().status(code);
    for line in parsed.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| BROKEN)?;
        let value = HeaderValue::from_bytes(line.value).map_err(|_| BROKEN)?;
        response = response.header(name, value);
    }
    response.body(()).map(|response| Some((response, head_len))).map_err(|_| BROKEN)
}
