//! An output that can be held up, as a pipe that nobody reads.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// Writes into memory while it is allowed to: it waits for as long as a test holds the lock of `blocked`.
#[derive(Clone, Default)]
pub struct Pipe {
    pub written: Arc<Mutex<Vec<u8>>>,
    pub blocked: Arc<Mutex<()>>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _open = self.blocked.lock().unwrap();
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
