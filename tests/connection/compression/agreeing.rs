//! What the 101 says, and who decides it (RFC 7692 §5, §7.1).

use stickler::proto::deflate::{Policy, WindowBits};
use stickler::proto::handshake::Request;
use stickler::{Config, Endpoint, Violation};

use super::{OFFER, agree, extensions, is_violation, lean, offering, takeover, takeovers};
use crate::claims::claims;
use crate::support::{REQUEST, close, echo, frame, open_on, wire};

const NEITHER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const DEFAULT: &str = "permessage-deflate; server_no_context_takeover; client_max_window_bits=12";

#[tokio::test(start_paused = true)]
async fn s7692_5_the_101_names_what_was_agreed() {
    claims!(
        "6455-4.2.2-17",
        "6455-9-02",
        "7692-5-01",
        "7692-5-06",
        "7692-7.1.2.1-02",
        "7692-7.1.2.1-03"
    );
    let mut small = takeover();
    small.deflate.policy.as_mut().unwrap().server_max_window_bits = WindowBits::new(10).unwrap();
    let mut small_default = Config::default();
    let policy = small_default.deflate.policy.as_mut().unwrap();
    policy.server_max_window_bits = WindowBits::new(12).unwrap();
    let mut off = Config::default();
    off.deflate.policy = None;
    let asks = "permessage-deflate; server_no_context_takeover; server_max_window_bits=9";
    for (config, offer, line) in [
        (lean(), OFFER, Some(NEITHER)),
        (Config::default(), OFFER, Some(DEFAULT)),
        (Config::default(), "permessage-deflate; client_no_context_takeover", Some(NEITHER)),
        (takeover(), OFFER, Some("permessage-deflate")),
        (small.clone(), OFFER, Some("permessage-deflate; server_max_window_bits=10")),
        (small, asks, Some(asks)),
        (
            small_default,
            "permessage-deflate",
            Some("permessage-deflate; server_no_context_takeover"),
        ),
        (Config::default(), "x-unknown", None),
        (Config::default(), "permessage-deflate; unknown", None),
        (lean(), "permessage-deflate; unknown, permessage-deflate", Some(NEITHER)),
        (off, OFFER, None),
    ] {
        let (peer, serving, head) =
            open_on(&Endpoint::new(config), &offering(offer), async move |incoming| {
                let sender = incoming.accept()?.sender().clone();
                let agreement = sender.agreement().map(|agreement| agreement.to_string());
                assert_eq!(agreement.as_deref(), line);
                Ok(())
            })
            .await;
        assert_eq!(extensions(&head), line, "{offer}");
        assert_eq!(peer.frame().await.close_code(), 1000);
        peer.send(close(1000));
        peer.end();
        serving.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_handler_decides_for_its_connection() {
    let mut off = Config::default();
    off.deflate.policy = None;
    let both = takeover().deflate.policy;
    for (config, policy, line) in [
        (Config::default(), None, None),
        (takeover(), Some(Policy::default()), Some(DEFAULT)),
        (off, both, Some("permessage-deflate")),
    ] {
        let (peer, serving, head) =
            open_on(&Endpoint::new(config), &offering(OFFER), async move |mut incoming| {
                incoming.deflate(policy);
                let socket = incoming.accept()?;
                assert_eq!(socket.sender().agreement().is_some(), line.is_some());
                socket.sender().send("compressible ".repeat(20))?;
                socket.split().0.recv().await?;
                Ok(())
            })
            .await;
        assert_eq!(extensions(&head), line);
        let first = if line.is_some() { 0xc1 } else { 0x81 };
        assert_eq!(peer.frame().await.first, first);
        peer.send(close(1000));
        peer.end();
        serving.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn s5_2_rsv1_without_an_agreement_fails_with_1002() {
    claims!("6455-5.2-01", "6455-5.8-01", "6455-9.1-04");
    for request in [REQUEST.to_string(), offering("permessage-deflate; unknown")] {
        let (peer, serving, head) = open_on(&Endpoint::new(takeover()), &request, echo).await;
        assert_eq!(extensions(&head), None);
        peer.send(frame(0xc1, [0]));
        assert_eq!(peer.frame().await.close_code(), 1002);
        peer.end();
        is_violation(&serving.await.unwrap(), Violation::ReservedBit);
    }
}

#[tokio::test(start_paused = true)]
async fn s7692_6_1_rsv1_on_other_frames_fails_with_1002() {
    claims!("7692-6.1-03", "7692-6.1-04");
    for bytes in [frame(0xc9, ""), [frame(0x41, [0xf2]), frame(0xc0, [0])].concat()] {
        for config in takeovers() {
            let (client, serving) = agree(config, OFFER, echo).await;
            client.peer.send(&bytes);
            let ending = client.fails_with(1002, serving).await;
            is_violation(&ending, Violation::CompressedBitMisplaced);
        }
    }
}

fn request() -> Request {
    let fields = REQUEST.lines().skip(1).filter_map(|line| line.split_once(": "));
    let fields = fields.chain([("Sec-WebSocket-Extensions", OFFER)]);
    let fields = fields.map(|(name, value)| (name, value.as_bytes()));
    Request::from_parts("GET", "/room", fields).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_is_compressed_as_its_endpoint_agreed() {
    for (config, line) in takeovers().into_iter().zip([NEITHER, DEFAULT, "permessage-deflate"]) {
        let endpoint = Endpoint::new(config);
        let negotiated = endpoint.negotiate(&request()).unwrap();
        let field = ("Sec-WebSocket-Extensions", line);
        assert!(negotiated.fields().any(|other| other == field));
        let (transport, peer) = wire();
        let serving = endpoint.serve_upgraded(transport, None, negotiated, async |mut socket| {
            assert!(socket.sender().agreement().is_some());
            while let Some(message) = socket.recv().await? {
                socket.send(message)?;
            }
            Ok::<(), stickler::Error>(())
        });
        let serving = tokio::spawn(serving);
        let message = "upgraded ".repeat(20);
        peer.send(frame(0xc1, crate::deflate::deflate(b"", message.as_bytes())));
        let echoed = peer.frame().await;
        assert_eq!(echoed.first, 0xc1);
        let inflated = crate::deflate::inflate_message(b"", &echoed.payload).unwrap();
        assert_eq!(inflated.output, message.as_bytes());
        peer.close_cleanly(serving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_endpoint_declined_another_does_not_compress() {
    let mut declining = Config::default();
    declining.deflate.policy = None;
    let negotiated = Endpoint::new(declining).negotiate(&request()).unwrap();
    assert!(negotiated.fields().all(|(name, _)| name != "Sec-WebSocket-Extensions"));
    let endpoint = Endpoint::new(takeover());
    let (transport, peer) = wire();
    let serving = endpoint.serve_upgraded(transport, None, negotiated, async |socket| {
        assert!(socket.sender().agreement().is_none());
        socket.send("a".repeat(1000))?;
        Ok::<(), stickler::Error>(())
    });
    let serving = tokio::spawn(serving);
    assert_eq!(peer.text().await, "a".repeat(1000));
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}
