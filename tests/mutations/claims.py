"""Where ids of the catalogue stand: the files of each test binary, and the ids in them."""

import re
from pathlib import Path

ID = re.compile(r"\b[0-9]{4}-[0-9]+(?:\.[0-9]+)*-[0-9]+\b")
MODULE = re.compile(r"(?m)^((?:#\[[^;{]*?\]\n)*)(?:pub(?:\([a-z]+\))? )?mod (\w+);")
PATH = re.compile(r"#\[path = \"([^\"]+)\"\]")


class Binary:
    """A test binary, and the ids in its sources: it is of no use to run it for any other."""

    def __init__(self, root):
        self.name = root.parent.name if root.name == "main.rs" else root.stem
        self.sources = [(module, set(ID.findall(text)), "test]\n" in text or "test(" in text) for module, text in sources_of(root)]
        self.ids = set().union(*(ids for _, ids, _ in self.sources))

    def near(self, row):
        """What to filter the tests by to have those of the files with this id; nothing if that misses some."""
        near = [(module, has_tests) for module, ids, has_tests in self.sources if row in ids]
        if any(not module or not has_tests for module, has_tests in near):
            return []
        return [f"{module}::" for module, _ in near]


def sources_of(root):
    """The module and the text of all files of the test binary whose root this is."""
    # With each file, whether its modules lie beside it.
    todo = [("", Path(root), True)]
    while todo:
        module, path, is_beside = todo.pop()
        text = path.read_text()
        yield module, text
        folder = path.parent if is_beside else path.with_suffix("")
        for attributes, name in MODULE.findall(text):
            where = PATH.search(attributes)
            child = path.parent / where.group(1) if where else folder / f"{name}.rs"
            if not child.is_file():
                child = folder / name / "mod.rs"
            inner = f"{module}::{name}" if module else name
            todo.append((inner, child.resolve(), bool(where) or child.name == "mod.rs"))


def read_failed(folder):
    """What the claims wrote down while the tests ran: for each rule that did not hold, the tests that said so."""
    failed = {}
    for path in sorted(Path(folder).glob("*.tsv")):
        for line in path.read_text().splitlines():
            fields = line.split("\t")
            # The last line of a test that was ended may be half a line.
            if len(fields) == 4 and fields[3] == "failed":
                failed.setdefault(fields[0], set()).add(fields[2])
    return failed
