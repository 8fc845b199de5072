//! The closing handshake and its codes (RFC 6455 §5.5.1, §7).

use stickler::proto::violation::Violation::{
    CloseBodyTooShort, CloseCodeNotAllowed, CloseReasonNotUtf8, MessageUnfinished, ReservedOpcode,
    UnmaskedFrame,
};

use crate::table::{
    Expect::{Close, CloseAnswer, CloseEmpty, Fail, FailSilently, Ping, Text, Unfinished},
    Row, row, run,
};

pub(crate) const ROWS: &[Row] = &[
    row("6455-5.5.1-01", "88 80 00000000", &[CloseEmpty]),
    row("6455-7.1.5-02", "88 80 37fa213d", &[CloseEmpty]),
    row("6455-5.5.1-02", "88 81 00000000 03", &[Fail(CloseBodyTooShort)]),
    row("6455-5.5.1-02", "88 81 00000000 00", &[Fail(CloseBodyTooShort)]),
    row("6455-5.5.1-03", "88 82 00000000 03e8", &[Close(1000, "")]),
    row("6455-5.5.1-03", "88 82 37fa213d 3412", &[Close(1000, "")]),
    row("6455-5.5.1-04", "88 82 00000000 03e7", &[Fail(CloseCodeNotAllowed)]),
    row("6455-5.5.1-04", "88 82 00000000 e803", &[Fail(CloseCodeNotAllowed)]),
    // The reason is UTF-8, whole, and at most 123 bytes.
    row("6455-7.1.6-01", "88 85 00000000 03e8 627965", &[Close(1000, "bye")]),
    row("6455-7.1.6-01", "88 82 00000000 03e8", &[Close(1000, "")]),
    row("6455-5.5.1-10", "88 85 00000000 03e9 627965", &[Close(1001, "bye")]),
    row("6455-5.5.1-05", "88 8b 00000000 03e8 cebae1bdb9eda08061", &[Fail(CloseReasonNotUtf8)]),
    row("6455-5.5.1-05", "88 83 00000000 03e8 ff", &[Fail(CloseReasonNotUtf8)]),
    row("6455-5.5.1-05", "88 84 00000000 03e8 c080", &[Fail(CloseReasonNotUtf8)]),
    row("6455-5.5.1-05", "88 83 00000000 03e7 ff", &[Fail(CloseCodeNotAllowed)]),
    row("6455-5.5.1-06", "88 84 00000000 03e8 e282", &[Fail(CloseReasonNotUtf8)]),
    row("6455-5.5.1-06", "88 85 00000000 03e8 e282ac", &[Close(1000, "\u{20AC}")]),
    row("6455-5.5.1-06", "88 86 00000000 03e8 f09f9880", &[Close(1000, "\u{1F600}")]),
    row(
        "6455-5.5.1-07",
        "88 fd 00000000 0fa0 61*123",
        &[Close(
            4000,
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
             aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        )],
    ),
    // One Close each way, and nothing is read behind the peer's.
    row("6455-5.5.1-13", "88 82 00000000 03e8 88 82 00000000 03e9", &[Close(1000, "")]),
    row(
        "6455-5.5.1-14",
        "88 82 00000000 03e8 81 81 00000000 61 89 80 00000000 ff*20",
        &[Close(1000, "")],
    ),
    row("6455-5.5.1-14", "88 80 00000000 00", &[CloseEmpty]),
    row("6455-5.5.1-15", "02 81 00000000 61 88 80 00000000", &[CloseEmpty]),
    row("6455-5.5.1-09", "81 81 00000000 61 88 82 00000000 03e8", &[Text("a"), Close(1000, "")]),
    row("6455-5.5.1-09", "88 82 00000000 03", &[Unfinished]),
    // After our own Close.
    row("6455-5.5.1-17", "88 82 00000000 0fa0", &[CloseAnswer(4000, "")]).closing(),
    row("6455-7.1.5-01", "88 85 00000000 0fa0 627965", &[CloseAnswer(4000, "bye")]).closing(),
    row(
        "6455-5.5.1-19",
        "81 81 00000000 61 02 81 00000000 62 89 80 00000000 80 81 00000000 63 \
         82 fe 007e 00000000 61*126 88 82 00000000 03e9",
        &[Ping(""), CloseAnswer(1001, "")],
    )
    .closing(),
    row("6455-5.5.1-19", "01 81 00000000 ff 80 81 00000000 e2", &[]).closing(),
    row("6455-5.5.1-19", "81 83 00000000 61", &[Unfinished]).closing(),
    row("6455-5.5.1-20", "83 80 00000000", &[FailSilently(ReservedOpcode)]).closing(),
    row("6455-5.5.1-20", "81 01 61", &[FailSilently(UnmaskedFrame)]).closing(),
    row("6455-5.5.1-20", "01 81 00000000 61 81 80 00000000", &[FailSilently(MessageUnfinished)])
        .closing(),
    row("6455-5.5.1-20", "88 82 00000000 03ed", &[FailSilently(CloseCodeNotAllowed)]).closing(),
    row("6455-5.5.1-20", "88 84 00000000 03e8 c080", &[FailSilently(CloseReasonNotUtf8)]).closing(),
    // §7.4: codes. All of them are in `spaces`.
    row("6455-7.4.1-1000", "88 82 00000000 03e8", &[Close(1000, "")]),
    row("6455-7.4.1-1001", "88 82 00000000 03e9", &[Close(1001, "")]),
    row("6455-7.4.1-1002", "88 82 00000000 03ea", &[Close(1002, "")]),
    row("6455-7.4.1-1003", "88 82 00000000 03eb", &[Close(1003, "")]),
    row("6455-7.4.1-1004", "88 82 00000000 03ec", &[Fail(CloseCodeNotAllowed)]),
    row("6455-7.4.1-1005", "88 82 00000000 03ed", &[Fail(CloseCodeNotAllowed)]),
    row("6455-7.4.1-1006", "88 82 00000000 03ee", &[Fail(CloseCodeNotAllowed)]),
    row("6455-7.4.1-1007", "88 82 00000000 03ef", &[Close(1007, "")]),
    row("6455-7.4.1-1008", "88 82 00000000 03f0", &[Close(1008, "")]),
    row("6455-7.4.1-1009", "88 82 00000000 03f1", &[Close(1009, "")]),
    row("6455-7.4.1-1010", "88 82 00000000 03f2", &[Close(1010, "")]),
    row("6455-7.4.1-1011", "88 82 00000000 03f3", &[Close(1011, "")]),
    row("6455-7.4.1-1012", "88 82 00000000 03f4", &[Close(1012, "")]),
    row("6455-7.4.1-1013", "88 82 00000000 03f5", &[Close(1013, "")]),
    row("6455-7.4.1-1014", "88 82 00000000 03f6", &[Close(1014, "")]),
    row("6455-7.4.1-1015", "88 82 00000000 03f7", &[Fail(CloseCodeNotAllowed)]),
    row("6455-7.4.2-01", "88 82 00000000 0000", &[Fail(CloseCodeNotAllowed)]),
    row("6455-7.4.2-01", "88 82 00000000 0001", &[Fail(CloseCodeNotAllowed)]),
    row("6455-7.4.2-02", "88 82 00000000 03f8", &[Fail(CloseCodeNotAllowed)]),
    row("6455-7.4.2-02", "88 82 00000000 07d0", &[Fail(CloseCodeNotAllowed)]),
    row("6455-7.4.2-02", "88 82 00000000 0bb7", &[Fail(CloseCodeNotAllowed)]),
    row("6455-7.4.2-03", "88 82 00000000 0bb8", &[Close(3000, "")]),
    row("6455-7.4.2-03", "88 82 00000000 0f9f", &[Close(3999, "")]),
    row("6455-7.4.2-04", "88 82 00000000 0fa0", &[Close(4000, "")]),
    row("6455-7.4.2-04", "88 82 00000000 1387", &[Close(4999, "")]),
    row("6455-7.4.2-05", "88 82 00000000 1388", &[Fail(CloseCodeNotAllowed)]),
    row("6455-7.4.2-05", "88 82 00000000 ffff", &[Fail(CloseCodeNotAllowed)]),
];

#[test]
fn s5_5_1_and_s7_the_closing_handshake() {
    run(ROWS);
}
