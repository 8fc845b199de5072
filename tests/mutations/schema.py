"""The list of mutations, and a copy of the tree that has all of them in it, asleep.

Each entry names an expression (or a whole statement or block) of a source file. In the copy it stands beside
its replacement, and `mutant(n)`, which reads the environment once, chooses between the two. So one build
serves all mutations, and the sources themselves stay free of them.
"""

import hashlib
import os
import re
import subprocess
from pathlib import Path

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
        self.file = entry["file"]
        self.edits = [Edit(self, edit, source) for edit in [entry, *also]]

    def digest(self):
        parts = [*self.rows, *(part for edit in self.edits for part in edit.parts())]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


class Edit:
    """A place in a file and what stands there instead."""

    FORMS = {"expression", "statement", "before"}

    def __init__(self, mutation, entry, source):
        self.name, self.number = mutation.name, mutation.number
        self.file = entry.pop("file", mutation.file)
        self.after = entry.pop("after", "").strip("\n")
        self.old = entry.pop("old").strip("\n")
        self.new = entry.pop("new").strip("\n")
        self.form = entry.pop("form", "expression")
        if entry or self.form not in self.FORMS:
            raise SystemExit(f"{source}: {self.name}: what is {', '.join(entry) or self.form}?")

    def parts(self):
        return [self.file, self.after, self.old, self.new, self.form]

    def span(self, text):
        """Where the old text stands in the file, its unit tests left aside."""
        text = text.partition("\n#[cfg(test)]\nmod ")[0]
        start = 0
        if self.after:
            if text.count(self.after) != 1:
                raise SystemExit(f"{self.name}: {self.after!r} stands {text.count(self.after)} times in {self.file}")
            start = text.index(self.after) + len(self.after)
        elif text.count(self.old) != 1:
            raise SystemExit(f"{self.name}: {self.old!r} stands {text.count(self.old)} times in {self.file}")
        at = text.find(self.old, start)
        if at < 0:
            raise SystemExit(f"{self.name}: {self.old!r} is not in {self.file} behind {self.after!r}")
        return at, at + len(self.old)


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
        out.append(choice(form, old, edits, krate))
        at, index = last, inner
    out.append(text[at:end])
    return "".join(out)


def choice(form, old, edits, krate):
    if form == "erase":
        return ""
    awake = {edit: f"{krate}::mutant({edit.number})" for edit in edits}
    if form == "before":
        return "".join(edit.new.replace("MUTANT", awake[edit]) + "\n" for edit in edits) + old
    arms = "".join(f"if {awake[edit]} {{ {edit.new} }} else " for edit in edits)
    whole = f"{arms}{{ {old} }}"
    return whole if form == "statement" else f"({whole})"


def make_copy(tree, mutations):
    """Brings the copy of the tree up to date; files that stay as they are keep their time."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout.decode()
    wanted = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    wanted = [name for name in wanted if not name.startswith(("reports/", "tests/mutations/"))]
    by_file = {}
    for edit in (edit for mutation in mutations for edit in mutation.edits):
        by_file.setdefault(edit.file, []).append(edit)
    for name in wanted:
        content = (ROOT / name).read_bytes()
        if name in by_file:
            krate = "stickler" if name.startswith("cli/") else "crate"
            content = mutated(content.decode(), by_file.pop(name), krate).encode()
        if name == "src/lib.rs":
            content = b"#![allow(warnings)]\n" + content + SWITCH.encode()
        if name in ("Cargo.toml", "cli/Cargo.toml"):
            # The lints hold for code that people read.
            content = re.sub(rb"(?ms)^\[(workspace\.)?lints(\.[a-z]+)?\]\n.*?(?=^\[|\Z)", b"", content)
        write_if_new(tree / name, content, (ROOT / name).stat().st_mode)
    if by_file:
        raise SystemExit(f"mutations: no such file: {', '.join(by_file)}")
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
