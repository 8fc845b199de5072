//! The header of a frame, judged octet by octet: a rule fails at the first octet that breaks it
//! (RFC 6455 §5.2; RFC 7692 §6.1).

use super::session::Session;
use super::{Fault, Shared};

/// Why a connection fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: u16,
    pub(super) reason: &'static str,
}

pub(super) fn fail<T>(code: u16, reason: &'static str) -> Result<T, Failure> {
    Err(Failure { code, reason })
}

/// A frame whose header is coming, or is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    /// The octets of the header.
    pub(super) header: Vec<u8>,
    /// The opcode as it is understood.
    pub(super) opcode: u8,
    pub(super) len: u64,
    pub(super) key: [u8; 4],
    pub(super) payload: Vec<u8>,
    /// Read, and nothing done with it.
    pub(super) is_skipped: bool,
    /// How many octets of the header, of the payload, had come when a segment ended.
    pub(super) cuts: Vec<(usize, usize)>,
}

impl Frame {
    pub(super) fn is_final(&self) -> bool {
        self.header[0] & 0x80 != 0
    }

    pub(super) fn rsv1(&self) -> bool {
        self.header[0] & 0x40 != 0
    }

    pub(super) fn is_control(&self) -> bool {
        self.opcode >= 8
    }

    fn is_masked(&self) -> bool {
        self.header[1] & 0x80 != 0
    }

    /// Octets of the length behind the first two.
    fn length_octets(&self) -> usize {
        match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        }
    }

    /// How many octets the header has, as far as that is known.
    pub(super) fn header_len(&self) -> usize {
        match self.header.len() {
            0 | 1 => 2,
            _ => 2 + self.length_octets() + 4 * usize::from(self.is_masked()),
        }
    }

    /// The first octets of the payload that came before TCP cut it, if it did.
    pub(super) fn before_cut(&self) -> Option<usize> {
        self.cuts.iter().map(|(_, payload)| *payload).find(|payload| *payload > 0)
    }

    /// The next octet of the header.
    ///
    /// # Errors
    /// When it breaks a rule.
    pub(super) fn push(&mut self, session: &Session<'_>, octet: u8) -> Result<(), Failure> {
        self.header.push(octet);
        match self.header.len() {
            1 => self.first(session),
            2 => self.second(session),
            _ => self.length(session),
        }
    }

    fn first(&mut self, session: &Session<'_>) -> Result<(), Failure> {
        let first = self.header[0];
        let (opcode, is_inside) = (first & 0x0f, session.is_inside());
        self.opcode = opcode;
        let has = |fault| session.shared.has(fault);
        if rsv(session, first) != 0 {
            return fail(1002, "a reserved bit is set (RFC 6455 5.2)");
        }
        if matches!(opcode, 3..=7 | 11..) {
            match opcode {
                _ if is_inside && has(Fault::OpcodeInsideMessage) => self.opcode = 0,
                _ if session.messages > 0 && has(Fault::OpcodeAfterFirstMessage) => {
                    self.is_skipped = true;
                }
                3..=7 if has(Fault::DataOpcodesTaken) => self.opcode = 2,
                11.. if has(Fault::ControlOpcodesTaken) => self.is_skipped = true,
                _ => return fail(1002, "a reserved opcode (RFC 6455 5.2)"),
            }
        }
        if self.is_skipped {
            return Ok(());
        }
        if self.is_control() {
            let is_taken = has(Fault::ControlFragmented)
                || opcode == 9 && is_inside && has(Fault::ControlFragmentedInside);
            if !self.is_final() && !is_taken {
                return fail(1002, "a fragmented control frame (RFC 6455 5.5)");
            }
            return Ok(());
        }
        match (self.opcode, is_inside) {
            (0, false)
                if has(Fault::StrayContinuation)
                    || session.fragmented > 0 && has(Fault::StrayAfterMessage) =>
            {
                self.opcode = 1;
                Ok(())
            }
            (0, false) => fail(1002, "nothing to continue (RFC 6455 5.4)"),
            (1 | 2, true) if has(Fault::MessageInsideMessage) => Ok(()),
            (2, true) if session.is_inside_text() && has(Fault::BinaryInsideText) => Ok(()),
            (1 | 2, true) => fail(1002, "a message inside another (RFC 6455 5.4)"),
            _ => Ok(()),
        }
    }

    fn second(&mut self, session: &Session<'_>) -> Result<(), Failure> {
        let len = self.header[1] & 0x7f;
        if !self.is_masked() && !self.may_be_unmasked(session, len) && !self.is_skipped {
            return fail(1002, "a frame without a mask (RFC 6455 5.1)");
        }
        if self.is_control() && len > 125 && !session.shared.has(Fault::ControlTooLong) {
            return fail(1002, "a control frame of more than 125 bytes (RFC 6455 5.5)");
        }
        if self.opcode == 8 && len == 1 {
            return fail(1002, "a Close with a body of one byte (RFC 6455 5.5.1)");
        }
        self.len = u64::from(len);
        self.key(session)
    }

    fn may_be_unmasked(&self, session: &Session<'_>, len: u8) -> bool {
        let has = |fault| session.shared.has(fault);
        let is_inside = session.is_inside();
        has(Fault::UnmaskedData) && !self.is_control()
            || has(Fault::UnmaskedControl) && self.is_control()
            || has(Fault::UnmaskedEmpty) && len == 0
            || has(Fault::UnmaskedSecond) && session.frames > 0
            || has(Fault::UnmaskedContinuation) && self.opcode == 0
            || has(Fault::UnmaskedPingInside) && self.opcode == 9 && is_inside
            || has(Fault::UnmaskedLong) && len > 125
            || has(Fault::UnmaskedCompressed) && session.is_compressing() && self.rsv1()
    }

    fn length(&mut self, session: &Session<'_>) -> Result<(), Failure> {
        let shared = session.shared;
        let count = self.length_octets();
        let come = self.header.len() - 2;
        if come == 1 && count == 8 && self.header[2] & 0x80 != 0 && !shared.has(Fault::TopBitTaken)
        {
            return fail(1002, "the top bit of a length is set (RFC 6455 5.2)");
        }
        if come == count {
            self.read_length(shared)?;
        }
        self.key(session)
    }

    fn read_length(&mut self, shared: &Shared) -> Result<(), Failure> {
        let octets = &self.header[2..];
        let count = octets.len();
        // Where TCP cut the length, as that fault reads it.
        let cut = self.cuts.iter().map(|(header, _)| *header).find(|header| *header > 2);
        let skipped = match cut {
            Some(header) if shared.has(Fault::LengthCut) => header - 2,
            _ => 0,
        };
        self.len = octets[skipped..].iter().fold(0, |sum, octet| sum << 8 | u64::from(*octet));
        if skipped > 0 {
            return Ok(());
        }
        if count == 2 && self.len >= 1 << 15 && shared.has(Fault::Length16Signed) {
            return fail(1002, "a negative length");
        }
        if self.len >> 63 == 1 {
            self.len &= !(1 << 63);
            return Ok(());
        }
        if shared.has(Fault::Length64In32) && self.len > u64::from(u32::MAX) {
            self.len &= u64::from(u32::MAX);
            return Ok(());
        }
        if self.len < if count == 2 { 126 } else { 1 << 16 } {
            return fail(1002, "a length that is not in its shortest form (RFC 6455 5.2)");
        }
        Ok(())
    }

    /// Where the header is whole up to its key, sizes are known; where it is whole, the key is.
    fn key(&mut self, session: &Session<'_>) -> Result<(), Failure> {
        let before_key = 2 + self.length_octets();
        if self.header.len() == before_key && !self.is_control() {
            let before = session.message_len(self.opcode);
            if self.len > LONGEST_MESSAGE || before + self.len > LONGEST_MESSAGE {
                return fail(1009, "a message of more than 16 MiB (RFC 6455 10.4)");
            }
        }
        if self.is_masked() && self.header.len() == before_key + 4 {
            self.key.copy_from_slice(&self.header[before_key..]);
            if self.key == [0; 4] && session.shared.has(Fault::ZeroKeyRefused) {
                return fail(1002, "a frame without a mask");
            }
            if session.shared.has(Fault::KeyOfFirstFrame) {
                self.key = session.first_key.unwrap_or(self.key);
            }
        }
        Ok(())
    }
}

