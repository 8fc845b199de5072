//! The command line: usage, exit codes, listening lines and addresses.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use stickler_testing::panics::tells_of_panic;

use crate::case::{Case, run_at_once};
use crate::client::{Client, Outcome, PROMPT};
use crate::frame::{Event, text};
use crate::http::Head;
use crate::server::{PATIENCE, Server, serve_after, stickler};

/// Runs to the end; kills what does not end.
pub(crate) fn output(command: &mut Command) -> Result<Output, String> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let begun = Instant::now();
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            let ended = child.wait_with_output().map_err(|error| error.to_string())?;
            let said = String::from_utf8_lossy(&ended.stdout).into_owned();
            return Err(format!(
                "    observed  still running after {PATIENCE:?}; standard output {said:?}"
            ));
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().map_err(|error| error.to_string())
}

pub(crate) fn serve(flags: &[&str]) -> Command {
    let mut command = stickler();
    command.arg("serve").args(flags);
    command
}

/// Must end with this code, say why on standard error and nothing on standard output.
fn refuses_to_start(mut command: Command, code: i32) -> Outcome {
    let ended = output(&mut command)?;
    let (out, err) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    if ended.status.code() != Some(code) {
        return Err(format!(
            "    expected  exit code {code}\n    observed  {:?}, stderr {err:?}",
            ended.status.code()
        ));
    }
    if !out.is_empty() {
        return Err(format!("    expected  nothing on standard output\n    observed  {out:?}"));
    }
    if err.trim().len() < 15
        || tells_of_panic(&err)
        || err.contains("Error {")
        || err.contains("Os {")
    {
        return Err(format!(
            "    expected  a clear sentence on standard error\n    observed  {err:?}"
        ));
    }
    Ok(())
}

pub(crate) fn bad(flags: &'static [&'static str]) -> Case {
    Case::new("cli", format!("{} is bad usage: exit 2", flags.join(" ")), |_| {
        let mut all = flags.to_vec();
        if !flags.contains(&"--listen") {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        refuses_to_start(serve(&all), 2)
    })
}

/// The same, and standard error says this.
pub(crate) fn bad_saying(flags: &'static [&'static str], said: &'static str) -> Case {
    Case::new("cli", format!("{} is refused, and why", flags.join(" ")), move |_| {
        let mut all = flags.to_vec();
        all.extend(["--listen", "127.0.0.1:0"]);
        refuses_to_start(serve(&all), 2)?;
        let err = output(&mut serve(&all))?.stderr;
        let err = String::from_utf8_lossy(&err);
        if err.contains(said) {
            Ok(())
        } else {
            Err(format!("    expected  {said}\n    observed  {err:?}"))
        }
    })
}

pub(crate) fn answer(address: SocketAddr, head: &Head) -> Result<u16, String> {
    let mut client = Client::connect(address)?;
    client.send(&head.bytes())?;
    Ok(client.response(PROMPT)?.status)
}

pub(crate) fn expect_status(address: SocketAddr, target: &str, status: u16) -> Outcome {
    let seen = answer(address, &Head::new().target(target))?;
    if seen != status {
        return Err(format!("    expected  {status} for {target}\n    observed  {seen}"));
    }
    Ok(())
}

pub(crate) fn works(address: SocketAddr) -> Outcome {
    let mut client = Client::open(address)?;
    client.send(&text("hello"))?;
    client.expect(&Event::Text(b"hello".to_vec()))?;
    client.close_normally()
}

