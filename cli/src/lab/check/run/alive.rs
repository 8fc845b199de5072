//! Is the server alive? After each row a lawful opening handshake, begun after the row's last byte, must succeed;
//! the handshake of another row serves. Rows after which none has succeeded yet are suspects.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::super::probe::{Alive, knock};
use super::super::server::Server;
use super::lock;

/// Who knows whether the server is alive.
pub(super) struct Watch<'a> {
    server: &'a Server,
    is_gone: AtomicBool,
    /// One thread at a time asks.
    asking: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    suspects: Vec<Suspect>,
    /// When the last lawful handshake that succeeded began.
    alive_at: Option<Instant>,
    gone: Option<Gone>,
    /// How often a short absence was looked into.
    brief: u32,
}

/// A row after which the server has not been shown to be alive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspect {
    /// Its place in the list of all rows.
    pub(super) row: usize,
    /// When its first bytes were sent.
    begun: Instant,
    /// When its last byte was sent.
    sent: Option<Instant>,
    /// When something came back, if only the end.
    settled: Option<Instant>,
    /// Whether the server has answered it, or ended it as it must.
    is_answered: bool,
}

/// How the server went.
#[derive(Clone, Debug)]
pub(super) struct Gone {
    pub(super) how: String,
    /// Nobody has heard of it since.
    pub(super) since: Instant,
    /// The first sign of it.
    sign: Instant,
    /// It was back before one had to wait for it.
    pub(super) is_brief: bool,
}

