"""Who has been taking: imbalance, VWAP, large trades, pace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Print:
    """One trade of the tape: YES dollars, contracts, and the side the taker is positioned for."""

    time: datetime
    price: Decimal
    count: Decimal
    taker: Literal["yes", "no"]


@dataclass(frozen=True, slots=True)
class Flow:
    """Contracts taken for each side, and what follows from them."""

    trades: int
    yes: Decimal
    no: Decimal
    vwap: Decimal | None
    last_hour: Decimal
    per_hour: Decimal
    large: list[Print]

    @property
    def imbalance(self) -> Decimal | None:
        """(yes − no) / (yes + no) of the takers' contracts."""
        total = self.yes + self.no
        return (self.yes - self.no) / total if total else None


def flow(prints: Sequence[Print], now: datetime, hours: Decimal, shown: int = 5) -> Flow:
    """Sum a tape up. VWAP = Σ price × count / Σ count; ``large`` are the biggest prints, biggest first."""
    yes = sum((p.count for p in prints if p.taker == "yes"), ZERO)
    no = sum((p.count for p in prints if p.taker == "no"), ZERO)
    total = yes + no
    recent = sum((p.count for p in prints if now - p.time <= timedelta(hours=1)), ZERO)
    return Flow(
        trades=len(prints),
        yes=yes,
        no=no,
        vwap=sum((p.price * p.count for p in prints), ZERO) / total if total else None,
        last_hour=recent,
        per_hour=total / hours if hours else ZERO,
        large=sorted(prints, key=lambda p: p.count, reverse=True)[:shown],
    )
