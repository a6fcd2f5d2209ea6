"""What the feeds say, decoded: one shape for all frames of the market feed, one for those of the user feed.

A frame is an object or an array of them; its name stands in ``event_type``, or in ``type`` where that is missing; key
order isn't fixed. Numbers are strings, sizes absolute, ``"0"`` takes a level away, ``""`` is nothing (traps 6 and 7).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

PRICE_UNITS = 10_000
MOST_LETTERS = 24


class Row(msgspec.Struct):
    """A level of a book."""

    price: str
    size: str


class Change(msgspec.Struct):
    """A level that has another size now; the tops are those after it."""

    asset_id: str
    price: str
    size: str
    side: str
    best_bid: str = ""
    best_ask: str = ""


class MarketFrame(msgspec.Struct):
    """Any frame of the market feed."""

    event_type: str = ""
    type: str = ""
    market: str = ""
    asset_id: str = ""
    timestamp: str | int = ""
    bids: list[Row] = []
    asks: list[Row] = []
    price_changes: list[Change] = []
    price: str | float = ""
    size: str | float = ""
    side: str = ""
    best_bid: str = ""
    best_ask: str = ""
    tick_size: str = ""
    old_tick_size: str = ""
    new_tick_size: str = ""
    winning_asset_id: str = ""
    winning_outcome: str = ""
    question: str = ""
    slug: str = ""

    @property
    def name(self) -> str:
        return self.event_type or self.type

    @property
    def at_ms(self) -> int:
        """Unix milliseconds; 0 where it says none."""
        text = str(self.timestamp)
        return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_LETTERS else 0


_MARKET = msgspec.json.Decoder(MarketFrame | list[MarketFrame])
_USER = msgspec.json.Decoder(dict[str, Any] | list[dict[str, Any]])


def market_frames(frame: bytes) -> list[MarketFrame]:
    """Raises msgspec.DecodeError for what is no frame."""
    decoded = _MARKET.decode(frame)
    return decoded if isinstance(decoded, list) else [decoded]


def user_frames(frame: bytes) -> list[dict[str, Any]]:
    """Raises msgspec.DecodeError for what is no frame."""
    decoded = _USER.decode(frame)
    return decoded if isinstance(decoded, list) else [decoded]


@lru_cache(maxsize=1 << 15)
def price_units(text: str) -> int:
    """A price in units of $0.0001. Raises ValueError for what is none, or lies outside 0 to 1."""
    whole, _, part = text.partition(".")
    if len(text) > MOST_LETTERS or not (whole.isdigit() or not whole) or not (part.isdigit() or not part):
        raise ValueError("that is no price")
    if not (whole or part) or part[4:].strip("0"):
        raise ValueError("a price has four decimals at most")
    units = int(whole or "0") * PRICE_UNITS + int((part + "0000")[:4])
    if not 0 <= units <= PRICE_UNITS:
        raise ValueError("a price lies between 0 and 1")
    return units


@lru_cache(maxsize=1 << 16)
def is_empty(size: str) -> bool:
    """Whether a size takes its level away. Raises ValueError for what is no size."""
    whole, _, part = size.partition(".")
    if len(size) > MOST_LETTERS or not (whole or part) or not (whole + part).isdigit() or not size.isascii():
        raise ValueError("that is no size")
    return not (whole + part).strip("0")
