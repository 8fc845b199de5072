#!/usr/bin/env python3
"""One proxy before a server that runs already: for autobahn/run.sh --via.

    tests/proxies/via.py nginx|haproxy PORT

PORT is the server's, on 127.0.0.1. Prints the URL once the proxy listens, and ends with SIGTERM.
"""

import signal
import sys
import tempfile

from fronts import Certificate, Front


def main(kind, port):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="stickler-via-") as folder:
        with Front(kind, folder, Certificate(folder), plain=int(port)) as front:
            print(f"wss://127.0.0.1:{front.port}", flush=True)
            while front.process.wait():
                pass
            sys.exit(f"{kind} has ended:\n{front.log()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
