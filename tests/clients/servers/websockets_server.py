"""The echo server of Python's `websockets`, as its documentation begins. Says where it listens."""

import asyncio
import logging

from websockets.asyncio.server import serve

logging.getLogger("websockets").setLevel(logging.CRITICAL)


async def echo(websocket):
    async for message in websocket:
        await websocket.send(message)


async def main():
    async with serve(echo, "127.0.0.1", 0) as server:
        print("listening on %s:%d" % server.sockets[0].getsockname(), flush=True)
        await server.serve_forever()


asyncio.run(main())
