//! What fails the connection (RFC 7692 §6.1, §7.2.2).

use stickler::proto::violation::Violation::{
    self, CompressedBitMisplaced, ControlFragmented, DeflateCorrupt, DeflateCutOff, DeflateEmpty,
    DeflateEndsWithFinalBlock, DeflateTailNotRemoved, MessageUnfinished, ReservedBit,
    ReservedOpcode, TextNotUtf8, UnmaskedFrame,
};

use super::messages::{alone, taken_over};
use crate::{
    drive::{Connection, Seen, Start, Way},
    hex::hex,
    table::{
        Expect::{Fail, FailSilently, Ping, Text},
        Row, row, run,
    },
};

pub(crate) const ROWS: &[Row] = &[
    // §6.1: the bit stands on the first frame of a data message.
    alone("7692-6.1-03", "c9", &[Fail(CompressedBitMisplaced)]),
    alone("7692-6.1-03", "c8 80 00000000", &[Fail(CompressedBitMisplaced)]),
    alone("7692-6.1-03", "ca 80 00000000", &[Fail(CompressedBitMisplaced)]),
    alone("7692-6.1-03", "49", &[Fail(CompressedBitMisplaced)]),
    alone("7692-6.1-03", "41 83 00000000 f248cd c9", &[Fail(CompressedBitMisplaced)]),
    alone("7692-6.1-03", "c9 82 00000000 f248", &[FailSilently(CompressedBitMisplaced)]).closing(),
    alone("7692-6.1-04", "40", &[Fail(CompressedBitMisplaced)]),
    alone("7692-6.1-04", "c0", &[Fail(CompressedBitMisplaced)]),
    alone("7692-6.1-04", "41 83 00000000 f248cd c0", &[Fail(CompressedBitMisplaced)]),
    alone("7692-6.1-04", "01 81 00000000 61 40", &[Fail(CompressedBitMisplaced)]),
    alone("7692-6.1-06", "e1", &[Fail(ReservedBit)]),
    alone("7692-6.1-06", "d1", &[Fail(ReservedBit)]),
    alone("7692-6.1-06", "a1", &[Fail(ReservedBit)]),
    alone("7692-6.1-06", "f9", &[Fail(ReservedBit)]),
    alone("6455-5.2-05", "c3", &[Fail(ReservedOpcode)]),
    alone("6455-5.4-06", "41 81 00000000 f2 c1", &[Fail(MessageUnfinished)]),
    alone("6455-5.4-06", "41 81 00000000 f2 81", &[Fail(MessageUnfinished)]),
    alone("6455-5.4-04", "09", &[Fail(ControlFragmented)]),
    alone("6455-5.1-01", "c1 07", &[Fail(UnmaskedFrame)]),
    row("6455-9.1-04", "c1", &[Fail(ReservedBit)]),
    row("6455-9.1-04", "c9", &[Fail(ReservedBit)]),
    // §7.2.2: what is no DEFLATE data.
    alone("7692-7.2.2-06", "c1 82 00000000 ff", &[Fail(DeflateCorrupt)]),
    alone("7692-7.2.2-06", "c1 88 00000000 06", &[Fail(DeflateCorrupt)]),
    alone("7692-7.2.2-06", "c1 8b 00000000 000500fafe", &[Fail(DeflateCorrupt)]),
    alone("7692-7.2.2-06", "c1 88 00000000 f348cdc9c90700 07", &[Fail(DeflateCorrupt)]),
    alone(
        "7692-7.2.2-06",
        "42 86 00000000 000100feff61 89 80 00000000 80 84 00000000 07",
        &[Ping(""), Fail(DeflateCorrupt)],
    ),
    taken_over(
        "7692-7.2.2-06",
        "c1 87 00000000 f248cdc9c90700 c1 81 00000000 07",
        &[Text("Hello"), Fail(DeflateCorrupt)],
    ),
    alone("7692-7.2.2-06", "c1 85 00000000 00000000ff", &[Fail(DeflateCorrupt)]),
    // The distance codes that Deflate64 has for more than 32 KiB, with so much behind them.
    alone("7692-7.2.1-08", "c2 fe 8008 00000000 000180fe7f 61*32769 023e", &[Fail(DeflateCorrupt)]),
    alone("7692-7.2.1-08", "c2 fe 8008 00000000 000180fe7f 61*32769 027e", &[Fail(DeflateCorrupt)]),
    // What ends too early: inside a symbol, a block, a length, without the empty block.
    alone("7692-7.2.2-07", "c1 83 00000000 f248cd", &[Fail(DeflateCutOff)]),
    alone("7692-7.2.2-07", "c1 86 00000000 f248cdc9c907", &[Fail(DeflateCutOff)]),
    alone("7692-7.2.2-07", "c1 83 00000000 000000", &[Fail(DeflateCutOff)]),
    alone("7692-7.2.2-07", "c1 86 00000000 000500faff48", &[Fail(DeflateCutOff)]),
    alone("7692-7.2.2-07", "c1 81 00000000 04", &[Fail(DeflateCutOff)]),
    alone("7692-7.2.2-07", "c1 81 00000000 02", &[Fail(DeflateCutOff)]),
    alone("7692-7.2.2-07", "41 83 00000000 f248cd 80 80 00000000", &[Fail(DeflateCutOff)]),
    // A final block is behind it, but so is the beginning of another.
    alone("7692-7.2.2-07", "c1 88 00000000 f348cdc9c90700 f2", &[Fail(DeflateCutOff)]),
    // A byte or two of the tail left on it are the beginning of a length.
    alone("7692-7.2.1-01", "c1 88 00000000 f248cdc9c9070000", &[Fail(DeflateCutOff)]),
    alone("7692-7.2.1-01", "c1 82 00000000 0000", &[Fail(DeflateCutOff)]),
    alone("7692-7.2.1-01", "c1 8c 00000000 010500faff48656c6c6f0000", &[Fail(DeflateCutOff)]),
    // The tail as the rest of a header that was cut, which it completes to a block of nothing.
    alone("7692-7.2.2-07", "c1 8e 00000000 04c0811400001083507fcff7de7b", &[Fail(DeflateCutOff)]),
    // A final block, and not the octet with the header of the empty block.
    alone("7692-7.2.2-07", "c1 87 00000000 f348cdc9c90700", &[Fail(DeflateEndsWithFinalBlock)]),
    alone("7692-7.2.2-07", "c1 82 00000000 0300", &[Fail(DeflateEndsWithFinalBlock)]),
    alone("7692-7.2.2-07", "c2 86 00000000 010100feff61", &[Fail(DeflateEndsWithFinalBlock)]),
    alone(
        "7692-7.2.2-07",
        "41 82 00000000 0300 00 81 00000000 03 80 81 00000000 00",
        &[Fail(DeflateEndsWithFinalBlock)],
    ),
    // With the tail left on it, in one frame and over several; behind a final block too.
    alone("7692-7.2.1-01", "c1 8b 00000000 f248cdc9c907000000ffff", &[Fail(DeflateTailNotRemoved)]),
    alone("7692-7.2.1-01", "c1 85 00000000 000000ffff", &[Fail(DeflateTailNotRemoved)]),
    alone(
        "7692-7.2.1-01",
        "41 83 00000000 000000 00 81 00000000 ff 80 81 00000000 ff",
        &[Fail(DeflateTailNotRemoved)],
    ),
    alone("7692-7.2.1-01", "c1 85 00000000 010000ffff", &[Fail(DeflateTailNotRemoved)]),
    // The same bytes before the end are no fault, and three of them are none of its tail.
    alone("7692-7.2.1-01", "c1 86 00000000 000000ffff 00", &[Text("")]),
    alone("7692-7.2.2-07", "c2 88 00000000 000300fcff 00ffff", &[Fail(DeflateCutOff)]),
    taken_over(
        "7692-7.2.1-01",
        "c2 89 00000000 000200fdff0000 0000 c2 83 00000000 00ffff",
        &[Fail(DeflateCutOff)],
    ),
    // Nothing is not an empty message.
    alone("7692-7.2.2-08", "c1 80 00000000", &[Fail(DeflateEmpty)]),
    alone("7692-7.2.2-08", "c2 80 00000000", &[Fail(DeflateEmpty)]),
    alone("7692-7.2.2-08", "41 80 00000000 80 80 00000000", &[Fail(DeflateEmpty)]),
    taken_over(
        "7692-7.2.2-08",
        "c1 87 00000000 f248cdc9c90700 c1 80 00000000",
        &[Text("Hello"), Fail(DeflateEmpty)],
    ),
    // Text is judged as it comes out.
    alone("7692-6.1-07", "c1 88 00000000 000200fdffe282 00", &[Fail(TextNotUtf8)]),
    alone("7692-6.1-07", "c1 90 00000000 000800f7ffff", &[Fail(TextNotUtf8)]),
    alone(
        "7692-6.1-07",
        "41 86 00000000 000100feffe2 00 87 00000000 000200fdff8261",
        &[Fail(TextNotUtf8)],
    ),
    alone("7692-6.1-07", "c1 9f 00000000 000100feffff ffff", &[Fail(TextNotUtf8)]),
    // What came out counts before the fault behind it.
    alone("7692-6.1-07", "c1 87 00000000 000100feffff 07", &[Fail(TextNotUtf8)]),
    alone("7692-7.2.2-06", "c1 87 00000000 000100feff61 07", &[Fail(DeflateCorrupt)]),
    alone("7692-7.2.2-06", "c1 87 00000000 000100feffe2 07", &[Fail(DeflateCorrupt)]),
];

