//! Messages as values: what they are made from and made into, what may be sent, and what `Debug` shows of them.

use stickler_testing::memory as support;

mod conversions;
mod debug;
mod json;
mod outgoing;
mod stream;
