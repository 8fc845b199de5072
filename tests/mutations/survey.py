#!/usr/bin/env python3
"""Every change that cargo-mutants knows for src/proto, against the tests of the core.

    cargo install cargo-mutants --locked
    tests/mutations/survey.py              all, going on where the last run stopped
    tests/mutations/survey.py --shard 2/4  the second of four parts
    tests/mutations/survey.py --seconds N  no new one after this time
    tests/mutations/survey.py --again      forgets first what nobody noticed, to try that once more
    tests/mutations/survey.py --report     what nobody noticed, and how many there are of each kind

cargo-mutants says what to change; the building is our own, or it would take days. A function with changes in it
gets a copy of its body for each, asleep, so that one build serves all of them, as in `run.py`. What does not
compile so, or stands outside a function, comes last: a build of its own for each, in which it is awake.
"""

import argparse
import collections
import hashlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
import schema
from run import WORK

TREE, SEEN, REFUSED = WORK / "survey", WORK / "survey.json", WORK / "survey-refused.json"
# Where one change stands alone.
ALONE = WORK / "survey-alone"
FEATURES = ["--package", "stickler", "--no-default-features", "--features", "deflate"]
# absent.rs stands for what this build has.
FILES = ["-f", "src/proto/**", "-e", "src/proto/deflate/absent.rs"]
# In seconds; ten times what any test binary takes with nothing changed. What is only slow is not to be called red.
TIMEOUT = 60
# What each part of the core is tested by, the quick ones first.
ORDER = {
    "handshake": ["lib", "handshake", "deflate"],
    "extension": ["lib", "handshake", "deflate"],
    "rejection": ["lib", "handshake"],
    "deflate": ["lib", "deflate", "rfc7692", "rfc6455"],
}
ALL = ["lib", "rfc6455", "handshake", "chunking", "deflate", "rfc7692", "codec_memory"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shard", metavar="I/N", default="0/1")
    parser.add_argument("--seconds", metavar="N", type=int, default=10**9)
    parser.add_argument("--again", action="store_true", help="what nobody noticed once more")
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    mutants = listed()
    if args.report:
        return report(mutants)
    binaries, refused = build(mutants)
    if args.again:
        write(SEEN, {key: outcome for key, outcome in read(SEEN).items() if outcome != "missed"})
    seen = read(SEEN)
    index, count = map(int, args.shard.split("/"))
    begun, checked = time.monotonic(), False
    numbers = range(1, len(mutants) + 1)
    for number in sorted(numbers, key=lambda number: needs_a_build(mutants[number - 1], number, refused)):
        mutant = mutants[number - 1]
        if number % count != index % count or mutant["key"] in seen:
            continue
        if time.monotonic() - begun > args.seconds:
            print("left for the next time")
            break
        if needs_a_build(mutant, number, refused):
            checked = checked or check_alone()
            outcome = judge_alone(mutant)
        else:
            outcome = judge(mutant, lambda name: run(binaries[name], number))
        write(SEEN, {**read(SEEN), mutant["key"]: outcome})
        if outcome == "missed":
            print(f"missed: {mutant['name']}", flush=True)
    return 0


def needs_a_build(mutant, number, refused):
    return number in refused or not mutant["function"]


def listed():
    """What cargo-mutants would change, each with a key that outlives changes elsewhere in the file."""
    command = ["cargo", "mutants", "--list", "--json", *FEATURES, *FILES]
    listing = subprocess.run(command, cwd=schema.ROOT, check=True, capture_output=True, text=True).stdout
    mutants, count = [], collections.Counter()
    for mutant in json.loads(listing):
        # A folder that two `mod` lead to, one for each feature, is listed twice.
        if mutant not in mutants:
            mutants.append(mutant)
    for mutant in mutants:
        text = re.sub(r"^[^ ]+: ", "", mutant["name"])
        body = function_text(mutant) or text
        digest = hashlib.sha256(body.encode()).hexdigest()[:8]
        name = f"{mutant['file']}: {text}"
        count[name] += 1
        mutant["key"] = f"{name} #{count[name]} {digest}"
    return mutants


def offset(text, place):
    """Where a line and a column, counted in characters, are in a text."""
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: place["line"] - 1]) + place["column"] - 1


def span_of(text, span):
    return offset(text, span["start"]), offset(text, span["end"])


def function_text(mutant):
    if not mutant["function"]:
        return None
    text = (schema.ROOT / mutant["file"]).read_text()
    start, end = span_of(text, mutant["function"]["span"])
    return text[start:end]


