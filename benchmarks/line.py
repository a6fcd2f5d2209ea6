"""A line to the index as a home has it: a CONNECT proxy on 127.0.0.1 of so many megabits a second, that counts bytes.

It looks each host up once for all runs, so that a lost answer of DNS (five seconds with glibc) is in none of them.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus
from anyio.from_thread import start_blocking_portal

CHUNK = 16 * 1024
BURST_S = 0.05


class Line:
    """Every connection shares the one rate."""

    def __init__(self, megabits: float) -> None:
        self.received = 0
        self._seconds_a_byte = 8 / (megabits * 1e6) if megabits else 0.0
        self._free_at = 0.0
        self._found: dict[tuple[str, str], str] = {}

    async def serve(self, *, task_status: TaskStatus[str] = TASK_STATUS_IGNORED) -> None:
        """Tells its address."""
        async with await asyncio.start_server(self._connect, "127.0.0.1", 0) as server:
            task_status.started(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            await server.serve_forever()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            host, _, port = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode().rpartition(":")
            far_reader, far_writer = await asyncio.open_connection(self._address(host, port), int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(self._up(reader, far_writer), self._down(far_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            writer.close()  # whoever ended it waits for nothing more

    def _address(self, host: str, port: str) -> str:
        if (host, port) not in self._found:
            self._found[host, port] = str(socket.getaddrinfo(host, port, socket.AF_INET)[0][4][0])
        return self._found[host, port]

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            self.received += len(chunk)
            begun = max(self._free_at, time.monotonic() - BURST_S)  # what a sleep took too long is caught up with
            self._free_at = begun + len(chunk) * self._seconds_a_byte
            await asyncio.sleep(self._free_at - time.monotonic())
            writer.write(chunk)
            await writer.drain()
        writer.close()


@contextmanager
def line(megabits: float) -> Iterator[tuple[Line, str]]:
    """A line of ``megabits`` a second, or without a limit where that is 0, and its address."""
    made = Line(megabits)
    with start_blocking_portal() as portal:
        task, address = portal.start_task(made.serve)
        yield made, address
        task.cancel()