#[test]
fn cli_usage() {
    let mut cases = vec![
        bad(&["--nope"]),
        bad(&["extra"]),
        bad(&["--listen", "nonsense"]),
        bad(&["--listen", "127.0.0.1"]),
        bad(&["--listen", "127.0.0.1:99999"]),
        bad(&["--listen", ""]),
        bad(&["--listen", "::1:0"]),
        bad(&["--listen", "[::1:0"]),
        bad(&["--listen"]),
        bad(&["--path", "nope"]),
        bad(&["--path", ""]),
        bad(&["--path", "/a?b"]),
        bad(&["--path", "/a b"]),
        bad(&["--workers", "0"]),
        bad(&["--workers", "x"]),
        bad(&["--workers", "-1"]),
        bad(&["--max-message-size", "abc"]),
        bad(&["--max-message-size", "-1"]),
        bad(&["--max-message-size", "16XiB"]),
        bad(&["--max-message-size", ""]),
        bad(&["--max-message-size", "99999999999999999999"]),
        bad(&["--max-message-size", "99999999999GiB"]),
        bad(&["--max-frame-size", "1 2"]),
        bad(&["--max-fragments", "many"]),
        bad(&["--max-fragments", "-1"]),
        bad(&["--handshake-timeout", "soon"]),
        bad(&["--handshake-timeout", "-1s"]),
        bad(&["--handshake-timeout", "10 parsecs"]),
        bad(&["--close-timeout", ""]),
        bad(&["--shutdown-timeout", "1x"]),
        bad(&["--keepalive-interval", "never"]),
        bad(&["--keepalive-timeout", "ms"]),
        bad(&["--subprotocol", "a b"]),
        bad(&["--subprotocol", ""]),
        bad(&["--subprotocol", "a;b"]),
        bad(&["--subprotocol", "any", "--subprotocol", "chat"]),
        bad(&["--subprotocol", "chat", "--subprotocol", "any"]),
        bad(&["--allowed-origin", "nonsense"]),
        bad(&["--allowed-origin", "https://example.com/path"]),
        bad_saying(&["--allowed-origin", "*"], "write any"),
        bad_saying(&["--allowed-origin", "https://example.*"], "https://*.example.com"),
        bad_saying(&["--allowed-origin", "https://*"], "http://localhost:*"),
        bad_saying(&["--allowed-origin", "https://*.0.0.1"], "https://*.example.com"),
        bad_saying(&["--allowed-origin", "*.example.com"], "https://*.example.com"),
        bad_saying(&["--allowed-origin", "chrome-extension://*"], "nowhere else"),
        bad_saying(&["--allowed-origin", "https://example.com/"], "slash"),
        bad_saying(&["--allowed-origin", "example.com"], "begins with its scheme"),
        bad(&["--own-host", "a b"]),
        bad(&["--own-host", "h:99999"]),
        bad(&["--own-host", "http://h"]),
        bad(&["--own-host", ""]),
        bad(&["--log-format", "xml"]),
        bad(&["--log", "a=b=c"]),
        Case::new("cli", "an unknown command: exit 2", |_| {
            let mut command = stickler();
            command.arg("frobnicate");
            refuses_to_start(command, 2)
        }),
        Case::new("cli", "an unknown flag without a command: exit 2", |_| {
            let mut command = stickler();
            command.arg("--frobnicate");
            refuses_to_start(command, 2)
        }),
        Case::new("cli", "a bad environment variable: exit 2, and it is named", |_| {
            for (name, value) in [
                ("STICKLER_WORKERS", "x"),
                ("STICKLER_MAX_MESSAGE_SIZE", "big"),
                ("STICKLER_KEEPALIVE_INTERVAL", "never"),
                ("STICKLER_LISTEN", "nonsense"),
                ("STICKLER_LOG_FORMAT", "xml"),
            ] {
                let mut command = stickler();
                command.arg("serve").env("STICKLER_LISTEN", "127.0.0.1:0").env(name, value);
                refuses_to_start(command, 2)
                    .map_err(|why| format!("    variable  {name}={value}\n{why}"))?;
            }
            Ok(())
        }),
    ];
    cases.push(Case::new(
        "cli",
        "serve --help names every flag and its default, and exits 0",
        |_| {
            let ended = output(&mut serve(&["--help"]))?;
            let help = String::from_utf8_lossy(&ended.stdout).into_owned();
            if ended.status.code() != Some(0) || !ended.stderr.is_empty() {
                let err = String::from_utf8_lossy(&ended.stderr).into_owned();
                return Err(format!("    observed  {:?}, stderr {err:?}", ended.status.code()));
            }
            for word in [
                "--listen",
                "--path",
                "--workers",
                "--max-message-size",
                "--max-frame-size",
                "--max-fragments",
                "--max-head-size",
                "--max-header-fields",
                "--max-connections",
                "--max-connections-per-address",
                "--max-pings-per-second",
                "--max-messages-per-second",
                "--when-too-fast",
                "--max-queued",
                "--when-full",
                "--min-drain-rate",
                "--handshake-timeout",
                "--close-timeout",
                "--shutdown-timeout",
                "--message-idle-timeout",
                "--message-timeout",
                "--keepalive-interval",
                "--keepalive-timeout",
                "--subprotocol",
                "--allowed-origin",
                "--own-host",
                "--log",
                "--log-format",
                "127.0.0.1:9001",
                "/echo",
                "16",
                "65536",
                "10s",
                "5s",
                "8s",
                "25s",
                "20s",
                "any",
                "same-host",
                "off",
                "info",
                "json",
                "STICKLER_LISTEN",
                "STICKLER_MAX_MESSAGE_SIZE",
                "STICKLER_LOG_FORMAT",
            ] {
                // 65,536 may be written with a comma.
                if !help.replace("65,536", "65536").contains(word) {
                    return Err(format!(
                        "    expected  {word:?} in the help\n    observed  {help}"
                    ));
                }
            }
            Ok(())
        },
    ));
    cases.push(Case::new("cli", "--help names the commands, and exits 0", |_| {
        let ended = output(stickler().arg("--help"))?;
        let help = String::from_utf8_lossy(&ended.stdout).into_owned();
        let missing = ["serve", "health", "verdict"].into_iter().find(|word| !help.contains(word));
        match (ended.status.code(), missing) {
            (Some(0), None) => Ok(()),
            (code, missing) => {
                Err(format!("    expected  {missing:?} in it\n    observed  {code:?}: {help}"))
            }
        }
    }));
    run_at_once("cli_usage", cases, 3);
}

