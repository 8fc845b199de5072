//! Who may import whom: the table of ARCHITECTURE.md, held against the paths in every file.
//!
//! Paths are read out of `use` items and out of the code, comments and literals left aside.

mod source;

use std::{
    fs,
    path::{Path, PathBuf},
};

use source::{Source, paths};

/// One room of the house and what it may name.
struct Room {
    name: &'static str,
    /// The folder of its files.
    at: &'static str,
    /// Crates that it may name.
    crates: &'static [&'static str],
    /// Modules and names at the root of its own crate that it may name.
    roots: &'static [&'static str],
    /// Paths, and words anywhere, that do not occur.
    never: &'static [&'static str],
}

const ROOMS: &[Room] = &[
    Room {
        name: "proto",
        at: "src/proto",
        crates: &["core", "alloc", "std", "simdutf8", "sha1", "base64", "httparse", "zlib_rs"],
        roots: &["proto"],
        // No IO, no clock, no threads, no randomness.
        never: &[
            "std::io",
            "std::net",
            "std::fs",
            "std::env",
            "std::os",
            "std::path",
            "std::process",
            "std::thread",
            "std::sync::mpsc",
            "Instant",
            "SystemTime",
            "RandomState",
            "HashMap",
            "HashSet",
            "thread_local",
        ],
    },
    Room {
        name: "net",
        at: "src/net",
        crates: &[
            "core",
            "alloc",
            "std",
            "tokio",
            "tracing",
            "bytes",
            "http",
            "httpdate",
            "pin_project_lite",
            "form_urlencoded",
            "ipnet",
            // Of the feature `http`.
            "hyper",
            "http_body",
            "http_body_util",
            "tower_service",
            "futures_core",
            "serde",
            "serde_json",
            "serde_path_to_error",
        ],
        roots: &["proto", "net"],
        never: &["std::fs", "std::env", "std::process", "std::net::TcpListener", "TcpListener"],
    },
    // Inside `net` each folder knows those below it only: task, then handles and inspect, then state, lent.
    Room {
        name: "net/handles",
        at: "src/net/handles",
        crates: &["*"],
        roots: &["*"],
        never: &["crate::net::task"],
    },
    Room {
        name: "net/inspect",
        at: "src/net/inspect",
        crates: &["*"],
        roots: &["*"],
        never: &["crate::net::task", "crate::net::handles"],
    },
    Room {
        name: "net/state",
        at: "src/net/state",
        crates: &["*"],
        roots: &["*"],
        never: &["crate::net::task", "crate::net::handles", "crate::net::inspect"],
    },
    Room {
        name: "net/lent",
        at: "src/net/lent",
        crates: &["*"],
        roots: &["*"],
        never: &[
            "crate::net::task",
            "crate::net::handles",
            "crate::net::inspect",
            "crate::net::state",
        ],
    },
    // Each file knows one crate of the ecosystem.
    Room {
        name: "adapters",
        at: "src/adapters",
        crates: &[
            "core",
            "alloc",
            "std",
            "tokio",
            "tracing",
            "bytes",
            "http",
            "hyper",
            "axum_core",
            "futures_core",
            "futures_sink",
            "tower_layer",
            "tower_service",
        ],
        roots: &["proto", "net", "adapters"],
        never: &["std::fs", "std::env", "std::process", "std::net::TcpListener", "TcpListener"],
    },
    // A peer for the tests of applications: it knows the library as they do.
    Room {
        name: "test",
        at: "src/test",
        crates: &["core", "alloc", "std", "tokio", "bytes", "http", "httparse"],
        roots: &["proto", "net", "test"],
        never: &["std::net", "std::fs", "std::env", "std::process"],
    },
    // A thing of many connections that needs no server: embedders use it too.
    Room {
        name: "topic",
        at: "src/topic",
        crates: &["core", "alloc", "std", "tokio"],
        roots: &["proto", "net", "topic"],
        never: &["std::net", "std::fs", "std::env", "std::process", "std::io"],
    },
    // What carries topics between nodes: it knows no connection, and of `net` the error only.
    Room {
        name: "broker",
        at: "src/broker",
        crates: &["core", "alloc", "std", "tokio", "bytes"],
        roots: &["net", "broker"],
        never: &[
            "std::net",
            "std::fs",
            "std::env",
            "std::process",
            "std::io",
            "Sender",
            "WebSocket",
        ],
    },
    Room {
        name: "server",
        at: "src/server",
        crates: &[
            "core",
            "alloc",
            "std",
            "tokio",
            "tracing",
            "bytes",
            "httpdate",
            "socket2",
            "rustix",
            "proxy_header",
            "http",
            "http_body",
            // Of the feature `tls`.
            "rustls",
            "x509_parser",
            "tower_service",
            "pin_project_lite",
            // A module of rustls; the program has the crate of this name.
            "ring",
        ],
        // The highest room of its crate: whatever stands at the root comes from here or below, but
        // for topics, which stand beside it.
        roots: &["*"],
        never: &["std::env", "std::process", "crate::topic", "Topic"],
    },
    // The program is a package of its own: the compiler holds it to the library's public names. What
    // is left to see here is that no part of it knows one that is above it.
    Room { name: "units", at: "cli/src/units.rs", crates: &["*"], roots: &["units"], never: &[] },
    Room {
        name: "variables",
        at: "cli/src/variables.rs",
        crates: &["*"],
        roots: &["variables"],
        never: &[],
    },
    Room {
        name: "listen",
        at: "cli/src/listen.rs",
        crates: &["*"],
        roots: &["listen"],
        never: &[],
    },
    Room {
        name: "tls_client",
        at: "cli/src/tls_client",
        crates: &["*"],
        roots: &["tls_client"],
        never: &[],
    },
    Room {
        name: "connect",
        at: "cli/src/connect.rs",
        crates: &["*"],
        roots: &["connect", "tls_client"],
        never: &[],
    },
    Room {
        name: "permissions",
        at: "cli/src/permissions.rs",
        crates: &["*"],
        roots: &["permissions"],
        never: &[],
    },
    Room {
        name: "blocking",
        at: "cli/src/blocking.rs",
        crates: &["*"],
        roots: &["blocking"],
        never: &[],
    },
    Room {
        name: "auth",
        at: "cli/src/auth",
        crates: &["*"],
        roots: &["auth", "permissions"],
        never: &[],
    },
    Room { name: "told", at: "cli/src/told.rs", crates: &["*"], roots: &["told"], never: &[] },
    Room {
        name: "apps",
        at: "cli/src/apps",
        crates: &["*"],
        roots: &["apps", "auth", "told"],
        never: &[],
    },
    Room {
        name: "lab",
        at: "cli/src/lab",
        crates: &["*"],
        roots: &["lab", "connect", "tls_client", "units"],
        never: &[],
    },
    Room {
        name: "health",
        at: "cli/src/health.rs",
        crates: &["*"],
        roots: &["health", "connect", "listen", "tls_client", "units", "variables"],
        never: &[],
    },
    Room {
        name: "cli",
        at: "cli/src/cli.rs",
        crates: &["*"],
        roots: &["cli", "auth", "config_file", "health", "lab", "listen", "units", "variables"],
        never: &[],
    },
    Room {
        name: "flags",
        at: "cli/src/cli",
        crates: &["*"],
        roots: &["cli", "config_file", "units", "variables"],
        never: &[],
    },
    Room {
        name: "config_file",
        at: "cli/src/config_file",
        crates: &["*"],
        roots: &["config_file", "apps", "auth"],
        never: &[],
    },
    Room {
        name: "config_command",
        at: "cli/src/config_command",
        crates: &["*"],
        roots: &["config_command", "cli", "config_file", "serve"],
        never: &[],
    },
    Room {
        name: "inspector",
        at: "cli/src/inspect",
        crates: &["*"],
        roots: &["inspect", "blocking", "cli", "permissions"],
        never: &[],
    },
    Room {
        name: "admin",
        at: "cli/src/admin",
        crates: &["*"],
        roots: &["admin", "auth", "cli", "listen", "permissions"],
        never: &[],
    },
    Room {
        name: "serve",
        at: "cli/src/serve",
        crates: &["*"],
        roots: &[
            "serve",
            "admin",
            "apps",
            "blocking",
            "cli",
            "config_file",
            "inspect",
            "listen",
            "permissions",
            "told",
            "units",
            "variables",
        ],
        never: &[],
    },
];

