"""The client's address and scheme arrive at the server, and what the client says of itself does not."""

import asyncio

from fronts import Front
from peers import Client, Server

# Where the client is. The proxies, and so who the server trusts, are at 127.0.0.1.
SOURCE = "127.0.0.2"
FORGED = "203.0.113.9"
FIELDS = [f"X-Forwarded-For: {FORGED}", f"Forwarded: for={FORGED};proto=http", "X-Forwarded-Proto: http",
          "X-Forwarded-Host: forged.example"]
TRUST = ["--trusted-proxy", "127.0.0.1"]


async def play(program, folder, certificate, kinds):
    """Gives a line of what arrived."""
    told = []
    for kind in kinds:
        flags = ["--listen", "127.0.0.1:0", *TRUST, "--trust-forwarded-proto", "--trust-forwarded-host",
                 "--allowed-origin", "same-host"]
        with Server(program, *flags, "--health-path", "/healthz") as server:
            with Front(kind, folder, certificate, plain=server.port) as front:
                await arrives(server, front.port, certificate, FIELDS)
                # With the scheme of the server's own port this page would be of the same host, and get in.
                await refused(front.port, certificate, f"Origin: http://chat.example.com:{front.port}")
        told.append(kind)
    for kind in ("nginx-stream", "haproxy"):
        flags = ["--proxy-protocol", "127.0.0.1:0", *TRUST, "--allowed-origin", "same-host"]
        with Server(program, *flags) as server:
            with Front(kind, folder, certificate, proxied=server.port) as front:
                port = front.port if kind == "nginx-stream" else front.second_port
                scheme = "http" if kind == "nginx-stream" else "https"
                await arrives(server, port, certificate, FIELDS[:1], scheme)
        told.append(f"{kind} by the PROXY protocol")
    return [f"the client's address through {', '.join(told)}"]


async def arrives(server, port, certificate, fields, scheme="https"):
    origin = f"Origin: {scheme}://chat.example.com:{port}"
    client = await Client.connect(port, certificate.trusted(), fields=[*fields, origin], source=SOURCE)
    await client.echo(b"from afar")
    await client.close()
    line = await asyncio.to_thread(server.wait_for, "the connection opened")
    assert f"peer={SOURCE}" in line, line
    assert FORGED not in "".join(server.lines), server.lines


async def refused(port, certificate, origin):
    try:
        await Client.connect(port, certificate.trusted(), fields=[origin], source=SOURCE)
    except ConnectionError as error:
        assert "HTTP/1.1 403 " in str(error), error
        return
    raise AssertionError(f"{origin} got in")
