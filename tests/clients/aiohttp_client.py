"""The client of Python's `aiohttp` against `stickler serve`, over WebSocket and plain HTTP.

    python aiohttp_client.py ws://127.0.0.1:9001 PID [MODE]
"""

import asyncio
import os
import signal

from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError

import scenarios
from scenarios import CLIENT_KEEPS, COMPRESSED_SIZES, LARGEST, SIZES, binary, noise, text


async def echoes(url):
    """every message comes back, kind for kind, at every form of the length"""
    async with ClientSession() as session, session.ws_connect(url, max_msg_size=0) as websocket:
        for size in SIZES + [LARGEST]:
            await websocket.send_str(text(size))
            assert await websocket.receive_str() == text(size), size
            await websocket.send_bytes(binary(size))
            assert await websocket.receive_bytes() == binary(size), size
        await websocket.close()
        assert websocket.close_code == 1000


async def pings(url):
    """every Ping gets its Pong, in order"""
    async with ClientSession() as session, session.ws_connect(url, autoping=False) as websocket:
        payloads = [b"1", b"", bytes(125)]
        for payload in payloads:
            await websocket.ping(payload)
        for payload in payloads:
            pong = await websocket.receive()
            assert pong.type == WSMsgType.PONG and bytes(pong.data) == payload, pong


async def order(url):
    """5000 messages sent ahead come back in order"""
    async with ClientSession() as session, session.ws_connect(url) as websocket:
        async def send():
            for number in range(5000):
                await websocket.send_str(str(number))

        sending = asyncio.create_task(send())
        for number in range(5000):
            assert await websocket.receive_str() == str(number)
        await sending


async def compression(url):
    """permessage-deflate with every window, both kinds of message (RFC 7692)"""
    async with ClientSession() as session:
        for bits in range(9, 16):
            async with session.ws_connect(url, compress=bits, max_msg_size=0) as websocket:
                assert websocket.compress, bits
                # Where the server forbids the client to take its context over, this client knows.
                assert websocket.client_notakeover == (not CLIENT_KEEPS), bits
                for size in COMPRESSED_SIZES:
                    for _ in range(2):
                        await websocket.send_str(text(size))
                        assert await websocket.receive_str() == text(size), (bits, size)
                        for message in (binary(size), noise(size)):
                            await websocket.send_bytes(message)
                            assert await websocket.receive_bytes() == message, (bits, size)


async def uncompressed(url):
    """nothing is compressed for a client that does not offer it"""
    async with ClientSession() as session, session.ws_connect(url) as websocket:
        assert not websocket.compress
        await websocket.send_str(text(1000))
        assert await websocket.receive_str() == text(1000)


async def subprotocols(url):
    """of the subprotocols the first in the client's order that the server speaks"""
    async with ClientSession() as session:
        offer = ("other", "chat.v1", "chat.v2")
        async with session.ws_connect(url, protocols=offer) as websocket:
            assert websocket.protocol == "chat.v1"


async def closes(url):
    """a Close is answered with its code (RFC 6455 5.5.1)"""
    async with ClientSession() as session:
        for code in (1000, 1001, 3000, 4999):
            async with session.ws_connect(url) as websocket:
                await websocket.close(code=code, message=b"reason")
                assert websocket.close_code == code


async def violations(url):
    """a message over the limit is failed with 1009"""
    async with ClientSession() as session, session.ws_connect(url) as websocket:
        # The connection may be gone before everything is sent: what came back is what counts.
        sending = asyncio.ensure_future(websocket.send_bytes(bytes(LARGEST + 1)))
        close = await websocket.receive()
        assert close.type == WSMsgType.CLOSE and close.data == 1009, close
        assert close.extra.startswith("RFC 6455 10.4: "), close
        await asyncio.gather(sending, return_exceptions=True)


async def refusals(url):
    """refusals over WebSocket and over plain HTTP"""
    http = url.replace("ws://", "http://")
    async with ClientSession() as session:
        try:
            async with session.ws_connect(url + "/nowhere"):
                raise AssertionError("not refused")
        except WSServerHandshakeError as refusal:
            assert refusal.status == 404, refusal
        async with session.get(http) as response:
            assert response.status == 426
            assert response.headers["Upgrade"].lower() == "websocket"
            assert response.headers["Sec-WebSocket-Version"] == "13"
            assert response.headers["Content-Type"].startswith("text/plain")
            assert (await response.text()).startswith("RFC 6455 4.2.1: ")
        async with session.get(http + "/nowhere") as response:
            assert response.status == 404
        async with session.post(http, data=b"") as response:
            assert response.status == 405 and response.headers["Allow"] == "GET"
        async with session.head(http) as response:
            assert response.status == 405 and await response.read() == b""


async def shutdown(url, pid):
    """SIGTERM closes every connection with 1001"""
    async with ClientSession() as session, session.ws_connect(url) as websocket:
        os.kill(pid, signal.SIGTERM)
        close = await websocket.receive()
        assert close.type == WSMsgType.CLOSE and close.data == 1001, close


scenarios.run([
    echoes, pings, order, compression, uncompressed, subprotocols, closes, violations, refusals, shutdown,
])
