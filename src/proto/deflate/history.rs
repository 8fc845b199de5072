//! The LZ77 sliding window between messages (RFC 7692 §7.1.1, §7.2).

use super::negotiation::WindowBits;

/// The last bytes of what went through one direction of a connection.
pub struct History {
    /// bytes.len() <= size
    bytes: Vec<u8>,
    /// The most bytes that are kept.
    size: usize,
}

impl core::fmt::Debug for History {
    /// Leaves the bytes out.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("History").field("len", &self.bytes.len()).field("size", &self.size).finish()
    }
}

impl History {
    /// Nothing yet, of a window of this size. Memory is taken as bytes come.
    pub const fn new(window: WindowBits) -> History {
        History { bytes: Vec::new(), size: window.size() }
    }

    /// Appends, and forgets what is older than the window.
    pub fn extend(&mut self, passed: &[u8]) {
        let newest = passed.len().saturating_sub(self.size);
        let newest = passed.get(newest..).unwrap_or_default();
        let whole = self.bytes.len() + newest.len();
        self.bytes.drain(..whole.saturating_sub(self.size));
        if self.bytes.capacity() < self.bytes.len() + newest.len() {
            // Never beyond the window, which is what the budget counts.
            let wanted = whole.next_power_of_two().min(self.size);
            self.bytes.reserve_exact(wanted.saturating_sub(self.bytes.len()));
        }
        self.bytes.extend_from_slice(newest);
    }

    /// Forgets everything; keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The bytes, oldest first.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s7692_7_2_the_last_bytes_of_the_window_are_kept() {
        let window = WindowBits::new(8).unwrap();
        for step in [1, 2, 3, 7, 100, 255, 256, 257, 300, 1000] {
            let mut history = History::new(window);
            let mut naive = Vec::new();
            for round in 0..40_u8 {
                let passed: Vec<u8> =
                    (0..step).map(|i| (i as u8).wrapping_mul(31) ^ round).collect();
                history.extend(&passed);
                naive.extend_from_slice(&passed);
                let newest = naive.len().saturating_sub(256);
                assert_eq!(history.bytes(), &naive[newest..]);
                assert!(history.bytes.capacity() <= 256, "{}", history.bytes.capacity());
            }
        }
    }
}
