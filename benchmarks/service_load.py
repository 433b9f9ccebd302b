"""A load generator: GET requests over keep-alive connections, from a process of its own.

    python service_load.py PORT PATHS.txt --seconds 10 [--rate 50] [--connections 8]

With a rate it sends so many requests a second, whatever the answers take, and times each from the
moment it was due; without, each connection asks again as soon as it is answered. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from pathlib import Path

import uvloop

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._buffer, self._end = b"", -1
        self._answer: asyncio.Future | None = None

    def connection_made(self, transport) -> None:
        """Keep the connection."""
        self._transport = transport

    def connection_lost(self, error) -> None:
        """Give up what is awaited."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        """Collect an answer until it is whole."""
        self._buffer += data
        if self._end < 0:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            self._end = head + 4 + int(LENGTH.search(self._buffer[:head])[1])
        if len(self._buffer) >= self._end:
            content, self._buffer, self._end = self._buffer, b"", -1
            self._answer.set_result(content)

    def ask(self, path: str) -> asyncio.Future:
        """Send one request; the answer comes later."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return self._answer


class Load:
    """What was asked and how long it took."""

    def __init__(self, port: int, paths: list[str]) -> None:
        self.port, self.paths = port, paths
        self.milliseconds: list[float] = []
        self.failed = 0

    async def one(self, client: Client, number: int, due: float) -> None:
        """Ask once and note the time since it was due."""
        content = await client.ask(self.paths[number % len(self.paths)])
        if content.startswith(b"HTTP/1.1 200"):
            self.milliseconds.append(1000 * (time.perf_counter() - due))
        else:
            self.failed += 1

    async def connect(self) -> Client:
        """Open one connection."""
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(Client, "127.0.0.1", self.port))[1]

    async def as_fast_as_it_goes(self, seconds: float, connections: int) -> None:
        """Ask again as soon as an answer has come."""
        end = time.perf_counter() + seconds

        async def ask_on(first: int) -> None:
            client, number = await self.connect(), first
            while (now := time.perf_counter()) < end:
                await self.one(client, number, now)
                number += connections

        await asyncio.gather(*[ask_on(first) for first in range(connections)])

    async def at_rate(self, seconds: float, rate: float, connections: int) -> None:
        """Ask so many times a second, whatever the answers take."""
        free: asyncio.Queue[Client] = asyncio.Queue()
        for _ in range(connections):
            free.put_nowait(await self.connect())

        async def ask(number: int, due: float) -> None:
            client = await free.get()
            await self.one(client, number, due)
            free.put_nowait(client)

        start, tasks = time.perf_counter(), []
        for number in range(int(seconds * rate)):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(ask(number, due)))
        await asyncio.gather(*tasks)


def percentile(values: list[float], share: float) -> float:
    if not values:
        return float("nan")
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("paths", type=Path)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    load = Load(options.port, options.paths.read_text().splitlines())
    started = time.perf_counter()
    if options.rate:
        uvloop.run(load.at_rate(options.seconds, options.rate, options.connections))
    else:
        uvloop.run(load.as_fast_as_it_goes(options.seconds, options.connections))
    times = load.milliseconds
    print(
        json.dumps(
            {
                "requests": len(times),
                "failed": load.failed,
                "a_second": len(times) / (time.perf_counter() - started),
                "p50": percentile(times, 0.5),
                "p99": percentile(times, 0.99),
            }
        )
    )


if __name__ == "__main__":
    main()
