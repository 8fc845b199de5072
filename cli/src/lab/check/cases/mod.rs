//! The cases, one table for `stickler check` and for `cargo test`, which plays them against this
//! server in more deliveries and wants every one graded strict.
//!
//! A case proves the requirements that it names. Its rows are what is sent and what must come back;
//! where the opposite breaks no MUST, the row is `open`. The sections are those that this server names
//! when it fails a connection, or their beginning where two rules are broken at once.

mod blocks;
mod body;
mod closing;
mod codes;
mod contexts;
mod control;
mod cuts;
mod deflate;
mod deflate_blocks;
mod deflate_offers;
mod deflate_sessions;
mod deflate_sizes;
mod deflate_text;
mod field_lines;
mod fields;
mod fragments;
mod framing;
mod host;
mod http_version;
mod key_and_version;
mod later;
mod lengths;
mod limits;
mod messages;
mod negotiation;
mod over_tls;
mod places;
mod request;
mod request_line;
mod rsv1;
mod segments;
mod syntax;
mod utf8;
mod utf8_places;

use super::case::{
    Answer, Case, Content, Context, Delivery, Duty, End, Exchange, Group, Opening, Play, Round, Row,
};
use super::frame::Event;
use super::head::Head;

pub(crate) use self::over_tls::{CLOSE_NOTIFY, WITHOUT_TLS, over_tls};

/// Every case that needs no TLS, in the order of the groups.
pub(crate) fn all() -> Vec<Case> {
    [of_handshake(), of_framing(), of_closing_utf8_and_limits(), of_deflate()]
        .into_iter()
        .flatten()
        .collect()
}

