//! Limits (RFC 6455 §10.4): inclusive, decided from the header, outranked by framing.

use stickler::proto::violation::Violation::{
    FrameTooBig, LengthHighBit, LengthNotMinimal, MessageTooBig, MessageUnfinished,
    TooManyFragments, UnmaskedFrame,
};

use crate::{
    claims::claims,
    drive::{Connection, Seen, Start, Way},
    hex::hex,
    table::{
        Expect::{Binary, CloseAnswer, Fail, FailSilently, Ping, Pong, Text, Unfinished},
        Row, row, run,
    },
};

pub(crate) const ROWS: &[Row] = &[
    // The size of a frame.
    row("6455-10.4-05", "82 85 00000000 61*5", &[Binary("61*5")]).limits(100, 5, 9),
    row("6455-10.4-02", "82 86 00000000", &[Fail(FrameTooBig)]).limits(100, 5, 9),
    row("6455-10.4-02", "02 80 00000000 80 86", &[Fail(FrameTooBig)]).limits(100, 5, 9),
    row("6455-10.4-02", "82 fe 012d 00000000", &[Fail(FrameTooBig)]).limits(1000, 300, 9),
    row("6455-10.4-05", "82 fe 012c 00000000 61*300", &[Binary("61*300")]).limits(1000, 300, 9),
    row("6455-10.4-01", "82 ff 1000000000000000", &[Fail(FrameTooBig)]),
    row("6455-10.4-01", "82 ff 0000000000100001", &[Fail(FrameTooBig)]),
    // The size of a message, the sum over its frames.
    row("6455-10.4-05", "82 87 00000000 61*7", &[Binary("61*7")]).limits(7, 100, 9),
    row("6455-10.4-03", "82 88 00000000", &[Fail(MessageTooBig)]).limits(7, 100, 9),
    row(
        "6455-10.4-05",
        "01 83 00000000 61*3 00 83 00000000 61*3 80 81 00000000 61",
        &[Text("aaaaaaa")],
    )
    .limits(7, 100, 9),
    row("6455-10.4-03", "01 83 00000000 61*3 00 83 00000000 61*3 80 82", &[Fail(MessageTooBig)])
        .limits(7, 100, 9),
    row("6455-10.4-03", "01 87 00000000 61*7 80 81", &[Fail(MessageTooBig)]).limits(7, 7, 9),
    row("6455-10.4-03", "02 81 00000000 61 00 ff 7fffffffffffffff", &[Fail(MessageTooBig)]).limits(
        usize::MAX >> 1,
        usize::MAX,
        9,
    ),
    row("6455-10.4-05", "01 87 00000000 61*7 80 80 00000000", &[Text("aaaaaaa")]).limits(7, 7, 9),
    // The sum begins anew with each message.
    row(
        "6455-10.4-03",
        "82 87 00000000 61*7 02 87 00000000 61*7 80 80 00000000 82 87 00000000 61*7",
        &[Binary("61*7"), Binary("61*7"), Binary("61*7")],
    )
    .limits(7, 7, 2),
    row("6455-10.4-05", "82 80 00000000", &[Binary("")]).limits(0, 0, 1),
    row("6455-10.4-02", "82 81", &[Fail(FrameTooBig)]).limits(0, 0, 1),
    // The number of fragments, the first and the last included.
    row("6455-10.4-04", "01 80 00000000 00 80 00000000 80 80 00000000", &[Text("")])
        .limits(100, 100, 3),
    row(
        "6455-10.4-04",
        "01 80 00000000 00 80 00000000 00 80 00000000 80 81",
        &[Fail(TooManyFragments)],
    )
    .limits(100, 100, 3),
    row("6455-10.4-04", "01 80 00000000 00 80", &[Fail(TooManyFragments)]).limits(100, 100, 1),
    // An empty last fragment does not count when the others carried something.
    row("6455-10.4-04", "01 81 00000000 61 00 81 00000000 61 80 80 00000000", &[Text("aa")])
        .limits(100, 100, 2),
    row("6455-10.4-04", "01 80 00000000 00 81 00000000 61 80 80", &[Fail(TooManyFragments)])
        .limits(100, 100, 2),
    row("6455-10.4-04", "01 80 00000000 00 80 00000000 80 80", &[Fail(TooManyFragments)])
        .limits(100, 100, 2),
    row("6455-10.4-04", "01 80 00000000 00 81 00000000 61 00 80", &[Fail(TooManyFragments)])
        .limits(100, 100, 2),
    row("6455-10.4-04", "81 80 00000000 82 80 00000000", &[Text(""), Binary("")]).limits(9, 9, 1),
    row(
        "6455-10.4-04",
        "02 80 00000000 89 80 00000000 8a 80 00000000 89 80 00000000 80 80 00000000",
        &[Ping(""), Pong(""), Ping(""), Binary("")],
    )
    .limits(100, 100, 2),
    row(
        "6455-10.4-04",
        "02 80 00000000 80 80 00000000 02 80 00000000 80 80 00000000",
        &[Binary(""), Binary("")],
    )
    .limits(100, 100, 2),
    row("6455-10.4-04", "02 80 00000000 00 fe 00", &[Unfinished]).limits(1000, 1000, 1),
    // Every fault of framing outranks a limit; of two limits the tighter is named.
    row("6455-5.2-18", "82 06", &[Fail(UnmaskedFrame)]).limits(100, 5, 9),
    row("6455-5.2-18", "82 fe 0006", &[Fail(LengthNotMinimal)]).limits(5, 5, 9),
    row("6455-5.2-18", "82 ff 000000000000fffe", &[Fail(LengthNotMinimal)]).limits(5, 5, 9),
    row("6455-5.2-13", "82 ff 8000000000000000", &[Fail(LengthHighBit)]).limits(5, 5, 9),
    row("6455-5.2-18", "01 80 00000000 02 86", &[Fail(MessageUnfinished)]).limits(5, 5, 1),
    row("6455-5.2-18", "01 80 00000000 80 fe 0005", &[Fail(LengthNotMinimal)]).limits(500, 500, 1),
    row("6455-10.4-02", "82 fe 03ff", &[Fail(MessageTooBig)]).limits(500, 1000, 9),
    row("6455-10.4-02", "01 80 00000000 80 86", &[Fail(FrameTooBig)]).limits(5, 5, 1),
    row("6455-10.4-03", "02 81 00000000 61 80 ff 0000000001ffffff", &[Fail(MessageTooBig)]).limits(
        16 << 20,
        16 << 20,
        9,
    ),
    // Control frames are not part of a message.
    row(
        "6455-10.4-02",
        "02 85 00000000 61*5 89 fd 00000000 62*125 80 80 00000000",
        &[Ping("62*125"), Binary("61*5")],
    )
    .limits(5, 5, 2),
    // They bind also after our own Close.
    row("6455-10.4-02", "82 86", &[FailSilently(FrameTooBig)]).limits(5, 5, 2).closing(),
    row("6455-10.4-04", "02 80 00000000 00 80 00000000 80 81", &[FailSilently(TooManyFragments)])
        .limits(5, 5, 2)
        .closing(),
    row(
        "6455-10.4-05",
        "02 83 00000000 61*3 80 82 00000000 61*2 82 85 00000000 61*5 88 82 00000000 03e8",
        &[CloseAnswer(1000, "")],
    )
    .limits(5, 5, 2)
    .closing(),
];

