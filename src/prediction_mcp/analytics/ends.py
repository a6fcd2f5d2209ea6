"""The ways in which an event can end, as far as its markets tell them apart: which of them are YES. Pure.

What is left out here would be risk: an end too many costs an opportunity, one too few costs money.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise, product
from typing import Literal

Strike = Literal["greater", "greater_or_equal", "less", "less_or_equal", "between"]
End = frozenset[str]
"""The markets that are YES."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A market about a number: YES above ``floor``, below ``cap``, or between the two."""

    ticker: str
    kind: Strike
    floor: Decimal | None = None
    cap: Decimal | None = None

    def at(self, value: Decimal) -> bool | None:
        """Whether it is YES at a number; None at the edge of a range, which belongs to one side or the other."""
        if self.kind == "between":
            if self.floor is None or self.cap is None or value in (self.floor, self.cap):
                return None
            return self.floor < value < self.cap
        edge = self.floor if self.kind.startswith("greater") else self.cap
        if edge is None:
            return None
        if value == edge:
            return self.kind.endswith("_or_equal")
        return value > edge if self.kind.startswith("greater") else value < edge


def of_exclusive(tickers: Sequence[str]) -> list[End]:
    """Outcomes of which at most one happens, by the exchange's word: each of them, and none."""
    return [*(frozenset({ticker}) for ticker in tickers), frozenset()]


def of_number(claims: Sequence[Claim], *, exclusive: bool) -> list[End]:
    """Claims about one number: each strike itself, and each gap between two.

    At the edge of a range both answers are possible. Where the exchange says that outcomes exclude each other, ends
    with more than one YES aren't; and where a range ends at the strike another one begins with, one of the two is YES.
    """
    if all(edge is None for claim in claims for edge in (claim.floor, claim.cap)):
        return of_exclusive([claim.ticker for claim in claims]) if exclusive else []
    return of_numbers([(claims, exclusive)])


def of_numbers(events: Sequence[tuple[Sequence[Claim], bool]]) -> list[End]:
    """Events (claims, whether they exclude each other) that are all about the same number."""
    strikes = sorted(
        {edge for claims, _ in events for claim in claims for edge in (claim.floor, claim.cap) if edge is not None}
    )
    if not strikes:
        return []
    between = [(a + b) / 2 for a, b in pairwise(strikes)]
    ends = set[End]()
    for value in (strikes[0] - 1, *strikes, *between, strikes[-1] + 1):
        ways = [_at(claims, value, exclusive=exclusive) for claims, exclusive in events]
        ends |= {frozenset[str]().union(*parts) for parts in product(*ways)}
    return sorted(ends, key=sorted)


def _at(claims: Sequence[Claim], value: Decimal, *, exclusive: bool) -> set[End]:
    """How the claims of one event can end where the number is ``value``."""
    ends = set[End]()
    sure = frozenset(c.ticker for c in claims if c.at(value))
    open_ones = [c for c in claims if c.at(value) is None]
    meeting = exclusive and _meet(claims, value)
    for answers in product((False, True), repeat=len(open_ones)):
        end = sure | {c.ticker for c, yes in zip(open_ones, answers, strict=True) if yes}
        if exclusive and ((len(end) > 1 >= len(sure)) or (meeting and not end)):
            continue  # strikes that contradict the exchange's word are kept: then nothing is sure
        ends.add(end)
    if meeting:  # whichever of the two it is by their words, at most one of them pays
        ends |= {frozenset({c.ticker}) for c in claims if value in (c.floor, c.cap)}
    return ends


def leaves_no_gap(bounds: Sequence[tuple[Decimal | None, Decimal | None]]) -> bool:
    """Whether ranges (above, up to) cover every number: both ends open, each one beginning where another ends."""
    ordered = sorted(bounds, key=lambda b: Decimal("-Infinity") if b[0] is None else b[0])
    if len(ordered) < 2 or ordered[0][0] is not None or ordered[-1][1] is not None:
        return False
    return all(a[1] is not None and a[1] == b[0] for a, b in pairwise(ordered))


def of_combos(
    combos: Sequence[tuple[str, Sequence[tuple[str, bool]]]], events: Sequence[tuple[Sequence[str], bool]]
) -> list[End]:
    """Combos (name, [(market, whether YES is right)]) with their legs' events ([markets], whether they exclude others).

    A combo is YES where every leg is right; events have nothing to do with each other.
    """
    found = list[End]()
    ways = [of_exclusive(markets) if exclusive else _all_ways(markets) for markets, exclusive in events]
    for parts in product(*ways):
        end = frozenset[str]().union(*parts)
        found.append(end | {name for name, legs in combos if all((leg in end) == yes for leg, yes in legs)})
    return found


def _all_ways(markets: Sequence[str]) -> list[End]:
    return [
        frozenset(m for m, yes in zip(markets, answers, strict=True) if yes)
        for answers in product((False, True), repeat=len(markets))
    ]


def _meet(claims: Sequence[Claim], value: Decimal) -> bool:
    """Whether one claim ends where another begins."""
    return any(c.cap == value for c in claims) and any(c.floor == value for c in claims)