def body_of(text, start, end):
    """The body of the function in `text[start:end]`, without its braces."""
    name = re.compile(r"\bfn \w+").search(text, start, end)
    return text.index("{", name.end()) + 1, text.rindex("}", start, end)


def build(mutants):
    """The test binaries, and the numbers of the changes that do not compile."""
    refused = set(read(REFUSED).get(digest_of(mutants), []))
    while True:
        schema.make_copy(TREE, [])
        schema.write_if_new(TREE / "Cargo.toml", profile((TREE / "Cargo.toml").read_text()), 0o644)
        for file in sorted({mutant["file"] for mutant in mutants}):
            text = (schema.ROOT / file).read_text()
            schema.write_if_new(TREE / file, asleep(text, file, mutants, refused).encode(), 0o644)
        messages, status = cargo(TREE, "check", "--lib")
        faulty = {number for message in messages for number in blamed(message, mutants)}
        if status == 0:
            break
        if not faulty - refused:
            raise SystemExit("survey: the copy does not build, and no change is to blame")
        refused |= faulty
        print(f"{len(refused)} of {len(mutants)} do not compile")
        write(REFUSED, {digest_of(mutants): sorted(refused)})
    binaries = build_tests(TREE, ALL)
    if not binaries:
        raise SystemExit("survey: the tests do not build")
    for name in ALL:
        if run(binaries[name], 0) != "green":
            raise SystemExit(f"survey: {name} is red with nothing changed")
    return binaries, refused


def build_tests(tree, names):
    """The paths of these test binaries, or nothing if they do not build."""
    wanted = [part for name in names for part in (["--lib"] if name == "lib" else ["--test", name])]
    messages, status = cargo(tree, "test", "--no-run", *wanted)
    binaries = {}
    for message in messages if status == 0 else []:
        if message.get("reason") == "compiler-artifact" and message.get("executable"):
            target = message["target"]
            binaries["lib" if "lib" in target["kind"] else target["name"]] = message["executable"]
    return binaries


def profile(text):
    return (text + "\n[profile.dev]\nopt-level = 1\ndebug = 0\n").encode()


def digest_of(mutants):
    return hashlib.sha256("\n".join(mutant["key"] for mutant in mutants).encode()).hexdigest()[:12]


