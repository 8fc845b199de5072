"""Plays a conversation with one client library of Python: tried.py LIBRARY WAY URL.

Every message is sent, and the next one when its echo has come back. The messages repeat earlier ones from ten
thousand letters back, so that a client which takes its context over refers to them.
"""

import asyncio
import os
import sys


def letters(seed, size):
    number, text = seed * 7919 + 1, []
    for _ in range(size):
        number = (number * 1103515245 + 12345) & 0x7FFFFFFF
        text.append(chr(97 + (number >> 16) % 26))
    return "".join(text)


MESSAGES = [letters(number % 5, 2000) for number in range(15)] + [letters(9, 60000), "", "end"]
if os.environ.get("TRIED_EMPTY") == "no":
    MESSAGES.remove("")


async def tornado(url, way):
    from tornado.websocket import websocket_connect

    options = {} if way == "compression_options={}" else None
    client = await websocket_connect(url, compression_options=options)
    for message in MESSAGES:
        await client.write_message(message)
        echo = await client.read_message()
        assert echo == message, (client.close_code, client.close_reason)
    client.close(1000)
    assert await client.read_message() is None


async def websockets(url, way):
    from websockets.asyncio.client import connect
    from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

    options = {}
    if way == "compression=None":
        options = {"compression": None}
    if way == "client_max_window_bits=10":
        factory = ClientPerMessageDeflateFactory(client_max_window_bits=10)
        options = {"compression": None, "extensions": [factory]}
    if way == "client_no_context_takeover":
        factory = ClientPerMessageDeflateFactory(client_no_context_takeover=True)
        options = {"compression": None, "extensions": [factory]}
    async with connect(url, **options) as client:
        for message in MESSAGES:
            await client.send(message)
            assert await client.recv() == message


async def aiohttp(url, way):
    import aiohttp as library

    async with library.ClientSession() as session:
        bits = int(way.removeprefix("compress=")) if way.startswith("compress=") else 0
        async with session.ws_connect(url, compress=bits) as client:
            for message in MESSAGES:
                await client.send_str(message)
                echo = await client.receive()
                assert echo.data == message, echo


async def websocket_client(url, _way):
    import websocket

    client = websocket.create_connection(url)
    for message in MESSAGES:
        client.send(message)
        assert client.recv() == message
    client.close()


async def wsproto(url, way):
    import socket
    from urllib.parse import urlsplit

    import wsproto as library
    from wsproto import events
    from wsproto.extensions import PerMessageDeflate

    parts = urlsplit(url)
    extensions = [PerMessageDeflate()] if way == "PerMessageDeflate()" else []
    if way == "client_max_window_bits=11":
        extensions = [PerMessageDeflate(client_max_window_bits=11)]
    client = library.WSConnection(library.ConnectionType.CLIENT)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as stream:
        said = client.send(events.Request(host=parts.netloc, target="/", extensions=extensions))
        stream.sendall(said)

        def received():
            while True:
                for event in client.events():
                    yield event
                client.receive_data(stream.recv(65536) or None)

        coming = received()
        event = next(coming)
        assert isinstance(event, events.AcceptConnection), event
        for message in MESSAGES:
            stream.sendall(client.send(events.TextMessage(data=message)))
            echo = ""
            while True:
                event = next(coming)
                assert isinstance(event, events.TextMessage), event
                echo += event.data
                if event.message_finished:
                    break
            assert echo == message
        stream.sendall(client.send(events.CloseConnection(code=1000)))
        assert isinstance(next(coming), events.CloseConnection)


async def autobahn(url, way):
    from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol
    from autobahn.websocket.compress import (
        PerMessageDeflateOffer,
        PerMessageDeflateResponse,
        PerMessageDeflateResponseAccept,
    )
    from urllib.parse import urlsplit

    ended = asyncio.get_running_loop().create_future()

    class Client(WebSocketClientProtocol):
        at = 0

        def onOpen(self):
            self.next()

        def next(self):
            if self.at == len(MESSAGES):
                self.sendClose(1000)
            else:
                self.sendMessage(MESSAGES[self.at].encode())

        def onMessage(self, payload, is_binary):
            assert payload.decode() == MESSAGES[self.at] and not is_binary
            self.at += 1
            self.next()

        def onClose(self, was_clean, code, reason):
            if not ended.done():
                ended.set_result((self.at, code, reason))

    factory = WebSocketClientFactory(url)
    factory.protocol = Client
    if way == "PerMessageDeflateOffer()":
        factory.setProtocolOptions(
            perMessageCompressionOffers=[PerMessageDeflateOffer()],
            perMessageCompressionAccept=lambda response: PerMessageDeflateResponseAccept(response)
            if isinstance(response, PerMessageDeflateResponse)
            else None,
        )
    parts = urlsplit(url)
    await asyncio.get_running_loop().create_connection(factory, parts.hostname, parts.port)
    assert await ended == (len(MESSAGES), 1000, None) or (await ended)[:2] == (len(MESSAGES), 1000), await ended


def main():
    library, way, url = sys.argv[1:]
    play = globals()[library]
    asyncio.run(asyncio.wait_for(play(url, way), 40))
    print("ok")


main()
