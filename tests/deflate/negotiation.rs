//! Which offers are taken, and what the answer says, clause by clause and against the slow twin.

use stickler::proto::{
    deflate::{Policy, WindowBits, negotiate},
    extension::{ExtensionOffer, MAX_PARAMS, parse_offers},
};
use stickler_testing::negotiation as twin;
use twin::{Answer, BITS, CLIENT_BITS, CLIENT_NO, SERVER_BITS, SERVER_NO};

use crate::claims::claims;

mod combinations;

/// How a parameter may stand in an offer: not at all, alone, or with one of these values.
const STATES: [Option<Option<&str>>; 23] = [
    None,
    Some(None),
    Some(Some("0")),
    Some(Some("7")),
    Some(Some("8")),
    Some(Some("9")),
    Some(Some("10")),
    Some(Some("11")),
    Some(Some("12")),
    Some(Some("13")),
    Some(Some("14")),
    Some(Some("15")),
    Some(Some("16")),
    Some(Some("08")),
    Some(Some("010")),
    Some(Some("+9")),
    Some(Some("-9")),
    Some(Some("9.0")),
    Some(Some("0x9")),
    Some(Some("a")),
    Some(Some("255")),
    Some(Some("1e1")),
    Some(Some("true")),
];

/// The default policy, the one that keeps nothing, and the one that allows most.
const DEFAULT: Policy = Policy::new()
    .server_context_takeover(false)
    .client_context_takeover(true)
    .server_max_window_bits(WindowBits::MAX)
    .client_max_window_bits(WindowBits::new(12).unwrap());
const LEAN: Policy = DEFAULT.client_context_takeover(false);
const TAKEOVER: Policy =
    DEFAULT.server_context_takeover(true).client_max_window_bits(WindowBits::MAX);

type Param = (String, Option<String>);

fn param(name: &str, value: Option<&str>) -> Param {
    (name.to_owned(), value.map(str::to_owned))
}

fn offer(params: impl IntoIterator<Item = Param>) -> ExtensionOffer {
    ExtensionOffer { name: "permessage-deflate".into(), params: params.into_iter().collect() }
}

fn offers(line: &str) -> Vec<ExtensionOffer> {
    parse_offers([line.as_bytes()]).unwrap()
}

/// The answer to a line of offers.
fn answer(line: &str, policy: &Policy) -> Option<String> {
    let offers = offers(line);
    check(&offers, policy);
    negotiate(&offers, policy).map(|agreement| agreement.to_string())
}

fn is_accepted(line: &str) -> bool {
    answer(line, &DEFAULT).is_some()
}

fn bits(bits: u8) -> WindowBits {
    WindowBits::new(bits).unwrap()
}

/// Holds what is negotiated to the twin and to the rules for an answer.
fn check(offers: &[ExtensionOffer], policy: &Policy) {
    compare(offers, policy, twin::answer(offers, policy));
}

fn compare(offers: &[ExtensionOffer], policy: &Policy, expect: Option<Answer>) {
    let agreement = negotiate(offers, policy);
    let said = agreement.map(|agreement| Answer::read(&agreement.to_string()));
    assert_eq!(said, expect, "{offers:?} under {policy:?}");
    let (Some(agreement), Some(said)) = (agreement, said) else { return };
    let taken = offers.iter().find(|offer| twin::is_acceptable(offer)).unwrap();
    assert_eq!(twin::broken_rule(taken, &said), None, "{taken:?} under {policy:?}: {said:?}");
    // What is said is what will be done.
    assert_eq!(agreement.server_no_context_takeover(), said.server_no_context_takeover);
    assert_eq!(agreement.client_no_context_takeover(), said.client_no_context_takeover);
    let window = agreement.server_max_window_bits();
    let unsaid =
        if said.server_no_context_takeover { policy.server_max_window_bits.get() } else { 15 };
    assert_eq!(window.get(), said.server_max_window_bits.unwrap_or(unsaid));
    assert!(window <= policy.server_max_window_bits);
    let window = agreement.client_max_window_bits();
    assert_eq!(window.get(), said.client_max_window_bits.unwrap_or(15));
}

/// All orders of these.
fn orders(params: &[Param]) -> Vec<Vec<Param>> {
    if params.is_empty() {
        return vec![Vec::new()];
    }
    let mut orders = Vec::new();
    for first in 0..params.len() {
        let mut rest = params.to_vec();
        let first = rest.remove(first);
        for mut order in self::orders(&rest) {
            order.insert(0, first.clone());
            orders.push(order);
        }
    }
    orders
}

