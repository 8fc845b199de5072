//! Control frames, Ping and Pong (RFC 6455 §5.5, §5.5.2, §5.5.3).

use stickler::proto::violation::Violation::{ControlTooLong, ReservedBit};

use crate::table::{
    Expect::{Close, CloseAnswer, Fail, Ping, Pong, Text},
    Row, row, run,
};

pub(crate) const ROWS: &[Row] = &[
    row("6455-5.5-01", "89 fe 007e 00000000 61*126", &[Fail(ControlTooLong)]),
    row("6455-5.5-01", "8a fe 007e 00000000 61*126", &[Fail(ControlTooLong)]),
    row("6455-5.5-01", "88 fe 007e 00000000 03e8 61*124", &[Fail(ControlTooLong)]),
    row("6455-5.5.1-07", "88 fe 007e 00000000 03e8 61*124", &[Fail(ControlTooLong)]),
    row("6455-5.5-02", "89 fd 00000000 61*125", &[Ping("61*125")]),
    row("6455-5.5-02", "8a fd 00000000 61*125", &[Pong("61*125")]),
    row("6455-5.5-03", "89 fe 0005 00000000 61*5", &[Fail(ControlTooLong)]),
    row("6455-5.5-03", "88 ff 0000000000000002 00000000 03e8", &[Fail(ControlTooLong)]),
    row("6455-5.5-03", "8a ff 8000000000000000", &[Fail(ControlTooLong)]),
    row("6455-5.5.3-05", "8a fe 007e 00000000 61*126", &[Fail(ControlTooLong)]),
    row("6455-5.2-18", "c9 fe 007e", &[Fail(ReservedBit)]),
    row("6455-5.5.2-01", "89 85 37fa213d 7f9f4d5158", &[Ping("48656c6c6f")]),
    row("6455-5.5.2-01", "89 80 37fa213d", &[Ping("")]),
    // The duty lasts until a Close is received, not until ours is sent.
    row(
        "6455-5.5.2-02",
        "89 81 00000000 2a 89 80 00000000 88 82 00000000 03e9 89 80 00000000",
        &[Ping("2a"), Ping(""), CloseAnswer(1001, "")],
    )
    .closing(),
    row("6455-5.5.2-04", "88 82 00000000 03e8 89 81 00000000 2a", &[Close(1000, "")]),
    row("6455-5.5.2-06", "89 84 00000000 00fffefd", &[Ping("00fffefd")]),
    row("6455-5.5.3-01", "89 83 01020304 010203", &[Ping("000000")]),
    row(
        "6455-5.5.3-02",
        "89 81 00000000 30 89 81 00000000 31 89 81 00000000 32 89 81 00000000 33 \
         89 81 00000000 34 89 81 00000000 35 89 81 00000000 36 89 81 00000000 37 \
         89 81 00000000 38 89 81 00000000 39",
        &[
            Ping("30"),
            Ping("31"),
            Ping("32"),
            Ping("33"),
            Ping("34"),
            Ping("35"),
            Ping("36"),
            Ping("37"),
            Ping("38"),
            Ping("39"),
        ],
    ),
    row(
        "6455-5.5.3-03",
        "8a 80 00000000 8a 85 00000000 48656c6c6f",
        &[Pong(""), Pong("48656c6c6f")],
    ),
    row("6455-5.5.3-04", "8a 82 00000000 ffff 81 81 00000000 61", &[Pong("ffff"), Text("a")]),
];

#[test]
fn s5_5_control_frames() {
    run(ROWS);
}
