//! SIGHUP: what can change without a new start is read anew and checked as a whole, and then put in force part by part:
//! one fault, and nothing changes. What a handshake is judged by is one part; certificates, caps and the log are others.
//!
//! One thread does that, and says once a day which of the certificates end soon. Where there is a configuration
//! file the whole command line is read again: flags and variables say what they said, and the file what it says by
//! now. Without one, there are the files of TLS only, and with either the token of the admin listener.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime};
use std::{io, thread};

use stickler::{Caps, Config, Handle, Inspect};

use super::Plan;
use super::config::read_caps;
use super::drain::Drain;
use super::faults::faults_beside;
use super::logging::{self, Log};
use super::notify;
use super::tls::{Certificates, End, Loaded, look};
use crate::admin::{Token, TokenFile};
use crate::apps::{Routes, Table};
use crate::cli::{Serve, sentence_of};
use crate::permissions::check_file;

/// Asks for what has changed to be put in force.
pub(super) struct Reload {
    ask: SyncSender<()>,
    handle: Handle,
    drain: Drain,
}

impl Reload {
    /// Asks. Where it was asked for already and has not begun, this is the same one; during a shutdown there is none.
    pub(super) fn ask(&self) {
        if self.drain.takes_reload(&self.handle) {
            let _ = self.ask.try_send(());
        }
    }
}

/// What a server that runs can have replaced.
pub(super) struct InForce {
    pub(super) options: Serve,
    pub(super) is_tls_handed: bool,
    pub(super) certificates: Option<Certificates>,
    pub(super) admin_token: Option<TokenFile>,
    /// When those end that came from files.
    pub(super) ends: Vec<End>,
    pub(super) routes: Routes,
    pub(super) log: Log,
    /// Who sees the frames, whatever the configuration.
    pub(super) inspect: Option<Arc<dyn Inspect>>,
    pub(super) handle: Handle,
    pub(super) drain: Drain,
}

impl InForce {
    /// Starts the thread, where anything is in a file. It reads nothing before `started` has something: what is asked
    /// for before that is done then.
    ///
    /// # Errors
    /// There can be no thread.
    pub(super) fn watch(self, started: Receiver<()>) -> io::Result<Option<Reload>> {
        let has_files = self.certificates.as_ref().is_some_and(Certificates::has_files);
        if !has_files && self.options.file.config.is_none() {
            return Ok(None);
        }
        let (ask, asked) = mpsc::sync_channel(1);
        let reload = Reload { ask, handle: self.handle.clone(), drain: self.drain.clone() };
        thread::Builder::new().name("reload".into()).spawn(move || self.run(&started, &asked))?;
        Ok(Some(reload))
    }

