//! The limit on open files: every connection is one, and so is much of what a worker needs.

use std::io;

/// Raises the soft limit to the hard one: the usual soft limit is made for select().
pub(super) fn raise_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        if limit.current == limit.maximum {
            return;
        }
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise the limit on open files");
        }
    }
}

/// Whether there are descriptors for this many workers, which listen on so many addresses, and for the runtimes beside
/// theirs. What listens elsewhere is open by now. tokio panics where it finds none for its signals.
///
/// # Errors
///
/// When there are too few; the message says how many more are needed.
pub(super) fn check(workers: usize, addresses: usize, others: usize) -> io::Result<()> {
    let listeners = workers.saturating_sub(1) * addresses;
    let needed = listeners + (workers + others) * OF_A_RUNTIME + OF_SIGNALS + ONE_CONNECTION;
    let mut taken = Vec::new();
    while taken.len() * 2 < needed {
        let pipe = io::pipe().map_err(|error| {
            let more = needed - taken.len() * 2;
            let why = format!("at least {more} more open files are needed to serve: {error}");
            io::Error::new(error.kind(), why)
        })?;
        taken.push(pipe);
    }
    Ok(())
}

/// What waits for events, twice, what wakes it, and what tells it of signals.
const OF_A_RUNTIME: usize = 4;

/// What tells the runtimes of signals.
const OF_SIGNALS: usize = 2;

const ONE_CONNECTION: usize = 1;
