//! The image, without an engine to run it: what the Dockerfile sets and starts, and its health check, with the
//! variables that people change.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::case::{Case, run};
use crate::cli::output;
use crate::client::{Client, Outcome, PROMPT};
use crate::http::Head;
use crate::server::{PATIENCE, Server, stickler};

/// What a container is started with.
struct Image {
    variables: BTreeMap<String, String>,
    entrypoint: Vec<String>,
    command: Vec<String>,
    health: Vec<String>,
}

impl Image {
    fn read() -> Image {
        let text = fs::read_to_string(root("Dockerfile")).unwrap().replace("\\\n", " ");
        // The second stage is what runs.
        let (_, stage) = text.rsplit_once("FROM ").unwrap();
        let mut image = Image {
            variables: BTreeMap::new(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            health: Vec::new(),
        };
        for line in stage.lines() {
            let Some((instruction, rest)) = line.split_once(' ') else { continue };
            match instruction {
                "ENV" => image.variables.extend(rest.split_whitespace().map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap();
                    (name.to_owned(), value.to_owned())
                })),
                "ENTRYPOINT" => image.entrypoint = list(rest),
                "CMD" => image.command = list(rest),
                "HEALTHCHECK" => image.health = list(rest.split_once("CMD ").unwrap().1),
                _ => {}
            }
        }
        image
    }

    /// A container of this image, with these variables beside or instead of its own; 9001 is `port`.
    fn run(&self, changed: &[(&str, &str)], port: u16) -> Result<Server, String> {
        let variables = self.with(changed, port);
        let listens = variables["STICKLER_LISTEN"].split(',').count();
        let argv = [&self.entrypoint[..], &self.command].concat();
        Server::spawn(command(&argv, &variables), listens, "")
    }

    /// The exit status of the health check inside of that container.
    fn health(&self, changed: &[(&str, &str)], port: u16) -> Result<Option<i32>, String> {
        let ended = output(&mut command(&self.health, &self.with(changed, port)))?;
        Ok(ended.status.code())
    }

    fn with(&self, changed: &[(&str, &str)], port: u16) -> BTreeMap<String, String> {
        let mut variables = self.variables.clone();
        variables.extend(changed.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        variables.values_mut().for_each(|value| *value = value.replace("9001", &port.to_string()));
        variables
    }
}

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap()
}

fn command(argv: &[String], variables: &BTreeMap<String, String>) -> Command {
    assert_eq!(argv[0], "/usr/local/bin/stickler");
    let mut command = stickler();
    command.args(&argv[1..]).envs(variables);
    command
}

/// A port that nobody has in either family, for as long as nobody takes it.
fn free_port() -> u16 {
    TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port()
}

/// Starts something on a free port, and again on another if somebody was faster.
fn start(run: impl Fn(u16) -> Result<Server, String>) -> Result<(Server, u16), String> {
    let mut tries = 0;
    loop {
        let port = free_port();
        match run(port) {
            Ok(server) => return Ok((server, port)),
            Err(why) if why.contains("taken") && tries < 5 => tries += 1,
            Err(why) => return Err(why),
        }
    }
}

/// Starts a container, and wants this of its health check.
fn expect(changed: &[(&str, &str)], expected: i32) -> Outcome {
    let image = Image::read();
    let (server, port) = start(|port| image.run(changed, port))?;
    let seen = image.health(changed, port)?;
    server.retire()?;
    match seen {
        Some(code) if code == expected => Ok(()),
        seen => Err(format!("    expected  {expected}\n    observed  {seen:?}")),
    }
}

#[test]
fn image_is_healthy_with_the_variables_that_people_change() {
    let mut cases = Vec::new();
    for (changed, expected) in [
        (&[][..], 0),
        (&[("STICKLER_LISTEN", "0.0.0.0:9001")], 0),
        (&[("STICKLER_LISTEN", "[::]:9001")], 0),
        (&[("STICKLER_LISTEN", "127.0.0.1:9001,[::1]:9001")], 0),
        (&[("STICKLER_PATH", "/ws")], 0),
        (&[("STICKLER_OWN_HOST", "chat.example.com")], 0),
        (&[("STICKLER_OWN_HOST", "chat.example.com:443, a.example")], 0),
        (&[("STICKLER_ALLOWED_ORIGIN", "https://chat.example.com")], 0),
        (&[("STICKLER_ALLOWED_ORIGIN", "same-host")], 0),
        (&[("STICKLER_SUBPROTOCOL", "chat")], 0),
        (&[("STICKLER_PATH", ""), ("STICKLER_OWN_HOST", ""), ("STICKLER_HEALTH_URL", "")], 0),
        (&[("STICKLER_HEALTH_URL", "ws://127.0.0.1:9001/echo")], 0),
        (&[("STICKLER_HEALTH_URL", "ws://[::1]:9001/")], 0),
        (&[("STICKLER_HEALTH_URL", "ws://127.0.0.1:9001/nope")], 1),
        (&[("STICKLER_HEALTH_URL", "ws://127.0.0.1:1/")], 1),
        (&[("STICKLER_PATH", "/ws"), ("STICKLER_HEALTH_URL", "ws://127.0.0.1:9001/")], 1),
        (&[("STICKLER_OWN_HOST", "a.example"), ("STICKLER_HEALTH_HOST", "b.example")], 1),
    ] {
        let name = format!("the image with {changed:?}");
        cases.push(Case::new("cli", name, move |_| expect(changed, expected)));
    }
    cases.push(Case::new("cli", "the image is ill when nobody serves", |_| {
        match Image::read().health(&[], 1)? {
            Some(1) => Ok(()),
            seen => Err(format!("    observed  {seen:?}")),
        }
    }));
    cases.push(Case::new("cli", "the image listens in both families", |_| both_families()));
    run("image_is_healthy_with_the_variables_that_people_change", cases);
}

