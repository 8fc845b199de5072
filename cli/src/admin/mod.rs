//! The admin listener: a second server for the people on call, with a thread of its own. It answers also while every
//! worker of the first one is busy, and until that one has ended.
//!
//! It speaks plain HTTP and no WebSocket. Who may ask what stands in `guard`, what there is to ask in `routes`.

mod answers;
mod connections;
mod guard;
mod metrics;
mod options;
mod pulse;
mod routes;
mod token;

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use stickler::http::{Request, Response, StatusCode};
use stickler::{
    Binding, Body, BoundAddress, Config, DeflateConfig, Handle, Incoming, Limits, Listen, Server,
    Serving, Timeouts,
};

use self::guard::{Door, Guard};
pub(crate) use self::options::Admin;
use self::options::needs_token;
use self::pulse::Pulse;
pub(crate) use self::token::{Token, TokenFile};
use crate::listen::Place;

/// What the admin listener asks of the program, beside the server's own handle.
pub(crate) trait Program: Send + Sync + 'static {
    /// Begins the end of the server, as the first signal does. Says whether it was this that began it.
    fn drain(&self) -> bool;

    /// The filter of the log that is in force.
    fn log_filter(&self) -> String;

    /// Puts another filter of the log in force.
    ///
    /// # Errors
    ///
    /// A sentence, when it cannot be read.
    fn set_log_filter(&self, filter: &str) -> Result<Replaced, String>;

    /// Lines of the log that were dropped so far.
    fn dropped_log_lines(&self) -> u64;
}

/// A filter of the log that was put in force, in the words of `--log`.
#[derive(Debug)]
pub(crate) struct Replaced {
    /// The one whose place it took.
    pub(crate) before: String,
    pub(crate) now: String,
}

/// What is asked about.
pub(crate) struct Served {
    pub(crate) handle: Handle,
    pub(crate) program: Box<dyn Program>,
    /// Bytes that all connections may hold.
    pub(crate) max_memory: usize,
    /// When the program started.
    pub(crate) begun: SystemTime,
}

/// The listener, bound and not yet served: clients wait in the kernel's queue.
pub(crate) struct Bound {
    server: Server,
    guard: Guard,
    /// Whether `/readyz` is about memory too.
    ready_below_memory: bool,
}

impl Admin {
    /// Binds it.
    ///
    /// # Errors
    ///
    /// A sentence that names the place; also where the place wants a token and there is none.
    pub(crate) fn bind(self) -> io::Result<Bound> {
        let (admin, token_file) = &self.names;
        let cannot = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot listen for {admin} on {error}"))
        };
        let listen = match &self.place {
            Place::Tcp(listen) => Listen::tcp(&listen.addresses().map_err(cannot)?[..]),
            #[cfg(unix)]
            Place::Unix(path) => Ok(Listen::unix(path).unix_mode(SOCKET_MODE)),
        };
        let server = listen.and_then(Server::listen).map_err(cannot)?;
        let token = self.token_file.map(|path| TokenFile::open(path, token_file.clone()));
        let token = token.transpose().map_err(io::Error::other)?;
        let door = Door::of(&server.bindings());
        if door.is_open_to_others() && token.is_none() {
            return Err(io::Error::other(needs_token(admin, token_file)));
        }
        let server = server
            .workers(1)
            .config(config())
            .max_connections(MOST_CONNECTIONS)
            .max_handshakes(MOST_CONNECTIONS);
        // One machine must not keep the probes of all others out.
        let server = match door.is_open_to_others() {
            true => server.max_connections_per_address(MOST_OF_ADDRESS),
            false => server,
        };
        let guard = Guard { door, hosts: self.hosts, token };
        Ok(Bound { server, guard, ready_below_memory: self.ready_below_memory })
    }
}

impl Bound {
    /// Where it listens, for the log: `http://127.0.0.1:9002`, or `unix:/run/admin.sock`.
    pub(crate) fn urls(&self) -> String {
        let url = |binding: &Binding| match &binding.address {
            BoundAddress::Unix(path) => format!("unix:{}", path.display()),
            address => format!("http://{address}"),
        };
        self.server.bindings().iter().map(url).collect::<Vec<_>>().join(" ")
    }

    /// Where the token comes from, if there is one.
    pub(crate) fn token(&self) -> Option<TokenFile> {
        self.guard.token.clone()
    }

    /// Begins to answer.
    ///
    /// # Errors
    ///
    /// When there is no thread for it.
    pub(crate) fn start(self, served: Served) -> io::Result<Running> {
        self.start_with(served, pulse::PATIENCE)
    }

