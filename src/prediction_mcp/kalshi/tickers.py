"""Guesses from the text of tickers, for suggestions and reading ahead: the only place that takes a ticker apart.

The text doesn't say where a series or an event ends: ``KXMVECROSSCATEGORY-SHARD1`` is a series. What a market belongs
to is a fact of the exchange: its ``event_ticker``, and the ``series_ticker`` of its event or collection.
"""

from __future__ import annotations

from collections.abc import Container


def prefixes(ticker: str) -> list[str]:
    """Return the ticker and what stands before each of its hyphens, longest first."""
    parts = ticker.split("-")
    return ["-".join(parts[:n]) for n in range(len(parts), 0, -1)]


def likely_event(market_ticker: str) -> str:
    """Return the event that a market's ticker looks like, to read ahead; empty where it has no hyphen."""
    return market_ticker.rpartition("-")[0]


def likely_series(ticker: str, listed: Container[str]) -> str:
    """Return the longest of the listed series that a ticker begins with; empty where none fits."""
    return next((name for name in prefixes(ticker) if name in listed), "")
