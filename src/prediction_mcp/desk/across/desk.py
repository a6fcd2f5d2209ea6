"""Both platforms as one object: their venues, the pairs that people judged, and what could be the same."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from loguru import logger

from prediction_mcp.matching.candidates import Candidate, Card, Cards, all_of, changed
from prediction_mcp.matching.facts import facts_of
from prediction_mcp.matching.verdict import Relation, Verdict, compare
from prediction_mcp.net.errors import MissingError, PlatformError
from prediction_mcp.safety.text import clean, cut

from ..links import link_of
from ..shapes import Market, PlatformName, Venue
from .pairs import Judged, Pairs, PairsError, texts_of

if TYPE_CHECKING:
    from prediction_mcp.catalogue.index import Index

T = TypeVar("T")
CANDIDATES = 8
"""Markets of the other platform that one is compared with."""
_TICKER = re.compile(r"[A-Z0-9][A-Z0-9.]*(?:-[A-Z0-9._]+)+|KX[A-Z0-9]+")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+|0x[0-9a-f]{64}|[0-9]{13,78}", re.IGNORECASE)
SHOWN = 60


class NotNamedError(MissingError):
    """It can't be told which platform's market is meant, or there is no counterpart."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two markets, what their facts say, and what a person said of them.

    Attributes:
        judged: a person's word, if there is one.
        holds: whether both texts are still those that the person read.
    """

    one: Market
    other: Market
    verdict: Verdict
    judged: Judged | None = None
    holds: bool = False

    @property
    def relation(self) -> Relation:
        """A person's word while it holds; else what the facts say."""
        return self.judged.relation if self.judged is not None and self.holds else self.verdict.relation

    @property
    def is_confirmed(self) -> bool:
        return self.judged is not None and self.holds

    @property
    def may_part(self) -> bool:
        """Whether both could end otherwise than the relation says: a fact isn't known, or differs beside it.

        That numbers, days or answers differ is what a relation comes from; beside a person's word it counts as well.
        """
        by_nature = ("entity", "threshold", "window") if not self.is_confirmed else ()
        return any(
            f.state == "unknown" or (f.state == "different" and f.name not in by_nature) for f in self.verdict.facts
        )


