//! The order of the checks: of two faults in one request the earlier one is answered.

use super::*;
use Rejection::*;

/// A fault, in the order in which faults are looked for.
struct Fault {
    rejection: Rejection,
    spoil: fn(&mut Parts),
}

/// A request that is put together after it was spoiled.
struct Parts {
    method: &'static str,
    target: &'static str,
    version: &'static str,
    fields: Vec<(&'static str, &'static str)>,
}

impl Parts {
    fn set(&mut self, name: &'static str, value: &'static str) {
        self.fields.retain(|(known, _)| *known != name);
        self.fields.push((name, value));
    }

    fn remove(&mut self, name: &str) {
        self.fields.retain(|(known, _)| *known != name);
    }

    fn encode(&self) -> String {
        let fields = self.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        format!(
            "{} {} {}\r\n{}\r\n",
            self.method,
            self.target,
            self.version,
            fields.collect::<String>()
        )
    }
}

const FAULTS: &[Fault] = &[
    Fault { rejection: ControlInField, spoil: |parts| parts.set("X", "\u{1}") },
    Fault { rejection: HttpVersionTooLow, spoil: |parts| parts.version = "HTTP/1.0" },
    Fault { rejection: HostMissing, spoil: |parts| parts.remove("Host") },
    Fault { rejection: ContentLengthInvalid, spoil: |parts| parts.set("Content-Length", "x") },
    Fault { rejection: ExpectationUnknown, spoil: |parts| parts.set("Expect", "x") },
    Fault { rejection: MethodNotAllowed, spoil: |parts| parts.method = "POST" },
    Fault { rejection: TargetPercentInvalid, spoil: |parts| parts.target = "/nope%" },
    Fault { rejection: UpgradeMalformed, spoil: |parts| parts.set("Upgrade", "web socket") },
    Fault { rejection: ConnectionWithoutUpgrade, spoil: |parts| parts.remove("Connection") },
    Fault { rejection: VersionUnsupported, spoil: |parts| parts.set("Sec-WebSocket-Version", "8") },
    Fault { rejection: KeyMissing, spoil: |parts| parts.remove("Sec-WebSocket-Key") },
    Fault {
        rejection: SubprotocolsMalformed,
        spoil: |parts| parts.set("Sec-WebSocket-Protocol", "a b"),
    },
    Fault {
        rejection: ExtensionsMalformed,
        spoil: |parts| parts.set("Sec-WebSocket-Extensions", ";"),
    },
    Fault { rejection: AuthorityNotServed, spoil: |parts| parts.set("Host", "evil.example") },
    Fault { rejection: ResourceUnknown, spoil: |parts| parts.target = "/nope" },
    Fault { rejection: OriginRefused, spoil: |parts| parts.set("Origin", "https://evil.example") },
    Fault { rejection: SubprotocolRequired, spoil: |parts| parts.remove("Sec-WebSocket-Protocol") },
];

#[test]
fn of_two_faults_the_earlier_is_answered() {
    let policy = Policy::default()
        .paths(["/chat"])
        .own_hosts(["example.com".parse().unwrap()])
        .subprotocols(["chat".parse().unwrap()])
        .require_subprotocol(true);
    for (at, first) in FAULTS.iter().enumerate() {
        for second in &FAULTS[at..] {
            let mut parts = sound();
            // The later one first, so that the earlier has its way where they meet in one place.
            (second.spoil)(&mut parts);
            (first.spoil)(&mut parts);
            let request = parts.encode().into_bytes();
            let answer = answer(&request, [request.len()].into_iter(), &policy);
            let expect = Outcome::Refused(first.rejection.into());
            assert_eq!(
                answer.outcome, expect,
                "{:?} before {:?}",
                first.rejection, second.rejection
            );
        }
    }
    let request = sound().encode().into_bytes();
    let answer = answer(&request, [request.len()].into_iter(), &policy);
    assert!(matches!(answer.outcome, Outcome::Open { .. }), "{answer:?}");
}

fn sound() -> Parts {
    let fields = vec![
        ("Host", "example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "chat"),
    ];
    Parts { method: "GET", target: "/chat", version: "HTTP/1.1", fields }
}
