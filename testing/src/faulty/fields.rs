//! Lists, tokens and quoted values in the fields of a request (RFC 9110 §5.6; RFC 6455 §4.3).

/// RFC 9110 §5.6.2.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    let tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(tchar)
}

/// Without the spaces and tabs at both ends.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The members of a list over several lines, trimmed; empty ones are among them.
pub(super) fn members<'a>(lines: &[&'a [u8]]) -> Vec<&'a [u8]> {
    lines.iter().flat_map(|line| line.split(|byte| *byte == b',')).map(trim).collect()
}

/// One member of `Sec-WebSocket-Extensions`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) name: String,
    /// Names and values, unquoted.
    pub(super) parameters: Vec<(String, Option<String>)>,
}

/// How quoted values are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoted {
    /// RFC 6455 §4.3: without its quotes a value is a token.
    Token,
    /// The same, and no pair is read, which is a fault.
    WithoutPairs,
    Anything,
}

/// The extensions of one line; `None` when it breaks the grammar.
pub(super) fn extensions(line: &[u8], quoted: Quoted) -> Option<Vec<Extension>> {
    let mut text = Text { bytes: line, at: 0, quoted };
    let mut all = Vec::new();
    loop {
        text.skip_space();
        match text.peek() {
            None => return Some(all),
            Some(b',') => text.at += 1,
            Some(_) => {
                all.push(text.extension()?);
                text.skip_space();
                if !matches!(text.peek(), None | Some(b',')) {
                    return None;
                }
            }
        }
    }
}

struct Text<'a> {
    bytes: &'a [u8],
    at: usize,
    quoted: Quoted,
}

impl Text<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn token(&mut self) -> Option<String> {
        self.skip_space();
        let rest = &self.bytes[self.at..];
        let len = rest.iter().take_while(|byte| is_token(&[**byte])).count();
        self.at += len;
        (len > 0).then(|| String::from_utf8_lossy(&rest[..len]).into_owned())
    }

    fn extension(&mut self) -> Option<Extension> {
        let mut extension = Extension { name: self.token()?, parameters: Vec::new() };
        while self.take(b';') {
            let name = self.token()?;
            let value = if self.take(b'=') { Some(self.value()?) } else { None };
            extension.parameters.push((name, value));
        }
        Some(extension)
    }

    fn value(&mut self) -> Option<String> {
        if !self.take(b'"') {
            return self.token();
        }
        let mut value = Vec::new();
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' if self.quoted == Quoted::WithoutPairs => return None,
                b'\\' => {
                    value.push(self.peek()?);
                    self.at += 1;
                }
                _ => value.push(byte),
            }
        }
        if self.quoted != Quoted::Anything && !is_token(&value) {
            return None;
        }
        Some(String::from_utf8_lossy(&value).into_owned())
    }
}
