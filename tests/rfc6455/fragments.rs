//! Fragmentation (RFC 6455 §5.4, §6.2).

use stickler::proto::violation::Violation::{
    ControlFragmented, MessageUnfinished, NothingToContinue,
};

use crate::claims::claims;
use crate::table::{
    Expect::{Binary, Close, Fail, Ping, Pong, Text, Unfinished},
    Row, row, run,
};

pub(crate) const ROWS: &[Row] = &[
    row("6455-5.4-01", "01 81 00000000 61 00 81 00000000 62 80 81 00000000 63", &[Text("abc")]),
    row("6455-5.4-02", "01 80 00000000 00 80 00000000 80 80 00000000", &[Text("")]),
    row("6455-5.4-02", "02 80 00000000 80 80 00000000", &[Binary("")]),
    row("6455-5.4-02", "01 80 00000000 80 82 00000000 6869", &[Text("hi")]),
    row("6455-5.4-02", "01 82 00000000 6869 80 80 00000000", &[Text("hi")]),
    row(
        "6455-5.4-02",
        "02 80 00000000 00 81 00000000 01 00 80 00000000 80 81 00000000 02",
        &[Binary("0102")],
    ),
    row(
        "6455-5.4-03",
        "01 81 00000000 61 89 82 00000000 7071 80 81 00000000 62",
        &[Ping("7071"), Text("ab")],
    ),
    row(
        "6455-5.4-03",
        "01 81 00000000 61 8a 80 00000000 89 80 00000000 00 80 00000000 89 fd 00000000 2a*125 \
         80 81 00000000 62",
        &[Pong(""), Ping(""), Ping("2a*125"), Text("ab")],
    ),
    row("6455-5.4-04", "09 80 00000000", &[Fail(ControlFragmented)]),
    row("6455-5.4-04", "0a 80 00000000", &[Fail(ControlFragmented)]),
    row("6455-5.4-04", "08 82 00000000 03e8", &[Fail(ControlFragmented)]),
    row("6455-5.4-04", "01 81 00000000 61 09 80 00000000", &[Fail(ControlFragmented)]),
    row("6455-5.5.3-05", "0a 80 00000000 8a 80 00000000", &[Fail(ControlFragmented)]),
    row("6455-5.4-05", "80 85 00000000 61*5", &[Fail(NothingToContinue)]),
    row("6455-5.4-05", "00 85 00000000 61*5", &[Fail(NothingToContinue)]),
    row("6455-5.4-05", "80 80 00000000", &[Fail(NothingToContinue)]),
    row(
        "6455-5.4-05",
        "81 81 00000000 61 80 81 00000000 62",
        &[Text("a"), Fail(NothingToContinue)],
    ),
    row(
        "6455-5.4-05",
        "01 81 00000000 61 80 81 00000000 62 00 81 00000000 63",
        &[Text("ab"), Fail(NothingToContinue)],
    ),
    row("6455-5.4-05", "89 80 00000000 00 80 00000000", &[Ping(""), Fail(NothingToContinue)]),
    row("6455-5.4-06", "01 81 00000000 61 81 81 00000000 62", &[Fail(MessageUnfinished)]),
    row("6455-5.4-06", "01 81 00000000 61 02 81 00000000 62", &[Fail(MessageUnfinished)]),
    row("6455-5.4-06", "02 80 00000000 82 80 00000000", &[Fail(MessageUnfinished)]),
    row("6455-5.4-06", "01 80 00000000 00 80 00000000 01 80 00000000", &[Fail(MessageUnfinished)]),
    row("6455-5.4-07", "02 81 00000000 ff 80 82 00000000 fffe", &[Binary("fffffe")]),
    row(
        "6455-5.4-08",
        "02 82 00000000 0102 00 82 00000000 0304 80 82 00000000 0506",
        &[Binary("010203040506")],
    ),
    row("6455-5.4-09", "81 83 00000000 616263", &[Text("abc")]),
    row(
        "6455-5.4-13",
        "02 fe 007e 00000000 61*126 00 81 00000000 62 80 ff 0000000000010000 00000000 63*65536",
        &[Binary("61*126 62 63*65536")],
    ),
    row("6455-6.2-04", "01 81 00000000 61 00 81 00000000 62", &[Unfinished]),
    row("6455-6.2-04", "01 81 00000000 61 89 80 00000000", &[Ping(""), Unfinished]),
    row(
        "6455-6.2-01",
        "01 81 00000000 61 80 80 00000000 02 80 00000000 80 81 00000000 01 89 80 00000000",
        &[Text("a"), Binary("01"), Ping("")],
    ),
    row("6455-5.5.1-15", "01 81 00000000 61 88 82 00000000 03e8", &[Close(1000, "")]),
];

#[test]
fn s5_4_fragments() {
    run(ROWS);
}

#[test]
fn s5_4_a_message_in_any_two_fragments_is_the_same_message() {
    claims!("6455-5.4-09");
    use crate::{
        drive::{Connection, Seen, Start, Way},
        table::row,
    };
    let text = "a\u{E9}\u{20AC}\u{1F600}\u{FEFF}z";
    let limits = row("", "", &[]).limits;
    for cut in 0..=text.len() {
        let (first, second) = text.as_bytes().split_at(cut);
        let frame = |head: u8, payload: &[u8]| {
            [&[head, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
        };
        let bytes = [frame(0x01, first), frame(0x89, b"p"), frame(0x80, second)].concat();
        for way in Way::ALL {
            let seen = Connection::transcript((Start::Open, limits, way), &bytes, 0..bytes.len());
            assert_eq!(seen.last(), Some(&Seen::Text(text.to_owned())), "{way:?} at {cut}");
        }
    }
}
