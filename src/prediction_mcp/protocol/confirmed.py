"""``@confirmed``: puts a guard in front of a tool that writes. Light, since the server's start waits for it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from prediction_mcp.net.words import printed

from .session import get_guard, get_wallet_guard

if TYPE_CHECKING:
    from prediction_mcp.safety.plan import Plan

POLYMARKET = "polymarket_"
"""How the names of tools begin that write at the other platform."""
_TELLS = (type(None), bool, int, float, str, Decimal)
"""Defaults of parameters that a client gives; others are injected."""


def confirmed(tool: Callable[..., Awaitable[Plan[Any]]]) -> Callable[..., Awaitable[Any]]:
    """Decorate a tool that returns a plan: the account's guard decides whether, when and how often it is sent.

    The tool gets a parameter ``confirmation`` more: the token of a preview, for clients that can't ask their user.
    """
    tool.__annotations__.pop("return", None)  # a plan is never sent; its type needn't even be loaded
    signature = inspect.signature(tool, eval_str=True)
    given_by_client = [
        name for name, p in signature.parameters.items() if p.default is p.empty or isinstance(p.default, _TELLS)
    ]

    @functools.wraps(tool)
    async def guarded(*, confirmation: str | None = None, **given: Any) -> Any:
        from prediction_mcp.safety.asking import WriteCall

        from .asking import get_person

        arguments = {name: _as_json(given[name]) for name in given_by_client if given.get(name) is not None}
        call = WriteCall(tool.__name__, arguments, functools.partial(tool, **given), confirmation)
        guard = get_wallet_guard() if call.tool.startswith(POLYMARKET) else get_guard()
        return await guard.carry_out(call, get_person())

    added = inspect.Parameter("confirmation", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=str | None)
    kept = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in signature.parameters.values()]
    shown: Any = guarded
    del shown.__wrapped__  # FastMCP would read the signature without it
    shown.__signature__ = signature.replace(parameters=[*kept, added])
    guarded.__annotations__ = {p.name: p.annotation for p in (*kept, added)}
    return guarded


def _as_json(value: Any) -> Any:
    """An argument as JSON has it; numbers keep every digit."""
    if isinstance(value, BaseModel):
        return _as_json(value.model_dump(exclude_none=True))
    if isinstance(value, dict):
        return {name: _as_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return printed(value) if isinstance(value, Decimal) else value
