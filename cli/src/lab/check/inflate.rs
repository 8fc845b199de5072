//! Reads a server's compressed messages (RFC 1951, RFC 7692 §7.2.2), bit by bit and bounded. The
//! library's own inflater does not tell how far back a message refers, which is what an agreed
//! window limits.

/// What a payload holds.
pub(crate) struct Inflated {
    pub(crate) output: Vec<u8>,
    /// How far back the farthest copy reaches, in bytes.
    pub(crate) max_distance: usize,
}

/// Inflates the payload of a message to at most `limit` bytes; copies may reach into `history`.
///
/// # Errors
/// Says why the payload is none.
pub(crate) fn inflate(
    history: &[u8],
    payload: &[u8],
    limit: usize,
) -> Result<Inflated, &'static str> {
    let input = [payload, &TAIL].concat();
    match inflate_whole(history, &input, limit) {
        // RFC 7692 §7.2.1: the last four bytes are taken off.
        Err(CUT_OFF)
            if payload.ends_with(&TAIL) && inflate_whole(history, payload, limit).is_ok() =>
        {
            Err(TAIL_LEFT)
        }
        other => other,
    }
}

const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
const CUT_OFF: &str = "the data is cut off";
const TAIL_LEFT: &str = "00 00 ff ff was not taken off its end";

fn inflate_whole(history: &[u8], input: &[u8], limit: usize) -> Result<Inflated, &'static str> {
    let mut reader = Reader { input, at: 0 };
    let mut output = history.to_vec();
    let mut max_distance = 0;
    let limit = history.len() + limit;
    loop {
        // RFC 7692 §7.2.2: with the tail appended the data ends between two blocks.
        if reader.is_at_end() {
            break;
        }
        let last = reader.bits(1)? == 1;
        match reader.bits(2)? {
            0 => stored(&mut reader, &mut output)?,
            1 => {
                let (literals, distances) = fixed();
                block(&mut reader, &literals, &distances, &mut output, &mut max_distance, limit)?;
            }
            2 => {
                let (literals, distances) = dynamic(&mut reader)?;
                block(&mut reader, &literals, &distances, &mut output, &mut max_distance, limit)?;
            }
            _ => return Err("a reserved block type"),
        }
        if output.len() > limit {
            return Err("more output than is read");
        }
        // RFC 7692 §7.2.1: a final block is padded with zeros up to the next byte.
        if last && reader.align() != 0 {
            return Err("a final block padded with something else than 0");
        }
    }
    Ok(Inflated { output: output.split_off(history.len()), max_distance })
}

struct Reader<'a> {
    input: &'a [u8],
    /// In bits.
    at: usize,
}

impl Reader<'_> {
    fn bits(&mut self, count: u32) -> Result<usize, &'static str> {
        let mut value = 0;
        for place in 0..count {
            let byte = self.input.get(self.at / 8).ok_or(CUT_OFF)?;
            value |= usize::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Ok(value)
    }

    /// Goes on to the next byte; what stood before it.
    fn align(&mut self) -> u8 {
        let (byte, taken) = (self.at / 8, self.at % 8);
        self.at = self.at.div_ceil(8) * 8;
        if taken == 0 { 0 } else { self.input.get(byte).map_or(0, |byte| byte >> taken) }
    }

    fn is_at_end(&self) -> bool {
        self.at == self.input.len() * 8
    }
}

fn stored(reader: &mut Reader<'_>, output: &mut Vec<u8>) -> Result<(), &'static str> {
    reader.align();
    let (length, complement) = (reader.bits(16)?, reader.bits(16)?);
    if length != !complement & 0xffff {
        return Err("a stored block whose length and complement differ");
    }
    let start = reader.at / 8;
    let bytes = reader.input.get(start..start + length).ok_or(CUT_OFF)?;
    output.extend_from_slice(bytes);
    reader.at += length * 8;
    Ok(())
}

/// A Huffman code: how many codes each length has, and the symbols in the order of their codes.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Code {
    fn of(lengths: &[u8]) -> Code {
        let mut counts = [0; 16];
        let mut symbols = Vec::new();
        for length in 1..16_u8 {
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, one)| **one == length) {
                counts[usize::from(length)] += 1;
                symbols.push(symbol);
            }
        }
        Code { counts, symbols }
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<usize, &'static str> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code = code << 1 | reader.bits(1)?;
            if code < first + count {
                return self.symbols.get(index + code - first).copied().ok_or("no such symbol");
            }
            index += count;
            first = (first + count) << 1;
        }
        Err("a code that is none")
    }
}

