"""A market as matching sees it: its texts and what its platform says in fields. Each platform maps its own to this."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

StrikeKind = Literal["greater", "greater_or_equal", "less", "less_or_equal", "between"]


@dataclass(frozen=True, slots=True)
class Strike:
    """What a number has to be; both ends of ``between`` count."""

    kind: StrikeKind
    low: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A market of any platform; its texts are other people's words.

    Attributes:
        id: the platform's own name of it.
        option: which answer of several it is ("" where it stands alone).
        outcomes: what its two sides are called; the first is what is asked.
        exclusive: whether at most one of its event's markets can be right; None where that isn't known.
        closes: when trading ends; no promise of when it is decided.
        early: when it may be over before that, in words; "" where the platform says nothing.
    """

    platform: str
    id: str
    title: str
    rules: str
    option: str = ""
    outcomes: tuple[str, str] = ("Yes", "No")
    category: str = ""
    closes: datetime | None = None
    exclusive: bool | None = None
    strike: Strike | None = None
    sources: tuple[str, ...] = ()
    early: str = ""

    @property
    def is_versus(self) -> bool:
        """Whether its sides are two names, not yes and no."""
        return self.outcomes[0].strip().casefold() not in ("yes", "no")
