//! SIGHUP, where the tests may run under `nohup`.

use std::io;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// From here on SIGHUP ends the programs that this process starts. Under `nohup` it is ignored, and a program inherits
/// that; but a handler is taken off at `exec`, and the one of tokio stays here for as long as the process lives.
///
/// # Errors
/// There can be no handler.
pub fn ends_programs() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let _entered = runtime.enter();
    signal(SignalKind::hangup()).map(drop)
}
