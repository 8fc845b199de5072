//! The grammar of Sec-WebSocket-Extensions (RFC 6455 §4.3, §9.1).
//!
//! Broken grammar refuses the handshake; an offer that is merely unknown or unacceptable is
//! declined by leaving it out of the answer. `deflate::negotiate` walks
//! the offers in the client's order and takes the first that it can accept.

use super::{
    handshake::{
        fields::{EmptyMembers, token},
        octet::Class,
    },
    rejection::Rejection,
};

/// One extension that a client offers.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtensionOffer {
    /// The extension token, in the case in which it was sent.
    pub name: String,
    /// The parameters in order, repeated ones included; a quoted value is unescaped.
    pub params: Vec<(String, Option<String>)>,
}

impl core::fmt::Debug for ExtensionOffer {
    /// Leaves out the client's own words.
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("ExtensionOffer")
            .field("name_len", &self.name.len())
            .field("params", &self.params.len())
            .finish()
    }
}

/// Parses the values of all Sec-WebSocket-Extensions lines of a request, which are one list.
///
/// All of them are checked; the first [`MAX_OFFERS`] are kept, and of these only offers with at
/// most [`MAX_PARAMS`] parameters. The others are declined unseen. No lines give no offers.
///
/// # Errors
/// [`Rejection::ExtensionsMalformed`] or [`Rejection::TooManyEmptyMembers`].
pub fn parse_offers<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<ExtensionOffer>, Rejection> {
    parse(lines, Kept { offers: MAX_OFFERS, params: MAX_PARAMS })
}

/// Parses the values of all Sec-WebSocket-Extensions lines of a response, whose head has a bound: every
/// member and parameter is kept, as each has to be one that was offered.
pub(in crate::proto) fn parse_answers<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<ExtensionOffer>, Rejection> {
    parse(lines, Kept { offers: usize::MAX, params: usize::MAX })
}

/// How much of a list is kept.
#[derive(Clone, Copy)]
struct Kept {
    offers: usize,
    params: usize,
}

fn parse<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
    most: Kept,
) -> Result<Vec<ExtensionOffer>, Rejection> {
    let mut offers = Vec::new();
    let mut empty = EmptyMembers::default();
    let (mut any_line, mut any_offer) = (false, false);
    for line in lines {
        any_line = true;
        let mut cursor = Cursor { rest: line };
        loop {
            cursor.skip_whitespace();
            if matches!(cursor.rest.first(), None | Some(b',')) {
                empty.count()?;
            } else {
                any_offer = true;
                // RFC 6455 §9.1: a member that breaks the grammar is refused, not skipped.
                let offer = cursor.parse_offer(most)?;
                // RFC 6455 §9.1: an extension that is not known here is an offer like others.
                if offers.len() < most.offers {
                    offers.extend(offer);
                }
            }
            if !cursor.take(b',') {
                break;
            }
        }
        if !cursor.rest.is_empty() {
            return Err(Rejection::ExtensionsMalformed);
        }
    }
    // RFC 6455 §4.3: a list that is there has at least one element.
    if any_line && !any_offer { Err(Rejection::ExtensionsMalformed) } else { Ok(offers) }
}

/// How many offers are kept.
pub const MAX_OFFERS: usize = 16;

/// How many parameters an offer may have and be kept.
pub const MAX_PARAMS: usize = 16;

