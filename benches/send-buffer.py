#!/usr/bin/env python3
"""What SO_SNDBUF and TCP_NOTSENT_LOWAT cost, and what they are good for: the table in docs/benchmarks.md.

For each setting: throughput on loopback, throughput over a path of 100 ms, and how old a value of a
latest-value stream is for a peer that reads 100 kB/s, with what the kernel holds for that peer.

The long path is a TUN device whose packets come back 50 ms later with their addresses exchanged, so
that the machine talks to itself. It needs Linux and root.

    cargo bench --bench send_buffer --no-run
    benches/send-buffer.py target/release/deps/send_buffer-... [--seconds 4] [--rounds 3]
"""

import argparse
import collections
import fcntl
import multiprocessing
import os
import re
import select
import socket
import statistics
import struct
import subprocess
import time

DELAY = 0.050
NEAR, FAR = "10.97.0.1", "10.97.0.2"
KB = 1 << 10
SETTINGS = [
    ("-", "-"),
    (64 * KB, "-"),
    (256 * KB, "-"),
    (1024 * KB, "-"),
    ("-", 16 * KB),
    ("-", 64 * KB),
    ("-", 128 * KB),
    ("-", 256 * KB),
    (256 * KB, 16 * KB),
    (1024 * KB, 128 * KB),
]


def long_path(ready):
    """Sends every packet back after DELAY, from the address that it was sent to."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH", b"stickler-far", 0x1001))  # TUN, no header
    for command in [f"addr add {NEAR}/24 dev stickler-far", "link set stickler-far mtu 9000 txqueuelen 20000 up"]:
        subprocess.run(["ip", *command.split()], check=True)
    ready.set()
    waiting = collections.deque()
    while True:
        wait = max(0.0, waiting[0][0] - time.monotonic()) if waiting else 1.0
        select.select([tun], [], [], wait)
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            os.write(tun, waiting.popleft()[1])
        for _ in range(64):
            try:
                packet = os.read(tun, 65536)
            except BlockingIOError:
                break
            if packet[0] >> 4 == 4:  # checksums do not change when the addresses are exchanged
                waiting.append((now + DELAY, packet[:12] + packet[16:20] + packet[12:16] + packet[20:]))


class Server:
    def __init__(self, program, host, send_buffer, low_water):
        words = [program, f"{host}:0", str(send_buffer), str(low_water)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def open(self, host, path):
        peer = socket.create_connection((host, self.port))
        peer.sendall(
            f"GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += peer.recv(1)
        assert head.startswith(b"HTTP/1.1 101 "), head
        return peer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def throughput(server, host, path, seconds, warm_up):
    """Megabytes per second, and CPU seconds of the server per gigabyte."""
    with server.open(host, path) as peer:
        buffer = bytearray(1 << 20)
        cpu = lambda: sum(map(int, open(f"/proc/{server.process.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])) / 100
        end = time.monotonic() + warm_up
        while time.monotonic() < end:
            peer.recv_into(buffer)
        received, begin, before = 0, time.monotonic(), cpu()
        while time.monotonic() < begin + seconds:
            received += peer.recv_into(buffer)
        elapsed = time.monotonic() - begin
        return received / elapsed / 1e6, (cpu() - before) / (received / 1e9)


def staleness(server, host, seconds):
    """The median age of values, in seconds, and the largest memory of the server's socket, in KiB."""
    with server.open(host, "/fresh") as peer:
        data, ages, memory, port = b"", [], [], peer.getsockname()[1]
        begin = time.monotonic()
        for tick in range(int(seconds * 20)):
            data += peer.recv(5000)  # 20 times a second: 100 kB/s
            now = time.time()
            while len(data) >= 1004:  # a header of 4 bytes
                written = struct.unpack(">Q", data[4:12])[0] / 1e9
                if tick > seconds * 10:
                    ages.append(now - written)
                data = data[1004:]
            if tick % 20 == 19:
                shown = subprocess.run(["ss", "-tnmH", "src", f":{server.port}", "dst", f":{port}"], capture_output=True, text=True).stdout
                found = re.search(r"skmem:\(.*?,w(\d+)", shown)
                memory.append(int(found[1]) / KB if found else 0)
            time.sleep(max(0, begin + (tick + 1) / 20 - time.monotonic()))
        return statistics.median(ages), max(memory)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("program")
    options.add_argument("--seconds", type=float, default=3)
    options.add_argument("--rounds", type=int, default=3)
    options = options.parse_args()
    ready = multiprocessing.Event()
    far = multiprocessing.Process(target=long_path, args=(ready,), daemon=True)
    far.start()
    ready.wait(5)
    measured = collections.defaultdict(lambda: collections.defaultdict(list))
    for _ in range(options.rounds):
        for setting in SETTINGS:
            row = measured[setting]
            with Server(options.program, "127.0.0.1", *setting) as server:
                for name, path in [("1 MiB", "/1048576"), ("64 KiB", "/65536"), ("64 B", "/64")]:
                    speed, cost = throughput(server, "127.0.0.1", path, options.seconds, 0.3)
                    row[f"{name}, MB/s"].append(speed)
                    row[f"{name}, CPU s/GB"].append(cost)
                age, memory = staleness(server, "127.0.0.1", 24)
                row["age, s"].append(age)
                row["kernel, KiB"].append(memory)
            with Server(options.program, NEAR, *setting) as server:
                row["100 ms, 64 KiB, MB/s"].append(throughput(server, FAR, "/65536", options.seconds * 2, 4)[0])
                age, memory = staleness(server, FAR, 24)
                row["100 ms, age, s"].append(age)
                row["100 ms, kernel, KiB"].append(memory)
            columns = list(row)
            print("|", " | ".join(map(str, setting)), "|", " | ".join(f"{name}: {row[name][-1]:.2f}" for name in columns), flush=True)
    print("| SNDBUF | LOWAT |", " | ".join(columns), "|")
    for setting in SETTINGS:
        cells = [f"{statistics.median(measured[setting][name]):.2f}" for name in columns]
        print("|", " | ".join(map(str, setting)), "|", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