#[test]
fn bad_usage_is_told_in_a_sentence() {
    for (args, sentence) in [
        (&["--bogus"][..], "--bogus"),
        (&["bogus"], "bogus"),
        (&["--workers", "0"], "from 1 to"),
        (&["--listen", "127.0.0.1"], "the port is missing"),
        (&["--listen", "::1:9001"], "in brackets"),
        (&["--listen", "unix:"], "the path is missing"),
        (&["--listen", "unix:@name"], "sockets with a file"),
        (&["--unix-mode", "0660"], "--unix-mode is for a path"),
        (&["--listen", "unix:a", "--unix-mode", "rw"], "in octal"),
        (&["--listen", "unix:a", "--reuse-port"], "--reuse-port is for a port"),
        (&["--path", "echo"], "--path"),
        (&["--subprotocol", "a b"], "--subprotocol"),
        (&["--subprotocol", "any", "--subprotocol", "a"], "it stands alone"),
        (&["--health-path", "up"], "--health-path"),
        (&["--health-path", "/echo"], "the echo answers on '/echo'"),
        (&["--allowed-origin", "example.com"], "--allowed-origin"),
        (&["--own-host", "http://example.com"], "--own-host"),
        (&["--max-message-size", "16MB"], "there is no unit"),
        (&["--keepalive-interval", "0"], "write off"),
        (&["--log", "stickler=loud"], "--log"),
        (&["--log-format", "xml"], "xml"),
        (&["health", "http://localhost/"], "ws://"),
    ] {
        let ended = output(stickler().args(args)).unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), &ended.stdout[..]), (Some(2), &b""[..]), "{args:?}");
        assert!(said.starts_with("error: ") && said.contains(sentence), "{args:?}: {said}");
    }
}

