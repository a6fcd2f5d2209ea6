"""Errors as the assistant reads them: one plain sentence per problem, never a traceback or a documentation link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mcp_types
from fastmcp.exceptions import FastMCPError, NotFoundError, PromptError, ResourceError, ToolError, ValidationError
from fastmcp.prompts import Prompt, PromptResult
from fastmcp.resources import ResourceResult
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult
from loguru import logger
from pydantic import ValidationError as PydanticValidationError

from prediction_mcp.kalshi.errors import CredentialsError
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.safety.policy import RefusedError
from prediction_mcp.safety.text import clean, cut
from prediction_mcp.settings import SettingsError

KEYS = "KALSHI_API_KEY_ID"
SHOWN = 60
"""Characters of what was given that an error repeats."""
TOLD = 500
"""Characters from which on further problems of one call are only counted: the reader pays by the word."""
LONGEST = 2_000
"""Characters of an error, whatever it repeats."""
LONGEST_ARGUMENT = 200
"""Characters of a prompt's argument (a ticker, a category, a number), and of what is said of a resource's address."""


class PlainErrors(Middleware):
    """Turn validation errors, exchange errors and refusals into sentences; anything else stays masked and logged."""

    def __init__(self, withheld: frozenset[str] = frozenset(), why: str = "") -> None:
        """``withheld``: tools that there are, but not here; ``why`` is what whoever calls one is told."""
        self._withheld, self._why = withheld, why

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        try:
            return await call_next(context)
        except NotFoundError as error:
            if context.message.name in self._withheld:
                raise ToolError(self._why) from None
            raise ToolError(_unknown(context.message.name)) from error
        except ValidationError as error:
            cause = error.__cause__
            if isinstance(cause, PydanticValidationError):
                raise ToolError(sentences(cause)) from None
            raise
        except ToolError as error:
            if (answer := expected(error)) is not None:
                raise ToolError(_text(answer)) from None
            cause = error.__cause__
            if cause is not None and not isinstance(cause, FastMCPError):
                logger.opt(exception=cause).error("{} failed", context.message.name)
                raise ToolError(
                    f"{context.message.name} failed inside this server; nothing is known to be wrong with the request. "
                    "The server's log says more."
                ) from None
            raise

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        try:
            return await call_next(context)
        except ResourceError as error:
            if (answer := expected(error)) is not None:
                raise ResourceError(_text(answer)) from None
            logger.opt(exception=error).error("reading {} failed", context.message.uri)
            raise ResourceError(cut(clean(str(error)), LONGEST_ARGUMENT)) from None

    async def on_get_prompt(
        self,
        context: MiddlewareContext[mcp_types.GetPromptRequestParams],
        call_next: CallNext[mcp_types.GetPromptRequestParams, PromptResult],
    ) -> PromptResult:
        """Looks at the arguments first: FastMCP logs a traceback for a missing one and ignores one that there isn't."""
        server = context.fastmcp_context
        prompt = await server.fastmcp.get_prompt(context.message.name) if server is not None else None
        if prompt is not None and (wrong := _wrong_arguments(prompt, context.message.arguments or {})):
            raise PromptError(wrong)
        return await call_next(context)


def expected(error: BaseException | None) -> PlatformError | RefusedError | SettingsError | None:
    """The error that is meant for the caller, out of a chain of causes: FastMCP wraps what a dependency raises."""
    while error is not None:
        if isinstance(error, PlatformError | RefusedError | SettingsError):
            return error
        error = error.__cause__
    return None


def _text(error: Exception) -> str:
    """An error as the caller reads it; where a key is missing, what its owner sets."""
    text = cut(clean(str(error)), LONGEST)
    if isinstance(error, CredentialsError) and KEYS not in text:
        return f"{text} Set {KEYS} and KALSHI_PRIVATE_KEY_PATH."
    return text


def _unknown(name: str) -> str:
    return f"There is no tool {cut(clean(name), SHOWN)!r}."


def _wrong_arguments(prompt: Prompt, given: dict[str, str]) -> str:
    known = prompt.arguments or []
    names, most = [argument.name for argument in known], LONGEST_ARGUMENT
    said = [f"{argument.name} is required." for argument in known if argument.required and argument.name not in given]
    said += [f"There is no parameter {cut(clean(name), SHOWN)}." for name in given if name not in names]
    said += [f"{name} takes at most {most} characters." for name in names if len(given.get(name, "")) > most]
    return _told(said)


def sentences(error: PydanticValidationError) -> str:
    """A validation error as sentences: which parameter, what was wrong, what it takes."""
    return _told([_sentence(problem) for problem in error.errors(include_url=False)])


def _told(problems: Sequence[str]) -> str:
    said = ""
    for number, problem in enumerate(problems):
        if len(said) > TOLD:
            return f"{said} Problems beside these: {len(problems) - number:,}."
        said = f"{said} {problem}".strip()
    return said


def _sentence(problem: Any) -> str:
    kind, name, given = problem["type"], _name(problem["loc"]), problem.get("input")
    if kind in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return f"{name} is required."
    if kind == "unexpected_keyword_argument":
        return f"There is no parameter {name}."
    shown = _shown(given)
    if kind == "literal_error":
        return f"{name} must be {problem['ctx']['expected']}, not {shown}."
    text = str(problem["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    return f"{name} must be {text}, not {shown}." if text != problem["msg"] else f"{name}: {text}."


def _shown(given: Any) -> str:
    """What was given, short and harmless; a number of a thousand digits isn't printed."""
    if isinstance(given, int) and abs(given) >= 10**SHOWN:
        return "a number that long"
    return cut(clean(repr(given) if isinstance(given, str | int | float | None) else "that"), SHOWN)


def _name(location: Sequence[Any]) -> str:
    return ".".join(str(part) for part in location if not str(part).startswith("function-")) or "the request"
