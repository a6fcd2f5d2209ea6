"""The time limit of a whole call, carried by context through everything that the call waits for.

A call opens a scope with :func:`within`. Requests, pages, retries, waits for tokens and look-ups of a lost write ask
:func:`request_seconds` how long they may take, and end with their own sentence before the scope does. Whatever else a
call waits for is cancelled when the scope ends. A write is never cancelled once it may have left: its task has the
same limit and ends by itself (``safety/guard.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from .errors import PlatformError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds of a call. MCP clients give up after 60.

    Attributes:
        read: a whole read.
        write: a whole write, without the time that a person takes to confirm it.
        send: of a write, kept for sending it; planning ends before.
        outcome: of a write, kept for finding out what a lost answer did.
        least: a write with less time than this isn't begun.
        answer: kept for making the answer.
    """

    read: float = 25.0
    write: float = 45.0
    send: float = 14.0
    outcome: float = 11.0
    least: float = 2.0
    answer: float = 1.0

    def scaled(self, factor: float) -> Limits:
        """Return the same limits, all shorter or longer."""
        return Limits(
            read=self.read * factor, write=self.write * factor, send=self.send * factor,
            outcome=self.outcome * factor, least=self.least * factor, answer=self.answer * factor,
        )  # fmt: skip


LIMITS = Limits()
T = TypeVar("T")


class DeadlineError(PlatformError):
    """A call took too long and was stopped; the message says what that means for what it was doing."""


@dataclass(slots=True)
class _Scope:
    """``ends`` is in seconds of the event loop's clock."""

    ends: float
    seconds: float
    timer: asyncio.Timeout
    outer: _Scope | None


_scope: ContextVar[_Scope | None] = ContextVar("scope", default=None)
_kept: ContextVar[float] = ContextVar("kept", default=0.0)


@asynccontextmanager
async def within(seconds: float, sentence: str) -> AsyncIterator[None]:
    """Limit everything inside to so many seconds, or to what an outer scope leaves.

    A scope inside another ends a little sooner, so that its sentence, which knows more, is the one that is raised.

    Raises:
        DeadlineError: the time is over, with ``sentence``.
    """
    outer, now = _scope.get(), asyncio.get_running_loop().time()
    ends = now + seconds
    if outer is not None:
        ends = min(ends, outer.ends - _kept.get() - LIMITS.answer / 10)
    try:
        async with asyncio.timeout_at(ends) as timer:
            tokens = _scope.set(_Scope(ends, seconds, timer, outer)), _kept.set(0.0)
            try:
                yield
            finally:
                _scope.reset(tokens[0])
                _kept.reset(tokens[1])
    except TimeoutError as error:
        if not timer.expired():
            raise
        raise DeadlineError(sentence) from error


@contextmanager
def keeping(seconds: float) -> Iterator[None]:
    """Have requests inside end so many seconds before the scope does."""
    token = _kept.set(_kept.get() + seconds)
    try:
        yield
    finally:
        _kept.reset(token)


@contextmanager
def sending() -> Iterator[None]:
    """Give a write the time that was kept for sending it, and end the scopes' right to cut the call off.

    From here on a cut-off would say that nothing was sent. Waits inside take their limit from :func:`left`.
    """
    for scope in _running():
        scope.timer.reschedule(None)
    token = _kept.set(0.0)
    try:
        yield
    finally:
        _kept.reset(token)


@contextmanager
def unlimited() -> Iterator[None]:
    """Take requests inside out of the call's scope: each has its own limit, as in a program without scopes.

    For work that has to be finished although no caller waits for it.
    """
    token = _scope.set(None)
    try:
        yield
    finally:
        _scope.reset(token)


def background(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a task that outlives the call which starts it, outside of the call's scope.

    A task takes the scope of its creator along: without this its requests would have no time left once the call ends.
    """
    context = copy_context()
    context.run(_scope.set, None)
    context.run(_kept.set, 0.0)
    return asyncio.get_running_loop().create_task(work, context=context)


@contextmanager
def paused() -> Iterator[None]:
    """Leave out the time that a person takes to answer: every scope begins again with the answer."""
    scopes = _running()
    for scope in scopes:
        scope.timer.reschedule(None)
    try:
        yield
    finally:
        now = asyncio.get_running_loop().time()
        for scope in scopes:
            scope.ends = now + scope.seconds
            scope.timer.reschedule(scope.ends)


def _running() -> list[_Scope]:
    """Return the scopes around this point that aren't over, the innermost first."""
    found, scope = list[_Scope](), _scope.get()
    while scope is not None:
        if not scope.timer.expired():
            found.append(scope)
        scope = scope.outer
    return found


def left() -> float | None:
    """Return the seconds that work inside the scope may still take (0 or more); None outside of any scope."""
    scope = _scope.get()
    if scope is None:
        return None
    return max(scope.ends - _kept.get() - LIMITS.answer - asyncio.get_running_loop().time(), 0.0)


def request_seconds(*, writes: bool) -> float:
    """Return the seconds that one request may take with all its tries; 0 where too little time is left.

    Args:
        writes: the request changes something, so time is kept for finding out what became of it.
    """
    rest = left()
    if rest is None:
        rest = (LIMITS.write if writes else LIMITS.read) - LIMITS.answer
    if not writes:
        return rest
    return rest - LIMITS.outcome if rest >= LIMITS.outcome + LIMITS.least else 0.0
