"""Writes results.md and index.html from the JSON of each server.

    python summary.py reports/check VERSIONS verified.tsv

VERSIONS has a line "name version" for each server, in the order of the tables. A violation that verified.tsv does
not name is an error.
"""

import html
import json
import pathlib
import sys

GRADES = ["strict", "acceptable", "violation", "skipped", "incomplete"]

INTRODUCTION = (
    "Echo servers as the documentation of each begins, in the versions named, on a loopback address, asked by "
    "`stickler check`. Strict is exactly what the rule demands; acceptable is another lawful way, or a weaker "
    "one; a violation breaks a MUST or MUST NOT, and was read in the RFC before it was written down here; of most "
    "cases one input was sent again by another client. Incomplete is a case of which a row could not be played. What "
    "each case sends is in `cli/src/lab/check/cases`. A server that leaves out an extension skips its cases."
)

BY_10_7 = (
    "Three kinds of entry (a length not in its shortest form, a control frame too long, messages mixed) rest on two "
    "sentences: the rule binds the sender, and RFC 6455 10.7 has the receiver validate what comes in."
)


def main():
    out, versions, verified = (pathlib.Path(argument) for argument in sys.argv[1:4])
    names = [line.split() for line in versions.read_text().splitlines()]
    runs = {name: json.loads((out / f"{name}.json").read_text()) for name, _ in names}
    versions = dict(names)
    reasons = dict(line.split("\t") for line in verified.read_text().splitlines()[1:])
    cut_short = sorted(name for name, run in runs.items() if not run["complete"])
    if cut_short:
        sys.exit(f"not complete, so not published: {', '.join(cut_short)}")
    broken = collect(runs)
    unknown = sorted(set(broken) - set(reasons))
    if unknown:
        sys.exit(f"not in verified.tsv, so not published: {', '.join(unknown)}")
    (out / "results.md").write_text(markdown(runs, versions, broken, reasons))
    (out / "index.html").write_text(page(runs, versions, broken, reasons))


def collect(runs):
    """Case ids in the order of the table, each with its results by server."""
    broken = {}
    order = [result["id"] for result in next(iter(runs.values()))["results"]]
    for case in order:
        for name, run in runs.items():
            result = next(result for result in run["results"] if result["id"] == case)
            if result["grade"] == "violation":
                broken.setdefault(case, {})[name] = result
    return broken


def died(name, run):
    """A sentence if cases ended the server; it was started again each time."""
    ended = [result["id"] for result in run["results"] if "answered nobody" in json.dumps(result)]
    if ended:
        yield f"{name} died and was started again. It died after a row of {', '.join(f'`{case}`' for case in ended)}."


def section(results):
    return next(iter(results.values()))["section"]


def markdown(runs, versions, broken, reasons):
    lines = ["# stickler check against other servers", "", INTRODUCTION, "", "Made by `tests/clients/servers/run.sh`.", ""]
    lines += ["| server | version | " + " | ".join(GRADES) + " |", "|---|---|" + "---:|" * len(GRADES)]
    for name, run in runs.items():
        counts = " | ".join(str(run["counts"][grade]) for grade in GRADES)
        lines.append(f"| {name} | {versions[name]} | {counts} |")
    lines += [""] + [line for name, run in runs.items() for line in died(name, run)]
    lines += ["", "## Who breaks which clause", "", BY_10_7, "", "| clause | case | who | why |", "|---|---|---|---|"]
    for case, results in broken.items():
        lines.append(f"| {section(results)} | `{case}` | {', '.join(results)} | {reasons[case]} |")
    return "\n".join(lines) + "\n"


def page(runs, versions, broken, reasons):
    text = html.escape
    rows = []
    for name, run in runs.items():
        counts = "".join(f'<td class="{grade}">{run["counts"][grade]}</td>' for grade in GRADES)
        rows.append(f"<tr><td>{text(name)} <i>{text(versions[name])}</i></td>{counts}</tr>")
    entries = []
    for case, results in broken.items():
        seen = "".join(
            f"<dt>{text(name)}</dt><dd>{text(result['observed'])}</dd>" for name, result in results.items()
        )
        ids = ", ".join(next(iter(results.values()))["requirements"])
        entries.append(
            f"<details><summary><b>{text(section(results))}</b> {text(case)} <i>{text(', '.join(results))}</i></summary>"
            f"<p>{text(reasons[case])}</p><p>Requirements: {text(ids)}</p><dl>{seen}</dl></details>"
        )
    head = "".join(f"<th>{grade}</th>" for grade in GRADES)
    return PAGE.format(
        introduction=text(INTRODUCTION).replace("`stickler check`", "<code>stickler check</code>").replace("`", ""),
        head=head,
        died="".join(f"<p>{text(line).replace('`', '')}</p>" for name, run in runs.items() for line in died(name, run)),
        rows="\n".join(rows),
        by_10_7=text(BY_10_7),
        entries="\n".join(entries),
    )


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>stickler check against other servers</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: auto; padding: 1rem; color: #222 }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse }}
td, th {{ padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd }}
td:first-child, th:first-child {{ text-align: left }}
summary {{ cursor: pointer; padding: .2rem 0 }}
dl {{ display: grid; grid-template-columns: minmax(7rem, auto) 1fr; gap: 0 1rem; overflow-wrap: anywhere }}
dd {{ margin: 0; font-family: ui-monospace, monospace; font-size: .9em }}
i {{ color: light-dark(#6a6a6a, #9a9a9a); font-style: normal }}
a {{ color: inherit }}
@media (max-width: 30rem) {{
    table {{ width: 100%; font-size: .75rem }}
    td, th {{ padding: .2rem .15rem }}
    h1 {{ font-size: 1.6rem; line-height: 1.2 }}
    dl {{ display: block }}
    dt {{ margin-top: .4rem; font-weight: 600 }}
}}
.strict {{ color: #1a7f37 }} .acceptable {{ color: #7a5c00 }} .violation {{ color: #c62828 }} .skipped {{ color: light-dark(#6a6a6a, #9a9a9a) }}
@media (prefers-color-scheme: dark) {{
    body {{ background: #181818; color: #ddd }} td, th {{ border-color: #444 }}
    .strict {{ color: #57c46f }} .acceptable {{ color: #d8b04a }} .violation {{ color: #ff7b72 }}
}}
</style></head><body>
<h1>stickler check against other servers</h1>
<p>{introduction}</p>
<p>Made by <code>tests/clients/servers/run.sh</code>; the same as a table: <a href="results.md">results.md</a>.</p>
<div class="wide"><table><tr><th>server</th>{head}</tr>
{rows}
</table></div>
{died}
<h2>Who breaks which clause</h2>
<p>{by_10_7}</p>
{entries}
</body></html>
"""

main()
