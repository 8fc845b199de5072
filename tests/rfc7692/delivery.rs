//! How a compressed message is handed over: inflaters lent and given back, pauses, pieces,
//! discarding (RFC 7692 §7.2.2, §8).

use std::sync::Arc;

use stickler::proto::{
    assembler::MessageLimits,
    close::{CloseCode, CloseFrame},
    deflate::{Inflater, Policy, budget::Budget, negotiate},
    event::{Delivery, Event, Payload, Step},
    extension::parse_offers,
    inbound::Inbound,
    outbound::Outbound,
    violation::Violation,
};

use super::history::frame;
use crate::claims::claims;
use crate::hex::hex;
use stickler_testing::deflate::{Token, Writer, plain};

const LIMITS: MessageLimits =
    MessageLimits::new().max_message_size(64 << 20).max_frame_size(64 << 20).max_fragments(1000);

/// A connection fed by hand.
pub(crate) struct Hand {
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
    batch: Vec<u8>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) limits: MessageLimits,
}

impl Hand {
    /// Context takeover is agreed.
    pub(crate) fn new() -> Hand {
        Hand::agreed(true)
    }

    fn agreed(client_context_takeover: bool) -> Hand {
        let policy = Policy::default().client_context_takeover(client_context_takeover);
        let offers = parse_offers([&b"permessage-deflate"[..]]).unwrap();
        let mut inbound = Inbound::new();
        inbound.agree(&negotiate(&offers, &policy).unwrap());
        let budget = Arc::new(Budget::new(Inflater::MEMORY + LEFT));
        let outbound = Outbound::new();
        Hand { inbound, outbound, batch: Vec::new(), budget, limits: LIMITS }
    }

    pub(crate) fn receive(
        &mut self,
        input: &mut [u8],
        delivery: Delivery,
    ) -> Result<Step, Violation> {
        self.inbound.receive(input, delivery, &self.limits)
    }

    pub(crate) fn lend(&mut self) {
        let inflater = Box::new(Inflater::new(&self.budget).unwrap());
        self.inbound.lend_inflater(inflater);
    }

    /// A step that gives no event.
    fn quiet(&mut self, bytes: &str) {
        let mut input = hex(bytes);
        let step = self.receive(&mut input, Delivery::Message).unwrap();
        assert_eq!(step, Step { consumed: input.len(), event: None });
    }

    fn piece(&mut self, bytes: &str) -> Option<(Vec<u8>, bool)> {
        let mut input = hex(bytes);
        let step = self.receive(&mut input, Delivery::Pieces).unwrap();
        assert_eq!(step.consumed, input.len());
        let Event::Piece { data, last } = step.event? else { panic!("no piece") };
        assert_eq!(data.payload, Payload::Assembled);
        Some((self.inbound.take_assembled(Vec::new()), last))
    }
}

/// Room for what short messages leave to the next one, in bytes.
const LEFT: usize = 64;

#[test]
fn an_inflater_is_wanted_with_the_first_payload_and_comes_back_after_the_last() {
    let mut hand = Hand::new();
    hand.quiet("41 80 00000000 00 83 010203");
    assert!(hand.inbound.reclaim_inflater(Budget::charge_history).is_none());
    // A header alone takes none.
    hand.quiet("04");
    let mut input = hex("f34ace 80 84 00000000 c9c90700 89");
    let masked = input.clone();
    for _ in 0..3 {
        let step = hand.receive(&mut input, Delivery::Message).unwrap();
        assert_eq!(step, Step { consumed: 0, event: Some(Event::NoInflater) });
        assert_eq!(input, masked);
    }
    hand.lend();
    assert!(!hand.budget.has_left(LEFT + 1));
    let step = hand.receive(&mut input[..1], Delivery::Message).unwrap();
    assert_eq!(step, Step { consumed: 1, event: None });
    assert!(hand.inbound.reclaim_inflater(Budget::charge_history).is_none());
    let step = hand.receive(&mut input[1..], Delivery::Message).unwrap();
    assert_eq!(step.consumed, 12);
    assert!(matches!(step.event, Some(Event::Message(data)) if data.text.is_some()));
    assert_eq!(hand.inbound.take_assembled(Vec::new()), b"Hello");
    assert_eq!(input[13..], [0x89]);
    assert!(hand.inbound.reclaim_inflater(Budget::charge_history).is_some());
    assert!(hand.inbound.reclaim_inflater(Budget::charge_history).is_none());
    // What is agreed to be taken over stays with the connection, not with the inflater.
    let mut next = hex("c1 85 00000000 f200110000");
    let step = hand.receive(&mut next, Delivery::Message).unwrap();
    assert_eq!(step, Step { consumed: 6, event: Some(Event::NoInflater) });
    hand.lend();
    let step = hand.receive(&mut next[6..], Delivery::Message).unwrap();
    assert!(matches!(step.event, Some(Event::Message(_))));
    assert_eq!(hand.inbound.take_assembled(Vec::new()), b"Hello");
}

