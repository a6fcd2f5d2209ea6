"""What the outside world would report about simulated events: scores, temperatures, prices, forecasts.

All of it follows from an event and a moment, so a question asked again is answered alike; and it ends where the event
ends. Floats are fine here: nothing of this is money.
"""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass
from statistics import NormalDist

from .fair import NumberFair
from .listed import Event

WAVES = 5
POINTS = {"KXNBAGAME": (225, (2, 2, 2, 3, 1)), "KXNFLGAME": (46, (3, 7, 7, 6, 2))}
"""Points both teams score in a game of a series, and what one score is worth."""
GAME_MS = 3 * 3_600_000


def _rng(key: str) -> random.Random:
    return random.Random(int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()))


def wander(key: str, at_ms: int, period_ms: int) -> float:
    """A smooth path through time of about unit size, always the same for its key."""
    rng = _rng(key)
    total = 0.0
    for wave in range(1, WAVES + 1):
        phase, weight = rng.uniform(0, 2 * math.pi), 1 / wave
        total += weight * math.sin(2 * math.pi * wave * at_ms / period_ms + phase)
    return total / 1.2


def number_at(event: Event, at_ms: int, now_ms: int) -> NormalDist | None:
    """What was thought of an event's number at a time up to now; None if the event isn't about a number."""
    fair = event.fair
    if not isinstance(fair, NumberFair):
        return None
    last = event.markets[0].decide_ms
    span = max(last - event.markets[0].open_ms, 1)
    anchor = min(now_ms, last)
    left_then, left_now = max(last - at_ms, 1), max(last - anchor, 1)
    sd = fair.sd * math.sqrt(left_then / left_now) if fair.decided is None else fair.sd
    drift = wander(event.ticker, at_ms, span) - wander(event.ticker, anchor, span)
    return NormalDist(fair.mean + drift * fair.sd, max(min(sd, 50 * fair.sd), 1e-9))


@dataclass(frozen=True, slots=True)
class Score:
    """One score of a game: who made it, when, and what the totals were then."""

    at_ms: int
    side: int  # 0 away, 1 home
    points: int
    away: int
    home: int


def game_starts(event: Event) -> int:
    return event.markets[0].close_ms - GAME_MS


def scores(event: Event) -> list[Score]:
    """All scores of a game as it will have gone; the winner of a decided one wins by them."""
    total, worth = POINTS[event.series.ticker]
    rng = _rng(event.ticker)
    start, made, totals = game_starts(event), [], [0, 0]
    while sum(totals) < total + rng.randrange(-total // 5, total // 5):
        side, points = rng.randrange(2), rng.choice(worth)
        totals[side] += points
        made.append((side, points))
    winner = next((i for i, market in enumerate(event.markets) if market.result == "yes"), None)
    if winner is not None and totals[winner] <= totals[1 - winner]:
        made = [(1 - side, points) for side, points in made]  # the same game, the other way round
        if totals[0] == totals[1]:
            made.append((winner, worth[0]))
    totals, out = [0, 0], []
    for i, (side, points) in enumerate(made):
        totals[side] += points
        out.append(Score(start + GAME_MS * (i + 1) // (len(made) + 1), side, points, totals[0], totals[1]))
    return out


def temperature(city: str, at_ms: int, middle: float) -> float:
    """Degrees Fahrenheit of a city: warmer days and colder ones, a daily round, a little noise."""
    day = 86_400_000
    round_the_clock = 7 * math.sin(2 * math.pi * (at_ms / day - 0.62))
    return round(
        middle + 5 * wander(city, at_ms, 20 * day) + round_the_clock + wander(f"{city}/noise", at_ms, day // 24), 2
    )
