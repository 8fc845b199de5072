//! What a tally has counted, as the numbers of a server.

use std::sync::atomic::{AtomicU64, Ordering};

use super::tally::{Codes, FIRST_CODE, Tally, Way};
use crate::net::ending::{Initiator, TimeoutKind};
use crate::net::numbers::{CloseClass, MessageTotals, Summed, Traffic};
use crate::proto::rejection::Rejection;
use crate::proto::violation::Violation;

impl Tally {
    /// Adds what was counted here.
    pub(super) fn add_to(&self, sum: &mut Summed) {
        for part in &self.parts {
            part.received.add_to(&mut sum.received);
            part.sent.add_to(&mut sum.sent);
        }
        sum.handshakes_accepted += load(&self.accepted);
        add_rows(&mut sum.handshakes_refused, Rejection::ALL, &self.rejections);
        for (sum, count) in sum.answers.iter_mut().zip(&self.answers) {
            *sum += load(count);
        }
        add_rows(&mut sum.violations, Violation::ALL, &self.violations);
        add_rows(&mut sum.endings, Initiator::ALL, &self.initiators);
        add_rows(&mut sum.timeouts, TimeoutKind::ALL, &self.timeouts);
        sum.received.closes += self.codes_received.add_to(&mut sum.close_codes_received);
        sum.sent.closes += self.codes_sent.add_to(&mut sum.close_codes_sent);
        self.round_trips.add_to(&mut sum.round_trips);
        self.handler_polls.add_to(&mut sum.handler_polls);
    }
}

impl Way {
    fn add_to(&self, sum: &mut Traffic) {
        let Traffic { text, binary, pings, pongs, wire_bytes, compression, .. } = sum;
        for (MessageTotals { count, bytes }, at) in [(text, 0), (binary, 1)] {
            *count += load(&self.messages[at]);
            *bytes += load(&self.bytes[at]);
        }
        *pings += load(&self.pings);
        *pongs += load(&self.pongs);
        *wire_bytes += load(&self.wire);
        compression.inflated += load(&self.inflated);
        compression.deflated += load(&self.deflated);
    }
}

impl Codes {
    /// Adds them to the rows; gives how many there are.
    fn add_to(&self, rows: &mut Vec<(CloseClass, u64)>) -> u64 {
        let protocol = (FIRST_CODE..).zip(&self.protocol);
        let protocol = protocol.map(|(code, count)| (CloseClass::Protocol(code), count));
        let all = [(CloseClass::WithoutCode, &self.without)]
            .into_iter()
            .chain(protocol)
            .chain([
                (CloseClass::Registered, &self.registered),
                (CloseClass::Private, &self.private),
            ])
            .map(|(class, count)| (class, load(count)));
        let counted: Vec<_> = all.collect();
        add_counted(rows, &counted);
        counted.iter().map(|(_, count)| count).sum()
    }
}

fn add_rows<T: Copy>(rows: &mut Vec<(T, u64)>, all: &[T], counts: &[AtomicU64]) {
    let counted: Vec<_> = all.iter().zip(counts).map(|(row, count)| (*row, load(count))).collect();
    add_counted(rows, &counted);
}

/// Adds to rows that are the same each time, or the first ones.
fn add_counted<T: Copy>(rows: &mut Vec<(T, u64)>, counted: &[(T, u64)]) {
    if rows.is_empty() {
        rows.extend_from_slice(counted);
        return;
    }
    for ((_, sum), (_, count)) in rows.iter_mut().zip(counted) {
        *sum += count;
    }
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
