#!/usr/bin/env python3
"""Resident memory of the server per idle connection, keepalive on, before and after an echo.

    .ci/idle.py PATH-OF-THE-PROGRAM MOST-BYTES NOTE-FILE [--tls]

Clients are here, the server is another process. A few hundred connections come first, so that what is taken
once, by the allocator or by the thread, is not counted. Fails above the ceiling. With --tls the connections are over
TLS, and the server makes itself a certificate.
"""

import resource
import socket
import ssl
import subprocess
import sys
import time

FIRST = 300
MANY = 5000
MANY_OVER_TLS = 2000
LEAST = 1000
PATIENCE = 20
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
KEY = bytes([0x37, 0xFA, 0x21, 0x3D])
PAYLOAD = b"idle" * 256
FRAME = b"\x82\xfe" + len(PAYLOAD).to_bytes(2, "big") + KEY + bytes(
    byte ^ KEY[at % 4] for at, byte in enumerate(PAYLOAD)
)
ECHO = b"\x82\x7e" + len(PAYLOAD).to_bytes(2, "big") + PAYLOAD


def main(program, ceiling, note, tls):
    count = min(raise_open_files(), MANY_OVER_TLS if tls else MANY)
    listen = ["--listen-tls", "127.0.0.1:0", "--tls-self-signed"] if tls else ["--listen", "127.0.0.1:0"]
    server = subprocess.Popen(
        [program, *listen, "--workers", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    try:
        ready = server.stdout.readline().strip().removeprefix("listening on ")
        host, port = ready.removeprefix("wss://" if tls else "ws://").split(":")
        address = (host, int(port), client() if tls else None)
        first = [connect(address) for _ in range(FIRST)]
        for peer in first:
            echo(peer)
        before = settled(server.pid)
        peers = [connect(address) for _ in range(count)]
        opened = (settled(server.pid) - before) / count
        for peer in peers:
            echo(peer)
        echoed = (settled(server.pid) - before) / count
    finally:
        server.kill()
        server.wait()
    what = "idle connections over TLS" if tls else "idle connections"
    said = f"{count} {what}: {opened:.0f} B each, {echoed:.0f} after an echo; at most {ceiling}"
    print(said)
    with open(note, "w") as file:
        print(said, file=file)
    # Less than this is no connection, but a mistake in measuring.
    return 0 if 256 < opened <= ceiling and 256 < echoed <= ceiling else 1


def raise_open_files():
    """Raises the limit, which the server inherits; how many connections fit under it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FIRST + MANY + 200
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    count = min(MANY, wanted - FIRST - 200)
    if count < LEAST:
        sys.exit(f"idle.py: {hard} open files are too few")
    return count


def client():
    """Takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(address):
    host, port, tls = address
    peer = socket.create_connection((host, port), timeout=PATIENCE)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls:
        peer = tls.wrap_socket(peer)
    peer.sendall(REQUEST)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read(peer, 4096)
    if not head.startswith(b"HTTP/1.1 101 "):
        sys.exit(f"idle.py: {head}")
    return peer


def echo(peer):
    peer.sendall(FRAME)
    echoed = b""
    while len(echoed) < len(ECHO):
        echoed += read(peer, 4096)
    if echoed != ECHO:
        sys.exit("idle.py: an echo differs from what was sent")


def read(peer, at_most):
    piece = peer.recv(at_most)
    if not piece:
        sys.exit("idle.py: a connection ended")
    return piece


def settled(pid):
    """Resident bytes, page by page, once they are the same twice."""
    deadline = time.monotonic() + PATIENCE
    before = None
    while (now := resident(pid)) != before:
        if time.monotonic() > deadline:
            sys.exit("idle.py: memory does not settle")
        before = now
        time.sleep(0.3)
    return now


def resident(pid):
    # The counters in /proc/PID/status lag behind.
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        for line in rollup:
            if line.startswith("Rss:"):
                return int(line.split()[1]) << 10
    sys.exit("idle.py: no Rss in smaps_rollup")


sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], "--tls" in sys.argv[4:]))
