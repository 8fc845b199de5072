//! The write batch: small frames copied, large and shared payloads referenced.

use std::fmt;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::amounts::Sent;
use super::lease::Lease;
use super::pool;
#[cfg(feature = "deflate")]
use super::uncompressed::{Sliced, Uncompressed};
use crate::net::read_vec::ReadVec;
use crate::proto::frame::HeaderBytes;

/// Frames on their way to one peer, in order.
#[derive(Default)]
pub(in crate::net) struct Outbox {
    /// Small frames, and the headers of large ones.
    batch: Vec<u8>,
    /// Payloads that are not copied, each before the byte of `batch` at its position.
    large: Vec<(usize, Large)>,
    /// Bytes of `batch` written: 0 <= batch_written <= batch.len()
    batch_written: usize,
    /// Payloads of `large` written as a whole; nothing is left of them.
    large_written: usize,
    /// Bytes written of the payload after those.
    partly_written: usize,
    /// Bytes that are not written; a message that is to be compressed counts as it is.
    len: usize,
    /// Bytes of messages that were compressed into it when they were sent.
    #[cfg(feature = "deflate")]
    compressed: usize,
    /// What is in it, as far as the task has not counted it.
    pub(in crate::net) sent: Sent,
}

/// A payload that is written from where it lies.
pub(in crate::net) enum Large {
    Owned(Vec<u8>),
    Shared(Arc<[u8]>),
    Bytes(Bytes),
    /// Where it was received.
    Lease(Lease, Range<usize>),
    /// A whole message that is to be compressed before it is written, and its header with it.
    #[cfg(feature = "deflate")]
    Uncompressed(Box<Uncompressed>),
}

/// Whether the message that is next can be compressed further, or written, now.
#[cfg(feature = "deflate")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Progress {
    GoOn,
    /// Others are to have their turn first.
    InTheNextTurn,
    /// Another task compresses it, and wakes this one then.
    Awaited,
}

impl fmt::Debug for Outbox {
    /// Leaves the frames out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("len", &self.len).finish_non_exhaustive()
    }
}

impl fmt::Debug for Large {
    /// Leaves the payload out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Large").field("len", &self.bytes().len()).finish_non_exhaustive()
    }
}

impl Default for Large {
    fn default() -> Large {
        Large::Owned(Vec::new())
    }
}

impl Large {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            #[cfg(feature = "deflate")]
            Large::Uncompressed(_) => &[],
            Large::Owned(bytes) => bytes,
            Large::Shared(bytes) => bytes,
            Large::Bytes(bytes) => bytes,
            Large::Lease(lease, at) => lease.bytes().get(at.clone()).unwrap_or_default(),
        }
    }

    /// Whether it cannot be written as it is.
    fn is_uncompressed(&self) -> bool {
        match self {
            #[cfg(feature = "deflate")]
            Large::Uncompressed(_) => true,
            _ => false,
        }
    }

    pub(super) fn memory(&self) -> usize {
        match self {
            Large::Owned(buffer) => buffer.capacity(),
            #[cfg(feature = "deflate")]
            Large::Uncompressed(message) => message.memory(),
            Large::Shared(bytes) => bytes.len() / Arc::strong_count(bytes).max(1),
            Large::Bytes(bytes) => bytes.len(),
            Large::Lease(lease, _) => lease.memory(),
        }
    }

    /// Copies what lies in a read buffer, of which the thread lends only so many, or in a buffer
    /// that is far too large, and gives the thread its buffer back. Runs nothing of the application.
    pub(in crate::net) fn release_buffer(&mut self) {
        let is_released = match self {
            Large::Owned(buffer) => pool::fits(buffer.capacity(), buffer.len()),
            Large::Shared(_) | Large::Bytes(_) => true,
            #[cfg(feature = "deflate")]
            Large::Uncompressed(_) => true,
            Large::Lease(..) => false,
        };
        if is_released {
            return;
        }
        let mut copy = pool::take_fitting_buffer(self.bytes().len());
        copy.extend_from_slice(self.bytes());
        if let Large::Owned(buffer) = std::mem::replace(self, Large::Owned(copy)) {
            pool::return_message_buffer(buffer);
        }
    }
}

impl Outbox {
    /// Bytes that are not written.
    pub(in crate::net) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory that it takes, as far as they are this peer's: of a payload that is shared with
    /// others each of them has a part.
    pub(in crate::net) fn memory(&self) -> usize {
        let large = self.large.iter().skip(self.large_written);
        let large: usize = large.map(|(_, large)| large.memory()).sum();
        large + if self.len == 0 { 0 } else { self.batch.capacity() }
    }

