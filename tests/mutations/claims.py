"""Which test says what: the ids that tests claim in their sources, and in what they print when they fail."""

import re
from pathlib import Path

ID = re.compile(r"\b(?:6455|7692|9110|9112|3629|6454|6585|8307|7936|4648)-[0-9]+(?:\.[0-9]+)*-[0-9]+\b")
MODULE = re.compile(r"(?m)^((?:#\[[^;{]*?\]\n)*)(?:pub(?:\([a-z]+\))? )?mod (\w+);")
PATH = re.compile(r"#\[path = \"([^\"]+)\"\]")
TEST = re.compile(r"(?m)^#\[(?:tokio::)?test.*$")


class Source:
    """One file of a test binary."""

    def __init__(self, module, path):
        self.module = module
        text = path.read_text()
        self.ids = set(ID.findall(text))
        # The ids that stand in a test or in the comment right above it, by the test's name.
        self.tests = {}
        for match in TEST.finditer(text):
            name = re.search(r"fn (\w+)", text[match.end() :]).group(1)
            begin = text.rfind("\n\n", 0, match.start()) + 1
            end = text.find("\n}\n", match.end())
            ids = set(ID.findall(text[begin : end if end >= 0 else len(text)]))
            self.tests["::".join([*module, name])] = ids


def sources_of(root):
    """All files of the test binary whose root this is."""
    # With each file, whether its modules lie beside it.
    found, todo = [], [((), Path(root), True)]
    while todo:
        module, path, is_beside = todo.pop()
        found.append(Source(module, path))
        folder = path.parent if is_beside else path.with_suffix("")
        for attributes, name in MODULE.findall(path.read_text()):
            where = PATH.search(attributes)
            child = path.parent / where.group(1) if where else folder / f"{name}.rs"
            if not child.is_file():
                child = folder / name / "mod.rs"
            todo.append(((*module, name), child.resolve(), bool(where) or child.name == "mod.rs"))
    return found


class Binary:
    """A test binary: what is claimed in it."""

    def __init__(self, name, root):
        self.name = name
        self.sources = sources_of(root)
        self.ids = set().union(*(source.ids for source in self.sources))
        self.tests = {test: ids for source in self.sources for test, ids in source.tests.items()}

    def tests_near(self, row):
        """The tests of the files that have this id; none when it stands in a file without tests."""
        near = [source for source in self.sources if row in source.ids]
        if any(not source.tests for source in near):
            return []
        return sorted(test for source in near for test in source.tests)


def failed_tests(output):
    """The tests that failed, with what each one printed."""
    parts = re.split(r"(?m)^---- (.+) stdout ----$", output.partition("\nfailures:\n")[2])
    failed = {}
    for name, printed in zip(parts[1::2], parts[2::2]):
        failed[name] = printed.partition("\nfailures:\n")[0]
    return failed


def killers(binary, output, recorded, rows):
    """For each row the test that fails and claims it: (test, how it was seen).

    `recorded` holds the (id, test) pairs that the claims themselves wrote down as failed.
    """
    found = {}
    for test, printed in failed_tests(output).items():
        shown = set(ID.findall(printed))
        # A test that says which rows failed speaks for these alone, whatever else it holds.
        spoken = shown or binary.tests.get(test, set())
        for row in rows:
            if (row, test) in recorded or row in spoken:
                found.setdefault(row, test)
    return found
