//! Files with secrets: how they are opened, and whom the mode of one lets use it, beside its owner.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;

/// Opens a file, and tells what it found: of what it opened, so that nobody puts another file there between the look and
/// the reading. A named pipe would be waited for, by a reload for ever: it is not opened.
///
/// # Errors
/// It cannot be opened, or is a pipe, a folder or a device.
pub(crate) fn open(path: &Path) -> io::Result<(File, Metadata)> {
    check_file(path)?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    check_is_file(&metadata)?;
    Ok((file, metadata))
}

/// Whether there is a file that can be read without waiting.
///
/// # Errors
/// There is none, or a pipe, a folder or a device.
pub(crate) fn check_file(path: &Path) -> io::Result<()> {
    check_is_file(&fs::metadata(path)?)
}

fn check_is_file(found: &Metadata) -> io::Result<()> {
    if found.is_file() { Ok(()) } else { Err(io::Error::other("this is no regular file")) }
}

/// The mode of the file, where it has any of these bits. Where files have no modes there is never one.
#[cfg(unix)]
pub(crate) fn mode_with(metadata: &Metadata, bits: u32) -> Option<u32> {
    let mode = std::os::unix::fs::MetadataExt::mode(metadata) & 0o777;
    (mode & bits != 0).then_some(mode)
}

#[cfg(not(unix))]
pub(crate) fn mode_with(_: &Metadata, _: u32) -> Option<u32> {
    None
}

/// Others than the owner may do something with the file.
pub(crate) const FOR_ALL_BUT_OWNER: u32 = 0o077;

/// Those may who are neither the owner nor of the group.
pub(crate) const FOR_OTHERS: u32 = 0o007;

/// Others than the owner may write it.
pub(crate) const WRITE_FOR_ALL_BUT_OWNER: u32 = 0o022;
