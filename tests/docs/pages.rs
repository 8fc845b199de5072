//! Sizes, links and the index of the pages.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::{docs, read, root};

/// The most bytes of a page that is written by hand.
const MAX_PAGE: usize = 12_000;

const CONFORMANCE: &str = "docs/conformance.md";

/// Pages that a test writes.
const GENERATED: [&str; 2] = ["docs/refused.md", CONFORMANCE];

/// Pages outside `docs` whose links are followed too.
const OTHERS: [&str; 10] = [
    "README.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "docs/operations/install.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "autobahn/README.md",
    "benches/README.md",
    "fuzz/README.md",
    "reports/README.md",
];

#[test]
fn a_page_written_by_hand_can_be_read_in_one_sitting() {
    let pages = docs().into_iter().chain(["README.md".to_owned()]);
    for page in pages.filter(|page| !GENERATED.contains(&page.as_str())) {
        let len = read(&page).len();
        assert!(len <= MAX_PAGE, "{page} has {len} bytes");
    }
}

#[test]
fn the_index_names_every_page() {
    let links = links(&read("docs/README.md")).into_iter();
    let named: BTreeSet<_> = links.map(|link| link.target).collect();
    for page in docs().iter().filter_map(|page| page.strip_prefix("docs/")) {
        assert!(page == "README.md" || named.contains(page), "docs/README.md lacks {page}");
    }
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut faults = Vec::new();
    let mut followed = 0;
    for page in pages() {
        let folder = Path::new(&page).parent().unwrap();
        let targets = links(&read(&page)).into_iter().map(|link| link.target);
        for link in targets.filter(|target| !target.contains("://")) {
            followed += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path {
                "" => PathBuf::from(&page),
                path => normal(&folder.join(path)),
            };
            if !root().join(&target).exists() {
                faults.push(format!("{page}: {link}: there is no such file"));
            } else if !anchor.is_empty() && !has_anchor(&target, anchor) {
                faults.push(format!("{page}: {link}: there is no such heading"));
            }
        }
    }
    assert!(followed > 60, "{followed} links found");
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Rust in a page is compiled only where `lib.rs` includes the page.
#[test]
fn every_page_with_rust_is_compiled() {
    let library = read("src/lib.rs");
    for page in docs().into_iter().chain(["README.md".to_owned()]) {
        let is_included = library.contains(&format!("include_str!(\"../{page}\")"));
        assert_eq!(is_included, read(&page).contains("```rust"), "{page}");
    }
}

/// The README has some of the rows and columns of the page about speed.
#[test]
fn the_chart_of_the_readme_repeats_what_was_measured() {
    let (readme, page) = (read("README.md"), read("docs/benchmarks.md"));
    let chart = table(&readme, "16 B, 64 connections");
    let measured = table(&page, "16 B, 64 connections");
    let names = |table: &[Vec<String>]| -> Vec<_> {
        table[0].iter().map(|name| name.trim_matches('*').to_owned()).collect()
    };
    let (of_chart, of_page) = (names(&chart), names(&measured));
    assert_eq!(chart.len(), 1 + 5);
    for row in &chart[1..] {
        let twin = measured.iter().find(|other| other[0] == row[0]).expect("a row of the page");
        for (name, number) in of_chart.iter().zip(row) {
            let column = of_page.iter().position(|other| other == name).expect("a column of it");
            assert_eq!(*number, twin[column], "{}, {name}", row[0]);
        }
    }
}

/// The cells of the table that has a row of this name; the first row has the names of the columns.
fn table(page: &str, row: &str) -> Vec<Vec<String>> {
    let is_it = |block: &&str| block.starts_with('|') && block.contains(&format!("| {row} |"));
    let block = page.split("\n\n").find(is_it).expect("a table with this row");
    let lines =
        block.lines().filter(|line| !line.starts_with("|---") && !line.starts_with("| ---"));
    let cells = |line: &str| -> Vec<_> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    lines.map(cells).collect()
}

/// A clause that is named and the one that is linked are the same.
#[test]
fn links_to_clauses_lead_to_what_they_name() {
    let mut followed = 0;
    // That one names an RFC above each of its tables.
    for page in pages().filter(|page| page != CONFORMANCE) {
        for Link { text, target } in links(&read(&page)) {
            let Some(clause) = target.strip_prefix("https://www.rfc-editor.org/rfc/rfc") else {
                continue;
            };
            let (rfc, section) = clause.split_once('#').unwrap_or((clause, ""));
            // A section without its RFC is one of RFC 6455.
            let named = text.strip_prefix("RFC ").unwrap_or(&text).replace('§', "");
            let named = if text.starts_with('§') { format!("6455 {named}") } else { named };
            let (named_rfc, named_section) = named.split_once(' ').unwrap_or((&named, ""));
            assert_eq!(rfc, named_rfc, "{page}: {text}");
            assert_eq!(section.trim_start_matches("section-"), named_section, "{page}: {text}");
            followed += 1;
        }
    }
    assert!(followed > 100, "{followed} links found");
}

#[test]
fn headings_become_the_anchors_that_they_have_on_the_web() {
    let page = "# One\n## `two`, and (*three*): [four](x)!\n```\n# not one\n```\n### One\n";
    assert_eq!(anchors(page), ["one", "two-and-three-four", "one-1"]);
    let page = "[a](b) `[c](d)` [a b]\n```\n[e](f)\n```\n[g](h#i) ![j](k)\n\n[a b]: l\n";
    let found: Vec<_> = links(page).into_iter().map(|link| (link.text, link.target)).collect();
    let wanted = [("a", "b"), ("g", "h#i"), ("j", "k"), ("a b", "l")];
    assert_eq!(found, wanted.map(|(text, target)| (text.to_owned(), target.to_owned())));
}

fn pages() -> impl Iterator<Item = String> {
    docs().into_iter().chain(OTHERS.map(str::to_owned))
}

fn has_anchor(target: &Path, anchor: &str) -> bool {
    anchors(&read(target.to_str().unwrap())).iter().any(|known| known == anchor)
}

/// The path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => assert!(normal.pop(), "{path:?} leaves the repository"),
            Component::Normal(name) => normal.push(name),
            _ => {}
        }
    }
    normal
}

