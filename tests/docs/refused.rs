//! `docs/refused.md`: every row of the tables in `violation.rs` and `rejection.rs`, made from them.

use std::fmt::Write;
use std::fs;

use stickler::{Rejection, Violation};

use super::{read, root};

/// The page is what the tables make of it; where `STICKLER_WRITE_DOCS` is set, it becomes that.
#[test]
fn the_page_of_what_is_refused_is_made_from_the_tables() {
    let made = page();
    if std::env::var_os("STICKLER_WRITE_DOCS").is_some() {
        fs::write(root().join(PAGE), &made).unwrap();
    }
    let is = read(PAGE);
    let differs = is.lines().zip(made.lines()).find(|(is, made)| is != made);
    let more = "STICKLER_WRITE_DOCS=1 cargo test --test docs refused writes it anew";
    assert!(is == made, "{PAGE} is not what the tables say: {more}: {differs:#?}");
}

#[test]
fn every_row_has_one_line_with_its_link() {
    let made = page();
    for violation in Violation::ALL {
        let line = format!("| `{violation:?}` | [{}](", violation.section());
        assert_eq!(made.matches(&line).count(), 1, "{line}");
    }
    for rejection in Rejection::ALL {
        let line = format!("| `{rejection:?}` | [{}](", rejection.section());
        assert_eq!(made.matches(&line).count(), 1, "{line}");
    }
    let rows = made.lines().filter(|line| line.starts_with("| `") && line.contains(" | [RFC "));
    assert_eq!(rows.count(), Violation::ALL.len() + Rejection::ALL.len());
    assert_eq!(
        clause("RFC 6455 5.5.1"),
        "[RFC 6455 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)"
    );
}

fn page() -> String {
    let mut page = OPENING.to_owned();
    page.push_str(AFTER_THE_HANDSHAKE);
    for violation in Violation::ALL {
        let (section, code) = (clause(violation.section()), violation.close_code());
        let sentence = violation.sentence();
        writeln!(page, "| `{violation:?}` | {section} | {code} | {sentence} |").unwrap();
    }
    page.push_str(THE_HANDSHAKE);
    for rejection in Rejection::ALL {
        let (section, status) = (clause(rejection.section()), rejection.status());
        let sentence = rejection.sentence();
        writeln!(page, "| `{rejection:?}` | {section} | {status} | {sentence} |").unwrap();
    }
    page.push_str(CLOSING);
    page
}

/// A clause such as `RFC 6455 5.1`, with a link to its text.
fn clause(section: &str) -> String {
    let (rfc, number) = section.rsplit_once(' ').unwrap();
    let rfc = rfc.strip_prefix("RFC ").unwrap();
    format!("[{section}](https://www.rfc-editor.org/rfc/rfc{rfc}#section-{number})")
}

const PAGE: &str = "docs/refused.md";

const OPENING: &str = "\
# What is refused

*Made from the tables in [violation.rs](../src/proto/violation.rs) and [rejection.rs](../src/proto/rejection.rs) by
[tests/docs/refused.rs](../tests/docs/refused.rs). `cargo test` fails when this page says something else.
`STICKLER_WRITE_DOCS=1 cargo test --test docs refused` writes it anew. Do not edit it.*

Each row is one rule that a peer can break. The peer is told the section and the sentence, and the log says the same.
No option relaxes a row. [Limits](limits.md) choose how much is too much, and a [policy](handshakes.md) chooses what is
served and to whom.
";

const AFTER_THE_HANDSHAKE: &str = "
## After the opening handshake

The server fails the connection. It sends a Close frame with this status code and with `section: sentence` as the
reason. Then it sends FIN, and it reads nothing that follows as protocol.

The server judges a frame from its header, where the header proves the fault. It judges text at the first byte that is
wrong, also while it inflates the text. Messages before the fault are delivered and answered first.

| `Violation` | section | code | what the peer did |
|---|---|---|---|
";

const THE_HANDSHAKE: &str = "
Without permessage-deflate, `ReservedBit` covers RSV1 too.

## The opening handshake

The server answers with this status, with `Connection: close`, and with a `text/plain` body that says
`section: sentence`. An answer with 426, and one about the version, names the version that is spoken. 405 has `Allow`,
and 503 has `Retry-After`.

The checks are made in the order of this table: size, then grammar, then policy. The first check that fails gives the
answer. Of two faults of size and grammar in one head, that counts whose octets come first. A request that asks for no WebSocket
is judged by its host and its path before it gets 426. The last rows are about time and about the server itself.

| `Rejection` | section | status | what was wrong |
|---|---|---|---|
";

const CLOSING: &str = "
## Where the RFCs leave a choice

RFC 9112 lets a server be lenient in some places: a bare LF at the end of a line, a folded field, a space before the
colon. Proxies differ in these places, and request smuggling lives on the difference. This server takes the strict
branch of each rule.

Some input looks wrong and is accepted, because the RFC allows it or because browsers send it:

- empty members of a list, up to a bound;
- an extension that is unknown, or whose parameters RFC 7692 does not define: the server declines it and goes on;
- `[`, `]`, `{`, `}`, `|`, `^` and backtick in the request-target;
- frames that arrive right behind the request, before the 101: the server reads them after it.
";
