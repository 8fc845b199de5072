//! The thread that writes the lines, and what becomes of those that cannot be written.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use super::{Entry, Queue};
use crate::cli::LogFormat;

/// Writes until all ends of the queue are gone.
pub(super) fn write_all(
    waiting: &Receiver<Entry>,
    queue: &Queue,
    output: impl Write,
    format: LogFormat,
) {
    let mut output = Output { output, is_torn: false };
    for entry in waiting {
        match entry {
            Entry::Line { reserved, line } => {
                let is_lost = output.write_line(&line) == Written::No;
                queue.release(reserved);
                if is_lost {
                    queue.drop_one();
                } else {
                    tell_dropped(queue, &mut output, format);
                }
            }
            Entry::Flush(done) => drop(done.send(())),
        }
    }
}

/// Says how many lines were dropped since that was said last.
fn tell_dropped(queue: &Queue, output: &mut Output<impl Write>, format: LogFormat) {
    let dropped = queue.untold.swap(0, Ordering::Relaxed);
    if dropped > 0 && output.write_line(dropped_line(dropped, format).as_bytes()) == Written::No {
        queue.untold.fetch_add(dropped, Ordering::Relaxed);
    }
}

/// Where lines go.
struct Output<W> {
    output: W,
    /// The beginning of a line was written, and its rest was not.
    is_torn: bool,
}

/// Whether a line is where it should be.
#[derive(Debug, PartialEq, Eq)]
enum Written {
    Yes,
    No,
}

impl<W: Write> Output<W> {
    fn write_line(&mut self, line: &[u8]) -> Written {
        match self.try_write_line(line) {
            // A reader that went away is none of our business: nobody misses the lines.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Written::Yes,
            Err(_) => Written::No,
            Ok(()) => Written::Yes,
        }
    }

    fn try_write_line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.output.write_all(b"\n")?;
            self.is_torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.output.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => rest = &rest[len..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            self.is_torn = !rest.is_empty();
        }
        Ok(())
    }
}

fn dropped_line(dropped: u64, format: LogFormat) -> String {
    match format {
        LogFormat::Text => format!("WARN log lines were dropped dropped={dropped}\n"),
        LogFormat::Json => {
            format!(
                "{{\"level\":\"WARN\",\"message\":\"log lines were dropped\",\"dropped\":{dropped}}}\n"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::{Arc, Mutex};

    use super::super::{Flushed, Lines};
    use super::*;

    /// A disk that has room for so many bytes.
    #[derive(Clone, Default)]
    struct Disk {
        written: Arc<Mutex<Vec<u8>>>,
        room: Arc<AtomicUsize>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let len = bytes.len().min(self.room.load(Ordering::Relaxed));
            if len == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room.fetch_sub(len, Ordering::Relaxed);
            self.written.lock().unwrap().extend_from_slice(&bytes[..len]);
            Ok(len)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_costs_lines_that_are_counted_and_told_and_no_line_behind_them() {
        // Nothing of a line has room, or half of one, or all but its end.
        for (room, half) in [(5, ""), (7, "se\n"), (11, "second\n")] {
            let disk = Disk::default();
            let log = Lines::to(disk.clone(), LogFormat::Text);
            disk.room.store(room, Ordering::Relaxed);
            for line in ["1st.\n", "second\n", "third\n", "fourth\n"] {
                log.put(line.as_bytes());
            }
            while log.flush() == Flushed::No {}
            assert_eq!(log.dropped(), 3);
            // There is room for the next line, and not for the one about the others.
            disk.room.store(half.len().min(1) + 6, Ordering::Relaxed);
            log.put(b"fifth\n");
            while log.flush() == Flushed::No {}
            disk.room.store(1000, Ordering::Relaxed);
            log.put(b"sixth\n");
            while log.flush() == Flushed::No {}
            let written = String::from_utf8(disk.written.lock().unwrap().clone()).unwrap();
            let told = "WARN log lines were dropped dropped=3\n";
            assert_eq!(written, format!("1st.\n{half}fifth\nsixth\n{told}"));
            assert_eq!(log.dropped(), 3);
        }
    }
}
