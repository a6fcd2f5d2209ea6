"""What people and models write for a price, a count, a share, a time or a market, and what it means. Pure.

Where two readings are possible, none is taken: the error names both. Rules of this house, listed in docs/words.md.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from prediction_mcp.net.words import printed

from .links import link_of

MOST_CONTRACTS = Decimal(10) ** 9
MOST_DOLLARS = Decimal(10) ** 9
LONGEST = 40
"""Characters of a number; longer ones are never looked at."""
MOST_DECIMALS = 30
"""Of a JSON number: 0.6333333333333333 is one that somebody means, 1e-300 isn't."""
FINEST, NOISE = Decimal("0.0001"), Decimal("1e-9")
"""Cents: the finest grid of any market, and how far from a grid's price a price still is that price."""
PLAIN = "a plain number like 10 or 2.5"
_NUMBER = re.compile(r"-?(?:[0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){2,3})?(?:\.[0-9]{1,20})?")
_PRICE = re.compile(
    r"(?P<dollar>\$)?\s*(?P<number>-?[0-9]*\.?[0-9]*)\s*"
    r"(?P<unit>¢|%|c|ct|cts|cent|cents|percent|\$|dollar|dollars|usd)?(?:\s+(?:each|per contract))?",
    re.IGNORECASE,
)
_DOLLARS = {"$", "dollar", "dollars", "usd"}


def number(value: Any, most: Decimal = MOST_CONTRACTS) -> Decimal:
    """An exact number: JSON's, or the same as text, without exponents, signs in front, or digits of other scripts.

    Raises:
        ValueError: it is none, or beyond ``most``; in words for whoever wrote it.
    """
    if isinstance(value, float):
        if not math.isfinite(value) or abs(value) > most:
            raise ValueError(f"{PLAIN}, {most:,f} at most")
        value = Decimal(repr(value))
        if -value.as_tuple().exponent > MOST_DECIMALS:
            raise ValueError(f"{PLAIN}, not as small as that")
    elif isinstance(value, str):
        text = value.strip()
        if len(text) > LONGEST or not any(c in "0123456789" for c in text) or not _NUMBER.fullmatch(text):
            raise ValueError(PLAIN)
        value = Decimal(text.replace(",", ""))
    elif isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > most:
            raise ValueError(f"{PLAIN}, {most:,f} at most")
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise ValueError(PLAIN)
    if value.adjusted() > most.adjusted() or abs(value) > most:
        raise ValueError(f"{PLAIN}, {most:,f} at most")
    return value


def whole(value: Any) -> int:
    """A whole number, like 5. Raises ValueError."""
    found = number(value)
    if found != found.to_integral_value():
        raise ValueError("a whole number")
    return int(found)


def price(value: Any) -> Decimal:
    """A price in cents: 60, "60¢", "60c", "60%", "$0.60" and "0.6¢" are what they say.

    A bare number below one could be dollars or a fraction of a cent, and is taken for neither.

    Raises:
        ValueError: it could be two things, or is none.
    """
    unit = ""
    if isinstance(value, str):
        text = value.strip()
        found = _PRICE.fullmatch(text) if len(text) <= LONGEST else None
        if found is None or not found["number"].strip("-."):
            raise ValueError('a price like 60, "60¢" or "$0.60"')
        unit = (found["unit"] or "").lower()
        if found["dollar"]:
            if unit and unit not in _DOLLARS:
                raise ValueError('a price in one unit, like 60, "60¢" or "$0.60"')
            unit = "$"
        value = found["number"]
    try:
        amount = number(value, Decimal(10_000))
    except ValueError:
        raise ValueError('a price like 60, "60¢" or "$0.60"') from None
    if unit in _DOLLARS:
        return _without_noise(amount * 100)
    amount = _without_noise(amount)
    if not unit and 0 < amount < 1:
        cents = (amount * 100).normalize()
        raise ValueError(f'clear: "{cents:f}¢" (${printed(amount)}), or "{printed(amount)}¢" (a part of a cent)?')
    return amount


def _without_noise(cents: Decimal) -> Decimal:
    """Return the price that binary fractions blurred (28.000000000000004): every grid's prices have four decimals."""
    near = cents.quantize(FINEST)
    return near if near != cents and abs(cents - near) <= NOISE else cents


def dollars(value: Any) -> Decimal:
    """Dollars: 50, "$50", "50 dollars". Raises ValueError."""
    if isinstance(value, str):
        text = value.strip()
        text = re.sub(r"\s*(?:usd|dollars?|\$)\Z", "", text[:LONGEST], flags=re.IGNORECASE)
        value = text.removeprefix("$").strip()
    try:
        return number(value, MOST_DOLLARS)
    except ValueError:
        raise ValueError(f"dollars like 50 or 12.5, {MOST_DOLLARS:,f} at most") from None


def probability(value: Any) -> Decimal:
    """A probability between 0 and 1: 0.7, "70%" and 70 are the same. Raises ValueError."""
    percent = isinstance(value, str) and value.strip().lower().endswith(("%", "percent"))
    if percent:
        value = re.sub(r"\s*(?:%|percent)\s*\Z", "", value[:LONGEST], flags=re.IGNORECASE)
    try:
        share = number(value, Decimal(100))
    except ValueError:
        raise ValueError('a probability like 0.7, "70%" or 70') from None
    if not percent and share == 1:
        raise ValueError('clear: "1%", or certainty (which is no estimate)?')
    if percent or share > 1:
        share /= 100
    if not 0 < share < 1:
        raise ValueError('a probability between 0 and 1, like 0.7, "70%" or 70')
    return share