/// The opening handshake.
pub(crate) fn of_handshake() -> Vec<Case> {
    [
        request::cases(),
        http_version::cases(),
        fields::cases(),
        key_and_version::cases(),
        segments::cases(),
        syntax::cases(),
        field_lines::cases(),
        request_line::cases(),
        host::cases(),
        body::cases(),
        negotiation::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Frames and messages.
pub(crate) fn of_framing() -> Vec<Case> {
    [
        framing::cases(),
        later::cases(),
        lengths::cases(),
        fragments::cases(),
        messages::cases(),
        control::cases(),
        cuts::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What ends a connection, the client's Close or a fault.
pub(crate) fn of_closing_utf8_and_limits() -> Vec<Case> {
    [closing::cases(), codes::cases(), utf8::cases(), utf8_places::cases(), limits::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// permessage-deflate, offered and used.
pub(crate) fn of_deflate() -> Vec<Case> {
    [
        negotiation::offers(),
        deflate_sessions::cases(),
        deflate_offers::cases(),
        rsv1::cases(),
        deflate::cases(),
        deflate_blocks::cases(),
        deflate_text::cases(),
        deflate_sizes::cases(),
        contexts::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A row of frames whose replies are wanted, and an end. Where the connection ends, the replies
/// before are best, and not owed.
fn row(what: impl Into<String>, bytes: Vec<u8>, replies: Vec<Event>, end: End) -> Row {
    let basis = match &end {
        _ if replies.is_empty() => None,
        End::Open => None,
        End::Fail(_) | End::FailEarly(_) => Some(FAILING),
        End::Closed(_) => Some(CLOSING),
    };
    let (offer, context, first, delivery) = (None, Context::Any, Vec::new(), Delivery::Whole);
    let exchange = Exchange { offer, context, first, bytes, delivery, replies, end };
    let row = must(what, Play::Exchange(exchange));
    match basis {
        Some(basis) => row.replies_open_by(basis),
        None => row,
    }
}

/// A row that is echoed, and stays open.
fn echoes(what: impl Into<String>, bytes: Vec<u8>, replies: Vec<Event>) -> Row {
    row(what, bytes, replies, End::Open)
}

/// A row that must fail with 1002 and bring nothing else.
fn fails(what: impl Into<String>, bytes: Vec<u8>) -> Row {
    row(what, bytes, Vec::new(), End::Fail(1002))
}

/// The same, told by the beginning of a frame.
fn fails_early(what: impl Into<String>, bytes: Vec<u8>) -> Row {
    row(what, bytes, Vec::new(), End::FailEarly(1002)).open_by(EARLY)
}

/// A request head that must be accepted.
fn accepted(what: impl Into<String>, head: Head) -> Row {
    opening(what, head, Answer::Accept(Vec::new()))
}

/// A request head that must be refused; these statuses are the best.
fn refused(what: impl Into<String>, statuses: &'static [u16], head: Head) -> Row {
    opening(what, head, Answer::Refuse(statuses))
}

fn opening(what: impl Into<String>, head: Head, answer: Answer) -> Row {
    must(what, Play::Opening(Opening { head, delivery: Delivery::Whole, answer }))
}

/// A row in which nothing is open.
fn must(what: impl Into<String>, play: Play) -> Row {
    let (duty, replies, content) = (Duty::Must, Duty::Must, Content::Bad);
    Row { what: what.into(), play, duty, replies, content, basis: "" }
}

impl Row {
    /// The opposite of what is wanted breaks no MUST: this clause leaves it open, in the way that is told here in our words.
    fn open_by(mut self, basis: &'static str) -> Row {
        self.duty = Duty::Open;
        self.basis = basis;
        self
    }

    /// The replies before the end are not owed, by this clause; the end is.
    fn replies_open_by(mut self, basis: &'static str) -> Row {
        self.replies = Duty::Open;
        self.basis = basis;
        self
    }

    /// A server may deliver what the bytes hold, by this clause, instead of failing the connection.
    fn deliverable_by(mut self, basis: &'static str) -> Row {
        self.duty = Duty::Open;
        self.content = Content::Lawful;
        self.basis = basis;
        self
    }

    /// Sent only after these good frames were sent and these replies to them have come.
    fn after(mut self, bytes: Vec<u8>, replies: Vec<Event>) -> Row {
        if let Play::Exchange(exchange) = &mut self.play {
            exchange.first.push(Round { bytes, replies });
        }
        self
    }

    /// A MUST fixes the status of the refusal too.
    fn with_status(mut self) -> Row {
        self.duty = Duty::MustStatus;
        self
    }

    /// permessage-deflate is agreed on with this offer.
    fn offering(mut self, offer: &'static str) -> Row {
        if let Play::Exchange(exchange) = &mut self.play {
            exchange.offer = Some(offer);
        }
        self
    }

    /// Only where the contexts are taken over, or are not.
    fn with(mut self, wanted: Context) -> Row {
        if let Play::Exchange(exchange) = &mut self.play {
            exchange.context = wanted;
        }
        self
    }

    /// Delivered this way also by `stickler check`.
    fn delivered(mut self, wanted: Delivery) -> Row {
        match &mut self.play {
            Play::Opening(opening) => opening.delivery = wanted,
            Play::Exchange(exchange) => exchange.delivery = wanted,
        }
        self
    }
}

fn t(payload: impl AsRef<[u8]>) -> Event {
    Event::Text(payload.as_ref().to_vec())
}

fn b(payload: impl AsRef<[u8]>) -> Event {
    Event::Binary(payload.as_ref().to_vec())
}

fn p(payload: impl AsRef<[u8]>) -> Event {
    Event::Pong(payload.as_ref().to_vec())
}

const FAILING: &str = "RFC 6455 7.1.7: a server that fails the connection ends it at once, and need \
                       not send before what it still owed";

const CLOSING: &str = "RFC 6455 5.5.1: a server may answer the Close at once; the replies that it \
                       still owed are best, and no MUST";

const EARLY: &str = "RFC 6455 5.2 does not say when a frame is judged: a server may wait for the rest \
                     of it";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn cases_have_ids_of_their_own_rows_and_requirements() {
        let mut ids = HashSet::new();
        for case in super::all().into_iter().chain(super::over_tls()) {
            assert!(ids.insert(case.id), "{} twice", case.id);
            assert!(!case.rows.is_empty() && !case.requirements.is_empty(), "{}", case.id);
            assert!(case.section.starts_with("RFC "), "{}", case.id);
            let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(case.id.chars().all(named), "{}", case.id);
        }
        assert!(super::all().is_sorted_by_key(|case| case.group));
        assert!(ids.contains(super::CLOSE_NOTIFY) && ids.contains(super::WITHOUT_TLS));
    }
}
