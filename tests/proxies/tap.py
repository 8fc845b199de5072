"""What a proxy and the server say to each other, byte by byte: a relay between the two that changes nothing."""

import asyncio
import re


class Tap:
    """Listens on a port for the proxy, and passes all on to the server."""

    async def start(self, server_port):
        self.server_port = server_port
        self.conversations = []
        self.listener = await asyncio.start_server(self.relay, "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]
        return self

    async def relay(self, reader, writer):
        to_server, from_server = bytearray(), bytearray()
        self.conversations.append((to_server, from_server))
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.server_port)
        try:
            await asyncio.gather(copy(reader, server_writer, to_server), copy(server_reader, writer, from_server))
        except asyncio.CancelledError:
            pass  # The run is over, and the proxy still holds its connection.
        finally:
            writer.close()
            server_writer.close()


async def copy(reader, writer, record):
    try:
        while data := await reader.read(65536):
            record += data
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (OSError, RuntimeError):
        writer.close()


def judge(to_server, from_server):
    """What the proxy asked for and what the server answered on one connection, or why the two cannot be one reading.

    Gives a list of pairs: the request line as the proxy wrote it, and the status. The bytes of the proxy are read here
    by the strictest reading there is: what is not plain is a fault.
    """
    answers = read_answers(bytes(from_server))
    read = []
    rest = bytes(to_server)
    for number, answer in enumerate(answers):
        head, end, rest = rest.partition(b"\r\n\r\n")
        if not end:
            raise Unlike(f"{number} requests of the proxy got the answers {answers}")
        try:
            line, fields = read_head(head)
        except Unlike:
            # What both take for a fault, and with which the connection ends, is read alike too.
            if 400 <= answer < 500 and number + 1 == len(answers):
                return [*read, (head.partition(b"\r\n")[0], answer)]
            raise
        read.append((line, answer))
        if b"transfer-encoding" in fields:
            rest = skip_chunks(rest, head)
        else:
            rest = rest[int(fields.get(b"content-length", [b"0"])[0]):]
    return read


class Unlike(AssertionError):
    """The proxy and the server read the same bytes in two ways."""


def read_head(head):
    line, *rows = head.split(b"\r\n")
    if not re.fullmatch(rb"[A-Z]+ \S+ HTTP/1\.[01]", line):
        raise Unlike(f"a request line that is not plain: {line!r}")
    fields = {}
    for row in rows:
        # No folding, no space before the colon, no bare CR or LF.
        if not re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*", row):
            raise Unlike(f"a field that is not plain: {row!r}")
        name, _, value = row.partition(b":")
        fields.setdefault(name.lower(), []).append(value.strip())
    if len(fields.get(b"host", [])) > 1:
        raise Unlike(f"two hosts in {head!r}")
    lengths = fields.get(b"content-length", []) + fields.get(b"transfer-encoding", [])
    if len(lengths) > 1 or lengths and not re.fullmatch(rb"[0-9]+|chunked", lengths[0]):
        raise Unlike(f"no one length in {head!r}")
    # A request that has come past the proxy lacks what the proxy adds. Its own checks of health have no client.
    if line.split()[1] != b"/healthz" and fields.get(b"x-forwarded-for", [])[-1:] != [b"127.0.0.1"]:
        raise Unlike(f"no request of the proxy: {head!r}")
    return line, fields


def skip_chunks(rest, head):
    while True:
        size, end, rest = rest.partition(b"\r\n")
        if not end:
            return b""
        if not re.fullmatch(rb"[0-9A-Fa-f]+", size):
            raise Unlike(f"a chunk that is not plain behind {head!r}: {size!r}")
        rest = rest[int(size, 16) + 2:]
        if int(size, 16) == 0:
            return rest


def read_answers(data):
    """The statuses of the server's answers. Behind a 101 there are frames."""
    statuses = []
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
        if not end or not status:
            raise Unlike(f"not an answer: {head[:200]!r}")
        statuses.append(int(status[1]))
        if statuses[-1] == 101:
            break
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        data = data[int(length[1]) if length else 0:]
    return statuses