#[test]
fn s10_4_limits() {
    run(ROWS);
}

#[test]
fn s10_4_a_limit_is_known_at_the_first_byte_of_the_length_that_proves_it() {
    claims!("6455-5.2-15", "6455-10.4-01", "6455-10.4-02", "6455-10.4-03");
    let limits = row("", "", &[]).limits(70_000, 70_000, 2).limits;
    for (prefix, violation) in [
        ("82 ff 01", FrameTooBig),
        ("82 ff 00000000000112", FrameTooBig),
        ("82 ff 0000000000011171", FrameTooBig),
        ("02 fe fff0 00000000 61*65520 80 fe 12", MessageTooBig),
        ("02 fe fff0 00000000 61*65520 80 fe 1181", MessageTooBig),
        ("02 80 00000000 00 80 00000000 80 81", TooManyFragments),
        ("02 80 00000000 00 80 00000000 80 fe 007e", TooManyFragments),
    ] {
        let bytes = hex(prefix);
        let (_, before) = bytes.split_last().unwrap();
        for way in Way::ALL {
            let last = |bytes: &[u8], cuts: &[usize]| {
                let setting = (Start::Open, limits, way);
                Connection::transcript(setting, bytes, cuts.iter().copied()).pop()
            };
            let every: Vec<usize> = (0..before.len()).collect();
            for cuts in [&[][..], &[1], &every] {
                assert_eq!(last(&bytes, cuts), Some(Seen::Failed(violation)), "{prefix}");
                assert_eq!(last(before, cuts), Some(Seen::Unfinished), "{prefix}");
            }
        }
    }
}

/// Memory grows with what arrives, never with a length that is only promised.
#[test]
fn s10_4_a_promised_length_allocates_nothing() {
    claims!("6455-10.4-01");
    use stickler::proto::inbound::Inbound;
    let limits = row("", "", &[]).limits(1 << 40, 1 << 40, 2).limits;
    let mut inbound = Inbound::new();
    let mut header = hex("82 ff 000000ffffffffff 00000000 61");
    let delivery = stickler::proto::event::Delivery::Message;
    let step = inbound.receive(&mut header, delivery, &limits);
    assert_eq!(step.unwrap().event, None);
    let (buffer, room) = inbound.take_direct(1).unwrap();
    assert_eq!((buffer.len(), room), (1, 0xFF_FFFF_FFFE));
    assert!(buffer.capacity() < 4096, "{}", buffer.capacity());
}

/// As many fragments as the default allows, and one more.
#[test]
fn s10_4_default_limits_let_65536_fragments_through() {
    claims!("6455-10.4-04");
    let limits = stickler::proto::assembler::MessageLimits::default();
    let fragments = |middle: usize| {
        let mut bytes = hex("02 81 00000000 61");
        bytes.extend(hex("00 81 00000000 61").repeat(middle));
        bytes.extend(hex("80 81 00000000 61"));
        bytes
    };
    let last =
        |bytes: &[u8]| Connection::transcript((Start::Open, limits, Way::Whole), bytes, []).pop();
    assert_eq!(last(&fragments(65_534)), Some(Seen::Binary(vec![0x61; 65_536])));
    assert_eq!(last(&fragments(65_535)), Some(Seen::Failed(TooManyFragments)));
}
