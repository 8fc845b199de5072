//! The opening handshake from the other side: what a client sends, and which responses it lets pass
//! (RFC 6455 §4.1). Each response is read whole, octet by octet, cut at every position, and with the
//! first frame behind it.

use stickler::proto::handshake::client::{
    Asked, DeflateAnswer, InvalidOpening, MAX_INTERIM, Opening, ResponseFault, ResponseHead,
    ResponseReader,
};
use stickler::proto::handshake::{AllowedOrigin, HeadLimits, Policy, Request, Verdict, judge};
use stickler_testing::claims;
use stickler_testing::random::Random;

use ResponseFault::*;

/// A response, what was asked for, and what a client makes of it.
struct Row {
    id: &'static str,
    subprotocols: &'static [&'static str],
    extensions: Option<&'static str>,
    response: String,
    expect: Result<&'static str, ResponseFault>,
}

/// A response to a request that offers nothing.
fn row(id: &'static str, response: String, expect: Result<&'static str, ResponseFault>) -> Row {
    Row { id, subprotocols: &[], extensions: None, response, expect }
}

/// Fields of a 101 to a request that offers these extensions.
fn deflate(
    extensions: &'static str,
    answer: &str,
    expect: Result<&'static str, ResponseFault>,
) -> Row {
    let response = switching(&format!("{GOOD}Sec-WebSocket-Extensions: {answer}\r\n"));
    Row { extensions: Some(extensions), ..row("7692-7-08", response, expect) }
}

/// Fields of a 101 to a request for `chat` and `Superchat`.
fn subprotocol(fields: &str, expect: Result<&'static str, ResponseFault>) -> Row {
    let response = switching(&format!("{GOOD}{fields}"));
    Row { subprotocols: &["chat", "Superchat"], ..row("6455-4.1-11", response, expect) }
}

fn switching(fields: &str) -> String {
    format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n")
}

