//! Probes of compressed messages.

use super::{Probe, compressed, frames, letters};
use crate::deflate::{Token, Writer, plain, tokens};
use crate::faulty::Fault;

/// "Hello" (RFC 7692 §7.2.3.1), and the same again out of the window (§7.2.3.2).
const HELLO: &str = "z:f248cdc9c90700";
const AGAIN: &str = "z:f200110000";
/// "Hello" in a block with BFINAL (§7.2.3.4), and in a stored one (§7.2.3.3).
const FINAL: &str = "z:f348cdc9c9070000";
const STORED: &str = "z:000500faff48656c6c6f00";

fn agreed(words: &[&str]) -> Option<Probe> {
    compressed("", &words.join(" "))
}

/// A message with this payload.
fn payload(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("z:{digits}")
}

/// So many letters, then the first 20 again.
fn far(distance: usize) -> String {
    let copy = Token::Copy { length: 20, distance };
    let all = [plain(letters(distance)), vec![copy]].concat();
    payload(&Writer::new().fixed(false, &all).message())
}

pub(super) fn probe(fault: Fault) -> Option<Probe> {
    received(fault).or_else(|| sent(fault))
}

fn received(fault: Fault) -> Option<Probe> {
    match fault {
        Fault::Rsv1NotAgreed => frames(HELLO),
        Fault::Rsv1OnControl => agreed(&["c9 80 K"]),
        Fault::Rsv1OnContinuation => agreed(&["f:a c0 81 K 62"]),
        Fault::ContextLost => agreed(&[HELLO, AGAIN]),
        Fault::ContextHasPlain => agreed(&[HELLO, "t:zzz", AGAIN]),
        Fault::ContextSlides => {
            let (first, second) = (letters(40_000), &letters(40_000)[..300]);
            let long = Writer::new().stored(false, &first).message();
            let again = Writer::new().fixed(false, &tokens(&first[8000..], second, 32 << 10));
            agreed(&[&payload(&long), &payload(&again.message())])
        }
        Fault::FarDistances => agreed(&[&far(9000)]),
        Fault::FarDistances16Kib => agreed(&[&far(17_000)]),
        Fault::NothingThere => agreed(&[AGAIN]),
        Fault::DynamicRefused => {
            let letters = letters(500);
            agreed(&[&payload(&Writer::new().dynamic(false, &plain(letters)).message())])
        }
        Fault::StoredRefused => agreed(&[STORED]),
        Fault::StoredUnchecked => agreed(&["z:000500050048656c6c6f00"]),
        Fault::ReservedBlock => agreed(&["z:06"]),
        Fault::FinalEndsStream => agreed(&[FINAL, HELLO]),
        Fault::BehindFinalLost => {
            let two = Writer::new().fixed(true, &plain("Hel")).align(false);
            agreed(&[&payload(&two.fixed(false, &plain("lo")).message())])
        }
        Fault::EmptyRefused => agreed(&["z:00"]),
        Fault::FragmentsApart => agreed(&["41 83 K f248cd 80 84 K c9c90700"]),
        Fault::PlainInflated => agreed(&[HELLO, "t:plain"]),
        Fault::CompressedCut => agreed(&["c1 87 K f248cd | c9c90700"]),
        Fault::InflatedBeyond64Kib => agreed(&["z*70000"]),
        Fault::CompressedUnchecked => agreed(&["z:000100feffff00"]),
        Fault::CompressedSecondUnchecked => agreed(&[HELLO, "z:000100feffff00"]),
        Fault::Rsv23WithCompression => agreed(&["a1 81 K 61"]),
        Fault::UnmaskedCompressed => agreed(&["c1 07 f248cdc9c90700"]),
        Fault::CompressedFragmentsUnchecked => agreed(&["41 84 K 000100fe 80 83 K ffff00"]),
        Fault::PlainUncheckedWithCompression => agreed(&["81 81 K ff"]),
        Fault::PingInsideCompressed => agreed(&["41 83 K f248cd p:a 80 84 K c9c90700"]),
        _ => None,
    }
}

fn sent(fault: Fault) -> Option<Probe> {
    match fault {
        Fault::Rsv1NotSet | Fault::Rsv1OnPlain | Fault::TailKept | Fault::Rsv1OnOwnContinuation => {
            agreed(&["t:Hello"])
        }
        Fault::Rsv1OnPong => agreed(&["p:a"]),
        Fault::EmptyWithoutByte => agreed(&["t:"]),
        Fault::WindowExceeded => compressed("; server_max_window_bits=10", "t*2000 t*2000"),
        Fault::WindowExceeded9 => compressed("; server_max_window_bits=9", "t*2000 t*2000"),
        Fault::ContextKept => compressed("; server_no_context_takeover", "t*500 t*500"),
        Fault::ContextKeptFromThird => {
            compressed("; server_no_context_takeover", "t*500 t*500 t*500")
        }
        Fault::DeflatedBeyond64Kib => agreed(&["t*70000"]),
        _ => None,
    }
}
