#!/usr/bin/env python3
"""User instructions of the whole server for an echoed message of 16 B, counted by callgrind.

    benches/server-instructions.py PROGRAM...

PROGRAM is a release build of stickler. Each runs twice under valgrind with different numbers of turns; what the
longer run takes more is divided by the messages that it has more, so start-up and the opening handshakes fall out.
In a turn each of 64 peers writes one message, or 16, and gets all replies. The server is stopped while they write:
it finds all of them ready at once, as under load, and the count is the same each time.
"""

import re
import signal
import socket
import subprocess
import sys

DEPTHS = (1, 16)
PATIENCE = 60
CONNECTIONS = 64
TURNS = (20, 120)
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
KEY = bytes([0x37, 0xFA, 0x21, 0x3D])
PAYLOAD = bytes(range(16))
FRAME = b"\x82\x90" + KEY + bytes(byte ^ KEY[at % 4] for at, byte in enumerate(PAYLOAD))
ECHO = b"\x82\x10" + PAYLOAD


def main(programs):
    print(f"{'instructions per message of 16 B':<48}" + "".join(f"{f'depth {d}':>10}" for d in DEPTHS))
    for program in programs:
        print(f"{program:<48}" + "".join(f"{per_message(program, depth):>10.0f}" for depth in DEPTHS))


def per_message(program, depth):
    few, many = TURNS
    more = collected(program, depth, many) - collected(program, depth, few)
    return more / (CONNECTIONS * depth * (many - few))


def collected(program, depth, turns):
    """Instructions of a server that echoes so many turns and is told to end."""
    server = subprocess.Popen(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         program, "--listen", "127.0.0.1:0", "--workers", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    try:
        host, port = server.stdout.readline().strip().removeprefix("listening on ws://").split(":")
        peers = [connect((host, int(port))) for _ in range(CONNECTIONS)]
        for _ in range(turns):
            server.send_signal(signal.SIGSTOP)
            for peer in peers:
                peer.sendall(FRAME * depth)
            server.send_signal(signal.SIGCONT)
            for peer in peers:
                if read(peer, len(ECHO) * depth) != ECHO * depth:
                    sys.exit("server-instructions.py: an echo differs from what was sent")
        server.send_signal(signal.SIGTERM)
        for peer in peers:
            peer.close()
        _, log = server.communicate(timeout=PATIENCE)
    finally:
        server.kill()
    found = re.search(r"Collected : (\d+)", log)
    if not found:
        sys.exit(f"server-instructions.py: {program} was not counted\n{log}")
    return int(found[1])


def connect(address):
    peer = socket.create_connection(address, timeout=PATIENCE)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.sendall(REQUEST)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read(peer, 1)
    return peer


def read(peer, length):
    data = b""
    while len(data) < length:
        piece = peer.recv(length - len(data))
        if not piece:
            sys.exit("server-instructions.py: a connection ended")
        data += piece
    return data


if len(sys.argv) < 2:
    sys.exit(__doc__)
main(sys.argv[1:])