#[test]
fn an_inflater_that_is_not_given_back_takes_over_what_was_agreed() {
    claims!("7692-7.2.2-02", "7692-7.2.2-04");
    for takeover in [true, false] {
        let mut hand = Hand::agreed(takeover);
        hand.lend();
        let first = hand.receive(&mut hex("c1 87 00000000 f248cdc9c90700"), Delivery::Message);
        assert!(matches!(first.unwrap().event, Some(Event::Message(_))));
        assert_eq!(hand.inbound.take_assembled(Vec::new()), b"Hello");
        // It refers back to the first.
        let second = hand.receive(&mut hex("c1 85 00000000 f200110000"), Delivery::Message);
        if takeover {
            assert!(matches!(second.unwrap().event, Some(Event::Message(_))));
            assert_eq!(hand.inbound.take_assembled(Vec::new()), b"Hello");
        } else {
            assert_eq!(second, Err(Violation::DeflateCorrupt));
        }
    }
}

#[test]
fn s5_6_pieces_of_compressed_text_are_whole_characters() {
    let mut hand = Hand::new();
    hand.lend();
    assert_eq!(hand.piece("41 86 00000000 000100feffe2"), None);
    assert_eq!(hand.piece("00 80 00000000 00 87 00000000 000200fdff82"), None);
    assert_eq!(hand.piece("ac"), Some(("\u{20AC}".into(), false)));
    assert_eq!(hand.piece("00 88 00000000 000300fcff61 f09f"), Some((b"a".to_vec(), false)));
    assert_eq!(hand.piece("00 87 00000000 000200fdff98 80"), Some(("\u{1F600}".into(), false)));
    assert_eq!(hand.piece("80 81 00000000 00"), Some((vec![], true)));
    // The plain path after it finds nothing left behind.
    let step = hand.receive(&mut hex("81 81 00000000 63"), Delivery::Pieces).unwrap();
    let Some(Event::Piece { data, last: true }) = step.event else { panic!() };
    assert_eq!(data.payload, Payload::Input(6..7));
}

#[test]
fn delivery_may_change_inside_a_compressed_message() {
    let mut hand = Hand::new();
    hand.lend();
    hand.quiet("41 87 00000000 000200fdff61 e2");
    assert_eq!(hand.piece("00 80 00000000"), Some((b"a".to_vec(), false)));
    hand.quiet("00 87 00000000 000200fdff82 ac");
    let mut end = hex("80 87 00000000 000100feff62 00");
    let step = hand.receive(&mut end, Delivery::Message).unwrap();
    assert!(matches!(step.event, Some(Event::Message(data)) if data.text.is_some()));
    assert_eq!(hand.inbound.take_assembled(Vec::new()), "\u{20AC}b".as_bytes());
}

