"""An echo server of `aiohttp`, as its documentation of server-side WebSockets begins. Says where it listens."""

import asyncio

from aiohttp import WSMsgType, web


async def echo(request):
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    async for message in websocket:
        if message.type == WSMsgType.TEXT:
            await websocket.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await websocket.send_bytes(message.data)
    return websocket


async def main():
    app = web.Application()
    app.add_routes([web.get("/", echo)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print("listening on %s:%d" % runner.addresses[0][:2], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