/// The help is the list of flags; each has its row in one of the pages, with the default that the help names.
#[test]
fn every_flag_is_in_a_table() {
    let mut page = concat!(
        include_str!("../../../docs/command-line.md"),
        include_str!("../../../docs/behind-proxies.md"),
        include_str!("../../../docs/configuration.md"),
        include_str!("../../../docs/limits.md"),
        include_str!("../../../docs/drain.md"),
        include_str!("../../../docs/inspecting.md"),
        include_str!("../../../docs/page.md"),
        include_str!("../../../docs/operations/README.md"),
        include_str!("../../../docs/restart.md"),
        include_str!("../../../docs/tls.md")
    )
    .to_owned();
    if cfg!(feature = "nats") {
        page.push_str(include_str!("../../../docs/multi-node.md"));
    }
    let help = String::from_utf8(output(stickler().arg("--help")).unwrap().stdout).unwrap();
    let flags: Vec<_> = help.split("\n      --").skip(1).collect();
    assert!(flags.len() >= 16, "{help}");
    for flag in &flags {
        let (name, rest) = flag.split_once(char::is_whitespace).unwrap();
        let begins = [" ", "`"].map(|end| format!("| `--{name}{end}"));
        let row = page.lines().find(|line| begins.iter().any(|begin| line.starts_with(begin)));
        let row = row.unwrap_or_else(|| panic!("the page lacks a row for --{name}"));
        let default = rest.split("\n          [default: ").nth(1);
        if let Some((default, _)) = default.and_then(|text| text.split_once(']')) {
            assert!(row.contains(&format!("| `{default}` |")), "{row}: the default is {default}");
        }
    }
    let rows = page.lines().filter(|line| line.starts_with("| `--"));
    assert_eq!(rows.count(), flags.len(), "a row for a flag that is not there");
}