#[test]
fn s7692_7_unknown_parameters_decline_the_offer() {
    claims!("6455-9-03", "7692-7-01");
    for name in [
        "foo",
        "x-window",
        "server_max_window_bit",
        "server_max_window_bits_",
        "Server_No_Context_Takeover",
        "CLIENT_NO_CONTEXT_TAKEOVER",
        "server_Max_window_bits",
        "client_max_window_bitS",
        "s",
        "permessage-deflate",
        "no_context_takeover",
    ] {
        for value in [None, Some("9"), Some("10")] {
            assert!(!twin::is_acceptable(&offer([param(name, value)])));
            for known in [None, Some(param(SERVER_BITS, Some("9"))), Some(param(CLIENT_NO, None))] {
                let params: Vec<_> = known.into_iter().chain([param(name, value)]).collect();
                for order in orders(&params) {
                    check(&[offer(order)], &DEFAULT);
                }
            }
        }
    }
}

#[test]
fn s7692_7_invalid_values_decline_the_offer() {
    claims!("7692-7-02", "7692-7.1.2.1-01");
    for value in ["7", "16", "08", "+9", "9.0", "a", "0x9", "255", "-10", "015", "1", "100"] {
        for name in [SERVER_BITS, CLIENT_BITS] {
            assert!(!is_accepted(&format!("permessage-deflate; {name}={value}")), "{value}");
        }
    }
    assert!(!is_accepted("permessage-deflate; server_max_window_bits"));
}

#[test]
fn s7692_7_repeated_parameters_decline_the_offer() {
    claims!("7692-7-03");
    let valid = [
        [(SERVER_NO, None), (SERVER_NO, None)],
        [(CLIENT_NO, None), (CLIENT_NO, None)],
        [(SERVER_BITS, Some("10")), (SERVER_BITS, Some("10"))],
        [(SERVER_BITS, Some("10")), (SERVER_BITS, Some("9"))],
        [(CLIENT_BITS, None), (CLIENT_BITS, None)],
        [(CLIENT_BITS, None), (CLIENT_BITS, Some("10"))],
        [(CLIENT_BITS, Some("10")), (CLIENT_BITS, Some("10"))],
    ];
    for pair in valid {
        let pair = pair.map(|(name, value)| param(name, value));
        for one in &pair {
            assert!(negotiate(&[offer([one.clone()])], &DEFAULT).is_some());
        }
        for between in [None, Some(param("client_max_window_bits", None))] {
            let params: Vec<_> = pair.iter().cloned().chain(between).collect();
            for order in orders(&params) {
                let offers = [offer(order)];
                assert_eq!(negotiate(&offers, &DEFAULT), None, "{offers:?}");
                check(&offers, &TAKEOVER);
            }
        }
    }
}

#[test]
fn s7692_7_more_parameters_than_are_read_decline_the_offer() {
    let line = format!("permessage-deflate{}, permessage-deflate", ";x".repeat(MAX_PARAMS + 1));
    assert_eq!(answer(&line, &TAKEOVER).as_deref(), Some("permessage-deflate"));
    assert!(!is_accepted(&line[..line.find(',').unwrap()]));
}

#[test]
fn s7692_7_other_extensions_and_other_spellings_are_declined() {
    claims!("7692-7-07", "6455-4.3-10");
    for name in [
        "x-webkit-deflate-frame",
        "permessage-bzip2",
        "Permessage-Deflate",
        "PERMESSAGE-DEFLATE",
        "permessage-deflate2",
        "permessage_deflate",
        "permessage",
        "deflate",
    ] {
        assert!(!is_accepted(name), "{name}");
        assert!(!is_accepted(&format!("{name}; client_max_window_bits")), "{name}");
        assert!(is_accepted(&format!("{name}, permessage-deflate")), "{name}");
    }
    assert_eq!(negotiate(&[], &DEFAULT), None);
}

#[test]
fn s7692_5_the_first_acceptable_offer_is_taken() {
    claims!("6455-4.2.2-17", "6455-9.1-06", "7692-5-03", "7692-7-06");
    let candidates = [
        "permessage-deflate",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
        "permessage-deflate; client_no_context_takeover; client_max_window_bits=12",
        "permessage-deflate; server_max_window_bits=15; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=9; x=1",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover=1",
        "Permessage-Deflate",
        "x-webkit-deflate-frame",
    ];
    let policies = [DEFAULT, TAKEOVER, TAKEOVER.server_max_window_bits(bits(10))];
    for first in candidates {
        for second in candidates {
            for third in candidates {
                let lines = [first, second, third].map(str::as_bytes);
                let offers = parse_offers(lines).unwrap();
                let joined = parse_offers([lines.join(&b", "[..]).as_slice()]).unwrap();
                assert_eq!(offers, joined);
                for policy in &policies {
                    check(&offers, policy);
                }
            }
        }
    }
}

