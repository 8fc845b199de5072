//! Base framing and masking (RFC 6455 §5.1 to §5.3, §5.7).

use stickler::proto::violation::Violation::{
    FrameTooBig, LengthHighBit, LengthNotMinimal, NothingToContinue, ReservedBit, ReservedOpcode,
    UnmaskedFrame,
};

use crate::table::{
    Expect::{Binary, CloseEmpty, Fail, Ping, Pong, Text, TextHex, Unfinished},
    Row, row, run,
};

pub(crate) const ROWS: &[Row] = &[
    // §5.1: frames from a client are masked, whatever they carry.
    row("6455-5.1-01", "81 05 48656c6c6f", &[Fail(UnmaskedFrame)]),
    row("6455-5.1-02", "82 01 61", &[Fail(UnmaskedFrame)]),
    row("6455-5.1-01", "82 00", &[Fail(UnmaskedFrame)]),
    row("6455-5.1-01", "81 7e 0100", &[Fail(UnmaskedFrame)]),
    row("6455-5.1-03", "89 00", &[Fail(UnmaskedFrame)]),
    row("6455-5.1-03", "88 00", &[Fail(UnmaskedFrame)]),
    row("6455-5.1-03", "8a 00", &[Fail(UnmaskedFrame)]),
    row("6455-5.1-03", "81 00", &[Fail(UnmaskedFrame)]),
    row("6455-5.5.1-21", "88 02 03e8", &[Fail(UnmaskedFrame)]),
    row("6455-10.3-01", "01 80 00000000 80 01 61", &[Fail(UnmaskedFrame)]),
    row("6455-5.1-01", "89 7e 0005", &[Fail(UnmaskedFrame)]),
    // §5.2: reserved bits.
    row("6455-5.2-01", "c1 85 37fa213d 7f9f4d5158", &[Fail(ReservedBit)]),
    row("6455-5.2-02", "a1 85 37fa213d 7f9f4d5158", &[Fail(ReservedBit)]),
    row("6455-5.2-03", "91 85 37fa213d 7f9f4d5158", &[Fail(ReservedBit)]),
    row("6455-5.8-01", "c1 80 00000000", &[Fail(ReservedBit)]),
    row("6455-5.2-04", "c9 80 00000000", &[Fail(ReservedBit)]),
    row("6455-5.2-04", "a8 80 00000000", &[Fail(ReservedBit)]),
    row("6455-5.2-04", "9a 80 00000000", &[Fail(ReservedBit)]),
    row("6455-5.2-01", "01 81 00000000 61 c0 81 00000000 61", &[Fail(ReservedBit)]),
    row("6455-5.2-18", "f3 00", &[Fail(ReservedBit)]),
    // §5.2: reserved opcodes.
    row("6455-5.2-05", "83 80 00000000", &[Fail(ReservedOpcode)]),
    row("6455-5.2-05", "84 80 00000000", &[Fail(ReservedOpcode)]),
    row("6455-5.2-05", "85 80 00000000", &[Fail(ReservedOpcode)]),
    row("6455-5.2-05", "86 80 00000000", &[Fail(ReservedOpcode)]),
    row("6455-5.2-05", "87 80 00000000", &[Fail(ReservedOpcode)]),
    row("6455-5.2-06", "8b 80 00000000", &[Fail(ReservedOpcode)]),
    row("6455-5.2-06", "8c 80 00000000", &[Fail(ReservedOpcode)]),
    row("6455-5.2-06", "8d 80 00000000", &[Fail(ReservedOpcode)]),
    row("6455-5.2-06", "8e 80 00000000", &[Fail(ReservedOpcode)]),
    row("6455-5.2-06", "8f 80 00000000", &[Fail(ReservedOpcode)]),
    row("6455-5.8-01", "03 80 00000000", &[Fail(ReservedOpcode)]),
    row("6455-5.2-18", "83 ff 7fffffffffffffff 00000000", &[Fail(ReservedOpcode)]),
    // What came before the fault is delivered and answered.
    row(
        "6455-5.2-07",
        "81 82 00000000 6869 89 81 00000000 2a 83 80 00000000",
        &[Text("hi"), Ping("2a"), Fail(ReservedOpcode)],
    ),
    row("6455-10.7-01", "82 81 00000000 01 c1 80", &[Binary("01"), Fail(ReservedBit)]),
    // §7.1.7: after the fault nothing is read.
    row(
        "6455-7.1.7-04",
        "81 00 81 82 00000000 6869 89 80 00000000 88 80 00000000 ff*40",
        &[Fail(UnmaskedFrame)],
    ),
    row("6455-7.1.7-04", "80 80 00000000 88 82 00000000 03e8", &[Fail(NothingToContinue)]),
    // §5.2: the length takes its shortest form, in network byte order.
    row("6455-5.2-11", "82 fe 007d 00000000 61*125", &[Fail(LengthNotMinimal)]),
    row("6455-5.2-11", "82 fe 0000 00000000", &[Fail(LengthNotMinimal)]),
    row("6455-5.2-12", "82 ff 000000000000ffff 00000000", &[Fail(LengthNotMinimal)]),
    row("6455-5.2-12", "82 ff 0000000000000000 00000000", &[Fail(LengthNotMinimal)]),
    row("6455-5.2-12", "81 ff 000000000000007e 00000000", &[Fail(LengthNotMinimal)]),
    row("6455-5.2-13", "82 ff 8000000000000000 00000000", &[Fail(LengthHighBit)]),
    row("6455-5.2-13", "82 ff ffffffffffffffff 00000000", &[Fail(LengthHighBit)]),
    row("6455-5.2-13", "82 ff 800000000000007d 00000000", &[Fail(LengthHighBit)]),
    row("6455-5.2-15", "82 ff 7fffffffffffffff 00000000", &[Fail(FrameTooBig)]),
    row("6455-5.2-15", "82 ff 0000000100000005 00000000", &[Fail(FrameTooBig)]),
    row("6455-5.2-14", "82 fe 0100 00000000 61*256", &[Binary("61*256")]),
    row("6455-5.2-14", "82 fe 0102 00000000 61*258", &[Binary("61*258")]),
    row("6455-5.2-08", "82 fd 00000000 61*125", &[Binary("61*125")]),
    row("6455-5.2-09", "82 fe 007e 00000000 61*126", &[Binary("61*126")]),
    row("6455-5.2-09", "82 fe 007f 00000000 61*127", &[Binary("61*127")]),
    row("6455-5.2-09", "81 fe ffff 00000000 61*65535", &[TextHex("61*65535")]),
    row("6455-5.2-10", "82 ff 0000000000010000 00000000 61*65536", &[Binary("61*65536")]),
    // §5.2: everything behind the header is application data.
    row("6455-5.2-19", "82 84 00000000 00010203", &[Binary("00010203")]),
    row("6455-5.2-20", "81 80 deadbeef 81 81 00000000 61", &[Text(""), Text("a")]),
    row("6455-5.2-20", "82 80 deadbeef", &[Binary("")]),
    // §5.3: masking.
    row("6455-5.3-01", "81 85 37fa213d 7f9f4d5158", &[Text("Hello")]),
    row("6455-5.3-02", "81 87 37fa213d 7f9f4d5158db56", &[Text("Hello!w")]),
    row("6455-5.3-02", "01 83 37fa213d 7f9f4d 80 82 01020304 6d6d", &[Text("Hello")]),
    row("6455-5.3-03", "81 85 37fa213d 7f9f4d5158 89 80 00000000", &[Text("Hello"), Ping("")]),
    row("6455-5.3-04", "81 85 00000000 48656c6c6f", &[Text("Hello")]),
    row("6455-5.3-04", "82 84 ffffffff ff00ff00", &[Binary("00ff00ff")]),
    row("6455-5.3-05", "81 81 37fa213d 56 81 81 37fa213d 55", &[Text("a"), Text("b")]),
    row("6455-6.2-03", "82 89 01020304 010203040102030401", &[Binary("00*9")]),
    // §5.7: the examples.
    row("6455-5.7-01", "81 85 37fa213d 7f9f4d5158", &[Text("Hello")]),
    row("6455-5.7-01", "01 83 00000000 48656c 80 82 00000000 6c6f", &[Text("Hello")]),
    row("6455-5.7-01", "89 85 37fa213d 7f9f4d5158", &[Ping("48656c6c6f")]),
    row("6455-5.7-01", "8a 85 37fa213d 7f9f4d5158", &[Pong("48656c6c6f")]),
    row("6455-5.7-01", "01 03 48656c", &[Fail(UnmaskedFrame)]),
    row("6455-5.7-01", "82 fe 0100 37fa213d 37fa213d*64", &[Binary("00*256")]),
    row("6455-5.7-01", "82 ff 0000000000010000 37fa213d 37fa213d*16384", &[Binary("00*65536")]),
    // Half a frame is no fault.
    row("6455-5.2-16", "", &[]),
    row("6455-5.2-16", "81", &[Unfinished]),
    row("6455-5.2-16", "82 fe 01", &[Unfinished]),
    row("6455-5.2-16", "82 ff 00000000000100", &[Unfinished]),
    row("6455-5.2-16", "81 80 0000", &[Unfinished]),
    row("6455-5.2-16", "81 82 00000000 61", &[Unfinished]),
    row("6455-5.2-16", "81 81 00000000 61 81 85 00000000 6161", &[Text("a"), Unfinished]),
    // §5.6, §6.2: empty messages, and one message after the other.
    row(
        "6455-6.2-02",
        "81 81 00000000 61 82 81 00000000 62 88 80 00000000",
        &[Text("a"), Binary("62"), CloseEmpty],
    ),
];

#[test]
fn s5_1_to_s5_3_frames_and_masking() {
    run(ROWS);
}
