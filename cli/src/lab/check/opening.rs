//! Plays and grades an opening handshake. After a 101 something is exchanged: an answer that no WebSocket stands
//! behind opens nothing.

use std::time::Instant;

use super::agreement::Agreement;
use super::case::{Answer, Duty, Opening, Row};
use super::connection::{Connection, Next};
use super::frame::{Event, Fault, close, join, ping, text};
use super::grammar::fault_of_noise;
use super::http::{self, Answered, Response};
use super::play::{Unplayed, connect, deliver};
use super::server::{Server, Wait};
use super::tape::Tapes;
use super::verdict::Verdict;

/// What came of an opening handshake.
pub(crate) struct Opened {
    pub(crate) answered: Answered,
    /// What came after a 101, up to the answers to what is exchanged.
    events: Vec<Event>,
    exchanged: Exchanged,
    fault: Option<Fault>,
    pub(crate) tapes: Tapes,
}

/// What became of the Ping, and of the text where there is an echo, that are sent after a 101.
enum Exchanged {
    /// Nothing was sent.
    Not,
    Answered,
    /// The connection ended, or the answer did not come.
    Unanswered(&'static str),
}

/// Connects and sends the head.
pub(crate) fn send(server: &Server, row: &Opening) -> Result<Connection, Unplayed> {
    let mut connection = connect(server)?;
    deliver(&mut connection, &server.bytes_of(&row.head), row.delivery);
    Ok(connection)
}

/// Reads what comes.
pub(crate) fn finish(server: &Server, connection: &mut Connection, row: &Opening) -> Opened {
    let until = Instant::now() + server.pace.now(Wait::Answer);
    let mut answered = http::read(connection, until, row.head.is_head());
    if let Answered::Silence = answered {
        server.pace.note_in_vain(Wait::Answer);
    }
    if let Answered::Response(response) = &mut answered
        && response.status >= 200
        && response.says_close()
    {
        read_end(server, connection, response);
    }
    let is_open = matches!(&answered, Answered::Response(response) if response.status == 101);
    let (events, exchanged, fault) = (Vec::new(), Exchanged::Not, None);
    let mut opened = Opened { answered, events, exchanged, fault, tapes: Tapes::default() };
    if is_open {
        opened.exchange(server, connection, row);
    }
    opened.tapes = connection.tapes();
    connection.half_close();
    opened
}

/// Waits for FIN after a refusal that says that the connection ends.
fn read_end(server: &Server, connection: &mut Connection, response: &mut Response) {
    let until = Instant::now() + server.pace.now(Wait::Fin);
    while !connection.is_finished() {
        match connection.fill(until) {
            Ok(true) => {}
            // What the server had not read yet makes its end a reset.
            Err(Next::Reset) => {
                response.is_reset = true;
                break;
            }
            Ok(false) | Err(_) => break,
        }
    }
    response.ends = connection.is_finished() && connection.unread().is_empty();
    response.is_repeated = connection.unread().starts_with(b"HTTP/");
    if !connection.is_finished() && !response.is_reset {
        server.pace.note_in_vain(Wait::Fin);
    }
}

impl Opened {
    fn exchange(&mut self, server: &Server, connection: &mut Connection, row: &Opening) {
        let early = if let Answer::Accept(wanted) = &row.answer { wanted.len() } else { 0 };
        if let Answered::Response(response) = &self.answered
            && let Ok(Some(agreement)) = agreement(row, response)
        {
            connection.agree(agreement);
        }
        self.read_events(server, connection, early, false);
        if self.fault.is_some() {
            return;
        }
        let question = if server.echoes() { join(&[text(WORD), ping(WORD)]) } else { ping(WORD) };
        connection.send(&question);
        self.exchanged = match self.read_events(server, connection, usize::MAX, server.echoes()) {
            Some(end) => Exchanged::Unanswered(end),
            None => Exchanged::Answered,
        };
        connection.send(&close(1000, ""));
    }

