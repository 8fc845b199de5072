//! What a test binary is made of: its modules, from file to file, and the items in them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::lexer::{Placed, tokens};

/// One crate of tests, from its root file down.
#[derive(Debug, Default)]
pub(crate) struct Binary {
    pub(crate) modules: Vec<Module>,
    pub(crate) items: Vec<Item>,
}

#[derive(Debug)]
pub(crate) struct Module {
    /// Names from the root, which has none.
    pub(crate) path: Vec<String>,
    pub(crate) file: PathBuf,
    /// What `use` brings in: the name here, and the path; `*` for all that is there.
    pub(crate) imports: Vec<(String, Vec<String>)>,
}

/// A function, a constant, or anything else with a name and a body.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    /// An index in `modules`.
    pub(crate) module: usize,
    pub(crate) line: usize,
    pub(crate) body: Vec<Placed>,
    /// A function of an `impl` or a trait.
    pub(crate) is_method: bool,
    pub(crate) is_test: bool,
    pub(crate) is_ignored: bool,
    /// Compiled in, as far as its attributes and those around it say.
    pub(crate) is_active: bool,
}

/// Reads a crate; `flag` tells which `cfg` options hold.
pub(crate) fn read(root: &Path, flag: &dyn Fn(&str) -> bool) -> Result<Binary, String> {
    let mut reader = Reader { binary: Binary::default(), flag };
    let folder = root.parent().ok_or("a root without a folder")?.to_owned();
    reader.file(root.to_owned(), folder, Vec::new(), true)?;
    Ok(reader.binary)
}

struct Reader<'a> {
    binary: Binary,
    flag: &'a dyn Fn(&str) -> bool,
}

/// Where a run of items stands.
#[derive(Clone)]
struct Place {
    module: usize,
    /// Where the files of its modules are.
    folder: PathBuf,
    is_active: bool,
    is_method: bool,
}

/// What the attributes of one item say.
#[derive(Default)]
struct Attributes {
    path: Option<String>,
    is_test: bool,
    is_ignored: bool,
    is_inactive: bool,
}

