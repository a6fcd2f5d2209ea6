"""What the settings allow: writing at all, and when the person is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from prediction_mcp.settings import Settings

Fallback = Literal["token", "refuse"]


class RefusedError(Exception):
    """This server didn't let a write through; the message is one sentence. Nothing was sent."""


class ReadOnlyError(RefusedError):
    """A write was asked of a server that only reads."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the owner of the server allows.

    Attributes:
        environment: paper, demo or live.
        writes_allowed: whether any write tool may run.
        why_not: a sentence for whoever tries, where they may not.
        confirm_over: dollars at stake from which the person is asked; None asks never, zero or less asks always.
        window_s: how far back orders that nobody was asked about count towards it.
        fallback: what happens where the client can't ask its user.
        tolerance: dollars by which the best price may move between question and answer.
        patience_s: seconds that a question stays open.
    """

    environment: str
    writes_allowed: bool
    why_not: str = ""
    confirm_over: Decimal | None = None
    fallback: Fallback = "refuse"
    tolerance: Decimal = Decimal("0.02")
    patience_s: float = 120.0
    window_s: float = 3600.0

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """What the settings say about writing and asking."""
        return cls(
            environment=settings.env,
            writes_allowed=settings.writes_allowed,
            why_not=settings.why_read_only,
            confirm_over=settings.confirm_over,
            fallback=settings.fallback,
            tolerance=settings.confirm_tolerance_cents / 100,
            patience_s=settings.confirm_timeout,
            window_s=settings.confirm_window,
        )

    @classmethod
    def of_polymarket(cls, settings: Settings) -> Policy:
        """The same for Polymarket: its own mode, and a word of its own for real money."""
        return replace(
            cls.of(settings),
            environment=settings.polymarket_env,
            writes_allowed=not settings.why_polymarket_read_only,
            why_not=settings.why_polymarket_read_only,
            confirm_over=settings.confirm_over_in(settings.polymarket_env),
            fallback=settings.fallback_in(settings.polymarket_env),
        )

    def require_writes(self) -> None:
        """Raises ReadOnlyError unless writing is switched on."""
        if not self.writes_allowed:
            raise ReadOnlyError(self.why_not or f"This server is read-only (mode {self.environment}).")

    def asks_never(self) -> bool:
        return self.confirm_over is None

    def asks_always(self) -> bool:
        return self.confirm_over is not None and self.confirm_over <= 0
