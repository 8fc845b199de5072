//! The LZ77 sliding window between messages (RFC 7692 §7.1.1, §7.2).

use super::budget::Charge;
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
        let wanted = self.capacity_with(newest.len());
        let whole = self.bytes.len() + newest.len();
        self.bytes.drain(..whole.saturating_sub(self.size));
        if self.bytes.capacity() < wanted {
            self.bytes.reserve_exact(wanted.saturating_sub(self.bytes.len()));
        }
        self.bytes.extend_from_slice(newest);
    }

    /// Bytes that it takes with so many more: never beyond the window, which is what the budget
    /// counts.
    fn capacity_with(&self, more: usize) -> usize {
        let whole = self.bytes.len().saturating_add(more).min(self.size);
        let has = self.bytes.capacity();
        if whole <= has { has } else { whole.next_power_of_two().min(self.size) }
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

/// What the messages of a peer left to its next one. The memory is charged as it grows.
#[derive(Debug)]
pub struct Left {
    history: History,
    /// For the capacity of the history; `None` while that is 0.
    charge: Option<Charge>,
}

impl Left {
    /// Nothing yet, of a window of this size.
    pub const fn new(window: WindowBits) -> Left {
        Left { history: History::new(window), charge: None }
    }

    /// Appends, and forgets what is older than the window; `charge` is asked for the bytes that
    /// this takes more than before.
    ///
    /// # Errors
    /// There is no memory for them. Nothing was appended, so the history is not what the peer has.
    pub fn extend(
        &mut self,
        passed: &[u8],
        charge: impl FnOnce(usize) -> Option<Charge>,
    ) -> Result<(), NoMemory> {
        let growth = self.history.capacity_with(passed.len()) - self.history.bytes.capacity();
        if growth > 0 {
            let more = charge(growth).ok_or(NoMemory)?;
            match &mut self.charge {
                Some(charge) => charge.add(more),
                None => self.charge = Some(more),
            }
        }
        self.history.extend(passed);
        Ok(())
    }

    /// The bytes, oldest first.
    pub fn bytes(&self) -> &[u8] {
        self.history.bytes()
    }
}

/// The budget has no room for what a peer may refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::proto::deflate::budget::Budget;

    #[test]
    fn what_is_left_is_charged_as_it_grows_and_never_beyond_the_window() {
        let budget = Arc::new(Budget::new(2 * 1000));
        let charge = |amount| budget.charge_history(amount);
        let mut left = Left::new(WindowBits::new(9).unwrap());
        for (passed, charged) in
            [(0, 0), (5, 8), (3, 8), (1, 16), (100, 128), (300, 512), (999, 512)]
        {
            left.extend(&vec![1; passed], charge).unwrap();
            assert_eq!((budget.histories(), left.history.bytes.capacity()), (charged, charged));
        }
        // Another one gets what is left of the half, and not one byte more.
        let mut other = Left::new(WindowBits::MAX);
        other.extend(&[2; 256], charge).unwrap();
        assert_eq!(other.extend(&[3; 1], charge), Err(NoMemory));
        assert_eq!((other.bytes(), budget.histories()), (&[2; 256][..], 768));
        drop((left, other));
        assert_eq!((budget.histories(), budget.used()), (0, 0));
    }

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