    /// The same with another time that a worker may stay away.
    fn start_with(self, served: Served, patience: Duration) -> io::Result<Running> {
        let pulse = Pulse::feel(served.handle.clone(), patience)?;
        let desk = Arc::new(Desk {
            served,
            pulse,
            guard: self.guard,
            ready_below_memory: self.ready_below_memory,
        });
        let server = self.server.http(move |request: Request<Body>| {
            let desk = desk.clone();
            async move { routes::answer(&desk, request).await }
        });
        Ok(Running(server.start(no_websocket)?))
    }
}

/// What an answer is made of.
struct Desk {
    served: Served,
    pulse: Pulse,
    guard: Guard,
    ready_below_memory: bool,
}

/// The listener, answering.
#[must_use = "dropping it ends the listener"]
pub(crate) struct Running(Serving);

impl Running {
    /// Ends it, with a moment for answers that are on their way.
    pub(crate) fn end(self) {
        self.0.handle().shutdown(LAST_ANSWERS);
        if let Err(error) = self.0.wait() {
            tracing::error!(%error, "the admin listener failed");
        }
    }
}

/// There is no WebSocket here.
async fn no_websocket(incoming: Incoming) -> stickler::Result<()> {
    let response = Response::builder().status(StatusCode::NOT_FOUND);
    Ok(incoming.reject(response.body("there is no WebSocket here\n")?)?)
}

/// Small, and in time: a request here is a few hundred bytes.
fn config() -> Config {
    let mut timeouts = Timeouts::default();
    timeouts.handshake = REQUEST_TIME;
    timeouts.close = CLOSE_TIME;
    let deflate = DeflateConfig::default().policy(None);
    Config::default().limits(limits()).timeouts(timeouts).deflate(deflate).max_memory(MOST_MEMORY)
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_body_size = MOST_CONTENT;
    limits.min_drain_rate = LEAST_RATE;
    limits
}

/// Who may connect to the Unix socket: its owner.
#[cfg(unix)]
const SOCKET_MODE: u32 = 0o600;

/// Connections at once.
const MOST_CONNECTIONS: usize = 32;

/// Those of one address, where other machines may come.
const MOST_OF_ADDRESS: usize = 8;

/// Bytes of an answer that a client takes per second at least. At the usual rate, a client that reads nothing would
/// keep its place for minutes; at this one it has 8 seconds.
const LEAST_RATE: usize = 32 << 10;

/// The most bytes of content that a request may have.
const MOST_CONTENT: usize = 4 << 10;

/// The most bytes that all connections here hold.
const MOST_MEMORY: usize = 8 << 20;

/// How long the head of a request may take to arrive, and how long its content then.
const REQUEST_TIME: Duration = Duration::from_secs(5);

/// How long a client that has its answer keeps its place without closing. It is shorter than the next one: such a client
/// is not cut at the end of the program, and does not hold it up.
const CLOSE_TIME: Duration = Duration::from_millis(300);