    /// Appends through `encode`, which only appends.
    #[inline]
    pub(in crate::net) fn append<R>(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let before = self.batch.len();
        let result = encode(&mut self.batch);
        debug_assert!(self.batch.len() >= before);
        self.len += self.batch.len() - before;
        result
    }

    /// Appends a frame by copying it.
    #[inline]
    pub(in crate::net) fn append_frame(&mut self, header: &HeaderBytes, payload: &[u8]) {
        self.append(|batch| {
            header.append_to(batch, payload.len());
            batch.extend_from_slice(payload);
        });
    }

    /// Appends all of another outbox, of which nothing has been written.
    pub(in crate::net) fn append_all(&mut self, other: &mut Outbox) {
        debug_assert_eq!(
            (other.batch_written, other.large_written, other.partly_written),
            (0, 0, 0)
        );
        let behind = self.batch.len();
        self.large.extend(other.large.drain(..).map(|(at, large)| (behind + at, large)));
        self.batch.append(&mut other.batch);
        self.len += std::mem::take(&mut other.len);
        self.sent.absorb(std::mem::take(&mut other.sent));
        #[cfg(feature = "deflate")]
        {
            self.compressed += other.compressed;
        }
    }

    /// Appends a payload without copying it, behind its header.
    pub(in crate::net) fn append_large(&mut self, header: &[u8], mut payload: Large) {
        // In a read buffer the header fits where the longer one of the peer was.
        let is_before = match &mut payload {
            Large::Lease(lease, at) => lease.write_before(at, header),
            _ => false,
        };
        if !is_before {
            self.append(|batch| batch.extend_from_slice(header));
        }
        self.len += payload.bytes().len();
        // RFC 6455 §6.1: a large payload keeps its place behind what was queued before.
        self.large.push((self.batch.len(), payload));
    }