#[test]
fn s7_2_2_faults() {
    run(ROWS);
}

/// Each fails at its last byte, and one byte shorter it does not.
#[test]
fn s7_2_2_faults_are_known_at_the_first_byte_that_proves_them() {
    const EARLY: &[(&str, Violation)] = &[
        ("c9", CompressedBitMisplaced),
        ("41 83 00000000 f248cd c0", CompressedBitMisplaced),
        ("41 83 00000000 f248cd c9", CompressedBitMisplaced),
        ("c1 ff 000000000001ffff 00000000 06", DeflateCorrupt),
        ("c1 fe ffff 00000000 f248cdc9c90700 00 00ff 07", DeflateCorrupt),
        ("c1 fe ffff 00000000 000500faf6", DeflateCorrupt),
        ("c1 fe ffff 00000000 f20011", DeflateCorrupt),
        ("c1 fe ffff 00000000 000500faff 61 ff", TextNotUtf8),
        ("c1 80 00000000", DeflateEmpty),
        ("c1 83 00000000 f248cd", DeflateCutOff),
        ("c1 82 00000000 0300", DeflateEndsWithFinalBlock),
        ("c1 85 00000000 000000ffff", DeflateTailNotRemoved),
    ];
    let limits = row("", "", &[]).limits;
    for (prefix, violation) in EARLY {
        let bytes = hex(prefix);
        let (_, before) = bytes.split_last().unwrap();
        for way in Way::ALL {
            let fails = |bytes: &[u8], cuts: Vec<usize>| {
                let setting = (Start::Open, limits, way);
                let agreed = crate::drive::Deflate::NoContextTakeover;
                let seen = Connection::deflated(agreed, setting).feed(bytes, cuts);
                seen.last() == Some(&Seen::Failed(*violation))
            };
            for cut in 0..before.len() {
                assert!(fails(&bytes, vec![cut]), "{prefix}, {way:?}: not failed");
                assert!(!fails(before, vec![cut]), "{prefix}, {way:?}: failed before");
            }
            assert!(fails(&bytes, (0..bytes.len()).collect()), "{prefix}: not failed by bytes");
        }
    }
}