/// What is still to be read of one line.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// One offer and the whitespace after it; `None` if it has more parameters than are kept.
    fn parse_offer(&mut self, most: Kept) -> Result<Option<ExtensionOffer>, Rejection> {
        let mut offer = ExtensionOffer { name: self.parse_token()?.to_owned(), params: Vec::new() };
        let mut kept = true;
        self.skip_whitespace();
        while self.take(b';') {
            self.skip_whitespace();
            let name = self.parse_token()?.to_owned();
            self.skip_whitespace();
            let value = if self.take(b'=') { Some(self.parse_value()?) } else { None };
            kept &= offer.params.len() < most.params;
            if kept {
                offer.params.push((name, value));
            }
            self.skip_whitespace();
        }
        Ok(kept.then_some(offer))
    }

    /// What follows the equals sign.
    fn parse_value(&mut self) -> Result<String, Rejection> {
        self.skip_whitespace();
        if self.take(b'"') { self.parse_quoted() } else { self.parse_token().map(str::to_owned) }
    }

    /// The rest of a quoted string. RFC 6455 §4.3: unescaped it has to be a token.
    fn parse_quoted(&mut self) -> Result<String, Rejection> {
        let mut value = Vec::new();
        while let Some((&octet, rest)) = self.rest.split_first() {
            self.rest = rest;
            match octet {
                b'"' => {
                    // RFC 6455 §4.3: what a quoted string holds is a token.
                    return token(&value).map(str::to_owned).ok_or(Rejection::ExtensionsMalformed);
                }
                b'\\' => {
                    let (&escaped, rest) =
                        rest.split_first().ok_or(Rejection::ExtensionsMalformed)?;
                    self.rest = rest;
                    // RFC 9110 §5.6.4: the backslash of a quoted pair is no part of the value.
                    value.push(escaped);
                }
                _ => value.push(octet),
            }
        }
        Err(Rejection::ExtensionsMalformed)
    }

    fn parse_token(&mut self) -> Result<&'a str, Rejection> {
        let (octets, rest) =
            self.rest.split_at_checked(Class::TOKEN.run(self.rest)).unwrap_or_default();
        self.rest = rest;
        token(octets).ok_or(Rejection::ExtensionsMalformed)
    }

    fn skip_whitespace(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Steps over `octet` if it is the next one.
    fn take(&mut self, octet: u8) -> bool {
        match self.rest.split_first() {
            Some((&first, rest)) if first == octet => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offers written back in one spelling: `name;param=value;param, name`.
    fn parse(lines: &[&str]) -> Result<String, Rejection> {
        let offers = parse_offers(lines.iter().map(|line| line.as_bytes()))?;
        let param = |(name, value): &(String, Option<String>)| match value {
            Some(value) => format!(";{name}={value}"),
            None => format!(";{name}"),
        };
        let offer = |offer: &ExtensionOffer| {
            offer.name.clone() + &offer.params.iter().map(param).collect::<String>()
        };
        Ok(offers.iter().map(offer).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn s6455_9_1_offers_are_read_in_order() {
        for (lines, expect) in [
            (&[][..], ""),
            (&["foo"], "foo"),
            (&["foo, bar"], "foo, bar"),
            (&["foo", "bar;x"], "foo, bar;x"),
            (&[",foo,,bar, ,", ""], "foo, bar"),
            (
                &["permessage-deflate; client_max_window_bits"],
                "permessage-deflate;client_max_window_bits",
            ),
            (&["a ; b = 10\t;c=\"1\\0\" , d"], "a;b=10;c=10, d"),
            (&["a;b=\"\\1\\0\""], "a;b=10"),
            (&["a;b;b;b=1"], "a;b;b;b=1"),
            (&["A;B=C"], "A;B=C"),
        ] {
            assert_eq!(parse(lines).as_deref(), Ok(expect), "{lines:?}");
        }
    }

    #[test]
    fn s6455_9_1_broken_grammar_is_refused() {
        for line in [
            "",
            " ",
            ",",
            ",,",
            ";foo",
            "foo;",
            "foo;=1",
            "foo; bar=",
            "foo bar",
            "foo;bar baz",
            "foo; ;bar",
            "foo;a=\"1 0\"",
            "foo;a=\"\"",
            "foo;a=\"",
            "foo;a=\"1",
            "foo;a=\"1\\",
            "foo;a=\"1\\\"",
            "foo;a=\"1\"2",
            "foo;a=1\"2\"",
            "=",
            "foo=1",
            "\"foo\"",
            "foo;\"a\"",
            "foo;a==1",
            "foo;a=1=2",
            "foo/1",
            "foo;a=é",
            "foo;a=\"1,0\"",
            "foo;a=\"1;0\"",
            "foo;a=\"b\"c\"",
        ] {
            assert_eq!(parse(&[line]), Err(Rejection::ExtensionsMalformed), "{line}");
            assert_eq!(
                parse(&["good", &format!("x, {line}, y")]).is_err(),
                !line.trim_matches([' ', ',']).is_empty()
            );
        }
    }

    #[test]
    fn s9110_5_6_1_2_empty_members_are_bounded() {
        assert!(parse(&[&format!("a{}", ",".repeat(32))]).is_ok());
        assert_eq!(parse(&[&format!("a{}", ",".repeat(33))]), Err(Rejection::TooManyEmptyMembers));
    }

    #[test]
    fn what_is_not_kept_is_still_checked() {
        let many = vec!["x"; 100].join(",");
        assert_eq!(parse_offers([many.as_bytes()]).unwrap().len(), MAX_OFFERS);
        assert!(parse(&[&format!("{many},;")]).is_err());
        let wide = format!("x{}, y", ";p".repeat(MAX_PARAMS + 1));
        assert_eq!(parse(&[&wide]).as_deref(), Ok("y"));
        assert!(parse(&[&format!("x{}=", ";p".repeat(1000))]).is_err());
    }
}
