//! Compressed messages that are long, many, or refer far back (RFC 7692 §7.2; RFC 6455 §10.4).

use super::super::frame::{Event, binary, join, masked, ping, text};
use super::blocks::{Blocks, Final, Part, letters};
use super::deflate::{HELLO, agreed, compressed, hello};
use super::{Case, Group, Row, b, echoes, p, t};

const G: Group = Group::Deflate;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "deflate-far",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.1.2.2-05", "7692-7.2.1-02", "7692-7.2.2-01"],
            rule: "Where client_max_window_bits was not agreed, a message may refer 32,768 bytes back",
            rows: agreed(far()),
        },
        Case {
            id: "deflate-client-window",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.1.2.2-05", "7692-7.2.2-05"],
            rule: "A message may refer back as far as the agreed window, 256 bytes at least",
            rows: client_windows(),
        },
        Case {
            id: "deflate-large",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-01", "7692-6.2-01", "7692-8-02"],
            rule: "A message is the same however much it inflates to, within the limits",
            rows: agreed(large()),
        },
        Case {
            id: "deflate-own-large",
            group: G,
            section: "RFC 7692 7.2.1",
            requirements: &["7692-7.2.1-01", "7692-6.1-01", "7692-6.1-02"],
            rule: "Large messages of the server inflate, whole or in fragments",
            rows: agreed(own_large()),
        },
        Case {
            id: "deflate-many",
            group: G,
            section: "RFC 7692 6",
            requirements: &["7692-6-02", "7692-6.2-01"],
            rule: "Many compressed messages or fragments in a row are read like few",
            rows: agreed(many()),
        },
    ]
}

/// Stored bytes, and a copy of some of them.
fn behind(stored: &[u8], length: usize, distance: usize) -> (Vec<u8>, Event) {
    let copy = [Part::Copy(length, distance)];
    let payload = Blocks::new().stored(Final::No, stored).fixed(Final::No, &copy).message();
    let mut output = stored.to_vec();
    for _ in 0..length {
        output.push(output[output.len() - distance]);
    }
    (payload, t(output))
}

fn far() -> Vec<Row> {
    let all = letters(40_000);
    let mut rows = Vec::new();
    for distance in [257, 513, 1025, 4097, 8193, 16_384, 16_385, 24_577, 32_767] {
        let (payload, output) = behind(&all[..distance + 10], 100, distance);
        rows.push(echoes(format!("{distance} back"), compressed(payload), vec![output]));
    }
    for (what, stored) in
        [("the first byte", &all[..32_768]), ("the last byte there is", &all[..40_000])]
    {
        let (payload, output) = behind(stored, 258, 32_768);
        let what = format!("32,768 back, {what}");
        rows.push(echoes(what, compressed(payload), vec![output]));
    }
    let (payload, output) = behind(&all[..33_000], 258, 32_768);
    let (one, two) = payload.split_at(32_000);
    rows.push(echoes(
        "32,768 back, from one fragment into another",
        join(&[masked(0x41, one), ping("p"), masked(0x80, two)]),
        vec![p("p"), output],
    ));
    rows
}

fn client_windows() -> Vec<Row> {
    let near = |offer: &'static str| {
        let (payload, output) = behind(&letters(300), 100, 256);
        let what = format!("256 back, {offer}");
        echoes(what, compressed(payload), vec![output]).offering(offer)
    };
    let far = |offer: &'static str, distance: usize| {
        let (payload, output) = behind(&letters(distance), 100, distance);
        let what = format!("{distance} back, {offer}");
        echoes(what, compressed(payload), vec![output]).offering(offer).open_by(SMALLER)
    };
    vec![
        near("permessage-deflate; client_max_window_bits"),
        near("permessage-deflate; client_max_window_bits=8"),
        near("permessage-deflate; client_max_window_bits=9"),
        near("permessage-deflate; client_max_window_bits=15"),
        far("permessage-deflate; client_max_window_bits", 32_768),
        far("permessage-deflate; client_max_window_bits=9", 512),
        far("permessage-deflate; client_max_window_bits=10", 1024),
        far("permessage-deflate; client_max_window_bits=12", 4096),
        far("permessage-deflate; client_max_window_bits=14", 16_384),
        far("permessage-deflate; client_max_window_bits=15", 32_768),
    ]
}

