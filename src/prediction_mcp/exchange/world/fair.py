"""What a simulated event is really worth: the latent truth that the crowd trades around and that settles it.

Floats are fine here: these are opinions, not money. Prices made from them are put on the market's grid.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Protocol

FLOOR = 0.004
"""No fair value comes nearer to 0 or 1 than this while a market trades."""


class Fair(Protocol):
    """Fair values of one event's markets, in the order the event lists them; once settled, what each YES pays."""

    decided: list[float] | None

    def probabilities(self) -> list[float]: ...

    def step(self, rng: random.Random, share_of_life: float) -> None:
        """Let time pass: ``share_of_life`` is the part of what is left of the event's life."""
        ...

    def settle(self, rng: random.Random) -> tuple[list[float], str]:
        """Decide: what each market's YES pays (0..1), and the value that decided it."""
        ...


def clamp(p: float) -> float:
    return min(max(p, FLOOR), 1 - FLOOR)


@dataclass(slots=True)
class ExclusiveFair:
    """Exactly one of the outcomes happens: a softmax over scores that wander. One outcome alone is against "none".

    ``unclear``: in the end the one outcome can't be told, and it pays its fair price, to four decimals.
    """

    scores: list[float]
    labels: list[str]
    decided: list[float] | None = None
    unclear: bool = False

    def probabilities(self) -> list[float]:
        if self.decided is not None:
            return self.decided
        scores = self.scores if len(self.scores) > 1 else [self.scores[0], 0.0]
        top = max(scores)
        weights = [math.exp(s - top) for s in scores]
        total = sum(weights)
        return [clamp(w / total) for w in weights][: len(self.scores)]

    def step(self, rng: random.Random, share_of_life: float) -> None:
        spread = 1.2 * math.sqrt(min(share_of_life, 1.0))
        jump = 0.6 if rng.random() < 0.01 else 0.0  # news
        self.scores = [s + rng.gauss(0.0, spread) + rng.choice((-jump, jump)) for s in self.scores]

    def settle(self, rng: random.Random) -> tuple[list[float], str]:
        probabilities = self.probabilities()
        if self.unclear:
            self.decided = [round(probabilities[0], 4)]
            return self.decided, f"{self.decided[0]:.4f}"
        if len(probabilities) == 1:
            happened = rng.random() < probabilities[0]
            self.decided = [1.0 if happened else 0.0]
            return self.decided, self.labels[0] if happened else "no"
        winner = rng.choices(range(len(probabilities)), probabilities)[0]
        self.decided = [1.0 if i == winner else 0.0 for i in range(len(probabilities))]
        return self.decided, self.labels[winner]


@dataclass(slots=True)
class NumberFair:
    """A number will be published; each market is a range of it: above, below or between strikes."""

    mean: float
    sd: float
    ranges: list[tuple[float | None, float | None]]
    decimals: int = 2
    decided: list[float] | None = None
    value: float | None = None
    """The number, once it is out."""

    def _cdf(self, x: float) -> float:
        return 0.5 * (1.0 + math.erf((x - self.mean) / (self.sd * math.sqrt(2.0))))

    def probabilities(self) -> list[float]:
        if self.decided is not None:
            return self.decided
        return [clamp(self.within(floor, cap)) for floor, cap in self.ranges]

    def within(self, floor: float | None, cap: float | None) -> float:
        """How likely the number lies above the first and not above the second; once it is out, 0 or 1."""
        if self.value is not None:
            return float((floor is None or self.value > floor) and (cap is None or self.value <= cap))
        return (1.0 if cap is None else self._cdf(cap)) - (0.0 if floor is None else self._cdf(floor))

    def step(self, rng: random.Random, share_of_life: float) -> None:
        share = min(share_of_life, 1.0)
        self.mean += rng.gauss(0.0, self.sd * math.sqrt(share))
        self.sd *= math.sqrt(max(1.0 - share, 1e-6))

    def settle(self, rng: random.Random) -> tuple[list[float], str]:
        self.value = round(rng.gauss(self.mean, self.sd), self.decimals)
        self.decided = [self.within(floor, cap) for floor, cap in self.ranges]
        return self.decided, f"{self.value:.{self.decimals}f}"


@dataclass(slots=True)
class ScalarFair:
    """A market that pays a share of the dollar, like a vote share: the rare ``scalar`` result."""

    mean: float
    sd: float = 0.08
    decided: list[float] | None = None

    def probabilities(self) -> list[float]:
        return self.decided or [clamp(self.mean)]

    def step(self, rng: random.Random, share_of_life: float) -> None:
        self.mean = clamp(self.mean + rng.gauss(0.0, self.sd * math.sqrt(min(share_of_life, 1.0))))

    def settle(self, rng: random.Random) -> tuple[list[float], str]:
        value = round(clamp(rng.gauss(self.mean, self.sd / 4)), 2)
        self.decided = [value]
        return self.decided, f"{value:.2f}"


@dataclass(slots=True)
class SharedFair:
    """Another event's fair value seen by an event that asks the same: outcomes picked, denied, or cut another way.

    ``picks`` are (index of the other's outcome, whether it or its denial is asked); ``ranges`` cut a number anew.
    Whichever event ends first decides both.
    """

    base: Fair
    of: str
    picks: list[tuple[int, bool]] = field(default_factory=list)
    ranges: list[tuple[float | None, float | None]] = field(default_factory=list)
    drives: bool = False
    """Whether it lets the other's time pass too, because nobody else does."""
    decided: list[float] | None = None

    def probabilities(self) -> list[float]:
        return self.decided if self.decided is not None else [clamp(p) for p in self._seen()]

    def _seen(self) -> list[float]:
        if isinstance(self.base, NumberFair) and self.ranges:
            return [self.base.within(floor, cap) for floor, cap in self.ranges]
        theirs = self.base.probabilities()
        return [theirs[i] if is_yes else 1.0 - theirs[i] for i, is_yes in self.picks]

    def step(self, rng: random.Random, share_of_life: float) -> None:
        if self.drives and self.base.decided is None:
            self.base.step(rng, share_of_life)

    def settle(self, rng: random.Random) -> tuple[list[float], str]:
        if self.base.decided is None:
            self.base.settle(rng)
        self.decided = self._seen()
        return self.decided, ""


@dataclass(frozen=True, slots=True)
class Leg:
    """One condition of a combo: a market of some event, and the side of it that must be right."""

    fair: Fair
    index: int
    is_yes: bool

    def probability(self) -> float:
        p = self.fair.probabilities()[self.index]
        return p if self.is_yes else 1.0 - p


@dataclass(slots=True)
class ComboFair:
    """All legs must happen. Decided by its legs, after them."""

    legs: list[Leg] = field(default_factory=list)
    decided: list[float] | None = None

    def probabilities(self) -> list[float]:
        if self.decided is not None:
            return self.decided
        return [clamp(self._product())]

    def _product(self) -> float:
        return math.prod(leg.probability() for leg in self.legs)

    def step(self, rng: random.Random, share_of_life: float) -> None:
        """Nothing of its own: it moves with its legs."""

    def settle(self, rng: random.Random) -> tuple[list[float], str]:
        self.decided = [round(self._product(), 2)]
        return self.decided, "all legs" if self.decided[0] == 1.0 else "not all legs"