/// A link, in the text or as a definition.
pub(super) struct Link {
    pub(super) text: String,
    pub(super) target: String,
}

/// The links of a page: `[text](target)`, then lines `[text]: target`.
pub(super) fn links(page: &str) -> Vec<Link> {
    let page = without_code(page);
    let inline = page.match_indices("](").map(|(at, _)| {
        let text = &page[page[..at].rfind('[').unwrap() + 1..at];
        (text, page[at + 2..].split(')').next().unwrap())
    });
    let defined = page.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
    let found = inline.chain(defined);
    found.map(|(text, target)| Link { text: text.into(), target: target.into() }).collect()
}

/// The anchors of a page's headings, as the forges make them.
fn anchors(page: &str) -> Vec<String> {
    let text = without_fences(page);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slugs: Vec<_> = headings.map(|line| slug(line.trim_start_matches('#').trim())).collect();
    let numbered = |(at, slug): (usize, &String)| match slugs[..at]
        .iter()
        .filter(|earlier| *earlier == slug)
        .count()
    {
        0 => slug.clone(),
        before => format!("{slug}-{before}"),
    };
    slugs.iter().enumerate().map(numbered).collect()
}

fn slug(heading: &str) -> String {
    // Of a link only its text is shown.
    let (first, rest) = heading.split_once("](").unwrap_or((heading, ""));
    let rest = rest.split("](").map(|part| part.split_once(')').map_or("", |(_, text)| text));
    let shown: String = [first].into_iter().chain(rest).collect();
    shown
        .to_lowercase()
        .chars()
        .filter(|char| char.is_alphanumeric() || " -_".contains(*char))
        .map(|char| if char == ' ' { '-' } else { char })
        .collect()
}

/// The text without code, in which brackets are no links.
fn without_code(page: &str) -> String {
    let text = without_fences(page);
    text.split('`').step_by(2).collect()
}

fn without_fences(page: &str) -> String {
    let mut text = String::new();
    let mut is_code = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}
