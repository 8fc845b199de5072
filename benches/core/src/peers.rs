//! An echo of all that the input holds, by each crate; no handshake but ours.

use bytes::BytesMut;
use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket};
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::protocol::Protocol;
use stickler::proto::assembler::MessageLimits;
use stickler::proto::event::{Delivery, Event, Payload};
use stickler::proto::inbound::Inbound;
use stickler::proto::outbound::Outbound;
use stickler::{Config, Endpoint, Incoming};

use crate::memory::Memory;

/// Bytes asked of each read where we choose: what most peers choose is less.
const READ: usize = 64 << 10;

/// Messages between two flushes where these are ours to choose: about one read. A part of all
/// messages, so that none is left to flush when the input has ended.
const BATCH: usize = crate::MESSAGES / 40;

/// No WebSocket: the same reads, and their bytes written back.
pub(crate) async fn copy(mut memory: Memory<'_>) {
    let mut buffer = vec![0; READ];
    loop {
        let read = memory.read(READ);
        let Some(piece) = buffer.get_mut(..read.len()).filter(|piece| !piece.is_empty()) else {
            return;
        };
        piece.copy_from_slice(read);
        memory.write(piece);
    }
}

/// Our core: `Inbound`, `Outbound` and a batch.
pub(crate) async fn stickler_core(mut memory: Memory<'_>) {
    let (mut inbound, mut outbound) = (Inbound::new(), Outbound::new());
    let limits = MessageLimits::default();
    let (mut buffer, mut batch) = (vec![0; READ], Vec::with_capacity(READ));
    loop {
        let read = memory.read(READ);
        if read.is_empty() {
            return;
        }
        buffer[..read.len()].copy_from_slice(read);
        let mut input = &mut buffer[..read.len()];
        loop {
            let step = inbound.receive(input, Delivery::Message, &limits).unwrap();
            let Some(event) = step.event else { break };
            let Event::Message(data) = event else { panic!("{event:?}") };
            let assembled;
            let payload = match &data.payload {
                Payload::Input(range) => &input[range.clone()],
                _ => {
                    assembled = inbound.take_assembled(Vec::new());
                    &assembled[..]
                }
            };
            let header = outbound.start_message(data.kind(), payload.len()).unwrap();
            batch.extend_from_slice(header.as_bytes());
            batch.extend_from_slice(payload);
            input = &mut input[step.consumed..];
        }
        memory.write(&batch);
        batch.clear();
    }
}

/// What the input of [`stickler_server`] begins with.
pub(crate) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The echo of our README, with all that a connection has: task, timers, back-pressure.
pub(crate) async fn stickler_server(memory: Memory<'_>) {
    async fn echo(incoming: Incoming) -> stickler::Result<()> {
        let (mut receiver, sender) = incoming.accept()?.split();
        while let Some(message) = receiver.recv().await? {
            sender.send(message)?;
        }
        Ok(())
    }
    Endpoint::new(Config::default()).serve(memory, None, echo).await;
}

/// Its messages are boxed; text is not validated.
pub(crate) async fn web_socket(memory: Memory<'_>) {
    let mut socket = web_socket::WebSocket::server(memory);
    while let Ok(web_socket::Event::Data { data, .. }) = socket.recv().await {
        socket.send(&data[..]).await.unwrap();
    }
}

pub(crate) async fn fastwebsockets(memory: Memory<'_>) {
    let mut socket = FragmentCollector::new(WebSocket::after_handshake(memory, Role::Server));
    while let Ok(frame) = socket.read_frame().await {
        if matches!(frame.opcode, OpCode::Text | OpCode::Binary) {
            socket.write_frame(frame).await.unwrap();
        }
    }
}

pub(crate) async fn tokio_websockets(memory: Memory<'_>) {
    let mut socket = tokio_websockets::ServerBuilder::new().serve(memory);
    while let Some(Ok(message)) = socket.next().await {
        socket.send(message).await.unwrap();
    }
}

pub(crate) async fn tokio_websockets_batch(memory: Memory<'_>) {
    let mut socket = tokio_websockets::ServerBuilder::new().serve(memory);
    let mut fed = 0;
    while let Some(Ok(message)) = socket.next().await {
        socket.feed(message).await.unwrap();
        fed += 1;
        if fed % BATCH == 0 {
            socket.flush().await.unwrap();
        }
    }
}

pub(crate) async fn sockudo(memory: Memory<'_>) {
    let mut socket = sockudo_ws::WebSocketStream::server(memory, sockudo_ws::Config::default());
    while let Some(Ok(message)) = socket.next().await {
        socket.send(message).await.unwrap();
    }
}

pub(crate) async fn sockudo_batch(memory: Memory<'_>) {
    let mut socket = sockudo_ws::WebSocketStream::server(memory, sockudo_ws::Config::default());
    let mut fed = 0;
    while let Some(Ok(message)) = socket.next().await {
        socket.feed(message).await.unwrap();
        fed += 1;
        if fed % BATCH == 0 {
            socket.flush().await.unwrap();
        }
    }
}

/// Its core without a stream: all messages of a read, then all their frames.
pub(crate) async fn sockudo_core(mut memory: Memory<'_>) {
    let mut protocol = Protocol::new(sockudo_ws::Role::Server, 16 << 20, 16 << 20);
    let (mut input, mut batch) = (BytesMut::with_capacity(READ), BytesMut::with_capacity(READ));
    let mut messages = Vec::new();
    loop {
        let read = memory.read(READ);
        if read.is_empty() {
            return;
        }
        input.extend_from_slice(read);
        protocol.process_into(&mut input, &mut messages).unwrap();
        for message in &messages {
            protocol.encode_message(message, &mut batch).unwrap();
        }
        memory.write(&batch);
        batch.clear();
    }
}