impl Reader<'_> {
    fn file(
        &mut self,
        file: PathBuf,
        folder: PathBuf,
        path: Vec<String>,
        is_active: bool,
    ) -> Result<(), String> {
        let source =
            fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let module = self.binary.modules.len();
        self.binary.modules.push(Module { path, file, imports: Vec::new() });
        self.items(&tokens(&source), Place { module, folder, is_active, is_method: false })
    }

    fn items(&mut self, mut rest: &[Placed], mut place: Place) -> Result<(), String> {
        while !rest.is_empty() {
            let (attributes, len) = self.attributes(rest, &mut place);
            rest = &rest[len..];
            if rest.is_empty() {
                break;
            }
            let len = item_len(rest);
            self.item(&rest[..len], &attributes, &place)?;
            rest = &rest[len..];
        }
        Ok(())
    }

    /// Reads the attributes at the beginning; inner ones speak about the place.
    fn attributes(&self, rest: &[Placed], place: &mut Place) -> (Attributes, usize) {
        let mut attributes = Attributes::default();
        let mut at = 0;
        while at < rest.len() && rest[at].is('#') {
            let is_inner = rest.get(at + 1).is_some_and(|token| token.is('!'));
            let start = at + 1 + usize::from(is_inner);
            let len = group_len(&rest[start..]);
            let inside = &rest[start + 1..start + len - 1];
            let mut one = Attributes::default();
            self.attribute(inside, &mut one);
            if is_inner {
                place.is_active &= !one.is_inactive;
            } else {
                attributes.path = one.path.or(attributes.path);
                attributes.is_test |= one.is_test;
                attributes.is_ignored |= one.is_ignored;
                attributes.is_inactive |= one.is_inactive;
            }
            at = start + len;
        }
        (attributes, at)
    }

    fn attribute(&self, inside: &[Placed], attributes: &mut Attributes) {
        let words: Vec<&str> = inside.iter().map_while(Placed::word).collect();
        match words.first().copied() {
            Some("ignore") => attributes.is_ignored = true,
            Some("test") => attributes.is_test = true,
            // #[tokio::test], with or without arguments.
            Some("tokio") if inside.get(3).is_some_and(|token| token.is_word("test")) => {
                attributes.is_test = true;
            }
            Some("path") => {
                attributes.path = inside.iter().find_map(Placed::text).map(str::to_owned)
            }
            Some("cfg") => attributes.is_inactive |= !self.holds(&inside[2..inside.len() - 1]),
            Some("cfg_attr") => {
                let parts = split(&inside[2..inside.len() - 1]);
                if parts.first().is_some_and(|condition| self.holds(condition)) {
                    parts[1..].iter().for_each(|part| self.attribute(part, attributes));
                }
            }
            _ => {}
        }
    }

    /// Whether a condition of `cfg` holds; one that nobody here understands does not.
    fn holds(&self, condition: &[Placed]) -> bool {
        let inner = || split(condition.get(2..condition.len() - 1).unwrap_or_default());
        let is_group = condition.get(1).is_some_and(|token| token.is('('));
        match condition.first().and_then(Placed::word) {
            Some("all") if is_group => inner().iter().all(|part| self.holds(part)),
            Some("any") if is_group => inner().iter().any(|part| self.holds(part)),
            Some("not") if is_group => !inner().iter().any(|part| self.holds(part)),
            Some(name) => match condition.get(2).and_then(Placed::text) {
                Some(value) => (self.flag)(&format!("{name}={value}")),
                None => (self.flag)(name),
            },
            None => false,
        }
    }

    fn item(
        &mut self,
        item: &[Placed],
        attributes: &Attributes,
        place: &Place,
    ) -> Result<(), String> {
        let is_active = place.is_active && !attributes.is_inactive;
        let Some(at) = item.iter().position(|token| {
            ["mod", "use", "fn", "const", "static", "impl", "trait", "macro_rules"]
                .iter()
                .any(|word| token.is_word(word))
                || token.is('{')
                || token.is('=')
        }) else {
            return Ok(());
        };
        match item[at].word() {
            Some("mod") => self.module(&item[at + 1..], attributes, place, is_active),
            Some("use") => {
                let mut imports = Vec::new();
                expand(&item[at + 1..item.len() - 1], &mut Vec::new(), &mut imports);
                self.binary.modules[place.module].imports.extend(imports);
                Ok(())
            }
            Some("impl" | "trait") => {
                let open = item.iter().position(|token| token.is('{')).unwrap_or(item.len() - 1);
                let place = Place { is_active, is_method: true, ..place.clone() };
                self.items(&item[open + 1..item.len() - 1], place)
            }
            word => {
                let is_function = is_function(&item[at..]);
                let name = match word {
                    Some("fn" | "const" | "static") => {
                        let behind = item[at + 1..].iter().filter_map(Placed::word);
                        let mut names = behind.filter(|word| !matches!(*word, "mut" | "fn"));
                        names.next().unwrap_or_default()
                    }
                    // What a macro makes is not seen from here, so what is in it runs nowhere.
                    _ => "",
                };
                self.binary.items.push(Item {
                    name: name.to_owned(),
                    module: place.module,
                    line: item[0].line,
                    body: item.to_vec(),
                    is_method: place.is_method,
                    is_test: attributes.is_test && is_function,
                    is_ignored: attributes.is_ignored,
                    is_active,
                });
                Ok(())
            }
        }
    }

    fn module(
        &mut self,
        rest: &[Placed],
        attributes: &Attributes,
        place: &Place,
        is_active: bool,
    ) -> Result<(), String> {
        let name = rest[0].word().ok_or("a module without a name")?.to_owned();
        let mut path = self.binary.modules[place.module].path.clone();
        path.push(name.clone());
        if rest[1].is('{') {
            let (file, module) =
                (self.binary.modules[place.module].file.clone(), self.binary.modules.len());
            self.binary.modules.push(Module { path, file, imports: Vec::new() });
            let folder = place.folder.join(attributes.path.as_ref().unwrap_or(&name));
            let place = Place { module, folder, is_active, is_method: false };
            return self.items(&rest[2..rest.len() - 1], place);
        }
        if let Some(file) = &attributes.path {
            // Relative to the folder of the file it stands in, and the module's own files beside it.
            let above = self.binary.modules[place.module].file.parent().unwrap_or(Path::new(""));
            let file = above.join(file);
            let folder = file.parent().unwrap_or(Path::new("")).to_owned();
            return self.file(file, folder, path, is_active);
        }
        let flat = place.folder.join(format!("{name}.rs"));
        let folder = place.folder.join(&name);
        let file = if flat.exists() { flat } else { folder.join("mod.rs") };
        self.file(file, folder, path, is_active)
    }
}

