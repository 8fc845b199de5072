//! The command line and the environment.
//!
//! Every flag of `serve` is also a variable `STICKLER_...`; a flag beats it. Flags
//! that repeat are lists split on commas there. An empty variable is not set, and a bad
//! one is reported by its own name. Below both stands the configuration file, whose keys are the flags' names.

mod admin;
mod apps;
mod bounds;
#[cfg(test)]
mod claims;
mod compression;
mod config;
mod drain;
mod inspect;
mod line;
mod listening;
pub(crate) mod manual;
#[cfg(feature = "nats")]
mod nats;
mod proxies;
mod reloaded;
mod sources;
mod tls;

use std::ffi::OsString;

use clap::builder::{ArgPredicate, NonEmptyStringValueParser};
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, CommandFactory, Parser, Subcommand, ValueEnum};

pub(crate) use self::admin::Admin;
pub(crate) use self::apps::Switch;
pub(crate) use self::bounds::{Bounds, Times, WhenFull, WhenTooFast};
pub(crate) use self::compression::{Compression, Deflate};
use self::config::ConfigFlag;
pub(crate) use self::config::{ConfigAction, ConfigOptions};
pub(crate) use self::drain::Drain;
pub(crate) use self::inspect::{Inspect, TraceFormat};
pub(crate) use self::line::{parse, read_alone};
pub(crate) use self::listening::Listening;
use self::manual::{Completions, Manual};
pub(crate) use self::proxies::{Forwarded, Proxies};
pub(crate) use self::sources::{Source, Sources};
pub(crate) use self::tls::Tls;
use crate::auth::make;
use crate::config_file::{ConfigFile, Route};
use crate::health;
use crate::lab::{check, verdict};
use crate::listen::DEFAULT_LISTEN;
use crate::variables;

/// A strict WebSocket server: every rule of RFC 6455 is checked, and a peer that
/// breaks one is told which.
///
/// Without a command it serves: it echoes every message on ws://127.0.0.1:9001/.
#[derive(Debug, Parser)]
#[command(name = "stickler", version, args_conflicts_with_subcommands = true)]
#[command(subcommand_help_heading = "Commands", max_term_width = 100)]
#[command(
    after_help = "Sizes: 65536, 64KiB, 16MiB. Durations: 500ms, 10s, 2m; a bare number is seconds.\n\
    Variables hold several values separated by commas where a flag may be repeated.\n\
    Exit status of serve: 0 after SIGINT or SIGTERM, or SIGHUP without --config and TLS files, 1 failed, 2 bad usage,\n\
    5 as --drain-strict has it."
)]
struct Cli {
    #[command(flatten)]
    serve: Serve,
    #[command(subcommand)]
    action: Option<Action>,
}

/// What the binary is asked to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Serve WebSocket connections and echo every message (the default command)
    Serve(Box<Serve>),
    /// Check any WebSocket server against the RFCs and grade each rule
    #[command(
        after_help = "Exit status: 0 no violation, 1 a violation, 2 bad usage, 3 not reachable or no WebSocket server,\n\
        4 no violation, but incomplete: something was not played, or nothing could be judged."
    )]
    Check(check::Options),
    /// Exit with 0 if a server completes an opening handshake, with 1 if not
    Health(health::Options),
    /// Judge a report of the Autobahn testsuite against the expected result
    Verdict(verdict::Options),
    /// Check, print or describe a configuration file
    Config(ConfigOptions),
    /// Make a token for a route, and its line for the file of tokens
    Token(make::Options),
    /// Print completions for a shell
    Completions(Completions),
    /// Print a page of the manual
    Man(Manual),
}

