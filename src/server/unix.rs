//! Unix sockets: the file of a listener, and the transport of a connection.
//!
//! A path is taken over only from a socket at which nobody listens. What is there otherwise stays there, and the
//! file is removed at the end only while it is ours.

use std::fs::{self, File, Metadata, Permissions, TryLockError};
use std::io::{self, ErrorKind, IoSlice};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::io::AsyncWrite;
use tokio::net::UnixStream;

use super::listener::BACKLOG;
use super::permit::Permit;
use super::proxy::Carries;
use crate::net::ReadVec;
use crate::proto::rejection::Rejection;

/// The permissions of the file unless others are asked for: its owner and its group may connect.
pub(super) const MODE: u32 = 0o660;

/// The file of a listening socket of ours. It is removed when nobody holds it any more, or earlier.
#[derive(Debug)]
pub(super) struct SocketFile {
    /// Absolute.
    path: PathBuf,
    id: FileId,
    is_removed: AtomicBool,
}

/// What tells a file from another one at the same path. A listening socket keeps its file's number from being
/// used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

impl SocketFile {
    /// Removes the file, unless it has been replaced. To be called while the socket listens.
    pub(super) fn remove(&self) {
        if !self.is_removed.swap(true, Ordering::AcqRel)
            && let Err(error) = remove(&self.path, self.id)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket");
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Listens at a path.
///
/// # Errors
/// `AddrInUse` where somebody listens there, `AlreadyExists` where something else is there. All errors name the
/// path.
pub(super) fn listen(path: &Path, mode: u32) -> io::Result<(Socket, SocketFile)> {
    let name =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let _alone = lock_folder(path);
    make_way(path).and_then(|()| bind(path, mode)).map_err(name)
}

/// Keeps other servers that start from looking at the path until this is dropped: a socket of ours that does not
/// listen yet is one at which nobody listens, and they would remove it. Where the folder cannot be locked, or
/// somebody else keeps it locked, all goes on without that.
fn lock_folder(path: &Path) -> Option<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new("."))).ok()?;
    for _ in 0..LOCK_TRIES {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// Removes what an earlier server left at the path.
fn make_way(path: &Path) -> io::Result<()> {
    let there = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        there => there?,
    };
    if !there.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file that is no socket"));
    }
    match connect(path) {
        // Nobody listens. It is removed only if it still is what was asked.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            remove(path, FileId::of(&there))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // Its queue may be full.
        Err(error) if error.kind() != ErrorKind::WouldBlock => {
            let why =
                format!("there is a socket, and whether somebody listens cannot be known: {error}");
            Err(io::Error::new(error.kind(), why))
        }
        _ => Err(io::Error::new(ErrorKind::AddrInUse, "another process listens on this socket")),
    }
}

fn connect(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

fn bind(path: &Path, mode: u32) -> io::Result<(Socket, SocketFile)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    // On Linux the file begins with the permissions of the socket. Elsewhere this fails, and the umask is what
    // holds for a moment, in which nobody can connect: the socket does not listen yet.
    let of_the_socket = File::from(socket.as_fd().try_clone_to_owned()?);
    let _ = of_the_socket.set_permissions(Permissions::from_mode(mode & OF_THE_OWNER));
    drop(of_the_socket);
    socket.bind(&SockAddr::unix(path)?)?;
    // From here on a failure removes it again.
    let file = SocketFile {
        path: std::path::absolute(path)?,
        id: FileId::of(&fs::symlink_metadata(path)?),
        is_removed: AtomicBool::new(false),
    };
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    Ok((socket, file))
}

/// Removes this file; another one at its path stays.
fn remove(path: &Path, id: FileId) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if FileId::of(&there) == id => fs::remove_file(path),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// One accepted connection. It keeps its place under the caps for as long as it is open.
pub(super) struct UnixSocket {
    stream: UnixStream,
    permit: Permit,
}

impl UnixSocket {
    pub(super) fn new(stream: UnixStream, permit: Permit) -> Self {
        Self { stream, permit }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut UnixStream> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl ReadVec for UnixSocket {
    fn poll_read_vec(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_read_vec(cx, buffer, limit)
    }

    /// The kernel says that there is room once much of the send buffer is free, but takes bytes as soon as there
    /// is any.
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SockRef::from(&self.stream).send(bytes)
    }

    fn count_client(&mut self, client: IpAddr) -> Result<(), Rejection> {
        self.permit.count_client(client)
    }

    fn make_room(&mut self) {
        let socket = SockRef::from(&self.stream);
        // Where the bound cannot be moved, nothing is lost but what would be written.
        if let Ok(size) = socket.send_buffer_size() {
            let _ = socket.set_send_buffer_size(size.saturating_add(LAST));
        }
    }
}

impl Carries for UnixSocket {
    type Stream = UnixStream;

    fn stream(&self) -> &UnixStream {
        &self.stream
    }
}

impl AsyncWrite for UnixSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.permit.note_written(bytes);
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
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.permit.note_written(slices.first().map_or(&[], |slice| slice));
        self.stream().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The permissions of the owner, among those of all.
const OF_THE_OWNER: u32 = 0o700;

/// So many bytes more may be taken for the last that is written.
const LAST: usize = 16 << 10;

/// How often it is tried to lock the folder, and how long after each of them nothing is done.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(5);
