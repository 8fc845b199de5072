//! What can be asked of a server only over TLS (RFC 8446 §6.1), and what cannot be asked of it there.

use super::super::frame::{close, hex, ping, text};
use super::closing::closes;
use super::{Case, End, Group, fails, p, row};

/// The case whose rows want a close_notify before FIN; run only over TLS.
pub(crate) const CLOSE_NOTIFY: &str = "close-notify";

/// A case that is about connections without TLS.
pub(crate) const WITHOUT_TLS: &str = "https-target";

/// The cases that a server with TLS gets besides all others.
pub(crate) fn over_tls() -> Vec<Case> {
    vec![Case {
        id: CLOSE_NOTIFY,
        group: Group::Closing,
        section: "RFC 8446 6.1",
        requirements: &["6455-7.1.1-02", "9112-9.8-01"],
        rule: "Over TLS a close_notify comes before FIN",
        rows: vec![
            closes("1000", close(1000, ""), 1000),
            closes("1001, after a ping was answered", close(1001, "bye"), 1001)
                .after(ping("first"), vec![p("first")]),
            row("an empty Close", hex("88 80 37fa213d"), vec![], End::Closed(vec![])),
            fails("an unmasked frame", hex("81 01 61")),
            fails("a reserved opcode", [hex("83 80 37fa213d"), text("after")].concat()),
        ],
    }]
}
