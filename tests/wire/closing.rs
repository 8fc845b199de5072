//! The closing handshake begun by the client: bodies, codes, reasons, what follows
//! (RFC 6455 §5.5.1, §7.1, §7.4).

use crate::case::run;
use crate::exchange::{End, fails, row};
use crate::frame::{Event, close, close_body, hex, join, masked, ping, text};

fn echo(code: u16) -> End {
    End::Closed(code.to_be_bytes().to_vec())
}

#[test]
fn closing_bodies_and_what_follows() {
    let longest = "r".repeat(123);
    let mut cases = vec![
        row(
            "6455-5.5.1-01",
            "an empty Close is answered by an empty one",
            hex("88 80 37fa213d"),
            vec![],
            End::Closed(vec![]),
        ),
        row("6455-5.5.1-09", "a Close with 1000", close(1000, ""), vec![], echo(1000)),
        row(
            "6455-5.5.1-10",
            "the code is echoed, the reason is not",
            close(1001, "bye"),
            vec![],
            echo(1001),
        ),
        row("6455-5.5.1-07", "a reason of 123 bytes", close(1000, &longest), vec![], echo(1000)),
        row(
            "6455-5.5.1-05",
            "a reason in any script",
            close(1000, "κόσμε 🦀 \u{fffd}"),
            vec![],
            echo(1000),
        ),
        row("6455-5.5.1-05", "a reason that holds NUL", close(1000, "a\0b"), vec![], echo(1000)),
        row(
            "6455-5.5.1-13",
            "a second Close is ignored",
            join(&[close(1000, ""), close(1001, "")]),
            vec![],
            echo(1000),
        ),
        row(
            "6455-5.5.1-14",
            "text after Close",
            join(&[close(1000, ""), text("late")]),
            vec![],
            echo(1000),
        ),
        row(
            "6455-5.5.1-14",
            "a bad frame after Close",
            [close(1000, ""), hex("ff ff ff")].concat(),
            vec![],
            echo(1000),
        ),
        row(
            "6455-5.5.1-14",
            "an unmasked frame after Close",
            [close(1000, ""), hex("81 01 61")].concat(),
            vec![],
            echo(1000),
        ),
        row(
            "6455-5.5.1-14",
            "a bad Close after a good one",
            join(&[close(1000, ""), close(1005, "")]),
            vec![],
            echo(1000),
        ),
        row(
            "6455-5.5.1-14",
            "an HTTP request after Close",
            [close(1000, ""), b"GET / HTTP/1.1\r\n\r\n".to_vec()].concat(),
            vec![],
            echo(1000),
        ),
        row(
            "6455-5.5.1-14",
            "half a frame after Close",
            [close(1000, ""), hex("81 85 00")].concat(),
            vec![],
            echo(1000),
        ),
        row(
            "6455-5.5.1-15",
            "an unfinished text before Close",
            join(&[masked(0x01, b"half"), close(1000, "")]),
            vec![],
            echo(1000),
        ),
        row(
            "6455-5.5.1-15",
            "text unfinished inside a character",
            join(&[masked(0x01, &[0xe2, 0x82]), close(1000, "")]),
            vec![],
            echo(1000),
        ),
        row(
            "6455-5.5.1-11",
            "replies owed come before the Close",
            join(&[text("one"), ping("two"), text("three"), close(4001, "")]),
            vec![
                Event::Text(b"one".to_vec()),
                Event::Pong(b"two".to_vec()),
                Event::Text(b"three".to_vec()),
            ],
            echo(4001),
        ),
        row(
            "6455-5.5.1-11",
            "a hundred replies owed come before the Close",
            (0..100_u8).flat_map(|n| text(n.to_string())).chain(close(1000, "")).collect(),
            (0..100_u8).map(|n| Event::Text(n.to_string().into_bytes())).collect(),
            echo(1000),
        ),
        fails("6455-5.5.1-02", "a Close body of one byte", masked(0x88, &[3]), "RFC 6455 5.5.1"),
        fails("6455-5.5.1-02", "a Close body of one zero", masked(0x88, &[0]), "RFC 6455 5.5.1"),
        fails("6455-5.5.1-02", "two header bytes prove it", hex("88 81"), "RFC 6455 5.5.1"),
        fails(
            "6455-5.5.1-07",
            "a reason of 124 bytes",
            masked(0x88, &close_body(1000, "r".repeat(124))),
            "RFC 6455 5.5",
        ),
    ];
    for (rule, id, reason) in [
        ("ends inside a character", "6455-5.5.1-06", "e282"),
        ("holds a surrogate", "6455-5.5.1-05", "ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65"),
        ("is ff", "6455-5.5.1-05", "ff"),
        ("is overlong", "6455-5.5.1-05", "c0 80"),
        ("begins with a continuation byte", "6455-5.5.1-05", "80 61"),
        ("goes beyond U+10FFFF", "6455-5.5.1-05", "61 62 f4 90 80 80"),
        ("holds a lead without its tail", "6455-5.5.1-05", "61 c3 28"),
    ] {
        let body = close_body(1000, hex(reason));
        let end = End::Fail(1007, "RFC 6455 ");
        cases.push(row(id, format!("a reason that {rule}"), masked(0x88, &body), vec![], end));
    }
    cases.push(row(
        "6455-5.5.1-05",
        "a long reason whose last byte is bad",
        masked(0x88, &close_body(1000, [&[b'a'; 122][..], &[0xff]].concat())),
        vec![],
        End::Fail(1007, "RFC 6455 "),
    ));
    cases.push(fails(
        "6455-5.5.1-05",
        "a bad code outranks a bad reason",
        masked(0x88, &close_body(1005, [0xff])),
        "RFC 6455 7.4",
    ));
    run("closing_bodies_and_what_follows", cases);
}

