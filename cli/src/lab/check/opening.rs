//! Plays and grades an opening handshake.

use std::time::Instant;

use super::agreement::Agreement;
use super::case::{Answer, Duty, Opening};
use super::connection::{Connection, Next};
use super::frame::{Event, Fault};
use super::http::{self, Answered, Response};
use super::judge::Verdict;
use super::play::{Server, Unplayed, connect, deliver};

/// What came of an opening handshake.
pub(crate) struct Opened {
    /// Whether a 100 came first.
    continued: bool,
    pub(crate) answered: Answered,
    events: Vec<Event>,
    fault: Option<Fault>,
}

/// Sends the head and reads what comes.
pub(crate) fn open(server: &Server, row: &Opening) -> Result<Opened, Unplayed> {
    let mut connection = connect(server)?;
    deliver(&mut connection, &row.head.bytes_for(&server.path, &server.host), row.delivery);
    let mut opened = read(&mut connection, server, row);
    if let (Answered::Response(response), Answer::Accept(wanted)) = (&opened.answered, &row.answer)
        && response.status == 101
    {
        let until = Instant::now() + server.pace.answer;
        while opened.events.len() < wanted.len() {
            match connection.next(until) {
                Next::Event(Event::Ping(_)) => {}
                Next::Event(event) => opened.events.push(event),
                Next::Fault(fault) => {
                    opened.fault = Some(fault);
                    break;
                }
                _ => break,
            }
        }
    }
    connection.half_close();
    Ok(opened)
}

fn read(connection: &mut Connection, server: &Server, row: &Opening) -> Opened {
    let until = Instant::now() + server.pace.answer;
    let is_head = row.head.is_head();
    let mut answered = http::read(connection, until, is_head);
    let mut continued = false;
    if let Answered::Response(response) = &answered
        && response.status == 100
    {
        continued = true;
        answered = http::read(connection, until, is_head);
    }
    if let Answered::Response(response) = &mut answered
        && response.status >= 200
    {
        let until = Instant::now() + server.pace.fin_now();
        while !connection.is_finished() && connection.fill(until).unwrap_or(false) {}
        response.ends = connection.is_finished() && connection.unread().is_empty();
        server.pace.note_end(connection.is_finished());
    }
    Opened { continued, answered, events: Vec::new(), fault: None }
}

/// Grades the answer.
pub(crate) fn judge(row: &Opening, duty: Duty, seen: &Opened, echoes: bool) -> Verdict {
    let response = match &seen.answered {
        Answered::Response(response) => response,
        other => return judge_no_response(row, duty, other),
    };
    if response.status == 101 {
        judge_101(row, duty, seen, response, echoes)
    } else {
        judge_refusal(row, duty, response)
    }
}

fn judge_no_response(row: &Opening, duty: Duty, answered: &Answered) -> Verdict {
    let observed = answered.to_string();
    match &row.answer {
        Answer::Accept(_) | Answer::ContinueAndAccept | Answer::Decline => {
            Verdict::against(duty, observed)
        }
        // RFC 6455 §10.7: a handshake that is not as it should be may also be dropped.
        Answer::Refuse(_) | Answer::RefuseWith(_) | Answer::RefuseListing(..) => {
            Verdict::acceptable(observed)
        }
    }
}

fn judge_101(
    row: &Opening,
    duty: Duty,
    seen: &Opened,
    response: &Response,
    echoes: bool,
) -> Verdict {
    // What opens at all is asked about by other cases than the fields of refusals.
    if matches!(row.answer, Answer::RefuseWith(_)) && !row.head.is_head() {
        return Verdict::acceptable("101: accepted, so nothing is refused");
    }
    if row.answer.is_refusal() {
        return Verdict::against(duty, "101: accepted");
    }
    let key = row.head.value("Sec-WebSocket-Key").unwrap_or_default();
    if let Some(fault) = response.fault_of_101(&key).or_else(|| fault_of_choice(row, response)) {
        return Verdict::fault(&fault);
    }
    if let Some(fault) = &seen.fault {
        return Verdict::fault(fault);
    }
    match &row.answer {
        Answer::Accept(wanted) if echoes && *wanted != seen.events => {
            let came = seen.events.first().map_or("nothing".to_owned(), ToString::to_string);
            Verdict::against(duty, format!("101, then {came}"))
        }
        Answer::ContinueAndAccept if !seen.continued => {
            Verdict::acceptable("101 without a 100 before it")
        }
        Answer::Accept(_) | Answer::Decline if seen.continued => {
            Verdict::acceptable("a 100 that nobody asked for, then 101")
        }
        Answer::Decline if !response.values("sec-websocket-extensions").is_empty() => {
            Verdict::against(duty, "101 with an extension")
        }
        _ => Verdict::strict("101"),
    }
}

/// What is wrong with the extension and the subprotocol of a 101.
fn fault_of_choice(row: &Opening, response: &Response) -> Option<Fault> {
    let offer = row.head.all("Sec-WebSocket-Extensions");
    let answer = response.values("sec-websocket-extensions");
    if let Err(fault) = Agreement::of(&offer, &answer) {
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

fn judge_refusal(row: &Opening, duty: Duty, response: &Response) -> Verdict {
    let is_head = row.head.is_head();
    let observed = response.summary();
    let statuses = match &row.answer {
        // RFC 6455 §9.1 wants unknown extensions declined; a refusal accepts none of them either.
        Answer::Decline => return Verdict::acceptable(observed),
        Answer::Accept(_) | Answer::ContinueAndAccept => {
            return match response.status {
                // The application's own: authentication, redirection, another resource, overload.
                300..=399 | 401 | 403 | 404 | 407 | 421 | 429 | 503 => {
                    Verdict::acceptable(observed)
                }
                _ => Verdict::against(duty, observed),
            };
        }
        Answer::Refuse(statuses) | Answer::RefuseWith(statuses) => statuses,
        Answer::RefuseListing(statuses, is_duty) => {
            if !response.lists("sec-websocket-version", "13") {
                let duty = if *is_duty { duty } else { Duty::Open };
                let observed = format!("{observed} without Sec-WebSocket-Version: 13");
                return Verdict::against(duty, observed);
            }
            statuses
        }
    };
    if let Some(fault) = response.fault_of_refusal(is_head) {
        let observed = format!("{observed}: {fault}");
        return match row.answer {
            Answer::RefuseWith(_) => Verdict::against(duty, observed),
            _ => Verdict::acceptable(observed),
        };
    }
    if !statuses.contains(&response.status) {
        return match duty {
            Duty::MustStatus => Verdict::violation(observed),
            Duty::Must | Duty::Open => Verdict::acceptable(observed),
        };
    }
    match response.shortcoming(is_head) {
        None => Verdict::strict(observed),
        Some(why) => Verdict::acceptable(format!("{observed}; {why}")),
    }
}

impl Answer {
    fn is_refusal(&self) -> bool {
        matches!(self, Answer::Refuse(_) | Answer::RefuseWith(_) | Answer::RefuseListing(..))
    }
}
