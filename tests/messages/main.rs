//! Messages as values: what they are made from and made into, what may be sent, and what `Debug` shows of them.
#![cfg(feature = "net")]

use stickler_testing::memory as support;

mod conversions;
mod debug;
#[cfg(feature = "json")]
mod json;
mod outgoing;
#[cfg(feature = "futures")]
mod stream;
