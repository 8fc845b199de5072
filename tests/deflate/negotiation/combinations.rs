//! Every combination of the four parameters, in every order and spelling, against the slow twin.

use stickler::proto::{
    deflate::negotiate,
    extension::{ExtensionOffer, parse_offers},
};

use crate::claims::{Claim, claims};

use super::{
    STATES, TAKEOVER, check, compare, offer, offers, orders, param,
    twin::{self, BITS, NAMES},
};

#[test]
fn s7692_7_every_combination_of_the_parameters() {
    let _claims: Vec<_> = twin::ids().map(|id| Claim::new(&[id])).collect();
    // The policy has no part in what is declined, so they take turns.
    let policies = twin::policies();
    let (mut all, mut accepted) = (0, 0);
    combine([&STATES; 4], |offer| {
        let policy = &policies[all % policies.len()];
        all += 1;
        if twin::is_acceptable(offer) {
            accepted += 1;
            check(std::slice::from_ref(offer), policy);
        } else {
            assert_eq!(negotiate(std::slice::from_ref(offer), policy), None, "{offer:?}");
        }
    });
    // Absent or alone; absent or one of eight values; absent, alone or one of eight.
    assert_eq!((all, accepted), (23 * 23 * 23 * 23, 2 * 2 * 9 * 10));
}

#[test]
fn s7692_7_every_acceptable_offer_in_every_order_under_every_policy() {
    let alone = [None, Some(None)];
    let bits: Vec<_> = BITS.iter().map(|(text, _)| Some(Some(*text))).collect();
    let server_bits = [&[None][..], &bits].concat();
    let client_bits = [&alone[..], &bits].concat();
    let policies = twin::policies();
    assert_eq!(policies.len(), 2 * 2 * 8 * 3);
    combine([&alone, &alone, &server_bits, &client_bits], |offer| {
        let orders: Vec<_> = orders(&offer.params).into_iter().map(self::offer).collect();
        for policy in &policies {
            let expect = twin::answer(std::slice::from_ref(offer), policy);
            assert!(expect.is_some(), "{offer:?}");
            compare(&orders[..1], policy, expect);
            let agreement = negotiate(&orders[..1], policy);
            for order in orders.chunks(1) {
                assert_eq!(negotiate(order, policy), agreement, "{order:?}");
            }
        }
    });
}

#[test]
fn s7692_7_a_quoted_value_is_the_token_in_it() {
    claims!("6455-4.3-02", "6455-4.3-03", "6455-4.3-04", "7692-7-05", "9110-5.6.4-01");
    let spellings: [fn(&str) -> String; 5] = [
        |value| format!("={value}"),
        |value| format!("=\"{value}\""),
        |value| format!(" = \"{value}\"\t"),
        |value| {
            format!("=\"{}\"", value.chars().map(|char| format!("\\{char}")).collect::<String>())
        },
        |value| format!("=\"{}\\{}\"", &value[..value.len() - 1], &value[value.len() - 1..]),
    ];
    for (spelling, other) in spellings.iter().zip(spellings.iter().cycle().skip(2)) {
        for (name, other_name) in NAMES.into_iter().flat_map(|a| NAMES.map(|b| (a, b))) {
            for (value, other_value) in
                STATES.into_iter().flatten().flat_map(|a| STATES.into_iter().map(move |b| (a, b)))
            {
                let mut line = format!(
                    "permessage-deflate; {name}{}",
                    value.map(spelling).unwrap_or_default()
                );
                let mut params = vec![param(name, value)];
                if let Some(value) = other_value {
                    line += &format!(";{other_name}{}", value.map(other).unwrap_or_default());
                    params.push(param(other_name, value));
                }
                let parsed = offers(&line);
                assert_eq!(parsed, [offer(params)], "{line}");
                check(&parsed, &TAKEOVER);
            }
        }
    }
    // What is quoted and no token is broken grammar.
    for value in ["\"\"", "\"1 0\"", "\"10", "\"10\\\"", "\"1,0\""] {
        let line = format!("permessage-deflate; server_max_window_bits={value}");
        assert!(parse_offers([line.as_bytes()]).is_err(), "{line}");
    }
}

#[test]
fn s7692_7_one_parameter_under_every_policy() {
    for policy in twin::policies() {
        for name in NAMES {
            for state in STATES {
                check(&[offer(state.map(|value| param(name, value)))], &policy);
            }
        }
    }
}

/// Calls `visit` with an offer for every combination of the states that each parameter may have.
fn combine(states: [&[Option<Option<&str>>]; 4], mut visit: impl FnMut(&mut ExtensionOffer)) {
    fn add(
        states: &[&[Option<Option<&str>>]],
        offer: &mut ExtensionOffer,
        visit: &mut impl FnMut(&mut ExtensionOffer),
    ) {
        let Some((states, rest)) = states.split_first() else { return visit(offer) };
        let name = NAMES[NAMES.len() - 1 - rest.len()];
        for state in *states {
            let len = offer.params.len();
            offer.params.extend(state.map(|value| param(name, value)));
            add(rest, offer, visit);
            offer.params.truncate(len);
        }
    }
    add(&states, &mut offer([]), &mut visit);
}
