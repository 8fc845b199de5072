//! The opening handshake as a client does it (RFC 6455 §4.1).

use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::TestError;
use super::frames::Frames;
use crate::proto::handshake::HeadLimits;
use crate::proto::handshake::client::{Asked, ResponseHead, ResponseReader};

/// Sends the request and reads the response; what follows it goes to `frames`.
pub(super) async fn open(
    mut io: DuplexStream,
    request: &http::Request<()>,
    frames: &mut Frames,
) -> Result<(DuplexStream, http::Response<()>), TestError> {
    let fields = complete(request.headers().clone());
    io.write_all(&encode(request, &fields)).await.map_err(TestError::Io)?;
    let asked =
        Asked::of_fields(fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let mut reader = ResponseReader::new();
    let head = loop {
        let read = reader.read(&frames.unread, &HeadLimits::default());
        if let Some(head) = read.map_err(TestError::Opening)? {
            break head;
        }
        if io.read_buf(&mut frames.unread).await.map_err(TestError::Io)? == 0 {
            return Err(TestError::Broken("no response"));
        }
    };
    frames.unread.drain(..head.len());
    let response = build(&head)?;
    if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
        asked.judge(&head).map_err(TestError::Opening)?;
        return Ok((io, response));
    }
    // RFC 9112 §6.3: the server ends TCP behind a refusal.
    io.read_to_end(&mut frames.unread).await.map_err(TestError::Io)?;
    let body = Bytes::from(std::mem::take(&mut frames.unread));
    Err(TestError::Refused(Box::new(response.map(|()| body))))
}

/// Adds what an opening handshake has to have. The key is the same each time: in memory nobody is
/// between the two who could have kept an earlier answer (RFC 6455 §4.1).
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

/// The response as the crate `http` has it.
fn build(head: &ResponseHead) -> Result<http::Response<()>, TestError> {
    const BROKEN: TestError = TestError::Broken("a response that is none");
    let mut response = http::Response::builder().status(head.status());
    for (name, value) in head.fields() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| BROKEN)?;
        let value = HeaderValue::from_bytes(value).map_err(|_| BROKEN)?;
        response = response.header(name, value);
    }
    response.body(()).map_err(|_| BROKEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::handshake::client::ResponseFault;

    /// What the client makes of this response to a plain request.
    async fn answered(response: &str) -> Result<http::Response<()>, TestError> {
        let (io, mut theirs) = tokio::io::duplex(64 << 10);
        theirs.write_all(response.as_bytes()).await.unwrap();
        let request = http::Request::get("/").body(()).unwrap();
        let mut frames = Frames::default();
        let opened = open(io, &request, &mut frames);
        let ends = async {
            theirs.shutdown().await.unwrap();
        };
        tokio::join!(opened, ends).0.map(|(_, response)| response)
    }

    #[tokio::test]
    async fn s6455_4_1_only_a_lawful_101_opens_the_connection() {
        let good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        assert!(answered(good).await.is_ok());
        assert!(answered(&format!("HTTP/1.1 103 x\r\n\r\n{good}")).await.is_ok());
        for (from, to, fault) in [
            ("Connection: Upgrade\r\n", "", ResponseFault::ConnectionMissing),
            ("Upgrade: websocket", "Upgrade: h2c", ResponseFault::UpgradeOther),
            ("s3pP", "S3pP", ResponseFault::AcceptWrong),
            ("=\r\n", "=\r\nSec-WebSocket-Protocol: a\r\n", ResponseFault::SubprotocolNotOffered),
            ("=\r\n", "=\r\nSec-WebSocket-Extensions: a\r\n", ResponseFault::ExtensionNotOffered),
        ] {
            let opened = answered(&good.replacen(from, to, 1)).await;
            assert!(
                matches!(opened, Err(TestError::Opening(why)) if why == fault),
                "{to:?}: {opened:?}"
            );
        }
        let refused = answered("HTTP/1.1 404 x\r\nContent-Length: 2\r\n\r\nno").await;
        let Err(TestError::Refused(response)) = refused else { panic!("{refused:?}") };
        assert_eq!((response.status().as_u16(), &response.body()[..]), (404, &b"no"[..]));
    }
}
