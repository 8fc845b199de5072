//! Each fault changes what goes over the wire, and each rule does what it says.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use stickler_testing::faulty::{Act, Fault, Rule, Server, Setup, crashes};

const HEAD: &str = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// One that gets a 400.
const BAD_HEAD: &str = "GET / HTTP/1.1\r\n\r\n";

/// Faults that only a socket shows, see below.
const OF_SOCKETS: [Fault; 4] = [
    Fault::HeadInOneSegment,
    Fault::HeadCutInLineEnd,
    Fault::RefusalNotClosed,
    Fault::SecondRequestAnswered,
];

#[test]
fn each_fault_answers_its_probe_otherwise_than_the_right_server() {
    for fault in Fault::ALL.iter().filter(|fault| !OF_SOCKETS.contains(fault)) {
        let probe = fault.probe().unwrap_or_else(|| panic!("{fault:?} has no probe"));
        let right = Setup::right().replies(&probe);
        let wrong = Setup::right().with(*fault).replies(&probe);
        assert_ne!(right, wrong, "{fault:?}: {:?}", probe.segments);
    }
}

#[test]
fn the_right_server_answers_the_same_however_tcp_cuts() {
    for fault in Fault::ALL {
        let Some(mut probe) = fault.probe() else { continue };
        let whole = Setup::right().replies(&probe);
        let all = probe.segments.concat();
        if all.len() > 2000 {
            continue;
        }
        probe.segments = all.iter().map(|byte| vec![*byte]).collect();
        assert_eq!(Setup::right().replies(&probe), whole, "{fault:?}");
    }
}

#[test]
fn sections_and_sentences_are_whole() {
    for fault in Fault::ALL {
        assert!(fault.section().starts_with("RFC "), "{fault:?}");
        assert!(fault.sentence().ends_with('.'), "{fault:?}");
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(fault.name().chars().all(is_name), "{}", fault.name());
    }
}

/// A client on a socket.
struct Client(TcpStream);

/// How reading ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Fin,
    Reset,
    /// Nothing more came.
    Open,
}

impl Client {
    fn new(server: &Server) -> Client {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(stream)
    }

    fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// The answer up to its empty line.
    fn head(&mut self) -> String {
        let mut head = Vec::new();
        let mut byte = [0];
        self.0.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    /// All that comes; for the end of an open connection it waits this long.
    fn rest(&mut self, patience: Duration) -> (String, Ended) {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        let ended = loop {
            match self.0.read(&mut buffer) {
                Ok(0) => break Ended::Fin,
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break Ended::Open,
                Err(_) => break Ended::Reset,
            }
        };
        (String::from_utf8_lossy(&all).into_owned(), ended)
    }
}

/// For what must come.
const AMPLE: Duration = Duration::from_secs(20);
/// For what must not come.
const SHORT: Duration = Duration::from_millis(100);

#[test]
fn a_head_in_two_segments_is_refused_by_its_faults_alone() {
    let (first, second) = HEAD.split_at(HEAD.len() - 1);
    for fault in [Fault::HeadInOneSegment, Fault::HeadCutInLineEnd] {
        let server = Setup::right().with(fault).serve();
        let mut client = Client::new(&server);
        client.say(first);
        assert!(client.head().starts_with("HTTP/1.1 400 "), "{fault:?}");
    }
    let server = Setup::right().serve();
    let mut client = Client::new(&server);
    client.say(first);
    assert_eq!(client.rest(SHORT), (String::new(), Ended::Open));
    client.say(second);
    assert!(client.head().starts_with("HTTP/1.1 101 "));
}

#[test]
fn a_refusal_ends_tcp_but_for_its_fault() {
    for (setup, wanted) in
        [(Setup::right(), Ended::Fin), (Setup::right().with(Fault::RefusalNotClosed), Ended::Open)]
    {
        let server = setup.serve();
        let mut client = Client::new(&server);
        client.say(BAD_HEAD);
        let (answer, ended) = client.rest(if wanted == Ended::Fin { AMPLE } else { SHORT });
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert_eq!(ended, wanted);
    }
}

#[test]
fn a_second_request_is_answered_by_its_fault_alone() {
    for (setup, answers) in
        [(Setup::right(), 1), (Setup::right().with(Fault::SecondRequestAnswered), 2)]
    {
        let server = setup.serve();
        let mut client = Client::new(&server);
        client.say(BAD_HEAD.repeat(2));
        let (all, ended) = client.rest(AMPLE);
        assert_eq!((all.matches("HTTP/1.1 400 ").count(), ended), (answers, Ended::Fin));
    }
}

#[test]
fn rules_do_what_they_say_and_only_where_they_match() {
    for act in Act::WAYS_TO_FAIL.into_iter().chain([Act::ZeroBehindAnswer]) {
        let server = Setup::right().when(Rule::having("X-Bad: 1", act)).serve();
        let mut client = Client::new(&server);
        client.say(HEAD);
        assert!(client.head().starts_with("HTTP/1.1 101 "), "{act:?}");
        let mut client = Client::new(&server);
        client.say(HEAD.replace("\r\n\r\n", "\r\nX-Bad: 1\r\n\r\n"));
        let (said, ended) = client.rest(if act == Act::Silence { SHORT } else { AMPLE });
        let (begin, end) = match act {
            Act::Reset => ("", Ended::Reset),
            Act::End => ("", Ended::Fin),
            Act::Status500 => ("HTTP/1.1 500 ", Ended::Fin),
            Act::Silence => ("", Ended::Open),
            Act::Garbage => ("\0", Ended::Fin),
            _ => ("HTTP/1.1 101 ", Ended::Fin),
        };
        assert!(said.starts_with(begin), "{act:?}: {said}");
        assert_eq!(said.is_empty(), begin.is_empty(), "{act:?}: {said}");
        assert_eq!(ended, end, "{act:?}");
        assert_eq!(said.ends_with("\r\n\r\n0"), act == Act::ZeroBehindAnswer, "{act:?}: {said}");
        if act == Act::EndWithinAnswer {
            assert!(!said.contains("\r\n\r\n"), "{said}");
        }
    }
}

#[test]
fn a_rule_can_name_the_connection() {
    let server = Setup::right().when(Rule::new(|asked| asked.number == 1, Act::End)).serve();
    let answers = [0, 1, 2].map(|_| {
        let mut client = Client::new(&server);
        client.say(HEAD);
        client.0.shutdown(std::net::Shutdown::Write).unwrap();
        client.rest(AMPLE).0.starts_with("HTTP/1.1 101 ")
    });
    assert_eq!(answers, [true, false, true]);
}

#[test]
fn a_server_that_stops_is_gone_for_all() {
    let server = crash("stops-at-a-target");
    let mut other = Client::new(&server);
    other.say(HEAD);
    other.head();
    let mut client = Client::new(&server);
    client.say(HEAD.replace("GET / ", "GET /< "));
    assert_ne!(client.rest(AMPLE).1, Ended::Open);
    assert_ne!(other.rest(AMPLE).1, Ended::Open);
    // The listener goes after its connections.
    while TcpStream::connect(server.address()).is_ok() {
        std::thread::yield_now();
    }
}

#[test]
fn a_server_that_hangs_answers_nobody_and_ends_when_it_is_dropped() {
    let server = crash("hangs-at-a-compressed-and-an-empty-text");
    let mut client = Client::new(&server);
    client.say(HEAD);
    client.head();
    client.say([&[0xc1, 0x81, 0, 0, 0, 0, 0x61][..], &[0x81, 0x80, 0, 0, 0, 0]].concat());
    assert_eq!(client.rest(SHORT), (String::new(), Ended::Open));
    let mut other = Client::new(&server);
    other.say(HEAD);
    assert_eq!(other.rest(SHORT), (String::new(), Ended::Open));
    drop(server);
    assert_ne!(other.rest(AMPLE).1, Ended::Open);
}

fn crash(name: &str) -> Server {
    let rule = crashes().into_iter().find(|(one, _)| *one == name).unwrap().1;
    Setup::right().when(rule).serve()
}