#[test]
fn s7692_5_one_answer_for_several_offers() {
    claims!("7692-5-04");
    let line = "permessage-deflate, permessage-deflate; client_max_window_bits";
    assert_eq!(answer(line, &TAKEOVER).as_deref(), Some("permessage-deflate"));
    let line = "permessage-deflate; server_max_window_bits=9; x=1, permessage-deflate";
    assert_eq!(answer(line, &TAKEOVER).as_deref(), Some("permessage-deflate"));
}

/// Whole answers as they stand in the 101, for people to read.
#[test]
fn s7692_5_the_answer_names_the_agreed_parameters() {
    claims!("7692-5-01", "7692-5-02", "7692-7.1.1.1-04");
    let small = TAKEOVER.server_max_window_bits(bits(12));
    let small_default = DEFAULT.server_max_window_bits(bits(12));
    let none = "; server_no_context_takeover; client_no_context_takeover";
    let server = "; server_no_context_takeover";
    for (policy, asked, said) in [
        (&LEAN, "", none.to_owned()),
        (&LEAN, "; client_max_window_bits", none.to_owned()),
        (&LEAN, "; client_max_window_bits=8", none.to_owned()),
        (&LEAN, "; server_max_window_bits=10", format!("{none}; server_max_window_bits=10")),
        (&LEAN, "; server_max_window_bits=15", format!("{none}; server_max_window_bits=15")),
        (&DEFAULT, "", server.to_owned()),
        (&DEFAULT, "; client_no_context_takeover", none.to_owned()),
        (&DEFAULT, "; client_no_context_takeover; client_max_window_bits=9", none.to_owned()),
        (&DEFAULT, "; client_max_window_bits", format!("{server}; client_max_window_bits=12")),
        (&DEFAULT, "; client_max_window_bits=15", format!("{server}; client_max_window_bits=12")),
        (&DEFAULT, "; client_max_window_bits=11", format!("{server}; client_max_window_bits=11")),
        (&DEFAULT, "; server_max_window_bits=15", format!("{server}; server_max_window_bits=15")),
        (&small_default, "", server.to_owned()),
        (
            &small_default,
            "; server_max_window_bits=15",
            format!("{server}; server_max_window_bits=12"),
        ),
        (&TAKEOVER, "", String::new()),
        (&TAKEOVER, "; client_max_window_bits", String::new()),
        (&TAKEOVER, "; client_max_window_bits=9", "; client_max_window_bits=9".into()),
        (&TAKEOVER, "; server_no_context_takeover", "; server_no_context_takeover".into()),
        (&TAKEOVER, "; client_no_context_takeover", "; client_no_context_takeover".into()),
        (&TAKEOVER, "; server_max_window_bits=8", "; server_max_window_bits=8".into()),
        (&small, "", "; server_max_window_bits=12".into()),
        (&small, "; server_max_window_bits=15", "; server_max_window_bits=12".into()),
        (&small, "; server_max_window_bits=12", "; server_max_window_bits=12".into()),
        (&small, "; server_max_window_bits=\"9\"", "; server_max_window_bits=9".into()),
    ] {
        let expect = Some(format!("permessage-deflate{said}"));
        assert_eq!(answer(&format!("permessage-deflate{asked}"), policy), expect);
    }
}

#[test]
fn s7692_7_1_1_1_asked_not_to_take_over_the_server_says_so() {
    claims!("7692-7.1.1.1-01", "7692-7.1.1.1-02", "7692-7.1.1.1-03");
    for policy in twin::policies() {
        let said = answer("permessage-deflate; server_no_context_takeover", &policy).unwrap();
        assert!(said.contains("; server_no_context_takeover"), "{said}");
    }
    assert!(!is_accepted("permessage-deflate; server_no_context_takeover=1"));
}

#[test]
fn s7692_7_1_1_2_the_clients_hint_is_taken() {
    claims!("7692-7.1.1.2-01", "7692-7.1.1.2-03");
    for policy in twin::policies() {
        let said = answer("permessage-deflate; client_no_context_takeover", &policy).unwrap();
        assert!(said.contains("; client_no_context_takeover"), "{said}");
    }
    assert!(!is_accepted("permessage-deflate; client_no_context_takeover=true"));
}