    fn run(mut self, started: &Receiver<()>, asked: &Receiver<()>) {
        // Otherwise the service manager would hear READY=1 from a reload before the server is ready.
        if started.recv().is_err() {
            return;
        }
        loop {
            let again = look(&self.ends, SystemTime::now()).again;
            match asked.recv_timeout(again) {
                Ok(()) => {
                    settle(asked);
                    self.reload();
                }
                Err(RecvTimeoutError::Timeout) => look(&self.ends, SystemTime::now()).report(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn reload(&mut self) {
        let handle = self.handle.clone();
        let Some(reloading) = self.drain.begin_reload(&handle) else { return };
        self.drain.tell_before(&handle, notify::reloading);
        if self.options.file.config.is_some() {
            let read = self.read();
            reloading.conclude(&handle, || self.take_all(read));
        } else {
            let read = self.read_certificates();
            reloading.conclude(&handle, || self.take_certificates(read));
        }
        self.drain.tell_before(&handle, notify::ready);
    }

    fn read_certificates(&self) -> Result<(Option<Loaded>, Option<Token>), String> {
        let loaded = self.certificates.as_ref().map(Certificates::load_again).transpose()?;
        Ok((loaded, self.read_token()?))
    }

    fn take_certificates(&mut self, read: Result<(Option<Loaded>, Option<Token>), String>) {
        match read {
            Ok((loaded, token)) => {
                loaded.into_iter().for_each(|loaded| self.use_certificates(loaded));
                self.use_token(token);
                tracing::info!("loaded the certificates anew; new connections get them");
            }
            Err(error) => {
                tracing::error!(%error, "cannot load the certificates anew; the old ones stay in force");
            }
        }
    }

    fn use_certificates(&mut self, loaded: Loaded) {
        self.handle.reload_tls(loaded.tls.clone());
        loaded.report();
        self.ends = loaded.ends;
    }

    fn use_log_filter(&self) {
        let set = match self.options.log.as_deref() {
            Some(filter) => self.log.set_filter(filter),
            None => self.log.reset_filter(),
        };
        if let Err(error) = set {
            tracing::error!(
                error,
                "cannot log by the filter of the configuration; the old one stays"
            );
        }
    }

    fn read_token(&self) -> Result<Option<Token>, String> {
        self.admin_token.as_ref().map(TokenFile::read).transpose()
    }

    fn use_token(&self, token: Option<Token>) {
        if let Some((file, token)) = self.admin_token.as_ref().zip(token) {
            file.put_in_force(token);
        }
    }

    fn take_all(&mut self, read: Result<Next, String>) {
        match read {
            Ok(next) => self.put_in_force(next),
            Err(error) => {
                let error = error.replace('\n', "; ");
                tracing::error!(
                    error,
                    "cannot load the configuration anew; the old one stays in force"
                );
            }
        }
    }

    /// Reads and checks all that is to be in force, and changes nothing.
    fn read(&self) -> Result<Next, String> {
        if let Some(file) = &self.options.file.config {
            // At the start it may be a pipe; a second time there is nothing in it, which would be all defaults.
            let cannot = |error| format!("cannot read {}: {error}", file.display());
            check_file(file).map_err(cannot)?;
        }
        let mut options = self.options.read_again().map_err(|error| sentence_of(&error))?;
        // Also of what takes a new start: otherwise that start would be the first to tell of it.
        let faults = faults_beside(&options, self.is_tls_handed);
        if !faults.is_empty() {
            return Err(faults.join("\n"));
        }
        let changed = self.options.sources.differing(&options.sources);
        let (mut changed, fixed): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|id| Serve::is_reloaded(id));
        let (before, now) = (&self.options.routes, &options.routes);
        let mut are_same =
            before.len() == now.len() && before.iter().zip(now).all(|(old, new)| old.is_as(new));
        options.keep_fixed(&self.options);
        let plan = Plan::read(&options, self.is_tls_handed);
        // The options are fine by themselves, so it is the old values of others that they do not go with.
        let plan = plan.map_err(|error| beside_old(&sentence_of(&error), &fixed))?;
        let Plan { certificates, mut config, routes, .. } = plan;
        config.inspect.clone_from(&self.inspect);
        config.check().map_err(|error| error.to_string())?;
        logging::check(options.log_filter())?;
        let certificates = certificates.zip(self.certificates.as_ref());
        let certificates = certificates.map(|(new, before)| new.or_made_before(before));
        let loaded = certificates.as_ref().map(Certificates::load_again).transpose()?;
        let token = self.read_token()?;
        let routes = Arc::new(self.routes.take(routes.load()?)?);
        // Where no line is another one, the files that the lines name may be.
        are_same = are_same && routes.has_secrets_of(&self.routes.read());
        if !are_same {
            changed.push("route".into());
        }
        let caps = read_caps(&options);
        Ok(Next {
            certificates: certificates.zip(loaded),
            token,
            config,
            caps,
            routes,
            changed,
            fixed,
            options,
        })
    }

    fn put_in_force(&mut self, next: Next) {
        // All of it was checked. What could say no all the same comes first, before anything is another one.
        let set = next.config.check().map_err(|error| error.to_string()).and_then(|()| {
            self.handle.reload_caps(next.caps).map_err(|error| error.to_string())?;
            let config = next.config.app_data(next.routes.clone());
            self.handle.reload_config(config).map_err(|error| error.to_string())
        });
        if let Err(error) = set {
            tracing::error!(error, "cannot put the configuration in force; the old one stays");
            return;
        }
        if let Some((certificates, loaded)) = next.certificates {
            self.certificates = Some(certificates);
            self.use_certificates(loaded);
        }
        self.use_token(next.token);
        self.routes.replace(next.routes);
        self.options = next.options;
        // Otherwise a filter that was set by other means stays.
        if next.changed.iter().any(|id| id == "log") {
            self.use_log_filter();
        }
        let changed = names(&next.changed);
        tracing::info!(changed, "loaded the configuration anew; new connections get it");
        if !next.fixed.is_empty() {
            let options = names(&next.fixed);
            tracing::warn!(options, "these have changed too, and take a new start of the server");
        }
    }
}

/// What is to be in force, all of it fit for use.
struct Next {
    options: Serve,
    certificates: Option<(Certificates, Loaded)>,
    token: Option<Token>,
    config: Config,
    caps: Caps,
    routes: Arc<Table>,
    /// The options whose values are others now, by their names in clap: those that can be, the routes as one of them,
    /// and those that cannot.
    changed: Vec<String>,
    fixed: Vec<String>,
}

/// The names of options as people write them.
fn names(ids: &[String]) -> String {
    ids.iter().map(|id| id.replace('_', "-")).collect::<Vec<_>>().join(" ")
}

/// Says of a fault that the old values of these options have a part in it. Without any, a file has changed meanwhile.
fn beside_old(sentence: &str, fixed: &[String]) -> String {
    if fixed.is_empty() {
        return sentence.to_owned();
    }
    let names = names(fixed);
    format!(
        "{sentence}; this server keeps the old values of {names}, and a new start takes the new ones"
    )
}

/// Waits a moment for whoever asks several times.
fn settle(asked: &Receiver<()>) {
    let end = Instant::now() + SETTLING;
    while asked.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok() {}
}

/// Signals that come within this time are one.
const SETTLING: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use stickler::{Limits, Server};

    use super::*;
    use crate::cli::{self, Action};

    fn in_force(more: &[&str]) -> InForce {
        let line = ["stickler", "serve", "--log", "debug"].iter().chain(more).map(Into::into);
        let Ok(Action::Serve(options)) = cli::parse(line) else { panic!("it is `serve`") };
        InForce {
            drain: Drain::read(&options).unwrap(),
            is_tls_handed: false,
            certificates: Plan::read(&options, false).unwrap().certificates,
            admin_token: None,
            ends: Vec::new(),
            routes: Routes::default(),
            log: Log::unseen(),
            inspect: None,
            handle: Server::bind("127.0.0.1:0").unwrap().handle(),
            options: *options,
        }
    }

    #[test]
    fn what_cannot_be_put_in_force_leaves_the_filter_of_the_log() {
        let mut bad = Limits::default();
        bad.max_queued = 0;
        for (limits, most) in [(bad, 1), (Limits::default(), 0), (Limits::default(), 1)] {
            let mut in_force = in_force(&[]);
            in_force.put_in_force(Next {
                options: in_force.options.clone(),
                certificates: None,
                token: None,
                config: Config::default().limits(limits.clone()),
                caps: Caps::default().max_connections(most),
                routes: Arc::default(),
                changed: vec!["log".into()],
                fixed: Vec::new(),
            });
            let is_fit = limits.max_queued > 0 && most > 0;
            assert_eq!(in_force.log.filter(), if is_fit { "debug" } else { "info" });
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_named_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
        use stickler_testing::folder::Folder;
        let folder = Folder::new("reload-pipe");
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let (config, key, cert, pipe) = (path("a.toml"), path("key"), path("cert"), path("pipe"));
        let tls = ["--listen-tls", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key];
        let with_ca = [&tls[..], &["--tls-client-ca", &cert]].concat();
        let made_pipe = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made_pipe.success());
        for (flags, replaced) in
            [(&["--config", &config][..], &config), (&tls, &key), (&tls, &cert), (&with_ca, &cert)]
        {
            std::fs::write(&config, "").unwrap();
            std::fs::write(&cert, made.cert.pem()).unwrap();
            std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            let in_force = in_force(flags);
            std::fs::remove_file(replaced).unwrap();
            std::fs::hard_link(&pipe, replaced).unwrap();
            let is_all = in_force.options.file.config.is_some();
            let (done, is_done) = mpsc::channel();
            thread::spawn(move || {
                let error =
                    if is_all { in_force.read().err() } else { in_force.read_certificates().err() };
                done.send(error)
            });
            let error = is_done.recv_timeout(Duration::from_secs(20)).expect("it waits").unwrap();
            assert!(error.contains(replaced) && error.contains("no regular file"), "{error}");
            std::fs::remove_file(replaced).unwrap();
        }
    }

    #[test]
    fn old_values_are_named_where_there_are_any() {
        assert_eq!(beside_old("cannot read a.pem", &[]), "cannot read a.pem");
        let named = beside_old("it is over a limit", &["max_memory".into(), "workers".into()]);
        assert!(named.contains("the old values of max-memory workers,"), "{named}");
    }

    #[test]
    fn whoever_asks_several_times_asks_once() {
        let (ask, asked) = mpsc::sync_channel(1);
        for _ in 0..5 {
            let _ = ask.try_send(());
        }
        settle(&asked);
        assert_eq!(asked.try_recv(), Err(mpsc::TryRecvError::Empty));
        ask.try_send(()).unwrap();
        settle(&asked);
        assert_eq!(asked.try_recv(), Err(mpsc::TryRecvError::Empty));
    }
}