class Across:
    """Both platforms, Kalshi first.

    Args:
        venues: in the order in which pairs name their markets.
        pairs_file: where judged pairs are kept, opened by what first needs it; None keeps them in memory.
    """

    def __init__(self, venues: Sequence[Venue], pairs_file: Path | None) -> None:
        self.venues: dict[PlatformName, Venue] = {venue.platform: venue for venue in venues}
        self.first, self.second = venues
        self._path = pairs_file
        self._pairs: Pairs | None = None
        self._cards: dict[PlatformName, tuple[datetime | None, int, Cards]] = {}
        self._lock = asyncio.Lock()
        self._found = dict[tuple[str, str], Candidate]()

    @property
    def pairs(self) -> Pairs:
        """What people said of pairs. Raises PairsError."""
        if self._pairs is None:
            self._pairs = Pairs(self._path)
        return self._pairs

    def close(self) -> None:
        if self._pairs is not None:
            self._pairs.close()

    @property
    def source(self) -> str:
        return ", ".join(venue.source for venue in self.venues.values())

    # -- markets -------------------------------------------------------------------------------------------------

    def venue_of(self, text: str) -> tuple[Venue, str]:
        """Whose market a name is, and the name there. Raises NotNamedError where it could be either's."""
        name = text.strip()
        if (link := link_of(name)) is not None:
            return self.venues[link.platform], name
        for platform, venue in self.venues.items():
            if name.lower().startswith(f"{platform}:") and "//" not in name[: len(platform) + 3]:
                return venue, name[len(platform) + 1 :].strip()
        if _TICKER.fullmatch(name):
            return self.venues["kalshi"], name
        if _SLUG.fullmatch(name):
            return self.venues["polymarket"], name
        shown = cut(clean(name), SHOWN)
        raise NotNamedError(
            f"“{shown}” could be either platform's: give a link, ticker or slug, or begin with kalshi: or polymarket:."
        )

    async def market(self, text: str) -> Market:
        """A market by its name. Raises MissingError."""
        venue, name = self.venue_of(text)
        return await venue.market(name)

    def other(self, platform: PlatformName) -> Venue:
        """The platform across."""
        return self.second if platform == self.first.platform else self.first

    # -- pairs ---------------------------------------------------------------------------------------------------

    def pairing(self, a: Market, b: Market) -> Pairing:
        """Two markets of different platforms, in the order of pairs. Raises NotNamedError for two of the same."""
        if a.platform == b.platform:
            raise NotNamedError("Both are markets of the same platform: a pair takes one of each.")
        one, other = (a, b) if a.platform == self.first.platform else (b, a)
        judged = self._said_of(one, other)
        verdict = compare(facts_of(one.listing), facts_of(other.listing))
        return Pairing(one, other, verdict, judged, judged is not None and judged.texts == texts_of(one, other))

    async def judged(self, judged: Judged) -> Pairing:
        """A kept pair with its markets as they are now. Raises MissingError where one isn't listed any more."""
        one, other = await asyncio.gather(
            self.venues[_platform(judged.one[0])].market(judged.one[2]),
            self.venues[_platform(judged.other[0])].market(judged.other[2]),
        )
        return self.pairing(one, other)

    async def counterparts(self, market: Market) -> list[Pairing]:
        """Markets across that could be about the same: judged ones first, then by what their facts say."""
        venue = self.other(market.platform)
        cards = await self.cards(venue)
        found = cards.of(Card.of(market.listing), CANDIDATES)
        known = {j.other[2] if market.platform == self.first.platform else j.one[2] for j in self._judged_with(market)}
        listed = await venue.markets([*known, *(c.other for c in found)])
        pairings = [self.pairing(market, other) for other in listed.values()]
        return sorted(pairings, key=_promise)

    def kept(self) -> list[Judged]:
        """What people said of pairs, for reading: a file that can't be used stops no reading."""
        try:
            return self.pairs.all()
        except PairsError as error:
            logger.warning("{}", error)
            return []

    def _said_of(self, one: Market, other: Market) -> Judged | None:
        try:
            return self.pairs.of(one, other)
        except PairsError as error:
            logger.warning("{}", error)
            return None

    def _judged_with(self, market: Market) -> list[Judged]:
        me = (market.platform, market.key)
        return [j for j in self.kept() if me in (j.one[:2], j.other[:2])]

    # -- what could be the same ----------------------------------------------------------------------------------

    async def cards(self, venue: Venue) -> Cards:
        """The titles of a platform, renewed with what its catalogue has learnt."""
        index = await venue.catalogue()
        async with self._lock:
            coverage = index.coverage()
            as_of, number, cards = self._cards.get(venue.platform, (None, 0, Cards()))
            if coverage.as_of != as_of or coverage.markets != number:
                rows = _rows(index)
                await asyncio.to_thread(_renew, cards, rows)
                self._cards[venue.platform] = (coverage.as_of, coverage.markets, cards)
            return cards

    async def candidates(self) -> list[Candidate]:
        """All pairs whose titles are alike: found in one pass, and then again for what has changed."""
        one, other = await self.cards(self.first), await self.cards(self.second)
        async with self._lock:
            if one.changed or other.changed:
                await asyncio.to_thread(self._look_again, one, other)
            return list(self._found.values())

    def _look_again(self, one: Cards, other: Cards) -> None:
        if not self._found:
            found = all_of(one, other)
        else:
            gone = [
                name for name in self._found
                if name[0] in one.changed or name[1] in other.changed
                or name[0] not in one.cards or name[1] not in other.cards
            ]  # fmt: skip
            for name in gone:
                del self._found[name]
            found = iter([*changed(one, other)])
        self._found |= {(candidate.one, candidate.other): candidate for candidate in found}
        one.changed.clear()
        other.changed.clear()


async def answers(
    venues: Sequence[Venue], ask: Callable[[Venue], Awaitable[T]]
) -> tuple[list[tuple[Venue, T]], list[str]]:
    """(what each platform answered, in words which of them can't be asked now). Raises PlatformError where none can."""
    found, silent, problems = list[tuple[Venue, T]](), list[str](), list[PlatformError]()
    for venue, answer in zip(venues, await asyncio.gather(*map(ask, venues), return_exceptions=True), strict=True):
        if isinstance(answer, PlatformError):
            problems.append(answer)
            silent.append(f"{venue.platform} can't be asked now: {answer}")
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found.append((venue, answer))
    if not found:
        raise problems[0]
    return found, silent


def _platform(name: str) -> PlatformName:
    return "kalshi" if name == "kalshi" else "polymarket"


_RANK: dict[Relation, int] = {
    "identity": 0, "complement": 0, "unknown": 1, "subset": 2, "superset": 2, "disjoint": 3, "overlap": 4,
}  # fmt: skip


def _promise(pairing: Pairing) -> tuple[bool, int, int]:
    relation = pairing.relation if pairing.relation != "unknown" else pairing.verdict.would_be
    unknown = 1 if pairing.relation == "unknown" else 0
    return (not pairing.is_confirmed, _RANK[relation] + unknown, len(pairing.verdict.named("different")))


def _rows(index: Index) -> list[Card]:
    cards = list[Card]()
    for ticker, title, outcome, category, closes, _, _ in index.open_markets():
        day = None if closes is None else closes // 86_400 + 719_163  # as date.toordinal counts
        cards.append(Card.made(ticker, f"{title} {outcome}", category, day))
    return cards


def _renew(cards: Cards, rows: list[Card]) -> None:
    gone = cards.cards.keys() - {card.id for card in rows}
    for name in gone:
        cards.remove(name)
    for card in rows:
        cards.put(card)
