//! How much the kernel holds of what was sent on a connection.
//!
//! The kernel keeps a byte until the peer has acknowledged it. What it has not sent yet is as good as
//! queued, but nobody can take it back: a newer message waits behind it.

use std::io;

use socket2::SockRef;
use tokio::net::TcpStream;

/// The bounds on what the kernel holds of one connection, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Buffers {
    /// `SO_SNDBUF`: sent and not acknowledged, and not sent. The kernel decides unless set.
    pub(super) send: Option<usize>,
    /// `TCP_NOTSENT_LOWAT`: not sent. [`UNSENT_LOW_WATER`] unless set.
    pub(super) unsent_low_water: Option<usize>,
}

impl Buffers {
    /// Whether the settings can be.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub(super) fn check(self) -> Result<(), String> {
        if self.send == Some(0) {
            return Err("send_buffer is 0: nothing could be sent".into());
        }
        match (self.unsent_low_water, self.send) {
            (Some(0), _) => Err("unsent_low_water is 0: nothing could be sent".into()),
            (Some(low_water), Some(send)) if low_water > send && low_water != usize::MAX => {
                Err(format!(
                    "unsent_low_water ({low_water}) is above send_buffer ({send}): it would never be reached"
                ))
            }
            _ => Ok(()),
        }
    }

    /// Has the connections that are accepted from here on inherit the bounds.
    pub(super) fn set_on_listener(self, listener: &tokio::net::TcpListener) -> io::Result<()> {
        self.set(&SockRef::from(listener))
    }

    /// Sets the bounds of a connection that was made before its listener had them.
    pub(super) fn set_on_connection(self, stream: &TcpStream) {
        // It fails when the peer is gone already, which the first read tells.
        let _ = self.set(&SockRef::from(stream));
    }

    /// Sets the bound of a connection of a Unix socket. What is sent there is at the peer at once, so there is
    /// nothing unsent.
    #[cfg(unix)]
    pub(super) fn set_on_unix(self, stream: &tokio::net::UnixStream) {
        let _ = self.set_send(&SockRef::from(stream));
    }

    fn set_send(self, socket: &SockRef<'_>) -> io::Result<()> {
        // The kernel takes a C `int`.
        self.send.map_or(Ok(()), |send| socket.set_send_buffer_size(send.min(i32::MAX as usize)))
    }

    fn set(self, socket: &SockRef<'_>) -> io::Result<()> {
        self.set_send(socket)?;
        // What is beyond 32 bits is as good as no bound, which the largest number stands for.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        socket.set_tcp_notsent_lowat(
            u32::try_from(self.unsent_low_water.unwrap_or(UNSENT_LOW_WATER)).unwrap_or(u32::MAX),
        )?;
        Ok(())
    }
}

/// How much the kernel holds unsent, in bytes; `docs/benchmarks.md` has what it was chosen by.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_LOW_WATER: usize = 64 << 10;
