"""Commands over a WebSocket and their answers, told apart by number: the same for the feed and the raw feed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from prediction_mcp.net.kept import ANSWER_S

from .errors import ExchangeUnavailableError, KalshiError

A = TypeVar("A")
BATCH = 500
"""Markets of one command."""


class NoAnswerError(ExchangeUnavailableError):
    """A command left and nothing came back in time."""


class Commands(Generic[A]):
    """The commands that wait for an answer, over one connection after another."""

    def __init__(self, name: str) -> None:
        """``name`` is what errors call the connection, like "the live feed"."""
        self._name = name
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[A]] = {}

    async def send(self, socket: ClientConnection | None, cmd: str, params: dict[str, Any]) -> A:
        """The answer to a command.

        Raises:
            NoAnswerError: none came in time.
            ExchangeUnavailableError: there is no connection, or it was cut before the answer came.
            KalshiError: what :meth:`answer` was given instead of one.
        """
        if socket is None:
            raise ExchangeUnavailableError(f"{self._name} isn't connected now.")
        number = next(self._numbers)
        waiting: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            async with asyncio.timeout(ANSWER_S):  # a peer that doesn't read holds up the sending, too
                await socket.send(msgspec.json.encode({"id": number, "cmd": cmd, "params": params}), text=True)
                return await waiting
        except TimeoutError:
            raise NoAnswerError(f"{self._name} didn't answer {cmd} in {ANSWER_S:.0f} s.") from None
        except ConnectionClosed:
            raise self._cut() from None
        finally:
            self._waiting.pop(number, None)

    def answer(self, number: int, answer: A | KalshiError) -> bool:
        """Hand the answer of a command, or its error, to the caller of :meth:`send`; False where none waits."""
        waiting = self._waiting.pop(number, None)
        if waiting is None or waiting.done():
            return False
        if isinstance(answer, KalshiError):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)
        return True

    def lost(self) -> None:
        """The connection is gone, and the answers with it."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(self._cut())
        self._waiting.clear()

    def _cut(self) -> ExchangeUnavailableError:
        return ExchangeUnavailableError(f"{self._name} was cut before it answered.")


def batches(names: list[str]) -> Iterator[list[str]]:
    """Markets in commands of a size that the exchange takes."""
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]
