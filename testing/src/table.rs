//! Rows of bytes from a client and what is to be seen of them, and the runner that feeds each
//! row whole, byte by byte and cut at every position, in every way of receiving.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use stickler::proto::{assembler::MessageLimits, violation::Violation};

use super::{
    claims::claims,
    drive::{Connection, Deflate, Seen, Start, Way},
    hex::hex,
    twin,
};

/// Bytes from a client and what comes of them.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The catalogue's id.
    pub id: &'static str,
    /// In hex, spaced by field; `61*125` repeats.
    pub bytes: &'static str,
    pub expect: &'static [Expect],
    pub limits: MessageLimits,
    pub start: Start,
    pub agreed: Deflate,
}

/// What is to be seen; bytes in hex.
#[derive(Clone, Copy, Debug)]
pub enum Expect {
    Text(&'static str),
    /// Text, as the hex of its UTF-8.
    TextHex(&'static str),
    Binary(&'static str),
    /// A Ping and its answer.
    Ping(&'static str),
    Pong(&'static str),
    /// A Close that is answered with its own code.
    Close(u16, &'static str),
    /// A Close without a code, answered alike.
    CloseEmpty,
    /// A Close that answers ours.
    CloseAnswer(u16, &'static str),
    /// A Close with the code and reason of the rule, and the end.
    Fail(Violation),
    /// The end; a Close had been sent.
    FailSilently(Violation),
    /// The bytes end inside a frame or a message.
    Unfinished,
}

pub const fn row(id: &'static str, bytes: &'static str, expect: &'static [Expect]) -> Row {
    let limits =
        MessageLimits::new().max_message_size(1 << 20).max_frame_size(1 << 20).max_fragments(1000);
    Row { id, bytes, expect, limits, start: Start::Open, agreed: Deflate::NotAgreed }
}

impl Row {
    /// After the server's own Close.
    pub const fn closing(self) -> Row {
        Row { start: Start::Closing, ..self }
    }

    /// With this agreed about compression.
    pub const fn agreed(self, agreed: Deflate) -> Row {
        Row { agreed, ..self }
    }

    pub const fn limits(self, message: usize, frame: usize, fragments: u32) -> Row {
        let limits = MessageLimits::new()
            .max_message_size(message)
            .max_frame_size(frame)
            .max_fragments(fragments);
        Row { limits, ..self }
    }
}

/// Runs rows through every way of feeding them; all of them, also when one fails.
pub fn run(rows: &[Row]) {
    each(rows, |row| {
        claims!(row.id);
        let bytes = hex(row.bytes);
        let expect: Vec<Seen> = row.expect.iter().flat_map(expand).collect();
        let twin = twin::deflated(row.agreed, row.start, row.limits, &bytes);
        assert_eq!(twin, expect, "the twin, {row:?}");
        for way in Way::ALL {
            let feed = |cuts: &mut dyn Iterator<Item = usize>| {
                let setting = (row.start, row.limits, way);
                Connection::deflated(row.agreed, setting).feed(&bytes, cuts)
            };
            assert_eq!(feed(&mut std::iter::empty()), expect, "{way:?}, {row:?}");
            assert_eq!(feed(&mut (0..bytes.len())), expect, "{way:?}, byte by byte, {row:?}");
            for cut in cuts(bytes.len()) {
                let seen = feed(&mut std::iter::once(cut));
                assert_eq!(seen, expect, "{way:?}, cut at {cut}, {row:?}");
            }
        }
    });
}

/// Tries every row, and fails in the end if one did: a broken rule shows in all its rows.
pub fn each<R: Debug>(rows: &[R], test: impl Fn(&R)) {
    let fails = |row: &&R| catch_unwind(AssertUnwindSafe(|| test(row))).is_err();
    let failed: Vec<&R> = rows.iter().filter(fails).collect();
    assert!(failed.is_empty(), "{} of {} rows fail", failed.len(), rows.len());
}

/// Every position; in long rows those near an end, and some of the others.
fn cuts(len: usize) -> impl Iterator<Item = usize> {
    (0..=len).filter(move |cut| len < 500 || *cut < 40 || len - cut < 20 || cut % 9973 == 0)
}

/// Every prefix whose last byte proves the violation, and no prefix before it.
pub fn run_early(rows: &[(&str, &str, Violation)]) {
    each(rows, |&(id, prefix, violation)| {
        claims!(id);
        let limits = row("", "", &[]).limits;
        let bytes = hex(prefix);
        for way in Way::ALL {
            let feed = |bytes: &[u8], cuts: &mut dyn Iterator<Item = usize>| {
                let seen = Connection::transcript((Start::Open, limits, way), bytes, cuts);
                seen.last() == Some(&Seen::Failed(violation))
            };
            let (_, before) = bytes.split_last().unwrap();
            for cut in 0..before.len() {
                assert!(feed(&bytes, &mut std::iter::once(cut)), "{id} {prefix}: not failed");
                assert!(!feed(before, &mut std::iter::once(cut)), "{id} {prefix}: failed before");
            }
            assert!(feed(&bytes, &mut (0..bytes.len())), "{id} {prefix}: not failed by bytes");
            assert!(!feed(before, &mut (0..before.len())), "{id} {prefix}: failed before");
        }
    });
}

fn expand(expect: &Expect) -> Vec<Seen> {
    match *expect {
        Expect::Text(text) => vec![Seen::Text(text.to_owned())],
        Expect::TextHex(text) => vec![Seen::Text(String::from_utf8(hex(text)).unwrap())],
        Expect::Binary(payload) => vec![Seen::Binary(hex(payload))],
        Expect::Ping(payload) => {
            let payload = hex(payload);
            vec![Seen::Ping(payload.clone()), Seen::Sent(server_frame(0x8A, &payload))]
        }
        Expect::Pong(payload) => vec![Seen::Pong(hex(payload))],
        Expect::Close(code, reason) => vec![
            Seen::Close(Some(code), reason.to_owned()),
            Seen::Sent(server_frame(0x88, &code.to_be_bytes())),
        ],
        Expect::CloseEmpty => {
            vec![Seen::Close(None, String::new()), Seen::Sent(server_frame(0x88, &[]))]
        }
        Expect::CloseAnswer(code, reason) => vec![Seen::Close(Some(code), reason.to_owned())],
        Expect::Fail(violation) => {
            let code = violation.close_code().get().to_be_bytes();
            let body = [&code, violation.reason().as_bytes()].concat();
            vec![Seen::Sent(server_frame(0x88, &body)), Seen::Failed(violation)]
        }
        Expect::FailSilently(violation) => vec![Seen::Failed(violation)],
        Expect::Unfinished => vec![Seen::Unfinished],
    }
}

/// A control frame as the server sends it.
pub fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(payload.len()).unwrap()], payload].concat()
}
