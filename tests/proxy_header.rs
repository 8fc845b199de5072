//! Headers of the PROXY protocol, each fed whole, cut at every position, and beside the crate `ppp`, which reads
//! them on its own.
#![cfg(feature = "server")]

use std::net::SocketAddr;

use proxy_header::{ParseConfig, ProxyHeader as Lax};

use stickler::{ProxyHeader, ProxyHeaderFault as Fault};

/// What a header is to be read as.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expect {
    Client(&'static str),
    /// The peer keeps its own address.
    Own,
    Fault(Fault),
    /// More bytes may make it one.
    Partial,
}

use Expect::{Client, Own, Partial};

struct Row {
    id: &'static str,
    bytes: Vec<u8>,
    expect: Expect,
}

fn v1(id: &'static str, line: &str, expect: Expect) -> Row {
    Row { id, bytes: line.as_bytes().to_vec(), expect }
}

/// A header of version 2: command, family, and what stands behind the length, which is that of it.
fn v2(id: &'static str, command: u8, family: u8, rest: &[&[u8]], expect: Expect) -> Row {
    Row { id, bytes: header(command, family, &rest.concat()), expect }
}

fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &len, rest].concat()
}

const V4: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 1, 0x30, 0x39, 0x01, 0xbb];
const V4_READ: &str = "192.0.2.1:12345";

fn v6(source: &str) -> Vec<u8> {
    let source = source.parse::<std::net::Ipv6Addr>().unwrap().octets();
    [&source[..], &[0; 16], &[0x30, 0x39, 0x01, 0xbb]].concat()
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind][..], &len, value].concat()
}

/// RFC 4960 appendix B, by a division of polynomials.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut remainder = u32::MAX;
    for bit in bytes.iter().flat_map(|byte| (0..8).map(move |at| u32::from(byte >> at & 1))) {
        let is_odd = (remainder ^ bit) & 1 == 1;
        remainder = remainder >> 1 ^ if is_odd { 0x82f6_3b78 } else { 0 };
    }
    !remainder
}

const SSL: u8 = 0x20;
const AUTHORITY: u8 = 0x02;
const CRC32C: u8 = 0x03;
const NOOP: u8 = 0x04;

