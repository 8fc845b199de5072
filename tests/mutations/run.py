#!/usr/bin/env python3
"""Breaks the server's rules one by one, and looks that a test that claims the rule turns red.

    tests/mutations/run.py                 all of them, going on where the last run stopped
    tests/mutations/run.py --only ROW      the mutations of one row, or the one of this name
    tests/mutations/run.py --sample 20     so many, chosen by the commit
    tests/mutations/run.py --shard 2/4     the second of four parts
    tests/mutations/run.py --seconds 300   no new one after this time
    tests/mutations/run.py --fresh         whatever has been seen before
    tests/mutations/run.py --check         whether every rule that needs an entry has one, and its place is there
    tests/mutations/run.py --build         only builds the tests, with all mutations asleep
    tests/mutations/run.py --summary       writes what was seen to results.tsv, once all is seen

The status is 0 if every row of every mutation that was run has a test that noticed. README.md says how it works.
"""

import argparse
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
import claims
import schema

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", schema.ROOT / "target")).resolve()
WORK = TARGET / "mutations"
TREE = WORK / "tree"
SEEN = WORK / "seen.json"
RESULTS = schema.HERE / "results.tsv"

# The test binaries with claims, from the core in memory to the program over TCP.
ORDER = [
    "rfc6455", "handshake", "deflate", "rfc7692", "chunking", "cancellation", "connection", "tcp", "server", "shutdown",
    "tls", "wire", "codec_memory", "topic",
]
# Of this one only the cases of one rule are played, so it need not be known which of its tests claim the rule.
BY_CASE = "wire"
# Longer than any of them takes when nothing is broken.
TIMEOUT = int(os.environ.get("MUTATION_TIMEOUT", "60"))


def main():
    args = arguments()
    mutations = schema.read_list()
    if args.list:
        for mutation in mutations:
            print(f"{mutation.name}\t{mutation.file}\t{mutation.breaks}")
        return 0
    if args.check:
        return check(mutations)
    if args.summary:
        return summary(mutations, read_seen(args.keep))
    schema.make_copy(TREE, mutations)
    if args.build:
        build()
        return 0
    binaries = look_at(build())
    seen = {} if args.fresh else read_seen(args.keep)
    todo = choose(mutations, args)
    if not todo:
        raise SystemExit("mutations: none has that name or row")
    begun, survivors, run, done = time.monotonic(), [], 0, []
    for mutation in todo:
        result = seen.get(mutation.digest())
        if result is None or (args.again and mutation_survives(mutation, result)):
            if args.seconds and time.monotonic() - begun > args.seconds:
                print(f"{run} run in {args.seconds} s; the others are left for the next time")
                break
            result = try_one(mutation, binaries)
            seen = {**read_seen(args.keep), mutation.digest(): result}
            write_seen(seen)
            run += 1
        survivors += report(mutation, result)
        done.append(mutation)
    rows = sum(len(mutation.rows) for mutation in done)
    print(f"\n{len(done)} mutations, {rows} rows, {len(survivors)} not noticed")
    for row, mutation in survivors:
        print(f"  {row}: {mutation.breaks} ({mutation.file})")
    return 1 if survivors else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", metavar="ROW", action="append")
    parser.add_argument("--sample", metavar="N", type=int)
    parser.add_argument("--shard", metavar="I/N")
    parser.add_argument("--seconds", metavar="N", type=int)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--keep", action="store_true", help="what was seen before the tree changed counts too")
    parser.add_argument("--again", action="store_true", help="those that nobody noticed once more")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--summary", action="store_true")
    return parser.parse_args()


def choose(mutations, args):
    if args.only:
        return [m for m in mutations if m.name in args.only or set(m.rows) & set(args.only)]
    if args.shard:
        index, count = map(int, args.shard.split("/"))
        return [m for m in mutations if m.number % count == index % count]
    if args.sample:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=schema.ROOT, capture_output=True, text=True)
        return random.Random(head.stdout).sample(mutations, min(args.sample, len(mutations)))
    return mutations


class Binary:
    """A test binary, and for each rule its tests that claim it."""

    def __init__(self, name, path):
        self.name, self.path, self.claimed = name, path, {}

    def may_claim(self, row):
        return self.name == BY_CASE or row in self.claimed


def build():
    """Builds the test binaries, with all mutations asleep."""
    command = ["cargo", "test", "--locked", "--no-run", "--message-format", "json-render-diagnostics"]
    for name in ORDER:
        command += ["--test", name]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(WORK / "target"), "CARGO_PROFILE_DEV_DEBUG": "0"}
    built = subprocess.run(command, cwd=TREE, env=environment, stdout=subprocess.PIPE, text=True)
    if built.returncode:
        raise SystemExit("mutations: the copy with the mutations in it does not build")
    binaries = []
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message["target"]["kind"] == ["test"]:
            binaries.append(Binary(message["target"]["name"], Path(message["executable"])))
    return binaries


def look_at(binaries):
    """Sees what they claim with nothing broken, and that they pass then."""
    binaries.sort(key=lambda binary: ORDER.index(binary.name))
    for binary in binaries:
        if binary.name != BY_CASE:
            binary.claimed = claims_of(binary)
    return binaries


