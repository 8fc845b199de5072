//! Which frames may be compressed, and what they come to (RFC 7692 §6, §7.2.1, §7.2.3).

use crate::{
    claims::claims,
    drive::Deflate::{ContextTakeover, NoContextTakeover},
    table::{
        Expect::{self, Binary, CloseAnswer, Ping, Pong, Text, TextHex, Unfinished},
        Row, row, run,
    },
};

pub(crate) const ROWS: &[Row] = &[
    // The samples of RFC 7692 §7.2.3.
    alone("7692-7.2.3-01", "c1 87 00000000 f248cdc9c90700", &[Text("Hello")]),
    alone("7692-7.2.3-01", "41 83 00000000 f248cd 80 84 00000000 c9c90700", &[Text("Hello")]),
    taken_over(
        "7692-7.2.3-01",
        "c1 87 00000000 f248cdc9c90700 c1 85 00000000 f200110000",
        &[Text("Hello"), Text("Hello")],
    ),
    alone("7692-7.2.3-01", "c1 8b 00000000 000500faff48656c6c6f00", &[Text("Hello")]),
    alone("7692-7.2.3-01", "c1 88 00000000 f348cdc9c9070000", &[Text("Hello")]),
    alone("7692-7.2.3-01", "c1 8d 00000000 f24805000000ffffcac9c90700", &[Text("Hello")]),
    alone("7692-7.2.2-01", "c1 87 37fa213d c5b2ecf4fefd21", &[Text("Hello")]),
    // §6: data frames only, and only those that say so.
    alone("7692-6-02", "81 85 00000000 48656c6c6f", &[Text("Hello")]),
    alone(
        "7692-6-02",
        "c1 87 00000000 f248cdc9c90700 82 82 00000000 f248 c2 87 00000000 f248cdc9c90700",
        &[Text("Hello"), Binary("f248"), Binary("48656c6c6f")],
    ),
    alone("7692-6.1-05", "c2 87 00000000 f248cdc9c90700", &[Binary("48656c6c6f")]),
    alone("7692-6.1-05", "42 81 00000000 f2 80 86 00000000 48cdc9c90700", &[Binary("48656c6c6f")]),
    alone(
        "7692-6-01",
        "41 83 00000000 f248cd 89 82 00000000 f248 8a 80 00000000 80 84 00000000 c9c90700",
        &[Ping("f248"), Pong(""), Text("Hello")],
    ),
    // The compressed bit of a message says nothing about the next.
    alone(
        "7692-6-02",
        "41 83 00000000 f248cd 80 84 00000000 c9c90700 01 81 00000000 61 80 81 00000000 62",
        &[Text("Hello"), Text("ab")],
    ),
    // Fragments may end anywhere and be empty; every frame has a masking key of its own.
    alone(
        "7692-6.2-01",
        "41 80 00000000 00 81 00000000 f2 00 80 00000000 00 82 00000000 48cd \
         00 84 00000000 c9c90700 80 80 00000000",
        &[Text("Hello")],
    ),
    alone(
        "7692-7.2.1-07",
        "41 83 01020304 f34ace 00 81 ffffffff 36 80 83 10203040 d92730",
        &[Text("Hello")],
    ),
    alone(
        "7692-7.2.3.6-01",
        "41 8c 00000000 f248cdc9c907000000 ffff00 80 80 00000000",
        &[Text("Hello")],
    ),
    // §7.2.3.6: nothing at all.
    alone("7692-7.2.3.6-01", "c1 81 00000000 00", &[Text("")]),
    alone("7692-7.2.3.6-01", "c2 81 00000000 00 c2 81 00000000 00", &[Binary(""), Binary("")]),
    alone(
        "7692-7.2.3.6-01",
        "41 8b 00000000 f248cdc9c907000000ffff 80 81 00000000 00",
        &[Text("Hello")],
    ),
    alone("7692-7.2.3.6-01", "41 80 00000000 80 81 00000000 00", &[Text("")]),
    alone("7692-7.2.3.6-01", "c1 83 00000000 030000", &[Text("")]),
    // Control frames stay as they are.
    alone("7692-6-01", "89 82 00000000 4869 c1 81 00000000 00", &[Ping("4869"), Text("")]),
    // Any kind and number of blocks.
    alone(
        "7692-7.2.1-02",
        "c1 94 00000000 000100feff61 4a0200 0000ffff 000100feff63 00",
        &[Text("abc")],
    ),
    // BFINAL in the middle, at the end, and both, with zeros up to the next byte.
    alone(
        "7692-7.2.1-03",
        "c1 8f 00000000 f348cdc9c90700 f348cdc9c90700 00",
        &[Text("HelloHello")],
    ),
    alone("7692-7.2.1-04", "c1 89 00000000 4b0400 4b0200 4a0600", &[Text("abc")]),
    alone("7692-7.2.1-04", "c1 87 00000000 0300 0300 0300 00", &[Text("")]),
    alone("7692-7.2.1-03", "c1 8b 00000000 010500faff48656c6c6f 00", &[Text("Hello")]),
    // The empty block at the end may be a last one itself: its header is 1 and two zeros.
    alone("7692-7.2.1-03", "c1 8b 00000000 000500faff48656c6c6f 01", &[Text("Hello")]),
    alone("7692-7.2.1-03", "c1 81 00000000 01", &[Text("")]),
    alone("7692-7.2.1-03", "c1 88 00000000 f348cdc9c90700 01", &[Text("Hello")]),
    taken_over(
        "7692-7.2.1-05",
        "c1 8b 00000000 000500faff48656c6c6f 01 c1 85 00000000 f200110000",
        &[Text("Hello"), Text("Hello")],
    ),
    taken_over(
        "7692-7.2.1-05",
        "c1 88 00000000 f348cdc9c9070000 c1 85 00000000 f200110000",
        &[Text("Hello"), Text("Hello")],
    ),
    // UTF-8 is looked for in what comes out.
    alone("7692-6.1-07", "41 88 00000000 000300fcffe282ac 80 81 00000000 00", &[TextHex("e282ac")]),
    alone(
        "7692-6.1-07",
        "41 86 00000000 000100feffe2 00 87 00000000 000200fdff82ac 80 81 00000000 00",
        &[TextHex("e282ac")],
    ),
    alone(
        "7692-6.1-07",
        "41 87 00000000 000400fbff61e2 89 80 00000000 00 82 00000000 82ac 80 81 00000000 00",
        &[Ping(""), TextHex("61e282ac")],
    ),
    // After our own Close nothing is inflated.
    alone("7692-6-02", "c1 82 00000000 ffff 88 82 00000000 03e8", &[CloseAnswer(1000, "")])
        .closing(),
    alone("7692-6-02", "41 82 00000000 ffff 80 80 00000000 41 80", &[Unfinished]).closing(),
    // Not over before it is over.
    alone("7692-6.2-01", "c1 87 00000000 f248cdc9c907", &[Unfinished]),
    alone("7692-6.2-01", "41 87 00000000 f248cdc9c90700", &[Unfinished]),
    alone("7692-6.2-01", "41 80 00000000", &[Unfinished]),
];

/// Messages that stand alone.
pub(crate) const fn alone(id: &'static str, bytes: &'static str, expect: &'static [Expect]) -> Row {
    row(id, bytes, expect).agreed(NoContextTakeover)
}

/// Messages that may refer to earlier ones.
pub(crate) const fn taken_over(
    id: &'static str,
    bytes: &'static str,
    expect: &'static [Expect],
) -> Row {
    row(id, bytes, expect).agreed(ContextTakeover)
}

#[test]
fn s7_2_3_messages() {
    claims!("6455-6.2-05");
    run(ROWS);
}
