//! The naive twin of the receiving side: one byte after the other, whole messages in memory,
//! nothing kept between calls but the history. Slow, and plain enough to be checked against
//! RFC 6455 and RFC 7692 by eye.

use stickler::proto::{assembler::MessageLimits, violation::Violation};

use super::deflate::{BadEnd, Doubt, Fault, Inflated, Window, bad_end, inflate, inflate_message};
use super::drive::{Deflate, Seen, Start};

/// All that is to be seen of a connection on which exactly these bytes arrive.
pub fn transcript(start: Start, limits: MessageLimits, bytes: &[u8]) -> Vec<Seen> {
    deflated(Deflate::NotAgreed, start, limits, bytes)
}

/// The same where this was agreed about compression.
pub fn deflated(agreed: Deflate, start: Start, limits: MessageLimits, bytes: &[u8]) -> Vec<Seen> {
    let mut twin = Twin {
        rest: bytes.iter(),
        limits,
        start,
        agreed,
        window: Window::new(agreed == Deflate::ContextTakeover),
        message: None,
        inside: false,
        seen: Vec::new(),
    };
    loop {
        match twin.frame() {
            Ok(()) => {}
            Err(Stop::Closed) => return twin.seen,
            Err(Stop::UsedUp) => {
                if twin.inside || twin.message.is_some() {
                    twin.seen.push(Seen::Unfinished);
                }
                return twin.seen;
            }
            Err(Stop::Broken(violation)) => {
                if start == Start::Open {
                    let code = violation.close_code().get().to_be_bytes();
                    twin.send(8, &[&code, violation.reason().as_bytes()].concat());
                }
                twin.seen.push(Seen::Failed(violation));
                return twin.seen;
            }
        }
    }
}

struct Twin<'a> {
    rest: std::slice::Iter<'a, u8>,
    limits: MessageLimits,
    start: Start,
    agreed: Deflate,
    /// What compressed messages may refer back to.
    window: Window,
    message: Option<Message>,
    /// Whether a frame has begun.
    inside: bool,
    seen: Vec<Seen>,
}

/// The unfinished message.
struct Message {
    is_text: bool,
    is_compressed: bool,
    /// As it came, but unmasked.
    payload: Vec<u8>,
    /// How much of the payload is known to be whole characters.
    whole: usize,
    promised: u64,
    fragments: u32,
}

enum Stop {
    UsedUp,
    Closed,
    Broken(Violation),
}