def cargo(tree, command, *more):
    environment = {**os.environ, "CARGO_TARGET_DIR": str(WORK / "survey-target")}
    whole = ["cargo", command, "--locked", *FEATURES, "--message-format", "json", *more]
    done = subprocess.run(whole, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")], done.returncode


def asleep(text, file, mutants, refused):
    """The file with a copy of each function's body for each change in it."""
    functions = {}
    for number, mutant in enumerate(mutants, 1):
        if mutant["file"] == file and mutant["function"] and number not in refused:
            span = span_of(text, mutant["function"]["span"])
            functions.setdefault(body_of(text, *span), []).append((number, mutant))
    out, at = [], 0
    for (start, end), changes in sorted(functions.items()):
        if start < at:
            raise SystemExit(f"survey: functions inside each other in {file}")
        out.append(text[at:start])
        for number, mutant in changes:
            first, last = span_of(text, mutant["span"])
            changed = text[start:first] + mutant["replacement"] + text[last:end]
            out.append(f"/*change {number}*/ if crate::mutant({number}) {{ {changed} }} else ")
        out.append(f"/*change 0*/ {{ {text[start:end]} }}")
        at = end
    out.append(text[at:])
    places = sorted(schema.constants(text, {start for start, _ in functions}), reverse=True)
    return "".join(without(out, text, places))


def without(out, text, places):
    """The pieces, with `const` taken from the functions that begin at these places."""
    pieces, at = [], 0
    for index, piece in enumerate(out):
        # Only what is taken over from the file counts for the position in it.
        if piece.startswith("/*change "):
            pieces.append(piece)
            if piece.startswith("/*change 0*/"):
                at += len(piece) - len("/*change 0*/ {  }")
            continue
        for place in places:
            if at <= place < at + len(piece):
                piece_at = place - at
                piece = piece[:piece_at] + " " * len("const ") + piece[piece_at + len("const ") :]
        pieces.append(piece)
        at += len(piece)
    return pieces


def blamed(message, mutants):
    """The changes that an error stands in; all of a function if it is about how they fit together."""
    if message.get("reason") != "compiler-message" or message["message"]["level"] != "error":
        return
    # What the compiler has to evaluate cannot call what reads a switch.
    for name in re.findall(r"^cannot call non-const .* `(\S+)`", message["message"]["message"]):
        name = re.sub(r"^.*proto::|<.*?>", "", name).split("::")[-2:]
        for number, mutant in enumerate(mutants, 1):
            if mutant["function"] and mutant["function"]["function_name"].split("::")[-2:] == name[-2:]:
                yield number
    for span in message["message"]["spans"]:
        if not span["is_primary"]:
            continue
        before = (TREE / span["file_name"]).read_text().encode()[: span["byte_start"]].decode()
        marks = [int(number) for number in re.findall(r"/\*change (\d+)\*/", before)]
        if not marks:
            continue
        if marks[-1]:
            yield marks[-1]
            continue
        for number in reversed(marks[:-1]):
            if number == 0:
                break
            yield number


def judge(mutant, result_of):
    """What the tests say, binary after binary, to a change that is awake in them."""
    part = mutant["file"].split("/")[2].removesuffix(".rs")
    first = ORDER.get(part, ["lib", "rfc6455", "chunking"])
    for name in first + [name for name in ALL if name not in first]:
        result = result_of(name)
        if result != "green":
            return f"noticed by {name} ({result})"
    return "missed"


def stand_alone(mutant):
    """Brings the tree up to date in which one change stands awake, or none."""
    schema.make_copy(ALONE, [])
    schema.write_if_new(ALONE / "Cargo.toml", profile((ALONE / "Cargo.toml").read_text()), 0o644)
    if mutant:
        text = (schema.ROOT / mutant["file"]).read_text()
        first, last = span_of(text, mutant["span"])
        changed = text[:first] + mutant["replacement"] + text[last:]
        schema.write_if_new(ALONE / mutant["file"], changed.encode(), 0o644)


def check_alone():
    """Without a change that tree has to be green, or it would say nothing."""
    stand_alone(None)
    binaries = build_tests(ALONE, ALL)
    if not binaries or any(run(binaries[name], 0) != "green" for name in ALL):
        raise SystemExit("survey: red with nothing changed")
    return True


def judge_alone(mutant):
    """The same for a change in a tree of its own."""
    stand_alone(mutant)
    if cargo(ALONE, "check", "--lib")[1] != 0:
        return "does not compile"

    def result_of(name):
        binaries = build_tests(ALONE, [name])
        return run(binaries[name], 0) if binaries else "does not build"

    return judge(mutant, result_of)


def run(binary, number):
    """Runs a test binary until its first red test."""
    environment = {**os.environ, "MUTANT": str(number), "RUST_BACKTRACE": "0"}
    process = subprocess.Popen(
        [binary], cwd=TREE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    end, result, rest = time.monotonic() + TIMEOUT, "green", b""
    while True:
        ready, _, _ = select.select([process.stdout], [], [], max(0, end - time.monotonic()))
        piece = os.read(process.stdout.fileno(), 65536) if ready else b""
        rest = (rest + piece)[-65536:]
        if not ready:
            result = "timeout"
        elif b"... FAILED" in rest:
            result = "red"
        elif piece:
            continue
        break
    if result != "green":
        os.killpg(process.pid, signal.SIGKILL)
    status = process.wait()
    return "crash" if result == "green" and status != 0 else result


def report(mutants):
    seen, refused = read(SEEN), set(read(REFUSED).get(digest_of(mutants), []))
    count, explained = collections.Counter(), set()
    for entry in schema.tomllib.loads((schema.HERE / "equivalent.toml").read_text())["change"]:
        explained |= set(entry["of"])
    for number, mutant in enumerate(mutants, 1):
        kind = seen.get(mutant["key"], "not run").partition(" by ")[0]
        if kind == "not run" and needs_a_build(mutant, number, refused):
            kind = "waiting for a build of their own"
        if kind == "missed" and mutant["key"].rpartition(" ")[0] in explained:
            kind = "explained in equivalent.toml"
        count[kind] += 1
        if kind == "missed":
            print(f"missed: {mutant['name']}")
    print(", ".join(f"{number} {kind}" for kind, number in count.most_common()), f"of {len(mutants)}")
    return 1 if count["missed"] else 0


def read(path):
    return json.loads(path.read_text()) if path.is_file() else {}


def write(path, value):
    new = path.with_suffix(".new")
    new.write_text(json.dumps(value, indent=1))
    new.replace(path)


if __name__ == "__main__":
    sys.exit(main())
