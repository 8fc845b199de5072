"""The list of mutations, and a copy of the tree that has all of them in it, asleep.

Each entry names an expression (or a whole statement or block) of a source file. In the copy it stands beside
its replacement, and `mutant(n)`, which reads the environment once, chooses between the two. So one build
serves all mutations, and the sources themselves stay free of them.
"""

import functools
import hashlib
import os
import re
import subprocess
from pathlib import Path

import places

try:
    import tomllib
except ImportError:
    raise SystemExit("mutations: Python 3.11 or later is needed")

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# What the copy's library gets besides: the switch.
SWITCH = """
/// Whether mutation `number` is awake; `MUTANT` names it.
#[doc(hidden)]
pub fn mutant(number: u32) -> bool {
    static AWAKE: std::sync::OnceLock<Option<u32>> = std::sync::OnceLock::new();
    let awake = AWAKE.get_or_init(|| std::env::var("MUTANT").ok().and_then(|text| text.parse().ok()));
    *awake == Some(number)
}
"""


class Mutation:
    """One way to break one rule, by one edit or by several that only together let the fault through."""

    def __init__(self, number, entry, source):
        self.number = number
        self.rows = entry.pop("rows")
        self.name = entry.pop("name", self.rows[0])
        self.breaks = entry.pop("breaks")
        also = entry.pop("also", [])
        self.edits = [Edit(self, edit, source) for edit in [entry, *also]]
        self.file = self.edits[0].file

    def digest(self):
        parts = [*self.rows, *(part for edit in self.edits for part in edit.parts())]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


class Edit:
    """A place in the sources and what stands there instead.

    The place is behind the clause comment that begins with `at`: the whole `statement`, its `condition`, its `value`,
    or `before` it. Each of these keys holds the new text, where OLD stands for the old one. With `old`, the place is
    that expression in the statement; then `new` holds the new text.
    """

    # What may be changed, and how both texts stand side by side then.
    FORMS = {
        "statement": "statement", "condition": "expression", "value": "expression", "before": "before",
        "new": "expression",
    }

    def __init__(self, mutation, entry, source):
        self.name, self.number = mutation.name, mutation.number
        self.at, self.old = entry.pop("at", ""), entry.pop("old", "").strip("\n")
        parts = [part for part in self.FORMS if part in entry]
        if len(parts) != 1 or (parts == ["new"]) != bool(self.old) or not self.at:
            raise SystemExit(f"{source}: {self.name}: at, and one of {', '.join(self.FORMS)}; new with old")
        self.part = parts[0]
        self.new = entry.pop(self.part).strip("\n")
        self.form = self.FORMS[self.part]
        if entry:
            raise SystemExit(f"{source}: {self.name}: what is {', '.join(entry)}?")
        self.file = file_of(self.at, self.name)

    def parts(self):
        return [self.at, self.old, self.part, self.new]

    def span(self, text):
        """Where the old text stands in the file, its unit tests left aside."""
        text = without_tests(text)
        start = places.behind(text, places.comments(text, self.at)[0])
        end = places.end(text, start)
        if not self.old:
            return self.checked(places.part(text, start, end, self.part))
        count = text.count(self.old, start, end)
        if count != 1:
            raise SystemExit(f"{self.name}: {self.old!r} stands {count} times in {self.file} behind {self.at!r}")
        at = text.index(self.old, start, end)
        return at, at + len(self.old)

    def instead_of(self, old):
        return self.new.replace("OLD", old if self.form == "statement" else f"({old})")

    def checked(self, span):
        if span is None:
            raise SystemExit(f"{self.name}: behind {self.at!r} in {self.file} there is no {self.part}")
        return span


@functools.cache
def sources():
    """The sources that clause comments are looked for in, by name."""
    folders = [ROOT / "src" / room for room in ("proto", "net", "server")]
    paths = [path for folder in folders for path in sorted(folder.rglob("*.rs"))]
    return {str(path.relative_to(ROOT)): without_tests(path.read_text()) for path in paths}


def without_tests(text):
    return text.partition("\n#[cfg(test)]\nmod ")[0]


def file_of(comment, name):
    """The file with the one comment that begins like this."""
    found = [file for file, text in sources().items() for _ in places.comments(text, comment)]
    if len(found) != 1:
        raise SystemExit(f"{name}: {len(found)} comments begin with {comment!r}: {', '.join(found)}")
    return found[0]