impl Twin<'_> {
    fn next(&mut self) -> Result<u8, Stop> {
        self.rest.next().copied().ok_or(Stop::UsedUp)
    }

    fn frame(&mut self) -> Result<(), Stop> {
        self.inside = false;
        let first = self.next()?;
        self.inside = true;
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0F);
        let compressed = first & 0x40 != 0;
        let is_agreed = self.agreed != Deflate::NotAgreed;
        break_if(first & 0x30 != 0 || compressed && !is_agreed, Violation::ReservedBit)?;
        break_if(!matches!(opcode, 0 | 1 | 2 | 8 | 9 | 10), Violation::ReservedOpcode)?;
        let begins = opcode == 1 || opcode == 2;
        break_if(compressed && !begins, Violation::CompressedBitMisplaced)?;
        break_if(opcode >= 8 && !fin, Violation::ControlFragmented)?;
        break_if(opcode == 0 && self.message.is_none(), Violation::NothingToContinue)?;
        break_if(begins && self.message.is_some(), Violation::MessageUnfinished)?;

        let second = self.next()?;
        break_if(second & 0x80 == 0, Violation::UnmaskedFrame)?;
        if opcode >= 8 {
            break_if(second & 0x7F > 125, Violation::ControlTooLong)?;
            break_if(opcode == 8 && second & 0x7F == 1, Violation::CloseBodyTooShort)?;
            let key = [self.next()?, self.next()?, self.next()?, self.next()?];
            return self.control(opcode, second & 0x7F, key);
        }
        let compressed = self.message.as_ref().map_or(compressed, |message| message.is_compressed);
        let len = self.length(second & 0x7F, compressed)?;
        let fragments = self.message.as_ref().map_or(0, |message| message.fragments);
        let carried = self.message.as_ref().map_or(0, |message| message.promised);
        let only_ends = fin && len == 0 && carried >= u64::from(fragments);
        let too_many = opcode == 0 && fragments >= self.limits.max_fragments && !only_ends;
        break_if(too_many, Violation::TooManyFragments)?;
        let key = [self.next()?, self.next()?, self.next()?, self.next()?];
        let message = self.message.take().unwrap_or(Message {
            is_text: opcode == 1,
            is_compressed: compressed,
            payload: Vec::new(),
            whole: 0,
            promised: 0,
            fragments: 0,
        });
        self.data(message, fin, len, key)
    }

    /// The length, judged after each of its bytes as if the rest were zeros.
    fn length(&mut self, code: u8, compressed: bool) -> Result<u64, Stop> {
        let mut len = u64::from(code);
        self.judge_size(if code < 126 { len } else { 0 }, compressed)?;
        if code == 126 {
            len = u64::from(self.next()?) << 8;
            self.judge_size(len, compressed)?;
            len |= u64::from(self.next()?);
            break_if(len < 126, Violation::LengthNotMinimal)?;
            self.judge_size(len, compressed)?;
        }
        if code == 127 {
            len = 0;
            for index in 0..8 {
                len |= u64::from(self.next()?) << (56 - 8 * index);
                break_if(len >= 1 << 63, Violation::LengthHighBit)?;
                break_if(index >= 5 && len < 65_536, Violation::LengthNotMinimal)?;
                self.judge_size(len, compressed)?;
            }
        }
        Ok(len)
    }

    fn judge_size(&self, len: u64, compressed: bool) -> Result<(), Stop> {
        let promised = self.message.as_ref().map_or(0, |message| message.promised);
        let mut max_frame = self.limits.max_frame_size as u64;
        let mut max_message = self.limits.max_message_size as u64;
        if compressed {
            // What was compressed is measured when it is inflated, and may be longer before.
            max_frame = if max_frame < max_message { max_frame } else { u64::MAX };
            max_message = max_message.saturating_mul(2).saturating_add(1024);
        }
        let max_rest = max_message - promised;
        // Where both limits are broken it is the tighter one that is named.
        break_if(len > max_rest && max_rest < max_frame, Violation::MessageTooBig)?;
        break_if(len > max_frame, Violation::FrameTooBig)
    }

    fn data(
        &mut self,
        mut message: Message,
        fin: bool,
        len: u64,
        key: [u8; 4],
    ) -> Result<(), Stop> {
        message.promised += len;
        message.fragments += 1;
        let is_judged = self.start == Start::Open;
        for index in 0..len {
            let byte = self.next()? ^ key[index as usize % 4];
            message.payload.push(byte);
            if is_judged && message.is_compressed {
                // More bytes take nothing back that fewer have proven, so once a frame will do.
                if index + 1 == len || self.rest.len() == 0 {
                    self.judge_inflated(&message)?;
                }
            } else if is_judged && message.is_text {
                message.judge_text()?;
            }
        }
        if !fin {
            self.message = Some(message);
            return Ok(());
        }
        if self.start == Start::Closing {
            return Ok(());
        }
        let payload = self.end_inflated(&message)?;
        self.seen.push(if message.is_text {
            let text = String::from_utf8(payload);
            Seen::Text(text.map_err(|_| Stop::Broken(Violation::TextNotUtf8))?)
        } else {
            Seen::Binary(payload)
        });
        Ok(())
    }

    /// What has come out of a compressed message so far, if it may go on like this.
    fn judge_inflated(&self, message: &Message) -> Result<(), Stop> {
        let inflated = inflate(self.window.bytes(), &message.payload);
        let (fault, inflated) = match inflated {
            Ok(inflated) => (None, inflated),
            Err((fault, inflated)) => (Some(fault), inflated),
        };
        self.judge_output(message, fault.filter(|fault| *fault != Fault::Truncated), &inflated)
    }

    /// What was put out is judged before the fault behind it.
    fn judge_output(
        &self,
        message: &Message,
        fault: Option<Fault>,
        inflated: &Inflated,
    ) -> Result<(), Stop> {
        let mut doubts = inflated.doubts.iter().zip(&inflated.before_doubts);
        // Codes that RFC 1951 leaves no room for; the others pass.
        let broken = [Doubt::IncompleteCode, Doubt::DistanceCodes];
        let doubt = doubts.find(|(doubt, _)| broken.contains(doubt));
        let sure = doubt.map_or(inflated.output.len(), |(_, before)| *before);
        let allowed = sure.min(self.limits.max_message_size);
        if message.is_text
            && let Err(error) = std::str::from_utf8(&inflated.output[..allowed])
        {
            break_if(error.error_len().is_some(), Violation::TextNotUtf8)?;
        }
        break_if(sure > allowed, Violation::MessageTooBig)?;
        break_if(fault.is_some() || doubt.is_some(), Violation::DeflateCorrupt)
    }

    /// The whole payload, inflated if it was compressed.
    fn end_inflated(&mut self, message: &Message) -> Result<Vec<u8>, Stop> {
        if !message.is_compressed {
            return Ok(message.payload.clone());
        }
        match inflate_message(self.window.bytes(), &message.payload) {
            Ok(inflated) => {
                self.judge_output(message, None, &inflated)?;
                self.window.slide(&inflated.output);
                Ok(inflated.output)
            }
            Err(_) => Err(Stop::Broken(match bad_end(self.window.bytes(), &message.payload) {
                None => Violation::DeflateCorrupt,
                Some(BadEnd::CutOff) => Violation::DeflateCutOff,
                Some(BadEnd::Empty) => Violation::DeflateEmpty,
                Some(BadEnd::FinalBlock) => Violation::DeflateEndsWithFinalBlock,
                Some(BadEnd::TailNotRemoved) => Violation::DeflateTailNotRemoved,
            })),
        }
    }

    fn control(&mut self, opcode: u8, len: u8, key: [u8; 4]) -> Result<(), Stop> {
        let mut payload = Vec::new();
        for index in 0..len {
            payload.push(self.next()? ^ key[usize::from(index) % 4]);
            if opcode == 8 {
                judge_close(&payload, payload.len() == usize::from(len))?;
            }
        }
        match opcode {
            8 => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                let reason = payload.get(2..).unwrap_or_default().to_vec();
                self.seen.push(Seen::Close(code, String::from_utf8(reason).unwrap()));
                if self.start == Start::Open {
                    self.send(8, payload.get(..2).unwrap_or_default());
                }
                return Err(Stop::Closed);
            }
            9 => {
                self.seen.push(Seen::Ping(payload.clone()));
                self.send(10, &payload);
            }
            _ => self.seen.push(Seen::Pong(payload)),
        }
        Ok(())
    }

    fn send(&mut self, opcode: u8, payload: &[u8]) {
        let header = [0x80 | opcode, u8::try_from(payload.len()).unwrap()];
        self.seen.push(Seen::Sent([&header, payload].concat()));
    }
}

