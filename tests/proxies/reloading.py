"""A proxy reads its file anew while clients talk through it, and then the server goes away.

No connection that is open is lost, no new one is refused, and at the end each client has the server's Close.
"""

import asyncio
import os
import struct

from fronts import PATIENCE
from peers import CLOSE, Client

CLIENTS = 40
RELOADS = 2
# For the server of HAProxy, longer than its checks need to notice.
DRAIN = ["--drain-delay", "9s", "--shutdown-timeout", "20s"]
# Of each client, before a reload and after it.
ECHOES = 20


async def play(front, server, context):
    """Gives a line of what was counted."""
    load = Load(front.port, context)
    clients = await asyncio.gather(*(Client.connect(front.port, context) for _ in range(CLIENTS)))
    talking = [asyncio.create_task(load.talk(client)) for client in clients]
    coming = [asyncio.create_task(load.come_and_go()) for _ in range(2)]
    gone = set()
    for _ in range(RELOADS):
        await load.more_echoes(*talking, *coming)
        gone |= await asyncio.to_thread(front.reload)
    await load.more_echoes(*talking, *coming)
    load.is_over = True
    # An error of any of them is raised here.
    await asyncio.gather(*talking, *coming)
    server.signal()
    if front.kind == "haproxy":
        await is_left_out(front)
        # Who is there stays until the server says Close.
        await asyncio.gather(*(client.echo(b"still here") for client in clients))
    closes = await asyncio.gather(*(goodbye(client) for client in clients))
    code = struct.pack(">H", 1001)
    away = sum(close == CLOSE and payload[:2] == code for close, payload in closes)
    assert away == CLIENTS, f"{away} of {CLIENTS} clients got 1001 when the server ended: {closes}"
    await asyncio.to_thread(server.wait_for, "gone", "unclean=0", "cut=0")
    await ended(gone)
    return (f"{front.kind}: {RELOADS} reloads, {CLIENTS} connections lived on with {load.echoes} echoes, "
            f"{load.newcomers} came and went, {away} got 1001 at the end")


class Load:
    """What goes on while the proxy reloads."""

    def __init__(self, port, context):
        self.port, self.context = port, context
        self.echoes = self.newcomers = 0
        self.is_over = False

    async def talk(self, client):
        while not self.is_over:
            await client.echo(b"%d" % self.echoes)
            self.echoes += 1

    async def come_and_go(self):
        while not self.is_over:
            client = await Client.connect(self.port, self.context)
            await client.echo(b"new")
            await client.close()
            self.newcomers += 1

    async def more_echoes(self, *tasks):
        """Until there are more of both kinds, or one of the tasks has failed."""
        echoes, newcomers = self.echoes + CLIENTS * ECHOES, self.newcomers + 10
        while self.echoes < echoes or self.newcomers < newcomers:
            await asyncio.sleep(0.01)
            failed = next((task for task in tasks if task.done()), None)
            if failed:
                failed.result()


async def is_left_out(front):
    """HAProxy sends nobody any more to a server whose health path says 503."""
    for _ in range(PATIENCE * 50):
        if "Server stickler/one is DOWN" in front.log():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"HAProxy does not see that the server goes:\n{front.log()}")


async def goodbye(client):
    """The frame that comes, answered if it is a Close."""
    opcode, payload = await asyncio.wait_for(client.receive(), 2 * PATIENCE)
    client.send(opcode, payload)
    # Then TCP ends, from the other side.
    await asyncio.wait_for(client.reader.read(), PATIENCE)
    client.writer.close()
    return opcode, payload


async def ended(processes):
    """Workers that a reload has replaced go when their last connection has gone."""
    for _ in range(PATIENCE * 50):
        left = {process for process in processes if os.path.exists(f"/proc/{process}")}
        if not left:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"old workers are still there: {left}")
