//! One frame, copied from where it was seen.

use std::time::SystemTime;

use stickler::{Direction, Inspected, InspectedFrame, Violation};

/// A frame as it waits to be written. The fields are those of [`InspectedFrame`].
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) connection: Inspected,
    pub(super) time: SystemTime,
    pub(super) direction: Direction,
    pub(super) header: Vec<u8>,
    pub(super) fin: bool,
    pub(super) rsv: u8,
    pub(super) opcode: u8,
    pub(super) payload_len: Option<u64>,
    pub(super) mask_key: Option<[u8; 4]>,
    pub(super) passed_len: u64,
    pub(super) payload: Vec<u8>,
    pub(super) close: Option<(u16, Vec<u8>)>,
    pub(super) message_len: Option<u64>,
    pub(super) violation: Option<Violation>,
}

impl Record {
    pub(super) fn of(frame: &InspectedFrame<'_>) -> Record {
        Record {
            connection: frame.connection.clone(),
            time: frame.time,
            direction: frame.direction,
            header: frame.header.to_vec(),
            fin: frame.fin,
            rsv: frame.rsv,
            opcode: frame.opcode,
            payload_len: frame.payload_len,
            mask_key: frame.mask_key,
            passed_len: frame.passed_len,
            payload: frame.payload.to_vec(),
            close: frame.close.map(|(code, reason)| (code, reason.to_vec())),
            message_len: frame.message_len,
            violation: frame.violation,
        }
    }

    /// What it takes in memory, in bytes, more or less.
    pub(super) fn size(&self) -> usize {
        size_of::<Record>() + self.payload.len() + ALLOCATIONS
    }

    /// The name of the opcode (RFC 6455 §11.8); `None` for a reserved one.
    pub(super) fn opcode_name(&self) -> Option<&'static str> {
        Some(match self.opcode {
            0x0 => "cont",
            0x1 => "text",
            0x2 => "binary",
            0x8 => "close",
            0x9 => "ping",
            0xA => "pong",
            _ => return None,
        })
    }

    /// Whether only the beginning of it went over the wire.
    pub(super) fn is_cut(&self) -> bool {
        self.payload_len != Some(self.passed_len)
    }
}

/// Header, reason of a Close, and what the allocator adds, in bytes.
const ALLOCATIONS: usize = 96;

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use stickler::{Config, Endpoint, Inspect};
    use stickler_testing::frame::{REQUEST, close, frame};
    use stickler_testing::memory::{Peer, connect, echo};

    use super::*;

    /// Keeps what it is shown.
    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<Record>>);

    impl Inspect for Kept {
        fn payload_limit(&self) -> usize {
            7
        }

        fn frame(&self, frame: &InspectedFrame<'_>) {
            self.0.lock().unwrap().push(Record::of(frame));
        }
    }

    /// What is seen of a text, its echo, a Ping with a sequence for terminals, and a Close whose answer is seen too.
    pub(in crate::inspect) fn records() -> Vec<Record> {
        let records = seen(async |peer| {
            peer.send(frame(0x81, "Grüße an alle"));
            peer.frame().await;
            peer.send(frame(0x89, "\u{1b}[31m\n\u{9b}"));
            peer.frame().await;
            peer.send(close(1001));
            peer.frame().await;
        });
        assert_eq!(records.len(), 6);
        records
    }

    /// One that breaks a rule, and of which the end is missing.
    pub(in crate::inspect) fn broken() -> Record {
        seen(async |peer| peer.send([0xb3, 0x05, b'a'])).remove(0)
    }

    /// What is seen while the peer of an echo does this behind its opening handshake.
    fn seen(does: impl AsyncFnOnce(&Peer)) -> Vec<Record> {
        let kept = Arc::new(Kept::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let endpoint = Endpoint::new(Config::default().inspect(kept.clone()));
            let (peer, serving) = connect(&endpoint, echo);
            peer.send(REQUEST);
            peer.head().await;
            does(&peer).await;
            peer.end();
            serving.await.unwrap();
        });
        std::mem::take(&mut *kept.0.lock().unwrap())
    }
}
