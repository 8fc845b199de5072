//! How what was received is handed over: steps, pieces, the direct path, discarding.

use stickler::proto::{
    assembler::MessageLimits,
    close::{CloseCode, CloseFrame},
    event::{Delivery, Event, Payload, Step},
    inbound::Inbound,
    outbound::Outbound,
    violation::Violation,
};

use crate::claims::claims;
use crate::hex::hex;

/// A connection fed by hand.
#[derive(Default)]
struct Hand {
    inbound: Inbound,
    outbound: Outbound,
    batch: Vec<u8>,
}

impl Hand {
    fn receive(&mut self, input: &mut [u8], delivery: Delivery) -> Result<Step, Violation> {
        let limits = MessageLimits::default();
        let step = self.inbound.receive(input, delivery, &limits);
        step.inspect_err(|violation| self.outbound.fail(*violation, &mut self.batch))
    }

    /// The piece that these bytes give: its payload and whether it is the last.
    fn piece(&mut self, bytes: &str) -> Option<(Vec<u8>, bool)> {
        let mut input = hex(bytes);
        let step = self.receive(&mut input, Delivery::Pieces).unwrap();
        assert_eq!(step.consumed, input.len());
        let Event::Piece { data, last } = step.event? else { panic!("no piece") };
        let payload = match data.payload {
            Payload::Input(range) => input[range].to_vec(),
            Payload::Assembled => self.inbound.take_assembled(Vec::new()),
            Payload::Control => panic!("a piece in the buffer for control frames"),
        };
        Some((payload, last))
    }
}

#[test]
fn a_step_stops_after_one_event_and_touches_nothing_behind_it() {
    let mut hand = Hand::default();
    let mut input = hex("81 85 37fa213d 7f9f4d5158 82 81 ffffffff 00 c1");
    let step = hand.receive(&mut input, Delivery::Message).unwrap();
    assert_eq!(step.consumed, 11);
    let Some(Event::Message(data)) = step.event else { panic!() };
    assert_eq!(data.payload, Payload::Input(6..11));
    assert_eq!(input[6..], hex("48656c6c6f 82 81 ffffffff 00 c1"));
    let step = hand.receive(&mut input[11..], Delivery::Message).unwrap();
    assert_eq!(step.consumed, 7);
    let Some(Event::Message(data)) = step.event else { panic!() };
    assert_eq!((data.payload, data.text), (Payload::Input(6..7), None));
    assert!(hand.batch.is_empty());
    let fault = hand.receive(&mut input[18..], Delivery::Message);
    assert_eq!(fault, Err(Violation::ReservedBit));
}

#[test]
fn payload_is_handed_over_where_it_lies_unless_more_is_needed_to_make_it_whole() {
    for len in [0, 1, 125, 126, 4_000, 40_000, 65_536, 200_000_usize] {
        for (first, delivery) in [
            (0x81, Delivery::Message),
            (0x82, Delivery::Message),
            (0x81, Delivery::Pieces),
            (0x82, Delivery::Pieces),
        ] {
            let mut input = vec![first];
            match len {
                0..=125 => input.push(0x80 | len as u8),
                126..=0xFFFF => input.extend([&[0xFE], &(len as u16).to_be_bytes()[..]].concat()),
                _ => input.extend([&[0xFF], &(len as u64).to_be_bytes()[..]].concat()),
            }
            input.extend([0; 4]);
            let start = input.len();
            input.resize(start + len, b'a');
            let step = Hand::default().receive(&mut input, delivery).unwrap();
            let (Some(Event::Message(data)) | Some(Event::Piece { data, last: true })) = step.event
            else {
                panic!("{len}")
            };
            assert_eq!(data.payload, Payload::Input(start..start + len));
        }
    }
    // Fragments: pieces of their own, parts of a message.
    let mut hand = Hand::default();
    for bytes in ["01 83 00000000 616263", "00 83 00000000 616263"] {
        let step = hand.receive(&mut hex(bytes), Delivery::Pieces).unwrap();
        let Some(Event::Piece { data, last: false }) = step.event else { panic!() };
        assert_eq!(data.payload, Payload::Input(6..9));
    }
    let mut hand = Hand::default();
    hand.receive(&mut hex("01 83 00000000 616263"), Delivery::Message).unwrap();
    let step = hand.receive(&mut hex("80 83 00000000 616263"), Delivery::Message).unwrap();
    let Some(Event::Message(data)) = step.event else { panic!() };
    assert_eq!(data.payload, Payload::Assembled);
}

