//! The tokens of a file: a line for each, with the hash of the token and never the token.
//!
//! ```text
//! # NAME sha256:HEX [scope=A,B] [expires=2027-01-31]
//! dashboard sha256:9f86d0818... scope=chat,read expires=2027-01-31T12:00:00Z
//! ```

use std::path::Path;

use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::file::{self, Kind};
use super::hash::TokenHash;
use super::scope::Scopes;
use super::{Known, Refusal, time};

/// All tokens of a file.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Vec<Token>);

/// One of them.
#[derive(Debug)]
pub(super) struct Token {
    name: String,
    hash: TokenHash,
    scopes: Scopes,
    /// In seconds since 1970: from here on it is good no more.
    expires: Option<u64>,
}

impl Tokens {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is open to others, or has a line that is none: a sentence with its name, and the line.
    pub(crate) fn load(path: &Path) -> Result<Tokens, String> {
        let bytes = file::read(path, Kind::Secret)?;
        let text =
            str::from_utf8(&bytes).map_err(|_| format!("{} is not UTF-8", path.display()))?;
        Tokens::parse(text).map_err(|(line, why)| format!("{}:{line}: {why}", path.display()))
    }

    /// Whether these are the same tokens, good for the same.
    pub(super) fn are_as(&self, other: &Tokens) -> bool {
        let (own, others) = (&self.0, &other.0);
        own.len() == others.len() && own.iter().zip(others).all(|(own, other)| own.is_as(other))
    }

    fn parse(text: &str) -> Result<Tokens, (usize, String)> {
        let mut tokens: Vec<Token> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let token = Token::parse(text).map_err(|why| (line, why))?;
            if let Some(other) =
                tokens.iter().find(|it| it.name == token.name || it.hash.ct_eq(&token.hash).into())
            {
                return Err((
                    line,
                    format!("the name or the token of '{}' is there already", other.name),
                ));
            }
            tokens.push(token);
        }
        Ok(Tokens(tokens))
    }

    /// The token that was presented, if it is one of these.
    ///
    /// Its hash is compared with all of them, and each comparison takes the same time: how long it took says
    /// nothing of how near it came, nor which one it is.
    pub(super) fn find(&self, presented: &str) -> Option<&Token> {
        let hash = TokenHash::of(presented.as_bytes());
        let mut found = 0;
        for (place, token) in (1_u32..).zip(&self.0) {
            found.conditional_assign(&place, token.hash.ct_eq(&hash));
        }
        self.0.get(usize::try_from(found).ok()?.checked_sub(1)?)
    }
}

impl Token {
    fn is_as(&self, other: &Token) -> bool {
        bool::from(self.hash.ct_eq(&other.hash))
            && self.name == other.name
            && self.scopes == other.scopes
            && self.expires == other.expires
    }

    fn parse(line: &str) -> Result<Token, String> {
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        if !is_name(name) {
            return Err("a name has at most 64 letters, digits and -._@".into());
        }
        let hash = words.next().and_then(|word| TokenHash::parse(word.strip_prefix("sha256:")?));
        // What stands there may be a token: it is not repeated.
        let hash = hash.ok_or("after the name stands sha256: and 64 hexadecimal digits")?;
        let mut token = Token { name: name.into(), hash, scopes: Scopes::default(), expires: None };
        for word in words {
            if let Some(list) = word.strip_prefix("scope=") {
                list.split(',').try_for_each(|scope| token.scopes.add(scope))?;
            } else if let Some(end) =
                word.strip_prefix("expires=").filter(|_| token.expires.is_none())
            {
                token.expires = Some(time::parse(end)?);
            } else {
                return Err(
                    "after the hash stand scope=A,B and expires=TIME only, the latter once".into(),
                );
            }
        }
        Ok(token)
    }

    /// Whose it is at this time, in seconds since 1970.
    pub(super) fn at(&self, now: u64) -> Result<Known, Refusal> {
        if self.expires.is_some_and(|end| end <= now) {
            return Err(Refusal::Invalid {
                name: Some(self.name.clone()),
                why: "the token has expired",
            });
        }
        Ok(Known { name: self.name.clone(), scopes: self.scopes.clone() })
    }
}

/// Whether a token may have this name.
pub(super) fn is_name(name: &str) -> bool {
    let is_of_it = |octet: u8| octet.is_ascii_alphanumeric() || b"-._@".contains(&octet);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_of_it)
}

const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, token: &str, rest: &str) -> String {
        format!("{} {rest}\n", crate::auth::make::line(name, token))
    }

    fn parse(text: &str) -> Tokens {
        Tokens::parse(text).unwrap()
    }

    #[test]
    fn a_token_is_found_wherever_it_stands_and_no_other_is() {
        let names: Vec<String> = (0..100).map(|n| format!("n{n}")).collect();
        let text: String =
            names.iter().map(|name| line(name, &format!("token of {name}"), "")).collect();
        let tokens = parse(&format!("# all of them\n\n{text}"));
        assert_eq!(tokens.0.len(), 100);
        for name in &names {
            let found = tokens.find(&format!("token of {name}")).unwrap();
            assert_eq!((&found.name, found.at(u64::MAX).unwrap().name), (name, name.clone()));
        }
        for other in ["", "token of n100", "token of n1 ", "n1"] {
            assert!(tokens.find(other).is_none(), "{other}");
        }
        assert!(parse("").find("").is_none());
    }

    #[test]
    fn a_token_ends_and_has_scopes() {
        let tokens = parse(&line("a", "t", "scope=chat,read expires=1970-01-02"));
        let token = tokens.find("t").unwrap();
        assert_eq!(token.at(86_399).unwrap().scopes, Scopes::parse("chat read").unwrap());
        let expired = Refusal::Invalid { name: Some("a".into()), why: "the token has expired" };
        assert_eq!(token.at(86_400), Err(expired));
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_and_what_may_be_a_token_is_not_repeated() {
        let good = line("a", "t", "");
        let rows = [
            ("a secret-token".to_owned(), "sha256:"),
            ("a".into(), "sha256:"),
            (format!("a sha256:{}", "0".repeat(63)), "64"),
            (format!("a sha256:{}", "+0".repeat(32)), "64"),
            (format!("a md5:{}", "0".repeat(64)), "sha256:"),
            ("a/b sha256:00".into(), "64 letters"),
            (line("b", "u", "secret-token"), "scope=A,B"),
            (line("b", "u", "expires=soon"), "is no time"),
            (line("b", "u", "expires=2027-01-01 expires=2028-01-01"), "once"),
            (line("b", "u", "scope=a,,b"), "is no scope"),
            (line("a", "u", ""), "of 'a' is there already"),
            (line("b", "t", ""), "of 'a' is there already"),
        ];
        for (bad, expected) in rows {
            let (line, why) = Tokens::parse(&format!("\n{good}{bad}\n")).unwrap_err();
            assert!(line == 3 && why.contains(expected), "{bad}: {line}: {why}");
            assert!(!why.contains("secret-token"), "{why}");
        }
    }
}
