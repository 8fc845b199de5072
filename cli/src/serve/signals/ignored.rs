//! SIGXFSZ, which the kernel sends to a process that writes beyond the size limit of files.

/// From now on such a write fails, and does not end the process. The standard library has the same done for SIGPIPE.
#[cfg(unix)]
#[allow(unsafe_code, reason = "the C library has no other way to say so")]
pub(in crate::serve) fn ignore_file_size_limit() {
    // SAFETY: no code of ours runs when the signal comes, and nothing else here sets what becomes of it.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// There is no such signal.
#[cfg(not(unix))]
pub(in crate::serve) fn ignore_file_size_limit() {}
