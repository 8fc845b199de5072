//! `stickler verdict`: judges a report of the Autobahn testsuite against the result that we expect.
//!
//! Autobahn ends with status 0 whatever its cases came to, so the judgement is made here, from
//! `index.json` and the report of each case beside it. Nothing here knows the protocol: what a
//! case ought to come to stands in the expected file, each exception with its reason.
//!
//! The exit status is the answer: 0 as expected, 1 a regression, 2 bad usage, 3 the run itself is
//! broken and proves nothing, 4 better than expected, so that the expected file wants an update.

mod case_id;
mod comparison;
mod expected;
mod html;
mod page;
mod report;
mod wire_log;

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::case_id::Selection;
use self::comparison::Comparison;
use self::expected::Expected;
use self::report::Report;

/// What `stickler verdict` takes on its command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Folder that Autobahn wrote, the one that holds index.json
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// What every case ought to come to, with the reason for each that is not OK
    #[arg(long, value_name = "FILE", default_value = "autobahn/expected.json")]
    expected: PathBuf,

    /// Judge a sample: these cases, all of them and no others (such as 1.*,7.13.1)
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
    only: Vec<String>,

    /// Judge a sample: all cases but these
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
    except: Vec<String>,

    /// A server that the report is of, by the name that the run gave it; with this the report is of these, all of
    /// them and no others [repeatable] [default: of one, whatever its name]
    #[arg(long = "server", value_name = "NAME")]
    servers: Vec<String>,

    /// Also write DIR/verdict.html, and DIR/made.js, which has reports/index.html show the verdict
    #[arg(long)]
    pages: bool,
}

/// What the whole comes to, in the order of the exit statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    AsExpected = 0,
    Regression = 1,
    BadUsage = 2,
    BrokenRun = 3,
    Better = 4,
}

/// Why no comparison could be made at all.
#[derive(Debug)]
enum Failure {
    /// The caller's fault: the expected file is missing or is not one.
    BadUsage(String),
    /// The run left nothing that can be judged.
    BrokenRun(String),
}

/// Prints the verdict on standard output and returns its exit status.
pub(crate) fn run(options: &Options) -> ExitCode {
    let judged = judge(options);
    let (text, mut outcome) = match &judged {
        Ok(all) => {
            let pages: Vec<String> = all.iter().map(page::render).collect();
            (pages.join("\n"), all.iter().fold(Outcome::AsExpected, |so_far, one| so_far.and(one)))
        }
        Err(failure) => (format!("{failure}\n"), failure.outcome()),
    };
    // A reader that went away changes nothing about the verdict.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    if options.pages
        && outcome != Outcome::BadUsage
        && let Err(error) = write_pages(&options.dir, judged.as_deref())
    {
        let _ = writeln!(io::stderr(), "verdict: cannot write the pages: {error}");
        // Whatever stands there is of another run; a regression is worse still.
        if outcome != Outcome::Regression {
            outcome = Outcome::BadUsage;
        }
    }
    ExitCode::from(outcome as u8)
}

fn write_pages(dir: &Path, judged: Result<&[Comparison], &Failure>) -> io::Result<()> {
    let (page, summary) = match judged {
        Ok(all) => (html::render(all), html::summarize(all)),
        Err(failure) => html::render_failure(&failure.to_string()),
    };
    fs::write(dir.join("verdict.html"), page)?;
    fs::write(dir.join("made.js"), summary)
}

/// One comparison for each server, at least one.
fn judge(options: &Options) -> Result<Vec<Comparison>, Failure> {
    let expected = Expected::read(&options.expected).map_err(Failure::BadUsage)?;
    let selection = Selection::new(expected.cases.keys(), &options.only, &options.except)
        .map_err(Failure::BrokenRun)?;
    let reports = Report::read(&options.dir, &options.servers).map_err(Failure::BrokenRun)?;
    let compare = |report| Comparison::new(expected.clone(), &selection, report);
    Ok(reports.into_iter().map(compare).collect())
}

impl Outcome {
    /// What two servers come to together: the first of a broken run, a regression and what is better.
    fn and(self, other: &Comparison) -> Outcome {
        use Outcome::{AsExpected, BadUsage, Better, BrokenRun, Regression};
        let all = [self, other.outcome()];
        let first =
            [BrokenRun, BadUsage, Regression, Better].into_iter().find(|it| all.contains(it));
        first.unwrap_or(AsExpected)
    }
}

impl Failure {
    fn outcome(&self) -> Outcome {
        match self {
            Failure::BadUsage(_) => Outcome::BadUsage,
            Failure::BrokenRun(_) => Outcome::BrokenRun,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::BadUsage(why) => write!(f, "verdict: cannot judge: {why}"),
            Failure::BrokenRun(why) => write!(f, "verdict: broken run: {why}"),
        }
    }
}
