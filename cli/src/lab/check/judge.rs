//! Grades what came of an exchange of frames.
//!
//! A violation needs evidence on the wire: a bad frame accepted, a frame that no server may send, a
//! duty not done in ample time. Whoever fails a connection without a word, with another status code
//! or without FIN does less than is recommended and nothing wrong (RFC 6455 §7.1.7, §10.7).

use super::case::{Delivery, Duty, End, Exchange, Grade};
use super::frame::{Event, Fault, quote};
use super::play::{Ending, Transcript};

/// A grade, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) grade: Grade,
    pub(crate) observed: String,
}

impl Verdict {
    pub(crate) fn strict(observed: impl Into<String>) -> Verdict {
        Verdict { grade: Grade::Strict, observed: observed.into() }
    }

    pub(crate) fn acceptable(observed: impl Into<String>) -> Verdict {
        Verdict { grade: Grade::Acceptable, observed: observed.into() }
    }

    pub(crate) fn violation(observed: impl Into<String>) -> Verdict {
        Verdict { grade: Grade::Violation, observed: observed.into() }
    }

    /// A violation where the rule is a MUST.
    pub(crate) fn against(duty: Duty, observed: impl Into<String>) -> Verdict {
        match duty {
            Duty::Must | Duty::MustStatus => Verdict::violation(observed),
            Duty::Open => Verdict::acceptable(observed),
        }
    }

    /// A rule that the server breaks with what it sends; without a section there is only too much.
    pub(crate) fn fault(fault: &Fault) -> Verdict {
        match fault.section {
            "" => Verdict::acceptable(&fault.what),
            _ => Verdict::violation(fault.to_string()),
        }
    }
}

/// Grades the exchange. Where nothing is echoed, what the application says is not looked at.
pub(crate) fn judge(row: &Exchange, duty: Duty, seen: &Transcript, echoes: bool) -> Verdict {
    if let Ending::Fault(fault) = &seen.end {
        return Verdict::fault(fault);
    }
    let is_data = |event: &&Event| matches!(event, Event::Text(_) | Event::Binary(_));
    if let Some(round) = &seen.broken_off {
        return Verdict::against(duty, format!("{round}: {}", story(seen)));
    }
    if seen.close.is_some() && seen.afterwards.iter().any(|event| is_data(&event)) {
        return Verdict::violation(format!(
            "{}: data after its own Close (RFC 6455 5.5.1)",
            story(seen)
        ));
    }
    let events: Vec<&Event> = seen.events.iter().filter(|e| echoes || !is_data(e)).collect();
    let replies = compare(&row.replies, &events);
    let followed = row.delivery == Delivery::Followed;
    match &row.end {
        End::Open => judge_open(duty, seen, &replies),
        End::Fail(code) => judge_failure(*code, duty, seen, &replies, followed),
        End::FailEarly(_) if seen.close.is_none() && matches!(seen.end, Ending::Silence) => {
            Verdict::acceptable("waits for the rest of the frame")
        }
        End::FailEarly(code) => judge_failure(*code, duty, seen, &replies, followed),
        End::Closed(body) => judge_closing(body, duty, seen, &replies),
    }
}

