//! The transport of the server's connections: a TCP socket that keeps its place under the caps
//! for as long as it is open.
//!
//! On Linux it calls the kernel itself. The C library's `recv` and `send` make the thread
//! cancellable for the time of the call, in any process that has a second thread, and a worker is
//! one: four atomic operations for each message that comes alone and is answered.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use super::permit::Permit;
use super::proxy::Carries;
use crate::net::ReadVec;
use crate::proto::rejection::Rejection;

/// One accepted connection.
pub(super) struct Socket {
    stream: TcpStream,
    permit: Permit,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, permit: Permit) -> Self {
        Self { stream, permit }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl ReadVec for Socket {
    fn poll_read_vec(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        // The whole spare capacity is what can be filled without `unsafe`.
        #[cfg(target_os = "linux")]
        if (1..=limit).contains(&(buffer.capacity() - buffer.len())) {
            return kernel::poll_recv(&self.stream, cx, buffer);
        }
        self.stream.poll_read_vec(cx, buffer, limit)
    }

    /// The kernel says that there is room once a third of the send buffer is free, but takes bytes as soon
    /// as there is any. The runtime asks it only after it has said so.
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        return kernel::try_send(&self.stream, bytes);
        #[cfg(not(target_os = "linux"))]
        SockRef::from(&self.stream).send(bytes)
    }

    fn try_flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn count_client(&mut self, client: IpAddr) -> Result<(), Rejection> {
        self.permit.count_client(client)
    }

    fn make_room(&mut self) {
        make_room(&self.stream);
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.local_addr().ok()
    }
}

impl Carries for Socket {
    type Stream = TcpStream;

    fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

/// Has the kernel take a little more than it was meant to.
pub(super) fn make_room(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    // Where the bounds cannot be moved, nothing is lost but what would be written.
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_notsent_lowat(u32::MAX);
    if let Ok(size) = socket.send_buffer_size()
        && size <= SMALL_BUFFER
    {
        let _ = socket.set_send_buffer_size(2 * size);
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.permit.note_written(bytes);
        #[cfg(target_os = "linux")]
        return kernel::poll_send(&self.stream, cx, bytes);
        #[cfg(not(target_os = "linux"))]
        self.stream().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.permit.note_written(slices.first().map_or(&[], |slice| slice));
        self.stream().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// A send buffer of up to so many bytes may be made larger for the last that is written. The kernel sets
/// that of a fast connection itself, and larger.
const SMALL_BUFFER: usize = 256 << 10;

#[cfg(target_os = "linux")]
mod kernel {
    use std::io::{self, ErrorKind};
    use std::task::{Context, Poll, ready};

    use rustix::buffer::spare_capacity;
    use rustix::io::retry_on_intr;
    use rustix::net::{RecvFlags, SendFlags, recv, send};
    use tokio::io::Interest;
    use tokio::net::TcpStream;

    /// Receives once into the spare capacity of `buffer`.
    pub(super) fn poll_recv(
        stream: &TcpStream,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let room = buffer.capacity() - buffer.len();
        loop {
            ready!(stream.poll_read_ready(cx))?;
            let received = once(stream, Interest::READABLE, room, || {
                recv(stream, spare_capacity(buffer), RecvFlags::empty()).map(|(len, _)| len)
            });
            if let Some(received) = received {
                return Poll::Ready(received);
            }
        }
    }

    /// Receives once into `buffer`, which is not empty.
    #[cfg(feature = "tls")]
    pub(in crate::server) fn poll_recv_into(
        stream: &TcpStream,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let room = buffer.len();
        loop {
            ready!(stream.poll_read_ready(cx))?;
            let received = once(stream, Interest::READABLE, room, || {
                recv(stream, &mut *buffer, RecvFlags::empty()).map(|(len, _)| len)
            });
            if let Some(received) = received {
                return Poll::Ready(received);
            }
        }
    }

    /// Sends once.
    pub(in crate::server) fn poll_send(
        stream: &TcpStream,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(stream.poll_write_ready(cx))?;
            let sent = once(stream, Interest::WRITABLE, bytes.len(), || {
                send(stream, bytes, SendFlags::NOSIGNAL)
            });
            if let Some(sent) = sent {
                return Poll::Ready(sent);
            }
        }
    }

    /// Sends once, without asking whether there is room.
    pub(in crate::server) fn try_send(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| send(stream, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT))?)
    }

