//! The cases of `stickler check`, each row in every delivery, and with what only this server promises:
//! the reason and the body name the clause, refusals carry every field that belongs to them.

use crate::case::{Case, DEFAULT, Profile, run};
use crate::check::case::{self as checked, Answer, Context, Exchange, Opening, Play, Row};
use crate::check::cases;
use crate::claims;
use crate::cli::output;
use crate::client::{Client, Outcome, PROMPT};
use crate::deflate_frames::LEAN;
use crate::deflate_negotiation::declines;
use crate::exchange::{End, row_offering, row_on};
use crate::opening::{self, opening, refused_bytes};
use crate::server::{Server, stickler};

const TAKEOVER: Profile = &["--deflate", "takeover"];

/// Every row of these cases, once for each profile that it fits.
fn played(cases: Vec<checked::Case>) -> Vec<Case> {
    let mut all = Vec::new();
    for case in cases {
        let (id, section, rules) = (case.id, case.section, case.requirements);
        for row in case.rows {
            let rule = format!("{}: {}", case.rule, row.what);
            match row {
                Row { play: Play::Opening(opening), .. } => {
                    if opening.answer == Answer::Decline {
                        let head = opening.head.clone();
                        all.push(declines(id, rule.clone(), head).claiming(rules));
                    }
                    all.push(opened(id, rule, opening).claiming(rules));
                }
                Row { play: Play::Exchange(exchange), .. } => {
                    let exchanged = exchanged(id, &rule, section, &exchange).into_iter();
                    all.extend(exchanged.map(|case| case.claiming(rules)));
                }
            }
        }
    }
    all
}

fn exchanged(
    id: &'static str,
    rule: &str,
    section: &'static str,
    exchange: &Exchange,
) -> Vec<Case> {
    // How many rounds it takes means nothing here: what comes back is the same.
    let mut bytes: Vec<u8> = exchange.first.iter().flat_map(|round| round.bytes.clone()).collect();
    let mut replies: Vec<_> =
        exchange.first.iter().flat_map(|round| round.replies.clone()).collect();
    bytes.extend_from_slice(&exchange.bytes);
    replies.extend_from_slice(&exchange.replies);
    let end = match &exchange.end {
        checked::End::Open => End::Open,
        checked::End::Fail(code) | checked::End::FailEarly(code) => End::Fail(*code, section),
        checked::End::Closed(body) => End::Closed(body.clone()),
    };
    let Some(offer) = exchange.offer else {
        return vec![row_on(DEFAULT, id, rule, bytes.clone(), replies.clone(), end)];
    };
    let profiles: &[Profile] = match exchange.context {
        Context::Any => &[DEFAULT, TAKEOVER],
        Context::Kept => &[TAKEOVER],
        Context::Fresh => &[LEAN],
    };
    let on = |profile: &Profile| {
        let (bytes, replies, end) = (bytes.clone(), replies.clone(), end.clone());
        row_offering((*profile, offer), id, rule, bytes, replies, end)
    };
    profiles.iter().map(on).collect()
}

fn opened(id: &'static str, rule: String, row: Opening) -> Case {
    let is_head = row.head.is_head();
    let answer = match row.answer {
        Answer::Accept(replies) if !replies.is_empty() => {
            return Case::on(DEFAULT, id, rule, move |server| early(server, &row.head, &replies));
        }
        Answer::Accept(_) | Answer::Decline => opening::Answer::Accept(None),
        Answer::ContinueAndAccept => opening::Answer::ContinueAndAccept,
        Answer::Refuse(statuses) | Answer::RefuseWith(statuses) if is_head => {
            opening::Answer::RefuseWithoutContent(statuses)
        }
        Answer::Refuse(statuses) if row.head.is_verbatim() => {
            return refused_bytes(id, rule, statuses, row.head.bytes());
        }
        Answer::Refuse(statuses) | Answer::RefuseWith(statuses) => {
            opening::Answer::Refuse(statuses)
        }
        Answer::RefuseListing(statuses, _) => opening::Answer::RefuseListingVersion(statuses),
    };
    opening(DEFAULT, id, rule, row.head, answer)
}

/// The replies to what came with the head.
fn early(server: &Server, head: &crate::http::Head, replies: &[crate::frame::Event]) -> Outcome {
    let mut client = Client::connect(server.address())?;
    client.send(&head.bytes())?;
    let response = client.response(PROMPT)?;
    response.accepts(head).map_err(|why| client.report("101", &why))?;
    replies.iter().try_for_each(|reply| client.expect(reply))?;
    client.expect_alive()
}

#[test]
fn checked_handshake() {
    run("checked_handshake", played(cases::of_handshake()));
}

#[test]
fn checked_framing() {
    run("checked_framing", played(cases::of_framing()));
}

#[test]
fn checked_closing_utf8_and_limits() {
    run("checked_closing_utf8_and_limits", played(cases::of_closing_utf8_and_limits()));
}

#[test]
fn checked_deflate() {
    run("checked_deflate", played(cases::of_deflate()));
}

/// By the program itself: the client here speaks no TLS.
#[test]
fn checked_over_tls() {
    claims!("6455-7.1.1-02", "9112-9.8-01");
    let mut command = stickler();
    command.args(["serve", "--listen-tls", "127.0.0.1:0", "--tls-self-signed"]);
    let server = Server::spawn(command, 1, "over TLS").unwrap();
    let listening = server.stdout_lines().remove(0);
    let url = listening.strip_prefix("listening on ").unwrap();
    let mut check = stickler();
    check.args(["check", url, "--insecure", "--only", cases::CLOSE_NOTIFY]);
    let checked = output(&mut check).unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert_eq!(checked.status.code(), Some(0), "{said}");
    assert!(said.lines().any(|line| line.starts_with("strict     close-notify ")), "{said}");
    server.retire().unwrap();
}
