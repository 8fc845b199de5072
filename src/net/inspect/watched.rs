//! The transport of a connection that may be inspected: it passes everything on, and looks at it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::SystemTime;

use tokio::io::AsyncWrite;

use super::frames::{Frames, View};
use super::inflating::Inflating;
use super::{Direction, Inspect, Inspected};
use crate::net::proxied::Client;
use crate::net::read_vec::{ReadVec, passes_on};
use crate::net::state::shared::Shared;

/// A transport, with an eye on it as long as there is something to see.
pub(in crate::net) struct Watched<T> {
    io: T,
    shared: Arc<Shared>,
    watch: Watch,
}

/// How far the connection is.
///
/// ```text
///  Opening --the head is read--> Deciding --a 101 is written, and it is to be shown--> Open
///     |                             |
///     +-- a plain request           +-- another answer, or it is not to be shown --> Nothing
///     (stays)
/// ```
enum Watch {
    /// There is nothing to see.
    Nothing,
    /// A request head arrives. What is written is no 101.
    Opening,
    /// What was read behind the head, and what of the answer is written.
    Deciding(Box<Deciding>),
    Open(Box<Open>),
}

/// A connection of which nobody knows yet whether it becomes one.
struct Deciding {
    /// What was read behind the head.
    early: Vec<u8>,
    /// What of the answer is written.
    answer: Vec<u8>,
}

/// A connection whose frames are shown.
struct Open {
    inspect: Arc<dyn Inspect>,
    connection: Inspected,
    received: Frames,
    sent: Frames,
}

impl<T: ReadVec> Watched<T> {
    /// A transport on which the opening handshake is still to come.
    pub(in crate::net) fn new(io: T, shared: Arc<Shared>) -> Watched<T> {
        Watched { io, shared, watch: Watch::Opening }
    }

    /// A transport on which frames come next: something else has sent the 101.
    pub(in crate::net) fn opened(io: T, shared: Arc<Shared>) -> Watched<T> {
        let mut watched = Watched { io, shared, watch: Watch::Nothing };
        watched.open(&[], &[]);
        watched
    }

    /// The 101 is written. These bytes were read and written behind head and 101.
    fn open(&mut self, received: &[u8], sent: &[u8]) {
        self.watch = Watch::Nothing;
        let Some(inspect) = self.shared.context.config.inspect.clone() else { return };
        let connection = Inspected {
            id: self.shared.id(),
            peer_addr: self.shared.peer(),
            local_addr: self.io.local_addr(),
            path: self.shared.lock().path().into(),
        };
        if !inspect.connection(&connection) {
            return;
        }
        let payload_limit = inspect.payload_limit();
        let max_frame_size = self.shared.limits().message.max_frame_size;
        let frames = |direction| {
            let inflating = Inflating::agreed(direction, &self.shared);
            Frames::new(direction, payload_limit, max_frame_size, inflating)
        };
        let mut open = Open {
            received: frames(Direction::Received),
            sent: frames(Direction::Sent),
            inspect,
            connection,
        };
        open.pass(Direction::Received, received);
        open.pass(Direction::Sent, sent);
        self.watch = Watch::Open(Box::new(open));
    }

    /// These bytes were read.
    fn received(&mut self, bytes: &[u8]) {
        match &mut self.watch {
            Watch::Deciding(deciding) => deciding.early.extend_from_slice(bytes),
            Watch::Open(open) => {
                open.note_end(&self.shared);
                open.pass(Direction::Received, bytes);
            }
            Watch::Opening | Watch::Nothing => {}
        }
    }

    /// The transport has taken these bytes.
    fn sent(&mut self, bytes: &[u8]) {
        match &mut self.watch {
            Watch::Deciding(deciding) => {
                let Deciding { early, answer } = &mut **deciding;
                let before = answer.len();
                answer.extend_from_slice(bytes);
                // The end may have begun in what was written before.
                let searched = before.saturating_sub(END_OF_HEAD.len() - 1);
                let behind = answer.get(searched..).unwrap_or_default();
                let found = behind.windows(END_OF_HEAD.len()).position(|at| at == END_OF_HEAD);
                let Some(at) = found else { return };
                let (early, answer) = (std::mem::take(early), std::mem::take(answer));
                if answer.starts_with(b"HTTP/1.1 101 ") {
                    let end = searched + at + END_OF_HEAD.len();
                    self.open(&early, answer.get(end..).unwrap_or_default());
                } else {
                    self.watch = Watch::Nothing;
                }
            }
            Watch::Open(open) => {
                // What ended the connection goes before the Close that says so.
                open.note_end(&self.shared);
                open.pass(Direction::Sent, bytes);
            }
            Watch::Opening | Watch::Nothing => {}
        }
    }

    fn sent_of(&mut self, slices: &[IoSlice<'_>], mut len: usize) {
        for slice in slices {
            let taken = len.min(slice.len());
            self.sent(slice.get(..taken).unwrap_or_default());
            len -= taken;
        }
    }
}

impl Open {
    fn pass(&mut self, direction: Direction, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let view = view(&self.inspect, &self.connection);
        match direction {
            Direction::Received => self.received.pass(bytes, view),
            Direction::Sent => self.sent.pass(bytes, view),
        }
    }

    /// What the peer sends once the connection finishes is no protocol (RFC 6455 §7.1.7).
    fn note_end(&mut self, shared: &Shared) {
        let is_over = shared.lock().life.is_over();
        if is_over {
            self.received.end(view(&self.inspect, &self.connection));
        }
    }
}

fn view<'a>(inspect: &'a Arc<dyn Inspect>, connection: &'a Inspected) -> View<'a> {
    View { inspect: &**inspect, connection, time: SystemTime::now() }
}

impl<T> Drop for Watched<T> {
    fn drop(&mut self) {
        // A panic of the inspector itself is not to become two.
        if thread::panicking() {
            return;
        }
        if let Watch::Open(open) = &mut self.watch {
            let view = view(&open.inspect, &open.connection);
            open.received.end(view);
            open.sent.end(view);
        }
    }
}

impl<T: ReadVec> ReadVec for Watched<T> {
    fn poll_read_vec(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let before = buffer.len();
        let read = self.io.poll_read_vec(cx, buffer, limit);
        self.received(buffer.get(before..).unwrap_or_default());
        read
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.io.try_write(bytes)?;
        self.sent(bytes.get(..len).unwrap_or_default());
        Ok(len)
    }

    fn take_introduction(&mut self) -> Option<Box<Client>> {
        self.io.take_introduction()
    }

    fn head_is_read(&mut self, early: &[u8]) {
        let deciding = Deciding { early: early.to_vec(), answer: Vec::new() };
        self.watch = Watch::Deciding(Box::new(deciding));
        self.io.head_is_read(early);
    }

    passes_on!(self => self.io);
}

impl<T: ReadVec + AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(len)) = written {
            self.sent(bytes.get(..len).unwrap_or_default());
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(len)) = written {
            self.sent_of(slices, len);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// An empty line ends a response head (RFC 9112 §2.1).
const END_OF_HEAD: &[u8] = b"\r\n\r\n";
