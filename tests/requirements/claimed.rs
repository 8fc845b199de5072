//! Which tests claim which rules, as the sources say it.
//!
//! A test claims what stands in `claims!("...")` in its own body or in a function that it comes by,
//! and the ids in the tables that it comes by if it also comes by what runs them, which is a
//! function with `claims!(row.id)`. Names lead from body to body. Where a name could mean several
//! things, all are meant: this errs towards more claims, and what really ran is in the records.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::{
    catalogue::is_id,
    items::{Binary, Item},
    lexer::{Placed, tokens},
};

/// An id in the sources.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Site {
    pub(crate) id: String,
    pub(crate) file: String,
    pub(crate) line: usize,
}

/// The tests of one binary and what they claim.
#[derive(Debug, Default)]
pub(crate) struct Claimed {
    /// By test, each as the harness names it.
    pub(crate) tests: BTreeMap<String, BTreeSet<Site>>,
    /// Where each test stands, and its first line.
    pub(crate) places: BTreeMap<String, (String, usize)>,
    /// Folders of tables that tests claim by `claims_from!`.
    pub(crate) folders: BTreeSet<PathBuf>,
    /// Ids that no running test comes by, and why.
    pub(crate) idle: Vec<(Site, String)>,
}

pub(crate) fn claimed(binary: &Binary, root: &Path) -> Claimed {
    let names = Names::of(binary);
    let mut claimed = Claimed::default();
    let mut used = BTreeSet::new();
    for (index, item) in binary.items.iter().enumerate() {
        if !item.is_test || !item.is_active || item.is_ignored {
            continue;
        }
        let reached = names.reach(binary, index);
        let runs = reached.iter().any(|index| runs_a_table(&binary.items[*index].body));
        let mut sites = BTreeSet::new();
        for index in &reached {
            let item = &binary.items[*index];
            for (site, is_claim) in sites_of(binary, item) {
                if is_claim || runs {
                    sites.insert(site);
                }
            }
            for folder in folders(item) {
                sites.extend(sites_in(&root.join(&folder)));
                claimed.folders.insert(folder);
            }
        }
        let path = binary.modules[item.module].path.iter().chain([&item.name]);
        let name = path.map(String::as_str).collect::<Vec<_>>().join("::");
        used.extend(sites.iter().cloned());
        claimed.places.insert(name.clone(), (file_of(binary, item), item.line));
        claimed.tests.insert(name, sites);
    }
    for item in &binary.items {
        for (site, _) in sites_of(binary, item) {
            if !used.contains(&site) {
                claimed.idle.push((site, why_idle(item)));
            }
        }
    }
    claimed
}

fn why_idle(item: &Item) -> String {
    let why = match item {
        Item { is_active: false, .. } => "is not compiled",
        Item { is_ignored: true, .. } => "is ignored",
        _ => "is run by no test",
    };
    format!("`{}` {why}", item.name)
}

fn file_of(binary: &Binary, item: &Item) -> String {
    binary.modules[item.module].file.display().to_string()
}

/// The ids in an item, and whether they stand in `claims!`.
fn sites_of(binary: &Binary, item: &Item) -> Vec<(Site, bool)> {
    let mut sites = Vec::new();
    let claims = claims(&item.body);
    for (at, token) in item.body.iter().enumerate() {
        let Some(id) = token.text().filter(|text| is_id(text)) else { continue };
        let (id, file) = (id.to_owned(), file_of(binary, item));
        let is_claim = claims.iter().any(|(from, to)| (*from..*to).contains(&at));
        sites.push((Site { id, file, line: token.line }, is_claim));
    }
    sites
}

/// The arguments of every `claims!(..)`: from and to.
fn claims(body: &[Placed]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for at in 0..body.len().saturating_sub(2) {
        if body[at].is_word("claims") && body[at + 1].is('!') && body[at + 2].is('(') {
            let close = body[at + 2..].iter().position(|token| token.is(')'));
            found.push((at + 3, at + 2 + close.unwrap_or(0)));
        }
    }
    found
}

/// The first arguments of `claims_from!(..)`.
fn folders(item: &Item) -> Vec<PathBuf> {
    let is_macro =
        |four: &&[Placed]| four[0].is_word("claims_from") && four[1].is('!') && four[2].is('(');
    item.body
        .windows(4)
        .filter(is_macro)
        .filter_map(|four| four[3].text())
        .map(PathBuf::from)
        .collect()
}