/// How the events are to the replies that were wanted.
enum Replies {
    AsWanted,
    /// Every message is there, in order, and so are enough Pongs.
    Lawful(&'static str),
    Missing,
    /// One is not what was sent.
    Changed(String),
    /// All there, and more.
    Surplus(String),
}

fn compare(wanted: &[Event], seen: &[&Event]) -> Replies {
    if wanted.iter().eq(seen.iter().copied()) {
        return Replies::AsWanted;
    }
    let is_pong = |event: &&&Event| matches!(event, Event::Pong(_));
    let split = |all: Vec<&Event>| -> (Vec<Event>, Vec<Event>) {
        all.into_iter().cloned().partition(|event| is_pong(&&event))
    };
    let (pongs_wanted, data_wanted) = split(wanted.iter().collect());
    let (pongs, data) = split(seen.to_vec());
    for (wanted, seen) in data_wanted.iter().zip(&data) {
        if wanted != seen {
            return Replies::Changed(format!("{seen} for {wanted}"));
        }
    }
    if data.len() < data_wanted.len() {
        return Replies::Missing;
    }
    if let Some(more) = data.get(data_wanted.len()) {
        return Replies::Surplus(more.to_string());
    }
    if pongs == pongs_wanted {
        return Replies::Lawful("the Pongs stand elsewhere");
    }
    // RFC 6455 §5.5.3: of several Pings the newest may be answered alone.
    let is_subsequence = {
        let mut rest = pongs_wanted.iter();
        pongs.iter().all(|pong| rest.any(|wanted| wanted == pong))
    };
    match (pongs.last() == pongs_wanted.last(), is_subsequence) {
        (true, true) => Replies::Lawful("one Pong for several Pings"),
        _ if pongs.len() < pongs_wanted.len() => Replies::Missing,
        _ if pongs.len() > pongs_wanted.len() => Replies::Lawful("Pongs that nobody asked for"),
        _ => Replies::Changed("a Pong with another payload".to_owned()),
    }
}

fn judge_open(duty: Duty, seen: &Transcript, replies: &Replies) -> Verdict {
    match replies {
        Replies::Changed(what) => Verdict::against(duty, format!("came back changed: {what}")),
        Replies::Surplus(what) => Verdict::acceptable(format!("also {what}")),
        Replies::AsWanted | Replies::Lawful(_) if seen.goes_on => match replies {
            Replies::Lawful(what) => Verdict::acceptable(*what),
            _ => Verdict::strict(story(seen)),
        },
        Replies::AsWanted | Replies::Lawful(_) => match (&seen.close, &seen.end) {
            (None, Ending::Silence) => Verdict::acceptable(format!("{}, but no Pong", story(seen))),
            _ => refused(duty, seen),
        },
        Replies::Missing => refused(duty, seen),
    }
}

/// What was legal did not get through.
fn refused(duty: Duty, seen: &Transcript) -> Verdict {
    match seen.close.as_deref().and_then(Event::close_code) {
        // RFC 6455 §7.4.1, §10.4: limits and policy are the server's own.
        Some(1003 | 1008 | 1009 | 1011 | 1013) => {
            Verdict::acceptable(format!("refused by a limit or policy: {}", story(seen)))
        }
        _ => Verdict::against(duty, format!("refused: {}", story(seen))),
    }
}

fn judge_failure(
    code: u16,
    duty: Duty,
    seen: &Transcript,
    replies: &Replies,
    followed: bool,
) -> Verdict {
    if let Replies::Surplus(what) = replies {
        // What stands behind the bad frame is asked about only once that has failed the connection.
        let duty = if followed { Duty::Open } else { duty };
        return Verdict::against(duty, format!("went on: {what}"));
    }
    if followed && seen.close.is_some() && !seen.afterwards.is_empty() {
        return Verdict::against(duty, format!("{}: went on after failing", story(seen)));
    }
    if seen.goes_on {
        return Verdict::against(duty, "went on: the Ping behind it was answered");
    }
    let Some(body) = &seen.close else {
        return match seen.end {
            Ending::Fin => Verdict::acceptable("FIN without a Close frame"),
            Ending::Reset => Verdict::acceptable("a reset without a Close frame"),
            _ => Verdict::against(duty, "neither failed nor answered the Ping behind it"),
        };
    };
    let observed = story(seen);
    if Event::close_code(body) != Some(code) || body.len() > 125 {
        return Verdict::acceptable(observed);
    }
    if !seen.afterwards.is_empty() {
        return Verdict::acceptable(format!("{observed}, and more after its Close"));
    }
    match (replies, &seen.end) {
        (Replies::AsWanted, Ending::Fin) => Verdict::strict(observed),
        (Replies::AsWanted, _) => Verdict::acceptable(observed),
        (Replies::Lawful(what), _) => Verdict::acceptable(format!("{observed}; {what}")),
        _ => Verdict::acceptable(format!("{observed}; what came before was not answered")),
    }
}

fn judge_closing(body: &[u8], duty: Duty, seen: &Transcript, replies: &Replies) -> Verdict {
    if let Replies::Surplus(what) = replies {
        return Verdict::acceptable(format!("also {what}"));
    }
    let Some(answer) = &seen.close else {
        let observed = match seen.end {
            Ending::Fin => "FIN without an answering Close",
            Ending::Reset => "a reset without an answering Close",
            _ => "no answer to the Close",
        };
        return Verdict::against(duty, observed);
    };
    let observed = story(seen);
    match (replies, &seen.end) {
        _ if answer != body => Verdict::acceptable(observed),
        (Replies::AsWanted, Ending::Fin) if seen.afterwards.is_empty() => Verdict::strict(observed),
        (Replies::AsWanted, _) => Verdict::acceptable(observed),
        (Replies::Lawful(what), _) => Verdict::acceptable(format!("{observed}; {what}")),
        _ => Verdict::acceptable(format!("{observed}; what came before was not answered")),
    }
}

/// What was seen, in words.
fn story(seen: &Transcript) -> String {
    let mut all: Vec<String> = seen.events.iter().take(3).map(ToString::to_string).collect();
    if seen.events.len() > 3 {
        all.push(format!("{} more", seen.events.len() - 3));
    }
    if let Some(body) = &seen.close {
        all.push(match (Event::close_code(body), body.get(2..)) {
            (Some(code), Some(reason)) if !reason.is_empty() => {
                format!("Close {code} {}", quote(reason))
            }
            (Some(code), _) => format!("Close {code}"),
            (None, _) => "Close without a code".to_owned(),
        });
    }
    all.extend(seen.afterwards.iter().take(2).map(ToString::to_string));
    match seen.end {
        Ending::Fin => all.push("FIN".to_owned()),
        Ending::Reset => all.push("a reset".to_owned()),
        _ if seen.close.is_some() => all.push("no FIN".to_owned()),
        _ if seen.goes_on => all.push("open".to_owned()),
        _ => all.push("silence".to_owned()),
    }
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::case::Context;
    use super::*;

    fn row(replies: Vec<Event>, end: End) -> Exchange {
        let (offer, context, first, bytes) = (None, Context::Any, Vec::new(), Vec::new());
        Exchange { offer, context, first, bytes, delivery: Delivery::Whole, replies, end }
    }

    fn grade(row: &Exchange, duty: Duty, seen: Transcript) -> Grade {
        judge(row, duty, &seen, true).grade
    }

    fn closed(code: u16, end: Ending) -> Transcript {
        let close = Some(code.to_be_bytes().to_vec());
        Transcript { close, end, ..Transcript::default() }
    }

    #[test]
    fn a_failure_is_strict_with_the_code_and_fin_alone() {
        let fail = row(vec![], End::Fail(1002));
        let must = |seen| grade(&fail, Duty::Must, seen);
        assert_eq!(must(closed(1002, Ending::Fin)), Grade::Strict);
        assert_eq!(must(closed(1002, Ending::Silence)), Grade::Acceptable);
        assert_eq!(must(closed(1002, Ending::Reset)), Grade::Acceptable);
        assert_eq!(must(closed(1000, Ending::Fin)), Grade::Acceptable);
        assert_eq!(
            must(Transcript { end: Ending::Fin, ..Transcript::default() }),
            Grade::Acceptable
        );
        assert_eq!(must(Transcript::default()), Grade::Violation);
        let goes_on = || Transcript { goes_on: true, ..Transcript::default() };
        assert_eq!(must(goes_on()), Grade::Violation);
        assert_eq!(grade(&fail, Duty::Open, goes_on()), Grade::Acceptable);
        let echo = || Transcript {
            events: vec![Event::Text(b"bad".to_vec())],
            ..closed(1002, Ending::Fin)
        };
        assert_eq!(must(echo()), Grade::Violation);
        let after = Transcript {
            afterwards: vec![Event::Text(b"late".to_vec())],
            ..closed(1002, Ending::Fin)
        };
        assert_eq!(must(after), Grade::Violation);
        let early = row(vec![], End::FailEarly(1002));
        assert_eq!(grade(&early, Duty::Must, Transcript::default()), Grade::Acceptable);
        assert_eq!(judge(&fail, Duty::Must, &echo(), false).grade, Grade::Strict);
    }

    #[test]
    fn a_close_must_be_answered_and_is_best_echoed() {
        let closing = row(vec![], End::Closed(vec![3, 232]));
        let must = |seen| grade(&closing, Duty::Must, seen);
        assert_eq!(must(closed(1000, Ending::Fin)), Grade::Strict);
        assert_eq!(must(closed(1001, Ending::Fin)), Grade::Acceptable);
        assert_eq!(must(closed(1000, Ending::Silence)), Grade::Acceptable);
        assert_eq!(
            must(Transcript { end: Ending::Fin, ..Transcript::default() }),
            Grade::Violation
        );
    }

    #[test]
    fn replies_may_be_late_but_not_others() {
        let (text, pong) = (Event::Text(b"a".to_vec()), Event::Pong(b"b".to_vec()));
        let open = row(vec![text.clone(), pong.clone()], End::Open);
        let seen = |events| Transcript { events, goes_on: true, ..Transcript::default() };
        let must = |events| grade(&open, Duty::Must, seen(events));
        assert_eq!(must(vec![text.clone(), pong.clone()]), Grade::Strict);
        assert_eq!(must(vec![pong.clone(), text.clone()]), Grade::Acceptable);
        assert_eq!(must(vec![text.clone()]), Grade::Violation);
        assert_eq!(must(vec![Event::Text(b"A".to_vec()), pong.clone()]), Grade::Violation);
        assert_eq!(must(vec![text.clone(), Event::Pong(b"c".to_vec())]), Grade::Violation);
        let limited = Transcript { close: Some(vec![3, 241]), ..Transcript::default() };
        assert_eq!(grade(&open, Duty::Must, limited), Grade::Acceptable);
        let ten = row((0..3).map(|n| Event::Pong(vec![n])).collect(), End::Open);
        let newest = seen(vec![Event::Pong(vec![2])]);
        assert_eq!(grade(&ten, Duty::Must, newest), Grade::Acceptable);
    }
}