#[test]
fn cli_listening() {
    let cases = vec![
        Case::new("cli", "one line per --listen, in order, each accepting", |_| {
            let server = Server::spawn(
                serve(&[
                    "--listen",
                    "127.0.0.1:0",
                    "--listen",
                    "[::1]:0",
                    "--listen",
                    "127.0.0.1:0",
                ]),
                3,
                "",
            )?;
            let [first, second, third] = server.addresses()[..] else {
                return Err("three lines".to_owned());
            };
            if !first.is_ipv4() || !second.is_ipv6() || !third.is_ipv4() {
                return Err(format!(
                    "    expected  IPv4, IPv6, IPv4\n    observed  {:?}",
                    server.stdout_lines()
                ));
            }
            for address in [first, second, third] {
                works(address)?;
            }
            server.retire()
        }),
        Case::new("cli", "IPv6 stands in brackets, with no trailing slash", |_| {
            let server = Server::spawn(serve(&["--listen", "[::1]:0"]), 1, "")?;
            let line = &server.stdout_lines()[0];
            let port = server.address().port();
            if *line != format!("listening on ws://[::1]:{port}") {
                return Err(format!("    observed  {line:?}"));
            }
            server.retire()
        }),
        Case::new("cli", "localhost means both families", |_| {
            let server =
                Server::spawn(serve(&["--listen", "localhost:0"]), 2, "").map_err(|why| {
                    format!("    expected  a line for each family\n    observed  {why}")
                })?;
            for address in server.addresses() {
                works(*address)?;
            }
            let [first, second] = server.addresses() else { return Err("two lines".to_owned()) };
            if !first.is_ipv4() || !second.is_ipv6() || first.port() != second.port() {
                return Err(format!("    observed  {:?}", server.stdout_lines()));
            }
            server.retire()
        }),
        Case::new("cli", "no command means serve", |_| {
            let mut command = stickler();
            command.env("STICKLER_LISTEN", "127.0.0.1:0");
            let server = Server::spawn(command, 1, "")?;
            works(server.address())?;
            server.retire()
        }),
        Case::new("cli", "flags without a command mean serve", |_| {
            let mut command = stickler();
            command.args(["--listen", "127.0.0.1:0", "--path", "/only", "--path", "/a,b"]);
            let server = Server::spawn(command, 1, "")?;
            expect_status(server.address(), "/only", 101)?;
            expect_status(server.address(), "/a,b", 101)?;
            expect_status(server.address(), "/a", 404)?;
            expect_status(server.address(), "/", 404)?;
            server.retire()
        }),
        Case::new("cli", "a port taken by another stickler: exit 1", |_| {
            let server = Server::start(&[])?;
            let taken = server.address().to_string();
            refuses_to_start(serve(&["--listen", &taken]), 1)?;
            refuses_to_start(serve(&["--listen", &taken, "--workers", "3"]), 1)?;
            works(server.address())?;
            server.retire()
        }),
        Case::new("cli", "a port taken by something else: exit 1", |_| {
            let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
            let taken = listener.local_addr().map_err(|error| error.to_string())?.to_string();
            refuses_to_start(serve(&["--listen", &taken]), 1)
        }),
        Case::new("cli", "the sentence names the address that is taken", |_| {
            let server = Server::start(&[])?;
            let taken = server.address().to_string();
            let ended = output(&mut serve(&["--listen", &taken]))?;
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            let sentence = format!("stickler: cannot listen on {taken}: ");
            let is_told = |line: &str| line.starts_with(&sentence) && line.contains("taken");
            if said.lines().any(is_told) { Ok(()) } else { Err(format!("    observed  {said:?}")) }
        }),
        Case::new("cli", "one of two addresses taken: exit 1, nothing is left running", |_| {
            let server = Server::start(&[])?;
            let taken = server.address().to_string();
            let ended = output(&mut serve(&["--listen", "127.0.0.1:0", "--listen", &taken]))?;
            if ended.status.code() == Some(1) {
                Ok(())
            } else {
                Err(format!("    observed  {:?}", ended.status))
            }
        }),
        Case::new("cli", "an address that is not ours: exit 1", |_| {
            refuses_to_start(serve(&["--listen", "192.0.2.1:0"]), 1)
        }),
        Case::new("cli", "a name that does not resolve: exit 1, and it is named", |_| {
            let command = || serve(&["--listen", "stickler.invalid:0"]);
            refuses_to_start(command(), 1)?;
            let said = String::from_utf8_lossy(&output(&mut command())?.stderr).into_owned();
            if said.contains("cannot listen on stickler.invalid") {
                Ok(())
            } else {
                Err(format!("    observed  {said:?}"))
            }
        }),
        Case::new("cli", "--workers 1 and --workers 4 serve alike", |_| {
            for workers in ["1", "4"] {
                let server = Server::start(&["--workers", workers])?;
                if server.workers().to_string() != workers {
                    return Err(format!("    observed  {} workers", server.workers()));
                }
                for _ in 0..20 {
                    works(server.address())?;
                }
                server.retire()?;
            }
            Ok(())
        }),
        Case::new("cli", "a restart on the same port works while old connections linger", |_| {
            let server = Server::start(&[])?;
            let address = server.address();
            works(address)?;
            server.retire()?;
            let again = Server::spawn(serve(&["--listen", &address.to_string()]), 1, "")?;
            works(again.address())?;
            again.retire()
        }),
        Case::new("cli", "the soft limit of descriptors is raised to the hard one", |_| {
            let server = Server::spawn(serve_after("ulimit -S -n 64"), 1, "")?;
            let mut clients = Vec::new();
            for _ in 0..100 {
                clients.push(Client::open(server.address())?);
            }
            drop(clients);
            server.retire()
        }),
    ];
    run_at_once("cli_listening", cases, 3);
}
