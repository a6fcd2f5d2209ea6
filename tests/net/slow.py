"""A real server on a loopback socket that stands before another one and answers late, by drips, or never."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit

import httpx

Pace = Literal["whole", "silent", "headers", "middle", "drip"]
"""The whole answer; nothing after accepting; the headers and no body; half of the body; a byte now and then."""
DRIP_S = 0.05


class Slow:
    """Forwards requests to ``upstream`` and answers at a pace that a test sets.

    Attributes:
        pace: of requests that ``slows`` names.
        carries_out: whether slow requests reach the upstream all the same.
        seen: method and path of all requests, oldest first.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = f"{parts.scheme}://{parts.netloc}"
        self.path = parts.path
        self.pace: Pace = "whole"
        self.carries_out = True
        self.slows: Callable[[str, str], bool] = lambda method, path: True
        self.seen = list[tuple[str, str]]()
        self._ended = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._answer(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        path = target.partition("?")[0]
        self.seen.append((method, path))
        pace: Pace = self.pace if self.slows(method, path) else "whole"
        if pace != "whole" and not self.carries_out:
            content, status = b'{"markets": []}' * 9, 200
        else:
            for name in ("host", "content-length", "connection", "accept-encoding"):
                headers.pop(name, None)
            async with httpx.AsyncClient(trust_env=False) as http:
                found = await http.request(method, self._upstream + target, content=body, headers=headers)
            content, status = found.content, found.status_code
        await self._write(writer, pace, status, content)

    async def _write(self, writer: asyncio.StreamWriter, pace: Pace, status: int, content: bytes) -> None:
        if pace == "silent":
            await self._ended.wait()
            return
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n"
        writer.write(f"{head}content-length: {len(content)}\r\n\r\n".encode())
        if pace == "whole":
            writer.write(content)
        elif pace == "middle":
            writer.write(content[: len(content) // 2])
        elif pace == "drip":
            for at in range(len(content) - 1):
                writer.write(content[at : at + 1])
                await writer.drain()
                await asyncio.sleep(DRIP_S)
        await writer.drain()
        if pace != "whole":
            await self._ended.wait()

    def end(self) -> None:
        self._ended.set()


@asynccontextmanager
async def slowed(upstream: str) -> AsyncIterator[tuple[Slow, str]]:
    """A slow server before ``upstream``, and its address."""
    slow = Slow(upstream)
    server = await asyncio.start_server(slow.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield slow, f"http://127.0.0.1:{port}{slow.path}"
    finally:
        slow.end()
        server.close()


class SilentTcp:
    """A TCP proxy that a test makes silent: bytes go nowhere any more, and nothing is closed."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.is_silent = False
        self.connections = 0
        self._tasks = set[asyncio.Task[None]]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):  # the test is over
            await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, to = await asyncio.open_connection(self._host, self._port)
        both = [asyncio.create_task(self._pipe(reader, to)), asyncio.create_task(self._pipe(there, writer))]
        self._tasks.update(both)
        await asyncio.wait(both)
        to.close()
        writer.close()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                if self.is_silent:
                    continue
                writer.write(data)
                await writer.drain()
            if not self.is_silent:
                writer.close()

    def end(self) -> None:
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def silenced(host: str, port: int) -> AsyncIterator[tuple[SilentTcp, int]]:
    """A proxy to a server, and its port."""
    proxy = SilentTcp(host, port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield proxy, server.sockets[0].getsockname()[1]
    finally:
        proxy.end()
        server.close()