    /// Reads so many events, or up to the answers to the question; says what ended it before.
    fn read_events(
        &mut self,
        server: &Server,
        connection: &mut Connection,
        most: usize,
        with_echo: bool,
    ) -> Option<&'static str> {
        let until = Instant::now() + server.pace.now(Wait::Answer);
        let (mut has_pong, mut has_echo) = (false, !with_echo);
        while self.events.len() < most && !(has_pong && has_echo) {
            match connection.next(until) {
                Next::Event(Event::Ping(_)) => {}
                Next::Event(Event::Pong(payload)) if payload == WORD.as_bytes() => has_pong = true,
                Next::Event(Event::Text(payload)) if with_echo && payload == WORD.as_bytes() => {
                    has_echo = true;
                }
                Next::Event(Event::Close(_)) => return Some("a Close"),
                Next::Event(event) if self.events.len() < MOST_EVENTS => self.events.push(event),
                Next::Event(_) => return Some("more and more"),
                Next::Fault(fault) => {
                    self.fault = Some(fault);
                    return Some("a fault");
                }
                Next::Fin => return Some(FIN),
                Next::Reset => return Some(RESET),
                Next::Silence => {
                    server.pace.note_in_vain(Wait::Answer);
                    return Some(SILENCE);
                }
            }
        }
        None
    }
}

/// Grades the answer.
pub(crate) fn judge(row: &Row, opening: &Opening, seen: &Opened, echoes: bool) -> Verdict {
    let response = match &seen.answered {
        Answered::Response(response) => response,
        other => return judge_no_response(row, opening, other),
    };
    if let Some(fault) = &response.head_fault {
        return Verdict::fault(fault);
    }
    if response.status == 101 {
        judge_101(row, opening, seen, response, echoes)
    } else {
        judge_refusal(row, opening, response)
    }
}

fn judge_no_response(row: &Row, opening: &Opening, answered: &Answered) -> Verdict {
    let observed = answered.to_string();
    // A request line without a version may get an answer without a head.
    let is_versioned = || opening.head.bytes_for("/", "").windows(6).any(|word| word == b" HTTP/");
    if let Answered::NoHttp(bytes) = answered
        && let Some(fault) = fault_of_noise(bytes)
        && is_versioned()
    {
        return Verdict::fault(&fault);
    }
    let verdict = if opening.answer.is_refusal() {
        Verdict::acceptable(MAY_DROP, observed)
    } else {
        Verdict::against(row, observed)
    };
    match answered {
        Answered::Silence => verdict.resting_on(Wait::Answer),
        _ => verdict.resting_on_end(),
    }
}

fn judge_101(
    row: &Row,
    opening: &Opening,
    seen: &Opened,
    response: &Response,
    echoes: bool,
) -> Verdict {
    let key = opening.head.value("Sec-WebSocket-Key").unwrap_or_default();
    let is_refusal = opening.answer.is_refusal();
    // What opens at all is asked about by other cases than the fields of refusals.
    let is_about_fields =
        matches!(opening.answer, Answer::RefuseWith(_)) && !opening.head.is_head();
    if is_refusal && row.duty != Duty::Open && !is_about_fields {
        return Verdict::violation("101: accepted");
    }
    // A key that is none may have any accept value.
    let fault = if is_refusal { None } else { response.fault_of_101(&key) };
    let fault = fault.or_else(|| fault_of_choice(opening, response)).or_else(|| seen.fault.clone());
    if let Some(fault) = &fault {
        return Verdict::fault(fault);
    }
    if let Some(verdict) = judge_exchange(row, opening, seen, echoes) {
        return verdict;
    }
    if is_about_fields {
        return Verdict::acceptable(OTHER_CASES, "101: accepted, so nothing is refused");
    }
    if is_refusal {
        return Verdict::against(row, "101: accepted");
    }
    match &opening.answer {
        Answer::Accept(wanted) if echoes && *wanted != seen.events => {
            let came = seen.events.first().map_or("nothing".to_owned(), ToString::to_string);
            let observed = format!("101, then {came}");
            if seen.events.is_empty() || wanted.starts_with(&seen.events) {
                Verdict::against(row, observed)
            } else {
                Verdict::violation(format!("{observed}: not what was sent"))
            }
        }
        Answer::ContinueAndAccept if !response.interim.contains(&100) => {
            Verdict::acceptable(NO_CONTINUE, "101 without a 100 before it")
        }
        Answer::Decline if !response.values("sec-websocket-extensions").is_empty() => {
            Verdict::against(row, "101 with an extension")
        }
        _ => Verdict::strict("101"),
    }
}

