"""A WebSocket that is kept while it is wanted: opened again whenever it is lost or refused, closed when idle.

Only a refused key ends it (:meth:`Kept.refusal`). All else is tried again for as long as it is wanted, with growing
pauses; :attr:`Kept.problem` gives the reason and the time of the next try.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal, NoReturn

from loguru import logger
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from . import websocket
from .deadline import background
from .errors import PlatformError

GRACE_S = 5.0
"""How long an idle connection is kept."""
ANSWER_S = 10.0
"""How long a connection, or an answer on it, is waited for."""
State = Literal["idle", "connecting", "live", "reconnecting", "failed"]


class Kept(ABC):
    """One connection after the other, as long as one is needed.

    Args:
        on_reconnect: called after a lost connection was opened again and all was subscribed again.
        on_state: called when the connection came, went or failed.
    """

    def __init__(
        self,
        on_reconnect: Callable[[], None] | None = None,
        on_state: Callable[[], None] | None = None,
        grace_s: float = GRACE_S,
    ) -> None:
        self.state: State = "idle"
        self.counters: Counter[str] = Counter()
        self.failure: PlatformError | None = None
        self._trouble = ""
        self._next_try = 0.0
        self._on_reconnect = on_reconnect
        self._on_state = on_state
        self._grace_s = grace_s
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.Task[None] | None = None
        self._work: set[asyncio.Task[Any]] = set()
        self._changed = asyncio.Event()

    # -- what a platform says of it ------------------------------------------------------------------------------

    @abstractmethod
    def is_wanted(self) -> bool:
        """Whether it is needed."""

    @abstractmethod
    def opening(self) -> connect:
        """Return what opens one connection when it is awaited."""

    @abstractmethod
    async def resume(self, *, again: bool) -> None:
        """Subscribe what is wanted on a new connection; ``again`` if one was lost before."""

    @abstractmethod
    def read(self, frame: bytes) -> None:
        """A frame came."""

    @abstractmethod
    def lost(self) -> None:
        """The connection is gone: what was known by it isn't certain any more."""

    @abstractmethod
    def refusal(self, error: Exception) -> PlatformError | None:
        """Return the error of a refused key, which ends the feed; None for all that is worth another try."""

    def reason_of(self, error: Exception) -> str:
        """Return why a connection ended or couldn't be opened, in a few words."""
        return websocket.reason_of(error)

    @abstractmethod
    def unreachable(self, reason: str) -> PlatformError:
        """Return the error for a connection that didn't come in time."""

    # -- while it is wanted --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start to connect, unless that is under way or done."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._task is None or self._task.done():
            self.state, self.failure, self._trouble = "connecting", None, ""
            self._task = background(self._run())
            self._task.add_done_callback(self._finished)

    async def connected(self) -> ClientConnection:
        """The connection, once there is one. Raises why there is none."""
        deadline = time.monotonic() + ANSWER_S
        while self._socket is None:
            if self.failure is not None:
                raise self.failure
            if not await self.change_before(deadline):
                raise self.unreachable(self._trouble or "no connection in time")
        return self._socket

    @property
    def problem(self) -> str | None:
        """Why there is no connection, and when the next try follows; None while all is well."""
        if self.failure is not None:
            return self.failure.message
        if not self._trouble or self.state == "idle":
            return None
        left = self._next_try - time.monotonic()
        return f"{self._trouble}; " + (f"next try in {left:.0f} s" if left >= 0.5 else "trying now")

    async def change_before(self, deadline: float) -> bool:
        """Wait for the next change of connection or books, or for the deadline; whether there was time left."""
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), left)
        return True

    def changed(self) -> None:
        self._changed.set()

    def release(self) -> None:
        """Close it after a while, unless it is wanted again."""
        if not self.is_wanted() and self._task is not None and (self._idle is None or self._idle.done()):
            self._idle = background(self._close_when_idle())

    async def _close_when_idle(self) -> None:
        await asyncio.sleep(self._grace_s)
        if not self.is_wanted() and self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task, self.state = None, "idle"

    async def close(self) -> None:
        """Close everything, within a second or two."""
        for task in (self._idle, self._task, *self._work):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, PlatformError, WebSocketException, OSError):
                    await task
        self._task = self._idle = None
        self.state = "idle"

    # -- one connection after the other --------------------------------------------------------------------------

    async def _run(self) -> None:
        """Open, read until the end, pause, and again; a connection that stood makes the next pause a short one."""
        delays = websocket.delays()
        while True:
            opened_at = math.inf
            try:
                async with await self.opening() as socket:
                    opened_at = time.monotonic()
                    await self._use(socket)
            except Exception as error:  # noqa: BLE001 - whatever it is, the feed goes on and shows the reason
                reason = self.reason_of(error)
                if not isinstance(error, WebSocketException | OSError):
                    logger.opt(exception=error).error("the live feed failed inside: {}", reason)
                if (refused := self.refusal(error)) is not None:
                    self._fail(refused)
                    return
            finally:
                self._lost()
            if time.monotonic() - opened_at > websocket.STEADY_S:
                delays = websocket.delays()
            await self._pause(reason, next(delays))

    async def _pause(self, reason: str, seconds: float) -> None:
        self.counters["tries"] += 1
        self._next_try = time.monotonic() + seconds
        if reason != self._trouble:
            self._trouble = reason
            logger.info("the live feed: {}; tried again in {:.1f} s", reason, seconds)
            self._turned()
        await asyncio.sleep(seconds)

    async def _use(self, socket: ClientConnection) -> NoReturn:
        """Read until the connection ends; bring it in line meanwhile."""
        again = self.counters["connections"] > 0
        self.counters["connections"] += 1
        self._socket = socket
        self.state, self._trouble = "live", ""
        self._turned()
        self.spawn(self._resume(again=again))
        while True:
            self.read(await socket.recv(decode=False))

    async def _resume(self, *, again: bool) -> None:
        await self.resume(again=again)
        if again:
            self.counters["reconnects"] += 1
            if self._on_reconnect is not None:
                self._on_reconnect()

    def _lost(self) -> None:
        if self._socket is None:
            return
        self._socket = None
        if self.state == "live":
            self.state = "reconnecting"
        self.lost()
        self._turned()

    def _fail(self, error: PlatformError) -> None:
        self.state, self.failure = "failed", error
        self._turned()

    def _turned(self) -> None:
        self.changed()
        if self._on_state is not None:
            self._on_state()

    # -- work beside it ------------------------------------------------------------------------------------------

    def spawn(self, work: Any) -> None:
        """Do something beside the reading; what goes wrong with it is logged."""
        task = background(work)
        self._work.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._work.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("the live feed: {}", error)