#[test]
fn a_compressed_frame_is_not_read_directly() {
    let mut hand = Hand::new();
    hand.lend();
    hand.quiet("42 84 00000000 f248");
    assert_eq!(hand.inbound.take_direct(0), None);
    hand.quiet("cdc9 89");
    assert_eq!(hand.inbound.take_direct(0), None);
    assert!(hand.receive(&mut hex("80 00000000"), Delivery::Message).unwrap().event.is_some());
    let mut end = hex("80 83 00000000 c90700");
    assert!(hand.receive(&mut end, Delivery::Message).unwrap().event.is_some());
    hand.inbound.take_assembled(Vec::new());
    hand.quiet("82 84 00000000 61");
    assert_eq!(
        hand.inbound.take_direct(0).map(|(buffer, room)| (buffer.len(), room)),
        Some((1, 3))
    );
}

/// A few bytes that come to very many, in one frame.
fn bomb(len: usize) -> Vec<u8> {
    let copy = Token::Copy { length: 258, distance: 1 };
    let tokens = [&plain("a")[..], &vec![copy; (len - 1) / 258]].concat();
    frame(&Writer::new().fixed(false, &tokens).message())
}

/// Our Close may be sent at any pause, also with all input taken.
#[test]
fn s5_5_1_discarding_may_begin_inside_a_compressed_message() {
    claims!("6455-5.5.1-19");
    let going_away = CloseFrame { code: Some(CloseCode::GOING_AWAY), reason: "" };
    let bytes = bomb(600_000);
    let rest = hex("89 80 00000000 c1 82 00000000 ffff 88 80 00000000");
    for delivery in [Delivery::Message, Delivery::Pieces] {
        for stop in 0..4 {
            for cut in [8, 9, bytes.len() - 1, bytes.len()] {
                let mut hand = Hand::new();
                let mut input = [&bytes[..], &rest].concat();
                let mut at = 0;
                for step in 0..stop {
                    if step == 1 {
                        hand.lend();
                    }
                    let until = if step == 2 { cut } else { bytes.len() };
                    let input = &mut input[at..until.max(at)];
                    at += hand.receive(input, delivery).unwrap().consumed;
                }
                let Hand { inbound, outbound, batch, budget, .. } = &mut hand;
                outbound.close(going_away, batch).unwrap();
                inbound.discard();
                assert_eq!((inbound.buffered(), budget.used()), (0, 0));
                let ping = hand.receive(&mut input[at..], delivery).unwrap();
                assert!(matches!(ping.event, Some(Event::Ping(_))), "{stop} {cut}");
                at += ping.consumed;
                let close = hand.receive(&mut input[at..], delivery).unwrap();
                assert!(matches!(close.event, Some(Event::Close(_))), "{stop} {cut}");
                assert!(hand.inbound.take_assembled(Vec::new()).is_empty());
            }
        }
    }
}

/// Whatever fails gives back what was lent, and keeps nothing.
#[test]
fn s7_2_2_a_fault_lets_go_of_everything() {
    for fault in ["c1 87 00000000 f2 ffffffffff", "c1 80 00000000", "41 83 00000000 f248cd c9"] {
        let mut hand = Hand::new();
        hand.lend();
        hand.quiet("42 86 00000000 000100feff61");
        let mut end = hex("80 81 00000000 00");
        assert!(hand.receive(&mut end, Delivery::Message).unwrap().event.is_some());
        hand.inbound.take_assembled(Vec::new());
        assert!(hand.receive(&mut hex(fault), Delivery::Message).is_err());
        assert_eq!((hand.inbound.buffered(), hand.budget.used()), (0, 0));
        assert!(
            hand.inbound.reclaim_inflater(Budget::charge_history).is_none()
                && hand.inbound.has_ended()
        );
    }
}

/// An inflater that saw the beginning of one connection's message shows nothing of it to another.
#[test]
fn s7_1_1_2_nothing_goes_from_one_connection_to_another() {
    let mut hand = Hand::new();
    hand.lend();
    let mut secret = hex("c1 87 00000000 f248cdc9c90700");
    hand.receive(&mut secret, Delivery::Message).unwrap();
    let inflater = hand.inbound.reclaim_inflater(Budget::charge_history).unwrap();
    let mut other = Hand::new();
    other.inbound.lend_inflater(inflater);
    let mut spy = hex("c1 85 00000000 f200110000");
    assert_eq!(other.receive(&mut spy, Delivery::Message), Err(Violation::DeflateCorrupt));
}
