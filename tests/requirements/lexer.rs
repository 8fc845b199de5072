//! Rust sources as tokens: identifiers, strings and punctuation; comments, characters and
//! lifetimes are left out. Good enough for what the compiler has accepted.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Word(String),
    /// The contents of a string, raw or not, escapes as they stand.
    Text(String),
    Sign(char),
}

/// A token and its line, from 1.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) line: usize,
}

impl Placed {
    pub(crate) fn is(&self, sign: char) -> bool {
        self.token == Token::Sign(sign)
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    pub(crate) fn word(&self) -> Option<&str> {
        if let Token::Word(word) = &self.token { Some(word) } else { None }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Token::Text(text) = &self.token { Some(text) } else { None }
    }
}

pub(crate) fn tokens(source: &str) -> Vec<Placed> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let (token, len) = next(rest, first);
        if let Some(token) = token {
            found.push(Placed { token, line });
        }
        line += rest[..len].matches('\n').count();
        rest = &rest[len..];
    }
    found
}

fn next(rest: &str, first: char) -> (Option<Token>, usize) {
    if rest.starts_with("//") {
        return (None, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (None, comment_len(rest));
    }
    // b"", c"", r"", br#""#: the prefix belongs to the string.
    let prefix = rest.find(|c: char| !matches!(c, 'b' | 'c' | 'r')).unwrap_or(rest.len());
    let behind = &rest[prefix..];
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    let is_raw = rest[..prefix].ends_with('r');
    if prefix <= 2 && behind[hashes..].starts_with('"') && (is_raw || hashes == 0) {
        let begin = prefix + hashes + 1;
        let (len, end) = string_len(&rest[begin..], is_raw.then_some(hashes));
        return (Some(Token::Text(rest[begin..begin + len].to_owned())), begin + len + end);
    }
    if first == '\'' || rest.starts_with("b'") {
        return (None, quote_len(rest));
    }
    if is_word(first) {
        let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        return (Some(Token::Word(rest[..len].to_owned())), len);
    }
    let token = (!first.is_whitespace()).then_some(Token::Sign(first));
    (token, first.len_utf8())
}

/// Comments nest.
fn comment_len(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let behind = &rest[at..];
        if behind.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if behind.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += behind.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// How long the contents are, and what closes them.
fn string_len(inside: &str, hashes: Option<usize>) -> (usize, usize) {
    if let Some(hashes) = hashes {
        let end = format!("\"{}", "#".repeat(hashes));
        return (inside.find(&end).unwrap_or(inside.len()), end.len());
    }
    let mut escaped = false;
    let end = inside.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    (end.unwrap_or(inside.len()), 1)
}

/// A character or a lifetime.
fn quote_len(rest: &str) -> usize {
    let start = rest.find('\'').map_or(0, |at| at + 1);
    let mut inside = rest[start..].chars();
    match inside.next() {
        Some('\\') => rest[start + 2..].find('\'').map_or(rest.len(), |at| start + 2 + at + 1),
        Some(c) if inside.next() == Some('\'') => start + c.len_utf8() + 1,
        _ => start,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