#[test]
fn what_follows_the_end_is_swallowed_unread() {
    claims!("6455-7.1.7-04");
    let mut hand = Hand::default();
    assert!(hand.receive(&mut hex("81 00"), Delivery::Message).is_err());
    hand.batch.clear();
    for bytes in ["", "88 80 00000000", "ff*100"] {
        let mut input = hex(bytes);
        let step = hand.receive(&mut input, Delivery::Message).unwrap();
        assert_eq!(step, Step { consumed: input.len(), event: None });
        assert_eq!(input, hex(bytes));
    }
    assert!(hand.batch.is_empty() && hand.inbound.has_ended());
    assert_eq!(hand.inbound.take_direct(0), None);
}

#[test]
fn control_frames_are_found_in_the_input_or_in_their_buffer() {
    let mut hand = Hand::default();
    let step = hand.receive(&mut hex("89 82 00000000 7071"), Delivery::Message).unwrap();
    assert_eq!(step.event, Some(Event::Ping(Payload::Input(6..8))));
    let half = hand.receive(&mut hex("8a 82 00000000 70"), Delivery::Message).unwrap();
    assert_eq!(half, Step { consumed: 7, event: None });
    assert!(hand.inbound.is_mid_message());
    let step = hand.receive(&mut hex("71 89"), Delivery::Message).unwrap();
    assert_eq!(step, Step { consumed: 1, event: Some(Event::Pong(Payload::Control)) });
    assert_eq!(hand.inbound.control(), b"pq");
    assert!(!hand.inbound.is_mid_message());
}

/// Pieces of text end on character boundaries.
#[test]
fn s5_6_pieces_of_text_are_whole_characters() {
    claims!("6455-5.6-02");
    let mut hand = Hand::default();
    assert_eq!(hand.piece("01 84 00000000 61 e2"), Some((b"a".to_vec(), false)));
    assert_eq!(hand.piece("82"), None);
    assert_eq!(hand.piece("ac"), Some(("\u{20AC}".into(), false)));
    assert_eq!(hand.piece("00 82 00000000 f09f"), None);
    assert_eq!(hand.piece("00 80 00000000"), None);
    assert_eq!(hand.piece("00 83 00000000 9880 c3"), Some(("\u{1F600}".into(), false)));
    assert_eq!(hand.piece("80 82 00000000 a9"), Some(("\u{E9}".into(), false)));
    assert_eq!(hand.piece("62"), Some((b"b".to_vec(), true)));
    assert_eq!(hand.piece("81 81 00000000 63"), Some((b"c".to_vec(), true)));
    assert_eq!(hand.piece("02 81 00000000 ff"), Some((vec![0xFF], false)));
    assert_eq!(hand.piece("80 80 00000000"), Some((vec![], true)));
}

#[test]
fn s5_6_a_piece_and_then_a_fault() {
    let mut hand = Hand::default();
    assert_eq!(hand.piece("01 83 00000000 61 e2"), Some((b"a".to_vec(), false)));
    let fault = hand.receive(&mut hex("61"), Delivery::Pieces);
    assert_eq!(fault, Err(Violation::TextNotUtf8));
}

