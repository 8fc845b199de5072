//! Standard output and standard error as they are meant: a thread that writes there waits until there is room.
//!
//! Whether a write waits is no matter of this process alone. The mark `O_NONBLOCK` belongs to the pipe or terminal, and
//! whoever shares that may set it: the parent, or another program of a pipeline. Then a write fails where it should wait.

use std::io::{self, Write};

/// An output that is waited for, whoever has said that it is not to be.
pub(crate) struct Blocking<W>(pub(crate) W);

impl<W: Write + Descriptor> Write for Blocking<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait_for(|output| output.write(bytes))
    }

    /// Standard output has a buffer of its own, of which a part may be written.
    fn flush(&mut self) -> io::Result<()> {
        self.wait_for(W::flush)
    }
}

impl<W: Descriptor> Blocking<W> {
    /// Calls until it is another answer than that there is no room.
    fn wait_for<T>(&mut self, mut call: impl FnMut(&mut W) -> io::Result<T>) -> io::Result<T> {
        loop {
            match call(&mut self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait_for_room(&self.0, error)?;
                }
                answer => return answer,
            }
        }
    }
}

#[cfg(unix)]
pub(crate) use std::os::fd::AsFd as Descriptor;

#[cfg(unix)]
fn wait_for_room(output: &impl Descriptor, _: io::Error) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    // A reader that goes away ends this too: the next write tells.
    let waited = poll(&mut [PollFd::new(output, PollFlags::OUT)], None);
    match waited {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// There is no such mark.
#[cfg(not(unix))]
pub(crate) trait Descriptor {}

#[cfg(not(unix))]
impl<W> Descriptor for W {}

#[cfg(not(unix))]
fn wait_for_room<W>(_: &W, error: io::Error) -> io::Result<()> {
    Err(error)
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;
    use std::thread;

    use rustix::io::ioctl_fionbio;

    use super::*;

    #[test]
    fn a_pipe_that_is_marked_as_non_blocking_is_waited_for() {
        let (mut reader, writer) = io::pipe().unwrap();
        ioctl_fionbio(&writer, true).unwrap();
        let sent: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
        let mut writer = Blocking(writer);
        let mut received = Vec::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                writer.write_all(&sent).unwrap();
                drop(writer);
            });
            reader.read_to_end(&mut received).unwrap();
        });
        assert!(received == sent);
    }

    #[test]
    fn a_reader_that_goes_away_ends_the_waiting() {
        let (reader, writer) = io::pipe().unwrap();
        ioctl_fionbio(&writer, true).unwrap();
        let mut writer = Blocking(writer);
        thread::scope(|scope| {
            let writing = scope.spawn(|| writer.write_all(&[0; 1_000_000]));
            drop(reader);
            let error = writing.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        });
    }
}