/// The files that may lift `unsafe_code`.
const UNSAFE: [&str; 4] = [
    "src/proto/mask.rs",
    "src/proto/utf8.rs",
    "cli/src/serve/allocator.rs",
    "cli/src/serve/signals/ignored.rs",
];

#[test]
fn no_room_names_what_it_may_not() {
    let dependencies = dependencies();
    assert!(dependencies.contains(&"tokio".to_owned()), "{dependencies:?}");
    for room in ROOMS {
        let files = files(&root().join(room.at));
        assert!(!files.is_empty(), "{} is empty", room.name);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let faults = faults(room, &file, &text, &dependencies);
            assert!(faults.is_empty(), "{}: {faults:#?}", file.display());
        }
    }
}

#[test]
fn every_file_is_in_a_room() {
    for file in sources() {
        let below = file.strip_prefix(root()).unwrap();
        let in_room = ROOMS.iter().any(|room| below.starts_with(room.at));
        assert!(in_room || is_root(below), "{} is in no room", file.display());
    }
}

fn is_root(file: &Path) -> bool {
    ["src/lib.rs", "cli/src/main.rs"].iter().any(|root| file == Path::new(root))
}

#[test]
fn unsafe_is_boxed_in() {
    for file in sources() {
        let below = file.strip_prefix(root()).unwrap();
        let source = Source::new(&fs::read_to_string(&file).unwrap());
        let lifted = source.words().any(|word| word == "unsafe" || word == "unsafe_code");
        assert!(!lifted || UNSAFE.iter().any(|may| below == Path::new(may)), "{}", file.display());
    }
}