#[test]
fn closing_codes() {
    let mut cases = Vec::new();
    for code in (1000..=1003)
        .chain(1007..=1014)
        .chain([3000, 3001, 3500, 3999, 4000, 4001, 4500, 4998, 4999])
    {
        let id = match code {
            1000 => "6455-7.4.1-1000",
            1001 => "6455-7.4.1-1001",
            1002 => "6455-7.4.1-1002",
            1003 => "6455-7.4.1-1003",
            1007 => "6455-7.4.1-1007",
            1008 => "6455-7.4.1-1008",
            1009 => "6455-7.4.1-1009",
            1010 => "6455-7.4.1-1010",
            1011 => "6455-7.4.1-1011",
            1012 => "6455-7.4.1-1012",
            1013 => "6455-7.4.1-1013",
            1014 => "6455-7.4.1-1014",
            3000..4000 => "6455-7.4.2-03",
            _ => "6455-7.4.2-04",
        };
        cases.push(row(id, format!("code {code} is echoed"), close(code, ""), vec![], echo(code)));
        cases.push(row(
            id,
            format!("code {code} with a reason is echoed"),
            close(code, "why"),
            vec![],
            echo(code),
        ));
    }
    let bad = [0, 1, 2, 9, 99, 100, 255, 256, 500, 998, 999, 1004, 1005, 1006]
        .into_iter()
        .chain(1015..=1024)
        .chain([1099, 1100, 1500, 1999, 2000, 2500, 2998, 2999])
        .chain([5000, 5001, 6000, 9999, 10_000, 32_767, 32_768, 59_395, 65_534, 65_535]);
    for code in bad {
        let id = match code {
            0..1000 => "6455-7.4.2-01",
            1004 => "6455-7.4.1-1004",
            1005 => "6455-7.4.1-1005",
            1006 => "6455-7.4.1-1006",
            1015 => "6455-7.4.1-1015",
            1016..3000 => "6455-7.4.2-02",
            _ => "6455-7.4.2-05",
        };
        cases.push(fails(id, format!("code {code} is refused"), close(code, ""), "RFC 6455 7.4"));
        cases.push(fails(
            id,
            format!("code {code} with a reason is refused"),
            close(code, "why"),
            "RFC 6455 7.4",
        ));
    }
    run("closing_codes", cases);
}
