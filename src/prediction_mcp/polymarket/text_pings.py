"""A kept connection whose keep-alive is text: ``PING`` every ten seconds, answered by ``PONG``."""

from __future__ import annotations

import asyncio
import contextlib
import time

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from prediction_mcp.net import websocket
from prediction_mcp.net.kept import Kept

PING_S = 10.0


class TextPinged(Kept):
    """A connection of Polymarket's CLOB feeds; a silent one is closed and opened again."""

    url: str
    _heard_at = 0.0

    def opening(self) -> connect:
        return websocket.opening(self.url, pings=False)

    def start_pings(self) -> None:
        """Begin on a new connection: what was heard on the last one says nothing about it."""
        self._heard_at = time.monotonic()
        self.spawn(self._ping())

    def hear(self, frame: bytes) -> bool:
        """Note a sign of life; return whether it is more than that."""
        self._heard_at = time.monotonic()
        return frame != b"PONG"

    async def _ping(self) -> None:
        socket = self._socket
        while socket is not None and socket is self._socket:
            await asyncio.sleep(PING_S)
            with contextlib.suppress(WebSocketException):  # a connection that ends is opened again by its reader
                if socket is self._socket:
                    await socket.send("PING")
                    if time.monotonic() - self._heard_at > websocket.SILENCE_S:
                        await socket.close(1000)
