"""How good beliefs were: proper scores, skill against the market, calibration, what betting on them would have paid.

Scores are floats: computing with money happens in :func:`bet` only, which is exact. Sources: Brier (1950), Good (1952)
for the logarithmic score, Kelly (1956); the interval is a percentile bootstrap over whole events (Efron 1979), since
beliefs about one event are no independent draws.
"""

from __future__ import annotations

import math
import random
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from .costs import Fees
from .risk import kelly

BINS = 10
RESAMPLES = 2_000
SEED = 1
FEWEST = 20
"""Events below which nothing is concluded: a bootstrap of fewer is too narrow."""
ZERO, ONE, HUNDREDTH = Decimal(0), Decimal(1), Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Believed:
    """A belief in YES, the market's middle at that moment, and what YES paid (0 to 1); ``group`` is the event."""

    probability: Decimal
    market: Decimal | None
    value: Decimal
    group: str


def brier(probability: float, value: float) -> float:
    """Squared distance: 0 is perfect, 0.25 is what always saying a half gets."""
    return (probability - value) ** 2


def logarithmic(probability: float, value: float) -> float:
    """Surprise in nats: 0 is perfect, 0.693 is what always saying a half gets. Raises ValueError at 0 and 1."""
    return -(value * math.log(probability) + (1 - value) * math.log(1 - probability))


@dataclass(frozen=True, slots=True)
class Bin:
    """Beliefs of one tenth of the scale: how many, their mean, and how often YES came."""

    low: float
    high: float
    count: int
    believed: float
    happened: float


@dataclass(frozen=True, slots=True)
class Skill:
    """Mean scores over the beliefs for which the market had a price, too.

    ``better`` is by how much the mean Brier score beats the market's; ``low`` and ``high`` its 95% interval, None where
    there are too few events.
    """

    count: int
    events: int
    brier: float
    market_brier: float
    log: float
    market_log: float
    better: float
    low: float | None
    high: float | None

    @property
    def skill(self) -> float | None:
        """Brier skill score against the market: 1 is perfect, 0 the market's own, below 0 worse."""
        return None if not self.market_brier else 1 - self.brier / self.market_brier


def mean_scores(believed: Sequence[Believed]) -> tuple[float, float]:
    """(mean Brier, mean logarithmic) of at least one belief."""
    pairs = [(float(one.probability), float(one.value)) for one in believed]
    return (
        math.fsum(brier(p, y) for p, y in pairs) / len(pairs),
        math.fsum(logarithmic(p, y) for p, y in pairs) / len(pairs),
    )


def calibration(believed: Sequence[Believed]) -> list[Bin]:
    """Tenths of the scale that hold any belief; the last one has 1 in it."""
    found: dict[int, list[Believed]] = defaultdict(list)
    for one in believed:
        found[min(int(one.probability * BINS), BINS - 1)].append(one)
    return [
        Bin(
            at / BINS, (at + 1) / BINS, len(some),
            math.fsum(float(one.probability) for one in some) / len(some),
            math.fsum(float(one.value) for one in some) / len(some),
        )
        for at, some in sorted(found.items())
    ]  # fmt: skip


def skill(believed: Sequence[Believed]) -> Skill | None:
    """Against the market's middle at the same moments; None where no belief has one.

    A middle of 0 or 1 can't be: books are quoted inside.
    """
    both = [(one, one.market) for one in believed if one.market is not None and 0 < one.market < 1]
    if not both:
        return None
    mine = mean_scores([one for one, _ in both])
    theirs = mean_scores([Believed(market, market, one.value, one.group) for one, market in both])
    by_event: dict[str, list[float]] = defaultdict(list)
    for one, market in both:
        value = float(one.value)
        by_event[one.group].append(brier(float(market), value) - brier(float(one.probability), value))
    low, high = _interval(list(by_event.values())) if len(by_event) >= FEWEST else (None, None)
    return Skill(len(both), len(by_event), mine[0], theirs[0], mine[1], theirs[1], theirs[0] - mine[0], low, high)


def _interval(events: list[list[float]]) -> tuple[float, float]:
    """The middle 95% of the mean over resampled events; the same figures give the same answer."""
    sums, counts = [math.fsum(event) for event in events], [len(event) for event in events]
    chance, numbers = random.Random(SEED), range(len(events))  # noqa: S311 - resampling, no secret
    means = list[float]()
    for _ in range(RESAMPLES):
        drawn = chance.choices(numbers, k=len(events))
        means.append(sum(map(sums.__getitem__, drawn)) / sum(map(counts.__getitem__, drawn)))
    cuts = statistics.quantiles(means, n=40, method="inclusive")
    return cuts[0], cuts[-1]


@dataclass(frozen=True, slots=True)
class Bet:
    """What a stake on a belief made: dollars, fees in both."""

    side: str
    contracts: Decimal
    staked: Decimal
    profit: Decimal


def bet(
    believed: Decimal, quotes: tuple[Decimal | None, Decimal | None], value: Decimal, fees: Fees, stake: Decimal
) -> Bet | None:
    """Buy the side that the belief finds cheap, at the best price there was, for at most ``stake`` dollars.

    Args:
        quotes: (bid, ask) of YES then, in dollars.
        value: what YES paid.

    Returns:
        None where neither side looked cheap after its fee, or the stake buys nothing.
    """
    side = cheap(believed, quotes, fees)
    if side is None:
        return None
    name, price, _ = side
    contracts = (stake / price).quantize(HUNDREDTH, ROUND_DOWN)
    while contracts > 0 and (cost := contracts * price + fees.fee(price, contracts, is_taker=True)) > stake:
        contracts -= max((cost - stake).quantize(HUNDREDTH, ROUND_DOWN), HUNDREDTH)
    if contracts <= 0:
        return None
    cost = contracts * price + fees.fee(price, contracts, is_taker=True)
    return Bet(name, contracts, cost, contracts * (value if name == "yes" else ONE - value) - cost)


def cheap(
    believed: Decimal, quotes: tuple[Decimal | None, Decimal | None], fees: Fees
) -> tuple[str, Decimal, Decimal] | None:
    """(side, price, Kelly's share of the bankroll) of the side that is worth more than it costs with its fee."""
    bid, ask = quotes
    for side, belief, price in (("yes", believed, ask), ("no", ONE - believed, None if bid is None else ONE - bid)):
        if price is None or not 0 < price < 1:
            continue
        whole = price + fees.fee(price, Decimal(100), is_taker=True) / 100
        if whole < 1 and (share := kelly(belief, whole)) > 0:
            return side, price, share
    return None