/// What a file names that its room may not.
fn faults(room: &Room, file: &Path, text: &str, dependencies: &[String]) -> Vec<String> {
    let source = Source::new(text);
    let mut faults = Vec::new();
    for path in paths(&source) {
        let absolute = source.resolve(&path, &module_of(file));
        let (first, second) = (absolute[0].as_str(), absolute.get(1).map(String::as_str));
        let allowed = match first {
            "crate" => {
                room.roots == ["*"] || second.is_none_or(|second| room.roots.contains(&second))
            }
            crate_name if room.crates == ["*"] || room.crates.contains(&crate_name) => true,
            other => !dependencies.iter().any(|dependency| dependency == other),
        };
        let joined = absolute.join("::");
        let forbidden = room
            .never
            .iter()
            .any(|never| joined == *never || joined.starts_with(&format!("{never}::")));
        if !allowed || forbidden {
            faults.push(joined);
        }
    }
    let never = source.words().filter(|word| room.never.contains(word));
    faults.extend(never.map(str::to_owned));
    // A room is not entered by another door.
    faults.extend(
        ["#[path", "include!"]
            .into_iter()
            .filter(|door| source.code.contains(door))
            .map(str::to_owned),
    );
    faults
}

/// `proto::handshake::head` for `src/proto/handshake/head.rs`.
fn module_of(file: &Path) -> Vec<String> {
    let below = file.strip_prefix(root()).unwrap_or(file).with_extension("");
    let names = below.iter().map(|part| part.to_str().unwrap().to_owned());
    let mut module: Vec<String> = names.skip_while(|name| name != "src").skip(1).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of the library and of the program.
fn sources() -> Vec<PathBuf> {
    ["src", "cli/src"].iter().flat_map(|folder| files(&root().join(folder))).collect()
}

fn files(at: &Path) -> Vec<PathBuf> {
    if at.is_file() {
        return vec![at.to_owned()];
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The crates of both manifests, as code names them, and the library itself.
fn dependencies() -> Vec<String> {
    let manifests = ["Cargo.toml", "cli/Cargo.toml"];
    let manifests = manifests.map(|name| fs::read_to_string(root().join(name)).unwrap());
    let mut names = vec!["stickler".to_owned()];
    let mut inside = false;
    for line in manifests.iter().flat_map(|manifest| manifest.lines()) {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if let (true, Some((name, _))) = (inside, line.split_once('=')) {
            names.push(name.trim().replace('-', "_"));
        }
    }
    names
}

#[test]
fn the_guard_sees_what_it_is_for() {
    let dependencies = dependencies();
    let faults_of = |room: &Room, text: &str| {
        let at = root().join(room.at);
        let file = if at.is_dir() { at.join("inner").join("file.rs") } else { at };
        faults(room, &file, text, &dependencies)
    };
    let room = |name| ROOMS.iter().find(|room| room.name == name).unwrap();
    for (name, text) in [
        ("proto", "use tokio::time;"),
        ("proto", "use std::io;"),
        ("proto", "use std::{fmt, io::{self, Read}};"),
        ("proto", "pub(crate) use\n    std::net\n    ::IpAddr;"),
        ("proto", "fn f() { std::thread::spawn(g); }"),
        ("proto", "fn f() -> u8 { tracing::info!(1); 2 }"),
        ("proto", "use std::time::{Duration, Instant};"),
        ("proto", "use std::time; fn f() { time::Instant::now(); }"),
        ("proto", "use crate::net::Config;"),
        ("proto", "use crate::{proto::frame, Server};"),
        ("proto", "use super::super::super::net::lease;"),
        ("proto", "use crate::Result;"),
        ("proto", "use ::bytes::Bytes;"),
        ("proto", "#[path = \"../net/lease.rs\"] mod lease;"),
        ("proto", "let map = HashMap::new();"),
        ("net", "use crate::server::Server;"),
        ("net", "use crate::{Server};"),
        ("net", "let listener = tokio::net::TcpListener::bind(a);"),
        ("net", "use socket2::Socket;"),
        ("net/handles", "use crate::net::task::connection::serve;"),
        ("net/inspect", "use crate::net::handles::sender::Sender;"),
        ("net/state", "use crate::net::inspect::Inspect;"),
        ("net/state", "use super::super::super::handles::sender::Sender;"),
        ("net/lent", "use crate::net::{lent::pool, state::State};"),
        ("net", "use crate::adapters::stream::MessageStream;"),
        ("net", "use futures_sink::Sink;"),
        ("adapters", "use crate::server::Server;"),
        ("test", "use crate::server::Server;"),
        ("test", "use hyper::Request;"),
        ("adapters", "use socket2::Socket;"),
        ("topic", "use crate::server::Server;"),
        ("topic", "use crate::Server;"),
        ("topic", "use socket2::Socket;"),
        ("broker", "use crate::topic::Topic;"),
        ("broker", "use crate::server::Server;"),
        ("broker", "use crate::net::Sender;"),
        ("server", "use crate::topic::Topic;"),
        ("server", "use clap::Parser;"),
        ("server", "std::process::exit(1)"),
        ("serve", "#[path = \"../../src/net/mod.rs\"] mod net;"),
        ("serve", "include!(\"../../src/net/mod.rs\");"),
        ("serve", "use crate::lab::check;"),
        ("inspector", "use crate::serve::logging;"),
        ("cli", "use crate::serve;"),
        ("flags", "use crate::serve;"),
        ("cli", "use crate::{health, serve::signals};"),
        ("health", "use crate::cli::Action;"),
        ("lab", "use crate::cli::usage_error;"),
        ("lab", "fn f() { crate::health::run(options); }"),
        ("apps", "use crate::listen::Listen;"),
        ("listen", "use crate::cli::Serve;"),
        ("variables", "use crate::cli::Serve;"),
        ("tls_client", "use crate::connect::Url;"),
        ("connect", "use crate::lab::check;"),
        ("tls_client", "use crate::connect;"),
        ("units", "use crate::cli::Serve;"),
    ] {
        assert!(!faults_of(room(name), text).is_empty(), "{name}: {text}");
    }
    for (name, text) in [
        ("proto", "use std::{ops::Range, time::Duration}; use super::super::frame::*;"),
        ("proto", "// use tokio::net;\n/* std::io */ const A: &str = \"std::io::Read\";"),
        (
            "proto",
            "const A: char = '\"'; const B: &[u8] = b\"\\\"std::io\"; fn f<'a>(a: &'a u8) {}",
        ),
        ("proto", "const A: &str = r#\"use \"std::io\" now\"#;"),
        ("proto", "mod tests { use super::*; }"),
        ("net", "use crate::{net::lease, proto::frame::{self, Opcode as Op}}; use bytes::Bytes;"),
        ("topic", "use super::roll::Roll; use crate::{net::Sender, proto::prepared::Prepared};"),
        ("server", "use crate::net::Config; use socket2::Socket;"),
        (
            "serve",
            "use crate::cli::Serve; use clap::Parser; use super::logging; use stickler::{Server, proto::close::CloseCode};",
        ),
    ] {
        let faults = faults_of(room(name), text);
        assert!(faults.is_empty(), "{name}: {text}: {faults:?}");
    }
}
