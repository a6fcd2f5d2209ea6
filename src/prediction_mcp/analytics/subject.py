"""What number a market's rules speak of: its wording without its own strike. Pure.

Two events are about one number where this is the same to the letter: the exchange has no field that says so, but words
a range of an index and a threshold of it alike ("… is between 95000-95249.99 at 5 PM …", "… is above 95000 at 5 PM …").
A wording that isn't understood is no subject: then nothing is taken for the same.
"""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = r"\$?(\d+(?:,\d{3})*(?:\.\d+)?)"
_BEFORE = (
    r"(?:is|are|be|was|were|records?|reaches?)?\s*(?:strictly )?"
    r"(?:above|below|over|under|exceeds?|at least|at most|between|from"
    r"|(?:greater|less|more|fewer|higher|lower) than(?: or equal to)?)?"
)
_AFTER = r"(?:\s*(?:\+|or (?:above|below|more|less|higher|lower|greater|fewer)))?"
_STRIKE = re.compile(rf"{_BEFORE}\s*{_NUMBER}(?:\s*(?:-|–|to|and)\s*{_NUMBER})?{_AFTER}")
HALF = Decimal("0.5")
LONGEST = 2_000
"""Characters of rules that are looked at; Kalshi's are a few hundred."""


def subject(rules: str, floor: Decimal | None, cap: Decimal | None) -> str | None:
    """The wording with a gap where the strike stood; None where the strike doesn't stand there exactly once."""
    if len(rules) > LONGEST:
        return None
    found = [m for m in _STRIKE.finditer(rules) if _names(m, floor, cap)]
    if len(found) != 1:
        return None
    (only,) = found
    return f"{' '.join(rules[: only.start()].split())} … {' '.join(rules[only.end() :].split())}"


def _names(match: re.Match[str], floor: Decimal | None, cap: Decimal | None) -> bool:
    """Whether a figure, or a pair of them, is this market's strike; "3+" is above 2.5."""
    first, second = (None if text is None else Decimal(text.replace(",", "")) for text in match.groups())
    if floor is not None and cap is not None:
        return (first, second) == (floor, cap)
    strike = cap if floor is None else floor
    if strike is None or second is not None:
        return False
    return first == strike or (match[0].endswith("+") and first == strike + HALF and first % 1 == 0)
