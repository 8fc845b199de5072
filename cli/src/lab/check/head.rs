//! Request heads: the plainest good opening handshake, and what can be changed in it. `{path}` and
//! `{host}` in a request line or field stand for those of the URL, `{scheme}` for `http`, or `https` over TLS.

/// The key of RFC 6455 §1.3; its accept value is known from there.
pub(crate) const SAMPLE_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A request head under construction: the plainest good one, then changed in one place.
#[derive(Clone)]
pub(crate) struct Head {
    before: Vec<u8>,
    line: Vec<u8>,
    fields: Vec<Vec<u8>>,
    after: Vec<u8>,
    /// What goes on the wire instead of all that.
    verbatim: Option<Vec<u8>>,
}

impl Head {
    /// A good opening handshake.
    pub(crate) fn new() -> Head {
        let fields = [
            "Host: {host}".to_owned(),
            "Upgrade: websocket".to_owned(),
            "Connection: Upgrade".to_owned(),
            format!("Sec-WebSocket-Key: {SAMPLE_KEY}"),
            "Sec-WebSocket-Version: 13".to_owned(),
        ];
        Head {
            before: Vec::new(),
            line: b"GET {path} HTTP/1.1".to_vec(),
            fields: fields.map(String::into_bytes).into(),
            after: Vec::new(),
            verbatim: None,
        }
    }

    /// Bytes as they stand, instead of a head.
    pub(crate) fn verbatim(bytes: &[u8]) -> Head {
        Head { verbatim: Some(bytes.to_vec()), ..Head::new() }
    }

    /// A GET of this request-target.
    pub(crate) fn target(self, target: impl AsRef<[u8]>) -> Head {
        let line = [b"GET ", target.as_ref(), b" HTTP/1.1"].concat();
        self.line(line)
    }

    /// Another method.
    pub(crate) fn method(self, method: &str) -> Head {
        self.line(format!("{method} {{path}} HTTP/1.1"))
    }

    /// The same resource with this query.
    pub(crate) fn query(self, query: impl AsRef<[u8]>) -> Head {
        self.target([b"{path}?", query.as_ref()].concat())
    }

    /// The whole request line, without its end.
    pub(crate) fn line(mut self, line: impl AsRef<[u8]>) -> Head {
        self.line = line.as_ref().to_vec();
        self
    }

    /// Bytes before the request line.
    pub(crate) fn preceded_by(mut self, bytes: impl AsRef<[u8]>) -> Head {
        self.before = bytes.as_ref().to_vec();
        self
    }

    /// Bytes after the empty line.
    pub(crate) fn followed_by(mut self, bytes: impl AsRef<[u8]>) -> Head {
        self.after = bytes.as_ref().to_vec();
        self
    }

    /// Leaves the field out.
    pub(crate) fn without(mut self, name: &str) -> Head {
        self.fields.retain(|field| !is_named(field, name));
        self
    }

    /// Replaces the field's value, keeping its place.
    pub(crate) fn set(mut self, name: &str, value: impl AsRef<[u8]>) -> Head {
        let line = [name.as_bytes(), b": ", value.as_ref()].concat();
        match self.fields.iter().position(|field| is_named(field, name)) {
            Some(at) => self.fields[at] = line,
            None => self.fields.push(line),
        }
        self
    }

    /// Adds one more field line.
    pub(crate) fn add(self, name: &str, value: impl AsRef<[u8]>) -> Head {
        self.raw([name.as_bytes(), b": ", value.as_ref()].concat())
    }

    /// Adds one line as it stands, without its end.
    pub(crate) fn raw(mut self, line: impl AsRef<[u8]>) -> Head {
        self.fields.push(line.as_ref().to_vec());
        self
    }

    /// Puts one line in front of all fields.
    pub(crate) fn raw_first(mut self, line: impl AsRef<[u8]>) -> Head {
        self.fields.insert(0, line.as_ref().to_vec());
        self
    }

    /// Turns the order of the fields round.
    pub(crate) fn reversed(mut self) -> Head {
        self.fields.reverse();
        self
    }

    /// The value of the first field of this name, trimmed.
    pub(crate) fn value(&self, name: &str) -> Option<Vec<u8>> {
        let line = self.fields.iter().find(|field| is_named(field, name))?;
        let at = line.iter().position(|byte| *byte == b':')? + 1;
        Some(line[at..].trim_ascii().to_vec())
    }

    /// The values of all fields of this name as one list.
    pub(crate) fn all(&self, name: &str) -> String {
        let lines = self.fields.iter().filter(|field| is_named(field, name));
        let values = lines.filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b':')? + 1;
            Some(String::from_utf8_lossy(line.get(at..)?).trim().to_owned())
        });
        values.collect::<Vec<_>>().join(", ")
    }

    /// Everything as it goes on the wire, to this path and host, without TLS.
    pub(crate) fn bytes_for(&self, path: &str, host: &str) -> Vec<u8> {
        self.bytes_with("http", path, host)
    }

    /// The same with this scheme in a target or an origin of the server's own.
    pub(crate) fn bytes_with(&self, scheme: &str, path: &str, host: &str) -> Vec<u8> {
        let mut bytes = self.verbatim.clone().unwrap_or_else(|| {
            let mut bytes = [&self.before[..], &self.line[..], b"\r\n"].concat();
            for field in &self.fields {
                bytes.extend_from_slice(field);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"\r\n");
            bytes
        });
        if bytes.contains(&b'{') {
            bytes = replaced(&bytes, b"{scheme}", scheme.as_bytes());
            bytes = replaced(&bytes, b"{SCHEME}", scheme.to_ascii_uppercase().as_bytes());
            bytes = replaced(&bytes, b"{sChEmE}", mixed(scheme).as_bytes());
        }
        bytes = replaced(&bytes, b"{path}", path.as_bytes());
        bytes = replaced(&bytes, b"{host}", host.as_bytes());
        bytes.extend_from_slice(&self.after);
        bytes
    }

    /// Whether it is bytes as they stand.
    pub(crate) fn is_verbatim(&self) -> bool {
        self.verbatim.is_some()
    }

    /// Whether octets follow the head.
    pub(crate) fn has_more(&self) -> bool {
        !self.after.is_empty() || self.is_verbatim()
    }

    /// Whether its fields announce a body.
    pub(crate) fn has_framing(&self) -> bool {
        let is_one = |name: &&str| self.fields.iter().any(|field| is_named(field, name));
        !self.is_verbatim() && ["Content-Length", "Transfer-Encoding"].iter().any(is_one)
    }

    /// Whether the request is a HEAD, whose answer has no content whatever it says.
    pub(crate) fn is_head(&self) -> bool {
        !self.is_verbatim() && self.line.starts_with(b"HEAD ")
    }
}

/// Every other letter in upper case.
fn mixed(word: &str) -> String {
    let letters = word.chars().enumerate();
    letters.map(|(at, c)| if at % 2 == 1 { c.to_ascii_uppercase() } else { c }).collect()
}

fn is_named(line: &[u8], name: &str) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        && line[name.len()..].trim_ascii_start().starts_with(b":")
}

fn replaced(bytes: &[u8], place: &[u8], by: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(bytes.len() + by.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(place.len()).position(|window| window == place) {
        all.extend_from_slice(&rest[..at]);
        all.extend_from_slice(by);
        rest = &rest[at + place.len()..];
    }
    all.extend_from_slice(rest);
    all
}
