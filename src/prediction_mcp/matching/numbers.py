"""Thresholds in texts: above, at least, between, exactly; as the set of numbers for which the answer is yes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from prediction_mcp.net.words import printed

from .listing import Strike

_FACTORS = {
    "": 1, "k": 10**3, "thousand": 10**3, "m": 10**6, "mm": 10**6, "million": 10**6, "b": 10**9, "bn": 10**9,
    "billion": 10**9, "t": 10**12, "trillion": 10**12,
}  # fmt: skip
_N = (
    r"[$€£]?(\d[\d,]{0,24}(?:\.\d{1,12})?)(?: ?(million|billion|trillion|thousand|mm|bn|[kmbt])\b)?(?![\w.]\d)"
    r"(?:°|º|%| ?bps?| ?basis points?|°?f\b|°?c\b)*"
)
_AFTER = r"(?: of)?(?: the)? ?"
INFINITE = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers from ``low`` to ``high``, and whether its ends count."""

    low: Decimal = -INFINITE
    high: Decimal = INFINITE
    has_low: bool = True
    has_high: bool = True

    @property
    def said(self) -> str:
        low, high = printed(self.low), printed(self.high)
        if self.low == self.high:
            return f"exactly {low}"
        if self.high == INFINITE:
            return f"{'at least' if self.has_low else 'above'} {low}"
        if self.low == -INFINITE:
            return f"{'at most' if self.has_high else 'below'} {high}"
        return f"{low} to {high}"

    def on_grid(self, step: Decimal | None) -> Interval:
        """The same numbers of a grid, with ends that count: above 85 is at least 86 where only whole numbers are."""
        if step is None:
            return self
        low, high = self.low, self.high
        if low.is_finite():
            steps = low / step
            low = step * (steps.to_integral_value(ROUND_CEILING) + (not self.has_low and steps % 1 == 0))
        if high.is_finite():
            steps = high / step
            high = step * (steps.to_integral_value(ROUND_FLOOR) - (not self.has_high and steps % 1 == 0))
        return Interval(low, high)


_STEPS: tuple[tuple[re.Pattern[str], Decimal], ...] = (
    (re.compile(r"\btemp(?:erature)?s?\b", re.IGNORECASE), Decimal(1)),
    (re.compile(r"\b(?:cpi|consumer price index|inflation|unemployment rate|gdp)\b", re.IGNORECASE), Decimal("0.1")),
    (
        re.compile(r"\b(?:goals|hits|runs|points|touchdowns|strikeouts|seats|launches|passengers|tweets|posts|times|cuts)\b",
                   re.IGNORECASE), Decimal(1),
    ),
)  # fmt: skip


def step_of(title: str, rules: str) -> Decimal | None:
    """The grid that a number is published on, for those that everybody publishes alike: degrees, tenths, counts."""
    return next((step for pattern, step in _STEPS if pattern.search(title) or pattern.search(rules[:300])), None)


def of_strike(strike: Strike) -> Interval:
    low = -INFINITE if strike.low is None else strike.low
    high = INFINITE if strike.high is None else strike.high
    if strike.kind == "between":
        return Interval(low, high)
    if strike.kind in ("greater", "greater_or_equal"):
        return Interval(low=low, has_low=strike.kind == "greater_or_equal")
    return Interval(high=high, has_high=strike.kind == "less_or_equal")


