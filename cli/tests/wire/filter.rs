//! `--log` and its variables: what is written there has an effect, or is refused.

use crate::case::{Case, run_at_once};
use crate::cli::{expect_status, output, serve};
use crate::client::Outcome;
use crate::server::Server;

/// How a filter is given.
#[derive(Clone, Copy, Debug)]
enum By {
    Flag,
    Variable,
    RustLog,
}

const ALL: [By; 3] = [By::Flag, By::Variable, By::RustLog];

fn command(by: By, filter: &str) -> std::process::Command {
    let mut command = serve(&["--listen", "127.0.0.1:0"]);
    match by {
        By::Flag => command.args(["--log", filter]),
        By::Variable => command.env("STICKLER_LOG", filter),
        By::RustLog => command.env("RUST_LOG", filter),
    };
    command
}

/// The log of a server with this filter that refused one request and ended.
fn log_with(by: By, filter: &str) -> Result<String, String> {
    let server = Server::spawn(command(by, filter), 1, "")?;
    expect_status(server.address(), "/nope", 404)?;
    server.retire()?;
    Ok(server.log())
}

/// Must end with 2 and say all of this on standard error.
fn refuses(by: By, filter: &str, said: &[&str]) -> Outcome {
    let ended = output(&mut command(by, filter))?;
    let err = String::from_utf8_lossy(&ended.stderr).into_owned();
    let says_all = said.iter().all(|said| err.contains(said));
    if ended.status.code() == Some(2) && ended.stdout.is_empty() && says_all {
        return Ok(());
    }
    let code = ended.status.code();
    Err(format!(
        "    filter    {by:?} {filter}\n    expected  exit 2 and {said:?}\n    observed  {code:?}, {err:?}"
    ))
}

#[test]
fn cli_log_filters() {
    let mut cases = Vec::new();
    for (filter, says_refusals) in [
        ("info", true),
        ("Debug", true),
        ("stickler=info", true),
        ("stickler::net=INFO", true),
        ("warning", false),
        ("WARN", false),
        ("err", false),
        ("none", false),
        ("stickler=warning", false),
        ("stickler::server=trace", false),
        ("info,stickler::net=none", false),
    ] {
        cases.push(Case::new("cli", format!("the filter {filter} does what it says"), move |_| {
            for by in ALL {
                let log = log_with(by, filter)?;
                if log.contains("refused the opening handshake") != says_refusals {
                    return Err(format!("    filter    {by:?}\n    observed  {log:?}"));
                }
            }
            Ok(())
        }));
    }
    for (filter, meant) in [
        ("trce", "did you mean trace?"),
        ("all", "did you mean trace?"),
        ("verbose", "did you mean debug?"),
        ("notice", "did you mean info?"),
        ("sticker=debug", "did you mean stickler"),
        ("stickler::nett=debug", "did you mean stickler::net?"),
        ("stickler=verbose", "did you mean debug?"),
        ("warn,stickler=trce", "did you mean trace?"),
        ("stickler[span]=debug", "no spans"),
    ] {
        cases.push(Case::new("cli", format!("the filter {filter} is refused"), move |_| {
            refuses(By::Flag, filter, &["--log", filter, meant])?;
            refuses(By::Variable, filter, &[filter, meant])?;
            refuses(By::RustLog, filter, &["RUST_LOG", filter, meant])
        }));
    }
    cases.push(Case::new("cli", "another program's directive is refused in --log", |_| {
        refuses(By::Flag, "info,hyper=debug", &["--log", "hyper"])?;
        refuses(By::Variable, "info,hyper=debug", &["hyper"])
    }));
    cases.push(Case::new("cli", "in RUST_LOG it is left out, and the log says so", |_| {
        for filter in ["hyper=debug", "hyper=debug,info", "info,my_app::db=trace"] {
            let log = log_with(By::RustLog, filter)?;
            let foreign = filter.split(',').find(|one| one.contains('=')).unwrap_or_default();
            let warned =
                log.lines().any(|line| line.contains("RUST_LOG") && line.contains(foreign));
            if !warned || !log.contains("refused the opening handshake") {
                return Err(format!("    filter    {filter}\n    observed  {log:?}"));
            }
        }
        Ok(())
    }));
    run_at_once("cli_log_filters", cases, 3);
}
