//! Behind proxies, over TCP: whose connection it is, what a client can forge, and whose place it takes.
#![cfg(feature = "server")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stickler::http::{Request, Response};
use stickler::{
    AllowedOrigin, Authority, Body, Caps, Config, ForwardedFields, Incoming, Inspect, Inspected,
    InspectedFrame, Listen, Policy, Server, Timeouts, TransportAddr, TrustedProxies,
};
use stickler_testing::claims;
use stickler_testing::tcp::{Client, PATIENCE, Running};

/// The proxies are this machine and a network.
fn proxies() -> TrustedProxies {
    TrustedProxies::new(["127.0.0.1", "10.0.0.0/8", "2001:db8:aaaa::/48"]).unwrap()
}

fn listen() -> Listen {
    Listen::tcp("127.0.0.1:0").unwrap()
}

fn bind(listen: Listen) -> Server {
    Server::listen(listen).unwrap().workers(1).http(who)
}

/// Tells whose request it is.
async fn who(request: Request<Body>) -> Response<String> {
    let extensions = request.extensions();
    let client = extensions.get::<SocketAddr>().map(ToString::to_string).unwrap_or_default();
    let transport = extensions.get::<TransportAddr>().map(|address| address.0.ip().to_string());
    Response::new(format!("{client} by {}", transport.unwrap_or_default()))
}

/// Tells it in a message, and then echoes.
async fn who_is_there(incoming: Incoming) -> stickler::Result<()> {
    let said = |client: Option<SocketAddr>, transport: Option<SocketAddr>| {
        format!("{} by {}", client.unwrap(), transport.unwrap().ip())
    };
    let asked = said(incoming.peer_addr(), incoming.transport_addr());
    let mut socket = incoming.accept()?;
    assert_eq!(asked, said(socket.peer_addr(), socket.transport_addr()));
    socket.send(asked)?;
    while let Some(message) = socket.recv().await? {
        socket.send(message)?;
    }
    Ok(())
}

fn serve(server: Server) -> Running {
    Running::of(server.start(who_is_there).unwrap())
}

fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
}

fn upgrade(fields: &str) -> String {
    get(&format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}"
    ))
}

/// The status of the answer, and its content.
fn ask(server: &Running, bytes: impl AsRef<[u8]>) -> (u16, String) {
    let mut client = server.connect();
    client.send(bytes);
    answer(&mut client)
}