    /// Appends a message that is compressed when it is the next to be written.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn append_uncompressed(&mut self, message: Uncompressed) {
        self.len += message.len();
        self.large.push((self.batch.len(), Large::Uncompressed(Box::new(message))));
    }

    /// Bytes of messages that were compressed into it when they were sent.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn compressed(&self) -> usize {
        self.compressed
    }

    /// A message of so many bytes was compressed into it.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn note_compressed(&mut self, len: usize) {
        self.compressed += len;
    }

    /// Whether the next to be written is a message that is to be compressed first.
    #[inline]
    pub(in crate::net) fn is_to_compress(&self) -> bool {
        self.large
            .get(self.large_written)
            .is_some_and(|(at, next)| next.is_uncompressed() && *at == self.batch_written)
    }

    /// Has `slice` compress a slice of the message that is next. `compressed` is told of how many bytes the message
    /// was and how many it is, if it goes compressed.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn compress_next(
        &mut self,
        slice: impl FnOnce(&mut Uncompressed) -> Sliced,
        compressed: impl FnOnce(usize, usize),
    ) -> Progress {
        let next = self.large.get_mut(self.large_written);
        let Some((_, next)) = next else { return Progress::GoOn };
        let Large::Uncompressed(message) = next else { return Progress::GoOn };
        let len = message.len();
        let (header, payload) = match slice(message) {
            Sliced::NotYet => return Progress::GoOn,
            Sliced::Awaited => return Progress::Awaited,
            Sliced::Plain(header, payload) => (header, payload),
            Sliced::Compressed(header, payload) => {
                let header_len = if header.is_some() { 0 } else { header_len(payload.bytes()) };
                compressed(len, payload.bytes().len().saturating_sub(header_len));
                (header, payload)
            }
        };
        self.len = self.len - len + payload.bytes().len();
        *next = payload;
        self.insert(header.as_ref().map_or(&[], HeaderBytes::as_bytes));
        Progress::GoOn
    }

    /// Puts whole frames, or the header of the next payload, before all that is not written.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn insert(&mut self, bytes: &[u8]) {
        self.batch.splice(self.batch_written..self.batch_written, bytes.iter().copied());
        for (at, _) in self.large.iter_mut().skip(self.large_written) {
            *at += bytes.len();
        }
        self.len += bytes.len();
    }

    /// The frames that were copied into it.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn copied(&self) -> &[u8] {
        &self.batch
    }

    /// Has payloads wait in no more than they need: the peer takes its time.
    pub(in crate::net) fn release_buffers(&mut self) {
        for (_, large) in self.large.iter_mut().skip(self.large_written) {
            large.release_buffer();
        }
    }

    /// Writes once; gives the number of bytes written. Payloads that were written as a whole are
    /// given back at once: nobody may hold a lock.
    pub(in crate::net) fn poll_write<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let written = if self.large.len() == self.large_written {
            let rest = self.batch.get(self.batch_written..).unwrap_or_default();
            std::task::ready!(Pin::new(io).poll_write(cx, rest))?
        } else {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let count = self.fill(&mut slices);
            match slices.get(..count).unwrap_or_default() {
                [slice] => std::task::ready!(Pin::new(io).poll_write(cx, slice))?,
                slices => std::task::ready!(Pin::new(io).poll_write_vectored(cx, slices))?,
            }
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(written);
        Poll::Ready(Ok(written))
    }

    /// Writes once, whatever the transport is known to be ready for. As [`Outbox::poll_write`] else.
    pub(in crate::net) fn try_write<T: ReadVec>(&mut self, io: &mut T) -> io::Result<usize> {
        let Some(run) = self.runs().next() else { return Err(io::ErrorKind::WouldBlock.into()) };
        let written = io.try_write(run)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.advance(written);
        Ok(written)
    }

    /// Takes the frames out of which nothing is written. Their payloads come back, to be dropped without
    /// a lock.
    #[must_use]
    pub(in crate::net) fn take_unbegun(&mut self) -> Vec<(usize, Large)> {
        // A payload that was written as a whole ended its frame.
        let last = self.large_written.checked_sub(1).and_then(|last| self.large.get(last));
        let (mut at, mut next) = (last.map_or(0, |(at, _)| *at), self.large_written);
        while let Some((end, is_large)) = self.frame_at(at, next) {
            let is_in_it = is_large && end == at && next == self.large_written;
            let is_begun = self.batch_written > at || (is_in_it && self.partly_written > 0);
            if !is_begun {
                self.batch.truncate(at);
                let unbegun = self.large.split_off(next);
                self.len = self.runs().map(<[u8]>::len).sum();
                return unbegun;
            }
            at = end;
            next += usize::from(is_large);
        }
        Vec::new()
    }

    /// Where the frame ends, as far as it is in the batch, that begins there; and whether the next payload
    /// of `large` belongs to it. The head of a response counts as a frame.
    fn frame_at(&self, at: usize, next: usize) -> Option<(usize, bool)> {
        let large_at = self.large.get(next).map(|(at, _)| *at);
        if large_at == Some(at) {
            // A payload that has its header in it.
            return Some((at, true));
        }
        let bytes = self.batch.get(at..)?;
        if bytes.starts_with(b"HTTP/") {
            let len = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
            return Some((at + len + 4, false));
        }
        // RFC 6455 §5.2: seven bits, or the 16 or 64 bits behind them; a server does not mask.
        let number = |of: Range<usize>| {
            let fold = |number: usize, byte: &u8| (number << 8) | usize::from(*byte);
            bytes.get(of).map(|bytes| bytes.iter().fold(0, fold))
        };
        let (header, len) = match bytes.get(1)? & 0x7f {
            126 => (4, number(2..4)?),
            127 => (10, number(2..10)?),
            short => (2, usize::from(short)),
        };
        let end = at + header;
        if len > 0 && large_at == Some(end) {
            return Some((end, true));
        }
        let end = end.checked_add(len)?;
        (end <= self.batch.len()).then_some((end, false))
    }

    /// Fills `slices` with what comes next, and gives how many it filled.
    fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut runs = self.runs();
        let mut count = 0;
        for slot in slices {
            let Some(run) = runs.next() else { break };
            *slot = IoSlice::new(run);
            count += 1;
        }
        count
    }

    /// The runs of bytes that are not written, in order, none empty; up to a message that is to be
    /// compressed.
    fn runs(&self) -> impl Iterator<Item = &[u8]> {
        let large = self.large.get(self.large_written..).unwrap_or_default();
        let stop = large.iter().position(|(_, large)| large.is_uncompressed());
        let end = stop.and_then(|stop| large.get(stop)).map_or(self.batch.len(), |(at, _)| *at);
        let mut from = self.batch_written;
        let mut skip = self.partly_written;
        large
            .iter()
            .take(stop.unwrap_or(large.len()))
            .map(Some)
            .chain([None])
            .flat_map(move |next| {
                let to = next.map_or(end, |(at, _)| *at);
                let copied = self.batch.get(from..to).unwrap_or_default();
                from = to;
                let skipped = std::mem::take(&mut skip);
                let referenced =
                    next.and_then(|(_, large)| large.bytes().get(skipped..)).unwrap_or_default();
                [copied, referenced]
            })
            .filter(|run| !run.is_empty())
    }

    fn advance(&mut self, mut written: usize) {
        self.len -= written;
        while let Some((at, large)) = self.large.get_mut(self.large_written) {
            let copied = (*at - self.batch_written).min(written);
            self.batch_written += copied;
            written -= copied;
            if large.is_uncompressed() {
                debug_assert_eq!(written, 0);
                return;
            }
            let left = large.bytes().len() - self.partly_written;
            if self.batch_written < *at || written < left {
                self.partly_written += written;
                return;
            }
            written -= left;
            self.partly_written = 0;
            self.large_written += 1;
            // What follows may wait for long. `Bytes` may run code of the application here.
            if let Large::Owned(buffer) = std::mem::take(large) {
                pool::return_message_buffer(buffer);
            }
        }
        self.batch_written += written;
        debug_assert!(self.batch_written <= self.batch.len());
    }

    /// Empties it for the next user, and frees a batch that grew beyond `max_batch` bytes.
    pub(in crate::net) fn clear(&mut self, max_batch: usize) {
        self.large.clear();
        if self.batch.capacity() > max_batch {
            self.batch = Vec::new();
        }
        self.batch.clear();
        (self.batch_written, self.large_written, self.partly_written, self.len) = (0, 0, 0, 0);
        self.sent = Sent::default();
        #[cfg(feature = "deflate")]
        {
            self.compressed = 0;
        }
    }
}

