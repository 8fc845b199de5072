"""The client of Python's `websockets` against `stickler serve`.

    python websockets_client.py ws://127.0.0.1:9001 PID [MODE]
"""

import asyncio
import os
import signal

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

import scenarios
from scenarios import CLIENT_KEEPS, COMPRESSED_SIZES, LARGEST, SERVER_KEEPS, SIZES, binary, noise, text


def client(url, **options):
    """Without a keepalive of its own, taking any size; compressing, as it does unless told otherwise."""
    return connect(url, **{"max_size": None, "ping_interval": None, **options})


async def echoes(url):
    """every message comes back, kind for kind, at every form of the length"""
    async with client(url) as websocket:
        for size in SIZES + [LARGEST]:
            for message in (text(size), binary(size)):
                await websocket.send(message)
                assert await websocket.recv() == message, size
    assert websocket.close_code == 1000


async def fragments(url):
    """messages in fragments, with a Ping between two"""
    async with client(url) as websocket:
        for pieces in (["a", "", "\u20ac", "b"], [b"", b"\x00\xff", b""], [text(70000)] * 5):
            await websocket.send(pieces)
            assert await websocket.recv() == type(pieces[0])().join(pieces)

        async def slowly():
            yield "before "
            await (await websocket.ping(b"between"))
            yield "after"

        await websocket.send(slowly())
        assert await websocket.recv() == "before after"


async def pings(url):
    """every Ping gets its Pong"""
    async with client(url) as websocket:
        pongs = [await websocket.ping(payload) for payload in (b"1", b"", bytes(125))]
        await asyncio.gather(*pongs)


async def order(url):
    """5000 messages sent ahead come back in order"""
    async with client(url) as websocket:
        async def send():
            for number in range(5000):
                await websocket.send(str(number))

        sending = asyncio.create_task(send())
        for number in range(5000):
            assert await websocket.recv() == str(number)
        await sending


async def many(url):
    """200 connections at once"""
    async def one(number):
        async with client(url) as websocket:
            await websocket.send(str(number))
            await everyone.wait()
            assert await websocket.recv() == str(number)

    everyone = asyncio.Barrier(200)
    await asyncio.gather(*(one(number) for number in range(200)))


async def compression(url):
    """permessage-deflate with every parameter, both kinds of message (RFC 7692)"""
    for offer in (
        {},
        {"server_no_context_takeover": True},
        {"client_no_context_takeover": True},
        {"server_no_context_takeover": True, "client_no_context_takeover": True},
        {"client_max_window_bits": 9},
        {"client_max_window_bits": 15, "server_max_window_bits": 15},
        *({"server_max_window_bits": bits} for bits in range(8, 15)),
    ):
        factory = ClientPerMessageDeflateFactory(**{"client_max_window_bits": True, **offer})
        async with client(url, compression=None, extensions=[factory]) as websocket:
            extension, = websocket.protocol.extensions
            assert extension.name == "permessage-deflate", offer
            asked = not SERVER_KEEPS or "server_no_context_takeover" in offer
            assert extension.remote_no_context_takeover == asked, (offer, extension)
            hinted = not CLIENT_KEEPS or "client_no_context_takeover" in offer
            assert extension.local_no_context_takeover == hinted, (offer, extension)
            most = offer.get("server_max_window_bits", 15)
            assert extension.remote_max_window_bits <= most, (offer, extension)
            compressed = count_compressed(extension)
            for size in COMPRESSED_SIZES:
                for message in (text(size), binary(size), text(size), noise(size)):
                    await websocket.send(message)
                    assert await websocket.recv() == message, (offer, size)
            # Every text that is long enough, at least; with a window of 8 bits nothing has to be.
            assert most == 8 or len(compressed) >= 2 * (len(COMPRESSED_SIZES) - 3), (offer, compressed)


def count_compressed(extension):
    """The frames that arrive compressed, as they arrive."""
    compressed, decode = [], extension.decode

    def decode_and_count(frame, **options):
        if frame.rsv1:
            compressed.append(len(frame.data))
        return decode(frame, **options)

    extension.decode = decode_and_count
    return compressed


async def uncompressed(url):
    """nothing is compressed for a client that does not offer it"""
    async with client(url, compression=None) as websocket:
        assert "Sec-WebSocket-Extensions" not in websocket.response.headers
        await websocket.send(text(1000))
        assert await websocket.recv() == text(1000)


async def subprotocols(url):
    """of the subprotocols the first in the client's order that the server speaks"""
    for offer, chosen in (
        (["other", "chat.v1", "chat.v2"], "chat.v1"),
        (["chat.v2"], "chat.v2"),
        (["other"], None),
        (None, None),
    ):
        async with client(url, subprotocols=offer) as websocket:
            assert websocket.subprotocol == chosen, offer


async def closes(url):
    """a Close is answered with its code (RFC 6455 5.5.1)"""
    for code in (1000, 1001, 1003, 1011, 3000, 4999):
        async with client(url) as websocket:
            await websocket.close(code, "reason \u20ac")
            assert websocket.close_code == code
            assert websocket.protocol.close_rcvd_then_sent is False


async def violations(url):
    """text that is not UTF-8 is failed with 1007, a message over the limit with 1009"""
    for message, is_text, code, section in (
        (b"valid \xff not", True, 1007, "RFC 6455 8.1: "),
        (bytes(LARGEST + 1), False, 1009, "RFC 6455 10.4: "),
    ):
        websocket = await client(url)
        # The connection may be gone before everything is sent: what came back is what counts.
        sending = asyncio.ensure_future(websocket.send(message, text=is_text))
        try:
            await websocket.recv()
            raise AssertionError("not failed with %d" % code)
        except ConnectionClosed as closed:
            assert closed.rcvd.code == code, closed
            assert closed.rcvd.reason.startswith(section), closed
        await asyncio.gather(sending, return_exceptions=True)


async def refusals(url):
    """an unknown path is refused with 404 and its clause"""
    try:
        async with client(url + "/nowhere"):
            raise AssertionError("not refused")
    except InvalidStatus as refusal:
        assert refusal.response.status_code == 404
        assert refusal.response.body.startswith(b"RFC 6455 4.2.2: "), refusal.response.body


async def shutdown(url, pid):
    """SIGTERM closes every connection with 1001"""
    async with client(url) as first, client(url) as second:
        os.kill(pid, signal.SIGTERM)
        for websocket in (first, second):
            try:
                await websocket.recv()
                raise AssertionError("not closed")
            except ConnectionClosed as closed:
                assert closed.rcvd.code == 1001 and closed.rcvd_then_sent, closed


scenarios.run([
    echoes, fragments, pings, order, many, compression, uncompressed, subprotocols, closes, violations, refusals, shutdown,
])