/// Every id in the sources below a folder.
pub(crate) fn sites_in(folder: &Path) -> BTreeSet<Site> {
    let mut sites = BTreeSet::new();
    for file in sources(folder) {
        let text = fs::read_to_string(&file).unwrap_or_default();
        for token in tokens(&text) {
            if let Some(id) = token.text().filter(|text| is_id(text)) {
                let (id, file) = (id.to_owned(), file.display().to_string());
                sites.insert(Site { id, file, line: token.line });
            }
        }
    }
    sites
}

/// The Rust files below a folder.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Whether ids are claimed here that stand somewhere else.
fn runs_a_table(body: &[Placed]) -> bool {
    let by_name = |at: usize, words: [&str; 2]| {
        body.get(at..at + 4).is_some_and(|part| {
            let [first, colon, second_colon, last] = part else { return false };
            first.is_word(words[0])
                && colon.is(':')
                && second_colon.is(':')
                && last.is_word(words[1])
        })
    };
    claims(body)
        .iter()
        .any(|(from, to)| body[*from..*to].iter().any(|token| token.word().is_some()))
        || (0..body.len())
            .any(|at| by_name(at, ["Claim", "new"]) || by_name(at, ["claims", "record"]))
}

/// The items by their names.
struct Names<'a> {
    by_name: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Names<'a> {
    fn of(binary: &'a Binary) -> Self {
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, item) in binary.items.iter().enumerate() {
            by_name.entry(&item.name).or_default().push(index);
        }
        Names { by_name }
    }

    /// Everything that a test comes by, itself included.
    fn reach(&self, binary: &Binary, from: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(index) = open.pop() {
            let item = &binary.items[index];
            for path in paths(&item.body) {
                for next in self.resolve(binary, item.module, &path, 0) {
                    // A test is nobody's helper.
                    let helper = &binary.items[next];
                    if helper.is_active && !helper.is_test && reached.insert(next) {
                        open.push(next);
                    }
                }
            }
        }
        reached
    }

    /// What a path could mean in a module.
    fn resolve(
        &self,
        binary: &Binary,
        module: usize,
        path: &Named<'_>,
        depth: usize,
    ) -> Vec<usize> {
        let Some((name, before)) = path.words.split_last() else { return Vec::new() };
        let Some(all) = self.by_name.get(name) else { return Vec::new() };
        let methods = || all.iter().copied().filter(|index| binary.items[*index].is_method);
        if path.is_call_on_value {
            return methods().collect();
        }
        let within = |wanted: &dyn Fn(&[String]) -> bool| -> Vec<usize> {
            let is_wanted = |index: &usize| {
                let item = &binary.items[*index];
                !item.is_method && wanted(&binary.modules[item.module].path)
            };
            all.iter().copied().filter(is_wanted).collect()
        };
        let own = &binary.modules[module];
        let parent = own.path.split_last().map(|(_, parent)| parent);
        let found = match before.last() {
            Some(&"crate") => within(&|path| path.is_empty()),
            Some(&"super") => within(&|path| Some(path) == parent),
            Some(&"self") => within(&|path| path == own.path),
            Some(qualifier) => within(&|path| path.last().is_some_and(|last| last == qualifier)),
            None => within(&|path| path == own.path),
        };
        if !found.is_empty() {
            return found;
        }
        if !before.is_empty() {
            // The function of a type.
            return methods().collect();
        }
        if depth > 4 {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (name_here, path) in &own.imports {
            let mut words: Vec<&str> = path.iter().map(String::as_str).collect();
            if name_here == "*" {
                words.push(name);
            } else if name_here != name {
                continue;
            }
            let path = Named { words, is_call_on_value: false };
            found.extend(self.resolve(binary, module, &path, depth + 1));
        }
        found
    }
}

/// A path in a body: `a::b`, `b`, or `.b(` on some value.
struct Named<'a> {
    words: Vec<&'a str>,
    is_call_on_value: bool,
}

/// Every path in a body, fields left out.
fn paths(body: &[Placed]) -> Vec<Named<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let Some(word) = body[at].word() else {
            at += 1;
            continue;
        };
        let is_behind_dot = at > 0 && body[at - 1].is('.') && !(at > 1 && body[at - 2].is('.'));
        let mut words = vec![word];
        at += 1;
        while let Some([first, second, third]) = body.get(at..at + 3) {
            let (true, Some(word)) = (first.is(':') && second.is(':'), third.word()) else { break };
            words.push(word);
            at += 3;
        }
        let is_called = body.get(at).is_some_and(|token| token.is('(') || token.is(':'));
        if !is_behind_dot || is_called {
            found.push(Named { words, is_call_on_value: is_behind_dot });
        }
    }
    found
}