/// Bytes of the header of an encoded frame: a server does not mask (RFC 6455 §5.2).
#[cfg(feature = "deflate")]
pub(in crate::net) fn header_len(frame: &[u8]) -> usize {
    match frame.get(1).map(|len| len & 0x7f) {
        Some(127) => 10,
        Some(126) => 4,
        _ => 2,
    }
}

/// Runs of bytes that one write takes.
const MAX_SLICES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// A read buffer with these bytes.
    fn lease(bytes: &[u8]) -> Lease {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match Lease::poll_read(&mut &*bytes, &mut context) {
            Poll::Ready(Ok(lease)) => lease,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_header_goes_where_that_of_the_peer_was_if_it_fits() {
        for (header, at, expected, runs) in [
            (&b"HH"[..], 4..8, &b"HHpppp"[..], 1),
            (b"HHHH", 4..8, b"HHHHpppp", 1),
            (b"HHHHH", 4..8, b"HHHHHpppp", 2),
            (b"", 4..8, b"pppp", 1),
            (b"H", 4..6, b"Hpp", 1),
        ] {
            let mut outbox = Outbox::default();
            outbox.append_large(header, Large::Lease(lease(b"rrrrpppp"), at));
            assert_eq!(outbox.len(), expected.len());
            assert_eq!(outbox.runs().count(), runs);
            assert_eq!(outbox.runs().flatten().copied().collect::<Vec<u8>>(), expected);
        }
    }

    /// What is begun stays, wherever the transport stopped, and nothing else does.
    #[test]
    fn frames_that_are_not_begun_can_be_taken_out() {
        type Append = fn(&mut Outbox);
        let parts: [Append; 8] = [
            |outbox| outbox.append(|batch| batch.extend_from_slice(b"HTTP/1.1 101 S\r\n\r\n")),
            |outbox| outbox.append(|batch| batch.extend_from_slice(b"\x82\x03abc")),
            |outbox| outbox.append_large(b"\x82\x06", Large::Owned(vec![7; 6])),
            |outbox| {
                outbox.append_large(b"\x82\x0a", Large::Lease(lease(b"rrrr0123456789"), 4..14))
            },
            |outbox| outbox.append_large(b"", Large::Bytes(Bytes::from_static(b"\x81\x01x"))),
            |outbox| outbox.append(|batch| batch.extend_from_slice(b"\x8a\x00")),
            |outbox| {
                outbox.append(|batch| {
                    batch.extend_from_slice(&[0x82, 126, 0, 200]);
                    batch.extend_from_slice(&[9; 200]);
                });
            },
            |outbox| {
                outbox.append_large(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 3], Large::Owned(vec![5; 3]))
            },
        ];
        let build = || {
            let mut outbox = Outbox::default();
            let ends = parts.map(|append| {
                append(&mut outbox);
                outbox.len()
            });
            (outbox, ends)
        };
        let all = build().0.len();
        for written in 0..=all {
            let (mut outbox, ends) = build();
            outbox.advance(written);
            let rest: Vec<u8> = outbox.runs().flatten().copied().collect();
            drop(outbox.take_unbegun());
            let begun = ends.into_iter().find(|end| *end >= written).unwrap_or(0);
            let left = if written == 0 { 0 } else { begun - written };
            assert_eq!(outbox.len(), left, "after {written}");
            assert_eq!(outbox.runs().flatten().copied().collect::<Vec<u8>>(), rest[..left]);
        }
    }

    #[test]
    fn buffers_are_given_back_wherever_the_peer_stopped() {
        for written in 0..30 {
            let mut outbox = Outbox::default();
            outbox.append(|batch| batch.extend_from_slice(b"abc"));
            outbox.append_large(b"HH", Large::Lease(lease(b"rrrr0123456789"), 4..14));
            let mut roomy = Vec::with_capacity(100);
            roomy.extend([7; 6]);
            outbox.append_large(b"K", Large::Owned(roomy));
            outbox.append_large(b"LL", Large::Lease(lease(b"rstuv"), 0..5));
            let expected: Vec<u8> = outbox.runs().flatten().copied().collect();
            assert_eq!(expected.len(), 29);
            outbox.advance(written.min(29));
            outbox.release_buffers();
            let rest: Vec<u8> = outbox.runs().flatten().copied().collect();
            assert_eq!(rest, expected[written.min(29)..], "after {written}");
            assert_eq!(outbox.len(), rest.len());
            let unwritten = &outbox.large[outbox.large_written..];
            assert!(
                unwritten
                    .iter()
                    .all(|(_, large)| matches!(large, Large::Owned(copy) if copy.capacity() < 100))
            );
        }
    }

    #[test]
    fn what_was_written_is_given_back_at_once() {
        let (first, second) = (Arc::<[u8]>::from([1; 5]), Bytes::from(vec![2; 5]));
        let mut outbox = Outbox::default();
        outbox.append(|batch| batch.extend_from_slice(b"abc"));
        outbox.append_large(b"H", Large::Shared(first.clone()));
        outbox.append_large(b"H", Large::Bytes(second.clone()));
        outbox.append_large(b"H", Large::Lease(lease(b"rrrr0123456789"), 4..14));
        outbox.append(|batch| batch.extend_from_slice(b"rest"));
        let is_kept = |outbox: &Outbox| {
            let lease = outbox.large.iter().any(|(_, large)| matches!(large, Large::Lease(..)));
            (Arc::strong_count(&first) > 1, !second.is_unique(), lease)
        };
        for (len, kept) in [
            (8, (true, true, true)),
            (1, (false, true, true)),
            (6, (false, false, true)),
            (10, (false, false, true)),
            (1, (false, false, false)),
        ] {
            outbox.advance(len);
            assert_eq!(is_kept(&outbox), kept, "{} left", outbox.len());
        }
        assert_eq!(outbox.runs().collect::<Vec<_>>(), [b"rest"]);
    }

    #[test]
    fn what_was_held_goes_before_the_rest_as_it_is() {
        let mut first = Outbox::default();
        first.append(|batch| batch.extend_from_slice(b"first"));
        first.append_large(b"F", Large::Owned(vec![1; 3]));
        let mut rest = Outbox::default();
        rest.append(|batch| batch.extend_from_slice(b"rest"));
        rest.append_large(b"R", Large::Owned(vec![2; 3]));
        rest.append(|batch| batch.extend_from_slice(b"end"));
        let expected: Vec<u8> = first.runs().chain(rest.runs()).flatten().copied().collect();
        first.append_all(&mut rest);
        assert_eq!(first.runs().flatten().copied().collect::<Vec<u8>>(), expected);
        assert_eq!((first.len(), rest.len()), (expected.len(), 0));
    }

    #[test]
    fn every_pattern_of_partial_writes_gives_the_same_bytes() {
        for step in 1..40 {
            let mut outbox = Outbox::default();
            outbox.append_large(&[], Large::Owned(vec![9; 5]));
            outbox.append(|batch| batch.extend_from_slice(b"abc"));
            outbox.append_large(&[], Large::Owned(vec![1; 7]));
            outbox.append_large(&[], Large::Shared(vec![2; 3].into()));
            outbox.append(|batch| batch.extend_from_slice(b"defg"));
            outbox.append_large(&[], Large::Bytes(Bytes::from_static(&[3; 11])));
            let mut seen = Vec::new();
            while outbox.len() > 0 {
                let all: Vec<u8> = outbox.runs().flatten().copied().collect();
                assert_eq!(all.len(), outbox.len());
                let now = step.min(all.len());
                seen.extend_from_slice(&all[..now]);
                outbox.advance(now);
            }
            let mut expected = vec![9; 5];
            expected.extend_from_slice(b"abc");
            expected.extend([1; 7]);
            expected.extend([2; 3]);
            expected.extend_from_slice(b"defg");
            expected.extend([3; 11]);
            assert_eq!(seen, expected, "step {step}");
        }
    }
}