# -- times -------------------------------------------------------------------------------------------------------

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
"""Nothing on a prediction market lies before or after."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = r"(?P<n>[0-9]{1,5}|an?|one)\s*(?P<unit>s|m|h|d|w|secs?|seconds?|mins?|minutes?|hrs?|hours?|days?|weeks?)"
_AGO = re.compile(
    rf"(?:(?:the\s+)?(?:last|past)\s+)?{_SPAN}(?:\s+ago)?|(?:the\s+)?(?:last|past)\s+(?P<alone>hour|day|week)"
)
_IN = re.compile(rf"(?:in\s+)?{_SPAN}(?:\s+from\s+now)?")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = re.compile(
    r"(?:(?P<which>last|next|this)\s+)?(?P<day>today|tonight|yesterday|tomorrow|"
    + "|".join(f"{d[:3]}(?:{d[3:]})?" for d in _DAYS)
    + r")(?:(?:\s+at)?\s+(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2}))?\s*(?P<half>am|pm)?)?"
)
_BEFORE = 'a moment like 2026-12-01T18:00Z, "yesterday", "2 hours ago", or Unix seconds'
_AHEAD = 'a moment like 2026-12-01T18:00Z, "monday 17:00", a time from now like 2h, or Unix seconds'
_DIGITS = re.compile(r"-?[0-9]{1,17}(?:\.[0-9]{1,9})?")
MILLISECONDS = 10**11
"""Unix seconds of the year 5138: a larger number is milliseconds."""


def moment(value: Any, now: datetime, *, ahead: bool = False) -> datetime:
    """A moment, aware, in ``now``'s time zone where it has none: ISO, Unix seconds or milliseconds, or words.

    Args:
        ahead: of something to come: "2h" is in two hours, "monday" the next one; else two hours ago, the last one.

    Raises:
        ValueError: it is none, or lies outside of this century.
    """
    try:
        found = _moment(value, now, ahead)
    except (ValueError, ArithmeticError):
        found = None
    if found is None or not EARLIEST <= found <= LATEST:
        raise ValueError(_AHEAD if ahead else _BEFORE)
    return found


def _moment(value: Any, now: datetime, ahead: bool) -> datetime:
    zone = now.tzinfo or UTC
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    if isinstance(value, str) and len(value) <= LONGEST and not _DIGITS.fullmatch(value.strip()):
        return _in_words(" ".join(value.lower().split()), now, ahead) or _iso(value.strip(), zone)
    seconds = Decimal(value.strip()[:LONGEST]) if isinstance(value, str) else number(value, Decimal(10) ** 16)
    if abs(seconds) >= MILLISECONDS:
        seconds /= 1000
    return datetime.fromtimestamp(float(seconds), zone)


def _iso(text: str, zone: tzinfo) -> datetime:
    found = datetime.fromisoformat(re.sub(r"\s*UTC\Z", "+00:00", text.upper()))
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _in_words(text: str, now: datetime, ahead: bool) -> datetime | None:
    if text == "now":
        return now
    if (span := (_IN if ahead else _AGO).fullmatch(text)) is not None:
        alone = None if ahead else span["alone"]
        unit = alone or span["unit"]
        count = 1 if alone or not span["n"].isdigit() else int(span["n"])
        away = timedelta(**{_UNITS[unit[0]]: count})
        there = now.astimezone(UTC) + (away if ahead else -away)  # a day with another hour is passed over rightly
        return there.astimezone(now.tzinfo)
    if (day := _DAY.fullmatch(text)) is None:
        return None
    start = datetime(now.year, now.month, now.day, tzinfo=now.tzinfo)
    name, which = day["day"], day["which"]
    if name in ("today", "tonight", "yesterday", "tomorrow"):
        if which not in (None, "this"):
            return None
        shift = {"yesterday": -1, "tomorrow": 1}.get(name, 0)
    else:
        wanted = next(i for i, d in enumerate(_DAYS) if d.startswith(name[:3]))
        shift = (wanted - now.weekday()) % 7
        if which == "last" or (which is None and not ahead):
            shift -= 7 if shift or which == "last" else 0
        elif which in ("next", None):
            shift += 0 if shift else 7
    hour, minute = int(day["hour"] or (20 if name == "tonight" else 0)), int(day["minute"] or 0)
    if day["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if day["half"] == "pm" else 0)
    if hour > 23 or minute > 59:
        return None
    return (start + timedelta(days=shift)).replace(hour=hour, minute=minute)


# -- markets -------------------------------------------------------------------------------------------------------

TICKER = re.compile(r"[A-Z0-9][A-Z0-9._:-]{0,79}")
LONGEST_TEXT = 300
_PAGES = {"MARKETS", "EVENTS", "SERIES", "MARKET", "EVENT", "TRADE", "BROWSE", "CATEGORY", "SPORTS"}


def ticker(value: str) -> str:
    """A ticker in capitals: as it is, in lower case, or in a pasted link to Kalshi. Other text stays as it is.

    A link names a series, then words, then an event, and the market, if any, in its end or its query.

    Raises:
        ValueError: it is empty or very long.
    """
    text = value.strip()
    if not text or len(text) > LONGEST_TEXT:
        raise ValueError("a ticker, a link to Kalshi, or a few words")
    link = link_of(text)
    if link is not None and link.platform == "kalshi":
        query = [v for k, v in link.query if "ticker" in k or k == "market"]
        path = list(link.parts)
        if path[:1] == ["markets"]:
            del path[2:3]  # words for people
        names = [p.upper() for p in (*query, link.fragment, *reversed(path)) if p]
        fits = [n for n in names if TICKER.fullmatch(n) and n not in _PAGES]
        if fits:
            return fits[0]
    upper = text.upper()
    return upper if TICKER.fullmatch(upper) else text