_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (rf"\bbetween {_N}(?: and | to | ?[-–] ?){_N}", "range"),
        (rf"(?<![\w.,]){_N} ?(?:to|[-–]) ?{_N}(?!\w)", "range"),
        (rf"\b(?:at or above|at least|no less than|a minimum of|not below){_AFTER}{_N}", "ge"),
        (rf"\b(?:reach(?:es)?|hits?|touch(?:es)?){_AFTER}{_N}", "ge"),
        (rf"(?:≥|>=) ?{_N}", "ge"),
        (rf"(?<![\w.,]){_N}(?: or (?:more|higher|above|greater|over)| and above|\+)", "ge"),
        (r"(?<![\w.,])(\d+) or more (?:basis points|times)()", "ge"),
        (rf"\b(?:at or below|at most|no more than|not above|up to){_AFTER}{_N}", "le"),
        (rf"(?:≤|<=) ?{_N}", "le"),
        (rf"(?<![\w.,]){_N} or (?:less|lower|below|fewer|under)", "le"),
        (rf"\b(?:above|over|more than|greater than|higher than|exceeds?|exceeding){_AFTER}{_N}", "gt"),
        (rf"> ?{_N}", "gt"),
        (rf"\b(?:below|under|less than|fewer than|lower than){_AFTER}{_N}", "lt"),
        (rf"< ?{_N}", "lt"),
        (rf"\bexactly {_N}", "eq"),
        (rf"\bby {_N}(?=[^\d]|$)", "eq"),
        (rf"\b(?:be|is) {_N}(?=\?|$| when| in )", "eq"),
    )
)  # fmt: skip
_BARE = re.compile(rf"^\W*{_N}\W*$", re.IGNORECASE)
_RATES = re.compile(
    r"\b(?:interest rates?|policy rates?|target range|federal funds|basis points?|bps?|fed)\b", re.IGNORECASE
)
_COUNTED = re.compile(r"\b(?:how many|times?|cuts in|cut in \d|or more \w+ rate cuts)\b", re.IGNORECASE)
_DOWN = re.compile(r"\b(?:cut|cuts|decrease|decreases|lower|lowers|lowered)\b", re.IGNORECASE)
_UP = re.compile(r"\b(?:raise|raises|raised|increase|increases|hike|hikes)\b", re.IGNORECASE)
_STILL = re.compile(r"\b(?:unchanged|no change|maintains?|holds? rates)\b", re.IGNORECASE)
TOUCH = re.compile(
    r"\b(?:(?:reach(?:es)?|hits?|touch(?:es)?|dips? to) [$€£]?\d|at any (?:time|point)\b|any point\b)", re.IGNORECASE
)
"""The number need only be met once, not at the end."""


def is_move(text: str) -> bool:
    """Whether it asks by how much interest rates are changed."""
    if _COUNTED.search(text):
        return False
    moves = _DOWN.search(text) or _UP.search(text) or _STILL.search(text)
    return bool(moves and _RATES.search(text))


def interval(option: str, title: str, rules: str) -> Interval | None:
    """What the texts, less their days and times, ask of a number; None where they ask nothing of one.

    A change of interest rates is counted in basis points, downwards below zero.
    """
    together = f"{option}. {title}. {rules}"
    if is_move(together):
        return _move(option, title, rules)
    for text in (option, title, rules):
        found = _first(text)
        if found is not None:
            return found
    if bare := _BARE.match(option):
        number = _number(bare[1], bare[2])
        return Interval(number, number)
    return None


def _first(text: str) -> Interval | None:
    for pattern, kind in _PATTERNS:
        match = pattern.search(text)
        if match is None:
            continue
        low = _number(match[1], match[2] or (match[4] if kind == "range" else None))
        if kind == "range":
            return Interval(low, _number(match[3], match[4] or match[2]))
        return {
            "ge": Interval(low), "gt": Interval(low, has_low=False), "le": Interval(high=low),
            "lt": Interval(high=low, has_high=False), "eq": Interval(low, low),
        }[kind]  # fmt: skip
    return None


def _move(option: str, title: str, rules: str) -> Interval | None:
    for text in (option, title, rules):
        if _STILL.search(text):
            return Interval(Decimal(0), Decimal(0))
        down, up = _DOWN.search(text), _UP.search(text)
        if bool(down) == bool(up):
            continue
        size = _first(text) or next((Interval(_number(n, ""), _number(n, "")) for n in _steps(text)), None)
        if size is None:
            size = Interval(Decimal(0), has_low=False)
        return size if up else Interval(-size.high, -size.low, size.has_high, size.has_low)
    return None


def _steps(text: str) -> list[str]:
    return re.findall(r"(\d+) ?(?:bps?|basis points?)", text, re.IGNORECASE)


def _number(digits: str, factor: str | None) -> Decimal:
    return Decimal(digits.replace(",", "").rstrip(".")) * _FACTORS[(factor or "").lower()]