impl<'a> Watch<'a> {
    pub(super) fn new(server: &'a Server) -> Watch<'a> {
        Watch {
            server,
            is_gone: AtomicBool::new(false),
            asking: Mutex::new(()),
            state: Mutex::default(),
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    /// Bytes of this row are about to be sent.
    pub(super) fn begins(&self, row: usize) {
        let (begun, sent, settled, is_answered) = (Instant::now(), None, None, false);
        lock(&self.state).suspects.push(Suspect { row, begun, sent, settled, is_answered });
    }

    /// No connection came about for it.
    pub(super) fn never_began(&self, row: usize) {
        lock(&self.state).suspects.retain(|suspect| suspect.row != row);
    }

    /// The row's last byte is sent.
    pub(super) fn is_sent(&self, row: usize) {
        self.change(row, |suspect| suspect.sent = Some(Instant::now()));
    }

    /// Something came back for the row, if only the end.
    pub(super) fn is_settled(&self, row: usize) {
        self.change(row, |suspect| suspect.settled = suspect.settled.or(Some(Instant::now())));
    }

    /// The server answered the row.
    pub(super) fn is_answered(&self, row: usize) {
        self.change(row, |suspect| suspect.is_answered = true);
    }

    fn change(&self, row: usize, change: impl Fn(&mut Suspect)) {
        lock(&self.state).suspects.iter_mut().filter(|suspect| suspect.row == row).for_each(change);
    }

    /// A lawful handshake that began then has succeeded.
    pub(super) fn is_shown(&self, begun: Instant) {
        let mut state = lock(&self.state);
        // The suspects are those of the moment at which the server was gone.
        if state.gone.is_some() {
            return;
        }
        state.alive_at = state.alive_at.max(Some(begun));
        let grace = self.server.pace.grace();
        state.suspects.retain(|suspect| !suspect.is_survived(begun, grace));
    }

    /// Whether a row waits to be shown harmless.
    pub(super) fn has_suspects(&self) -> bool {
        !lock(&self.state).suspects.is_empty()
    }

    /// Asks once if there is any suspect; `false` when nobody answers.
    pub(super) fn confirm(&self) -> bool {
        if self.is_gone() {
            return false;
        }
        if !self.has_suspects() {
            return true;
        }
        match knock(self.server) {
            Alive::Shown(begun) => {
                self.is_shown(begun);
                !self.is_gone()
            }
            // Load, perhaps; it is there, and that is the question.
            Alive::Answers => {
                self.is_shown(Instant::now());
                true
            }
            Alive::No(_) => self.is_still_there(Instant::now(), true),
        }
    }

    /// Asks again and again for a while, since this sign that the server may be gone. `false` and the end of what is
    /// under way when nobody answers, or when somebody does again after `failed` attempts and there are suspects.
    pub(super) fn is_still_there(&self, sign: Instant, mut failed: bool) -> bool {
        let _one_at_a_time = lock(&self.asking);
        if self.is_gone() {
            return false;
        }
        let mut how = "no connection for a moment".to_owned();
        for pause in PAUSES {
            thread::sleep(pause);
            match knock(self.server) {
                Alive::No(why) => {
                    failed = true;
                    how = why;
                }
                alive => {
                    let is_brief = failed && self.may_have_gone();
                    if is_brief {
                        self.is_over(Gone { how, since: sign, sign, is_brief });
                        return false;
                    }
                    if let Alive::Shown(begun) = alive {
                        self.is_shown(begun);
                    }
                    return true;
                }
            }
        }
        self.is_over(Gone { how, since: sign, sign, is_brief: false });
        false
    }

    /// Whether there are suspects, and a short absence is still looked into.
    fn may_have_gone(&self) -> bool {
        let mut state = lock(&self.state);
        let is_worth_it = !state.suspects.is_empty() && state.brief < MOST_BRIEF;
        state.brief += u32::from(is_worth_it);
        is_worth_it
    }

    fn is_over(&self, gone: Gone) {
        let mut state = lock(&self.state);
        let since = state.alive_at.unwrap_or(gone.since).min(gone.since);
        state.gone = Some(Gone { since, ..gone });
        self.is_gone.store(true, Ordering::Relaxed);
    }

    /// Waits whether somebody starts the server again.
    pub(super) fn comes_back(&self) -> bool {
        let until = Instant::now() + RETURN;
        while Instant::now() < until {
            if !matches!(knock(self.server), Alive::No(_)) {
                self.is_gone.store(false, Ordering::Relaxed);
                return true;
            }
            thread::sleep(Duration::from_millis(100));
        }
        false
    }

    /// How it went, and the suspects, the likeliest first. They are none any more.
    pub(super) fn take(&self) -> Option<(Gone, Vec<Suspect>)> {
        let mut state = lock(&self.state);
        let gone = state.gone.take()?;
        let mut suspects = std::mem::take(&mut state.suspects);
        let is_deaf = gone.how.ends_with(DEAF);
        suspects.sort_by_key(|suspect| suspect.unlikeliness(&gone, is_deaf));
        Some((gone, suspects))
    }
}

impl Suspect {
    /// Whether a handshake that began then shows the server to have survived the row. Bytes that nothing came back for
    /// may have reached the server later than the handshake.
    fn is_survived(&self, begun: Instant, grace: Duration) -> bool {
        match (self.settled, self.sent) {
            (Some(settled), _) => begun >= settled,
            (None, Some(sent)) => begun >= sent + grace,
            (None, None) => false,
        }
    }

    /// A server that refuses connections has ended with the last bytes that it got before the first sign of it. A
    /// server that is only deaf has been so since the first row that it left without an answer.
    fn unlikeliness(&self, gone: &Gone, is_deaf: bool) -> (bool, bool, Duration) {
        let distance = if is_deaf {
            self.begun.saturating_duration_since(gone.since)
        } else {
            gone.sign.saturating_duration_since(self.begun)
        };
        (self.begun > gone.sign, self.is_answered, distance)
    }
}

/// How the sentence ends of a server that takes connections and says nothing.
const DEAF: &str = "no answer";

/// Before each question whether the server is gone for good.
const PAUSES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// Servers that are overrun now and then are not looked into for ever.
const MOST_BRIEF: u32 = 16;

/// How long somebody has to start the server again.
const RETURN: Duration = Duration::from_secs(5);
