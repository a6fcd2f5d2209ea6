"""A write before and after it left, as the records have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .plan import Kind, Terms


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asked: the client's own name and version."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True, slots=True)
class Intent:
    """A write whose outcome isn't known. ``mono`` is the machine's monotonic clock when it left, if it was noted."""

    id: str
    at: float
    mono: float | None
    process: str
    tool: str
    kind: Kind
    request: dict[str, Any]
    ticker: str
    client_order_id: str

    @property
    def which(self) -> str:
        """What it was about, in a word."""
        named = (self.request.get(name) for name in ("order_id", "quote_id", "rfq_id", "order_group_id"))
        return str(self.client_order_id or next(filter(None, named), "several orders"))


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """A write about to leave, as the journal keeps it."""

    caller: Caller
    tool: str
    kind: Kind
    arguments: Mapping[str, Any]
    terms: Terms
    preview: str | None = None
    answer: str | None = None
    question: str | None = None
