//! The run: every scenario, round by round.

use std::error::Error;
use std::io;
use std::time::Instant;

use serde::de::DeserializeOwned;
use stickler_peers::echo::Deflate;
use stickler_peers::peers::{PEERS, Peer};
use stickler_peers::report::{Broadcast, Compressed, Handshakes, Idle, Messages, Probe};

use crate::Options;
use crate::environment::Environment;
use crate::results::{Results, Rounds};
use crate::scenarios::{
    DEFLATE, GROWTH, SCENARIOS, Scenario, TLS_HANDSHAKES, TLS_IDLE, TLS_SCENARIOS, WORKERS,
};
use crate::servers::{Cores, Machine, Server};

/// Connections that are opened where each may cost hundreds of KiB.
const COMPRESSING: usize = 1000;
/// The size of a message to many.
const BROADCAST: &str = "125";

pub(crate) struct Run<'o> {
    options: &'o Options,
    machine: Machine,
    peers: Vec<&'static Peer>,
    took: Vec<(String, f64)>,
}

/// What is done with some servers, and how often.
struct Task {
    title: String,
    servers: Vec<Server>,
    cores: Cores,
    rounds: usize,
    /// For `load`.
    arguments: Vec<String>,
}

impl<'o> Run<'o> {
    pub(crate) fn new(options: &'o Options) -> io::Result<Self> {
        let machine = Machine::new(options)?;
        let peers = machine.peers(options);
        Ok(Self { options, machine, peers, took: Vec::new() })
    }

    pub(crate) fn everything(mut self) -> Results {
        let mut environment = Environment::now();
        // First, because what comes later may leave sockets behind.
        let handshakes = self.rounds(self.handshakes());
        let probes = self.probes();
        let echo = SCENARIOS
            .iter()
            .map(|scenario| (scenario.title.to_owned(), self.rounds(self.echo(scenario))));
        let echo = echo.collect();
        let tls = self.tls();
        let tls_handshakes = self.tls_handshakes();
        let growth = self.growth();
        let broadcast = self.broadcast();
        let workers = self.workers();
        let compressed = self.compressed();
        let idle = self.idle("idle", self.echo_servers(), self.options.many, &[]);
        let compressed_idle = self.idle(
            "idle, compressed",
            // The level changes nothing of it.
            self.deflate_servers(|deflate| !matches!(deflate, Deflate::Level(_))),
            self.options.many.min(COMPRESSING),
            &["--deflate"],
        );
        let tls_idle =
            self.idle("TLS, idle", self.tls_servers(), self.options.many.min(TLS_IDLE), &[]);
        environment.ended();
        Results {
            environment,
            rounds: self.options.rounds,
            seconds: self.options.seconds,
            warm_up: self.options.warm_up,
            many: self.options.many,
            versions: PEERS.iter().map(|peer| (peer.name.into(), peer.version().into())).collect(),
            absent: PEERS
                .iter()
                .filter(|peer| !self.machine.has(peer))
                .map(|peer| peer.name.to_owned())
                .collect(),
            echo,
            handshakes,
            probes,
            growth,
            broadcast,
            workers,
            compressed,
            idle,
            compressed_idle,
            tls,
            tls_handshakes,
            tls_idle,
            took: self.took,
        }
    }

