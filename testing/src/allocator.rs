//! The system's allocator, counting: what this thread holds, the most that it held, and how often
//! it asked.
#![allow(unsafe_code, reason = "a counting allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// A test binary that counts names it as its `#[global_allocator]`.
pub struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

/// Bytes held by this thread.
pub fn held() -> isize {
    HELD.get()
}

/// How often this thread has asked for memory.
pub fn asked() -> usize {
    ASKED.get()
}

/// The most that was held while this ran, beyond what was held before.
pub fn most<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    let done = run();
    (done, usize::try_from(MOST.get() - before).unwrap())
}

fn ask() {
    let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
}

fn hold(more: isize) {
    let _ = HELD.try_with(|held| {
        held.set(held.get() + more);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ask();
        hold(layout.size() as isize);
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        hold(-(layout.size() as isize));
        // SAFETY: as the caller's.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ask();
        // The short time in which there may be both is not counted.
        hold(new_size as isize - layout.size() as isize);
        // SAFETY: as the caller's.
        unsafe { System.realloc(at, layout, new_size) }
    }
}
