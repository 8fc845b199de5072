//! Places where a fault is easily overlooked: behind good frames, after good rounds, inside a
//! fragmented message. The rows that are built here are the same wherever the fault stands.

use super::super::frame::{Event, binary, join, masked, ping, text};
use super::{EARLY, End, Row, b, p, row, t};

/// Where a bad frame stands, and which good frames come before it.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// Behind a whole message, in the same segment.
    Behind,
    /// Behind a message of two fragments and a Ping, in the same segment.
    BehindFragments,
    /// In a later segment, after a Ping was answered.
    Later,
    /// In a later segment, after messages of every kind were echoed.
    AfterMany,
    /// Behind the first fragment of a message.
    Inside,
    /// Behind two fragments with a Ping between them.
    InsideFurther,
    /// In a later segment, inside a message whose first fragment came before an answered Ping.
    InsideLater,
}

impl Place {
    /// Between messages.
    pub(super) const OUTSIDE: [Place; 4] =
        [Place::Behind, Place::BehindFragments, Place::Later, Place::AfterMany];
    /// Within a fragmented message.
    pub(super) const INSIDE: [Place; 3] = [Place::Inside, Place::InsideFurther, Place::InsideLater];

    fn name(self) -> &'static str {
        match self {
            Place::Behind => "behind a text",
            Place::BehindFragments => "behind a fragmented text and a ping",
            Place::Later => "after a ping was answered",
            Place::AfterMany => "after messages of every kind were echoed",
            Place::Inside => "behind a first fragment",
            Place::InsideFurther => "behind two fragments and a ping",
            Place::InsideLater => "in a fragmented text, after a ping in it was answered",
        }
    }

    /// What stands before the bad bytes in their own segment, and the replies to it.
    fn before(self) -> (Vec<u8>, Vec<Event>) {
        let first = || masked(0x01, b"begun");
        match self {
            Place::Behind => (text("good"), vec![t("good")]),
            Place::BehindFragments => {
                (join(&[first(), ping("p"), masked(0x80, b"!")]), vec![p("p"), t("begun!")])
            }
            Place::Later | Place::AfterMany | Place::InsideLater => (Vec::new(), Vec::new()),
            Place::Inside => (first(), Vec::new()),
            Place::InsideFurther => (join(&[first(), ping("p"), masked(0x00, b"+")]), vec![p("p")]),
        }
    }

    /// A row that must end so, with these bytes in this place.
    pub(super) fn row(self, what: &str, bytes: &[u8], end: End) -> Row {
        let (before, replies) = self.before();
        let row = row(format!("{what}, {}", self.name()), [&before, bytes].concat(), replies, end);
        match self {
            Place::Later => row.after(ping("first"), vec![p("first")]),
            Place::InsideLater => {
                row.after(join(&[masked(0x01, b"begun"), ping("first")]), vec![p("first")])
            }
            Place::AfterMany => row
                .after(
                    join(&[text("one"), binary([b'2'; 300]), masked(0x02, b"thr")]),
                    vec![t("one"), b([b'2'; 300])],
                )
                .after(ping("p"), vec![p("p")])
                .after(masked(0x80, b"ee"), vec![b("three")]),
            _ => row,
        }
    }

    /// A row that must fail with 1002.
    pub(super) fn fails(self, what: &str, bytes: &[u8]) -> Row {
        self.row(what, bytes, End::Fail(1002))
    }

    /// A row that must fail with 1007.
    pub(super) fn is_bad_data(self, what: &str, bytes: &[u8]) -> Row {
        self.row(what, bytes, End::Fail(1007))
    }

    /// A row that must fail with 1002, told by the beginning of a frame.
    pub(super) fn fails_early(self, what: &str, bytes: &[u8]) -> Row {
        self.row(what, bytes, End::FailEarly(1002)).open_by(EARLY)
    }
}