/// What the messages after a 101 show to be broken.
fn judge_exchange(row: &Row, opening: &Opening, seen: &Opened, echoes: bool) -> Option<Verdict> {
    // Octets behind the head of a request that is best refused are its body, if anything.
    let has_body = opening.head.has_more() || opening.head.has_framing();
    let delivered = seen.events.iter().find(|event| echoes || !event.is_data());
    if opening.answer.is_refusal()
        && opening.head.has_framing()
        && let Some(event) = delivered
    {
        let observed = format!("101, then {event}: the body's octets were read as frames");
        return Some(Verdict::violation(format!("{observed} (RFC 9112 6.3)")));
    }
    match seen.exchanged {
        // The server may still wait for the rest of a body.
        Exchanged::Unanswered(_) if opening.answer.is_refusal() && has_body => None,
        Exchanged::Unanswered(end) => {
            let observed = format!("101, then {end} instead of an answer to a Ping");
            let observed = format!("{observed} (RFC 6455 4.2.2, 5.5.2)");
            // RFC 6455 §4.1: a client may not send frames before the 101, so the server may make nothing of them.
            let is_early = !opening.answer.is_refusal() && opening.head.has_more();
            let verdict = match is_early {
                true => Verdict::against(row, observed),
                false => Verdict::violation(observed),
            };
            Some(match end {
                SILENCE => verdict.resting_on(Wait::Answer),
                FIN | RESET => verdict.resting_on_end(),
                _ => verdict,
            })
        }
        Exchanged::Not | Exchanged::Answered => None,
    }
}

/// What the 101 agrees to.
fn agreement(row: &Opening, response: &Response) -> Result<Option<Agreement>, Fault> {
    let offer = row.head.all("Sec-WebSocket-Extensions");
    Agreement::of(&offer, &response.values("sec-websocket-extensions"))
}

/// What is wrong with the extension and the subprotocol of a 101.
fn fault_of_choice(row: &Opening, response: &Response) -> Option<Fault> {
    if let Err(fault) = agreement(row, response) {
        return Some(fault);
    }
    let asked = row.head.all("Sec-WebSocket-Protocol");
    match response.values("sec-websocket-protocol")[..] {
        [] => None,
        [one] if asked.split(',').any(|name| name.trim() == one) && !one.is_empty() => None,
        ref other => {
            let what = format!("Sec-WebSocket-Protocol {other:?}, which was not asked for");
            Some(Fault::new("RFC 6455 4.2.2", what))
        }
    }
}

