//! Probes of the opening handshake.

use super::{Probe, head};
use crate::faulty::Fault;

const EXTENSIONS: &str = "Sec-WebSocket-Extensions: ";

fn offering(value: &str) -> Option<Probe> {
    head(&[&format!("{EXTENSIONS}{value}")])
}

pub(super) fn probe(fault: Fault) -> Option<Probe> {
    match fault {
        Fault::AnyMethod => head(&[">POST / HTTP/1.1"]),
        Fault::LowerCaseMethod => head(&[">get / HTTP/1.1"]),
        Fault::HeadOpens | Fault::HeadHasContent => head(&[">HEAD / HTTP/1.1"]),
        Fault::Http10Opens => head(&[">GET / HTTP/1.0"]),
        Fault::NoVersionOpens => head(&[">GET /"]),
        Fault::NoHostOpens | Fault::HostNot400 => head(&["-Host"]),
        Fault::TwoHostsOpen => head(&["Host: other.example"]),
        Fault::AnyHost => head(&["=Host: a b"]),
        Fault::HostOfAbsoluteTarget => head(&[">GET http://other.example/ HTTP/1.1"]),
        Fault::AbsoluteTargetRefused => head(&[">GET http://h/ HTTP/1.1"]),
        Fault::AbsoluteTargetLowerCase => head(&[">GET HTTP://h/ HTTP/1.1"]),
        Fault::HttpsTargetOpens => head(&[">GET https://h/ HTTP/1.1"]),
        Fault::EmptyHostTargetOpens => head(&[">GET http:///x HTTP/1.1"]),
        Fault::SpaceBeforeColon => head(&["X : 1"]),
        Fault::FieldNameCase => {
            head(&["-Sec-WebSocket-Key", "sEC-wEBsOCKET-kEY: dGhlIHNhbXBsZSBub25jZQ=="])
        }
        Fault::FieldNameOrder => head(&["^X: 1"]),
        Fault::FoldJoined => head(&["=Sec-WebSocket-Version: 1\r\n 3"]),
        Fault::SpaceLineTaken => head(&["-Sec-WebSocket-Version", "^ Sec-WebSocket-Version: 13"]),
        Fault::BareCrEndsLine => {
            head(&["-Sec-WebSocket-Version", "X: a\rSec-WebSocket-Version: 13"])
        }
        Fault::NulEndsValue => head(&["=Sec-WebSocket-Version: 13\0 4"]),
        Fault::BadLengthOpens => head(&["Content-Length: abc"]),
        Fault::TwoLengthsOpen => head(&["Content-Length: 0", "Content-Length: 5"]),
        Fault::NotChunkedOpens => head(&["Transfer-Encoding: chunked, gzip"]),
        Fault::LengthAndCodingOpen => head(&["Content-Length: 0", "Transfer-Encoding: chunked"]),
        Fault::BodyIsFrames => head(&["Content-Length: 6"]),
        Fault::UpgradeMissingOpens | Fault::UpgradeMissingIn426 | Fault::ConnectionMissingIn426 => {
            head(&["-Upgrade"])
        }
        Fault::UpgradeContains => head(&["=Upgrade: xwebsocket"]),
        Fault::UpgradePrefix => head(&["=Upgrade: websockets"]),
        Fault::UpgradeCase => head(&["=Upgrade: WebSocket"]),
        Fault::UpgradeFirstMember => head(&["=Upgrade: foo/1, websocket"]),
        Fault::UpgradeFirstLine => head(&["=Upgrade: foo/1", "Upgrade: websocket"]),
        Fault::UpgradeEmptyMember => head(&["=Upgrade: ,websocket"]),
        Fault::ConnectionMissingOpens => head(&["-Connection"]),
        Fault::ConnectionContains => head(&["=Connection: noupgrade"]),
        Fault::ConnectionCase => head(&["=Connection: upgrade"]),
        Fault::ConnectionFirstMember => head(&["=Connection: keep-alive, Upgrade"]),
        Fault::ConnectionFirstLine => head(&["=Connection: keep-alive", "Connection: Upgrade"]),
        Fault::ConnectionEmptyMember => head(&["=Connection: ,Upgrade,,"]),
        Fault::TabBeforeComma => head(&["=Connection: keep-alive\t,\tUpgrade"]),
        Fault::KeyMissingOpens => head(&["-Sec-WebSocket-Key"]),
        Fault::KeyEmptyOpens => head(&["=Sec-WebSocket-Key: "]),
        Fault::AnyKey => head(&["=Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"]),
        Fault::TwoKeysOpen => head(&["Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA=="]),
        Fault::KeyNotTrimmed => head(&["=Sec-WebSocket-Key:   dGhlIHNhbXBsZSBub25jZQ== \t"]),
        Fault::VersionMissingOpens => head(&["-Sec-WebSocket-Version"]),
        Fault::AnyVersion | Fault::VersionsNotListed => head(&["=Sec-WebSocket-Version: 12"]),
        Fault::VersionModulo256 => head(&["=Sec-WebSocket-Version: 269"]),
        Fault::VersionZeros => head(&["=Sec-WebSocket-Version: 013"]),
        Fault::VersionList => head(&["=Sec-WebSocket-Version: 13, 8"]),
        Fault::TwoVersionsOpen => head(&["Sec-WebSocket-Version: 8"]),
        Fault::VersionTabRefused => head(&["=Sec-WebSocket-Version:\t13\t"]),
        Fault::SubprotocolGrammar => head(&["Sec-WebSocket-Protocol: ch at"]),
        Fault::ExtensionGrammar => offering("foo;=1"),
        Fault::ExtensionGrammarFirstLine => {
            head(&[&format!("{EXTENSIONS}foo"), &format!("{EXTENSIONS}bar; =")])
        }
        Fault::QuotedValueGrammar => offering("foo; bar=\"1 0\""),
        Fault::AcceptPlusIsSpace => head(&["=Sec-WebSocket-Key: ++++++++++++++++++++/g=="]),
        Fault::AcceptWrong
        | Fault::AcceptMissing
        | Fault::AcceptTwice
        | Fault::UpgradeNotAnswered
        | Fault::ConnectionNotAnswered
        | Fault::LengthIn101
        | Fault::CodingIn101
        | Fault::SubprotocolUnasked
        | Fault::ExtensionUnasked => head(&[]),
        Fault::SubprotocolOther => head(&["Sec-WebSocket-Protocol: chat"]),
        Fault::SubprotocolsEchoed => head(&["Sec-WebSocket-Protocol: a, b"]),
        Fault::ExtensionsEmpty => offering("foo"),
        Fault::QuotedPairRefused => offering("foo; bar=\"1\\0\""),
        Fault::LargeHeadIs500 => head(&[&format!("X: {}", "p".repeat(64 << 10))]),
        Fault::LongTargetIs400 => head(&[&format!(">GET /?{} HTTP/1.1", "q".repeat(64 << 10))]),
        Fault::SubprotocolEmpty | Fault::SubprotocolTwice | Fault::SubprotocolCase => {
            head(&["Sec-WebSocket-Protocol: chat"])
        }
        Fault::ResponseBehind101 => head(&[]),
        Fault::ServerWindowZeros => offering("permessage-deflate; server_max_window_bits=10"),
        Fault::ClientWindow16 => offering("permessage-deflate; client_max_window_bits"),
        Fault::ExtensionsEchoed => offering("foo, bar; baz"),
        Fault::AllowMissing => head(&[">POST / HTTP/1.1"]),
        Fault::LengthAndCodingSent => head(&["-Host"]),
        Fault::AnyParameter => offering("permessage-deflate; foo"),
        Fault::AnyWindow => offering("permessage-deflate; server_max_window_bits=16"),
        Fault::WindowZeros => offering("permessage-deflate; server_max_window_bits=08"),
        Fault::ParameterTwice => {
            offering("permessage-deflate; server_max_window_bits=9; server_max_window_bits=10")
        }
        Fault::ValueForNone => offering("permessage-deflate; server_no_context_takeover=1"),
        Fault::ServerWindowDropped | Fault::ServerWindowLarger => {
            offering("permessage-deflate; server_max_window_bits=10")
        }
        Fault::ServerWindow15Dropped => offering("permessage-deflate; server_max_window_bits=15"),
        Fault::ServerNoContextDropped | Fault::ParameterAnsweredTwice => {
            offering("permessage-deflate; server_no_context_takeover")
        }
        Fault::ClientWindowUnasked => offering("permessage-deflate"),
        Fault::ClientWindowNoValue => offering("permessage-deflate; client_max_window_bits"),
        Fault::TwoAccepted => offering("permessage-deflate, permessage-deflate"),
        _ => None,
    }
}
