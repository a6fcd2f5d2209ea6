"""Arguments as models and clients send them, brought into the form that a tool's schema names.

Only the form changes: JSON text becomes the list or object it spells, one value becomes a list of one, a blank optional
becomes an absent one, and a choice's common synonym becomes the choice. A side, a direction or an amount of money is
never guessed: no synonym names one, and a blank number of a tool that writes is refused, since without its price or its
limit an order is another order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import mcp_types
from fastmcp.exceptions import NotFoundError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import InputRequiredToolResult, ToolResult
from mcp_types import TextContent

ASIDES = frozenset({"random_string", "explanation", "reason", "reasoning", "rationale", "thought", "thoughts"})
"""Parameters that some clients and models add to every call. Dropped where a tool reads, refused where it writes."""
SYNONYMS: tuple[frozenset[str], ...] = (
    frozenset({"active", "open", "resting", "live"}),
    frozenset({"canceled", "cancelled"}),
    frozenset({"executed", "filled"}),
    frozenset({"gtc", "good_till_canceled", "good_till_cancelled", "good_til_canceled", "good_til_cancelled"}),
    frozenset({"ioc", "immediate_or_cancel", "fak", "fill_and_kill"}),
    frozenset({"fok", "fill_or_kill"}),
    frozenset({"gtd", "good_till_date", "good_til_date"}),
)
"""Words for one choice. A word is taken for a choice where exactly one choice of the parameter means the same."""
CANDLES = frozenset({"1m", "1h", "1d"})
MINUTES = {"1": "1m", "60": "1h", "1440": "1d", "60m": "1h", "24h": "1d", "minute": "1m", "hour": "1h", "day": "1d"}
"""How Kalshi's API and people name the length of a candlestick; elsewhere 1m may be a month."""
LONGEST = 1 << 20
"""Characters of JSON text that are looked at."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Arguments in a tool's form, and the names of those that were left out."""

    arguments: dict[str, Any]
    dropped: tuple[str, ...] = ()


class FitArguments(Middleware):
    """Brings each call's arguments into the form of its tool's schema, before they are validated."""

    def __init__(self, reads: frozenset[str]) -> None:
        """``reads``: tools whose calls may carry asides."""
        self._reads = reads

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        message, server = context.message, context.fastmcp_context
        try:
            tool = None if server is None else await server.fastmcp.get_tool(message.name)
        except NotFoundError:
            tool = None
        if tool is None or not message.arguments:
            return await call_next(context)
        fitted = fit(message.arguments, tool.parameters, reads=message.name in self._reads)
        result = await call_next(context.copy(message=message.model_copy(update={"arguments": fitted.arguments})))
        if fitted.dropped and not isinstance(result, InputRequiredToolResult):
            _report(result, fitted.dropped)
        return result


def _report(result: ToolResult, dropped: Iterable[str]) -> None:
    """Say in the answer which parameters had no effect."""
    news = {"ignored_parameters": sorted(dropped)}
    result.content = [*(result.content or ()), TextContent(type="text", text=json.dumps(news))]
    if isinstance(result.structured_content, dict):
        result.structured_content = {**result.structured_content, **news}


def fit(arguments: dict[str, Any], schema: dict[str, Any], *, reads: bool) -> Fitted:
    """Return arguments in the form of an object's schema.

    Args:
        reads: whether the tool only reads. Then asides that aren't parameters and blank numbers are left out; else they
            stay, and validation refuses them.
    """
    known = schema.get("properties", {})
    dropped = tuple(name for name in arguments if reads and name in ASIDES and name not in known)
    given = {name: value for name, value in arguments.items() if name not in dropped}
    return Fitted(_fields(given, schema, reads=reads), dropped)


def _fields(given: dict[str, Any], schema: dict[str, Any], *, reads: bool) -> dict[str, Any]:
    known, required = schema.get("properties", {}), schema.get("required", ())
    return {
        name: _value(value, known[name], reads=reads) if name in known else value
        for name, value in given.items()
        if name not in known or name in required or not _is_unset(value, known[name], reads=reads)
    }


def _is_unset(value: Any, schema: dict[str, Any], *, reads: bool) -> bool:
    """Whether an optional parameter was sent without a value; a null that the schema knows stays one."""
    if isinstance(value, str):
        return not value.strip() and (reads or not kinds(schema) & {"number", "integer"})
    return value is None and not any(one.get("type") == "null" for one in _forms(schema))


def _forms(schema: dict[str, Any]) -> list[dict[str, Any]]:
    forms: list[dict[str, Any]] = schema.get("anyOf") or [schema]
    return forms


def kinds(schema: dict[str, Any]) -> set[str]:
    """Return the JSON types that a parameter takes."""
    found = [one.get("type", ()) for one in _forms(schema)]
    return {kind for one in found for kind in ([one] if isinstance(one, str) else one)}


def _value(value: Any, schema: dict[str, Any], *, reads: bool) -> Any:
    forms = _forms(schema)
    if isinstance(value, str):
        value = _spelled(value, kinds(schema))
    if isinstance(value, dict) and not any(one.get("type") == "object" for one in forms):
        value = [value] if any(one.get("items", {}).get("type") == "object" for one in forms) else value
    for one in forms:
        if isinstance(value, list) and one.get("type") == "array":
            return [_value(item, one.get("items", {}), reads=reads) for item in value]
        if isinstance(value, dict) and one.get("type") == "object" and "properties" in one:
            return _fields(value, one, reads=reads)
        choices = one.get("enum") or ([one["const"]] if "const" in one else [])
        if choices and isinstance(value, str | int) and not isinstance(value, bool):
            return _choice(value, choices)
    return value


def _spelled(text: str, types: set[str]) -> Any:
    """Return the list or object that JSON text spells, and one text as a list where only a list is taken."""
    stripped = text.strip()
    opens = {"[": "array", "{": "object"}.get(stripped[:1])
    if opens is not None and len(text) <= LONGEST and (opens in types or (opens == "object" and "array" in types)):
        with suppress(ValueError, RecursionError):  # text that only looks like JSON
            return json.loads(stripped)
    return [stripped] if "array" in types and "string" not in types else text


def _word(choice: object) -> str:
    return "_".join(str(choice).lower().replace("-", " ").split())


def _choice(value: str | int, choices: list[Any]) -> Any:
    """Return the choice that a word means; the word itself where it means none, or several."""
    word, by_word = _word(value), {_word(choice): choice for choice in choices}
    if word in by_word:
        return by_word[word]
    if set(by_word) == CANDLES and word in MINUTES:
        return MINUTES[word]
    same = {choice for synonyms in SYNONYMS if word in synonyms for choice in synonyms & by_word.keys()}
    return by_word[same.pop()] if len(same) == 1 else value
