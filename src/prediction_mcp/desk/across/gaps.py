"""Pairs of markets that together pay more than they cost, after exact fees at the size that is there.

Quotes of both catalogues say where to look; books, fees and texts of now say what there is. Nothing is called certain:
every end that the facts don't exclude is told with what it leaves.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property

from prediction_mcp.analytics.gap import Gap, Leg, Sides, covers, every_end, gap
from prediction_mcp.matching.candidates import Candidate
from prediction_mcp.matching.facts import Facts, facts_of
from prediction_mcp.matching.listing import Listing
from prediction_mcp.matching.sources import void
from prediction_mcp.matching.verdict import compare
from prediction_mcp.net.errors import PlatformError

from ..shapes import Market, PlatformName, Venue
from .compare import Seen, UnknownFeeError, see
from .desk import Across, Pairing
from .results import EndLine, GapLine, GapList, LegLine, days_until

LOOKED_AT = 200
"""Pairs whose texts are read in one call; of those that cover every end the books are."""
AT_ONCE = 6
MOST = Decimal(100_000)
"""Contracts of one gap."""
YEAR = Decimal(365)
HUNDRED, ONE = Decimal(100), Decimal(1)
UNITS = 10_000
LAG = 1_000
"""How far listed quotes may be from making a gap, in $0.0001."""
SAME, OPPOSITE = 4_000, 1_000
"""Pairs whose titles are read in one call: those whose quotes leave most if they are the same, or the opposite."""
Ranked = tuple[int, tuple[str, str]]


@dataclass(frozen=True)
class Row:
    """A market as a catalogue last saw it; quotes in $0.0001."""

    platform: PlatformName
    name: str
    title: str
    option: str
    category: str
    closes: int | None
    bid: int
    ask: int

    @cached_property
    def facts(self) -> Facts:
        """As far as its title tells them."""
        closes = None if self.closes is None else datetime.fromtimestamp(self.closes, UTC)
        return facts_of(Listing(self.platform, self.name, self.title, "", option=self.option, closes=closes))


@dataclass(frozen=True, slots=True)
class Found:
    """A gap with the markets and the sides that make it."""

    pairing: Pairing
    sides: Sides
    gap: Gap
    seen: tuple[Seen, Seen]


async def find(across: Across, min_edge_cents: Decimal, category: str | None, limit: int) -> GapList:
    """The largest gaps of now between markets that are the same, or whose relation covers every end."""
    wanted = await _promising(across, category)
    pairings = await _pairings(across, wanted)
    gate, problems = asyncio.Semaphore(AT_ONCE), list[str]()

    async def one(pairing: Pairing) -> list[Found]:
        async with gate:
            try:
                return await gaps_of(across, pairing, min_edge_cents / HUNDRED)
            except PlatformError as error:
                problems.append(f"{pairing.one.id}: {error}")
                return []

    found = [f for each in await asyncio.gather(*map(one, pairings)) for f in each]
    found.sort(key=lambda f: -f.gap.profit / f.gap.count)
    note = f"{len(problems)} couldn't be read: {problems[0]}" if problems else None
    lines = [line_of(f) for f in found[:limit]]
    return GapList(source=across.source, count=len(lines), looked_at=len(pairings), gaps=lines, note=note)


async def gaps_of(across: Across, pairing: Pairing, min_edge: Decimal, most: Decimal = MOST) -> list[Found]:
    """What both books leave now, for each pair of sides that the relation covers."""
    if not (pairing.one.is_open and pairing.other.is_open):
        return []
    relation = pairing.relation if pairing.relation != "unknown" else pairing.verdict.would_be
    if not (ways := covers(relation)):
        return []
    seen = await asyncio.gather(see(across, pairing.one), see(across, pairing.other))
    found = list[Found]()
    for sides in ways:
        made = gap(seen[0].offer(sides[0]), seen[1].offer(sides[1]), most, min_edge)
        if made is not None:
            found.append(Found(pairing, sides, made, (seen[0], seen[1])))
    return found


async def _promising(across: Across, category: str | None) -> list[tuple[str, str]]:
    """Pairs that aren't told apart by their titles, those first whose listed quotes leave most; kept pairs always.

    Listed quotes lag, so they say where to look first and not where to look at all.
    """
    kept = [(j.one[2], j.other[2]) for j in across.kept() if j.relation not in ("overlap", "unknown")]
    candidates = await across.candidates()
    listed = [await _listed(venue, category) for venue in (across.first, across.second)]
    if category is not None:
        kept = [(one, other) for one, other in kept if one in listed[0] or other in listed[1]]
    return await asyncio.to_thread(_ranked, kept, candidates, listed[0], listed[1])


def _ranked(
    kept: list[tuple[str, str]], candidates: list[Candidate], ones: dict[str, Row], others: dict[str, Row]
) -> list[tuple[str, str]]:
    same, opposite = list[Ranked](), list[Ranked]()
    for candidate in candidates:
        one, other = ones.get(candidate.one), others.get(candidate.other)
        if one is not None and other is not None:
            name = (candidate.one, candidate.other)
            same.append((max(_edge(one, other, (0, 1)), _edge(one, other, (1, 0))), name))
            opposite.append((max(_edge(one, other, (0, 0)), _edge(one, other, (1, 1))), name))
    found = list[Ranked]()
    for _, (a, b) in (*heapq.nlargest(SAME, same), *heapq.nlargest(OPPOSITE, opposite)):
        edges = [_edge(ones[a], others[b], ways) for ways in _covers(ones[a], others[b])]
        if edges and max(edges) > -LAG:
            found.append((max(edges), (a, b)))
    return list(dict.fromkeys((*kept, *(name for _, name in heapq.nlargest(LOOKED_AT, found)))))


def _edge(one: Row, other: Row, sides: Sides) -> int:
    """What listed quotes leave of $1, before fees, where these sides are bought."""
    costs = [row.ask if side == 0 else UNITS - row.bid for row, side in zip((one, other), sides, strict=True)]
    return UNITS - sum(costs)


def _covers(one: Row, other: Row) -> list[Sides]:
    """The sides that are worth a look, as far as titles tell: none where they name two numbers, or two answers.

    Rules may still tell them apart, or bring together what titles leave open.
    """
    verdict = compare(one.facts, other.facts)
    ways, different = covers(verdict.would_be), set(verdict.named("different"))
    if ways or different & {"threshold", "window"} or (one.facts.subject.option and other.facts.subject.option):
        return ways
    return [(0, 1), (1, 0)]


async def _listed(venue: Venue, category: str | None) -> dict[str, Row]:
    """What a catalogue last saw of its open markets, by name."""
    wanted = None if category is None else category.casefold()
    index = await venue.catalogue()
    return {row[0]: Row(venue.platform, *row) for row in index.open_markets() if wanted in (None, row[3].casefold())}


async def _pairings(across: Across, wanted: Iterable[tuple[str, str]]) -> list[Pairing]:
    """The markets of now, and what their facts say; those that cover nothing are left out."""
    pairs = list(wanted)
    ones, others = await asyncio.gather(
        across.first.markets([one for one, _ in pairs]), across.second.markets([other for _, other in pairs])
    )
    await asyncio.to_thread(lambda: [facts_of(m.listing) for m in (*ones.values(), *others.values())])
    made = [across.pairing(ones[a], others[b]) for a, b in pairs if a in ones and b in others]
    return [p for p in made if covers(p.relation if p.relation != "unknown" else p.verdict.would_be)]


def line_of(found: Found) -> GapLine:
    pairing, made = found.pairing, found.gap
    relation = pairing.relation if pairing.relation != "unknown" else pairing.verdict.would_be
    ends = every_end(
        made, found.sides, relation, may_part=pairing.may_part,
        void=(_void(pairing.one), _void(pairing.other)),
    )  # fmt: skip
    later = [at for at in (pairing.one.closes, pairing.other.closes) if at is not None]
    days = days_until(max(later, default=None))
    yearly = None if days is None else round(made.profit / made.total * YEAR / days * HUNDRED, 1)
    legs = [_leg(seen, side, leg) for seen, side, leg in zip(found.seen, found.sides, made.legs, strict=True)]
    return GapLine(
        question=pairing.one.title,
        relation=pairing.relation
        if pairing.relation != "unknown"
        else f"unknown; {relation} if what is unknown agrees",
        confirmed=pairing.is_confirmed,
        contracts=made.count,
        legs=legs,
        total=made.total,
        left=made.profit,
        worst=min(end.left for end in ends),
        edge_cents=round(made.profit / made.count * HUNDRED, 4),
        days=days,
        yearly_yield_pct=yearly,
        differs=list(pairing.verdict.named("different")) or None,
        unknown=list(pairing.verdict.named("unknown")) or None,
        ends=[EndLine(end=end.name, pays=end.pays, left=end.left) for end in ends],
    )


def _leg(seen: Seen, side: int, leg: Leg) -> LegLine:
    return LegLine(
        platform=seen.market.platform, market=seen.market.id, buy=seen.market.sides[side], limit=leg.limit,
        cost=leg.cost, fee=leg.fee, alone=seen.undo(side, leg.count, leg.total),
    )  # fmt: skip


def _void(market: Market) -> Decimal | None:
    """What a contract of its first side pays without a result, where the rules say that as a number."""
    return {"half each": Decimal("0.5"), "no": Decimal(0)}.get(void(market.listing.rules) or "")


__all__ = ["Found", "UnknownFeeError", "find", "gaps_of", "line_of"]