def claims_of(binary):
    """What its tests claim with nothing broken. Looked at once for each build; what is red then proves nothing."""
    key = hashlib.sha256(binary.path.read_bytes())
    key.update((WORK / "target" / "debug" / "stickler").read_bytes())
    kept = WORK / "claims" / f"{binary.name}-{key.hexdigest()[:16]}.json"
    if not kept.exists():
        status, output, claimed = run(binary, 0, [], "", TIMEOUT * 3)
        if status != 0:
            raise SystemExit(f"{binary.name} is red with nothing broken\n{output[-4000:]}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({row: sorted(tests) for row, tests in claimed.items()}))
    return json.loads(kept.read_text())


def try_one(mutation, binaries):
    """Wakes one mutation; gives the tests that notice, for each row."""
    found = {}
    for binary in binaries:
        for row in mutation.rows:
            if row not in found and binary.may_claim(row):
                failed = ask(binary, mutation.number, row)
                more = set(mutation.rows) & set(failed) - set(found)
                found.update({row: f"{binary.name} {min(failed[row])}" for row in more})
    return found


def ask(binary, number, row):
    """Runs the tests that claim the row: for each rule that did not hold, the tests that say so."""
    tests = binary.claimed.get(row, [])
    failed = claims.failed(run(binary, number, tests, row, TIMEOUT)[2])
    return failed if row in failed and is_green_without(binary, tests, row) else {}


def is_green_without(binary, tests, row):
    """Tests with a clock or a socket in them may be red for other reasons."""
    if binary.name not in ("wire", "tcp", "connection", "server", "shutdown", "topic"):
        return True
    return run(binary, 0, tests, row, TIMEOUT)[0] == 0


def run(binary, number, tests, row, timeout):
    """Status, output, and the claims."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "MUTANT": str(number), "STICKLER_CLAIMS": folder, "RUST_BACKTRACE": "0"}
        if binary.name == BY_CASE:
            environment["WIRE_CASE"] = row
        process = subprocess.Popen(
            [str(binary.path), "--exact", *tests], cwd=TREE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout)
            status = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            status = 124
        return status, output, claims.read(folder)


def mutation_survives(mutation, result):
    return any(row not in result for row in mutation.rows)


def report(mutation, result):
    survivors = [row for row in mutation.rows if row not in result]
    said = ", ".join(sorted(set(result.values()))) or "nobody"
    print(f"{'SURVIVES' if survivors else 'noticed '} {mutation.name}: {mutation.breaks} [{said}]", flush=True)
    return [(row, mutation) for row in survivors]


def tree_digest():
    """What the results depend on besides the list."""
    digest = hashlib.sha256()
    for folder in ["src", "tests", "testing", "cli"]:
        for path in sorted((schema.ROOT / folder).rglob("*")):
            if path.suffix == ".rs":
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def read_seen(keep=False):
    """What was seen of this tree; with `keep`, of an earlier one too."""
    if not SEEN.is_file():
        return {}
    seen = json.loads(SEEN.read_text())
    return seen["results"] if keep or seen["tree"] == tree_digest() else {}


def write_seen(results):
    new = SEEN.with_suffix(".new")
    new.write_text(json.dumps({"tree": tree_digest(), "results": results}, indent=1))
    new.replace(SEEN)


def check(mutations):
    """Each MUST and MUST NOT of the catalogue that is tested has an entry, no entry is for any other row, the places of
    all are there, and the committed account says of each that it was noticed."""
    schema.mutated_files(mutations)
    listed = {row for mutation in mutations for row in mutation.rows}
    wanted, known = set(), set()
    for path in sorted((schema.ROOT / "tests" / "requirements").glob("rfc*.txt")):
        for part in path.read_text().split("\n\n"):
            head = re.match(r"(\S+-\S+-\S+) (MUST NOT|MUST|\S+)", part)
            if not head:
                continue
            known.add(head.group(1))
            if head.group(2).startswith("MUST") and re.search(r"(?m)^  status: (tested|policy)", part):
                wanted.add(head.group(1))
    faults = [f"{row} has no mutation" for row in sorted(wanted - listed)]
    faults += [f"{row} is not in the catalogue" for row in sorted(listed - known)]
    noticed = read_noticed()
    for mutation in mutations:
        unseen = [row for row in mutation.rows if (row, mutation.name, mutation.breaks) not in noticed]
        faults += [f"{row}: {RESULTS.name} does not say that {mutation.name} was noticed ({mutation.breaks})" for row in unseen]
    print("\n".join(faults) or f"{len(wanted)} rules need a mutation, have one, and it was noticed")
    return 1 if faults else 0


def read_noticed():
    """What was noticed by the committed account: row, mutation, and what it breaks."""
    lines = [line.split("\t") for line in RESULTS.read_text().splitlines()[1:]]
    return {tuple(line[:3]) for line in lines if line[3] != "nobody"}


def summary(mutations, seen):
    """The committed account: row, what was broken, and the test that noticed."""
    lines = []
    for mutation in mutations:
        result = seen.get(mutation.digest())
        if result is None:
            raise SystemExit(f"mutations: {mutation.name} has not been run on this tree")
        for row in mutation.rows:
            lines.append(f"{row}\t{mutation.name}\t{mutation.breaks}\t{result.get(row, 'nobody')}")
    RESULTS.write_text("row\tmutation\tbreaks\tnoticed by\n" + "\n".join(sorted(lines)) + "\n")
    print(f"{len(lines)} rows written to {RESULTS.relative_to(schema.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
