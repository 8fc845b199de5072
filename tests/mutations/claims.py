"""What the claims of tests wrote down: `testing/src/claims.rs`."""

from pathlib import Path


def read(folder):
    """For each rule, the tests that came by its claim, and whether it held in each."""
    claimed = {}
    for path in sorted(Path(folder).glob("*.tsv")):
        for line in path.read_text().splitlines():
            fields = line.split("\t")
            # The last line of a test that was ended may be half a line.
            if len(fields) == 4:
                row, _, test, result = fields
                tests = claimed.setdefault(row, {})
                tests[test] = tests.get(test, True) and result == "ok"
    return claimed


def failed(claimed):
    """For each rule that did not hold, the tests that say so."""
    found = {row: [test for test, held in tests.items() if not held] for row, tests in claimed.items()}
    return {row: tests for row, tests in found.items() if tests}
