//! Large buffers go back to the system as soon as they are freed.
//!
//! glibc maps a large block by itself, and unmaps it when it is freed; but with each such block it raises the size from
//! which it does so, up to 32 MiB. After some large messages it keeps them all in its heaps, where they stay resident.

/// Fixes the size from which blocks are mapped by themselves. A message beyond it costs page faults each time, and one
/// below it none.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "the C library has no other way to say so")]
pub(super) fn give_large_buffers_back() {
    // SAFETY: mallopt is safe to call at any time, from any thread; it changes numbers of the allocator only. An unknown
    // option is refused by a return value, and then all stays as it is.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn give_large_buffers_back() {}

/// The messages of most applications stay below.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED_FROM: libc::c_int = 2 << 20;
