//! Grades what came of an exchange of frames.
//!
//! A violation needs evidence on the wire: a bad frame delivered, a frame that no server may send, a
//! duty not done in ample time. A server that fails a connection without a Close frame, or with another status
//! code, does less than is recommended and nothing wrong (RFC 6455 §7.1.7, §10.7).

use super::case::{Content, Delivery, Duty, End, Exchange, Grade, Row};
use super::frame::{Event, quote};
use super::play::{Ending, Transcript};
use super::server::Wait;
use super::verdict::Verdict;

/// Grades the exchange. Where nothing is echoed, what the application says is not looked at.
pub(crate) fn judge(row: &Row, exchange: &Exchange, seen: &Transcript, echoes: bool) -> Verdict {
    if let Ending::Fault(fault) = &seen.end {
        return Verdict::fault(fault);
    }
    if let Some(round) = &seen.broken_off {
        let verdict = Verdict::against(row, format!("{round}: {}", story(seen)));
        let is_silent = seen.close.is_none() && matches!(seen.end, Ending::Silence);
        return match seen.end {
            _ if is_silent => verdict.resting_on(Wait::Answer),
            Ending::Fin | Ending::Reset if seen.close.is_none() => verdict.resting_on_end(),
            _ => verdict,
        };
    }
    if seen.close.is_some() && seen.afterwards.iter().any(Event::is_data) {
        return Verdict::violation(format!(
            "{}: data after its own Close (RFC 6455 5.5.1)",
            story(seen)
        ));
    }
    let events: Vec<&Event> = seen.events.iter().filter(|e| echoes || !e.is_data()).collect();
    let replies = compare(&exchange.replies, &events);
    let judging = Judging { row, exchange, seen, replies };
    match &exchange.end {
        End::Open => judging.open(),
        End::Fail(code) => judging.failure(*code),
        End::FailEarly(_)
            if seen.close.is_none()
                && !judging.has_more()
                && matches!(seen.end, Ending::Silence) =>
        {
            Verdict::acceptable(NO_TIME, "waits for the rest of the frame").resting_on(Wait::Early)
        }
        End::FailEarly(code) => judging.failure(*code),
        End::Closed(body) => judging.closing(body),
    }
}

/// The same, where TLS has to end as it should before TCP does.
pub(crate) fn judge_notified(
    row: &Row,
    exchange: &Exchange,
    seen: &Transcript,
    echoes: bool,
) -> Verdict {
    let verdict = judge(row, exchange, seen, echoes);
    match (&seen.end, verdict.grade) {
        (Ending::Fin, Grade::Strict | Grade::Acceptable) if seen.is_cut_off => {
            Verdict::violation(format!("{} without a close_notify (RFC 8446 6.1)", story(seen)))
        }
        _ => verdict,
    }
}

struct Judging<'a> {
    row: &'a Row,
    exchange: &'a Exchange,
    seen: &'a Transcript,
    replies: Replies,
}

/// How the events are to the replies that were wanted.
enum Replies {
    AsWanted,
    /// Every message is there, in order, and so are enough Pongs.
    Lawful(&'static str),
    Missing,
    /// Every message is there, and a Pong is not.
    MissingPong,
    /// One is not what was sent.
    Changed(String),
    /// All there, and more.
    Surplus(String),
    /// All there, and more Pongs than Pings.
    MorePongs(String),
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
        _ if pongs.len() < pongs_wanted.len() => Replies::MissingPong,
        _ if pongs.len() > pongs_wanted.len() => {
            let is_more = |pong: &&Event| !pongs_wanted.contains(pong);
            let more = pongs.iter().find(is_more).or(pongs.last());
            Replies::MorePongs(more.map(ToString::to_string).unwrap_or_default())
        }
        _ => Replies::Changed("a Pong with another payload".to_owned()),
    }
}