/// The reserved bits of a first octet that mean nothing here.
fn rsv(session: &Session<'_>, first: u8) -> u8 {
    let (is_final, opcode) = (first & 0x80 != 0, first & 0x0f);
    let is_agreed = session.is_compressing();
    let mut bits = first & 0x70;
    let is_data = matches!(opcode, 1 | 2);
    if is_agreed && is_data {
        bits &= 0x30;
    }
    let ignored = [
        (Fault::Rsv1Taken, is_data, 0x40),
        (Fault::Rsv2Taken, is_data, 0x20),
        (Fault::Rsv3Taken, is_data, 0x10),
        (Fault::RsvOnControl, opcode >= 8, 0x70),
        (Fault::RsvOnContinuation, opcode == 0, 0x70),
        (Fault::RsvAfterFirstMessage, session.messages > 0, 0x70),
        (Fault::RsvOnFirstFragment, is_data && !is_final, 0x70),
        (Fault::RsvOnPingInside, opcode == 9 && session.is_inside(), 0x70),
        (Fault::Rsv1NotAgreed, is_data && !is_agreed, 0x40),
        (Fault::Rsv1OnControl, opcode >= 8 && is_agreed, 0x40),
        (Fault::Rsv1OnContinuation, opcode == 0 && is_agreed, 0x40),
        (Fault::Rsv23WithCompression, is_agreed, 0x30),
    ];
    for (fault, applies, mask) in ignored {
        if applies && session.shared.has(fault) {
            bits &= !mask;
        }
    }
    bits
}

/// Bytes of a message.
pub(super) const LONGEST_MESSAGE: u64 = 16 << 20;
