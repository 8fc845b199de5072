//! A file that is appended to. What a server wrote there last may be half of a line or of a block, as a full disk or a
//! kill leaves it. What follows has to be readable all the same, and nothing that is whole is lost.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use crate::cli::TraceFormat;

/// Has what is written next begin at the beginning of a line or of a block.
///
/// # Errors
/// The file cannot be read, or what is in it cannot be appended to.
pub(super) fn prepare(file: &File, format: TraceFormat) -> io::Result<()> {
    match format {
        TraceFormat::Text | TraceFormat::Json => end_line(file),
        TraceFormat::Pcapng => cut_half_block(file),
    }
}

fn end_line(mut file: &File) -> io::Result<()> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(());
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last != *b"\n" {
        // A disk that is full still is no reason not to serve: it is told once frames are written.
        let _ = file.write_all(b"\n");
    }
    Ok(())
}

fn cut_half_block(mut file: &File) -> io::Result<()> {
    let len = file.seek(SeekFrom::End(0))?;
    if len == 0 || ends_with_block(file, len)? {
        return Ok(());
    }
    let whole = whole_blocks(file, len)?;
    let half = len - whole;
    if half > LARGEST_BLOCK {
        return Err(damaged());
    }
    file.set_len(whole)?;
    tracing::warn!(bytes = half, "half of a block at the end of the file of frames is cut off");
    Ok(())
}

/// Whether the last bytes are the length of a block, which stands at its beginning too. So a long file that is as it
/// should be is not read.
fn ends_with_block(mut file: &File, len: u64) -> io::Result<bool> {
    let read_at = |file: &mut &File, at: u64| {
        let mut four = [0; 4];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut four).map(|()| four)
    };
    if len < SMALLEST_BLOCK {
        return Ok(false);
    }
    let last = read_at(&mut file, len - 4)?;
    for size in [u32::from_le_bytes(last), u32::from_be_bytes(last)].map(u64::from) {
        let is_size = (SMALLEST_BLOCK..=len).contains(&size) && size.is_multiple_of(4);
        if is_size && read_at(&mut file, len - size + 4)? == last {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where the last whole block of the first `len` bytes ends.
fn whole_blocks(mut file: &File, len: u64) -> io::Result<u64> {
    file.seek(SeekFrom::Start(0))?;
    let mut file = BufReader::new(file);
    let mut at = 0;
    let mut read_number: fn([u8; 4]) -> u32 = u32::from_be_bytes;
    while len - at >= SMALLEST_BLOCK {
        let [mut kind, mut size, mut next, mut trailer] = [[0; 4]; 4];
        for part in [&mut kind, &mut size, &mut next] {
            file.read_exact(part)?;
        }
        if kind == SECTION {
            read_number = match next {
                BIG_ENDIAN => u32::from_be_bytes,
                LITTLE_ENDIAN => u32::from_le_bytes,
                _ => return Err(damaged()),
            };
        }
        let block = u64::from(read_number(size));
        if block < SMALLEST_BLOCK || !block.is_multiple_of(4) {
            return Err(damaged());
        }
        if block > len - at {
            break;
        }
        // Behind the content stands the length again. A block without content is shorter than what was read.
        file.seek_relative(block as i64 - 16)?;
        file.read_exact(&mut trailer)?;
        if trailer != size {
            return Err(damaged());
        }
        at += block;
    }
    Ok(at)
}

fn damaged() -> io::Error {
    io::Error::other("it is damaged before its end, so that nothing behind that could be read")
}

/// How a section of pcapng begins, in either byte order.
pub(super) const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// What a section says of its byte order.
const BIG_ENDIAN: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
const LITTLE_ENDIAN: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];

/// Type, length, and the length again, in bytes.
const SMALLEST_BLOCK: u64 = 12;

/// A block has 1 MiB of payload and a path with it at most, in bytes. What is longer is no half of one.
const LARGEST_BLOCK: u64 = 2 << 20;
