//! Random streams of frames from a client: mostly right, sometimes wrong.

use super::random::Random;

/// A stream of up to a dozen frames.
pub fn stream(random: &mut Random, max_payload: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut unfinished = None;
    for _ in 0..1 + random.below(12) {
        frame(random, max_payload, &mut unfinished, &mut bytes);
    }
    if random.once_in(4) {
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
    }
    if random.once_in(4) {
        bytes.truncate(random.below(bytes.len() + 1));
    }
    bytes
}

/// Appends a frame; `unfinished` is the text or binary message (true or false) that it continues.
fn frame(random: &mut Random, max: usize, unfinished: &mut Option<bool>, bytes: &mut Vec<u8>) {
    if random.once_in(4) {
        return control(random, bytes);
    }
    let is_text = unfinished.unwrap_or_else(|| random.once_in(2));
    let opcode = match (*unfinished, is_text) {
        _ if random.once_in(40) => random.below(16) as u8,
        (Some(_), _) => 0,
        (None, true) => 1,
        (None, false) => 2,
    };
    let fin = random.once_in(2);
    *unfinished = (!fin).then_some(is_text);
    let len = if random.once_in(3) { random.below(6) } else { random.below(max + 1) };
    let payload = if is_text { text(random, len) } else { random.bytes(len) };
    append(random, u8::from(fin) << 7 | opcode, &payload, bytes);
}

fn control(random: &mut Random, bytes: &mut Vec<u8>) {
    let len = if random.once_in(3) { random.below(126) } else { random.below(5) };
    let (opcode, payload) = match random.below(12) {
        0 => {
            let code = [999, 1000, 1001, 1004, 1005, 1014, 2999, 3000, 4999][random.below(9)];
            let reason = text(random, len.min(100));
            (8, [&u16::to_be_bytes(code)[..], &reason].concat())
        }
        1 => (8, random.bytes(len % 2)),
        2..7 => (9, random.bytes(len)),
        _ => (10, random.bytes(len)),
    };
    append(random, 0x80 | opcode, &payload, bytes);
}

fn append(random: &mut Random, first: u8, payload: &[u8], bytes: &mut Vec<u8>) {
    bytes.push(first);
    match payload.len() {
        len if random.once_in(60) => {
            bytes.push(0xFE + (len % 2) as u8);
            let zeros = if len % 2 == 0 { 0 } else { 6 };
            bytes.extend(std::iter::repeat_n(0, zeros));
            bytes.extend((len as u16).to_be_bytes());
        }
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len @ 126..65_536 => {
            bytes.push(0xFE);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0xFF);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    let key = if random.once_in(5) { vec![0; 4] } else { random.bytes(4) };
    bytes.extend(&key);
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// Characters of every length; now and then cut, or with a byte that does not fit.
fn text(random: &mut Random, len: usize) -> Vec<u8> {
    let mut text = String::new();
    while text.len() < len {
        text.push(['a', 'é', '€', '\u{FEFF}', '😀', '\u{10FFFF}', '\0'][random.below(7)]);
    }
    let mut text = text.into_bytes();
    if random.once_in(8) {
        text.truncate(len);
    }
    if random.once_in(16) && !text.is_empty() {
        let at = random.below(text.len());
        text[at] = random.next() as u8;
    }
    text
}
