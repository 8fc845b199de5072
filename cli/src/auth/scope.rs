//! What tokens are good for (RFC 6749 §3.3).

use std::fmt;

/// Names of scopes, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes(Vec<String>);

impl Scopes {
    /// Reads names with spaces between them.
    ///
    /// # Errors
    /// A name has an octet that none may have, or there is no name.
    pub(crate) fn parse(text: &str) -> Result<Scopes, String> {
        let mut scopes = Scopes::default();
        for name in text.split(' ').filter(|name| !name.is_empty()) {
            scopes.add(name)?;
        }
        // Wanting nothing is not saying anything: it must not come of a slip.
        if scopes.0.is_empty() {
            return Err("wanted: a scope, or several with spaces between them".into());
        }
        Ok(scopes)
    }

    /// Adds one name.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn add(&mut self, name: &str) -> Result<(), String> {
        // RFC 6749 §3.3: visible ASCII but for the quotation mark and the backslash.
        let is_of_it = |octet: u8| octet.is_ascii_graphic() && !b"\"\\".contains(&octet);
        if name.is_empty() || !name.bytes().all(is_of_it) {
            return Err(format!("'{}' is no scope", name.escape_debug()));
        }
        if !self.0.iter().any(|known| known == name) {
            self.0.push(name.to_owned());
        }
        Ok(())
    }

    /// Whether all of those are among these.
    pub(super) fn hold(&self, wanted: &Scopes) -> bool {
        wanted.0.iter().all(|wanted| self.0.contains(wanted))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s6749_3_3_names_are_visible_ascii_with_spaces_between_them() {
        let both = Scopes::parse("chat  read chat").unwrap();
        assert_eq!(both.to_string(), "chat read");
        assert!(both.hold(&Scopes::parse("read").unwrap()) && both.hold(&Scopes::default()));
        assert!(!both.hold(&Scopes::parse("read write").unwrap()));
        for text in ["a\"b", "a\\b", "a\tb", "\u{e9}", "", "  "] {
            assert!(Scopes::parse(text).is_err(), "{text:?}");
        }
    }
}
