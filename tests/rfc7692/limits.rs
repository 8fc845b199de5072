//! Limits of compressed messages (RFC 7692 §8): of what comes out, and of what is on the wire.

use stickler::proto::violation::Violation::{
    DeflateCorrupt, DeflateCutOff, FrameTooBig, LengthNotMinimal, MessageTooBig, TextNotUtf8,
    TooManyFragments,
};

use super::messages::{alone, taken_over};
use crate::table::{
    Expect::{Binary, Fail, FailSilently, Ping, Text},
    Row, run,
};

pub(crate) const ROWS: &[Row] = &[
    // As much as is allowed, and one byte more.
    alone("7692-8-02", "c1 87 00000000 f248cdc9c90700", &[Text("Hello")]).limits(5, 5, 9),
    alone("7692-8-02", "c1 87 00000000 f248cdc9c907", &[Fail(MessageTooBig)]).limits(4, 4, 9),
    alone("7692-8-02", "c1 87 00000000 f248cd", &[Fail(MessageTooBig)]).limits(1, 1, 9),
    alone("7692-8-02", "c1 81 00000000 00", &[Text("")]).limits(0, 0, 9),
    alone("7692-8-02", "c1 87 00000000 f248", &[Fail(MessageTooBig)]).limits(0, 0, 9),
    // Over fragments, and anew with each message.
    alone("7692-8-02", "41 84 00000000 f248cdc9 80 83 00000000 c90700", &[Text("Hello")])
        .limits(5, 5, 9),
    alone(
        "7692-8-02",
        "41 84 00000000 f248cdc9 89 80 00000000 80 83 00000000 c907",
        &[Ping(""), Fail(MessageTooBig)],
    )
    .limits(4, 4, 9),
    taken_over(
        "7692-8-02",
        "c1 87 00000000 f248cdc9c90700 c1 85 00000000 f200110000 81 85 00000000 48656c6c6f",
        &[Text("Hello"), Text("Hello"), Text("Hello")],
    )
    .limits(5, 5, 9),
    // A copy that goes over it: 1 and 258 bytes.
    alone("7692-8-02", "c2 86 00000000 4a4c1cf10000", &[Binary("61*259")]).limits(259, 259, 9),
    alone("7692-8-02", "c2 86 00000000 4a4c1cf10000", &[Fail(MessageTooBig)]).limits(258, 258, 9),
    // What is within the limit is judged before it.
    alone("7692-8-02", "c1 89 00000000 000400fbff61ff", &[Fail(TextNotUtf8)]).limits(2, 2, 9),
    alone("7692-8-02", "c1 89 00000000 000400fbff61ff", &[Fail(MessageTooBig)]).limits(1, 1, 9),
    alone("7692-8-02", "c1 87 00000000 000100feff61 07", &[Fail(DeflateCorrupt)]).limits(1, 1, 9),
    // On the wire there may be twice as much, and a kilobyte: here 2 x 5 + 1024 bytes.
    alone("7692-8-02", "c2 fe 040a 00000000 0300*516 0000", &[Fail(DeflateCutOff)]).limits(5, 5, 9),
    alone("7692-8-02", "c2 fe 0409 00000000 0300*516 00", &[Binary("")]).limits(5, 5, 9),
    alone("7692-8-02", "c2 fe 040b", &[Fail(MessageTooBig)]).limits(5, 5, 9),
    alone("7692-8-02", "c2 ff 00000000 01", &[Fail(MessageTooBig)]).limits(5, 5, 9),
    alone("7692-8-02", "42 fe 0408 00000000 0300*516 80 81 00000000 00", &[Binary("")])
        .limits(5, 5, 9),
    alone("7692-8-02", "42 fe 0408 00000000 0300*516 80 83", &[Fail(MessageTooBig)])
        .limits(5, 5, 9),
    // A plain message gets no more for it.
    alone("7692-8-02", "82 86", &[Fail(MessageTooBig)]).limits(5, 6, 9),
    alone("7692-8-02", "82 86", &[Fail(FrameTooBig)]).limits(5, 5, 9),
    alone("7692-8-02", "02 85 00000000 61*5 80 81", &[Fail(MessageTooBig)]).limits(5, 5, 9),
    // A limit of frames below that of messages holds for what is on the wire.
    alone("7692-8-02", "c1 87 00000000 f248cdc9c90700", &[Text("Hello")]).limits(100, 7, 9),
    alone("7692-8-02", "c1 87", &[Fail(FrameTooBig)]).limits(100, 6, 9),
    alone("7692-8-02", "41 86 00000000 f248cdc9c907 80 81 00000000 00", &[Text("Hello")])
        .limits(100, 6, 9),
    alone("7692-8-02", "41 81 00000000 f2 00 87", &[Fail(FrameTooBig)]).limits(100, 6, 9),
    // Framing outranks limits; fragments are counted alike.
    alone("7692-8-02", "c1 fe 0007", &[Fail(LengthNotMinimal)]).limits(100, 7, 9),
    alone("7692-8-02", "41 81 00000000 f2 00 81 00000000 48 00 85", &[Fail(TooManyFragments)])
        .limits(100, 100, 2),
    alone(
        "7692-8-02",
        "41 81 00000000 f2 00 86 00000000 48cdc9c90700 80 80 00000000",
        &[Text("Hello")],
    )
    .limits(100, 100, 2),
    alone("7692-8-02", "c2 fe 040b", &[FailSilently(MessageTooBig)]).limits(5, 5, 9).closing(),
];

#[test]
fn s8_limits() {
    run(ROWS);
}