/// What answers have at the end of the program.
pub(crate) const LAST_ANSWERS: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::path::PathBuf;
    use std::sync::{Mutex, mpsc};
    use std::time::Instant;

    use stickler_testing::folder::Folder;
    use stickler_testing::frame::REQUEST;

    use super::*;

    const TIME: Duration = Duration::from_secs(20);

    /// A program of which somebody else begins the end, and changes the filter of the log, right before each request.
    struct Late;

    impl Program for Late {
        fn drain(&self) -> bool {
            false
        }

        fn log_filter(&self) -> String {
            "trace".into()
        }

        fn set_log_filter(&self, filter: &str) -> Result<Replaced, String> {
            Ok(Replaced { before: "warn".into(), now: filter.into() })
        }

        fn dropped_log_lines(&self) -> u64 {
            0
        }
    }

    fn served(handle: Handle) -> Served {
        let (program, begun) = (Box::new(Late), SystemTime::UNIX_EPOCH + Duration::from_secs(1234));
        Served { handle, program, max_memory: usize::MAX, begun }
    }

    fn get(address: SocketAddr, path: &str) -> String {
        ask(TcpStream::connect(address).unwrap(), &format!("GET {path}"), "")
    }

    fn ask(mut stream: impl Read + Write, line: &str, content: &str) -> String {
        let len = content.len();
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n\r\n");
        stream.write_all((head + content).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn await_livez(address: SocketAddr, status: &str) {
        let begun = Instant::now();
        while !get(address, "/livez").starts_with(&format!("HTTP/1.1 {status} ")) {
            assert!(begun.elapsed() < TIME, "/livez does not come to {status}");
        }
    }

    fn admin(place: &str, token_file: Option<PathBuf>) -> Admin {
        Admin {
            place: Place::parse(place).unwrap(),
            hosts: Vec::new(),
            token_file,
            ready_below_memory: false,
            names: ("--admin".into(), "--admin-token-file".into()),
        }
    }

    #[test]
    fn one_address_cannot_take_the_places_of_all_others() {
        let folder = Folder::new("admin-places");
        let file = folder.path().join("token");
        fs::write(&file, "0123456789abcdef").unwrap();
        #[cfg(unix)]
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let serving = Server::bind("127.0.0.1:0").unwrap().workers(1).start(no_websocket).unwrap();
        let status = |place: &str| {
            let bound = admin(place, Some(file.clone())).bind().unwrap();
            let address = SocketAddr::from(([127, 0, 0, 1], bound.server.local_addrs()[0].port()));
            let handle = serving.handle().clone();
            let running = bound.start(served(handle)).unwrap();
            let idle = || TcpStream::connect(address).unwrap();
            let held: Vec<_> = (0..MOST_OF_ADDRESS).map(|_| idle()).collect();
            // Where it has a place, the token is asked for, or it is answered.
            let answer = get(address, "/livez");
            drop(held);
            running.end();
            answer.split(' ').nth(1).unwrap().to_owned()
        };
        assert_eq!(status("0.0.0.0:0"), "503");
        assert_eq!(status("127.0.0.1:0"), "200");
    }

    #[test]
    fn the_process_started_when_the_program_did() {
        let serving = Server::bind("127.0.0.1:0").unwrap().workers(1).start(no_websocket).unwrap();
        let bound = admin("127.0.0.1:0", None).bind().unwrap();
        let address = bound.server.local_addrs()[0];
        let running = bound.start(served(serving.handle().clone())).unwrap();
        let metrics = get(address, "/metrics");
        assert!(metrics.contains("\nprocess_start_time_seconds 1234.0\n"), "{metrics}");
        running.end();
    }

    #[cfg(unix)]
    #[test]
    fn what_somebody_else_did_at_the_same_time_is_not_said_to_be_of_this_request() {
        let folder = Folder::new("admin-late");
        let path = folder.path().join("a.sock");
        let serving = Server::bind("127.0.0.1:0").unwrap().workers(1).start(no_websocket).unwrap();
        let bound = admin(&format!("unix:{}", path.display()), None).bind().unwrap();
        let running = bound.start(served(serving.handle().clone())).unwrap();
        let post = |path_: &str, content: &str| {
            let stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
            stream.set_read_timeout(Some(TIME)).unwrap();
            ask(stream, &format!("POST {path_}"), content)
        };
        let answer = post("/drain", "");
        assert!(answer.contains("\"was_draining\":true"), "{answer}");
        let answer = post("/log", "debug");
        assert!(answer.ends_with("\r\n\r\ndebug\n"), "{answer}");
        running.end();
    }

    #[test]
    fn who_does_not_close_loses_the_place_when_the_page_says_and_before_the_end_is_over() {
        const PAGE: &str = include_str!("../../../docs/operations/README.md");
        let told = format!("loses its place {} ms later", config().timeouts.close.as_millis());
        let words: Vec<_> = PAGE.split_whitespace().collect();
        assert!(words.join(" ").contains(&told), "{told}");
        assert!(CLOSE_TIME < LAST_ANSWERS);
    }

    #[test]
    fn who_reads_nothing_loses_the_place_within_seconds() {
        // The library waits for as long as 256 KiB take at the least rate.
        assert!((256 << 10) / limits().min_drain_rate <= 8);
    }

    #[test]
    fn it_answers_while_every_worker_is_blocked_and_says_so() {
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let (blocked, is_blocked) = mpsc::channel();
        let serving = Server::bind("127.0.0.1:0").unwrap().workers(1).start(move |_: Incoming| {
            blocked.send(()).unwrap();
            let _ = released.lock().unwrap().recv();
            async { Ok::<(), stickler::Error>(()) }
        });
        let serving = serving.unwrap();
        let bound = admin("127.0.0.1:0", None).bind().unwrap();
        let address = bound.server.local_addrs()[0];
        let handle = serving.handle().clone();
        let running = bound.start_with(served(handle), Duration::from_millis(300)).unwrap();
        await_livez(address, "200");
        assert!(get(address, "/metrics").contains("\nstickler_workers_turn 1\n"));
        let mut client = TcpStream::connect(serving.handle().local_addrs()[0]).unwrap();
        client.write_all(REQUEST.as_bytes()).unwrap();
        is_blocked.recv_timeout(TIME).unwrap();
        await_livez(address, "503");
        let metrics = get(address, "/metrics");
        assert!(metrics.contains("\nstickler_workers_turn 0\n"), "{metrics}");
        assert!(get(address, "/readyz").starts_with("HTTP/1.1 200 "));
        release.send(()).unwrap();
        await_livez(address, "200");
        running.end();
    }
}
