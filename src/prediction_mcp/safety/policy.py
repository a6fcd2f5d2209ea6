"""Whether this server may write at all, enforced where the call is made (hiding a tool is not refusing it)."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class ReadOnlyError(Exception):
    """A write was asked of a server that only reads. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings allow."""

    environment: str
    writes_allowed: bool

    def require_writes(self) -> None:
        """Raises ReadOnlyError unless writing is switched on."""
        if not self.writes_allowed:
            raise ReadOnlyError(
                f"This server is read-only (mode {self.environment}): its owner can allow orders with READ_ONLY=false."
            )


class PolicySource(Protocol):
    def __call__(self) -> Policy: ...


def write_tool(policy: PolicySource) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """Decorate a tool that writes: it runs only where the policy of the current server allows it."""

    def decorate(tool: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(tool)
        async def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            policy().require_writes()
            return await tool(*args, **kwargs)

        return guarded

    return decorate
