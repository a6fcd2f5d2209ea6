"""What people mean by what they type: numbers, dates, nicknames, words that say nothing."""

from __future__ import annotations

import re
from datetime import date, timedelta

STOP = frozenset(
    """a an and any are at be by do does for from has have how i if in is it its market markets of on or over than that
    the there this to vs was we what when where which who whom will with would above below price chance odds probability
    """.split()  # noqa: SIM905 - a list of words reads as words
)
"""Words that nearly every question has; "above" and the like are said by the strike that follows."""
NICKNAMES: dict[str, tuple[str, ...]] = {
    "btc": ("bitcoin",), "bitcoin": ("btc",), "eth": ("ethereum",), "ethereum": ("eth",), "nyc": ("new york",),
    "spx": ("s p 500",), "sp500": ("s p 500",), "snp": ("s p 500",), "unemployment": ("jobs", "u3"),
    "inflation": ("cpi",), "cpi": ("inflation",), "temperature": ("high", "temp"), "hot": ("temperature",),
    "potus": ("president",), "president": ("presidential",), "superbowl": ("super bowl", "football champion"),
    "nfl": ("football",), "nba": ("basketball",), "mlb": ("baseball",), "nhl": ("hockey",),
    "fomc": ("fed",), "rates": ("rate", "fed"), "rate": ("rates", "decision"), "hike": ("hikes",), "gdp": ("growth",),
}  # fmt: skip
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+(?:\.\d+)?[kmb]?|[a-z0-9]+", re.IGNORECASE)
_SHORT = re.compile(r"(\d+(?:\.\d+)?)([kmb])")
_FACTOR = {"k": 1_000, "m": 1_000_000, "b": 1_000_000_000}


def plain(text: str) -> str:
    """Text as it is indexed: 91,000 is one number."""
    return _THOUSANDS.sub("", text)


def terms(query: str, today: date) -> list[tuple[str, ...]]:
    """A query as groups of alternatives; a market fits a group by any of them."""
    groups = list[tuple[str, ...]]()
    for raw in _TOKEN.findall(plain(query).lower()):
        word = raw.replace("'", "")
        short = _SHORT.fullmatch(word)
        if short:
            groups.append((f"{float(short[1]) * _FACTOR[short[2]]:.0f}",))
        elif (day := _day(word, today)) is not None:
            groups.append(day)
        elif word not in STOP:
            groups.append((word, *NICKNAMES.get(word, ())))
    return groups


def _day(word: str, today: date) -> tuple[str, ...] | None:
    """ "tomorrow" as titles write it: "nov 22"."""
    ahead = {"today": 0, "tonight": 0, "tomorrow": 1}.get(word)
    if ahead is None:
        return None
    day = today + timedelta(days=ahead)
    return (f"{day:%b} {day:%d}".lower(), f"{day:%B} {day.day}".lower(), f"{day:%y%b%d}".lower())
