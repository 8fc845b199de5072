"""The two ends beside a proxy: the server, and clients that speak just enough WebSocket."""

import asyncio
import base64
import hashlib
import os
import re
import signal
import struct
import subprocess
import threading

from fronts import HOST, PATIENCE

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Server:
    """`stickler serve`, with its log, line by line."""

    def __init__(self, program, *flags):
        self.process = subprocess.Popen(
            [program, "serve", "--workers", "1", "--log", "debug", *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        )
        self.lines = []
        self.arrived = threading.Condition()
        threading.Thread(target=self.follow, daemon=True).start()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the server does not come up:\n" + "".join(self.lines))
        self.port = int(line.rsplit(":", 1)[1])

    def follow(self):
        for line in self.process.stderr:
            with self.arrived:
                self.lines.append(re.sub(r"\x1b\[[0-9;]*m", "", line))
                self.arrived.notify_all()

    def wait_for(self, *parts):
        """The first line of the log that has all of these parts."""

        def found():
            return next((line for line in self.lines if all(part in line for part in parts)), None)

        with self.arrived:
            self.arrived.wait_for(found, PATIENCE)
            line = found()
        if line is None:
            raise AssertionError(f"no line of the server's log has {parts}:\n" + "".join(self.lines[-20:]))
        return line

    def signal(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        if self.process.poll() is None:
            self.signal()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Client:
    """One WebSocket through a proxy, over TLS."""

    @classmethod
    async def connect(cls, port, context, path="/", fields=(), source="127.0.0.1"):
        self = cls()
        self.reader, self.writer = await asyncio.wait_for(asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=HOST, local_addr=(source, 0),
        ), PATIENCE)
        key = base64.b64encode(os.urandom(16))
        self.writer.write(upgrade(path, port, key, fields))
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        # The answer to this key and no other: it is nobody else's.
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        if not head.startswith(b"HTTP/1.1 101 ") or accept not in head:
            self.writer.close()
            raise ConnectionError(f"no 101 of ours: {head!r}")
        return self

    def send(self, opcode, payload):
        # A key of zeros masks nothing, and is lawful.
        assert len(payload) < 126
        self.writer.write(bytes([0x80 | opcode, 0x80 | len(payload)]) + bytes(4) + payload)

    async def receive(self):
        """The next frame that is no Ping."""
        while True:
            first, length = await self.reader.readexactly(2)
            if length == 126:
                length, = struct.unpack(">H", await self.reader.readexactly(2))
            payload = await self.reader.readexactly(length)
            if first & 15 != PING:
                return first & 15, payload
            self.send(PONG, payload)

    async def echo(self, payload):
        self.send(TEXT, payload)
        got = await asyncio.wait_for(self.receive(), PATIENCE)
        if got != (TEXT, payload):
            raise ConnectionError(f"{payload!r} came back as {got!r}")

    async def close(self):
        """The closing handshake, begun here."""
        self.send(CLOSE, struct.pack(">H", 1000))
        got = await asyncio.wait_for(self.receive(), PATIENCE)
        self.writer.close()
        if got != (CLOSE, struct.pack(">H", 1000)):
            raise ConnectionError(f"not our Close: {got!r}")


def upgrade(path, port, key=b"dGhlIHNhbXBsZSBub25jZQ==", fields=()):
    """An opening handshake. Each field is a line without its end."""
    lines = [
        f"GET {path} HTTP/1.1".encode(), f"Host: {HOST}:{port}".encode(), b"Upgrade: websocket",
        b"Connection: Upgrade", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + key,
        *(field.encode() if isinstance(field, str) else field for field in fields),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"
