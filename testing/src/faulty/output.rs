//! The frames that the server sends (RFC 6455 §5.1, §5.2, §5.5; RFC 7692 §6.1, §7.2.1).

use super::compress::compress;
use super::negotiation::Agreement;
use super::utf8::Utf8;
use super::{Fault, Shared};
use crate::deflate::TAIL;

pub(super) struct Output {
    agreement: Option<Agreement>,
    /// What was compressed before, up to 32 KiB of it.
    history: Vec<u8>,
    /// How many messages were compressed.
    compressed: usize,
    /// Where the last text stopped inside a character, which only a fault allows.
    pub(super) unfinished: Utf8,
}

impl Output {
    pub(super) fn new(agreement: Option<Agreement>) -> Output {
        Output { agreement, history: Vec::new(), compressed: 0, unfinished: Utf8::default() }
    }

    pub(super) fn message(&mut self, shared: &Shared, opcode: u8, payload: Vec<u8>) -> Vec<u8> {
        let mut payload = payload;
        if shared.has(Fault::Beyond64Kib) {
            payload.iter_mut().skip(1 << 16).for_each(|byte| *byte = 0);
        }
        if shared.has(Fault::Beyond1Mib) && payload.len() > 1 << 20 {
            payload.pop();
        }
        if shared.has(Fault::SendsLatin1) && opcode == 1 {
            payload = latin1(&payload);
        }
        let opcode = match opcode {
            2 if shared.has(Fault::BinaryAsText) => 1,
            2 if shared.has(Fault::SendsReservedOpcode) && payload.is_empty() => 3,
            opcode => opcode,
        };
        let mut first = 0x80 | opcode;
        if let Some(agreement) = self.agreement {
            let compressed = self.deflate(shared, agreement, &payload);
            if !shared.has(Fault::Rsv1OnPlain) {
                payload = compressed;
            }
            if !shared.has(Fault::Rsv1NotSet) {
                first |= 0x40;
            }
        } else if shared.has(Fault::SetsRsv1) {
            first |= 0x40;
        }
        if shared.has(Fault::SetsRsv3) && opcode == 2 {
            first |= 0x10;
        }
        self.fragments(shared, first, &payload)
    }

    /// In one frame, or as a fault cuts it.
    fn fragments(&self, shared: &Shared, first: u8, payload: &[u8]) -> Vec<u8> {
        let (one, two) = payload.split_at(payload.len() / 2);
        let is_long = payload.len() >= 1000;
        let second = match () {
            () if is_long && shared.has(Fault::FragmentsRepeatOpcode) => first,
            () if is_long && shared.has(Fault::FragmentsWithoutEnd) => 0,
            () if payload.len() > 1 && shared.has(Fault::Rsv1OnOwnContinuation) => {
                0x80 | first & 0x40
            }
            () => return frame(shared, first, payload),
        };
        [frame(shared, first & 0x7f, one), frame(shared, second, two)].concat()
    }

    pub(super) fn pong(&self, shared: &Shared, payload: &[u8]) -> Vec<u8> {
        let mut first = 0x8a;
        if shared.has(Fault::PingForPing) {
            first = 0x89;
        }
        if shared.has(Fault::PongFragmented) {
            first &= 0x7f;
        }
        if self.agreement.is_some() && shared.has(Fault::Rsv1OnPong) {
            first |= 0x40;
        }
        self.control(shared, first, payload)
    }

    pub(super) fn control(&self, shared: &Shared, first: u8, payload: &[u8]) -> Vec<u8> {
        frame(shared, first, payload)
    }

    fn deflate(&mut self, shared: &Shared, agreement: Agreement, payload: &[u8]) -> Vec<u8> {
        let bits = agreement.server_max_window_bits;
        let is_exceeded =
            shared.has(Fault::WindowExceeded) || shared.has(Fault::WindowExceeded9) && bits == 9;
        let window = 1 << if is_exceeded { 15 } else { bits };
        let is_kept = !agreement.server_no_context_takeover
            || shared.has(Fault::ContextKept)
            || shared.has(Fault::ContextKeptFromThird) && self.compressed >= 2;
        let from = self.history.len().saturating_sub(window);
        let history = if is_kept { &self.history[from..] } else { &[] };
        let mut zeroed = payload.to_vec();
        if shared.has(Fault::DeflatedBeyond64Kib) {
            zeroed.iter_mut().skip(1 << 16).for_each(|byte| *byte = 0);
        }
        let mut body = compress(history, &zeroed, window);
        self.compressed += 1;
        self.history.extend_from_slice(&zeroed);
        let old = self.history.len().saturating_sub(32 << 10);
        self.history.drain(..old);
        if shared.has(Fault::TailKept) {
            body.extend_from_slice(&TAIL);
        }
        if shared.has(Fault::EmptyWithoutByte) && payload.is_empty() {
            body.clear();
        }
        body
    }
}

fn frame(shared: &Shared, first: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len();
    let has_16 =
        len > 125 || shared.has(Fault::LongForm16) || shared.has(Fault::LongForm125) && len == 125;
    let has_64 = len > 0xffff || shared.has(Fault::LongForm64) && len == 0xffff;
    let is_masked = shared.has(Fault::Masks)
        || shared.has(Fault::MasksLong) && len > 0xffff
        || shared.has(Fault::MasksPongs) && first & 0x0f == 10;
    let mask = if is_masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    if has_64 {
        bytes.push(mask | 127);
        bytes.extend_from_slice(&(len as u64).to_be_bytes());
    } else if has_16 {
        bytes.push(mask | 126);
        bytes.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
    } else {
        bytes.push(mask | u8::try_from(len).unwrap());
    }
    if is_masked {
        bytes.extend_from_slice(&KEY);
        bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        bytes.extend_from_slice(payload);
    }
    bytes
}

fn latin1(payload: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(payload);
    let mut bytes = Vec::new();
    for letter in text.chars() {
        match u8::try_from(u32::from(letter)) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend(letter.to_string().into_bytes()),
        }
    }
    bytes
}

/// The masking key of a server that masks.
const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