    fn echo_servers(&self) -> Vec<Server> {
        let forms = |peer: &&'static Peer| {
            let peer = *peer;
            peer.forms.iter().map(move |&form| Server::echo(peer, form))
        };
        self.peers.iter().flat_map(forms).collect()
    }

    fn deflate_servers(&self, wanted: impl Fn(Deflate) -> bool) -> Vec<Server> {
        let ways = |peer: &&'static Peer| {
            let peer = *peer;
            peer.deflate.iter().map(move |&deflate| (peer, deflate))
        };
        let servers = self.peers.iter().flat_map(ways).filter(|&(_, deflate)| wanted(deflate));
        servers.map(|(peer, deflate)| Server::deflate(peer, deflate)).collect()
    }

    /// raw-tcp, and stickler if it was asked for.
    fn both(&self) -> Vec<Server> {
        let both = self.echo_servers().into_iter();
        both.filter(|server| server.is_raw || server.name == "stickler").collect()
    }

    fn task(&self, title: impl Into<String>, servers: Vec<Server>, arguments: &[&str]) -> Task {
        let mut arguments: Vec<String> =
            arguments.iter().map(|&argument| argument.into()).collect();
        let times = [("--seconds", self.options.seconds), ("--warm-up", self.options.warm_up)];
        arguments
            .extend(times.into_iter().flat_map(|(name, time)| [name.into(), time.to_string()]));
        let rounds = self.options.rounds;
        Task { title: title.into(), servers, cores: Cores::Apart, rounds, arguments }
    }

    fn echo(&self, scenario: &Scenario) -> Task {
        let numbers =
            [scenario.connections, scenario.size, scenario.in_flight].map(|n| n.to_string());
        let [connections, size, in_flight] = numbers.each_ref();
        let mut arguments =
            vec!["--connections", connections, "--size", size, "--kind", scenario.kind];
        arguments.extend(["--in-flight", in_flight]);
        let mut task = self.task(scenario.title, self.echo_servers(), &arguments);
        if let Some(at) = task.arguments.iter().position(|argument| argument == "--seconds") {
            task.arguments[at + 1] = (self.options.seconds * scenario.times).to_string();
        }
        task
    }

    /// One scenario of echo with other servers than the peers.
    pub(crate) fn echo_of(&mut self, scenario: &Scenario, servers: &[Server]) -> Rounds<Messages> {
        self.rounds(Task { servers: servers.into(), ..self.echo(scenario) })
    }

    fn handshakes(&self) -> Task {
        let servers = with_upgrade(self.echo_servers());
        self.task("handshakes", servers, &["--handshakes", "--connections", "32"])
    }

    fn tls_servers(&self) -> Vec<Server> {
        let servers = self.peers.iter().filter_map(|peer| Server::tls(peer));
        let mut servers: Vec<_> = servers.filter(|server| self.machine.is_built(server)).collect();
        if self.options.aws_lc_rs {
            let other = servers.iter().find(|server| server.is_raw).cloned();
            servers.extend(other.map(|raw| Server {
                name: format!("{}, aws-lc-rs", raw.name),
                arguments: vec!["--provider=aws-lc-rs".into()],
                ..raw
            }));
        }
        servers
    }

    fn tls(&mut self) -> Vec<(String, Rounds<Messages>)> {
        let servers = self.tls_servers();
        let scenarios = TLS_SCENARIOS.iter();
        scenarios
            .map(|scenario| (scenario.title.to_owned(), self.echo_of(scenario, &servers)))
            .collect()
    }

    fn tls_handshakes(&mut self) -> Vec<(String, Rounds<Handshakes>)> {
        TLS_HANDSHAKES
            .into_iter()
            .map(|(title, arguments)| {
                let arguments = [&["--handshakes", "--connections", "32"], arguments].concat();
                let servers = with_upgrade(self.tls_servers());
                (title.to_owned(), self.rounds(self.task(title, servers, &arguments)))
            })
            .collect()
    }

    fn growth(&mut self) -> Vec<(usize, Rounds<Messages>)> {
        let sizes = GROWTH.into_iter().filter(|&connections| connections <= self.options.many);
        sizes
            .collect::<Vec<_>>()
            .into_iter()
            .map(|connections| {
                let arguments = ["--connections", &connections.to_string()];
                let title = format!("growth, {connections} connections");
                (connections, self.rounds(self.task(title, self.both(), &arguments)))
            })
            .collect()
    }

    fn broadcast(&mut self) -> Rounds<Broadcast> {
        let servers = self.peers.iter().filter_map(|peer| Server::broadcast(peer)).collect();
        let subscribers = self.options.many.to_string();
        let arguments = ["--broadcast", &subscribers, "--size", BROADCAST];
        self.rounds(self.task("broadcast", servers, &arguments))
    }

    /// One worker and two, both on both cores, which the load has too.
    fn workers(&mut self) -> Vec<(String, Rounds<Messages>)> {
        let of = |server: &Server, workers: usize| Server {
            name: if workers == 1 { "one worker" } else { "two workers" }.into(),
            arguments: vec![format!("--workers={workers}")],
            ..server.clone()
        };
        let stickler = self.both().into_iter().find(|server| !server.is_raw);
        let servers: Vec<_> =
            stickler.iter().flat_map(|server| [of(server, 1), of(server, 2)]).collect();
        WORKERS
            .into_iter()
            .map(|(title, arguments)| {
                let task = self.task(format!("workers, {title}"), servers.clone(), arguments);
                let task = Task { cores: Cores::Shared, ..task };
                if !arguments.contains(&"--deflate") {
                    return (title.to_owned(), self.rounds(task));
                }
                (
                    title.to_owned(),
                    self.rounds::<Compressed>(task).map(|compressed| compressed.echo),
                )
            })
            .collect()
    }

    fn compressed(&mut self) -> Vec<(String, Rounds<Compressed>)> {
        DEFLATE
            .into_iter()
            .map(|(title, in_flight)| {
                let arguments = ["--deflate", "--connections", "64", "--in-flight", in_flight];
                (
                    title.to_owned(),
                    self.rounds(self.task(title, self.deflate_servers(|_| true), &arguments)),
                )
            })
            .collect()
    }

    fn idle(
        &mut self,
        title: &str,
        servers: Vec<Server>,
        connections: usize,
        arguments: &[&str],
    ) -> Rounds<Idle> {
        let connections = connections.to_string();
        let arguments = [&["--idle", &connections], arguments].concat();
        // Memory does not vary as time does.
        let task = Task { rounds: 1, ..self.task(title, servers, &arguments) };
        self.rounds(task)
    }

    fn probes(&mut self) -> Vec<(String, Vec<Probe>)> {
        let servers = self.echo_servers().into_iter();
        let servers = servers.filter(|server| !server.is_raw && server.arguments.is_empty());
        let task = self.task("probes", servers.collect(), &["--probe"]);
        let Rounds(probes) = self.rounds(Task { rounds: 1, ..task });
        let answered = |(name, mut rounds): (_, Vec<_>)| Some((name, rounds.pop()??));
        probes.into_iter().filter_map(answered).collect()
    }

    /// Every server once, then every server again, each round beginning with another one.
    fn rounds<T: DeserializeOwned>(&mut self, task: Task) -> Rounds<T> {
        let mut measured: Vec<(String, Vec<Option<T>>)> =
            task.servers.iter().map(|server| (server.name.clone(), Vec::new())).collect();
        if !task.title.contains(&self.options.scenario) || measured.is_empty() {
            return Rounds(measured);
        }
        let began = Instant::now();
        for round in 0..task.rounds {
            println!("{}, round {} of {}", task.title, round + 1, task.rounds);
            for turn in 0..task.servers.len() {
                let index = (turn + round) % task.servers.len();
                let server = &task.servers[index];
                let report = self.machine.measure(server, task.cores, &task.arguments);
                measured[index].1.push(told(server, report));
            }
        }
        self.took.push((task.title, began.elapsed().as_secs_f64()));
        Rounds(measured)
    }
}

/// The same, where those that speak no WebSocket answer a request for it.
fn with_upgrade(mut servers: Vec<Server>) -> Vec<Server> {
    for server in servers.iter_mut().filter(|server| server.is_raw) {
        server.arguments.push("--upgrade".into());
    }
    servers
}

/// Says what went wrong, which leaves a gap in the report.
fn told<T>(server: &Server, report: Result<T, Box<dyn Error>>) -> Option<T> {
    report.inspect_err(|error| eprintln!("{}: {error}", server.name)).ok()
}
