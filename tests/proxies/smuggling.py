"""Requests that two readers might read in two ways, sent through a proxy: both have to read the same.

Each shape carries a second request, for /smuggled, in what one of the two might take for a body. What the proxy asks the
server for is recorded between the two, and compared with what the server answers. The second request must not be answered,
unless it stands where HTTP has the next request: then the proxy has to have read it as one, and so to have written its
own field X-Forwarded-For into it.
"""

import asyncio

from fronts import HOST
from peers import Client, upgrade
from tap import Tap, Unlike, judge

# What the second request is, if the first one is read as HTTP wants it.
BODY, NEXT = "part of the first", "a request of its own"
# How long nothing has to come before a client takes it that nothing will.
SILENCE = 0.6


def shapes(port):
    """Name, bytes, and whether `inner`, a whole opening handshake, stands where HTTP has the next request."""
    host = f"Host: {HOST}:{port}"
    inner = upgrade("/smuggled", port)
    chunked = b"0\r\n\r\n" + inner
    size = len(chunked)

    def head(*lines):
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    asked = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    get, post = "GET /shape HTTP/1.1", "POST /shape HTTP/1.1"
    return [
        ("CL and TE", head(post, host, f"Content-Length: {size}", "Transfer-Encoding: chunked") + chunked, NEXT),
        ("TE and CL", head(post, host, "Transfer-Encoding: chunked", "Content-Length: 4")
         + b"%x\r\n" % len(inner) + inner + b"\r\n0\r\n\r\n", BODY),
        ("TE twice, one unknown", head(post, host, "Transfer-Encoding: chunked", "Transfer-Encoding: cow",
                                       f"Content-Length: {size}") + chunked, BODY),
        ("TE behind a tab", head(post, host, "Transfer-Encoding:\tchunked", f"Content-Length: {size}") + chunked, NEXT),
        ("CL twice", head(post, host, "Content-Length: 0", f"Content-Length: {len(inner)}") + inner, BODY),
        ("CL with a sign", head(post, host, f"Content-Length: +{len(inner)}") + inner, BODY),
        ("folded TE", head(post, host, "X: y", " Transfer-Encoding: chunked", f"Content-Length: {size}") + chunked, BODY),
        ("two hosts", head(get, host, "Host: other.example", *asked), BODY),
        ("absolute form", head("GET http://other.example/shape HTTP/1.1", host, *asked), BODY),
        ("lines that end in LF", head(get, host, "X: y\nContent-Length: 0", f"Content-Length: {len(inner)}") + inner, BODY),
        ("space before the colon", head(post, host, f"Content-Length : {len(inner)}") + inner, BODY),
        ("Upgrade with a body", head(get, host, *asked, f"Content-Length: {len(inner)}") + inner, BODY),
        ("Upgrade with a chunk", head(get, host, *asked, "Transfer-Encoding: chunked")
         + b"%x\r\n" % len(inner) + inner + b"\r\n0\r\n\r\n", BODY),
        ("Upgrade with no chunk", head(get, host, *asked, "Transfer-Encoding: chunked") + chunked, NEXT),
        ("Upgrade to an old version", head(get, host, *asked[:2], "Sec-WebSocket-Version: 777", asked[3]) + inner, NEXT),
        ("Connection: upgrade, x", head(get, host, asked[0], "Connection: upgrade, host, sec-websocket-key", *asked[2:])
         + inner, NEXT),
        ("HTTP/1.0", head("GET /shape HTTP/1.0", host, *asked) + inner, NEXT),
        ("Upgrade by POST", head(post, host, *asked) + inner, NEXT),
        ("Upgrade: h2c", head(get, host, "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAAA")
         + inner, NEXT),
        ("NUL in a field", head(get, host, "X: \0y", *asked) + inner, NEXT),
    ]


async def play(front, tap, context):
    """Plays all shapes through a proxy. Gives a line for each; raises Unlike where the two read apart."""
    played = []
    for name, data, second in shapes(front.port):
        began = len(tap.conversations)
        answer = await ask(front.port, context, data)
        # Who comes next gets what is his.
        client = await Client.connect(front.port, context)
        await client.echo(b"after " + name.encode())
        await client.close()
        played.append((name, second, answer, tap.conversations[began:]))
    return [tell(front.kind, *one) for one in played]


def tell(kind, name, second, answer, conversations):
    """What became of a shape, seen when all is over: a slow proxy may have asked late."""
    read = [pair for conversation in conversations for pair in judge(*conversation)]
    # Neither the client that came next nor checks of health.
    read = [(line, status) for line, status in read if line.split()[1] not in (b"/", b"/healthz")]
    if len(read) > (2 if second is NEXT else 1) or second is BODY and any(b"/smuggled" in line for line, _ in read):
        raise Unlike(f"{kind}: {name}: the server has answered {read}")
    reached = "; ".join(f"{line.decode()} -> {status}" for line, status in read) or "nothing"
    return f"{kind}: {name}: the client got {answer}, the server was asked: {reached}"


async def ask(port, context, data):
    """Sends bytes, and gives what comes back until it ends or is silent: the first line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=HOST)
    answer = bytearray()
    try:
        writer.write(data)
        while more := await asyncio.wait_for(reader.read(65536), SILENCE):
            answer += more
    except (asyncio.TimeoutError, OSError):
        pass
    writer.close()
    return answer.split(b"\r\n")[0].decode(errors="replace") or "nothing"


def check_judge():
    """The judge finds what it is there for."""
    one = b"POST /shape HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 127.0.0.1\r\nContent-Length: 5\r\n\r\n"
    refused = b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n"
    accepted = b"HTTP/1.1 200 Yes\r\nContent-Length: 0\r\n\r\n"
    assert judge(one + b"GET /", refused) == [(b"POST /shape HTTP/1.1", 405)]
    assert len(judge(one + b"GET /" + one, accepted * 2)) == 2
    bad = {
        "a body that was answered": (one + b"GET /", accepted * 2),
        "two lengths": (one.replace(b"Host: a", b"Transfer-Encoding: chunked"), accepted),
        "two hosts": (one.replace(b"Host: a", b"Host: a\r\nHost: b"), accepted),
        "folding": (one.replace(b"Host: a", b"Host: a\r\n b"), accepted),
        "a request without the field of the proxy": (one.replace(b"X-Forwarded-For", b"X"), accepted),
        "a space before the colon": (one.replace(b"Host:", b"Host :"), accepted),
    }
    for name, conversation in bad.items():
        try:
            judge(*conversation)
        except Unlike:
            continue
        raise AssertionError(f"the judge does not see {name}")