/// The flags of `stickler serve`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes any free one, localhost means both families [repeatable]
    ///
    /// Without it a server listens on what it was handed by whoever started it (LISTEN_FDS), where that is
    /// something. Where --listen-tls or --proxy-protocol is given there is no default.
    #[arg(
        long,
        env = "STICKLER_LISTEN",
        value_name = "ADDR:PORT|unix:PATH",
        default_value = DEFAULT_LISTEN
    )]
    #[arg(default_value_ifs([
        ("listen_tls", ArgPredicate::IsPresent, None::<&str>),
        ("proxy_protocol", ArgPredicate::IsPresent, None::<&str>),
    ]))]
    #[arg(value_parser = NonEmptyStringValueParser::new(), help_heading = "Server")]
    pub(crate) listen: Vec<String>,

    #[command(flatten)]
    pub(crate) listening: Listening,

    /// Worker threads [default: one per core]
    #[arg(long, env = "STICKLER_WORKERS", value_name = "N", value_parser = parse_workers, help_heading = "Server")]
    pub(crate) workers: Option<usize>,

    /// Path on which the echo answers; others get 404 [repeatable] [default: / and /echo]
    #[arg(long, env = "STICKLER_PATH", value_name = "PATH", help_heading = "Opening handshake")]
    pub(crate) path: Vec<String>,

    /// Path for the health checks of load balancers: a plain GET or HEAD gets 200 [default: none]
    #[arg(
        long,
        env = "STICKLER_HEALTH_PATH",
        value_name = "PATH",
        help_heading = "Opening handshake"
    )]
    pub(crate) health_path: Option<String>,

    /// Subprotocol that the server speaks [repeatable]; to try things out, any: the first one offered
    #[arg(
        long,
        env = "STICKLER_SUBPROTOCOL",
        value_name = "any|NAME",
        help_heading = "Opening handshake"
    )]
    pub(crate) subprotocol: Vec<String>,

    /// Web pages that may connect: any, same-host, null, or those of an origin [repeatable]
    ///
    /// An origin is such as https://example.com. In https://*.example.com the asterisk stands for
    /// labels of a domain, in http://localhost:* for every port.
    #[arg(
        long,
        env = "STICKLER_ALLOWED_ORIGIN",
        value_name = "any|same-host|ORIGIN",
        default_value = "any"
    )]
    #[arg(help_heading = "Opening handshake")]
    pub(crate) allowed_origin: Vec<String>,

    /// Host that is ours; requests for others get 421 [repeatable] [default: any]
    #[arg(
        long,
        env = "STICKLER_OWN_HOST",
        value_name = "HOST[:PORT]",
        help_heading = "Opening handshake"
    )]
    pub(crate) own_host: Vec<String>,

    #[command(flatten)]
    pub(crate) apps: apps::Apps,

    #[cfg(feature = "nats")]
    #[command(flatten)]
    pub(crate) nats: nats::Nats,

    #[command(flatten)]
    pub(crate) tls: Tls,

    #[command(flatten)]
    pub(crate) proxies: Proxies,

    #[command(flatten)]
    pub(crate) bounds: Bounds,

    #[command(flatten)]
    pub(crate) times: Times,

    #[command(flatten)]
    pub(crate) compression: Compression,

    #[command(flatten)]
    pub(crate) drain: Drain,

    #[command(flatten)]
    pub(crate) inspect: Inspect,

    #[command(flatten)]
    pub(crate) admin: Admin,

    /// What to log, such as debug, or info,stickler::net=trace [default: RUST_LOG, else info]
    ///
    /// The levels are off, error, warn, info, debug and trace.
    #[arg(
        long,
        env = "STICKLER_LOG",
        value_name = "FILTER",
        help_heading = "Log, on standard error"
    )]
    pub(crate) log: Option<String>,

    /// How to write it
    #[arg(long, env = "STICKLER_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    #[arg(help_heading = "Log, on standard error")]
    pub(crate) log_format: LogFormat,

    #[command(flatten)]
    pub(crate) file: ConfigFlag,

    /// The routes of the file.
    #[arg(skip)]
    pub(crate) routes: Vec<Route>,

    /// Where the values came from.
    #[arg(skip)]
    pub(crate) sources: Sources,

    /// The command line, to be read again.
    #[arg(skip)]
    line: Vec<OsString>,

    /// Whether `listen` was said.
    #[arg(skip)]
    pub(crate) is_listen_said: bool,

    /// Whether `allowed_origin` was said.
    #[arg(skip)]
    pub(crate) is_allowed_origin_said: bool,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line for people
    Text,
    /// One JSON object per line
    Json,
}

/// The whole definition of the command line.
pub(crate) fn command() -> Command {
    Cli::command()
}

/// The definition of `serve` alone: all options that a configuration can have.
pub(crate) fn serve_command() -> Command {
    Serve::augment_args(Command::new("serve"))
}

