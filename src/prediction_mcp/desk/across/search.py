"""One search over both platforms, one ranking; a question on both is shown once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from prediction_mcp.matching.facts import facts_of

from ..shapes import Market, PlatformName, Venue
from .desk import Across, answers
from .results import PlaceLine, QuestionLine, Questions

RANK_WEIGHT = 60
"""Of reciprocal rank fusion: how little the first places of a list outweigh those behind them."""


async def search(across: Across, query: str, platforms: Sequence[PlatformName], limit: int) -> Questions:
    """Open markets that fit words. Where a platform can't be asked, the other one's are shown, and that is said."""

    async def ask(venue: Venue) -> list[Market]:
        return await _found(venue, query, limit)

    found, silent = await answers([across.venues[name] for name in platforms], ask)
    scores, markets = dict[tuple[str, str], float](), dict[tuple[str, str], Market]()
    for _, listed in found:
        for rank, market in enumerate(listed):
            name = (market.platform, market.id)
            markets[name], scores[name] = market, 1 / (RANK_WEIGHT + rank)
    await asyncio.to_thread(lambda: [facts_of(market.listing) for market in markets.values()])
    lines = _lines(across, markets, scores)[:limit]
    note = " ".join(silent) or (None if lines else "Nothing fits: try fewer or other words.")
    return Questions(source=across.source, count=len(lines), questions=lines, note=note)


async def _found(venue: Venue, query: str, limit: int) -> list[Market]:
    index = await venue.catalogue()
    names = [found.ticker for found in index.search(query, limit=limit)]
    listed = await venue.markets(names)
    return [listed[name] for name in names if name in listed]


def _lines(
    across: Across, markets: dict[tuple[str, str], Market], scores: dict[tuple[str, str], float]
) -> list[QuestionLine]:
    """Best first; two that are one question stand together, with both scores."""
    left = dict(markets)
    ranked = list[tuple[float, QuestionLine]]()
    ones = [m for m in markets.values() if m.platform == across.first.platform]
    others = [m for m in markets.values() if m.platform != across.first.platform]
    for one in ones:
        for other in others:
            if (one.platform, one.id) not in left or (other.platform, other.id) not in left:
                continue
            pairing = across.pairing(one, other)
            if pairing.relation in ("identity", "complement"):
                del left[one.platform, one.id], left[other.platform, other.id]
                score = scores[one.platform, one.id] + scores[other.platform, other.id]
                line = QuestionLine(
                    question=one.title, kalshi=PlaceLine.of(one), polymarket=PlaceLine.of(other),
                    relation=pairing.relation, confirmed=pairing.is_confirmed,
                )  # fmt: skip
                ranked.append((score, line))
    for name, market in left.items():
        place = PlaceLine.of(market)
        kalshi, polymarket = (place, None) if market.platform == "kalshi" else (None, place)
        ranked.append((scores[name], QuestionLine(question=market.title, kalshi=kalshi, polymarket=polymarket)))
    ranked.sort(key=lambda pair: -pair[0])
    return [line for _, line in ranked]
