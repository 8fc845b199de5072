#!/usr/bin/env python3
"""Proxies with the files of docs/proxies before `stickler serve`: what they pass on, and what they keep.

    tests/proxies/run.py PROGRAM NOTE-FILE

nginx and HAProxy have to be there; Caddy is tried if it is. The note gets a line of what was counted.
"""

import asyncio
import shutil
import sys
import tempfile
import time

import address
import reloading
import smuggling
from fronts import Certificate, Front
from peers import Server
from tap import Tap

PATHS = ["--path", "/", "--path", "/shape", "--path", "/smuggled", "--health-path", "/healthz"]


async def main(program, note):
    smuggling.check_judge()
    told = []
    with tempfile.TemporaryDirectory(prefix="stickler-proxies-") as folder:
        certificate = Certificate(folder)
        kinds = ["nginx", "haproxy", *(["caddy"] if shutil.which("caddy") else [])]
        shapes = await asyncio.gather(*(smuggle(kind, program, folder, certificate) for kind in kinds))
        # A reload of this Caddy ends each WebSocket, as the page says.
        for kind in kinds[:2]:
            drain = reloading.DRAIN if kind == "haproxy" else []
            with Server(program, "--listen", "127.0.0.1:0", *PATHS, *drain) as server:
                with Front(kind, folder, certificate, plain=server.port) as front:
                    told.append(await reloading.play(front, server, certificate.trusted()))
        told += await address.play(program, folder, certificate, kinds)
    for line in [*(line for some in shapes for line in some), *told]:
        print(line)
    count = sum(map(len, shapes))
    with open(note, "w") as file:
        print(f"{count} shapes read alike ({', '.join(kinds)}); {'; '.join(told)}", file=file)


async def smuggle(kind, program, folder, certificate):
    with Server(program, "--listen", "127.0.0.1:0", *PATHS) as server:
        tap = await Tap().start(server.port)
        with Front(kind, folder, certificate, plain=tap.port) as front:
            lines = await smuggling.play(front, tap, certificate.trusted())
            # The others ask for its health.
            checks = [down for up, down in tap.conversations if up.startswith(b"GET /healthz ")]
            assert kind == "nginx" or any(down.startswith(b"HTTP/1.1 200 ") for down in checks), checks
            return lines


if __name__ == "__main__":
    began = time.monotonic()
    asyncio.run(main(*sys.argv[1:]))
    print(f"{time.monotonic() - began:.0f} s")
