//! What messages took goes back to the system.
//!
//! glibc maps a large block by itself, and unmaps it when it is freed; but with each such block it raises the size from
//! which it does so, up to 32 MiB. After some large messages it keeps them all in its heaps, where they stay resident. So
//! the size is fixed here. What smaller blocks took stays in the heaps too, until it is asked for.

use stickler::Handle;

/// Fixes the size from which blocks are mapped by themselves. A message beyond it costs page faults, unless its worker has
/// kept the buffer of an earlier one. To be called before there are other threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "the C library has no other way to say so")]
pub(super) fn give_large_buffers_back() {
    // SAFETY: mallopt changes numbers of the allocator only, and no other thread runs yet that could read them. An
    // unknown option is refused by a return value, and then all stays as it is.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM) };
}

/// Watches on a thread of its own how much the connections take, and gives free memory back when that has fallen.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn give_back_after_load(handle: Handle) -> std::io::Result<()> {
    let watch = move || {
        let mut most = 0;
        loop {
            std::thread::sleep(LOOK_EVERY);
            let counters = handle.counters();
            let used = counters.memory_used + counters.connections * A_CONNECTION;
            most = most.max(used);
            if most - used >= WORTH_GIVING_BACK {
                most = used;
                trim();
            }
        }
    };
    std::thread::Builder::new().name("memory".into()).spawn(watch).map(drop)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "the C library has no other way to say so")]
fn trim() {
    // SAFETY: malloc_trim may be called from any thread; it gives back pages that no block is in.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn give_large_buffers_back() {}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn give_back_after_load(_: Handle) -> std::io::Result<()> {
    Ok(())
}

/// The messages of most applications stay below.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED_FROM: libc::c_int = 2 << 20;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// What one takes by itself over TLS. In clear it is less, and giving back once too often costs little.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const A_CONNECTION: usize = 10 << 10;

/// By so many bytes what connections take is to have fallen.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const WORTH_GIVING_BACK: usize = 8 << 20;
