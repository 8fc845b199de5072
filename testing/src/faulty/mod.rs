//! An echo server that is right in everything, and has faults to switch on, one deviation each: what a
//! checker of servers must call right, and what it must call wrong.
//!
//! Written by hand on `std`, a thread for each connection, and without a line of the library. It answers
//! each rule in the way that is best, as `docs/refused.md` has it for the library: what opens, what a
//! refusal says, with which code a connection fails, FIN first and the rest drained. `faults.rs` is the
//! table of the faults; each stands in the code as one condition, where the right server has its rule.
//! `rules.rs` has what a server may do to chosen connections instead of answering them; `probes/` has bytes for each
//! fault that show it, and `wire.rs` what comes back for them without a socket.

/// Makes the enum of the table, its list, and what each row says.
macro_rules! faults {
    ($($name:ident $section:literal $what:literal,)*) => {
        /// One deviation from what the right server does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Fault {
            $(#[doc = $what] $name,)*
        }

        impl Fault {
            /// Every fault, in the order of the table.
            pub const ALL: &[Fault] = &[$(Fault::$name,)*];

            /// The clause that it breaks.
            pub fn section(self) -> &'static str {
                match self { $(Fault::$name => $section,)* }
            }

            /// What the server does, in a sentence.
            pub fn sentence(self) -> &'static str {
                match self { $(Fault::$name => $what,)* }
            }
        }
    };
}

mod answer;
mod closing;
mod compress;
mod connection;
mod deflate;
mod faults;
mod fields;
mod head;
mod header;
mod judge;
mod messages;
mod negotiation;
mod output;
mod probes;
mod rules;
mod session;
mod target;
mod utf8;
mod wire;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use faults::Fault;
pub use probes::Probe;
pub use rules::{Act, Asked, Rule, crashes};
pub use wire::Wire;

/// What a server is to do wrong; nothing by default.
#[derive(Default)]
pub struct Setup {
    faults: Vec<Fault>,
    rules: Vec<Rule>,
    /// `client_no_context_takeover` is in every answer to an offer.
    is_fresh: bool,
}

impl Setup {
    /// The server that is right.
    pub fn right() -> Setup {
        Setup::default()
    }

    /// The server asks its clients for `client_no_context_takeover` (RFC 7692 §7.1.1.2).
    #[must_use]
    pub fn fresh(mut self) -> Setup {
        self.is_fresh = true;
        self
    }

    /// One fault more.
    #[must_use]
    pub fn with(mut self, fault: Fault) -> Setup {
        self.faults.push(fault);
        self
    }

    /// One rule more; the first one that matches a connection is followed.
    #[must_use]
    pub fn when(mut self, rule: Rule) -> Setup {
        self.rules.push(rule);
        self
    }

    /// Listens on a free port of 127.0.0.1 and serves from threads until the [`Server`] is dropped.
    ///
    /// # Panics
    /// When there is no port or no thread.
    pub fn serve(self) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let shared = Arc::new(Shared::new(self, listener.local_addr().unwrap()));
        let accepting = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("faulty server".to_owned())
            .spawn(move || accept(&listener, &accepting))
            .unwrap();
        Server { shared, thread: Some(thread) }
    }
}

/// A running server; dropped, it ends all its connections and stops to listen.
pub struct Server {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// `ws://` and where it listens.
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What all threads of a server know.
struct Shared {
    setup: Setup,
    address: SocketAddr,
    /// Nothing is accepted or answered any more.
    stopped: AtomicBool,
    /// Nothing is answered any more, but everything stays open.
    hung: AtomicBool,
    /// How many connections were accepted.
    connections: AtomicUsize,
    /// The connections that are open, by their number.
    open: Mutex<HashMap<usize, TcpStream>>,
}

impl Shared {
    fn new(setup: Setup, address: SocketAddr) -> Shared {
        Shared {
            setup,
            address,
            stopped: AtomicBool::new(false),
            hung: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            open: Mutex::default(),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.setup.faults.contains(&fault)
    }

    /// Ends the listener and every connection.
    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        for stream in self.open().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // The listener waits in `accept`, and this is what it waits for.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// From now on no connection gets an answer.
    fn hang(&self) {
        self.hung.store(true, Ordering::SeqCst);
    }

    /// Waits for the end of the server, if it hangs.
    fn wait_if_hung(&self) {
        while self.hung.load(Ordering::SeqCst) && !self.is_stopped() {
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<usize, TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        if shared.is_stopped() {
            return;
        }
        let number = shared.connections.fetch_add(1, Ordering::SeqCst);
        let Ok(other) = stream.try_clone() else { continue };
        shared.open().insert(number, other);
        let of_thread = Arc::clone(shared);
        let spawned = thread::Builder::new().stack_size(512 << 10).spawn(move || {
            let _ = serve(stream, &of_thread, number);
            of_thread.open().remove(&number);
        });
        if spawned.is_err() {
            shared.open().remove(&number);
        }
    }
}

/// One connection, from its first octet to its end.
fn serve(stream: TcpStream, shared: &Shared, number: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LONGEST_READ))?;
    stream.set_write_timeout(Some(LONGEST_READ))?;
    let mut connection = connection::Connection::new(stream, shared);
    let ended = connection.serve(number);
    if matches!(ended, Ok(connection::End::Fin)) && !shared.is_stopped() {
        connection.drain();
    }
    ended.map(|_| ())
}

/// When a deadline of so long is over.
fn after(time: Duration) -> Instant {
    Instant::now() + time
}

/// A connection that says nothing for so long is over.
const LONGEST_READ: Duration = Duration::from_secs(60);
