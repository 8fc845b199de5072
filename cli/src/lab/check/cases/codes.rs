//! The status codes of a client's Close: which are answered and which are a fault (RFC 6455 §7.4).

use super::super::frame::{close, masked};
use super::closing::closes;
use super::places::Place::{AfterMany, Behind, BehindFragments, Inside, InsideLater, Later};
use super::{Case, End, Group, fails, row};

const G: Group = Group::Closing;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = good_codes();
    cases.extend(bad_codes());
    cases.extend(later());
    cases
}

/// Ids, requirements and codes that a Close may carry.
type Codes = (&'static str, &'static [&'static str], &'static [u16]);

/// With which reasons a code is sent: a code of a range with one or none by turns, any other with
/// each.
fn reasons(codes: &[u16], code: u16) -> impl Iterator<Item = &'static str> {
    let turn = codes.iter().position(|other| *other == code).unwrap_or_default() % 2;
    let all: &[&str] = &["", "why"];
    let which = if codes.len() == 1 { all } else { all.get(turn..=turn).unwrap_or_default() };
    which.iter().copied()
}

fn named(code: u16, reason: &str) -> String {
    if reason.is_empty() { code.to_string() } else { format!("{code} with a reason") }
}

fn good_codes() -> Vec<Case> {
    let registered: [Codes; 12] = [
        ("code-1000", &["6455-7.4.1-1000"], &[1000]),
        ("code-1001", &["6455-7.4.1-1001"], &[1001]),
        ("code-1002", &["6455-7.4.1-1002"], &[1002]),
        ("code-1003", &["6455-7.4.1-1003"], &[1003]),
        ("code-1007", &["6455-7.4.1-1007"], &[1007]),
        ("code-1008", &["6455-7.4.1-1008"], &[1008]),
        ("code-1009", &["6455-7.4.1-1009"], &[1009]),
        ("code-1010", &["6455-7.4.1-1010"], &[1010]),
        ("code-1011", &["6455-7.4.1-1011"], &[1011]),
        ("code-1012", &["6455-7.4.1-1012"], &[1012]),
        ("code-1013", &["6455-7.4.1-1013"], &[1013]),
        ("code-1014", &["6455-7.4.1-1014"], &[1014]),
    ];
    let ranges: [Codes; 2] = [
        ("codes-3000", &["6455-7.4.2-03"], &[3000, 3500, 3999]),
        ("codes-4000", &["6455-7.4.2-04"], &[4000, 4500, 4999]),
    ];
    registered
        .into_iter()
        .chain(ranges)
        .map(|(id, requirements, codes)| Case {
            id,
            group: G,
            section: "RFC 6455 7.4",
            requirements,
            rule: "A code that a client may send is answered, best with itself",
            rows: codes
                .iter()
                .flat_map(|code| reasons(codes, *code).map(|reason| (*code, reason)))
                .map(|(code, reason)| closes(named(code, reason), close(code, reason), code))
                .collect(),
        })
        .collect()
}

fn bad_codes() -> Vec<Case> {
    let all: [Codes; 7] = [
        (
            "codes-below-1000",
            &["6455-7.4.2-01", "6455-5.5.1-04"],
            &[0, 1, 99, 255, 256, 500, 998, 999],
        ),
        ("code-1004", &["6455-7.4.1-1004"], &[1004]),
        ("code-1005", &["6455-7.4.1-1005"], &[1005]),
        ("code-1006", &["6455-7.4.1-1006"], &[1006]),
        ("code-1015", &["6455-7.4.1-1015"], &[1015]),
        (
            "codes-1016-to-2999",
            &["6455-7.4.2-02"],
            &[1016, 1017, 1024, 1100, 1500, 1999, 2000, 2500, 2998, 2999],
        ),
        (
            "codes-above-4999",
            &["6455-7.4.2-05", "6455-11.7-01"],
            &[5000, 5001, 10_000, 32_768, 59_395, 65_535],
        ),
    ];
    all.into_iter()
        .map(|(id, requirements, codes)| Case {
            id,
            group: G,
            section: "RFC 6455 7.4",
            requirements,
            rule: "A code that no Close may carry is a protocol error, and never sent back",
            rows: codes
                .iter()
                .flat_map(|code| reasons(codes, *code).map(|reason| (*code, reason)))
                .map(|(code, reason)| fails(named(code, reason), close(code, reason)))
                .collect(),
        })
        .collect()
}

fn later() -> [Case; 2] {
    let code = |code: u16| close(code, "");
    let body_of_one = masked(0x88, &[3]);
    let codes = Case {
        id: "bad-code-later",
        group: G,
        section: "RFC 6455 7.4",
        requirements: &["6455-5.5.1-04", "6455-7.4.2-01", "6455-7.4.1-1005", "6455-7.4.1-1006"],
        rule: "The code of a Close is checked also behind messages and inside an unfinished one",
        rows: vec![
            Behind.fails("code 1005", &code(1005)),
            BehindFragments.fails("code 999", &code(999)),
            Later.fails("code 1006", &code(1006)),
            AfterMany.fails("code 1015", &code(1015)),
            Inside.fails("code 1005", &code(1005)),
            Inside.fails("code 1016 with a reason", &close(1016, "why")),
            InsideLater.fails("code 65535", &code(65_535)),
        ],
    };
    let bodies = Case {
        id: "bad-close-later",
        group: G,
        section: "RFC 6455 5.5.1",
        requirements: &["6455-5.5.1-02", "6455-5.5.1-05", "6455-5.5.1-06"],
        rule: "The body of a Close is checked also behind messages and inside an unfinished one",
        rows: vec![
            Behind.fails("a body of one byte", &body_of_one),
            Inside.fails("a body of one byte", &body_of_one),
            InsideLater.fails("a body of one byte", &body_of_one),
            Behind.is_bad_data("a bad reason", &close(1000, [0xff])),
            Later.is_bad_data("a reason cut off in a character", &close(1001, [0x61, 0xe2, 0x82])),
            Inside.is_bad_data("a bad reason", &close(4999, [0xc0, 0x80])),
            row(
                "a reason with the rest of a character that a text has begun",
                [masked(0x01, &[0xe2, 0x82]), close(1000, [0xac])].concat(),
                vec![],
                End::Fail(1007),
            ),
        ],
    };
    [codes, bodies]
}