/// Peers of both families are logged with addresses of their own.
fn both_families() -> Outcome {
    let image = Image::read();
    let (server, port) = start(|port| image.run(&[], port))?;
    for (address, shown) in [("127.0.0.1", "peer=127.0.0.1:"), ("[::1]", "peer=[::1]:")] {
        let address: SocketAddr = format!("{address}:{port}").parse().unwrap();
        let mut client = Client::connect(address)?;
        client.send(&Head::new().without("Sec-WebSocket-Key").bytes())?;
        client.response(PROMPT)?;
        drop(client);
        server.expect_logged(shown)?;
    }
    if server.log().contains("ffff") {
        return Err(format!("    observed  {}", server.log()));
    }
    server.retire()
}

/// A machine without IPv6, as strace plays one: every socket but the first fails. Where it cannot trace, the test
/// says so.
#[test]
fn image_listens_on_ipv4_where_there_is_no_ipv6() {
    let image = Image::read();
    let log = tempfile();
    let started = start(|port| {
        let mut traced = Command::new("strace");
        traced.args(["-f", "-o"]).arg(&log);
        traced.args(["-e", "trace=socket", "-e", "inject=socket:error=EAFNOSUPPORT:when=2+"]);
        traced.arg(env!("CARGO_BIN_EXE_stickler")).args(&image.command);
        traced.envs(image.with(&[("STICKLER_WORKERS", "1")], port));
        traced.env_remove("RUST_LOG").stdin(Stdio::null());
        Server::spawn(traced, 1, "")
    });
    let (server, port) = match started {
        Ok(started) => started,
        Err(why) if why.contains("cannot be started") || why.contains("ptrace") => {
            eprintln!("strace cannot trace here: {why}");
            return;
        }
        Err(why) => panic!("{why}"),
    };
    assert!(server.address().is_ipv4(), "{}", server.address());
    server.expect_logged("not listening on this address error=[::]").unwrap();
    assert_eq!(image.health(&[], port).unwrap(), Some(0));
    // The program is strace's child: it is told by its own id.
    let calls = fs::read_to_string(&log).unwrap();
    let id = calls.split_whitespace().next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
    assert_eq!(server.wait(PATIENCE).unwrap().0, Some(0));
    fs::remove_file(&log).unwrap();
}

fn tempfile() -> PathBuf {
    std::env::temp_dir().join(format!("stickler-image-{}", std::process::id()))
}

/// What would beat the variables stands in no file: no flag in CMD, no URL in a health check.
#[test]
fn image_leaves_all_to_its_variables() {
    let image = Image::read();
    assert_eq!(image.entrypoint, ["/usr/local/bin/stickler"]);
    assert_eq!(image.command, ["serve"]);
    assert_eq!(image.health, ["/usr/local/bin/stickler", "health"]);
    let compose = fs::read_to_string(root("autobahn/compose.yaml")).unwrap();
    let checks: Vec<_> =
        compose.lines().filter(|line| line.contains("/usr/local/bin/stickler")).collect();
    let check = "      test: [\"CMD\", \"/usr/local/bin/stickler\", \"health\"]";
    assert_eq!(checks, [check]);
}

/// What `packaging/image.sh` sees of the image where there is an engine: nothing runs while it is put together, and it
/// has a user without rights, whose number is known without a file of users.
#[test]
fn image_has_the_program_alone() {
    let text = fs::read_to_string(root("Dockerfile")).unwrap();
    let (_, stage) = text.rsplit_once("\nFROM ").unwrap();
    let lines: Vec<_> = stage.lines().collect();
    assert_eq!(lines[0], "scratch");
    let of = |word: &str| lines.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!((of("RUN "), of("COPY "), of("ADD ")), (0, 1, 0), "{stage}");
    assert!(lines.contains(&"USER 65532:65532"), "{stage}");
    assert!(text.contains("-C target-feature=+crt-static"), "{text}");
    // One file for both: the nodes of docs/multi-node are built from it with a feature.
    let nodes = fs::read_to_string(root("docs/multi-node/compose.yaml")).unwrap();
    assert!(
        nodes.contains("args:\n      FEATURES: nats\n") && !nodes.contains("dockerfile:"),
        "{nodes}"
    );
}
