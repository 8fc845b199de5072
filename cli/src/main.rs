//! The binary: `stickler serve`, `stickler check`, `stickler health`, `stickler verdict`, and what there is about
//! the command line itself: `stickler config`, `stickler completions` and `stickler man`.
//!
//! It uses the library as any user would.

mod admin;
mod apps;
mod auth;
mod blocking;
mod cli;
mod config_command;
mod config_file;
mod connect;
mod health;
mod inspect;
mod lab;
mod listen;
mod permissions;
mod serve;
mod tls_client;
mod told;
mod units;
mod variables;

use std::process::ExitCode;

use cli::Action;
use lab::{check, verdict};

fn main() -> ExitCode {
    let done = cli::parse(std::env::args_os()).and_then(|action| match action {
        Action::Serve(options) => serve::run(&options),
        Action::Check(options) => check::run(&options).map_err(cli::usage_error),
        Action::Health(options) => health::run(&options).map_err(cli::usage_error),
        Action::Verdict(options) => Ok(verdict::run(&options)),
        Action::Config(options) => Ok(config_command::run(&options.action)),
        Action::Completions(options) => Ok(options.print(cli::command())),
        Action::Token(options) => Ok(cli::manual::done(auth::make::run(&options))),
        Action::Man(options) => Ok(options.write(cli::command())),
    });
    match done {
        Ok(code) => code,
        // 2 on bad usage; help and the version come this way too, with 0.
        Err(error) => error.exit(),
    }
}
