//! Measures all echo servers beside each other, and writes `reports/benchmarks/`.
//!
//! Each server is pinned to one core and the load to another. Rounds are interleaved: a server is started anew for
//! each, and all servers have had a round before one has its next. Ratios are taken within a round.

mod against;
mod bars;
mod environment;
mod page;
mod plots;
mod results;
mod run;
mod scenarios;
mod servers;
mod table;
mod tables;
mod tls;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::Parser;

use self::run::Run;

/// Measures echo servers beside each other, and writes a report.
#[derive(Parser)]
struct Options {
    /// A short form, to see that everything works: one round of a quarter of a second.
    #[arg(long)]
    quick: bool,
    /// How many rounds there are.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds for which a server is measured in a round.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Seconds of load before that.
    #[arg(long, default_value_t = 0.25)]
    warm_up: f64,
    /// Connections that are open at once where there are many: idle, subscribed, or at the end of growth.
    #[arg(long, default_value_t = 10_000)]
    many: usize,
    /// Only these crates, beside raw-tcp; separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only scenarios whose title has this in it; also "handshakes", "probes", "growth", "broadcast", "workers",
    /// "compressed", "idle", "TLS".
    #[arg(long, default_value = "")]
    scenario: String,
    /// Over TLS, measure raw-tls with aws-lc-rs too; it has to be built with that feature.
    #[arg(long)]
    aws_lc_rs: bool,
    /// What is not measured now is taken from the results.json that is there.
    #[arg(long)]
    keep: bool,
    /// The core of the server.
    #[arg(long, default_value_t = 1)]
    server_core: usize,
    /// The core of the load.
    #[arg(long, default_value_t = 0)]
    load_core: usize,
    /// Only measure this build of the program `stickler` beside `--program`, and print ratios; no report.
    #[arg(long, value_name = "OLD", requires = "program")]
    against: Option<String>,
    /// The build of the program `stickler` that is to be compared with `--against`.
    #[arg(long, value_name = "NEW", requires = "against")]
    program: Option<String>,
    /// Where the report goes.
    #[arg(long, default_value = "reports/benchmarks")]
    out: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options::parse();
    if options.quick {
        (options.rounds, options.seconds, options.warm_up) = (1, 0.25, 0.1);
        options.many = options.many.min(1000);
    }
    if let (Some(old), Some(new)) = (&options.against, &options.program) {
        println!("{}", against::table(Run::new(&options)?, old, new));
        return Ok(());
    }
    let mut results = Run::new(&options)?.everything();
    fs::create_dir_all(&options.out)?;
    let file = options.out.join("results.json");
    if options.keep {
        results = results.over(serde_json::from_slice(&fs::read(&file)?)?);
    }
    fs::write(file, serde_json::to_vec_pretty(&results)?)?;
    fs::write(options.out.join("results.md"), page::markdown(&results))?;
    fs::write(options.out.join("index.html"), page::html(&results)?)?;
    println!("wrote {}", options.out.join("index.html").display());
    Ok(())
}
