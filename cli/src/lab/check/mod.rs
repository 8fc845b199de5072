//! `stickler check`: plays the cases as a client against any WebSocket server and grades it.
//!
//! `cases/` says what is sent and what must come back, `play.rs`, `opening.rs` and `connection.rs` do it,
//! `judge.rs` grades it, `run/` does so with all of them, `report/` tells it. Only RFC 6455 and what it leans on are judged; where they
//! leave a choice, another choice than ours is acceptable.
//!
//! The exit status is the answer: 0 no violation, 1 at least one, 2 bad usage, 3 the server is not
//! reachable or no WebSocket server at the beginning, 4 no violation, but something that was not played.

mod agreement;
mod case;
mod cases;
mod connection;
mod frame;
mod grammar;
mod head;
mod http;
mod inflate;
mod judge;
mod opening;
mod play;
mod probe;
mod report;
mod run;
mod server;
mod tape;
mod verdict;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use self::case::{Case, Grade, Group};
use self::report::Report;
use self::run::{Limits, Progress, Standing};
use crate::connect::Url;
use crate::units::parse_timeout;

/// What `stickler check` takes on its command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The server, such as ws://127.0.0.1:9001/ or wss://chat.example.com/
    #[arg(value_name = "URL")]
    url: Target,

    /// With wss://: take whatever certificate the server has; nothing is verified
    #[arg(long)]
    insecure: bool,

    /// With wss://: trust the certificates of this PEM file, and no others [default: the system's]
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,

    /// Play only this: a group (handshake, framing, closing, utf8, limits, deflate), a case, or a
    /// requirement such as 6455-5.1-01 [repeatable]
    #[arg(long, value_name = "GROUP|ID")]
    only: Vec<String>,

    /// Rows under way at a time, from 1 to 64 [default: 8, or 12 where a round trip takes over 20 ms]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: Option<u8>,

    /// Time after which no row is begun; the run is then incomplete [default: none]
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    time_limit: Option<Duration>,

    /// Say nothing about the progress
    #[arg(long)]
    quiet: bool,

    /// Write the results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write the results as JUnit's XML, in which a violation is a failure
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Write the results as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// A `ws` or `wss` URL, and why it is none.
#[derive(Clone, Debug)]
struct Target(Url);

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Target)
    }
}

/// Plays, prints, writes, and answers.
///
/// # Errors
/// When the usage is bad: `--only` names nothing, or a file cannot be written.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let Target(url) = &options.url;
    let cases = selected(&options.only, url)?;
    let tls = url.tls(None, options.insecure, options.ca.as_deref())?;
    let files = Files::create(options)?;
    let server = match probe::probe(url, tls.as_ref()) {
        Ok(server) => server,
        Err(why) => return Ok(gone(&format!("{}: {why}", url.text()))),
    };
    let limits = Limits { jobs: options.jobs.map(usize::from), time: options.time_limit };
    let progress = Progress::new(options.quiet);
    let (outcomes, deaths) = run::all(&server, &cases, limits, &progress);
    let report = Report::new(url.text(), &server, &cases, &outcomes, &deaths);
    // A reader that went away changes nothing about the result.
    let _ = io::stdout().lock().write_all(report::table::render(&report).as_bytes());
    files.write(&report)?;
    let has_violation = report.count(Standing::Judged(Grade::Violation)) > 0;
    Ok(match (has_violation, report.incomplete()) {
        (true, _) => ExitCode::from(1),
        (false, Some(_)) => ExitCode::from(4),
        (false, None) => ExitCode::SUCCESS,
    })
}

fn gone(why: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "stickler: {why}");
    ExitCode::from(3)
}

/// The cases that `--only` names, all of them without it.
fn selected(only: &[String], url: &Url) -> Result<Vec<Case>, String> {
    let names = |case: &Case, name: &str| {
        case.group.name() == name || case.id == name || case.requirements.contains(&name)
    };
    let mut cases = cases::all();
    if url.is_secure() {
        cases.extend(cases::over_tls());
        cases.sort_by_key(|case| case.group);
    }
    if let Some(unknown) = only.iter().find(|name| !cases.iter().any(|case| names(case, name))) {
        let groups = Group::ALL.map(Group::name).join(", ");
        return Err(format!(
            "--only {unknown}: no group ({groups}), case or requirement has that name"
        ));
    }
    if !only.is_empty() {
        cases.retain(|case| only.iter().any(|name| names(case, name)));
    }
    Ok(cases)
}

/// One form of a report.
type Render = fn(&Report<'_>) -> String;

/// The files to write, open before anything is played.
struct Files {
    files: Vec<(PathBuf, File, Render)>,
}

impl Files {
    fn create(options: &Options) -> Result<Files, String> {
        let wanted: [(&Option<PathBuf>, Render); 3] = [
            (&options.json, report::json::render),
            (&options.junit, report::junit::render),
            (&options.html, report::html::render),
        ];
        let mut files = Vec::new();
        for (path, render) in wanted {
            if let Some(path) = path {
                let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
                files.push((path.clone(), file, render));
            }
        }
        Ok(Files { files })
    }

    /// Writes all that can be written, and tells of the first that cannot.
    fn write(self, report: &Report<'_>) -> Result<(), String> {
        let mut all = Ok(());
        for (path, mut file, render) in self.files {
            let written = file.write_all(render(report).as_bytes());
            all = all.and(written.map_err(|error| cannot_write(&path, &error)));
        }
        all
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("{} cannot be written: {error}", path.display())
}
