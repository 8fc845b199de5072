//! Reads the paths that a Rust source names, well enough for sources that rustfmt formats.

/// A source without its comments and literals.
pub(crate) struct Source {
    pub(crate) code: String,
}

/// A path as it stands in the source, and where.
pub(crate) struct Named {
    segments: Vec<String>,
    at: usize,
}

impl Source {
    pub(crate) fn new(text: &str) -> Source {
        Source { code: without_literals(text) }
    }

    /// Every identifier and keyword.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.code.split(|c: char| !is_word(c)).filter(|word| !word.is_empty())
    }

    /// The path from the root of the crate, or from another crate, as seen in `module`.
    pub(crate) fn resolve(&self, path: &Named, module: &[String]) -> Vec<String> {
        let mut module = module.to_vec();
        if self.code[..path.at].contains("mod tests {") {
            module.push("tests".to_owned());
        }
        let mut rest = &path.segments[..];
        let mut is_local = false;
        while let [first, behind @ ..] = rest {
            match first.as_str() {
                "super" => {
                    module.pop();
                }
                "self" => {}
                _ => break,
            }
            is_local = true;
            rest = behind;
        }
        if is_local {
            let root = std::iter::once("crate".to_owned());
            return root.chain(module).chain(rest.iter().cloned()).collect();
        }
        rest.to_vec()
    }
}

/// Every path of two segments or more, and every path of a `use` item, groups taken apart.
pub(crate) fn paths(source: &Source) -> Vec<Named> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = source.code.get(at..) {
        let Some(start) = rest.find(is_word) else { break };
        at += start;
        let word_len = word_len(&source.code[at..]);
        if &source.code[at..at + word_len] == "use" {
            let item = source.code[at + word_len..].split(';').next().unwrap_or_default();
            expand(item, &mut Vec::new(), at, &mut found);
            at += word_len + item.len();
        } else {
            let (segments, len) = inline_path(&source.code[at..]);
            if segments.len() > 1 {
                found.push(Named { segments, at });
            }
            at += len;
        }
    }
    found
}

/// Takes a `use` tree apart: `a::{b, c::{self, d as e}}`.
fn expand(tree: &str, prefix: &mut Vec<String>, at: usize, found: &mut Vec<Named>) {
    for branch in branches(tree) {
        let depth = prefix.len();
        let group = branch.find('{').zip(branch.rfind('}'));
        let path = match group {
            Some((start, _)) => &branch[..start],
            None => branch.split(" as ").next().unwrap_or_default(),
        };
        let segments = path.split("::").map(str::trim).filter(|segment| !segment.is_empty());
        prefix.extend(segments.filter(|segment| *segment != "*").map(str::to_owned));
        if let Some((start, end)) = group {
            expand(&branch[start + 1..end], prefix, at, found);
        } else {
            // `a::{self}` names `a`.
            let is_self = prefix.len() > 1 && prefix.last().is_some_and(|last| last == "self");
            let segments = prefix[..prefix.len() - usize::from(is_self)].to_vec();
            if !segments.is_empty() {
                found.push(Named { segments, at });
            }
        }
        prefix.truncate(depth);
    }
}

/// Splits at the commas that are outside of groups.
fn branches(tree: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&tree[start..]);
    found.into_iter().filter(|branch| !branch.trim().is_empty()).collect()
}

/// The path at the beginning, and how long it is.
fn inline_path(code: &str) -> (Vec<String>, usize) {
    let mut segments = Vec::new();
    let mut at = 0;
    loop {
        let len = word_len(&code[at..]);
        segments.push(code[at..at + len].to_owned());
        at += len;
        let separator = code[at..].trim_start();
        let Some(next) = separator.strip_prefix("::").map(str::trim_start) else { break };
        if !next.starts_with(is_word) {
            break;
        }
        at = code.len() - next.len();
    }
    (segments, at)
}

fn word_len(code: &str) -> usize {
    code.find(|c| !is_word(c)).unwrap_or(code.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Comments and literals become spaces.
fn without_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = literal_len(rest, code.chars().next_back());
        if len > 0 {
            code.push(' ');
            rest = &rest[len..];
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

/// How long the comment or literal at the beginning is; 0 if there is none.
fn literal_len(rest: &str, before: Option<char>) -> usize {
    let until = |end: &str, from: usize| {
        rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len())
    };
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until("*/", 2);
    }
    let raw = rest.strip_prefix("br").or(rest.strip_prefix('r')).unwrap_or_default();
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    if raw[hashes..].starts_with('"') && !before.is_some_and(is_word) {
        let opening = rest.len() - raw.len() + hashes + 1;
        return until(&format!("\"{}", "#".repeat(hashes)), opening);
    }
    if let Some(behind) = rest.strip_prefix('"') {
        let mut escaped = false;
        let end = behind.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        return end.map_or(rest.len(), |at| at + 2);
    }
    // A character, not a lifetime: a quote closes it.
    let mut inside = rest.strip_prefix('\'').unwrap_or_default().chars();
    match inside.next() {
        Some('\\') => until("'", 3),
        Some(c) if inside.next() == Some('\'') => c.len_utf8() + 2,
        _ => 0,
    }
}