def read_list():
    """All entries, numbered from 1, in the order of the files."""
    mutations = []
    for path in sorted(HERE.glob("*.toml")):
        if path.name == "equivalent.toml":
            continue
        for entry in tomllib.loads(path.read_text())["mutation"]:
            mutations.append(Mutation(len(mutations) + 1, entry, path.name))
    names = [mutation.name for mutation in mutations]
    for name in names:
        if names.count(name) > 1:
            raise SystemExit(f"mutations: two entries are called {name}")
    return mutations


def mutated(text, edits, krate):
    """The file with all its edits asleep in it."""
    spans = {}
    for edit in edits:
        spans.setdefault((*edit.span(text), edit.form), []).append(edit)
    for at in constants(text, {start for start, _, _ in spans}):
        spans[at, at + len("const "), "erase"] = []
    return render(text, 0, len(text), sorted(spans.items(), key=lambda item: (item[0][0], -item[0][1])), krate)


def constants(text, starts):
    """Where `const fn` begins around these places, and around calls of such functions: what the compiler
    evaluates cannot read a switch."""
    functions = [(match.start(), match.group(1)) for match in re.finditer(r"const fn (\w+)", text)]
    found, names = set(), set()
    while True:
        calls = {match.start() for name in names for match in re.finditer(rf"\b{name}\(", text)}
        more = set()
        for start in starts | calls:
            at = text.rfind("fn ", 0, start)
            more |= {(place, name) for place, name in functions if place + len("const ") == at and start > at + 3 + len(name)}
        if more <= found:
            return {place for place, _ in found}
        found |= more
        names = {name for _, name in found}


def render(text, start, end, spans, krate):
    """`text[start:end]`, with the spans in it replaced, the inner ones inside the outer ones."""
    out, at, index = [], start, 0
    while index < len(spans):
        (first, last, form), edits = spans[index]
        inner = index + 1
        while inner < len(spans) and spans[inner][0][1] <= last:
            inner += 1
        if first < at or last > end:
            names = ", ".join(edit.name for edit in edits)
            raise SystemExit(f"mutations: {names}: overlaps with another one")
        out.append(text[at:first])
        old = render(text, first, last, spans[index + 1 : inner], krate)
        out.append(choice(form, text[first:last], old, edits, krate))
        at, index = last, inner
    out.append(text[at:end])
    return "".join(out)


def choice(form, plain, old, edits, krate):
    """Both texts side by side; `plain` is the old one without the mutations inside it."""
    if form == "erase":
        return ""
    awake = {edit: f"{krate}::mutant({edit.number})" for edit in edits}
    if form == "before":
        return "".join(edit.instead_of(plain).replace("MUTANT", awake[edit]) + "\n" for edit in edits) + old
    arms = "".join(f"if {awake[edit]} {{ {edit.instead_of(plain)} }} else " for edit in edits)
    whole = f"{arms}{{ {old} }}"
    if form == "statement":
        return whole
    # Behind an arm that is a block there is no comma.
    return f"{{ {whole} }}" if plain.startswith("{") else f"({whole})"


def mutated_files(mutations):
    """Each file that has a mutation, with all of its mutations in it."""
    by_file = {}
    for edit in (edit for mutation in mutations for edit in mutation.edits):
        by_file.setdefault(edit.file, []).append(edit)
    krate = lambda name: "stickler" if name.startswith("cli/") else "crate"
    return {name: mutated((ROOT / name).read_text(), edits, krate(name)) for name, edits in by_file.items()}


def make_copy(tree, mutations):
    """Brings the copy of the tree up to date; files that stay as they are keep their time."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout.decode()
    wanted = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    wanted = [name for name in wanted if not name.startswith(("reports/", "tests/mutations/"))]
    changed = mutated_files(mutations)
    for name in wanted:
        content = (ROOT / name).read_bytes()
        if name in changed:
            content = changed.pop(name).encode()
        if name == "src/lib.rs":
            content = b"#![allow(warnings)]\n" + content + SWITCH.encode()
        if name.endswith("Cargo.toml"):
            # The lints hold for code that people read.
            content = re.sub(rb"(?ms)^\[(workspace\.)?lints(\.[a-z]+)?\]\n.*?(?=^\[|\Z)", b"", content)
        write_if_new(tree / name, content, (ROOT / name).stat().st_mode)
    if changed:
        raise SystemExit(f"mutations: not in the copy: {', '.join(changed)}")
    kept = {tree / name for name in wanted}
    for folder, _, files in os.walk(tree):
        for file in files:
            if Path(folder) / file not in kept:
                (Path(folder) / file).unlink()


def write_if_new(path, content, mode):
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
