//! Requests that no one wrote down: changed at random, they are answered alike however they are
//! cut, they never panic, and httparse agrees with the scanner on what is well-formed.

use super::*;

const SEEDS: [&str; 6] = [
    HANDSHAKE,
    "\r\nHEAD http://[::1]:80/a%20b?c HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
    "GET /?x HTTP/1.1\r\nHost: h:80\r\nTransfer-Encoding: gzip;a=\"b\\\",\", chunked\r\nContent-Length: 0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.example\r\nOrigin: https://a.example null\r\nUpgrade: a/1,websocket\r\nConnection: x, upgrade\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: a, b\r\n\
     Sec-WebSocket-Extensions: x;y=\"1\\2\";z, w\r\n\r\n",
    "\r\nPROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    "\r\n\r\n\0\r\nQUIT\n!",
];

/// What is put into a request: octets that mean something somewhere.
const OCTETS: &[u8] =
    b"\r\n\r\n\t  ,,;;::==\"\"\\//??#%@[]{}()<>\0\x01\x7f\x80\xe9\xffA09zHTTP/1.1";

#[test]
fn changed_requests_are_answered_alike_however_they_are_cut() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let policy = Policy::default()
        .origins(["https://a.example".parse().unwrap(), "same-host".parse().unwrap()])
        .subprotocols(["b".parse().unwrap()]);
    let limits = HeadLimits::default();
    for round in 0..20_000 {
        let mut request = SEEDS[random.below(SEEDS.len())].as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(request.len());
            let octet = OCTETS[random.below(OCTETS.len())];
            match random.below(4) {
                0 => request[at] = octet,
                1 => request.insert(at, octet),
                2 if request.len() > 1 => drop(request.remove(at)),
                _ => request.truncate(at + 1),
            }
        }
        let len = request.len();
        let whole = answer(&request, [len].into_iter(), &policy);
        assert_eq!(
            answer(&request, 1..=len, &policy),
            whole,
            "{round}: {:?}",
            String::from_utf8_lossy(&request)
        );
        let cut = random.below(len + 1);
        assert_eq!(answer(&request, [cut, len].into_iter(), &policy), whole, "{round} at {cut}");

        // `Request::parse` says what the scanner says, and httparse finds nothing that it missed.
        let scanned = HeadScanner::new().scan(&request, &limits);
        match scanned {
            Ok(Some(head)) => assert!(
                reads_in_httparse(&request[..head]),
                "{round}: {:?}",
                String::from_utf8_lossy(&request)
            ),
            Ok(None) => assert!(Request::parse(&request, &limits).is_err()),
            Err(refusal) => assert_eq!(Request::parse(&request, &limits).unwrap_err(), refusal),
        }
    }
}

/// Whether httparse reads the fields of the head to its end.
fn reads_in_httparse(head: &[u8]) -> bool {
    let line = head
        .strip_prefix(b"\r\n")
        .unwrap_or(head)
        .windows(2)
        .position(|pair| pair == b"\r\n")
        .unwrap();
    let start = head.len() - head.strip_prefix(b"\r\n").unwrap_or(head).len() + line + 2;
    let mut lines = [httparse::EMPTY_HEADER; 100];
    matches!(httparse::parse_headers(&head[start..], &mut lines), Ok(httparse::Status::Complete((len, _))) if start + len == head.len())
}

/// Marsaglia's xorshift: the same requests on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}
