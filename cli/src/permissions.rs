//! Whom the mode of a file lets use it, beside its owner.

use std::fs::Metadata;

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