fn answer(client: &mut Client) -> (u16, String) {
    let text = String::from_utf8(client.rest()).unwrap();
    let (head, content) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    (status.unwrap_or(0), content.to_owned())
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

/// What a client sends through a proxy at 127.0.0.1 that appends what it sees; the client is 192.0.2.1.
const X_FORWARDED: &[(&str, &str, &str)] = &[
    ("honest", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1:0"),
    ("own-field-before", "X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n", "192.0.2.1:0"),
    ("private-before", "X-Forwarded-For: 10.0.0.9, 192.0.2.1\r\n", "192.0.2.1:0"),
    ("loopback-before", "X-Forwarded-For: 127.0.0.1, 192.0.2.1\r\n", "192.0.2.1:0"),
    (
        "own-line-before",
        "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.1\r\n",
        "192.0.2.1:0",
    ),
    ("other-family", "Forwarded: for=203.0.113.9\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1:0"),
    ("other-name", "X-Real-IP: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1:0"),
    ("two-proxies", "X-Forwarded-For: 203.0.113.9, 192.0.2.1, 10.0.0.7\r\n", "192.0.2.1:0"),
    ("empty-members", "X-Forwarded-For: 203.0.113.9,, ,192.0.2.1, ,\r\n", "192.0.2.1:0"),
    ("port", "X-Forwarded-For: 203.0.113.9, 192.0.2.1:4711\r\n", "192.0.2.1:4711"),
    ("ipv6", "X-Forwarded-For: 203.0.113.9, 2001:db8::1\r\n", "[2001:db8::1]:0"),
    ("ipv6-proxy", "X-Forwarded-For: 192.0.2.1, [2001:db8:aaaa::1]:80\r\n", "192.0.2.1:0"),
    ("mapped", "X-Forwarded-For: ::ffff:192.0.2.1, ::ffff:10.0.0.7\r\n", "192.0.2.1:0"),
    ("quoted-comma", "X-Forwarded-For: \"203.0.113.9, 192.0.2.1\r\n", "192.0.2.1:0"),
    ("unknown-before", "X-Forwarded-For: unknown, 192.0.2.1\r\n", "192.0.2.1:0"),
    ("unknown", "X-Forwarded-For: 203.0.113.9, unknown, 10.0.0.7\r\n", "10.0.0.7:0"),
    ("obfuscated", "X-Forwarded-For: 203.0.113.9, _x, 10.0.0.7\r\n", "10.0.0.7:0"),
    ("malformed", "X-Forwarded-For: 203.0.113.9, 192.0.2.1 x, 10.0.0.7\r\n", "10.0.0.7:0"),
    ("leading-zeros", "X-Forwarded-For: 203.0.113.9, 192.0.2.01, 10.0.0.7\r\n", "10.0.0.7:0"),
];

const FORWARDED: &[(&str, &str, &str)] = &[
    ("honest", "Forwarded: for=192.0.2.1\r\n", "192.0.2.1:0"),
    ("own-field-before", "Forwarded: for=203.0.113.9, for=192.0.2.1\r\n", "192.0.2.1:0"),
    (
        "other-family",
        "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=192.0.2.1;proto=http\r\n",
        "192.0.2.1:0",
    ),
    ("proxies", "Forwarded: for=192.0.2.1;by=_a, For=\"10.0.0.7:80\"\r\n", "192.0.2.1:0"),
    ("mapped", "Forwarded: for=\"[::ffff:192.0.2.1]:5\"\r\n", "192.0.2.1:5"),
    ("obfuscated", "Forwarded: for=203.0.113.9, for=_x, for=10.0.0.7\r\n", "10.0.0.7:0"),
    ("without-for", "Forwarded: for=203.0.113.9, proto=https, for=10.0.0.7\r\n", "10.0.0.7:0"),
    ("twice", "Forwarded: for=203.0.113.9, for=192.0.2.1;for=203.0.113.9\r\n", PEER),
    ("open-quote", "Forwarded: for=203.0.113.9;x=\", for=192.0.2.1\r\n", PEER),
    ("open-quote-closed", "Forwarded: for=203.0.113.9;x=\", for=\"[2001:db8::1]\"\r\n", PEER),
    ("quoted-comma", "Forwarded: x=\"a,for=203.0.113.9\", for=192.0.2.1\r\n", "192.0.2.1:0"),
];

/// The proxy's own address, whatever its port.
const PEER: &str = "127.0.0.1:";

#[test]
fn a_client_cannot_forge_its_address() {
    let forwarded = proxies().fields(ForwardedFields::Forwarded);
    for (trusted, rows) in [(proxies(), X_FORWARDED), (forwarded, FORWARDED)] {
        let server = serve(bind(listen()).trusted_proxies(trusted));
        for (id, fields, expect) in rows {
            let (status, who) = ask(&server, get(fields));
            assert_eq!(status, 200, "{id}");
            let is_so = match *expect {
                PEER => who.starts_with(PEER),
                expect => who == format!("{expect} by 127.0.0.1"),
            };
            assert!(is_so, "{id}: {who}");
        }
        server.stop();
    }
}

#[test]
fn what_a_peer_says_that_is_no_trusted_proxy_is_not_read() {
    let elsewhere = TrustedProxies::new(["192.0.2.0/24"]).unwrap().believe_proto(true).unix(true);
    for server in [bind(listen()), bind(listen()).trusted_proxies(elsewhere)] {
        let server = serve(server);
        let fields = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n";
        assert!(ask(&server, get(fields)).1.starts_with(PEER));
        let https = get(fields).replace("GET / ", "GET https://h/ ");
        assert_eq!(ask(&server, https).0, 421);
        server.stop();
    }
}

#[test]
fn a_websocket_has_the_address_of_its_client_and_of_the_proxy() {
    let server = serve(bind(listen()).trusted_proxies(proxies()));
    let mut client = server.connect();
    client.send(upgrade("X-Forwarded-For: 192.0.2.1:7\r\n"));
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.frame().1, b"192.0.2.1:7 by 127.0.0.1");
    server.stop();
}

#[test]
fn s9110_7_4_what_a_trusted_proxy_says_of_the_scheme_counts() {
    claims!("9110-7.4-01");
    let hsts = Config::default().hsts(Duration::from_secs(60));
    let believing = proxies().believe_proto(true);
    let policy = Policy::default().origins([AllowedOrigin::SameHost]);
    let server = |config: Config, trusted| {
        serve(bind(listen()).config(config.policy(policy.clone())).trusted_proxies(trusted))
    };
    let https = "GET https://h/ HTTP/1.1\r\nHost: h\r\n";
    let says = |scheme: &str| format!("X-Forwarded-Proto: {scheme}\r\n");
    let origin = |fields: &str| upgrade(&format!("Origin: http://h\r\n{fields}"));
    let status = |server: &Running, bytes: String| {
        let mut client = server.connect();
        client.send(bytes);
        let head = client.head();
        (head.status(), head.field("strict-transport-security").is_some())
    };
    let trusting = server(hsts.clone(), believing);
    assert_eq!(status(&trusting, format!("{https}{}\r\n", says("https"))), (200, true));
    assert_eq!(status(&trusting, format!("{https}{}\r\n", says("http"))), (421, false));
    assert_eq!(status(&trusting, format!("{https}{}\r\n", says("ftp"))), (421, false));
    assert_eq!(status(&trusting, format!("{https}\r\n")), (421, false));
    assert_eq!(status(&trusting, origin(&says("https"))).0, 403);
    assert_eq!(status(&trusting, origin(&says("http"))).0, 101);
    trusting.stop();
    // What a policy says of the transport, a proxy knows better.
    let secure = Policy::default().secure(true);
    let trusting = bind(listen()).policy(secure).trusted_proxies(proxies().believe_proto(true));
    let trusting = serve(trusting);
    assert_eq!(status(&trusting, format!("{https}\r\n")).0, 200);
    assert_eq!(status(&trusting, format!("{https}{}\r\n", says("http"))).0, 421);
    trusting.stop();
    let modest = server(hsts, proxies());
    assert_eq!(status(&modest, format!("{https}{}\r\n", says("https"))), (421, false));
    modest.stop();
}

#[test]
fn s9110_7_4_what_a_trusted_proxy_says_of_the_host_counts_where_it_is_believed() {
    let own: Authority = "chat.example".parse().unwrap();
    let policy = Policy::default().own_hosts([own]);
    let ask_of = |trusted: TrustedProxies, fields: &str| {
        let server = serve(bind(listen()).policy(policy.clone()).trusted_proxies(trusted));
        let status = ask(&server, get(fields)).0;
        server.stop();
        status
    };
    let fields = "X-Forwarded-Host: chat.example\r\n";
    assert_eq!(ask_of(proxies().believe_host(true), fields), 200);
    assert_eq!(ask_of(proxies(), fields), 421);
    assert_eq!(ask_of(proxies().believe_host(true), "X-Forwarded-Host: a b\r\n"), 421);
    let forwarded = proxies().fields(ForwardedFields::Forwarded).believe_host(true);
    assert_eq!(ask_of(forwarded, "Forwarded: for=192.0.2.1;host=\"chat.example\"\r\n"), 200);
}

fn of_client(address: &str) -> String {
    upgrade(&format!("X-Forwarded-For: {address}\r\n"))
}

#[test]
fn the_cap_per_address_counts_clients_behind_a_proxy() {
    let server = bind(listen()).trusted_proxies(proxies()).max_connections_per_address(1);
    let server = serve(server);
    let mut first = server.connect();
    first.send(of_client("192.0.2.1"));
    assert_eq!(first.head().status(), 101);
    assert_eq!(ask(&server, of_client("192.0.2.1")).0, 503);
    assert_eq!(server.handle.counters().refused_per_address, 1);
    let mut other = server.connect();
    other.send(of_client("192.0.2.2"));
    assert_eq!(other.head().status(), 101);
    // Plain requests take a place, too.
    assert_eq!(ask(&server, get("X-Forwarded-For: 192.0.2.2\r\n")).0, 503);
    drop(first);
    until("the place comes back", || {
        let mut again = server.connect();
        again.send(of_client("192.0.2.1"));
        again.head().status() == 101
    });
    server.stop();
}

#[test]
fn caps_that_change_hold_for_clients_behind_a_proxy_too() {
    let server = bind(listen()).trusted_proxies(proxies()).max_connections_per_address(1);
    let server = serve(server);
    let open = || {
        let mut client = server.connect();
        client.send(of_client("192.0.2.1"));
        (client.head().status(), client)
    };
    let (first, second) = (open(), open());
    assert_eq!((first.0, second.0), (101, 503));
    server.handle.reload_caps(Caps::default().max_connections_per_address(2)).unwrap();
    let (third, fourth) = (open(), open());
    assert_eq!((third.0, fourth.0), (101, 503));
    drop((first, third));
    server.stop();
}

#[test]
fn the_rate_per_address_counts_clients_behind_a_proxy() {
    let server = bind(listen()).trusted_proxies(proxies()).max_handshakes_per_address(2);
    let server = serve(server);
    let statuses: Vec<_> =
        (0..6).map(|_| ask(&server, get("X-Forwarded-For: 192.0.2.1\r\n")).0).collect();
    assert_eq!(statuses[..2], [200, 200]);
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(ask(&server, get("X-Forwarded-For: 192.0.2.2\r\n")).0, 200);
    server.stop();
}

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\x7f\0\0\x01\x30\x39\0\x50";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const V1: &[u8] = b"PROXY TCP4 192.0.2.1 127.0.0.1 12345 80\r\n";
const NAMED: &str = "192.0.2.1:12345 by 127.0.0.1";

fn behind_header() -> Server {
    bind(listen().proxy_protocol())
}

fn with(header: &[u8], request: &str) -> Vec<u8> {
    [header, request.as_bytes()].concat()
}

#[test]
fn a_proxy_header_names_the_client_however_it_is_cut() {
    for server in [behind_header(), behind_header().trusted_proxies(proxies())] {
        let server = serve(server);
        for header in [V1, V2] {
            let bytes = with(header, &get(""));
            assert_eq!(ask(&server, &bytes), (200, NAMED.to_owned()));
            let mut drips = server.connect();
            for byte in &bytes {
                drips.send([*byte]);
            }
            assert_eq!(answer(&mut drips), (200, NAMED.to_owned()));
            for cut in [1, 12, 16, header.len() - 1, header.len(), header.len() + 1] {
                let mut client = server.connect();
                let (front, back) = bytes.split_at(cut);
                client.send(front);
                std::thread::yield_now();
                client.send(back);
                assert_eq!(answer(&mut client), (200, NAMED.to_owned()), "{cut}");
            }
        }
        let (status, who) = ask(&server, with(LOCAL, &get("")));
        assert!(status == 200 && who.starts_with(PEER), "{who}");
        let (status, who) = ask(&server, with(b"PROXY UNKNOWN\r\n", &get("")));
        assert!(status == 200 && who.starts_with(PEER), "{who}");
        assert_eq!(server.handle.counters().proxy_header_faults, 0);
        server.stop();
    }
}

#[test]
fn a_websocket_behind_a_header_has_its_client() {
    let server = serve(behind_header());
    let mut client = server.connect();
    client.send(with(V2, &upgrade("")));
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.frame().1, NAMED.as_bytes());
    server.stop();
}

