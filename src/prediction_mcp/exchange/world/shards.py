"""The shards of the exchange, and the one that each series trades on, as production has them since 2026.

Source: docs/kalshi.md, "Shards". Money on one shard doesn't pay for orders on another.
"""

from __future__ import annotations

from collections.abc import Collection

DEFAULT, COMBOS, COINS, COURTS = 0, 1, 2, 3
SHARDS: dict[int, str] = {
    DEFAULT: "default",
    COMBOS: "combos",
    COINS: "crypto and commodities",
    COURTS: "tennis, baseball and basketball",
}
"""Descriptions by number (``exchange_index``)."""
SHARDED = True
"""Whether an exchange lists new events on these shards unless its caller says otherwise; else all are on shard 0."""


def shard_of(ticker: str, category: str, tags: Collection[str]) -> int:
    """The shard that new events of a series are listed on."""
    if ticker.startswith("KXMVE"):
        return COMBOS
    if category in ("Crypto", "Commodities"):
        return COINS
    return COURTS if {"Tennis", "Baseball", "Basketball"} & set(tags) else DEFAULT
