//! Measures all echo servers beside each other, and writes `reports/benchmarks/`.
//!
//! Each server is pinned to one core and the load to another. Rounds are interleaved: a server is started anew for
//! each, and all servers have had a round before one has its next. Ratios are taken within a round.

mod environment;
mod page;
mod plots;
mod results;
mod scenarios;
mod servers;
mod tables;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::Parser;
use serde::de::DeserializeOwned;
use stickler_peers::peers::PEERS;

use self::environment::Environment;
use self::results::{Results, Rounds};
use self::scenarios::{SCENARIOS, Scenario};
use self::servers::{Machine, Server};

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
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Seconds of load before that.
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    /// Connections that are open at once where idle ones are measured.
    #[arg(long, default_value_t = 10_000)]
    idle_connections: usize,
    /// Only these crates, beside raw-tcp; separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only scenarios whose title has this in it; also "idle", "handshakes", "probes".
    #[arg(long, default_value = "")]
    scenario: String,
    /// The core of the server.
    #[arg(long, default_value_t = 1)]
    server_core: usize,
    /// The core of the load.
    #[arg(long, default_value_t = 0)]
    load_core: usize,
    /// Where the report goes.
    #[arg(long, default_value = "reports/benchmarks")]
    out: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options::parse();
    if options.quick {
        (options.rounds, options.seconds, options.warm_up) = (1, 0.25, 0.1);
        options.idle_connections = options.idle_connections.min(1000);
    }
    let results = Run::new(&options)?.everything();
    fs::create_dir_all(&options.out)?;
    fs::write(options.out.join("results.json"), serde_json::to_vec_pretty(&results)?)?;
    fs::write(options.out.join("results.md"), page::markdown(&results))?;
    fs::write(options.out.join("index.html"), page::html(&results)?)?;
    println!("wrote {}", options.out.join("index.html").display());
    Ok(())
}

struct Run<'o> {
    options: &'o Options,
    machine: Machine,
    servers: Vec<Server>,
}

impl<'o> Run<'o> {
    fn new(options: &'o Options) -> Result<Self, Box<dyn Error>> {
        let machine = Machine::new(options)?;
        Ok(Self { options, machine, servers: Server::chosen(options) })
    }

    fn everything(&self) -> Results {
        let mut environment = Environment::now();
        let scenarios = SCENARIOS.iter().filter(|scenario| self.is_asked_for(scenario.title));
        let scenarios = scenarios.map(|scenario| (scenario.title, self.echo(scenario))).collect();
        let idle = self.rounds("idle", 1, &[], |options| {
            vec!["--idle".into(), options.idle_connections.to_string()]
        });
        let handshakes =
            self.rounds("handshakes", self.options.rounds, &["--upgrade"], |options| {
                let mut arguments = timing(options);
                arguments.extend(["--handshakes", "--connections", "32"].map(String::from));
                arguments
            });
        let probes = self.probes();
        environment.ended();
        Results {
            environment,
            rounds: self.options.rounds,
            seconds: self.options.seconds,
            versions: PEERS.iter().map(|peer| (peer.name, peer.version())).collect(),
            scenarios,
            idle,
            handshakes,
            probes,
        }
    }

    fn is_asked_for(&self, title: &str) -> bool {
        title.contains(&self.options.scenario)
    }

    fn echo(&self, scenario: &Scenario) -> Rounds<stickler_peers::report::Messages> {
        self.rounds(scenario.title, self.options.rounds, &[], |options| {
            let numbers = [
                ("--connections", scenario.connections),
                ("--size", scenario.size),
                ("--in-flight", scenario.in_flight),
            ];
            let mut arguments = timing(options);
            arguments.extend(["--kind".into(), scenario.kind.into()]);
            for (name, number) in numbers {
                arguments.extend([name.into(), number.to_string()]);
            }
            arguments
        })
    }

    /// Every server once, then every server again, each round beginning with another one.
    fn rounds<T: DeserializeOwned>(
        &self,
        title: &str,
        rounds: usize,
        for_raw: &[&str],
        arguments: impl Fn(&Options) -> Vec<String>,
    ) -> Rounds<T> {
        let mut measured: Vec<(String, Vec<Option<T>>)> =
            self.servers.iter().map(|server| (server.name(), Vec::new())).collect();
        if !self.is_asked_for(title) {
            return Rounds(measured);
        }
        for round in 0..rounds {
            println!("{title}, round {} of {rounds}", round + 1);
            for turn in 0..self.servers.len() {
                let index = (turn + round) % self.servers.len();
                let server = self.servers[index];
                let mut arguments = arguments(self.options);
                let raw = if server.is_raw() { for_raw } else { &[] };
                if server.is_raw() {
                    arguments.push("--raw".into());
                }
                let report = self.machine.measure(server, raw, &arguments);
                measured[index].1.push(told(&server, report));
            }
        }
        Rounds(measured)
    }

    fn probes(&self) -> Vec<(String, Vec<stickler_peers::report::Probe>)> {
        let forms = self
            .servers
            .iter()
            .filter(|server| !server.is_raw() && server.form == stickler_peers::echo::Form::Plain);
        let asked = forms.filter(|_| self.is_asked_for("probes"));
        let ask = |server: &Server| {
            let report = self.machine.measure(*server, &[], &["--probe".into()]);
            Some((server.name(), told(server, report)?))
        };
        asked.filter_map(ask).collect()
    }
}

fn timing(options: &Options) -> Vec<String> {
    let times = [("--seconds", options.seconds), ("--warm-up", options.warm_up)];
    times.into_iter().flat_map(|(name, time)| [name.into(), time.to_string()]).collect()
}

/// Says what went wrong, which leaves a gap in the report.
fn told<T>(server: &Server, report: Result<T, Box<dyn Error>>) -> Option<T> {
    report.inspect_err(|error| eprintln!("{}: {error}", server.name())).ok()
}
