"""The fees that hold for a market: its series', with what its event overrides."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prediction_mcp.kalshi.fees import FeeSchedule, UnknownFeeTypeError
from prediction_mcp.net.caching import oldest

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.events import Event
    from prediction_mcp.kalshi.models.markets import Market
    from prediction_mcp.kalshi.models.series import Series

    from .account import Account

Terms = tuple["Series", FeeSchedule | None]
"""A series, and its fees; None for a fee type whose formula isn't known here."""


class FeeCache:
    """Fees by event, a minute old at most, and by market, with its waiver: for limits and worst cases."""

    LIFE_S = 60.0

    def __init__(self, account: Account) -> None:
        self._account = account
        self._known: dict[str, tuple[float, Terms]] = {}

    def known(self, event_ticker: str) -> Terms | None:
        """What was read within the last minute."""
        found = self._known.get(event_ticker)
        return None if found is None or found[0] < time.monotonic() else found[1]

    def keep(self, event_ticker: str, terms: Terms) -> Terms:
        if oldest() is None:  # an order reckons with them, and nothing that it reckons with comes from a cache
            self._known[event_ticker] = (time.monotonic() + self.LIFE_S, terms)
        return terms

    async def of(self, market: Market) -> Terms:
        """Return a market's series and its fees of now; a waiver of them is the market's own."""
        series, fees = self.known(market.event_ticker) or self.keep(
            market.event_ticker, await read(self._account, market)
        )
        return series, of_market(fees, market)


def of_market(fees: FeeSchedule | None, market: Market) -> FeeSchedule | None:
    """Return the fees of now in a market of an event with these fees."""
    return None if fees is None else fees.waived(market.fee_waiver_expiration_time, datetime.now(UTC))


def waiver(fees: FeeSchedule | None) -> str | None:
    """Return a sentence about a market's fee waiver; None without one."""
    if fees is None or fees.waived_until is None:
        return None
    return f"No fees until {fees.waived_until.astimezone(UTC):%Y-%m-%d %H:%M} UTC; fills after that pay them."


async def read(account: Account, market: Market) -> Terms:
    """Ask the exchange for a market's series and event."""
    if market.mve_collection_ticker:  # the event of a combo is made for one user and overrides nothing
        series = await account.kalshi.series.get(await account.series.of(market))
        return series, schedule(series, None)
    series, parent = await family(account, market.event_ticker)
    return series, schedule(series, parent)


async def family(account: Account, event_ticker: str) -> tuple[Series, Event]:
    """Return an event and its series, at once where its series was read before. Raises NotFoundError."""
    kalshi, known = account.kalshi, account.series.known(event_ticker)
    if known is not None:
        return await asyncio.gather(kalshi.series.get(known), kalshi.events.get(event_ticker))
    parent = await kalshi.events.get(event_ticker)
    account.series.note([parent])
    return await kalshi.series.get(await account.series.of_event(event_ticker)), parent


def schedule(series: Series, parent: Event | None) -> FeeSchedule | None:
    """The fees of an event's markets: what it overrides of its series'. None for a type whose formula isn't known."""
    fee_type, multiplier = series.fee_type, series.fee_multiplier
    if parent is not None and parent.fee_type_override:
        fee_type = parent.fee_type_override
        multiplier = multiplier if parent.fee_multiplier_override is None else parent.fee_multiplier_override
    try:
        return FeeSchedule.of(fee_type, multiplier)
    except UnknownFeeTypeError:
        return None
