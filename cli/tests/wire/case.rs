//! Cases: a catalogue id, a sentence, and something to play against a running server.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Instant;

use crate::claims;
use crate::client::Outcome;
use crate::server::Server;

/// How many cases of one group are played at once.
const AT_ONCE: usize = 8;

/// The flags a shared server runs with, besides its address.
pub(crate) type Profile = &'static [&'static str];

/// Everything as it comes.
pub(crate) const DEFAULT: Profile = &[];

/// One row: what is tested and how.
pub(crate) struct Case {
    pub(crate) id: &'static str,
    pub(crate) name: String,
    /// The rules of `tests/requirements` that it proves.
    claims: Vec<&'static str>,
    /// And those that it proves besides, as all of its kind do.
    held: &'static [&'static str],
    play: Box<dyn Fn(&Servers) -> Outcome + Send + Sync>,
}

impl Case {
    /// A case that does as it likes.
    pub(crate) fn new(
        id: &'static str,
        name: impl Into<String>,
        play: impl Fn(&Servers) -> Outcome + Send + Sync + 'static,
    ) -> Case {
        Case { id, name: name.into(), claims: vec![id], held: &[], play: Box::new(play) }
    }

    /// The same, proving these rules.
    pub(crate) fn claiming(self, rules: &[&'static str]) -> Case {
        Case { claims: rules.to_vec(), ..self }
    }

    /// The same, proving these rules besides.
    pub(crate) fn holding(self, held: &'static [&'static str]) -> Case {
        Case { held, ..self }
    }

    /// Whether its id or its name holds this text, or it proves this rule.
    fn is_asked_for(&self, filter: &str) -> bool {
        let proves = || self.claims.iter().chain(self.held).any(|rule| *rule == filter);
        self.id.contains(filter) || self.name.contains(filter) || proves()
    }

    /// A case on the shared server of a profile.
    pub(crate) fn on(
        profile: Profile,
        id: &'static str,
        name: impl Into<String>,
        play: impl Fn(&Server) -> Outcome + Send + Sync + 'static,
    ) -> Case {
        Case::new(id, name, move |servers| {
            let server = servers.of(profile)?;
            play(&server).map_err(|why| {
                let flags = server.flags();
                if flags.is_empty() { why } else { format!("    flags     {flags}\n{why}") }
            })
        })
    }
}

/// A shared server, or why it did not start.
type Slot = OnceLock<Result<Arc<Server>, String>>;

/// One server per profile, started when first asked for.
#[derive(Default)]
pub(crate) struct Servers {
    running: Mutex<HashMap<Profile, Arc<Slot>>>,
}

impl Servers {
    /// The server of this profile.
    pub(crate) fn of(&self, profile: Profile) -> Result<Arc<Server>, String> {
        let slot = Arc::clone(self.running.lock().unwrap().entry(profile).or_default());
        slot.get_or_init(|| Server::start(profile).map(Arc::new)).clone()
    }

    fn retire(&self) -> Vec<String> {
        let running = self.running.lock().unwrap();
        let servers = running.values().filter_map(|slot| slot.get()?.as_ref().ok());
        servers
            .filter_map(|server| {
                let why = server.retire().err()?;
                let flags = server.flags();
                Some(format!(
                    "[P3] the server ends well after all cases\n    flags     {flags}\n    {why}"
                ))
            })
            .collect()
    }
}

/// Plays all cases of a group and panics with every failure.
pub(crate) fn run(group: &str, cases: Vec<Case>) {
    run_at_once(group, cases, AT_ONCE);
}

/// The same with another number of cases side by side; 1 where a case measures the process.
pub(crate) fn run_at_once(group: &str, cases: Vec<Case>, at_once: usize) {
    let filter = std::env::var("WIRE_CASE").unwrap_or_default();
    let cases: Vec<Case> = cases.into_iter().filter(|case| case.is_asked_for(&filter)).collect();
    let begun = Instant::now();
    let servers = Servers::default();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let test = claims::test_name();
    thread::scope(|scope| {
        for _ in 0..at_once.min(cases.len()) {
            scope.spawn(|| {
                while let Some((at, case)) = take(&cases, &next) {
                    let outcome = play(case, &servers);
                    for rule in case.claims.iter().chain(case.held) {
                        claims::record(&test, rule, outcome.is_ok());
                    }
                    if let Err(why) = outcome {
                        failures.lock().unwrap().push((at, why));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let mut failures: Vec<String> = failures.into_iter().map(|(_, why)| why).collect();
    failures.extend(servers.retire());
    let (count, failed) = (cases.len(), failures.len());
    println!("{group}: {count} cases, {failed} failed, {:.1} s", begun.elapsed().as_secs_f32());
    assert!(
        failures.is_empty(),
        "{group}: {failed} of {count} failed\n\n{}\n",
        failures.join("\n\n")
    );
}

fn take<'a>(cases: &'a [Case], next: &AtomicUsize) -> Option<(usize, &'a Case)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    cases.get(at).map(|case| (at, case))
}

fn play(case: &Case, servers: &Servers) -> Outcome {
    let begun = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (case.play)(servers)))
        .unwrap_or_else(|_| Err("    the case itself panicked".to_owned()));
    if std::env::var_os("WIRE_SLOW").is_some() && begun.elapsed().as_millis() > 500 {
        println!("  {:>6} ms  [{}] {}", begun.elapsed().as_millis(), case.id, case.name);
    }
    outcome.map_err(|why| format!("[{}] {}\n{why}", case.id, case.name))
}
