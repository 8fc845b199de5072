"""Writes the table of docs/clients.md: table.py RESULTS VERSIONS PAGE.

Fails when a client that the page has as good with the default is not good any more.
"""

import re
import sys

BEGIN, END = "<!-- made by tests/clients/tried/run.sh -->\n", "<!-- end -->\n"
NAMES = {
    "tornado": "Tornado (PyPI)",
    "websockets": "websockets (PyPI)",
    "aiohttp": "aiohttp (PyPI)",
    "websocket_client": "websocket-client (PyPI)",
    "wsproto": "wsproto (PyPI)",
    "autobahn": "Autobahn (PyPI)",
    "ws": "ws (npm)",
    "undici": "undici (npm)",
    "websocket": "websocket (npm)",
    "faye-websocket": "faye-websocket (npm)",
    "mojolicious": "Mojolicious (Debian)",
    "netty": "Netty (Debian)",
    "jdk": "java.net.http (Debian)",
    "gorilla": "gorilla/websocket (Debian)",
    "nhooyr": "nhooyr.io/websocket (Debian)",
}


def short(said):
    if said == "ok":
        return "good"
    if said.startswith("ok without the empty message"):
        return "good, but for an empty message"
    if code := re.search(r"\b1\d\d\d\b", said):
        return f"**fails with {code[0]}**"
    return "**ends the handshake**" if "andshake" in said else "**fails**"


def main():
    results, versions, page = sys.argv[1:]
    versions = dict(line.split(" ", 1) for line in open(versions).read().splitlines() if " " in line)
    rows = {}
    for line in open(results).read().splitlines():
        mode, library, way, said = line.split("\t")
        rows.setdefault((library, way), {})[mode] = short(said)
    text = open(page).read()
    head, rest = text.split(BEGIN)
    before, tail = rest.split(END)
    table = "| client | version | compression | `--deflate on` | `--deflate lean` |\n|---|---|---|---|---|\n"
    lines = []
    for (library, way), said in rows.items():
        way = "not offered" if way == "none" else f"`{way}`" if way != "default" else "as it comes"
        version = versions.get(library, "")
        lines.append(f"| {NAMES[library]} | {version} | {way} | {said.get('on')} | {said.get('lean')} |")
    good, now = of(before.splitlines()), of(lines)
    open(page, "w").write(head + BEGIN + table + "\n".join(lines) + "\n" + END + tail)
    # A client that was left out is no worse than it was.
    if lost := [client for client in now if client in good and good[client] and not now[client]]:
        sys.exit(f"not good any more: {sorted(lost)}")


def of(lines):
    """Of each client and way: whether it is good with the default."""
    cells = [line.split(" | ") for line in lines]
    return {(client, way): default == "good" for client, _, way, default, *_ in (row for row in cells if len(row) == 5)}


main()
