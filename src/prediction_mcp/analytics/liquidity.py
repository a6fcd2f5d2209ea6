"""How easily a market trades: spread, depth near the middle, imbalance, the cost of going in and out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from prediction_mcp.net.words import printed

from .book import Level, mid, spread
from .costs import Fees
from .orders import meet, outcome

ZERO, ONE = Decimal(0), Decimal(1)
BANDS = (Decimal("0.01"), Decimal("0.05"), Decimal("0.10"))
NEAR = Decimal("0.05")
"""Dollars from the middle within which depth counts for the imbalance and the score."""


def depth_within(levels: Sequence[Level], centre: Decimal, band: Decimal) -> Decimal:
    """Contracts that rest no further than ``band`` dollars from ``centre``."""
    return sum((count for price, count in levels if abs(price - centre) <= band), ZERO)


def imbalance(bids: Decimal, asks: Decimal) -> Decimal | None:
    """(bids − asks) / (bids + asks), from −1 (only sellers) to 1 (only buyers); None where nothing rests."""
    return (bids - asks) / (bids + asks) if bids + asks else None


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Buying ``size`` YES and selling it again at once, in dollars; ``cost`` has both spreads and both fees in it."""

    size: Decimal
    cost: Decimal | None
    fees: Decimal | None
    unfilled: Decimal


def round_trip(bids: Sequence[Level], asks: Sequence[Level], size: Decimal, schedule: Fees | None) -> RoundTrip:
    """What it costs to take ``size`` from the asks and give it to the bids, as a taker both times."""
    bought = outcome(meet(asks, size, ONE, buying=True), size, ZERO, schedule, buying=True, rests=False)
    sold = outcome(meet(bids, size, ZERO, buying=False), size, size, schedule, buying=False, rests=False)
    short = max(size - bought.filled, size - sold.filled)
    if short or bought.fee is None or sold.fee is None:
        return RoundTrip(size, None, None, short)
    fees = bought.fee + sold.fee
    return RoundTrip(size, bought.paid - sold.received + fees, fees, ZERO)


@dataclass(frozen=True, slots=True)
class Score:
    """0 to 100: up to 40 for the spread, 40 for depth, 20 for volume; with the reasons in words."""

    total: int
    reasons: list[str]


def score(bids: Sequence[Level], asks: Sequence[Level], volume_24h: Decimal) -> Score:
    """Spread (40), depth (40 × min(1, dollars within 5¢ / 1,000)) and volume (20 × min(1, contracts a day / 1,000)).

    The spread earns 40 up to a cent and 4 less with each cent more, so nothing from 11¢ on. A scale of this project's
    own: a market with both sides a cent apart, $1,000 near the middle and 1,000 contracts a day has all of it; one
    without a side has nothing for spread and depth.
    """
    bid, ask = (levels[0][0] if levels else None for levels in (bids, asks))
    width, centre = spread(bid, ask), mid(bid, ask)
    reasons = list[str]()
    if width is None or centre is None:
        tight = deep = ZERO
        reasons.append("one side of the book is empty")
    else:
        tight = min(Decimal(40), 40 * max(ZERO, 1 - (width - Decimal("0.01")) * 10))
        dollars = sum((p * n for p, n in bids if centre - p <= NEAR), ZERO)
        dollars += sum(((1 - p) * n for p, n in asks if p - centre <= NEAR), ZERO)
        deep = 40 * min(ONE, dollars / 1_000)
        reasons.append(f"spread {printed(width * 100)}¢")
        reasons.append(f"${dollars:,.0f} within 5¢ of the middle")
    busy = 20 * min(ONE, volume_24h / 1_000)
    reasons.append(f"{volume_24h:,.0f} contracts in 24 h")
    return Score(int(tight + deep + busy), reasons)