    /// Makes a call on a socket that is said to be ready, and gives `None` if it was not.
    ///
    /// A call that moves fewer bytes than it could has shown that there is no more for now. The
    /// runtime is told so by the error that the next call would get, which saves that call; this
    /// is what it does itself. There is an event for whatever comes after. At the end of the
    /// stream nothing is told: no more events come.
    fn once(
        stream: &TcpStream,
        interest: Interest,
        at_most: usize,
        mut call: impl FnMut() -> rustix::io::Result<usize>,
    ) -> Option<io::Result<usize>> {
        let mut moved = None;
        let called = stream.try_io(interest, || {
            let len = retry_on_intr(&mut call)?;
            moved = Some(len);
            if (1..at_most).contains(&len) { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match (moved, called) {
            (Some(len), _) => Some(Ok(len)),
            (None, Err(error)) if error.kind() != ErrorKind::WouldBlock => Some(Err(error)),
            (None, _) => None,
        }
    }
}

/// A TCP socket as TLS reads and writes it.
#[cfg(feature = "tls")]
pub(super) mod raw {
    use std::io::{self, IoSlice};
    use std::task::{Context, Poll, ready};

    use tokio::net::TcpStream;

    #[cfg(target_os = "linux")]
    pub(in crate::server) use super::kernel::{poll_recv_into, poll_send, try_send};
    pub(in crate::server) use super::make_room;

    pub(in crate::server) fn poll_send_vectored(
        stream: &TcpStream,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(stream.poll_write_ready(cx))?;
            match stream.try_write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(in crate::server) fn poll_recv_into(
        stream: &TcpStream,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(stream.poll_read_ready(cx))?;
            match stream.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(in crate::server) fn poll_send(
        stream: &TcpStream,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll_send_vectored(stream, cx, &[IoSlice::new(bytes)])
    }

    #[cfg(not(target_os = "linux"))]
    pub(in crate::server) fn try_send(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        socket2::SockRef::from(stream).send(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{ErrorKind, Read, Write};
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::super::caps::Caps;
    use super::super::limits::Admission;
    use super::*;

    /// How long a test waits for what is to happen.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// More than the kernel takes at once, in bytes.
    const LARGE: usize = 16 << 20;

    /// A socket, and its peer, which blocks.
    async fn open() -> (Socket, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        let admission = Arc::new(Admission::default());
        let permit = Permit::ask(&admission, Some(address.ip()), Caps::default()).ok().unwrap();
        (Socket::new(stream, permit), peer)
    }

    async fn read(socket: &mut Socket, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        let read = poll_fn(|cx| socket.poll_read_vec(cx, buffer, limit));
        timeout(PATIENCE, read).await.expect("what arrived is noticed")
    }

    async fn write(socket: &mut Socket, bytes: &[u8]) -> io::Result<usize> {
        let write = poll_fn(|cx| Pin::new(&mut *socket).poll_write(cx, bytes));
        timeout(PATIENCE, write).await.expect("room is noticed")
    }

    /// Reads once if there is something.
    async fn read_now(socket: &mut Socket, buffer: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        poll_fn(|cx| Poll::Ready(socket.poll_read_vec(cx, buffer, usize::MAX))).await
    }

    /// Writes once if there is room.
    async fn write_now(socket: &mut Socket, bytes: &[u8]) -> Poll<io::Result<usize>> {
        poll_fn(|cx| Poll::Ready(Pin::new(&mut *socket).poll_write(cx, bytes))).await
    }

    #[tokio::test]
    async fn what_arrives_behind_a_short_read_is_noticed() {
        let (mut socket, mut peer) = open().await;
        let mut buffer = Vec::with_capacity(64);
        for round in 0..1000_u32 {
            peer.write_all(&round.to_be_bytes()).unwrap();
            buffer.clear();
            while buffer.len() < 4 {
                read(&mut socket, &mut buffer, usize::MAX).await.unwrap();
            }
            assert_eq!(buffer, round.to_be_bytes());
        }
    }

    /// There are bytes, but no event has told of them: nothing was asked that would get no answer
    /// most of the time.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_is_not_asked_again_behind_what_was_cut_short() {
        let (mut socket, mut peer) = open().await;
        let mut buffer = Vec::with_capacity(64);
        peer.write_all(b"one").unwrap();
        assert_eq!(read(&mut socket, &mut buffer, usize::MAX).await.unwrap(), 3);
        peer.write_all(b"two").unwrap();
        assert!(read_now(&mut socket, &mut buffer).await.is_pending());
        assert_eq!(read(&mut socket, &mut buffer, usize::MAX).await.unwrap(), 3);
        assert_eq!(buffer, b"onetwo");
        let bytes = vec![7; LARGE];
        let mut written = write(&mut socket, &bytes).await.unwrap();
        assert!(written < LARGE);
        peer.read_exact(&mut vec![0; written]).unwrap();
        assert!(write_now(&mut socket, &bytes).await.is_pending());
        written = write(&mut socket, &bytes).await.unwrap();
        peer.read_exact(&mut vec![0; written]).unwrap();
    }

    #[tokio::test]
    async fn a_read_keeps_to_the_room_and_to_the_limit() {
        let (mut socket, mut peer) = open().await;
        peer.write_all(b"0123456789abcdef").unwrap();
        let mut buffer = Vec::with_capacity(8);
        buffer.extend_from_slice(b"...");
        assert_eq!(read(&mut socket, &mut buffer, 5).await.unwrap(), 5);
        assert_eq!(buffer, b"...01234");
        // There is no room: that is not the end.
        let more = read(&mut socket, &mut buffer, 2).await.unwrap();
        assert_eq!((more, &buffer[..]), (2, &b"...0123456"[..]));
        let mut buffer = Vec::with_capacity(64);
        assert_eq!(read(&mut socket, &mut buffer, 3).await.unwrap(), 3);
        assert_eq!(read(&mut socket, &mut buffer, usize::MAX).await.unwrap(), 6);
        assert_eq!(buffer, b"789abcdef");
        assert!(read_now(&mut socket, &mut buffer).await.is_pending());
        // A read that fills all of the room may have been the last: that is not the end either.
        peer.write_all(b"full").unwrap();
        let mut buffer = Vec::with_capacity(4);
        assert_eq!(read(&mut socket, &mut buffer, usize::MAX).await.unwrap(), 4);
        buffer.reserve(1);
        assert!(read_now(&mut socket, &mut buffer).await.is_pending());
    }

    #[tokio::test]
    async fn the_end_is_read_behind_the_last_bytes_and_again() {
        for is_at_once in [true, false] {
            let (mut socket, mut peer) = open().await;
            let mut buffer = Vec::with_capacity(64);
            peer.write_all(b"last").unwrap();
            if is_at_once {
                peer.shutdown(std::net::Shutdown::Write).unwrap();
            }
            assert_eq!(read(&mut socket, &mut buffer, usize::MAX).await.unwrap(), 4);
            peer.shutdown(std::net::Shutdown::Write).unwrap();
            for _ in 0..2 {
                assert_eq!(read(&mut socket, &mut buffer, usize::MAX).await.unwrap(), 0);
            }
            // The other direction is open.
            assert_eq!(write(&mut socket, b"answer").await.unwrap(), 6);
            drop(socket);
            let mut answer = Vec::new();
            peer.read_to_end(&mut answer).unwrap();
            assert_eq!((&buffer[..], &answer[..]), (&b"last"[..], &b"answer"[..]));
        }
    }

    #[tokio::test]
    async fn a_reset_is_an_error_of_its_kind() {
        let (mut socket, peer) = open().await;
        SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        let mut buffer = Vec::with_capacity(64);
        let error = read(&mut socket, &mut buffer, usize::MAX).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        // The reset has been told; what follows is a write on a connection that is not there.
        let error = write(&mut socket, b"late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert!(buffer.is_empty());
    }

    #[tokio::test]
    async fn a_write_goes_on_when_there_is_room_again() {
        let (mut socket, mut peer) = open().await;
        let bytes: Vec<u8> = (0..LARGE).map(|at| (at / 7 % 251) as u8).collect();
        let mut written = write(&mut socket, &bytes).await.unwrap();
        // The peer reads nothing until no more is taken.
        let mut is_taken = true;
        while is_taken {
            match write_now(&mut socket, &bytes[written..]).await {
                Poll::Ready(len) => written += len.unwrap(),
                Poll::Pending => is_taken = false,
            }
        }
        assert!((1..LARGE).contains(&written), "{written}");
        let reading = thread::spawn(move || {
            let mut received = Vec::new();
            peer.read_to_end(&mut received).unwrap();
            received
        });
        while written < LARGE {
            written += write(&mut socket, &bytes[written..]).await.unwrap();
        }
        poll_fn(|cx| Pin::new(&mut socket).poll_shutdown(cx)).await.unwrap();
        assert!(reading.join().unwrap() == bytes);
    }

    /// The kernel does not say that there is room before a third of its buffer is free.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_write_that_is_tried_needs_no_event() {
        let (mut socket, mut peer) = open().await;
        // What the peer's kernel keeps does not hide what is read.
        SockRef::from(&peer).set_recv_buffer_size(16 << 10).unwrap();
        let bytes = vec![7; LARGE];
        while write_now(&mut socket, &bytes).await.is_ready() {}
        while socket.try_write(&bytes).is_ok() {}
        let full = socket.try_write(&bytes).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        let mut taken = 0;
        let mut read = vec![0; 16 << 10];
        for _ in 0..LARGE / read.len() {
            peer.read_exact(&mut read).unwrap();
            assert!(write_now(&mut socket, &bytes).await.is_pending());
            match socket.try_write(&bytes) {
                Ok(len) => {
                    taken = len;
                    break;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        assert!(taken > 0);
    }

    /// Whatever bound the kernel was given.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_little_more_is_taken_when_it_is_the_last() {
        type Bound = fn(&SockRef<'_>) -> io::Result<()>;
        let bounds: [Bound; 2] = [
            |socket| socket.set_send_buffer_size(32 << 10),
            |socket| socket.set_tcp_notsent_lowat(16 << 10),
        ];
        for bound in bounds {
            let (mut socket, _peer) = open().await;
            bound(&SockRef::from(&socket.stream)).unwrap();
            let bytes = vec![7; 1 << 10];
            while socket.try_write(&bytes).is_ok() {}
            socket.make_room();
            assert!(socket.try_write(&bytes).is_ok());
        }
    }

    /// A connection with much to read gives way to others, as with the runtime's own calls.
    #[tokio::test]
    async fn a_busy_socket_uses_up_the_budget_of_its_task() {
        let (mut socket, mut peer) = open().await;
        peer.write_all(&[7; 4000]).unwrap();
        let mut all = Vec::new();
        let mut turns = 0;
        while all.len() < 4000 {
            turns += 1;
            assert!(turns <= 4000, "a turn that read nothing");
            let reads = poll_fn(|cx| {
                let mut byte = Vec::with_capacity(1);
                while let Poll::Ready(read) = socket.poll_read_vec(cx, &mut byte, 1) {
                    assert_eq!(read.unwrap(), 1);
                    all.append(&mut byte);
                    byte.reserve_exact(1);
                    if all.len() == 4000 {
                        break;
                    }
                }
                Poll::Ready(())
            });
            reads.await;
            tokio::task::yield_now().await;
        }
        assert!(turns >= 4, "{turns} turns");
    }
}
