"""What the Python clients have in common: payloads, and running one scenario after the other."""

import asyncio
import random
import sys
import traceback

# Around every length at which the form of a frame's length changes (RFC 6455 5.2), and larger than
# any read buffer.
SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20]
# The default of --max-message-size, inclusive.
LARGEST = 16 << 20
PATIENCE = 60

# Characters of one to four bytes.
TEXT = "a\u00e9\u20ac\U0001f600"


def binary(size):
    return (bytes(range(256)) * (size // 256 + 1))[:size]


def noise(size):
    """Bytes that do not shrink."""
    return random.Random(size).randbytes(size)


def text(size):
    """Text of about that many bytes."""
    return TEXT * (size // len(TEXT.encode())) + "x" * (size % len(TEXT.encode()))


# What `--deflate` the server was started with: whose contexts are taken over.
SERVER_KEEPS = sys.argv[3:] == ["takeover"]
CLIENT_KEEPS = sys.argv[3:] != ["lean"]
# From what goes uncompressed by default to several windows.
COMPRESSED_SIZES = [0, 1, 127, 128, 1000, 40000, 65536, 300000]


def run(scenarios):
    """Runs `async def scenario(url)` for each; the last gets the id of the server's process too."""
    url, pid = sys.argv[1], int(sys.argv[2])
    failed = 0
    for scenario in scenarios:
        arguments = (url, pid) if scenario is scenarios[-1] else (url,)
        try:
            asyncio.run(asyncio.wait_for(scenario(*arguments), PATIENCE))
            print("ok     ", scenario.__doc__)
        except Exception:
            failed += 1
            print("FAILED ", scenario.__doc__)
            traceback.print_exc(file=sys.stdout)
    print("%d scenarios, %d failed" % (len(scenarios), failed))
    sys.exit(failed != 0)