fn fixed() -> (Code, Code) {
    let mut literals = [8; 288];
    literals[144..256].fill(9);
    literals[256..280].fill(7);
    (Code::of(&literals), Code::of(&[5; 30]))
}

fn dynamic(reader: &mut Reader<'_>) -> Result<(Code, Code), &'static str> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literals, distances) = (reader.bits(5)? + 257, reader.bits(5)? + 1);
    let mut lengths = [0; 19];
    for place in ORDER.iter().take(reader.bits(4)? + 4) {
        lengths[*place] = reader.bits(3)? as u8;
    }
    let code = Code::of(&lengths);
    let mut all: Vec<u8> = Vec::new();
    while all.len() < literals + distances {
        match code.read(reader)? {
            symbol @ 0..16 => all.push(symbol as u8),
            16 => {
                let before = *all.last().ok_or("a repetition of nothing")?;
                let count = 3 + reader.bits(2)?;
                all.extend(std::iter::repeat_n(before, count));
            }
            17 => all.extend(std::iter::repeat_n(0, 3 + reader.bits(3)?)),
            _ => all.extend(std::iter::repeat_n(0, 11 + reader.bits(7)?)),
        }
    }
    if all.len() > literals + distances {
        return Err("more code lengths than codes");
    }
    Ok((Code::of(&all[..literals]), Code::of(&all[literals..])))
}

fn block(
    reader: &mut Reader<'_>,
    literals: &Code,
    distances: &Code,
    output: &mut Vec<u8>,
    max_distance: &mut usize,
    limit: usize,
) -> Result<(), &'static str> {
    loop {
        match literals.read(reader)? {
            literal @ 0..256 => output.push(literal as u8),
            256 => return Ok(()),
            symbol => {
                let length = length(symbol - 257, reader)?;
                let distance = distance(distances.read(reader)?, reader)?;
                let from = output.len().checked_sub(distance).ok_or("a copy from before it all")?;
                *max_distance = distance.max(*max_distance);
                for at in from..from + length {
                    output.push(output[at]);
                }
            }
        }
        if output.len() > limit {
            return Err("more output than is read");
        }
    }
}

