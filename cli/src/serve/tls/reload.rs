//! The thread that loads certificates anew when it is asked to, and says once a day which of them end soon.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime};
use std::{io, thread};

use stickler::Handle;

use super::Certificates;
use super::ends::{End, look};
use crate::serve::notify;

/// Asks for the certificates to be loaded anew. Once it is dropped, nothing is loaded any more.
pub(in crate::serve) struct Reload(SyncSender<()>);

impl Reload {
    /// Asks. Where it was asked for already and has not begun, this is the same one.
    pub(in crate::serve) fn ask(&self) {
        let _ = self.0.try_send(());
    }
}

/// Starts the thread. `ends` are those of what is in force.
///
/// # Errors
/// There can be no thread.
pub(super) fn watch(
    certificates: Certificates,
    ends: Vec<End>,
    handle: Handle,
) -> io::Result<Reload> {
    let (reload, asked) = mpsc::sync_channel(1);
    let watch = Watch { certificates, ends, handle };
    thread::Builder::new().name("certificates".into()).spawn(move || watch.run(&asked))?;
    Ok(Reload(reload))
}

struct Watch {
    certificates: Certificates,
    ends: Vec<End>,
    handle: Handle,
}

impl Watch {
    fn run(mut self, asked: &Receiver<()>) {
        loop {
            let again = look(&self.ends, SystemTime::now()).again;
            match asked.recv_timeout(again) {
                Ok(()) if !settles(asked) => return,
                Ok(()) => self.load_anew(),
                Err(RecvTimeoutError::Timeout) => look(&self.ends, SystemTime::now()).report(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Puts in force what is in the files by now, if all of it is fit for use.
    fn load_anew(&mut self) {
        notify::reloading();
        match self.certificates.load() {
            Ok(loaded) => {
                self.handle.reload_tls(loaded.tls.clone());
                tracing::info!("loaded the certificates anew; new connections get them");
                loaded.report();
                self.ends = loaded.ends;
            }
            Err(error) => {
                tracing::error!(%error, "cannot load the certificates anew; the old ones stay in force");
            }
        }
        if !self.handle.is_draining() {
            notify::ready();
        }
    }
}

/// Waits a moment for whoever asks several times. False where nothing is to be loaded any more.
fn settles(asked: &Receiver<()>) -> bool {
    let end = Instant::now() + SETTLING;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match asked.recv_timeout(left) {
            Ok(()) if left.is_zero() => return true,
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// Signals that come within this time are one.
const SETTLING: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_several_times_asks_once() {
        let (reload, asked) = mpsc::sync_channel(1);
        let reload = Reload(reload);
        for _ in 0..5 {
            reload.ask();
        }
        assert!(settles(&asked));
        assert_eq!(asked.try_recv(), Err(mpsc::TryRecvError::Empty));
        reload.ask();
        assert_eq!(asked.try_recv(), Ok(()));
    }

    #[test]
    fn after_the_end_was_asked_for_nothing_is_loaded() {
        let (reload, asked) = mpsc::sync_channel(1);
        let reload = Reload(reload);
        reload.ask();
        drop(reload);
        assert_eq!(asked.try_recv(), Ok(()));
        assert!(!settles(&asked));
    }
}