/// The variable of an option of `serve`, by the option's name in clap.
pub(crate) fn variable_of(id: &str) -> String {
    format!("STICKLER_{}", id.to_uppercase())
}

/// What an error of the command line says, without how to use the command.
pub(crate) fn sentence_of(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    text.split("\n\n").next().unwrap_or_default().to_owned()
}

/// A sentence about what is wrong with a value, as the errors of `parse` have it.
pub(crate) fn usage_error(sentence: impl std::fmt::Display) -> clap::Error {
    Cli::command().error(ErrorKind::ValueValidation, sentence)
}

fn parse_workers(text: &str) -> Result<usize, String> {
    let workers = text.parse().ok().filter(|workers| (1..=MOST_WORKERS).contains(workers));
    workers.ok_or_else(|| format!("wanted: a number from 1 to {MOST_WORKERS}"))
}

impl Serve {
    /// How the flag of this field, as clap names it, is to be called in an error: by its variable or its line
    /// in the file where the value came from there.
    pub(crate) fn name_of(&self, id: &str) -> String {
        self.sources.name_of(id)
    }

    /// The filter of the log, where one is said, and what it is to be called in an error.
    pub(crate) fn log_filter(&self) -> Option<(String, &str)> {
        self.log.as_deref().map(|filter| (self.name_of("log"), filter))
    }

    /// Notes where each value came from, and splits lists from variables on commas; what came from a flag or a
    /// file stays, as a path may have one.
    ///
    /// # Errors
    /// A list has no member: a sentence that names the variable.
    fn note_sources(
        &mut self,
        matches: &ArgMatches,
        file: Option<&ConfigFile>,
    ) -> Result<(), String> {
        self.sources = Sources::read(matches, file, &serve_command())?;
        self.is_listen_said = self.sources.is_said("listen");
        self.is_allowed_origin_said = self.sources.is_said("allowed_origin");
        for (id, values) in [
            ("listen", &mut self.listen),
            ("listen_tls", &mut self.tls.listen_tls),
            ("tls_cert", &mut self.tls.tls_cert),
            ("tls_key", &mut self.tls.tls_key),
            ("path", &mut self.path),
            ("subprotocol", &mut self.subprotocol),
            ("allowed_origin", &mut self.allowed_origin),
            ("own_host", &mut self.own_host),
            ("admin_host", &mut self.admin.admin_host),
            ("trusted_proxy", &mut self.proxies.trusted_proxy),
            ("proxy_protocol", &mut self.proxies.proxy_protocol),
        ] {
            if self.sources.is_variable(id) {
                *values = variables::members(&variable_of(id), values.iter().map(String::as_str))?;
            }
        }
        Ok(())
    }
}

