"""How commands answer: a person reads lines and tables, a program nothing but JSON on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .console import knows_unicode

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.table import Table

DONE, REFUSED, USAGE, UNREACHED = 0, 1, 2, 3
"""Exit codes: done; the exchange or a limit refused, or a check failed; a wrong call or setting; nothing answers."""


def is_json() -> bool:
    """Whether this command was asked for JSON."""
    return "--json" in sys.argv[1:]


def show(answer: BaseModel | Mapping[str, Any], *, as_json: bool) -> None:
    """Print an answer."""
    data = dict(answer) if isinstance(answer, Mapping) else answer.model_dump(mode="json")
    if as_json:
        sys.stdout.write(json.dumps(data, ensure_ascii=not knows_unicode()) + "\n")
        return
    from rich.console import Console

    from prediction_mcp.safety.text import clean

    console = Console(highlight=False, soft_wrap=True)
    for name, value in data.items():
        if not _is_table(value) and name != "as_of":
            console.out(clean(f"{name.replace('_', ' '):18}  {value if name == 'year' else _said(value)}"))
    for name, value in data.items():
        if _is_table(value):
            console.print(_table(name, value))


def ask(question: str, *, as_json: bool) -> None:
    """Ask a person, who may end it here. Raises SettingsError for a program, which can't be asked."""
    import typer

    from prediction_mcp.settings import SettingsError

    if as_json:
        raise SettingsError("With --json nobody is asked: say --yes.")
    typer.confirm(question, abort=True)


def show_error(sentence: str) -> None:
    """One sentence on stderr; to a program as JSON on stdout besides."""
    if is_json():
        sys.stdout.write(json.dumps({"error": sentence}, ensure_ascii=not knows_unicode()) + "\n")
    sys.stderr.write(f"prediction-mcp: {sentence}\n")


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _table(name: str, rows: list[dict[str, Any]]) -> Table:
    """Rows under the names that any of them has."""
    from rich.table import Table

    from prediction_mcp.safety.text import clean

    names = list(dict.fromkeys(column for row in rows for column in row))
    table = Table(title=name.replace("_", " "), title_justify="left", box=None, padding=(0, 1))
    for column in names:
        numbers = all(isinstance(row.get(column), int | float | None) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(clean(_said(row[column])) if column in row else "" for column in names))
    return table


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6f}".rstrip("0").rstrip(".")
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_said(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_said, value)) or "none"
    return str(value)


def code_of(error: Exception) -> int:
    """The exit code of a problem."""
    from prediction_mcp.kalshi.errors import CredentialsError, ExchangeUnavailableError
    from prediction_mcp.net.deadline import DeadlineError
    from prediction_mcp.net.errors import NotAnswered, PlatformError
    from prediction_mcp.net.outward import NetworkSettingsError
    from prediction_mcp.records.errors import RecordsUnreachedError

    if isinstance(error, NotAnswered | DeadlineError | ExchangeUnavailableError | RecordsUnreachedError):
        return UNREACHED
    if isinstance(error, CredentialsError | NetworkSettingsError) or not isinstance(error, PlatformError):
        return USAGE
    return REFUSED
