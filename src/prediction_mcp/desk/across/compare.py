"""What each side of one question costs on both platforms, and how both prices moved."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from prediction_mcp.analytics.book import walk
from prediction_mcp.analytics.gap import Offer, take

from ..shapes import Book, Market
from .desk import Across, NotNamedError, Pairing
from .results import BookLines, Comparison, CostLine

if TYPE_CHECKING:
    from prediction_mcp.analytics.costs import Fees

ONE = Decimal(1)
NEAR, LEVELS = Decimal("0.05"), 3


@dataclass(frozen=True, slots=True)
class Seen:
    """A market with its book and its fees, as they are now."""

    market: Market
    book: Book
    fees: Fees

    def offer(self, side: int) -> Offer:
        return Offer(self.book.offers(side), self.fees, self.market.step, self.market.least)

    def undo(self, side: int, count: Decimal, paid: Decimal) -> Decimal | None:
        """What it costs to sell again at once what was bought for ``paid``; None where too few are asked for."""
        takers = self.book.takers(side)
        found = walk(takers, count, buying=False)
        if found.filled < count:
            return None
        fee, left = Decimal(0), count
        for price, there in takers:
            taken = min(there, left)
            if taken <= 0:
                break
            fee += self.fees.fee(price, taken, is_taker=True, closing=True)
            left -= taken
        return paid - found.cost + fee


class UnknownFeeError(NotNamedError):
    """What a trade costs can't be told."""


async def see(across: Across, market: Market) -> Seen:
    """Raises UnknownFeeError where the fee's formula isn't known here."""
    venue = across.venues[market.platform]
    book, fees = await asyncio.gather(venue.book(market), venue.fees(market))
    if fees is None:
        raise UnknownFeeError(f"The fee of {market.id} has a formula that isn't known here: nothing can be compared.")
    return Seen(market, book, fees)


async def pairing_of(across: Across, market: str | None, other: str | None, pair: str | None) -> Pairing:
    """The two markets that are meant: a kept pair, two names, or one name and its likeliest counterpart.

    Raises:
        NotNamedError: nothing is named, or nothing across is about the same.
    """
    if pair is not None:
        return await across.judged(across.pairs.get(pair))
    if market is None:
        raise NotNamedError("Name a market, two of them, or a pair.")
    one = await across.market(market)
    if other is not None:
        return across.pairing(one, await across.market(other))
    found = await across.counterparts(one)
    if not found or (not found[0].is_confirmed and found[0].verdict.would_be == "overlap"):
        where = across.other(one.platform).platform
        raise NotNamedError(f"Nothing at {where} is about the same as {one.id}, as far as its facts can be told.")
    return found[0]


async def compare(across: Across, pairing: Pairing, size: Decimal) -> Comparison:
    seen = await asyncio.gather(see(across, pairing.one), see(across, pairing.other))
    costs = [_cost(one, side, size) for one in seen for side in (0, 1)]
    relation = pairing.relation if pairing.relation != "unknown" else pairing.verdict.would_be
    cheapest = dict[str, str]()
    if relation in ("identity", "complement"):
        for side in (0, 1):
            there = side if relation == "identity" else 1 - side
            both = [line for line in (costs[side], costs[2 + there]) if line.total is not None]
            if len(both) == 2:
                best = min(both, key=lambda line: line.total or Decimal(0))
                cheapest[f"{pairing.one.sides[side]} ({pairing.one.id})"] = best.platform
    note = None
    if relation not in ("identity", "complement"):
        note = "The two aren't the same question, so their prices needn't agree."
    elif not pairing.is_confirmed:
        note = "Nobody has confirmed that both are the same: read get_market_pair before trading on it."
    return Comparison(
        source=across.source,
        question=pairing.one.title,
        relation=pairing.relation,
        confirmed=pairing.is_confirmed,
        kalshi=pairing.one.id,
        polymarket=pairing.other.id,
        size=size,
        costs=costs,
        books={one.market.platform: _top(one.book) for one in seen},
        cheapest=cheapest,
        differs=list(pairing.verdict.named("different")) or None,
        unknown=list(pairing.verdict.named("unknown")) or None,
        note=note,
    )


def _top(book: Book) -> BookLines:
    return BookLines(bids=list(book.bids[:LEVELS]), asks=list(book.asks[:LEVELS]))


def _cost(seen: Seen, side: int, size: Decimal) -> CostLine:
    offer = seen.offer(side)
    there = sum((count for _, count in offer.offers), Decimal(0))
    leg = take(offer, size)
    bids, asks = seen.book.takers(side), offer.offers
    return CostLine(
        platform=seen.market.platform,
        side=seen.market.sides[side],
        bid=bids[0][0] if bids else None,
        ask=asks[0][0] if asks else None,
        average=None if leg is None else round(leg.cost / size, 6),
        fee=None if leg is None else leg.fee,
        total=None if leg is None else leg.total,
        probability=None if leg is None else round(leg.total / size, 6),
        near=sum((n for price, n in asks if price <= asks[0][0] + NEAR), Decimal(0)),
        available=there if leg is None else None,
    )


History = list[tuple[datetime, Decimal]]


async def histories(across: Across, pairing: Pairing, hours: int) -> tuple[History, History]:
    """Prices of the question in time on both platforms; the second turned round where its yes is the first's no."""
    first, second = await asyncio.gather(
        across.first.history(pairing.one, hours), across.second.history(pairing.other, hours)
    )
    relation = pairing.relation if pairing.relation != "unknown" else pairing.verdict.would_be
    if relation == "complement":
        second = [(at, ONE - price) for at, price in second]
    return first, second
