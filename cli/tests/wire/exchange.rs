//! A row of frames: what is sent after the 101, what must come back, and how it must end. Each row is
//! played whole, byte by byte, cut in places, and, where it ends the connection, with more behind it.
//!
//! Held on every row: 6455-5.1-04, 6455-5.2-08 to 6455-5.2-10 for what the server sends,
//! 6455-5.2-16, 6455-5.3-01, 6455-5.3-03, 6455-5.6-05, 6455-6.1-02, 6455-6.2-03. On every row that
//! ends the connection: 6455-5.5.1-08, 6455-5.5.1-13, 6455-5.5.1-16, 6455-7.1.1-01, 6455-7.1.1-04,
//! 6455-7.1.7-01, 6455-7.1.7-02, 6455-7.1.7-04, 6455-10.7-03.

use std::thread;
use std::time::Duration;

use crate::case::{Case, DEFAULT, Profile};
use crate::client::{Client, Outcome};
use crate::frame::{Event, close, join, ping, text};

/// How the connection must stand after the replies.
#[derive(Clone)]
pub(crate) enum End {
    /// Open: a Ping is still answered, and it closes cleanly.
    Open,
    /// Failed with this code; the reason begins with this clause.
    Fail(u16, &'static str),
    /// The Close is answered with this body, then FIN.
    Closed(Vec<u8>),
}

/// How the bytes reach the server.
#[derive(Clone, Copy)]
enum Delivery {
    Whole,
    Bytewise,
    CutAt(usize),
    Followed,
}

/// A row on a server with default flags.
pub(crate) fn row(
    id: &'static str,
    rule: impl Into<String>,
    bytes: Vec<u8>,
    replies: Vec<Event>,
    end: End,
) -> Case {
    row_on(DEFAULT, id, rule, bytes, replies, end)
}

/// A row on a server with these flags.
pub(crate) fn row_on(
    profile: Profile,
    id: &'static str,
    rule: impl Into<String>,
    bytes: Vec<u8>,
    replies: Vec<Event>,
    end: End,
) -> Case {
    Case::on(profile, id, rule, move |server| {
        let open = || Client::open(server.address());
        play_all(&open, &bytes, &replies, &end)
    })
}

/// A row on a server with these flags, after this offer of permessage-deflate was accepted.
pub(crate) fn row_offering(
    (profile, offer): (Profile, &'static str),
    id: &'static str,
    rule: impl Into<String>,
    bytes: Vec<u8>,
    replies: Vec<Event>,
    end: End,
) -> Case {
    Case::on(profile, id, rule, move |server| {
        let open = || Client::offering(server.address(), offer);
        play_all(&open, &bytes, &replies, &end)
    })
}

/// Connects and opens.
type Open<'a> = &'a dyn Fn() -> Result<Client, String>;

fn play_all(open: Open<'_>, bytes: &[u8], replies: &[Event], end: &End) -> Outcome {
    for delivery in deliveries(bytes.len(), is_long(bytes, replies), end) {
        play(open, bytes, replies, end, delivery)
            .map_err(|why| format!("    delivery  {}\n{why}", delivery.name()))?;
    }
    Ok(())
}

/// Whether a row is about how much it is; where to cut messages other rows ask.
fn is_long(bytes: &[u8], replies: &[Event]) -> bool {
    let payload = |reply: &Event| match reply {
        Event::Text(payload) | Event::Binary(payload) => payload.len(),
        _ => 0,
    };
    bytes.len() + replies.iter().map(payload).sum::<usize>() > 100_000
}

fn deliveries(length: usize, is_long: bool, end: &End) -> Vec<Delivery> {
    let mut all = vec![Delivery::Whole];
    if length <= 2048 {
        all.push(Delivery::Bytewise);
    }
    // The header's every border, then the middle and the end.
    let mut cuts = vec![1, 2, 3, 5, 7, length / 2, length.saturating_sub(1)];
    cuts.retain(|cut| (1..length).contains(cut) && (!is_long || *cut == length / 2));
    cuts.sort_unstable();
    cuts.dedup();
    all.extend(cuts.into_iter().map(Delivery::CutAt));
    if !matches!(end, End::Open) {
        all.push(Delivery::Followed);
    }
    all
}

impl Delivery {
    fn name(self) -> String {
        match self {
            Delivery::Whole => "whole".to_owned(),
            Delivery::Bytewise => "byte by byte".to_owned(),
            Delivery::CutAt(at) => format!("cut after {at} bytes"),
            Delivery::Followed => "whole, with a text, a ping and a Close behind it".to_owned(),
        }
    }
}

fn play(open: Open<'_>, bytes: &[u8], replies: &[Event], end: &End, how: Delivery) -> Outcome {
    let mut client = open()?;
    match how {
        Delivery::Whole => client.send(bytes)?,
        Delivery::Bytewise => {
            for byte in bytes {
                client.send(std::slice::from_ref(byte))?;
                thread::yield_now();
            }
        }
        Delivery::CutAt(at) => {
            client.send(&bytes[..at])?;
            // Long enough that the two parts are usually read apart; nothing depends on it.
            thread::sleep(Duration::from_millis(1));
            client.send(&bytes[at..])?;
        }
        Delivery::Followed => {
            let more = join(&[text("after"), ping("after"), close(1000, "")]);
            client.send(&[bytes, &more].concat())?;
        }
    }
    for reply in replies {
        client.expect(reply)?;
    }
    match end {
        End::Open => client.expect_alive(),
        End::Fail(code, clause) => {
            client.expect_failed(*code, clause)?;
            client.expect_no_reset()
        }
        End::Closed(body) => {
            client.expect(&Event::Close(body.clone()))?;
            client.expect_fin(crate::client::PROMPT)?;
            client.expect_no_reset()
        }
    }
}