const SMALLER: &str =
    "RFC 7692 7.2.2: where a smaller window was agreed, the server may reduce its own";

/// A period, again and again: the payload, and what it inflates to.
fn periods(period: &[u8], count: usize) -> (Vec<u8>, Vec<u8>) {
    let copies = (0..count).map(|_| Part::Copy(250, period.len()));
    let parts: Vec<Part<'_>> = [Part::Bytes(period)].into_iter().chain(copies).collect();
    let payload = Blocks::new().dynamic(Final::No, &parts).message();
    let length = period.len() + 250 * count;
    (payload, period.iter().copied().cycle().take(length).collect())
}

fn large() -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, period, count) in [("70 KB from 1 KB", 1000, 276), ("300 KB from 3 KB", 1000, 1196)]
    {
        let (payload, output) = periods(&letters(period), count);
        rows.push(echoes(what, compressed(payload), vec![t(output)]));
    }
    let (payload, output) = periods(&[0; 76], 4194);
    rows.push(echoes("1 MiB of zeros", masked(0xc2, &payload), vec![b(output)]));
    let all = letters(150_000);
    let stored = Blocks::new().stored(Final::No, &all).message();
    rows.push(echoes("150 KB, stored", compressed(&stored), vec![t(&all)]));
    let coded = Blocks::new().dynamic(Final::No, &[Part::Bytes(&all)]).message();
    rows.push(echoes("150 KB, in a dynamic block", compressed(&coded), vec![t(&all)]));
    let pieces = stored.chunks(10_000).enumerate().map(|(at, piece)| match at {
        0 => masked(0x41, piece),
        at if (at + 1) * 10_000 < stored.len() => masked(0x00, piece),
        _ => masked(0x80, piece),
    });
    rows.push(echoes("150 KB in 16 fragments", pieces.flatten().collect(), vec![t(&all)]));
    let (payload, output) = periods(&letters(1000), 396);
    rows.push(
        echoes(
            "100 KB, then a small one",
            join(&[compressed(payload), compressed(HELLO)]),
            vec![t(output), hello()],
        )
        .after(compressed(HELLO), vec![hello()]),
    );
    rows
}

fn own_large() -> Vec<Row> {
    let far = [letters(30_000), letters(30_000)].concat();
    let once = letters(150_000);
    let often = letters(31_000).repeat(5);
    vec![
        echoes("60 KB that repeat after 30 KB", text(&far), vec![t(&far)]),
        echoes("155 KB that repeat after 31 KB", text(&often), vec![t(&often)]),
        echoes("150 KB that do not repeat", text(&once), vec![t(&once)]),
        echoes("200 KB of zeros", binary(vec![0; 200_000]), vec![b(vec![0; 200_000])]),
        echoes("bytes of each value", binary(bytes()), vec![b(bytes())]),
    ]
}

/// Each pair of bytes, so that nothing is text.
fn bytes() -> Vec<u8> {
    (0..=255).flat_map(|one| (0..=255).flat_map(move |two| [one, two])).collect()
}

fn many() -> Vec<Row> {
    let turns = [compressed(HELLO), text("plain"), masked(0xc2, &HELLO)].concat();
    let payload = Blocks::new().stored(Final::No, &letters(490)).message();
    let last = payload.len() - 1;
    let single = payload.iter().enumerate().map(|(at, byte)| match at {
        0 => masked(0x41, &[*byte]),
        at if at == last => masked(0x80, &[*byte]),
        _ => masked(0x00, &[*byte]),
    });
    vec![
        echoes("300 messages", compressed(HELLO).repeat(300), vec![hello(); 300]),
        echoes("a hundred of each kind by turns", turns.repeat(100), {
            vec![[hello(), t("plain"), b("Hello")]; 100].concat()
        }),
        echoes("496 fragments of one byte", single.flatten().collect(), vec![t(letters(490))]),
        echoes("200 empty messages", compressed([0]).repeat(200), vec![t(""); 200]),
    ]
}
