"""What the doctor says: a line a subject, the whole, and the same as a report for others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from prediction_mcp.desk.results import Result, Second
from prediction_mcp.settings import Settings, secret_names

State = Literal["ok", "warn", "fail"]
HIDDEN = "(set, not shown)"
_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]*://)([^\s/@]*@)?([^\s/?#]*)[^\s]*", re.IGNORECASE)
_PEM = re.compile(r"-----BEGIN[\s\S]*?(-----END[^-]*-----|$)")


class Line(Result):
    """``do``: what to do about it."""

    name: str
    state: State
    said: str
    do: str | None = None


def ok(name: str, said: str) -> Line:
    return Line(name=name, state="ok", said=said)


def warn(name: str, said: str, do: str) -> Line:
    return Line(name=name, state="warn", said=said, do=do)


def fail(name: str, said: str, do: str) -> Line:
    return Line(name=name, state="fail", said=said, do=do)


class Diagnosis(Result):
    version: str
    made: Second = Field(default_factory=lambda: datetime.now(UTC))
    state: State
    lines: list[Line]


def worst(lines: Iterable[Line]) -> State:
    states = {line.state for line in lines}
    return "fail" if "fail" in states else "warn" if "warn" in states else "ok"


class Cleaner:
    """Takes out of texts what isn't for others: secrets, the key's id, the home folder's name, addresses' insides.

    Args:
        settings: where they could be read.
        environment: whose values of secret settings are hidden, whatever they are.
    """

    def __init__(self, settings: Settings | None, environment: Mapping[str, str], home: Path) -> None:
        self._home = str(home)
        hidden = {environment.get(name, "") for name in secret_names()} | {environment.get("KALSHI_API_KEY_ID", "")}
        if settings is not None:
            for field in type(settings).model_fields:
                value = getattr(settings, field)
                if hasattr(value, "get_secret_value"):
                    hidden.add(value.get_secret_value())
            hidden.add(settings.api_key_id or "")
        parts = {part for text in hidden for part in (text, *text.split()) if len(part) >= 4}
        self._hidden = sorted(parts, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        text = _PEM.sub("(a key)", text)
        for secret in self._hidden:
            text = text.replace(secret, "(hidden)")
        text = _ADDRESS.sub(lambda found: f"{found[1]}{found[3]}", text)
        return text.replace(self._home, "~") if len(self._home) > 1 else text

    def lines(self, lines: Iterable[Line]) -> list[Line]:
        return [
            line.model_copy(update={"said": self(line.said), "do": None if line.do is None else self(line.do)})
            for line in lines
        ]


def report(diagnosis: Diagnosis, settings: Settings | None, clean: Cleaner) -> str:
    """Markdown that can be attached to an issue."""
    rows = [f"| {line.name} | {line.state} | {_cell(line.said)} | {_cell(line.do or '')} |" for line in diagnosis.lines]
    made = [
        f"# prediction-mcp {diagnosis.version}: {diagnosis.state}", "",
        f"Made {diagnosis.made:%Y-%m-%d %H:%M} UTC by “prediction-mcp doctor --bundle”. It holds no secret, no key id, "
        "and no name of a home folder; read it before you hand it on.", "",
        "| what | state | said | to do |", "|---|---|---|---|", *rows, "", "## Settings that aren't the default", "",
        *(f"- `{name}={value}`" for name, value in shown_settings(settings)),
    ]  # fmt: skip
    return clean("\n".join(made) + "\n")


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def shown_settings(settings: Settings | None) -> list[tuple[str, str]]:
    """Names and values of what was set; of secrets only that they are, of addresses only where they lead."""
    if settings is None:
        return []
    found, hidden = list[tuple[str, str]](), secret_names() | {"KALSHI_API_KEY_ID", "POLYMARKET_WALLET"}
    for field, info in type(settings).model_fields.items():
        name, value = str(info.alias), getattr(settings, field)
        if field not in settings.model_fields_set or value is None:
            continue
        text = str(value)
        if name in hidden:
            text = HIDDEN
        elif "://" in text:
            text = f"{urlsplit(text).scheme}://{urlsplit(text).hostname}"
        found.append((name, text))
    return sorted(found)