/// Notes what it is told of connections, and wants no frames.
#[derive(Debug, Default)]
struct Noted(Mutex<Vec<Inspected>>);

impl Inspect for Noted {
    fn connection(&self, connection: &Inspected) -> bool {
        self.0.lock().unwrap().push(connection.clone());
        false
    }

    fn frame(&self, _: &InspectedFrame<'_>) {}
}

#[test]
fn an_inspected_connection_behind_a_header_has_both_its_addresses() {
    let noted = Arc::new(Noted::default());
    let server = serve(behind_header().config(Config::default().inspect(noted.clone())));
    let mut client = server.connect();
    client.send(with(V2, &upgrade("")));
    assert_eq!(client.head().status(), 101);
    client.frame();
    // It is told once the 101 is written, which the client may read before.
    until("nobody was told", || !noted.0.lock().unwrap().is_empty());
    let connection = noted.0.lock().unwrap().remove(0);
    assert_eq!(connection.peer_addr(), Some("192.0.2.1:12345".parse().unwrap()));
    assert_eq!(connection.local_addr(), Some(server.handle.local_addrs()[0]));
    server.stop();
}

/// Whatever comes of the connection: nothing, and its end or a reset.
fn is_cut(server: &Running, bytes: &[u8]) -> bool {
    let mut stream = TcpStream::connect(server.handle.local_addrs()[0]).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let is_late = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    answer.is_empty() && !is_late
}

#[test]
fn without_a_right_header_there_is_no_answer() {
    let server = serve(behind_header());
    let wrong: &[&[u8]] = &[
        get("").as_bytes(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PROXY TCP4 192.0.2.1 127.0.0.1 012345 80\r\n",
        b"proxy TCP4 192.0.2.1 127.0.0.1 12345 80\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x04\x00",
    ]
    .map(|bytes| with(bytes, &get("")))
    .map(|bytes| &*bytes.leak());
    for (count, bytes) in (1..).zip(wrong) {
        assert!(is_cut(&server, bytes), "{}", bytes.escape_ascii());
        until("it is counted", || server.handle.counters().proxy_header_faults == count);
    }
    // A second header is none, but HTTP, in which it is an error.
    assert_eq!(ask(&server, [V1, V1, get("").as_bytes()].concat()).0, 400);
    server.stop();
}

#[test]
fn a_header_has_the_time_of_the_opening_handshake() {
    let timeouts = Timeouts::default().handshake(Duration::from_millis(60));
    let server = serve(behind_header().timeouts(timeouts));
    assert!(is_cut(&server, b""));
    assert_eq!(server.handle.counters().proxy_header_faults, 0);
    assert!(is_cut(&server, &V2[..20]));
    until("half a header is counted", || server.handle.counters().proxy_header_faults == 1);
    // What is left of the time is for the head.
    assert_eq!(ask(&server, with(V2, "GET / HT")).0, 408);
    server.stop();
}

#[test]
fn a_header_is_believed_of_trusted_proxies_only() {
    let elsewhere = TrustedProxies::new(["192.0.2.0/24"]).unwrap();
    let server = serve(behind_header().trusted_proxies(elsewhere));
    assert!(is_cut(&server, &with(V1, &get(""))));
    until("it is counted", || server.handle.counters().proxy_header_faults == 1);
    // A health check of this machine speaks for itself.
    assert_eq!(ask(&server, with(LOCAL, &get(""))).0, 200);
    server.stop();
}

#[test]
fn once_a_reload_names_proxies_other_processes_of_this_machine_are_not_believed() {
    let server = serve(behind_header());
    assert_eq!(ask(&server, with(V1, &get(""))), (200, NAMED.to_owned()));
    let trusting = |network| {
        let proxies = TrustedProxies::new([network]).unwrap();
        server.handle.reload_config(Config::default().trusted_proxies(proxies)).unwrap();
    };
    trusting("192.0.2.0/24");
    assert!(is_cut(&server, &with(V1, &get(""))));
    until("it is counted", || server.handle.counters().proxy_header_faults == 1);
    assert_eq!(ask(&server, with(LOCAL, &get(""))).0, 200);
    trusting("127.0.0.1");
    assert_eq!(ask(&server, with(V1, &get(""))), (200, NAMED.to_owned()));
    server.stop();
}

#[test]
fn behind_a_header_of_a_trusted_proxy_the_fields_count() {
    let trusted = TrustedProxies::new(["127.0.0.1", "192.0.2.1"]).unwrap();
    let server = serve(behind_header().trusted_proxies(trusted));
    let fields = get("X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\n");
    let (_, who) = ask(&server, with(V1, &fields));
    assert_eq!(who, "198.51.100.7:0 by 127.0.0.1");
    server.stop();
    let server = serve(behind_header().trusted_proxies(proxies()));
    assert_eq!(ask(&server, with(V1, &fields)).1, NAMED);
    server.stop();
}

/// The peer is a proxy that is trusted, and passes TCP on: the fields are the client's.
#[test]
fn behind_a_header_that_names_no_client_the_fields_are_a_forgery() {
    let trusted = proxies().believe_proto(true).believe_host(true);
    let server = serve(behind_header().trusted_proxies(trusted).max_connections_per_address(1));
    let forged =
        "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: forged\r\n";
    for header in [b"PROXY UNKNOWN\r\n", LOCAL, UNSPEC, &of_unix()[..]] {
        let (status, who) = ask(&server, with(header, &get(forged)));
        assert!(status == 200 && who.starts_with(PEER), "{who}");
        let https = get(forged).replace("GET /", "GET https://h/");
        assert_eq!(ask(&server, with(header, &https)).0, 421);
    }
    // The limit is that of the address that the socket has.
    let mut first = server.connect();
    first.send(with(UNSPEC, &upgrade("X-Forwarded-For: 192.0.2.9\r\n")));
    assert_eq!(first.head().status(), 101);
    assert_eq!(ask(&server, with(UNSPEC, &get("X-Forwarded-For: 192.0.2.10\r\n"))).0, 503);
    server.stop();
}

/// Version 2, of a family that is not said.
const UNSPEC: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x00\0\0";

/// The same of a Unix socket of the proxy.
fn of_unix() -> Vec<u8> {
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8", &[0; 216][..]].concat()
}

#[test]
fn tls_that_a_header_tells_of_is_tls() {
    let server = serve(behind_header());
    let https = "GET https://h/ HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(ask(&server, with(V2, https)).0, 421);
    let ssl = |client: u8| {
        let mut header = [V2, &[0x20, 0, 5, client, 0, 0, 0, 0]].concat();
        header[15] += 8;
        header
    };
    assert_eq!(ask(&server, with(&ssl(1), https)).0, 200);
    assert_eq!(ask(&server, with(&ssl(0), https)).0, 421);
    server.stop();
}

#[test]
fn caps_count_the_clients_of_headers() {
    let server = serve(behind_header().max_connections_per_address(1).max_connections(2));
    let mut first = server.connect();
    first.send(with(V2, &upgrade("")));
    assert_eq!(first.head().status(), 101);
    assert_eq!(ask(&server, with(V1, &get(""))).0, 503);
    assert_eq!(server.handle.counters().refused_per_address, 1);
    // A client without a place has no more time than at the door.
    let mut silent = server.connect();
    silent.send(V1);
    let begun = Instant::now();
    assert_eq!(silent.rest(), b"");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let mut second = server.connect();
    second.send(with(b"PROXY TCP4 192.0.2.2 127.0.0.1 1 80\r\n", &upgrade("")));
    assert_eq!(second.head().status(), 101);
    // No place at all: the answer stands behind the header, which is no request.
    assert_eq!(ask(&server, with(V2, &get(""))).0, 503);
    server.stop();
}

#[test]
fn a_listener_for_other_machines_wants_trusted_proxies() {
    let everywhere = || Listen::tcp("0.0.0.0:0").unwrap().proxy_protocol();
    let error = bind(everywhere()).start(who_is_there).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("PROXY protocol"), "{error}");
    let nobody = TrustedProxies::new([""; 0]).unwrap().unix(true);
    assert!(bind(everywhere()).trusted_proxies(nobody).start(who_is_there).is_err());
    serve(bind(everywhere()).trusted_proxies(proxies())).stop();
}

#[cfg(unix)]
#[test]
fn a_unix_socket_has_proxies_where_that_is_said() {
    use std::os::unix::net::UnixStream;
    let folder = stickler_testing::folder::Folder::new("proxies");
    let path = folder.socket();
    let ask = |listen: Listen, trusted: Option<TrustedProxies>, bytes: &[u8]| {
        let server = bind(listen);
        let server = match trusted {
            Some(trusted) => server.trusted_proxies(trusted),
            None => server,
        };
        let server = serve(server);
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        server.stop();
        answer.rsplit("\r\n").next().unwrap().to_owned()
    };
    let request = get("X-Forwarded-For: 192.0.2.1\r\n");
    let plain = || Listen::unix(&path);
    assert_eq!(ask(plain(), Some(proxies().unix(true)), request.as_bytes()), "192.0.2.1:0 by ");
    assert_eq!(ask(plain(), Some(proxies()), request.as_bytes()), " by ");
    let header = with(V2, &get(""));
    assert_eq!(ask(plain().proxy_protocol(), None, &header), "192.0.2.1:12345 by ");
}