impl Message {
    /// Could more bytes still make this UTF-8?
    fn judge_text(&mut self) -> Result<(), Stop> {
        if let Err(error) = std::str::from_utf8(&self.payload[self.whole..]) {
            break_if(error.error_len().is_some(), Violation::TextNotUtf8)?;
            self.whole += error.valid_up_to();
        } else {
            self.whole = self.payload.len();
        }
        Ok(())
    }
}

/// Could more bytes, if there are any, still make this a Close body that may be sent?
fn judge_close(body: &[u8], complete: bool) -> Result<(), Stop> {
    // 1000 to 1014 begin with 03; 3000 to 4999 begin with 0B to 13.
    let begins_a_code = matches!(body[0], 0x03 | 0x0B..=0x13);
    break_if(!begins_a_code, Violation::CloseCodeNotAllowed)?;
    let Some((code, reason)) = body.split_first_chunk() else { return Ok(()) };
    let code = u16::from_be_bytes(*code);
    let allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    break_if(!allowed, Violation::CloseCodeNotAllowed)?;
    let Err(error) = std::str::from_utf8(reason) else { return Ok(()) };
    break_if(complete || error.error_len().is_some(), Violation::CloseReasonNotUtf8)
}

fn break_if(broken: bool, violation: Violation) -> Result<(), Stop> {
    if broken { Err(Stop::Broken(violation)) } else { Ok(()) }
}
