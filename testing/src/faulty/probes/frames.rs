//! Probes of frames: masks, headers, what TCP cuts, the server's own frames, control frames and the closing
//! handshake.

use super::{Probe, frames};
use crate::faulty::Fault;

pub(super) fn probe(fault: Fault) -> Option<Probe> {
    headers(fault).or_else(|| sent(fault)).or_else(|| pings(fault)).or_else(|| closing(fault))
}

fn headers(fault: Fault) -> Option<Probe> {
    match fault {
        Fault::UnmaskedData => frames("81 01 61"),
        Fault::UnmaskedControl => frames("89 01 61"),
        Fault::UnmaskedEmpty => frames("81 00"),
        Fault::UnmaskedSecond => frames("t:a 81 01 62"),
        Fault::UnmaskedContinuation => frames("f:a 80 01 62"),
        Fault::UnmaskedPingInside => frames("f:a 89 01 70 l:b"),
        Fault::UnmaskedLong => frames("82 7e 0080 61*128"),
        Fault::ZeroKeyRefused => frames("t:a"),
        Fault::KeyOfFirstFrame => frames("81 81 01020304 60 81 81 09090909 68"),
        Fault::KeyPhaseAtCut => frames("81 83 01020304 60 | 60 60"),
        Fault::KeyPhaseLong => frames("82 ff 0000000000010002 01020304 60*65538"),
        Fault::Rsv1Taken => frames("c1 81 K 61"),
        Fault::Rsv2Taken => frames("a1 81 K 61"),
        Fault::Rsv3Taken => frames("91 81 K 61"),
        Fault::RsvOnControl => frames("a9 81 K 61"),
        Fault::RsvOnContinuation => frames("f:a a0 81 K 62"),
        Fault::RsvAfterFirstMessage => frames("t:a a1 81 K 62"),
        Fault::RsvOnFirstFragment => frames("21 81 K 61 l:b"),
        Fault::RsvOnPingInside => frames("f:a a9 80 K l:b"),
        Fault::DataOpcodesTaken => frames("83 81 K 61"),
        Fault::ControlOpcodesTaken => frames("8b 80 K"),
        Fault::OpcodeInsideMessage => frames("f:a 03 81 K 62 l:c"),
        Fault::OpcodeAfterFirstMessage => frames("t:a 83 81 K 62"),
        Fault::TopBitTaken => frames("82 ff 8000000000000005 K 6162636465"),
        Fault::Length64In32 => frames("82 ff 0000000100000005 K 6162636465"),
        Fault::Length16Signed => frames("b*40000"),
        Fault::LengthCut => frames("82 fe 01 | 00 K 61*256"),
        Fault::HeaderCut => frames("81 | 81 K 61"),
        Fault::ControlTooLong => frames("89 fe 007e K 61*126"),
        Fault::ControlFragmented => frames("09 80 K"),
        Fault::ControlFragmentedInside => frames("f:a 09 80 K l:b"),
        Fault::ControlCut => frames("89 82 K 61 | 62"),
        Fault::CloseCut => frames("88 85 K 03e861 | 6263"),
        Fault::SegmentOfMany => frames(&"t:a ".repeat(151)),
        _ => None,
    }
}

fn sent(fault: Fault) -> Option<Probe> {
    match fault {
        Fault::Masks | Fault::LongForm16 | Fault::SetsRsv1 => frames("t:a"),
        Fault::MasksLong => frames("b*65536"),
        Fault::MasksPongs | Fault::PongFragmented => frames("p:a"),
        Fault::LongForm125 => frames("t*125"),
        Fault::LongForm64 => frames("b*65535"),
        Fault::SetsRsv3 | Fault::BinaryAsText => frames("b:a"),
        Fault::TextAsBinary => frames("f:a l:b"),
        Fault::SendsLatin1 => frames("t:é"),
        Fault::SendsReservedOpcode => frames("b:"),
        Fault::PongTooLong => frames("89 fd K 61*125"),
        Fault::FragmentsRepeatOpcode | Fault::FragmentsWithoutEnd => frames("t*1000"),
        Fault::Beyond64Kib => frames("t*70000"),
        Fault::Beyond1Mib => frames("t*1048577"),
        Fault::EmptyNotEchoed => frames("t:"),
        Fault::SwapsPairs | Fault::SecondChanged => frames("t:a t:b"),
        Fault::LosesEvery90th => frames(&"t:a ".repeat(90)),
        Fault::LosesEvery500th => frames(&"t:a ".repeat(500)),
        _ => None,
    }
}

fn pings(fault: Fault) -> Option<Probe> {
    match fault {
        Fault::PingUnanswered | Fault::PongEmpty | Fault::PingForPing => frames("p:a"),
        Fault::PingEmptyUnanswered => frames("p:"),
        Fault::PingOf125Unanswered => frames("89 fd K 61*125"),
        Fault::PingTenthUnanswered => frames(&"p:a ".repeat(10)),
        Fault::Ping200thUnanswered => frames(&"p:a ".repeat(200)),
        Fault::PongCutAtNul => frames("89 83 K 610062"),
        Fault::PongOfFirst => frames("p:a p:b"),
        Fault::PongRefused | Fault::PongIsMessage => frames("q:a"),
        Fault::PingInsideUnanswered => frames("f:a p:b l:c"),
        _ => None,
    }
}

fn closing(fault: Fault) -> Option<Probe> {
    match fault {
        Fault::CloseUnanswered | Fault::CloseNotEnded | Fault::DataAfterClose => frames("x:1000"),
        Fault::CloseEmptyUnanswered | Fault::CloseEmpty1005 | Fault::CloseBodyOfOneSent => {
            frames("x:")
        }
        Fault::CloseAppUnanswered => frames("x:4000"),
        Fault::CloseInsideUnanswered => frames("f:a x:1000"),
        Fault::CloseReasonCut => frames("88 88 K 03e8 616262e282ac"),
        Fault::CloseTooLong
        | Fault::FailureNotEnded
        | Fault::FailsWith1006
        | Fault::FailsWith999 => frames("83 80 K"),
        Fault::ReadsAfterClose => frames("x:1000 t:a"),
        Fault::ReadsAfterFailure | Fault::FailureIgnored => frames("83 80 K t:a"),
        Fault::CloseCodeUnchecked | Fault::CloseCodeBelow1000 => frames("x:999"),
        Fault::CloseCode1005 | Fault::CloseCodeWithReason => frames("x:1005"),
        Fault::CloseCode1006 => frames("x:1006"),
        Fault::CloseCode1015 => frames("x:1015"),
        Fault::CloseCodeWithoutReason => frames("88 83 K 03ed 61"),
        _ => None,
    }
}