fn lines() -> Vec<Row> {
    let line = Expect::Fault(Fault::LineMalformed);
    let none = Expect::Fault(Fault::NoHeader);
    let long = Expect::Fault(Fault::TooLong);
    let tcp4 = |rest: &str| format!("PROXY TCP4 192.0.2.1 198.51.100.1 {rest}\r\n");
    let longest = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                   ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    vec![
        v1("tcp4", &tcp4("12345 443"), Client(V4_READ)),
        v1("tcp6", "PROXY TCP6 2001:db8::1 ::1 1 2\r\n", Client("[2001:db8::1]:1")),
        v1("mapped", "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", Client("192.0.2.1:1")),
        v1("port-0", &tcp4("0 0"), Client("192.0.2.1:0")),
        v1("unknown", "PROXY UNKNOWN\r\n", Own),
        v1("unknown-long", longest, Own),
        v1("one-more", &longest.replace("\r\n", "0\r\n"), long),
        v1("longer", &format!("PROXY UNKNOWN {}\r\n", "x".repeat(100)), long),
        v1("zeros-before-port", &tcp4("012345 443"), line),
        v1("zeros-before-second", &tcp4("12345 0443"), line),
        v1("zeros-before-address", "PROXY TCP4 192.0.02.1 198.51.100.1 1 2\r\n", line),
        v1("plus-before-port", &tcp4("+12345 443"), line),
        v1("minus-before-port", &tcp4("-1 443"), line),
        v1("port-above", &tcp4("65536 443"), line),
        v1("port-missing", &tcp4("12345"), line),
        v1("port-empty", &tcp4("12345 "), line),
        v1("port-hex", &tcp4("0x50 443"), line),
        v1("lower-case", "proxy TCP4 192.0.2.1 198.51.100.1 1 2\r\n", none),
        v1("family-lower-case", "PROXY tcp4 192.0.2.1 198.51.100.1 1 2\r\n", line),
        v1("two-spaces", "PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n", line),
        v1("two-spaces-first", "PROXY  TCP4 192.0.2.1 198.51.100.1 1 2\r\n", line),
        v1("space-at-end", &tcp4("1 2 "), line),
        v1("more-at-end", &tcp4("1 2 3"), line),
        v1("tab", "PROXY\tTCP4 192.0.2.1 198.51.100.1 1 2\r\n", none),
        v1("no-space", "PROXYxTCP4 192.0.2.1 198.51.100.1 1 2\r\n", none),
        v1("bare-lf", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n", line),
        v1("bare-lf-behind-space", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \n", line),
        v1("bare-cr", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\rx\r\n", line),
        v1("unknown-cr", "PROXY UNKNOWN x\ry\r\n", line),
        v1("unknown-glued", "PROXY UNKNOWNx\r\n", line),
        v1("unknown-glued-long", "PROXY UNKNOWNx 192.0.2.1 198.51.100.1 1 2\r\n", line),
        v1("unknown-glued-family", "PROXY UNKNOWNTCP4 192.0.2.1 198.51.100.1 1 2\r\n", line),
        v1("family-glued", "PROXY TCP4x 192.0.2.1 198.51.100.1 1 2\r\n", line),
        v1("families-mixed", "PROXY TCP4 ::1 198.51.100.1 1 2\r\n", line),
        v1("family-6-with-4", "PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n", line),
        v1("zone", "PROXY TCP6 fe80::1%1 ::1 1 2\r\n", line),
        v1("brackets", "PROXY TCP6 [::1] [::1] 1 2\r\n", line),
        v1("udp", "PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n", line),
        v1("empty", "PROXY \r\n", line),
        v1("no-utf8", "PROXY TCP4 é 198.51.100.1 1 2\r\n", line),
        v1("cut", "PROXY TCP4 192.0.2.1 198.51", Partial),
        v1("cut-at-end", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r", Partial),
        v1("http", "GET / HTTP/1.1\r\n", none),
        v1("http-post", "POST / HTTP/1.1\r\n", none),
    ]
}

fn binaries() -> Vec<Row> {
    let address = Expect::Fault(Fault::AddressInvalid);
    let bad_tlv = Expect::Fault(Fault::TlvMalformed);
    let sum = Expect::Fault(Fault::ChecksumWrong);
    let crc = tlv(CRC32C, &0xdead_beef_u32.to_be_bytes());
    let right = crc32c(&header(0x21, 0x11, &[V4, &tlv(CRC32C, &[0; 4])].concat())).to_be_bytes();
    vec![
        v2("v4", 0x21, 0x11, &[V4], Client(V4_READ)),
        v2("v6", 0x21, 0x21, &[&v6("2001:db8::1")], Client("[2001:db8::1]:12345")),
        v2("mapped", 0x21, 0x21, &[&v6("::ffff:192.0.2.1")], Client(V4_READ)),
        v2("tlvs", 0x21, 0x11, &[V4, &tlv(NOOP, b"xx"), &tlv(0xea, b"aws")], Client(V4_READ)),
        v2("local", 0x20, 0x00, &[], Own),
        v2("local-with-address", 0x20, 0x11, &[V4], Own),
        v2("local-with-anything", 0x20, 0xff, &[b"?"], Own),
        v2("unspecified", 0x21, 0x00, &[], Own),
        v2("unix", 0x21, 0x31, &[&[0; 216]], Own),
        v2("crc-right", 0x21, 0x11, &[V4, &tlv(CRC32C, &right)], Client(V4_READ)),
        v2("crc-wrong", 0x21, 0x11, &[V4, &crc], sum),
        v2("crc-short", 0x21, 0x11, &[V4, &tlv(CRC32C, &[0; 3])], bad_tlv),
        v2("crc-twice", 0x21, 0x11, &[V4, &tlv(CRC32C, &right), &crc], sum),
        v2("datagram", 0x21, 0x12, &[V4], address),
        v2("datagram-6", 0x21, 0x22, &[&v6("::1")], address),
        v2("unix-datagram", 0x21, 0x32, &[&[0; 216]], address),
        v2("family-unknown", 0x21, 0x41, &[V4], address),
        v2("protocol-unknown", 0x21, 0x13, &[V4], address),
        v2("protocol-missing", 0x21, 0x10, &[V4], address),
        v2("version-1", 0x11, 0x11, &[V4], address),
        v2("version-3", 0x31, 0x11, &[V4], address),
        v2("command-unknown", 0x22, 0x11, &[V4], address),
        v2("too-short-for-v4", 0x21, 0x11, &[&V4[..11]], address),
        v2("too-short-for-v6", 0x21, 0x21, &[V4], address),
        v2("too-short-for-unix", 0x21, 0x31, &[&[0; 215]], address),
        v2("tlv-cut", 0x21, 0x11, &[V4, &[0x04, 0x00]], bad_tlv),
        v2("tlv-longer-than-header", 0x21, 0x11, &[V4, &[0x04, 0x00, 0x02, 0]], bad_tlv),
        v2("ssl-short", 0x21, 0x11, &[V4, &tlv(SSL, &[1, 0, 0, 0])], bad_tlv),
        v2("ssl-with-a-cut-tlv", 0x21, 0x11, &[V4, &tlv(SSL, &[1, 0, 0, 0, 0, 0x21])], bad_tlv),
        v2(
            "ssl-twice",
            0x21,
            0x11,
            &[V4, &tlv(SSL, &[1, 0, 0, 0, 0]), &tlv(SSL, &[0; 5])],
            bad_tlv,
        ),
        v2("authority-no-utf8", 0x21, 0x11, &[V4, &tlv(AUTHORITY, b"\xff")], bad_tlv),
        v2("longest", 0x21, 0x11, &[V4, &tlv(NOOP, &[0; 993])], Client(V4_READ)),
        v2("too-long", 0x21, 0x11, &[V4, &tlv(NOOP, &[0; 994])], Expect::Fault(Fault::TooLong)),
        Row { id: "cut", bytes: header(0x21, 0x11, V4)[..27].to_vec(), expect: Partial },
        Row { id: "signature", bytes: b"\r\n\r\n\0\r\nQUIT".to_vec(), expect: Partial },
        Row {
            id: "signature-wrong",
            bytes: b"\r\n\r\n\0\r\nQUIT\r".to_vec(),
            expect: Expect::Fault(Fault::NoHeader),
        },
        Row {
            id: "no-signature",
            bytes: b"\r\n\r\nGET / HTTP/1.1\r\n".to_vec(),
            expect: Expect::Fault(Fault::NoHeader),
        },
        Row {
            id: "tls",
            bytes: b"\x16\x03\x01\x02\x00\x01".to_vec(),
            expect: Expect::Fault(Fault::NoHeader),
        },
    ]
}

fn read(bytes: &[u8]) -> (Expect, Option<ProxyHeader>) {
    match ProxyHeader::parse(bytes) {
        Ok(None) => (Partial, None),
        Ok(Some(header)) if header.client.is_none() => (Own, Some(header)),
        Ok(Some(header)) => (Client(""), Some(header)),
        Err(fault) => (Expect::Fault(fault), None),
    }
}

#[test]
fn headers_are_read_or_refused() {
    for Row { id, bytes, expect } in lines().into_iter().chain(binaries()) {
        let (read, header) = read(&bytes);
        match expect {
            Client(address) => {
                let header = header.unwrap_or_else(|| panic!("{id}: {read:?}"));
                assert_eq!(header.client, Some(address.parse().unwrap()), "{id}");
                assert_eq!(header.len, bytes.len(), "{id}");
            }
            expect => assert_eq!(read, expect, "{id}"),
        }
    }
}

#[test]
fn a_header_is_whole_at_its_last_byte_and_what_follows_is_left() {
    for Row { id, bytes, expect } in lines().into_iter().chain(binaries()) {
        let whole = ProxyHeader::parse(&bytes);
        let is_whole = matches!(expect, Client(_) | Own);
        for cut in 0..bytes.len() {
            match ProxyHeader::parse(&bytes[..cut]) {
                Ok(None) => {}
                // Once proven wrong it stays so.
                Err(fault) => assert_eq!(Err(fault), whole, "{id} at {cut}"),
                Ok(Some(_)) => panic!("{id} is whole at {cut}"),
            }
        }
        if is_whole {
            let more = [&bytes[..], b"PROXY \r\n\xff"].concat();
            assert_eq!(ProxyHeader::parse(&more), whole, "{id}");
        }
    }
}

/// What the crate `ppp` reads: the client, or `None` inside for none.
fn oracle(bytes: &[u8]) -> Option<Option<SocketAddr>> {
    if bytes.starts_with(b"P") {
        let header = ppp::v1::Header::try_from(bytes).ok()?;
        return Some(match header.addresses {
            ppp::v1::Addresses::Unknown => None,
            ppp::v1::Addresses::Tcp4(ip) => Some((ip.source_address, ip.source_port).into()),
            ppp::v1::Addresses::Tcp6(ip) => Some((ip.source_address, ip.source_port).into()),
        });
    }
    let header = ppp::v2::Header::try_from(bytes).ok()?;
    if header.command == ppp::v2::Command::Local {
        return Some(None);
    }
    Some(match header.addresses {
        ppp::v2::Addresses::IPv4(ip) => Some((ip.source_address, ip.source_port).into()),
        ppp::v2::Addresses::IPv6(ip) => Some((ip.source_address, ip.source_port).into()),
        _ => None,
    })
}

#[test]
fn another_reader_agrees_where_a_header_is_taken() {
    // There `ppp` does not pass over what a header of LOCAL has.
    let stricter = ["local-with-anything"];
    for Row { id, bytes, expect } in lines().into_iter().chain(binaries()) {
        let canonical = |address: SocketAddr| {
            SocketAddr::new(address.ip().to_canonical(), address.port()).to_string()
        };
        let read = oracle(&bytes).map(|client| client.map(canonical));
        match expect {
            Client(address) => assert_eq!(read, Some(Some(address.to_owned())), "{id}"),
            Own if !stricter.contains(&id) => assert_eq!(read, Some(None), "{id}"),
            _ => {}
        }
    }
}

/// Both crates let pass what is none: why the form is checked beside them.
#[test]
fn what_the_crates_let_pass_is_refused_here() {
    let config = ParseConfig::default();
    let is_whole = |bytes: &[u8]| {
        Lax::parse(bytes, config).is_ok_and(|(header, _)| header.tlvs().all(|tlv| tlv.is_ok()))
    };
    let (mut by_first, mut by_second) = (Vec::new(), Vec::new());
    for Row { id, bytes, expect } in lines().into_iter().chain(binaries()) {
        if matches!(expect, Expect::Fault(_)) {
            by_first.extend(is_whole(&bytes).then_some(id));
            by_second.extend(oracle(&bytes).is_some().then_some(id));
        }
    }
    assert!(by_first.contains(&"no-space") && by_first.contains(&"zeros-before-port"));
    assert!(by_first.contains(&"longer") && by_first.contains(&"crc-wrong"));
    assert!(by_second.contains(&"bare-lf-behind-space") && by_second.contains(&"plus-before-port"));
    println!("proxy-header: {by_first:?}\nppp: {by_second:?}");
}

#[test]
fn version_2_tells_of_tls_and_of_the_host() {
    let of = |tlvs: &[u8]| {
        let header = header(0x21, 0x11, &[V4, tlvs].concat());
        let read = ProxyHeader::parse(&header).unwrap().unwrap();
        (read.is_secure, read.server_name)
    };
    let ssl = |flags: u8| tlv(SSL, &[&[flags, 0, 0, 0, 0][..], &tlv(0x21, b"TLSv1.3")].concat());
    assert_eq!(of(b""), (None, None));
    assert_eq!(of(&ssl(1)), (Some(true), None));
    assert_eq!(of(&ssl(0)), (Some(false), None));
    assert_eq!(of(&ssl(6)), (Some(false), None));
    assert_eq!(of(&tlv(AUTHORITY, b"Chat.Example")), (None, Some("chat.example".to_owned())));
    for none in ["", "a b", "a:80", "a/b", "é"] {
        assert_eq!(of(&tlv(AUTHORITY, none.as_bytes())), (None, None), "{none}");
    }
}