/// How long the item at the beginning is: to a semicolon, or to the brace that ends its body.
fn item_len(rest: &[Placed]) -> usize {
    let is_visible = rest[0].is_word("pub") && rest.get(1).is_some_and(|token| token.is('('));
    let start = if is_visible { 1 + group_len(&rest[1..]) } else { 0 };
    let start =
        start + usize::from(rest[start..].first().is_some_and(|token| token.is_word("pub")));
    let begins = |words: &[&str]| {
        let first = rest.get(start).and_then(Placed::word);
        first.is_some_and(|first| words.contains(&first))
    };
    let is_value = begins(&["use", "type", "static"])
        || (begins(&["const"]) && !is_function(rest.get(start..).unwrap_or_default()));
    let mut at = 0;
    while at < rest.len() {
        if rest[at].is(';') {
            return at + 1;
        }
        let len = group_len(&rest[at..]);
        if rest[at].is('{') && !is_value {
            return at + len;
        }
        at += len;
    }
    rest.len()
}

/// `fn`, whatever stands before it of `const`, `async`, `unsafe` and `extern "C"`.
fn is_function(rest: &[Placed]) -> bool {
    let before = |token: &&Placed| {
        let word = token.word().unwrap_or_default();
        matches!(word, "const" | "async" | "unsafe" | "extern") || token.text().is_some()
    };
    let len = rest.iter().take_while(before).count();
    rest.get(len).is_some_and(|token| token.is_word("fn"))
}

/// 1, or the length of the group that opens here, brackets and all.
fn group_len(rest: &[Placed]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in rest.iter().enumerate() {
        if ['(', '[', '{'].iter().any(|sign| token.is(*sign)) {
            depth += 1;
        } else if [')', ']', '}'].iter().any(|sign| token.is(*sign)) {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return at + 1;
        }
    }
    rest.len()
}

/// Parts between commas that are in no group.
fn split(rest: &[Placed]) -> Vec<&[Placed]> {
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    while at < rest.len() {
        if rest[at].is(',') {
            parts.push(&rest[start..at]);
            start = at + 1;
        }
        at += group_len(&rest[at..]);
    }
    parts.push(&rest[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

/// Takes a `use` tree apart: `a::{b, c::{self, d as e}}`.
fn expand(tree: &[Placed], prefix: &mut Vec<String>, found: &mut Vec<(String, Vec<String>)>) {
    for branch in split(tree) {
        let depth = prefix.len();
        let open = branch.iter().position(|token| token.is('{'));
        let head = &branch[..open.unwrap_or(branch.len())];
        let alias = head.iter().position(|token| token.is_word("as"));
        let words = head[..alias.unwrap_or(head.len())].iter().filter_map(Placed::word);
        prefix.extend(words.filter(|word| *word != "self").map(str::to_owned));
        let is_glob = head.last().is_some_and(|token| token.is('*'));
        match open {
            Some(open) => expand(&branch[open + 1..branch.len() - 1], prefix, found),
            None => {
                let name = alias.and_then(|at| head[at + 1].word()).map(str::to_owned);
                let name = if is_glob { Some("*".to_owned()) } else { name };
                if let Some(name) = name.or(prefix.last().cloned()) {
                    found.push((name, prefix.clone()));
                }
            }
        }
        prefix.truncate(depth);
    }
}
