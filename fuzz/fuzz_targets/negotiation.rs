//! Offers of permessage-deflate under any policy: the slow twin agrees on what is taken and what
//! is answered, and the answer is one that the client can read and has allowed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stickler::proto::{deflate::negotiate, extension::parse_offers};
use stickler_testing::negotiation as twin;

/// What a byte stands for where the input is words.
const WORDS: [&[u8]; 32] = [
    b"permessage-deflate",
    b"server_no_context_takeover",
    b"client_no_context_takeover",
    b"server_max_window_bits",
    b"client_max_window_bits",
    b"; ",
    b"; ",
    b"; ",
    b";",
    b"=",
    b"=",
    b" = ",
    b", ",
    b",",
    b"\n",
    b"\"",
    b"\\",
    b"0",
    b"1",
    b"7",
    b"8",
    b"9",
    b"10",
    b"12",
    b"15",
    b"16",
    b"+",
    b"foo",
    b"Permessage-Deflate",
    b"SERVER_MAX_WINDOW_BITS",
    b"=8",
    b"=\"1\\5\"",
];

// Bits 0 to 4 of the first byte: the policy. Bit 5: whether the rest is words, or lines as they
// stand in a request.
fuzz_target!(|data: &[u8]| {
    let Some((&setting, rest)) = data.split_first() else { return };
    let policy = twin::policies()[usize::from(setting & 31)];
    let spelled;
    let lines = if setting & 32 == 0 {
        rest
    } else {
        spelled = rest.iter().flat_map(|byte| WORDS[usize::from(byte & 31)]).copied().collect();
        Vec::as_slice(&spelled)
    };
    let Ok(offers) = parse_offers(lines.split(|byte| *byte == b'\n')) else { return };
    let agreement = negotiate(&offers, &policy);
    let said = agreement.map(|agreement| agreement.to_string());
    let read = said.as_deref().map(twin::Answer::read);
    assert_eq!(read, twin::answer(&offers, &policy), "{offers:?} under {policy:?}");
    let (Some(agreement), Some(said), Some(read)) = (agreement, said, read) else { return };

    // In the grammar of the request too, it is one offer of ours, which is taken as it is.
    let again = parse_offers([said.as_bytes()]).unwrap();
    assert!(again.len() == 1 && twin::is_acceptable(&again[0]), "{said}");
    assert_eq!(negotiate(&again, &policy), Some(agreement), "{said}");

    let taken = offers.iter().find(|offer| twin::is_acceptable(offer)).unwrap();
    assert_eq!(twin::broken_rule(taken, &read), None, "{taken:?} got {said}");
    assert_eq!(agreement.server_no_context_takeover(), read.server_no_context_takeover);
    assert_eq!(agreement.client_no_context_takeover(), read.client_no_context_takeover);
    // Without context takeover a smaller window may go unsaid.
    let unsaid =
        if read.server_no_context_takeover { policy.server_max_window_bits.get() } else { 15 };
    let window = read.server_max_window_bits.unwrap_or(unsaid);
    assert_eq!(agreement.server_max_window_bits().get(), window);
});
