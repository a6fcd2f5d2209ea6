"""A way to a server that can be cut, refused, broken off in the middle of a handshake, or closed and opened again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STATUSES = (403, 404, 408, 425, 429, 451, 500, 502, 503, 504, *range(520, 528), 530)
"""Statuses of a handshake that mean nothing about the key."""
HALVES = ("no answer", "half an answer", "reset")


class Gate:
    """Passes connections on to a port of this machine, unless :attr:`trouble` has it otherwise.

    ``trouble`` is a status, one of :data:`HALVES`, or None. ``refused`` and ``passed`` count connections.
    """

    def __init__(self, backend: int) -> None:
        self.backend = backend
        self.port = 0
        self.trouble: int | str | None = None
        self.body = b"<html>gateway</html>"
        self.location = ""
        self.refused = self.passed = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen, on the same port each time."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections, as a server that is down does, and cut those there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        await asyncio.sleep(0)

    def cut(self, *, hard: bool = True) -> None:
        """Cut all connections, by a reset or an end of the stream in the middle of whatever is said."""
        for writer in list(self._open):
            if hard:
                _reset(writer)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.trouble is None:
                self.passed += 1
                await self._pass_on(reader, writer)
            else:
                await self._refuse(self.trouble, reader, writer)
                self.refused += 1
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _refuse(self, trouble: int | str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if isinstance(trouble, int):
            head = f"HTTP/1.1 {trouble} No\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n"
            head += f"Location: {self.location}\r\n" if self.location else ""
            writer.write(head.encode() + b"\r\n" + self.body)
            await writer.drain()
        elif trouble == "half an answer":
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso")
            await writer.drain()
        elif trouble == "reset":
            _reset(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.backend)
        self._open |= {writer, back}
        try:
            await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
        finally:
            self._open -= {writer, back}
            back.close()


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
    finally:
        sink.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@asynccontextmanager
async def gated(backend: int) -> AsyncIterator[Gate]:
    gate = Gate(backend)
    await gate.open()
    try:
        yield gate
    finally:
        await gate.close()
