"""The WebSocket as it is: commands sent, frames kept as they came. For looking at the exchange's own messages.

Nothing is resubscribed and no book is kept: :mod:`prediction_mcp.kalshi.feed` is for that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from prediction_mcp.net.deadline import left as left_of_call

from .auth import Signer
from .commands import Commands
from .errors import InvalidRequestError
from .websocket import opening, reason_of, refusal, unreachable

KEPT, SHOWN = 500, 1_000
"""Unread frames that are kept, and bytes of one that can't be read."""
Json = dict[str, Any]


class RawFeed:
    """One connection. ``frames`` are the last that weren't read; ``dropped`` counts what there was no room for."""

    def __init__(self, url: str, signer: Signer) -> None:
        self._url = url
        self._signer = signer
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._commands = Commands[Json]("The raw feed")
        self._came = asyncio.Event()
        self.frames: deque[Json] = deque(maxlen=KEPT)
        self.dropped = 0
        self.sids: dict[int, str] = {}

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    async def open(self) -> None:
        """Connect. Raises AuthenticationError or ExchangeUnavailableError; InvalidRequestError if it is open."""
        if self.is_open:
            raise InvalidRequestError("The raw feed is connected already.")
        try:
            self._socket = await opening(self._url, self._signer)
        except (WebSocketException, OSError) as error:
            raise refusal(error) or unreachable(reason_of(error)) from None
        self._reading = asyncio.create_task(self._read(self._socket))

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                data = await socket.recv(decode=False)
                try:
                    frame: Json = orjson.loads(data)
                    if frame.get("type") == "subscribed":
                        self.sids[frame["msg"]["sid"]] = frame["msg"]["channel"]
                    self._commands.answer(frame.get("id", 0), frame)
                except (ValueError, TypeError, KeyError, AttributeError):  # shown as it came, whatever it is
                    frame = {"unreadable": data[:SHOWN].decode(errors="replace")}
                self.dropped += len(self.frames) == KEPT
                self.frames.append(frame)
                self._came.set()
        self._socket = None
        self.sids.clear()
        self._commands.lost()

    async def command(self, cmd: str, params: Json) -> Json:
        """Send a command; returns its (first) answer, which may be an error frame."""
        if self._socket is None:
            raise InvalidRequestError("The raw feed isn't connected: open it first.")
        return await self._commands.send(self._socket, cmd, params)

    async def take(self, most: int, seconds: float) -> list[Json]:
        """Frames that weren't read yet, oldest first; waits until there are so many or the time is over."""
        loop, most_s = asyncio.get_running_loop(), left_of_call()
        until = loop.time() + (seconds if most_s is None else min(seconds, most_s))
        while len(self.frames) < most and (left := until - loop.time()) > 0 and self.is_open:
            self._came.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), left)
        return [self.frames.popleft() for _ in range(min(most, len(self.frames)))]

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._reading is not None:
            await self._reading
            self._reading = None
