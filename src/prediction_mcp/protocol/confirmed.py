"""``@confirmed``: puts a guard in front of a tool that writes. Light, since the server's start waits for it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prediction_mcp.safety.guard import Guard
    from prediction_mcp.safety.plan import Plan

_TELLS = (type(None), bool, int, float, str, Decimal)
"""Defaults of parameters that a client gives; others are injected."""


def confirmed(
    guard: Callable[[], Guard],
) -> Callable[[Callable[..., Awaitable[Plan[Any]]]], Callable[..., Awaitable[Any]]]:
    """Decorate a tool that returns a plan: its guard decides whether, when and how often it is sent.

    The tool gets a parameter ``confirmation`` more: the token of a preview, for clients that can't ask their user.
    """

    def decorate(tool: Callable[..., Awaitable[Plan[Any]]]) -> Callable[..., Awaitable[Any]]:
        tool.__annotations__.pop("return", None)  # a plan is never sent; its type needn't even be loaded
        signature = inspect.signature(tool, eval_str=True)
        said = [
            name for name, p in signature.parameters.items() if p.default is p.empty or isinstance(p.default, _TELLS)
        ]

        @functools.wraps(tool)
        async def guarded(*, confirmation: str | None = None, **given: Any) -> Any:
            arguments = {name: _told(given[name]) for name in said if given.get(name) is not None}
            from prediction_mcp.safety.asking import Call

            call = Call(tool.__name__, arguments, functools.partial(tool, **given), confirmation)
            return await guard().carry_out(call)

        added = inspect.Parameter("confirmation", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=str | None)
        kept = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in signature.parameters.values()]
        told: Any = guarded
        del told.__wrapped__  # FastMCP would read the signature without it
        told.__signature__ = signature.replace(parameters=[*kept, added])
        guarded.__annotations__ = {p.name: p.annotation for p in (*kept, added)}
        return guarded

    return decorate


def _told(value: Any) -> Any:
    """An argument as JSON has it; numbers keep every digit."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value
