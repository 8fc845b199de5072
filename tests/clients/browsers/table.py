"""Writes the second table of docs/clients.md: table.py ROWS PAGE."""

import sys

BEGIN, END = "<!-- made by tests/clients/browsers/run.sh -->\n", "<!-- end of browsers -->\n"
WHAT = {
    "Chromium": "64 messages, 51 connections, a Close, a refusal; the key as the only exception",
    "Firefox": "the same; any certificate taken",
    "curl": "an opening handshake; the certificate verified",
    "openssl s_client -tls1_3": "each byte a record of its own, up to close\\_notify; the certificate verified",
    "openssl s_client -tls1_2": "the same",
}


def main():
    rows, page = sys.argv[1:]
    lines = ["| client | version | what | over `wss://` |", "|---|---|---|---|"]
    for row in open(rows).read().splitlines():
        name, version, said = row.split("\t")
        lines.append(f"| {name} | {version} | {WHAT[name]} | {'good' if said == 'ok' else '**fails**'} |")
    text = open(page).read()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    open(page, "w").write(head + BEGIN + "\n".join(lines) + "\n" + END + tail)


if __name__ == "__main__":
    main()
