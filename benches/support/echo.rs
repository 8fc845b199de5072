//! The core as a server uses it: bytes in, messages, and their frames in a batch.

use stickler::proto::assembler::MessageLimits;
use stickler::proto::event::{Delivery, Event, Payload};
use stickler::proto::inbound::Inbound;
use stickler::proto::outbound::Outbound;

/// One connection without a transport.
pub(crate) struct Echo {
    inbound: Inbound,
    pub(crate) outbound: Outbound,
    limits: MessageLimits,
    /// What would be written next.
    pub(crate) batch: Vec<u8>,
}

impl Echo {
    pub(crate) fn new() -> Echo {
        Echo {
            inbound: Inbound::new(),
            outbound: Outbound::new(),
            limits: MessageLimits::default(),
            batch: Vec::with_capacity(2 << 20),
        }
    }

    /// Receives one message that is there as a whole; the length of its payload.
    #[inline]
    pub(crate) fn receive(&mut self, input: &mut [u8]) -> usize {
        let step = self.inbound.receive(input, Delivery::Message, &self.limits).unwrap();
        match step.event {
            Some(Event::Message(data)) => match data.payload {
                Payload::Input(range) => range.len(),
                other => panic!("not where it came: {other:?}"),
            },
            other => panic!("no message: {other:?}"),
        }
    }

    /// Answers every message of the input with itself; how many there were.
    #[inline]
    pub(crate) fn echo(&mut self, input: &mut [u8]) -> usize {
        let (mut at, mut messages) = (0, 0);
        loop {
            let rest = &mut input[at..];
            let step = self.inbound.receive(rest, Delivery::Message, &self.limits).unwrap();
            at += step.consumed;
            let Some(event) = step.event else { return messages };
            let Event::Message(data) = event else { panic!("not a message: {event:?}") };
            match &data.payload {
                Payload::Input(range) => {
                    send(&mut self.outbound, &mut self.batch, data.kind(), &rest[range.clone()]);
                }
                _ => {
                    let payload = self.inbound.take_assembled(Vec::new());
                    send(&mut self.outbound, &mut self.batch, data.kind(), &payload);
                }
            }
            messages += 1;
        }
    }
}

/// Appends the frame of a message to a batch.
#[inline]
pub(crate) fn send(
    outbound: &mut Outbound,
    batch: &mut Vec<u8>,
    kind: stickler::MessageKind,
    payload: &[u8],
) {
    let header = outbound.start_message(kind, payload.len()).unwrap();
    batch.extend_from_slice(header.as_bytes());
    batch.extend_from_slice(payload);
}