impl Judging<'_> {
    /// Whether something came that was not wanted.
    fn has_more(&self) -> bool {
        use Replies::{Changed, MorePongs, Surplus};
        matches!(self.replies, Changed(_) | MorePongs(_) | Surplus(_))
    }

    fn open(&self) -> Verdict {
        let seen = self.seen;
        match &self.replies {
            Replies::Changed(what) => Verdict::violation(format!("came back changed: {what}")),
            Replies::Surplus(what) => Verdict::acceptable(UNASKED, format!("also {what}")),
            Replies::MorePongs(what) if seen.goes_on => {
                Verdict::acceptable(UNASKED_PONG, format!("also {what}"))
            }
            Replies::AsWanted if seen.goes_on => Verdict::strict(story(seen)),
            Replies::Lawful(what) if seen.goes_on => {
                Verdict::acceptable(PONGS, format!("{what}: {}", story(seen)))
            }
            Replies::AsWanted | Replies::Lawful(_) | Replies::MorePongs(_) => {
                match (&seen.close, &seen.end) {
                    (None, Ending::Silence) => {
                        let observed = format!("{}, but no Pong", story(seen));
                        Verdict::acceptable(LATE_PONG, observed).resting_on(Wait::Answer)
                    }
                    _ => self.refused(self.row.duty),
                }
            }
            // RFC 6455 §7.3 lets a server end what is too much for it; one that neither ends nor answers owes the Pong.
            Replies::MissingPong if self.is_silent() => {
                Verdict::violation(format!("a Ping is not answered: {}", story(seen)))
                    .resting_on(Wait::Answer)
            }
            Replies::Missing | Replies::MissingPong if seen.goes_on => {
                let duty = if self.row.duty == Duty::Open { Duty::Open } else { self.row.replies };
                self.refused(duty)
            }
            Replies::Missing | Replies::MissingPong => self.refused(self.row.duty),
        }
    }

    /// Whether the server neither closed nor ended, and answers nothing more.
    fn is_silent(&self) -> bool {
        self.seen.close.is_none() && !self.seen.goes_on && matches!(self.seen.end, Ending::Silence)
    }

    /// What was legal did not get through.
    fn refused(&self, duty: Duty) -> Verdict {
        let seen = self.seen;
        match seen.close.as_deref().and_then(Event::close_code) {
            Some(1003 | 1008 | 1009 | 1013) => Verdict::acceptable(
                LIMITS,
                format!("refused by a limit or policy: {}", story(seen)),
            ),
            None if self.is_silent() => {
                Verdict::against_duty(duty, self.row, format!("not answered: {}", story(seen)))
                    .resting_on(Wait::Answer)
            }
            None if seen.close.is_none() => {
                Verdict::against_duty(duty, self.row, format!("refused: {}", story(seen)))
                    .resting_on_end()
            }
            _ => Verdict::against_duty(duty, self.row, format!("refused: {}", story(seen))),
        }
    }

    /// What the bad bytes hold came back.
    fn delivered(&self, observed: String) -> Verdict {
        match self.row.content {
            Content::Bad => Verdict::violation(observed),
            Content::Lawful => Verdict::against(self.row, observed),
        }
    }

    fn failure(&self, code: u16) -> Verdict {
        let (row, seen) = (self.row, self.seen);
        let followed = self.exchange.delivery == Delivery::Followed;
        match &self.replies {
            // What stands behind the bad frame is asked about only once that has failed the connection.
            Replies::Surplus(what) | Replies::MorePongs(what) if followed => {
                return Verdict::acceptable(FOLLOWED, format!("went on: {what}"));
            }
            Replies::Surplus(what) | Replies::MorePongs(what) => {
                return self.delivered(format!("went on: {what}"));
            }
            Replies::Changed(what) => {
                return Verdict::violation(format!("came back changed: {what}"));
            }
            _ => {}
        }
        if followed && seen.close.is_some() && !seen.afterwards.is_empty() {
            return Verdict::against(row, format!("{}: went on after failing", story(seen)));
        }
        if seen.goes_on {
            return Verdict::against(row, "went on: the Ping behind it was answered");
        }
        let Some(body) = &seen.close else {
            return match seen.end {
                Ending::Fin => Verdict::acceptable(MAY_DROP, "FIN without a Close frame"),
                Ending::Reset => Verdict::acceptable(MAY_DROP, "a reset without a Close frame"),
                _ => {
                    let observed = "neither failed nor answered the Ping behind it";
                    Verdict::against(row, observed).resting_on(Wait::Answer)
                }
            };
        };
        if let Some(verdict) = self.without_fin() {
            return verdict;
        }
        let observed = story(seen);
        if Event::close_code(body) != Some(code) || body.len() > 125 {
            return Verdict::acceptable(OTHER_CODE, observed);
        }
        if !seen.afterwards.is_empty() {
            let observed = format!("{observed}, and more after its Close");
            return Verdict::acceptable(CONTROL_AFTER, observed);
        }
        self.by_replies(observed)
    }

    fn closing(&self, body: &[u8]) -> Verdict {
        let seen = self.seen;
        match &self.replies {
            Replies::Surplus(what) => {
                return Verdict::acceptable(UNASKED, format!("also {what}"));
            }
            Replies::Changed(what) => {
                return Verdict::violation(format!("came back changed: {what}"));
            }
            _ => {}
        }
        let Some(answer) = &seen.close else {
            return match seen.end {
                Ending::Fin => {
                    Verdict::against(self.row, "FIN without an answering Close").resting_on_end()
                }
                Ending::Reset => Verdict::against(self.row, "a reset without an answering Close")
                    .resting_on_end(),
                _ => Verdict::against(self.row, "no answer to the Close").resting_on(Wait::Answer),
            };
        };
        if let Some(verdict) = self.without_fin() {
            return verdict;
        }
        if answer != body {
            return Verdict::acceptable(ECHOED_CODE, story(seen));
        }
        if !seen.afterwards.is_empty() {
            return Verdict::acceptable(CONTROL_AFTER, story(seen));
        }
        self.by_replies(story(seen))
    }

    /// RFC 6455 §5.5.1: once both have sent a Close, the server ends TCP at once.
    fn without_fin(&self) -> Option<Verdict> {
        let seen = self.seen;
        if matches!(seen.end, Ending::Silence) && seen.both_closed {
            let observed =
                format!("{}, though both have sent a Close (RFC 6455 5.5.1)", story(seen));
            return Some(Verdict::violation(observed).resting_on(Wait::Fin));
        }
        None
    }

    /// Everything else is as it is best: what came before decides.
    fn by_replies(&self, observed: String) -> Verdict {
        match (&self.replies, &self.seen.end) {
            (Replies::AsWanted, Ending::Fin) if self.seen.ended_late => {
                Verdict::acceptable(LATE_FIN, format!("{observed} only after the client's Close"))
                    .resting_on(Wait::Fin)
            }
            (Replies::AsWanted, Ending::Fin) => Verdict::strict(observed),
            (Replies::AsWanted, _) => Verdict::acceptable(NO_CLEAN_END, observed),
            (Replies::Lawful(what), _) => Verdict::acceptable(PONGS, format!("{observed}; {what}")),
            _ => {
                let observed = format!("{observed}; what came before was not answered");
                let basis = if self.row.replies == Duty::Open && !self.row.basis.is_empty() {
                    self.row.basis
                } else {
                    UNANSWERED
                };
                Verdict::acceptable(basis, observed)
            }
        }
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

const MAY_DROP: &str =
    "RFC 6455 10.7 lets a server drop the connection over bad data, without a Close (MAY)";
const NO_TIME: &str = "RFC 6455 sets no byte at which a fault has to be told";
const UNASKED: &str = "RFC 6455 leaves what is said unasked to the application";
const UNASKED_PONG: &str = "RFC 6455 5.5.3 lets a Pong be sent unasked (MAY)";
const PONGS: &str =
    "RFC 6455 5.5.3 lets the newest of several Pings be answered alone, and 5.5.2 sets no place";
const LATE_PONG: &str = "RFC 6455 5.5.2 has a Pong sent as soon as is practical, and sets no time";
const LIMITS: &str = "RFC 6455 7.4.1 and 10.4 leave limits and policy to the server";
const OTHER_CODE: &str = "RFC 6455 7.1.7 recommends a Close with a fitting code (SHOULD)";
const ECHOED_CODE: &str =
    "RFC 6455 5.5.1 has an answering Close typically, not always, echo the code";
const CONTROL_AFTER: &str = "RFC 6455 5.5.1 forbids only data behind a Close";
const LATE_FIN: &str = "RFC 6455 5.5.1 demands FIN once both have sent a Close";
const NO_CLEAN_END: &str = "RFC 6455 7.1.1 recommends a clean end of TCP (SHOULD)";
const UNANSWERED: &str = "RFC 6455 7.1.7 lets a failing server drop what it has not handled yet";
const FOLLOWED: &str = "other rows ask whether the bad frame fails the connection";

#[cfg(test)]
mod tests {
    use super::super::case::{Context, Play};
    use super::*;

    fn row(replies: Vec<Event>, end: End) -> Row {
        let (offer, context, first, bytes) = (None, Context::Any, Vec::new(), Vec::new());
        let delivery = Delivery::Whole;
        let exchange = Exchange { offer, context, first, bytes, delivery, replies, end };
        let (duty, content) = (Duty::Must, Content::Bad);
        let play = Play::Exchange(exchange);
        Row { what: String::new(), play, duty, replies: Duty::Must, content, basis: "" }
    }

    fn open(row: Row) -> Row {
        Row { duty: Duty::Open, basis: "a clause", ..row }
    }

    fn verdict(row: &Row, seen: &Transcript, echoes: bool) -> Verdict {
        let Play::Exchange(exchange) = &row.play else { panic!("an exchange") };
        judge(row, exchange, seen, echoes)
    }

    fn grade(row: &Row, seen: Transcript) -> Grade {
        verdict(row, &seen, true).grade
    }

    fn closed(code: u16, end: Ending) -> Transcript {
        let close = Some(code.to_be_bytes().to_vec());
        Transcript { close, end, ..Transcript::default() }
    }

    fn goes_on() -> Transcript {
        Transcript { goes_on: true, ..Transcript::default() }
    }

    #[test]
    fn a_failure_is_strict_with_the_code_and_fin_alone() {
        let fail = || row(vec![], End::Fail(1002));
        let must = |seen| grade(&fail(), seen);
        assert_eq!(must(closed(1002, Ending::Fin)), Grade::Strict);
        assert_eq!(must(closed(1002, Ending::Silence)), Grade::Acceptable);
        assert_eq!(must(closed(1002, Ending::Reset)), Grade::Acceptable);
        assert_eq!(must(closed(1000, Ending::Fin)), Grade::Acceptable);
        let fin = Transcript { end: Ending::Fin, ..Transcript::default() };
        assert_eq!(verdict(&fail(), &fin, true).basis, MAY_DROP);
        assert_eq!(must(fin), Grade::Acceptable);
        assert_eq!(must(Transcript::default()), Grade::Violation);
        assert_eq!(must(goes_on()), Grade::Violation);
        assert_eq!(verdict(&open(fail()), &goes_on(), true).basis, "a clause");
        let late = Transcript { ended_late: true, ..closed(1002, Ending::Fin) };
        assert_eq!(must(late), Grade::Acceptable);
        let never = Transcript { both_closed: true, ..closed(1002, Ending::Silence) };
        assert_eq!(must(never), Grade::Violation);
        let after = Transcript {
            afterwards: vec![Event::Text(b"late".to_vec())],
            ..closed(1002, Ending::Fin)
        };
        assert_eq!(must(after), Grade::Violation);
        let early = row(vec![], End::FailEarly(1002));
        let waits = verdict(&early, &Transcript::default(), true);
        assert_eq!((waits.grade, waits.rests_on), (Grade::Acceptable, Some(Wait::Early)));
    }

    #[test]
    fn what_a_bad_frame_holds_is_never_delivered() {
        let echo = || Transcript {
            events: vec![Event::Text(b"bad".to_vec())],
            ..closed(1002, Ending::Fin)
        };
        let pong = Transcript { events: vec![Event::Pong(b"bad".to_vec())], ..goes_on() };
        let fail = || row(vec![], End::Fail(1002));
        assert_eq!(grade(&fail(), echo()), Grade::Violation);
        assert_eq!(grade(&open(fail()), echo()), Grade::Violation);
        assert_eq!(grade(&open(row(vec![], End::FailEarly(1002))), echo()), Grade::Violation);
        assert_eq!(verdict(&fail(), &echo(), false).grade, Grade::Strict);
        assert_eq!(grade(&open(fail()), pong), Grade::Violation);
        let lawful = Row { content: Content::Lawful, ..open(fail()) };
        assert_eq!(grade(&lawful, echo()), Grade::Acceptable);
    }

    #[test]
    fn a_close_must_be_answered_and_is_best_echoed() {
        let closing = || row(vec![], End::Closed(vec![3, 232]));
        let must = |seen| grade(&closing(), seen);
        assert_eq!(must(closed(1000, Ending::Fin)), Grade::Strict);
        assert_eq!(must(closed(1001, Ending::Fin)), Grade::Acceptable);
        let never = Transcript { both_closed: true, ..closed(1000, Ending::Silence) };
        assert_eq!(must(never), Grade::Violation);
        assert_eq!(
            must(Transcript { end: Ending::Fin, ..Transcript::default() }),
            Grade::Violation
        );
    }

    #[test]
    fn s8446_6_1_fin_without_a_close_notify_is_a_violation_where_it_is_asked_for() {
        let closing = row(vec![], End::Closed(vec![3, 232]));
        let Play::Exchange(exchange) = &closing.play else { panic!("an exchange") };
        let grade_of = |is_cut_off, end| {
            let seen = Transcript { is_cut_off, ..closed(1000, end) };
            let notified = judge_notified(&closing, exchange, &seen, true).grade;
            (notified, judge(&closing, exchange, &seen, true).grade)
        };
        let strict = (Grade::Strict, Grade::Strict);
        assert_eq!(grade_of(false, Ending::Fin), strict);
        assert_eq!(grade_of(true, Ending::Fin), (Grade::Violation, Grade::Strict));
        assert_eq!(grade_of(true, Ending::Reset), (Grade::Acceptable, Grade::Acceptable));
    }

    #[test]
    fn replies_may_be_late_but_not_others() {
        let (text, pong) = (Event::Text(b"a".to_vec()), Event::Pong(b"b".to_vec()));
        let wanted = || row(vec![text.clone(), pong.clone()], End::Open);
        let seen = |events| Transcript { events, ..goes_on() };
        let must = |events| grade(&wanted(), seen(events));
        assert_eq!(must(vec![text.clone(), pong.clone()]), Grade::Strict);
        assert_eq!(must(vec![pong.clone(), text.clone()]), Grade::Acceptable);
        assert_eq!(must(vec![text.clone()]), Grade::Violation);
        let changed = || seen(vec![Event::Text(b"A".to_vec()), pong.clone()]);
        assert_eq!(grade(&wanted(), changed()), Grade::Violation);
        assert_eq!(grade(&open(wanted()), changed()), Grade::Violation);
        assert_eq!(grade(&open(wanted()), seen(vec![])), Grade::Acceptable);
        // Silence about a Ping alone is no answer that the RFC leaves open; an end is.
        let unanswered =
            |end| Transcript { events: vec![text.clone()], end, ..Transcript::default() };
        assert_eq!(grade(&open(wanted()), unanswered(Ending::Silence)), Grade::Violation);
        assert_eq!(grade(&open(wanted()), unanswered(Ending::Fin)), Grade::Acceptable);
        assert_eq!(must(vec![text.clone(), Event::Pong(b"c".to_vec())]), Grade::Violation);
        let unowed = Row { replies: Duty::Open, ..wanted() };
        assert_eq!(grade(&unowed, seen(vec![])), Grade::Acceptable);
        assert_eq!(grade(&unowed, closed(1002, Ending::Fin)), Grade::Violation);
        let refused = |code: u16| {
            let close = Some(code.to_be_bytes().to_vec());
            grade(&wanted(), Transcript { close, ..Transcript::default() })
        };
        assert_eq!(refused(1009), Grade::Acceptable);
        assert_eq!(refused(1011), Grade::Violation);
        let ten = row((0..3).map(|n| Event::Pong(vec![n])).collect(), End::Open);
        assert_eq!(grade(&ten, seen(vec![Event::Pong(vec![2])])), Grade::Acceptable);
    }
}
