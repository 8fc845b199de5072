//! A case: a rule, the requirements that it proves, and rows that put it to the test.

use std::fmt;

use super::frame::{Event, quote};
use super::head::Head;

/// One rule, put to the test by its rows; the worst of them is the grade.
pub(crate) struct Case {
    /// Its own name, for `--only` and the reports.
    pub(crate) id: &'static str,
    pub(crate) group: Group,
    /// Where the rule stands.
    pub(crate) section: &'static str,
    /// The ids of `tests/requirements/` that it proves.
    pub(crate) requirements: &'static [&'static str],
    pub(crate) rule: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Handshake,
    Framing,
    Closing,
    Utf8,
    Limits,
    Deflate,
}

impl Group {
    pub(crate) const ALL: [Group; 6] = [
        Group::Handshake,
        Group::Framing,
        Group::Closing,
        Group::Utf8,
        Group::Limits,
        Group::Deflate,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Group::Handshake => "handshake",
            Group::Framing => "framing",
            Group::Closing => "closing",
            Group::Utf8 => "utf8",
            Group::Limits => "limits",
            Group::Deflate => "deflate",
        }
    }
}

/// How well a server did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grade {
    /// Exactly what the rule demands, told in the best way.
    Strict,
    /// Legal, but another way, or where no rule says MUST.
    Acceptable,
    /// A MUST or MUST NOT is broken.
    Violation,
}

impl Grade {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Grade::Strict => "strict",
            Grade::Acceptable => "acceptable",
            Grade::Violation => "violation",
        }
    }
}

/// One thing that is sent, and what must come of it.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) play: Play,
    /// What the RFC leaves open if it does not come so.
    pub(crate) duty: Duty,
    /// What the RFC leaves open if the replies that come before the end are missing.
    pub(crate) replies: Duty,
    /// Whether what the row's bytes hold may be delivered at all.
    pub(crate) content: Content,
    /// Where something is open: the clause that leaves it open, and how, in our words.
    pub(crate) basis: &'static str,
}

/// What the bytes of a row that must or should fail hold, besides the replies that it wants.
///
/// To go on after bad bytes may be open. To deliver what they hold, as data or as the answer to a Ping,
/// is a violation all the same, unless the content is lawful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Bad,
    Lawful,
}

/// Whether the opposite of what a row wants breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// It does.
    Must,
    /// It does, and the status of the refusal is fixed as well.
    MustStatus,
    /// The RFC recommends, leaves open, or only implies what the row wants.
    Open,
}

/// What is played.
pub(crate) enum Play {
    Opening(Opening),
    Exchange(Exchange),
}

/// An opening handshake.
pub(crate) struct Opening {
    pub(crate) head: Head,
    pub(crate) delivery: Delivery,
    pub(crate) answer: Answer,
}

/// The answer to an opening handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 101; then these replies to what followed the head, if something did.
    Accept(Vec<Event>),
    /// 100 first, then 101.
    ContinueAndAccept,
    /// 101 that declines every extension of the offer.
    Decline,
    /// One of these statuses.
    Refuse(&'static [u16]),
    /// One of these statuses; what a MUST says of the fields and content that go with it counts.
    RefuseWith(&'static [u16]),
    /// One of these statuses, and `Sec-WebSocket-Version: 13`; `true` where that is a MUST.
    RefuseListing(&'static [u16], bool),
}

/// Frames after the 101.
pub(crate) struct Exchange {
    /// permessage-deflate is offered with these words and must be accepted, or the row is skipped.
    pub(crate) offer: Option<&'static str>,
    pub(crate) context: Context,
    /// What is sent before, each time after the replies to what was sent earlier have come.
    pub(crate) first: Vec<Round>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) delivery: Delivery,
    pub(crate) replies: Vec<Event>,
    pub(crate) end: End,
}

/// Good frames, and what comes back for them.
pub(crate) struct Round {
    pub(crate) bytes: Vec<u8>,
    pub(crate) replies: Vec<Event>,
}

/// Which agreement a row needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// Any.
    Any,
    /// The client may refer to its messages before.
    Kept,
    /// `client_no_context_takeover` was agreed.
    Fresh,
}

/// How the connection must stand after the replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Open: a Ping is still answered.
    Open,
    /// Failed with this code.
    Fail(u16),
    /// The same, by bytes that are only the beginning of a frame.
    FailEarly(u16),
    /// The Close is answered with this body, then FIN.
    Closed(Vec<u8>),
}

/// How the bytes reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    Bytewise,
    CutAt(usize),
    /// With a text, a Ping and a Close behind them.
    Followed,
}

impl Row {
    /// What must come, in words.
    pub(crate) fn expected(&self) -> String {
        match &self.play {
            Play::Opening(opening) => opening.answer.to_string(),
            Play::Exchange(exchange) => exchange.expected(),
        }
    }

    /// Whether it only shows something where messages are echoed.
    pub(crate) fn needs_echo(&self) -> bool {
        let is_echo = |reply: &Event| matches!(reply, Event::Text(_) | Event::Binary(_));
        match &self.play {
            Play::Opening(Opening { answer: Answer::Accept(replies), .. }) => {
                replies.iter().any(is_echo)
            }
            Play::Opening(_) => false,
            Play::Exchange(exchange) => {
                let first = exchange.first.iter().flat_map(|round| &round.replies);
                first.chain(&exchange.replies).any(is_echo)
            }
        }
    }
}

impl Exchange {
    fn expected(&self) -> String {
        let mut all: Vec<String> = self.replies.iter().take(3).map(ToString::to_string).collect();
        if self.replies.len() > 3 {
            all.push(format!("{} more", self.replies.len() - 3));
        }
        match &self.end {
            End::Open if all.is_empty() => all.push("nothing, and it stays open".to_owned()),
            End::Open => {}
            End::Fail(code) | End::FailEarly(code) => all.push(format!("Close {code}, FIN")),
            End::Closed(body) => all.push(format!("{}, FIN", Event::Close(body.clone()))),
        }
        all.join(", then ")
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Accept(replies) if replies.is_empty() => f.write_str("101"),
            Answer::Accept(replies) => match replies.first() {
                Some(Event::Text(payload)) => write!(f, "101, then text {}", quote(payload)),
                Some(first) => write!(f, "101, then {first}"),
                None => f.write_str("101"),
            },
            Answer::ContinueAndAccept => f.write_str("100, then 101"),
            Answer::Decline => f.write_str("101 without Sec-WebSocket-Extensions"),
            Answer::Refuse(statuses) => f.write_str(&list(statuses)),
            Answer::RefuseWith(statuses) => {
                write!(f, "{} with {}", list(statuses), fields_of(statuses))
            }
            Answer::RefuseListing(statuses, _) => {
                write!(f, "{} with Sec-WebSocket-Version: 13", list(statuses))
            }
        }
    }
}

/// The fields that belong to a refusal with one of these statuses.
fn fields_of(statuses: &[u16]) -> String {
    let mut all = vec!["Date", "Connection: close", "Content-Length"];
    if statuses.contains(&405) {
        all.push("Allow");
    }
    if statuses.contains(&426) {
        all.push("Upgrade: websocket");
        all.push("Sec-WebSocket-Version: 13");
    }
    all.join(", ")
}

fn list(statuses: &[u16]) -> String {
    let all: Vec<String> = statuses.iter().map(ToString::to_string).collect();
    all.join(" or ")
}