#[test]
fn s7692_7_1_2_1_the_servers_window_is_never_left_out_when_asked_for() {
    claims!("7692-7.1.2.1-02", "7692-7.1.2.1-03");
    for policy in twin::policies() {
        for (text, asked) in BITS {
            let line = format!("permessage-deflate; server_max_window_bits={text}");
            let said = answer(&line, &policy).unwrap();
            let least = bits(asked).min(policy.server_max_window_bits);
            assert!(
                format!("{said};").contains(&format!("; server_max_window_bits={least};")),
                "{said}"
            );
        }
    }
}

#[test]
fn s7692_7_1_2_2_the_clients_window_is_limited_where_it_offers_that_and_it_is_kept() {
    claims!("7692-7.1.2.2-01", "7692-7.1.2.2-02", "7692-7.1.2.2-03", "7692-7.1.2.2-04");
    for policy in twin::policies() {
        for (asked, hint) in [
            ("", None),
            ("; client_max_window_bits", Some(15)),
            ("; client_max_window_bits=15", Some(15)),
            ("; client_max_window_bits=12", Some(12)),
            ("; client_max_window_bits=8", Some(8)),
        ] {
            let said = answer(&format!("permessage-deflate{asked}"), &policy).unwrap();
            let wanted = hint.map(|hint| bits(hint).min(policy.client_max_window_bits));
            let wanted = wanted.filter(|_| policy.client_context_takeover);
            match wanted.filter(|wanted| *wanted < WindowBits::MAX) {
                Some(wanted) => {
                    assert!(said.ends_with(&format!("; client_max_window_bits={wanted}")), "{said}")
                }
                None => assert!(!said.contains("client_max_window_bits"), "{said}"),
            }
        }
    }
}

#[test]
fn s7692_7_1_2_window_bits_are_8_to_15() {
    claims!("7692-7.1.2.1-01", "7692-7.3-01");
    for number in 0..=u8::MAX {
        let window = WindowBits::new(number);
        assert_eq!(window.is_some(), (8..=15).contains(&number));
        assert_eq!(number.to_string().parse().ok(), window);
        assert_eq!(format!("0{number}").parse::<WindowBits>().ok(), None);
        if let Some(window) = window {
            assert_eq!((window.get(), window.size()), (number, 2_usize.pow(number.into())));
            assert!((WindowBits::MIN..=WindowBits::MAX).contains(&window));
        }
    }
    for state in STATES.into_iter().flatten().flatten().chain(["", " 9", "9 ", "９", "\u{669}"]) {
        let is_bits = BITS.iter().any(|(text, _)| *text == state);
        assert_eq!(state.parse::<WindowBits>().is_ok(), is_bits, "{state:?}");
    }
    let error = "16".parse::<WindowBits>().unwrap_err();
    assert_eq!(error.to_string(), "wanted: a number from 8 to 15");
    assert_eq!(Policy::default(), DEFAULT);
}

/// What the slow rules are given to read, of offers and of answers.
#[test]
fn offers_and_answers_are_read_by_hand_as_by_the_library() {
    for list in [
        "permessage-deflate",
        "a, permessage-deflate; x , permessage-deflate",
        "permessage-deflate; client_max_window_bits ; server_max_window_bits = \"1\\0\"",
        "permessage-deflate;server_no_context_takeover;client_max_window_bits=08",
    ] {
        assert_eq!(twin::offers(list), offers(list), "{list}");
    }
    let [asked] = &twin::offers(
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits=11; server_no_context_takeover",
    )[..] else {
        panic!("one offer")
    };
    let judge = |params: &str| {
        let answer = Answer::parse(&format!("permessage-deflate; {params}")).ok()?;
        twin::broken_rule(asked, &answer).is_none().then_some(())
    };
    for good in ["10", "8; client_max_window_bits=11", "10; client_no_context_takeover"] {
        let good = format!("server_no_context_takeover; server_max_window_bits={good}");
        assert!(judge(&good).is_some(), "{good}");
    }
    for bad in [
        "server_max_window_bits=10",
        "server_no_context_takeover; client_max_window_bits=11",
        "server_no_context_takeover; server_max_window_bits=11",
        "server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=12",
        "server_no_context_takeover; server_max_window_bits=10; client_max_window_bits",
        "server_no_context_takeover; server_max_window_bits=10; server_max_window_bits=10",
        "server_no_context_takeover; server_max_window_bits=010",
        "server_no_context_takeover; server_max_window_bits=10; foo",
        "server_no_context_takeover; server_max_window_bits=10, permessage-deflate",
        "server_max_window_bits=10; server_no_context_takeover=1",
    ] {
        assert!(judge(bad).is_none(), "{bad}");
    }
    let plain = &twin::offers("permessage-deflate")[0];
    let unasked = Answer::read("permessage-deflate; client_max_window_bits=15");
    assert!(twin::broken_rule(plain, &unasked).is_some());
}
