"""How much a probability moves: realised volatility in cents and in log-odds, range, largest moves.

Statistics of prices, not money: floats are fine here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

EDGE = 0.001
"""Prices nearer to 0 or 1 count as this far away when log-odds are taken: there they would be infinite."""


def log_odds(p: float) -> float:
    """ln(p / (1 − p)): a move from 2 to 4 % counts there like one from 50 to 67 %, as it should."""
    clipped = min(max(p, EDGE), 1 - EDGE)
    return math.log(clipped / (1 - clipped))


def changes(values: Sequence[float]) -> list[float]:
    return [b - a for a, b in pairwise(values)]


def realised(moves: Sequence[float], per_day: float) -> float | None:
    """Square root of the mean squared move, times the root of the moves in a day; None without moves.

    Not about the mean: over short times the drift is noise (Andersen and Bollerslev, 1998).
    """
    return math.sqrt(fmean(move * move for move in moves) * per_day) if moves else None


@dataclass(frozen=True, slots=True)
class Volatility:
    """A day's typical move, in dollars of price and in log-odds, and the range of the prices seen."""

    daily: float | None
    daily_log_odds: float | None
    low: float
    high: float
    net: float


def volatility(closes: Sequence[float], per_day: float = 24.0) -> Volatility:
    """Of closing prices at even times, ``per_day`` of them a day. Raises ValueError without a price."""
    if not closes:
        raise ValueError("there is no price")
    return Volatility(
        realised(changes(closes), per_day),
        realised(changes([log_odds(p) for p in closes]), per_day),
        min(closes),
        max(closes),
        closes[-1] - closes[0],
    )


def correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Pearson's r of two series of the same length; None below three points or where one doesn't move."""
    if len(a) != len(b):
        raise ValueError("the series differ in length")
    if len(a) < 3:
        return None
    mean_a, mean_b = fmean(a), fmean(b)
    var_a, var_b = sum((x - mean_a) ** 2 for x in a), sum((y - mean_b) ** 2 for y in b)
    if not var_a or not var_b:
        return None
    return sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True)) / math.sqrt(var_a * var_b)
