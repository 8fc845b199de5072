//! Spaces small enough to be walked whole, against the naive twin.

use crate::{
    claims::claims,
    drive::{Connection, Seen, Start, Way},
    table::row,
    twin,
};

/// Whole and byte by byte, against the twin.
fn agree(start: Start, bytes: &[u8]) -> Vec<Seen> {
    let limits = row("", "", &[]).limits;
    let expect = twin::transcript(start, limits, bytes);
    let whole = Connection::transcript((start, limits, Way::Whole), bytes, []);
    assert_eq!(whole, expect, "{start:?} {bytes:x?}");
    let drip = Connection::transcript((start, limits, Way::Pieces), bytes, 0..bytes.len());
    assert_eq!(drip, expect, "{start:?}, byte by byte, {bytes:x?}");
    whole
}

#[test]
fn s5_2_all_first_two_bytes() {
    for head in 0..=u16::MAX {
        let [first, second] = head.to_be_bytes();
        agree(Start::Open, &[first, second]);
        agree(Start::Closing, &[first, second]);
        // Inside a message.
        agree(Start::Open, &[0x01, 0x80, 0, 0, 0, 0, first, second]);
    }
}

#[test]
fn s5_2_all_16_bit_lengths_from_their_two_bytes() {
    claims!("6455-5.2-11");
    for len in 0..=u16::MAX {
        let [high, low] = len.to_be_bytes();
        let seen = agree(Start::Open, &[0x82, 0xFE, high, low]);
        assert_eq!(seen.len() == 1, len >= 126, "{len}");
    }
}

#[test]
fn s7_4_all_status_codes() {
    claims!(
        "6455-5.5.1-03",
        "6455-5.5.1-04",
        "6455-7.4.2-01",
        "6455-7.4.2-02",
        "6455-7.4.2-03",
        "6455-7.4.2-04",
        "6455-7.4.2-05",
        "6455-11.7-01"
    );
    for code in 0..=u16::MAX {
        let [high, low] = code.to_be_bytes();
        let bytes = [0x88, 0x85, 0, 0, 0, 0, high, low, b'b', b'y', b'e'];
        let seen = agree(Start::Open, &bytes);
        let valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let echoed = seen.ends_with(&[Seen::Sent(vec![0x88, 2, high, low])]);
        assert_eq!(echoed, valid, "{code}");
    }
}

#[test]
fn s8_1_all_pairs_of_bytes_as_text_and_as_reason() {
    claims!("6455-5.6-01", "6455-5.5.1-05", "6455-8.1-01");
    for pair in 0..=u16::MAX {
        let [a, b] = pair.to_be_bytes();
        let seen = agree(Start::Open, &[0x81, 0x82, 0, 0, 0, 0, a, b]);
        let valid = std::str::from_utf8(&[a, b]).is_ok();
        assert_eq!(matches!(seen[..], [Seen::Text(_)]), valid, "{a:x} {b:x}");
        let seen = agree(Start::Open, &[0x88, 0x84, 0, 0, 0, 0, 3, 0xE8, a, b]);
        assert_eq!(matches!(seen[0], Seen::Close(..)), valid, "{a:x} {b:x}");
    }
}

#[test]
fn s8_1_all_characters() {
    claims!("3629-4-02", "3629-4-03");
    let mut bytes = Vec::new();
    let mut expect = Vec::new();
    for character in '\0'..=char::MAX {
        let mut text = [0; 4];
        let text = character.encode_utf8(&mut text);
        bytes.extend([0x81, 0x80 | text.len() as u8, 0, 0, 0, 0]);
        bytes.extend(text.as_bytes());
        expect.push(Seen::Text(text.to_owned()));
        if expect.len() == 256 {
            let limits = row("", "", &[]).limits;
            let cuts = (0..bytes.len()).step_by(3);
            let seen = Connection::transcript((Start::Open, limits, Way::Whole), &bytes, cuts);
            assert_eq!(seen, expect);
            bytes.clear();
            expect.clear();
        }
    }
    assert!(expect.is_empty(), "the last batch was not looked at");
}