const GOOD: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/// The good fields with one line replaced, or left out.
fn with(name: &str, line: &str) -> String {
    let lines =
        GOOD.split_inclusive("\r\n").map(|old| if old.starts_with(name) { line } else { old });
    switching(&lines.collect::<String>())
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    vec![
        // The status, and what comes before it.
        row("6455-4.1-07", switching(GOOD), Ok("")),
        row("6455-4.1-07", "HTTP/1.1 101 \r\n".to_owned() + GOOD + "\r\n", Ok("")),
        row("6455-4.1-07", format!("HTTP/1.1 200 OK\r\n{GOOD}\r\n"), Err(NotSwitching)),
        row("6455-4.1-07", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n".into(), Err(NotSwitching)),
        row("6455-4.1-07", "HTTP/1.0 404 No\r\n\r\n".into(), Err(NotSwitching)),
        row("9110-15.2-01", early.to_owned() + &switching(GOOD), Ok("")),
        row("9110-15.2-01", "HTTP/1.1 100 Continue\r\n\r\n".to_owned() + &switching(GOOD), Ok("")),
        row("9110-15.2-01", "HTTP/1.1 199 x\r\n\r\n".to_owned() + early + &switching(GOOD), Ok("")),
        row("9110-15.2-01", early.repeat(MAX_INTERIM) + &switching(GOOD), Ok("")),
        row("9110-15.2-01", early.to_owned() + "HTTP/1.1 503 x\r\n\r\n", Err(NotSwitching)),
        row("9110-15.2-01", early.repeat(MAX_INTERIM + 1), Err(TooManyInterim)),
        row("9110-15.2-01", early.to_owned() + &switching(""), Err(UpgradeMissing)),
        row("9110-15.2-01", format!("HTTP/1.0 101 x\r\n{GOOD}\r\n"), Err(InterimBeforeHttp11)),
        row("9110-15.2-01", "HTTP/1.0 100 x\r\n\r\n".into(), Err(InterimBeforeHttp11)),

        // Upgrade.
        row("6455-4.1-08", with("Upgrade", ""), Err(UpgradeMissing)),
        row("6455-4.1-08", with("Upgrade", "UPGRADE:\tWebSocket \r\n"), Ok("")),
        row("6455-4.1-08", with("Upgrade", "Upgrade: ,websocket,\r\n"), Ok("")),
        row("6455-4.1-08", with("Upgrade", "Upgrade:\r\n"), Err(UpgradeOther)),
        row("6455-4.1-08", with("Upgrade", "Upgrade: h2c\r\n"), Err(UpgradeOther)),
        row("6455-4.1-08", with("Upgrade", "Upgrade: websocket, h2c\r\n"), Err(UpgradeOther)),
        row("6455-4.1-08", with("Upgrade", "Upgrade: h2c\r\nUpgrade: websocket\r\n"), Err(UpgradeOther)),
        row("6455-4.1-08", with("Upgrade", "Upgrade: websocket/13\r\n"), Err(UpgradeOther)),
        row("6455-4.1-08", with("Upgrade", "Upgrade: websockets\r\n"), Err(UpgradeOther)),

        // Connection.
        row("6455-4.1-09", with("Connection", ""), Err(ConnectionMissing)),
        row("6455-4.1-09", with("Connection", "connection: keep-alive, UPGRADE\r\n"), Ok("")),
        row("6455-4.1-09", with("Connection", "Connection: x\r\nConnection: upgrade\r\n"), Ok("")),
        row("6455-4.1-09", with("Connection", "Connection: keep-alive\r\n"), Err(ConnectionWithoutUpgrade)),
        row("6455-4.1-09", with("Connection", "Connection: upgraded\r\n"), Err(ConnectionWithoutUpgrade)),
        row("6455-4.1-09", with("Connection", "Connection:\r\n"), Err(ConnectionWithoutUpgrade)),

        // Sec-WebSocket-Accept.
        row("6455-4.1-10", with("Sec", ""), Err(AcceptMissing)),
        row("6455-4.1-10", with("Sec", "sec-websocket-accept: \t s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \t\r\n"), Ok("")),
        row("6455-4.1-10", with("Sec", "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), Err(AcceptWrong)),
        row("6455-4.1-10", with("Sec", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo\r\n"), Err(AcceptWrong)),
        row("6455-4.1-10", with("Sec", "Sec-WebSocket-Accept:\r\n"), Err(AcceptWrong)),
        row("6455-4.1-10", with("Sec", &accept.repeat(2)), Err(AcceptRepeated)),

        // Extensions and subprotocols that nobody asked for.
        row("6455-4.1-12", switching(&format!("{GOOD}Sec-WebSocket-Extensions: permessage-deflate\r\n")), Err(ExtensionNotOffered)),
        row("6455-4.1-12", switching(&format!("{GOOD}Sec-WebSocket-Extensions: foo; bar=1\r\n")), Err(ExtensionNotOffered)),
        row("6455-4.1-12", switching(&format!("{GOOD}Sec-WebSocket-Extensions:\r\n")), Err(ExtensionsMalformed)),
        row("6455-4.1-12", switching(&format!("{GOOD}Sec-WebSocket-Extensions: foo=\r\n")), Err(ExtensionsMalformed)),
        row("6455-4.1-12", switching(&format!("{GOOD}Sec-WebSocket-Extensions: a{}\r\n", ",".repeat(33))), Err(TooManyEmptyMembers)),
        Row { extensions: Some("foo"), ..row("6455-4.1-12", switching(&format!("{GOOD}Sec-WebSocket-Extensions: {}bar\r\n", "foo,".repeat(20))), Err(ExtensionNotOffered)) },
        Row { extensions: Some("foo, bar"), ..row("6455-4.1-12", switching(&format!("{GOOD}Sec-WebSocket-Extensions: foo;x=1\r\nSec-WebSocket-Extensions: bar\r\n")), Ok("")) },
        row("6455-4.1-11", switching(&format!("{GOOD}Sec-WebSocket-Protocol: chat\r\n")), Err(SubprotocolNotOffered)),
        subprotocol("", Ok("")),
        subprotocol("Sec-WebSocket-Protocol: chat\r\n", Ok("chat")),
        subprotocol("sec-websocket-protocol:Superchat \r\n", Ok("Superchat")),
        subprotocol("Sec-WebSocket-Protocol: superchat\r\n", Err(SubprotocolNotOffered)),
        subprotocol("Sec-WebSocket-Protocol: chat, Superchat\r\n", Err(SubprotocolMalformed)),
        subprotocol("Sec-WebSocket-Protocol:\r\n", Err(SubprotocolMalformed)),
        subprotocol("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n", Err(SubprotocolRepeated)),

        // The 101 as a message.
        row("6455-4.1-13", switching(&format!("{GOOD}Content-Length: 0\r\n")), Err(ContentLengthIn101)),
        row("6455-4.1-13", switching(&format!("{GOOD}Transfer-Encoding: chunked\r\n")), Err(TransferEncodingIn101)),
        row("6455-4.1-13", "SSH-2.0-OpenSSH_9\r\n\r\n".into(), Err(NotHttp)),
        row("6455-4.1-13", "\r\n".to_owned() + &switching(GOOD), Err(NotHttp)),
        row("6455-4.1-13", "HTTP/2.0 101 x\r\n\r\n".into(), Err(NotHttp)),
        row("6455-4.1-13", "HTTP/1.1 1O1 x\r\n\r\n".into(), Err(StatusLineMalformed)),
        row("6455-4.1-13", switching(GOOD).replace("Upgrade\r\n", "Upgrade\n"), Err(BareLineFeed)),
        row("6455-4.1-13", switching(&format!("{GOOD}X: a\rb\r\n")), Err(FieldMalformed)),
        row("6455-4.1-13", switching(&format!("{GOOD}X : a\r\n")), Err(FieldMalformed)),
        row("6455-4.1-13", switching(&format!("{GOOD}X: a\0b\r\n")), Err(FieldMalformed)),
        row("6455-4.1-13", switching(&format!("{GOOD}X: a\r\n b\r\n")), Ok("")),
        row("6455-4.1-13", with("Upgrade", "Upgrade:\r\n  websocket\r\n"), Ok("")),
        row("6455-4.1-13", switching(&(GOOD.to_owned() + &"X: y\r\n".repeat(98))), Err(TooManyFields)),
        row("6455-4.1-13", switching(&(GOOD.to_owned() + &"X: y\r\n".repeat(97))), Ok("")),

        // What permessage-deflate may be answered with (RFC 7692 §5, §7, §7.1).
        deflate(PLAIN, "permessage-deflate", Ok("")),
        Row { id: "7692-7.1.1.2-04", ..deflate(PLAIN, "permessage-deflate; client_no_context_takeover", Ok("")) },
        Row { id: "7692-7.1.1.2-04", ..deflate(PLAIN, "permessage-deflate; server_no_context_takeover; client_no_context_takeover", Ok("")) },
        Row { id: "7692-7.1.1.2-04", ..deflate("permessage-deflate; client_no_context_takeover", "permessage-deflate; client_no_context_takeover", Ok("")) },
        deflate(PLAIN, "permessage-deflate; server_max_window_bits=10", Ok("")),
        deflate(PLAIN, "permessage-deflate; client_max_window_bits=10", Err(DeflateClientWindowUnasked)),
        deflate(PLAIN, "permessage-deflate, permessage-deflate", Err(DeflateRepeated)),
        deflate(PLAIN, "permessage-deflate; foo", Err(DeflateParameterInvalid)),
        deflate(PLAIN, "permessage-deflate; server_max_window_bits", Err(DeflateParameterInvalid)),
        deflate(PLAIN, "permessage-deflate; server_max_window_bits=16", Err(DeflateParameterInvalid)),
        deflate(PLAIN, "permessage-deflate; server_no_context_takeover=1", Err(DeflateParameterInvalid)),
        deflate(PLAIN, "permessage-deflate; server_no_context_takeover; server_no_context_takeover", Err(DeflateParameterRepeated)),
        deflate(PLAIN, "Permessage-Deflate", Err(ExtensionNotOffered)),
        deflate("permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=8", Ok("")),
        deflate("permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits", Err(DeflateParameterInvalid)),
        deflate("permessage-deflate; server_no_context_takeover", "permessage-deflate", Err(DeflateTakeoverKept)),
        deflate("permessage-deflate; server_max_window_bits=10", "permessage-deflate", Err(DeflateWindowIgnored)),
        deflate("permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=11", Err(DeflateWindowIgnored)),
        deflate("permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=\"9\"", Ok("")),
        deflate("permessage-deflate; server_max_window_bits=15", "permessage-deflate", Err(DeflateWindowIgnored)),
        deflate("permessage-deflate; server_max_window_bits=15", "permessage-deflate; server_max_window_bits=15", Ok("")),
        deflate("permessage-deflate; server_max_window_bits=9, permessage-deflate", "permessage-deflate", Ok("")),
        deflate("permessage-deflate; foo", "permessage-deflate", Err(DeflateOfferUnacceptable)),
        deflate("foo, permessage-deflate", "foo", Ok("")),
    ]
}

const PLAIN: &str = "permessage-deflate";

fn opening(subprotocols: &[&str], extensions: Option<&str>) -> Opening {
    let mut opening = Opening::new("/chat", "server.example.com", *b"the sample nonce").unwrap();
    for name in subprotocols {
        opening = opening.subprotocol(name).unwrap();
    }
    extensions.map_or(opening.clone(), |offers| opening.extensions(offers).unwrap())
}

/// Reads a response that comes in these parts.
fn read<'a>(
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<ResponseHead>, ResponseFault> {
    let (mut reader, mut received) = (ResponseReader::new(), Vec::new());
    for part in parts {
        received.extend_from_slice(part);
        if let Some(head) = reader.read(&received, &HeadLimits::default())? {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

#[test]
fn s6455_4_1_a_response_that_breaks_a_rule_fails_the_connection() {
    let mut seen = Vec::new();
    for row in rows() {
        claims!(row.id);
        let asked = opening(row.subprotocols, row.extensions).asked();
        let bytes = row.response.as_bytes();
        let verdict = |parts: Vec<&[u8]>| {
            let head = read(parts)?.expect("a response that is whole");
            assert!(head.len() <= bytes.len());
            asked.judge(&head).map(|agreed| agreed.subprotocol().unwrap_or_default().to_owned())
        };
        let expect = row.expect.map(str::to_owned);
        assert_eq!(verdict(vec![bytes]), expect, "{:?}", row.response);
        assert_eq!(verdict(bytes.chunks(1).collect()), expect, "{:?}", row.response);
        for at in 0..bytes.len().min(250) {
            let (first, second) = bytes.split_at(at);
            assert_eq!(verdict(vec![first, second]), expect, "{:?} cut at {at}", row.response);
        }
        let followed = [bytes, b"\x81\x01a"].concat();
        assert_eq!(verdict(vec![&followed]), expect, "{:?} and a frame", row.response);
        seen.extend(row.expect.err());
    }
    let missing: Vec<_> = ResponseFault::ALL.iter().filter(|fault| !seen.contains(fault)).collect();
    assert_eq!(missing, [&BareCarriageReturn, &HeadTooLarge], "rows of the table without a test");
}

#[test]
fn s9110_5_4_the_head_has_a_bound_with_all_that_is_passed_over() {
    claims!("9110-15.2-01");
    let size = HeadLimits::default().max_head_size;
    let early = format!("HTTP/1.1 103 x\r\nX: {}\r\n\r\n", "y".repeat(size - 200));
    let rest = size - early.len();
    let fields = |len: usize| {
        let bare = switching(&format!("{GOOD}X: \r\n")).len();
        switching(&format!("{GOOD}X: {}\r\n", "y".repeat(len - bare)))
    };
    let (fits, over) = (early.clone() + &fields(rest), early + &fields(rest + 1));
    assert_eq!(read([fits.as_bytes()]).unwrap().unwrap().len(), size);
    for step in [1, 1000, over.len()] {
        assert_eq!(read(over.as_bytes().chunks(step)).unwrap_err(), HeadTooLarge);
    }
    assert_eq!(read([&b"HTTP/1.1 101 x\r\n\rX\r\n"[..]]).unwrap_err(), BareCarriageReturn);
    for at in 0..switching(GOOD).len() {
        assert!(read([&switching(GOOD).as_bytes()[..at]]).unwrap().is_none(), "{at}");
    }
}

/// Whatever comes, and however it is cut, the verdict is the same.
#[test]
fn p2_responses_with_octets_changed_are_judged_alike_however_they_come() {
    claims!("6455-4.1-13");
    let mut random = Random::new(17);
    let rows = rows();
    let (mut passed, mut failed) = (0, 0);
    for _ in 0..800 {
        let row = &rows[random.below(rows.len())];
        let mut bytes = row.response.clone().into_bytes();
        bytes.truncate(300);
        for _ in 0..random.below(3) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.byte(),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b"\r\n ,:\t\0"[random.below(7)]),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let asked = opening(row.subprotocols, row.extensions).asked();
        let verdict = |parts: Vec<&[u8]>| read(parts)?.map(|head| asked.judge(&head)).transpose();
        let whole = verdict(vec![&bytes]);
        assert_eq!(
            verdict(bytes.chunks(1).collect()),
            whole,
            "{:?}",
            bytes.escape_ascii().to_string()
        );
        let at = random.below(bytes.len() + 1);
        let (first, second) = bytes.split_at(at);
        assert_eq!(verdict(vec![first, second]), whole, "{:?}", bytes.escape_ascii().to_string());
        if whole.is_ok() { passed += 1 } else { failed += 1 }
    }
    assert!(passed > 50 && failed > 50, "{passed} passed, {failed} failed");
}

/// What our client sends, our server lets pass, and with exactly this in it.
#[test]
fn s6455_4_1_the_request_is_a_lawful_opening_handshake() {
    claims!("6455-4.1-06", "6455-4.1-03", "6455-4.1-04");
    let opening = opening(&["chat", "b"], Some("permessage-deflate; client_max_window_bits"));
    let opening = opening.field("Origin", "https://a.example").unwrap();
    let head = opening.encode();
    assert_eq!(
        String::from_utf8_lossy(&head),
        "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, b\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
         Origin: https://a.example\r\n\r\n"
    );
    let request = Request::parse(&head, &HeadLimits::default()).unwrap();
    let policy = Policy::default().origins([AllowedOrigin::Any]);
    assert!(matches!(judge(&request, &policy), Ok(Verdict::WebSocket(_))));

    let new = |target, host| Opening::new(target, host, [0; 16]).map(drop);
    for target in ["", "chat", "*", "http://a/", "/a#b", "/a b", "/ä", "/a\r\nX: y", "/%zz"] {
        assert_eq!(new(target, "a"), Err(InvalidOpening::Target), "{target}");
    }
    for host in ["", "a b", "a:b", "a\r\nX: y", "user@a", "[::1"] {
        assert_eq!(new("/", host), Err(InvalidOpening::Host), "{host}");
    }
    let plain = || Opening::new("/?a=b", "[::1]:9001", [0; 16]).unwrap();
    assert_eq!(plain().subprotocol("a b").unwrap_err(), InvalidOpening::Subprotocol);
    let twice = plain().subprotocol("a").unwrap().subprotocol("a");
    assert_eq!(twice.unwrap_err(), InvalidOpening::SubprotocolRepeated);
    for offers in ["", "a=", "a\r\nX: y", ","] {
        assert_eq!(plain().extensions(offers).unwrap_err(), InvalidOpening::Extensions, "{offers}");
    }
    for (name, value) in [("Host", "b"), ("sec-websocket-key", "b"), ("a b", "c"), ("A", "b\r\nc")]
    {
        let field = plain().field(name, value);
        assert!(matches!(field, Err(InvalidOpening::Field(_))), "{name}: {value}");
    }
}

#[test]
fn s7692_7_1_the_answer_says_what_holds() {
    let asked = opening(&[], Some("permessage-deflate; client_max_window_bits")).asked();
    let answered = |answer: &str| -> DeflateAnswer {
        let response = switching(&format!("{GOOD}Sec-WebSocket-Extensions: {answer}\r\n"));
        let head = read([response.as_bytes()]).unwrap().unwrap();
        *asked.judge(&head).unwrap().deflate().unwrap()
    };
    let plain = answered("permessage-deflate");
    assert!(!plain.server_no_context_takeover() && !plain.client_no_context_takeover());
    assert_eq!((plain.server_max_window_bits(), plain.client_max_window_bits()), (15, 15));
    let full = answered(
        "permessage-deflate; server_max_window_bits=9; client_no_context_takeover; \
         client_max_window_bits=10; server_no_context_takeover",
    );
    assert!(full.server_no_context_takeover() && full.client_no_context_takeover());
    assert_eq!((full.server_max_window_bits(), full.client_max_window_bits()), (9, 10));
}

/// Requests that somebody else wrote: what is malformed in them asks for nothing.
#[test]
fn what_was_asked_is_read_from_any_request() {
    let response = switching(&format!("{GOOD}Sec-WebSocket-Protocol: b\r\n"));
    let head = read([response.as_bytes()]).unwrap().unwrap();
    let key = ("sec-websocket-key", &b" dGhlIHNhbXBsZSBub25jZQ== "[..]);
    for (protocols, expect) in [
        (&b"a, b"[..], Ok(())),
        (b"(, b", Ok(())),
        (b"a", Err(SubprotocolNotOffered)),
        (b"\"b\"", Err(SubprotocolNotOffered)),
    ] {
        let asked = Asked::of_fields([("Sec-WebSocket-Protocol", protocols), key]);
        assert_eq!(asked.judge(&head).map(drop), expect, "{protocols:?}");
    }
    assert_eq!(Asked::of_fields([]).judge(&head).map(drop), Err(AcceptWrong));
}