#[test]
fn delivery_may_change_inside_a_message() {
    let mut hand = Hand::default();
    let step = hand.receive(&mut hex("01 84 00000000 61 e2"), Delivery::Message).unwrap();
    assert_eq!(step.event, None);
    assert_eq!(hand.piece("82"), Some((b"a".to_vec(), false)));
    let step = hand.receive(&mut hex("ac 80 81 00000000 62"), Delivery::Message).unwrap();
    assert!(matches!(step.event, Some(Event::Message(data)) if data.text.is_some()));
    assert_eq!(hand.inbound.take_assembled(Vec::new()), "\u{20AC}b".as_bytes());
}

#[test]
fn the_direct_path_offers_exactly_the_rest_of_the_frame() {
    let mut hand = Hand::default();
    assert_eq!(hand.inbound.take_direct(0), None);
    let step = hand.receive(&mut hex("81 88 01020304 60"), Delivery::Message).unwrap();
    assert_eq!(step, Step { consumed: 7, event: None });
    assert_eq!(hand.inbound.take_direct(8), None);
    let (mut buffer, room) = hand.inbound.take_direct(7).unwrap();
    assert_eq!((&buffer[..], room), (&b"a"[..], 7));
    buffer.extend(hex("63 62 65 60 63"));
    hand.inbound.restore_direct(buffer, 5).unwrap();
    let (mut buffer, room) = hand.inbound.take_direct(1).unwrap();
    assert_eq!((&buffer[..], room), (&b"aaaaaa"[..], 2));
    buffer.extend(hex("62 65"));
    hand.inbound.restore_direct(buffer, 2).unwrap();
    let step = hand.receive(&mut [], Delivery::Message).unwrap();
    assert!(matches!(step.event, Some(Event::Message(_))));
    assert_eq!(hand.inbound.take_assembled(Vec::new()), b"aaaaaaaa");
}

#[test]
fn s8_1_the_direct_path_fails_at_the_bad_byte() {
    let mut hand = Hand::default();
    hand.receive(&mut hex("81 88 00000000 61"), Delivery::Message).unwrap();
    let Hand { inbound, outbound, batch } = &mut hand;
    let (mut buffer, _) = inbound.take_direct(1).unwrap();
    buffer.extend(hex("62 ff"));
    let fault = inbound.restore_direct(buffer, 2);
    assert_eq!(fault, Err(Violation::TextNotUtf8));
    assert!(inbound.has_ended() && inbound.take_direct(0).is_none());
    outbound.fail(Violation::TextNotUtf8, batch);
    assert_eq!(batch[..4], hex("88 29 03ef"));
}

/// Our Close may be sent while the buffer is lent or a message is half here.
#[test]
fn s5_5_1_discarding_may_begin_anywhere() {
    claims!("6455-5.5.1-19");
    let going_away = CloseFrame { code: Some(CloseCode::GOING_AWAY), reason: "" };
    for lent in [false, true] {
        let mut hand = Hand::default();
        hand.receive(&mut hex("01 83 00000000 61e2"), Delivery::Message).unwrap();
        let Hand { inbound, outbound, batch } = &mut hand;
        let buffer = if lent { inbound.take_direct(1) } else { None };
        outbound.close(going_away, batch).unwrap();
        inbound.discard();
        if let Some((mut buffer, room)) = buffer {
            assert_eq!(room, 1);
            buffer.push(0xFF);
            assert_eq!(inbound.restore_direct(buffer, 1), Ok(()));
        } else {
            let step = hand.receive(&mut [0xFF], Delivery::Message).unwrap();
            assert_eq!(step, Step { consumed: 1, event: None });
        }
        let mut rest = hex("89 80 00000000 80 81 00000000 62 81 81 00000000 63 88 80 00000000");
        let step = hand.receive(&mut rest, Delivery::Message).unwrap();
        assert!(matches!(step.event, Some(Event::Ping(_))), "lent: {lent}");
        let step = hand.receive(&mut rest[step.consumed..], Delivery::Message).unwrap();
        assert!(matches!(step.event, Some(Event::Close(_))), "lent: {lent}");
        assert!(hand.inbound.take_assembled(Vec::new()).is_empty());
    }
}