/// RFC 1951 §3.2.5: four lengths share each number of extra bits.
fn length(code: usize, reader: &mut Reader<'_>) -> Result<usize, &'static str> {
    match code {
        0..8 => Ok(code + 3),
        8..28 => {
            let extra = code / 4 - 1;
            Ok(3 + ((4 + code % 4) << extra) + reader.bits(extra as u32)?)
        }
        28 => Ok(258),
        _ => Err("a length that is none"),
    }
}

/// RFC 1951 §3.2.5: two distances share each number of extra bits.
fn distance(code: usize, reader: &mut Reader<'_>) -> Result<usize, &'static str> {
    match code {
        0..4 => Ok(code + 1),
        4..30 => {
            let extra = code / 2 - 1;
            Ok(1 + ((2 + code % 2) << extra) + reader.bits(extra as u32)?)
        }
        _ => Err("a distance that is none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(history: &[u8], hex: &str) -> Result<Vec<u8>, &'static str> {
        inflate(history, &super::super::frame::hex(hex), 1000).map(|inflated| inflated.output)
    }

    #[test]
    fn s7692_7_2_3_the_samples_inflate() {
        for sample in [
            "f2 48 cd c9 c9 07 00",
            "00 05 00 fa ff 48 65 6c 6c 6f 00",
            "f3 48 cd c9 c9 07 00 00",
            "f2 48 05 00 00 00 ff ff ca c9 c9 07 00",
        ] {
            assert_eq!(read(b"", sample).as_deref(), Ok(&b"Hello"[..]), "{sample}");
        }
        assert_eq!(read(b"Hello", "f2 00 11 00 00").as_deref(), Ok(&b"Hello"[..]));
        assert_eq!(read(b"", "00").as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn what_is_no_message_is_told() {
        for broken in ["", "06", "f2 48 cd", "f2 00 11 00 00", "00 05 00 fa fe", "ff ff"] {
            assert!(read(b"", broken).is_err(), "{broken}");
        }
        assert_eq!(read(b"", "f2 48 cd c9 c9 07 00 00 00 ff ff"), Err(TAIL_LEFT));
        assert_eq!(read(b"", "f3 48 cd c9 c9 07 00"), Err(CUT_OFF));
        // The last seven bits of the final block are its end and two bits of padding.
        assert!(read(b"", "f3 48 cd c9 c9 07 00 00").is_ok());
        assert!(read(b"", "f3 48 cd c9 c9 07 80 00").is_err());
    }

    #[test]
    fn it_reads_what_the_slow_reader_reads() {
        use stickler_testing::deflate::{Fault, inflate_message};
        use stickler_testing::random::Random;
        use zlib_rs::{Deflate, DeflateFlush};
        let mut random = Random::new(1951);
        for turn in 0..100_usize {
            let (bits, level) = (9 + turn % 7, turn % 10);
            let mut deflate = Deflate::new(level as i32, false, bits as u8);
            let mut history: Vec<u8> = Vec::new();
            for _ in 0..4 {
                let (length, spread) = (random.below(9_000), 1 + random.below(256));
                let message: Vec<u8> = (0..length).map(|_| random.below(spread) as u8).collect();
                let before = deflate.total_out();
                let mut out = vec![0; 20_000];
                deflate.compress(&message, &mut out, DeflateFlush::SyncFlush).unwrap();
                out.truncate((deflate.total_out() - before) as usize);
                assert_eq!(out.split_off(out.len() - 4), TAIL);
                let ours = inflate(&history, &out, 9_000).unwrap();
                let theirs = inflate_message(&history, &out).ok().unwrap();
                assert!(ours.output == message && theirs.output == message);
                assert_eq!(ours.max_distance, theirs.max_distance);
                assert!(ours.max_distance <= 1 << bits);
                // One bit wrong: what is good to the slow reader is good here, and bad is bad.
                let at = random.below(out.len() * 8);
                out[at / 8] ^= 1 << (at % 8);
                let ours = inflate(&history, &out, 1 << 20).map(|read| read.output);
                match inflate_message(&history, &out) {
                    Ok(theirs) if theirs.doubts.is_empty() => {
                        assert_eq!(ours, Ok(theirs.output), "bit {at}");
                    }
                    Err((fault, theirs)) if theirs.doubts.is_empty() && fault != Fault::Tail => {
                        assert!(ours.is_err(), "bit {at}: {fault:?}");
                    }
                    _ => {}
                }
                history.extend_from_slice(&message);
                history.drain(..history.len().saturating_sub(32 << 10));
            }
        }
    }

    #[test]
    fn what_zlib_compresses_inflates_and_tells_its_distance() {
        use zlib_rs::{Deflate, DeflateFlush};
        let text: Vec<u8> =
            (0..3000_u32).flat_map(|n| (n * n % 700).to_string().into_bytes()).collect();
        for bits in [9, 12, 15] {
            let mut deflate = Deflate::new(6, false, bits);
            let mut out = vec![0; 20_000];
            deflate.compress(&text, &mut out, DeflateFlush::SyncFlush).unwrap();
            out.truncate(deflate.total_out() as usize - 4);
            let inflated = inflate(b"", &out, text.len()).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(inflated.output, text);
            assert!((1..=1 << bits).contains(&inflated.max_distance));
            assert!(inflate(b"", &out, text.len() - 1).is_err());
        }
    }
}
