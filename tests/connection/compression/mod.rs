//! permessage-deflate on connections (RFC 7692): what is agreed, sent and received, and what it
//! may cost. The peer compresses and inflates with the plain twin of `stickler-testing`.

mod agreeing;
mod budget;
mod fairness;
mod fragments;
mod prepared;
mod receiving;
mod sending;
mod unheard;

use stickler::Initiator;
use stickler::{Config, Ending, Endpoint, Incoming, Violation};
use tokio::task::JoinHandle;

use crate::deflate::{Window, deflate, inflate_message};
use crate::support::{self, Peer, REQUEST, frame, takeover};

/// A message as the client has it from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Got {
    /// 1 for text, 2 for binary.
    opcode: u8,
    is_compressed: bool,
    payload: Vec<u8>,
}

impl Got {
    fn text(&self) -> &str {
        assert_eq!(self.opcode, 1);
        std::str::from_utf8(&self.payload).unwrap()
    }
}

/// A client that has agreed on compression.
pub(crate) struct Client {
    pub(crate) peer: Peer,
    /// The value of Sec-WebSocket-Extensions in the 101.
    line: String,
    received: Window,
    sent: Window,
    /// How far back messages of the client may refer to earlier ones, in bytes.
    window: usize,
    /// The greatest distance of any reference that the server has sent.
    max_distance: usize,
}

impl Client {
    /// The next message of the server, which may come in fragments.
    async fn message(&mut self) -> Got {
        let first = self.peer.frame().await;
        let (mut fin, opcode) = (first.first & 0x80 != 0, first.first & 0x0f);
        let is_compressed = first.first & 0x40 != 0;
        assert!(matches!(opcode, 1 | 2), "{first:?}");
        let mut payload = first.payload;
        while !fin {
            let next = self.peer.frame().await;
            // RFC 7692 §6.1: only the first frame has the bit.
            assert_eq!(next.first & 0x7f, 0, "{next:?}");
            fin = next.first & 0x80 != 0;
            payload.extend(next.payload);
        }
        if is_compressed {
            payload = self.inflate(&payload);
        }
        Got { opcode, is_compressed, payload }
    }

    fn inflate(&mut self, payload: &[u8]) -> Vec<u8> {
        let inflated = inflate_message(self.received.bytes(), payload);
        let inflated = inflated.map_err(|(fault, _)| fault).expect("DEFLATE data");
        self.received.slide(&inflated.output);
        self.max_distance = self.max_distance.max(inflated.max_distance);
        inflated.output
    }

    /// The frame of a compressed message, as one.
    fn compressed(&mut self, first: u8, message: impl AsRef<[u8]>) -> Vec<u8> {
        frame(first | 0x40, self.deflate(message.as_ref()))
    }

    fn deflate(&mut self, message: &[u8]) -> Vec<u8> {
        // RFC 7692 §7.2.1: no reference goes further back than was agreed.
        let history = self.sent.bytes();
        let history = &history[history.len().saturating_sub(self.window)..];
        let payload = deflate(history, message);
        self.sent.slide(message);
        payload
    }

    async fn close(self, serving: JoinHandle<Ending>) {
        self.peer.send(support::close(1000));
        assert_eq!(self.peer.frame().await.close_code(), 1000);
        self.peer.end();
        let ending = serving.await.unwrap();
        assert!(ending.is_clean(), "{ending:?}");
    }

    /// The connection ends with this code, before anything else is sent.
    async fn fails_with(self, code: u16, serving: JoinHandle<Ending>) -> Ending {
        assert_eq!(self.peer.frame().await.close_code(), code);
        self.peer.end();
        serving.await.unwrap()
    }
}

/// A request that offers this.
fn offering(offer: &str) -> String {
    let field = format!("Sec-WebSocket-Extensions: {offer}\r\n\r\n");
    REQUEST.strip_suffix("\r\n").unwrap().to_string() + &field
}

fn extensions(head: &str) -> Option<&str> {
    head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "))
}

async fn agree_on<H, F>(
    endpoint: &Endpoint,
    offer: &str,
    handler: H,
) -> (Client, JoinHandle<Ending>)
where
    H: FnOnce(Incoming) -> F + Send + 'static,
    F: Future<Output = stickler::Result<()>> + Send + 'static,
{
    let (peer, serving, head) = support::open_on(endpoint, &offering(offer), handler).await;
    let line = extensions(&head).unwrap_or_default().to_string();
    assert!(line.starts_with("permessage-deflate"), "{head}");
    let client = Client {
        peer,
        received: Window::new(!line.contains("server_no_context_takeover")),
        sent: Window::new(!line.contains("client_no_context_takeover")),
        window: line
            .rsplit_once("client_max_window_bits=")
            .map_or(32 << 10, |(_, bits)| 1 << bits.parse::<u32>().unwrap()),
        line,
        max_distance: 0,
    };
    (client, serving)
}

pub(crate) async fn agree<H, F>(
    config: Config,
    offer: &str,
    handler: H,
) -> (Client, JoinHandle<Ending>)
where
    H: FnOnce(Incoming) -> F + Send + 'static,
    F: Future<Output = stickler::Result<()>> + Send + 'static,
{
    agree_on(&Endpoint::new(config), offer, handler).await
}

pub(crate) const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// Every agreement about context takeover.
fn takeovers() -> [Config; 3] {
    [lean(), Config::default(), takeover()]
}

/// Neither side takes its context over.
fn lean() -> Config {
    let mut config = Config::default();
    let policy = config.deflate.policy.as_mut().unwrap();
    policy.client_context_takeover = false;
    config
}

/// Something to compress, different for every number.
fn record(number: usize) -> String {
    format!("{{\"number\":{number},\"name\":\"record {number}\",\"tags\":[\"some\",\"more\"]}}")
        .repeat(3)
}

/// The payload of a compressed message of so many zeros.
pub(crate) fn zeros(len: usize) -> Vec<u8> {
    use crate::deflate::{Token, Writer};
    const COPY: Token = Token::Copy { length: 258, distance: 1 };
    // Eight copies of 258 bytes are 13 bytes in the fixed code, so a stream of many repeats itself.
    const COPIED: usize = 8 * 258;
    let repeated = (len / COPIED).saturating_sub(3);
    let rest = len - repeated * COPIED;
    let copies = (rest.saturating_sub(1)) / 258;
    let mut tokens = vec![Token::Literal(0)];
    tokens.extend(vec![COPY; copies]);
    tokens.extend(vec![Token::Literal(0); rest - 1 - copies * 258]);
    let mut payload = Writer::new().fixed(false, &tokens).message();
    if repeated > 0 {
        let pattern = payload[2..15].repeat(repeated);
        payload.splice(2..2, pattern);
    }
    payload
}

#[test]
fn zeros_are_what_they_say() {
    for len in [1, 2, 300, 2065, 4096, 10_000, 100_000] {
        let inflated = inflate_message(b"", &zeros(len)).map_err(|(fault, _)| fault).unwrap();
        assert!(inflated.output == vec![0; len], "{len}: {}", inflated.output.len());
    }
}

/// The endings of a peer that broke this rule.
fn is_violation(ending: &Ending, violation: Violation) {
    assert_eq!(ending.violation, Some(violation));
    assert_eq!(ending.initiator, Initiator::Peer);
}