/// More threads than any machine has use for.
const MOST_WORKERS: usize = 1024;

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::time::Duration;

    use stickler::proto::deflate::WindowBits;

    use super::*;
    use crate::units::{Interval, Size};

    fn parse_line(line: &str) -> Result<Action, clap::Error> {
        parse(std::iter::once("stickler").chain(line.split_whitespace()).map(OsString::from))
    }

    fn serve(line: &str) -> Serve {
        match parse_line(line) {
            Ok(Action::Serve(serve)) => *serve,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_arguments_serve_with_the_documented_defaults() {
        let serve = serve("");
        assert_eq!(serve.listen, ["127.0.0.1:9001"]);
        assert!(!serve.is_listen_said && !serve.listening.reuse_port);
        assert!(serve.path.is_empty() && serve.subprotocol.is_empty() && serve.own_host.is_empty());
        assert_eq!(serve.allowed_origin, ["any"]);
        assert_eq!((serve.health_path, serve.workers), (None, None));
        assert!(serve.tls.listen_tls.is_empty() && serve.tls.tls_cert.is_empty());
        assert!(serve.tls.tls_key.is_empty());
        assert_eq!((serve.tls.tls_client_ca, serve.tls.tls_self_signed), (None, None));
        assert_eq!(serve.tls.hsts, None);
        assert_eq!(
            (serve.bounds.max_message_size, serve.bounds.max_frame_size),
            (Size(16 << 20), None)
        );
        assert_eq!(serve.bounds.max_fragments, 65536);
        assert_eq!(
            (serve.bounds.max_pings_per_second, serve.bounds.max_messages_per_second),
            (100, None)
        );
        assert_eq!(serve.bounds.when_too_fast, WhenTooFast::Wait);
        assert_eq!(serve.times.message_idle_timeout, Interval::Every(Duration::from_secs(30)));
        assert_eq!(serve.times.message_timeout, Interval::Off);
        assert_eq!(
            (serve.bounds.max_head_size, serve.bounds.max_header_fields),
            (Size(16 << 10), 100)
        );
        assert_eq!(serve.bounds.max_queued, Size(1 << 20));
        assert_eq!(serve.bounds.max_memory, None);
        assert_eq!(
            (serve.bounds.max_connections, serve.bounds.max_connections_per_address),
            (None, None)
        );
        assert_eq!((serve.bounds.send_buffer, serve.bounds.unsent_low_water), (None, None));
        let seconds = Duration::from_secs;
        assert_eq!(
            (serve.times.handshake_timeout, serve.bounds.min_drain_rate),
            (seconds(10), Size(1 << 10))
        );
        assert_eq!(
            (serve.times.close_timeout, serve.times.shutdown_timeout),
            (seconds(5), seconds(8))
        );
        assert_eq!(serve.times.keepalive_interval, Interval::Every(seconds(25)));
        assert_eq!(serve.times.keepalive_timeout, seconds(20));
        assert_eq!((serve.compression.deflate, serve.compression.deflate_level), (Deflate::On, 4));
        assert_eq!(serve.compression.deflate_window_bits, None);
        assert_eq!(serve.compression.deflate_client_window_bits, None);
        assert_eq!(
            (serve.compression.deflate_min_size, serve.compression.deflate_memory),
            (Size(128), Size(512 << 20))
        );
        assert_eq!((serve.log, serve.log_format), (None, LogFormat::Text));
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_octal() {
        let mode = |text| parse_line(&format!("--unix-mode {text}")).map(|_| ());
        assert_eq!(serve("--unix-mode 0666").listening.unix_mode, Some(0o666));
        assert_eq!(serve("--unix-mode 600").listening.unix_mode, Some(0o600));
        for text in ["rw", "0888", "1777", "+7", "0o660", "''"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn serve_is_the_default_command() {
        assert_eq!(serve("--listen [::1]:0").listen, ["[::1]:0"]);
        assert!(serve("--listen [::1]:0").is_listen_said);
        assert_eq!(serve("serve --listen [::1]:0").listen, ["[::1]:0"]);
    }

    #[test]
    fn there_is_a_plain_listener_by_default_only_where_there_is_none_of_tls() {
        let tls = serve("--listen-tls [::1]:0");
        assert_eq!((tls.listen, tls.tls.listen_tls), (vec![], vec!["[::1]:0".to_owned()]));
        let both = serve("--listen-tls [::1]:0 --listen [::1]:1");
        assert_eq!(both.listen, ["[::1]:1"]);
    }

    #[test]
    fn what_flags_of_tls_mean_without_a_value() {
        let bare = serve("--tls-self-signed --hsts").tls;
        assert_eq!(bare.tls_self_signed.as_deref(), Some("localhost"));
        assert_eq!(bare.hsts, Some(365 * 86_400));
        let valued = serve("--tls-self-signed chat.example --hsts 0").tls;
        assert_eq!(valued.tls_self_signed.as_deref(), Some("chat.example"));
        assert_eq!(valued.hsts, Some(0));
        assert_eq!(serve("--tls-self-signed ::1").tls.tls_self_signed.as_deref(), Some("::1"));
        for line in
            ["--tls-self-signed a_b!", "--tls-self-signed *.example", "--hsts 1y", "--hsts -1"]
        {
            assert_eq!(parse_line(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn repeatable_flags_repeat_and_keep_their_commas() {
        let serve = serve(
            "--listen a:1 --listen b:2 --path /a,b --path /c --keepalive-interval off --log-format json",
        );
        assert_eq!(serve.listen, ["a:1", "b:2"]);
        assert_eq!(serve.path, ["/a,b", "/c"]);
        assert_eq!(serve.times.keepalive_interval, Interval::Off);
        assert_eq!(serve.log_format, LogFormat::Json);
    }

    #[test]
    fn s7692_compression_is_set_by_flags() {
        for (mode, deflate) in [
            ("on", Deflate::On),
            ("off", Deflate::Off),
            ("lean", Deflate::Lean),
            ("takeover", Deflate::Takeover),
        ] {
            assert_eq!(serve(&format!("--deflate {mode}")).compression.deflate, deflate);
        }
        for level in 1..=9 {
            assert_eq!(serve(&format!("--deflate-level {level}")).compression.deflate_level, level);
        }
        for bits in 9..=15 {
            let serve = serve(&format!("--deflate-window-bits {bits}"));
            assert_eq!(serve.compression.deflate_window_bits, WindowBits::new(bits));
            let serve = self::serve(&format!("--deflate-client-window-bits {bits}"));
            assert_eq!(serve.compression.deflate_client_window_bits, WindowBits::new(bits));
        }
        for zero in ["0", "0KiB"] {
            let serve = serve(&format!("--deflate-min-size {zero}"));
            assert_eq!(serve.compression.deflate_min_size, Size(0));
        }
        let serve = serve("--deflate-min-size 1KiB --deflate-memory 1GiB");
        assert_eq!(
            (serve.compression.deflate_min_size, serve.compression.deflate_memory),
            (Size(1024), Size(1 << 30))
        );
    }

    #[test]
    fn bad_usage_exits_with_2_and_help_with_0() {
        for line in [
            "--workers 0",
            "--workers 1025",
            "--workers many",
            "--max-fragments 0",
            "--max-message-size 16MB",
            "--max-head-size 255",
            "--max-head-size 0",
            "--max-header-fields 0",
            "--max-header-fields 65536",
            "--max-connections 0",
            "--max-connections-per-address 0",
            "--max-handshakes 0",
            "--max-handshakes-per-address 0",
            "--max-pings-per-second 0",
            "--max-messages-per-second 0",
            "--max-messages-per-second off",
            "--when-too-fast drop",
            "--message-idle-timeout 0",
            "--message-timeout 0",
            "--max-queued 0",
            "--min-drain-rate 0",
            "--send-buffer 0",
            "--unsent-low-water 0",
            "--close-timeout 0",
            "--drain-delay soon",
            "--drain-window -1",
            "--drain-code 1000",
            "--drain-code",
            "--drain-strict yes",
            "--trace-format xml",
            "--trace-payload 1MB",
            "--trace-payload 1048577",
            "--trace-file",
            "--deflate",
            "--deflate yes",
            "--deflate ON",
            "--deflate-level 0",
            "--deflate-level 10",
            "--deflate-window-bits 8",
            "--deflate-window-bits 16",
            "--deflate-window-bits 09",
            "--deflate-window-bits +9",
            "--deflate-client-window-bits 8",
            "--deflate-client-window-bits 16",
            "--deflate-min-size small",
            "--deflate-memory 256MB",
            "--listen",
            "--bogus",
            "bogus",
            "serve extra",
            "health wss://example.com/ --insecure --ca a.pem",
            "check wss://example.com/ --insecure --ca a.pem",
            "verdict",
        ] {
            assert_eq!(parse_line(line).unwrap_err().exit_code(), 2, "{line}");
        }
        for line in
            ["--help", "-h", "serve --help", "--listen x --help", "--version", "health --help"]
        {
            assert_eq!(parse_line(line).unwrap_err().exit_code(), 0, "{line}");
        }
    }

    #[test]
    fn help_names_every_flag_with_its_variable() {
        let help = Cli::command().render_long_help().to_string();
        for arg in Serve::augment_args(Command::new("serve")).get_arguments() {
            let flag = arg.get_long().unwrap();
            let variable = format!("STICKLER_{}", flag.to_uppercase().replace('-', "_"));
            assert_eq!(arg.get_env(), Some(OsStr::new(&variable)));
            let is_named = [' ', '\n'].iter().any(|end| help.contains(&format!("--{flag}{end}")));
            assert!(is_named && help.contains(&variable), "{flag}");
            let mut serve = serve("");
            assert_eq!(serve.name_of(arg.get_id().as_str()), format!("--{flag}"));
            serve.sources = Sources::of_variable(arg.get_id().as_str());
            assert_eq!(serve.name_of(arg.get_id().as_str()), variable);
        }
    }
}