fn judge_refusal(row: &Row, opening: &Opening, response: &Response) -> Verdict {
    let is_head = opening.head.is_head();
    let observed = response.summary();
    if let Some(fault) = response.fault_of_refusal(is_head) {
        return Verdict::violation(format!("{observed}: {fault}"));
    }
    if response.is_not_ended() {
        let observed = format!("{observed} with Connection: close, and no FIN (RFC 9112 9.6)");
        return Verdict::violation(observed).resting_on(Wait::Fin);
    }
    let statuses = match &opening.answer {
        Answer::Accept(_) | Answer::ContinueAndAccept => {
            return match response.status {
                300..=399 | 401 | 403 | 404 | 407 | 421 => {
                    Verdict::acceptable(APPLICATION, observed)
                }
                _ => Verdict::against(row, observed),
            };
        }
        Answer::Decline if response.status >= 500 => return Verdict::against(row, observed),
        Answer::Decline => return Verdict::acceptable(DECLINED, observed),
        Answer::Refuse(statuses) | Answer::RefuseWith(statuses) => statuses,
        Answer::RefuseListing(statuses, is_duty) => {
            if !response.lists("sec-websocket-version", "13") {
                let observed = format!("{observed} without Sec-WebSocket-Version: 13");
                return match is_duty {
                    true => Verdict::against(row, observed),
                    false => Verdict::acceptable(LISTING, observed),
                };
            }
            statuses
        }
    };
    if !statuses.contains(&response.status) {
        return match row.duty {
            Duty::MustStatus => Verdict::violation(observed),
            Duty::Must | Duty::Open => Verdict::acceptable(STATUS, observed),
        };
    }
    match response.shortcoming(is_head) {
        None => Verdict::strict(observed),
        Some(why) => Verdict::acceptable(FIELDS, format!("{observed}; {why}")),
    }
}

impl Answer {
    /// Whether the head is a lawful request.
    pub(crate) fn is_lawful(&self) -> bool {
        !self.is_refusal()
    }

    fn is_refusal(&self) -> bool {
        matches!(self, Answer::Refuse(_) | Answer::RefuseWith(_) | Answer::RefuseListing(..))
    }
}

/// What is said after a 101.
const WORD: &str = "is this open?";
const SILENCE: &str = "silence";
const FIN: &str = "FIN";
const RESET: &str = "a reset";
const MOST_EVENTS: usize = 16;

const MAY_DROP: &str =
    "RFC 6455 10.7 lets a server drop the connection over a bad handshake, without an answer (MAY)";
const OTHER_CASES: &str = "whether it is refused at all is asked by other cases";
const NO_CONTINUE: &str =
    "RFC 9110 10.1.1 lets a server leave out 100 where the final answer is there (MAY)";
const APPLICATION: &str =
    "RFC 6455 4.2.2 leaves it to the server which clients and resources it serves";
const DECLINED: &str =
    "RFC 6455 9.1 has an unwanted extension declined; a refusal accepts none either";
const LISTING: &str = "RFC 6455 4.4 demands the list only for a version that is one";
const STATUS: &str =
    "RFC 6455 4.2.1 names a status only as an example, and no other MUST fixes it here";
const FIELDS: &str =
    "recommended (SHOULD), or a MUST under conditions that cannot be seen from here";

#[cfg(test)]
mod tests {
    use super::super::case::{Content, Delivery, Grade, Play};
    use super::super::head::Head;
    use super::*;

    #[test]
    fn s4_1_frames_before_the_101_may_be_lost_and_later_ones_not() {
        let grade = |head: Head, duty| {
            let opening =
                Opening { head, delivery: Delivery::Whole, answer: Answer::Accept(Vec::new()) };
            let (answered, events) = (Answered::Silence, Vec::new());
            let (exchanged, tapes) = (Exchanged::Unanswered(FIN), Tapes::default());
            let seen = Opened { answered, events, exchanged, fault: None, tapes };
            let (head, answer) = (opening.head.clone(), opening.answer.clone());
            let play = Play::Opening(Opening { head, delivery: Delivery::Whole, answer });
            let (replies, content, basis) = (duty, Content::Bad, "a clause");
            let row = Row { what: String::new(), play, duty, replies, content, basis };
            judge_exchange(&row, &opening, &seen, true).map(|verdict| verdict.grade)
        };
        let early = Head::new().followed_by(ping("early"));
        assert_eq!(grade(early, Duty::Open), Some(Grade::Acceptable));
        assert_eq!(grade(Head::new(), Duty::Open), Some(Grade::Violation));
    }
}
