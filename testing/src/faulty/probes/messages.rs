//! Probes of fragments and of text.

use super::{Probe, frames};
use crate::faulty::Fault;

pub(super) fn probe(fault: Fault) -> Option<Probe> {
    fragments(fault).or_else(|| utf8(fault))
}

fn fragments(fault: Fault) -> Option<Probe> {
    match fault {
        Fault::StrayContinuation => frames("l:a"),
        Fault::StrayAfterMessage => frames("f:a l:b l:c"),
        Fault::MessageInsideMessage => frames("f:a t:b"),
        Fault::BinaryInsideText => frames("f:a b:b l:c"),
        Fault::EmptyFragmentIsBinary => frames("f:a l:"),
        Fault::EmptyFragmentRefused => frames("f: l:a"),
        Fault::EmptyFragmentEnds => frames("f:a m: l:b"),
        Fault::FragmentsOneByOne => frames("f:a l:b"),
        Fault::FragmentsBeyond300 => frames(&format!("f:a {} l:b", "m:a ".repeat(300))),
        Fault::FragmentsOverPing => frames("f:a p:b l:c"),
        Fault::SecondFragmented => frames("f:a l:b f:c l:d"),
        _ => None,
    }
}

fn utf8(fault: Fault) -> Option<Probe> {
    match fault {
        Fault::Utf8Unchecked | Fault::Utf8Replaced => frames("81 81 K ff"),
        Fault::Utf8FirstFragment | Fault::Utf8WholeOnly => frames("f:a 80 81 K ff"),
        Fault::Utf8FirstMessage => frames("t:a 81 81 K ff"),
        Fault::Utf8First4Kib => frames("81 fe 1388 K 61*4999 ff"),
        Fault::Utf8AfterPing => frames("f:a p:b 80 81 K ff"),
        Fault::Utf8AfterAscii => frames("81 91 K 61*16 ff"),
        Fault::Utf8Overlong => frames("81 82 K c080"),
        Fault::Utf8Surrogates => frames("81 83 K eda080"),
        Fault::Utf8Above10ffff => frames("81 84 K f4908080"),
        Fault::Utf8FiveAndSix => frames("81 85 K f888808080"),
        Fault::Utf8StrayByte => frames("81 82 K 6180"),
        Fault::Utf8LeadAlone => frames("81 82 K c361"),
        Fault::Utf8FeFf => frames("81 82 K feff"),
        Fault::Utf8CutAtEnd => frames("81 82 K e282"),
        Fault::Utf8CutInLastFragment => frames("f:a 80 82 K e282"),
        Fault::Utf8CutByFragment => frames("01 82 K e282 80 81 K ac"),
        Fault::Utf8CutByPing => frames("01 82 K e282 p:a 80 81 K ac"),
        Fault::Utf8CutBySegment => frames("81 83 K e282 | ac"),
        Fault::Utf8OverMessages => frames("81 82 K e282 81 81 K ac"),
        Fault::Utf8Bom => frames("81 84 K efbbbf41"),
        Fault::Utf8NonCharacters => frames("81 83 K efbfbf"),
        Fault::Utf8Nul => frames("81 83 K 610062"),
        Fault::Utf8FourBytes => frames("81 84 K f09fa680"),
        Fault::Utf8OfBinary => frames("82 81 K ff"),
        _ => None,
    }
}
